from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from report_factory import make_result
from report_factory import write_folder as write_older
from study_factory import KINDS, LAYERS, PROVENANCE, REGIONS, add_run, made, write_folder

from hyp.errors import HypError
from hyp.hypotheses.studies.result import RESULT_FILE, SCORES_FILE, SIMILARITY_FILE
from hyp.reports.making import make_report
from hyp.reports.study_material import load_material
from hyp.reports.study_page import write_study_report
from hyp.store import Store

HOSTILE = "<script>alert('x')</script> & {{ 7*7 }} | *bold*"
VOID = ("meta", "img", "br", "use", "path", "circle", "rect", "link")


class Page(HTMLParser):
    """Every address and id, what a reader sees, and the balance of the tags."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.ids, self.tags, self.open, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self._note(attrs)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def _note(self, attrs):
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)

    @property
    def seen(self):
        return " ".join(" ".join(self.words).split())


def write(tmp_path, kind, name="out", seeds=6, **changes):
    result = write_folder(tmp_path / "result", kind, seeds=seeds, **changes)
    path = write_study_report(tmp_path / "result", tmp_path / name, provenance=PROVENANCE)
    return result, path.read_text(encoding="utf-8")


def before_provenance(text):
    return text[: text.index('id="provenance"')].lower()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of every kind of study, with its result."""
    return {kind: write(tmp_path_factory.mktemp("study"), kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_page_needs_nothing_from_outside_and_every_reference_is_met(pages, kind):
    _, text = pages[kind]
    page = Page(text)
    assert not page.open
    assert not {"script", "link"} & set(page.tags)
    beside = {"report.json", "report.md"}
    assert all(a.startswith("#") or a in beside for a in page.addresses)
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
    assert len(figures) == 3 * 5 + 4
    assert all("simulated responses" in figure for figure in figures)
    assert "simulated" not in before_provenance(pages["layers"][1])
    result = made("regions")[4]
    recorded = {**result.settings, "recording": "MajajHong2015public.IT"}
    _, real = write(tmp_path, "regions", settings=recorded, warnings=())
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
    changes = {"agrees": agrees, "published": published}
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
    from hyp.reports.study_material import network_means

    write_folder(tmp_path, "pairs")
    material = load_material(tmp_path)
    question = material.questions[0]
    for row in material.rows(question):
        matrix, labels = material.matrix(question, row.layer)
        to_anchor = network_means(matrix, labels)["category"]
        own = np.array(labels)
        assert to_anchor[own == "distance"].mean() == pytest.approx(row.mean_a)
        assert to_anchor[own == "untrained"].mean() == pytest.approx(row.mean_b)


def test_the_pixels_stand_beside_every_pair(pages):
    _, text = pages["pairs"]
    questions = 5
    assert text.count("</svg>with the raw pixels</li>") == questions - 1
    assert text.count("</svg>category ~ the raw pixels</li>") == 1
    assert text.count("in grey what networks share with the pixels") == questions


def test_pooled_tests_are_shown_as_published_and_decide_nothing(tmp_path, pages):
    result, text = pages["pairs"]
    row = next(row for row in result.rows if row.question == "together")
    pairs = 2 * (6 * 5 // 2)
    assert row.n_pooled == pairs
    assert f"n {pairs}</td>" in text
    assert text.count('<th scope="col" class="edge">As published</th>') == len(result.questions)
    assert "As published" not in pages["regions"][1]
    write(tmp_path, "tracks")
    assert "As published, all taken as independent" in (tmp_path / "out/report.md").read_text()


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
    result, text = write(tmp_path, "regions", settings=settings)
    section = text[text.index('id="published"') : text.index('id="limits"')]
    assert "Table C.1" in section
    category = next(c for c in result.cohorts if c.name == "category")
    assert category.objective == "category"
    row = re.search(r'<tr><th scope="row">category</th>(.*?)</tr>', section).group(1)
    values = [float(value) for value in re.findall(r">([\d.]+)</td>", row)]
    assert values[::2] == [0.285, 0.280, 0.582, 0.501]
    measured = {row.of: row.mean_b for row in result.rows if row.question == "distance"}
    assert values[1::2] == pytest.approx([measured[of] for of in REGIONS], abs=6e-4)
    row = re.search(r'<tr><th scope="row">untrained</th>(.*?)</tr>', section).group(1)
    assert "0.212" in row
    tracks = pages["tracks"][1]
    assert "published (Table C.3)" in tracks
    assert 'id="published"' not in pages["pairs"][1]


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
    assert "Which layer each region took" not in pages["layers"][1]


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
    path = write_study_report(folder, tmp_path / "out", provenance={})
    page = Page(path.read_text())
    assert "Too few networks." in page.seen
    assert "No manipulation checks were made." in page.seen
    assert not page.open


def test_two_networks_a_cohort_and_undefined_intervals_are_drawn(tmp_path):
    for kind in ("regions", "pairs"):
        result, text = write(tmp_path, kind, kind, seeds=2)
        assert text.count('class="effect"') == len(result.rows)
        assert 'class="interval"' not in text
        assert not re.search(r"\bnan\b", Page(text).seen.lower())


def test_hostile_words_stay_words(tmp_path):
    result = made("layers")[4]
    rows = tuple(row.model_copy(update={"a": HOSTILE, "note": HOSTILE}) for row in result.rows)
    cohorts = tuple(c.model_copy(update={"title": HOSTILE}) for c in result.cohorts)
    changes = {"title": HOSTILE, "published": HOSTILE, "rows": rows, "cohorts": cohorts}
    _, text = write(tmp_path, "layers", **changes)
    page = Page(text)
    assert "script" not in page.tags
    assert HOSTILE in page.seen
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert "<script>" not in markdown
    for table in re.findall(r"(?:^\|.*\|\n)+", markdown, flags=re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_rows_beside_the_verdict_are_told_apart(tmp_path, pages):
    assert "Beside the verdict" not in pages["layers"][1]
    result = made("layers")[4]
    rows = tuple(row.model_copy(update={"family": "beside"}) for row in result.rows)
    _, text = write(tmp_path, "layers", rows=rows)
    assert "Beside the verdict" in text


@pytest.mark.parametrize("name", [RESULT_FILE, SCORES_FILE, SIMILARITY_FILE])
def test_damaged_files_are_told_in_a_sentence(tmp_path, name):
    write_folder(tmp_path / "result", "pairs")
    (tmp_path / "result" / name).write_bytes(b"PK nothing")
    with pytest.raises(HypError, match=r"damaged.*run the study again"):
        write_study_report(tmp_path / "result", tmp_path / "out", provenance=PROVENANCE)
    assert not (tmp_path / "out").exists()


def test_missing_scores_are_told_in_a_sentence(tmp_path):
    write_folder(tmp_path / "result", "layers")
    (tmp_path / "result" / SCORES_FILE).unlink()
    with pytest.raises(HypError, match="missing or damaged"):
        write_study_report(tmp_path / "result", tmp_path / "out", provenance=PROVENANCE)


def test_reports_are_written_by_the_kind_of_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store.create(tmp_path / "store")
    add_run(store, "decoding", lambda folder: write_folder(folder, "layers"))
    older = make_result("untestable")
    add_run(store, "nontarget-variability", lambda folder: write_older(folder, older))
    study = make_report(store, "decoding", None)
    document = json.loads((study.parent / "report.json").read_text())
    assert document["result"]["study"] == "decoding"
    assert document["frozen"]["sentence"].startswith("Not frozen: there is no decoding-made-up")
    assert document["provenance"]["command"] == "hyp run decoding"
    page = make_report(store, "nontarget-variability", None).read_text()
    assert "Under the published protocol" in page
    with pytest.raises(HypError, match=r"cannot read the frozen declaration .*f\.json"):
        make_report(store, "decoding", None, frozen=tmp_path / "f.json")
