"""What a scaling law's parameters can be: the region of curves that the data do not reject."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, hypot, inf, isfinite, log
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]
Law = Literal["log-linear", "power law", "broken line"]
LAWS: tuple[Law, ...] = get_args(Law)
CURVE_PARAMETERS = {"log-linear": 2, "power law": 3, "broken line": 3}
_GRID = 400
_DENSE = 2001
_ROUNDING = 1e-9
_STEP = 30.0
_LARGEST_LOG = 600.0


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


def region_of(law: Law, x: Floats, y: Floats, confidence: float) -> _Region:
    """Curves that an F test on one parameter leaves, by the ratio of sums of squares."""
    rounding = len(x) * (_ROUNDING * float(np.ptp(y))) ** 2
    df = len(x) - CURVE_PARAMETERS[law]
    shapes = _shapes(law, x)
    rss = _lines(law, shapes, x, y)[3]
    best = _best_shape(law, shapes, rss, x, y, rounding)
    least = max(float(_lines(law, np.array([best]), x, y)[3][0]), rounding)
    most = least * (1 + t_quantile(confidence, df) ** 2 / df)
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


def interval_at(region: _Region, where: float, new: float = 0.0) -> tuple[float, float, float]:
    """Curve at x = `where` with its interval, or with 1 for `new` that of a mean measured there."""
    basis = _basis(region.law, region.shapes, np.array([where]))[:, 0]
    return _extrema(region, basis, new)


def _extrema(region: _Region, basis: Floats, new: float = 0.0) -> tuple[float, float, float]:
    value = region.mean + region.slope * (basis - region.centre)
    leverage = 1 / region.points + (basis - region.centre) ** 2 / region.spread
    half = np.sqrt((region.most - region.rss) * (new + leverage))
    return float(value[0]), float((value - half).min()), float((value + half).max())


def slope_of(region: _Region) -> tuple[float, float, float]:
    """Return the slope and its interval."""
    half = np.sqrt((region.most - region.rss) / region.spread)
    slope = region.slope
    return float(slope[0]), float((slope - half).min()), float((slope + half).max())


def plateau_of(region: _Region) -> tuple[float, float, float]:
    """Return the plateau and its interval."""
    end = _end(region)
    bounded = np.isfinite(end)
    if bounded.all():
        return _extrema(region, end)
    straight = _only(region, ~bounded)
    value, low, high = inf if straight.slope[0] > 0 else -inf, inf, -inf
    if bounded.any():
        first, low, high = _extrema(_only(region, bounded), end[bounded])
        value = first if bounded[0] else value
    _, least, largest = slope_of(straight)
    return value, -inf if least < 0 else low, inf if largest > 0 else high


def break_of(region: _Region, x: Floats) -> tuple[float, float, float]:
    """Return the break and its interval."""
    value, low, high = (
        _times(float(one)) for one in (region.shapes[0], region.shapes.min(), region.shapes.max())
    )
    return (
        inf if region.shapes[0] >= x[-1] else value,
        1.0 if region.shapes.min() <= x[1] else low,
        inf if region.shapes.max() >= x[-1] else high,
    )


def size_reached(region: _Region, x: Floats, within: float) -> tuple[float, float, float]:
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


def widened(value: float, low: float, high: float, half: float) -> tuple[float, float, float]:
    """Add an independent error's half-width by the sum of squares (Zou and Donner 2008)."""
    if not isfinite(value):
        return value, low - half, high + half
    return value, value - hypot(value - low, half), value + hypot(high - value, half)


def _times(log_ratio: float) -> float:
    return exp(log_ratio) if log_ratio < _LARGEST_LOG else inf


def t_quantile(confidence: float, df: int) -> float:
    """Return the two-sided quantile of t."""
    return float(stats.t.ppf((1 + confidence) / 2, df))
