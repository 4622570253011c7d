"""Tables as people bring them: each reaches the verdict of the plain one, or one sentence."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hyp.errors import HypError
from hyp.stats.table import judge_table

AUG = [0.7276, 0.7213, 0.7144, 0.6986, 0.7280, 0.7205, 0.7138, 0.7075, 0.7236]
AUG += [0.7286, 0.7280, 0.7229, 0.7209, 0.7380, 0.7226, 0.7097, 0.7317, 0.7243]
NONE = [0.6768, 0.6821, 0.7063, 0.6902, 0.7000, 0.7178, 0.7075, 0.6933, 0.7088]
NONE += [0.6939, 0.6898, 0.7094, 0.6839, 0.6941, 0.6751, 0.7129, 0.6759, 0.7002]
BASE = pd.DataFrame(
    {
        "group": ["aug"] * 18 + ["none"] * 18,
        "seed": np.tile(np.repeat(np.arange(6), 3), 2),
        "fold": np.tile(np.arange(3), 12),
        "score": AUG + NONE,
    }
)
ROLES = {"group": "group", "unit": "seed", "fold": "fold", "unpaired": True}
MEANS = BASE.groupby(["group", "seed"])["score"].mean()
P = stats.mannwhitneyu(MEANS["aug"], MEANS["none"], method="exact").pvalue


def labelled(**names):
    return BASE.assign(group=BASE["group"].map(names))


def wide():
    return BASE.pivot(index=["seed", "fold"], columns="group", values="score").reset_index()


@pytest.mark.parametrize(
    ("table", "roles", "groups"),
    [
        (BASE, ROLES, ("aug", "none")),
        (labelled(aug="aug", none="None"), ROLES, ("None", "aug")),
        (labelled(aug="R, aug", none="R"), ROLES, ("R", "R, aug")),
        (labelled(aug="R, aug", none="R"), {**ROLES, "between": "R, aug,R"}, ("R, aug", "R")),
        (BASE.set_index(["group", "seed", "fold"]).reset_index(), ROLES, ("aug", "none")),
        (BASE.assign(score=(BASE.score * 100).map("{:.2f}%".format)), ROLES, ("aug", "none")),
        (BASE.assign(score=BASE.score.astype(str).str.replace(".", ",")), ROLES, ("aug", "none")),
        (BASE.assign(fold=BASE.group + BASE.fold.astype(str)), {**ROLES, "missing": "own-folds"},
         ("aug", "none")),
        (BASE.rename(columns={"score": "f1"}).assign(loss=1), {**ROLES, "value": "f1"},
         ("aug", "none")),
        (wide(), {**ROLES, "group": None, "wide": ["aug", "none"]}, ("aug", "none")),
        (wide(), {**ROLES, "group": "arm", "wide": {"arm": ["a*", "none"]}}, ("aug", "none")),
    ],
)  # fmt: skip
def test_every_shape_gives_the_same_p(table, roles, groups):
    judged = judge_table(table, **roles)
    assert judged.groups == groups
    assert judged.comparisons[0].p == pytest.approx(P)
    higher = next(name for name in groups if "aug" in name)
    verb = "scores higher" if judged.value == "score" else f"has a higher {judged.value}"
    assert judged.sentence.startswith(f"{higher} {verb} than")


def test_a_file_is_read_as_its_table(tmp_path):
    path = tmp_path / "scores.csv"
    BASE.to_csv(path, index=False, sep=";", decimal=",")
    judged = judge_table(path, **ROLES)
    assert judged.comparisons == judge_table(BASE, **ROLES).comparisons
    assert any("decimal mark" in note for note in judged.notes)


def test_a_wide_table_whose_rows_are_the_units():
    table = pd.DataFrame({"aug": MEANS["aug"].to_numpy(), "none": MEANS["none"].to_numpy()})
    judged = judge_table(table, wide=["aug", "none"], unit="row", unpaired=True)
    assert judged.comparisons[0].p == pytest.approx(P)


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ("drop-fold", BASE[BASE.fold != 1]),
        ("drop-unit", BASE[~((BASE.group == "aug") & (BASE.seed == 2))]),
        ("own-folds", BASE.drop(index=7)),
    ],
)
@pytest.mark.parametrize("lost", ["no row", "empty cell"])
def test_a_missing_score_is_left_out_by_declared_choice(missing, left, lost):
    table = BASE.drop(index=7) if lost == "no row" else BASE.assign(score=BASE.score.mask(
        BASE.index == 7
    ))  # fmt: skip
    with pytest.raises(HypError, match=r"1 score is missing: aug seed 2 fold 1.* --missing drop-f"):
        judge_table(table, **ROLES)
    judged = judge_table(table, **ROLES, missing=missing)
    means = left.groupby(["group", "seed"])["score"].mean()
    expected = stats.mannwhitneyu(means["aug"], means["none"], method="exact").pvalue
    assert judged.comparisons[0].p == pytest.approx(expected)
    assert any("eft out" in note or "2 to 3 scores" in note for note in judged.notes)


def test_folds_of_one_group_only_are_asked_about():
    table = BASE.assign(fold=BASE.group + BASE.fold.astype(str))
    with pytest.raises(HypError, match=r"no fold is shared by aug \(aug0, aug1, aug2\) and none"):
        judge_table(table, **ROLES)


@pytest.mark.parametrize("layer2", ["one fold", "one seed"])
def test_a_layer_with_one_fold_or_one_seed_leaves_out_a_note_only(layer2):
    second = BASE[(BASE.fold if layer2 == "one fold" else BASE.seed) == 0]
    table = pd.concat([BASE.assign(layer="l1"), second.assign(layer="l2")])
    judged = judge_table(table, **ROLES, family=["layer"])
    one, two = judged.comparisons
    assert one.p == pytest.approx(P)
    n = 6 if layer2 == "one fold" else 1
    assert (len(two.a), len(two.b)) == (n, n)
    assert judged.verdict.outcome == "supported"
    if n == 1:
        assert any("so few units have no 95 % interval" in s for s in judged.not_concluded)


def test_all_problems_are_told_at_once():
    table = BASE.astype({"score": str})
    table.loc[3, "score"] = "high"
    table.loc[[4, 5], "fold"] = np.nan
    table.loc[30, "group"] = "None "
    table.loc[31, "group"] = "none "
    with pytest.raises(HypError) as caught:
        judge_table(table, **ROLES, between="aug,none")
    message = str(caught.value)
    assert message.startswith("the table has 4 problems")
    for words in ("2 rows have no 'fold'", "'none ', which differ in spaces", "score 'high' is"):
        assert words in message, words


@pytest.mark.parametrize(
    ("table", "roles", "message"),
    [
        (wide(), ROLES, "no columns 'group' and 'score'.*--value COLUMN.* --wide A,B instead"),
        (wide(), {"unit": "seed", "wide": ["aug", "x*"]}, "no column fits 'x"),
        (wide(), {"wide": ["aug", "none"]}, "--unit row"),
        (BASE, {"unit": "seed"}, "--group COLUMN"),
        (BASE, {**ROLES, "between": "aug,no"}, "does not name two groups"),
        (BASE, {**ROLES, "unpaired": False}, "6 of 6 labels of 'seed'"),
        (BASE.assign(layer="l1").iloc[:20], {**ROLES, "missing": "drop-unit"}, "one group only"),
        (BASE.assign(aug=1), {**ROLES, "wide": {"score": ["aug"]}}, "has a column 'score' already"),
        (BASE, {**ROLES, "non_inferior": True, "between": "aug,none"}, "--margin"),
        (BASE, {**ROLES, "non_inferior": True, "margin": 0.01}, "which group is A"),
    ],
)
def test_what_is_open_is_asked(table, roles, message):
    with pytest.raises(HypError, match=message):
        judge_table(table, **roles)
