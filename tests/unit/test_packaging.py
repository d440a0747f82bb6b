"""pyproject.toml, constraints.txt and the two conda environments say the same."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENT = re.compile(r"([a-z0-9-]+)(>=|==)([0-9.]+)")


def _bounds(requirements: list[str]) -> dict[str, str]:
    """Names and versions of requirements, each of which must have one."""
    found = {}
    for requirement in requirements:
        match = REQUIREMENT.fullmatch(requirement)
        assert match, f"{requirement!r} is not 'name>=version'"
        found[match[1]] = match[3]
    return found


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


RUNTIME = _bounds(PROJECT["dependencies"])
NOTEBOOKS = _bounds(PROJECT["optional-dependencies"]["notebooks"])
TEST = _bounds(PROJECT["optional-dependencies"]["test"])


def test_constraints_hold_one_tested_version_of_each_direct_dependency():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = _bounds([line for line in lines if line and not line.startswith("#")])
    lower = RUNTIME | NOTEBOOKS | TEST
    assert set(tested) == set(lower)
    for name, version in tested.items():
        assert _number(version) >= _number(lower[name]), name


@pytest.mark.parametrize("file, torch", [("environment.yml", "pytorch"), ("binder/environment.yml", "pytorch-cpu")])
def test_conda_environment_agrees_with_pyproject(file, torch):
    environment = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    entries = environment["dependencies"]
    assert f"python{PROJECT['requires-python']}" in entries
    assert "pip" in entries
    from_pip = [line for line in entries[-1]["pip"] if line != "-e ."]
    from_conda = [line for line in entries[:-1] if line != "pip" and not line.startswith("python>")]
    bounds = _bounds(from_conda + from_pip)
    bounds["torch"] = bounds.pop(torch)
    assert bounds == RUNTIME | NOTEBOOKS


def test_every_package_that_the_library_imports_is_required():
    names = packages_distributions()
    required = set(RUNTIME | NOTEBOOKS)
    # These come with the packages that they are a part of: papermill runs on nbclient and nbformat,
    # and Jupyter's kernel on IPython and traitlets.
    required |= {"nbclient", "nbformat", "ipython", "traitlets"}
    for path in (ROOT / "venh_lib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module]
            for top in {module.split(".")[0] for module in modules} - {"venh_lib"} - sys.stdlib_module_names:
                distributions = {name.lower() for name in names.get(top, [top])}
                assert distributions & required, f"{path.name} imports {top}, which pyproject.toml does not name"


@pytest.mark.parametrize("file", [".ci/run", "binder/postBuild"])
def test_scripts_can_be_executed(file):
    assert os.access(ROOT / file, os.X_OK)


def test_continuous_integration_runs_what_the_readme_says():
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("\nmake test")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("goal", ["run", "test", "lab", "train"])
def test_a_second_call_of_make_installs_nothing(tmp_path, goal):
    def commands() -> str:
        listed = subprocess.run(["make", "-n", goal], cwd=tmp_path, check=True, capture_output=True, text=True)
        return listed.stdout

    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9, 1e9))
    assert "-m venv" in commands() and "pip install" in commands()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for age, name in enumerate(("bin/python", ".installed", ".installed-test")):
        (tmp_path / ".venv" / name).touch()
        os.utime(tmp_path / ".venv" / name, (2e9 - 100 + age, 2e9 - 100 + age))
    assert commands() and "pip" not in commands() and "venv .venv" not in commands()
    os.utime(tmp_path / "constraints.txt", (2e9, 2e9))
    assert "pip install" in commands()


def test_licence_is_the_one_that_is_declared():
    assert PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")


def test_readme_shows_the_recorded_figures():
    from venh_lib import results

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- figures:track1 -->" in text
    assert results.rendered(text, ROOT / "data" / "results") == text
