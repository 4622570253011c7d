"""Hypotheses that are declared in TOML files."""

import subprocess
import sys
from pathlib import Path

import pytest

from hyp.errors import HypError
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.toml import line_of, read_hypothesis
from hyp.stats.rules import BETTER_AND_WORSE, ONLY_BETTER, ONLY_WORSE

EXAMPLE = Path(__file__).parents[2] / "examples" / "category_variability.toml"


def test_the_example_is_a_hypothesis_that_can_be_planned():
    hypothesis = find_hypothesis(str(EXAMPLE))
    assert hypothesis.rule.mixed == BETTER_AND_WORSE
    assert [p.needs for p in hypothesis.rule.predictions] == [ONLY_BETTER, ONLY_WORSE]
    plan = make_plan(hypothesis, "laptop")
    assert not plan.untestable
    assert sum(step.kind == "models" for step in plan.steps) == 15


MISTAKES = {
    "not TOML": ('title = "D', "title = D", "title", "not valid TOML: .*line {line}"),
    "a missing key": (
        'a = "full"\n',
        "",
        "[[questions]]",
        "line {line}, questions.0.a: Field required",
    ),
    "a wrong type": (
        'latents = ["category"]',
        "latents = 3",
        "latents =",
        "line {line}, questions.0.score.latents: .*valid tuple",
    ),
    "a misspelt key": (
        "n_batches = 60",
        "n_batchs = 60",
        "n_batchs",
        r"line {line}, profiles.laptop.n_batchs: unknown key; did you mean 'n_batches'\?$",
    ),
    "a misspelt table": (
        "[predictions]",
        "[prediction]",
        "[prediction]",
        r"line {line}, prediction: unknown key; did you mean 'predictions'\?$",
    ),
    "a misspelt key of a question": (
        'kind = "contrast"',
        'kind = "contrast"\nscondary = true',
        "scondary",
        r"line {line}, questions.0.scondary: unknown key; did you mean 'secondary'\?$",
    ),
    "a kind of question that there is not": (
        'kind = "contrast"',
        'kind = "contrst"',
        "[[questions]]",
        "line {line}, questions.0: .*expected tags: .*'contrast'",
    ),
    "a number out of range": (
        "n_val = 256",
        "n_val = -1",
        "n_val",
        "line {line}, profiles.laptop.n_val: .*greater",
    ),
    "two numbers that do not fit": (
        "n_val = 256",
        "n_val = 2048",
        "[profiles.laptop]",
        "line {line}, profiles.laptop: n_val=2048 leaves nothing",
    ),
    "an unreadable need": (
        'needs = ["worse somewhere", "better nowhere"]',
        'needs = ["worse often"]',
        "worse often",
        "line {line}, rule.predictions.1.needs: cannot read the need 'worse often'",
    ),
    "a need of a question that is not asked": (
        'needs = ["worse somewhere", "better nowhere"]',
        'needs = ["worse somewhere in categry"]',
        "in categry",
        "line {line}, rule.predictions.1.needs: the rule names 'categry', which is no declared",
    ),
    "not lower without a margin": (
        'needs = ["worse somewhere", "better nowhere"]',
        'needs = ["not lower"]',
        '"not lower"',
        "line {line}, rule.predictions.1.needs: 'not lower' needs a margin",
    ),
    "an unreadable design": (
        'design = "categories=1"',
        'design = "few"',
        'design = "few"',
        "line {line}, cohorts.1.design: cannot read the design term 'few'",
    ),
    "a cohort that is not declared": (
        'b = ["one"]',
        'b = ["two"]',
        "[[questions]]",
        "line {line}, questions.0: the question 'category' names 'two', which is no declared",
    ),
    "an objective that cannot be read": (
        'title = "one category"\nobjective = "rel_pos_x"',
        'title = "one category"\nobjective = "distance++"',
        "distance++",
        "line {line}, cohorts.1.objective: the objective 'distance\\+\\+' has an empty",
    ),
    "a question that is not declared": (
        "n_seeds = 5",
        'n_seeds = 5\nquestions = ["categry"]',
        "questions =",
        "line {line}, profiles.laptop.questions: category-variability has no question 'categry'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_line(mistake, tmp_path):
    old, new, on_line, words = MISTAKES[mistake]
    text = EXAMPLE.read_text()
    assert old in text
    text = text.replace(old, new, 1)
    line = next(n for n, row in enumerate(text.split("\n"), 1) if on_line in row)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(HypError, match=words.replace("{line}", str(line))) as caught:
        read_hypothesis(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith("..")


def test_all_mistakes_are_listed_at_once(tmp_path):
    text = EXAMPLE.read_text()
    path = tmp_path / "mine.toml"
    path.write_text(
        text.replace("n_batches", "n_batchs")
        .replace("categories=1", "few")
        .replace("title", "tile")
    )
    with pytest.raises(HypError) as caught:
        read_hypothesis(path)
    first, *others = str(caught.value).split("\n")
    assert first == f"{path} has {len(others)} problems:"
    told = "\n".join(others)
    for place in ("cohorts.1.design: cannot read", "laptop.n_batchs: unknown key", "tile: unknown"):
        assert place in told


def test_a_claim_is_taken_from_the_predictions_unless_it_is_given(tmp_path):
    text = EXAMPLE.read_text()
    given = 'name = "H2"\nclaim = "it is blind"'
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('name = "H2"', given, 1))
    first, second = read_hypothesis(path).rule.predictions
    assert first.claim == "variability in category makes networks represent it better"
    assert second.claim == "it is blind"
    path.write_text(text.replace("H1 =", "H3 ="))
    with pytest.raises(HypError, match=r"rule.predictions.0.claim: Field required"):
        read_hypothesis(path)


TOML = '''\
# a comment with = and [brackets]
a.b = 1
"quoted key" = """
[table]
c = 2
"""

[[parts]]
name = "x ] y"
[[parts]]  # the second
  latents = [
    "one",  # ]
    "two", "three",
    { deep = [
      1,
      2 ] },
  ]
[rule.more]
on = { off = 3 }
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("a", "b"), 2),
        (("quoted key",), 3),
        (("parts",), 8),
        (("parts", 0), 8),
        (("parts", 0, "name"), 9),
        (("parts", 0, "missing", "deeper"), 8),
        (("parts", 1), 10),
        (("parts", 1, "latents"), 11),
        (("parts", 1, "latents", 0), 12),
        (("parts", 1, "latents", 2), 13),
        (("parts", 1, "latents", 3, "deep"), 14),
        (("parts", 1, "latents", 3, "deep", 1), 16),
        (("parts", 7), 8),
        (("rule", "more"), 18),
        (("rule", "more", "on", "off"), 19),
        (("nothing",), 0),
        ((), 0),
    ],
)
def test_lines_are_those_of_the_statement_whatever_the_toml_looks_like(place, line):
    assert line_of(TOML, place) == line


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(HypError, match="no hypothesis file"):
        find_hypothesis(str(tmp_path / "none.toml"))


def test_the_command_line_prints_the_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(EXAMPLE.read_text().replace("n_seeds", "n_sedes"))
    done = subprocess.run(
        [sys.executable, "-m", "hyp", "show", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "profiles.laptop.n_sedes: unknown key; did you mean 'n_seeds'?" in done.stderr
