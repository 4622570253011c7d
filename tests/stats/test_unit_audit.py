import numpy as np
import pandas as pd
import pytest

from hyp.stats.table import judge_table

ROLES = {"group": "group", "unit": "seed", "fold": "fold", "family": ["layer"], "unpaired": True}


def table(stream=0, seeds=6, layers=2, folds=3, decimals=6):
    rng = np.random.default_rng(stream)
    index = pd.MultiIndex.from_product(
        [("a", "b"), range(seeds), [f"l{n}" for n in range(layers)], range(folds)],
        names=["group", "seed", "layer", "fold"],
    )
    rows = index.to_frame(index=False)
    unit = rng.normal(size=(2, seeds, 1, 1))
    noise = rng.normal(size=(2, seeds, layers, folds))
    rows["score"] = np.round(0.7 + 0.02 * (unit + noise + np.eye(2)[0].reshape(2, 1, 1, 1) * 4)
                             .ravel(), decimals)  # fmt: skip
    return rows


def copied(rows, source, target):
    rows = rows.copy()
    own = (rows.group == target[0]) & (rows.seed == target[1])
    other = (rows.group == source[0]) & (rows.seed == source[1])
    rows.loc[own, "score"] = rows.loc[other, "score"].to_numpy()
    return rows


@pytest.mark.parametrize("source", [("a", 1), ("b", 5)])
def test_two_units_that_agree_everywhere_are_named_and_nothing_is_concluded(source):
    judged = judge_table(copied(table(), source, ("a", 4)), **ROLES)
    assert judged.verdict.outcome == "invalid"
    assert judged.concluded == judged.would_settle == ()
    assert not any(row.significant for row in judged.comparisons)
    assert "4 of a" in judged.sentence
    assert "agree in all 6 scores" in judged.sentence
    assert judged.headline == "Invalid: units that are not independent"


def test_different_units_pass():
    assert judge_table(table(), **ROLES).checks == ()


@pytest.mark.parametrize(("seeds", "folds"), [(40, 1), (40, 2), (12, 3)])
def test_coarse_scores_that_tie_by_chance_are_no_copies(seeds, folds):
    wrong = 0
    for stream in range(12):
        rows = table(stream, seeds=seeds, layers=1, folds=folds, decimals=2)
        wrong += judge_table(rows, **ROLES).verdict.outcome == "invalid"
    assert wrong <= 1


def test_a_seed_without_effect_is_found_where_scores_are_fine():
    rows = table(layers=1, folds=1)
    rows.loc[rows.group == "a", "score"] = 0.85337
    judged = judge_table(rows, **ROLES)
    assert judged.verdict.outcome == "invalid"
    assert "the seed had no effect" in judged.sentence
    rows.loc[rows.group == "a", "score"] = 1.0
    assert judge_table(rows, **ROLES).verdict.outcome == "supported"


def test_one_tie_of_fine_scores_is_a_note():
    judged = judge_table(copied(table(layers=1, folds=1), ("a", 1), ("a", 4)), **ROLES)
    assert judged.verdict.outcome == "supported"
    assert any("exactly the same score" in note for note in judged.notes)


def test_labels_that_name_folds_are_not_units():
    rows = table(layers=1)
    rows["run"] = rows.group + rows.seed.astype(str) + "_fold" + rows.fold.astype(str)
    judged = judge_table(rows, group="group", unit="run")
    assert judged.verdict.outcome == "invalid"
    assert "18 labels and 6 units" in judged.sentence


def test_units_nested_in_seeds_that_matter_are_not_independent():
    rows = table(layers=1)
    rows["run"] = range(len(rows))
    assert judge_table(rows, group="group", unit="run").verdict.outcome != "invalid"
    rows["score"] += rows.seed * 0.1
    judged = judge_table(rows, group="group", unit="run")
    assert judged.verdict.outcome == "invalid"
    assert "say --unit seed --fold run" in judged.sentence


def test_the_same_labels_need_a_choice_and_paired_copies_across_groups_are_fine():
    rows = table()
    rows.loc[rows.group == "a", "score"] = rows.loc[rows.group == "b", "score"].to_numpy()
    paired = {**ROLES, "unit": None, "paired": "seed", "unpaired": False}
    assert judge_table(rows, **ROLES).verdict.outcome == "invalid"
    assert judge_table(rows, **paired).verdict.outcome != "invalid"


def test_pairs_that_agree_in_both_groups_are_copies():
    rows = copied(copied(table(), ("a", 1), ("a", 4)), ("b", 1), ("b", 4))
    judged = judge_table(rows, **{**ROLES, "unit": None, "paired": "seed", "unpaired": False})
    assert judged.verdict.outcome == "invalid"
    assert "seed 1 and 4 agree in all 12 scores" in judged.sentence
