"""What a notebook of the course holds on to: its scale and mode, its budget, its figures, its exercises.

A notebook's first cell after its parameters reads::

    from venh_lib import course
    lesson = course.lesson("00_start_here", scale=SCALE, mode=MODE)
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from venh_lib import settings
from venh_lib.errors import SettingError, VenhError
from venh_lib.files import write_atomically

MODES = ("load", "train")
BUDGET_SECONDS = 60.0
BUDGET_GIB = 4.0


class WrongAnswer(VenhError):
    """An exercise's answer that is not right; Jupyter shows its message without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def notebooks_dir() -> Path:
    """The folder of the course's notebooks, beside ``data/``. Raises SettingError if there is no checkout."""
    return settings.data_dir().resolve().parent / "notebooks"


@dataclass(frozen=True)
class Budget:
    """What a notebook was last measured to take: wall time in seconds, peak memory in GiB."""

    seconds: float
    peak_gib: float
    scale: str
    machine: str

    def sentence(self) -> str:
        """The line at the top of the notebook."""
        return (
            f"At scale `{self.scale}` this notebook took {self.seconds:.0f} s and {self.peak_gib:.1f} GiB "
            f"of memory when it was last measured ({self.machine})."
        )


def read_budgets(folder: Path | None = None) -> dict[str, Budget]:
    """The measured budgets by notebook name, from ``folder/budgets.json``; empty before any measurement."""
    path = (folder or notebooks_dir()) / "budgets.json"
    if not path.exists():
        return {}
    return {name: Budget(**entry) for name, entry in json.loads(path.read_text(encoding="utf-8")).items()}


def write_budgets(budgets: dict[str, Budget], folder: Path) -> None:
    """Write ``budgets.json`` in ``folder``, sorted by name."""
    entries = {name: vars(budgets[name]) for name in sorted(budgets)}
    write_atomically(folder / "budgets.json", json.dumps(entries, indent=2) + "\n")


def read_figures(name: str, folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """The figures that notebook ``name`` recorded, ``{figure: {value, unit}}``; empty if it recorded none."""
    path = (folder or settings.results_dir()) / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _show(markdown: str) -> None:
    from IPython import get_ipython
    from IPython.display import Markdown, display

    if get_ipython() is None:
        print(markdown)
    else:
        display(Markdown(markdown))


def _plain(value: Any) -> Any:
    """``value`` as JSON holds it; NumPy and PyTorch scalars become Python's."""
    if hasattr(value, "item") and callable(value.item):
        value = value.item()
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise SettingError(f"a recorded figure must be finite, got {value}.")
        return float(value)
    raise SettingError(f"a recorded figure is a number, a string or a bool, got {type(value).__name__}.")


def _matches(answer: Any, expected: Any) -> bool:
    """Whether ``answer`` is ``expected``, or satisfies it when it is a predicate; floats agree to 0.1 %."""
    if callable(expected):
        return bool(expected(answer))
    if isinstance(expected, float) and isinstance(answer, numbers.Real):
        return math.isclose(answer, expected, rel_tol=1e-3)
    return bool(answer == expected)


@dataclass
class Lesson:
    """One notebook while it runs."""

    name: str
    scale: str
    mode: str
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)

    def record(self, figure: str, value: Any, unit: str = "") -> None:
        """Keep a figure that this notebook computed, for tests and texts, in ``settings.results_dir()``.

        ``value`` is a finite number, a string or a bool. Raises SettingError for anything else, and for a
        figure recorded twice.
        """
        if figure in self.figures:
            raise SettingError(f"{self.name}: figure {figure!r} is recorded already; give each its own name.")
        self.figures[figure] = {"value": _plain(value), "unit": unit}
        text = json.dumps(self.figures, indent=2, ensure_ascii=False) + "\n"
        write_atomically(settings.results_dir() / f"{self.name}.json", text)

    def check(
        self,
        exercise: str,
        answer: Any,
        right: Any | Callable[[Any], bool],
        wrong: Sequence[tuple[Any | Callable[[Any], bool], str]] = (),
    ) -> None:
        """Judge the answer to an exercise.

        ``right`` is the value asked for or a predicate; ``wrong`` pairs the usual wrong answers (value or
        predicate) with what to say. An answer left at ``None`` or ``...`` is not judged, so that the whole
        notebook can run. Raises WrongAnswer with the explanation, also for an answer that cannot be judged, such
        as a word where a number is asked for.
        """
        if answer is None or answer is ...:
            _show(f"**{exercise}**: not answered yet.")
            return
        shown = getattr(answer, "__name__", repr(answer))
        try:
            if _matches(answer, right):
                _show(f"**{exercise}**: right.")
                return
            for mistake, explanation in wrong:
                if _matches(answer, mistake):
                    raise WrongAnswer(f"{exercise}: {explanation}")
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise WrongAnswer(
                f"{exercise}: {shown} is not of the kind that is asked for ({error}); see the comment beside it."
            ) from error
        raise WrongAnswer(f"{exercise}: {shown} is not the answer; look at it again.")


def lesson(name: str, scale: str = "smoke", mode: str = "load") -> Lesson:
    """Begin notebook ``name``: check its scale and mode, and show what it took when last measured.

    Raises SettingError for a scale, a mode or a ``VENH_`` variable that does not exist.
    """
    settings.check_environment()
    settings.check_scale(scale)
    if mode not in MODES:
        raise SettingError(f"unknown mode {mode!r}; choose one of {', '.join(MODES)}.")
    budget = read_budgets().get(name)
    _show(budget.sentence() if budget else "This notebook has not been measured yet.")
    return Lesson(name, scale, mode)
