"""The published numbers: transcribed exactly, and analysed as far as they reach."""

import os
import re
from importlib.resources import files
from itertools import permutations
from math import atanh, factorial, isnan, sqrt
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from figures_not_drawn import NOT_DRAWN
from hyp.datasets.latents import LATENT_GROUPS
from hyp.errors import HypError
from hyp.hypotheses.claims import CLAIMS
from hyp.hypotheses.claims.convergence import CONVERGENCE
from hyp.hypotheses.paper import (
    PUBLISHED_TABLES,
    analyse,
    p_values,
    published_claims,
    published_table,
    published_value,
    recomputed,
)
from hyp.hypotheses.paper.places import panels_at, places
from hyp.hypotheses.paper.tables import ALIGNMENT_COLUMNS, CITATIONS, Direction, published_values
from hyp.hypotheses.questions import Closer, Tracks, Trend
from hyp.models.specs import objective_tasks
from hyp.stats.attainable import attainable_p

# Sums in thousandths over the columns and rows of the printed tables, taken in a second
# reading of the paper: any single number that is changed here breaks two of them.
SUMS = {
    "C.1": (
        [3254, 3205, 6775, 5670, 4727, 2671],
        [2101, 2095, 2128, 2187, 2222, 2155, 2168, 2500, 2501, 2467, 1211, 2567],
    ),
    "C.2": (
        [3045, 2998, 6632, 5458, 4531, 2017],
        [2012, 1971, 1956, 1980, 2060, 2008, 2025, 2338, 2342, 2373, 1223, 2393],
    ),
    "C.3": ([3736, 4374, 4500, 4593, 4579, 2364], [4289, 4392, 4353, 5536, 5576]),
}
UNITS = [1, 2, 3, 6, 7, 8, 9, 117, 548, 674]
ALL = "distance+translation+rotation+category+identity"


@pytest.fixture(scope="module")
def found():
    return analyse()


@pytest.mark.parametrize("name", SUMS)
def test_every_cell_is_as_in_a_second_reading(name):
    cells = published_table(name)[[*ALIGNMENT_COLUMNS]].to_numpy()
    thousandths = np.rint(1000 * cells).astype(int)
    assert np.allclose(thousandths, 1000 * cells, atol=1e-9)
    assert thousandths.sum(axis=0).tolist() == SUMS[name][0]
    assert thousandths.sum(axis=1).tolist() == SUMS[name][1]


@pytest.mark.parametrize("name", ["C.1", "C.2"])
def test_the_neural_mean_is_the_mean_of_the_four_regions(name):
    table = published_table(name)
    computed = table[["V1", "V2", "V4", "IT"]].mean(axis=1)
    assert (table["neural_mean"] - computed).abs().max() <= 0.001
    assert table["output_units"].dropna().tolist() == [*UNITS, 1000]


def test_output_units_add_up():
    tasks = published_table("tasks").set_index("objective")["output_units"]
    for objective, units in tasks.items():
        assert units == sum(tasks[part] for part in objective.split("+"))
    for name in ("C.1", "C.2"):
        table = published_table(name).set_index("objective")["output_units"].dropna()
        assert table.to_dict() == tasks.to_dict()


@pytest.mark.parametrize("about", PUBLISHED_TABLES, ids=lambda about: about.name)
def test_every_row_has_its_source_and_names_that_hyp_knows(about):
    table = published_table(about.name)
    assert about.document in CITATIONS
    assert table["source"].str.startswith(f"{about.document}, ").all()
    assert (table["source"].str.len() > len(about.document) + 8).all()
    columns = table.columns.intersection(["objective", "versus"])
    for objective in pd.unique(table[columns].to_numpy().ravel()):
        if objective not in ("", "untrained", "imagenet"):
            assert set(objective_tasks(objective)) <= set(LATENT_GROUPS)
            assert objective == "+".join(objective_tasks(objective))


def test_the_files_ship_with_the_package_and_scores_keep_their_zeros():
    folder = files("hyp.hypotheses.paper")
    for about in PUBLISHED_TABLES:
        lines = (folder / f"{about.name.lower().replace('.', '')}.csv").read_text().splitlines()
        assert len(lines) == len(published_table(about.name)) + 1
    assert "0.430" in (folder / "c1.csv").read_text()


def test_a_table_is_a_copy_and_its_name_takes_any_case():
    table = published_table("C.1")
    table.loc[0, "V1"] = 9
    assert published_table("c.1").loc[0, "V1"] == 0.279
    with pytest.raises(HypError, match=r"no published table 'C.4'; there are C.1"):
        published_table("C.4")


@pytest.mark.parametrize(
    ("asked", "value", "table"),
    [
        ({"quantity": "IT", "objective": "imagenet", "architecture": "resnet18"}, 0.512, "C.2"),
        ({"quantity": "neural_mean", "objective": "distance", "table": "abstract"}, 0.368, ""),
        (
            {
                "quantity": "neural_mean",
                "objective": "rotation+distance",
                "architecture": "resnet18",
            },
            0.381,
            "C.2",
        ),
        ({"quantity": "behavior_correlation", "objective": "distance"}, -0.273, "C.3"),
        ({"quantity": "output_units", "objective": ALL}, 674, "tasks"),
        ({"quantity": "output_units", "objective": ALL, "table": "abstract"}, 718, ""),
        ({"quantity": "p_value", "versus": ALL}, 0.1, "abstract"),
        ({"quantity": "object_models"}, 548, "text"),
        ({"quantity": "batches", "architecture": "resnet18"}, 500_000, "text"),
    ],
)
def test_a_published_value_comes_with_its_source(asked, value, table):
    published = published_value(**asked)
    assert published.value == value
    assert published.table == (table or asked["table"])
    assert published.source.startswith("Xie et al. 2024, ")
    assert published in published_values()


def test_a_value_that_is_not_one_is_refused():
    with pytest.raises(HypError, match="nothing is published for sd"):
        published_value("sd")
    with pytest.raises(HypError, match="2 published numbers fit neural_mean, distance"):
        published_value("neural_mean", objective="distance")
    with pytest.raises(HypError, match="3 published numbers fit p_value"):
        published_value("p_value")


def test_untrained_resnet18_has_its_own_number_of_seeds():
    seeds = published_table("C.2").set_index("objective")["n_seeds"]
    assert seeds["untrained"] == 5
    assert set(seeds.drop("untrained")) == {8}
    assert set(published_table("C.1")["n_seeds"]) == {5}


def test_claims_are_found_by_what_was_measured():
    intermediate = published_claims(objective="distance", latent="category", layer="layer3.0.relu")
    assert [(c.better, c.prediction, c.layers_named) for c in intermediate] == [
        ("full", "H1", True)
    ]
    [last] = published_claims(objective="category", latent="rel_pos_x", layer="avgpool")
    assert (last.better, last.prediction) == ("reduced", "H2")
    assert published_claims(objective="category", latent="rel_pos_y", layer="avgpool") == ()
    assert published_claims(objective="distance", latent="category", layer="layer1.0.relu") == ()
    assert published_claims(objective="distance+rotation") == ()
    assert len(published_claims(measure="cka", latent="rel_pos_x")) == 2
    assert published_claims("another") == ()


def test_rank_correlations_agree_with_scipy_and_full_enumeration(found):
    for row in found.units:
        table = published_table(row.table).set_index("objective").drop(["untrained", "imagenet"])
        table = table.iloc[: {"all": 10, "spatial": 7}[row.groups]]
        units = table["output_units"].astype(float)
        assert row.correlation.n == len(table)
        expected = stats.spearmanr(units, table[row.quantity]).statistic
        assert row.correlation.r == pytest.approx(expected)
        if row.groups == "spatial":
            ranks = stats.rankdata(table[row.quantity])
            orders = np.array(list(permutations(range(1, 8)))) @ ranks
            observed = np.arange(1, 8) @ ranks
            tails = (orders >= observed).mean(), (orders <= observed).mean()
            assert row.correlation.p == pytest.approx(min(1, 2 * min(tails)))


def test_rank_correlations_are_corrected_over_the_six_scores(found):
    for table in ("C.1", "C.2"):
        for groups, n in (("all", 10), ("spatial", 7)):
            family = [row for row in found.units if (row.table, row.groups) == (table, groups)]
            assert [row.quantity for row in family] == [*ALIGNMENT_COLUMNS]
            smallest = min(family, key=lambda row: row.correlation.p)
            assert smallest.p_holm == pytest.approx(min(1, 6 * smallest.correlation.p))
            untied = [row.correlation for row in family if row.quantity == "IT"]
            assert untied[0].p_attainable == pytest.approx(2 / factorial(n))


def test_alignment_rises_with_output_units_over_all_tasks_but_not_shown_for_spatial_ones(found):
    p = {
        (row.table, row.groups): row.correlation.p
        for row in found.units
        if row.quantity == "neural_mean"
    }
    assert p["C.2", "all"] < p["C.1", "all"] < 0.05
    assert min(p["C.1", "spatial"], p["C.2", "spatial"]) > 0.2


def test_fractions_and_what_rounding_leaves_open(found):
    by_name = {(row.table, row.objective): row for row in found.fractions}
    assert len(by_name) == 11 + 11 + 3
    category = by_name["C.1", "category"]
    assert category.fraction == pytest.approx(0.412 / 0.430)
    assert category.gain == pytest.approx((0.412 - 0.238) / (0.430 - 0.238))
    assert by_name["C.2", "untrained"].gain == 0
    assert (by_name["C.2", "untrained"].n, by_name["C.2", "untrained"].n_versus) == (5, 8)
    assert isnan(by_name["abstract", "distance"].gain)
    for row in found.fractions:
        assert row.rounded_low < row.fraction < row.rounded_high
        assert row.rounded_high - row.rounded_low < 0.006
        assert isnan(row.low)


def test_at_the_sd_limit_students_test_is_just_significant(found):
    for row in found.fractions:
        values = {}
        for which in (row.objective, row.versus):
            architecture = {"C.1": "resnet50"}.get(row.table, "resnet18")
            values[which] = published_value(
                "neural_mean", objective=which, architecture=architecture, table=row.table
            ).value
        test = stats.ttest_ind_from_stats(
            values[row.objective],
            row.sd_limit,
            row.n,
            values[row.versus],
            row.sd_limit,
            row.n_versus,
        )
        assert test.pvalue == pytest.approx(0.05)


@pytest.mark.parametrize("sd", [0.001, 0.01, 0.03])
def test_the_interval_of_a_fraction_holds_what_students_test_does_not_reject(sd):
    for row in analyse(sd=sd).fractions:
        reference = {"C.1": 0.430, "C.2": 0.413, "abstract": 0.411}[row.table]
        score = row.fraction * reference
        t = stats.t.ppf(0.975, row.n + row.n_versus - 2)
        for end, sign in ((row.low, 1), (row.high, -1)):
            error = sd * sqrt(1 / row.n + end**2 / row.n_versus)
            assert (score - end * reference) / error == pytest.approx(sign * t)
        assert (row.low <= 1 <= row.high) == (sd >= row.sd_limit)


@pytest.mark.parametrize(
    ("sd", "words"), [(0, "positive"), (-1, "positive"), (np.nan, "positive"), (0.5, "smaller SD")]
)
def test_an_sd_that_gives_no_interval_is_refused(sd, words):
    with pytest.raises(HypError, match=words):
        analyse("C.1", sd=sd)


def test_the_abstracts_p_values_against_their_floor(found):
    rows = {row.versus: row for row in found.p_values}
    assert {row.p for row in rows.values()} == {0.1, 0.2, 0.4}
    for row in rows.values():
        assert row.p_attainable == attainable_p(3, 3) == 0.1
        assert row.attainable == (0.1, 0.2, 0.4, 0.7, 1.0)
        assert (row.seeds_needed, row.seeds_needed_family) == (4, 5)
        assert row.p in row.attainable
    assert rows["category"].superiority == pytest.approx((1 / 9, 8 / 9))
    assert rows["identity"].superiority == pytest.approx((2 / 9, 7 / 9))
    assert rows[ALL].superiority == (0.0,)
    assert "the second group scored above every one of the first" in rows[ALL].sentence
    assert "no evidence that the groups are alike" in rows["category"].sentence


@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (3, 5), (4, 4)])
def test_the_ladder_is_every_p_of_the_exact_test(n1, n2):
    ladder = p_values.mann_whitney_ladder(n1, n2)
    assert len(ladder) == n1 * n2 + 1
    assert ladder == ladder[::-1]
    assert min(ladder) == pytest.approx(attainable_p(n1, n2))
    assert max(ladder) == 1


def test_correlations_at_both_ends_of_n(found):
    assert len(found.correlations) == 30
    for row in found.correlations:
        assert (row.n_points, row.n_seeds) == (60, 5)
        assert row.seeds_low < row.points_low < row.r < row.points_high < row.seeds_high
        for n, low in ((60, row.points_low), (5, row.seeds_low)):
            assert atanh(row.r) - atanh(low) == pytest.approx(1.959964 / sqrt(n - 3))
        assert 1.959964 / sqrt(row.n_enough - 3) <= abs(atanh(row.r))
        if row.n_enough > 4:
            assert 1.959964 / sqrt(row.n_enough - 4) > abs(atanh(row.r))
    undecided = [row for row in found.correlations if row.seeds_low <= 0 <= row.seeds_high]
    assert {row.quantity for row in undecided if row.objective == "category"} == {"V1"}
    assert len([row for row in undecided if row.objective == "rotation"]) == 6


def test_the_printed_numbers_agree_but_for_one(found):
    wrong = [row for row in found.consistency if not row.agrees]
    assert len(found.consistency) == 24 + 6 + 4
    assert [(row.table, row.printed, row.computed) for row in wrong] == [("abstract", 718, 713)]


def test_a_number_that_disagrees_is_noticed(monkeypatch):
    def with_a_slip(name):
        table = published_table(name)
        if name == "C.2":
            table.loc[3, "IT"] += 0.01
        return table

    monkeypatch.setattr(recomputed, "published_table", with_a_slip)
    wrong = [row for row in recomputed.consistency() if not row.agrees]
    assert [row.what.split(":")[0] for row in wrong if row.table == "C.2"] == ["Rotation"]


def test_analyses_of_one_table_are_those_of_all(found):
    assert analyse("c.3").correlations == found.correlations
    assert analyse("C.3").units == ()
    assert analyse("abstract").p_values == found.p_values
    assert analyse("C.1").units == tuple(row for row in found.units if row.table == "C.1")
    assert [row.printed for row in analyse("text").consistency] == [95, 97]
    with pytest.raises(HypError, match="nothing can be computed"):
        analyse("claims")
    with pytest.raises(HypError, match="no published table"):
        analyse("C.9")


def shown(place):
    rows = panels_at(place)
    assert rows, f"the paper has no {place}"
    return rows


QUESTIONS = [
    pytest.param(hypothesis, question, id=f"{hypothesis.name}: {question.name}")
    for hypothesis in CLAIMS
    for question in hypothesis.questions
    if question.figure
]
SIZES = {"categories": "categories", "share of the images": "images", "output units": "objective"}
PAPERS = {"natural": "imagenet"}
ABSTRACT_FIGURES = {"Figure 2b": "objective", "Figure 2c": "images"}


@pytest.mark.parametrize(("hypothesis", "question"), QUESTIONS)
def test_a_label_is_a_figure_of_what_is_asked(hypothesis, question):
    """Each figure shows that measure, over what differs, in relation to those networks."""
    ours, _, of_abstract = question.figure.partition("; abstract of February 2024, ")
    names = [name for pair in question.compared for name in pair]
    designs = {hypothesis.cohort(name).design for name in names}
    varied = {"objective"}
    if isinstance(question, Trend):
        varied = {SIZES[question.unit]}
    elif isinstance(question, Tracks):
        varied = {"batches"}
    elif len(designs) > 1:
        varied = {"translation" if "centered" in designs else "category"}
    for place in places(ours):
        rows = shown(place)
        kind = question.scored.kind.replace(" ", "-")
        panels = [row for row in rows if kind in row["measure"].split()]
        assert panels, place
        for row in panels:
            assert varied & set(row["varied"].split()), place
            if isinstance(question, Closer):
                assert row["reference"] == PAPERS.get(question.anchor, question.anchor), place
            if isinstance(question, Tracks):
                assert set(question.cohorts) & set(row["trained"].split()), place
    for place in places(of_abstract):
        assert ABSTRACT_FIGURES[place] in varied


def test_every_other_figure_is_drawn_by_a_claim():
    labels = [question.figure for claim in CLAIMS for question in claim.questions]
    named = [place for label in labels for place in places(label)]
    drawn = {row["figure"] for place in named for row in shown(place)}
    every = set(published_table("figures")["figure"])
    assert every - drawn == NOT_DRAWN.keys() - drawn
    assert {figure for figure in NOT_DRAWN if figure in drawn} <= {"Figure 2b"}


def test_a_wrong_label_is_noticed():
    question = CONVERGENCE.questions[0].model_copy(update={"figure": "Figure D.1"})
    with pytest.raises(AssertionError, match=r"D\.1"):
        test_a_label_is_a_figure_of_what_is_asked(CONVERGENCE, question)


def test_every_hypothesis_has_statements_at_figures_that_exist():
    claims = published_table("claims")
    assert {*claims["hypothesis"], "nontarget-similarity"} == {claim.name for claim in CLAIMS}
    assert set(claims["better"]) <= set(get_args(Direction))
    for source in claims["source"]:
        for label in re.findall(
            r"(?:Figure|Table)s? [A-E]?[.\da-z]+(?: and [A-E]?[.\da-z]+)?", source
        ):
            for place in places(label):
                shown(place)


def test_every_statement_is_quoted():
    """In a few words; all occur in the paper, where its text is at hand as plain UTF-8."""
    quotes = set(published_table("claims")["quote"])
    assert all(4 < len(quote.split()) < 30 for quote in quotes)
    text = os.environ.get("HYP_PAPER_TEXT")
    if text is None:
        pytest.skip("the paper's text is not at hand; name its file by HYP_PAPER_TEXT")
    words = " ".join(Path(text).read_text(encoding="utf-8").split())
    assert [quote for quote in quotes if quote not in words] == []


def test_directions_are_those_of_the_printed_numbers():
    claims = published_table("claims")
    asked = claims[claims["measure"].isin(["alignment", "behaviour"]) & (claims["versus"] != "")]
    margins = []
    for row in asked.to_dict("records"):
        for name in ("C.1", "C.2"):
            table = published_table(name).set_index("objective")[row["latent"]]
            share = table[row["objective"]] / table[row["versus"]]
            if row["better"] == "comparable":
                margins.append(share)
            else:
                assert share < 0.6
    assert len(margins) == 18
    assert 0.93 < min(margins) < max(margins) < 1.0
    tracked = claims[claims["measure"] == "performance"]
    correlations = published_table("C.3").set_index("objective")
    for row in tracked.to_dict("records"):
        r = correlations.loc[row["objective"], row["latent"]]
        assert (r > 0) == (row["better"] == "positive")
