import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from hyp.errors import HypError
from hyp.hypotheses.claims import CLAIMS
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.steps import VERSIONS
from hyp.hypotheses.testability import family_sizes
from hyp.reports.plans import plan_page
from hyp.store import Store

HYPOTHESIS = find_hypothesis("nontarget-variability")


def plan(profile="short", **settings):
    return make_plan(HYPOTHESIS, profile, {key: str(value) for key, value in settings.items()})


def counts(made):
    return Counter(step.kind for step in made.steps)


def test_laptop_cohorts_share_the_full_networks():
    found = counts(plan())
    assert found["datasets"] == 4  # full, one-category, centered, stimuli
    assert found["models"] == 6 * (3 + 1)  # three cohorts and the untrained
    assert found["scores"] == found["activations"] == found["grams"] == 6 * 4 + 1
    assert plan().untestable == ""


def test_published_cohorts_are_the_papers():
    made = plan("published")
    models = [step for step in made.steps if step.kind == "models" and step.spec["n_batches"]]
    cohorts = Counter(
        (step.spec["objective"], step.inputs["dataset"].spec["design"]) for step in models
    )
    assert set(cohorts.values()) == {6}
    one_category = {objective for objective, design in cohorts if design == "category=chair"}
    centered = {objective for objective, design in cohorts if design == "centered"}
    assert one_category == {"distance", "translation", "rotation", "distance+translation+rotation"}
    assert centered == {"distance", "rotation", "distance+rotation", "category"}
    assert {step.spec["n_batches"] for step in models} == {500_000}
    assert made.untestable == ""


_DESIGNS = ("identities=1", "category=chair+identities=1", "identities=1+centered")


def test_networks_of_two_cohorts_share_no_seed():
    seeds = {}
    for step in plan().steps:
        if step.kind == "models" and step.spec["n_batches"]:
            design = step.inputs["dataset"].spec["design"]
            seeds.setdefault(design, set()).add(step.spec["seed"])
    full, chair, centered = (seeds[d] for d in _DESIGNS)
    assert len(full | chair | centered) == len(full) + len(chair) + len(centered)


def test_cohorts_share_their_random_numbers_and_stimuli_have_their_own():
    datasets = {step.label: step.spec for step in plan().steps if step.kind == "datasets"}
    assert len({datasets[name]["seed"] for name in ("full", "one-category", "centered")}) == 1
    assert datasets["stimuli"]["seed"] != datasets["full"]["seed"]
    assert datasets["stimuli"]["design"] == datasets["full"]["design"]


def test_design_that_cannot_reach_alpha_needs_no_computation():
    made = plan(n_seeds=3)
    assert [step.kind for step in made.steps] == ["results"]
    assert "6 seeds in each group would do" in made.untestable
    assert plan(n_seeds=4, questions="category", layers="avgpool").untestable == ""


def test_family_is_all_comparisons_or_one_question():
    assert family_sizes(HYPOTHESIS, plan().profile) == {"confirmatory": 18}
    sizes = family_sizes(HYPOTHESIS, plan(family="question").profile)
    assert sizes == {"category, target distance": 6, "translation, target distance": 12}


def test_keys_change_with_what_they_depend_on_and_with_nothing_else():
    def keys(made):
        return {step.kind: step.key for step in made.steps}

    base, decoded = keys(plan()), keys(plan(n_folds=4))
    assert decoded["models"] == base["models"]
    assert decoded["grams"] == base["grams"]
    assert decoded["scores"] != base["scores"]
    assert keys(plan(alpha=0.1))["scores"] == base["scores"]
    assert keys(plan(data_seed=1))["models"] != base["models"]
    fewer = {
        step.key for step in plan(n_seeds=6, questions="category").steps if step.kind == "models"
    }
    assert fewer < {step.key for step in plan().steps if step.kind == "models"}


@pytest.mark.parametrize("hypothesis", CLAIMS, ids=lambda one: one.name)
def test_every_declared_question_is_planned_or_named_with_its_reason(hypothesis):
    for name in hypothesis.profiles:
        asked = hypothesis.asked(hypothesis.profile(name))
        told = {one.name for one in asked.questions} | {one.question for one in asked.left_out}
        assert told == {one.name for one in hypothesis.questions}
        assert all(one.reason for one in asked.left_out)


def test_the_plan_says_which_declared_questions_it_leaves_out():
    made = make_plan(find_hypothesis("scaling"), "published", {"recording": "simulated"})
    names = {"categories", "output units", "decoding position, by categories"}
    assert {one.question for one in made.left_out} >= names
    assert not names & {one.name for one in made.asked.questions}
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(plan_page(made, None))
    told = " ".join(capture.get().split())
    assert "not asked: categories" in told
    assert "not asked: output units (the profile's cohorts leave out distance+translation)" in told


def test_impossible_design_of_a_cohort_is_refused_when_planning():
    declared = HYPOTHESIS.model_dump()
    declared["cohorts"][1]["design"] = "category=unicorn"
    with pytest.raises(HypError, match="no value 'unicorn'"):
        make_plan(type(HYPOTHESIS).model_validate(declared), "short", {})


def test_pending_stops_at_what_is_stored(tmp_path):
    store = Store.create(tmp_path)
    made = plan()
    model = next(step for step in made.steps if step.kind == "models")
    store.make(model.inputs["dataset"], lambda folder, inputs: None)
    store.make(model, lambda folder, inputs: None)
    assert model not in made.pending(store)
    assert len(made.pending(store)) == len(made.steps) - 2
    store.make(made.goal.__class__("other", {}), lambda folder, inputs: None)
    (store.path(made.goal)).mkdir(parents=True)
    (store.path(made.goal) / "artifact.json").write_text("{}")
    assert made.pending(store) == []


def test_planning_imports_nothing_heavy():
    """A finished run must answer within seconds; torch alone takes longer."""
    code = (
        "import sys; from hyp.hypotheses.plan import make_plan; "
        "from hyp.hypotheses.registry import find_hypothesis as find; "
        "make_plan(find('nontarget-variability'), 'laptop', {'precision': 'fp32'}); "
        "heavy = {'torch', 'warp', 'pandas', 'scipy', 'xarray', 'matplotlib'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


KEYS_BEFORE = json.loads((Path(__file__).parent / "keys_before_one_form.json").read_text())


ASKED_THEN = {
    "performance-alignment, published": {"cohorts": "distance,translation,rotation,category"},
    "objective-combination, published": {"questions": "two together,three together,training helps"},
    "layer-assignment, short": {"questions": "distance,translation,distance like category"},
    "layer-assignment, published": {
        "questions": "distance,translation,rotation,distance like category"
    },
}
"""Where questions about further networks came later."""


@pytest.mark.parametrize("place", KEYS_BEFORE)
def test_networks_and_scores_keep_the_keys_that_version_0_1_gave_them(place, monkeypatch):
    """Stores are kept: after a change of the code only results are computed again.

    And scores against recordings, whose sign version 0.1 lost. `scaling` asks about other numbers
    of categories since, and kept the keys of the rest.
    """
    monkeypatch.setitem(VERSIONS, "alignments", 1)
    name, profile = place.split(", ")
    settings = {"device": "cpu", "precision": "fp32", "recording": "simulated", "behaviour": ""}
    made = make_plan(find_hypothesis(name), profile, settings | ASKED_THEN.get(place, {}))
    keys = sorted(f"{step.kind}/{step.key}" for step in made.steps if step.kind != "results")
    found = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    assert [len(keys), found] == KEYS_BEFORE[place]
