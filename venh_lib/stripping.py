"""Notebooks as they enter a commit: no outputs, no traces of an execution, tags kept."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from venh_lib.errors import DataError
from venh_lib.files import write_atomically

CELL_TRACES = ("papermill", "execution", "collapsed", "scrolled", "trusted", "ExecuteTime")
NOTEBOOK_TRACES = ("papermill", "widgets", "signature", "toc")
ADDED_BY_PAPERMILL = frozenset({"injected-parameters", "papermill-error-cell-tag"})
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def stripped(text: str, name: str = "the notebook") -> str:
    """The notebook ``text`` (JSON) without outputs, execution counts and papermill's cells and metadata.

    Tags, ids and all other metadata stay; the kernel is the one every Jupyter has. Raises DataError for
    text that is not a notebook.
    """
    try:
        notebook = json.loads(text)
        cells = [cell for cell in notebook["cells"] if not ADDED_BY_PAPERMILL & _tags(cell)]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{name} is not a notebook in nbformat 4 ({error}).") from error
    for cell in cells:
        metadata = cell.setdefault("metadata", {})
        for trace in CELL_TRACES:
            metadata.pop(trace, None)
        # papermill gives each cell a list of tags, most of them empty.
        if not metadata.get("tags", True):
            del metadata["tags"]
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    notebook["cells"] = cells
    metadata = notebook.setdefault("metadata", {})
    for trace in NOTEBOOK_TRACES:
        metadata.pop(trace, None)
    metadata["kernelspec"] = KERNEL
    metadata["language_info"] = {"name": "python"}
    # The form that Jupyter itself saves, so that stripping changes no line that it need not.
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _tags(cell: dict[str, Any]) -> set[str]:
    return set(cell.get("metadata", {}).get("tags", ()))


def strip_file(path: Path) -> bool:
    """Strip one notebook in place; whether it changed."""
    before = path.read_text(encoding="utf-8")
    after = stripped(before, path.name)
    if after != before:
        write_atomically(path, after)
    return after != before


def strip_on_commit(checkout: Path) -> None:
    """Name ``venh strip -`` as the clean filter that ``.gitattributes`` asks for, in this checkout only."""
    command = f"{shlex.quote(sys.executable)} -m venh_lib.cli strip -"
    subprocess.run(["git", "-C", str(checkout), "config", "--local", "filter.venh-strip.clean", command], check=True)
