"""What differs between two datasets: specification, latents, and images one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import ks_2samp, kstwobign

from hyp.datasets.dataset import Dataset
from hyp.datasets.latents import Latent
from hyp.datasets.manifest import TABLE
from hyp.datasets.rows import ROW
from hyp.datasets.summary import latent_column, restrictions

COMPARED = 200
"""Images, at most, whose pixels are compared."""

CONFIDENCE = 0.99
_KUIPER = 2.001
"""Asymptotic 0.99 quantile of Kuiper's statistic (Stephens, 1970, J. R. Stat. Soc. B 32)."""

_DRAWS = 500
_AT_ONCE = 32
_CLOSE = 1e-9

Measure = Literal["Kolmogorov-Smirnov", "Kuiper", "total variation", "none"]


@dataclass(frozen=True)
class FieldDifference:
    """A field of the specification, as text; empty where a dataset does not have it."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class LatentDifference:
    """How a latent that both datasets have differs.

    Attributes
    ----------
    name : str
    measure : {"Kolmogorov-Smirnov", "Kuiper", "total variation", "none"}
        The distance of distributions for a continuous latent, an angle (Kuiper's does not
        depend on where the circle is cut) and a categorical one; none if the kinds differ.
    distance : float
        Between all stored images of both, from 0 (the same) to 1; NaN without a measure.
    chance : float
        What two independent samples of one distribution stay below in 99 of 100 cases.
    equal : float
        Share of the compared images whose value is the same in A and B.
    declared : bool
        Whether the design of A or of B restricts the latent, itself or by nesting.
    """

    name: str
    measure: Measure
    distance: float
    chance: float
    equal: float
    declared: bool

    @property
    def differs(self) -> bool:
        """Whether the distributions differ by more than chance."""
        return self.distance > self.chance


@dataclass(frozen=True)
class SharedImages:
    """How many images the datasets have in common.

    Attributes
    ----------
    count, of : int
        Images shared, of those that were looked at.
    by : {"source rows", "pixels", "nothing"}
        By the rows of one source that both were read from; by the pixels of random images
        with the same index; or not at all, because the sizes differ.
    """

    count: int
    of: int
    by: Literal["source rows", "pixels", "nothing"]


@dataclass(frozen=True)
class Differences:
    """What `compare_datasets` finds.

    Attributes
    ----------
    n_a, n_b : int
        Stored images of each.
    n_compared : int
        Images that are compared one by one: those whose index both have.
    fields : tuple of FieldDifference
    latents : tuple of LatentDifference
        Of the latents that both have, in A's order.
    only_a, only_b : tuple of str
        Latents that one of them has.
    columns : mapping of str to float
        Share of the compared images with the same value of every other column that both
        tables have, such as the camera's position.
    shared : SharedImages
    """

    n_a: int
    n_b: int
    n_compared: int
    fields: tuple[FieldDifference, ...]
    latents: tuple[LatentDifference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    columns: Mapping[str, float]
    shared: SharedImages

    @property
    def same_numbers(self) -> bool:
        """Whether source and seed agree, so that image `i` should change in what is declared."""
        fields = {field.name for field in self.fields}
        harmless = {"design", "n_images", "n_val", "shard_size", "online", "source.part"}
        return not {name for name in fields if not name.startswith("made with")} - harmless

    @property
    def unmatched(self) -> tuple[LatentDifference, ...]:
        """Latents that no design restricts, yet are not the same in every compared image."""
        return tuple(one for one in self.latents if not one.declared and one.equal < 1)


def compare_datasets(
    a: Dataset, b: Dataset, *, n_pixels: int = COMPARED, seed: int = 0
) -> Differences:
    """Compare two datasets: what they were made from, their latents and their images.

    One column of each table is in memory at a time.

    Parameters
    ----------
    a, b : Dataset
    n_pixels : int
        Images, at most, whose pixels are compared where the datasets have no common rows.
    seed : int
        Draws them.

    Raises
    ------
    HypError
        If a table lacks a latent, or a latent has impossible values.
    """
    reduced = {
        name
        for dataset in (a, b)
        for name, found in restrictions(dataset.spec.design, dataset.latents).items()
        if found.state != "free"
    }
    latents_a = {latent.name: latent for latent in a.latents}
    latents_b = {latent.name: latent for latent in b.latents}
    n = min(a.spec.n_stored, b.spec.n_stored)
    extra = [
        name
        for name in _column_names(a)
        if name in _column_names(b) and name not in latents_a | latents_b and name != ROW
    ]
    return Differences(
        n_a=a.spec.n_stored,
        n_b=b.spec.n_stored,
        n_compared=n,
        fields=tuple(_fields(a, b)),
        latents=tuple(
            _latent(a, b, latent, latents_b[name], name in reduced)
            for name, latent in latents_a.items()
            if name in latents_b
        ),
        only_a=tuple(name for name in latents_a if name not in latents_b),
        only_b=tuple(name for name in latents_b if name not in latents_a),
        columns={
            name: float(np.mean(_same(_column(a, name)[:n], _column(b, name)[:n])))
            for name in extra
        },
        shared=_shared(a, b, n_pixels, seed),
    )


def _same(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where values are the same, numbers to a relative or absolute 1e-9."""
    if a.dtype.kind in "fiu" and b.dtype.kind in "fiu":
        return np.asarray(np.isclose(a, b, rtol=_CLOSE, atol=_CLOSE, equal_nan=True))
    return np.asarray(a.astype(str) == b.astype(str))


def _fields(a: Dataset, b: Dataset) -> list[FieldDifference]:
    first, second = _flat(a), _flat(b)
    return [
        FieldDifference(name, first.get(name, ""), second.get(name, ""))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    ]


def _flat(dataset: Dataset) -> dict[str, str]:
    """Return the fields of a dataset's specification, and what made it, as text."""
    fields = dataset.spec.model_dump(mode="json")
    source = fields.pop("source")
    source.pop("latents", None)
    made = {**dataset.manifest.versions, "device": dataset.manifest.device}
    return {
        **{f"source.{name}": str(value) for name, value in source.items()},
        **{name: str(value) for name, value in fields.items()},
        **{f"made with {name}": str(value) for name, value in made.items()},
    }


def _latent(
    a: Dataset, b: Dataset, latent: Latent, other: Latent, declared: bool
) -> LatentDifference:
    names = sorted({*latent.values, *other.values})
    one, two = _values(a, latent, names), _values(b, other, names)
    n = min(len(one), len(two))
    measure: Measure = "none"
    distance = chance = float("nan")
    if latent.kind != other.kind:
        same = np.zeros(n, dtype=bool)
    elif latent.kind == "categorical":
        measure = "total variation"
        distance, chance = _total_variation(one, two, len(names))
        same = one[:n] == two[:n]
    elif latent.kind == "angle":
        measure = "Kuiper"
        distance, chance = _kuiper(one % 360.0, two % 360.0)
        same = _same((one[:n] - two[:n] + 180.0) % 360.0, np.full(n, 180.0))
    else:
        measure = "Kolmogorov-Smirnov"
        distance = float(ks_2samp(one, two, method="asymp").statistic)
        chance = float(kstwobign.ppf(CONFIDENCE)) * _noise(one, two)
        same = _same(one[:n], two[:n])
    return LatentDifference(
        latent.name, measure, distance, chance, equal=float(np.mean(same)), declared=declared
    )


def _values(dataset: Dataset, latent: Latent, names: list[str]) -> NDArray[Any]:
    """Return a latent's numbers, or codes into names."""
    values = latent_column(dataset, latent)
    if latent.kind != "categorical":
        return values
    return np.asarray(np.searchsorted(names, latent.values)[values])


def _kuiper(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Return Kuiper's statistic of two samples, and its 0.99 quantile."""
    above, below = (
        float(ks_2samp(a, b, alternative=side, method="asymp").statistic)
        for side in ("greater", "less")
    )
    return above + below, _KUIPER * _noise(a, b)


def _noise(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.sqrt(1 / len(a) + 1 / len(b)))


def _total_variation(
    a: NDArray[np.int64], b: NDArray[np.int64], n_names: int
) -> tuple[float, float]:
    """Return the total variation of the shares of names, and its simulated 0.99 quantile."""
    counts = [np.bincount(codes, minlength=n_names) for codes in (a, b)]
    sizes = (len(a), len(b))
    pooled = (counts[0] + counts[1]) / sum(sizes)
    rng = np.random.default_rng(0)
    shares = [count / size for count, size in zip(counts, sizes, strict=True)]
    drawn = [rng.multinomial(size, pooled, _DRAWS) / size for size in sizes]
    distance = float(np.abs(shares[0] - shares[1]).sum()) / 2
    chance = np.quantile(np.abs(drawn[0] - drawn[1]).sum(axis=1) / 2, CONFIDENCE)
    return distance, float(chance)


def _column_names(dataset: Dataset) -> list[str]:
    return list(pq.read_schema(dataset.file(TABLE)).names)


def _column(dataset: Dataset, name: str) -> NDArray[Any]:
    column = pq.read_table(dataset.file(TABLE), columns=[name]).column(name)
    return np.asarray(column.to_numpy())


def _shared(a: Dataset, b: Dataset, n_pixels: int, seed: int) -> SharedImages:
    sources = [dataset.spec.source.model_dump() for dataset in (a, b)]
    digests = [source.get("digest") for source in sources]
    if digests[0] is not None and digests[0] == digests[1]:
        rows_a, rows_b = _column(a, ROW), _column(b, ROW)
        count = np.intersect1d(rows_a, rows_b).size
        return SharedImages(count, min(len(rows_a), len(rows_b)), "source rows")
    if a.image_shape != b.image_shape:
        return SharedImages(0, 0, "nothing")
    n = min(a.spec.n_stored, b.spec.n_stored)
    indices = np.random.default_rng(seed).choice(n, min(n, n_pixels), replace=False)
    same = sum(
        int((a.images(part) == b.images(part)).all(axis=(1, 2, 3)).sum())
        for part in np.array_split(np.sort(indices), -(-len(indices) // _AT_ONCE))
    )
    return SharedImages(same, len(indices), "pixels")
