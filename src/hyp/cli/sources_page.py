"""What ``hyp data sources`` shows."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from hyp.datasets.rows import RowsSource
from hyp.datasets.sources import all_sources

_OPTIONAL = {"engine": "[:PATH]", "tdw": "[:HOST:PORT]"}


def sources_table() -> Group:
    """Return the kinds of sources, how each is written and what it is.

    Sources of other packages follow hyp's own, and what is wrong with those that cannot
    be used follows the table.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("--source", overflow="fold", max_width=18)
    table.add_column("")
    classes, problems = all_sources()
    for kind, cls in classes.items():
        form = _form(kind, cls)
        table.add_row(form, (cls.__doc__ or "").strip().partition("\n")[0])
    return Group(table, *(Text(f"left out: {problem}") for problem in problems))


def _form(kind: str, cls: type) -> str:
    if issubclass(cls, RowsSource):
        return f"{kind}:PATH"
    return kind + _OPTIONAL.get(kind, "[:WHERE]" if hasattr(cls, "open") else "")
