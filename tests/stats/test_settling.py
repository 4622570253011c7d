import numpy as np
import pandas as pd
import pytest

from hyp.stats.power import detectable_effect, seeds_for_equivalence, seeds_for_power
from hyp.stats.table import judge_table


def scores(n, sd=1.0, shift=0.0, comparisons=1):
    """Two groups with exactly this standard deviation and difference in means."""
    base = np.arange(n) - (n - 1) / 2
    base *= sd / base.std(ddof=1)
    rows = [
        {"group": group, "unit": unit, "layer": layer, "score": value + offset}
        for layer in range(comparisons)
        for group, offset in (("a", shift), ("b", 0.0))
        for unit, value in enumerate(base)
    ]
    return pd.DataFrame(rows).rename(columns={"group": "side"})


def settle(table, **roles):
    judged = judge_table(table, group="side", unit="unit", family=["layer"], unpaired=True, **roles)
    return judged.would_settle


def test_the_margin_not_the_observed_difference_decides_the_number_of_units():
    find = seeds_for_power(0.5, family=4, studies=4000)
    exclude = seeds_for_equivalence(0.5, alpha=0.05 / 4)
    for shift in (0.0, 0.3):
        found, excluded = settle(scores(6, sd=2.0, shift=shift, comparisons=4), margin=1.0)
        assert (
            "difference of 1 in the comparison that varies most (spread between units 2)" in found
        )
        assert f": {find} units per group (up to" in found
        assert f": {exclude} units per group (up to" in excluded


def test_without_a_margin_the_detectable_difference_is_told():
    first, second = settle(scores(6, sd=0.5, comparisons=4))
    d = detectable_effect(6, 6, family=4, studies=4000)
    assert f"a difference of {d * 0.5:.2g} or more" in first
    assert "declare it with a margin" in second


def test_what_is_settled_needs_no_units():
    assert settle(scores(6, shift=9.0)) == ()
    assert settle(scores(6), margin=20.0) == ()


@pytest.mark.parametrize(("n", "comparisons", "needed"), [(3, 1, 4), (5, 7, 6)])
def test_too_few_units_are_told_first(n, comparisons, needed):
    first, *_ = settle(scores(n, comparisons=comparisons))
    assert first.startswith(f"At least {needed} units per group")


def test_units_without_spread_cannot_be_planned_for():
    assert "Units that vary" in settle(scores(5, sd=0.0))[-1]
