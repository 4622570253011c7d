from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from page_reader import Page

from hyp.errors import HypError
from hyp.hypotheses.claims import CLAIMS
from hyp.hypotheses.claims.nontarget_variability import NONTARGET_VARIABILITY
from hyp.hypotheses.claims.synthetic_natural import SYNTHETIC_NATURAL
from hyp.hypotheses.paper import published_table
from hyp.hypotheses.questions.panels import PairMatrix, ScorePanel
from hyp.hypotheses.result import Result
from hyp.hypotheses.result_files import (
    RESULT_FILE,
    SAMPLES_FILE,
    SCORES_FILE,
    SIMILARITY_FILE,
    load_result,
)
from hyp.reports import make_report, write_report
from hyp.reports.answers import ERROR_BARS
from hyp.reports.material import load_material
from hyp.reports.published import counterpart, paper_sentence, statement_about
from hyp.stats.published import WHY_PUBLISHED_DIFFERS
from hyp.store import Store
from results import (
    KINDS,
    LAYERS,
    PROVENANCE,
    REGIONS,
    add_run,
    made,
    write_folder,
    write_planted,
)

HOSTILE = "<script>alert('x')</script> & {{ 7*7 }} | *bold* $\\frac$ [/x]"


def write(tmp_path, kind, name="out", seeds=6, **changes):
    result = write_folder(tmp_path / "result", kind, seeds=seeds, **changes)
    path = write_report(tmp_path / "result", tmp_path / name, provenance=PROVENANCE)
    return result, path.read_text(encoding="utf-8")


def before_provenance(text):
    return text[: text.index('id="provenance"')].lower()


NO_FIGURES = {"rows": (), "learning": ()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder with the reports of every kind of question, each in a folder of its name."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def pages(written):
    """The page of every kind of question, with its result."""
    return {kind: write(written / kind, kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_page_needs_nothing_from_outside_and_every_reference_is_met(pages, kind):
    _, text = pages[kind]
    page = Page(text)
    assert not page.open
    assert not {"script", "link"} & set(page.tags)
    beside = {"report.json", "report.md"}
    assert all(a.startswith(("#", "data:image/webp")) or a in beside for a in page.addresses)
    assert not re.search(r"@import|url\((?!#)|https?:", text)
    assert len(set(page.ids)) == len(page.ids)
    references = [a[1:] for a in page.addresses if a.startswith("#")]
    assert set(references) | set(re.findall(r"url\(#([^)]+)\)", text)) <= set(page.ids)
    assert "#00000" not in text
    assert not re.search(r"\bnan\b", page.seen.lower())


@pytest.mark.parametrize("kind", ["regions", "pairs"])
def test_the_same_result_gives_the_same_bytes(tmp_path, pages, kind):
    _, text = write(tmp_path, kind)
    assert text == pages[kind][1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_in_the_tables_with_its_numbers(pages, kind):
    result, text = pages[kind]
    tables = re.findall(r'<table class="comparisons">.*?</table>', text, flags=re.S)
    body = [row for table in tables for row in re.findall(r"<tr.*?</tr>", table, flags=re.S)[1:]]
    assert len(tables) == len(result.questions)
    assert len(body) == len(result.rows)
    assert sum('class="significant"' in row for row in body) == sum(
        row.significant for row in result.rows
    )
    shown = " ".join(body)
    for row in result.rows:
        assert f"{abs(row.difference):.3f}" in shown


def test_every_network_has_its_mark(pages):
    result, text = pages["regions"]
    drawn = [block.count("<use ") for block in re.findall(r'class="networks">(.*?)</g></g>', text)]
    compared = 4 * (2 + 4 + 2)
    assert len(drawn) == compared + 4 * 5
    assert set(drawn) == {6}
    assert text.count('class="interval"') == len(drawn)
    significant = sum(row.significant for row in result.rows)
    assert text.count('class="significant"') == 2 * significant > 0
    assert text.count('class="effect"') == len(result.rows)


def test_profiles_show_every_network_at_every_layer(pages):
    result, text = pages["layers"]
    drawn = [block.count("<use ") for block in re.findall(r'class="networks">(.*?)</g></g>', text)]
    assert drawn == [6 * len(LAYERS)] * 4
    for row in result.rows:
        assert f"{row.mean_a:.3f}" in text


def test_regions_come_in_the_order_of_the_stream(pages):
    for kind in ("regions", "tracks", "trend"):
        captions = re.findall(r"<figcaption><b>(V1|V2|V4|IT)</b>", pages[kind][1])
        assert tuple(captions[:4]) == REGIONS


def test_simulated_responses_are_named_on_every_figure_that_uses_them(tmp_path, pages):
    _, text = pages["regions"]
    figures = re.findall(r'<svg [^>]*class="figure" role="img".*?</svg>', text, flags=re.S)
    figures = [figure for figure in figures if "Loss of" not in figure]
    assert len(figures) == 3 * 5 + 4
    assert all("simulated responses" in figure for figure in figures)
    assert "simulated" not in before_provenance(pages["layers"][1])
    result = made("regions")[4]
    recorded = {**result.settings, "recording": "MajajHong2015public.IT"}
    _, real = write(tmp_path, "regions", settings=recorded, warnings=(), learning=())
    assert "simulated" not in before_provenance(real)


@pytest.mark.parametrize(
    ("agrees", "published", "told"),
    [
        (True, "So it was.", "This verdict agrees with what was published."),
        (False, "So it was.", "This verdict contradicts what was published."),
        (None, "So it was.", "This verdict does not decide about what was published."),
        (None, "", "Nothing was published about it."),
    ],
)
def test_agreement_with_what_was_published_is_said_plainly(tmp_path, agrees, published, told):
    changes = {"agrees": agrees, "published": published, **NO_FIGURES}
    _, text = write(tmp_path, "layers", **changes)
    assert told in Page(text).seen
    assert published in Page(text).seen
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert f"**{told}** {published}".strip() in markdown


def test_margin_is_a_band_and_not_lower_a_diamond(pages):
    result, text = pages["regions"]
    assert text.count('class="margin"') == len(result.questions)
    assert "±0.05" in text
    assert "p, not lower by 0.050" in Page(text).seen
    assert 'class="margin"' not in pages["layers"][1]


def test_pairs_have_profiles_maps_and_matrix(pages):
    result, text = pages["pairs"]
    assert text.count("Maps of the networks") == 3
    maps = re.findall(r'aria-label="Map of 18 networks', text)
    assert len(maps) == 3 * len(LAYERS)
    assert text.count("Similarity (CKA, unbiased) of 18 networks") == 1
    assert text.count("Similarity (RSA, correlation) of 18 networks") == 1
    row = next(row for row in result.rows if row.kind == "closer" and row.layer == "layer2.0.relu")
    assert f"layer2.0 {row.mean_a:.2f}" in text
    assert f"layer2.0 {row.mean_b:.2f}" in text


def test_means_of_the_drawn_pairs_are_those_of_the_rows(tmp_path):
    """Every network's mean over its pairs averages to what the question's row says."""
    write_folder(tmp_path, "pairs")
    material = load_material(tmp_path)
    for question in material.questions[:2]:
        panels = material.panels(question)
        scores = next(panel for panel in panels if isinstance(panel, ScorePanel))
        for row in material.rows(question):
            first, second = (np.mean(one.scores[row.layer]) for one in scores.series[:2])
            assert (first, second) == pytest.approx((row.mean_a, row.mean_b))
        means = next(panel for panel in panels if isinstance(panel, PairMatrix)).means
        assert set(means) == set(question.about)


def test_the_pixels_stand_beside_every_pair(pages):
    _, text = pages["pairs"]
    questions = 5
    assert text.count("</svg>with the raw pixels</li>") == questions - 1
    assert text.count("</svg>category ~ the raw pixels</li>") == 1
    assert text.count("what networks share with the pixels") == questions


def test_pooled_tests_are_shown_as_published_and_decide_nothing(written, pages):
    result, text = pages["pairs"]
    row = next(row for row in result.rows if row.question == "together")
    pairs = 2 * (6 * 5 // 2)
    assert row.n_pooled == pairs
    assert f"n {pairs}</td>" in text
    assert text.count('<th scope="col" class="edge">As published</th>') == len(result.questions)
    assert "As published" not in pages["regions"][1]
    assert (
        "As published, all taken as independent" in (written / "tracks/out/report.md").read_text()
    )


def test_one_question_under_several_measures_is_one_table(pages):
    result, text = pages["pairs"]
    section = text[text.index('id="measures"') : text.index('id="limits"')]
    assert section.count("<table>") == 1
    heads = re.findall(r'<th scope="col">(.*?)</th>', section)
    assert heads == ["Layer", "CKA, unbiased", "CKA, biased", "RSA, correlation"]
    assert section.count('<tr><th scope="row">') == len(LAYERS)
    biased = [row for row in result.rows if row.question == "own objective, biased CKA"]
    found = sum(row.significant for row in biased)
    assert f"finds {found} of {len(LAYERS)} layers significant" in section
    assert 'id="measures"' not in pages["tracks"][1]


def test_published_numbers_stand_beside_the_measured_ones(tmp_path, pages):
    settings = {**pages["regions"][0].settings, "backbone": "resnet50"}
    result, text = write(tmp_path, "regions", settings=settings, learning=())
    section = text[text.index('id="published"') : text.index('id="limits"')]
    assert "Table C.1" in section
    category = next(c for c in result.cohorts if c.name == "category")
    assert category.objective == "category"
    row = re.search(r'<tr><th scope="row">category</th>(.*?)</tr>', section).group(1)
    values = [float(value) for value in re.findall(r">([\d.]+)</td>", row)]
    assert values[::2] == [0.285, 0.280, 0.582, 0.501]
    measured = {row.measured: row.mean_b for row in result.rows if row.question == "distance"}
    assert values[1::2] == pytest.approx([measured[region] for region in REGIONS], abs=6e-4)
    row = re.search(r'<tr><th scope="row">untrained</th>(.*?)</tr>', section).group(1)
    assert "0.212" in row
    tracks = pages["tracks"][1]
    assert "published (Table C.3)" in tracks
    assert 'id="published"' not in pages["pairs"][1]


NATURAL = {"natural": True, "objective": "category", "dataset": "photographs"}


@pytest.mark.parametrize(
    ("changes", "images", "expected"),
    [
        ({}, "", "category"),
        ({"objective": "distance+rotation"}, "", "distance+rotation"),
        ({"trained": False}, "", "untrained"),
        ({"design": "categories=2"}, "", ""),
        ({"share": 0.1}, "", ""),
        ({"dataset": ""}, "", ""),
        (NATURAL, "classes:/data/photographs", ""),
        (NATURAL, "", ""),
        (NATURAL, "imagenet:/data/imagenet", "imagenet"),
        ({**NATURAL, "objective": "distance"}, "imagenet:/data/imagenet", ""),
        ({**NATURAL, "share": 0.5}, "imagenet:/data/imagenet", ""),
        ({**NATURAL, "dataset": ""}, "imagenet:/data/imagenet", ""),
    ],
)
def test_published_rows_are_joined_by_what_a_cohort_is(changes, images, expected):
    cohort = next(one for one in made("regions")[4].cohorts if one.name == "category")
    assert counterpart(cohort.model_copy(update=changes), images) == expected


def test_no_published_number_of_rendered_categories_beside_photographs(tmp_path):
    """Whatever the number of images: the natural cohort learned from other images."""
    result = write_planted(tmp_path / "result", SYNTHETIC_NATURAL)
    assert len({one.n_images for one in result.cohorts}) == 1
    path = write_report(tmp_path / "result", tmp_path / "out", provenance=PROVENANCE)
    text = path.read_text(encoding="utf-8")
    section = text[text.index('id="published"') : text.index('id="limits"')]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>', section)
    assert rows == ["category", "untrained"]


def test_the_papers_figure_is_named(pages):
    _, text = pages["pairs"]
    assert "The paper's counterpart: Figure D.5." in text
    assert text.count("The paper's counterpart") == 1


def test_tracks_have_a_line_a_network_and_their_correlation(pages):
    result, text = pages["tracks"]
    assert text.count('class="track"') == text.count('class="last"') == 4 * (6 + 12 + 6)
    for row in result.rows:
        assert f"r {row.difference:+.3f}".replace("-", "−") in text


def test_checkpoints_above_the_declared_loss_are_left_out_and_counted(pages):
    result, text = pages["tracks"]
    every = next(row for row in result.rows if row.question == "distance")
    fewer = next(row for row in result.rows if row.question == "no outliers")
    assert (every.n_pooled, fewer.n_pooled) == (4 * 6, 3 * 6)
    assert "18 checkpoints of 6 networks; 6 of 24 left out: a loss of 0.6 or more" in fewer.note
    assert "6 of 24 left out" in text


def test_trends_show_every_network_and_the_laws(pages):
    result, text = pages["trend"]
    assert text.count('class="band"') == len(result.rows) == 5
    networks = [block.count("<use ") for block in re.findall(r'class="seeds">(.*?)</g></g>', text)]
    assert networks == [row.n_a for row in result.rows]
    assert "Rises with no plateau (log-linear)" in Page(text).seen


def test_layers_taken_count_every_network(tmp_path, pages):
    _, text = pages["regions"]
    table = re.search(r'<table class="taken">.*?</table>', text, flags=re.S).group()
    rows = re.findall(r"<tr>(.*?)</tr>", table, flags=re.S)[1:]
    counts = [sum(map(int, re.findall(r"</span>(\d+)</td>", row))) for row in rows]
    assert counts == [6] * 5 * 4
    assert "Which layer was chosen for each region" not in pages["layers"][1]


def test_untestable_study_has_no_figures_but_a_page(tmp_path):
    verdict = made("layers")[4].verdict.model_copy(
        update={"outcome": "untestable", "prediction": None, "sentence": "Too few networks."}
    )
    result = made("layers")[4].model_copy(
        update={"rows": (), "cohorts": (), "checks": (), "verdict": verdict, "agrees": None}
    )
    folder = tmp_path / "result"
    folder.mkdir()
    (folder / RESULT_FILE).write_text(result.model_dump_json())
    path = write_report(folder, tmp_path / "out", provenance={})
    page = Page(path.read_text())
    assert "Too few networks." in page.seen
    assert "No manipulation checks were made." in page.seen
    assert not page.open


def test_two_networks_a_cohort_and_undefined_intervals_are_drawn(tmp_path):
    for kind in ("regions", "pairs"):
        result, text = write(tmp_path, kind, kind, seeds=2, learning=())
        assert text.count('class="effect"') == len(result.rows)
        assert 'class="interval"' not in text
        assert not re.search(r"\bnan\b", Page(text).seen.lower())


def test_secondary_rows_are_told_apart(tmp_path, pages):
    assert "Secondary." not in pages["layers"][1]
    result = made("layers")[4]
    rows = tuple(row.model_copy(update={"confirmatory": False}) for row in result.rows)
    _, text = write(tmp_path, "layers", rows=rows, learning=())
    assert "Secondary." in text


@pytest.mark.parametrize("name", [RESULT_FILE, SCORES_FILE, SIMILARITY_FILE])
def test_damaged_files_are_told_in_a_sentence(tmp_path, name):
    write_folder(tmp_path / "result", "pairs")
    (tmp_path / "result" / name).write_bytes(b"PK nothing")
    with pytest.raises(HypError, match=r"damaged.*run the hypothesis again"):
        write_report(tmp_path / "result", tmp_path / "out", provenance=PROVENANCE)
    assert not (tmp_path / "out").exists()


def test_missing_scores_are_told_in_a_sentence(tmp_path):
    write_folder(tmp_path / "result", "layers")
    (tmp_path / "result" / SCORES_FILE).unlink()
    with pytest.raises(HypError, match="missing or damaged"):
        write_report(tmp_path / "result", tmp_path / "out", provenance=PROVENANCE)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"hypothesis": 1}', "\x00\x01"])
def test_damaged_result_is_refused(tmp_path, text):
    (tmp_path / RESULT_FILE).write_text(text)
    with pytest.raises(HypError, match="damaged"):
        load_result(tmp_path)


def test_missing_result_is_refused(tmp_path):
    with pytest.raises(HypError, match="no readable result"):
        write_report(tmp_path, tmp_path / "out", provenance={})
    assert not (tmp_path / "out").exists()


def test_samples_that_are_no_images_are_refused(tmp_path):
    write_folder(tmp_path, "layers")
    np.savez(tmp_path / SAMPLES_FILE, distance=np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(HypError, match="missing or damaged"):
        write_report(tmp_path, tmp_path / "out", provenance={})


def test_unwritable_place_is_a_clear_error(tmp_path):
    write_folder(tmp_path / "result", "layers")
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(HypError, match="cannot write the report"):
        write_report(tmp_path / "result", tmp_path / "out", provenance={})


@pytest.mark.parametrize("name", ["index.html", "report.json", "report.md"])
def test_other_people_s_files_are_not_overwritten(tmp_path, name):
    write_folder(tmp_path / "result", "layers", **NO_FIGURES)
    mine = tmp_path / "out" / name
    mine.parent.mkdir()
    mine.write_text("<html>mine</html>")
    with pytest.raises(HypError, match=rf"{name} is no report of hyp's and stays"):
        write_report(tmp_path / "result", tmp_path / "out", provenance={})
    assert [path.read_text() for path in mine.parent.iterdir()] == ["<html>mine</html>"]
    mine.unlink()
    for _ in range(2):
        write_report(tmp_path / "result", tmp_path / "out", provenance={})


def test_the_json_is_json_where_a_check_measured_nothing(tmp_path):
    check = made("layers")[4].checks[0].model_copy(update={"value": float("nan")})
    write(tmp_path, "layers", checks=(check,), **NO_FIGURES)
    text = (tmp_path / "out" / "report.json").read_text()
    document = json.loads(text, parse_constant=pytest.fail)
    assert document["result"]["checks"][0]["value"] == "NaN"


def test_rewriting_leaves_no_partial_files(tmp_path):
    write(tmp_path, "layers", **NO_FIGURES)
    write(tmp_path, "layers", **NO_FIGURES)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["index.html", "report.json", "report.md"]


def test_what_a_run_changed_of_its_profile_stands_beside_the_profile(written, pages):
    _, page = pages["layers"]
    changed = "n_batches=16 world=category=airplane|bottle|car|chair|guitar|lamp"
    assert f"{changed}</span>" in page
    assert "(n_batches 16, world" in (written / "layers/out/report.md").read_text(encoding="utf-8")


def test_report_json_round_trips_and_begins_with_the_verdict(written, pages):
    result, _ = pages["layers"]
    text = (written / "layers/out/report.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert Result.model_validate_json(json.dumps(document["result"])) == result
    assert document["provenance"] == PROVENANCE
    assert text.startswith('{\n "headline": "Supported: up",')


def test_headline_names_simulated_responses_wherever_they_decide(written, pages):
    _, text = pages["regions"]
    assert "<title>Supported: up (simulated responses) – " in text
    assert "<title>Supported: up – " in pages["layers"][1]
    markdown = (written / "regions/out/report.md").read_text(encoding="utf-8")
    assert "## Verdict: Supported: up (simulated responses)" in markdown


@pytest.mark.parametrize(
    "outcome", ["mixed", "equivalent", "inconclusive", "untestable", "invalid"]
)
def test_every_outcome_renders(tmp_path, outcome):
    verdict = made("layers")[4].verdict.model_copy(
        update={"outcome": outcome, "prediction": None, "sentence": "So it is."}
    )
    _, text = write(tmp_path, "layers", verdict=verdict, **NO_FIGURES)
    assert not Page(text).open
    assert f'class="badge {outcome}"' in text
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "**So it is.**" in markdown


def test_absent_provenance_is_left_out(tmp_path):
    write_folder(tmp_path, "layers", **NO_FIGURES)
    path = write_report(tmp_path, tmp_path / "out", provenance={})
    assert "Declaration" not in path.read_text(encoding="utf-8")


def test_missing_values_show_as_a_dash(tmp_path):
    rows = made("layers")[4].rows
    optional = [
        name
        for name, field in type(rows[0]).model_fields.items()
        if "None" in str(field.annotation)
    ]
    assert "ci_low" in optional
    empty = tuple(row.model_copy(update=dict.fromkeys(optional)) for row in rows)
    _, text = write(tmp_path, "layers", rows=empty)
    assert "<small>–</small>" in text
    assert "None" not in text
    assert ">nan<" not in text


def test_what_error_bars_mean_is_said_once(pages):
    for kind in KINDS:
        assert Page(pages[kind][1]).seen.count(ERROR_BARS) == 1
        assert pages[kind][1].count("95 % t interval") == 1


def test_decoding_stands_on_chance_pixels_and_untrained_networks(pages):
    _, text = pages["layers"]
    assert text.count('class="level"') == 2 * 2
    described = re.findall(r'aria-label="(Decoding accuracy by layer[^"]*)"', text)
    assert len(described) == 1
    assert "untrained networks: layer1.0 0.23" in described[0]
    assert "chance: 0.12; raw pixels: 0.21" in described[0]
    drawn = [block.count("<use ") for block in re.findall(r'class="reference">(.*?)</g></g>', text)]
    assert drawn == [6 * len(LAYERS)] * 2
    assert text.count("</svg>untrained networks</li>") == 1


def test_both_protocols_and_why_they_differ(tmp_path, pages):
    result, text = pages["layers"]
    page = Page(text)
    published = result.published_verdict.outcome.capitalize()
    assert f"Under the published protocol: {published}" in page.seen
    assert WHY_PUBLISHED_DIFFERS in page.seen
    assert all(row.n_pooled == 2 * 6 * 5 for row in result.rows)
    assert page.seen.count("n 60") == len(result.rows)
    assert "every checkpoint as independent" in pages["tracks"][1]
    assert 'id="protocols"' not in pages["trend"][1]
    pooled = {"p_pooled": 0.01, "significant": False}
    rows = (result.rows[0].model_copy(update=pooled), *result.rows[1:])
    drawn = write(tmp_path, "layers", rows=rows, learning=())[1]
    only = [row for row in rows if row.p_pooled < 0.05 and not row.significant]
    assert drawn.count('class="published-only"') == len(only) > 0


def test_learning_curves_have_a_panel_per_cohort_and_a_line_per_network(pages):
    result, text = pages["layers"]
    assert text.count('class="train"') == text.count('class="held-out"') == len(result.learning)
    assert len(re.findall(r'aria-label="Loss of 6 networks of', text)) == 2
    assert "Did the networks learn?" in text


def test_long_training_curves_are_thinned(tmp_path):
    curve = made("layers")[4].learning[0]
    long = curve.model_copy(update={"train": tuple((i, 1.0 + i % 7) for i in range(40_000))})
    _, text = write(tmp_path, "layers", rows=(), learning=(long,))
    assert len(text) < 90_000


def test_images_are_shown_once_per_dataset(pages):
    _, text = pages["layers"]
    assert text.count('src="data:image/webp') == 3
    assert "training images of distance, rotation" in text


@pytest.fixture(scope="module")
def claim(tmp_path_factory):
    """The page of the claim about decoding, with all that its profile asks."""
    folder = tmp_path_factory.mktemp("claim")
    settings = {"objectives": ("distance", "rotation"), "layers": LAYERS, "questions": ()}
    result = write_planted(folder / "result", NONTARGET_VARIABILITY, **settings)
    path = write_report(folder / "result", folder / "out", provenance=PROVENANCE)
    return result, path.read_text(encoding="utf-8"), folder


def test_parts_have_their_verdict_and_checks(claim):
    result, text, _ = claim
    assert len(result.verdict.parts) == 4
    parts = text[text.index('<div class="parts">') : text.index('class="aside"')]
    assert parts.count("<article>") == 4
    checks = [check for check in result.checks if check.part == "category, target distance"]
    assert f"Checks: {len(checks)} of {len(checks)} passed." in parts
    assert "Category, target rotation" in text


def test_questions_of_several_objectives_keep_their_own_rows(claim):
    result, text, _ = claim
    section = text[text.index('id="question-2"') : text.index('id="question-3"')]
    own = [row for row in result.rows if (row.question, row.objective) == ("category", "rotation")]
    assert "Category, target rotation" in section
    assert all(f"{row.difference:+.3f}".replace("-", "−") in section for row in own)
    assert len(own) == len(LAYERS)


def test_the_papers_text_stands_beside_what_it_speaks_of(claim):
    """Against the printed table itself: objective, latent, layers, and which is better."""
    result, text, _ = claim
    printed = published_table("claims")
    said = {}
    for entry in printed[printed["measure"] == "decoding"].to_dict("records"):
        for layer in entry["layers"].split():
            said[entry["objective"], entry["latent"], layer] = entry["better"]
    spoken = []
    for row in result.rows:
        better = said.get((row.objective, row.measured, row.layer.removesuffix(".relu")))
        spoken += [(row, better)] if better else []
    as_said = [
        row.significant and (row.direction > 0) == (better == "full") for row, better in spoken
    ]
    against = [
        row.significant and not agreed for (row, _), agreed in zip(spoken, as_said, strict=True)
    ]
    assert len(spoken) == 18
    assert text.count("Paper says higher") == 4
    seen = Page(text).seen
    assert f"Of these {len(result.rows)} comparisons the paper's text speaks of 18," in seen
    assert f"here {sum(as_said)} differ significantly as it says, {sum(against)} the other" in seen
    assert f"and {18 - sum(as_said) - sum(against)} are open" in seen
    tables = re.findall(r'<table class="comparisons">.*?</table>', text, flags=re.S)
    assert sum(len(re.findall(r">full variability[^<]*</span></td>", x)) for x in tables) == 18


def test_the_paper_is_silent_about_cohorts_that_differ_otherwise(claim):
    folder = claim[2]
    material = load_material(folder / "result")
    question = material.questions[0]
    row = material.rows(question)[2]
    assert statement_about(material, question, row).higher.startswith("full variability")
    for change in (
        {"natural": True},
        {"dataset": ""},
        {"objective": "category"},
        {"design": "centered"},
        {"share": 0.5},
        {"trained": False},
    ):
        cohorts = [
            one.model_copy(update=change) if one.name == question.b[0] else one
            for one in material.result.cohorts
        ]
        other = replace(material, result=material.result.model_copy(update={"cohorts": cohorts}))
        assert statement_about(other, question, row) is None, change
    renamed = material.result.model_copy(update={"hypothesis": "my-own"})
    assert paper_sentence(replace(material, result=renamed)) == ""


def test_questions_that_were_not_asked_are_named_with_the_reason(tmp_path):
    result = write_planted(
        tmp_path / "result",
        NONTARGET_VARIABILITY,
        questions=("category",),
        layers=("avgpool", "fc"),
    )
    assert result.left_out == {"translation": "the profile's questions do not name it"}
    path = write_report(tmp_path / "result", tmp_path / "out", provenance={})
    told = "Declared, but not asked under this profile: translation. Why: the profile's questions"
    assert told in Page(path.read_text()).seen
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert "- translation: the profile's questions do not name it" in markdown


def test_one_sided_tests_are_said(tmp_path, pages):
    assert "Tests are two-sided." in Page(pages["layers"][1]).seen
    result = made("layers")[4]
    rows = tuple(row.model_copy(update={"alternative": "greater"}) for row in result.rows)
    _, text = write(tmp_path, "layers", rows=rows, learning=())
    seen = Page(text).seen
    assert "Tests are one-sided (greater)." in seen
    assert (
        "Is decoding of category and translation x higher for “distance” than for “rotation”?"
        in seen
    )
    assert "higher or lower" not in seen[: seen.index("Provenance")]


@pytest.mark.parametrize("claimed", CLAIMS[1:], ids=lambda one: one.name)
def test_every_claim_has_a_page(tmp_path, claimed):
    settings = {"n_seeds": 4} if claimed.name != "scaling" else {}
    if claimed.name in ("convergence", "nontarget-similarity"):
        settings = {"n_seeds": 3, "alpha": 0.5}
    result = write_planted(tmp_path / "result", claimed, **settings)
    path = write_report(tmp_path / "result", tmp_path / "out", provenance=PROVENANCE)
    page = Page(path.read_text(encoding="utf-8"))
    assert not page.open
    assert len(set(page.ids)) == len(page.ids)
    assert page.classes.count("comparisons") == len(result.questions)
    assert not re.search(r"\bnan\b", page.seen.lower())


def test_a_report_of_a_run_is_written_into_its_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store.create(tmp_path / "store")
    run = add_run(store, "decoding", lambda folder: write_folder(folder, "layers"))
    page = make_report(store, run)
    document = json.loads((page.parent / "report.json").read_text())
    assert document["result"]["hypothesis"] == "decoding"
    assert document["frozen"]["sentence"].startswith("Not frozen: there is no decoding-made-up")
    assert document["provenance"]["command"] == "hyp run decoding"
    with pytest.raises(HypError, match=r"cannot read the frozen declaration .*f\.json"):
        make_report(store, run, frozen=tmp_path / "f.json")
