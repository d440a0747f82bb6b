"""What the notebooks' texts name is there: other notebooks, their links, the commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from venh_lib import cli

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = {path.stem for path in NOTEBOOKS}
NAME = re.compile(r"(?<![\w#§.])\d\d_[a-z][a-z0-9_-]*")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
COMMAND = re.compile(r"`venh ([a-z]+)[ `]")


def _texts(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_text_names_exists(path):
    text = "\n".join(_texts(path))
    assert set(NAME.findall(text)) <= NAMES
    assert not [link for link in LINK.findall(text) if not (path.parent / link).exists()]
    assert set(COMMAND.findall(text)) <= set(cli.cli.commands)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_numbers_of_notebooks_are_of_notebooks(path):
    numbers = {number for text in _texts(path) for number in re.findall(r"[Nn]otebook `?(\d\d)\b", text)}
    assert numbers <= {name[:2] for name in NAMES}


def test_the_names_are_told_from_other_words():
    text = "see `60_your_own_video`, 01_compression and (13_mfqe.ipynb), not photo_00006, §4.16_x or #12_a"
    assert NAME.findall(text) == ["60_your_own_video", "01_compression", "13_mfqe"]
