"""The tests that a comparison can be declared to use, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any, Literal, NamedTuple

Test = Literal["rank", "studentized", "brunner-munzel"]
Correction = Literal["holm", "max-t"]
EquivalenceTest = Literal["welch", "rank", "studentized", "brunner-munzel"]

_NAMES = {
    ("rank", False): "Mann-Whitney",
    ("rank", True): "Wilcoxon signed-rank",
    ("studentized", False): "studentized permutation",
    ("studentized", True): "sign-flip",
    ("brunner-munzel", False): "Brunner-Munzel permutation",
}


_OF_MEANS = (_NAMES["studentized", False], _NAMES["studentized", True])


class Estimate(NamedTuple):
    """How far a is above b, in the terms of the test that was used.

    Attributes
    ----------
    value, low, high : float
        With its 95 % interval, NaN where it is undefined.
    name : str
        ``difference of means`` or ``shift`` (Hodges-Lehmann).
    """

    value: float
    low: float
    high: float
    name: str


def chosen_test(test: Test | None, correction: Correction) -> Test:
    """Return the test that was declared, or the one that goes with the correction.

    Ranks of a few units take few values, which leaves max-T little power: it goes with
    the studentized test unless another was declared.
    """
    if test is not None:
        return test
    return "rank" if correction == "holm" else "studentized"


def name_of_test(test: Test, *, paired: bool = False) -> str:
    """Return a test's name as people write it."""
    return _NAMES[test, paired]


def estimate_of(row: Mapping[str, Any]) -> Estimate:
    """Return the estimate that belongs to the test of a row of `compare`.

    Ranks: the Hodges-Lehmann shift. Means: the difference of means. A row without a shift
    (of another kind of question, or of an earlier version) has its difference only.

    Examples
    --------
    >>> row = {"test": "rank", "shift": 0.04, "shift_low": 0.01, "shift_high": 0.07}
    >>> estimate_of(row | {"difference": 0.05, "ci_low": 0.02, "ci_high": 0.08})
    Estimate(value=0.04, low=0.01, high=0.07, name='shift')
    """
    of_ranks = "shift" in row and row.get("test") not in _OF_MEANS
    value, low, high = (
        ("shift", "shift_low", "shift_high") if of_ranks else ("difference", "ci_low", "ci_high")
    )
    missing = float("nan")
    ends = [row.get(low, missing), row.get(high, missing)]
    low_end, high_end = (missing if end is None or isnan(end) else float(end) for end in ends)
    return Estimate(
        float(row[value]), low_end, high_end, "shift" if of_ranks else "difference of means"
    )
