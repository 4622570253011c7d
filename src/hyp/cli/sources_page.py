"""What ``hyp data sources`` shows."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from hyp.datasets.rows import RowsSource
from hyp.datasets.sources import SOURCES, source_class

_OPTIONAL = {"engine": "[:PATH]", "tdw": "[:HOST:PORT]"}


def sources_table() -> Table:
    """Return the kinds of sources, how each is written and what it is."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("--source", overflow="fold", max_width=18)
    table.add_column("")
    for kind in SOURCES:
        cls = source_class(kind)
        form = f"{kind}:PATH" if issubclass(cls, RowsSource) else f"{kind}{_OPTIONAL[kind]}"
        table.add_row(escape(form), (cls.__doc__ or "").strip().splitlines()[0])
    return table
