"""Scaling studies: the one that ships, on real scores, and what a declaration gets wrong."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from hyp.errors import HypError
from hyp.reports.scaling_report import write_scaling_report
from hyp.stats.scaling import compare_scaling
from hyp.stats.scaling_axes import compare_axes
from hyp.stats.scaling_study import run_study

SHIPPED = files("hyp.stats.studies")


@pytest.fixture(scope="module")
def real():
    with (SHIPPED / "primate_vvs_scores.csv.gz").open("rb") as stream:
        return pd.read_csv(stream, compression="gzip")


@pytest.fixture(scope="module")
def shipped():
    return run_study("primate-vvs")


def scratch(table, archs):
    """Select by hand: trained from scratch on ImageNet, mean of the four regions."""
    plain = ~table[["is_random", "is_pretrained", "is_ssl", "is_adv"]].any(axis=1)
    rows = table[plain & (table["dataset"] == "imagenet") & table["arch"].isin(archs)]
    rows = rows[rows["region"].isin(["V1", "V2", "V4", "IT"])]
    firsts = {name: (name, "first") for name in ("n_params", "n_samples_seen", "seed")}
    return rows.groupby("model_id").agg(score=("score", "mean"), **firsts)


def test_there_are_993_networks_on_five_benchmarks(real):
    assert real["model_id"].nunique() == 993
    assert len(real) == 4965
    assert real.groupby("model_id")["region"].nunique().eq(5).all()


def test_the_shipped_study_is_the_fits_by_hand(real, shipped):
    _, found = shipped
    by_name = {(one.analysis, one.measured): one for one in found}
    mean = "mean of V1, V2, V4, IT"
    small = scratch(real, ["resnet18"])
    expected = compare_scaling(small["n_samples_seen"], small["score"], small["seed"])
    images = by_name["images, ResNet-18", mean]
    assert images.compared.best.plateau == pytest.approx(expected.best.plateau)
    assert images.outcomes == ("rises and levels off",)
    assert expected.best.plateau == pytest.approx(0.443, abs=0.001)
    five = scratch(real, ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
    both = by_name["parameters and images, five ResNets", mean]
    axes = ["n_params", "n_samples_seen"]
    alone = compare_axes(five[axes], five["score"], five["seed"], both.axes)
    assert both.compared.sentence == alone.sentence
    assert both.compared.n == 35
    assert both.outcomes == ("falls", "rises and levels off")


def test_every_analysis_has_five_measures_and_their_mean(shipped):
    study, found = shipped
    assert len(found) == 6 * len(study.analyses)
    assert {len(analysis.axes) for analysis in study.analyses} == {1, 2}
    named = {axis for analysis in study.analyses for axis in analysis.axes}
    assert named == {"n_params", "n_samples_seen", "total_flops"}


def test_the_page_has_every_sentence_and_a_figure_for_one_axis(shipped, tmp_path):
    study, found = shipped
    some = [one for one in found if one.measured in ("V1", "IT")][:4] + found[-1:]
    write_scaling_report(study, some, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert text.count("<svg") == sum(len(one.axes) == 1 for one in some)
    assert "mathdefault" not in text
    assert ">1e7<" in text
    for one in some:
        assert one.compared.sentence.split(";")[0].replace("'", "&#39;") in text
    with pytest.raises(HypError, match=r"does not end in \.html"):
        write_scaling_report(study, some, tmp_path / "page.pdf")


OWN = """
title = "mine"
table = "mine.csv"
by = "region"
mean = ["V1", "IT"]
[[analyses]]
name = "images"
axes = ["images"]
where = { kind = ["a*"] }
"""


@pytest.fixture
def own(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"seed": seed, "images": n, "region": region, "kind": "ab", "score": 0.1 * np.log(n)}
        for n in (10, 30, 100, 300, 1000, 3000)
        for seed in (0, 1)
        for region in ("V1", "IT")
    ]
    table = pd.DataFrame(rows)
    table["score"] += 0.01 * rng.normal(size=len(table))
    return table


def run(folder, table, text=OWN):
    table.to_csv(folder / "mine.csv", index=False)
    (folder / "mine.toml").write_text(text)
    return run_study(folder / "mine.toml")[1]


def test_a_study_of_ones_own(own, tmp_path):
    found = run(tmp_path, own)
    assert [one.measured for one in found] == ["mean of V1, IT", "V1", "IT"]
    assert {one.outcomes for one in found} == {("rises",)}
    means = own.groupby(["images", "seed"])["score"].mean()
    assert sorted(found[0].scores) == pytest.approx(sorted(means))


@pytest.mark.parametrize(
    ("change", "text", "said"),
    [
        (lambda t: t, OWN.replace("axes", "axis"), "declares no scaling study"),
        (lambda t: t, "title = ", "is no TOML"),
        (lambda t: t, OWN.replace('"a*"', '"c"'), "no row of the table is left for 'images'"),
        (lambda t: t.rename(columns={"images": "n"}), OWN, "has no column images; it has seed, n"),
        (lambda t: t.assign(score=t["score"].where(t.index > 2)), OWN, "3 of the 24 rows .* lack"),
        (lambda t: t.iloc[1:], OWN, "not every network for 'images' has one score for each"),
        (lambda t: t, OWN.replace('"IT"]', '"V4"]'), "the mean is to be over V4"),
        (
            lambda t: t.assign(images=t["images"].astype(str) + "k"),
            OWN,
            "images '10k' is no num",
        ),
        (
            lambda t: t.assign(score=t["score"].map("{:.1%}".format)),
            OWN,
            "score '.*%' is no num",
        ),
        (lambda t: t[t["images"] > 100], OWN, "images, mean of V1, IT: .* sizes"),
    ],
)
def test_what_is_refused(change, text, said, own, tmp_path):
    with pytest.raises(HypError, match=said):
        run(tmp_path, change(own), text)


def test_an_unknown_study_is_named():
    with pytest.raises(HypError, match="no study 'nothing'; use primate-vvs, or a TOML file"):
        run_study("nothing")
