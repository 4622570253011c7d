import time

import numpy as np
import pytest
import torch
import xarray as xr

from hyp.errors import HypError
from hyp.models.checkpoints import load_model, weights_name
from hyp.models.extraction import extract, extract_pixels, respond
from hyp.models.inputs import Preprocessing
from hyp.models.specs import ExtractSpec, TrainSpec
from hyp.models.training import train
from hyp.store import activations as store


@pytest.fixture
def small(make_dataset):
    return make_dataset(n_images=10, n_val=2)


def trained(dataset, folder, **fields):
    defaults = {"objective": "distance", "seed": 0, "n_batches": 0, "batch_size": 4}
    train(TrainSpec(**defaults | fields), dataset, folder)
    return folder


def inputs_of(dataset, size=None):
    images = torch.from_numpy(dataset.images(dataset.split("all")))
    return Preprocessing(size, False, torch.device("cpu"))(images)


def by_hand(model, inputs):
    """Forward a residual network step by step, keeping what leaves every block."""
    kept = {}
    x = model.maxpool(model.relu(model.bn1(model.conv1(inputs))))
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for index, block in enumerate(getattr(model, stage)):
            out = block.bn1(block.conv1(x))
            if hasattr(block, "conv3"):
                out = block.bn2(block.conv2(torch.relu(out)))
                out = block.bn3(block.conv3(torch.relu(out)))
            else:
                out = block.bn2(block.conv2(torch.relu(out)))
            x = torch.relu(out + (x if block.downsample is None else block.downsample(x)))
            kept[f"{stage}.{index}.relu"] = x.flatten(1)
    kept["avgpool"] = x.mean(dim=(2, 3))
    kept["fc"] = model.fc(kept["avgpool"])
    return kept


@pytest.mark.parametrize(
    ("backbone", "last"), [("resnet18", "layer2.1.relu"), ("resnet50", "layer2.3.relu")]
)
def test_relu_of_a_block_is_the_one_after_the_residual(small, tmp_path, backbone, last):
    folder = trained(small, tmp_path / "model", backbone=backbone)
    layers = ("layer1.0.relu", last, "layer4.0.relu", "avgpool", "fc")
    extract(ExtractSpec(layers=layers, batch_size=4), folder, small, tmp_path / "out")
    model, _ = load_model(folder)
    with torch.inference_mode():
        expected = by_hand(model, inputs_of(small))
    for layer in layers:
        found = store.open_layer(tmp_path / "out", layer)["activation"].values
        assert found.shape == (10, expected[layer].shape[1])
        np.testing.assert_allclose(found, expected[layer], rtol=1e-3, atol=1e-4)
    assert store.layers(tmp_path / "out") == list(layers)


@pytest.mark.parametrize("delay", [0.0, 0.02])
def test_activations_equal_one_direct_forward_pass(make_dataset, tmp_path, monkeypatch, delay):
    append = store.ActivationWriter.append

    def slow(self, *batch):
        time.sleep(delay)
        append(self, *batch)

    monkeypatch.setattr(store.ActivationWriter, "append", slow)
    small = make_dataset(n_images=38, n_val=2)
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:tiny", n_batches=3)
    layers = ("bn", "relu", "fc")
    spec = ExtractSpec(layers=layers, batch_size=4, channels_last=True)
    extract(spec, folder, small, tmp_path / "out")
    model, _ = load_model(folder)
    with torch.inference_mode():
        bn = model.bn(model.conv(inputs_of(small)))
        fc = model(inputs_of(small))
    expected = {"bn": bn.flatten(1), "relu": bn.relu().flatten(1), "fc": fc}
    assert (expected["bn"] < 0).any()  # the ReLU works in place: bn must be kept before it
    for layer in layers:
        found = store.open_layer(tmp_path / "out", layer)["activation"].values
        np.testing.assert_allclose(found, expected[layer], rtol=1e-5, atol=1e-6)


def test_latents_provenance_and_tasks_are_labels(small, tmp_path):
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:tiny", seed=7)
    spec = ExtractSpec(layers=("relu", "fc"), batch_size=4)
    extract(spec, folder, small, tmp_path / "out", attrs={"design": "full"})
    layer = xr.open_zarr(tmp_path / "out", group="fc")
    for latent in small.latents:
        assert layer[latent.name].dims == ("stimulus",)
        assert list(layer[latent.name].values) == list(small.table[latent.name])
    assert layer["rel_pos_x"].attrs == {"units": "m", "kind": "continuous", "frame": "camera"}
    expected = {"objective": "untrained", "seed": 7, "design": "full", "layer": "fc", "batches": 0}
    assert expected.items() <= layer.attrs.items()
    assert {"distance", "rotation"} <= set(layer.attrs["outputs"])
    tasks = layer["task"].values
    assert list(np.flatnonzero(tasks == "distance")) == [8]
    assert list(np.flatnonzero(tasks == "rotation")) == list(range(11, 17))
    assert "task" not in xr.open_zarr(tmp_path / "out", group="relu").coords


def test_snapshot_and_input_size_of_the_model_are_used(small, tmp_path):
    folder = trained(
        small,
        tmp_path / "m",
        backbone="tiny_networks:tiny",
        n_batches=4,
        snapshots=(2,),
        input_size=40,
    )
    spec = ExtractSpec(layers=("fc",), batch_size=4, snapshot=2)
    extract(spec, folder, small, tmp_path / "out")
    model, _ = load_model(folder, snapshot=2)
    with torch.inference_mode():
        expected = model(inputs_of(small, 40))
    layer = store.open_layer(tmp_path / "out", "fc")
    np.testing.assert_allclose(layer["activation"].values, expected, rtol=1e-5, atol=1e-6)
    assert layer.attrs["batches"] == 2
    # In memory, the same; of output units those that were trained.
    both = spec.model_copy(update={"layers": ("relu", "fc")})
    extract(both, folder, small, tmp_path / "both")
    found = respond(both, folder, small)
    whole = store.open_layer(tmp_path / "both", "relu")["activation"].values
    np.testing.assert_array_equal(found["relu"], whole)
    trained_units = (layer["task"] == "distance").values
    np.testing.assert_array_equal(found["fc"], layer["activation"].values[:, trained_units])


def test_same_spec_same_bytes(small, tmp_path):
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:tiny")
    spec = ExtractSpec(layers=("relu", "fc"), batch_size=4)
    for name in "ab":
        extract(spec, folder, small, tmp_path / name)
    files = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("c/*")
            if path.is_file()
        }
        for name in "ab"
    ]
    assert files[0] == files[1]


def test_reduced_precision(small, tmp_path):
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:tiny")
    for name, fields in {
        "exact": {},
        "bf16": {"precision": "bf16"},
        "half": {"dtype": "float16"},
    }.items():
        spec = ExtractSpec(layers=("fc",), batch_size=4, **fields)
        extract(spec, folder, small, tmp_path / name)
    values = {
        name: store.open_layer(tmp_path / name, "fc")["activation"].values
        for name in ("exact", "bf16", "half")
    }
    assert values["half"].dtype == np.float16
    np.testing.assert_allclose(values["half"], values["exact"], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(values["bf16"], values["exact"], atol=3e-2)


def test_pixels(small, tmp_path):
    extract_pixels(ExtractSpec(layers=("pixels",), batch_size=4), small, tmp_path / "out")
    found = store.open_layer(tmp_path / "out", "pixels")["activation"].values
    assert np.array_equal(found, inputs_of(small).flatten(1).numpy())
    with pytest.raises(HypError, match="pixels"):
        extract_pixels(ExtractSpec(layers=("fc",)), small, tmp_path / "out")


def test_refusals(small, tmp_path, monkeypatch):
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:tiny")

    def run(*layers):
        extract(ExtractSpec(layers=layers, batch_size=4), folder, small, tmp_path / "out")

    with pytest.raises(HypError, match=r"did you mean relu.*conv, bn, relu"):
        run("rellu")
    with pytest.raises(HypError, match="does not use layer unused"):
        run("fc", "unused")
    with pytest.raises(HypError, match="no snapshot"):
        extract(ExtractSpec(layers=("fc",), snapshot=9), folder, small, tmp_path / "out")

    def full_disk(self, rows, units=None):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.ActivationWriter, "append", full_disk)
    with pytest.raises(OSError, match="No space left"):
        run("fc")
    with pytest.raises(HypError, match="unfinished"):
        store.layers(tmp_path / "out")


def test_the_axis_of_images_is_established_and_units_are_placed(make_dataset, tmp_path):
    """Sixteen tokens and sixteen images: sizes agree, and are told apart all the same."""
    dataset = make_dataset(n_images=16, n_val=2)
    folder = trained(dataset, tmp_path / "m", backbone="tiny_networks:shapes")
    layers = ("map", "last", "tokens", "sequence", "attention", "both[1]", "tokens[mean]", "fc")
    extract(ExtractSpec(layers=layers, batch_size=16), folder, dataset, tmp_path / "out")
    model, _ = load_model(folder)
    with torch.inference_mode():
        maps = model.map(inputs_of(dataset))
        tokens = model.tokens(maps.flatten(2).transpose(1, 2))
        attended = model.attention(tokens, tokens, tokens, need_weights=False)[0]
        sequence = model.sequence(tokens)
    assert tokens.shape == (16, 16, 6)
    stored = {name: store.open_layer(tmp_path / "out", name) for name in layers}
    expected = {
        "map": maps,
        "last": maps.permute(0, 2, 3, 1),
        "tokens": tokens,
        "sequence": sequence,
        "attention": attended,
        "both[1]": tokens.amax(1),
        "tokens[mean]": tokens.mean(1),
    }
    for name, values in expected.items():
        found = stored[name]["activation"].values
        np.testing.assert_allclose(found, values.flatten(1), rtol=1e-4, atol=1e-5)
    for name in ("map", "last"):
        unit = stored[name].sel(unit=(stored[name]["channel"] == 5) & (stored[name]["row"] == 3))
        unit = unit.isel(unit=int(np.flatnonzero(unit["column"] == 1)[0]))
        np.testing.assert_allclose(unit["activation"], maps[:, 5, 3, 1], rtol=1e-4, atol=1e-5)
    for name in ("tokens", "attention"):
        place = (stored[name]["token"] == 7) & (stored[name]["channel"] == 2)
        np.testing.assert_allclose(
            stored[name]["activation"].values[:, place.to_numpy()][:, 0],
            expected[name][:, 7, 2],
            rtol=1e-4,
            atol=1e-5,
        )
    assert stored["tokens[mean]"]["channel"].values.tolist() == [0, 1, 2, 3, 4, 5]
    assert "channel" not in stored["fc"].coords
    assert "task" in stored["fc"].coords


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("pairs", r"to 2 and 3 images it returns 2 x 2 and 3 x 3"),
        ("windows", r"returns 8 x 4 x 6 and 12 x 4 x 6"),
        (
            "both",
            r"^layer both does not return one tensor, .* name one of both\[0\], both\[1\]",
        ),
        ("both[2]", r"name one of both\[0\], both\[1\]"),
        ("tokens[cls]", r"asks for the class token, but the network has none .*tokens\[mean\]"),
        ("waves", r"^layer waves returns complex numbers"),
        ("fc[mean]", "which of them are tokens is not known"),
    ],
)
def test_layers_without_one_row_an_image_are_refused(small, tmp_path, layer, sentence):
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:shapes")
    with pytest.raises(HypError, match=sentence):
        extract(ExtractSpec(layers=(layer,)), folder, small, tmp_path / "out")


def test_the_class_token_is_what_the_network_reads_out(small, tmp_path):
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:small_vit")
    layers = ("encoder.ln[cls]", "heads")
    extract(ExtractSpec(layers=layers), folder, small, tmp_path / "out")
    cls, heads = (store.open_layer(tmp_path / "out", n)["activation"].values for n in layers)
    model, _ = load_model(folder)
    with torch.inference_mode():
        expected = model.heads(torch.from_numpy(cls)).numpy()
    np.testing.assert_allclose(heads, expected, rtol=1e-5, atol=1e-6)


def test_a_network_that_does_not_take_the_size_is_one_sentence(small, tmp_path):
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:small_vit")
    info = (folder / "model.json").read_text()
    (folder / "model.json").write_text(info.replace('"input_size": null', '"input_size": 64'))
    with pytest.raises(HypError, match=r"small_vit does not take images of 64 pixels .*input_size"):
        extract(ExtractSpec(layers=("encoder.ln",)), folder, small, tmp_path / "out")


def test_what_is_not_finite_is_blamed_on_layer_and_image(make_dataset, tmp_path):
    dataset = make_dataset(n_images=10, n_val=2)
    dataset.pixels[7] = 0
    folder = trained(dataset, tmp_path / "m", backbone="tiny_networks:infinite")
    with pytest.raises(HypError, match=r"layer early has activations to stimulus 7 that are not"):
        extract(ExtractSpec(layers=("early",)), folder, dataset, tmp_path / "out")


def test_weights_that_are_not_finite_are_blamed_themselves(small, tmp_path):
    """An infinite variance is divided by, so that all activations are finite, and wrong."""
    folder = trained(small, tmp_path / "m", backbone="tiny_networks:tiny")
    path = folder / weights_name(0)
    state = torch.load(path)
    for name, value in (("conv.weight", torch.nan), ("bn.running_var", torch.inf)):
        broken = {key: tensor.clone() for key, tensor in state.items()}
        broken[name].view(-1)[0] = value
        torch.save(broken, path)
        with pytest.raises(HypError, match=f"the weights are not finite in {name}"):
            extract(ExtractSpec(layers=("relu",)), folder, small, tmp_path / "out")


def test_images_keep_their_names(make_dataset, tmp_path):
    dataset = make_dataset(n_images=6, n_val=2)
    names = [f"a/{number:03d}.png" for number in range(6)]
    dataset.table["file"] = names
    extract_pixels(ExtractSpec(layers=("pixels",)), dataset, tmp_path / "out")
    pixels = store.open_layer(tmp_path / "out", "pixels")
    assert pixels["file"].dims == ("stimulus",)
    assert pixels["file"].values.tolist() == names
    values = inputs_of(dataset)
    unit = (pixels["channel"] == 1) & (pixels["row"] == 4) & (pixels["column"] == 9)
    found = pixels["activation"].values[:, unit.to_numpy()][:, 0]
    np.testing.assert_array_equal(found, values[:, 1, 4, 9])
