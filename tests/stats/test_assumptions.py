import numpy as np
import pytest
from scipy.stats import binom

from hyp.stats.assumptions import check_assumptions
from hyp.stats.rank_sum import exact_p
from hyp.stats.unequal import cochran_cox_p


def row(n_a, n_b, sd_a, sd_b, test="Mann-Whitney", layer="conv1", **more):
    found = {"layer": layer, "n_a": n_a, "n_b": n_b, "sd_a": sd_a, "sd_b": sd_b, "test": test}
    return {**found, "difference": 0.5, **more}


@pytest.mark.parametrize(
    "fine",
    [
        row(5, 5, 1.0, 2.0),
        row(5, 6, 1.0, 1.5, "studentized permutation"),
        row(6, 6, 9.0, 1.0, "Wilcoxon signed-rank"),
        row(5, 1, 1.0, float("nan")),
        row(5, 5, 0.0, 0.0),
    ],
)
def test_nothing_is_said_where_there_is_no_doubt(fine):
    assert check_assumptions([fine], ["layer"]) == ()


@pytest.mark.parametrize("test", ["Mann-Whitney", "Brunner-Munzel permutation"])
def test_unequal_sizes_are_said_whatever_spread_is_seen(test):
    (sentence,) = check_assumptions([row(3, 8, 0.1, 0.1, test)], ["layer"])
    assert "unequal sizes (3 v 8)" in sentence
    p = cochran_cox_p([0.5], [[0.1**2 / 3], [0.1**2 / 8]], [2, 7])[0]
    assert f"p = {p:.2g}." in sentence
    (several,) = check_assumptions(
        [row(3, 8, 0.1, 0.1), row(8, 3, 2.0, 2.0, layer="fc", p_equivalence=0.01)], ["layer"]
    )
    assert "(3 v 8, 8 v 3)" in several
    assert "significant (conv1)" in several
    assert "so can a small p of equivalence" in several


def test_spreads_that_differ_twofold_are_named():
    (sentence,) = check_assumptions(
        [row(5, 5, 0.1, 0.21), row(5, 5, 0.1, 0.0, "studentized permutation", layer="fc")],
        ["layer"],
    )
    assert "more than twofold in conv1, fc" in sentence


@pytest.mark.parametrize(("sizes", "ratio"), [((3, 8), 3), ((4, 12), 3), ((6, 6), 3), ((7, 8), 3)])
def test_findings_of_equal_means_without_a_word_stay_within_the_level(sizes, ratio):
    rng = np.random.default_rng([8, *sizes])
    x, y = (k * rng.normal(size=(1000, n)) for k, n in zip((ratio, 1), sizes, strict=True))
    found = exact_p(x, y) <= 0.05
    silent = [
        not check_assumptions([row(*sizes, a, b, difference=d)], ["layer"])
        for a, b, d in zip(
            x[found].std(axis=1, ddof=1),
            y[found].std(axis=1, ddof=1),
            (x.mean(axis=1) - y.mean(axis=1))[found],
            strict=True,
        )
    ]
    assert sum(silent) <= binom.ppf(0.999, 1000, 0.05)
