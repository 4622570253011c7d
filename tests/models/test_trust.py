"""Code that a model folder names runs only where the user says so."""

import contextvars
import json
import sys

import pytest
import torch

from hyp.errors import HypError
from hyp.models import load_model, resolve_pretrained, trusting
from hyp.models.checkpoints import MODEL, ModelInfo, save_weights, write_json
from hyp.models.specs import TrainSpec, Units
from hyp.models.trust import _TRUSTED, names_code


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model folder of a stranger, with the module that it names."""
    (tmp_path / "strange_code.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        f"Path({str(tmp_path / 'ran')!r}).touch()\n"
        "def make(num_outputs):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(12, num_outputs))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strange_code", raising=False)
    spec = TrainSpec(objective="distance", backbone="strange_code:make", seed=0, n_batches=1)
    info = ModelInfo(
        spec=spec,
        head=(Units(task="distance", start=0, stop=1),),
        standardisation={"distance": (0.0, 1.0)},
        image_shape=(2, 2, 3),
        checkpoints=(1,),
    )
    model = tmp_path / "model"
    model.mkdir()
    save_weights(model, 1, torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1)))
    write_json(model / MODEL, info.model_dump(mode="json"))
    return model


def untrusted(function, *arguments, **settings):
    def call():
        _TRUSTED.set(False)
        return function(*arguments, **settings)

    return contextvars.copy_context().run(call)


@pytest.mark.parametrize("use", [load_model, lambda folder: resolve_pretrained(str(folder))])
def test_a_model_folder_s_own_code_runs_only_where_it_is_trusted(folder, use):
    with pytest.raises(HypError, match=r"strange_code:make.*add --trust"):
        untrusted(use, folder)
    assert not (folder.parent / "ran").exists()
    with trusting():
        use(folder)
    assert (folder.parent / "ran").exists()


def test_a_declared_backbone_needs_no_trust_and_another_one_does(folder):
    untrusted(load_model, folder, backbone="strange_code:make")
    content = json.loads((folder / MODEL).read_text())
    content["spec"]["backbone"] = "os:getcwd"
    (folder / MODEL).write_text(json.dumps(content))
    with pytest.raises(HypError, match="os:getcwd"):
        untrusted(load_model, folder, backbone="strange_code:make")


def test_library_names_are_no_code():
    assert not names_code("resnet18")
    assert not names_code("timm:resnet18")
    assert names_code("package.module:function")


@pytest.mark.parametrize("backbone", ["os:getcwd", "os:nothing", "no_such:thing", "sys:exit", ":"])
def test_what_is_no_network_is_one_sentence(backbone):
    from hyp.models.backbones import build_backbone

    with pytest.raises(HypError, match=r"backbone '.*' (cannot be|returned)"):
        build_backbone(backbone, 2)
