"""Four ResNet-18 checkpoints scored by the real Brain-Score and by hyp; needs its environment."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "metrics"))

from brainscore_synthetic import Case, as_assembly, make_case

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.making import make_dataset
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.aligning import (
    AlignmentSpec,
    RecordedFile,
    RecordingSpec,
    SimulatedStream,
    alignment_step,
    read_alignments,
    recording_step,
    select_models,
)
from hyp.hypotheses.official import OfficialSpec, official_benchmarks, official_step
from hyp.hypotheses.recordings import digest_of, record_stream
from hyp.hypotheses.run import run_steps
from hyp.metrics.brainscore.environment import open_environment
from hyp.metrics.brainscore.local import write_local_benchmark
from hyp.metrics.brainscore.networks import describe_checkpoint
from hyp.metrics.brainscore.results import read_raw, score_table
from hyp.metrics.brainscore.scoring import score_cohort
from hyp.metrics.neural import SimulatedRegion, write_assembly
from hyp.models.specs import TrainSpec
from hyp.store import Step, Store

SIZE = 32
N = 120
LAYERS = ("layer3.1.relu", "layer4.0.relu", "avgpool")
COHORT = [("distance", 0), ("distance", 1), ("category", 2), ("rotation", 3)]
SINGLE_PRECISION = 2e-5


def installed() -> bool:
    try:
        open_environment()
    except HypError:
        return False
    return True


pytestmark = pytest.mark.skipif(not installed(), reason="Brain-Score is not installed")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """Four networks after a few batches, so that no two have the same weights."""
    store = Store.create(tmp_path_factory.mktemp("cohort") / "store")
    source = open_source("engine", image_size=SIZE, supersample=1)
    images = DatasetSpec(source=source, design=Design(), seed=0, n_images=80, n_val=16)
    dataset = Step("datasets", images.model_dump(mode="json"), label="full")
    steps = []
    for objective, seed in COHORT:
        spec = TrainSpec(
            objective=objective, backbone="resnet18", seed=seed, n_batches=6, batch_size=16
        )
        label = f"{objective}, {seed}"
        steps.append(
            Step("models", spec.model_dump(mode="json"), {"dataset": dataset}, label=label)
        )
    run_steps(store.pending(steps), store)
    return store


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory) -> Dataset:
    """Images of eight objects, fifteen each."""
    source = open_source("engine", image_size=SIZE, supersample=1)
    design = Design.parse("categories=8")
    spec = DatasetSpec(source=source, design=design, seed=7, n_images=8 * N, n_val=0)
    folder = tmp_path_factory.mktemp("stimuli") / "made"
    make_dataset(spec, folder)
    return Dataset.open(folder)


def majajhong_layout(stimuli: Dataset, rows: np.ndarray) -> tuple[xr.DataArray, list[str]]:
    """Neuroids that see the pixels, in the layout of MajajHong2015.public."""
    case = Case(seed=11, n_stimuli=N, n_neuroids=8, n_repetitions=5, missing=0.1)
    recording = make_case(case)
    assembly = as_assembly(recording, case)
    pixels = stimuli.images(rows)[:, ::2, ::2].reshape(N, -1) / 255.0
    drive = (pixels - pixels.mean(axis=0)) @ np.random.RandomState(3).randn(pixels.shape[1], 8)
    drive /= drive.std(axis=0)
    names = [str(name) for name in recording.stimulus_id]
    return assembly + 2 * drive[recording.presentation_stimulus], names


def simulated(stimuli: Dataset, rows: np.ndarray) -> tuple[xr.DataArray, list[str]]:
    """V4 and IT of a hidden ResNet-18."""
    regions = tuple(
        SimulatedRegion(region=name, layer=layer, n_neuroids=8, n_repetitions=6, reliability=0.8)
        for name, layer in (("V4", "layer2.0.relu"), ("IT", "layer4.1.relu"))
    )
    assembly = record_stream(SimulatedStream(regions=regions, seed=5), stimuli)
    names = [f"stimulus_{row:05d}" for row in rows]
    shown = [name in set(names) for name in assembly["stimulus_id"].to_numpy().tolist()]
    chosen = assembly.isel(presentation=np.flatnonzero(shown))
    return chosen.rename(category="object_name"), names


@pytest.mark.parametrize("make", [majajhong_layout, simulated])
def test_scores_ceilings_and_layers_are_the_same(make, store, stimuli, tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing is ever downloaded here
    by_object = stimuli.table.groupby("category", sort=True).head(N // 8)
    rows = by_object.sort_values("category", kind="stable").index.to_numpy()
    rows = rows.reshape(8, -1).T.ravel()  # objects take turns, as in the synthetic recording
    assembly, names = make(stimuli, rows)

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    files = {name: pictures / f"{name}.png" for name in names}
    for name, image in zip(names, stimuli.images(rows), strict=True):
        Image.fromarray(image).save(files[name])
    table = pd.DataFrame({"file": [path.name for path in files.values()], "position": range(N)})
    table.to_csv(pictures / "latents.csv", index=False)

    path = write_assembly(assembly, tmp_path / "responses.nc")
    recording = recording_step(
        RecordingSpec(
            name="shown", origin=RecordedFile(digest=digest_of(path)), stratify="object_name"
        ),
        DatasetSpec(
            source=open_source(f"folder:{pictures}", image_size=SIZE),
            design=Design(),
            seed=0,
            n_images=N,
            n_val=0,
        ),
        path,
    )
    models = select_models(store, {})
    spec = AlignmentSpec(protocol="published")
    goals = [alignment_step(recording, model, spec, layers=LAYERS) for model in models]
    run_steps(store.pending(goals), store)
    native = read_alignments(store, goals)

    for region in sorted(set(assembly["region"].to_numpy().tolist())):
        here = assembly.isel(neuroid=np.flatnonzero(assembly["region"].to_numpy() == region))
        benchmark = write_local_benchmark(
            tmp_path / region, here, name="shown", region=region, images=files
        )
        networks = [describe_checkpoint(store.path(model), layers=LAYERS) for model in models]
        scored = score_cohort(networks, [benchmark], tmp_path / "out", reduce=False)
        assert scored.failures == ()
        raw = read_raw(tmp_path / "out", benchmark.identifier)
        official = scored.scores.sel(benchmark=benchmark.identifier)
        ours = native[native["region"] == region].set_index(["objective", "seed"])
        assert len(ours) == len(COHORT)
        for objective, seed in COHORT:
            theirs = official.isel(
                model=(official["objective"] == objective) & (official["seed"] == seed)
            )
            row = ours.loc[(objective, seed)]
            assert row["ceiling"] == pytest.approx(float(theirs["ceiling"].item()), abs=1e-8)
            assert row["score"] == pytest.approx(
                float(theirs["score"].item()), abs=SINGLE_PRECISION
            )
            assert row["layer"] == theirs["layer"].item()
        assert raw["layer_score"].sizes["layer"] == len(LAYERS)
        assert ours["score"].std() > 10 * SINGLE_PRECISION


def test_brainscores_numbers_are_a_step(store, stimuli, tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    rows = np.arange(N)
    assembly, names = majajhong_layout(stimuli, rows)
    files = {name: tmp_path / f"{name}.png" for name in names}
    for name, image in zip(names, stimuli.images(rows), strict=True):
        Image.fromarray(image).save(files[name])
    folder = tmp_path / "IT"
    benchmark = write_local_benchmark(folder, assembly, name="shown", region="IT", images=files)
    folders = official_benchmarks([str(folder)])
    assert folders == {benchmark.identifier: str(folder)}
    model = select_models(store, {"seed": "2"})[0]
    spec = OfficialSpec(
        benchmarks=tuple(folders),
        layers=("avgpool",),
        readout="avgpool",
        image_size=SIZE,
        environment="",
    )
    goal = official_step(model, spec, folders)
    run_steps(store.pending([goal]), store)
    [row] = pd.read_parquet(store.path(goal) / "scores.parquet").to_dict("records")
    network = describe_checkpoint(store.path(model), layers=("avgpool",))
    [alone] = score_table(score_cohort([network], [benchmark], tmp_path / "out").scores).to_dict(
        "records"
    )
    assert (row["region"], row["layer"]) == ("IT", "avgpool")
    assert row["score"] == pytest.approx(alone["score"], rel=1e-9)
    assert sorted(path.name for path in store.path(goal).iterdir()) == [
        "artifact.json",
        "results",
        "scores.parquet",
    ]
