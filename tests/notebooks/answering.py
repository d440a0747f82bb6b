"""Exercises answered: in a copy of a notebook, each check is followed by a cell that tries all answers on it.

The cells run in the notebook's own kernel, right after the check, on a copy of its names: the notebook goes on
as if nothing had been answered.
"""

from __future__ import annotations

import ast
import json
import traceback
from pathlib import Path
from typing import Any

from exercises import EXERCISES, Exercise

from venh_lib import course, settings
from venh_lib.files import write_atomically

CELL = "__import__('sys').path.insert(0, {folder!r})\n__import__('answering').tried({name!r}, {source!r}, globals())"
PASSED, NOT_JUDGED = "passed", "not judged"


class Judge(course.Lesson):
    """A lesson that keeps what its check was given, and records no figures."""

    answered = False
    explanations: tuple[str, ...] = ()

    def record(self, figure: str, value: Any, unit: str = "") -> None:
        """Nothing: the notebook itself has recorded it."""

    def check(self, exercise, answer, right, wrong=()) -> None:
        self.answered = answer is not None and answer is not ...
        self.explanations = tuple(explanation for _, explanation in wrong)
        super().check(exercise, answer, right, wrong)


def exercise_of(source: str) -> str | None:
    """The name of the exercise that a cell checks, or None."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lesson.check":
            return ast.literal_eval(node.args[0])
    return None


def prepared(path: Path, folder: Path) -> Path:
    """A copy of the notebook in ``folder`` whose checks are each followed by a cell that calls ``tried``."""
    notebook, cells = json.loads(path.read_text(encoding="utf-8")), []
    for cell in notebook["cells"]:
        cells.append(cell)
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and exercise_of(source):
            call = CELL.format(folder=str(Path(__file__).parent), name=path.stem, source=source)
            cells.append({**cell, "id": f"{cell['id']}-answers", "metadata": {}, "source": call})
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / path.name
    copy.write_text(json.dumps({**notebook, "cells": cells}), encoding="utf-8")
    return copy


def tried(name: str, source: str, namespace: dict[str, Any]) -> None:
    """Try all answers of ``EXERCISES`` on the check in ``source``; the outcomes go beside the notebook's figures."""
    exercise = exercise_of(source)
    known = EXERCISES.get(name, {}).get(exercise, Exercise((), ()))
    path = settings.results_dir() / f"{name}_answers.json"
    outcomes = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for kind in ("right", "wrong"):
        for answer in getattr(known, kind):
            outcome, explanations = judged(answer, source, namespace)
            row = {"exercise": exercise, "kind": kind, "answer": answer, "outcome": outcome}
            outcomes.append({**row, "explanations": explanations})
    write_atomically(path, json.dumps(outcomes, indent=1))


def judged(answer: str, source: str, namespace: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """What the check in ``source`` says to ``answer``, and the explanations it has for mistakes."""
    judge = Judge("exercises", "smoke", "load")
    scope = {**namespace, "lesson": judge}
    given = ast.parse(answer)
    taken = set().union(*map(_bound, given.body))
    rest = ast.parse(source)
    rest.body = [statement for statement in rest.body if not (_bound(statement) and _bound(statement) <= taken)]
    try:
        for module in (given, rest):
            exec(compile(module, "<answer>", "exec"), scope)
    except course.WrongAnswer as wrong:
        return str(wrong), judge.explanations
    except Exception:
        return traceback.format_exc(), judge.explanations
    return (PASSED if judge.answered else NOT_JUDGED), judge.explanations


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement binds, of those kinds in which an exercise asks for an answer."""
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def faults(exercise: str, known: Exercise, outcomes: list[dict[str, Any]]) -> list[str]:
    """What is wrong with a check, by what it said to all answers: empty if it does what it should."""
    own = [row for row in outcomes if row["exercise"] == exercise]
    found = [
        f"{row['answer']!r}: {row['outcome']}" for row in own if row["kind"] == "right" and row["outcome"] != PASSED
    ]
    wrong = [row for row in own if row["kind"] == "wrong"]
    found += [f"{r['answer']!r}: {r['outcome']}" for r in wrong if not r["outcome"].startswith(f"{exercise}: ")]
    heard = {row["outcome"].removeprefix(f"{exercise}: ") for row in wrong}
    explanations = {text for row in own for text in row["explanations"]}
    unheard = explanations - heard - set(known.by_chance)
    found += [f"no wrong answer hears {text!r}" for text in sorted(unheard)]
    if not any(row["kind"] == "right" for row in own) or not wrong:
        found.append("give at least one right and one wrong answer in tests/notebooks/exercises.py")
    return [f"{exercise}: {fault}" for fault in found]
