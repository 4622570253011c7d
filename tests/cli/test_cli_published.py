"""``hyp published`` as a user types it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from hyp.cli.published import show_published
from hyp.errors import HypError
from hyp.hypotheses.paper import PUBLISHED_TABLES, published_table

NAMES = [about.name for about in PUBLISHED_TABLES]
DRAWN = [name for name in NAMES if name not in ("text", "figures")]


@pytest.fixture(scope="module")
def published():
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(show_published)

    def run(*arguments):
        done = CliRunner().invoke(app, [*map(str, arguments)])
        if isinstance(done.exception, HypError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.mark.parametrize(
    "arguments",
    [[], ["--analyse"], ["--analyse", "--sd", "0.005"], *([name] for name in NAMES)],
    ids=" ".join,
)
def test_pages_fit_80_columns_and_cut_nothing_off(published, arguments):
    page = published(*arguments)
    assert max(map(len, page.splitlines())) <= 80
    assert "…" not in page
    assert "None" not in page
    assert not {"nan", "<NA>"} & set(page.split())


def test_the_list_names_every_table_and_where_it_is_from(published):
    page = published()
    for name in NAMES:
        assert f"\n{name} " in page
    assert "arXiv:2412.09115" in page
    assert "hdl.handle.net/1721.1/153744" in page


@pytest.mark.parametrize("name", ["C.1", "C.2", "C.3"])
def test_a_table_prints_every_number_and_note(published, name):
    page = published(name)
    rows = published_table(name)
    for column in ("V1", "V2", "V4", "IT", "neural_mean", "behavior"):
        for value in rows[column]:
            assert f"{value:.3f}".replace("-", "−") in page
    flat = " ".join(page.split())
    for note in rows["notes"]:
        assert note in flat
    assert "(r / ceiling)^2" in flat


@pytest.mark.parametrize("name", NAMES)
def test_json_holds_the_rows_as_they_are(published, name):
    shown = json.loads(published(name, "--json"))
    assert len(shown["rows"]) == len(published_table(name))
    assert all(row["source"] for row in shown["rows"])
    assert shown["citation"]
    if name == "C.1":
        assert shown["rows"][0]["neural_mean"] == 0.399
        assert shown["rows"][10]["output_units"] is None


def test_analyses_say_what_follows(published):
    page = " ".join(published("--analyse").split())
    for words in (
        "C.1, all 10 tasks",
        "p = 0.1 is the smallest that 3 v 3 can give",
        "29 of 30 intervals exclude zero; with n = 5, 16 do",
        "33 of 34 agree within rounding",
        "printed 718, computed 713",
    ):
        assert words in page
    only = published("C.3", "--analyse")
    assert "95 %, n = 60" in only
    assert "ImageNet" not in only
    found = json.loads(published("--analyse", "--json"))
    assert len(found["correlations"]) == 30
    assert found["fractions"][0]["sd"] is None
    with_sd = json.loads(published("C.1", "--analyse", "--json", "--sd", "0.005"))
    assert with_sd["fractions"][0]["low"] < with_sd["fractions"][0]["fraction"]


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_the_same_file_each_time(published, tmp_path, name):
    for path in (tmp_path / "one.svg", tmp_path / "two.svg"):
        assert f"figure: {path}" in published(name, "--plot", path)
    one = (tmp_path / "one.svg").read_text()
    assert one == (tmp_path / "two.svg").read_text()
    assert "#00000" not in one
    assert "#0072b2" in one or "#d55e00" in one


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_the_suffix_chooses_the_format(published, tmp_path, suffix, start):
    path = tmp_path / f"figure{suffix}"
    published("tasks", "--plot", path)
    assert path.read_bytes().startswith(start)


LAYERS = published_table("claims").query("measure == 'decoding'").layers.str.split().str.len()


@pytest.mark.parametrize(
    ("name", "marks"), [("C.1", 18), ("C.3", 30), ("tasks", 11), ("claims", LAYERS.sum())]
)
def test_a_figure_shows_every_number(published, tmp_path, name, marks):
    published(name, "--plot", tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text().count('id="published"') == marks


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["C.4"], "no published table 'C.4'"),
        (["--plot", "figure.png"], "--plot draws one table; name it"),
        (["text", "--plot", "figure.png"], "nothing to draw"),
        (["C.1", "--plot", "figure.bmp"], "ends in none of"),
        (["C.1", "--plot", "/nowhere/figure.png"], "cannot write"),
        (["--sd", "0.01"], "--sd is only used by --analyse"),
        (["claims", "--analyse"], "nothing can be computed"),
        (["--analyse", "--sd", "2"], "smaller SD"),
    ],
)
def test_bad_input_is_one_sentence(published, arguments, words):
    with pytest.raises(HypError) as caught:
        published(*arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
