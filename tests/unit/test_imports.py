"""Imports: quick, without PyTorch where it is not needed, and only pointing down."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "venh_lib"

# The house from the ground up: a module may import only what stands before it.
ORDER = (
    "errors",
    "files",
    "settings",
    "challenge",
    "recipes",
    "cache",
    "ffmpeg",
    "colour",
    "probe",
    "writer",
    "video",
    "bitstream",
    "codec",
    "references",
    "segments",
    "collage",
    "photos",
    "scenes",
    "synthesis",
    "dataset",
    "crops",
    "devices",
    "metrics",
    "blocks",
    "losses",
    "ensembles",
    "methods",
    "checkpoints",
    "tiles",
    "passes",
    "streaming",
    "inference",
    "optimisation",
    "validation",
    "starts",
    "origin",
    "training",
    "results",
    "evaluation",
    "ablations",
    "figures",
    "course",
    "stripping",
    "runner",
    "bench",
    "doctor",
    "cli",
)
WITHOUT_TORCH = (
    "errors settings files challenge recipes cache ffmpeg colour probe writer video bitstream codec references "
    "segments collage photos scenes synthesis "
    "results course stripping runner doctor cli"
).split()


def _unit(path: Path) -> str:
    """The floor a file stands on: its module, or its package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """The floors that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}; write `from venh_lib …`."
            if node.module == "venh_lib":
                found |= {name.name for name in node.names}
            elif node.module and node.module.startswith("venh_lib."):
                found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("venh_lib.")}
    return found - {"__version__"}


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_takes_at_most_a_fifth_of_a_second():
    code = "import time; t = time.process_time(); import venh_lib; print(time.process_time() - t)"
    assert min(float(_run(code)) for _ in range(3)) <= 0.2


@pytest.mark.parametrize("module", ["", *(f".{name}" for name in WITHOUT_TORCH)])
def test_torch_is_not_imported_where_it_is_not_needed(module):
    assert _run(f"import venh_lib{module}, sys; print('torch' in sys.modules)").strip() == "False"


def test_every_module_has_its_place():
    assert {_unit(path) for path in FILES} <= set(ORDER), "give the new module its place in ORDER"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    unit = _unit(path)
    below = set(ORDER[: ORDER.index(unit)])
    if path.parent != PACKAGE:
        below.add(unit)
    assert _imported(path) <= below


def test_only_the_face_of_the_course_imports_it():
    for path in FILES:
        if _unit(path) not in ("course", "runner", "cli"):
            assert not {"course", "widgets"} & _imported(path), path
