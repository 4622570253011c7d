"""Files of versions that had two forms of hypothesis mean what they meant."""

from pathlib import Path

import pytest

from hyp.errors import HypError
from hyp.hypotheses.legacy import modern_hypothesis, original_place
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.toml import read_hypothesis

OLD = Path(__file__).parent / "old_form.toml"
NEW = Path(__file__).parents[2] / "examples" / "category_variability.toml"


def keys(hypothesis, **settings):
    steps = make_plan(hypothesis, "laptop", settings).steps
    return {step.key for step in steps if step.kind != "results"}


def test_a_file_with_conditions_and_parts_needs_the_same_networks_and_scores():
    old, new = read_hypothesis(OLD), read_hypothesis(NEW)
    assert keys(old) == keys(new)
    assert [question.label for question in old.asked(old.profile("laptop")).questions] == [
        "category, target rel_pos_x"
    ]


def test_a_part_of_fewer_objectives_than_its_condition_stays_so():
    content = {
        "conditions": [
            {"name": "full", "design": "full", "title": "f"},
            {"name": "one", "design": "categories=1", "title": "o"},
        ],
        "parts": [
            {"name": "p", "condition": "one", "latents": ["category"], "objectives": ["distance"]},
            {"name": "q", "condition": "one", "latents": ["rel_pos_x"], "objectives": ["rotation"]},
        ],
        "profiles": {"laptop": {"parts": ["p"], "objectives": ["distance"]}},
    }
    found = modern_hypothesis(content)
    assert [cohort["objectives"] for cohort in found["cohorts"]] == [["distance", "rotation"]] * 2
    assert [cohort["first_seed"] for cohort in found["cohorts"]] == [0, 1000]
    assert [question["objectives"] for question in found["questions"]] == [
        ["distance"],
        ["rotation"],
    ]
    assert found["profiles"]["laptop"] == {"questions": ["p"], "objectives": ["distance"]}


def test_words_of_studies_are_renamed():
    content = {
        "questions": [{"kind": "contrast", "of": ["IT"], "beside": True}],
        "rule": {
            "keys": ["question", "of", "layer"],
            "predictions": [
                {"name": "a", "needs": [{"kind": "not lower", "where": {"of": ["IT"]}}]}
            ],
        },
    }
    found = modern_hypothesis(content)
    assert found["questions"] == [{"kind": "contrast", "measured": ["IT"], "secondary": True}]
    assert found["rule"] == {
        "predictions": [
            {"name": "a", "needs": [{"kind": "not lower", "where": {"measured": ["IT"]}}]}
        ]
    }


@pytest.mark.parametrize(
    ("old", "new", "on_line", "words"),
    [
        (
            'design = "categories=1"',
            'design = "few"',
            'design = "few"',
            "conditions.1.design: cannot",
        ),
        ('latents = ["category"]', "latents = 3", "latents = 3", "parts.0.latents: Input should"),
        (
            '"worse somewhere", "better nowhere"',
            '"higher somewhere in categry"',
            "categry",
            "rule.predictions.1.needs: the rule names",
        ),
        (
            'parts = ["category"]',
            'parts = ["categry"]',
            'parts = ["categry"]',
            "no question 'categry'",
        ),
    ],
)
def test_mistakes_are_told_where_they_stand_in_the_old_file(old, new, on_line, words, tmp_path):
    text = OLD.read_text().replace(old, new, 1)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    line = next(n for n, row in enumerate(text.split("\n"), 1) if on_line in row)
    with pytest.raises(HypError, match=f"line {line}, .*{words}"):
        read_hypothesis(path)


def test_places_of_todays_files_stay():
    assert original_place(("questions", 0, "a"), {"questions": []}) == ("questions", 0, "a")
