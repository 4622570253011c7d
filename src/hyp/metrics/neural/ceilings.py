"""Noise ceilings by split halves, and what a score is relative to one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from hyp.errors import HypError
from hyp.metrics.gram import Floats, compute_gram
from hyp.metrics.neural.benchmark import NeuralBenchmark
from hyp.metrics.neural.specs import Cka, Pls, Ridge, Rsa
from hyp.metrics.pairs import compare_dissimilarities, dissimilarities, unbiased_cka
from hyp.metrics.sampled_neurons import sampled_consistency

Formula = Literal["2024", "2026", "ratio"]

_FEWEST = 4  # stimuli: unbiased CKA needs as many
_FORMULAS: dict[str, Formula] = {"pls": "2026", "ridge": "2026", "rsa": "ratio", "cka": "ratio"}


@dataclass(frozen=True, eq=False)
class Ceiling:
    """The consistency of a recording with itself.

    Attributes
    ----------
    value : float
        Median over neuroids, mean over splits, corrected to all repetitions.
    error : float
        Standard error of the mean over splits.
    raw : ndarray of shape (n_splits, m) or (n_splits,)
        Corrected consistency of every split and, for regressions, neuroid.
    """

    value: float
    error: float
    raw: Floats


def internal_consistency(
    benchmark: NeuralBenchmark, metric: Pls | Ridge | Rsa | Cka | None = None
) -> Ceiling:
    """Estimate the ceiling of a benchmark from random halves of its repetitions.

    Equals Brain-Score's ``internal_consistency``: ten halvings of the repetitions, Pearson
    r between the halves' mean responses for each neuroid, Spearman-Brown correction,
    median over neuroids, mean over the halvings. For metrics that compare whole
    populations the halves are compared by that metric instead. Stimuli that a neuroid responded
    to only once are left out for it (for those metrics, for all). Where a recording is
    stored in single precision Brain-Score also computes in it and so differs from this by its
    rounding errors (some 2e-8).

    Parameters
    ----------
    benchmark : NeuralBenchmark
    metric : Pls, Ridge, Rsa or Cka, optional
        Which metric the ceiling is for.

    Raises
    ------
    HypError
        If there is one repetition only, or too few stimuli were repeated.
    """
    if not benchmark.halves:
        raise HypError(
            f"{benchmark.name} has one repetition of every stimulus, so no ceiling can be "
            "estimated; score it without one (formula none)."
        )
    raw = np.array([_consistency(*pair, metric) for pair in benchmark.halves])
    if np.isnan(np.atleast_2d(raw.T)).all(axis=0).any():
        raise HypError(
            f"too few stimuli of {benchmark.name} were shown more than once, so no ceiling can be "
            "estimated; score it without one (formula none)."
        )
    raw = spearman_brown(raw)
    per_split = np.nanmedian(raw, axis=1) if raw.ndim == 2 else raw
    return Ceiling(float(per_split.mean()), standard_error(per_split), raw)


def usual_formula(metric: Pls | Ridge | Rsa | Cka) -> Formula:
    """Return how scores of a metric are related to the ceiling by default.

    Regressions explain variance (``2026``); RSA and CKA are agreements already and are divided by
    the ceiling (``ratio``), as Brain-Score does.
    """
    return _FORMULAS[metric.kind]


def spearman_brown(r: Floats) -> Floats:
    """Return the reliability of twice as many repetitions (Spearman 1910, Brown 1910)."""
    return 2 * r / (1 + r)


def standard_error(per_split: Floats) -> float:
    """Return Brain-Score's error: the deviation over splits (ddof 0) over root n."""
    return float(per_split.std() / np.sqrt(len(per_split)))


def ceiled(r: float, ceiling: float, formula: Formula) -> float:
    """Return a score relative to the ceiling.

    Parameters
    ----------
    r : float
        Unceiled score, a correlation.
    ceiling : float
        Reliability of the mean responses.
    formula : {"2024", "2026", "ratio"}
        ``(r / ceiling)^2``, as Brain-Score had it when the paper was written;
        ``r^2 / ceiling``, as it has had it since January 2026: a perfect model gets 1;
        ``r / ceiling``, as it has it for RSA. The sign of r is kept: a negative correlation
        explains nothing, however large its square.

    Raises
    ------
    HypError
        If the formula is unknown, or the ceiling not positive.
    """
    if formula not in get_args(Formula):
        raise HypError(f"unknown ceiling formula {formula!r}; use {', '.join(get_args(Formula))}.")
    if not ceiling > 0:
        raise HypError(
            f"the ceiling is {ceiling:.3g}: the repetitions do not agree with each other, so there "
            "is nothing to explain; leave out unreliable neuroids or score without a ceiling."
        )
    if formula == "ratio":
        return r / ceiling
    squared = (r / ceiling) ** 2 if formula == "2024" else r**2 / ceiling
    return math.copysign(squared, r)


def pearson(first: Floats, second: Floats) -> Floats:
    """Return Pearson r column by column; NaN where a column of either does not vary.

    Parameters
    ----------
    first, second : ndarray of shape (n, m)

    Returns
    -------
    ndarray of shape (m,)
    """
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    r = np.full(first.shape[1], np.nan)
    varies = (np.ptp(first, axis=0) > 0) & (np.ptp(second, axis=0) > 0)
    a, b = a[:, varies], b[:, varies]
    norms = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    r[varies] = np.clip((a * b).sum(axis=0) / norms, -1, 1)
    return r


def _consistency(
    first: Floats, second: Floats, metric: Pls | Ridge | Rsa | Cka | None
) -> Floats | float:
    known = ~(np.isnan(first) | np.isnan(second))
    if isinstance(metric, Rsa | Cka):
        whole = known.all(axis=1)
        if whole.sum() < _FEWEST:
            return float("nan")
        first, second = first[whole], second[whole]
    if isinstance(metric, Rsa):
        ours = dissimilarities(compute_gram(first), metric.dissimilarity)
        theirs = dissimilarities(compute_gram(second), metric.dissimilarity)
        return compare_dissimilarities(ours, theirs, metric.comparison)
    if isinstance(metric, Cka):
        if metric.neurons == "sampled":
            return sampled_consistency(first, second)
        return unbiased_cka(first @ first.T, second @ second.T)
    if known.all():
        return pearson(first, second)
    r = np.full(known.shape[1], np.nan)
    for neuroid in np.flatnonzero(known.sum(axis=0) >= _FEWEST):
        rows, column = known[:, neuroid], [neuroid]
        r[neuroid] = pearson(first[rows][:, column], second[rows][:, column])[0]
    return r
