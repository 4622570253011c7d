"""Both comparisons, and the difference as training went on, in every form of a report."""

import json
import re

import pytest
from page_reader import Page
from rich.console import Console

from hyp.hypotheses.result import EqualLoss, Snapshot
from hyp.reports import write_report
from hyp.reports.answers import turned
from hyp.reports.terminal import result_panel
from hyp.stats.verdict import Check, Verdict
from results import made, write_folder

_, _, _, _, RESULT = made("layers")
ROWS = tuple(
    row.model_copy(update={"difference": -0.0123, "p_corrected": 0.777}) for row in RESULT.rows
)
BATCHES = {"distance": (192.0, 310.4), "rotation": (700.0, 768.0)}
SNAPSHOTS = tuple(
    Snapshot(
        question="helps",
        measured=measured,
        layer=layer,
        batches=batches,
        difference=sign * 0.05,
        ci_low=sign * 0.05 - 0.02,
        ci_high=sign * 0.05 + 0.02,
    )
    for measured in ("category", "rel_pos_x")
    for layer in ("layer1.0.relu", "layer3.0.relu")
    for batches, sign in ((0, 0), (192, -1 if layer == "layer3.0.relu" else 1), (768, 1))
)
CONFOUNDED = {
    "verdict": Verdict(
        outcome="confounded",
        sentence="Nothing is shown: learned equally failed. Without that, up would be supported.",
        reasons=("Losses are 9% and 2%. But at equal loss it is otherwise.",),
    ),
    "other_verdict": Verdict(outcome="inconclusive", sentence="Neither up nor down is supported."),
    "checks": (
        Check(
            name="learned equally",
            passed=False,
            value=0.78,
            threshold=0.0,
            sentence="Losses are 9% and 2%. But at equal loss it is otherwise.",
            confound=True,
        ),
    ),
    "equal_loss": (EqualLoss(question="helps", share=0.0912, batches=BATCHES, rows=ROWS),),
    "snapshots": SNAPSHOTS,
    "agrees": None,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page, Markdown and JSON of a confounded result."""
    folder = tmp_path_factory.mktemp("confounded")
    write_folder(folder / "result", "layers", **CONFOUNDED)
    out = write_report(folder / "result", folder / "out", provenance={}).parent
    names = ("index.html", "report.md", "report.json")
    return {name: (out / name).read_text(encoding="utf-8") for name in names}


def panel(result):
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(result_panel(result))
    return capture.get()


def test_a_confounded_verdict_is_the_first_line_everywhere(written):
    assert written["report.md"].split("## Verdict: ")[1].startswith("Confounded\n")
    document = json.loads(written["report.json"])
    assert document["headline"] == "Confounded"
    assert document["result"]["verdict"]["prediction"] is None
    assert "<title>Confounded" in written["index.html"]
    shown = panel(RESULT.model_copy(update=CONFOUNDED))
    assert shown.startswith("╭─ ! Confounded ─")


def test_both_comparisons_are_told_in_every_form(written):
    shown = panel(RESULT.model_copy(update=CONFOUNDED))
    page = " ".join(" ".join(Page(written["index.html"]).words).split())
    for text in (" ".join(shown.split()), page, " ".join(written["report.md"].split())):
        assert re.search(r"At equal held-out loss: \W*Inconclusive", text)
        assert "held-out loss was 9.1% of the constant predictor's" in text.replace("│ ", "")
        assert "“distance” after some 192 to 310 batches and “rotation” after some 700" in text
        assert text.count("−0.012") >= len(ROWS)
        assert "category at layer3.0 and translation x at layer3.0" in text
    assert max(map(len, shown.splitlines())) <= 80
    found = json.loads(written["report.json"])["result"]
    assert len(found["equal_loss"][0]["rows"]) == len(found["rows"]) == len(ROWS)
    assert found["equal_loss"][0]["batches"]["distance"] == [192.0, 310.4]
    assert len(found["snapshots"]) == len(SNAPSHOTS)


def test_the_sign_that_turns_is_seen(written):
    page = written["index.html"]
    figures = re.findall(r'aria-label="a − b in ([^"]*)"', page)
    assert len(figures) == 4
    assert any(
        "layer3.0" in one and "after 192 batches −0.050 [−0.070, −0.030]" in one for one in figures
    )
    assert page.count('class="snapshot"') == len(SNAPSHOTS)
    assert "As training went on" in written["report.md"]
    assert "| 768 batches" in written["report.md"]
    flat = [one.model_copy(update={"ci_low": -1.0, "ci_high": 1.0}) for one in SNAPSHOTS]
    assert turned(flat).startswith("No difference")


def test_what_is_refused_is_said_in_every_form(tmp_path):
    refused = (EqualLoss(question="helps", refused="distance, seed 3 began below it."),)
    changes = CONFOUNDED | {"equal_loss": refused, "other_verdict": None}
    write_folder(tmp_path, "layers", **changes)
    out = write_report(tmp_path, tmp_path / "out", provenance={}).parent
    texts = [panel(RESULT.model_copy(update=changes)), (out / "report.md").read_text()]
    texts.append(" ".join(Page((out / "index.html").read_text()).words))
    for text in texts:
        assert "distance, seed 3 began below it." in " ".join(text.split())
