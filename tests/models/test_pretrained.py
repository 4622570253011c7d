"""Networks that exist already, as members of a cohort."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import torch
import xarray as xr
from pydantic import ValidationError
from tiny_networks import tiny
from torchvision import models

from hyp.errors import HypError
from hyp.models.checkpoints import load_model, read_info, weights_name
from hyp.models.extraction import extract
from hyp.models.pretrained import (
    PretrainedSpec,
    _as_built_here,
    build_pretrained,
    resolve_pretrained,
    state_digest,
)
from hyp.models.released import import_weights
from hyp.models.specs import ExtractSpec, TrainSpec
from hyp.models.training import train
from hyp.store import Step

BACKBONE = "tiny_networks:tiny"
NAME = "yudixie_resnet18_distance_reg_3_240719"
SQUEEZENET = models.SqueezeNet1_1_Weights.IMAGENET1K_V1


def network(n_outputs=674, seed=0):
    torch.manual_seed(seed)
    return tiny(n_outputs).eval()


def saved(path, model):
    torch.save(model.state_dict(), path)
    return path


def built(text, folder, **settings):
    spec, place = resolve_pretrained(str(text), **settings)
    build_pretrained(spec, place, folder)
    return spec


def key(spec):
    return Step("models", spec.model_dump(mode="json")).key


@pytest.fixture
def trained(tmp_path, dataset):
    spec = TrainSpec(
        objective="category",
        backbone=BACKBONE,
        seed=5,
        n_batches=4,
        snapshots=(0, 2),
        batch_size=8,
        learning_rate=0.01,
    )
    train(spec, dataset, tmp_path / "trained")
    return tmp_path / "trained"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Torch's cache of downloads, empty, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it has the proxies of its first use
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


def cached(hub, weights=SQUEEZENET, model=None):
    torch.manual_seed(1)
    model = models.squeezenet1_1() if model is None else model
    return saved(hub / weights.url.rpartition("/")[2], model), model.eval()


def test_a_model_folder_is_taken_as_it_is(trained, tmp_path, dataset):
    spec = built(trained, tmp_path / "taken")
    assert read_info(tmp_path / "taken") == read_info(trained)
    assert (tmp_path / "taken/history.json").read_bytes() == (trained / "history.json").read_bytes()
    for batch in (0, 2, 4):
        ours, theirs = (load_model(place, batch)[0] for place in (tmp_path / "taken", trained))
        assert all(
            torch.equal(a, b)
            for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
        )
    assert (spec.kind, spec.backbone, spec.seed, spec.n_batches) == ("files", BACKBONE, 5, 4)
    assert spec.digest == state_digest(load_model(trained)[0].state_dict())
    assert len(set(spec.digests)) == 3
    layers = ExtractSpec(layers=("relu", "fc"), snapshot=2)
    for folder in ("taken", "trained"):
        extract(layers, tmp_path / folder, dataset, tmp_path / f"{folder}-activations")
    for layer in layers.layers:
        ours, theirs = (
            xr.open_zarr(tmp_path / f"{folder}-activations", group=layer)
            for folder in ("taken", "trained")
        )
        assert ours.attrs.pop("weights") == spec.digests[1]
        xr.testing.assert_identical(ours, theirs)


def test_a_file_of_weights_and_its_model_folder_are_one_network(tmp_path):
    path = saved(tmp_path / "net.pth", network())
    given = {"objective": "distance", "backbone": BACKBONE}
    import_weights(path, tmp_path / "folder", **given)
    file, _ = resolve_pretrained(str(path), **given)
    folder, _ = resolve_pretrained(str(tmp_path / "folder"))
    assert file == folder
    assert key(file) == key(folder)
    built(path, tmp_path / "m", **given)
    assert read_info(tmp_path / "m") == read_info(tmp_path / "folder")


def test_content_is_what_counts_and_not_the_path(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    first = saved(tmp_path / "a.pth", network())
    prefixed = {f"_orig_mod.{name}": value for name, value in network().state_dict().items()}
    torch.save({"model_state_dict": prefixed, "epoch": 3}, tmp_path / "elsewhere/b.pth")
    other = saved(tmp_path / "c.pth", network(seed=1))
    a, b, c = (
        resolve_pretrained(str(path), objective="distance", backbone=BACKBONE)[0]
        for path in (first, tmp_path / "elsewhere/b.pth", other)
    )
    assert key(a) == key(b) != key(c)
    assert str(tmp_path) not in a.model_dump_json()
    assert key(PretrainedSpec.model_validate_json(a.model_dump_json())) == key(a)


def test_the_digest_is_of_names_types_shapes_and_bytes():
    state = {"b": torch.tensor(3), "a": torch.ones(2, 3)}
    expected = b"a torch.float32 (2, 3)\n" + np.ones(6, "<f4").tobytes()
    expected += b"b torch.int64 ()\n" + (3).to_bytes(8, "little")
    assert state_digest(state) == hashlib.sha256(expected).hexdigest()
    assert state_digest(dict(reversed(state.items()))) == state_digest(state)
    assert state_digest({**state, "a": torch.ones(3, 2)}) != state_digest(state)
    assert state_digest({**state, "a": torch.ones(3, 2).T}) == state_digest(state)
    assert state_digest({**state, "a": torch.ones(2, 3).double()}) != state_digest(state)
    assert state_digest({**state, "c": torch.empty(0)}) != state_digest(state)


def test_a_released_file_says_itself_what_it_is(tmp_path):
    torch.manual_seed(0)
    path = saved(tmp_path / f"{NAME}.pth", models.resnet18(num_classes=674))
    spec, place = resolve_pretrained(str(path))
    assert (spec.backbone, spec.objective, spec.seed, spec.n_batches) == (
        *("resnet18", "distance", 3, 500_000),
    )
    assert place == path
    changed = spec.model_copy(update={"seed": 8, "input_size": 64})
    build_pretrained(changed, place, tmp_path / "m")
    info = read_info(tmp_path / "m")
    assert (info.spec.seed, info.spec.input_size, info.n_outputs) == (8, 64, 674)


def test_a_lab_s_own_categories_are_a_head(tmp_path):
    path = saved(tmp_path / "mine.pth", network(12))
    built(path, tmp_path / "m", objective="category", backbone=BACKBONE)
    model, info = load_model(tmp_path / "m")
    assert [(units.task, units.start, units.stop) for units in info.head] == [("category", 0, 12)]
    assert model.fc.out_features == 12
    with pytest.raises(HypError, match=r"12 outputs has none for rotation.*declare another head"):
        resolve_pretrained(str(path), objective="rotation", backbone=BACKBONE)


@pytest.mark.parametrize("name", ["squeezenet1_1", "squeezenet1_1:IMAGENET1K_V1"])
def test_torchvision_s_weights_by_name(hub, tmp_path, make_dataset, name):
    _, model = cached(hub)
    before = torch.get_rng_state()
    spec, place = resolve_pretrained(f"torchvision:{name}")
    assert torch.equal(torch.get_rng_state(), before)
    assert (spec.kind, spec.name, place) == ("torchvision", "squeezenet1_1:IMAGENET1K_V1", None)
    assert (spec.backbone, spec.objective, spec.input_size) == ("squeezenet1_1", "category", 224)
    assert spec.digest == state_digest(model.state_dict())
    build_pretrained(spec, place, tmp_path / "m")
    info = read_info(tmp_path / "m")
    assert [(units.task, units.stop) for units in info.head] == [("category", 1000)]
    dataset = make_dataset(n_images=3, n_val=1, size=224)
    extract(ExtractSpec(layers=("classifier",)), tmp_path / "m", dataset, tmp_path / "out")
    shown = SQUEEZENET.transforms(resize_size=224)
    images = torch.from_numpy(dataset.pixels).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = model(shown(images)).numpy()
    layer = xr.open_zarr(tmp_path / "out", group="classifier")
    np.testing.assert_allclose(layer["activation"].values.reshape(3, -1), expected, atol=1e-5)
    assert layer.attrs["weights"] == "torchvision:squeezenet1_1:IMAGENET1K_V1"
    assert "batches" not in layer.attrs  # nobody says how long it was trained


def test_weights_that_cannot_be_fetched_are_one_sentence(hub):
    before = socket.getdefaulttimeout()
    with pytest.raises(HypError, match=r"cannot be fetched .*squeezenet1_1-.*\.pth") as caught:
        resolve_pretrained("torchvision:squeezenet1_1")
    assert "\n" not in str(caught.value)
    assert socket.getdefaulttimeout() == before
    assert list(hub.iterdir()) == []


def test_a_server_that_does_not_answer_is_not_waited_for(hub, monkeypatch):
    monkeypatch.setattr("hyp.models.pretrained._PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(HypError, match=r"cannot be fetched .*timed out"):
            resolve_pretrained("torchvision:squeezenet1_1")


def test_damaged_downloads_are_one_sentence(hub):
    path, model = cached(hub)
    content = path.read_bytes()
    for damaged in (b"", b"hello", content[:1000]):
        path.write_bytes(damaged)
        with pytest.raises(HypError, match=r"cannot be read .*delete .*\.pth") as caught:
            resolve_pretrained("torchvision:squeezenet1_1")
        assert "\n" not in str(caught.value)
    saved(path, models.squeezenet1_0())
    with pytest.raises(HypError, match="cannot be read"):
        resolve_pretrained("torchvision:squeezenet1_1")
    with torch.no_grad():
        model.classifier[1].bias[3] = torch.nan
    saved(path, model)
    with pytest.raises(HypError, match=r"not finite in classifier\.1\.bias"):
        resolve_pretrained("torchvision:squeezenet1_1")


def test_networks_that_see_images_otherwise_are_refused(hub):
    with pytest.raises(HypError, match="normalised otherwise than ImageNet's"):
        resolve_pretrained("torchvision:efficientnet_v2_l")
    model = network(7)
    model.register_forward_pre_hook(lambda _, inputs: inputs[0] / 2)
    with pytest.raises(HypError, match="library:net sees images in a way of its own"):
        _as_built_here("library:net", BACKBONE, 32, model, "net")
    with pytest.raises(HypError, match=r"library:net is another .*: missing: conv\.weight"):
        _as_built_here("library:net", BACKBONE, 32, torch.nn.Flatten(), "net")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("torchvision:resnet19", "unknown backbone 'resnet19'; did you mean resnet18"),
        ("torchvision:", "unknown backbone ''"),
        ("torchvision:resnet50:V3", "no weights 'V3' of resnet50; choose .*IMAGENET1K_V2"),
        ("torchvision:resnet18@16", "no weights of resnet18@16; choose another"),
        ("torchvision:resnet18@16:V1", "no weights of resnet18@16; choose another"),
        ("resnet18", "no network 'resnet18'; name a model folder"),
        ("keras:resnet18", "no network 'keras:resnet18'"),
        ("", "no network ''"),
        ("~/nowhere/at/all", "no network '~/nowhere/at/all'"),
    ],
)
def test_unknown_networks_are_one_sentence(hub, text, sentence):
    with pytest.raises(HypError, match=sentence) as caught:
        resolve_pretrained(text)
    assert "\n" not in str(caught.value)


def test_files_and_folders_that_do_not_fit_are_refused(tmp_path, trained):
    (tmp_path / "empty").mkdir()
    with pytest.raises(HypError, match="no finished model"):
        resolve_pretrained(str(tmp_path / "empty"))
    path = saved(tmp_path / "net.pth", network())
    with pytest.raises(HypError, match="hyp models import FILE FOLDER"):
        resolve_pretrained(str(path))
    with pytest.raises(HypError, match="not those of a resnet18"):
        resolve_pretrained(str(path), objective="distance")
    path.write_bytes(b"hello")
    with pytest.raises(HypError, match="no PyTorch file of weights"):
        resolve_pretrained(str(path), objective="distance", backbone=BACKBONE)
    (trained / "history.json").write_text("{")
    with pytest.raises(HypError, match=r"history\.json cannot be read"):
        resolve_pretrained(str(trained))
    (trained / weights_name(2)).unlink()
    (trained / "history.json").unlink()
    with pytest.raises(HypError, match=r"weights-00000002\.pt cannot be read"):
        resolve_pretrained(str(trained))


def test_weights_that_changed_since_are_refused(tmp_path, trained):
    spec, place = resolve_pretrained(str(trained))
    shutil.copy(trained / weights_name(0), trained / weights_name(4))
    with pytest.raises(HypError, match="are others now"):
        build_pretrained(spec, place, tmp_path / "m")
    assert not (tmp_path / "m/model.json").exists()
    with pytest.raises(HypError, match="name it anew"):
        build_pretrained(spec, None, tmp_path / "m")
    spec, place = resolve_pretrained(str(trained))
    history = json.loads((trained / "history.json").read_text())
    (trained / "history.json").write_text(json.dumps(history | {"evaluation": []}))
    with pytest.raises(HypError, match=r"history of .* is another one now"):
        build_pretrained(spec, place, tmp_path / "m")
    build_pretrained(*resolve_pretrained(str(trained)), tmp_path / "m")
    assert read_info(tmp_path / "m") == read_info(trained)


def test_the_same_network_gives_the_same_files(tmp_path, trained):
    for name in ("a", "b"):
        built(trained, tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_spec_is_checked():
    fields = {
        "kind": "files",
        "objective": "distance",
        "seed": 0,
        "n_batches": 9,
        "head": [{"task": "distance", "start": 0, "stop": 1}],
        "image_shape": (8, 8, 3),
    }
    PretrainedSpec.model_validate({**fields, "digests": ["a" * 64]})
    with pytest.raises(ValidationError, match="2 digests for 1 checkpoints"):
        PretrainedSpec.model_validate({**fields, "digests": ["a" * 64] * 2})
    with pytest.raises(ValidationError, match="digests"):
        PretrainedSpec.model_validate({**fields, "digests": ["a"]})


def test_describing_needs_no_torch():
    code = "import sys, hyp.models.pretrained; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_trained_network_s_key_is_what_it_was():
    spec = TrainSpec(
        objective="rotation+category",
        backbone="resnet50",
        seed=3,
        n_batches=100,
        snapshots=(5,),
        input_size=64,
        evaluate_every=7,
        precision="bf16",
        device="cuda",
        channels_last=True,
    )
    assert key(spec) == "459978ffed0d7d9817cc"
    assert key(TrainSpec(objective="distance", seed=0, n_batches=10)) == "e4f20e3bf10184310d5d"


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_timm_is_asked_for_where_it_is_missing():
    with pytest.raises(HypError, match=r"timm:resnet18 needs timm; pip install timm\."):
        resolve_pretrained("timm:resnet18")


def test_timm_networks_take_imagenet_s_normalisation():
    timm = pytest.importorskip("timm")
    from hyp.models.backbones import build_backbone
    from hyp.models.inputs import IMAGENET_MEAN, IMAGENET_SD

    torch.manual_seed(0)
    model = build_backbone("timm:vit_tiny_patch16_224", 7).eval()
    plain = timm.create_model("vit_tiny_patch16_224", num_classes=7).eval()
    plain.load_state_dict(model.state_dict())
    images = torch.rand(2, 3, 224, 224)
    mean, sd = (torch.tensor(levels)[:, None, None] for levels in (IMAGENET_MEAN, IMAGENET_SD))
    with torch.inference_mode():
        found, expected = model((images - mean) / sd), plain((images - 0.5) / 0.5)
    assert torch.allclose(found, expected, atol=1e-5)
    with pytest.raises(HypError, match="no network 'resnet1818'; did you mean resnet18"):
        build_backbone("timm:resnet1818", 7)


def test_timm_networks_without_output_units_are_taken(monkeypatch, tmp_path, make_dataset):
    """As DINO's and CLIP's; its own weights are random here, for nothing is fetched."""
    timm = pytest.importorskip("timm")
    from hyp.models import backbones

    torch.manual_seed(0)
    plain = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=224).eval()
    made = backbones.create_timm

    def offline(name, **settings):
        if settings.pop("pretrained", False):
            return copy.deepcopy(plain)
        return made(name, **settings)

    monkeypatch.setattr(backbones, "create_timm", offline)
    spec, place = resolve_pretrained("timm:vit_tiny_patch16_224", objective="dino")
    assert (spec.objective, spec.head, place) == ("dino", (), None)
    assert resolve_pretrained("timm:vit_tiny_patch16_224")[0].objective == "unknown"
    build_pretrained(spec, None, tmp_path / "m")
    dataset = make_dataset(n_images=3, n_val=1)
    extract(ExtractSpec(layers=("blocks.3", "norm")), tmp_path / "m", dataset, tmp_path / "out")
    layer = xr.open_zarr(tmp_path / "out", group="blocks.3")
    assert (layer.sizes["unit"], int(layer["token"].max())) == (197 * 192, 196)
    assert layer.attrs["objective"] == "dino"
    build_pretrained(spec.model_copy(update={"input_size": 64}), None, tmp_path / "n")
    with pytest.raises(HypError, match="does not take images of 64 pixels"):
        extract(ExtractSpec(layers=("norm",)), tmp_path / "n", dataset, tmp_path / "none")
