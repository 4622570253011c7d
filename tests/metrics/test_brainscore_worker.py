"""The real Brain-Score through the worker; skipped where its environment is not installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import brainscore_toy as toy
import numpy as np
import pytest
import torch
import xarray as xr
from brainscore_synthetic import CASES
from make_brainscore_reference import REFERENCE, compare_case
from PIL import Image

from hyp.datasets.sources import open_source
from hyp.errors import HypError
from hyp.metrics.brainscore.client import Worker, WorkerError
from hyp.metrics.brainscore.environment import default_folder, open_environment
from hyp.metrics.brainscore.exporting import export_benchmark
from hyp.metrics.brainscore.identifiers import PAPER_BENCHMARKS, benchmark_data, check_identifiers
from hyp.metrics.brainscore.local import LocalBenchmark
from hyp.metrics.brainscore.results import read_raw
from hyp.metrics.brainscore.scoring import compare_features, score_cohort
from hyp.metrics.neural import (
    internal_consistency,
    neural_benchmark,
    read_assembly,
    sort_like_brainscore,
)
from hyp.models.inputs import IMAGENET_MEAN, IMAGENET_SD


def installed() -> bool:
    try:
        open_environment()
    except HypError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not installed(), reason=f"Brain-Score is not installed in {default_folder()}"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("brainscore")
    (folder / "brainscore_toy_network.py").write_text(toy.SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing is ever downloaded here
        yield folder


@pytest.fixture(scope="module")
def worker(place: Path) -> Iterator[Worker]:
    with Worker(open_environment(), place / "worker") as running:
        yield running


@pytest.fixture(scope="module")
def benchmark(place: Path) -> LocalBenchmark:
    return toy.toy_benchmark(place)


@pytest.mark.parametrize("name", ["few_features", "one_neuroid"])
def test_the_committed_reference_is_what_brain_score_gives(
    place: Path, worker: Worker, name: str
) -> None:
    reference = json.loads(REFERENCE.read_text())["cases"][name]
    found = compare_case(name, place / "cases", worker)
    for key in ("raw_score", "ceiling", "score", "error", "ceiling_error"):
        assert float(found[key]) == pytest.approx(reference[key], abs=1e-10)
    raw = np.array(reference["raw"], dtype=float)
    assert np.allclose(found["raw_score_values"], raw, atol=1e-9, rtol=0)
    assert found["raw_score_values"].shape == (10, CASES[name].n_neuroids)
    ceiling = np.array(reference["ceiling_raw"], dtype=float)
    assert np.allclose(found["ceiling_values"], ceiling, atol=1e-9, rtol=0)


def test_a_cohort_is_scored_and_layers_are_chosen_by_their_scores(
    place: Path, worker: Worker, benchmark: LocalBenchmark
) -> None:
    networks = [toy.toy_network(place, seed) for seed in (0, 1)]
    seen: list[str] = []
    out = place / "out"
    scored = score_cohort(
        networks,
        [benchmark],
        out,
        reduce=False,
        progress=lambda done, total, text: seen.append(text),
    )
    assert scored.failures == ()
    assert sum("starting" in text for text in seen) == 1
    raw = read_raw(out, benchmark.identifier)
    for row in range(len(networks)):
        one = scored.scores.isel(benchmark=0, model=row)
        layer = str(one["layer"].item())
        layers = raw["layer_score"].sel(model=one["model"].item())
        assert layer == str(layers["layer"].to_numpy()[int(layers.to_numpy().argmax())])
        assert float(one["score"]) == pytest.approx(float(layers.max()), abs=1e-9)
    # The same features, computed here, get the same score without Brain-Score's extraction.
    features, ids = features_of(place, networks[-1].weights, layer)
    direct = compare_features(features, ids, benchmark, place / "direct", worker=worker)
    assert float(one["raw_score"]) == pytest.approx(float(direct["raw_score"]), abs=1e-5)
    assert float(one["ceiling"]) == float(direct["ceiling"])
    assert float(scored.scores["raw_score"].min()) > 0.5  # neuroids see the pixels
    left = list((out / "worker" / "results").glob("*activations*/*"))
    assert left == []  # gigabytes in a real cohort


def test_reduction_changes_nothing_where_layers_are_small(
    place: Path, benchmark: LocalBenchmark
) -> None:
    random = np.random.RandomState(0)
    (place / "pca").mkdir()
    for number in range(1000):
        pixels = random.randint(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / "pca" / f"{number}.png")
    networks = [toy.toy_network(place, 0)]
    reduced = score_cohort(networks, [benchmark], place / "out2", pca_images=place / "pca").scores
    plain = score_cohort(networks, [benchmark], place / "out", reduce=False).scores
    one = plain.isel(model=plain["name"].to_numpy() == "toy-0")
    assert float(reduced["score"].item()) == float(one["score"].item())
    assert reduced["layer"].item() == one["layer"].item()
    assert reduced["model"].item() != one["model"].item()  # another setting, another identity


def named(assembly: xr.DataArray, names: list[str]) -> list[list[object]]:
    return np.stack([assembly[name].to_numpy().astype(str) for name in names], axis=1).tolist()


def test_an_exported_recording_is_what_was_recorded(
    place: Path, worker: Worker, benchmark: LocalBenchmark
) -> None:
    folder = export_benchmark(benchmark, place / "exported", worker=worker)
    assembly = read_assembly(folder / "assembly.nc")
    with xr.open_dataset(benchmark.folder / "assembly.nc") as recorded:
        wanted = recorded["response"].load()
    places = ["stimulus_id", "repetition"]
    theirs = wanted.to_pandas().to_numpy()
    order = {key: row for row, key in enumerate(map(tuple, named(wanted, places)))}
    rows = [order[key] for key in map(tuple, named(assembly, places))]
    assert np.array_equal(assembly.squeeze().to_numpy(), theirs[rows])
    assert set(assembly["region"].to_numpy()) == {benchmark.region}
    native = internal_consistency(
        neural_benchmark(
            sort_like_brainscore(assembly.squeeze()), benchmark.region, stratify="object_name"
        )
    )
    ids = np.unique(assembly["stimulus_id"].to_numpy())
    features = np.random.default_rng(0).normal(size=(len(ids), 40))
    official = compare_features(features, ids, benchmark, place / "ceiling", worker=worker)
    assert native.value == pytest.approx(float(official["ceiling"]), abs=1e-8)

    source = open_source(f"folder:{folder / 'images'}", image_size=32)
    assert source.capacity == len(ids)
    assert set(source.columns()["stimulus_id"]) == set(ids)
    assert export_benchmark(benchmark, place / "exported") == folder  # what is there is kept


def test_refusals_are_sentences_of_a_kind(
    place: Path, worker: Worker, benchmark: LocalBenchmark
) -> None:
    network = toy.toy_network(place, 5)
    spec = {
        "identifier": "x",
        "architecture": network.architecture,
        "n_outputs": 5,
        "weights": str(network.weights),
        "sha256": network.sha256,
        "layers": ["late"],
        "readout": "late",
        "image_size": toy.SIZE,
        "region_layers": {},
        "source": str(network.source),
        "batch_size": 8,
        "reduce": False,
    }
    local = {"identifier": benchmark.identifier, "local": benchmark.spec()}
    wrong = [
        ({**spec, "sha256": "0" * 64}, local, "checkpoint", "changed since"),
        ({**spec, "n_outputs": 6}, local, "checkpoint", "do not fit"),
        ({**spec, "layers": ["lat"]}, local, "layer", "did you mean late"),
        (spec, {"identifier": "Nobody2000-pls"}, "benchmark", "no benchmark 'Nobody2000-pls'"),
        (spec, {"identifier": PAPER_BENCHMARKS[3]}, "network", "storage does not answer"),
    ]
    for number, (model, wanted, kind, sentence) in enumerate(wrong):
        model = {**model, "identifier": f"wrong-{number}"}
        out = place / "refused.npz"
        with pytest.raises(WorkerError, match=sentence) as caught:
            worker.request("score", model=model, benchmark=wanted, out=str(out))
        assert caught.value.kind == kind
        assert "\n" not in str(caught.value)
        assert not out.exists()


def test_the_papers_benchmarks_are_registered_with_known_files() -> None:
    package = open_environment().package
    check_identifiers(list(PAPER_BENCHMARKS), package)
    for name in PAPER_BENCHMARKS:
        files = benchmark_data(name, package)
        assert files is not None
        assert sorted(file.name.rpartition(".")[2] for file in files) == ["csv", "nc", "zip"]


def features_of(folder: Path, weights: Path, layer: str) -> tuple[np.ndarray, list[str]]:
    """Activations of the toy network by torch alone, flattened, in float32."""
    import brainscore_toy_network  # type: ignore[import-not-found]

    network = brainscore_toy_network.build(5).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    paths = sorted((folder / "pixels").glob("*.png"))
    pixels = np.array([np.asarray(Image.open(path)) for path in paths], dtype=np.float32)
    images = (pixels / 255 - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_SD)
    with torch.inference_mode():
        values = torch.from_numpy(images).permute(0, 3, 1, 2)
        for name, module in network.named_children():
            values = module(values)
            if name == layer:
                break
    return values.flatten(1).numpy(), [path.stem for path in paths]
