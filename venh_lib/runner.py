"""Notebooks run from outside: by papermill, with checked parameters, a time limit and measured memory."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import re
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from venh_lib import course, settings
from venh_lib.errors import SettingError
from venh_lib.files import write_atomically, writing

# What papermill logs is told by the results; a logger without a handler would print it as well.
logging.getLogger("papermill").addHandler(logging.NullHandler())

HARD_LIMIT_SECONDS = 600.0
"""A notebook still running after this is stopped: ten times its budget, for machines slower than ours."""


@dataclass(frozen=True)
class NotebookRun:
    """What one execution took and gave: wall time in seconds, peak memory of its processes in GiB."""

    name: str
    scale: str
    seconds: float
    peak_gib: float
    figures: Mapping[str, Mapping[str, Any]]
    error: str | None

    @property
    def over_budget(self) -> str | None:
        """What of the smoke budget was exceeded, or None."""
        if self.scale != "smoke":
            return None
        excesses = []
        if self.seconds > course.BUDGET_SECONDS:
            excesses.append(f"{self.seconds:.0f} s of {course.BUDGET_SECONDS:.0f} s")
        if self.peak_gib > course.BUDGET_GIB:
            excesses.append(f"{self.peak_gib:.1f} GiB of {course.BUDGET_GIB:.0f} GiB")
        return " and ".join(excesses) or None

    @property
    def failed(self) -> bool:
        """Whether a cell failed or the budget was exceeded."""
        return self.error is not None or self.over_budget is not None

    def line(self) -> str:
        """The line of the progress report, after the notebook's name."""
        count = len(self.figures)
        text = f"{self.seconds:6.1f} s {self.peak_gib:6.2f} GiB {count:4d} number{'' if count == 1 else 's'}"
        if self.error:
            return f"{text}  FAILED\n{self.error}"
        return f"{text}  OVER BUDGET: {self.over_budget}" if self.over_budget else text

    def as_dict(self) -> dict[str, Any]:
        """This run for programs."""
        return {**vars(self), "over_budget": self.over_budget}

    def budget(self) -> course.Budget:
        """This run as the measured budget of its notebook."""
        return course.Budget(round(self.seconds, 1), round(self.peak_gib, 2), self.scale, machine())


def machine() -> str:
    """The machine in words: cores, memory, processor architecture; nothing that identifies it."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} {platform.machine()} cores, {memory:.0f} GiB"


def notebook_paths(folder: Path | None = None) -> list[Path]:
    """The course's notebooks in reading order, which is the order of their names."""
    return sorted((folder or course.notebooks_dir()).glob("*.ipynb"))


def select(names: tuple[str, ...], folder: Path | None = None) -> list[Path]:
    """The notebooks called ``names`` (a path, a file name, a stem or its number); all if there are none.

    Raises SettingError naming the known ones.
    """
    known = notebook_paths(folder)
    if not names:
        return known
    chosen = []
    for name in names:
        stem = Path(name).name.removesuffix(".ipynb")
        # 6 is as good as 06.
        numbered = f"{stem:0>2}" if stem.isdecimal() else stem
        found = [path for path in known if path.stem == stem or path.stem.split("_")[0] == numbered]
        if not found:
            raise SettingError(f"no notebook {name!r}; there are {', '.join(path.stem for path in known)}.")
        chosen += found
    return chosen


def check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    """Raise SettingError if ``parameters`` holds one that the notebook's cell tagged `parameters` lacks."""
    import papermill

    known = papermill.inspect_notebook(str(path))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise SettingError(
            f"{path.name} has no parameter {', '.join(unknown)}; its cell tagged 'parameters' sets "
            f"{', '.join(sorted(known)) or 'none'}."
        )


class _Watch(threading.Thread):
    """Samples the memory of this process's children until stopped, and ends them at the time limit."""

    def __init__(self, limit: float) -> None:
        super().__init__(daemon=True)
        self.limit = limit
        self.peak = 0
        self.timed_out = False
        self._parent = psutil.Process()
        self._others = set(self._parent.children(recursive=True))
        self._ended = threading.Event()

    def _children(self) -> list[psutil.Process]:
        return [child for child in self._parent.children(recursive=True) if child not in self._others]

    def run(self) -> None:
        end = time.monotonic() + self.limit
        while not self._ended.wait(0.1):
            used = 0
            for child in self._children():
                # A child may end between being listed and being asked.
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    used += child.memory_info().rss
            self.peak = max(self.peak, used)
            if time.monotonic() > end and not self.timed_out:
                self.timed_out = True
                self.kill()

    def kill(self) -> None:
        for child in self._children():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def stop(self) -> None:
        self._ended.set()
        self.join()


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Environment variables for the kernels started inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run_notebook(
    path: Path,
    scale: str,
    out_dir: Path,
    parameters: Mapping[str, Any] | None = None,
    limit: float = HARD_LIMIT_SECONDS,
) -> NotebookRun:
    """Execute one notebook in a kernel of its own, in the notebook's folder.

    Writes the executed notebook to ``out_dir/notebooks``, its page to ``out_dir/html`` and its figures to
    ``out_dir/results``, each whole or not at all. A failing cell or the time ``limit`` (seconds) is told in
    the result's ``error``. Raises SettingError for an unknown scale or parameter, before anything runs, and
    VenhError when the disk is full. An interrupt ends the kernel before it goes on.
    """
    path, out_dir = path.resolve(), out_dir.resolve()
    parameters = {"SCALE": settings.check_scale(scale), **(parameters or {})}
    check_parameters(path, parameters)
    results = out_dir / "results"
    executed = out_dir / "notebooks" / path.name
    with writing(executed):
        executed.parent.mkdir(parents=True, exist_ok=True)
    (results / f"{path.stem}.json").unlink(missing_ok=True)
    partial = executed.with_name(f".{path.stem}.partial.ipynb")
    watch = _Watch(limit)
    started = time.monotonic()
    watch.start()
    try:
        with _environment(VENH_RESULTS=str(results)), writing(executed):
            error = _attended(watch, path, partial, parameters)
        if watch.timed_out:
            error = f"stopped: still running after {limit:.0f} s"
        seconds = time.monotonic() - started
        _write_page(partial, out_dir / "html" / f"{path.stem}.html")
        os.replace(partial, executed)
    finally:
        watch.stop()
        watch.kill()
        partial.unlink(missing_ok=True)
    figures = course.read_figures(path.stem, results)
    return NotebookRun(path.stem, scale, seconds, watch.peak / 2**30, figures, error)


def _attended(watch: _Watch, path: Path, target: Path, parameters: Mapping[str, Any]) -> str | None:
    """``_execute`` in a thread, which leaves Ctrl-C to us: a kernel that nbclient ends then prints a traceback."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(_execute, path, target, parameters)
        try:
            return running.result()
        except KeyboardInterrupt:
            # Again and again, since the kernel may not have started yet.
            while wait([running], timeout=0.1).not_done:
                watch.kill()
            raise


def _execute(path: Path, target: Path, parameters: Mapping[str, Any]) -> str | None:
    """Run a notebook by papermill into ``target``; the failing cell and its error, or None."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # Sockets on the disk instead of ports: nobody else on the machine can listen, and no port is needed.
    config = Config() if os.name == "nt" else Config(KernelManager={"transport": "ipc"})
    try:
        papermill.execute_notebook(
            str(path), str(target), dict(parameters), cwd=str(path.parent), progress_bar=False, config=config
        )
    except PapermillExecutionError as failure:
        return f"cell [{failure.exec_count}]: {failure.ename}: {failure.evalue}\n{failure.source}"
    except DeadKernelError:
        return "its kernel died; it may have run out of memory"
    return None


def _write_page(executed: Path, page: Path) -> None:
    """Render an executed notebook as HTML."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(executed, as_version=4)
    body, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook, {"metadata": {"name": page.stem}})
    # Notebooks link to each other; so do their pages.
    write_atomically(page, re.sub(r'href="(\d\d_\w+)\.ipynb', r'href="\1.html', body))
