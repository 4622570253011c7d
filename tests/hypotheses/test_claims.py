"""The paper's claims: planted truths come out as verdicts, published sizes are the paper's."""

from __future__ import annotations

from collections import Counter
from pkgutil import iter_modules
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hyp.hypotheses import claims
from hyp.hypotheses.claims import CLAIMS
from hyp.hypotheses.claims.cohorts import OBJECTIVES
from hyp.hypotheses.claims.nontarget_variability import NONTARGET_VARIABILITY
from hyp.hypotheses.judge import conclude
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.questions import Evidence, Similarities
from hyp.hypotheses.result_files import order_layers
from hyp.hypotheses.testability import untestable

BY_NAME = {study.name: study for study in CLAIMS}
COLUMNS = ["kind", "cohort", "seed", "batches", "measured", "layer", "fold", "score", "chosen"]
REGIONS = ("V1", "V2", "V4", "IT")
NOISE = 0.01
WITHOUT_BRAINS = {"recording": "simulated", "behaviour": ""}
"""The public recordings need not be on this machine."""

UNTRAINED = -0.2
"""How much lower untrained networks score, unless something else is planted."""


def test_a_claim_is_one_file_of_its_folder():
    modules = {module.name for module in iter_modules(claims.__path__)} - {"cohorts"}
    assert sorted(modules) == sorted(claim.name.replace("-", "_") for claim in CLAIMS)
    assert CLAIMS[0] is NONTARGET_VARIABILITY


def cohorts(study, profile):
    return [cohort.name for cohort in study.asked(profile).cohorts]


def scores(study, profile, shift, rng, *, batches=(20, 40, 60, 80), slope=0.0):
    """Scores of every kind: noise, `shift` a cohort, alignment moving with performance."""
    rows = []
    for cohort in cohorts(study, profile):
        for seed in range(profile.n_seeds):
            for k, batch in enumerate(batches):
                learned = 0.2 * k + rng.normal(0, NOISE)
                rows.append(("performance", cohort, seed, batch, "task", "", 0, learned, ""))
                for region in REGIONS:
                    value = 0.5 + shift.get(cohort, 0.0) + slope * learned
                    for kind in ("alignment", "depth"):
                        noisy = value + rng.normal(0, NOISE)
                        rows.append((kind, cohort, seed, batch, region, "", 0, noisy, "avgpool"))
            for layer in profile.layers:
                value = 0.5 + shift.get(cohort, 0.0) + rng.normal(0, NOISE)
                rows.append(("decoding", cohort, seed, 80, "rel_pos_x", layer, 0, value, ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def similarities(study, profile, pairs, rng):
    """Matrices of 0.5 and noise, with other means between two cohorts."""
    networks = [name for name in cohorts(study, profile) for _ in range(profile.n_seeds)]
    matrices = {}
    for measure in ("cka",):
        for layer in profile.layers:
            matrix = 0.5 + rng.normal(0, NOISE, (len(networks), len(networks)))
            for (one, two), value in pairs.items():
                for i, first in enumerate(networks):
                    for j, second in enumerate(networks):
                        if {first, second} == {one, two}:
                            matrix[i, j] += value
            matrix = np.triu(matrix, 1)
            matrices[measure, layer] = matrix + matrix.T + np.eye(len(networks))
    return Similarities(networks, matrices)


def judged_alone(study):
    """The claim and its control, without the other secondary questions, which take long."""
    asked = tuple(
        one for one in study.questions if study.confirmatory(one.name) or one.name == study.control
    )
    return study.model_copy(update={"questions": asked})


def verdict(name, shift=None, pairs=None, slope=0.0, seed=0, recording="recorded"):
    study = judged_alone(BY_NAME[name])
    profile = study.profiles["short"].but(recording=recording)
    rng = np.random.default_rng(seed)
    shift = {"untrained": UNTRAINED, **(shift or {})}
    return conclude(
        study,
        profile,
        "laptop",
        scores(study, profile, shift, rng, slope=slope),
        similarities(study, profile, pairs or {}, rng),
    )


SIZES = {"category of 2": 2, "category of 4": 4, "category of 8": 8, "category": 20}
SIZES |= {
    "category on 0.1": 2,
    "category on 0.3": 6,
    "distance": 1,
    "translation": 2,
    "rotation": 6,
}
GROWING = {name: 0.1 * np.log(size) for name, size in SIZES.items()}
FALLING = {name: -value for name, value in GROWING.items()}


NEAR, FAR, CENTRED = "distance, full", "distance, one-category", "distance, centered"


@pytest.mark.parametrize(
    ("name", "planted", "outcome"),
    [
        (
            "nontarget-similarity",
            {"pairs": {("category", NEAR): 0.3, ("translation", NEAR): 0.3}},
            "closer",
        ),
        ("nontarget-similarity", {"pairs": {("category", FAR): 0.3}}, "farther"),
        (
            "nontarget-similarity",
            {"pairs": {("category", NEAR): 0.3, ("translation", CENTRED): 0.6}},
            "mixed",
        ),
        (
            "convergence",
            {"pairs": {("category", "distance"): 0.3, ("category", "translation"): 0.3}},
            "alike",
        ),
        ("convergence", {"pairs": {("category", "untrained"): 0.3}}, "apart"),
        ("few-latents", {}, "enough"),
        ("few-latents", {"shift": {"category": 0.3}}, "too few"),
        ("scaling", {"shift": GROWING}, "grows"),
        ("scaling", {"shift": FALLING}, "falls"),
        ("performance-alignment", {"slope": 1.0}, "follows"),
        ("performance-alignment", {"slope": -1.0}, "opposes"),
        ("objective-combination", {"shift": {"distance+translation": 0.3}}, "better"),
        ("objective-combination", {"shift": {"distance+translation": -0.3}}, "worse"),
        ("objective-combination", {}, "equivalent"),
        ("layer-assignment", {"shift": {"distance": 0.3, "translation": 0.3}}, "later"),
        ("layer-assignment", {"shift": {"distance": -0.3}}, "earlier"),
        ("synthetic-natural", {}, "as well"),
        ("synthetic-natural", {"shift": {"natural": 0.3}}, "less"),
    ],
)
def test_what_was_planted_is_the_verdict(name, planted, outcome):
    result = verdict(name, **planted)
    assert (result.verdict.prediction or result.verdict.outcome) == outcome
    if outcome != "mixed":
        assert result.agrees == (outcome == BY_NAME[name].agrees)


def test_simulated_responses_decide_nothing_about_what_was_published():
    result = verdict("performance-alignment", slope=1.0, recording="simulated")
    assert result.verdict.outcome == "supported"
    assert result.agrees is None


@pytest.mark.parametrize("name", ["few-latents", "objective-combination", "synthetic-natural"])
@pytest.mark.parametrize("level", [0.0, 0.2])
def test_close_cohorts_show_nothing_where_the_control_does_not_come_out(name, level):
    shown, hidden = verdict(name), verdict(name, shift={"untrained": level})
    assert shown.agrees
    assert hidden.verdict.outcome == "invalid"
    assert hidden.agrees is None
    [check] = [check for check in hidden.checks if not check.passed]
    assert "“training helps” comes out higher nowhere" in check.sentence
    assert all(check.passed for check in shown.checks)


def test_the_best_part_must_be_beaten_and_not_just_some():
    result = verdict(
        "objective-combination", shift={"distance+translation": 0.3, "translation": 0.3}
    )
    assert result.verdict.prediction is None
    judged = [row for row in result.rows if row.confirmatory]
    assert all(row.note for row in judged)
    assert {row.b for row in judged} == {"translation"}


@pytest.mark.parametrize(
    "name",
    [
        "nontarget-similarity",
        "convergence",
        "scaling",
        "performance-alignment",
        "layer-assignment",
    ],
)
def test_nothing_planted_is_seldom_a_verdict(name):
    """40 studies without any effect; more than 7 would come of a rate of 5 % once in 1,000."""
    supported = sum(verdict(name, seed=seed).verdict.prediction is not None for seed in range(40))
    assert supported <= 7


@pytest.mark.parametrize("study", CLAIMS, ids=lambda study: study.name)
def test_every_size_can_reach_alpha(study):
    for profile in study.profiles.values():
        assert untestable(study, profile) == ""


def test_too_few_seeds_are_said_before_anything_is_planned():
    plan = make_plan(BY_NAME["layer-assignment"], "laptop", {"n_seeds": "3"})
    assert "3 v 3 seeds cannot test" in plan.untestable
    assert len(plan.steps) == 1


def trained(plan):
    """Networks that are trained, by backbone, objective and number of training images."""
    return Counter(
        (step.spec["backbone"], step.spec["objective"], step.inputs["dataset"].spec["n_images"])
        for step in plan.steps
        if step.kind == "models" and step.spec["n_batches"]
    )


def canonical(objective):
    return "+".join(sorted(objective.split("+")))


def test_published_sizes_are_the_papers():
    found = trained(make_plan(BY_NAME["convergence"], "published", WITHOUT_BRAINS))
    assert {canonical(key[1]) for key in found} == set(map(canonical, OBJECTIVES))
    assert set(found.values()) == {8}
    assert {key[0] for key in found} == {"resnet18"}

    plan = make_plan(BY_NAME["few-latents"], "published", WITHOUT_BRAINS)
    found = trained(plan)
    assert len(found) == 10
    assert set(found.values()) == {5}
    assert {key[0] for key in found} == {"resnet50"}
    checkpoints = {len(s.spec["snapshots"]) for s in plan.steps if s.kind == "models"} - {0}
    assert checkpoints == {12}

    found = trained(make_plan(BY_NAME["scaling"], "published", WITHOUT_BRAINS))
    assert len(found) == 45
    assert set(found.values()) == {3}
    assert len({key[2] for key in found}) == 9


@pytest.mark.parametrize(
    ("name", "n_layers"),
    [("layer-assignment", 11), ("few-latents", 19), ("objective-combination", 19)],
)
def test_published_regions_choose_among_the_papers_candidates(name, n_layers):
    """Appendix C: 11 layers of ResNet-18 and 19 of ResNet-50, stem and readout among them."""
    plan = make_plan(BY_NAME[name], "published", WITHOUT_BRAINS)
    activations = [
        goal.inputs["grams"].inputs["activations"]
        for goal in plan.steps
        if goal.kind == "alignments"
    ]
    layers = {tuple(step.spec["layers"]) for step in activations}
    assert {len(one) for one in layers} == {n_layers}
    assert all((one[0], one[-2:]) == ("relu", ("avgpool", "fc")) for one in layers)


def is_network(step):
    return step.kind == "models" and step.spec["n_batches"] > 0


def test_published_controlled_variability_is_2_x_4_x_6_for_each_non_target():
    plan = make_plan(NONTARGET_VARIABILITY, "published")
    networks = Counter(
        (step.inputs["dataset"].spec["design"], step.spec["objective"])
        for step in plan.steps
        if is_network(step)
    )
    assert set(networks.values()) == {6}
    reduced = {"category=chair": objectives("one-category"), "centered": objectives("centered")}
    for design, asked in reduced.items():
        assert len(asked) == 4
        assert {objective for found, objective in networks if found == design} == asked
        assert asked <= {objective for found, objective in networks if found == "full"}


def objectives(name):
    return set(NONTARGET_VARIABILITY.cohort(name).objectives)


def test_the_companion_looks_at_the_same_networks():
    for profile in ("short", "published"):
        own = {s.key for s in make_plan(NONTARGET_VARIABILITY, profile).steps if is_network(s)}
        plan = make_plan(BY_NAME["nontarget-similarity"], profile, WITHOUT_BRAINS)
        assert own <= {step.key for step in plan.steps}


def test_category_networks_are_a_curve_beside_those_of_spatial_latents():
    """Figure E.1; at the published size they are those that the other question asks about."""
    made = make_plan(NONTARGET_VARIABILITY, "published")
    found = {seed: made.goal.inputs[f"decoding:category:{seed}"] for seed in range(6)}
    for seed, step in found.items():
        assert step.key == made.goal.inputs[f"decoding:full/category:{seed}"].key
    category = made.asked.questions[0]
    rng = np.random.default_rng(0)
    table = scores(NONTARGET_VARIABILITY, made.profile.but(layers=("fc",)), {}, rng)
    decoded = table[table["kind"] == "decoding"].assign(measured="category", batches=1, chance=0.1)
    names = [name for name in decoded["cohort"].unique() if name.endswith("/distance")]
    decoded = decoded[decoded["cohort"].isin(names)]
    beside = decoded[decoded["cohort"] == names[0]].assign(cohort="category")
    both = order_layers(pd.concat([decoded, beside], ignore_index=True), ("fc",))
    titles = {name: name for name in names}
    rows = [SimpleNamespace(measured="category", layer="fc")]
    [panel] = category.panels(Evidence(both, Similarities(), titles), rows)
    last = panel.series[-1]
    assert (last.title, last.reference) == ("networks trained for category", True)
    assert last.scores == panel.series[0].scores


def test_two_cohorts_own_similarity_is_drawn_beside_that_between_them():
    """Figure D.2: distance against another cohort, and each cohort within itself."""
    study = BY_NAME["convergence"]
    profile = study.profiles["laptop"]
    question = next(one for one in study.questions if one.name == "distance and category")
    found = similarities(study, profile, {}, np.random.default_rng(0))
    titles = study.asked(profile).titles
    evidence = Evidence(pd.DataFrame(), found, titles)
    rows = [SimpleNamespace(a="within", b="between", layer="fc", difference=0.1)]
    panel = next(iter(question.panels(evidence, rows)))
    assert [one.title for one in panel.series] == [
        *("within", "between", "within distance", "within category")
    ]
    matrix = found.matrices["cka", "fc"]
    own = np.flatnonzero(np.array(found.networks) == "category")
    mean = (matrix[np.ix_(own, own)].sum() - len(own)) / len(own) / (len(own) - 1)
    assert np.mean(panel.series[3].scores["fc"]) == pytest.approx(mean)


def _shared(study):
    """The profile whose networks the claims share."""
    return "short" if "short" in study.profiles else "laptop"


def test_laptop_networks_are_shared_between_claims():
    needed = [
        {s.key for s in make_plan(study, _shared(study)).steps if s.kind == "models"}
        for study in CLAIMS
        if study.name != "synthetic-natural"
    ]
    assert len(set.union(*needed)) < 0.5 * sum(map(len, needed))


def test_every_claim_has_a_size_for_a_workstation():
    for study in CLAIMS:
        profile = study.profiles["workstation"]
        assert (profile.image_size, profile.backbone) == (128, "resnet18")
        trained = [one for one in study.asked(profile).cohorts if one.trained]
        assert 12 <= sum(len(one.seeds(profile)) for one in trained) <= 60
