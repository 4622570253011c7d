"""Weights as the paper released them, in a model folder of hyp's."""

import argparse
import hashlib
import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_networks import tiny
from torchvision import models
from typer.testing import CliRunner

from hyp.cli.models import models_app
from hyp.errors import HypError
from hyp.models.checkpoints import load_model, read_info
from hyp.models.extraction import extract
from hyp.models.inputs import Preprocessing
from hyp.models.released import HEADS, import_cohort, import_weights, read_identifier
from hyp.models.specs import ExtractSpec

NAME = "yudixie_resnet18_distance_reg_3_240719"
BACKBONE = "tiny_networks:tiny"


def network(n_outputs=674, seed=0):
    torch.manual_seed(seed)
    model = tiny(n_outputs)
    for value in model.buffers():  # so that running statistics are not the initial ones
        if value.is_floating_point():
            value += torch.rand_like(value)
    return model.eval()


def saved(path, model, form="bare"):
    state = model.state_dict()
    if form != "plain":
        state = {f"_orig_mod.{name}": value for name, value in state.items()}
    if form == "checkpoint":
        optimiser = torch.optim.Adam(model.parameters()).state_dict()
        state = {"batch_number": 9, "model_state_dict": state, "optimizer_state_dict": optimiser}
    torch.save(state, path)
    return path


def imported(path, folder, **settings):
    fields = {"backbone": BACKBONE, "objective": "distance", **settings}
    return import_weights(path, folder, **fields)


@pytest.mark.parametrize("form", ["plain", "bare", "checkpoint"])
def test_the_network_computes_the_same(tmp_path, form):
    model = network()
    path = saved(tmp_path / "model.pth", model, form)
    info = imported(path, tmp_path / "m", seed=4)
    assert info == read_info(tmp_path / "m")
    loaded, _ = load_model(tmp_path / "m")
    images = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded(images), model(images))
    assert (info.spec.seed, info.spec.n_batches, info.spec.input_size) == (4, 500_000, 224)
    assert (info.n_outputs, info.image_shape) == (674, (256, 256, 3))
    assert [(units.task, units.start, units.stop) for units in info.head] == [
        ("category", 0, 117),
        ("identity", 117, 665),
        ("distance", 665, 666),
        ("translation", 666, 668),
        ("rotation", 668, 674),
    ]


def test_the_real_backbone_and_its_paper_head_fit(tmp_path):
    torch.manual_seed(0)
    model = models.resnet18(num_classes=674)
    path = saved(tmp_path / "model.pth", model)
    info = import_weights(path, tmp_path / "m", objective="rotation+distance")
    assert (info.spec.backbone, info.spec.objective) == ("resnet18", "distance+rotation")
    with pytest.raises(
        HypError, match=r"of a resnet50 with 674 outputs: missing: layer1\.0\.conv3"
    ):
        import_weights(path, tmp_path / "n", objective="distance", backbone="resnet50")
    assert not (tmp_path / "n").exists()


def test_activations_are_extracted_from_it(tmp_path, make_dataset):
    dataset = make_dataset(n_images=6, n_val=2, size=48)
    model = network()
    imported(saved(tmp_path / "model.pth", model), tmp_path / "m", input_size=32)
    spec = ExtractSpec(layers=("relu", "fc"), batch_size=4)
    extract(spec, tmp_path / "m", dataset, tmp_path / "out")
    fc = xr.open_zarr(tmp_path / "out", group="fc")
    assert dict(fc.sizes) == {"stimulus": 6, "unit": 674}
    digest = hashlib.sha256((tmp_path / "model.pth").read_bytes()).hexdigest()
    assert fc.attrs["weights"] == f"model.pth, SHA-256 {digest}"
    assert fc["task"].values[665] == "distance"
    assert np.count_nonzero(fc["task"].values == "identity") == 548


def test_imagenets_head_is_one_of_categories(tmp_path):
    path = saved(tmp_path / "model.pth", network(1000))
    info = imported(path, tmp_path / "m", objective="category")
    assert info.head == HEADS[1000]
    assert info.n_outputs == 1000
    with pytest.raises(HypError, match="1000 outputs has none for rotation; its tasks"):
        imported(path, tmp_path / "n", objective="rotation")


def test_snapshots_are_checkpoints(tmp_path):
    paths = [saved(tmp_path / f"{seed}.pth", network(seed=seed)) for seed in range(3)]
    snapshots = {100: paths[0], 200: paths[1]}
    info = imported(paths[2], tmp_path / "m", n_batches=500, snapshots=snapshots)
    assert info.checkpoints == (100, 200, 500)
    for batch, seed in ((100, 0), (200, 1), (500, 2), (None, 2)):
        loaded, _ = load_model(tmp_path / "m", batch)
        assert torch.equal(loaded.fc.weight, network(seed=seed).fc.weight)
    with pytest.raises(HypError, match="snapshot 600 lies after the last batch"):
        imported(paths[2], tmp_path / "n", n_batches=500, snapshots={600: paths[0]})
    mixed = {100: saved(tmp_path / "i.pth", network(1000))}
    with pytest.raises(HypError, match=r"heads of different sizes: \[674, 1000\]"):
        imported(paths[2], tmp_path / "n", snapshots=mixed, objective="category")


def test_the_sets_normalisation_comes_along(tmp_path):
    path = saved(tmp_path / "model.pth", network())
    norm = tmp_path / "norm_column_mean_std.csv"
    norm.write_text(
        ",rel_pos_x_mean,rel_pos_x_std,rel_pos_z_mean,rel_pos_z_std\n0,0.001,0.53,2.45,0.91\n"
    )
    info = imported(path, tmp_path / "m", normalisation=norm)
    assert info.standardisation == {"rel_pos_x": (0.001, 0.53), "rel_pos_z": (2.45, 0.91)}
    for text in ("", "a,b\n1,2\n", ",x_mean\n0,1\n", ",x_mean,x_std\n0,1,nan\n"):
        norm.write_text(text)
        with pytest.raises(HypError, match=r"norm_column_mean_std\.csv"):
            imported(path, tmp_path / "n", normalisation=norm)


def test_training_checkpoints_with_their_arguments_are_read(tmp_path):
    content = {"model": network(5).state_dict(), "args": argparse.Namespace(lr=0.1), "epoch": 3}
    torch.save(content, tmp_path / "model.pth")
    assert imported(tmp_path / "model.pth", tmp_path / "m", objective="category").n_outputs == 5


def test_all_that_lacks_and_all_that_is_too_much_is_one_sentence(tmp_path):
    state = {name.replace("conv.", "stem."): v for name, v in network(5).state_dict().items()}
    torch.save(state | {"fc.weight": torch.zeros(5, 9)}, tmp_path / "model.pth")
    with pytest.raises(HypError) as caught:
        imported(tmp_path / "model.pth", tmp_path / "m", objective="category")
    assert str(caught.value).partition(" with 5 outputs: ")[2] == (
        "missing: conv.weight, conv.bias; not expected: stem.weight, stem.bias; "
        "of another shape: fc.weight (5, 9) instead of (5, 4)."
    )
    for key in [*state][:3]:
        state |= {f"{key}.{number}": torch.zeros(1) for number in range(3)}
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(HypError, match=r"stem\.weight\.0, stem\.weight\.1 and 7 more\.$"):
        imported(tmp_path / "model.pth", tmp_path / "m", objective="category")


def test_a_projector_in_place_of_the_head_is_left_out_where_that_is_said(tmp_path):
    model = network(7)
    state = {f"encoder.{n}": v for n, v in model.state_dict().items() if not n.startswith("fc.")}
    projector = {"encoder.fc.0.weight": torch.zeros(3, 4), "encoder.fc.2.weight": torch.zeros(9, 3)}
    torch.save({"state_dict": state | projector}, tmp_path / "model.pth")
    with pytest.raises(HypError, match=r"without a head: not expected: fc\.0\.weight, fc\.2\.wei"):
        imported(tmp_path / "model.pth", tmp_path / "m", objective="contrast")
    arguments = [tmp_path / "model.pth", tmp_path / "m", "--backbone", BACKBONE]
    done = run("import", *arguments, "--objective", "contrast", "--head", "none")
    assert done.exception is None
    loaded, info = load_model(tmp_path / "m")
    assert (info.head, info.n_outputs) == ((), 0)
    assert torch.equal(loaded.conv.weight, model.conv.weight)
    saved(tmp_path / "whole.pth", model)  # a head of which nobody knows what it means
    info = imported(tmp_path / "whole.pth", tmp_path / "w", objective="contrast", head={})
    assert (info.head, info.n_outputs) == ((), 0)


@pytest.mark.parametrize(
    ("backbone", "head"),
    [
        pytest.param("mnasnet0_5", None, id="looks for a version beside the names"),
        pytest.param("regnet_x_400mf", None, id="computes with numbers while it is made"),
        pytest.param("efficientnet_b0", {}, id="divides by the number of outputs"),
    ],
)
def test_backbones_with_ways_of_their_own_are_taken(tmp_path, backbone, head):
    model = models.get_model(backbone, weights=None, num_classes=3)
    torch.save(model.state_dict(), tmp_path / "model.pth")
    fields = {"objective": "category" if head is None else "contrast", "backbone": backbone}
    import_weights(tmp_path / "model.pth", tmp_path / "m", head=head, **fields)
    loaded, info = load_model(tmp_path / "m")
    assert info.n_outputs == (3 if head is None else 0)
    found = loaded.state_dict()
    assert all(torch.equal(found[name], v) for name, v in [*model.state_dict().items()][:-2])


def test_a_network_that_cannot_run_without_its_head_is_refused(tmp_path):
    torch.save(models.squeezenet1_1(num_classes=3).state_dict(), tmp_path / "model.pth")
    fields = {"objective": "contrast", "backbone": "squeezenet1_1", "head": {}}
    with pytest.raises(HypError, match=r"cannot run without its head, as classifier\.1 is a conv"):
        import_weights(tmp_path / "model.pth", tmp_path / "m", **fields)


HEAD = {"distance": 1, "rotation": 6, "category": 5}


def test_any_number_of_outputs_is_taken_with_its_head_declared(tmp_path):
    path = saved(tmp_path / "model.pth", network(12))
    info = imported(path, tmp_path / "m", head=HEAD)
    places = [(units.task, units.start, units.stop) for units in info.head]
    assert places == [("distance", 0, 1), ("rotation", 1, 7), ("category", 7, 12)]
    with pytest.raises(HypError, match=r"12 outputs has none for distance.*declare another head"):
        imported(path, tmp_path / "n")
    with pytest.raises(HypError, match="declared head has 13 units, but the network 12 outputs"):
        imported(path, tmp_path / "n", head=HEAD | {"category": 6})
    done = CliRunner().invoke(
        models_app,
        [
            *("import", str(path), str(tmp_path / "c"), "--backbone", BACKBONE),
            *("--objective", "distance+rotation"),
            *(f"--head={task}={units}" for task, units in HEAD.items()),
        ],
    )
    assert done.exception is None
    assert read_info(tmp_path / "c").head == info.head


def test_a_network_without_a_head_is_taken_as_it_is(tmp_path, make_dataset):
    model = network(7)
    state = {name: v for name, v in model.state_dict().items() if not name.startswith("fc.")}
    torch.save(state, tmp_path / "model.pth")
    info = imported(tmp_path / "model.pth", tmp_path / "m", objective="contrast")
    assert (info.head, info.n_outputs) == ((), 0)
    dataset = make_dataset(n_images=6, n_val=2)
    extract(ExtractSpec(layers=("relu",)), tmp_path / "m", dataset, tmp_path / "out")
    images = Preprocessing(224, False, torch.device("cpu"))(torch.from_numpy(dataset.pixels))
    with torch.inference_mode():
        expected = model.relu(model.bn(model.conv(images)))
    found = xr.open_zarr(tmp_path / "out", group="relu")["activation"].values
    np.testing.assert_allclose(found, expected.flatten(1), rtol=1e-4, atol=1e-5)
    with pytest.raises(HypError, match="layer fc has no units"):
        extract(ExtractSpec(layers=("fc",)), tmp_path / "m", dataset, tmp_path / "none")


@pytest.mark.parametrize("form", ["lightning", "nested", "wrapped", "ema"])
def test_weights_are_found_wherever_a_checkpoint_has_them(tmp_path, form):
    model, other = network(5), network(5, seed=1)
    state = dict(model.state_dict())
    part = ""
    content = {
        "lightning": {
            "state_dict": {f"model.backbone.{name}": v for name, v in state.items()},
            "hyper_parameters": {"lr": 0.1},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
        },
        "nested": {"epoch": 3, "nets": {"vision": state, "text": {"w": torch.zeros(2)}}},
        "wrapped": {f"module.encoder_q.{name}": v for name, v in state.items()}
        | {f"module.encoder_k.{name}": v for name, v in other.state_dict().items()}
        | {"module.queue": torch.zeros(4)},
        "ema": {"model": dict(other.state_dict()), "model_ema": state},
    }[form]
    torch.save(content, tmp_path / "model.pth")
    if form in ("wrapped", "ema"):
        with pytest.raises(HypError, match=r"several times: name a part, .*(encoder_k|model_ema)"):
            imported(tmp_path / "model.pth", tmp_path / "m", objective="category")
        part = {"wrapped": "module.encoder_q", "ema": "model_ema"}[form]
    imported(tmp_path / "model.pth", tmp_path / "m", objective="category", part=part)
    loaded, info = load_model(tmp_path / "m")
    assert info.n_outputs == 5
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, state[name])


def test_tensors_beside_the_network_are_not_dropped_without_a_word(tmp_path):
    state = {f"model.{name}": v for name, v in network(5).state_dict().items()}
    torch.save({"state_dict": state | {"projector.weight": torch.zeros(2)}}, tmp_path / "model.pth")
    fields = {"objective": "category"}
    with pytest.raises(HypError, match=r"'projector.weight' beside .* the part 'state_dict.model'"):
        imported(tmp_path / "model.pth", tmp_path / "m", **fields)
    with pytest.raises(HypError, match="no part 'student' with weights of this network"):
        imported(tmp_path / "model.pth", tmp_path / "m", part="student", **fields)
    imported(tmp_path / "model.pth", tmp_path / "m", part="state_dict.model", **fields)


def test_safetensors_are_read(tmp_path):
    pytest.importorskip("safetensors")
    from safetensors.torch import save_file

    model = network(5)
    save_file(dict(model.state_dict()), tmp_path / "model.safetensors")
    imported(tmp_path / "model.safetensors", tmp_path / "m", objective="category")
    loaded, _ = load_model(tmp_path / "m")
    assert torch.equal(loaded.fc.weight, model.fc.weight)
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:99])
    with pytest.raises(HypError, match="cannot be read"):
        imported(tmp_path / "cut.safetensors", tmp_path / "n", objective="category")


def test_folders_say_where_their_weights_came_from(tmp_path):
    path = saved(tmp_path / "model.pth", network())
    imported(path, tmp_path / "m")
    origin = json.loads((tmp_path / "m/origin.json").read_text())
    assert origin["weights"]["500000"]["file"] == "model.pth"
    assert len(origin["weights"]["500000"]["sha256"]) == 64
    assert json.loads((tmp_path / "m/history.json").read_text())["evaluation"] == []
    names = {entry.name for entry in (tmp_path / "m").iterdir()}
    assert names == {"model.json", "history.json", "origin.json", "weights-00500000.pt"}


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda s: without(s, "bn.bias"),
            r"with 674 outputs: missing: bn\.bias\.$",
        ),
        (
            lambda s: s | {"extra.weight": torch.zeros(1)},
            r"outputs: not expected: extra\.weight\.$",
        ),
        (
            lambda s: s | {"conv.weight": torch.zeros(4, 3, 2, 2)},
            r"shape: conv\.weight \(4, 3, 2, 2\) i",
        ),
        (
            lambda s: s | {"fc.weight": torch.zeros(8, 4)},
            r"fc\.bias \(674,\) instead of \(8,\)",
        ),
        (lambda s: s | {"bn.weight": torch.full((4,), torch.nan)}, r"not finite in bn\.weight"),
        (lambda s: s | {"fc.bias": 3.0}, "'fc.bias', which is no tensor"),
        (lambda s: s | {"_orig_mod.fc.bias": torch.zeros(674)}, "'fc.bias' twice"),
        (lambda s: {}, "holds no state dict"),
        (lambda s: [1, 2], "holds no state dict"),
        (lambda s: torch.zeros(3), "holds no state dict"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, change, sentence):
    path = tmp_path / "model.pth"
    torch.save(change(dict(network().state_dict())), path)
    with pytest.raises(HypError, match=sentence) as caught:
        imported(path, tmp_path / "m")
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pth"]


def test_truncated_files_are_refused_wherever_they_end(tmp_path):
    content = saved(tmp_path / "model.pth", network()).read_bytes()
    path = tmp_path / "cut.pth"
    for size in (0, 1, 3, 100, len(content) // 2, len(content) - 30, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(HypError, match="no PyTorch file of weights"):
            imported(path, tmp_path / "m")
    assert not (tmp_path / "m").exists()


class Evil:
    def __reduce__(self):
        return (print, ("code was run",))


def test_files_of_another_kind_are_refused(tmp_path, capsys):
    path = tmp_path / "model.pth"

    def refused(sentence="no PyTorch file of weights"):
        with pytest.raises(HypError, match=sentence):
            imported(path, tmp_path / "m")

    for content in (
        b"hello",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        pickle.dumps({"a": 1}),
        b"PK\3\4x",
    ):
        path.write_bytes(content)
        refused()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    refused()
    torch.save({"fc.weight": Evil()}, path)
    refused(r"more than tensors \(builtins\.print\), which could run code and is not opened; save")
    torch.save(network(), path)  # a whole module: it would need code
    refused(r"more than tensors \(.*torch\.nn\.modules\.conv\.Conv2d")
    path.unlink()
    path.mkdir()
    refused()
    assert "code was run" not in capsys.readouterr().out
    with pytest.raises(HypError, match="there is no file"):
        imported(tmp_path / "none.pth", tmp_path / "m")


def test_old_forms_of_torch_save_are_read(tmp_path):
    path = tmp_path / "model.pth"
    model = network()
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    imported(path, tmp_path / "m")
    assert torch.equal(load_model(tmp_path / "m")[0].fc.bias, model.fc.bias)


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    path = saved(tmp_path / "model.pth", network())
    imported(path, tmp_path / "m")
    with pytest.raises(HypError, match="is not empty"):
        imported(path, tmp_path / "m")
    with pytest.raises(HypError, match="is not empty"):
        imported(path, path)
    (tmp_path / "empty").mkdir()
    imported(path, tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("yudixie_resnet18_distance_reg_0_240719", ("resnet18", "distance", 0, 500_000)),
        (
            "yudixie_resnet18_distance_translation_rotation_0_240719",
            ("resnet18", "distance+translation+rotation", 0, 500_000),
        ),
        (
            "yudixie_resnet50_cat_obj_class_all_latents_0_240908",
            ("resnet50", "category+identity+distance+translation+rotation", 0, 500_000),
        ),
        ("yudixie_resnet50_object_class_2_240908", ("resnet50", "identity", 2, 500_000)),
        ("yudixie_resnet18_random_0_240719", ("resnet18", "distance", 0, 0)),
        ("resnet18_distance", None),
    ],
)
def test_identifiers_say_what_a_network_is(name, found):
    identifier = read_identifier(name)
    assert (identifier and tuple(vars(identifier).values())) == found


def test_files_with_identifiers_become_a_cohort(tmp_path):
    (tmp_path / "files").mkdir()
    for seed in (0, 1):
        saved(
            tmp_path / f"files/yudixie_resnet18_rotation_reg_{seed}_240719.pth", network(seed=seed)
        )
    found = import_cohort(tmp_path / "files", tmp_path / "cohort", backbone=BACKBONE)
    assert [info.spec.seed for info in found.values()] == [0, 1]
    assert {info.spec.objective for info in found.values()} == {"rotation"}
    shutil.copy(tmp_path / "files" / f"{next(iter(found))}.pth", tmp_path / f"files/{NAME}.pth")
    again = import_cohort(tmp_path / "files", tmp_path / "cohort", backbone=BACKBONE)
    assert len(again) == 3
    assert again[NAME].spec.seed == 3
    saved(tmp_path / "files/mine.pth", network())
    with pytest.raises(HypError, match="does not say what it was trained for"):
        import_cohort(tmp_path / "files", tmp_path / "cohort", backbone=BACKBONE)
    with pytest.raises(HypError, match=r"holds no \.pth"):
        import_cohort(tmp_path / "cohort", tmp_path / "other")


def run(*arguments):
    return CliRunner().invoke(models_app, [str(argument) for argument in arguments])


def test_the_commands_import_and_describe(tmp_path):
    path = saved(tmp_path / f"{NAME}.pth", network())
    result = run("import", path, tmp_path / "m", "--backbone", BACKBONE, "--n-batches", 7)
    assert result.exit_code == 0, result.output
    output = run("info", tmp_path / "m").output
    for word in (
        "distance",
        "seed 3",
        "identity 117:665, not trained",
        "distance 665:666, trained",
    ):
        assert word in " ".join(output.split())
    assert max(map(len, output.splitlines())) <= 80
    (tmp_path / "files").mkdir()
    path.rename(tmp_path / "files" / path.name)
    result = run("import", tmp_path / "files", tmp_path / "all", "--backbone", BACKBONE)
    assert "1 networks" in result.output
    assert read_info(tmp_path / "all" / NAME).spec.n_batches == 500_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--snapshot", "5"], "--snapshot '5' is not BATCH=FILE"),
        (["--objective", "distance+distance"], "more than once"),
        (["--objective", "smell"], "has none for smell"),
        (["--head", "none", "--head", "distance=674"], "--head 'none' is not TASK=UNITS"),
        (["--backbone", "resnet17"], "unknown backbone 'resnet17'"),
    ],
)
def test_wrong_options_are_one_sentence(tmp_path, arguments, sentence):
    path = saved(tmp_path / "model.pth", network())
    options = ["--backbone", BACKBONE, "--objective", "distance", *arguments]
    result = run("import", path, tmp_path / "m", *options)
    assert isinstance(result.exception, HypError)
    assert sentence in str(result.exception)
