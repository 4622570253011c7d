"""Paired designs, three and more groups, margins and directions."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hyp.errors import HypError
from hyp.stats.table import judge_table
from hyp.stats.table_groups import (
    arrangements,
    attainable_kruskal,
    friedman_p,
    kruskal_wallis_p,
    letters,
)

# Twelve tasks, two language models (LiveBench, public leaderboard).
HERMES = [0.11, 0.20512820512820512, 0.06, 0.01, 0.13541666666666666, 0.36795769883009644]
HERMES += [0.5348333333333334, 0.151052, 0.470333, 0.649167, 0.456833, 0.0676]
COMMAND = [0.126667, 0.217949, 0.14, 0.128333, 0.219178, 0.359889]
COMMAND += [0.6905, 0.18158, 0.637667, 0.695833, 0.604167, 0.0602]
TASKS = pd.DataFrame(
    {"model": ["hermes"] * 12 + ["command"] * 12, "task": [*range(12)] * 2,
     "score": HERMES + COMMAND}
)  # fmt: skip


def groups(means, units=5, sd=0.01, layers=1, stream=0):
    rng = np.random.default_rng(stream)
    rows = [
        {"model": name, "net": f"{name}{unit}", "layer": f"l{layer}",
         "score": mean + sd * rng.normal()}
        for name, mean in means.items()
        for unit in range(units)
        for layer in range(layers)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_pairs_are_compared_within_and_recurring_labels_are_asked_about():
    with pytest.raises(HypError, match="say --paired task"):
        judge_table(TASKS, group="model", unit="task")
    judged = judge_table(TASKS, group="model", paired="task", margin=0.1)
    row = judged.comparisons[0]
    wilcoxon = stats.wilcoxon(COMMAND, HERMES, method="exact")
    assert row.p == pytest.approx(wilcoxon.pvalue) == pytest.approx(0.0024, abs=5e-5)
    flips = stats.permutation_test(
        (np.subtract(COMMAND, HERMES),), np.mean, permutation_type="samples"
    )
    assert row.p_permutation == pytest.approx(flips.pvalue)
    assert row.p_t == pytest.approx(stats.ttest_rel(COMMAND, HERMES).pvalue)
    assert judged.sentence.startswith("command scores higher than hermes by 0.07")
    assert judged.comparisons[0].a == tuple(COMMAND)


def test_paired_tables_plan_in_pairs():
    table = TASKS.assign(score=TASKS.score.where(TASKS.model == "command", HERMES * 2))
    judged = judge_table(
        table.assign(score=np.r_[HERMES, np.roll(HERMES, 1)]), group="model", paired="task",
        margin=0.1,
    )  # fmt: skip
    assert judged.verdict.outcome == "inconclusive"
    assert all("pairs" in sentence for sentence in judged.would_settle)


def test_a_pair_that_is_not_complete_is_named():
    with pytest.raises(HypError, match="no score at all for command task 11"):
        judge_table(TASKS.iloc[:-1], group="model", paired="task")
    judged = judge_table(TASKS.iloc[:-1], group="model", paired="task", missing="drop-unit")
    assert len(judged.comparisons[0].a) == 11


def test_three_groups_have_an_omnibus_test_and_all_pairs_in_one_family():
    table = groups({"resnet": 0.7, "vit": 0.76, "swin": 0.76}, layers=2)
    judged = judge_table(table, group="model", unit="net", family=["layer"])
    assert judged.verdict.prediction == "the groups differ"
    assert judged.families == {"all": 6}
    assert [test.name for test in judged.omnibus] == ["l0", "l1"]
    for test in judged.omnibus:
        assert test.letters["resnet"] not in test.letters["vit"]
        assert test.letters["vit"] == test.letters["swin"]
    found = {row.groups for row in judged.comparisons if row.significant}
    assert found == {("resnet", "swin"), ("resnet", "vit")}


def test_pairs_count_only_where_the_omnibus_test_does():
    table = groups(dict.fromkeys("abcd", 0.7), stream=3)
    judged = judge_table(table, group="model", unit="net")
    assert judged.verdict.outcome == "inconclusive"
    assert not any(row.significant for row in judged.comparisons)
    assert "omnibus p" in judged.sentence


def test_three_groups_of_two_are_untestable_or_not_as_the_arrangements_say():
    judged = judge_table(groups({"a": 0, "b": 1, "c": 2}, units=2), group="model", unit="net")
    assert judged.verdict.outcome == "untestable"
    assert judged.omnibus[0].p == pytest.approx(6 / 90)
    assert "omnibus p is 0.067" in judged.sentence


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 2, 3)])
def test_kruskal_wallis_is_the_share_of_all_arrangements(sizes):
    rng = np.random.default_rng(1)
    scores = np.round(rng.normal(size=(3, sum(sizes))), 1)
    p, least = kruskal_wallis_p(scores, sizes)
    labels = set(permutations(np.repeat(range(len(sizes)), sizes).tolist()))
    assert len(labels) == arrangements(sizes)
    for row, found in zip(scores, p, strict=True):

        def h(order, row=row):
            return stats.kruskal(*(row[np.array(order) == g] for g in range(len(sizes))))[0]

        seen = h(tuple(np.repeat(range(len(sizes)), sizes)))
        assert found == pytest.approx(np.mean([h(order) >= seen - 1e-9 for order in labels]))
    apart = kruskal_wallis_p(np.arange(sum(sizes))[None].astype(float), sizes)[0]
    assert least == attainable_kruskal(sizes) <= apart[0]


def test_friedman_is_the_share_of_all_orders_within_units():
    scores = np.random.default_rng(0).normal(size=(2, 4, 3)) + np.array([0, 0, 1.0])
    p, least = friedman_p(scores)
    assert least == pytest.approx(6 / 6**4)
    sampled = [stats.friedmanchisquare(*one.T)[1] for one in scores]
    assert np.all((p < 0.2) == (np.array(sampled) < 0.2))
    clear = np.arange(3.0) + np.zeros((1, 4, 3))
    assert friedman_p(clear)[0][0] == pytest.approx(least)


def test_letters_are_shared_exactly_by_groups_that_were_not_found_to_differ():
    names = list("abcde")
    different = {("a", "d"), ("a", "e"), ("b", "e"), ("c", "e")}
    given = letters(names, different)
    for one in names:
        for other in names:
            apart = (one, other) in different or (other, one) in different
            assert apart == (not set(given[one]) & set(given[other]))


def test_a_real_difference_below_the_margin_says_so():
    a, b = 0.9 + np.arange(8) / 1e4, 0.899 + np.arange(8) / 1e4
    table = pd.DataFrame({"g": ["a"] * 8 + ["b"] * 8, "u": range(16), "score": np.r_[a, b]})
    judged = judge_table(table, group="g", unit="u", margin=0.02)
    assert judged.headline == "Supported, smaller than the margin: a > b"
    assert judged.comparisons[0].within_margin
    assert "smaller than what was declared to matter" in judged.sentence
    assert judge_table(table, group="g", unit="u", margin=0.001).headline == "Supported: a > b"


@pytest.mark.parametrize("lower", [False, True])
def test_non_inferiority_is_a_verdict(lower):
    spread = np.linspace(-0.01, 0.01, 8)
    table = groups({"new": 0.7, "old": 0.7}, units=8)
    table["score"] = 0.7 + np.concatenate([spread, spread[::-1] * 1.01])
    roles = {"group": "model", "unit": "net", "between": "new,old", "lower_is_better": lower}
    judged = judge_table(table, **roles, margin=0.02, non_inferior=True)
    new, old = (table.loc[table.model == name, "score"] for name in ("new", "old"))
    sign = -1 if lower else 1
    test = stats.ttest_ind(sign * new + 0.02, sign * old, equal_var=False, alternative="greater")
    assert judged.comparisons[0].p_not_worse == pytest.approx(test.pvalue)
    assert judged.headline == "Supported: new not worse than old"
    worse = judge_table(table, **roles, margin=0.0005, non_inferior=True)
    assert worse.sentence.startswith("It is not shown that new is not worse than old by 0.0005")


def test_a_loss_is_better_when_lower_and_a_sentence_has_one_direction():
    table = pd.DataFrame(
        {"g": list("aaaabbbb"), "u": range(8),
         "loss": [0.5, 0.6, 0.7, 0.8, 0.9, 0.91, 0.92, 0.93]}
    )  # fmt: skip
    judged = judge_table(table, group="g", unit="u", value="loss", lower_is_better=True)
    assert judged.headline == "Supported: a better than b"
    assert judged.sentence.startswith("a is better than b (lower loss) by 0.26")
    plain = judge_table(table, group="g", unit="u", value="loss")
    assert plain.sentence.startswith("b has a higher loss than a by 0.26")
    for told in (judged, plain):
        assert "worse" not in " ".join(sum(told.sections.values(), ()))


def test_a_test_and_an_estimate_that_point_apart_support_nothing():
    rng = np.random.default_rng(0)
    a, b = 1 + rng.normal(0, 0.01, 12), 0.9 + rng.normal(0, 0.01, 12)
    a[0] = -40.0
    table = pd.DataFrame({"g": ["a"] * 12 + ["b"] * 12, "u": range(24), "score": np.r_[a, b]})
    judged = judge_table(table, group="g", unit="u")
    assert judged.verdict.outcome == "inconclusive"
    assert not judged.concluded
    assert "Look for a unit that failed" in judged.sentence


def test_max_t_finds_more_where_layers_go_together():
    rng = np.random.default_rng(2)
    unit = {f"{g}{u}": rng.normal() + 3 * (g == "a") for g in "ab" for u in range(5)}
    rows = [
        {"g": net[0], "net": net, "layer": layer, "score": level + 0.3 * rng.normal()}
        for net, level in unit.items()
        for layer in range(18)
    ]
    roles = {"group": "g", "unit": "net", "family": ["layer"]}
    table = pd.DataFrame(rows)
    assert judge_table(table, **roles).verdict.outcome == "untestable"
    assert judge_table(table, **roles, correction="max-t").verdict.prediction == "a > b"


def test_bayes_factors_are_those_of_the_t_test():
    from pingouin import bayesfactor_ttest

    table = groups({"a": 0.7, "b": 0.705})
    judged = judge_table(table, group="model", unit="net", bayes=True)
    a, b = (table.loc[table.model == name, "score"] for name in "ab")
    expected = float(bayesfactor_ttest(stats.ttest_ind(a, b).statistic, 5, 5))
    assert judged.comparisons[0].bayes_factor == pytest.approx(expected)
    assert any("Bayes factor" in note and "no verdict uses it" in note for note in judged.notes)


def test_the_object_shows_itself_and_has_its_rows():
    judged = judge_table(TASKS, group="model", paired="task")
    assert judged.rows.loc[0, ["group_a", "group_b", "n_a"]].tolist() == ["command", "hermes", 12]
    shown = judged._repr_html_()
    assert "Supported: command &gt; hermes" in shown
    assert "What they do not show" in shown
