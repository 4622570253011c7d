"""What is found does not depend on the unit that scores are given in."""

import numpy as np
import pandas as pd
import pytest
from simulated_scores import simulated_scores

from hyp.stats.checks import check_decodable, largest_mean_p
from hyp.stats.comparisons import compare
from hyp.stats.correlations import pearson, spearman
from hyp.stats.group_pairs import closeness, tightness
from hyp.stats.pairs import within_between
from hyp.stats.permutation import permutation_p, sign_flip_p
from hyp.stats.published import compare_published
from hyp.stats.scaling import compare_scaling
from hyp.stats.sensitivity import icc, mixed_model
from hyp.stats.tost import equivalence
from hyp.stats.trimmed import trimmed_difference

SCALES = [1e-60, 1e-13, 1e-6, 1e7]
IN_UNITS = ["mean_a", "mean_b", "sd_a", "sd_b", "difference", "ci_low", "ci_high"]
IN_UNITS += ["shift", "shift_low", "shift_high"]


def assert_same(one, other, factor, in_units=()):
    for name in one.columns:
        if name in in_units:
            np.testing.assert_allclose(other[name], one[name] * factor, rtol=1e-6)
        elif one[name].dtype.kind == "f":
            np.testing.assert_allclose(other[name], one[name], rtol=1e-9, err_msg=name)
        else:
            assert one[name].tolist() == other[name].tolist(), name


@pytest.mark.parametrize("factor", SCALES)
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"correction": "max-t"},
        {"test": "brunner-munzel", "equivalence": "rank"},
        {"test": "studentized", "equivalence": "studentized"},
        {"paired": "seed", "equivalence": "rank"},
        {"paired": "seed", "correction": "max-t", "test": "rank"},
    ],
)
def test_comparisons(factor, how):
    table = simulated_scores(effects=(1.0, 0.0, 0.3), seeds=(5, 5))
    table["score"] = table["score"].round(1)
    scaled = table.assign(score=table["score"] * factor)
    one = compare(table, ("layer",), margin=0.5, **how)
    other = compare(scaled, ("layer",), margin=0.5 * factor, **how)
    assert_same(one, other, factor, IN_UNITS)


@pytest.mark.parametrize("factor", SCALES)
def test_folds_in_another_order_tie_at_every_scale(factor):
    folds = np.array([0.1, 0.2, 0.3, 0.4, 0.7]) * factor
    rows = [
        {"layer": "a", "group": group, "seed": seed, "fold": fold, "score": score}
        for group, moved in (("full", 0), ("reduced", 2))
        for seed in range(5)
        for fold, score in enumerate(np.roll(folds, seed + moved))
    ]
    row = compare(pd.DataFrame(rows), ("layer",)).iloc[0]
    assert (row.p, row.ps, row.direction, row.sd_a) == (1, 0.5, 0, 0)


@pytest.mark.parametrize("factor", SCALES)
def test_small_scores_are_no_ties(factor):
    scores = np.arange(1.0, 9.0) * factor
    rows = [
        {"layer": "a", "group": group, "seed": seed, "fold": 0, "score": score}
        for group, own in (("full", scores[4:]), ("reduced", scores[:4]))
        for seed, score in enumerate(own)
    ]
    for how in ({}, {"correction": "max-t"}, {"test": "brunner-munzel"}):
        assert compare(pd.DataFrame(rows), ("layer",), **how).p_corrected[0] == pytest.approx(
            2 / 70
        )


def test_single_precision_is_told_from_differences():
    score = np.array([0.1, 0.4, 0.2, 0.3], dtype=np.float32)
    table = pd.DataFrame(
        {"layer": 0, "group": ["full"] * 2 + ["reduced"] * 2, "seed": 0, "fold": [0, 1] * 2}
    ).assign(score=score)
    assert compare(table, ("layer",)).ps[0] == 0.5


@pytest.mark.parametrize("factor", SCALES)
def test_the_rest_of_the_statistics(factor):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 6)).round(1), rng.normal(0.4, 1, size=(2, 6)).round(1)
    for statistic in ("rank", "studentized", "brunner-munzel", "mean"):
        np.testing.assert_allclose(
            permutation_p(x * factor, y * factor, statistic), permutation_p(x, y, statistic)
        )
    np.testing.assert_allclose(sign_flip_p((x - y) * factor), sign_flip_p(x - y))
    assert largest_mean_p(x.T * factor) == largest_mean_p(x.T)
    for test in ("welch", "rank", "studentized", "brunner-munzel"):
        one = equivalence(x[0], y[0], 0.7, test=test)
        other = equivalence(x[0] * factor, y[0] * factor, 0.7 * factor, test=test)
        assert other.p == pytest.approx(one.p, rel=1e-6)
    trimmed = trimmed_difference(x[0] * factor, y[0] * factor)
    assert trimmed.p == pytest.approx(trimmed_difference(x[0], y[0]).p, rel=1e-6)
    for correlate in (pearson, spearman):
        assert correlate(x[0] * factor, y[0]).p == correlate(x[0], y[0]).p


@pytest.mark.parametrize("factor", [1e-13, 1e7])
def test_folds_and_pairs_of_models(factor):
    table = simulated_scores(effects=(0.5,))
    scaled = table.assign(score=table["score"] * factor)
    assert mixed_model(scaled).p == pytest.approx(mixed_model(table).p, rel=1e-4)
    assert icc(scaled).value == pytest.approx(icc(table).value, rel=1e-6)
    one, other = (compare_published(each, ("layer",)) for each in (table, scaled))
    assert_same(one, other, factor, IN_UNITS)
    checked = [check_decodable(t.assign(chance=0.0))[0].value for t in (table, scaled)]
    assert checked[0] == checked[1]

    vectors = np.random.default_rng(1).normal(size=(9, 6))
    similarity = vectors @ vectors.T
    labels = ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    for find in (
        lambda s: closeness(s, labels, "a", "b", "c"),
        lambda s: tightness(s, labels, "a", "b"),
        lambda s: within_between(s, labels)[0],
    ):
        assert find(similarity * factor).p == find(similarity).p


@pytest.mark.parametrize("factor", [1e-13, 1e7])
def test_scaling_laws(factor):
    sizes = np.array([10.0, 30, 100, 300, 1000, 3000])
    rows = [
        {"size": size, "seed": seed, "score": 0.8 - size**-0.5 + 0.01 * np.sin(9 * seed + size)}
        for size in sizes
        for seed in range(3)
    ]
    size, seed, score = pd.DataFrame(rows).to_numpy().T
    one, other = (compare_scaling(size, scores, seed) for scores in (score, score * factor))
    np.testing.assert_allclose(other.weights, one.weights, rtol=1e-3, atol=1e-6)
