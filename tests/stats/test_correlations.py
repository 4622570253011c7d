from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats
from scipy.stats import binom

from hyp.errors import HypError
from hyp.stats.correlations import (
    WHY_POOLED_DIFFERS,
    attainable_correlation_p,
    pearson,
    pearson_interval,
    spearman,
    spearman_interval,
)
from hyp.stats.repeated import repeated_correlation, repeated_correlation_published

ALTERNATIVES = ("two-sided", "greater", "less")


def enumerated_p(x, y, alternative):
    """p by going through every order of y, in plain Python."""
    y = list(y)
    every = np.array([np.dot(x, order) for order in permutations(y)])
    seen, slack = np.dot(x, y), 1e-9 * np.abs(every).max()
    upper, lower = np.mean(every >= seen - slack), np.mean(every <= seen + slack)
    return {"greater": upper, "less": lower, "two-sided": min(1, 2 * min(upper, lower))}[
        alternative
    ]


def checkpoints(studies, *, seeds=6, points=8, between=0.0, walk=False, slope=0.0, stream=0):
    """Tables of x and y in seeds that share a level of variance `between`."""
    rng = np.random.default_rng([31, stream])
    shape = (studies, seeds, points)
    x, noise = rng.normal(size=shape), rng.normal(size=shape)
    if walk:
        x, noise = x.cumsum(axis=2), noise.cumsum(axis=2)
    level = rng.normal(0, np.sqrt(between), (studies, seeds, 1))
    y = slope * x + noise + level
    x = x + level
    seed = np.repeat(np.arange(seeds), points)
    return [
        pd.DataFrame({"seed": seed, "x": a.ravel(), "y": b.ravel()})
        for a, b in zip(x, y, strict=True)
    ]


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7])
@pytest.mark.parametrize("values", [2, 4, 1000])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_exact_p_agrees_with_enumeration(n, values, alternative):
    rng = np.random.default_rng([n, values])
    x, y = rng.integers(0, values, (2, n)).astype(float)
    x[:2], y[:2] = (0, 1), (1, 0)
    found = pearson(x, y, alternative=alternative)
    assert found.p == pytest.approx(enumerated_p(x - x.mean(), y, alternative), rel=1e-12)
    ranks = stats.rankdata(x), stats.rankdata(y)
    ranked = spearman(x, y, alternative=alternative)
    assert ranked.p == pytest.approx(enumerated_p(*ranks, alternative), rel=1e-12)
    assert found.method == ranked.method == f"exact, all {factorial(n):,} orders"
    assert ranked.r == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.r == pytest.approx(stats.pearsonr(x, y).statistic)


@pytest.mark.parametrize("values", [2, 3, 1000])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_the_attainable_p_is_the_smallest_of_all_orders(values, alternative):
    rng = np.random.default_rng([values, 5])
    x, y = rng.integers(0, values, (2, 6)).astype(float)
    x[:2], y[:2] = (0, 1), (1, 0)
    orders = set(permutations(y.tolist()))
    for test in (spearman, pearson):
        found = [test(x, order, alternative=alternative) for order in orders]
        assert min(one.p for one in found) == pytest.approx(found[0].p_attainable, rel=1e-12)
        assert len({one.p_attainable for one in found}) == 1


def test_spearman_at_four_points_never_gives_zero():
    assert stats.spearmanr([1, 2, 3, 4], [1, 2, 3, 4]).pvalue < 1e-12
    result = spearman([1, 2, 3, 4], [1, 2, 3, 4])
    assert (result.r, result.p, result.p_attainable) == (1, 2 / 24, 2 / 24)
    assert spearman([1, 2, 3], [1, 2, 3]).p == pytest.approx(1 / 3)


def test_spearman_of_hollander_and_wolfe():
    """R: cor.test(x, y, method = "spearman") gives rho = 0.6, S = 48, p-value = 0.0968."""
    x = [44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2, 60.1]
    y = [2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8, 3.8]
    result = spearman(x, y)
    assert result.r == pytest.approx(0.6)
    assert result.p == pytest.approx(0.0968, abs=5e-5)


def test_ten_tied_groups_agree_with_all_3_628_800_orders():
    """Output units against the mean neural score of the ten trained groups of Table C.1."""
    outputs = [1, 2, 3, 6, 7, 8, 9, 117, 548, 674]
    score = [0.399, 0.405, 0.407, 0.403, 0.402, 0.403, 0.405, 0.412, 0.412, 0.411]
    result = spearman(outputs, score)
    ranks = np.rint(2 * stats.rankdata(score)).astype(np.int64)
    first = np.array(list(permutations(range(5))))
    seen, extreme_high, extreme_low = np.arange(1, 11) @ ranks, 0, 0
    for chosen in (set(c) for c in _halves(10)):
        left, right = ranks[sorted(chosen)], ranks[sorted(set(range(10)) - chosen)]
        sums = np.add.outer(left[first] @ np.arange(1, 6), right[first] @ np.arange(6, 11))
        extreme_high += (sums >= seen).sum()
        extreme_low += (sums <= seen).sum()
    expected = 2 * min(extreme_high, extreme_low) / factorial(10)
    assert result.p == pytest.approx(expected, rel=1e-12)
    assert result.p == pytest.approx(0.035882, abs=1e-6)
    assert result.method == "exact, all 3,628,800 orders"
    assert result.p_attainable == pytest.approx(2 * 2**3 / factorial(10))


def _halves(n):
    return [c for c in permutations(range(n), n // 2) if list(c) == sorted(c)]


def test_exact_and_random_orders_agree_where_they_meet():
    rng = np.random.default_rng(3)
    x = rng.normal(size=12)
    y = x + rng.normal(0, 1.5, size=12)
    ranks = stats.rankdata(x), stats.rankdata(y)
    exact, random = spearman(x, y), pearson(*ranks)
    assert exact.method.startswith("exact")
    assert random.method == "99,999 random orders"
    assert exact.p == pytest.approx(random.p, rel=0.1)


def test_random_orders_never_give_zero_and_are_repeatable():
    x = np.arange(40.0)
    for test in (pearson, spearman):
        result = test(x, x)
        assert result.p == result.p_attainable == 2 / 100_000
        assert test(x, x, alternative="greater").p == 1 / 100_000
        assert test(x, x**3).p == test(x, x**3).p


@pytest.mark.parametrize("n", [6, 15])
def test_order_of_points_does_not_matter(n):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=n), rng.integers(0, 5, n).astype(float)
    order = rng.permutation(n)
    for test in (pearson, spearman):
        assert test(x, y) == test(x[order], y[order])


@pytest.mark.parametrize("test", [pearson, spearman])
def test_swapping_x_and_y_or_turning_a_sign_keeps_the_p(test):
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 5, 7).astype(float), rng.normal(size=7)
    one, swapped, turned = test(x, y), test(y, x), test(-x, y)
    assert one.p == pytest.approx(swapped.p)
    assert one.p == pytest.approx(turned.p)
    assert (one.r, one.low) == pytest.approx((-turned.r, -turned.high))
    assert test(1e6 + 1e-3 * x, y).p == pytest.approx(one.p)
    greater, less = test(x, y, alternative="greater"), test(-x, y, alternative="less")
    assert greater.p == pytest.approx(less.p)


def test_a_monotone_change_keeps_spearman():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 9))
    assert spearman(x, y) == spearman(np.exp(x), y**3)


@pytest.mark.parametrize("r", [-0.9, 0.0, 0.5, 0.975])
@pytest.mark.parametrize("n", [4, 10, 60])
def test_pearson_interval_agrees_with_scipy(r, n):
    rng = np.random.default_rng([n])
    u = rng.normal(size=n)
    u -= u.mean()
    v = rng.normal(size=n)
    v -= v.mean() + u * (u @ v) / (u @ u)
    v /= np.linalg.norm(v)
    y = r * u / np.linalg.norm(u) + np.sqrt(1 - r**2) * v
    scipys = stats.pearsonr(u, y)
    assert scipys.statistic == pytest.approx(r, abs=1e-12)
    for confidence in (0.9, 0.95):
        expected = scipys.confidence_interval(confidence)
        assert pearson_interval(r, n, confidence) == pytest.approx((expected.low, expected.high))


def test_spearman_interval_is_bonett_and_wright():
    low, high = spearman_interval(0.6, 12)
    half = stats.norm.ppf(0.975) * np.sqrt((1 + 0.36 / 2) / 9)
    assert (low, high) == pytest.approx(
        (np.tanh(np.arctanh(0.6) - half), np.tanh(np.arctanh(0.6) + half))
    )
    assert spearman_interval(-0.6, 12) == pytest.approx((-high, -low))


@pytest.mark.parametrize("interval", [pearson_interval, spearman_interval])
def test_undefined_intervals_are_nan_with_a_reason(interval):
    assert np.isnan(interval(1.0, 10)).all()
    assert np.isnan(interval(-1.0, 10)).all()
    assert np.isnan(interval(0.3, 3)).all()
    assert not np.isnan(interval(0.3, 4)).any()


def test_a_missing_interval_says_why():
    assert "at least four points" in pearson([1, 2, 3], [1, 3, 2]).note
    perfect = pearson([0.1, 0.2, 0.3, 0.4], [0.3, 0.5, 0.7, 0.9])
    assert perfect.r == 1
    assert np.isnan([perfect.low, perfect.high]).all()
    assert "perfect" in perfect.note
    assert pearson([1, 2, 3, 4], [1, 3, 2, 4]).note == ""


@pytest.mark.parametrize(("rho", "n"), [(0.0, 6), (0.0, 15), (0.7, 10), (0.7, 20)])
def test_intervals_cover(rho, n):
    studies = 1000
    rng = np.random.default_rng([n, int(10 * rho)])
    x, noise = rng.normal(size=(2, studies, n))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    true_rank = 6 / np.pi * np.arcsin(rho / 2)
    unit = [(z - z.mean(1, keepdims=True)) / z.std(1, keepdims=True) for z in (x, y)]
    ranks = [stats.rankdata(z, axis=1) for z in (x, y)]
    ranked = [(z - z.mean(1, keepdims=True)) / z.std(1, keepdims=True) for z in ranks]
    for interval, (a, b), true in (
        (pearson_interval, unit, rho),
        (spearman_interval, ranked, true_rank),
    ):
        r = (a * b).mean(axis=1).clip(-1, 1)
        defined = [interval(one, n) for one in r if abs(one) < 1 - 1e-9]
        covered = sum(low <= true <= high for low, high in defined)
        assert len(defined) > 0.99 * studies
        assert binom.ppf(0.001, len(defined), 0.92) < covered
        assert covered < binom.ppf(0.999, len(defined), 0.97)


@pytest.mark.parametrize("n", [5, 12])
def test_holds_its_level(n):
    """Skewed data, in which the t approximation has no claim."""
    studies = 400
    x, y = np.random.default_rng([8, n]).exponential(size=(2, studies, n)) ** 2
    tests = (spearman,) if n > 9 else (spearman, pearson)
    for test in tests:
        p = np.array([test(a, b).p for a, b in zip(x, y, strict=True)])
        nominal = 0.05 if n > 9 else 0.0417
        rejected = (p <= 0.05).sum()
        assert binom.ppf(0.001, studies, 0.6 * nominal) < rejected
        assert rejected <= binom.ppf(0.999, studies, 0.05)


def test_known_attainable_p():
    assert attainable_correlation_p(4) == 2 / 24
    assert attainable_correlation_p(4, two_sided=False) == 1 / 24
    with pytest.raises(HypError, match="three points"):
        attainable_correlation_p(2)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2, 3], [1, 2], "equal length"),
        ([[1, 2, 3]], [[1, 2, 3]], "equal length"),
        ([1, 2], [1, 2], "three points"),
        ([1, 2, np.nan], [1, 2, 3], "missing"),
        ([1, 2, 3], [1, 2, np.inf], "infinite"),
        ([1, 2, 3], [5, 5, 5], "same at every point"),
        ([0.1 + 0.2, 0.3, 0.3], [1, 2, 3], "same at every point"),
    ],
)
@pytest.mark.parametrize("test", [pearson, spearman])
def test_refusals(x, y, message, test):
    with pytest.raises(HypError, match=message):
        test(x, y)


@pytest.mark.parametrize(("r", "n", "confidence"), [(1.1, 9, 0.95), (0.5, 2, 0.95), (0.5, 9, 1.0)])
def test_impossible_intervals_are_refused(r, n, confidence):
    for interval in (pearson_interval, spearman_interval):
        with pytest.raises(HypError):
            interval(r, n, confidence)


def test_repeated_correlation_agrees_with_pingouin():
    (table,) = checkpoints(1, between=4.0, slope=0.5)
    expected = pingouin.rm_corr(table, "x", "y", "seed").iloc[0]
    result = repeated_correlation(table, "x", "y")
    assert result.r == pytest.approx(expected["r"])
    assert result.p == pytest.approx(expected["pval"])
    assert result.df == expected["dof"] == 48 - 6 - 1
    assert (result.low, result.high) == pytest.approx(expected["CI95"], abs=0.005)
    assert (result.units, result.points, result.note) == (6, 48, "")
    centred = table[["x", "y"]] - table.groupby("seed")[["x", "y"]].transform("mean")
    assert result.r == pytest.approx(stats.pearsonr(centred.x, centred.y).statistic)


def test_p_over_units_is_the_sign_flip_of_each_units_correlation():
    (table,) = checkpoints(1, slope=0.4)
    result = repeated_correlation(table, "x", "y")
    own = [stats.pearsonr(one.x, one.y).statistic for _, one in table.groupby("seed")]
    assert result.by_unit == pytest.approx(own)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1)
    flipped = np.abs(signs.T @ own)
    assert result.p_units == pytest.approx(np.mean(flipped >= abs(sum(own)) - 1e-9))
    assert result.p_units_attainable == 2 / 2**6


def test_seeds_of_different_groups_can_be_different_units():
    one, other = checkpoints(2)
    table = pd.concat([one.assign(group="a"), other.assign(group="b")])
    assert repeated_correlation(table, "x", "y", unit=("group", "seed")).units == 12
    assert repeated_correlation(table, "x", "y").units == 6


def test_order_and_scale_of_checkpoints_do_not_matter():
    (table,) = checkpoints(1, slope=0.3)
    one = repeated_correlation(table, "x", "y")
    assert repeated_correlation(table.sample(frac=1, random_state=1), "x", "y") == one
    scaled = repeated_correlation(table.assign(x=1e5 + 1e-3 * table.x, y=-table.y), "x", "y")
    assert (scaled.r, scaled.p) == pytest.approx((-one.r, one.p))
    swapped = repeated_correlation(table, "y", "x")
    assert (swapped.r, swapped.p) == pytest.approx((one.r, one.p))


def test_levels_of_seeds_fool_the_pooled_correlation_only():
    studies = 60
    tables = checkpoints(studies, between=2.0)
    pooled = np.array([repeated_correlation_published(t, "x", "y").p for t in tables])
    within = [repeated_correlation(t, "x", "y") for t in tables]
    assert (pooled <= 0.05).mean() > 0.8
    assert sum(one.p <= 0.05 for one in within) <= binom.ppf(0.999, studies, 0.05)
    assert sum(one.p_units <= 0.05 for one in within) <= binom.ppf(0.999, studies, 0.05)
    assert "independent" in WHY_POOLED_DIFFERS


def test_dependence_of_checkpoints_fools_all_but_the_p_over_units():
    studies = 60
    found = [repeated_correlation(t, "x", "y") for t in checkpoints(studies, walk=True, stream=1)]
    assert np.mean([one.p <= 0.05 for one in found]) > 0.2
    assert sum(one.p_units <= 0.05 for one in found) <= binom.ppf(0.999, studies, 2 / 2**6)


def test_published_is_scipys_pearson_of_all_points():
    (table,) = checkpoints(1, between=1.0)
    result = repeated_correlation_published(table, "x", "y")
    expected = stats.pearsonr(table.x, table.y)
    assert (result.r, result.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert result.n == 48
    assert np.isnan(result.p_attainable)


def test_a_unit_that_does_not_vary_leaves_no_p_over_units():
    (table,) = checkpoints(1)
    table.loc[table.seed == 0, "x"] = 1.0
    result = repeated_correlation(table, "x", "y")
    assert np.isnan(result.by_unit[0])
    assert np.isnan(result.p_units)
    assert "no p over units" in result.note
    assert np.isfinite([result.r, result.p, result.low]).all()


def test_perfect_correlation_within_seeds():
    (table,) = checkpoints(1)
    result = repeated_correlation(table.assign(y=2 * table.x + table.seed), "x", "y")
    assert result.r == 1
    assert np.isnan(result.low)
    assert "perfect" in result.note
    assert result.p < 1e-10
    assert result.p_units == result.p_units_attainable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="x"), "lacks the column 'x'"),
        (lambda t: t.assign(y=np.nan), "missing"),
        (lambda t: t.assign(seed=np.nan), "no 'seed'"),
        (lambda t: t[t.seed < 2], "three units"),
        (lambda t: t.drop(index=range(1, 8)), "one point only"),
        (lambda t: t.assign(x=t.seed), "'x' does not vary within any unit"),
        (lambda t: t.assign(y=1.0), "'y' does not vary within any unit"),
    ],
)
def test_repeated_refusals(change, message):
    (table,) = checkpoints(1)
    with pytest.raises(HypError, match=message):
        repeated_correlation(change(table), "x", "y")
