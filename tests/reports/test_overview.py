import re

import pytest
from rich.console import Console

from hyp.errors import HypError
from hyp.hypotheses.result_files import RESULT_FILE
from hyp.reports import make_all_reports, make_report, overview_table, write_overview
from hyp.reports.overview import overview
from hyp.store import Store
from hyp.store.runs import run_path
from results import add_run, made, write_folder


def result(kind, **changes):
    return lambda folder: write_folder(folder, kind, **changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with an untestable, a damaged, an unfinished run."""
    opened = Store.create(tmp_path_factory.mktemp("overview") / "store")
    verdict = made("layers")[4].verdict
    untestable = {"outcome": "untestable", "prediction": None, "sentence": "Too few."}
    nothing = {"rows": (), "agrees": None, "verdict": verdict.model_copy(update=untestable)}
    add_run(opened, "few-latents", result("regions", agrees=True), day=9)
    add_run(opened, "decoding", result("layers"), day=2)
    add_run(opened, "decoding", result("layers", **nothing), profile="tiny", day=3)
    add_run(opened, "nontarget-variability", result("layers", **nothing), day=4)
    add_run(opened, "nontarget-variability", result("tracks", agrees=True), day=5)
    add_run(opened, "scaling", lambda folder: (folder / RESULT_FILE).write_text("{"), day=6)
    add_run(opened, "convergence", lambda folder: None, state="interrupted", day=7)
    return opened


def test_latest_finished_run_of_every_hypothesis_and_profile(store):
    seen = overview(store.root, store.root)
    assert [(line.run.hypothesis, line.run.profile) for line in seen.lines] == [
        ("nontarget-variability", "made-up"),
        ("few-latents", "made-up"),
        ("decoding", "made-up"),
        ("decoding", "tiny"),
    ]
    assert seen.lines[0].verdict.outcome == "supported"
    assert seen.outcomes == {"Supported": 3, "Untestable": 1}
    assert [problem.split(":")[0] for problem in seen.problems] == ["scaling, profile made-up"]
    assert "damaged" in seen.problems[0]
    assert [run.hypothesis for run in seen.unfinished] == ["convergence"]


def test_effect_is_the_largest_significant_one_that_the_rule_reads(store):
    lines = {
        (one.run.hypothesis, one.run.profile): one for one in overview(store.root, store.root).lines
    }
    rows = [row for row in made("regions")[4].rows if row.significant]
    largest = max(rows, key=lambda row: abs(row.difference))
    told = lines["few-latents", "made-up"].effect
    assert f"{largest.question}, {largest.measured}" in told
    assert f"+{largest.difference:.3f} [+{largest.ci_low:.3f}, +{largest.ci_high:.3f}]" in told
    assert lines["decoding", "tiny"].effect == ""


def test_agreement_with_what_was_published(store):
    lines = {
        (one.run.hypothesis, one.run.profile): one for one in overview(store.root, store.root).lines
    }
    assert lines["few-latents", "made-up"].agrees is True
    assert lines["decoding", "made-up"].agrees is False
    assert lines["decoding", "tiny"].agrees is None
    assert lines["nontarget-variability", "made-up"].agrees is True
    assert lines["few-latents", "made-up"].qualified == "simulated responses"
    assert lines["decoding", "made-up"].qualified == ""


def test_page_needs_nothing_and_links_only_what_is_there(store, tmp_path):
    page = write_overview(store.root, tmp_path / "elsewhere")
    text = page.read_text()
    assert not re.search(r"<script|<link|@import|https?:|href=\"[^#]", text)
    for told in ("What disagrees with what was published", "Too few.", "interrupted", "damaged"):
        assert told in text
    assert text.index("What disagrees") < text.index("It went up.</li>")
    first = write_overview(store.root).read_bytes()
    assert write_overview(store.root).read_bytes() == first


def test_all_reports_are_written_and_linked(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = make_all_reports(store)
    links = re.findall(r'<a href="([^"#]+)"', page.read_text())
    assert set(links) == {
        "nontarget-variability-made-up/index.html",
        "few-latents-made-up/index.html",
        "decoding-made-up/index.html",
        "decoding-tiny/index.html",
    }
    assert all((page.parent / link).is_file() for link in links)
    moved = write_overview(store.root, tmp_path / "out")
    outside = re.findall(r'<a href="([^"#]+)"', moved.read_text())
    assert all((moved.parent / link).resolve().is_file() for link in outside)
    assert len(outside) == len(links)


def test_a_report_of_other_settings_is_no_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = Store.create(tmp_path / "store")
    bare = {"rows": (), "learning": ()}
    first = add_run(opened, "decoding", result("layers", **bare), day=1)
    make_report(opened, first)
    assert overview(opened.root, opened.root).lines[0].link == "reports/decoding-made-up/index.html"
    second = add_run(opened, "decoding", result("layers", **bare), day=2)
    assert overview(opened.root, opened.root).lines[0].run == second
    assert overview(opened.root, opened.root).lines[0].link == ""
    make_all_reports(opened)
    assert overview(opened.root, opened.root).lines[0].link != ""


def test_reports_of_other_settings_stand_beside_each_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = Store.create(tmp_path / "store")
    small = [("n_batches", "16")]
    runs = [
        add_run(opened, "decoding", result("layers"), day=day, overrides=overrides)
        for day, overrides in ((1, small), (2, ()))
    ]
    pages = [make_report(opened, run) for run in runs]
    folders = [page.parent.name for page in pages]
    assert folders == [f"decoding-made-up-{runs[0].goal[:8]}", "decoding-made-up"]
    assert all(page.is_file() for page in pages)


def test_table_fits_80_columns(store):
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(overview_table(store.root))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= 80
    for told in ("✓ agrees", "✗ contradicts", "✓ Supported: up", "– Untestable", "interrupted"):
        assert told in text
    assert "nontarget-variability" in text


def test_a_store_without_runs_is_told_so(tmp_path, store):
    with pytest.raises(HypError, match="holds no run; start one"):
        write_overview(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    broken = run_path(store.root, "bad", "run", "key")
    broken.write_text("{")
    with pytest.raises(HypError, match="is damaged"):
        write_overview(store.root)
    broken.unlink()
