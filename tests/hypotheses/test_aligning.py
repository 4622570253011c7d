"""Scoring the networks of a store against recordings in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.aligning import (
    AlignmentSpec,
    RecordedFile,
    RecordingSpec,
    SimulatedStream,
    alignment_step,
    find_recording,
    read_alignments,
    recording_step,
    refuse_other_content,
    select_models,
)
from hyp.hypotheses.recordings import digest_of
from hyp.hypotheses.run import run_steps
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural import (
    SimulatedRegion,
    neural_benchmark,
    neural_metric,
    score_region,
    sort_like_brainscore,
    write_assembly,
)
from hyp.models.specs import TrainSpec
from hyp.store import Step, Store
from hyp.store.activations import open_layer

N = 60
SPEC = AlignmentSpec(metric=neural_metric("ridge"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path):
    """A folder of images called s00.png and so on, with a latents table."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(N):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"s{number:02d}.png")
        rows.append({"file": f"s{number:02d}.png", "object_name": "abc"[number % 3]})
    pd.DataFrame(rows).to_csv(folder / "latents.csv", index=False)
    return folder


@pytest.fixture
def assembly(pictures):
    """V4 and IT, driven by the pixels, three repetitions; in an order of its own."""
    rng = np.random.default_rng(1)
    order = rng.permutation(N)
    names = [f"s{number:02d}" for number in order]
    flat = np.array([np.asarray(Image.open(pictures / f"{n}.png")).ravel() for n in names]) / 255
    drive = (flat - flat.mean(axis=0)) @ rng.normal(size=(flat.shape[1], 12))
    trials = np.concatenate([drive + 2 * rng.normal(size=drive.shape) for _ in range(3)])
    return xr.DataArray(
        trials,
        dims=("presentation", "neuroid"),
        coords={
            "stimulus_id": ("presentation", np.array(names * 3, dtype=object)),
            "object_name": (
                "presentation",
                np.array([*"abc"], dtype=object)[np.tile(order, 3) % 3],
            ),
            "repetition": ("presentation", np.repeat(np.arange(3), N)),
            "neuroid_id": ("neuroid", np.array([f"n{i}" for i in range(12)], dtype=object)),
            "region": ("neuroid", np.repeat(np.array(["V4", "IT"], dtype=object), 6)),
        },
    )


def images(source):
    return DatasetSpec(
        source=source, design=Design(), seed=0, n_images=source.capacity or N, n_val=0
    )


@pytest.fixture
def store(tmp_path):
    """Two untrained networks on engine images."""
    store = Store.create(tmp_path / "store")
    run_steps(store.pending(networks()), store)
    return store


def networks():
    source = open_source("engine", image_size=16, supersample=1)
    spec = DatasetSpec(source=source, design=Design(), seed=0, n_images=20, n_val=4)
    dataset = Step("datasets", spec.model_dump(mode="json"), label="full")
    return [
        Step(
            "models",
            TrainSpec(
                objective="distance", backbone="tiny_backbone:make", seed=seed, n_batches=0
            ).model_dump(mode="json"),
            {"dataset": dataset},
            label=f"untrained, seed {seed}",
        )
        for seed in (0, 1)
    ]


def imported(pictures, assembly, folder, **fields):
    path = write_assembly(assembly, folder / "responses.nc")
    spec = RecordingSpec(
        **{
            "name": "mine",
            "origin": RecordedFile(digest=digest_of(path)),
            "stratify": "object_name",
            **fields,
        }
    )
    source = open_source(f"folder:{pictures}", image_size=16)
    return recording_step(spec, images(source), path)


def test_scores_are_those_of_the_layers_by_hand(store, pictures, assembly, tmp_path):
    recording = imported(pictures, assembly, tmp_path)
    goals = [
        alignment_step(recording, model, SPEC, layers=("relu", "fc"))
        for model in select_models(store, {"objective": "untrained"})
    ]
    run_steps(store.pending(goals), store)
    table = read_alignments(store, goals)
    assert table[["objective", "seed", "region", "origin"]].to_numpy().tolist() == [
        ["untrained", seed, region, "recorded"] for seed in (0, 1) for region in ("V4", "IT")
    ]
    assert not store.pending(goals)

    activations = store.path(goals[0].inputs["grams"].inputs["activations"])
    stimuli = pd.read_parquet(store.path(recording.inputs["stimuli"]) / "latents.parquet")
    sorted_ = sort_like_brainscore(assembly)
    for region in ("V4", "IT"):
        benchmark = neural_benchmark(sorted_, region, stratify="object_name")
        rows = [list(stimuli["file"]).index(f"{one}.png") for one in benchmark.stimulus_id]
        grams = {
            layer: compute_gram(open_layer(activations, layer)["activation"].to_numpy()[rows])
            for layer in ("relu", "fc")
        }
        expected = score_region(grams, benchmark, SPEC.metric)
        row = table[(table["seed"] == 0) & (table["region"] == region)].iloc[0]
        assert row["score"] == pytest.approx(float(expected["score"]), abs=1e-9)
        assert row["ceiling"] == pytest.approx(float(expected["ceiling"]), abs=1e-9)
        stored = xr.open_zarr(store.path(goals[0]) / region)
        assert np.allclose(stored["raw"], expected["raw"], atol=1e-9)


def test_a_recording_is_found_by_name_and_its_name_kept(store, pictures, assembly, tmp_path):
    recording = imported(pictures, assembly, tmp_path)
    with pytest.raises(HypError, match="no recording 'mine'; import one first"):
        find_recording(store, "mine")
    run_steps(store.pending([recording]), store)
    assert find_recording(store, "mine") == recording
    refuse_other_content(store, recording)
    (tmp_path / "again").mkdir()
    other = imported(pictures, assembly + 1, tmp_path / "again")
    with pytest.raises(HypError, match="another recording 'mine'"):
        refuse_other_content(store, other)


def test_stimuli_without_an_image_are_counted(store, pictures, assembly, tmp_path):
    renamed = assembly.assign_coords(
        stimulus_id=("presentation", [f"x{name}" for name in assembly["stimulus_id"].to_numpy()])
    )
    with pytest.raises(HypError, match=r"60 of the 60 stimuli of mine have no image.*'s00'"):
        run_steps([*store.pending([imported(pictures, renamed, tmp_path)])], store)


def test_what_cannot_be_split_is_refused_when_it_is_imported(store, pictures, assembly, tmp_path):
    alone = assembly.assign_coords(object_name=("presentation", assembly["stimulus_id"].to_numpy()))
    with pytest.raises(HypError, match="cannot be split"):
        run_steps(store.pending([imported(pictures, alone, tmp_path)]), store)


def test_a_simulated_stream_says_so(store):
    regions = tuple(
        SimulatedRegion(
            region=name, layer=layer, n_neuroids=8, n_repetitions=repetitions, reliability=0.8
        )
        for name, layer, repetitions in (("V1", "layer1.0.relu", 4), ("IT", "layer2.0.relu", 6))
    )
    stream = SimulatedStream(regions=regions, hidden="resnet18")
    source = open_source("engine", image_size=16, supersample=1)
    recording = recording_step(RecordingSpec(name="sim", origin=stream), images(source))
    model = select_models(store, {"seed": "1"})[0]
    goal = alignment_step(recording, model, SPEC, layers=("relu",))
    run_steps(store.pending([goal]), store)
    table = read_alignments(store, [goal])
    assert table["region"].tolist() == ["V1", "IT"]
    assert set(table["origin"]) == {"simulated"}
    assert table["benchmark"].str.startswith("simulated").all()
    assert table["ceiling"].between(0.6, 1).all()


def test_networks_are_chosen_by_their_labels(store):
    assert len(select_models(store, {})) == 2
    assert len(select_models(store, {"seed": "1", "design": "full"})) == 1
    with pytest.raises(HypError, match="none of the 2 networks"):
        select_models(store, {"objective": "distance"})
    with pytest.raises(HypError, match="cannot be selected by 'colour'"):
        select_models(store, {"colour": "red"})
    recording = Step("recordings", {"name": "x"}, {"stimuli": Step("datasets", {})})
    with pytest.raises(HypError, match="name the candidate layers of tiny_backbone:make"):
        alignment_step(recording, select_models(store, {})[0], SPEC)
