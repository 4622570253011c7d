"""A user's table of scores against the comparisons that hyp makes of its own."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from simulated_scores import simulated_scores

from hyp.errors import HypError
from hyp.stats.comparisons import compare
from hyp.stats.published import compare_published
from hyp.stats.table import judge_table
from hyp.stats.table_verdict import TableVerdict

COLUMNS = {"group": "objective", "unit": "network", "fold": "split", "value": "r"}
ROLES = {**COLUMNS, "family": ["layer"], "unpaired": True}


def users_table(**truth):
    table = simulated_scores(**truth).drop(columns=["study", "family"])
    names = {"group": "objective", "seed": "network", "fold": "split", "score": "r"}
    return table.rename(columns=names).assign(note="ignored")


def test_the_numbers_are_those_of_the_seed_level_comparison():
    table = users_table(effects=(2.0, 0.0, -0.5), seeds=(6, 5))
    judged = judge_table(table, **ROLES)
    names = {own: role for role, own in {**COLUMNS, "seed": "network"}.items() if role != "unit"}
    tidy = table.rename(columns={**names, "r": "score"})
    rows = compare(tidy, ["layer"])
    pooled = compare_published(tidy, ["layer"])
    assert judged.groups == ("full", "reduced")
    assert judged.families == {"all": 3}
    for found, row, flat in zip(
        judged.comparisons, rows.itertuples(), pooled.itertuples(), strict=True
    ):
        assert found.keys == {"layer": str(row.layer)}
        assert (found.p, found.p_holm, found.ps) == (row.p, row.p_holm, row.ps)
        assert found.p_pooled == flat.p
        assert np.mean(found.a) - np.mean(found.b) == pytest.approx(row.difference)
        assert (len(found.a), len(found.b)) == (6, 5)


def test_what_is_not_named_is_asked_for_at_once():
    with pytest.raises(HypError) as asked:
        judge_table(users_table())
    for told in ("--group COLUMN", "--unit COLUMN", "--paired COLUMN", "columns layer, objective"):
        assert told in str(asked.value)


@pytest.mark.parametrize(
    ("effects", "outcome", "prediction"),
    [
        ((4.0, 0.0), "supported", "full > reduced"),
        ((0.0, -4.0), "supported", "reduced > full"),
        ((4.0, -4.0), "mixed", None),
        ((0.0, 0.0), "inconclusive", None),
    ],
)
def test_planted_truths(effects, outcome, prediction):
    judged = judge_table(users_table(effects=effects, seeds=(6, 6), stream=1), **ROLES)
    assert (judged.verdict.outcome, judged.verdict.prediction) == (outcome, prediction)
    assert bool(judged.concluded) == (outcome != "inconclusive")


def test_false_positive_rate_of_the_command():
    """Any conclusion under the null, over studies of four correlated comparisons."""
    studies = 120
    tables = [
        users_table(effects=(0.0,) * 4, seeds=(5, 5), icc=0.8, stream=100 + stream)
        for stream in range(studies)
    ]
    every = pd.concat(table.assign(study=study) for study, table in enumerate(tables))
    parts = judge_table(every, **ROLES, separate=["study"]).verdict.parts
    outcomes = {part.name: part.outcome for part in parts}
    wrong = [
        study for study in map(str, range(studies)) if outcomes[study] in ("supported", "mixed")
    ]
    assert len(wrong) <= binom.ppf(0.995, studies, 0.05)
    for study in {"0", "1", *wrong}:  # the same as on their own
        assert judge_table(tables[int(study)], **ROLES).verdict.outcome == outcomes[study]


def test_row_order_never_matters():
    table = users_table(effects=(1.0, 0.0), seeds=(5, 6))
    shuffled = table.sample(frac=1, random_state=3)
    assert judge_table(table, **ROLES, margin=0.5) == judge_table(shuffled, **ROLES, margin=0.5)


def test_swapped_groups_give_the_mirror_image():
    table = users_table(effects=(3.0, 0.0), seeds=(6, 6))
    one = judge_table(table, **ROLES)
    other = judge_table(table, **ROLES, between=("reduced", "full"))
    assert one.verdict.prediction == other.verdict.prediction == "full > reduced"
    for a, b in zip(one.comparisons, other.comparisons, strict=True):
        assert (a.p, a.p_holm, a.difference) == (b.p, b.p_holm, pytest.approx(-b.difference))
        assert a.ps == pytest.approx(1 - b.ps)


def test_the_interval_in_a_sentence_has_the_sign_of_its_difference():
    table = users_table(effects=(-4.0,), seeds=(6, 6))
    judged = judge_table(table, **ROLES)
    row = judged.comparisons[0]
    assert f"reduced has a higher r than full by {-row.shift:.3g}" in judged.concluded[0]
    assert f"interval {-row.shift_high:+.3g} to {-row.shift_low:+.3g}" in judged.concluded[0]


def test_separate_families_are_corrected_each_on_its_own():
    table = pd.concat(
        users_table(effects=(0.0,) * 4, stream=stream).assign(target=target)
        for stream, target in enumerate(("distance", "pose"))
    )
    together = judge_table(table, **COLUMNS, unpaired=True, family=["target", "layer"])
    apart = judge_table(table, **COLUMNS, unpaired=True, family=["layer"], separate=["target"])
    assert together.families == {"all": 8}
    assert apart.families == {"distance": 4, "pose": 4}
    assert [part.name for part in apart.verdict.parts] == ["distance", "pose"]
    pairs = zip(together.comparisons, apart.comparisons, strict=True)
    assert all(one.p == other.p and one.p_holm >= other.p_holm for one, other in pairs)
    assert any("families are corrected separately" in note for note in apart.notes)


def test_three_seeds_cannot_conclude_and_are_told_how_many_would():
    judged = judge_table(users_table(effects=(9.0,) * 3, seeds=(3, 3)), **ROLES)
    assert judged.verdict.outcome == "untestable"
    assert judged.pooled_verdict.outcome == "supported"
    assert not judged.concluded
    assert any("At least 5 units per group" in sentence for sentence in judged.would_settle)


def test_agreement_within_the_margin_is_equivalence_and_wide_scatter_is_not():
    table = users_table(effects=(0.0, 0.0), seeds=(6, 6), icc=0.5, stream=4)
    assert judge_table(table, **ROLES, margin=5.0).verdict.outcome == "equivalent"
    open_one = judge_table(table, **ROLES, margin=0.05)
    assert open_one.verdict.outcome == "inconclusive"
    assert all("margin of 0.05" in sentence for sentence in open_one.not_concluded[:2])


def test_one_comparison_needs_no_family_and_one_score_a_unit_no_fold():
    table = users_table(effects=(3.0,), seeds=(6, 6)).query("split == 0")
    judged = judge_table(table, group="objective", unit="network", value="r", unpaired=True)
    assert (judged.families, judged.folds, judged.pooled_verdict) == ({"all": 1}, 1, None)
    assert judged.comparisons[0].p_pooled is None


def test_a_declared_direction():
    table = users_table(effects=(3.0,), seeds=(4, 4), stream=2)
    ordered = {**ROLES, "between": "full,reduced"}
    up = judge_table(table, **ordered, alternative="greater")
    down = judge_table(table, **ordered, alternative="less")
    assert up.verdict.prediction == "full > reduced"
    assert down.verdict.outcome == "inconclusive"


@pytest.mark.parametrize("seeds", [(1, 1), (1, 4), (2, 1)])
@pytest.mark.parametrize("margin", [None, 0.5])
def test_one_unit_in_a_group_is_described_but_not_judged(seeds, margin):
    table = users_table(effects=(9.0, 0.0), seeds=seeds)
    judged = judge_table(table, **ROLES, margin=margin)
    assert judged.verdict.outcome == "untestable"
    assert not judged.concluded
    assert judged.comparisons[0].p_permutation is None
    assert TableVerdict.model_validate_json(judged.model_dump_json()) == judged


def test_constant_scores_say_so():
    judged = judge_table(users_table(seeds=(5, 5), effects=(0.0,)).assign(r=0.5), **ROLES)
    assert judged.comparisons[0].p == 1
    assert judged.comparisons[0].ci_low is None
    assert "do not vary" in judged.not_concluded[0]


def test_unequal_spread_is_pointed_out():
    table = users_table(effects=(0.0,), seeds=(6, 6))
    wide = table.objective == "full"
    table.loc[wide, "r"] *= 10
    assert any("spreads differ more than twofold" in n for n in judge_table(table, **ROLES).notes)


def test_json_round_trips():
    judged = judge_table(users_table(effects=(1.0, 0.0)), **ROLES, margin=0.1)
    assert TableVerdict.model_validate_json(judged.model_dump_json()) == judged
    assert json.loads(judged.model_dump_json())["verdict"]["outcome"] == judged.verdict.outcome


@pytest.mark.parametrize(
    ("change", "roles", "message"),
    [
        (lambda t: t, {"group": "condition"}, "no column 'condition'; it has layer, objective"),
        (lambda t: t, {"unit": "objective"}, "'objective' is named twice"),
        (lambda t: t, {"fold": None}, "several scores a network"),
        (lambda t: t, {"family": []}, "more than once"),
        (
            lambda t: t,
            {"between": ("full", "half")},
            "no row has the group 'half'; there are full, reduced",
        ),
        (lambda t: t, {"between": ("full", "full")}, "compared with itself"),
        (lambda t: t, {"alpha": 1.5}, "alpha"),
        (lambda t: t, {"margin": -1.0}, "margin"),
        (lambda t: t.assign(objective="full"), {}, "has 1 group "),
        (lambda t: t.assign(objective=range(len(t))), {}, "name the groups to compare"),
        (lambda t: t.assign(r="high"), {}, "'high' is not a number"),
        (lambda t: t.assign(r=np.nan), {}, "every r is missing"),
        (lambda t: t.assign(r=np.inf), {}, "not a finite number"),
        (lambda t: t.iloc[1:], {}, "1 score is missing: full network 0 split 0 layer"),
        (lambda t: t.assign(network=None), {}, "have no 'network'"),
        (lambda t: t, {"alternative": "greater"}, "which group is A"),
        (lambda t: t, {"unpaired": False}, "say --paired network.* say --unpaired"),
        (lambda t: t.assign(score=t.layer), {"family": ["score"]}, "rename the column 'score'"),
    ],
)
def test_refusals(change, roles, message):
    table = users_table(effects=(0.0, 0.0), seeds=(5, 5))
    with pytest.raises(HypError, match=message):
        judge_table(change(table), **{**ROLES, **roles})
