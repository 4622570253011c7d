"""How the latents of a dataset are distributed and go together, against its design."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import circmean, circstd, entropy

from hyp.datasets.associations import Association, associations
from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent
from hyp.datasets.manifest import TABLE
from hyp.datasets.rows import admits
from hyp.errors import HypError

BINS = 32
"""Bins of a continuous latent or an angle, equal parts of its possible range."""

SAMPLED = 20_000
"""Images, at most, that associations are computed from."""

HARDLY = 0.1
"""Share of its possible bits below which a free latent hardly varies."""

JUDGED_FROM = 20
"""Images (a value) from which a latent that varies too little is no chance."""

State = Literal["free", "narrowed", "pinned"]


@dataclass(frozen=True)
class Restriction:
    """What a design does to a latent.

    Attributes
    ----------
    state : {"free", "narrowed", "pinned"}
    by : str
        ``design``; or the latent that this one is nested in, or that is nested in this
        one, whose restriction the design declares; empty for a free latent.
    values : tuple of str
        The names that are left of a categorical latent.
    """

    state: State
    by: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class LatentSummary:
    """The distribution of one latent over all stored images of a dataset.

    Attributes
    ----------
    latent : Latent
        Which one.
    restriction : Restriction
        What the design does to it.
    n_values : int
        Number of different values that occur.
    low, mean, sd, high : float
        Of a continuous latent or an angle (circular mean and deviation, degrees);
        NaN for a categorical one.
    counts : tuple of int
        Images of each of a categorical latent's values, in their order; of another one,
        of each of `BINS` equal parts of its possible range (an angle: of the circle; a
        latent without bounds: of the range that occurs).
    """

    latent: Latent
    restriction: Restriction
    n_values: int
    counts: tuple[int, ...]
    low: float = float("nan")
    mean: float = float("nan")
    sd: float = float("nan")
    high: float = float("nan")

    @property
    def bits(self) -> float:
        """Shannon entropy of `counts`, not corrected for the number of images."""
        return float(entropy(self.counts, base=2))

    @property
    def possible_bits(self) -> float:
        """Entropy if all values, or parts of the range, were equally frequent."""
        return float(np.log2(len(self.counts)))


@dataclass(frozen=True)
class DatasetSummary:
    """What `summarise` finds.

    Attributes
    ----------
    n_images : int
        Stored images, which the distributions are of.
    n_sampled : int
        Images that the associations are of.
    latents : tuple of LatentSummary
        In the source's order.
    associations : tuple of Association
        Of every pair of latents that vary, the strongest first.
    nested : tuple of (str, str)
        Pairs of latents of which the first determines the second, as declared.
    departures : tuple of str
        Where the table and the design disagree, a sentence each.
    """

    n_images: int
    n_sampled: int
    latents: tuple[LatentSummary, ...]
    associations: tuple[Association, ...]
    nested: tuple[tuple[str, str], ...]
    departures: tuple[str, ...]

    @property
    def confounded(self) -> tuple[Association, ...]:
        """Pairs left to vary that go together beyond chance, though neither is nested."""
        nested = {frozenset(pair) for pair in self.nested}
        return tuple(
            pair
            for pair in self.associations
            if pair.beyond_chance and frozenset((pair.first, pair.second)) not in nested
        )


def summarise(dataset: Dataset, *, n_sampled: int = SAMPLED, seed: int = 0) -> DatasetSummary:
    """Describe the latents of a dataset's stored images.

    One column of the table is in memory at a time.

    Parameters
    ----------
    dataset : Dataset
    n_sampled : int
        Images, at most, that associations are computed from.
    seed : int
        Draws them.

    Raises
    ------
    HypError
        If the table lacks a latent, or a latent has impossible values.
    """
    n = dataset.spec.n_stored
    sample = np.arange(n)
    if n > n_sampled:
        sample = np.sort(np.random.default_rng(seed).choice(n, n_sampled, replace=False))
    found = restrictions(dataset.spec.design, dataset.latents)
    latents: list[LatentSummary] = []
    departures: list[str] = []
    columns: dict[str, NDArray[Any]] = {}
    for latent in dataset.latents:
        values = latent_column(dataset, latent)
        one = _summary(latent, found[latent.name], values)
        latents.append(one)
        departures += _departures(dataset.spec.design, one, values)
        columns[latent.name] = values[sample]
    return DatasetSummary(
        n_images=n,
        n_sampled=len(sample),
        latents=tuple(latents),
        associations=associations(dataset.latents, columns),
        nested=tuple(
            (latent.name, parent.name)
            for latent in dataset.latents
            if (parent := _parent(latent, dataset.latents))
        ),
        departures=tuple(departures),
    )


def latent_column(dataset: Dataset, latent: Latent) -> NDArray[Any]:
    """Return a latent of all stored images, shape (n,): numbers, or codes into its values.

    Raises
    ------
    HypError
        If the table has no such column or another number of images, or if values are
        missing or not possible for this latent.
    """
    path = dataset.file(TABLE)
    doubt = f"run `hyp data check {dataset.folder}`"
    try:
        column = pq.read_table(path, columns=[latent.name]).column(latent.name)
        if latent.kind == "categorical":
            names = pa.array(latent.values, pa.large_string())
            column = pc.index_in(column.cast(pa.large_string()), value_set=names)
        values = column.to_numpy()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise HypError(f"{path} has no readable column {latent.name!r}; {doubt}.") from error
    if len(values) != dataset.spec.n_stored:
        raise HypError(
            f"{path} has {len(values)} rows for {dataset.spec.n_stored} images; {doubt}."
        )
    numbers: NDArray[np.float64] = values.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if wrong.size:
        raise HypError(
            f"{path}: {latent.name} of image {wrong[0]} is missing or impossible "
            f"({wrong.size} such images); {doubt}."
        )
    if latent.kind == "categorical":
        return numbers.astype(np.int64)
    return numbers


def restrictions(design: Design, latents: tuple[Latent, ...]) -> dict[str, Restriction]:
    """Return what a design does to each latent, itself or through nesting.

    Examples
    --------
    >>> shape = Latent(name="category", kind="categorical", values=("ball", "box"))
    >>> size = Latent(name="rel_pos_z", kind="continuous", low=1, high=4)
    >>> restrictions(Design.parse("categories=1+rel_pos_z=2..3"), (shape, size))["category"]
    Restriction(state='pinned', by='design', values=('ball',))
    """
    left = {
        latent.name: design.allowed(latent) for latent in latents if latent.kind == "categorical"
    }
    by = dict.fromkeys(design.reduced, "design")
    for latent in latents:
        parent = _parent(latent, latents)
        if parent is not None:
            group = dict(zip(latent.values, latent.groups, strict=True))
            members = [value for value in left[latent.name] if group[value] in left[parent.name]]
            groups = {group[value] for value in members}
            if len(members) < len(left[latent.name]):
                by.setdefault(latent.name, parent.name)
            if len(groups) < len(left[parent.name]):
                by.setdefault(parent.name, latent.name)
            left[latent.name] = tuple(members)
            left[parent.name] = tuple(value for value in left[parent.name] if value in groups)
    found = {}
    for latent in latents:
        values = left.get(latent.name, ())
        state: State = "free"
        if latent.name in by:
            state = "pinned" if _single(design, latent, values) else "narrowed"
        found[latent.name] = Restriction(state, by.get(latent.name, ""), values)
    return found


def _single(design: Design, latent: Latent, left: tuple[str, ...]) -> bool:
    """Tell whether a restricted latent is left with one value."""
    if latent.kind == "categorical":
        return len(left) == 1
    constraint = design.constraint(latent.name)
    return constraint is None or constraint.pinned


def _parent(latent: Latent, latents: tuple[Latent, ...]) -> Latent | None:
    """Return the latent whose names are this one's groups."""
    groups = set(latent.groups)
    return next(
        (other for other in latents if groups and groups <= set(other.values)),
        None,
    )


def _summary(latent: Latent, restriction: Restriction, values: NDArray[Any]) -> LatentSummary:
    if latent.kind == "categorical":
        counts = np.bincount(values, minlength=len(latent.values))
        return LatentSummary(
            latent, restriction, int(np.count_nonzero(counts)), tuple(counts.tolist())
        )
    if latent.kind == "angle":
        low, high = 0.0, 360.0
        mean = float(circmean(values, high=high, low=low))
        sd = float(circstd(values, high=high, low=low))
        binned = values % 360.0
    else:
        low = latent.low if np.isfinite(latent.low) else float(values.min())
        high = latent.high if np.isfinite(latent.high) else float(values.max())
        mean = float(values.mean())
        sd = float(values.std(ddof=1)) if np.ptp(values) > 0 else 0.0
        binned = values.clip(low, high)
    counts, _ = np.histogram(binned, BINS, (low, high))
    return LatentSummary(
        latent,
        restriction,
        n_values=len(np.unique(values)),
        counts=tuple(counts.tolist()),
        low=float(values.min()),
        mean=mean,
        sd=sd,
        high=float(values.max()),
    )


def _departures(design: Design, one: LatentSummary, values: NDArray[Any]) -> Iterator[str]:
    """Say where the values of a latent are not those that the design declares."""
    latent, state, n = one.latent, one.restriction.state, len(values)
    if latent.kind == "categorical":
        left = np.isin(latent.values, one.restriction.values)
        outside = n - int(np.array(one.counts)[left].sum())
    else:
        outside = int(np.count_nonzero(~admits(design, latent, values)))
    if outside:
        share = f"{outside:,} of {n:,} images"
        yield f"{latent.name} is {state}, but {share} have values that the design excludes."
    if state == "pinned" or n < JUDGED_FROM:
        return
    possible = len(one.restriction.values) if latent.kind == "categorical" else BINS
    missing = possible - one.n_values
    if one.n_values == 1:
        if possible > 1:
            yield f"{latent.name} is {state}, but all images have the same value."
    elif state == "free" and one.bits < HARDLY * np.log2(possible):
        yield (
            f"{latent.name} is free, but hardly varies: {one.bits:.2f} of "
            f"{one.possible_bits:.2f} bits."
        )
    elif latent.kind == "categorical" and missing > 0 and n >= JUDGED_FROM * possible:
        yield f"{latent.name} is {state}, but {missing} of its {possible} values never occur."
