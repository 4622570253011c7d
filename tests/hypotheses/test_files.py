"""Hypotheses that are declared in TOML files."""

from pathlib import Path

import pytest

from hyp.errors import HypError
from hyp.hypotheses.files import read_hypothesis
from hyp.hypotheses.planning import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.stats.rules import BETTER_AND_WORSE, ONLY_BETTER, ONLY_WORSE

EXAMPLE = Path(__file__).parents[2] / "examples" / "category_variability.toml"


def test_the_example_is_a_hypothesis_that_can_be_planned():
    hypothesis = find_hypothesis(str(EXAMPLE))
    assert hypothesis.rule.mixed == BETTER_AND_WORSE
    assert [p.needs for p in hypothesis.rule.predictions] == [ONLY_BETTER, ONLY_WORSE]
    plan = make_plan(hypothesis, "laptop")
    assert not plan.untestable
    assert sum(step.kind == "models" for step in plan.steps) == 15


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "category-variability"', "name = ", "not valid TOML.*line"),
        ('objectives = ["rel_pos_x"]\n\n', "\n", "parts.0.objectives: Field required"),
        ('"better somewhere", "worse nowhere"', '"better often"', "'better often'"),
        ('design = "full"', 'design = "categories=2"', "first condition"),
        ("n_val = 256", "n_val = -1", "profiles.laptop.n_val"),
        ("n_batches = 60", "n_batchs = 60", "profiles.laptop"),
    ],
)
def test_mistakes_name_their_place(old, new, words, tmp_path):
    text = EXAMPLE.read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(HypError, match=words) as caught:
        read_hypothesis(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(HypError, match="no hypothesis file"):
        find_hypothesis(str(tmp_path / "none.toml"))
