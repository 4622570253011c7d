"""The exact rank tests against full enumeration, scipy and R."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from scipy import stats

from hyp.errors import HypError
from hyp.stats import rank_sum
from hyp.stats.rank_sum import critical_u, exact_p, rank_sums
from hyp.stats.signed_rank import critical_v, signed_rank_p


def enumerated_p(x, y):
    """Two-sided p by counting rank sums of all choices."""
    ranks = 2 * stats.rankdata([*x, *y])
    sums = np.array([ranks[list(one)].sum() for one in combinations(range(len(ranks)), len(x))])
    seen = ranks[: len(x)].sum()
    return min(1.0, 2 * min((sums <= seen).mean(), (sums >= seen).mean()))


@pytest.mark.parametrize("limit", [{}, {"_MOST_WORK": -1}, {"_EXACT_COUNTS": -1}])
def test_every_way_of_counting_agrees_with_enumeration(monkeypatch, limit):
    for name, value in limit.items():
        monkeypatch.setattr(rank_sum, name, value)
    rank_sum._counted.cache_clear()
    rng = np.random.default_rng(0)
    for _ in range(60):
        n1, n2 = rng.integers(1, 6, 2)
        values = rng.integers(0, rng.integers(1, 9), n1 + n2).astype(float)
        x, y = values[:n1], values[n1:]
        assert exact_p([x], [y])[0] == pytest.approx(enumerated_p(x, y), rel=1e-12)
    rank_sum._counted.cache_clear()


def test_one_unit_against_several_with_a_tie():
    assert exact_p([[1.0]], [[1.0, 2.0, 3.0]])[0] == pytest.approx(0.5 + 0.5)
    assert exact_p([[9.0]], [[1.0, 2.0, 2.0]])[0] == pytest.approx(0.5)


def test_forty_against_forty_whole_percents():
    rng = np.random.default_rng(4)
    x, y = rng.integers(80, 90, 40) + 1.0, rng.integers(79, 89, 40) + 0.0
    drawn = stats.PermutationMethod(n_resamples=5_000, rng=1)
    expected = stats.mannwhitneyu(x, y, method=drawn).pvalue
    p = exact_p([x], [y])[0]
    assert abs(p - expected) < 4 * np.sqrt(expected / 5_000)
    assert p != stats.mannwhitneyu(x, y).pvalue


def test_without_ties_it_is_the_distribution_of_scipy():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(3, 12)), rng.normal(0.5, 1, size=(3, 17))
    for alternative in ("two-sided", "greater", "less"):
        expected = stats.mannwhitneyu(x, y, alternative=alternative, axis=1, method="exact").pvalue
        np.testing.assert_allclose(exact_p(x, y, alternative), expected, rtol=1e-12)


def test_right_and_wrong_answers_have_the_p_of_fisher():
    x, y = np.repeat([1.0, 0.0], [262, 30]), np.repeat([1.0, 0.0], [1282, 226])
    table = [[262, 30], [1282, 226]]
    expected = stats.fisher_exact(table, "greater").pvalue
    assert exact_p([x], [y], "greater")[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n1", "n2"), [(292, 1508), (520, 520), (90, 900)])
@pytest.mark.parametrize("tied", [False, True])
def test_large_groups_have_a_p_that_is_never_nan_or_zero(n1, n2, tied):
    rng = np.random.default_rng([n1, tied])
    x, y = rng.normal(0.1, 1, n1), rng.normal(size=n2)
    if tied:
        x, y = x.round(1), y.round(1)
    p = exact_p([x], [y])[0]
    assert p == pytest.approx(stats.mannwhitneyu(x, y, method="asymptotic").pvalue, rel=0.02)
    assert 0 < exact_p([x + 1e6], [y])[0] < 1e-6
    assert exact_p([x * 0], [y * 0])[0] == 1


@pytest.mark.parametrize(
    ("ties", "n1", "worst", "near"),
    [
        ((1,) * 120, 60, 0.001, 0.0003),
        ((1,) * 120, 20, 0.0015, 0.0004),
        ((16, 14, 21, 9, 20), 40, 0.011, 0.002),
    ],
)
def test_the_normal_approximation_keeps_the_stated_bound(ties, n1, worst, near):
    known = rank_sums(ties, n1)
    sums = known.first + known.step * np.arange(len(known.lower))
    lower, upper = rank_sum._normal_tails(ties, n1, sums)
    possible = np.diff(np.concatenate([[0], known.lower])) > 0
    error = np.maximum(np.abs(lower - known.lower), np.abs(upper - known.upper))[possible]
    assert error.max() < worst
    assert error[(known.lower[possible] > 0.02) & (known.lower[possible] < 0.03)].max() < near


def test_critical_values_are_those_of_the_tables():
    # two-sided 0.05: Siegel and Castellan's and R's qwilcox tables
    assert [critical_u(n, n, 0.025) for n in (3, 4, 5, 8, 10, 20)] == [-1, 0, 2, 13, 23, 127]
    assert [critical_v(n, 0.025) for n in (5, 6, 8, 10, 12, 25)] == [-1, 0, 3, 8, 13, 89]


def test_no_rounding_of_scores_makes_ties():
    x, y = np.array([[1.0, 2, 3, 4]]), np.array([[5.0, 6, 7, 8]])
    for factor in (1e-300, 1e-13, 1e13, 1e99):
        assert exact_p(x * factor, y * factor)[0] == 2 / comb(8, 4)


@pytest.mark.parametrize("ties", [3, 50])
def test_signed_ranks_agree_with_enumeration(ties):
    rng = np.random.default_rng(ties)
    for _ in range(40):
        d = rng.integers(-ties, ties + 1, rng.integers(1, 9)).astype(float)
        ranks = 2 * stats.rankdata(np.abs(d[d != 0]))
        flips = np.array(list(product([0, 1], repeat=len(ranks)))) @ ranks
        seen = ranks[d[d != 0] > 0].sum()
        expected = min(1.0, 2 * min((flips <= seen).mean(), (flips >= seen).mean()))
        assert signed_rank_p([d])[0] == pytest.approx(expected, rel=1e-12)


def test_signed_ranks_agree_with_scipy():
    d = np.random.default_rng(1).normal(0.3, 1, (4, 15))
    for alternative in ("two-sided", "greater", "less"):
        expected = stats.wilcoxon(d, axis=1, alternative=alternative, method="exact").pvalue
        np.testing.assert_allclose(signed_rank_p(d, alternative), expected, rtol=1e-12)
    many = np.random.default_rng(2).normal(0.1, 1, 400)
    approximate = stats.wilcoxon(many, method="asymptotic", correction=True).pvalue
    assert signed_rank_p([many])[0] == pytest.approx(approximate, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2]], [[3.0]], "Greater"), "must be 'two-sided', 'greater' or 'less'"),
        (([1.0, 2], [3.0, 4]), "one row a comparison"),
        (([[]], [[1.0]]), "at least one unit"),
        (([[np.nan]], [[1.0]]), "missing or infinite"),
    ],
)
def test_mistakes_are_refused(arguments, message):
    with pytest.raises(HypError, match=message):
        exact_p(*arguments)
