"""Scaling along two axes at once: which law fits each, weighed by AICc, and the largest predicted.

A score is the sum of a constant and one term an axis: none, log-linear, or a saturating power law
(`hyp.stats.scaling`), so that nine laws are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import exp
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize

from hyp.errors import HypError
from hyp.stats.arguments import check_level

Floats = NDArray[np.float64]
Form = Literal["none", "log-linear", "power law"]
FORMS: tuple[Form, ...] = get_args(Form)

_PARAMETERS = {"none": 0, "log-linear": 1, "power law": 2}
_FEWEST_SIZES = 4
_GRID = 12
_TOGETHER = 0.98
_TIE = 2.0


@dataclass(frozen=True)
class AxisTerm:
    """What one axis contributes.

    Attributes
    ----------
    axis : str
    form : {"none", "log-linear", "power law"}
    exponent : float
        k of the power law, otherwise NaN.
    gain, gain_low, gain_high : float
        Change of the score from the smallest size to the largest, and its interval.
    left : float
        What a power law still gains beyond the largest size; infinite if log-linear, 0 if none.
    """

    axis: str
    form: Form
    exponent: float
    gain: float
    gain_low: float
    gain_high: float
    left: float


@dataclass(frozen=True)
class AxesFit:
    """One law.

    Attributes
    ----------
    terms : tuple of AxisTerm
    rss, aicc : float
        Of the means over seeds.
    parameters : int
        Those of the surface and the variance.
    """

    terms: tuple[AxisTerm, ...]
    rss: float
    aicc: float
    parameters: int

    @property
    def law(self) -> str:
        """The law in words."""
        said = [f"{term.form} in {term.axis}" for term in self.terms if term.form != "none"]
        return " and ".join(said) or "constant"


@dataclass(frozen=True)
class HeldOutEdge:
    """The combinations with the largest size on one axis, predicted by a fit without them.

    Attributes
    ----------
    axis : str
    size : float
    n : int
        Combinations left out.
    error, rms_error : float
        Mean of observed - predicted, and the root of its mean square.
    inside : float
        Share of the combinations inside their 95 % prediction intervals.
    """

    axis: str
    size: float
    n: int
    error: float
    rms_error: float
    inside: float


@dataclass(frozen=True)
class AxesComparison:
    """The nine laws weighed against each other.

    Attributes
    ----------
    fits : tuple of AxesFit
        From the smallest AICc to the largest.
    weights : tuple of float
        Akaike weights in that order.
    held_out : tuple of HeldOutEdge
        The best law's predictions, an axis each.
    n : int
        Combinations of sizes, each the mean of its seeds.
    sentence : str
    """

    fits: tuple[AxesFit, ...]
    weights: tuple[float, ...]
    held_out: tuple[HeldOutEdge, ...]
    n: int
    sentence: str

    @property
    def best(self) -> AxesFit:
        """The law with the smallest AICc."""
        return self.fits[0]

    @property
    def tied(self) -> tuple[AxesFit, ...]:
        """Laws within two units of AICc of the best, the best first."""
        return tuple(fit for fit in self.fits if fit.aicc - self.fits[0].aicc < _TIE)


def compare_axes(
    sizes: ArrayLike,
    scores: ArrayLike,
    seeds: ArrayLike,
    names: Sequence[str],
    *,
    confidence: float = 0.95,
) -> AxesComparison:
    """Fit nine laws to scores along two axes, weigh them by AICc, and predict the largest sizes.

    A combination of sizes counts once, as the mean of its seeds. Given the exponents a law is
    linear, and these are searched on a grid and refined. Intervals are the linear approximation's
    (Bates and Watts 1988, chapter 2).

    Parameters
    ----------
    sizes : array_like, shape (rows, 2)
    scores : array_like, shape (rows,)
    seeds : array_like, shape (rows,)
    names : sequence of str
        Of the two axes.
    confidence : float
        Of the intervals.

    Raises
    ------
    HypError
        If an axis has fewer than four sizes, the axes rise together, there are fewer than eight
        combinations, a seed occurs twice in one, or numbers are missing or not positive.
    """
    x, y, largest = _cells(sizes, scores, seeds, names)
    check_level("the confidence", confidence)
    fits = []
    for forms in product(FORMS, FORMS):
        fits.append(_fit(forms, x, y, names, confidence))
    fits.sort(key=lambda fit: fit.aicc)
    likelihoods = np.exp([(fits[0].aicc - fit.aicc) / 2 for fit in fits])
    best = [term.form for term in fits[0].terms]
    held_out = tuple(_held_out(best, x, y, axis, names, largest) for axis in range(2))
    return AxesComparison(
        fits=tuple(fits),
        weights=tuple((likelihoods / likelihoods.sum()).tolist()),
        held_out=tuple(edge for edge in held_out if edge is not None),
        n=len(y),
        sentence=_sentence(fits, held_out, names),
    )


def _cells(
    sizes: ArrayLike, scores: ArrayLike, seeds: ArrayLike, names: Sequence[str]
) -> tuple[Floats, Floats, Floats]:
    """Return ln(size / smallest), shape (cells, 2), mean scores, and the largest sizes."""
    n, score = np.asarray(sizes, dtype=float), np.asarray(scores, dtype=float)
    seed = np.asarray(seeds).astype(str)
    if n.ndim != 2 or n.shape != (len(score), 2) or seed.shape != score.shape:
        raise HypError("two axes need sizes of shape (rows, 2) and as many scores and seeds.")
    if not (np.isfinite(n) & (n > 0)).all() or not np.isfinite(score).all():
        raise HypError("sizes must be positive and scores finite; some are missing.")
    unique, row = np.unique(n, axis=0, return_inverse=True)
    row = row.ravel()
    if len(set(zip(row.tolist(), seed.tolist(), strict=True))) < len(score):
        raise HypError("a seed has several scores at one combination of sizes; restrict the rows.")
    counts = [len(np.unique(unique[:, axis])) for axis in range(2)]
    few = [name for name, count in zip(names, counts, strict=True) if count < _FEWEST_SIZES]
    if few or len(unique) < 2 * _FEWEST_SIZES:
        raise HypError(
            f"two axes need {_FEWEST_SIZES} sizes each and {2 * _FEWEST_SIZES} combinations; there "
            f"are {counts[0]} of {names[0]}, {counts[1]} of {names[1]} and {len(unique)} together."
        )
    x = np.log(unique / unique.min(axis=0))
    together = float(np.corrcoef(x.T)[0, 1])
    if abs(together) > _TOGETHER:
        raise HypError(
            f"{names[0]} and {names[1]} rise together (correlation of logarithms {together:.3f}), "
            "so their parts cannot be told apart; take one of them."
        )
    means = np.bincount(row, score) / np.bincount(row)
    return x, means, unique.max(axis=0)


def _design(forms: Sequence[Form], x: Floats, shapes: Floats) -> Floats:
    columns = [np.ones(len(x))]
    for axis, form in enumerate(forms):
        if form == "log-linear":
            columns.append(x[:, axis])
        elif form == "power law":
            columns.append(-np.expm1(-shapes[axis] * x[:, axis]) / shapes[axis])
    return np.column_stack(columns)


def _rss(forms: Sequence[Form], x: Floats, y: Floats, shapes: Floats) -> float:
    X = _design(forms, x, shapes)
    residuals = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(residuals @ residuals)


def _best_shapes(forms: Sequence[Form], x: Floats, y: Floats) -> Floats:
    """Search the exponents of the power laws; 1 where there is none."""
    bounds = []
    for axis in range(x.shape[1]):
        sizes = np.unique(x[:, axis])
        bounds.append((np.log(1e-2 / sizes[-1]), np.log(10 / sizes[1])))
    bent = [axis for axis, form in enumerate(forms) if form == "power law"]
    if not bent:
        return np.ones(x.shape[1])

    def shaped(logs: Floats) -> Floats:
        shapes = np.ones(x.shape[1])
        shapes[bent] = np.exp(logs)
        return shapes

    def loss(logs: Floats) -> float:
        return _rss(forms, x, y, shaped(logs))

    grid = product(*(np.linspace(*bounds[axis], _GRID) for axis in bent))
    start = min((np.array(point) for point in grid), key=loss)
    found = minimize(
        loss,
        start,
        method="Nelder-Mead",
        bounds=[bounds[axis] for axis in bent],
        options={"xatol": 1e-6, "fatol": 1e-14},
    )
    return shaped(found.x)


def _linearised(
    forms: Sequence[Form], x: Floats, y: Floats, shapes: Floats
) -> tuple[Floats, Floats, float]:
    """Return coefficients, covariance over s^2 of (coefficients, log exponents), and s^2."""
    X = _design(forms, x, shapes)
    coefficients = np.asarray(np.linalg.lstsq(X, y, rcond=None)[0], dtype=np.float64)
    J = np.column_stack([X, *_by_exponent(forms, x, shapes, coefficients)])
    residuals = y - X @ coefficients
    df = len(y) - J.shape[1]
    covariance = np.asarray(np.linalg.pinv(J.T @ J), dtype=np.float64)
    return coefficients, covariance, float(residuals @ residuals) / df


def _by_exponent(
    forms: Sequence[Form], x: Floats, shapes: Floats, coefficients: Floats
) -> list[Floats]:
    """Return the derivatives by the logarithm of every exponent."""
    columns, place = [], 0
    for axis, form in enumerate(forms):
        place += form != "none"
        if form == "power law":
            k, at = shapes[axis], x[:, axis]
            slope = at * np.exp(-k * at) + np.expm1(-k * at) / k
            columns.append(coefficients[place] * slope)
    return columns


def _fit(
    forms: Sequence[Form], x: Floats, y: Floats, names: Sequence[str], confidence: float
) -> AxesFit:
    shapes = _best_shapes(forms, x, y)
    coefficients, covariance, variance = _linearised(forms, x, y, shapes)
    t = float(stats.t.ppf((1 + confidence) / 2, len(y) - len(covariance)))
    terms, place, bent = [], 0, len(coefficients)
    for axis, form in enumerate(forms):
        if form == "none":
            terms.append(AxisTerm(names[axis], form, float("nan"), 0.0, 0.0, 0.0, 0.0))
            continue
        place += 1
        end = np.zeros((1, x.shape[1]))
        end[0, axis] = x[:, axis].max()
        change = np.zeros(len(covariance))
        change[place] = _design(forms, end, shapes)[0, place]
        left = float("inf")
        if form == "power law":
            own = [other for other, one in enumerate(forms) if one == "power law"].index(axis)
            change[bent + own] = _by_exponent(forms, end, shapes, coefficients)[own][0]
            k = shapes[axis]
            left = float(coefficients[place] * exp(-k * end[0, axis]) / k)
        gain = float(coefficients[place] * change[place])
        half = t * float(np.sqrt(variance * change @ covariance @ change))
        exponent = float(shapes[axis]) if form == "power law" else float("nan")
        terms.append(AxisTerm(names[axis], form, exponent, gain, gain - half, gain + half, left))
    rss = _rss(forms, x, y, shapes)
    parameters = 2 + sum(_PARAMETERS[form] for form in forms)
    n = len(y)
    aicc = n * (np.log(2 * np.pi * rss / n) + 1) + 2 * parameters * n / (n - parameters - 1)
    return AxesFit(tuple(terms), rss, float(aicc), parameters)


def _held_out(
    forms: Sequence[Form], x: Floats, y: Floats, axis: int, names: Sequence[str], largest: Floats
) -> HeldOutEdge | None:
    """Predict the cells with the largest size; None where too few are left to fit."""
    edge = x[:, axis] == x[:, axis].max()
    rest = x[~edge]
    fewest = 3 + sum(_PARAMETERS[form] for form in forms)
    if len(rest) < fewest or any(len(np.unique(column)) < 3 for column in rest.T):
        return None
    shapes = _best_shapes(forms, rest, y[~edge])
    coefficients, covariance, variance = _linearised(forms, rest, y[~edge], shapes)
    X = _design(forms, x[edge], shapes)
    J = np.column_stack([X, *_by_exponent(forms, x[edge], shapes, coefficients)])
    error = y[edge] - X @ coefficients
    t = float(stats.t.ppf(0.975, len(rest) - len(covariance)))
    half = t * np.sqrt(variance * (1 + np.einsum("ij,jk,ik->i", J, covariance, J)))
    return HeldOutEdge(
        axis=names[axis],
        size=float(largest[axis]),
        n=int(edge.sum()),
        error=float(error.mean()),
        rms_error=float(np.sqrt((error**2).mean())),
        inside=float((np.abs(error) <= half).mean()),
    )


def _sentence(
    fits: Sequence[AxesFit], held_out: Sequence[HeldOutEdge | None], names: Sequence[str]
) -> str:
    best = fits[0]
    said = []
    for term in best.terms:
        if term.form == "none":
            said.append(f"no gain with {term.axis}")
            continue
        gain = f"{term.gain:+.3f} ({term.gain_low:+.3f} to {term.gain_high:+.3f})"
        more = f", {term.left:+.3f} left beyond" if term.form == "power law" else ", no plateau"
        said.append(f"{gain} over the sizes of {term.axis} ({term.form}{more})")
    tied = [fit.law for fit in fits[1:] if fit.aicc - best.aicc < _TIE]
    doubt = f"; AICc cannot rule out: {'; '.join(tied)}" if tied else ""
    edges = [
        f"{edge.axis} {edge.size:.2g}: mean error {edge.error:+.3f}, "
        f"{edge.inside:.0%} of {edge.n} inside their intervals"
        for edge in held_out
        if edge is not None
    ]
    tail = f" Largest sizes predicted without them: {'; '.join(edges)}." if edges else ""
    first = " and ".join(said)
    return f"{first[0].upper()}{first[1:]}{doubt}.{tail}"
