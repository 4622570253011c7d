from datetime import UTC, datetime

import pytest

from hyp.errors import HypError
from hyp.hypotheses.frozen_file import freeze
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.preregistration import YOURS, preregistration, write_preregistration
from hyp.hypotheses.registry import all_hypotheses, find_hypothesis

OSF = """Title, Authors, Description, Hypotheses, Study type, Blinding, Study design, Randomization,
Existing data, Data collection procedures, Sample size, Sample size rationale, Stopping rule,
Manipulated variables, Measured variables, Indices, Statistical models, Transformations,
Inference criteria, Data exclusion, Missing data, Exploratory analysis, Other"""


def frozen_plan(name="nontarget-variability", **settings):
    plan = make_plan(find_hypothesis(name), "short", {"n_seeds": 5, **settings})
    return freeze(plan, datetime(2026, 3, 1, tzinfo=UTC)), plan


def answers(text):
    found = [part.split("\n\n", 1) for part in text.split("\n## ")[1:]]
    return {heading: body.partition("\n\n# ")[0].strip() for heading, body in found}


def test_both_forms_are_filled_from_the_declaration():
    frozen, plan = frozen_plan(looks="5,8")
    text = preregistration(frozen, plan)
    given = answers(text)
    assert list(given)[:23] == [" ".join(one.split()) for one in OSF.split(",")]
    assert [heading[:2] for heading in list(given)[23:]] == [f"{n})" for n in range(1, 9)]
    assert [heading for heading, body in given.items() if body == YOURS] == ["Authors"]
    assert all(given.values())
    assert frozen.declaration_sha256 in text
    for prediction in plan.hypothesis.predictions.values():
        assert text.count(prediction) == 2
    level = plan.hypothesis.level(plan.profile)
    assert f"Level: {level:.3g}" in given["Inference criteria"]
    assert given["Stopping rule"].startswith("Looks at 5 and 8 networks per cohort")
    assert given["Existing data"].startswith("No verdict")


@pytest.mark.parametrize(
    "hypothesis",
    [one for one in all_hypotheses()[0] if not any(cohort.natural for cohort in one.cohorts)],
    ids=lambda one: one.name,
)
def test_every_hypothesis_has_one(hypothesis):
    profile = next(iter(hypothesis.profiles))
    plan = make_plan(hypothesis, profile)
    frozen = freeze(plan, datetime(2026, 3, 1, tzinfo=UTC))
    assert all(answers(preregistration(frozen, plan)).values())


def test_what_was_written_into_it_is_never_lost(tmp_path):
    frozen, plan = frozen_plan()
    path = write_preregistration(frozen, plan, tmp_path / "mine.md")
    assert write_preregistration(frozen, plan, path) == path
    path.write_text(path.read_text().replace(YOURS, "A. Author"))
    with pytest.raises(HypError, match="perhaps with what you wrote"):
        write_preregistration(frozen, plan, path)
    assert "A. Author" in path.read_text()
