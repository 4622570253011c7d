import numpy as np
import pytest
from scipy import stats

from hyp.errors import HypError
from hyp.stats.unequal import cochran_cox_p, weighted_critical


def test_critical_values_are_weighted_from_the_table_of_t():
    # two-sided 5 %: t is 3.182 with 3 degrees of freedom and 2.365 with 7
    by_hand = (0.17 * 3.182 + 2.21 * 2.365) / 2.38
    assert weighted_critical([0.025], [[0.17], [2.21]], [3, 7])[0] == pytest.approx(
        by_hand, abs=1e-3
    )


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_with_one_part_it_is_the_t_test(alternative):
    d = np.random.default_rng(0).normal(size=(3, 6))
    p = cochran_cox_p(d.mean(axis=1), [d.var(axis=1, ddof=1) / 6], [5], alternative)
    expected = stats.ttest_1samp(d, 0, axis=1, alternative=alternative).pvalue
    assert p == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [(3, 8), (4, 12), (8, 3), (5, 5)])
@pytest.mark.parametrize("ratio", [1, 3])
def test_its_level_holds_where_welch_errs(sizes, ratio):
    rng = np.random.default_rng([3, *sizes])
    x, y = (k * rng.normal(size=(4000, n)) for k, n in zip((ratio, 1), sizes, strict=True))
    parts = [x.var(axis=1, ddof=1) / sizes[0], y.var(axis=1, ddof=1) / sizes[1]]
    p = cochran_cox_p(x.mean(axis=1) - y.mean(axis=1), parts, [n - 1 for n in sizes])
    assert (p <= 0.05).sum() <= stats.binom.ppf(0.999, 4000, 0.05)


def test_what_does_not_vary_is_not_tested():
    assert cochran_cox_p([1.0], [[0.0], [0.0]], [2, 2]).tolist() == [1.0]
    with pytest.raises(HypError, match="alternative"):
        cochran_cox_p([1.0], [[0.1], [0.1]], [2, 2], "both")
