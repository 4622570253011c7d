"""Figures of the published tables, for a page or for a file of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

from hyp.errors import HypError
from hyp.hypotheses.paper.tables import find_published_table
from hyp.reports.figures import published_tables as tables
from hyp.reports.figures import style as svg
from hyp.reports.figures.published_tables import Palette

FILE_SUFFIXES = (".pdf", ".png", ".svg")

_DOTS_PER_INCH = 200


_PAGE = Palette(svg.INK, svg.MUTED, svg.GRID, svg.REDUCED, svg.FULL, svg.REFERENCE, svg.PAPER)
_FILE = Palette("#1d1c1a", "#615c54", "#e9e6df", "#0072b2", "#d55e00", "#7d7a75", "#ffffff")


def published_svg(name: str, prefix: str) -> str:
    """Draw a published table as an ``<svg>`` element that takes the page's colours.

    Parameters
    ----------
    name : str
        Name of the table.
    prefix : str
        Prefix of the ids inside, unique on the page.

    Raises
    ------
    HypError
        If there is no such table, or it holds nothing to draw.
    """
    draw = _drawer(name)
    with _style(_PAGE):
        figure, told = draw(_PAGE)
        return svg.to_svg(figure, prefix, told)


def save_published_figure(name: str, path: Path) -> None:
    """Draw a published table into a PNG, SVG or PDF file.

    Parameters
    ----------
    name : str
        Name of the table.
    path : Path
        The suffix says which format.

    Raises
    ------
    HypError
        If there is no such table, it holds nothing to draw, the suffix is another one, or
        the file cannot be written.
    """
    if path.suffix.lower() not in FILE_SUFFIXES:
        raise HypError(f"{path} ends in none of {', '.join(FILE_SUFFIXES)}; choose one of these.")
    draw = _drawer(name)
    with _style(_FILE):
        figure, _ = draw(_FILE)
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        try:
            figure.savefig(
                path,
                dpi=_DOTS_PER_INCH,
                facecolor=_FILE.paper,
                metadata=metadata.get(path.suffix.lower()),
            )
        except OSError as error:
            raise HypError(f"cannot write {path}: {error.strerror or error}.") from error


def _drawer(name: str) -> Callable[[Palette], tuple[Any, str]]:
    table = find_published_table(name).name
    if table in ("C.1", "C.2"):
        return lambda palette: tables.draw_alignment(table, palette)
    drawers = {
        "C.3": tables.draw_correlations,
        "tasks": tables.draw_tasks,
        "abstract": tables.draw_p_values,
        "claims": tables.draw_claims,
    }
    if table not in drawers:
        raise HypError(f"the published table {table!r} is a list of numbers with nothing to draw.")
    return drawers[table]


@contextmanager
def _style(palette: Palette) -> Iterator[None]:
    colours = {
        "axes.edgecolor": palette.muted,
        "axes.labelcolor": palette.ink,
        "grid.color": palette.grid,
        "legend.labelcolor": palette.ink,
        "text.color": palette.ink,
        "xtick.color": palette.muted,
        "xtick.labelcolor": palette.ink,
        "ytick.color": palette.muted,
        "ytick.labelcolor": palette.ink,
    }
    with svg.style(), mpl.rc_context({**colours, "font.size": 10}):
        yield
