"""One row a comparison: what two groups, or pairs, come to in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from hyp.stats.arguments import Alternative, Floats
from hyp.stats.attainable import attainable_p
from hyp.stats.families import max_t, max_t_paired
from hyp.stats.offered import EquivalenceTest, Test, name_of_test
from hyp.stats.permutation import permutation_p, sign_flip_p, signed_ranks
from hyp.stats.rank_sum import exact_p
from hyp.stats.scores import paired_differences, rounding_of
from hyp.stats.shift import hodges_lehmann, hodges_lehmann_paired
from hyp.stats.signed_rank import signed_rank_p
from hyp.stats.superiority import superiority, superiority_interval
from hyp.stats.tost import Equivalence, equivalence


@dataclass(frozen=True)
class Asked:
    """What is asked of every comparison, as declared."""

    test: Test
    alternative: Alternative
    margin: float | None
    equivalence: EquivalenceTest
    paired: bool


def compared(index: pd.Index, x: Floats, y: Floats, asked: Asked) -> pd.DataFrame:
    """Compare groups of the same sizes, or pairs where that was asked.

    Parameters
    ----------
    index : Index, of comparisons
    x, y : ndarray, shape (comparisons, n1) and (comparisons, n2)
        Column i of both is one pair if pairs are compared.
    """
    rows = _paired(index, x, y, asked) if asked.paired else _independent(index, x, y, asked)
    rows["n_a"], rows["n_b"] = x.shape[1], y.shape[1]
    rows["mean_a"], rows["mean_b"] = x.mean(axis=1), y.mean(axis=1)
    rows["sd_a"], rows["sd_b"] = _sd(x), _sd(y)
    rows["test"] = name_of_test(asked.test, paired=asked.paired)
    flat = np.abs(rows["difference"]) <= rounding_of(x, y)
    rows["difference"] = rows["difference"].mask(flat, 0.0)
    if asked.test == "studentized":
        rows["direction"] = np.sign(rows["difference"])
    rows["direction"] = rows["direction"].astype(int)
    rows["signs_agree"] = (np.sign(rows["difference"]) == rows["direction"]) & (
        np.sign(rows["shift"]) == rows["direction"]
    )
    if asked.margin is not None:
        tested = _equivalence(x, y, asked.margin, asked)
        rows["p_equivalence"] = [one.p for one in tested]
        rows["p_not_lower"] = [one.p_not_lower for one in tested]
        rows["p_not_higher"] = [one.p_not_higher for one in tested]
    return rows


def corrected_together(x: Floats, y: Floats, asked: Asked) -> Floats:
    """Step-down max-T p of comparisons whose columns are the same units, see `compared`."""
    if not asked.paired:
        return max_t(x, y, asked.test, asked.alternative)
    assert asked.test != "brunner-munzel"
    return max_t_paired(paired_differences(x, y), asked.test, asked.alternative)


def welch_interval(x: Floats, y: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Welch's interval of each row's difference in means, NaN where it is undefined.

    The same as ``ttest_ind(x, y, equal_var=False).confidence_interval()``, which gives an
    interval of no width, not an undefined one, when neither group varies.

    Parameters
    ----------
    x, y : ndarray, shape (comparisons, n1) and (comparisons, n2)

    Returns
    -------
    low, high : ndarray, shape (comparisons,)
    """
    n1, n2 = x.shape[1], y.shape[1]
    if min(n1, n2) < 2:
        undefined = np.full(len(x), np.nan)
        return undefined, undefined
    a, b = x.var(axis=1, ddof=1) / n1, y.var(axis=1, ddof=1) / n2
    largest = np.maximum(a, b)
    scale = np.where(largest > 0, largest, 1.0)
    with np.errstate(invalid="ignore"):
        df = ((a + b) / scale) ** 2 / ((a / scale) ** 2 / (n1 - 1) + (b / scale) ** 2 / (n2 - 1))
    half = stats.t.ppf((1 + confidence) / 2, df) * np.sqrt(a + b)
    difference = x.mean(axis=1) - y.mean(axis=1)
    return difference - half, difference + half


def paired_interval(d: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Student's interval of each row's mean difference, NaN where differences do not vary.

    Parameters
    ----------
    d : ndarray, shape (comparisons, pairs)

    Returns
    -------
    low, high : ndarray, shape (comparisons,)
    """
    n = d.shape[1]
    if n < 2:
        undefined = np.full(len(d), np.nan)
        return undefined, undefined
    spread = d.std(axis=1, ddof=1)
    spread[np.ptp(d, axis=1) == 0] = np.nan
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * spread / np.sqrt(n)
    return d.mean(axis=1) - half, d.mean(axis=1) + half


def _independent(index: pd.Index, x: Floats, y: Floats, asked: Asked) -> pd.DataFrame:
    n1, n2 = x.shape[1], y.shape[1]
    rows = pd.DataFrame(index=index)
    rows["difference"] = x.mean(axis=1) - y.mean(axis=1)
    rows["ci_low"], rows["ci_high"] = welch_interval(x, y)
    rows["shift"], rows["shift_low"], rows["shift_high"] = hodges_lehmann(x, y)
    ps = superiority(x, y)
    rows["ps"] = ps
    rows["ps_low"], rows["ps_high"] = superiority_interval(ps, n1, n2)
    rows["direction"] = np.sign(ps - 0.5)
    if asked.test == "rank":
        rows["p"] = exact_p(x, y, asked.alternative)
    else:
        rows["p"] = permutation_p(x, y, asked.test, asked.alternative)
    rows["p_attainable"] = attainable_p(
        n1, n2, two_sided=asked.alternative == "two-sided", test=asked.test
    )
    return rows


def _paired(index: pd.Index, x: Floats, y: Floats, asked: Asked) -> pd.DataFrame:
    d = paired_differences(x, y)
    n = d.shape[1]
    rows = pd.DataFrame(index=index)
    rows["difference"] = d.mean(axis=1)
    rows["ci_low"], rows["ci_high"] = paired_interval(d)
    rows["shift"], rows["shift_low"], rows["shift_high"] = hodges_lehmann_paired(d)
    wins = ((1 + np.sign(d)) / 2).sum(axis=1)
    rows["ps"] = wins / n
    rows["ps_low"], rows["ps_high"] = proportion_confint(wins, n, method="wilson")
    if asked.test == "rank":
        rows["p"] = signed_rank_p(d, asked.alternative)
        rows["direction"] = np.sign(signed_ranks(d).sum(axis=1))
    else:
        rows["p"] = sign_flip_p(d, asked.alternative)
        rows["direction"] = 0
    two_sided = asked.alternative == "two-sided"
    rows["p_attainable"] = attainable_p(n, n, two_sided=two_sided, test=asked.test, paired=True)
    return rows


def _equivalence(x: Floats, y: Floats, margin: float, asked: Asked) -> Sequence[Equivalence]:
    fewest = min(x.shape[1], y.shape[1])
    if fewest < 2:
        undefined = Equivalence(np.nan, np.nan, np.nan, margin)
        return [undefined] * len(x)
    return [
        equivalence(a, b, margin, paired=asked.paired, test=asked.equivalence)
        for a, b in zip(x, y, strict=True)
    ]


def _sd(x: Floats) -> Floats:
    if x.shape[1] < 2:
        return np.full(len(x), np.nan)
    spread: Floats = x.std(axis=1, ddof=1)
    spread[np.ptp(x, axis=1) == 0] = 0.0
    return spread
