import subprocess
import sys
from math import comb
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hyp.errors import HypError
from hyp.stats.attainable import (
    EXACT_FLIPS,
    EXACT_ORDERS,
    attainable_flips_p,
    attainable_p,
    attainable_trend_p,
    attainable_within_p,
    is_testable,
    largest_family,
    seeds_needed,
    untestable_sentence,
)
from hyp.stats.correlations import spearman
from hyp.stats.pairs import within_between


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (1, 4), (3, 3), (4, 6), (5, 5), (8, 8)])
def test_attainable_p_is_that_of_full_separation(n1, n2):
    low, high = np.arange(n1), n1 + np.arange(n2)
    for two_sided, alternative in ((True, "two-sided"), (False, "less")):
        exact = stats.mannwhitneyu(low, high, method="exact", alternative=alternative).pvalue
        assert attainable_p(n1, n2, two_sided=two_sided) == pytest.approx(exact)


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 2, 3), (4, 4, 5)])
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_a_trend_without_exception_reaches_the_smallest_p(sizes, alternative):
    scores = np.arange(sum(sizes))
    found = spearman(np.repeat([1.0, 2, 3], sizes), scores, alternative=alternative)
    smallest = attainable_trend_p(sizes, two_sided=alternative == "two-sided")
    assert found.p_attainable == pytest.approx(smallest)
    if sum(sizes) <= EXACT_ORDERS:  # beyond, p is of random orders
        assert found.p == pytest.approx(smallest)


@pytest.mark.parametrize("units", [3, EXACT_FLIPS + 1])
def test_units_of_one_sign_reach_the_smallest_p(units):
    found = stats.permutation_test(
        (np.arange(1.0, units + 1),),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=99_999,
        rng=0,
    )
    assert attainable_flips_p(units) == pytest.approx(found.pvalue, abs=1e-4)
    assert attainable_flips_p(units, two_sided=False) == attainable_flips_p(units) / 2


@pytest.mark.parametrize("sizes", [(2, 2), (3, 4), (3, 3, 3), (7, 7, 7)])
def test_similarity_within_groups_alone_reaches_the_smallest_p(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    matrix = (groups[:, None] == groups[None]).astype(float)
    labels = groups.astype(str).tolist()
    found = within_between(matrix, labels, alternative="two-sided")[0]
    assert found.p_attainable == pytest.approx(attainable_within_p(sizes))


def test_known_designs():
    assert attainable_p(3, 3) == pytest.approx(0.1)
    assert attainable_p(5, 5) == 2 / 252
    assert attainable_p(5, 5, two_sided=False) == 1 / comb(10, 5)
    assert not is_testable(3, 3, 1)
    assert [largest_family(n, n) for n in range(3, 9)] == [0, 1, 6, 23, 85, 321]


@pytest.mark.parametrize(("n1", "n2"), [(4, 4), (5, 5), (5, 7), (6, 6)])
def test_largest_family_is_the_last_testable_one(n1, n2):
    m = largest_family(n1, n2)
    assert is_testable(n1, n2, m)
    assert not is_testable(n1, n2, m + 1)


@pytest.mark.parametrize("m", [1, 6, 7, 23, 24, 100])
def test_seeds_needed_is_the_fewest(m):
    n = seeds_needed(m)
    assert is_testable(n, n, m)
    assert not is_testable(n - 1, n - 1, m)


def test_sentence_says_what_would_mend_it():
    sentence = untestable_sentence(5, 5, 10)
    assert "10 comparisons" in sentence
    assert "0.0079" in sentence
    assert "6 seeds in each group would do" in sentence


def test_impossible_designs_are_refused():
    with pytest.raises(HypError):
        attainable_p(0, 5)
    with pytest.raises(HypError):
        is_testable(5, 5, 0)
    with pytest.raises(HypError):
        is_testable(5, 5, 1, alpha=5)


def test_planning_needs_no_heavy_import():
    code = (
        "import sys, hyp.stats, hyp.stats.attainable, hyp.stats.rules, hyp.stats.verdict;"
        "sys.exit(bool({'pandas', 'scipy', 'statsmodels', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_resolve():
    import hyp.stats

    modules = {path.stem for path in Path(hyp.stats.__file__).parent.glob("*.py")}
    assert not modules & set(hyp.stats.__all__), "a module would hide the function of its name"
    assert all(callable(getattr(hyp.stats, name)) for name in hyp.stats.__all__)
    with pytest.raises(AttributeError):
        _ = hyp.stats.nothing
