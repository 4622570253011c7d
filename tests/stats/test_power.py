import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from hyp.errors import HypError
from hyp.stats.families import holm, max_t
from hyp.stats.power import (
    comparison_power,
    detectable_effect,
    equivalence_power,
    seeds_for_equivalence,
    seeds_for_power,
    superiority_of,
)
from hyp.stats.rank_sum import critical_u
from hyp.stats.tost import equivalence


@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (4, 4), (5, 5), (6, 6), (5, 8), (8, 3)])
@pytest.mark.parametrize("level", [0.05, 0.05 / 6, 0.001])
@pytest.mark.parametrize("alternative", ["two-sided", "less"])
def test_the_critical_u_is_where_scipys_exact_p_passes_the_level(n1, n2, level, alternative):
    critical = critical_u(n1, n2, level / 2 if alternative == "two-sided" else level)
    for u in range(n1 * n2 // 2 + 1):
        ranks = np.arange(n1)
        left = u
        for i in range(n1 - 1, -1, -1):
            step = min(n2, left)
            ranks[i] += step
            left -= step
        rest = np.setdiff1d(np.arange(n1 + n2), ranks)
        tested = stats.mannwhitneyu(ranks, rest, alternative=alternative, method="exact")
        assert tested.statistic == u
        assert (tested.pvalue <= level) == (u <= critical)


@pytest.mark.parametrize("real", ["one", "all"])
def test_agrees_with_a_slow_simulation_of_scipy_and_holm(real):
    family, n, d, studies = 4, 6, 2.0, 1500
    rng = np.random.default_rng(11)
    common = np.sqrt(0.5) * rng.normal(size=(studies, 1, 2, n))
    scores = common + np.sqrt(0.5) * rng.normal(size=(studies, family, 2, n))
    shifted = family if real == "all" else 1
    scores[:, :shifted, 0] += d
    p = stats.mannwhitneyu(scores[:, :, 0], scores[:, :, 1], axis=-1, method="exact").pvalue
    found = [(holm(row)[:shifted] <= 0.05).any() for row in p]
    power = comparison_power(d, n, n, family=family, real=real)
    error = np.sqrt(power * (1 - power) * (1 / studies + 1 / 10_000))
    # later steps of Holm can only add to what its first step finds
    assert power - 4 * error < np.mean(found) < power + 4 * error + (0.03 if real == "one" else 0)


@pytest.mark.parametrize("n", [4, 5, 6, 8])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_power_without_an_effect_is_the_size(n, alternative):
    size = comparison_power(0, n, n, alternative=alternative, studies=40_000)
    assert 0 < size <= stats.binom.ppf(0.999, 40_000, 0.05) / 40_000


def test_power_rises_with_the_effect_and_the_seeds_and_falls_with_the_family():
    by_effect = [comparison_power(d, 6, 6, family=6) for d in (0, 0.5, 1, 2, 3, 5)]
    by_seeds = [comparison_power(2, n, n, family=6) for n in (4, 5, 6, 8, 10)]
    by_family = [comparison_power(2, 6, 6, family=m) for m in (1, 2, 6, 23, 24)]
    assert by_effect == sorted(by_effect)
    assert by_seeds == sorted(by_seeds)
    assert by_family == sorted(by_family, reverse=True)
    assert (by_family[-1], by_seeds[0]) == (0, 0)
    assert by_effect[-1] > 0.95


def test_directions_mirror_each_other():
    up = comparison_power(1.5, 6, 6, alternative="greater", studies=50_000)
    down = comparison_power(-1.5, 6, 6, alternative="less", studies=50_000)
    assert up == pytest.approx(down, abs=0.012)
    assert comparison_power(-1.5, 6, 6, alternative="greater") < 0.01


def test_the_rank_test_is_nearly_as_powerful_as_the_t_test_in_large_groups():
    rank = comparison_power(0.6, 50, 50, studies=20_000)
    t = TTestIndPower().power(0.6, nobs1=50, alpha=0.05)
    assert 0.93 * t < rank < t + 0.005


def test_the_detectable_effect_has_the_power_asked_for():
    d = detectable_effect(6, 6, family=6, studies=40_000)
    assert comparison_power(d, 6, 6, family=6, studies=40_000, seed=1) == pytest.approx(
        0.8, abs=0.015
    )
    assert detectable_effect(3, 3) == float("inf")
    assert detectable_effect(5, 5, alternative="less") < detectable_effect(5, 5)


@pytest.mark.parametrize(("d", "family"), [(3, 1), (3, 18), (1.5, 6), (1, 1)])
def test_the_number_of_seeds_is_the_fewest_that_do(d, family):
    n = seeds_for_power(d, family=family)
    assert comparison_power(d, n, n, family=family) >= 0.8
    assert comparison_power(d, n - 1, n - 1, family=family) < 0.8


def test_small_effects_take_noethers_formula():
    t = TTestIndPower().solve_power(0.2, power=0.8, alpha=0.05)
    assert seeds_for_power(0.2) == pytest.approx(t * np.pi / 3, rel=0.02)


def test_equivalence_power_agrees_with_a_slow_simulation():
    rng = np.random.default_rng(3)
    pairs = rng.normal(size=(1500, 2, 7))
    claimed = np.mean([equivalence(x, y, 1.8).p <= 0.05 for x, y in pairs])
    power = equivalence_power(1.8, 7, 7)
    assert claimed == pytest.approx(power, abs=4 * np.sqrt(0.25 / 1500))


@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_seeds_for_equivalence(margin):
    n = seeds_for_equivalence(margin)
    assert equivalence_power(margin, n, n) >= 0.8
    assert equivalence_power(margin, max(2, n - 2), max(2, n - 2), seed=5) < 0.82


def test_superiority_of_normal_groups():
    rng = np.random.default_rng(4)
    share = (rng.normal(1.2, 1, 200_000) > rng.normal(0, 1, 200_000)).mean()
    assert superiority_of(1.2) == pytest.approx(share, abs=0.005)


def test_the_same_seed_gives_the_same_power():
    assert comparison_power(1, 5, 5) == comparison_power(1, 5, 5)
    assert comparison_power(1, 5, 5) != comparison_power(1, 5, 5, seed=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: comparison_power(1, 0, 3),
        lambda: comparison_power(1, 3, 3, family=0),
        lambda: comparison_power(1, 3, 3, alpha=0),
        lambda: seeds_for_power(0),
        lambda: seeds_for_power(float("nan")),
        lambda: equivalence_power(1, 1, 3),
        lambda: equivalence_power(-1, 3, 3),
    ],
)
def test_refusals(call):
    with pytest.raises(HypError):
        call()


def test_pairs_need_fewer_units_and_their_power_is_that_of_scipys_test():
    d, n, studies = 0.9, 12, 1500
    differences = np.random.default_rng(3).normal(d, 1, (studies, n))
    p = stats.wilcoxon(differences, axis=1, method="exact").pvalue
    power = comparison_power(d, n, n, paired=True, studies=4000)
    assert power == pytest.approx((p <= 0.05).mean(), abs=0.04)
    assert comparison_power(d, n, n, studies=4000) < power
    needed = seeds_for_power(1.0, paired=True, studies=2000)
    assert needed == 11
    assert seeds_for_equivalence(1.0, paired=True) < seeds_for_equivalence(1.0)


def test_the_power_of_max_t_is_that_of_max_t():
    family, n, d, studies = 6, 5, 2.5, 200
    rng = np.random.default_rng(12)
    common = np.sqrt(0.5) * rng.normal(size=(studies, 1, 2, n))
    scores = common + np.sqrt(0.5) * rng.normal(size=(studies, family, 2, n))
    scores[:, :, 0] += d
    found = np.mean([(max_t(one[:, 0], one[:, 1]) <= 0.05).any() for one in scores])
    power = comparison_power(d, n, n, family=family, real="all", correction="max-t")
    assert power == pytest.approx(found, abs=0.08)
    assert comparison_power(d, 5, 5, family=18) == 0
    assert comparison_power(d, 5, 5, family=18, correction="max-t") > 0.2


def test_an_unknown_direction_is_named():
    with pytest.raises(HypError, match="alternative must be"):
        comparison_power(1.0, 5, 5, alternative="Greater")
