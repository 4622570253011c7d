"""Figures in files of their own: whole or not at all, and the same bytes every time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyp.errors import HypError
from hyp.store.artifacts import check_folder_of, readable_disk_errors, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE_SUFFIXES = (".pdf", ".png", ".svg")
_UNDATED: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def check_figure_path(path: Path) -> None:
    """Refuse a file that no figure can be written to.

    Raises
    ------
    HypError
        If its ending is none of those of `FILE_SUFFIXES`, or its folder is missing.
    """
    if path.suffix.lower() not in FILE_SUFFIXES:
        raise HypError(f"{path} ends in none of {', '.join(FILE_SUFFIXES)}; choose one of these.")
    check_folder_of(path)


def write_figure(figure: Figure, path: Path, *, dpi: int, **options: Any) -> None:
    """Write a figure in the format that the file's ending names.

    Parameters
    ----------
    figure : Figure
    path : Path
    dpi : int
        Dots an inch.
    **options
        More that matplotlib's ``savefig`` takes.

    Raises
    ------
    HypError
        As `check_figure_path`, or if the file cannot be written.
    """
    check_figure_path(path)
    suffix, content = path.suffix.lower(), io.BytesIO()
    figure.savefig(content, format=suffix[1:], dpi=dpi, metadata=_UNDATED.get(suffix), **options)
    with readable_disk_errors(path):
        write_atomically(path, content.getvalue())
