"""Files as people sent them: each gives the right p, from another route, or one sentence."""

from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hyp.errors import HypError
from hyp.stats.table import judge_table

CASES = Path(__file__).parent / "cases"
PLAIN = {"group": "group", "unit": "seed", "fold": "fold", "unpaired": True}
SEPARATED = {n: 2 / comb(2 * n, n) for n in (4, 6, 8)}


def by_seed(table):
    means = table.groupby(["group", "seed"])["score"].mean()
    return means["aug"], means["none"]


BASE = pd.read_csv(CASES / "base.csv", keep_default_na=False)
P = stats.mannwhitneyu(*by_seed(BASE), method="exact").pvalue


def counted(a, b):
    """Two-sided p of the rank sum of a, with each value's share of a chosen in turn."""
    values, sizes = np.unique([*a, *b], return_counts=True)
    ranks = np.cumsum(sizes) * 2 - sizes + 1  # doubled midranks
    ways = {(0, 0): 1}
    for rank, size in zip(ranks, sizes, strict=True):
        longer = {}
        for (chosen, total), count in ways.items():
            for k in range(min(size, len(a) - chosen) + 1):
                key = (chosen + k, total + k * rank)
                longer[key] = longer.get(key, 0) + count * comb(size, k)
        ways = longer
    seen = sum(ranks[np.searchsorted(values, x)] for x in a)
    all_sums = {total: count for (chosen, total), count in ways.items() if chosen == len(a)}
    every = comb(len(a) + len(b), len(a))
    below = sum(count for total, count in all_sums.items() if total <= seen)
    above = sum(count for total, count in all_sums.items() if total >= seen)
    return min(1.0, 2 * min(below, above) / every)


def flipped(d):
    """Two-sided p of the signed-rank sum over all signs."""
    d = np.round(d[np.abs(d) > 1e-12], 12)
    ranks = stats.rankdata(np.abs(d))
    signs = np.unpackbits(np.arange(2 ** len(d), dtype=">u4").view(np.uint8)).reshape(-1, 32)
    sums = signs[:, -len(d) :] @ ranks
    seen = ranks[d > 0].sum()
    return min(1.0, 2 * min((sums <= seen).mean(), (sums >= seen).mean()))


@pytest.mark.parametrize(
    "name",
    [
        *["base.csv", "base.csv.bz2", "base.csv.zip", "base.jsonl", "base.tsv.gz", "multi.parquet"],
        *["semi.csv", "semicomma.csv", "percent.csv", "utf16.csv", "wide.csv"],
    ],
)
def test_one_table_in_every_shape(name):
    judged = judge_table(CASES / name, **PLAIN)
    assert judged.comparisons[0].p == pytest.approx(P)
    assert judged.comparisons[0].difference == pytest.approx(np.subtract(*by_seed(BASE)).mean())
    assert judged.headline == "Supported: aug > none"


@pytest.mark.parametrize(
    ("name", "higher", "lower"),
    [
        ("None.csv", "aug", "None"),
        ("latin.csv", "ä", "none"),
        ("comma.csv", "ResNet-50, aug", "ResNet-50"),
    ],
)
def test_groups_with_names_that_files_trip_over(name, higher, lower):
    judged = judge_table(CASES / name, **PLAIN)
    assert judged.comparisons[0].p == pytest.approx(P)
    assert judged.headline == f"Supported: {higher} > {lower}"
    between = judge_table(CASES / name, **PLAIN, between=f"{higher},{lower}")
    assert between.groups == (higher, lower)


def test_wide_tables():
    grouped = judge_table(CASES / "widegroup.csv", **{**PLAIN, "group": None}, wide=["aug", "none"])
    assert grouped.comparisons[0].p == pytest.approx(P)
    paired = judge_table(CASES / "widegroup.csv", wide=["aug", "none"], paired="seed", fold="fold")
    assert paired.comparisons[0].p == pytest.approx(2 / 2**6)
    loss = judge_table(CASES / "wide.csv", **PLAIN, value="loss", lower_is_better=True)
    assert loss.comparisons[0].p == pytest.approx(P)
    assert loss.sentence.startswith("aug is better than none (lower loss) by 0.0246")
    metrics = judge_table(
        CASES / "wide.csv", **PLAIN, wide={"metric": ["score", "f1"]}, family=["metric"]
    )
    assert [row.p for row in metrics.comparisons] == pytest.approx([P, P])
    assert [row.name for row in metrics.comparisons] == ["f1", "score"]


def test_folds_that_are_missing_or_named_otherwise():
    with pytest.raises(HypError, match="1 score is missing: aug seed 2 fold 1"):
        judge_table(CASES / "missfold.csv", **PLAIN)
    without = judge_table(CASES / "missfold.csv", **PLAIN, missing="drop-fold")
    left = by_seed(BASE[BASE.fold != 1])
    assert without.comparisons[0].p == pytest.approx(stats.mannwhitneyu(*left).pvalue)
    dropped = judge_table(CASES / "missfold.csv", **PLAIN, missing="drop-unit")
    assert dropped.comparisons[0].p == pytest.approx(2 / comb(11, 5))
    with pytest.raises(HypError, match="no fold is shared by aug"):
        judge_table(CASES / "foldnames.csv", **PLAIN)
    own = judge_table(CASES / "foldnames.csv", **PLAIN, missing="own-folds")
    assert own.comparisons[0].p == pytest.approx(P)


@pytest.mark.parametrize("name", ["onefold.csv", "oneseed.csv"])
def test_a_thin_layer_leaves_the_analysis_of_the_others(name):
    judged = judge_table(CASES / name, **PLAIN, family=["layer"])
    thin = pd.read_csv(CASES / name, keep_default_na=False).query("layer == 'l2'")
    first, second = judged.comparisons
    assert first.p == pytest.approx(P)
    assert second.p == pytest.approx(counted(*by_seed(thin)))


def test_whole_percents_of_forty_networks():
    scores = pd.read_csv(CASES / "se636507.csv")
    a, b = (scores.loc[scores.model == model, "accuracy"] for model in "AB")
    row = judge_table(
        CASES / "se636507.csv", group="model", unit="run", value="accuracy", unpaired=True
    ).comparisons[0]
    assert row.p == pytest.approx(counted(a, b), rel=1e-9)
    assert row.shift == np.median(np.subtract.outer(a.to_numpy(), b.to_numpy()))


def test_groups_are_named_and_a_low_loss_is_good():
    roles = {"group": "g", "unit": "u", "unpaired": True}
    judged = judge_table(CASES / "bwins.csv", **roles)
    assert judged.comparisons[0].p == pytest.approx(SEPARATED[4])
    assert judged.sentence.startswith("b scores higher than a by 0.265")
    loss = judge_table(CASES / "bwins.csv", **roles, lower_is_better=True)
    assert loss.sentence.startswith("a is better than b (lower score) by 0.265")


def test_a_difference_below_the_margin():
    judged = judge_table(CASES / "trivial.csv", group="group", unit="seed", margin=0.02)
    assert judged.comparisons[0].p == pytest.approx(SEPARATED[8])
    assert judged.headline == "Supported, smaller than the margin: a > b"


@pytest.mark.parametrize("name", ["lb_pair.csv", "lb_pair_noties.csv"])
def test_shared_tasks(name):
    table = pd.read_csv(CASES / name).pivot(index="task", columns="model", values="score")
    d = (table.iloc[:, 0] - table.iloc[:, 1]).to_numpy()
    judged = judge_table(CASES / name, group="model", paired="task")
    assert judged.comparisons[0].p == pytest.approx(flipped(d))
    if name == "lb_pair_noties.csv":
        assert judged.comparisons[0].p == pytest.approx(stats.wilcoxon(d).pvalue)
    with pytest.raises(HypError, match="--paired task"):
        judge_table(CASES / name, group="model", unit="task")


def test_questions_of_shared_passages():
    path = CASES / "inspect1251.csv"
    table = pd.read_csv(path).groupby(["passage", "model"])["correct"].mean().unstack()
    roles = {"group": "model", "paired": "passage", "value": "correct"}
    judged = judge_table(path, **roles, fold="question")
    assert judged.comparisons[0].p == pytest.approx(flipped((table.A - table.B).to_numpy()))
    assert judged.verdict.outcome == "inconclusive"
    with pytest.raises(HypError, match="name the column that tells them apart as the fold"):
        judge_table(path, **roles)


def test_text_that_calls_itself_a_workbook():
    with pytest.raises(HypError, match=r"base.xlsx is no workbook, whatever its name says"):
        judge_table(CASES / "base.xlsx", **PLAIN)
