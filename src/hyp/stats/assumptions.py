"""Whether the groups are such that a test holds its level, and which one would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isnan
from typing import Any, get_args

from hyp.stats.families import holm
from hyp.stats.offered import Test, name_of_test
from hyp.stats.unequal import cochran_cox_p

_SPREAD = 2.0
_SIZES = 1.25
_MANY = 6
_INDEPENDENT = [name_of_test(test) for test in get_args(Test)]


def check_assumptions(
    rows: Iterable[Mapping[str, Any]], keys: Iterable[str], alpha: float = 0.05
) -> tuple[str, ...]:
    """Say where unequal spreads or sizes put the level of the tests in doubt.

    The rank test asks whether all scores could come from one distribution. A group whose
    scores merely scatter more can make its p small, above all where it is the smaller group:
    with three seeds of threefold spread against eight, Mann-Whitney called 17 % of equal means
    significant at 5 %, the studentized permutation test 18 % and Brunner-Munzel's 14 %. Three
    seeds do not show that they spread more, so of unequal sizes it is said always, together with
    what a test finds that holds there for normal scores (`hyp.stats.unequal`: 4 %). Of equal
    sizes it is said where the spreads that are seen differ more than twofold. In simulation
    (benchmarks/calibration) findings of equal means without such a sentence stayed within 5 %,
    unless scores were skewed and spreads unequal besides (6 to 9 %), which `hyp test` always says.

    Parameters
    ----------
    rows : iterable of mappings
        Rows of `hyp.stats.compare` (``to_dict("records")``).
    keys : iterable of str
        Columns that tell one comparison from another, for its name.
    alpha : float
        Level at which the test that holds is read, corrected by Holm.

    Returns
    -------
    tuple of str
        One sentence for each kind of doubt, naming the comparisons; none where there is none,
        and none for pairs, whose test does not ask for equal spreads.

    Examples
    --------
    >>> row = dict(layer="conv1", n_a=3, n_b=8, sd_a=0.3, sd_b=0.1, difference=0.2,
    ...            test="Mann-Whitney")
    >>> print(check_assumptions([row], ["layer"])[0][:59])
    Groups of unequal sizes (3 v 8): if the smaller one spreads
    """
    columns = list(keys)
    sized: list[Mapping[str, Any]] = []
    spread: list[str] = []
    margins = False
    for row in rows:
        if row["test"] not in _INDEPENDENT or min(row["n_a"], row["n_b"]) < 2:
            continue
        ratio = _ratio(row)
        margins |= row.get("p_equivalence") is not None
        if max(row["n_a"], row["n_b"]) >= _SIZES * min(row["n_a"], row["n_b"]):
            sized.append(row)
        elif not 1 / _SPREAD <= ratio <= _SPREAD:
            spread.append(_name(row, columns))
    also = ", and so can a small p of equivalence" if margins else ""
    sentences = []
    if sized:
        sizes = dict.fromkeys(f"{row['n_a']} v {row['n_b']}" for row in sized)
        sentences.append(
            f"Groups of unequal sizes ({_some(list(sizes))}): if the smaller one spreads more than "
            "the larger, which so few units do not show, a small p can come from the spread alone, "
            f"by every rank or permutation test{also}. {_held(sized, columns, alpha)} Where scores "
            "are skewed as well, no test holds; more units in the smaller group mend it."
        )
    if spread:
        sentences.append(
            f"The groups' spreads differ more than twofold in {_some(spread)}: the tests by rank "
            "or permutation ask whether all scores could come from one distribution, so a small p "
            f'can come from the spread alone{also}; the test "brunner-munzel" holds there unless '
            "scores are skewed."
        )
    return tuple(sentences)


def _held(rows: Sequence[Mapping[str, Any]], columns: list[str], alpha: float) -> str:
    """Say what the test finds that holds for normal scores of any spreads."""
    found = []
    for row in rows:
        parts = [[row["sd_a"] ** 2 / row["n_a"]], [row["sd_b"] ** 2 / row["n_b"]]]
        p = cochran_cox_p([row["difference"]], parts, [row["n_a"] - 1, row["n_b"] - 1])
        found.append(float(p[0]))
    passed = holm(found) <= alpha
    test = "The t test of Cochran and Cox, which holds there for normal scores,"
    if len(rows) == 1:
        return f"{test} has p = {found[0]:.2g}."
    names = [_name(row, columns) for row, passes in zip(rows, passed, strict=True) if passes]
    told = f" ({_some(names)})" if names else ""
    return f"{test} calls {len(names)} of {len(rows)} significant{told}."


def _name(row: Mapping[str, Any], columns: list[str]) -> str:
    return " ".join(str(row[key]) for key in columns)


def _ratio(row: Mapping[str, Any]) -> float:
    """Spread of a over that of b; 1 where one is unknown or neither varies."""
    a, b = row["sd_a"], row["sd_b"]
    if a is None or b is None or isnan(a) or isnan(b) or a == b == 0:
        return 1.0
    return float(a / b) if b > 0 else inf


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MANY]) + (", ..." if len(names) > _MANY else "")
