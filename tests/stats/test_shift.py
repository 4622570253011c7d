import numpy as np
import pytest

from hyp.errors import HypError
from hyp.stats import shift as module
from hyp.stats.rank_sum import exact_p
from hyp.stats.shift import hodges_lehmann, hodges_lehmann_paired
from hyp.stats.signed_rank import signed_rank_p


def test_the_interval_of_the_depression_data_of_r():
    # Hollander and Wolfe (1973), p. 29, as on R's page of wilcox.test:
    # wilcox.test(x, y, paired = TRUE, conf.int = TRUE) has V = 40, p = 0.03906
    x = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    y = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    assert signed_rank_p([x - y])[0] == pytest.approx(0.03906, abs=5e-6)
    estimate, low, high = (float(one[0]) for one in hodges_lehmann_paired([x - y]))
    assert (estimate, low, high) == pytest.approx((0.46, 0.010, 0.786))


def test_the_interval_of_the_permeability_data_of_r():
    # Hollander and Wolfe (1973), p. 69: W = 35, p = 0.2544 two-sided
    x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    y = [1.15, 0.88, 0.90, 0.74, 1.21]
    assert exact_p([x], [y])[0] == pytest.approx(0.2544, abs=5e-5)
    estimate, low, high = (float(one[0]) for one in hodges_lehmann([x], [y]))
    assert (estimate, low, high) == pytest.approx((0.305, -0.15, 0.76))


@pytest.mark.parametrize(("n1", "n2"), [(4, 4), (5, 7), (8, 8)])
def test_the_interval_holds_exactly_the_shifts_that_the_test_does_not_reject(n1, n2):
    rng = np.random.default_rng([n1, n2])
    x, y = rng.normal(size=(1, n1)), rng.normal(size=(1, n2))
    _, low, high = (float(one[0]) for one in hodges_lehmann(x, y))
    for inside, outside in ((low + 1e-9, low - 1e-9), (high - 1e-9, high + 1e-9)):
        assert exact_p(x - inside, y)[0] > 0.05
        assert exact_p(x - outside, y)[0] <= 0.05


def test_the_paired_interval_does_too():
    d = np.random.default_rng(3).normal(size=(1, 9))
    _, low, high = (float(one[0]) for one in hodges_lehmann_paired(d))
    for inside, outside in ((low + 1e-9, low - 1e-9), (high - 1e-9, high + 1e-9)):
        assert signed_rank_p(d - inside)[0] > 0.05
        assert signed_rank_p(d - outside)[0] <= 0.05


def test_groups_too_small_for_95_percent_have_no_interval():
    estimate, low, high = hodges_lehmann([[1.0, 2, 3]], [[0.0, 0, 0]])
    assert estimate[0] == 2
    assert np.isnan([low[0], high[0]]).all()
    assert np.isnan(hodges_lehmann_paired([[1.0, 2, 3, 4, 5]])[1][0])
    assert not np.isnan(hodges_lehmann_paired([[1.0, 2, 3, 4, 5, 6]])[1][0])


def test_large_groups_give_the_same_without_writing_all_differences_down(monkeypatch):
    rng = np.random.default_rng(5)
    for values in (3, 10_000):
        x, y = rng.integers(0, values, (2, 60)) + 0.0, rng.integers(0, values, (2, 41)) + 0.0
        whole = hodges_lehmann(x, y)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_MOST_DIFFERENCES", 100)
            np.testing.assert_allclose(hodges_lehmann(x, y), whole)


def test_one_diverged_seed_moves_the_mean_and_not_the_shift():
    x, y = [[0.90, 0.91, 0.92, 0.93, -9.0]], [[0.80, 0.81, 0.82, 0.83, 0.84]]
    assert hodges_lehmann(x, y)[0][0] == pytest.approx(0.09)
    assert np.mean(x) - np.mean(y) < -1


def test_mistakes_are_refused():
    with pytest.raises(HypError, match="confidence must lie between 0 and 1"):
        hodges_lehmann([[1.0]], [[2.0]], confidence=95)
    with pytest.raises(HypError, match="at least one pair"):
        hodges_lehmann_paired([[]])
