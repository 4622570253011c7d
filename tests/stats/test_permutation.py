"""Permutation tests and max-T against enumeration in plain Python."""

import warnings
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from hyp.errors import HypError
from hyp.stats.families import max_t, max_t_paired
from hyp.stats.permutation import exact_permutation_p, permutation_p, sign_flip_p
from hyp.stats.rank_sum import exact_p
from hyp.stats.signed_rank import signed_rank_p


def welch(x, y):
    spread = x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y)
    apart = x.mean() - y.mean()
    return 0.0 if abs(apart) < 1e-12 else apart / np.sqrt(max(spread, 1e-12))


def brunner_munzel(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = -stats.brunnermunzel(x, y).statistic
    return 0.0 if np.isnan(value) else float(np.clip(value, -1e6, 1e6))


STATISTICS = {
    "studentized": welch,
    "brunner-munzel": brunner_munzel,
    "mean": lambda x, y: x.mean() - y.mean(),
}


def every_value(x, y, of):
    """The statistic under every arrangement of labels, the one seen first."""
    pooled = np.concatenate([x, y])
    values = []
    for chosen in combinations(range(len(pooled)), len(x)):
        first = np.isin(np.arange(len(pooled)), chosen)
        values.append(of(pooled[first], pooled[~first]))
    return np.array(values)


def tails(values, seen):
    close = 1e-9 * (1 + abs(seen))
    return (values <= seen + close).mean(), (values >= seen - close).mean()


@pytest.mark.parametrize("statistic", list(STATISTICS))
@pytest.mark.parametrize("decimals", [0, 3])
def test_permutation_p_agrees_with_enumeration(statistic, decimals):
    rng = np.random.default_rng(decimals)
    for n1, n2 in [(2, 3), (4, 4), (5, 3), (3, 5)]:
        x, y = rng.normal(size=n1).round(decimals), (3 * rng.normal(size=n2)).round(decimals)
        values = every_value(x, y, STATISTICS[statistic])
        expected = min(1.0, 2 * min(tails(values, values[0])))
        assert permutation_p([x], [y], statistic)[0] == pytest.approx(expected)


def test_permuting_rank_sums_is_the_exact_rank_test():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 6, (5, 4)) + 0.0, rng.integers(1, 7, (5, 5)) + 0.0
    for alternative in ("two-sided", "greater", "less"):
        np.testing.assert_allclose(
            permutation_p(x, y, "rank", alternative), exact_p(x, y, alternative)
        )


def test_sign_flips_agree_with_scipy():
    d = np.random.default_rng(2).normal(0.4, 1, (3, 9)).round(1)
    for alternative in ("two-sided", "greater", "less"):
        expected = stats.permutation_test(
            (d,), np.mean, permutation_type="samples", n_resamples=np.inf, axis=1,
            alternative=alternative, vectorized=True,
        ).pvalue  # fmt: skip
        np.testing.assert_allclose(sign_flip_p(d, alternative), expected)


def test_an_offset_or_an_outlier_leaves_ties_as_they_are():
    x, y = np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([[0.1, 0.2, 0.3, 0.4]])
    for offset in (0.0, 1e6, -1e9):
        for statistic in ("studentized", "brunner-munzel", "mean"):
            assert permutation_p(x + offset, y + offset, statistic)[0] == 1
    outlier = np.array([[0.1, 0.2, 0.3, 1e3]])
    assert permutation_p(outlier, y, "studentized")[0] == pytest.approx(
        min(1.0, 2 * min(tails(*(lambda v: (v, v[0]))(every_value(outlier[0], y[0], welch)))))
    )


@pytest.mark.parametrize("statistic", ["studentized", "brunner-munzel"])
def test_without_spread_there_is_no_evidence(statistic):
    assert permutation_p([[1.0]], [[2.0, 3]], statistic)[0] == 1
    assert permutation_p([[1.0, 1]], [[1.0, 1]], statistic)[0] == 1
    apart = permutation_p([[1.0] * 5], [[0.5] * 5], statistic)[0]
    assert apart == pytest.approx(2 / 252)


def westfall_young(tables, seen_first):
    """One-sided step-down max-T from a table (comparisons, arrangements), in plain Python."""
    count, arrangements = tables.shape
    order = sorted(range(count), key=lambda i: -seen_first[i])
    p, so_far = np.empty(count), 0.0
    for place, one in enumerate(order):
        largest = tables[order[place:]].max(axis=0)
        so_far = max(so_far, float((largest >= seen_first[one] - 1e-9).sum()) / arrangements)
        p[one] = so_far
    return p


@pytest.mark.parametrize("statistic", ["studentized", "mean"])
def test_max_t_agrees_with_enumeration(statistic):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    x[0] += 3
    of = STATISTICS[statistic]
    tables = np.array([every_value(a, b, of) for a, b in zip(x, y, strict=True)])
    if statistic == "mean":
        tables /= np.sqrt(((z := np.hstack([x, y])) - z.mean(1, keepdims=True)) ** 2 @ np.ones(7))[
            :, None
        ]
    up = westfall_young(tables, tables[:, 0])
    down = westfall_young(-tables, -tables[:, 0])
    np.testing.assert_allclose(max_t(x, y, statistic, "greater"), up)
    np.testing.assert_allclose(max_t(x, y, statistic, "less"), down)
    np.testing.assert_allclose(max_t(x, y, statistic), np.minimum(1, 2 * np.minimum(up, down)))


def test_max_t_of_pairs_agrees_with_enumeration():
    d = np.random.default_rng(5).normal(0.5, 1, (4, 6))
    flips = np.array(list(product([1, -1], repeat=6)))
    tables = (d @ flips.T) / np.sqrt((d**2).sum(axis=1, keepdims=True))
    student = tables / np.sqrt(1 - tables**2 / 6)
    up = westfall_young(student, student[:, 0])
    down = westfall_young(-student, -student[:, 0])
    expected = np.minimum(1, 2 * np.minimum(up, down))
    np.testing.assert_allclose(max_t_paired(d), expected)


def test_one_comparison_alone_is_not_corrected():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(1, 5)), rng.normal(size=(1, 6))
    for statistic in ("rank", "studentized", "brunner-munzel"):
        assert max_t(x, y, statistic) == permutation_p(x, y, statistic)
    assert max_t_paired(x, "rank") == pytest.approx(signed_rank_p(x))


def test_copies_of_a_comparison_cost_nothing_and_corrected_p_are_never_smaller():
    rng = np.random.default_rng(7)
    x, y = rng.normal(1.5, 1, size=(1, 5)), rng.normal(size=(1, 5))
    alone = permutation_p(x, y)
    np.testing.assert_allclose(max_t(np.repeat(x, 18, 0), np.repeat(y, 18, 0)), alone[0])
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 5))
    assert (max_t(x, y) >= permutation_p(x, y) - 1e-12).all()


def test_random_arrangements_repeat_and_never_give_zero():
    x, y = np.arange(12.0)[None] + 100, np.arange(12.0)[None]
    assert permutation_p(x, y, most=1000)[0] == pytest.approx(2 / 1000)
    assert max_t(x, y, most=1000)[0] == pytest.approx(2 / 1000)
    pairs = np.arange(1.0, 21.0)[None]
    assert sign_flip_p(pairs)[0] == sign_flip_p(pairs)[0] > 0
    assert np.isnan(exact_permutation_p([[1.0]], [[1.0, 2]])[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: permutation_p([[1.0]], [[2.0]], "t"), "statistic must be 'rank'"),
        (lambda: max_t([[1.0]], [[2.0]], alternative="two"), "alternative must be"),
        (lambda: max_t_paired([[1.0]], "brunner-munzel"), "statistic must be"),
        (lambda: sign_flip_p([[np.inf]]), "missing or infinite"),
        (lambda: exact_permutation_p([[1.0]], [[2.0]], "Greater"), "alternative must be"),
    ],
)
def test_mistakes_are_refused(call, message):
    with pytest.raises(HypError, match=message):
        call()
