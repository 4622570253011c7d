"""What the figures of questions show, as plain data; reports draw every kind of panel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyp.hypotheses.profile import PIXELS, UNTRAINED

if TYPE_CHECKING:
    import pandas as pd

RAW_PIXELS = "raw pixels"
_NETWORK = ["cohort", "seed", "batches", "measured", "layer"]

Scores = Mapping[str, Sequence[float]]
"""By layer, one per network; the layer is empty where scores have none."""


@dataclass(frozen=True)
class Series:
    """Networks, or kinds of pairs of networks, that are drawn alike.

    Attributes
    ----------
    title : str
    scores : dict of str to list of float
    cohort : str
        Whose colour and marker it takes; empty for kinds of pairs.
    reference : bool
        It is shown for reference and not compared.
    interval : bool
        Whether the scores are of independent networks, so that their mean has an interval.
    seeds : dict of str to list of int
        Of the networks, as their scores; empty where it is not known which they are.
    """

    title: str
    scores: Scores
    cohort: str = ""
    reference: bool = False
    interval: bool = True
    seeds: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class ScorePanel:
    """Scores of networks, by layer where there are layers.

    Attributes
    ----------
    measured : str
        Latent, region, task or measure.
    layers : tuple of str
        ``("",)`` where there are none.
    series : tuple of Series
    metric : str
        What the scores are, where the score table says so.
    levels : dict of str to float
        Lines across all layers, by what they are: chance, the pixels.
    pairs : bool
        Whether a score is a network's mean over pairs.
    """

    measured: str
    layers: tuple[str, ...]
    series: tuple[Series, ...]
    metric: str = ""
    levels: Mapping[str, float] = field(default_factory=dict)
    pairs: bool = False


@dataclass(frozen=True)
class PairMatrix:
    """Similarity of all pairs of networks at one layer.

    Attributes
    ----------
    measured, layer : str
    matrix : ndarray, shape (m, m)
        Sorted by cohort.
    cohorts : list of str
        Of every network.
    drawn : bool
        False gives the means over pairs of cohorts alone.
    """

    measured: str
    layer: str
    matrix: NDArray[np.float64]
    cohorts: list[str]
    drawn: bool = False

    @property
    def means(self) -> dict[str, dict[str, float | None]]:
        """Mean similarity of the pairs of every two cohorts; None where there is none."""
        labels = np.array(self.cohorts)
        names = list(dict.fromkeys(self.cohorts))
        off = without_self(self.matrix)
        found: dict[str, dict[str, float | None]] = {}
        for a in names:
            pairs = {b: off[np.ix_(labels == a, labels == b)] for b in names}
            found[a] = {
                b: float(np.nanmean(values)) if np.isfinite(values).any() else None
                for b, values in pairs.items()
            }
        return found


@dataclass(frozen=True)
class NetworkMaps:
    """Similarities of the same networks at several layers, to be laid out in planes."""

    measured: str
    matrices: Mapping[str, NDArray[np.float64]]
    cohorts: list[str]


@dataclass(frozen=True)
class Track:
    """One network's checkpoints, from the first to the last."""

    cohort: str
    seed: int
    batches: Sequence[int]
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class TrackPanel:
    """One score against another over the checkpoints of networks."""

    measured: str
    against: str
    tracks: tuple[Track, ...]


@dataclass(frozen=True)
class TrendPanel:
    """A score against a size, one value per network."""

    measured: str
    layer: str
    unit: str
    sizes: Sequence[float]
    scores: Sequence[float]
    seeds: Sequence[int]


Panel = ScorePanel | PairMatrix | NetworkMaps | TrackPanel | TrendPanel


def network_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Average folds.

    Parameters
    ----------
    scores : DataFrame
        With the columns `hyp.hypotheses.questions.SCORE_COLUMNS`, of one kind and protocol.

    Returns
    -------
    DataFrame
        Columns ``cohort``, ``seed``, ``batches``, ``measured``, ``layer``, ``score``,
        ``chosen``, one row per network and checkpoint.
    """
    table = scores.astype({"layer": str, "measured": str})
    groups = table.groupby(_NETWORK, sort=False, observed=True)
    return groups.agg(score=("score", "mean"), chosen=("chosen", "first")).reset_index()


def by_layer(networks: pd.DataFrame, column: str = "score") -> dict[str, list[Any]]:
    """Return the scores of networks, or another column, by layer."""
    grouped = networks.groupby("layer", sort=False, observed=True)[column]
    return {str(layer): values.tolist() for layer, values in grouped}


def drawn_series(title: str, networks: pd.DataFrame, cohort: str) -> Series:
    """Return the series of a cohort; `networks` as from `network_scores`."""
    own = networks[networks["cohort"] == cohort]
    return Series(title, by_layer(own), cohort, seeds=by_layer(own, "seed"))


def reference_scores(scores: pd.DataFrame, measured: str) -> tuple[Scores, dict[str, float]]:
    """Return the decoding of a latent from untrained networks, and the level of the pixels."""
    chosen = scores[
        (scores["kind"] == "decoding")
        & (scores["protocol"] == "recommended")
        & (scores["measured"].astype(str) == measured)
    ]
    untrained = by_layer(network_scores(chosen[chosen["cohort"] == UNTRAINED]))
    pixels = chosen.loc[chosen["cohort"] == PIXELS, "score"]
    return untrained, {RAW_PIXELS: float(pixels.mean())} if len(pixels) else {}


def without_self(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blank a network's similarity with itself."""
    return np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)


def network_means(
    matrix: NDArray[np.float64], cohorts: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Return every network's mean similarity to the networks of each cohort, but itself.

    Returns
    -------
    dict of str to ndarray, shape (m,)
        By cohort; NaN where a network is alone in its cohort.
    """
    off, labels = without_self(matrix), np.array(cohorts)
    return {name: _row_means(off, labels[None] == name) for name in dict.fromkeys(cohorts)}


def within_and_between(
    matrix: NDArray[np.float64], cohorts: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return every network's mean similarity to its own cohort, and to all others' networks."""
    off, labels = without_self(matrix), np.array(cohorts)
    same = labels[:, None] == labels[None]
    return _row_means(off, same), _row_means(off, ~same)


def _row_means(matrix: NDArray[np.float64], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    kept = np.where(wanted, matrix, np.nan)
    counts = np.isfinite(kept).sum(axis=1)
    sums = np.nansum(kept, axis=1)
    means: NDArray[np.float64] = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """Drop repetitions, keep the order."""
    return tuple(dict.fromkeys(items))
