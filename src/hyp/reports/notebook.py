"""What objects show of themselves in a notebook: the same as in the terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

_WIDTH = 100


def as_html(shown: RenderableType) -> str:
    """Return what the terminal would show as a piece of HTML with inline styles."""
    console = Console(record=True, file=StringIO(), width=_WIDTH, highlight=False)
    console.print(shown)
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")
