"""The notebooks as regression tests: as committed, and as executed by papermill at smoke scale."""

from __future__ import annotations

import json
import re
from pathlib import Path

import expectations
import pytest

from venh_lib import course, runner, stripping

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = runner.notebook_paths(FOLDER)
MOST_LINES = 25
# A run may take as many times what its budget says: machines are shared, but a slip takes longer.
DRIFT = 3
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
    assert set(expectations.EXPECTATIONS) == names
    assert set(expectations.RELATIONS) <= names


@every_notebook
def test_it_runs_in_its_budget(path, executed):
    done, _ = executed(path)
    print(f"{path.stem:<28} {done.line()}")
    assert done.error is None, done.error
    assert done.seconds <= max(course.BUDGET_SECONDS, DRIFT * course.read_budgets(FOLDER)[path.stem].seconds), (
        done.line()
    )
    assert done.peak_gib <= course.BUDGET_GIB, done.line()


@every_notebook
def test_its_figures_hold(path, executed):
    done, _ = executed(path)
    assert done.error is None, done.error
    faults = expectations.faults(path.stem, {name: figure["value"] for name, figure in done.figures.items()})
    assert not faults, "\n".join(faults)


def test_what_is_wrong_with_figures_is_told(monkeypatch):
    monkeypatch.setitem(expectations.EXPECTATIONS, "x", {"gain": (0.1, 0.2), "best": True, "gone": (0, 1)})
    monkeypatch.setitem(expectations.RELATIONS, "x", [("more is better", lambda f: f["x8"] > f["gain"])])
    good = {"gain": 0.15, "best": True, "gone": 0, "x8": 0.2}
    assert not expectations.faults("x", good)
    for change, fault in (
        ({"gain": 0.3}, "gain is 0.3, expected 0.1 to 0.2"),
        ({"best": False}, "best is False, expected True"),
        ({"x8": 0.1}, "more is better: not so"),
        ({"new": 1}, "new is recorded and expected nowhere"),
    ):
        assert any(fault in text for text in expectations.faults("x", good | change))
    for name in ("gone", "x8"):
        missing = {key: value for key, value in good.items() if key != name}
        assert any(f"{name} is expected and not recorded" in text for text in expectations.faults("x", missing))


def test_a_method_can_be_trained_in_its_notebook(tmp_path):
    done = runner.run_notebook(FOLDER / "46_ivp_tencent.ipynb", "smoke", tmp_path, {"MODE": "train"})
    assert done.error is None, done.error
    assert done.figures["shipped"]["value"] is False
    # The training measured in its own precision, the notebook in full.
    assert done.figures["moved"]["value"] <= 0.05


def test_a_method_can_be_measured_on_ldv_in_its_notebook(tmp_path, fake_ldv, monkeypatch):
    monkeypatch.setenv("VENH_LDV", str(fake_ldv))
    done = runner.run_notebook(FOLDER / "13_mfqe.ipynb", "paper", tmp_path)
    assert done.error is None, done.error
    # The record is of the sample set's clips, so on those it is measured again.
    assert done.figures["moved"]["value"] <= expectations.MOVED[1][1]
    assert done.figures["clips"]["value"] == 10
