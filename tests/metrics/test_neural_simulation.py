"""The simulated ventral stream: what was planted is found, and it is called simulated."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural import (
    VENTRAL_STREAM,
    Pls,
    SimulatedRegion,
    align_gram,
    drive_from_arrays,
    drive_from_network,
    internal_consistency,
    neural_benchmark,
    read_assembly,
    score_layer,
    score_region,
    simulate_ventral_stream,
    write_assembly,
)

METRIC = Pls(n_components=12)


def _regions(**changes):
    usual = {"n_neuroids": 40, "n_repetitions": 6, "reliability": 0.7} | changes
    return (
        SimulatedRegion(region="V1", layer="early", **usual),
        SimulatedRegion(region="IT", layer="late", **usual),
    )


def _hidden(n=200, seed=0):
    """Return two unrelated layers with a few strong dimensions each."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal((n, 10)) @ rng.standard_normal((10, 90))
        for name in ("early", "late")
    }


def _record(n=200, **changes):
    features, regions = _hidden(n), _regions(**changes)
    drives = drive_from_arrays(features, regions, seed=3)
    return features, simulate_ventral_stream(drives, regions, seed=3)


def test_public_sizes():
    sizes = {r.region: (r.n_neuroids, r.n_repetitions) for r in VENTRAL_STREAM}
    assert sizes == {"V1": (102, 20), "V2": (103, 20), "V4": (88, 46), "IT": (168, 46)}


@pytest.mark.parametrize("reliability", [0.5, 0.9])
def test_the_ceiling_estimate_recovers_the_planted_reliability(reliability):
    _, assemblies = _record(n=800, reliability=reliability)
    for region, assembly in assemblies.items():
        planted = assembly["reliability"].to_numpy()
        assert np.median(planted) == pytest.approx(reliability, abs=0.01)
        assert np.ptp(planted) > 0.1
        ceiling = internal_consistency(neural_benchmark(assembly, region))
        assert ceiling.value == pytest.approx(reliability, abs=0.03)
        each = ceiling.raw.mean(axis=0)
        assert np.abs(each - planted).max() < 0.12
        assert np.corrcoef(each, planted)[0, 1] > 0.9


def test_the_true_layer_reaches_the_ceiling_and_better_models_score_better():
    features, assemblies = _record(n=600)
    benchmark = neural_benchmark(assemblies["IT"], "IT")
    rng = np.random.default_rng(0)
    scores = []
    for noise in (0, 4, 20):
        model = features["late"] + noise * rng.standard_normal(features["late"].shape)
        scores.append(float(score_layer(compute_gram(model), benchmark, METRIC)["score"]))
    assert scores[0] == pytest.approx(1, abs=0.03)
    assert all(better > worse + 0.02 for better, worse in pairwise(scores))
    unrelated = score_layer(compute_gram(features["early"]), benchmark, METRIC)
    assert float(unrelated["score"]) < 0.01
    true = score_layer(compute_gram(features["late"]), benchmark, METRIC, formula="2024")
    assert float(true["score"]) == pytest.approx(1 / 0.7, abs=0.06)


def test_without_noise_the_true_layer_explains_everything():
    features, assemblies = _record(reliability=1.0, n_repetitions=2)
    benchmark = neural_benchmark(assemblies["V1"], "V1")
    scored = score_layer(compute_gram(features["early"]), benchmark, METRIC)
    assert float(scored["ceiling"]) == pytest.approx(1, abs=1e-6)
    assert float(scored["score"]) == pytest.approx(1, abs=1e-6)


def test_every_region_finds_its_own_layer():
    features, assemblies = _record()
    grams = {name: compute_gram(X) for name, X in features.items()}
    for region, layer in (("V1", "early"), ("IT", "late")):
        found = score_region(grams, neural_benchmark(assemblies[region], region), METRIC)
        assert set(found["layer"].to_numpy()) == {layer}


def test_it_is_called_simulated_wherever_it_goes(tmp_path):
    features, assemblies = _record(n=100)
    assembly = read_assembly(write_assembly(assemblies["IT"], tmp_path / "it.zarr"))
    assert assembly.attrs["origin"] == "simulated"
    assert all("simulated" in name for name in assembly["neuroid_id"].to_numpy())
    benchmark = neural_benchmark(assembly, "IT", name="MajajHong2015public.IT-pls")
    assert benchmark.simulated
    assert benchmark.name == "simulated-MajajHong2015public.IT-pls"
    scored = score_layer(compute_gram(features["late"]), benchmark, METRIC)
    assert scored.attrs["origin"] == "simulated"
    assert scored.attrs["benchmark"] == benchmark.name


def test_seeded():
    _, first = _record(n=50)
    _, again = _record(n=50)
    np.testing.assert_array_equal(first["IT"], again["IT"])
    features, regions = _hidden(50), _regions()
    other = simulate_ventral_stream(drive_from_arrays(features, regions, seed=3), regions, seed=4)
    assert np.abs(first["IT"] - other["IT"]).max() > 0.1
    wide = {name: np.hstack([X] * 60) for name, X in features.items()}
    assert wide["late"].shape[1] > 4096
    drives = drive_from_arrays(wide, regions, seed=3)
    few = drive_from_arrays({name: X[:7] for name, X in wide.items()}, regions, seed=3)
    np.testing.assert_allclose(few["IT"], drives["IT"][:7], rtol=0, atol=1e-10)


def test_latents_drive_the_share_declared():
    features = _hidden(600)
    regions = _regions(latent_share=0.6, reliability=1.0, n_repetitions=1)
    x = np.random.default_rng(5).uniform(-1, 1, 600)
    drives = drive_from_arrays(features, regions, seed=3)
    assembly = simulate_ventral_stream(drives, regions, seed=3, latents={"rel_pos_x": x})["IT"]
    explained = [
        np.corrcoef(assembly[:, i], x)[0, 1] ** 2 for i in range(assembly.sizes["neuroid"])
    ]
    assert np.mean(explained) == pytest.approx(0.6, abs=0.05)
    np.testing.assert_array_equal(assembly["rel_pos_x"], x)
    with pytest.raises(HypError, match="V1 reads from latents, but there are none"):
        simulate_ventral_stream(drives, regions, seed=3)


class _Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.early = nn.Conv2d(3, 4, 3, stride=2)
        self.late = nn.Conv2d(4, 8, 3, stride=2)
        self.drop = nn.Dropout(0.5)

    def forward(self, images):
        return self.late(self.drop(torch.relu(self.early(images)))).mean((2, 3))


def test_records_from_a_hidden_network():
    torch.manual_seed(0)
    network, regions = _Tiny(), _regions()
    images = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    drives = drive_from_network(network, images, regions, seed=3, batch_size=4)
    assert network.training
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalised = ((images / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    with torch.inference_mode():
        early = network.early(torch.from_numpy(normalised))
        late = network.late(torch.relu(early))
    features = {"early": early.flatten(1).numpy(), "late": late.flatten(1).numpy()}
    for region, drive in drive_from_arrays(features, regions, seed=3).items():
        np.testing.assert_allclose(drives[region], drive, rtol=0, atol=1e-3)


def test_an_untrained_network_depends_on_the_seed_alone():
    regions = (
        SimulatedRegion(region="V1", layer="relu", n_neuroids=3, n_repetitions=2, reliability=0.8),
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    torch.manual_seed(17)
    expected = torch.rand(1)
    torch.manual_seed(17)
    first = drive_from_network("resnet18", images, regions, seed=3)["V1"]
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(
        first, drive_from_network("resnet18", images, regions, seed=3)["V1"]
    )
    assert np.abs(drive_from_network("resnet18", images, regions, seed=4)["V1"] - first).max() > 1


def test_stimuli_are_named_and_described():
    features, regions = _hidden(20), _regions(n_repetitions=2)
    drives = drive_from_arrays(features, regions, seed=0)
    names, objects = [f"im{i}" for i in range(20)], np.array(["a", "b"] * 10)
    assembly = simulate_ventral_stream(
        drives, regions, seed=0, stimulus_id=names, stimulus_coords={"object_name": objects}
    )["V1"]
    benchmark = neural_benchmark(assembly, "V1", stratify="object_name")
    assert benchmark.stimulus_id.tolist() == names
    np.testing.assert_array_equal(benchmark.strata, objects)
    gram = align_gram(compute_gram(features["early"][::-1]), names[::-1], benchmark)
    np.testing.assert_allclose(gram.K, features["early"] @ features["early"].T, rtol=1e-9)


def test_refusals():
    features, regions = _hidden(20), _regions()
    drives = drive_from_arrays(features, regions, seed=0)
    with pytest.raises(HypError, match="region IT reads from layer late, but there is early"):
        drive_from_arrays({"early": features["early"]}, regions, seed=0)
    with pytest.raises(
        HypError, match=r"region IT needs a drive of shape \(20, 40\), but has none"
    ):
        simulate_ventral_stream({"V1": drives["V1"]}, regions, seed=0)
    with pytest.raises(HypError, match="what drives V1 is the same for all stimuli"):
        simulate_ventral_stream(drives | {"V1": np.ones((20, 40))}, regions, seed=0)
    with pytest.raises(HypError, match="stimulus_id has 2 values for 20 stimuli"):
        simulate_ventral_stream(drives, regions, seed=0, stimulus_id=["a", "b"])
    images = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    with pytest.raises(HypError, match="hidden network has no layer 'early'"):
        drive_from_network("resnet18", images, regions, seed=0)
    with pytest.raises(HypError, match="unknown network 'resnet19'"):
        drive_from_network("resnet19", images, regions, seed=0)
