"""``hyp published``: the published numbers, and what follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyp.cli.options import AsJson, here


def show_published(
    table: Annotated[
        str | None, typer.Argument(help="C.1, C.2, C.3, tasks, abstract, text, claims or figures.")
    ] = None,
    analyse_numbers: Annotated[
        bool, typer.Option("--analyse", help="What follows from the numbers alone.")
    ] = False,
    sd: Annotated[
        float | None,
        typer.Option(help="With --analyse: SD of neural means between seeds, for intervals."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the table there: PNG, SVG or PDF.", callback=here)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the paper's published numbers, each with its source, or analyse them."""
    from hyp.cli import published_page as pages
    from hyp.cli.terminal import console
    from hyp.errors import HypError

    if sd is not None and not analyse_numbers:
        raise HypError("--sd is only used by --analyse; add it.")
    if plot is not None:
        if table is None:
            raise HypError("--plot draws one table; name it: hyp published C.1 --plot FILE.")
        from hyp.reports.figures.published import save_published_figure

        save_published_figure(table, plot)
    if analyse_numbers:
        from hyp.hypotheses.paper.analyses import analyse

        found = analyse(table or "", sd=sd)
        shown = pages.analyses_json(found) if as_json else pages.analyses_page(found)
    elif table is not None:
        shown = pages.table_json(table) if as_json else pages.table_page(table)
    else:
        shown = pages.list_json() if as_json else pages.list_page()
    if isinstance(shown, str):
        typer.echo(shown)
        return
    console().print(shown)
    if plot is not None:
        console().print(f"figure: {plot}", soft_wrap=True)
