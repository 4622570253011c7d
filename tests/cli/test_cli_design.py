import json
from pathlib import Path

import pytest

import command_line


def hyp(*arguments, cwd):
    return command_line.hyp("design", *arguments, cwd=cwd)


def test_the_page_fits_80_columns_and_the_curves_are_drawn(tmp_path):
    done = hyp("nontarget-variability", "--smallest", 1.5, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("6 comparisons together", "up to 23 comparisons", "0.0022", "to rule it out"):
        assert words in done.stdout, words
    assert max(map(len, done.stdout.splitlines())) <= 80
    drawn = tmp_path / "nontarget-variability-laptop-power.svg"
    assert drawn.read_text().count("<path") > 20
    assert [path.name for path in tmp_path.iterdir()] == [drawn.name]


def test_json_of_an_untestable_design_draws_nothing(tmp_path):
    settings = ["--profile", "short", "--set", "n_seeds=5"]
    done = hyp("nontarget-variability", *settings, "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["testable"] is False
    asked = document["families"]["confirmatory"]["questions"]["category, target distance"]
    assert (asked["testable"], asked["design"]["units_needed"]) == (False, 6)
    assert "6 seeds per cohort would do" in asked["sentence"]
    assert len(asked["design"]["power"]) == 30
    assert not list(tmp_path.iterdir())


def test_the_page_of_a_study_shows_its_questions_and_the_power_of_its_contrasts(tmp_path):
    done = hyp("few-latents", "--smallest", 1.5, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shown = " ".join(done.stdout.split())
    for words in (
        "confirmatory: 12 comparisons together, Holm; the first step needs 0.0042",
        "distance contrast 6 v 6 4 0.0022 0.026",
        "secondary, not read by the rule: 7 comparisons together, Holm; the first step needs 0.007",
        "training helps contrast 6 v 6 4 0.0022 0.015",
        "3 of 3 confirmatory questions can reach alpha; "
        "what counts on the margin needs no correction",
        "contrasts distance; translation; distance and translation design 6 v 6 seeds",
        "to rule it out",
    ):
        assert words in shown, words
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert (tmp_path / "few-latents-laptop-power.svg").read_text().count("<path") > 20


def test_a_study_says_what_would_mend_it_and_draws_only_what_has_a_power(tmp_path):
    done = hyp("scaling", "--set", "n_seeds=2", cwd=tmp_path)
    shown = " ".join(done.stdout.split())
    assert "categories; images: 3 x 2 networks cannot test 12 comparisons" in shown
    assert "above 0.05 / 12 = 0.0042; 3 seeds per cohort would do." in shown
    assert "testable: yes; 1 of 3 confirmatory questions can reach alpha." in shown
    assert "power" not in shown
    assert not list(tmp_path.iterdir())
    done = hyp("scaling", "--smallest", 1, cwd=tmp_path)
    assert "no power to show; leave out --smallest and --out" in done.stderr


def test_json_of_a_study(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "identity_alignment.toml"
    done = hyp(example, "--set", "n_seeds=4", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert (document["testable"], document["margin"]) == (False, None)
    assert "5 seeds in each group would do" in document["sentence"]
    family = document["families"]["confirmatory"]
    assert (family["comparisons"], family["first_step"]) == (4, 0.0125)
    asked = family["questions"]["alignment"]
    assert (asked["networks"], asked["testable"]) == ("4 v 4", False)
    assert asked["sentence"].endswith("5 seeds per cohort would do.")
    assert asked["design"]["units_needed"] == 5
    assert len(asked["design"]["power"]) == 30
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "there is no hypothesis"),
        (["nontarget-variability", "--smallest", "-1"], "must be positive"),
        (["few-latents", "--smallest", "-1"], "must be positive"),
        (["nontarget-variability", "--out", "power.gif"], "ends in none of .pdf, .png, .svg"),
        (["nontarget-variability", "--out", "nowhere/power.svg"], "there is no folder"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, words):
    done = hyp(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
