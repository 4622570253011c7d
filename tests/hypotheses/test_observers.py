"""Observers' choices in a store: planned, stored, and networks scored against them."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "metrics"))

from behaviour_synthetic import IMAGES_EACH, OBJECTS, labels, observers

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source, places
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.claims.few_latents import FEW_LATENTS
from hyp.hypotheses.claims.performance_alignment import PERFORMANCE_ALIGNMENT
from hyp.hypotheses.gathering import gather_scores
from hyp.hypotheses.observers import choices_step, consistency_step, images_of
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.recordings import digest_of
from hyp.hypotheses.run import run_steps
from hyp.metrics.behaviour import choice_probabilities, consistency, trials_from_table
from hyp.models.extraction import respond
from hyp.models.hardware import Numerics
from hyp.models.specs import ExtractSpec, TrainSpec
from hyp.store import Step, Store

SIZE = 16
LAYER = "relu"
NUMERICS = Numerics("fp32", False, "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of four objects in no particular order, the last two of each judged by nobody."""
    place = tmp_path_factory.mktemp("seen") / "observers"
    (place / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    shown = np.concatenate([labels(IMAGES_EACH), labels(2)])
    base = {name: random.integers(0, 256, (SIZE, SIZE, 3)) for name in OBJECTS}
    rows = []
    for number in random.permutation(len(shown)):
        label = shown[number]
        pixels = np.clip(base[label] + random.normal(0, 40, (SIZE, SIZE, 3)), 0, 255)
        file = f"{len(rows):03d}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(place / "images" / file)
        rows.append(
            {"category": label, "file": file, "stimulus_id": f"image{number:02d}", "label": label}
        )
    pd.DataFrame(rows).to_csv(place / "images" / "latents.csv", index=False)
    observers().to_csv(place / "trials.csv", index=False)
    return place


def choices(folder):
    shown = open_source(f"folder:{folder / 'images'}", image_size=SIZE)
    images = DatasetSpec(source=shown, design=Design(), seed=0, n_images=shown.capacity, n_val=0)
    path = folder / "trials.csv"
    return choices_step("seen", path, digest_of(path), images)


def network(folder):
    shown = open_source(f"folder:{folder / 'images'}", image_size=SIZE)
    images = DatasetSpec(source=shown, design=Design(), seed=0, n_images=32, n_val=8)
    dataset = Step("datasets", images.model_dump(mode="json"), label="d", places=places(shown))
    spec = TrainSpec(objective="category", backbone="tiny_backbone:make", n_batches=0, seed=3)
    return Step("models", spec.model_dump(mode="json"), {"dataset": dataset}, label="n")


def test_a_network_is_scored_against_observers(folder, tmp_path):
    store = Store.create(tmp_path / "store")
    model = network(folder)
    goal = consistency_step(
        choices(folder), model, layer=LAYER, snapshot=None, numerics=NUMERICS, threads=1
    )
    run_steps(store.pending([goal]), store)
    [row] = pd.read_parquet(store.path(goal) / "scores.parquet").to_dict("records")

    stimuli = Dataset.open(store.path(goal.inputs["stimuli"]))
    found = respond(
        ExtractSpec(layers=(LAYER,)), store.path(model), stimuli, backbone="tiny_backbone:make"
    )[LAYER]
    by_name = dict(zip(stimuli.table["stimulus_id"], found, strict=True))
    judged = [f"image{number:02d}" for number in range(24)]
    fitted = [f"image{number:02d}" for number in range(24, 32)]
    wanted = consistency(
        choice_probabilities(
            np.array([by_name[name] for name in fitted]),
            labels(2),
            np.array([by_name[name] for name in judged]),
            OBJECTS,
        ),
        trials_from_table(observers(), "them"),
    )
    assert row["score"] == pytest.approx(wanted.score, abs=1e-4)
    assert row["ceiling"] == pytest.approx(wanted.ceiling.mean())
    assert (row["measured"], row["layer"]) == ("i2n", LAYER)

    profile = FEW_LATENTS.profile("laptop")
    scores = gather_scores({"behaviour:distance:3:end": store.path(goal)}, {}, profile)
    assert scores[["kind", "cohort", "measured", "chosen"]].to_numpy().tolist() == [
        ["behaviour", "distance", "i2n", LAYER]
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"label": "bear"}, "18 images of seen have another label than the trials say"),
        ({"label": None}, "the images of seen have no column label"),
        ({"stimulus_id": "x"}, "24 of the 24 stimuli of seen have no image"),
    ],
)
def test_images_that_do_not_fit_are_refused(folder, change, told):
    table = pd.read_csv(folder / "images" / "latents.csv").assign(**change)
    with pytest.raises(HypError, match=told):
        images_of(trials_from_table(observers(), "s"), table.dropna(axis=1, how="all"), "seen")


def test_where_all_images_were_judged_the_readout_is_fitted_to_all(folder):
    table = pd.read_csv(folder / "images" / "latents.csv")
    trials = trials_from_table(observers(), "s")
    judged, fitted = images_of(trials, table, "seen")
    assert (len(judged), len(fitted), set(judged) & set(fitted)) == (24, 8, set())
    some = table[table["stimulus_id"].isin(trials.stimulus_id)].reset_index(drop=True)
    judged, fitted = images_of(trials, some, "seen")
    assert judged == fitted


def test_questions_about_behaviour_are_asked_where_there_are_observers(folder):
    name = "distance, behaviour"
    fixed = {"device": "cpu", "precision": "fp32", "layers": ("layer1.0.relu", "avgpool")}
    told = dict(make_plan(FEW_LATENTS, "short", fixed).left_out)
    assert told[name] == "the profile names no observers (--set behaviour=...)"
    wanted = {**fixed, "behaviour": str(folder), "questions": ("distance", name)}
    made = make_plan(FEW_LATENTS, "short", wanted)
    steps = {role: one for role, one in made.goal.inputs.items() if role.startswith("behaviour:")}
    assert {role.split(":")[1] for role in steps} == {"distance", "category"}
    assert {one.spec["layers"][0] for one in steps.values()} == {"avgpool"}
    profile = FEW_LATENTS.profile("short", wanted)
    assert made.asked.questions[-1].places(profile, {}) == [("i2n", "")]

    tracked = make_plan(
        PERFORMANCE_ALIGNMENT,
        "short",
        {**fixed, "behaviour": str(folder), "questions": (name, "distance and category networks")},
    )
    at = {role.split(":")[3] for role in tracked.goal.inputs if role.startswith("behaviour:")}
    assert at == {"end", "20", "40", "60"}
