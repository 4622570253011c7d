"""Training and extraction on a GPU give what the CPU gives, within tolerances stated here."""

import json

import numpy as np
import pytest
import torch
import zarr
from test_training import StoppedError, result, spec_of, stop_at
from tiny_networks import MemoryDataset, TinyNet

from hyp.metrics.decoding import decode
from hyp.metrics.gram import compute_gram
from hyp.metrics.similarity import similarity_matrix
from hyp.models import feeding, stepping
from hyp.models.extraction import extract
from hyp.models.specs import ExtractSpec
from hyp.models.training import Training, train, train_together

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here"),
]

SAME_KERNELS = {"rtol": 1e-5, "atol": 1e-6}
"""The same kernels with the same numbers, in whatever order a library adds them up."""
LIKE_CPU = 1e-4
"""Relative, in float32 without TF32."""


def waits_for_itself(num_outputs):
    class Waiting(TinyNet):
        def forward(self, images):
            assert np.isfinite(images.mean().item())
            return super().forward(images)

    network = Waiting(num_outputs)
    network.dropout = torch.nn.Identity()
    return network


def cuda_spec(**fields):
    return spec_of(device="cuda", **fields)


def assert_alike(one, other, **tolerances):
    assert one[2] == other[2]
    for name in one[0]:
        for key, value in one[0][name].items():
            found = other[0][name][key]
            np.testing.assert_allclose(found.float().cpu(), value.float().cpu(), **tolerances)


@pytest.fixture
def resnet(make_dataset, tmp_path):
    """A narrow ResNet trained for 10 batches on both devices: their folders."""
    dataset = make_dataset(n_images=48, size=64)
    for device in ("cpu", "cuda"):
        spec = spec_of(
            backbone="resnet18@8", n_batches=10, snapshots=(0,), learning_rate=1e-4, device=device
        )
        train(spec, dataset, tmp_path / device)
    return dataset, tmp_path


def test_training_is_like_the_cpus(resnet):
    _, folder = resnet
    histories = [
        json.loads((folder / name / "history.json").read_text()) for name in ("cpu", "cuda")
    ]
    weights = [result(folder / name)[0] for name in ("cpu", "cuda")]
    for key, value in weights[0]["weights-00000000.pt"].items():
        assert torch.equal(value, weights[1]["weights-00000000.pt"][key].cpu())
    for task in ("distance", "category"):
        one, other = (history["training"][task] for history in histories)
        np.testing.assert_allclose(other, one, rtol=10 * LIKE_CPU)
    one, other = ([row["value"] for row in history["evaluation"]] for history in histories)
    np.testing.assert_allclose(other, one, rtol=0.01)


def test_extraction_and_metrics_are_like_the_cpus(resnet):
    dataset, folder = resnet
    layers = ("layer1.0.relu", "layer4.0.relu", "avgpool")
    for device in ("cpu", "cuda"):
        spec = ExtractSpec(layers=layers, batch_size=20, device=device)
        extract(spec, folder / "cpu", dataset, folder / f"{device}-activations")
    grams = {}
    for device in ("cpu", "cuda"):
        group = zarr.open_group(folder / f"{device}-activations", mode="r")
        arrays = {name: np.asarray(group[f"{name}/activation"]) for name in layers}
        grams[device] = {name: compute_gram(array) for name, array in arrays.items()}
    for name in layers:
        one, other = (grams[device][name].K for device in ("cpu", "cuda"))
        assert np.linalg.norm(one - other) <= LIKE_CPU * np.linalg.norm(one)
    targets = {"rel_pos_x": dataset.table["rel_pos_x"].to_numpy()}
    scores = [
        decode(found["layer4.0.relu"], targets, {"rel_pos_x": "continuous"}, n_folds=3, svm_c=0.01)
        for found in grams.values()
    ]
    numbers = [table.select_dtypes("float") for table in scores]
    np.testing.assert_allclose(*numbers, atol=1e-3)
    loads = [lambda gram=gram: gram for gram in grams["cpu"].values()]
    for measure in ("cka", "rsa-correlation", "rsa-euclidean"):
        one, other = (similarity_matrix(loads, measure, device=name) for name in ("cpu", "cuda"))
        np.testing.assert_allclose(other, one, atol=1e-12)


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_recorded_steps_are_the_launched_ones(dataset, tmp_path, monkeypatch, schedule):
    spec = cuda_spec(schedule=schedule, snapshots=(7,), evaluate_every=6)
    train(spec, dataset, tmp_path / "recorded")
    monkeypatch.setattr(stepping, "EAGER_STEPS", 10**6)
    train(spec, dataset, tmp_path / "launched")
    assert_alike(result(tmp_path / "recorded"), result(tmp_path / "launched"), **SAME_KERNELS)


def test_resumed_is_like_uninterrupted(dataset, tmp_path):
    spec = cuda_spec(schedule="cosine", snapshots=(7, 20), evaluate_every=6)
    train(spec, dataset, tmp_path / "whole")
    for stop in (9, 17):
        with pytest.raises(StoppedError):
            train(spec, dataset, tmp_path / "cut", progress=stop_at(stop), resume_every=0)
    train(spec, dataset, tmp_path / "cut")
    assert_alike(result(tmp_path / "whole"), result(tmp_path / "cut"), **SAME_KERNELS)


def test_together_is_like_alone(dataset, tmp_path):
    specs = [cuda_spec(seed=seed, backbone="resnet18@8", n_batches=24) for seed in range(3)]
    specs += [cuda_spec(seed=3), cuda_spec(seed=4, schedule="cosine", n_batches=32)]
    both = [
        [Training(spec, dataset, tmp_path / how / str(spec.seed)) for spec in specs]
        for how in ("alone", "together")
    ]
    for training in both[0]:
        assert train_together([training]) == [None]
    assert train_together(both[1]) == [None] * len(specs)
    for one, other in zip(*both, strict=True):
        assert_alike(result(one.folder), result(other.folder), **SAME_KERNELS)


def test_held_images_are_the_read_ones(dataset, tmp_path, monkeypatch):
    spec = cuda_spec()
    train(spec, dataset, tmp_path / "held")
    monkeypatch.setattr(feeding, "_SHARE_OF_MEMORY", 0.0)
    train(spec, dataset, tmp_path / "read")
    assert_alike(result(tmp_path / "held"), result(tmp_path / "read"), **SAME_KERNELS)


def test_bf16_learns_as_the_cpu_does(dataset, tmp_path):
    for device in ("cpu", "cuda"):
        spec = spec_of(device=device, precision="bf16", channels_last=True, n_batches=10)
        train(spec, dataset, tmp_path / device)
    one, other = (
        json.loads((tmp_path / name / "history.json").read_text())["training"]["category"]
        for name in ("cpu", "cuda")
    )
    np.testing.assert_allclose(other, one, rtol=0.05)


def test_a_network_that_cannot_be_recorded_is_trained_all_the_same(dataset, tmp_path):
    spec = cuda_spec(backbone="test_models_cuda:waits_for_itself")
    with pytest.warns(UserWarning, match="cannot be recorded"):
        train(spec, dataset, tmp_path / "waiting")
    train(cuda_spec(), MemoryDataset(), tmp_path / "after")
    assert (tmp_path / "after" / "model.json").exists()
