"""Each notebook is executed once for all tests of it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import answering
import pytest

from venh_lib import runner


@pytest.fixture(scope="session")
def executed(tmp_path_factory):
    """Run a notebook at smoke scale, its exercises tried: its path to its run and what the checks said."""
    folder = tmp_path_factory.mktemp("executed")

    @functools.cache
    def run(path: Path) -> tuple[runner.NotebookRun, list[dict[str, Any]]]:
        done = runner.run_notebook(answering.prepared(path, folder / "prepared"), "smoke", folder)
        outcomes = folder / "results" / f"{path.stem}_answers.json"
        return done, json.loads(outcomes.read_text(encoding="utf-8")) if outcomes.exists() else []

    return run
