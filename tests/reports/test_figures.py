import math
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from hyp.hypotheses.claims.few_latents import FEW_LATENTS
from hyp.hypotheses.questions import Similarities
from hyp.hypotheses.questions.panels import (
    PairMatrix,
    ScorePanel,
    Series,
    TrendPanel,
    network_means,
    within_and_between,
)
from hyp.reports.answers import answered, in_order, place, strongest
from hyp.reports.figures.effects import effect_limits, forest
from hyp.reports.figures.scaling import trend
from hyp.reports.figures.scores import Marks, draw_scores, score_limits
from hyp.reports.figures.similarity import MOST_IN_MATRIX, evenly, maps, similarity_svg
from hyp.reports.figures.style import MARKERS, SERIES, Look, key_svg
from hyp.reports.material import Material, load_material
from hyp.stats.scaling_regions import LAWS
from results import made, write_folder

LOOK = Look(SERIES[0], "o")


def test_maps_keep_the_distances_of_points_in_a_plane():
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.1, (9, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    (places, share), (again, _) = maps([1 - distances, 1 - distances])
    assert np.linalg.norm(places[:, None] - places[None], axis=-1) == pytest.approx(distances)
    assert share == pytest.approx(1)
    assert again == pytest.approx(places)


def test_maps_are_turned_to_the_one_before():
    rng = np.random.default_rng(1)
    points = rng.normal(0, 0.1, (9, 2))
    noisy = points + rng.normal(0, 0.002, points.shape)
    flat = [1 - np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (points, noisy)]
    (first, _), (second, _) = maps(flat)
    assert np.abs(first - second).max() < 0.02


def test_maps_of_networks_that_are_all_alike_are_points():
    (places, share), *_ = maps([np.ones((4, 4))])
    assert np.array_equal(places, np.zeros((4, 2)))
    assert share == 1


def test_matrix_shows_every_pair_once_and_its_scale():
    rng = np.random.default_rng(0)
    half = rng.uniform(0.2, 0.9, (7, 7))
    matrix = (half + half.T) / 2
    np.fill_diagonal(matrix, 1)
    svg = similarity_svg(matrix, ["a"] * 3 + ["b"] * 4, {"a": "A", "b": "B"}, "CKA", "h")
    outlines = re.findall(r'class="cells">(?:<title>.*?</title>)?<path d="([^"]*)"', svg)
    assert sum(outline.count("M") for outline in outlines) == 7 * 6 + 8
    off = matrix[~np.eye(7, dtype=bool)]
    assert f"between {off.min():.3f} and {off.max():.3f}" in svg
    shades = re.findall(r"<title>(\S+) to (\S+)</title>", svg)
    edges = np.linspace(off.min(), off.max(), 9)
    assert [float(high) for _, high in shades] == pytest.approx(edges[1:], abs=5e-4)


def test_large_matrices_are_thinned_evenly():
    cohorts = ["a"] * 30 + ["b"] * 30 + ["c"] * 2
    chosen = [cohorts[k] for k in evenly(cohorts)]
    assert len(chosen) <= MOST_IN_MATRIX
    assert (chosen.count("a"), chosen.count("b"), chosen.count("c")) == (13, 13, 2)
    assert evenly(["a", "b"]).tolist() == [0, 1]


def test_means_of_pairs_leave_a_network_with_itself_out():
    matrix = np.array([[1.0, 0.8, 0.2], [0.8, 1.0, 0.4], [0.2, 0.4, 1.0]])
    table = PairMatrix("cka", "x", matrix, ["a", "a", "b"]).means
    assert table["a"]["a"] == pytest.approx(0.8)
    assert table["a"]["b"] == table["b"]["a"] == pytest.approx(0.3)
    assert table["b"]["b"] is None
    means = network_means(matrix, ["a", "a", "b"])
    assert means["a"] == pytest.approx([0.8, 0.8, 0.3])
    assert means["b"][:2] == pytest.approx([0.2, 0.4])
    assert np.isnan(means["b"][2])
    within, between = within_and_between(matrix, ["a", "a", "b"])
    assert within[:2] == pytest.approx([0.8, 0.8])
    assert np.isnan(within[2])
    assert between == pytest.approx([0.2, 0.4, 0.3])


def test_cohorts_differ_in_marker_as_well_as_colour(tmp_path):
    write_folder(tmp_path / "trend", "trend")
    looks = load_material(tmp_path / "trend").looks
    cohorts = [look for name, look in looks.items() if name != "untrained"]
    assert len({look.marker for look in looks.values()}) == len(looks) == 8
    assert len({look.colour for look in cohorts}) == 7
    write_folder(tmp_path / "regions", "regions")
    looks = load_material(tmp_path / "regions").looks
    assert looks["untrained"].colour not in SERIES
    drawn = {key_svg(Look(SERIES[0], marker)) for marker in MARKERS}
    assert len(drawn) == len(MARKERS)
    assert all(" id=" not in svg for svg in drawn)


def test_intervals_are_t_intervals_from_three_networks_on():
    three, two = Series("a", {"": [0.1, 0.2, 0.3]}), Series("b", {"": [0.1, 0.3]})
    low, high = score_limits([ScorePanel("IT", ("",), (three,))])
    reach = 4.302653 * 0.1 / 3**0.5
    assert (high - low) / 1.2 == pytest.approx(2 * reach)
    low, high = score_limits([ScorePanel("IT", ("",), (two,))])
    assert (high - low) / 1.2 == pytest.approx(0.2)
    panel = ScorePanel("IT", ("",), (three, two))
    svg = draw_scores(panel, [LOOK, LOOK], Marks([""]), "Score", (0, 1), "s")
    assert svg.count('class="interval"') == 1
    assert svg.count('class="significant"') == 1
    assert "a: 0.200 (3 networks); b: 0.200 (2 networks)" in svg


@pytest.mark.parametrize("layers", [("",), ("conv1", "layer4.0.relu")])
def test_a_mark_says_which_network_it_is_and_its_score(layers):
    scores = {layer: [0.25, math.nan, 0.5] for layer in layers}
    named = Series("wide", scores, seeds={layer: [7, 8, 9] for layer in layers})
    panel = ScorePanel("IT", layers, (named, Series("<b>", scores)))
    figure = draw_scores(panel, [LOOK, LOOK], Marks(), "Score", (0, 1), "s")
    told = ElementTree.fromstring(figure).iter("title")
    wanted = [
        f"{title}{place}, {network}"
        for title, names in (("wide", ("seed 7", "seed 9")), ("<b>", ("network 1", "network 3")))
        for place in ([", conv1", ", layer4.0"] if layers[0] else [""])
        for network in (f"{names[0]}: 0.250", f"{names[1]}: 0.500", "mean: 0.375")
    ]
    assert sorted(one.text for one in told) == sorted(wanted)
    assert not any("#" in (one.get_gid() or "") for one in figure.figure.findobj())


def test_networks_that_share_pairs_have_no_interval():
    alone = Series("a", {"": [0.1, 0.2, 0.3]}, interval=False)
    svg = draw_scores(ScorePanel("IT", ("",), (alone,)), [LOOK], Marks(), "Score", (0, 1), "s")
    assert 'class="interval"' not in svg


def test_layers_get_an_asterisk_or_a_circle_as_the_protocols_say():
    panel = ScorePanel("r", ("x", "y"), (Series("a", {"x": [0.1, 0.2], "y": [0.5, 0.6]}),))
    note = "simulated responses"
    svg = draw_scores(panel, [LOOK], Marks(["y"], ["x"]), "Score", (0, 1), "p", note)
    assert svg.count('class="significant"') == svg.count('class="published-only"') == 1
    assert "Significant at: y." in svg
    assert 'aria-label="Simulated responses. Score by layer' in svg


def test_forest_holds_every_interval_and_the_margin():
    rows = list(made("regions")[4].rows)
    low, high = effect_limits(rows, 0.05)
    assert low < min(-0.05, *(row.ci_low for row in rows))
    assert high > max(0.05, *(row.ci_high for row in rows))
    svg = forest(rows, [place(row) for row in rows], (low, high), "Difference", "f", margin=0.05)
    assert svg.count('class="effect"') == len(rows)
    assert svg.count('class="margin"') == 1
    assert "margin of ±0.05" in svg


def test_words_of_rows():
    rows = made("regions")[4].rows
    training = in_order(row for row in rows if row.question == "training")
    assert [row.measured for row in training] == ["V1", "V2", "V4", "IT"]
    assert answered(training) == ("Significant in 4 of 4 comparisons: higher in V1, V2, V4 and IT.")
    distance = [row for row in rows if row.question == "distance"]
    assert answered(distance) == "Significant in 0 of 4 comparisons."
    assert strongest(rows) == max(training, key=lambda row: row.difference)
    assert strongest(distance) == min(distance, key=lambda row: row.difference)
    assert strongest([]) is None
    layered = [row for row in made("layers")[4].rows if row.measured == "category"]
    assert (
        answered(layered) == "Significant in 2 of 4 comparisons: higher in layer3.0 and layer4.0."
    )


@pytest.mark.parametrize(
    ("count", "laws", "told"),
    [
        (7, 3, "in AICc"),
        (5, 1, "5 sizes are too few to tell a plateau"),
        (3, 0, "3 sizes are too few to fit a law"),
    ],
)
def test_laws_are_fitted_only_where_there_are_sizes_enough(count, laws, told):
    rng = np.random.default_rng(0)
    sizes = np.repeat(np.geomspace(1, 100, count), 4)
    scores = 0.3 + 0.05 * np.log10(sizes) + rng.normal(0, 0.01, len(sizes))
    row = made("trend")[4].rows[0]
    seeds = np.arange(len(sizes))
    panel = TrendPanel("IT", "", "images", sizes.tolist(), scores.tolist(), seeds.tolist())
    svg, sentence = trend(panel, row, "Score", "t", "simulated")
    assert told in sentence
    assert sentence in svg
    assert sum(f">{law}" in svg for law in LAWS) == laws
    assert svg.count('class="band"') == bool(laws)
    assert svg.split('class="seeds"')[1].count("<use") == len(sizes)


def test_scores_without_a_law_are_drawn_and_told():
    row = made("trend")[4].rows[0]
    sizes = [1, 2, 3, 4, 5, 6]
    panel = TrendPanel("IT", "", "images", sizes, [0.5] * 6, sizes)
    svg, sentence = trend(panel, row, "Score", "t")
    assert sentence.startswith("No law was fitted: the seed means are the same")
    assert 'class="seeds"' in svg


def test_cohorts_that_are_compared_never_share_a_colour():
    result = made("regions")[4].model_copy(update={"cohorts": ()})
    questions = FEW_LATENTS.asked(FEW_LATENTS.profile("published")).questions
    looks = Material(result, questions, pd.DataFrame(), Similarities()).looks
    assert len(looks) > len(SERIES)
    assert len(set(looks.values())) == len(looks)
    for question in questions:
        names = question.about
        assert len({looks[name].colour for name in names}) == len(names)
