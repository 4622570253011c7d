import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom

from hyp.errors import HypError
from hyp.stats.comparison_rows import welch_interval
from hyp.stats.tost import equivalence


def test_two_one_sided_welch_tests():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.5, 0.02, 6), rng.normal(0.51, 0.05, 8)
    result = equivalence(x, y, 0.06)
    lower = stats.ttest_ind(x + 0.06, y, equal_var=False, alternative="greater").pvalue
    upper = stats.ttest_ind(x - 0.06, y, equal_var=False, alternative="less").pvalue
    assert result.p_not_lower == pytest.approx(lower)
    assert result.p_not_higher == pytest.approx(upper)
    assert result.p == pytest.approx(max(lower, upper))


def test_paired_cohorts_are_tested_by_their_differences():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, 7)
    y = x + rng.normal(0.02, 0.05, 7)
    upper = stats.ttest_1samp(x - y - 0.1, 0, alternative="less").pvalue
    lower = stats.ttest_1samp(x - y + 0.1, 0, alternative="greater").pvalue
    assert equivalence(x, y, 0.1, paired=True).p == pytest.approx(max(lower, upper))
    assert equivalence(x, y, 0.1).p > 0.3


@pytest.mark.parametrize("stream", range(20))
def test_equivalent_exactly_when_the_90_percent_interval_lies_within_the_margin(stream):
    rng = np.random.default_rng([2, stream])
    x, y = rng.normal(0, 1, (1, 5)), rng.normal(0, 1.5, (1, 6))
    low, high = welch_interval(x, y, confidence=0.9)
    margin = rng.uniform(0.5, 3)
    assert (equivalence(x[0], y[0], margin).p <= 0.05) == (-margin < low[0] and high[0] < margin)


def test_swapping_the_cohorts_swaps_the_sides_and_keeps_the_p():
    x, y = [0.1, 0.2, 0.4], [0.2, 0.5, 0.3, 0.6]
    one, other = equivalence(x, y, 0.2), equivalence(y, x, 0.2)
    assert one.p == pytest.approx(other.p)
    assert one.p_not_lower == pytest.approx(other.p_not_higher)


@pytest.mark.parametrize(("n", "spreads"), [(3, (1, 1)), (5, (1, 1)), (5, (1, 3)), (8, (1, 2))])
def test_size_at_the_margin(n, spreads):
    """At a true difference of just the margin, equivalence is claimed 5 % of the time."""
    studies, margin = 2000, 10.0
    rng = np.random.default_rng([3, n, *spreads])
    x = rng.normal(margin, spreads[0], (studies, n))
    y = rng.normal(0, spreads[1], (studies, n))
    claims = sum(equivalence(a, b, margin).p <= 0.05 for a, b in zip(x, y, strict=True))
    assert binom.ppf(0.001, studies, 0.03) < claims < binom.ppf(0.999, studies, 0.06)


def test_seeds_that_do_not_vary_give_no_p():
    assert np.isnan(equivalence([1, 1, 1], [1, 1], 0.5).p)
    assert np.isnan(equivalence([1, 2, 3], [1, 2, 3], 0.5, paired=True).p)


@pytest.mark.parametrize(
    ("x", "y", "margin", "paired", "message"),
    [
        ([1, 2], [1, 2], 0, False, "margin"),
        ([1, 2], [1, 2], float("nan"), False, "margin"),
        ([1], [1, 2], 1, False, "at least two seeds"),
        ([1, np.nan], [1, 2], 1, False, "finite"),
        ([1, 2, 3], [1, 2], 1, True, "same seeds"),
    ],
)
def test_refusals(x, y, margin, paired, message):
    with pytest.raises(HypError, match=message):
        equivalence(x, y, margin, paired=paired)
