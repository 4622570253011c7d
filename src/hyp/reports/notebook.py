"""What objects show of themselves in a notebook: the same as in the terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from hyp.text import printable

_WIDTH = 100
_PRE = '<pre style="white-space: pre; overflow-x: auto">{code}</pre>'


def as_html(shown: RenderableType) -> str:
    """Return what the terminal would show as a piece of HTML with inline styles; text is text."""
    console = Console(
        record=True,
        file=StringIO(),
        width=_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        force_jupyter=False,
    )
    console.print(shown)
    return printable(console.export_html(inline_styles=True, code_format=_PRE))
