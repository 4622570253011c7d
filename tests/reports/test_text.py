"""Text is text everywhere: names that look like markup, mathematics or commands to a terminal."""

import re

import numpy as np
import pytest
from page_reader import Page
from rich.console import Console

from hyp.hypotheses.questions import Contrast, Similarities
from hyp.hypotheses.result_files import write_result
from hyp.hypotheses.scores import Decoding
from hyp.reports import result_panel, write_report
from hyp.reports.markdown_report import escaped
from hyp.text import printable
from results import PROVENANCE, made

NAMES = {
    "rich": "enc[mlp] [/x] [red]no[/red]",
    "mathtext": r"$\frac$ and $x_1$ costs \$5",
    "html": "<script>alert('x')</script> {{ 7*7 }} &amp;",
    "markdown": "- *a* | `b` <b>_c_</b> &lt; ~d~",
    "control": "a\x1b[31mb\x00c\x07d\x9be\x7f\u202ef",
}
LAYERS = ("enc[mlp]", "enc[attn]", r"$\frac$", "a\x1b[2Jb")

ASKED = "helps [mlp] $y$"


def hostile(folder, name):
    """Write a result in which everything that a person names is called `name`."""
    _, _, scores, _, result = made("layers")
    layers = dict(zip(result.settings["layers"], LAYERS, strict=True))
    question = Contrast(
        name=ASKED,
        score=Decoding(latents=("category", "rel_pos_x")),
        a="distance",
        b=("rotation",),
        figure=name,
    )
    changes = {"question": ASKED, "a": name, "b": name, "note": name}
    rows = tuple(
        row.model_copy(update={**changes, "layer": layers[row.layer]}) for row in result.rows
    )
    result = result.model_copy(
        update={
            "title": name,
            "question": name,
            "rule": name,
            "source": name,
            "published": name,
            "predictions": {name: name},
            "settings": {name: name, "layers": list(LAYERS), "alpha": 0.05},
            "warnings": (name,),
            "left_out": {name: name},
            "rows": rows,
            "cohorts": tuple(c.model_copy(update={"title": name}) for c in result.cohorts),
            "questions": (question.model_dump(mode="json"),),
            "verdict": result.verdict.model_copy(update={"sentence": name, "reasons": (name,)}),
        }
    )
    scores = scores.assign(layer=scores["layer"].astype(str).replace(layers))
    folder.mkdir()
    write_result(folder, result, scores, Similarities(), {"distance": np.zeros((1, 8, 8, 3), "u1")})
    return result


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_come_out_literally_in_every_medium(tmp_path, name):
    result = hostile(tmp_path / "result", name)
    provenance = {**PROVENANCE, "command": name, "machine": {name: name}}
    path = write_report(tmp_path / "result", tmp_path / "out", provenance=provenance)
    shown = flat(printable(name))

    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert not page.open
    assert page.seen.count(shown) >= 12
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    drawings = re.findall(r"<svg viewBox.*?</svg>", text, flags=re.S)
    assert sum("enc[mlp]" in one and r"$\frac$" in one for one in drawings) >= 4

    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert escaped(name) in markdown
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", markdown)
    for table in re.findall(r"(?:^\|.*\|\n)+", markdown, flags=re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1

    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(result_panel(result))
    printed = capture.get()
    assert not re.search("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202e]", printed)
    assert "\x1b[31m" not in printed
    assert "\x1b[2J" not in printed
    plain = re.sub("\x1b\\[[0-9;]*m", "", printed)
    assert "enc[mlp]" in plain
    assert "enc[attn]" in plain
    assert shown in flat(re.sub("[│╭╮╰╯]", "", plain))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("$x$", "\\$x\\$"),
        ("a & b &lt;", "a & b \\&lt;"),
        ("snake_case _it_", "snake_case \\_it\\_"),
        ("[a](b)", "\\[a\\](b)"),
    ],
)
def test_markdown_is_escaped(text, expected):
    assert escaped(text) == expected
