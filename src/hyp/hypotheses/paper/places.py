"""Which figures of the paper a question's panel is the counterpart of."""

from __future__ import annotations

import re
from functools import cache

from hyp.hypotheses.paper.tables import published_table
from hyp.hypotheses.questions.base import I2N

_AGAIN = {"Figure 2a": ("Figure C.1a", "Figure C.3a")}
"""The paper's main figure is printed again beside the regions', and for ResNet-18."""

_NAMED = re.compile(r"\b(?:V1|V2|V4|IT|[Bb]ehaviour)\b")
_WORDS = {
    I2N: "behaviour",
    "rel_pos_x": "translation x",
    "rel_pos_y": "translation y",
}


def places(label: str) -> list[str]:
    """Take a label apart; what is in brackets is about the whole of it.

    Examples
    --------
    >>> places("Figures 3a and C.7, Table C.3")
    ['Figure 3a', 'Figure C.7', 'Table C.3']
    """
    kind, found = "", []
    for word in re.sub(r"\(.*?\)|,", " ", label.partition(";")[0]).split():
        if word.startswith(("Figure", "Table")):
            kind = word.removesuffix("s")
        elif word != "and":
            found.append(f"{kind} {word}")
    return found


def panels_at(place: str) -> list[dict[str, str]]:
    """Return what the paper shows at a place, all panels where none is named."""
    wanted = re.compile(f"{re.escape(place)}[a-z]?")
    return [row for row in _figures() if wanted.fullmatch(row["figure"])]


@cache
def _figures() -> list[dict[str, str]]:
    rows = published_table("figures").fillna("").to_dict("records")
    return [{str(key): str(value) for key, value in row.items()} for row in rows]


def printed_at(label: str, kind: str, measured: str, backbone: str, drawn: str = "") -> list[str]:
    """Return the figures and tables of the paper that a panel is the counterpart of.

    Parameters
    ----------
    label : str
        `hyp.hypotheses.questions.Question.figure`, such as ``Figures C.1 and C.3``.
    kind, measured : str
        Kind of score, and which region or latent the panel shows.
    backbone : str
        Figures of other networks are left out where there is one of these.
    drawn : {"", "pairs", "map"}
        The paper's figures of all pairs of networks, and its maps, are apart from its others.

    Returns
    -------
    list of str
        ``Figure C.1b``; empty where the label names none that the paper has.
    """
    named = [one for place in places(label) for one in (place, *_AGAIN.get(place, ()))]
    rows = [row for place in named for row in panels_at(place) if _about(row, kind, measured)]
    looks = [_look(row["about"]) for row in rows]
    if drawn in looks:
        rows = [row for row, look in zip(rows, looks, strict=True) if look == drawn]
    same = [row for row in rows if row["architecture"] in ("", backbone)]
    return list(dict.fromkeys(row["figure"] for row in same or rows))


def _about(row: dict[str, str], kind: str, measured: str) -> bool:
    """Tell whether a figure shows a kind of score, and this region or latent if it names any."""
    if kind.replace(" ", "-") not in row["measure"].split():
        return False
    wanted = _WORDS.get(measured, measured).casefold()
    if kind == "decoding":
        return row["about"].casefold().startswith(wanted)
    named = [one.casefold() for one in _NAMED.findall(row["about"])]
    return not named or wanted in named


def _look(about: str) -> str:
    return "pairs" if "of all pairs" in about else "map" if about.startswith("MDS") else ""
