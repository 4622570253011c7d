"""A hypothesis with every kind of question, from images to a verdict, on tiny networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hyp
from hyp.errors import HypError
from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Alike, Closer, Contrast, Tighter, Tracks, Trend
from hyp.hypotheses.result_files import load_result, load_scores, load_similarities
from hyp.hypotheses.run import run_plan
from hyp.hypotheses.scores import DIMENSIONS, Alignment, Decoding, Depth, Performance, Similarity
from hyp.hypotheses.testability import planned_questions
from hyp.hypotheses.toml import read_hypothesis
from hyp.metrics.gram_files import read_gram
from hyp.metrics.similarity import similarity_matrix
from hyp.models import trusting
from hyp.stats.rules import DecisionRule, Prediction, Somewhere
from hyp.store import Store

LAYERS = ("conv", "relu")
SIZE = Profile(
    summary="tiny",
    image_size=16,
    precision="fp32",
    supersample=1,
    n_images=96,
    n_val=32,
    n_stimuli=60,
    n_recorded=64,
    world="categories=4",
    n_seeds=3,
    backbone="tiny_backbone:make",
    n_batches=4,
    batch_size=16,
    evaluate_every=1,
    snapshots=(1, 2),
    layers=LAYERS,
    n_folds=2,
    neural_metric="cka",
    neural_protocol="published",
)


def cohort(name, first_seed, **fields):
    return Cohort(
        **{"name": name, "title": name, "objective": name, "first_seed": first_seed, **fields}
    )


def study(**fields):
    declared = {
        "name": "everything",
        "title": "Everything",
        "question": "Does everything work?",
        "source": "here",
        "predictions": {"yes": "it does"},
        "cohorts": (
            cohort("distance", 0),
            cohort("category", 10),
            cohort("half", 20, objective="distance", share=0.5),
            cohort("untrained", 30, objective="distance", trained=False),
        ),
        "questions": (
            Contrast(
                name="decoding",
                score=Decoding(latents=("rel_pos_x",)),
                a="distance",
                b=("untrained",),
            ),
            Contrast(
                name="best",
                score=Alignment(),
                a="distance",
                b=("category", "half"),
                measured=("IT",),
            ),
            Contrast(name="deep", score=Depth(), a="distance", b=("category",)),
            Contrast(
                name="learned",
                score=Performance(),
                a="distance",
                b=("half",),
                measured=("distance",),
            ),
            Closer(name="closer", anchor="category", b="distance", c="untrained"),
            Tighter(name="tighter", a="distance", b="category", layers=("relu",)),
            Alike(
                name="alike",
                cohorts=("distance", "category"),
                similarity=Similarity(measure="procrustes"),
                layers=("relu",),
            ),
            Tracks(name="tracks", cohorts=("distance",)),
            Tracks(name="no outliers", cohorts=("distance",), loss_below=1e6),
            Trend(
                name="trend",
                score=Decoding(latents=("rel_pos_x",)),
                sizes={"untrained": 1, "half": 2, "distance": 4},
                unit="images",
                layers=("relu",),
            ),
        ),
        "rule": DecisionRule(
            predictions=(
                Prediction(name="yes", claim="it does", needs=(Somewhere(direction="higher"),)),
            ),
        ),
        "profiles": {"tiny": SIZE},
    }
    return Hypothesis(**{**declared, **fields})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    plan = make_plan(study(), "tiny")
    store = Store.create(tmp_path_factory.mktemp("study") / "store")
    return plan, store, run_plan(plan, store)


def test_every_question_has_its_rows(run):
    result = load_result(run[2])
    found = {}
    for row in result.rows:
        found.setdefault(row.question, []).append((row.measured, row.layer))
    regions = [("IT", ""), ("V1", ""), ("V2", ""), ("V4", "")]
    assert {name: sorted(places) for name, places in found.items()} == {
        "decoding": sorted(("rel_pos_x", layer) for layer in LAYERS),
        "best": [("IT", "")],
        "deep": regions,
        "learned": [("distance", "")],
        "closer": sorted(("cka", layer) for layer in LAYERS),
        "alike": [("procrustes", "relu")],
        "tighter": [("cka", "relu")],
        "tracks": regions,
        "no outliers": regions,
        "trend": [("rel_pos_x", "relu")],
    }
    assert [row.n_a for row in result.rows if row.question == "tracks"] == [3] * 4
    assert {row.confirmatory for row in result.rows} == {True}
    assert all(0 < row.p_attainable <= row.p <= row.p_corrected <= 1 for row in result.rows)
    assert any("simulated" in warning for warning in result.warnings)
    assert {c.name: len(c.seeds) for c in result.cohorts} == dict.fromkeys(
        ("distance", "category", "half", "untrained"), 3
    )


def test_the_design_says_beforehand_what_the_rows_can_reach(run):
    plan, _, folder = run
    rows = load_result(folder).rows
    planned = planned_questions(plan.hypothesis, plan.profile)
    for question in planned:
        own = [row for row in rows if row.question == question.name]
        assert len(own) == question.rows, question.name
        assert {row.measured for row in own} == set(question.measured)
        assert question.family_size == len(rows) == 21
        for row in own:
            assert row.p_attainable == pytest.approx(question.p_attainable), question.name
            assert row.p_corrected >= min(question.p_corrected, row.p)
    assert {question.name: question.networks for question in planned} == {
        **dict.fromkeys(("decoding", "best", "deep", "learned", "closer", "alike"), "3 v 3"),
        "tighter": "3 v 3",
        **dict.fromkeys(("tracks", "no outliers"), "3"),
        "trend": "3 x 3",
    }


def test_scores_are_what_the_rows_say(run):
    scores, result = load_scores(run[2]), load_result(run[2])
    decoded = scores[(scores["kind"] == "decoding") & (scores["layer"] == "relu")]
    decoded = decoded[decoded["protocol"] == "recommended"]
    means = decoded.groupby(["cohort", "seed"])["score"].mean().groupby("cohort").mean()
    row = next(r for r in result.rows if r.question == "decoding" and r.layer == "relu")
    assert row.difference == pytest.approx(means["distance"] - means["untrained"])
    assert set(scores.loc[scores["kind"] == "alignment", "batches"]) == {1, 2, 4}
    depths = scores[scores["kind"] == "depth"]
    assert set(depths["score"]) <= {0.0, 1.0}
    chosen = np.where(depths["score"] == 1.0, LAYERS[1], LAYERS[0])
    assert (depths["chosen"].to_numpy() == chosen).all()


def test_every_kind_of_score_is_one_labelled_array_of_the_store(run):
    _, store, folder = run
    table = load_scores(folder)
    found = hyp.open_store(store.root).scores("everything")
    kinds = {"decoding", "alignment", "depth", "performance", "loss", "accuracy"}
    assert set(found) == kinds
    for kind, cube in found.items():
        assert {"cohort", "network", DIMENSIONS[kind]} <= set(cube.dims)
        assert int(cube.notnull().sum()) == (table["kind"] == kind).sum()
        one = table[table["kind"] == kind].iloc[-1]
        place = {"cohort": one["cohort"], DIMENSIONS[kind]: one["measured"]}
        own = cube.sel(place).where(cube["seed"].sel(cohort=one["cohort"]) == one["seed"])
        assert np.isclose(own, one["score"]).any()


def test_similarities_are_of_the_stored_grams(run):
    plan, store, folder = run
    step = plan.goal.inputs["similarity:cka"]
    layers = ["pixels" if role == "pixels:" else "relu" for role in step.inputs]
    assert layers[-1] == "pixels"
    grams = [
        read_gram(store.path(one), layer)
        for one, layer in zip(step.inputs.values(), layers, strict=True)
    ]
    found = load_similarities(folder).matrices["cka", "relu"]
    assert np.allclose(found, similarity_matrix([lambda g=g: g for g in grams]), atol=1e-12)
    assert load_similarities(folder).networks == [role.partition(":")[0] for role in step.inputs]


def test_the_store_is_asked_for_one_set_of_stimuli(run):
    plan, store, _ = run
    view = hyp.open_store(store.root)
    with pytest.raises(HypError, match="responses to 2 sets of stimuli; add stimuli= one of: "):
        view.activations("relu", objective="distance")
    found = view.activations("relu", objective="distance", stimuli=plan.goal.inputs["stimuli"].key)
    assert found.sizes["stimulus"] == 60
    assert found.sizes["model"] == 6  # distance and half
    recorded = view.catalogue[view.catalogue["stimuli"] != plan.goal.inputs["stimuli"].key]
    assert set(recorded["batches"]) == {1, 2, 4}


def test_a_part_of_the_images_is_the_first_of_them(run):
    plan = run[0]
    whole, half = (
        plan.goal.inputs[f"model:{n}"].inputs["dataset"] for n in ("distance:0", "half:20")
    )
    assert half.spec["n_images"] == 32 + 32
    assert half.spec["seed"] == whole.spec["seed"]


def test_snapshots_after_the_end_are_left_out():
    plan = make_plan(study(), "tiny", {"n_batches": "2"})
    kept = {tuple(s.spec["snapshots"]) for s in plan.steps if s.kind == "models"}
    assert kept == {(1,), ()}  # untrained networks have none


def test_every_forward_pass_has_the_declared_numerics():
    for precision in ("fp32", "bf16"):
        plan = make_plan(study(), "tiny", {"precision": precision, "device": "cpu"})
        passes = [step.spec for step in plan.steps if step.kind == "activations"]
        assert {one["precision"] for one in passes} == {precision}
        assert {one["device"] for one in passes} == {"cpu"}


def test_the_same_study_again_computes_nothing(run):
    _, store, folder = run
    assert make_plan(study(), "tiny").pending(store) == []
    before = (folder / "result.json").read_bytes()
    assert run_plan(make_plan(study(), "tiny"), store) == folder
    assert (folder / "result.json").read_bytes() == before


def test_networks_that_exist_join_a_cohort(run, tmp_path):
    plan, store, _ = run
    existing = tuple(str(store.path(plan.goal.inputs[f"model:category:{s}"])) for s in (10, 11, 12))
    changed = study(
        cohorts=(
            cohort("distance", 0),
            cohort("given", 40, objective="category", weights=existing),
            cohort("untrained", 30, objective="distance", trained=False),
        ),
        questions=(
            Closer(name="closer", anchor="distance", b="given", c="untrained", layers=("relu",)),
        ),
    )
    with trusting():
        again = run_plan(make_plan(changed, "tiny", {"alpha": "0.2"}), store)
    mine = load_similarities(again).matrices["cka", "relu"]
    theirs = load_similarities(run[2]).matrices["cka", "relu"]
    # The given networks are the category cohort, from its files.
    assert np.allclose(mine[:3, 3:6], theirs[:3, 3:6], atol=1e-9)


def test_what_is_secondary_is_not_read_by_the_rule():
    first, *others = study().questions
    changed = study(questions=(first, *(q.model_copy(update={"secondary": True}) for q in others)))
    assert [q.name for q in changed.questions if changed.confirmatory(q.name)] == [first.name]
    named = Somewhere(direction="higher", where={"question": (others[0].name,)})
    rule = study().rule.model_copy(
        update={"predictions": (Prediction(name="yes", claim="it does", needs=(named,)),)}
    )
    with pytest.raises(ValueError, match="names the question 'best', which is declared secondary"):
        study(questions=changed.questions, rule=rule)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cohorts": (cohort("distance", 0), cohort("distance", 5))}, "have the name 'distance'"),
        ({"cohorts": (cohort("distance", 0),)}, "which is no declared cohort"),
        ({"agrees": "no"}, "is none of the predictions"),
    ],
)
def test_what_does_not_fit_is_refused(fields, reason):
    with pytest.raises(ValueError, match=reason):
        study(**fields)


@pytest.mark.parametrize(
    ("question", "n_seeds", "needed"),
    [
        (Tighter(name="asked", a="distance", b="category"), 2, "3 networks per cohort, not 2"),
        (Closer(name="asked", anchor="half", b="distance", c="one"), 3, "2 networks per cohort"),
        (Alike(name="asked", cohorts=("one", "another")), 3, "2 networks per cohort, not 1"),
        (Tracks(name="asked", cohorts=("distance",)), 2, "3 networks, not 2"),
    ],
)
def test_questions_that_so_few_networks_cannot_answer_are_refused(question, n_seeds, needed):
    learned = Contrast(name="learned", score=Performance(), a="distance", b=("half",))
    somewhere = Somewhere(direction="higher", where={"question": ("learned",)})
    rule = DecisionRule(
        margin=0.1,
        alpha=0.4,
        predictions=(Prediction(name="yes", claim="it does", needs=(somewhere,)),),
    )
    given = (
        cohort(name, 40, objective="category", weights=("torchvision:resnet18",))
        for name in ("one", "another")
    )
    cohorts = (*study().cohorts, *given)
    asked = study(cohorts=cohorts, questions=(learned, question), rule=rule)
    with pytest.raises(HypError, match=f"the question 'asked' needs at least {needed}"):
        make_plan(asked, "tiny", {"n_seeds": str(n_seeds), "alpha": "0.9"})


def test_no_cohort_is_called_as_the_stimuli_are():
    with pytest.raises(ValueError, match="no cohort may be called 'pixels'"):
        study(cohorts=(*study().cohorts, cohort("pixels", 40, objective="distance")))


def test_a_study_is_read_from_a_file(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "identity_alignment.toml"
    read = read_hypothesis(example)
    assert isinstance(read, Hypothesis)
    assert [question.kind for question in read.questions] == ["contrast"]
    need = read.rule.predictions[0].needs[0]
    assert (need.kind, need.direction, need.where) == (
        *("somewhere", "higher"),
        {"question": ("alignment",)},
    )
    assert make_plan(read, "laptop").untestable == ""
    wrong = tmp_path / "wrong.toml"
    for old, new, reason in (
        ('b = ["category"]', 'b = ["dog"]', "names 'dog', which is no declared cohort"),
        ("in alignment", "in aliment", "names 'aliment', which is no declared question"),
        ("first_seed = 400", "first_sed = 400", r"line 17, cohorts.0.first_sed: unknown key; did"),
        ("higher somewhere", "taller somewhere", "cannot read the need 'taller somewhere"),
    ):
        wrong.write_text(example.read_text().replace(old, new, 1))
        with pytest.raises(HypError, match=reason):
            read_hypothesis(wrong)


def test_settings_that_do_not_fit_are_one_sentence():
    with pytest.raises(HypError, match="has no cohort 'animals'"):
        make_plan(study(), "tiny", {"cohorts": "animals"})
    with pytest.raises(
        HypError, match="no question of everything is left to ask: the profile's cohorts leave out"
    ):
        make_plan(study(), "tiny", {"cohorts": "untrained"})
    with pytest.raises(HypError, match="unknown neural metric"):
        make_plan(study(), "tiny", {"neural_metric": "magic"})
    natural = study(cohorts=(*study().cohorts[1:], cohort("distance", 0, natural=True)))
    with pytest.raises(HypError, match="say where they are, for instance --set natural="):
        make_plan(natural, "tiny")
