"""Matplotlib figures as inline SVG that takes its colours and font from the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import PathPatch
from matplotlib.transforms import Affine2D

from hyp.text import printable

INK = "#000001"
MUTED = "#000002"
GRID = "#000003"
FULL = "#000004"
REDUCED = "#000005"
REFERENCE = "#000006"
PAPER = "#000007"
SERIES = (FULL, REDUCED, "#000008", "#000009", "#00000a", "#00000b", "#00000c")
"""Colours of cohorts; with their markers they are told apart by readers with colour blindness."""

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "<", ">", "h", "*")


class Drawing(Markup):
    """A figure as one ``<svg>`` element, which a page takes as it is.

    Attributes
    ----------
    figure : Figure
        What it was drawn from, in the placeholder colours of this module.
    """

    figure: Figure


class Look(NamedTuple):
    """Colour and marker of a cohort, the same on the whole page."""

    colour: str
    marker: str


VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    FULL: "var(--full)",
    REDUCED: "var(--reduced)",
    REFERENCE: "var(--reference)",
    PAPER: "var(--ground)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(SERIES) if place > 1},
}
"""Of the style sheet, by the colour that stands for them."""
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hyp",
    "text.parse_math": False,
    "font.size": 11,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
}
LEGEND: dict[str, Any] = {
    "fontsize": 10.5,
    "columnspacing": 1.3,
    "handlelength": 2.0,
    "handletextpad": 0.5,
    "borderpad": 0.2,
}
"""Of the legends above the axes of a figure."""

_TOLD = "#"
_HIDDEN = {"aria-hidden": "true"}
_NAMESPACE = re.compile(r"^\{[^}]*\}")


@cache
def key_svg(look: Look) -> Markup:
    """Draw a marker for a legend beside its title."""
    with style():
        figure = new_figure(16, 16)
        marker = MarkerStyle(look.marker)
        middle = Affine2D().scale(0.4).translate(0.5, 0.5)
        shape = marker.get_path().transformed(marker.get_transform() + middle)
        patch = PathPatch(shape, facecolor=look.colour, linewidth=0, transform=figure.transFigure)
        figure.add_artist(patch)
        return to_svg(figure, "", "")


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of `width` by `height` CSS pixels at natural size."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    FigureCanvasSVG(figure)
    return figure


def style() -> Any:
    """Return the context in which every figure is drawn and written."""
    return mpl.rc_context({**mpl.rcParamsDefault, **_STYLE, "backend": mpl.rcParams["backend"]})


def dots(
    axes: Any,
    x: Any,
    y: Any,
    colour: str,
    marker: Any,
    size: float,
    *,
    face: str | None = None,
    edge: float = 1.0,
    told: Sequence[str] = (),
    **look: Any,
) -> None:
    """Draw marks that no line joins, `size` points wide; `face` fills them in another colour.

    `told` are their words, see `tell`.
    """
    look |= {"markersize": size, "markerfacecolor": face or colour, "markeredgewidth": edge}
    (line,) = axes.plot(x, y, linestyle="none", color=colour, marker=marker, **look)
    tell(line, told)


def tell(artist: Any, words: Sequence[str]) -> None:
    """Give marks words, which a page shows where a pointer rests on one.

    Parameters
    ----------
    artist : Line2D or Patch
    words : sequence of str
        One for every point of a line, or one for the whole.
    """
    if isinstance(artist, Line2D) and len(words) > 1:
        drawn = np.isfinite(np.asarray(artist.get_xydata())).all(axis=1)
        words = [word for word, kept in zip(words, drawn, strict=True) if kept]
    artist.told = tuple(words)


def to_svg(figure: Figure, name: str, description: str) -> Drawing:
    """Write a figure as one ``<svg>`` element for an HTML page; its texts stay texts.

    Parameters
    ----------
    figure : Figure
        Drawn in the colours of this module, which become CSS variables.
    name : str
        Prefix of the ids inside, unique on the page.
    description : str
        What a reader who cannot see the figure is told; empty hides it from them.
    """
    buffer = io.StringIO()
    told = [one for one in figure.findobj() if getattr(one, "told", ())]
    kinds = [one.get_gid() or "" for one in told]
    for place, (one, kind) in enumerate(zip(told, kinds, strict=True)):
        one.set_gid(f"{kind}{_TOLD}{place}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    for one, kind in zip(told, kinds, strict=True):
        one.set_gid(kind or None)
    root = ElementTree.fromstring(printable(buffer.getvalue()))
    _clean(root, name, [getattr(one, "told", ()) for one in told])
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "class": "figure",
        **({"role": "img", "aria-label": printable(description)} if description else _HIDDEN),
    }
    drawn = Drawing(ElementTree.tostring(root, encoding="unicode"))
    drawn.figure = figure
    return drawn


def _clean(element: ElementTree.Element, prefix: str, told: Sequence[Sequence[str]]) -> None:
    """Drop metadata and namespaces, make ids unique, turn colours into variables, name marks."""
    element.tag = _NAMESPACE.sub("", element.tag)
    attributes = {_NAMESPACE.sub("", key): value for key, value in element.attrib.items()}
    if element.tag == "g":
        identity, _, place = attributes.pop("id", "").partition(_TOLD)
        if identity.startswith("hyp-"):
            attributes["class"] = identity.removeprefix("hyp-")
    if "id" in attributes:
        attributes["id"] = f"{prefix}-{attributes['id']}"
    if "href" in attributes:
        attributes["href"] = f"#{prefix}-{attributes['href'].removeprefix('#')}"
    if "clip-path" in attributes:
        attributes["clip-path"] = attributes["clip-path"].replace("url(#", f"url(#{prefix}-")
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    if "style" in attributes:
        attributes["style"] = _restyle(attributes["style"])
    element.attrib = attributes
    for child in list(element):
        if _NAMESPACE.sub("", child.tag) in ("metadata", "style"):
            element.remove(child)
        else:
            _clean(child, prefix, told)
            child.tail = None
    if element.tag != "text" and element.text is not None and not element.text.strip():
        element.text = None
    if element.tag == "g":
        _share_look(element)
        if place:
            _name_marks(element, told[int(place)])


def _share_look(group: ElementTree.Element) -> None:
    """Say what all marks of a group look like once, so that the page stays small."""
    looks = {mark.attrib.get("style", "") if mark.tag == "use" else "" for mark in group}
    if len(looks) == 1 and "style" not in group.attrib and (look := looks.pop()):
        group.attrib["style"] = look
        for mark in group:
            del mark.attrib["style"]


def _name_marks(group: ElementTree.Element, words: Sequence[str]) -> None:
    """Put words into the marks of a group, or one into the group itself."""
    marks = [group] if len(words) == 1 else list(group.iter("use"))
    if len(marks) == len(words):  # none was outside of the drawing
        for mark, word in zip(marks, words, strict=True):
            title = ElementTree.Element("title")
            title.text = printable(word)
            mark.insert(0, title)


def _restyle(text: str) -> str:
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    kept = [rule for rule in text.split("; ") if not rule.startswith("font-family")]
    return "; ".join(kept)
