"""The notebooks' exercises: a check passes on right answers, and tells each usual mistake what it is."""

from __future__ import annotations

import json
from pathlib import Path

import answering
import pytest
from exercises import EXERCISES, Exercise

from venh_lib import course, runner

NOTEBOOKS = runner.notebook_paths(Path(__file__).resolve().parents[2] / "notebooks")
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
CHECK = 'size = None\n\nlesson.check("Exercise 1", size, side**2, [(2 * side, "that is a sum."), (side, "one side.")])'


@every_notebook
def test_every_exercise_has_answers(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names = [name for name in map(answering.exercise_of, sources) if name]
    assert len(names) == len(set(names))
    assert set(names) == set(EXERCISES[path.stem])


@every_notebook
def test_checks_tell_right_from_wrong(path, executed):
    done, outcomes = executed(path)
    assert done.error is None, done.error
    faults = [
        fault for name, known in EXERCISES[path.stem].items() for fault in answering.faults(name, known, outcomes)
    ]
    assert not faults, "\n".join(faults)


def _outcomes(monkeypatch, tmp_path, known, source=CHECK, **names):
    monkeypatch.setenv("VENH_RESULTS", str(tmp_path))
    monkeypatch.setitem(answering.EXERCISES, "x", {"Exercise 1": known})
    answering.tried("x", source, {"side": 3, **names})
    return json.loads((tmp_path / "x_answers.json").read_text(encoding="utf-8"))


def test_answers_take_the_place_of_the_open_ones(monkeypatch, tmp_path):
    known = Exercise(("size = side * side",), ("size = 6", "size = 3"))
    assert not answering.faults("Exercise 1", known, _outcomes(monkeypatch, tmp_path, known))


@pytest.mark.parametrize(
    ("known", "fault"),
    [
        (Exercise(("size = 8",), ("size = 6", "size = 3")), "'size = 8': Exercise 1: 8 is not the answer"),
        (Exercise(("size = 9",), ("size = 9", "size = 6", "size = 3")), "'size = 9': passed"),
        (Exercise(("size = None",), ("size = 6", "size = 3")), "'size = None': not judged"),
        (Exercise(("size = 9",), ("size = 6",)), "no wrong answer hears 'one side.'"),
        (Exercise(("size = 9",), ("size = 6", "size = 3", "size = missing")), "NameError"),
        (Exercise(("size = 9",), ()), "at least one"),
    ],
)
def test_what_is_wrong_with_a_check_is_told(monkeypatch, tmp_path, known, fault):
    faults = answering.faults("Exercise 1", known, _outcomes(monkeypatch, tmp_path, known))
    assert any(fault in text for text in faults), faults


def test_functions_are_answers_too_and_leave_no_trace(monkeypatch, tmp_path):
    source = (
        "def area(side):\n    ...\n\n\n"
        'lesson.record("x", 1)\n'
        'lesson.check("Exercise 1", area(2), 4, [(8, "a volume.")])'
    )
    known = Exercise(("def area(side):\n    return side**2",), ("def area(side):\n    return side**3",))
    names = {"area": len}
    assert not answering.faults("Exercise 1", known, _outcomes(monkeypatch, tmp_path, known, source, **names))
    assert names == {"area": len} and not list(tmp_path.glob("exercises.json"))


def test_a_wrong_answer_is_shown_without_a_traceback():
    with pytest.raises(course.WrongAnswer) as caught:
        course.Lesson("x", "smoke", "load").check("Exercise 1", 6, 9, [(6, "that is a sum.")])
    assert caught.value._render_traceback_() == ["Exercise 1: that is a sum."]
