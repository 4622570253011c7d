"""What ``hyp data diff`` shows of two datasets."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hyp.datasets.dataset import Dataset
from hyp.datasets.differences import Differences, LatentDifference

_LONGEST = 60


def difference_page(a: Dataset, b: Dataset, found: Differences) -> Group:
    """Return what differs between two datasets, 80 columns wide."""
    parts: list[RenderableType] = [_fields(a, b, found), Text(), _latents(found)]
    parts.append(
        Text(
            "Distance: of the distributions, from 0 (the same) to 1; two draws of one "
            "distribution stay below chance in 99 of 100 cases. Equal: images of one index "
            f"with the same value, of {found.n_compared:,}.",
            style="dim",
        )
    )
    parts.append(Text())
    for sentence in _sentences(found):
        grid = Table.grid(padding=(0, 1))
        mark = "!" if sentence.startswith("!") else "•"
        grid.add_row(mark, Text(sentence.removeprefix("! ")), style="yellow" * (mark == "!"))
        parts.append(Padding(grid, (0, 0, 0, 1)))
    return Group(*parts)


def difference_json(a: Dataset, b: Dataset, found: Differences) -> str:
    """Return the same for programs; what is not a number is null."""
    content = asdict(found)
    content["latents"] = [
        {
            **asdict(one),
            "distance": _finite(one.distance),
            "chance": _finite(one.chance),
            "differs": one.differs,
        }
        for one in found.latents
    ]
    content["same_numbers"] = found.same_numbers
    folders = {"a": str(a.folder), "b": str(b.folder)}
    return json.dumps({**folders, **content}, indent=1, ensure_ascii=False, allow_nan=False)


def _fields(a: Dataset, b: Dataset, found: Differences) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    table.add_column("A", overflow="fold")
    table.add_column("B", overflow="fold")
    table.add_row("folder", str(a.folder), str(b.folder))
    for field in found.fields:
        table.add_row(field.name, _shown(field.a), _shown(field.b))
    return table


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _latents(found: Differences) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("latent", overflow="fold")
    table.add_column("measure", no_wrap=True)
    for heading in ("distance", "chance", "equal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in found.latents:
        numbers = (
            ["", ""] if math.isnan(one.distance) else [f"{one.distance:.3f}", f"{one.chance:.3f}"]
        )
        table.add_row(one.name, one.measure, *numbers, _share(one.equal), _mark(one))
    return table


def _mark(one: LatentDifference) -> str:
    if one.measure == "none":
        return "another kind"
    return ("differs" if one.differs else "") + (", declared" * one.declared if one.differs else "")


def _sentences(found: Differences) -> Iterator[str]:
    if not found.fields:
        yield "Both were made from the same specification."
    for side, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            yield f"Only {side} has {', '.join(names)}."
    yield from _matching(found)
    shared = found.shared
    if shared.by == "source rows":
        yield f"{shared.count:,} of the smaller one's {shared.of:,} images are rows of both."
    elif shared.by == "pixels":
        yield f"{shared.count:,} of {shared.of:,} random images of one index have equal pixels."
    else:
        yield "The images have different sizes, so pixels were not compared."


def _matching(found: Differences) -> Iterator[str]:
    same = [one.name for one in found.latents if one.equal == 1]
    if same:
        yield f"The same image by image: {', '.join(same)}."
    if not found.same_numbers:
        yield "Source or seed differ, so the images are not meant as pairs."
        return
    if not found.unmatched:
        yield "Matched pairs: all that no design restricts is the same image by image."
        return
    names = ", ".join(f"{one.name} ({_share(one.equal)})" for one in found.unmatched)
    yield f"! Restricted by neither design, yet not the same in every image: {names}."


def _share(share: float) -> str:
    """Write a share so that 100% means all and 0% means none."""
    percent = 100 * share
    if 0 < percent < 0.1 or 99.9 < percent < 100:
        return "<0.1%" if percent < 1 else ">99.9%"
    return f"{percent:.1f}%".replace(".0%", "%")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
