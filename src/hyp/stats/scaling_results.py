"""What a scaling fit says: the law, its parameters, what it predicts, in numbers and words."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from hyp.stats.scaling_regions import Floats, Law

TIE = 2.0


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


def sentence_of(
    fits: list[ScalingFit], differences: list[float], held: HeldOutSize, unit: str
) -> str:
    """Say in one sentence which law fits, and what it says."""
    best = fits[0]
    others = list(zip(fits[1:], differences[1:], strict=True))
    worse = " and ".join(f"{fit.law} {difference:.1f}" for fit, difference in others)
    tied = [fit.law for fit, difference in others if difference < TIE]
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
