"""Figures of a report as a journal takes them: one column wide, with text that can be edited."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pdf import Op, PdfFile, RendererPdf
from matplotlib.colors import to_hex, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hyp.reports.figures.style import LEGEND, VARIABLES, Drawing, Look, style

FigureFormat = Literal["pdf", "svg"]

COLUMN_MM = 85.0
"""Width of a column of most journals; text of 11 pixels on the page is 7 to 8 points there."""

_POINTS_PER_MM = 72 / 25.4
_KEY_HEIGHT, _KEY_CHARACTERS = 17, 26
_COLOURED = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
_DECLARED = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6}|var\(--[\w-]+\))")


def paper_figure(drawing: Drawing, looks: Sequence[tuple[Look, str]], form: FigureFormat) -> bytes:
    """Return a drawing as a PDF or SVG file, in the colours of the page on white.

    Parameters
    ----------
    drawing : Drawing
    looks : sequence of (Look, str)
        Its legend, which the page shows beside it; drawn above.
    form : {"pdf", "svg"}
        Texts stay texts: TrueType fonts are embedded, or named.
    """
    figure = drawing.figure
    with style(), mpl.rc_context({"pdf.fonttype": 42}):
        if looks:
            _add_key(figure, looks)
        _recolour(figure)
        return _WRITERS[form](figure)


def _pdf(figure: Figure) -> bytes:
    """Draw the figure as it is through a matrix that shrinks all of it alike."""
    width, height = (72 * side for side in figure.get_size_inches())
    scale = COLUMN_MM * _POINTS_PER_MM / width
    buffer = io.BytesIO()
    document = PdfFile(buffer, metadata={"CreationDate": None})
    document.newPage(scale * width / 72, scale * height / 72)
    document.width, document.height = width / 72, height / 72  # paths are cut off beyond
    document.output(scale, 0, 0, scale, 0, 0, Op.concat_matrix)
    page = RendererPdf(document, 72, height / 72, width / 72)
    renderer = MixedModeRenderer(figure, width / 72, height / 72, 72, page)
    figure.draw(renderer)
    renderer.finalize()
    document.finalize()
    document.close()
    return buffer.getvalue()


def _svg(figure: Figure) -> bytes:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    width, height = figure.get_size_inches()
    sides = f'width="{COLUMN_MM:g}mm" height="{COLUMN_MM * height / width:.4g}mm"'
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', sides, buffer.getvalue(), count=1)
    return text.encode()


_WRITERS: dict[FigureFormat, Callable[[Figure], bytes]] = {"pdf": _pdf, "svg": _svg}


def _add_key(figure: Figure, looks: Sequence[tuple[Look, str]]) -> None:
    """Make room above the drawing for a legend."""
    columns = 2 if max(len(title) for _, title in looks) <= _KEY_CHARACTERS else 1
    width, height = figure.get_size_inches()
    room = (_KEY_HEIGHT * -(-len(looks) // columns) + 4) / 72
    shrunk = height / (height + room)
    figure.set_size_inches(width, height + room)
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, box.y0 * shrunk, box.width, box.height * shrunk))
    for text in figure.texts:
        text.set_y(text.get_position()[1] * shrunk)
    handles = [
        Line2D([], [], linestyle="none", color=look.colour, marker=look.marker, label=title)
        for look, title in looks
    ]
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.0, 1.0)}
    figure.legend(handles=handles, ncols=columns, **place, **LEGEND)


def _recolour(figure: Figure) -> None:
    """Put the page's light colours in place of those that stand for its variables."""
    real = _palette()
    for artist in figure.findobj():
        for name in _COLOURED:
            getter, setter = getattr(artist, f"get_{name}", None), f"set_{name}"
            if getter is None or not hasattr(artist, setter):
                continue
            found = to_rgba_array(getter())
            if any(to_hex(one) in real for one in found):
                named = [to_rgba(real.get(to_hex(one), one), one[3]) for one in found]
                getattr(artist, setter)(named[0] if len(named) == 1 else named)
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)


@cache
def _palette() -> dict[str, str]:
    """Return the page's light colours by what stands for them in drawings."""
    css = files("hyp.reports").joinpath("templates/report.css").read_text("utf-8")
    declared = dict(_DECLARED.findall(css[: css.index("@media")]))

    def colour(value: str) -> str:
        while value.startswith("var("):
            value = declared[value[6:-1]]
        return value

    return {placeholder: colour(variable) for placeholder, variable in VARIABLES.items()}
