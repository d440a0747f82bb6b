"""What every benchmark measures with: seconds, memory, a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Figures = dict[str, float | int | str]
# The method that a benchmark takes unless told another.
METHOD = "ivp_tencent"


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def in_a_fresh_process(module: str, call: str, **environment: str) -> Any:
    """What ``call``, of a function of ``module``, returns in a new process (JSON), under more ``environment``."""
    code = f"import json; import {module} as own; print(json.dumps(own.{call}))"
    command, environment = [sys.executable, "-c", code], {**os.environ, **environment}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


def added_memory(call: Callable[[], object]) -> float:
    """MiB of resident memory that ``call`` takes at its peak beyond what the process holds, watched by a thread.

    In a process that made no such call before: what was freed is kept for the next one, and would not be seen.
    """
    import psutil

    process, done, peaks = psutil.Process(), threading.Event(), []

    def watch() -> None:
        while not done.wait(0.0005):
            peaks.append(process.memory_info().rss)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return max(max(peaks, default=before) - before, 0) / 2**20
