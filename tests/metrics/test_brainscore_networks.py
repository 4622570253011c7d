"""Describing networks for another process."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import brainscore_toy as toy
import pytest
import torch
from torchvision.models import resnet18

from hyp.errors import HypError
from hyp.metrics.brainscore.networks import describe_checkpoint, describe_weights, paper_layers
from hyp.models.checkpoints import save_weights, weights_name, write_json
from hyp.models.specs import TrainSpec


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.pt"
    torch.save(resnet18(num_classes=7).state_dict(), path)
    return path


@pytest.fixture
def toy_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "brainscore_toy_network.py").write_text(toy.SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "brainscore_toy_network", raising=False)
    return tmp_path


def test_the_papers_layers_of_resnet18_are_the_default(weights: Path) -> None:
    network = describe_weights(weights, "resnet18")
    assert network.layers == (
        *("relu", "layer1.0.relu", "layer1.1.relu", "layer2.0.relu", "layer2.1.relu"),
        *("layer3.0.relu", "layer3.1.relu", "layer4.0.relu", "layer4.1.relu", "avgpool", "fc"),
    )
    assert network.readout == "avgpool"
    assert (network.n_outputs, network.image_size, network.source) == (7, 224, None)
    assert network.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_wrapped_and_prefixed_state_dicts_are_understood(weights: Path, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)
    torch.save(
        {"state_dict": {f"module._orig_mod.{k}": v for k, v in state.items()}, "epoch": 3},
        tmp_path / "wrapped.pt",
    )
    assert describe_weights(tmp_path / "wrapped.pt", "resnet18").n_outputs == 7


def test_the_identifier_changes_with_weights_and_settings(weights: Path, tmp_path: Path) -> None:
    first = describe_weights(weights, "resnet18")
    assert first.identifier({}) == describe_weights(weights, "resnet18").identifier({})
    assert first.identifier({}).startswith(first.sha256[:32])
    torch.manual_seed(1)
    torch.save(resnet18(num_classes=7).state_dict(), tmp_path / "net.pt")
    others = [
        describe_weights(tmp_path / "net.pt", "resnet18").identifier({}),
        describe_weights(weights, "resnet18", image_size=64).identifier({}),
        describe_weights(weights, "resnet18", layers=["layer1", "layer2"]).identifier({}),
        describe_weights(weights, "resnet18", region_layers={"V4": "layer2"}).identifier({}),
        describe_weights(weights, "resnet18", readout="layer4").identifier({}),
        first.identifier({"reduce": False}),
    ]
    assert len({first.identifier({}), *others}) == 7
    # Brain-Score makes file names of it: with its own parts they must stay below 255 bytes.
    assert len(first.identifier({})) == 41


def test_a_checkpoint_of_hyp_brings_its_labels(tmp_path: Path) -> None:
    spec = TrainSpec(objective="distance", seed=3, n_batches=20, snapshots=(10,), input_size=32)
    info = {
        "spec": spec.model_dump(mode="json"),
        "head": [{"task": "distance", "start": 0, "stop": 1}],
        "standardisation": {},
        "image_shape": [64, 64, 3],
        "checkpoints": [10, 20],
    }
    write_json(tmp_path / "model.json", info)
    for batch in (10, 20):
        torch.manual_seed(batch)
        save_weights(tmp_path, batch, resnet18(num_classes=1))
    (tmp_path / "artifact.json").write_text('{"inputs": {"dataset": "abc"}}')
    last, first = describe_checkpoint(tmp_path), describe_checkpoint(tmp_path, 10)
    labels = {"objective": "distance", "seed": 3, "dataset": "abc"}
    assert last.labels == {**labels, "batches": 20}
    assert first.labels == {**labels, "batches": 10}
    assert last.image_size == 32
    assert last.weights == tmp_path / weights_name(20)
    assert last.sha256 != first.sha256
    with pytest.raises(HypError, match="no snapshot at batch 15"):
        describe_checkpoint(tmp_path, 15)
    with pytest.raises(HypError, match="no finished model"):
        describe_checkpoint(tmp_path / "nothing")


def test_a_users_architecture_is_named_by_its_file(toy_module: Path) -> None:
    network = toy.toy_network(toy_module)
    assert network.source == toy_module / "brainscore_toy_network.py"
    assert network.layers == toy.LAYERS
    assert network.n_outputs == 5
    assert paper_layers(toy.write_network(toy_module)[1]) == []
    with pytest.raises(HypError, match="no layers that are candidates by default; name them"):
        describe_weights(network.weights, toy.ARCHITECTURE)


def test_weights_that_do_not_fit_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(HypError, match=r"not fit resnet50 .*missing: .* and \d+ more; of anoth"):
        describe_weights(weights, "resnet50")
    state = torch.load(weights, weights_only=True)
    state["conv1.weight"] = state["conv1.weight"][:, :1]
    torch.save(state, tmp_path / "grey.pt")
    with pytest.raises(HypError, match=r"conv1.weight \(64, 1, 7, 7\) instead"):
        describe_weights(tmp_path / "grey.pt", "resnet18")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(HypError, match="holds no state dict"):
        describe_weights(tmp_path / "text.pt", "resnet18")
    with pytest.raises(HypError, match="unknown backbone 'resnet19'"):
        describe_weights(weights, "resnet19")


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    torch.save(resnet18(num_classes=2), tmp_path / "whole.pt")
    with pytest.raises(HypError, match="without pickles"):
        describe_weights(tmp_path / "whole.pt", "resnet18")


@pytest.mark.parametrize(
    "settings", [{"layers": ["layer9"]}, {"readout": "layer9"}, {"region_layers": {"V4": "layer9"}}]
)
def test_a_layer_that_does_not_exist_is_refused(weights: Path, settings: dict[str, object]) -> None:
    with pytest.raises(HypError, match=r"no layer 'layer9'; did you mean"):
        describe_weights(weights, "resnet18", **settings)  # type: ignore[arg-type]
