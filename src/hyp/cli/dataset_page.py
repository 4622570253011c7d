"""What ``hyp data info`` shows of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hyp.cli.as_json import as_json
from hyp.datasets.associations import ALPHA, SMALL, Association
from hyp.datasets.dataset import Dataset
from hyp.datasets.manifest import MANIFEST
from hyp.datasets.summary import BINS, DatasetSummary, LatentSummary, summarise

_BLOCKS = " ▁▂▃▄▅▆▇█"
_LISTED = 6
_CELLS = 32
_PAIRS = 8
_MATRIX = 13
"""Latents, at most, whose associations fit a matrix 80 columns wide."""


def dataset_page(dataset: Dataset) -> Group:
    """Return the facts of a dataset and its latents against the design, 80 columns wide."""
    summary = summarise(dataset)
    numeric = [one for one in summary.latents if one.latent.kind != "categorical"]
    parts: list[RenderableType] = [_facts(dataset)]
    if dataset.spec.online:
        parts.append(Text(f"\nThe latents of the {summary.n_images:,} stored images:"))
    parts += [Text(), _distributions(summary.latents)]
    if numeric:
        parts += [Text(), _numbers(numeric)]
    parts += _sentences("", _readings(summary))
    if summary.associations:
        parts += [Text(), _strongest(summary)]
        parts += [Text(), _matrix(summary)] if len(_varying(summary)) <= _MATRIX else []
        parts += _sentences("", _chance(summary))
    parts += _sentences("Against the declared design", list(_verdicts(summary)))
    return Group(*parts)


def dataset_json(dataset: Dataset) -> str:
    """Return the same numbers for programs; what is not a number is null."""
    summary = summarise(dataset)
    manifest = dataset.manifest
    content = {
        "folder": str(dataset.folder),
        "spec": dataset.spec.model_dump(mode="json"),
        "bytes": _size(dataset),
        "versions": dict(manifest.versions),
        "device": manifest.device,
        "n_images": summary.n_images,
        "n_sampled": summary.n_sampled,
        "latents": [_latent_record(one) for one in summary.latents],
        "associations": [
            {
                **asdict(pair),
                "nested": _is_nested(summary, pair),
                "beyond_chance": pair.beyond_chance,
            }
            for pair in summary.associations
        ],
        "thresholds": {"p": ALPHA, "strength": SMALL},
        "departures": list(summary.departures),
    }
    return as_json(content)


def histogram(counts: Sequence[int], cells: int = _CELLS) -> str:
    """Draw counts as block characters, the highest full, neighbours joined to fit.

    Examples
    --------
    >>> histogram([0, 1, 4, 8])
    ' ▁▄█'
    >>> histogram([2, 0, 8, 8], cells=2)
    '▁█'
    """
    joined = [part.mean() for part in np.array_split(counts, min(cells, len(counts)))]
    top = max(joined) or 1.0
    heights = (math.ceil(value / top * (len(_BLOCKS) - 1) - 1e-9) for value in joined)
    return "".join(_BLOCKS[height] for height in heights)


def _facts(dataset: Dataset) -> Table:
    spec, manifest = dataset.spec, dataset.manifest
    height, width, _ = dataset.image_shape
    settings = spec.source.model_dump(mode="json", exclude={"kind", "latents"})
    for name, value in settings.items():
        if isinstance(value, list) and len(value) > _LISTED:
            settings[name] = f"({len(value):,}; --json has them)"
    source = ", ".join(f"{name} {value}" for name, value in settings.items())
    versions = ", ".join(f"{name} {number}" for name, number in manifest.versions.items())
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    facts.add_row("folder", str(dataset.folder))
    facts.add_row("design", str(spec.design))
    facts.add_row("source", f"{spec.source.kind} ({source})")
    facts.add_row("seed", str(spec.seed))
    facts.add_row("images", f"{spec.n_images:,} of {height} x {width}, {spec.n_val:,} held out")
    facts.add_row("on disk", f"{decimal(_size(dataset))} in {len(manifest.files) + 1} files")
    facts.add_row("made with", f"{versions}, on {manifest.device}")
    return facts


def _size(dataset: Dataset) -> int:
    size = sum(record.size for record in dataset.manifest.files.values())
    return size + (dataset.folder / MANIFEST).stat().st_size


def _distributions(summaries: Sequence[LatentSummary]) -> Table:
    table = _table()
    table.add_column("latent", overflow="fold")
    table.add_column("design", no_wrap=True)
    table.add_column("distribution", no_wrap=True)
    table.add_column("bits", justify="right", no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    for one in summaries:
        table.add_row(
            one.latent.name,
            one.restriction.state,
            Text(histogram(one.counts), style="cyan"),
            f"{one.bits:.2f}",
            f"{one.possible_bits:.2f}",
        )
    return table


def _numbers(summaries: Sequence[LatentSummary]) -> Table:
    table = _table()
    table.add_column("latent", overflow="fold")
    table.add_column("unit", no_wrap=True)
    for heading in ("min", "mean", "sd", "max", "values"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in summaries:
        figures = (one.low, one.mean, one.sd, one.high)
        latent = one.latent
        table.add_row(latent.name, latent.unit, *(_figure(f) for f in figures), f"{one.n_values:,}")
    return table


def _readings(summary: DatasetSummary) -> list[str]:
    kinds = {one.latent.kind for one in summary.latents}
    found = []
    if kinds - {"categorical"}:
        found.append(
            f"Bits: entropy over {BINS} equal parts of the possible range; an equal spread over "
            "all of it has as many as the last column says."
        )
    if "categorical" in kinds:
        found.append("Bits of a categorical latent: of its values, in the order that is drawn.")
    if "angle" in kinds:
        found.append("Mean and sd of an angle (deg) are circular.")
    return found


def _strongest(summary: DatasetSummary) -> Table:
    table = _table()
    table.add_column("associations", overflow="fold")
    table.add_column("", overflow="fold")
    table.add_column("measure", no_wrap=True)
    table.add_column("strength", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    confounded = set(summary.confounded)
    for pair in summary.associations[:_PAIRS]:
        nested = _is_nested(summary, pair)
        table.add_row(
            pair.first,
            pair.second,
            pair.measure,
            _strength(pair),
            "" if nested else _p(pair.p),
            "nested" if nested else "!" if pair in confounded else "",
            style="yellow" if pair in confounded else "",
        )
    return table


def _matrix(summary: DatasetSummary) -> Table:
    names = _varying(summary)
    pairs = {frozenset((pair.first, pair.second)): pair for pair in summary.associations}
    confounded = set(summary.confounded)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("every pair", overflow="ellipsis", no_wrap=True)
    for number in range(1, len(names)):
        table.add_column(str(number), justify="right", no_wrap=True)
    for row, name in enumerate(names):
        cells = []
        for other in names[:row]:
            pair = pairs[frozenset((name, other))]
            text = "?" if math.isnan(pair.strength) else f"{pair.strength:.2f}".removeprefix("0")
            cells.append(Text(text, style="yellow" if pair in confounded else ""))
        table.add_row(f"{row + 1:>2} {name}", *cells)
    return table


def _chance(summary: DatasetSummary) -> list[str]:
    n, n_pairs = summary.n_sampled, len(summary.associations)
    drawn = f" drawn with seed 0 of {summary.n_images:,}" if n < summary.n_images else ""
    sentences = [
        f"From {n:,} images{drawn}. Strength runs from 0 (none) to 1 (one tells the other), less "
        f"what chance adds; p is for {n_pairs} pairs at once (shuffled images, Bonferroni).",
    ]
    if len(_varying(summary)) > _MATRIX and n_pairs > _PAIRS:
        sentences.append(f"--json has the other {n_pairs - _PAIRS:,} pairs.")
    return sentences


def _verdicts(summary: DatasetSummary) -> Iterator[str]:
    """Say what the design does to the latents, and where the images depart from it."""
    for state, verb in (("pinned", "Pinned"), ("narrowed", "Narrowed"), ("free", "Free")):
        names = [_restricted(one) for one in summary.latents if one.restriction.state == state]
        if names:
            yield f"{verb}: {', '.join(names)}."
    yield from (f"! {sentence}" for sentence in summary.departures)
    if not summary.departures:
        yield "The values of every latent agree with it."
    yield from (f"{inner} is nested in {outer}, as declared." for inner, outer in summary.nested)
    for pair in summary.confounded:
        yield (
            f"! {pair.first} and {pair.second} are left to vary but go together: "
            f"{pair.measure} {_strength(pair)}."
        )
    if not summary.confounded and summary.associations:
        yield (
            f"No pair goes together beyond chance (p at most {ALPHA:g} and a strength of "
            f"{SMALL:g} or more)."
        )
    elif summary.confounded:
        yield (
            f"Beyond chance means p at most {ALPHA:g} and a strength of {SMALL:g} or more: "
            "decoding one of the two may use the other."
        )


def _restricted(one: LatentSummary) -> str:
    by = one.restriction.by
    return f"{one.latent.name} (by {by})" if by not in ("", "design") else one.latent.name


def _latent_record(one: LatentSummary) -> dict[str, Any]:
    latent = one.latent
    return {
        "name": latent.name,
        "kind": latent.kind,
        "unit": latent.unit,
        "restriction": one.restriction.state,
        "by": one.restriction.by,
        "n_values": one.n_values,
        "low": one.low,
        "mean": one.mean,
        "sd": one.sd,
        "high": one.high,
        "bits": one.bits,
        "possible_bits": one.possible_bits,
        "counts": list(one.counts),
        "values": list(latent.values),
    }


def _varying(summary: DatasetSummary) -> list[str]:
    found = {name for pair in summary.associations for name in (pair.first, pair.second)}
    return [one.latent.name for one in summary.latents if one.latent.name in found]


def _is_nested(summary: DatasetSummary, pair: Association) -> bool:
    both = {pair.first, pair.second}
    return any(both == set(nested) for nested in summary.nested)


def _sentences(heading: str, sentences: Sequence[str]) -> list[RenderableType]:
    if not sentences:
        return []
    if not heading:
        return [Text(" ".join(sentences), style="dim")]
    found: list[RenderableType] = [Text(f"\n{heading}", style="bold")]
    for sentence in sentences:
        grid = Table.grid(padding=(0, 1))
        mark = "!" if sentence.startswith("!") else "•"
        grid.add_row(mark, Text(sentence.removeprefix("! ")), style="yellow" * (mark == "!"))
        found.append(Padding(grid, (0, 0, 0, 1)))
    return found


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold")


def _strength(pair: Association) -> str:
    if math.isnan(pair.strength):
        return "too few images"
    return f"{'-' * (pair.sign < 0)}{pair.strength:.2f}"


def _p(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _figure(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
