"""What ``hyp data sources`` shows."""

from __future__ import annotations

from rich.table import Table

from hyp.datasets.rows import RowsSource
from hyp.datasets.sources import SOURCES, source_class


def sources_table() -> Table:
    """Return the kinds of sources, how each is written and what it is."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("--source", no_wrap=True)
    table.add_column("")
    for kind in SOURCES:
        cls = source_class(kind)
        form = f"{kind}:PATH" if issubclass(cls, RowsSource) else kind
        table.add_row(form, (cls.__doc__ or "").strip().splitlines()[0])
    return table
