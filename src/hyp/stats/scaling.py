"""Scaling laws: a score against dataset size, where it saturates and how sure that is.

Three laws, with n the size: log-linear, a + b log10 n; a saturating power law,
plateau - c n^-k with k > 0; a broken line in log10 n, straight up to a break and flat after
it. The second becomes the first as k goes to 0, the third as the break goes to the largest
size: with either, data that are log-linear leave the plateau open, and it is reported so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, hypot, inf, isfinite, isnan, log, nan, pi, sqrt
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize_scalar

from hyp.errors import HypError
from hyp.stats.arguments import check_level

Floats = NDArray[np.float64]
Law = Literal["log-linear", "power law", "broken line"]
LAWS: tuple[Law, ...] = get_args(Law)

_CURVE_PARAMETERS = {"log-linear": 2, "power law": 3, "broken line": 3}
_FEWEST_SIZES = 4
_GRID = 400
_DENSE = 2001
_ROUNDING = 1e-9
_TIE = 2.0
_STEP = 30.0
_LARGEST_LOG = 600.0


@dataclass(frozen=True)
class ScalingFit:
    """One law fitted to the seed means.

    Attributes
    ----------
    law : {"log-linear", "power law", "broken line"}
    slope : float
        Log-linear: change of the score for a tenfold size. Broken line: the same before
        the break. Power law: NaN.
    slope_low, slope_high : float
        Its interval.
    exponent : float
        k of the power law, 0 if the data bend the other way or not at all; NaN otherwise.
    start : float
        The law's value at the smallest size.
    plateau : float
        Infinite where the best fit is the log-linear limit; NaN for the log-linear law,
        which has none.
    plateau_low, plateau_high : float
        Its interval, given the law; infinite where the data set no limit.
    begins : float
        Size at which the power law is within the declared share of its plateau, or the
        break. The smallest size means at or before it, infinite that no size is known.
    begins_low, begins_high : float
        Its interval, read in the same way.
    within : float
        Share of the plateau that counts as having reached it.
    rss : float
        Sum of squared residuals of the seed means, or what rounding leaves of it.
    df : int
        Sizes less parameters of the curve.
    parameters : int
        Those of the curve and the variance, as AICc counts them.
    aicc : float
        NaN where it is undefined (sizes - parameters - 1 below 1), and `note` says so.
    sizes, means : tuple of float
        What was fitted, by rising size.
    seeds : int
        Most seeds at a size.
    seed_half_width : float
        What differences between seeds that persist over sizes add to the half-width of the
        plateau and of the band, as root of the sum of squares.
    confidence : float
        Two-sided coverage aimed at by the intervals.
    note : str
        What is undefined or rests on an assumption; empty if nothing does.
    """

    law: Law
    slope: float
    slope_low: float
    slope_high: float
    exponent: float
    start: float
    plateau: float
    plateau_low: float
    plateau_high: float
    begins: float
    begins_low: float
    begins_high: float
    within: float
    rss: float
    df: int
    parameters: int
    aicc: float
    sizes: tuple[float, ...]
    means: tuple[float, ...]
    seeds: int
    seed_half_width: float
    confidence: float
    note: str = ""


@dataclass(frozen=True)
class ScalingBand:
    """A law and its pointwise confidence band, for drawing.

    Attributes
    ----------
    sizes, curve, low, high : ndarray, shape (points,)
    """

    sizes: Floats
    curve: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class HeldOutSize:
    """The largest size predicted by a law fitted without it.

    Attributes
    ----------
    law : {"log-linear", "power law", "broken line"}
    size : float
        The largest size.
    predicted, low, high : float
        The seed mean expected there and its prediction interval.
    observed, error : float
        The seed mean there, and observed - predicted.
    inside : bool
        Whether the interval holds it.
    """

    law: Law
    size: float
    predicted: float
    low: float
    high: float
    observed: float
    error: float
    inside: bool


@dataclass(frozen=True)
class ScalingComparison:
    """The three laws weighed against each other.

    Attributes
    ----------
    fits : tuple of ScalingFit
        From the smallest AICc to the largest.
    differences : tuple of float
        AICc above the smallest, in the order of `fits`.
    weights : tuple of float
        Akaike weights in that order; they sum to 1.
    held_out : tuple of HeldOutSize
        The out-of-sample check on the largest size, in that order.
    sentence : str
        The result in plain words.
    """

    fits: tuple[ScalingFit, ...]
    differences: tuple[float, ...]
    weights: tuple[float, ...]
    held_out: tuple[HeldOutSize, ...]
    sentence: str

    @property
    def best(self) -> ScalingFit:
        """The law with the smallest AICc."""
        return self.fits[0]


def fit_scaling(
    law: Law,
    sizes: ArrayLike,
    scores: ArrayLike,
    seeds: ArrayLike,
    *,
    within: float = 0.05,
    confidence: float = 0.95,
) -> ScalingFit:
    """Fit one scaling law by least squares to the seed means.

    A size counts once, as the mean of its seeds, and the residual variance comes from the
    means' distance to the curve: seeds of a size saw the same training images, so they share
    what is odd about these, and no law is exact. Given the exponent or the break every law
    is a straight line (Golub and Pereyra 1973, SIAM J. Numer. Anal. 10, 413-432), and that
    one number is searched (``scipy.optimize.minimize_scalar``).

    Intervals hold every value for which some curve of the law has a residual sum of squares
    of at most RSS (1 + t^2 / df): the profile of Bates and Watts (1988), Nonlinear
    Regression Analysis, chapter 6; for the log-linear law it is the textbook's. They are
    given that the law is right. Levels that a seed keeps over all sizes move the whole curve
    and do not show in residuals of means; where every seed has every size their variance is
    estimated, and t times its standard error joins the half-width of plateau and band as
    root of the sum of squares (Zou and Donner 2008, Statistics in Medicine 27, 1693-1702).

    Measured at 3 seeds and 7 or 9 sizes, 2,000 studies in each of 24 settings (half of the
    variance shared by the seeds of a size, or kept by a seed, or neither): the 95 % interval
    held the plateau in 94.4 to 97.3 % and where it begins in 94.0 to 96.4 %. On 200 of each,
    a bootstrap over the 3 seeds held the plateau in 32 to 71 %, and ``curve_fit`` on all
    scores in 73 to 87 % where variance was shared. With no plateau in truth the interval
    was open above in 96.7 to 98.3 %.

    Parameters
    ----------
    law : {"log-linear", "power law", "broken line"}
    sizes : array_like, shape (rows,)
        Training images (or any positive count) behind each score.
    scores : array_like, shape (rows,)
        One score a size and seed, folds averaged.
    seeds : array_like, shape (rows,)
        The seed of each score; a label that recurs at other sizes is the same seed.
    within : float
        Share of the plateau within which a power law counts as having reached it.
    confidence : float
        Two-sided coverage aimed at by the intervals.

    Raises
    ------
    HypError
        If there are fewer than four sizes, a size is not positive, a score is not finite, a
        seed occurs twice at a size, the seed means do not vary, or an option is out of
        range.

    Examples
    --------
    >>> sizes = [1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7]
    >>> scores = [0.10, 0.20, 0.30, 0.39, 0.40, 0.41, 0.40]
    >>> fit = fit_scaling("broken line", sizes, scores, ["a"] * 7)
    >>> f"{fit.plateau:.3f} ({fit.plateau_low:.3f} to {fit.plateau_high:.3f})"
    '0.403 (0.396 to 0.411)'
    >>> f"{fit.begins:.2g}"
    '3.4e+05'
    """
    data = _data(sizes, scores, seeds)
    _check(law, within, confidence)
    return _fit(law, data, within, confidence)


def compare_scaling(
    sizes: ArrayLike,
    scores: ArrayLike,
    seeds: ArrayLike,
    *,
    within: float = 0.05,
    confidence: float = 0.95,
    unit: str = "images",
) -> ScalingComparison:
    """Fit the three scaling laws, weigh them by AICc and predict the largest size.

    AICc (Hurvich and Tsai 1989, Biometrika 76, 297-307) counts sizes, not scores, as
    observations, and the variance among the parameters; the weights are those of Burnham
    and Anderson (2002), Model Selection and Multimodel Inference, section 2.9. With so few
    sizes it is slow to leave the log-linear law: at 3 seeds and 7 or 9 sizes it kept that
    law in 95 to 99 % of studies in which it was true (counting scores, in 75 to 79 % where
    the seeds of a size share half of their variance). A climb of 36 standard deviations of
    a score was given its true law in 99.8 % or more; one of 12, in 84 to 99 % with 9
    sizes and 56 to 97 % with 7. The prediction interval of the largest size held its mean
    in 93 to 96 % under the true law (500 studies a setting).

    Parameters
    ----------
    sizes, scores, seeds, within, confidence
        See `fit_scaling`.
    unit : str
        What the sizes count, for the sentence.

    Raises
    ------
    HypError
        As `fit_scaling`, and if there are fewer than six sizes, with which AICc is
        undefined for the laws with three parameters.
    """
    data = _data(sizes, scores, seeds)
    _check("log-linear", within, confidence)
    fewest = max(_CURVE_PARAMETERS.values()) + 3
    if len(data.x) < fewest:
        raise HypError(
            f"AICc of three parameters and a variance is undefined with {len(data.x)} sizes; "
            f"give at least {fewest}, or fit one law on its own."
        )
    fits = sorted((_fit(law, data, within, confidence) for law in LAWS), key=lambda fit: fit.aicc)
    differences = np.array([fit.aicc - fits[0].aicc for fit in fits])
    likelihoods = np.exp(-differences / 2)
    weights = likelihoods / likelihoods.sum()
    held_out = tuple(_held_out(fit.law, data, confidence) for fit in fits)
    return ScalingComparison(
        fits=tuple(fits),
        differences=tuple(differences.tolist()),
        weights=tuple(weights.tolist()),
        held_out=held_out,
        sentence=_sentence(fits, differences.tolist(), held_out[0], unit),
    )


def scaling_band(fit: ScalingFit, sizes: ArrayLike) -> ScalingBand:
    """Curve of a fitted law with its pointwise confidence band, of the kind of its intervals.

    Parameters
    ----------
    fit : ScalingFit
    sizes : array_like, shape (points,)
        Where to evaluate; beyond the sizes that were fitted it extrapolates.

    Raises
    ------
    HypError
        If a size is not a positive number.
    """
    at = np.asarray(sizes, dtype=float)
    if at.ndim != 1 or not (np.isfinite(at) & (at > 0)).all():
        raise HypError("a band needs a list of positive sizes.")
    x = np.log(np.array(fit.sizes) / fit.sizes[0])
    region = _region(fit.law, x, np.array(fit.means), fit.confidence)
    rows = [
        _widened(*_interval(region, float(where)), fit.seed_half_width)
        for where in np.log(at / fit.sizes[0])
    ]
    curve, low, high = np.array(rows).reshape(-1, 3).T
    return ScalingBand(at, curve, low, high)


@dataclass(frozen=True)
class _Data:
    """Seed means by rising size; `x` is ln(size / smallest size)."""

    sizes: Floats
    x: Floats
    means: Floats
    seeds: int
    seed_error: float
    note: str


@dataclass(frozen=True)
class _Region:
    """Curves of a law whose sum of squares is at most `most`, one a shape, the best first.

    A shape is k of the power law or the break, in ln(size / smallest size); given it, the
    curve is a straight line in `_basis`, so that whatever is asked of all the curves is an
    extremum, over shapes, of what the textbook gives for a line.
    """

    law: Law
    shapes: Floats
    slope: Floats
    mean: float
    centre: Floats
    spread: Floats
    rss: Floats
    points: int
    last: float
    most: float


def _data(sizes: ArrayLike, scores: ArrayLike, seeds: ArrayLike) -> _Data:
    n, score = np.asarray(sizes, dtype=float), np.asarray(scores, dtype=float)
    seed = np.asarray(seeds)
    if n.ndim != 1 or n.shape != score.shape or n.shape != seed.shape:
        raise HypError(
            "a scaling fit needs sizes, scores and seeds as three lists of equal length, not "
            f"shapes {n.shape}, {score.shape} and {seed.shape}."
        )
    if not (np.isfinite(n) & (n > 0)).all():
        raise HypError("a scaling fit needs positive sizes; some are missing, zero or negative.")
    if not np.isfinite(score).all():
        raise HypError("a scaling fit needs finite scores; some are missing or infinite.")
    if pd.isna(seed).any():
        raise HypError("a scaling fit needs the seed of every score; some are missing.")
    unique, row = np.unique(n, return_inverse=True)
    if len(unique) < _FEWEST_SIZES:
        raise HypError(
            f"a scaling fit needs at least {_FEWEST_SIZES} different sizes, not {len(unique)}."
        )
    names, column = np.unique(seed, return_inverse=True)
    counts = np.zeros((len(unique), len(names)), dtype=int)
    np.add.at(counts, (row, column), 1)
    if counts.max() > 1:
        raise HypError("a seed has several scores at one size; average its folds first.")
    grid = np.full(counts.shape, nan)
    grid[row, column] = score
    means = np.nanmean(grid, axis=1)
    if float(np.ptp(means)) <= 1e-12 * float(np.abs(means).max()):
        raise HypError("the seed means are the same at every size, so there is no law to fit.")
    error, note = _seed_error(grid)
    most = int(counts.sum(axis=1).max())
    return _Data(unique, np.log(unique / unique[0]), means, most, error, note)


def _seed_error(grid: Floats) -> tuple[float, str]:
    """Estimate the standard error of the seeds' common level, from scores of shape (sizes, seeds).

    The between-seed component of the two-way layout, (MS seeds - MS rest) / (sizes seeds),
    0 where negative: residuals of the seed means cannot show a level that a seed keeps over
    all sizes, as it moves the whole curve.
    """
    m, r = grid.shape
    if r == 1:
        return 0.0, "with one seed the intervals hold for that seed, not for others like it."
    if np.isnan(grid).any():
        if (np.isfinite(grid).sum(axis=0) == 1).all():
            return 0.0, ""
        return 0.0, (
            "not every seed has every size, so levels that seeds keep over sizes are not in "
            "the intervals."
        )
    levels = grid.mean(axis=0)
    rest = grid - grid.mean(axis=1, keepdims=True) - levels + grid.mean()
    ms_rest = float((rest**2).sum()) / ((m - 1) * (r - 1))
    ms_seeds = m * float(levels.var(ddof=1))
    return sqrt(max(0.0, ms_seeds - ms_rest) / (m * r)), ""


def _check(law: str, within: float, confidence: float) -> None:
    if law not in LAWS:
        raise HypError(f"{law!r} is not a scaling law; choose {', '.join(LAWS)}.")
    if not 0 < within < 1:
        raise HypError(f"the share of the plateau must lie between 0 and 1, not {within:g}.")
    check_level("the confidence", confidence)


def _fit(law: Law, data: _Data, within: float, confidence: float) -> ScalingFit:
    n, parameters = len(data.x), _CURVE_PARAMETERS[law] + 1
    region = _region(law, data.x, data.means, confidence)
    aicc, notes = _aicc(float(region.rss[0]), n, parameters), [data.note]
    if isnan(aicc):
        notes.append(f"AICc is undefined with {n} sizes and {parameters} parameters.")
    half = data.seed_error * _t(confidence, data.seeds - 1) if data.seed_error > 0 else 0.0
    undefined = (nan, nan, nan)
    slope = undefined if law == "power law" else _slope(region)
    plateau = undefined if law == "log-linear" else _widened(*_plateau(region), half)
    begins = undefined
    if law != "log-linear":
        begins = _reached(region, data.x, within) if law == "power law" else _break(region, data.x)
    return ScalingFit(
        law=law,
        slope=log(10) * slope[0],
        slope_low=log(10) * slope[1],
        slope_high=log(10) * slope[2],
        exponent=float(region.shapes[0]) if law == "power law" else nan,
        start=_interval(region, 0.0)[0],
        plateau=plateau[0],
        plateau_low=plateau[1],
        plateau_high=plateau[2],
        begins=float(data.sizes[0]) * begins[0],
        begins_low=float(data.sizes[0]) * begins[1],
        begins_high=float(data.sizes[0]) * begins[2],
        within=within,
        rss=float(region.rss[0]),
        df=n - parameters + 1,
        parameters=parameters,
        aicc=aicc,
        sizes=tuple(data.sizes.tolist()),
        means=tuple(data.means.tolist()),
        seeds=data.seeds,
        seed_half_width=half,
        confidence=confidence,
        note=" ".join(note for note in notes if note),
    )


def _held_out(law: Law, data: _Data, confidence: float) -> HeldOutSize:
    region = _region(law, data.x[:-1], data.means[:-1], confidence)
    predicted, low, high = _interval(region, float(data.x[-1]), new=1.0)
    observed = float(data.means[-1])
    return HeldOutSize(
        law=law,
        size=float(data.sizes[-1]),
        predicted=predicted,
        low=low,
        high=high,
        observed=observed,
        error=observed - predicted,
        inside=low <= observed <= high,
    )


def _region(law: Law, x: Floats, y: Floats, confidence: float) -> _Region:
    """Curves that an F test on one parameter leaves, by the ratio of sums of squares."""
    rounding = len(x) * (_ROUNDING * float(np.ptp(y))) ** 2
    df = len(x) - _CURVE_PARAMETERS[law]
    shapes = _shapes(law, x)
    rss = _lines(law, shapes, x, y)[3]
    best = _best_shape(law, shapes, rss, x, y, rounding)
    least = max(float(_lines(law, np.array([best]), x, y)[3][0]), rounding)
    most = least * (1 + _t(confidence, df) ** 2 / df)
    shapes = np.concatenate([[best], _denser(law, shapes, rss <= most)])
    slope, centre, spread, rss = _lines(law, shapes, x, y)
    rss[0] = least
    kept = rss <= most
    return _Region(
        law=law,
        shapes=shapes[kept],
        slope=slope[kept],
        mean=float(y.mean()),
        centre=centre[kept],
        spread=spread[kept],
        rss=rss[kept],
        points=len(x),
        last=float(x[-1]),
        most=most,
    )


def _shapes(law: Law, x: Floats) -> Floats:
    """Shapes to search: from one at which the law is log-linear to one where it is a step."""
    if law == "log-linear":
        return np.zeros(1)
    if law == "power law":
        return np.concatenate([[0.0], np.geomspace(1e-3 / x[-1], _STEP / x[1], _GRID)])
    between = np.linspace(0, 1, _GRID // 4, endpoint=False)
    gaps = x[1:-1, None] + between * np.diff(x[1:])[:, None]
    return np.append(gaps.ravel(), x[-1])


def _best_shape(
    law: Law, shapes: Floats, rss: Floats, x: Floats, y: Floats, rounding: float
) -> float:
    limit = -1 if law == "broken line" else 0
    if rss[limit] <= max(float(rss.min()), rounding):
        return float(shapes[limit])
    at = int(rss.argmin())
    found = minimize_scalar(
        lambda shape: float(_lines(law, np.array([shape]), x, y)[3][0]),
        bounds=(shapes[max(at - 1, 0)], shapes[min(at + 1, len(shapes) - 1)]),
        method="bounded",
        options={"xatol": 1e-10 * shapes[at]},
    )
    return float(found.x) if found.fun < rss[at] else float(shapes[at])


def _denser(law: Law, shapes: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Shapes around those inside, the log-linear limit among them."""
    if len(shapes) == 1 or not inside.any():
        return shapes
    among = np.flatnonzero(inside)
    first, last = max(among[0] - 1, 0), min(among[-1] + 1, len(shapes) - 1)
    if law == "broken line":
        return np.linspace(shapes[first], shapes[last], _DENSE)
    dense = np.geomspace(shapes[max(first, 1)], shapes[max(last, 1)], _DENSE)
    return np.concatenate([shapes[:1], dense])


def _lines(law: Law, shapes: Floats, x: Floats, y: Floats) -> tuple[Floats, ...]:
    """Least-squares line on the basis of each shape: slope, centre, spread, residual sum."""
    basis = _basis(law, shapes, x)
    centre = basis.mean(axis=1)
    basis = basis - centre[:, None]
    spread = (basis**2).sum(axis=1)
    slope = basis @ (y - y.mean()) / spread
    rss = ((y - y.mean() - slope[:, None] * basis) ** 2).sum(axis=1)
    return slope, centre, spread, rss


def _basis(law: Law, shapes: Floats, x: Floats) -> Floats:
    """Return min(x, break), or (1 - exp(-k x)) / k, which is x at k = 0; (shapes, points)."""
    if law == "broken line":
        return np.minimum(shapes[:, None], x)
    positive = np.where(shapes > 0, shapes, 1.0)[:, None]
    bent: Floats = np.where(shapes[:, None] > 0, -np.expm1(-positive * x) / positive, x)
    return bent


def _end(region: _Region) -> Floats:
    """Value of the basis at the plateau, infinite where the law is log-linear."""
    if region.law == "broken line":
        return np.where(region.shapes < region.last, region.shapes, inf)
    positive = np.where(region.shapes > 0, region.shapes, 1.0)
    return np.where(region.shapes > 0, 1 / positive, inf)


def _interval(region: _Region, where: float, new: float = 0.0) -> tuple[float, float, float]:
    """Curve at x = `where` with its interval, or with 1 for `new` that of a mean measured there."""
    basis = _basis(region.law, region.shapes, np.array([where]))[:, 0]
    return _extrema(region, basis, new)


def _extrema(region: _Region, basis: Floats, new: float = 0.0) -> tuple[float, float, float]:
    value = region.mean + region.slope * (basis - region.centre)
    leverage = 1 / region.points + (basis - region.centre) ** 2 / region.spread
    half = np.sqrt((region.most - region.rss) * (new + leverage))
    return float(value[0]), float((value - half).min()), float((value + half).max())


def _slope(region: _Region) -> tuple[float, float, float]:
    half = np.sqrt((region.most - region.rss) / region.spread)
    slope = region.slope
    return float(slope[0]), float((slope - half).min()), float((slope + half).max())


def _plateau(region: _Region) -> tuple[float, float, float]:
    end = _end(region)
    bounded = np.isfinite(end)
    if bounded.all():
        return _extrema(region, end)
    straight = _only(region, ~bounded)
    value, low, high = inf if straight.slope[0] > 0 else -inf, inf, -inf
    if bounded.any():
        first, low, high = _extrema(_only(region, bounded), end[bounded])
        value = first if bounded[0] else value
    _, least, largest = _slope(straight)
    return value, -inf if least < 0 else low, inf if largest > 0 else high


def _break(region: _Region, x: Floats) -> tuple[float, float, float]:
    value, low, high = (
        _times(float(one)) for one in (region.shapes[0], region.shapes.min(), region.shapes.max())
    )
    return (
        inf if region.shapes[0] >= x[-1] else value,
        1.0 if region.shapes.min() <= x[1] else low,
        inf if region.shapes.max() >= x[-1] else high,
    )


def _reached(region: _Region, x: Floats, within: float) -> tuple[float, float, float]:
    """Size, over the smallest, at which the gap to the plateau is that share of the plateau.

    The ratio of two coefficients of a line has Fieller's interval; the size follows from it
    and the exponent.
    """
    curved = region.shapes > 0
    if not curved.any():
        return inf, inf, inf
    one = _only(region, curved)
    k, room = one.shapes, one.most - one.rss
    gap, end = one.slope / k, 1 / k
    plateau = one.mean + one.slope * (end - one.centre)
    gap_variance = 1 / (k**2 * one.spread)
    shared = (end - one.centre) / (k * one.spread)
    variance = 1 / one.points + (end - one.centre) ** 2 / one.spread
    a = plateau**2 - room * variance
    b = plateau * gap - room * shared
    c = gap**2 - room * gap_variance
    bounded = a > 0
    a = np.where(bounded, a, 1.0)
    root = np.sqrt(np.maximum(b**2 - a * c, 0.0))
    roots = np.abs([(b - root) / a, (b + root) / a])
    largest = np.where(bounded, roots.max(axis=0), inf)
    smallest = np.where(bounded & (c > 0), roots.min(axis=0), 0.0)
    low = float((np.log(np.maximum(smallest / within, 1.0)) / k).min())
    if k.max() > _STEP / 2 / x[1]:
        low = 0.0
    high = float((np.log(np.maximum(largest / within, 1.0)) / k).max())
    value = inf
    if curved[0] and plateau[0] != 0:
        value = log(max(abs(gap[0] / plateau[0]) / within, 1.0)) / k[0]
    return _times(value), _times(low), inf if not curved.all() else _times(high)


def _only(region: _Region, which: NDArray[np.bool_]) -> _Region:
    return replace(
        region,
        **{
            name: getattr(region, name)[which]
            for name in ("shapes", "slope", "centre", "spread", "rss")
        },
    )


def _widened(value: float, low: float, high: float, half: float) -> tuple[float, float, float]:
    """Add an independent error's half-width by the sum of squares (Zou and Donner 2008)."""
    if not isfinite(value):
        return value, low - half, high + half
    return value, value - hypot(value - low, half), value + hypot(high - value, half)


def _times(log_ratio: float) -> float:
    return exp(log_ratio) if log_ratio < _LARGEST_LOG else inf


def _aicc(rss: float, n: int, parameters: int) -> float:
    left = n - parameters - 1
    if left <= 0:
        return nan
    deviance = n * (log(2 * pi * rss / n) + 1)
    return deviance + 2 * parameters + 2 * parameters * (parameters + 1) / left


def _t(confidence: float, df: int) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, df))


def _sentence(
    fits: list[ScalingFit], differences: list[float], held: HeldOutSize, unit: str
) -> str:
    best = fits[0]
    others = list(zip(fits[1:], differences[1:], strict=True))
    worse = " and ".join(f"{fit.law} {difference:.1f}" for fit, difference in others)
    tied = [fit.law for fit, difference in others if difference < _TIE]
    doubt = f", so {' and '.join(tied)} cannot be ruled out" if tied else ""
    return (
        f"{_finding(best, unit)}; in AICc, {worse} worse{doubt}. Fitted without the largest "
        f"size, this law predicts {held.predicted:.3g} ({held.low:.3g} to {held.high:.3g}) there; "
        f"measured is {held.observed:.3g}, {'inside' if held.inside else 'outside'} that interval."
    )


def _finding(fit: ScalingFit, unit: str) -> str:
    if fit.law == "log-linear":
        change = f"{fit.slope:+.2g} ({fit.slope_low:+.2g} to {fit.slope_high:+.2g}) for each "
        change += f"tenfold of {unit}"
        if fit.slope_low <= 0 <= fit.slope_high:
            return f"No clear change with size (log-linear): {change}"
        return f"{'Rises' if fit.slope > 0 else 'Falls'} with no plateau (log-linear): {change}"
    begins = f"begins at about {_size(fit.begins, fit)} {unit}"
    if fit.law == "power law":
        begins = f"within {fit.within * 100:g} % of it from about {_size(fit.begins, fit)} {unit}"
    begins += f" ({_size(fit.begins_low, fit)} to {_size(fit.begins_high, fit)})"
    low, high = f"{fit.plateau_low:.3g}", f"{fit.plateau_high:.3g}"
    if isfinite(fit.plateau_low) and isfinite(fit.plateau_high):
        verb = "Saturates"
        if fit.begins > fit.sizes[-1]:
            verb = "Bends towards a plateau beyond the sizes measured"
        return f"{verb} ({fit.law}): plateau {fit.plateau:.3g} ({low} to {high}), {begins}"
    known = "the data do not bound its plateau"
    if isfinite(fit.plateau_low):
        known = f"the data set no upper limit to its plateau, {low} or more"
    if isfinite(fit.plateau_high):
        known = f"the data set no lower limit to its plateau, {high} or less"
    return f"Bends ({fit.law}), but {known}"


def _size(size: float, fit: ScalingFit) -> str:
    if size <= fit.sizes[0]:
        return f"{_short(fit.sizes[0])} or fewer"
    return _short(size) if isfinite(size) else "no limit"


def _short(size: float) -> str:
    return f"{size:.2g}".replace("e+0", "e").replace("e+", "e")
