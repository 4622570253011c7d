import re
import subprocess
import sys

import pytest
from rich.console import Console, Group

from hyp.reports.notebook import as_html
from hyp.reports.terminal import MOST_ROWS, result_panel
from results import KINDS, made


def show(result, width=80):
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(result_panel(result))
    return capture.get()


@pytest.mark.parametrize("kind", KINDS)
def test_every_result_fits_80_columns_with_every_row(kind):
    result = made(kind)[4]
    text = show(result)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    flat = " ".join(re.sub("[│╭╮╰╯]", "", text).split())
    assert " ".join(result.verdict.sentence.split()) in flat
    for row in result.rows:
        assert f"{abs(row.difference):.3f}" in text
        assert f"{row.p_corrected:.3f} {'*' if row.significant else ''}".strip() in text or (
            row.p_corrected < 0.001
        )
    for warning in result.warnings:
        assert warning[:30] in flat


def test_agreement_and_margin_are_said():
    text = show(made("regions")[4].model_copy(update={"agrees": True}))
    assert "This verdict agrees with what was published." in text
    assert "not lower" in text
    assert text.count(" yes ") == sum(row.not_lower for row in made("regions")[4].rows)
    assert "contradicts what was published" in show(made("layers")[4])


def test_long_questions_show_the_significant_rows_first():
    result = made("layers")[4]
    rows = [
        row.model_copy(update={"significant": False, "p_corrected": 1.0}) for row in result.rows
    ]
    marked = rows[-1].model_copy(update={"significant": True, "p_corrected": 0.01, "layer": "last"})
    many = (*rows, *rows, *rows[:-1], marked)
    text = show(result.model_copy(update={"rows": many}))
    assert f"{len(many) - MOST_ROWS} more rows are in the report." in text
    assert len(re.findall(r"\d\.\d{3} \*", text)) == 1
    assert "last" in text


def test_brackets_are_text_and_failed_checks_are_told():
    result = made("layers")[4]
    check = result.checks[0].model_copy(update={"passed": False, "sentence": "[red]No[/red] [/]"})
    text = show(result.model_copy(update={"checks": (check,), "title": "[bold]"}))
    assert "Check failed: networks learned their task. [red]No[/red] [/]" in text


def test_both_protocols_left_out_questions_and_sides_are_said():
    result = made("layers")[4]
    rows = tuple(row.model_copy(update={"alternative": "greater"}) for row in result.rows)
    left_out = {"images": "its cohorts are left out", "units": "its cohorts are left out"}
    text = " ".join(show(result.model_copy(update={"rows": rows, "left_out": left_out})).split())
    published = result.published_verdict.outcome.capitalize()
    assert re.search(rf"Under the published protocol: . {published}", text)
    assert "Declared but not asked under this profile: images, units" in text
    assert "Helps, one-sided (greater)" in text
    assert "pooled p" in text


def test_title_names_simulated_responses():
    assert show(made("regions")[4]).startswith("╭─ ✓ Supported: up (simulated responses) ─")
    assert show(made("layers")[4]).startswith("╭─ ✓ Supported: up ─")


def test_latents_are_headings_of_their_layers():
    text = show(made("layers")[4])
    lines = [line.strip() for line in text.splitlines()]
    assert lines.index("category") < lines.index("translation x")
    assert sum(line.startswith("layer3.0 ") for line in lines) == 2


def test_notebooks_show_the_same_and_take_it_for_text():
    result = made("layers")[4]
    told = Group(result_panel(result.model_copy(update={"warnings": ("<b>[/x]",)})), "[b]\x1b[2J")
    page = as_html(told)
    assert page.startswith("<pre")
    assert "Supported: up" in page
    assert "&lt;b&gt;[/x]" in page
    assert "[b]\\x1b[2J" in page


def test_panel_does_not_import_matplotlib():
    code = (
        "import sys, hyp.reports.terminal;"
        "print([m for m in ('matplotlib', 'torch', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
