import tracemalloc
import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated_scores import simulated_scores
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.nonparametric import rank_compare_2indep

from hyp.errors import HypError
from hyp.stats.comparison_rows import welch_interval
from hyp.stats.comparisons import compare
from hyp.stats.families import holm, max_t
from hyp.stats.permutation import exact_permutation_p
from hyp.stats.published import compare_published
from hyp.stats.rank_sum import exact_p
from hyp.stats.tost import equivalence

KEYS = ("layer",)


def one_fold(full, reduced, layer="layer1.0"):
    rows = [
        {"layer": layer, "group": group, "seed": seed, "fold": 0, "score": score}
        for group, scores in (("full", full), ("reduced", reduced))
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(rows)


def enumerated_p(x, y):
    """Two-sided p by counting arrangements of the pooled values, in plain Python."""
    pooled = [*x, *y]

    def u(chosen):
        rest = [pooled[i] for i in range(len(pooled)) if i not in chosen]
        return sum((pooled[i] > b) + 0.5 * (pooled[i] == b) for i in chosen for b in rest)

    every = [u(chosen) for chosen in combinations(range(len(pooled)), len(x))]
    seen = u(tuple(range(len(x))))
    below = np.mean([value <= seen for value in every])
    above = np.mean([value >= seen for value in every])
    return min(1.0, 2 * min(below, above))


@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (4, 4), (3, 5), (5, 4)])
@pytest.mark.parametrize("values", [3, 1000])
def test_exact_p_agrees_with_enumeration(n1, n2, values):
    rng = np.random.default_rng([n1, n2, values])
    x = rng.integers(0, values, (8, n1)).astype(float)
    y = rng.integers(0, values, (8, n2)).astype(float)
    expected = [enumerated_p(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(exact_p(x, y), expected, rtol=1e-12)


@pytest.mark.parametrize("values", [3, 1000])
def test_permutation_p_agrees_with_enumeration(values):
    rng = np.random.default_rng([7, values])
    x, y = rng.integers(0, values, (4, 4)), rng.integers(0, values, (4, 3))
    p = exact_permutation_p(x.astype(float), y.astype(float), "greater")
    for one, a, b in zip(p, x, y, strict=True):
        pooled = np.concatenate([a, b])
        sums = [pooled[list(chosen)].sum() for chosen in combinations(range(7), 4)]
        assert one == pytest.approx(np.mean(np.array(sums) >= a.sum()))


def test_many_arrangements_are_sampled_and_never_give_zero():
    x, y = np.arange(12.0)[None] + 100, np.arange(12.0)[None]
    p = exact_permutation_p(x, y, most=1000)
    assert p[0] == pytest.approx(2 / 1000)
    np.testing.assert_array_equal(p, exact_permutation_p(x, y, most=1000))


def test_ties_never_go_below_the_attainable_p():
    x, y = np.array([[1.0, 1, 1]]), np.array([[0.0, 0, 0]])
    assert stats.mannwhitneyu(x[0], y[0]).pvalue < 0.1
    assert exact_p(x, y)[0] == pytest.approx(0.1)


def test_welch_interval_agrees_with_scipy():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 5)), rng.normal(0.5, 3, size=(5, 7))
    expected = stats.ttest_ind(x, y, axis=1, equal_var=False).confidence_interval()
    low, high = welch_interval(x, y)
    np.testing.assert_allclose(low, expected.low)
    np.testing.assert_allclose(high, expected.high)


def test_full_separation_of_5_v_5():
    row = compare(one_fold([6, 7, 8, 9, 10], [1, 2, 3, 4, 5]), KEYS).iloc[0]
    assert row.p == row.p_attainable == row.p_holm == pytest.approx(2 / 252)
    assert (row.direction, row.ps, row.ps_high) == (1, 1, 1)
    assert 0.5 < row.ps_low < 1
    assert row.difference == 5
    assert bool(row.significant)
    assert (row.n_a, row.n_b, row.family, row.protocol) == (5, 5, "all", "recommended")


def test_folds_are_averaged_within_seeds():
    table = simulated_scores(effects=(1.0, 0.0), seeds=(5, 6))
    row = compare(table, KEYS).iloc[0]
    first = table[table.layer == 0]
    means = first.groupby(["group", "seed"]).score.mean()
    assert (row.n_a, row.n_b) == (5, 6)
    assert row.mean_a == pytest.approx(means["full"].mean())
    assert row.sd_b == pytest.approx(means["reduced"].std())
    superior = rank_compare_2indep(means["full"].to_numpy(), means["reduced"].to_numpy())
    assert row.ps == pytest.approx(superior.prob1)
    assert row.ps_low < row.ps < row.ps_high


def test_swapping_the_groups_turns_the_signs_and_keeps_the_p():
    table = simulated_scores(effects=(2.0, 0.5, 0.0, -1.0), seeds=(5, 7))
    swapped = table.assign(group=table.group.map({"full": "reduced", "reduced": "full"}))
    one, other = compare(table, KEYS), compare(swapped, KEYS)
    for column in ("p", "p_holm", "p_attainable", "significant"):
        np.testing.assert_allclose(one[column].astype(float), other[column].astype(float))
    for column in ("difference", "direction"):
        np.testing.assert_allclose(one[column], -other[column])
    np.testing.assert_allclose(one.ci_low, -other.ci_high)
    np.testing.assert_allclose(one.ps_low, 1 - other.ps_high)


def test_a_declared_direction_halves_the_attainable_p():
    table = one_fold([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])
    greater = compare(table, KEYS, alternative="greater").iloc[0]
    assert greater.p == greater.p_attainable == pytest.approx(1 / 252)
    assert compare(table, KEYS, alternative="less").iloc[0].p == 1


def test_groups_have_the_names_they_are_given():
    table = simulated_scores(effects=(1.0, 0.0), seeds=(5, 6))
    named = table.assign(group=table.group.map({"full": "supervised", "reduced": "contrastive"}))
    renamed = compare(named, KEYS, groups=("supervised", "contrastive"))
    pd.testing.assert_frame_equal(renamed, compare(table, KEYS))


def test_a_margin_adds_equivalence_corrected_on_its_own():
    table = simulated_scores(effects=(0.0, 0.3, 5.0), seeds=(6, 6), icc=0.1)
    table.loc[table.layer == 0, "score"] *= 0.1
    rows = compare(table, KEYS, margin=0.8)
    means = table.groupby(["layer", "group", "seed"]).score.mean()
    for row in rows.itertuples():
        pair = (means[row.layer, group].to_numpy() for group in ("full", "reduced"))
        assert row.p_equivalence == pytest.approx(equivalence(*pair, 0.8).p)
    expected = multipletests(rows.p_equivalence, method="holm")[1]
    np.testing.assert_allclose(rows.p_equivalence_holm, expected)
    assert rows.equivalent.tolist()[::2] == [True, False]


def test_equivalence_is_undefined_without_spread():
    same = one_fold([0.5] * 5, [0.5] * 5)
    rows = compare(pd.concat([same, one_fold([0.9], [0.8, 0.7], "b")]), KEYS, margin=0.1)
    assert rows.p_equivalence.isna().all()
    assert rows.p_equivalence_holm.isna().all()
    assert not rows.equivalent.any()


def test_row_order_never_matters():
    table = simulated_scores(studies=3, effects=(1.0, 0.0), seeds=(5, 6))
    shuffled = table.sample(frac=1, random_state=0)
    keys = ("study", "layer")
    pd.testing.assert_frame_equal(compare(table, keys), compare(shuffled, keys))


def test_fold_order_cannot_break_a_tie():
    folds = [0.1, 0.2, 0.3, 0.4, 0.7]
    rows = [
        {"layer": "a", "group": group, "seed": seed, "fold": fold, "score": score}
        for group, shift in (("full", 0), ("reduced", 2))
        for seed in range(5)
        for fold, score in enumerate(np.roll(folds, seed + shift))
    ]
    row = compare(pd.DataFrame(rows), KEYS).iloc[0]
    assert (row.p, row.ps, row.direction, row.sd_a) == (1, 0.5, 0, 0)


def test_identical_scores_have_no_interval_of_the_difference():
    row = compare(one_fold([0.5] * 5, [0.5] * 5), KEYS).iloc[0]
    assert (row.p, row.difference, row.direction, row.ps) == (1, 0, 0, 0.5)
    assert np.isnan([row.ci_low, row.ci_high]).all()
    assert 0 < row.ps_low < 0.5 < row.ps_high < 1
    assert not row.significant


def test_one_seed_is_described_but_not_judged():
    row = compare(one_fold([0.9], [0.1, 0.2, 0.3]), KEYS).iloc[0]
    assert row.p == row.p_attainable == 0.5
    assert np.isnan([row.sd_a, row.ci_low, row.ci_high]).all()
    assert not row.significant


def test_holm_within_each_family_only():
    table = simulated_scores(studies=2, effects=(3.0, 0.0, 0.0), icc=0.1)
    keys = ("study", "layer")
    by_family = compare(table, keys)
    together = compare(table.drop(columns="family"), keys)
    np.testing.assert_allclose(by_family.p, together.p)
    for _, family in by_family.groupby("family"):
        expected = multipletests(family.p, method="holm")[1]
        np.testing.assert_allclose(family.p_holm, expected)
        np.testing.assert_allclose(family.p_bh, multipletests(family.p, method="fdr_bh")[1])
    assert (together.p_holm >= by_family.p_holm).all()


@pytest.mark.parametrize("p", [[0.04], [0.01, 0.01, 0.9, 0.02, 0.3], [0.6, 0.5, 0.001, 0.04]])
def test_holm_agrees_with_statsmodels(p):
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


def test_six_layers_pass_holm_at_5_v_5_and_seven_do_not():
    def significant(layers):
        separated = [one_fold(range(5, 10), range(5), layer="a")]
        mixed = [one_fold([1, 3, 5, 7, 9], [0, 2, 4, 6, 8], layer=f"b{i}") for i in range(layers)]
        return compare(pd.concat(separated + mixed), KEYS).significant.sum()

    assert significant(5) == 1
    assert significant(6) == 0


def test_an_ordered_category_keeps_the_order_of_layers():
    layers = ["conv1", "layer1.0", "avgpool"]
    table = pd.concat([one_fold(range(5), range(3, 8), layer=layer) for layer in layers])
    table["layer"] = pd.Categorical(table.layer, categories=[*layers, "fc"], ordered=True)
    table["target"] = "distance"
    assert compare(table, KEYS).layer.tolist() == layers
    assert compare(table, ("target", "layer")).layer.tolist() == layers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="seed"), "column 'seed'"),
        (lambda t: t.iloc[:0], "empty"),
        (lambda t: t.assign(score=t.score.mask(t.seed == 1)), "not a finite number"),
        (lambda t: t.assign(score=np.inf), "not a finite number"),
        (lambda t: t.assign(layer=t.layer.where(t.seed > 0)), "no 'layer'"),
        (lambda t: t.assign(group="half"), "unknown group 'half'"),
        (lambda t: t[t.group == "full"], "one group only"),
        (lambda t: pd.concat([t, t]), "more than once"),
        (lambda t: t.iloc[1:], "lacks some folds"),
        (lambda t: t.assign(family=t.fold), "one family"),
    ],
)
def test_unfit_tables_are_refused(change, message):
    with pytest.raises(HypError, match=message):
        compare(change(simulated_scores()), KEYS)


def paired_tasks(differences):
    rows = [
        {"layer": "a", "group": group, "seed": f"{group}{task}", "task": task, "fold": 0}
        | {"score": 10.0 * task + (difference if group == "full" else 0)}
        for group in ("full", "reduced")
        for task, difference in enumerate(differences)
    ]
    return pd.DataFrame(rows)


def test_pairs_are_compared_within():
    d = [0.3, 0.1, 0.5, 0.4, -0.2, 0.6, 0.7]
    table = paired_tasks(d)
    unpaired, row = (compare(table, KEYS, paired=how).iloc[0] for how in (None, "task"))
    assert unpaired.p > 0.8
    assert row.p == pytest.approx(stats.wilcoxon(d).pvalue)
    assert row.p_attainable == 2 / 2**7
    assert (row.n_a, row.n_b, row.test) == (7, 7, "Wilcoxon signed-rank")
    assert row.difference == pytest.approx(np.mean(d))
    interval = stats.ttest_1samp(d, 0).confidence_interval()
    assert (row.ci_low, row.ci_high) == pytest.approx(interval)
    assert row.ps == pytest.approx(6 / 7)
    wilson = stats.binomtest(6, 7).proportion_ci(method="wilson")
    assert (row.ps_low, row.ps_high) == pytest.approx(wilson)
    flipped = compare(table, KEYS, paired="task", test="studentized").iloc[0]
    expected = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=999)
    assert flipped.p == pytest.approx(expected.pvalue)
    assert set(flipped.index) == set(unpaired.index)


def test_the_pairing_column_may_be_the_unit_itself():
    table = paired_tasks([0.3, 0.1, 0.5, 0.4, -0.2, 0.6])
    named = table.assign(seed=table.task)
    one, other = compare(table, KEYS, paired="task"), compare(named, KEYS, paired="seed")
    pd.testing.assert_frame_equal(one, other)


def test_paired_equivalence_is_of_the_differences():
    x, y = np.array([0.51, 0.62, 0.73, 0.84]), np.array([0.50, 0.62, 0.74, 0.83])
    row = compare(one_fold(x, y), KEYS, paired="seed", margin=0.05).iloc[0]
    assert row.p_equivalence == pytest.approx(equivalence(x, y, 0.05, paired=True).p)
    assert row.p_not_lower <= row.p_equivalence
    assert bool(row.not_lower)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="task"), "lacks the column 'task'"),
        (lambda t: t.assign(task=t.task.mask(t.task == 1)), "no 'task'"),
        (lambda t: t[(t.task > 0) | (t.group == "full")], "1 units have no partner .*full only"),
        (lambda t: t.assign(task=t.task.clip(upper=2)), "several units of full"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(change, message):
    with pytest.raises(HypError, match=message):
        compare(change(paired_tasks([0.3, 0.1, 0.5, 0.4])), KEYS, paired="task")


def test_max_t_corrects_by_sets_of_units():
    table = simulated_scores(effects=(2.0, 2.0, 0.0))
    one = compare(table, KEYS, correction="max-t")
    x, y = (
        table[table.group == group].pivot_table(index="layer", columns="seed", values="score")
        for group in ("full", "reduced")
    )
    np.testing.assert_allclose(one.p_corrected, max_t(x.to_numpy(), y.to_numpy()))
    assert one.multiplicity.tolist() == [1, 1, 1]
    other = table.assign(seed=table.seed + 10 * (table.layer == 2))
    apart = compare(other, KEYS, correction="max-t")
    assert apart.multiplicity.tolist() == [2, 2, 2]
    alone = compare(other[other.layer == 2], KEYS, correction="max-t")
    assert apart.p_corrected[2] == pytest.approx(min(1.0, 2 * alone.p[0]))
    holm_of_them = compare(table, KEYS)
    assert holm_of_them.multiplicity.tolist() == [3, 3, 3]
    np.testing.assert_allclose(holm_of_them.p_corrected, holm_of_them.p_holm)


def test_ten_thousand_stimuli_need_little_memory():
    table = simulated_scores(studies=1, effects=(0.0,))
    many = pd.concat([table.assign(fold=table.fold + 5 * i) for i in range(400)])
    tracemalloc.start()
    row = compare(many, KEYS).iloc[0]
    compare_published(many, KEYS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert row.n_a == 5
    assert peak < 50e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alternative": "Greater"}, "must be 'two-sided', 'greater' or 'less', not 'Greater'"),
        ({"alpha": 5}, "alpha must lie between 0 and 1, not 5"),
        ({"margin": -1.0}, "margin must be a positive number"),
        ({"test": "t"}, "test must be 'rank', 'studentized' or 'brunner-munzel', not 't'"),
        ({"correction": "bonferroni"}, "correction must be 'holm' or 'max-t'"),
        ({"equivalence": "tost"}, "equivalence must be"),
        ({"groups": ("full", "full")}, "compared with itself"),
        ({"paired": "seed", "test": "brunner-munzel"}, "not for pairs"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(HypError, match=message):
        compare(simulated_scores(), KEYS, **arguments)


def test_constant_groups_and_single_units_are_compared_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, y in [([0.5] * 5, [0.7] * 5), ([0.1 + 0.2] * 5, [0.3] * 5), ([0.9], [0.1, 0.2])]:
            for how in ({}, {"correction": "max-t"}, {"test": "brunner-munzel"}):
                for test in ("welch", "rank", "studentized"):
                    row = compare(one_fold(x, y), KEYS, margin=0.1, equivalence=test, **how).iloc[0]
                    assert 0 < row.p <= 1
                    assert 0 < row.p_corrected <= 1
        assert compare(one_fold([0.1 + 0.2] * 5, [0.3] * 5), KEYS).p[0] == 1
