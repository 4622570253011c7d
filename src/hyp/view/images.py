"""Images of a stored dataset, filtered by their latents, with the distributions of these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyp.datasets.dataset import Dataset
from hyp.datasets.latents import Latent
from hyp.errors import HypError
from hyp.reports.images import MOST_IMAGES, data_uris
from hyp.reports.wording import latent_words, number

BINS = 24
PAGE = 3 * MOST_IMAGES

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Distribution:
    """How a latent is distributed over all stored images, and over those chosen.

    Attributes
    ----------
    latent : Latent
    title : str
    bars : tuple of (str, float, float)
        A bar's values, and its height for all and for the chosen images, as shares of the highest.
    chosen : tuple of str
        Values that are asked for, where it is categorical.
    low, high : str
        Range that is asked for, where it is not; empty for none.
    told : str
        In words.
    """

    latent: Latent
    title: str
    bars: tuple[tuple[str, float, float], ...]
    chosen: tuple[str, ...]
    low: str
    high: str
    told: str


@dataclass(frozen=True)
class Chosen:
    """The images of a dataset that a query chooses.

    Attributes
    ----------
    stored, matching, first : int
        Images in the dataset, those that match, and the place of the first shown among these.
    images : tuple of (str, str)
        Those shown: address, and their latents in words.
    distributions : tuple of Distribution
    """

    stored: int
    matching: int
    first: int
    images: tuple[tuple[str, str], ...]
    distributions: tuple[Distribution, ...]


def choose(dataset: Dataset, query: Query) -> Chosen:
    """Choose images by what is asked of their latents.

    Parameters
    ----------
    dataset : Dataset
    query : mapping
        ``NAME`` for values of a categorical latent, ``NAME.low`` and ``NAME.high`` for the range
        of another (of an angle the range may pass ±180), ``first`` for where to begin.

    Raises
    ------
    HypError
        If a range is no number.
    """
    stored = dataset.spec.n_stored
    table = dataset.table.iloc[:stored]
    wanted = np.ones(len(table), bool)
    for latent in dataset.latents:
        wanted &= _matches(table[latent.name], latent, query)
    matching = np.flatnonzero(wanted)
    first = min(max(0, int(_number(query, "first") or 0)), max(0, len(matching) - 1))
    shown = matching[first : first + PAGE]
    images = dataset.images(shown)
    addresses = [
        uri
        for start in range(0, len(shown), MOST_IMAGES)
        for uri in data_uris(images[start : start + MOST_IMAGES])
    ]
    words = [_described(int(index), table.iloc[index], dataset.latents) for index in shown]
    return Chosen(
        stored,
        len(matching),
        first,
        tuple(zip(addresses, words, strict=True)),
        tuple(_distribution(table[one.name], wanted, one, query) for one in dataset.latents),
    )


def _matches(values: pd.Series, latent: Latent, query: Query) -> NDArray[np.bool_]:
    if latent.kind == "categorical":
        asked = [value for value in query.get(latent.name, ()) if value]
        return np.asarray(values.isin(asked) if asked else np.ones(len(values), bool))
    low, high = (_number(query, f"{latent.name}.{end}") for end in ("low", "high"))
    above = np.asarray(values >= low) if low is not None else np.ones(len(values), bool)
    below = np.asarray(values <= high) if high is not None else np.ones(len(values), bool)
    around = latent.kind == "angle" and low is not None and high is not None and low > high
    chosen: NDArray[np.bool_] = above | below if around else above & below
    return chosen


def _number(query: Query, name: str) -> float | None:
    text = next(iter(query.get(name, ())), "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise HypError(f"{name} is no number: {text!r}.")
    return value


def _distribution(
    values: pd.Series, wanted: NDArray[np.bool_], latent: Latent, query: Query
) -> Distribution:
    if latent.kind == "categorical":
        counts = [values.value_counts(), values[wanted].value_counts()]
        names = [one for one in latent.values if one in counts[0]]
        heights = [[int(count.get(name, 0)) for name in names] for count in counts]
        told = f"{len(names)} of {len(latent.values)} values"
    else:
        numbers = values.to_numpy(float)
        edges = np.histogram_bin_edges(numbers, BINS) if len(numbers) else np.linspace(0, 1, 2)
        heights = [np.histogram(part, edges)[0].tolist() for part in (numbers, numbers[wanted])]
        names = [f"{number(a)} to {number(b)}" for a, b in pairwise(edges)]
        told = f"from {number(edges[0])} to {number(edges[-1])} {latent.unit}".strip()
    highest = max(heights[0], default=0) or 1
    bars = zip(names, *([one / highest for one in each] for each in heights), strict=True)
    low, high = (next(iter(query.get(f"{latent.name}.{end}", ())), "") for end in ("low", "high"))
    chosen = tuple(query.get(latent.name, ()))
    return Distribution(latent, latent_words(latent.name), tuple(bars), chosen, low, high, told)


def _described(index: int, row: pd.Series[Any], latents: Sequence[Latent]) -> str:
    told = (f"{latent_words(one.name)} {number(row[one.name])}" for one in latents)
    return f"image {index}: {', '.join(told)}"
