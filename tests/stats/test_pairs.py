from itertools import permutations
from math import comb

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from hyp.errors import HypError
from hyp.stats.group_pairs import closeness, separation, tightness
from hyp.stats.pairs import within_between
from hyp.stats.pairs_published import (
    WHY_PAIRS_DIFFER,
    closeness_published,
    tightness_published,
    within_between_published,
)


def similarities(studies, labels, *, shared=0.5, within=0.0, stream=0):
    """Symmetric matrices: each model's own level (`shared` of a pair's variance), noise."""
    rng = np.random.default_rng([11, stream])
    models = len(labels)
    level = rng.normal(0, np.sqrt(shared / 2), (studies, models, 1))
    noise = rng.normal(0, np.sqrt((1 - shared) / 2), (studies, models, models))
    groups = np.array(list(labels))
    same = groups[:, None] == groups
    total = level + level.swapaxes(1, 2) + noise + noise.swapaxes(1, 2) + within * same
    return 0.5 + 0.05 * total


def plain_difference(similarity, labels, group=None):
    """Mean within - mean between, pair by pair in plain Python."""
    within, between = [], []
    for i in range(len(labels)):
        for j in range(i):
            if group is None or group in (labels[i], labels[j]):
                (within if labels[i] == labels[j] else between).append(similarity[i][j])
    return np.mean(within) - np.mean(between)


def enumerated(similarity, labels, group=None):
    """Observed difference, and those of every distinct assignment of the labels."""
    arrangements = sorted(set(permutations(labels)))
    every = np.array([plain_difference(similarity, one, group) for one in arrangements])
    return plain_difference(similarity, labels, group), every


@pytest.mark.parametrize("labels", ["aabb", "aaabbb", "aabbcc", "aaabbc", "aab"])
@pytest.mark.parametrize("decimals", [1, 12])
@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_exact_p_agrees_with_enumeration(labels, decimals, alternative):
    similarity = similarities(1, labels, stream=len(labels))[0]
    similarity = np.round(10 * similarity, decimals)  # one decimal: ties
    for contrast in within_between(similarity, labels, alternative=alternative):
        group = None if contrast.group == "all" else contrast.group
        seen, every = enumerated(similarity, labels, group)
        upper, lower = np.mean(every >= seen - 1e-9), np.mean(every <= seen + 1e-9)
        expected = {"greater": upper, "less": lower, "two-sided": min(1, 2 * min(upper, lower))}
        assert contrast.difference == pytest.approx(seen)
        assert contrast.p == pytest.approx(expected[alternative])
        assert contrast.p >= contrast.p_attainable - 1e-12
        assert contrast.method.startswith("exact")


@pytest.mark.parametrize("labels", ["aabb", "aaabbb", "aabbcc", "aaabb"])
def test_the_attainable_p_is_that_of_the_most_separated_labels(labels):
    similarity = similarities(1, labels, stream=1)[0]
    for number, group in enumerate([None, *sorted(set(labels))]):
        arrangements = sorted(set(permutations(labels)))
        best = max(arrangements, key=lambda one: plain_difference(similarity, one, group))
        contrast = within_between(similarity, best)[number]
        assert contrast.p == pytest.approx(contrast.p_attainable)


def test_known_attainable_p():
    similarity = similarities(1, "aaaabbbb")[0]
    every, own, _ = within_between(similarity, "aaaabbbb")
    assert (every.p_attainable, own.p_attainable) == (2 / comb(8, 4), 1 / comb(8, 4))
    two_sided = within_between(similarity, "aaaabbbb", alternative="two-sided")[0]
    assert two_sided.p_attainable == 4 / comb(8, 4)
    assert (every.within_pairs, every.between_pairs, every.models) == (12, 16, 8)
    assert (own.within_pairs, own.between_pairs, own.models) == (6, 16, 4)


def test_many_assignments_are_sampled_and_never_give_zero():
    labels = "aaaaabbbbbccccc"
    similarity = similarities(1, labels, within=20.0)[0]
    first, *own = within_between(similarity, labels)
    assert first.method == "19,999 random assignments of the labels"
    assert first.p == first.p_attainable == 1 / 20_000
    assert all(one.method.startswith("exact, all 3,003") for one in own)
    assert all(one.p <= 3 * one.p_attainable for one in own)  # b and c are as tight as a
    assert own[0].p_holm == pytest.approx(3 * own[0].p)
    assert within_between(similarity, labels)[0] == first


def test_order_of_models_names_and_diagonal_do_not_matter():
    labels = np.array(list("aaaaabbbbbccccc"))
    similarity = similarities(1, labels, within=1.0)[0]
    order = np.random.default_rng(0).permutation(15)
    shuffled = similarity[np.ix_(order, order)]
    np.fill_diagonal(shuffled, np.nan)
    for one, other in zip(
        within_between(similarity, labels), within_between(shuffled, labels[order]), strict=True
    ):
        assert (one.group, one.p, one.p_attainable) == (other.group, other.p, other.p_attainable)
        assert (one.low, one.high) == pytest.approx((other.low, other.high))
    small = np.array(list("aaaabbbb"))
    renamed = np.where(small == "a", "z", "b")
    one, other = (within_between(similarity[:8, :8], names)[0] for names in (small, renamed))
    assert (one.p, one.difference) == pytest.approx((other.p, other.difference))


def test_turning_the_sign_swaps_the_sides():
    similarity = similarities(1, "aaaabbbb", within=0.5)[0]
    greater = within_between(similarity, "aaaabbbb", alternative="greater")
    less = within_between(1 - similarity, "aaaabbbb", alternative="less")
    for one, other in zip(greater, less, strict=True):
        assert one.p == other.p
        assert one.difference == pytest.approx(-other.difference)
        assert one.low == pytest.approx(-other.high)


def test_constant_similarity_has_no_difference():
    first = within_between(np.ones((8, 8)), "aaaabbbb")[0]
    assert (first.difference, first.p) == (0, 1)
    assert within_between_published(np.ones((8, 8)), "aaaabbbb")[0].p == 1


def test_closeness_permutes_the_models_of_b_and_c():
    labels = "aaabbbbccccd"
    similarity = similarities(1, labels)[0]
    to_a = similarity[:3].mean(axis=0)
    result = closeness(similarity, labels, "a", "b", "c")
    exact = stats.permutation_test(
        (to_a[3:7], to_a[7:11]), lambda x, y: x.mean() - y.mean(), n_resamples=np.inf
    )
    welch = stats.ttest_ind(to_a[3:7], to_a[7:11], equal_var=False).confidence_interval()
    assert result.p == pytest.approx(exact.pvalue)
    assert (result.low, result.high) == pytest.approx((welch.low, welch.high))
    assert result.p_attainable == 2 / comb(8, 4)
    assert (result.n_anchor, result.n_b, result.n_c) == (3, 4, 4)
    swapped = closeness(similarity, labels, "a", "c", "b")
    assert (swapped.p, swapped.difference) == pytest.approx((result.p, -result.difference))
    with pytest.raises(HypError, match="two models each"):
        closeness(similarity, labels, "a", "b", "d")


def test_tightness_is_the_difference_of_both_groups_own_pairs():
    labels = "aaaabbbbbcc"
    similarity = similarities(1, labels)[0]
    own = [similarity[:4, :4], similarity[4:9, 4:9]]
    means = [one[np.triu_indices(len(one), 1)].mean() for one in own]
    result = tightness(similarity, labels, "a", "b")
    assert (result.within_a, result.within_b) == pytest.approx(means)
    assert result.difference == pytest.approx(means[0] - means[1])
    assert result.p_attainable == 2 / comb(9, 4)
    swapped = tightness(similarity, labels, "b", "a")
    assert (swapped.p, swapped.difference) == pytest.approx((result.p, -result.difference))
    published = tightness_published(similarity, labels, "a", "b")
    assert (published.first_pairs, published.second_pairs) == (6, 10)
    assert published.difference == pytest.approx(result.difference)


def test_tightness_has_the_interval_of_the_jackknife():
    labels = "aaaaabbbbb"
    similarity = similarities(1, labels, shared=0.5, stream=7)[0]

    def mean_without(group, left_out):
        kept = [k for k in range(5 * group, 5 * group + 5) if k != left_out]
        return np.mean([similarity[i, j] for i in kept for j in kept if i < j])

    values = [
        [5 * mean_without(group, None) - 4 * mean_without(group, 5 * group + k) for k in range(5)]
        for group in (0, 1)
    ]
    welch = stats.ttest_ind(*values, equal_var=False).confidence_interval()
    result = tightness(similarity, labels, "a", "b")
    assert (result.low, result.high) == pytest.approx((welch.low, welch.high))


def test_tightness_holds_its_level_where_pooled_pairs_do_not_and_finds_what_is_there():
    labels, studies = "a" * 6 + "b" * 6, 400
    drawn = similarities(studies, labels, shared=0.8, stream=8)
    p = np.array([tightness(one, labels, "a", "b").p for one in drawn])
    pooled = np.array([tightness_published(one, labels, "a", "b").p for one in drawn])
    assert binom.ppf(0.001, studies, 0.02) < (p <= 0.05).sum() < binom.ppf(0.999, studies, 0.05)
    assert (pooled <= 0.05).mean() > 0.2
    first = np.array(list(labels)) == "a"
    tighter = drawn[:50] + 0.15 * np.outer(first, first)
    assert np.mean([tightness(one, labels, "a", "b").p <= 0.05 for one in tighter]) > 0.8


def test_published_takes_pairs_as_units():
    labels = "aaabbbb"
    similarity = similarities(1, labels)[0]
    every, own, _ = within_between_published(similarity, labels)
    assert (every.first_pairs, every.second_pairs) == (3 + 6, 12)
    assert (own.first_pairs, own.second_pairs) == (3, 12)
    a, ab = similarity[:3, :3][np.triu_indices(3, 1)], similarity[:3, 3:].ravel()
    assert own.p == stats.mannwhitneyu(a, ab).pvalue
    recommended = within_between(similarity, labels)
    assert [one.difference for one in (every, own)] == pytest.approx(
        [one.difference for one in recommended[:2]]
    )
    assert "share models" in WHY_PAIRS_DIFFER


def test_closeness_holds_its_level_where_pooled_pairs_do_not():
    labels, studies = "a" * 5 + "b" * 5 + "c" * 5, 400
    drawn = similarities(studies, labels, shared=0.8, stream=2)
    p = np.array([closeness(one, labels, "a", "b", "c").p for one in drawn])
    pooled = np.array([closeness_published(one, labels, "a", "b", "c").p for one in drawn])
    assert binom.ppf(0.001, studies, 0.03) < (p <= 0.05).sum() < binom.ppf(0.999, studies, 0.05)
    assert (pooled <= 0.05).mean() > 0.12


def test_one_groups_pairs_hold_their_level_where_pooled_pairs_do_not():
    labels, studies = "a" * 6 + "b" * 6, 300
    drawn = similarities(studies, labels, shared=0.8, stream=3)
    p = np.array([within_between(one, labels)[1].p for one in drawn])
    pooled = np.array([within_between_published(one, labels)[1].p for one in drawn])
    assert binom.ppf(0.001, studies, 0.05) < (p <= 0.05).sum() < binom.ppf(0.999, studies, 0.05)
    assert (pooled <= 0.05).mean() > 0.09


def test_all_groups_hold_their_level_and_find_what_is_there():
    labels, studies = "a" * 5 + "b" * 5, 300
    null = [within_between(s, labels)[0].p for s in similarities(studies, labels, stream=4)]
    found = [within_between(s, labels)[0].p for s in similarities(50, labels, within=1.5, stream=5)]
    rejected = np.sum(np.array(null) <= 0.05)
    assert binom.ppf(0.001, studies, 0.048) < rejected < binom.ppf(0.999, studies, 0.05)
    assert np.mean(np.array(found) <= 0.05) > 0.8


@pytest.mark.parametrize("within", [0.0, 1.0])
def test_interval_covers(within):
    labels, studies = "a" * 5 + "b" * 5, 300
    drawn = similarities(studies, labels, within=within, stream=6)
    firsts = [within_between(one, labels)[0] for one in drawn]
    covered = sum(one.low <= 0.05 * within <= one.high for one in firsts)
    assert covered > binom.ppf(0.001, studies, 0.93)
    widths = np.mean([one.high - one.low for one in firsts])
    assert widths < 8 * np.std([one.difference for one in firsts])


@pytest.mark.parametrize(
    ("similarity", "labels", "message"),
    [
        (np.ones((2, 3)), "ab", "square"),
        (np.ones((3, 3)), "ab", "as many labels"),
        (np.full((4, 4), np.nan), "aabb", "missing"),
        (np.triu(np.ones((4, 4))), "aabb", "not symmetric"),
        (np.ones((4, 4)), "aaaa", "two groups"),
        (np.ones((3, 3)), "abc", "no group has two models"),
        (np.ones((3, 3)), ["a", "a", None], "no label"),
    ],
)
@pytest.mark.parametrize("test", [within_between, within_between_published])
def test_refusals(similarity, labels, message, test):
    with pytest.raises(HypError, match=message):
        test(similarity, labels)


@pytest.mark.parametrize("test", [closeness, closeness_published])
def test_closeness_refusals(test):
    with pytest.raises(HypError, match="no model is of the group 'x'"):
        test(np.ones((3, 3)), "abc", "a", "b", "x")
    with pytest.raises(HypError, match="three different groups"):
        test(np.ones((3, 3)), "abc", "a", "b", "b")


@pytest.mark.parametrize("test", [tightness, tightness_published])
def test_tightness_refusals(test):
    with pytest.raises(HypError, match="no model is of the group 'x'"):
        test(np.ones((3, 3)), "abc", "a", "x")
    with pytest.raises(HypError, match="two different groups"):
        test(np.ones((3, 3)), "abc", "a", "a")
    with pytest.raises(HypError, match="at least three models each"):
        test(np.ones((5, 5)), "aaabb", "a", "b")


def test_groups_of_two_have_no_interval():
    first = within_between(similarities(1, "aabbb")[0], "aabbb")[0]
    assert np.isnan([first.low, first.high]).all()


def test_separation_is_the_area_under_the_curve_of_every_model():
    labels = "aaabbbbc"
    [similarity] = similarities(1, labels)
    named = np.array(list(labels))
    areas = [
        roc_auc_score(np.delete(named == own, model), np.delete(similarity[model], model))
        for model, own in enumerate(named)
        if own != "c"
    ]
    assert separation(similarity, labels) == pytest.approx(np.mean(areas))
    blocks = np.where(named[:, None] == named[None], 0.9, 0.1)
    assert separation(blocks, labels) == 1.0
    assert separation(np.full((8, 8), 0.5), labels) == 0.5
