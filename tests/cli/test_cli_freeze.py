"""``hyp freeze`` as a user types it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hyp.cli.freeze import freeze_declaration
from hyp.errors import HypError

NAME = "nontarget-variability"
FILE = f"{NAME}-laptop.frozen.json"
STUDY = "few-latents"
STUDY_FILE = f"{STUDY}-laptop.frozen.json"
EXAMPLE = Path(__file__).parents[2] / "examples" / "identity_alignment.toml"

app = typer.Typer()
app.command("freeze")(freeze_declaration)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def refused(*arguments):
    result = run(*arguments)
    assert isinstance(result.exception, HypError)
    assert result.output == ""
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_freezing_says_what_is_frozen_and_what_to_do(here):
    output = succeed(NAME)
    document = json.loads((here / FILE).read_text())
    for words in (
        "H2 variability in a non-target latent makes the network invariant to it",
        "H1 if better in at least one comparison and worse in none",
        "confirmatory: 6 comparisons, smallest corrected p 0.013",
        "one-category seeds 1000, 1001, 1002, 1003, 1004, 1005",
        "attainable p 0.0022",
        "testable yes",
        document["declaration_sha256"],
        f"frozen: {FILE}",
        "Commit or register it before the run",
    ):
        assert words in output, words


def test_freezing_a_study_says_what_is_frozen(here):
    output = succeed(STUDY)
    document = json.loads((here / STUDY_FILE).read_text())
    for words in (
        "too few networks trained for a few spatial latents align less",
        "enough if not lower by the margin in any comparison",
        "distance: contrast, alignment: distance against category; V1, V2, V4, IT",
        "confirmatory: 12 comparisons, smallest corrected p 0.026",
        "secondary: 7 comparisons, smallest corrected p 0.015",
        "distance+translation seeds 150, 151, 152, 153, 154, 155",
        "attainable p 0.0022",
        "testable yes",
        document["declaration_sha256"],
        f"frozen: {STUDY_FILE}",
    ):
        assert words in output, words


def test_a_study_in_a_file_is_frozen(here):
    assert "frozen: identity-alignment-laptop.frozen.json" in succeed(EXAMPLE)
    assert "unchanged: identity-alignment-laptop.frozen.json" in succeed(EXAMPLE)
    assert "(profile.n_seeds was 5, now 6)" in refused(EXAMPLE, "--set", "n_seeds=6")


def test_output_fits_80_columns():
    every = ((NAME,), (NAME,), (NAME, "--profile", "published"), ("--help",), (STUDY,))
    for arguments in every:
        lines = run(*arguments).output.splitlines()
        assert max(len(line) for line in lines if not line.startswith("unchanged")) <= 80


def test_settings_profile_and_place_are_taken(here):
    succeed(NAME, "--profile", "published", "--set", "n_seeds=7", "--out", "mine.json")
    document = json.loads((here / "mine.json").read_text())
    assert (document["profile"], document["settings"]) == ("published", {"n_seeds": "7"})
    assert document["declaration"]["profile"]["n_seeds"] == 7
    assert [path.name for path in here.iterdir()] == ["mine.json"]


@pytest.mark.parametrize("name", [NAME, STUDY])
def test_the_same_declaration_again_is_unchanged(here, name):
    succeed(name)
    file = f"{name}-laptop.frozen.json"
    before = (here / file).read_bytes()
    assert f"unchanged: {file} holds this declaration since 20" in succeed(name)
    assert "unchanged" in succeed(name, "--set", "n_seeds=6")
    assert (here / file).read_bytes() == before


@pytest.mark.parametrize("name", [NAME, STUDY])
def test_another_declaration_is_refused(here, name):
    succeed(name)
    file = f"{name}-laptop.frozen.json"
    before = (here / file).read_bytes()
    words = refused(name, "--set", "n_seeds=8")
    assert "(profile.n_seeds was 6, now 8)" in words
    assert "never overwritten" in words
    assert (here / file).read_bytes() == before


def test_an_untestable_design_is_frozen_and_called_so(here):
    assert "testable no: 3 v 3 seeds cannot test 6 comparisons" in succeed(
        NAME, "--set", "n_seeds=3"
    )
    assert (here / FILE).exists()
    output = succeed("layer-assignment", "--set", "n_seeds=3")
    assert "testable no: 3 v 3 seeds cannot test 8 comparisons" in output


def test_one_comparison_is_singular():
    output = succeed(NAME, "--set", "questions=category", "--set", "layers=fc")
    assert "confirmatory: 1 comparison, smallest" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nontarget"], "did you mean"),
        (
            [NAME, "--profile", "desktop"],
            "choose from: laptop, both-questions, short, workstation, published",
        ),
        ([NAME, "--set", "n_seeds"], "is not KEY=VALUE"),
        ([NAME, "--set", "n_seeds=0"], "n_seeds=0"),
        ([NAME, "--out", "nowhere/f.json"], "there is no folder nowhere"),
        ([STUDY, "--set", "cohorts=animals"], "has no cohort 'animals'"),
        ([STUDY, "--set", "recording=nowhere"], "there is no recording 'nowhere'"),
        (["synthetic-natural"], "--set natural="),
    ],
)
def test_bad_input_is_one_sentence(arguments, words, here):
    assert words in refused(*arguments)
    assert list(here.iterdir()) == []


def test_markdown_is_what_registries_ask_for(here):
    output = succeed(NAME, "--markdown")
    written = (here / FILE).with_suffix(".md")
    assert f"preregistration: {written.name}" in output
    assert "stopping one test, with 6 networks per cohort" in output
    document = json.loads((here / FILE).read_text())
    text = written.read_text()
    assert document["declaration_sha256"] in text
    assert "# OSF Preregistration" in text
    assert "# AsPredicted" in text
    assert "unchanged" in succeed(NAME, "--markdown")
    written.write_text(f"{text}mine")
    assert "perhaps with what you wrote" in refused_after_freezing(NAME, "--markdown")


def refused_after_freezing(*arguments):
    result = run(*arguments)
    assert isinstance(result.exception, HypError)
    return str(result.exception)
