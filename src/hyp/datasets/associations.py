"""How strongly the latents of a dataset go together, against what chance gives.

One measure serves every pair of kinds: a latent is a few centred columns (the ranks of a
number, cosine and sine of an angle, the indicators of a name), and what two share is the
sum of their squared canonical correlations (Pillai's trace). Over its largest value, that
is Spearman's correlation squared for two numbers, Mardia's circular-linear one for an
angle and a number, Jupp and Mardia's (1980) for two angles, the correlation ratio for a
name and a number and Cramér's V squared for two names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import orth
from scipy.stats import gamma, rankdata

from hyp.datasets.latents import Latent

ALPHA = 0.01
"""Share of datasets of independent latents in which any pair passes for associated."""

SMALL = 0.1
"""Strength from which an association is worth a warning, however certain it is."""

_MEASURES = {
    ("continuous", "continuous"): "Spearman",
    ("angle", "continuous"): "circular-linear",
    ("angle", "angle"): "circular",
    ("categorical", "continuous"): "eta",
    ("angle", "categorical"): "circular eta",
    ("categorical", "categorical"): "Cramér V",
}


@dataclass(frozen=True)
class Association:
    """What two latents have in common.

    Attributes
    ----------
    first, second : str
        Names of the latents.
    measure : str
        Which coefficient `strength` generalises: ``Spearman``, ``circular-linear``,
        ``circular``, ``eta``, ``circular eta`` or ``Cramér V``.
    strength : float
        From 0 (none) to 1 (one determines the other), corrected for what chance adds with
        many values and few images: ``sqrt((s - e) / (m - e))``, with the shared variance
        ``s``, its mean ``e`` if one latent is shuffled, and its largest value ``m`` (0
        where negative). This is Kelley's epsilon for a name and a number, and Bergsma's
        (2013) corrected V for two latents of as many names. NaN where a latent has about
        as many names as there are images.
    sign : int
        Of Spearman's correlation; 0 for the other measures.
    p : float
        Probability of at least this much if one latent is shuffled, times the number of
        pairs (Bonferroni), at most 1.
    """

    first: str
    second: str
    measure: str
    strength: float
    sign: int
    p: float

    @property
    def beyond_chance(self) -> bool:
        """Whether it is certain (`p` at most `ALPHA`) and large (`SMALL` or more)."""
        return self.p <= ALPHA and self.strength >= SMALL


@dataclass(frozen=True)
class _Columns:
    """An orthonormal basis of what a latent says of the images, shape (n, columns).

    The indicators of names are left uncentred, because that keeps them sparse: the
    constant is one of the directions they span.
    """

    latent: Latent
    basis: Any
    rank: int
    leverages: NDArray[np.float64]


def associations(
    latents: tuple[Latent, ...], columns: Mapping[str, NDArray[Any]]
) -> tuple[Association, ...]:
    """Return the association of every pair of latents that vary, the strongest first.

    Parameters
    ----------
    latents : tuple of Latent
    columns : mapping of str to ndarray, shape (n,)
        The values of each; names of a categorical latent may be codes.

    Notes
    -----
    Under shuffling, mean and variance of the shared variance follow exactly from the
    leverages of the columns (Kazi-Aoual, Hitier, Sabatier and Lebreton, 1995, Comput.
    Stat. Data Anal. 20, 643-656); `p` is the tail of the gamma distribution with these.
    """
    prepared = [_prepared(latent, columns[latent.name]) for latent in latents]
    varying = [one for one in prepared if one.rank and len(one.leverages) > 3]
    pairs = list(combinations(varying, 2))
    found = [_association(a, b, len(pairs)) for a, b in pairs]
    return tuple(sorted(found, key=lambda pair: -np.nan_to_num(pair.strength)))


def _prepared(latent: Latent, values: NDArray[Any]) -> _Columns:
    n = len(values)
    if latent.kind == "categorical":
        _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
        shares = np.asarray(1.0 / counts[codes])
        indicators = sparse.csr_array((np.sqrt(shares), (np.arange(n), codes)))
        return _Columns(latent, indicators, len(counts) - 1, shares - 1.0 / n)
    if latent.kind == "angle":
        turns = np.radians(values.astype(np.float64))
        raw = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    else:
        raw = rankdata(values)[:, None]
    basis = orth(raw - raw.mean(axis=0), rcond=1e-9) if np.ptp(values) else raw[:, :0]
    return _Columns(latent, basis, basis.shape[1], (basis**2).sum(axis=1))


def _association(a: _Columns, b: _Columns, n_pairs: int) -> Association:
    a, b = sorted((a, b), key=lambda one: one.latent.kind)
    product = a.basis.T @ b.basis
    names = a.latent.kind == b.latent.kind == "categorical"
    shared = float((product**2).sum()) - names
    mean, variance = shuffled_moments(a.leverages, b.leverages, a.rank, b.rank)
    most = min(a.rank, b.rank)
    excess = (shared - mean) / (most - mean) if most - mean > 1e-6 * most else float("nan")
    p = gamma.sf(shared, mean**2 / variance, scale=variance / mean) if variance > 0 else 1.0
    measure = _MEASURES[a.latent.kind, b.latent.kind]
    return Association(
        first=a.latent.name,
        second=b.latent.name,
        measure=measure,
        strength=float(np.sqrt(np.clip(excess, 0.0, 1.0))),
        sign=int(np.sign(product[0, 0])) if measure == "Spearman" else 0,
        p=min(1.0, float(p) * n_pairs),
    )


def shuffled_moments(
    a: NDArray[np.float64], b: NDArray[np.float64], rank_a: int, rank_b: int
) -> tuple[float, float]:
    """Return mean and variance of the shared variance if the images of one are shuffled.

    Parameters
    ----------
    a, b : ndarray, shape (n,)
        Leverages of the images: diagonals of the centred projections; n > 3.
    rank_a, rank_b : int
        Their ranks.
    """
    n = float(len(a))
    mean = rank_a * rank_b / (n - 1)
    spread, peaks = 2.0, 1.0
    for leverages, rank in ((a, rank_a), (b, rank_b)):
        spread *= (n - 1) * rank - rank**2
        peaks *= n * (n + 1) * float((leverages**2).sum()) - (n - 1) * (rank**2 + 2 * rank)
    variance = spread / ((n - 1) ** 2 * (n + 1) * (n - 2))
    variance += peaks / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    return mean, variance
