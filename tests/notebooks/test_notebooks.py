"""The notebooks as regression tests: as committed, and as executed by papermill at smoke scale."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from expectations import EXPECTATIONS

from venh_lib import course, runner, stripping

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = runner.notebook_paths(FOLDER)
MOST_LINES = 25
SLACK = 3
# Folders of one machine, and drive letters; `/` alone is a division.
ABSOLUTE_PATH = re.compile(r"""["'\s(](/(home|root|Users|tmp|work|mnt|opt|usr|var|content)/|[A-Z]:\\)""")
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _cells(path: Path, kind: str | None = None) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if kind in (None, cell["cell_type"])]


def _source(cell: dict) -> str:
    return "".join(cell["source"])


@every_notebook
def test_it_is_stripped(path):
    text = path.read_text(encoding="utf-8")
    assert stripping.stripped(text, path.name) == text, f"run `venh strip {path.name}`"


@every_notebook
def test_one_cell_holds_the_parameters(path):
    tagged = [cell for cell in _cells(path) if "parameters" in cell["metadata"].get("tags", ())]
    assert len(tagged) == 1
    assert 'SCALE = "smoke"' in _source(tagged[0])
    # papermill's own values come after this cell: what is computed in it would be stale.
    assert all(re.fullmatch(r"[A-Z_]+ = .+|#.*|", line) for line in _source(tagged[0]).splitlines())


@every_notebook
def test_it_begins_its_own_lesson(path):
    assert any(f'course.lesson("{path.stem}"' in _source(cell) for cell in _cells(path, "code"))


@every_notebook
def test_cells_are_short(path):
    long = [_source(cell)[:60] for cell in _cells(path, "code") if len(_source(cell).splitlines()) > MOST_LINES]
    assert not long


@every_notebook
def test_no_path_of_one_machine(path):
    found = [match[0] for cell in _cells(path) for match in ABSOLUTE_PATH.finditer(_source(cell))]
    assert not found


@every_notebook
def test_no_cell_hides_everything_in_one_call(path):
    hidden = [_source(cell) for cell in _cells(path, "code") if re.fullmatch(r"\s*[\w.]+\.run\(.*\)\s*", _source(cell))]
    assert not hidden


@every_notebook
def test_its_budget_was_measured(path):
    budget = course.read_budgets(FOLDER)[path.stem]
    assert budget.scale == "smoke"
    assert budget.seconds <= course.BUDGET_SECONDS and budget.peak_gib <= course.BUDGET_GIB


def test_budgets_and_expectations_are_of_notebooks_that_exist():
    names = {path.stem for path in NOTEBOOKS}
    assert set(course.read_budgets(FOLDER)) <= names
    assert set(EXPECTATIONS) <= names


@every_notebook
def test_it_runs_in_its_budget_and_its_figures_hold(path, tmp_path):
    done = runner.run_notebook(path, "smoke", tmp_path)
    print(f"{path.stem:<28} {done.line()}")
    assert done.error is None, done.error
    # The budget itself is held by the measurement (above); a busy machine may take longer, a slip takes far longer.
    assert done.seconds <= SLACK * course.BUDGET_SECONDS, done.line()
    assert done.peak_gib <= course.BUDGET_GIB, done.line()
    assert EXPECTATIONS.get(path.stem), f"{path.stem} has no figure in tests/notebooks/expectations.py"
    for figure, (least, greatest) in EXPECTATIONS[path.stem].items():
        value = done.figures[figure]["value"]
        assert least <= value <= greatest, f"{figure} is {value}, expected {least} to {greatest}"
