"""What a report says of a run and the declaration that was frozen."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from markupsafe import escape
from page_reader import Page

from hyp.errors import HypError
from hyp.hypotheses.declaration_hash import Difference
from hyp.hypotheses.frozen_comparison import AgainstFrozen
from hyp.hypotheses.frozen_file import FORMAT, default_file, freeze, write_frozen
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.run_record import record_of
from hyp.reports import make_report, write_report
from hyp.store import Store
from hyp.store.runs import latest_run, save_run
from results import made as made_up
from results import write_folder

NAME = "nontarget-variability"
FILE = default_file(NAME, "short")
EARLIER = datetime.now(UTC) - timedelta(days=1)
HOSTILE = "<script>alert('x')</script> {{ 7*7 }} | *bold*"


def plan(**settings):
    return make_plan(find_hypothesis(NAME), "short", settings)


def plan_of_regions(**settings):
    """The plan of the made-up hypothesis about regions, under its name."""
    return make_plan(made_up("regions")[0], "made-up", settings)


def seen(page):
    text = Page(page)
    assert text.open == []
    return text.seen


def stored(folder, made, write_result):
    """A store with a finished run of which everything but the result is empty."""
    opened = Store.create(folder)
    for step in made.steps:
        opened.make(
            step,
            lambda place, inputs, goal=step == made.goal: write_result(place) if goal else None,
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    run = record_of(made, command="hyp run", state="finished", started=now, updated=now)
    save_run(opened.root, run)
    return opened, made


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = plan(questions="category", n_seeds="5", layers="avgpool", n_folds="4")
    folder = tmp_path_factory.mktemp("frozen") / "store"
    return stored(
        folder, made, lambda place: write_folder(place, "layers", rows=(), learning=(), warnings=())
    )


@pytest.fixture(scope="module")
def store_of_regions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen") / "store"
    return stored(folder, plan_of_regions(), lambda place: write_folder(place, "regions"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def report(store, out="out", frozen=None):
    """The report's page as read, its Markdown and its JSON."""
    page = make_report(store, latest_run(store.root, None), Path(out), frozen)
    text = (page.parent / "report.md").read_text(encoding="utf-8")
    document = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    return page.read_text(encoding="utf-8"), text, document["frozen"]


def test_without_a_frozen_file_one_line_says_so(store, here):
    page, text, document = report(store[0])
    line = (
        f"Not frozen: there is no {FILE} in the working directory. 'hyp freeze {NAME} "
        "--profile short --set questions=category --set n_seeds=5 --set layers=avgpool --set "
        "n_folds=4' writes it, before the run it is meant for."
    )
    words = seen(page)
    assert line in words.partition("Provenance hyp run")[2]
    assert words.lower().count("frozen") == words.count(line) * line.lower().count("frozen")
    assert line in text.partition("## Provenance")[2]
    assert text.lower().count("frozen") == line.lower().count("frozen")
    assert document["sentence"] == line
    assert document["same"] is document["file"] is document["order"] is None


def test_kept_and_frozen_before(store, here):
    write_frozen(freeze(store[1], EARLIER), here / FILE)
    page, text, document = report(store[0])
    for words in (seen(page), text):
        assert "What ran is what was frozen: every declared field is the same." in words
        assert f"It was frozen on {EARLIER.isoformat(timespec='seconds')}, before any" in words
        assert "committed or registered elsewhere" in words
        assert FILE in words
        assert document["declaration_sha256"] in words
        assert "Not frozen" not in words
        assert "Before you believe it" not in words
    assert (document["same"], document["order"], document["differences"]) == (True, "before", [])
    assert document["file"] == FILE


def test_deviation_is_told_field_by_field_and_beside_the_verdict(store, here):
    write_frozen(freeze(plan(questions="category", layers="fc"), EARLIER), here / "mine.json")
    page, text, document = report(store[0], frozen=here / "mine.json")
    sentence = (
        "What ran is not what was frozen: 3 fields differ "
        "(profile.n_seeds, profile.layers, profile.n_folds)."
    )
    words = seen(page)
    before, _, provenance = words.partition("Provenance hyp run")
    assert sentence in before.partition("Before you believe it")[2]
    assert 'href="#frozen"' in page
    assert page.count('id="frozen"') == 1
    assert sentence in provenance
    assert "profile.n_seeds frozen: 6 ran: 5" in provenance
    assert "profile.layers frozen: fc ran: avgpool" in provenance
    assert "profile.n_folds frozen: 5 ran: 4" in provenance
    assert text.count(sentence) == 2
    assert "| profile.n_seeds | 6 | 5 |" in text
    assert [(d["field"], d["frozen"], d["ran"]) for d in document["differences"]] == [
        ("profile.n_seeds", "6", "5"),
        ("profile.layers", "fc", "avgpool"),
        ("profile.n_folds", "5", "4"),
    ]
    assert document["same"] is False
    assert str(here) not in page + text
    assert "(not as it was frozen)</span></span>" in page
    assert "(not as it was frozen) – " in page[page.index("<title>") : page.index("</title>")]
    assert "(not as it was frozen)" in text.partition("## Verdict: ")[2].partition("\n")[0]


def test_a_study_is_held_against_what_was_frozen_too(store_of_regions, here):
    store, made = store_of_regions
    file = default_file(made.name, "made-up")
    line = f"Not frozen: there is no {file} in the working directory."
    page, text, document = report(store)
    assert line in seen(page).partition("Provenance hyp run")[2]
    assert line in text.partition("## Provenance")[2]
    assert document["file"] is None

    write_frozen(freeze(made, EARLIER), here / file)
    page, text, document = report(store)
    for words in (seen(page), text):
        assert "What ran is what was frozen: every declared field is the same." in words
        assert f"It was frozen on {EARLIER.isoformat(timespec='seconds')}, before any" in words
        assert document["declaration_sha256"] in words
    assert (document["same"], document["order"], document["file"]) == (True, "before", file)

    write_frozen(
        freeze(plan_of_regions(n_seeds="8", neural_metric="cka"), EARLIER), here / "mine.json"
    )
    page, text, document = report(store, frozen=here / "mine.json")
    sentence = (
        "What ran is not what was frozen: 2 fields differ (profile.n_seeds, profile.neural_metric)."
    )
    before, _, provenance = seen(page).partition("Provenance hyp run")
    assert sentence in before.partition("Before you believe it")[2]
    assert 'href="#frozen"' in page
    assert page.count('id="frozen"') == 1
    assert "profile.neural_metric frozen: cka ran: pls" in provenance
    assert text.count(sentence) == 2
    assert "| profile.n_seeds | 8 | 6 |" in text
    assert document["same"] is False

    write_frozen(freeze(made, datetime.now(UTC) + timedelta(days=1)), here / "late.json")
    page, text, document = report(store, frozen=here / "late.json")
    assert document["order"] == "after"
    assert "but does not preregister it" in seen(page)


def test_frozen_after_the_data_is_said(store, here):
    write_frozen(freeze(store[1], datetime.now(UTC) + timedelta(days=1)), here / FILE)
    page, text, document = report(store[0])
    assert document["order"] == "after"
    for words in (seen(page), text):
        assert "but does not preregister it" in words


def test_the_file_named_goes_before_the_one_found(store, here):
    write_frozen(freeze(plan(), EARLIER), here / FILE)
    write_frozen(freeze(store[1], EARLIER), here / "mine.json")
    assert report(store[0])[2]["same"] is False
    assert report(store[0], frozen=here / "mine.json")[2]["same"] is True


def test_same_inputs_give_the_same_bytes(store, here):
    write_frozen(freeze(plan(), EARLIER), here / FILE)
    first = report(store[0], "one")
    moved = here / "elsewhere"
    moved.mkdir()
    (moved / FILE).write_bytes((here / FILE).read_bytes())
    assert report(store[0], "two", moved / FILE) == first
    for name in ("index.html", "report.md", "report.json"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text.replace('"n_folds": 4', '"n_folds": 5'), "changed after it was frozen"),
        (lambda text: text[: len(text) // 2], "cut short or damaged"),
        (
            lambda text: text.replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}', 1),
            "newer than this hyp",
        ),
    ],
)
def test_a_file_that_cannot_be_trusted_stops_the_report(store, here, spoil, words):
    path = here / FILE
    write_frozen(freeze(store[1], EARLIER), path)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(HypError, match=words):
        report(store[0])
    assert not (here / "out").exists()


def test_a_file_that_is_named_must_exist(store, here):
    with pytest.raises(HypError, match=r"cannot read the frozen declaration .*none\.json"):
        report(store[0], frozen=here / "none.json")


@pytest.mark.parametrize("order", ["before", "meanwhile", "after", "no data"])
@pytest.mark.parametrize("same", [True, False])
def test_hostile_values_are_escaped_whatever_is_said(tmp_path, order, same):
    frozen = AgainstFrozen(
        file=HOSTILE,
        frozen="2026-03-01T12:00:00+00:00",
        declaration_sha256="0" * 64,
        same=same,
        order=order,
        sentence=HOSTILE,
        timing=HOSTILE,
        notes=(HOSTILE,),
        differences=() if same else (Difference(field=HOSTILE, frozen=HOSTILE, ran=HOSTILE),),
    )
    write_folder(tmp_path / "result", "layers", rows=(), learning=(), warnings=())
    path = write_report(tmp_path / "result", tmp_path / "out", provenance={}, frozen=frozen)
    page = path.read_text(encoding="utf-8")
    assert "script" not in Page(page).tags
    assert page.count(str(escape(HOSTILE))) == (4 if same else 8)
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "<script" not in text.replace("\\<script", "")
    table = text.partition("| Field |")[2]
    assert all(row.replace("\\|", "").count("|") == 4 for row in table.splitlines()[1:] if row)
