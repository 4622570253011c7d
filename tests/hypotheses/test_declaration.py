import pytest
from pydantic import ValidationError

from hyp.errors import HypError
from hyp.hypotheses.declaration import Hypothesis, Profile
from hyp.hypotheses.registry import BUILT_IN, find_hypothesis

HYPOTHESIS = find_hypothesis("nontarget-variability")


def test_settings_are_read_by_the_type_of_their_field():
    settings = {"n_seeds": "7", "layers": "fc, avgpool", "learning_rate": "1e-2"}
    profile = HYPOTHESIS.profile("laptop", settings | {"evaluate_every": "none"})
    assert profile.n_seeds == 7
    assert profile.layers == ("fc", "avgpool")
    assert profile.learning_rate == 0.01
    assert profile.evaluate_every is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_sedes": "7"}, "did you mean 'n_seeds'"),
        ({"summary": "x"}, "unknown key"),
        ({"n_seeds": "-1"}, "n_seeds=-1"),
        ({"n_seeds": "many"}, "n_seeds=many"),
        ({"parts": "categry"}, "no part 'categry'"),
        ({"parts": ""}, "parts"),
        ({"layers": "fc,fc"}, "twice"),
        ({"objectives": "identity"}, "'identity'"),
        ({"objectives": "distance,,+"}, "empty part"),
        ({"n_val": "8480"}, "leaves nothing"),
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
    with pytest.raises(HypError, match="laptop, published"):
        HYPOTHESIS.profile("desktop")


def test_declarations_must_hang_together():
    declared = HYPOTHESIS.model_dump()
    declared["parts"][0]["condition"] = "no-such"
    with pytest.raises(ValidationError, match="names no declared condition"):
        Hypothesis.model_validate(declared)
    declared = HYPOTHESIS.model_dump()
    declared["conditions"] = declared["conditions"][1:]
    with pytest.raises(ValidationError, match="first condition must be 'full'"):
        Hypothesis.model_validate(declared)


@pytest.mark.parametrize("hypothesis", BUILT_IN, ids=lambda hypothesis: hypothesis.name)
def test_built_in_declarations_survive_json(hypothesis):
    assert type(hypothesis).model_validate_json(hypothesis.model_dump_json()) == hypothesis


def test_laptop_profile_is_a_profile_of_its_own():
    assert HYPOTHESIS.profiles["laptop"].n_seeds >= 5
    assert isinstance(HYPOTHESIS.profiles["published"], Profile)
