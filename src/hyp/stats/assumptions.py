"""Whether the groups are such that a test holds its level, and which one would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf, isnan
from typing import Any, get_args

from hyp.stats.offered import Test, name_of_test

_SPREAD = 3.0
_SPREAD_OF_THE_SMALLER = 2.0
_SIZES = 1.5
_MANY = 6
_INDEPENDENT = [name_of_test(test) for test in get_args(Test)]


def check_assumptions(rows: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> tuple[str, ...]:
    """Say where unequal spreads or sizes put the level of the tests in doubt.

    The rank test asks whether all scores could come from one distribution. A group whose
    scores merely scatter more can make its p small, above all where it is the smaller group:
    with three seeds of threefold spread against eight, Mann-Whitney called 17 % of equal means
    significant at 5 %, the studentized permutation test 18 %, Brunner-Munzel's 14 % and Welch's t
    7 %. Spreads of a few seeds are known badly, so this is a reason to look, not a
    test; which rule holds where is in ``benchmarks/calibration``.

    Parameters
    ----------
    rows : iterable of mappings
        Rows of `hyp.stats.compare` (``to_dict("records")``).
    keys : iterable of str
        Columns that tell one comparison from another, for its name.

    Returns
    -------
    tuple of str
        One sentence for each kind of doubt, naming the comparisons; none where there is none,
        and none for pairs, whose test does not ask for equal spreads.

    Examples
    --------
    >>> row = dict(layer="conv1", n_a=3, n_b=8, sd_a=0.3, sd_b=0.1, test="Mann-Whitney")
    >>> print(check_assumptions([row], ["layer"])[0][:71])
    The smaller group spreads more than twice as much as the larger in conv
    """
    columns = list(keys)
    smaller, spread = [], []
    for row in rows:
        if row["test"] not in _INDEPENDENT:
            continue
        ratio, small_first = _ratio(row), row["n_a"] < row["n_b"]
        of_the_smaller = ratio if small_first else 1 / ratio if ratio > 0 else inf
        sizes = max(row["n_a"], row["n_b"]) / min(row["n_a"], row["n_b"])
        name = " ".join(str(row[key]) for key in columns)
        if sizes >= _SIZES and of_the_smaller >= _SPREAD_OF_THE_SMALLER:
            smaller.append(name)
        elif row["test"] == "Mann-Whitney" and not 1 / _SPREAD <= ratio <= _SPREAD:
            spread.append(name)
    sentences = []
    if smaller:
        sentences.append(
            f"The smaller group spreads more than twice as much as the larger in {_some(smaller)}: "
            "there a small p can come from the spread alone, by every rank or permutation test; "
            "Welch's interval of the difference of means errs least, and more units in that group "
            "mend it."
        )
    if spread:
        sentences.append(
            f"The groups' spreads differ more than threefold in {_some(spread)}: the rank test "
            "asks whether all scores could come from one distribution, so a small p can come from "
            'the spread alone; the test "brunner-munzel" holds there if the groups are of one size.'
        )
    return tuple(sentences)


def _ratio(row: Mapping[str, Any]) -> float:
    """Spread of a over that of b; 1 where one is unknown or neither varies."""
    a, b = row["sd_a"], row["sd_b"]
    if a is None or b is None or isnan(a) or isnan(b) or a == b == 0:
        return 1.0
    return float(a / b) if b > 0 else inf


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MANY]) + (", ..." if len(names) > _MANY else "")
