"""The library's own source, shown in a notebook where it is talked about."""

from __future__ import annotations

import inspect
from typing import Any

from IPython.display import HTML, display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


def show_source(*things: Any) -> None:
    """Display the source of functions, classes or modules, coloured, as it stands in the library."""
    formatter = HtmlFormatter(noclasses=True, style="default")
    for thing in things:
        display(HTML(highlight(inspect.getsource(thing), PythonLexer(), formatter)))
