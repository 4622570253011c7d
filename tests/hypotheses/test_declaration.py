import pytest
from pydantic import ValidationError

from hyp.errors import HypError
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.registry import BUILT_IN, find_hypothesis

HYPOTHESIS = find_hypothesis("nontarget-variability")


def test_settings_are_read_by_the_type_of_their_field():
    settings = {"n_seeds": "7", "layers": "fc, avgpool", "learning_rate": "1e-2"}
    unset = {"evaluate_every": "none", "scored_snapshots": ""}
    profile = HYPOTHESIS.profile("laptop", settings | unset)
    assert profile.n_seeds == 7
    assert profile.layers == ("fc", "avgpool")
    assert profile.learning_rate == 0.01
    assert profile.evaluate_every is None
    values = {"n_seeds": 7, "layers": ["fc", "avgpool"], "learning_rate": 1e-2}
    unset = {"evaluate_every": None, "scored_snapshots": ()}
    assert HYPOTHESIS.profile("laptop", values | unset) == profile


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_sedes": "7"}, "did you mean 'n_seeds'"),
        ({"summary": "x"}, "unknown key"),
        ({"n_seeds": "-1"}, "n_seeds=-1"),
        ({"n_seeds": "many"}, "n_seeds=many"),
        ({"questions": "categry"}, "no question 'categry'"),
        ({"layers": "fc,fc"}, "twice"),
        ({"objectives": "identity"}, "'identity'"),
        ({"objectives": "distance,,+"}, "empty part"),
        ({"n_val": "12800"}, "leaves nothing"),
        ({"n_images": "520"}, "one batch"),
        ({"references": "random"}, "references"),
    ],
)
def test_impossible_settings_are_one_clear_sentence(settings, words):
    with pytest.raises(HypError, match=words.replace("+", r"\+")) as caught:
        HYPOTHESIS.profile("laptop", settings)
    assert "\n" not in str(caught.value)


def test_objectives_are_canonical_so_that_equal_ones_share_models():
    profile = HYPOTHESIS.profile("published", {"objectives": "rotation+distance"})
    assert profile.objectives == ("distance+rotation",)


def test_unknown_names_offer_what_there_is():
    with pytest.raises(HypError, match="did you mean 'nontarget-variability'"):
        find_hypothesis("nontarget-variabilty")
    with pytest.raises(HypError, match="laptop, both-questions, short, workstation, published"):
        HYPOTHESIS.profile("desktop")


def declared(**fields):
    return Hypothesis.model_validate({**HYPOTHESIS.model_dump(), **fields})


def test_declarations_must_hang_together():
    questions = HYPOTHESIS.model_dump()["questions"]
    questions[0]["b"] = ("no-such",)
    with pytest.raises(ValidationError, match="names 'no-such', which is no declared cohort"):
        declared(questions=questions)


def cohort(name, **fields):
    return {"name": name, "objective": "distance", **fields}


def two(first, second):
    question = {
        "kind": "contrast",
        "name": "asked",
        "score": {"kind": "alignment"},
        "a": "one",
        "b": ("two",),
    }
    return declared(
        cohorts=(cohort("one", **first), cohort("two", **second)), questions=(question,)
    )


def test_cohorts_that_give_no_first_seed_share_none():
    seeds = [c.first_seed for c in two({}, {}).cohorts]
    assert seeds == [0, 1000]
    assert [c.first_seed for c in two({}, {"first_seed": 17}).cohorts] == [1000, 17]


def test_compared_cohorts_that_share_seeds_are_refused():
    apart, near = (
        two({"first_seed": 0}, {"first_seed": 6}),
        two({"first_seed": 0}, {"first_seed": 5}),
    )
    assert apart.profile("laptop", {"objectives": "", "questions": "asked"})
    with pytest.raises(HypError, match="'one' and 'two', which share 1 seeds \\(5\\)"):
        near.profile("laptop", {"objectives": "", "questions": "asked"})


def test_a_cohort_of_several_objectives_is_asked_about_one_by_one():
    profile = HYPOTHESIS.profile("published")
    asked = HYPOTHESIS.asked(profile)
    assert [question.label for question in asked.questions if question.name == "category"] == [
        f"category, target {objective}"
        for objective in ("distance", "translation", "rotation", "distance+translation+rotation")
    ]
    assert asked.cohort("centered/category").objective == "category"
    alone = HYPOTHESIS.asked(HYPOTHESIS.profile("published", {"objectives": "rotation"}))
    assert [c.name for c in alone.cohorts] == ["full", "one-category", "centered"]
    assert {c.objective for c in alone.cohorts} == {"rotation"}


@pytest.mark.parametrize(
    ("need", "margin", "reason"),
    [
        ({"kind": "not lower"}, None, "'not lower' needs a margin"),
        (
            {"kind": "somewhere", "direction": "higher", "where": {"question": ("no",)}},
            *(None, "names 'no', which is no declared question"),
        ),
        (
            {"kind": "somewhere", "direction": "higher", "where": {"latent": ("category",)}},
            *(None, "cannot look at 'latent'; choose from: question, objective, measured, layer"),
        ),
    ],
)
def test_needs_that_cannot_be_met_are_refused(need, margin, reason):
    rule = {"predictions": ({"name": "H1", "claim": "it does", "needs": (need,)},)}
    with pytest.raises(ValidationError, match=reason):
        declared(rule={**rule, "margin": margin})


def test_not_lower_of_what_has_no_margin_is_refused():
    closer = {"kind": "closer", "name": "near", "anchor": "full", "b": "one", "c": "two"}
    cohorts = (cohort("full"), cohort("one"), cohort("two"))
    rule = {
        "predictions": ({"name": "H1", "claim": "x", "needs": ({"kind": "not lower"},)},),
        "margin": 0.1,
    }
    with pytest.raises(ValidationError, match="'near': the kind 'closer' has no margin"):
        declared(cohorts=cohorts, questions=(closer,), rule=rule)


@pytest.mark.parametrize("hypothesis", BUILT_IN, ids=lambda hypothesis: hypothesis.name)
def test_built_in_declarations_survive_json(hypothesis):
    assert type(hypothesis).model_validate_json(hypothesis.model_dump_json()) == hypothesis


def test_laptop_profile_is_a_profile_of_its_own():
    assert HYPOTHESIS.profiles["laptop"].n_seeds >= 5
    assert isinstance(HYPOTHESIS.profiles["published"], Profile)
