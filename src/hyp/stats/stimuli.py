"""Two groups compared so that the verdict holds for new stimuli, not only for new units.

Units are nested in groups, and all see the same stimuli. Averaging over stimuli asks whether
new units would differ on *these* stimuli. Whether they would on others of the kind is a
question about two samples at once; treating one of them as fixed is the language-as-fixed-effect
fallacy (Clark 1973, Journal of Verbal Learning and Verbal Behavior 12, 335-359).

The crossed random-effects model score = group + unit + stimulus + group x stimulus + rest has,
with complete tables, its variance of the difference from mean squares: that of the unit means of
each group, plus that of the stimuli's differences, minus the rest that both contain. Each part
brings its own degrees of freedom to the critical value (`hyp.stats.unequal`): Satterthwaite's
common ones, Clark's quasi-F, rejected up to 7 % at nominal 5 % with three units against eight.
Under the null this form rejected at most 5.5 % (benchmarks/calibration: units and stimuli from
mattering not at all to dominating, equal and threefold spreads), and Welch's test of the unit
means, which takes the stimuli as given, up to 60 % where they matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats, check_alternative, check_size
from hyp.stats.unequal import cochran_cox_p, weighted_critical


@dataclass(frozen=True)
class CrossedComparison:
    """A difference of two groups' means, with units and stimuli both taken as samples.

    Attributes
    ----------
    difference : float
        Mean of a minus mean of b.
    low, high : float
        Its interval; NaN where nothing varies.
    p : float
    error : float
        Standard error of the difference.
    share_of_stimuli : float
        Share of the difference's variance that comes from the choice of stimuli.
    """

    difference: float
    low: float
    high: float
    p: float
    error: float
    share_of_stimuli: float


def compare_crossed(
    a: ArrayLike,
    b: ArrayLike,
    *,
    paired: bool = False,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> CrossedComparison:
    """Compare two groups of units that saw the same stimuli.

    Parameters
    ----------
    a, b : array_like, shape (units, stimuli)
        One score a unit and stimulus; columns are the same stimuli in both.
    paired : bool
        Whether rows are the same units in both.
    alternative : {"two-sided", "greater", "less"}
        Of a against b.
    confidence : float
        Two-sided coverage aimed at by the interval.

    Raises
    ------
    HypError
        If the stimuli differ in number or are fewer than two, a group has fewer than two
        units, or paired groups differ in size.
    """
    check_alternative(alternative)
    one, other = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if one.shape[1] != other.shape[1] or one.shape[1] < 2:
        raise HypError("units of both groups need scores of the same two or more stimuli.")
    if paired and len(one) != len(other):
        raise HypError(f"paired groups need the same units, not {len(one)} and {len(other)}.")
    if min(len(one), len(other)) < 2:
        raise HypError("a verdict about new units needs at least two units in each group.")
    check_size(np.concatenate([one, other]))
    scale = max(float(np.abs(one).max()), float(np.abs(other).max())) or 1.0
    one, other = one / scale, other / scale
    samples = [one - other] if paired else [one, other]
    units, rest = zip(*(_parts(sample) for sample in samples), strict=True)
    by_stimulus = one.mean(axis=0) - other.mean(axis=0)
    of_units, of_rest = sum(units), sum(rest)
    seen = float(by_stimulus.var(ddof=1) / len(by_stimulus))
    of_stimuli = max(seen - min(of_rest, of_units), 0.0)
    difference = float(by_stimulus.mean())
    variance = of_units + of_stimuli
    if variance <= 1e-30:
        nan = float("nan")
        return CrossedComparison(difference * scale, nan, nan, 1.0, nan, nan)
    parts = np.array([[part] for part in (*units, of_stimuli)])
    df = [*(len(sample) - 1 for sample in samples), one.shape[1] - 1]
    p = cochran_cox_p([difference], parts, df, alternative)
    error = float(np.sqrt(variance))
    half = float(weighted_critical([(1 - confidence) / 2], parts, df)[0]) * error
    return CrossedComparison(
        difference=difference * scale,
        low=(difference - half) * scale,
        high=(difference + half) * scale,
        p=float(p[0]),
        error=error * scale,
        share_of_stimuli=of_stimuli / variance,
    )


def _parts(scores: Floats) -> tuple[float, float]:
    """Variance of a group's mean by its unit means, and the rest that is part of it."""
    n, m = scores.shape
    rest = scores - scores.mean(axis=0) - scores.mean(axis=1, keepdims=True) + scores.mean()
    mean_square = float((rest**2).sum() / ((n - 1) * (m - 1)))
    return float(scores.mean(axis=1).var(ddof=1) / n), mean_square / (n * m)
