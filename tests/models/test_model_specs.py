import subprocess
import sys

import pytest
from pydantic import ValidationError

from hyp.models import hardware
from hyp.models.specs import ExtractSpec, TrainSpec


def test_objective_is_kept_in_canonical_order():
    specs = {
        TrainSpec(objective=o, seed=0, n_batches=1)
        for o in ("rotation+distance", "distance+rotation", " distance + rotation")
    }
    assert {spec.objective for spec in specs} == {"distance+rotation"}
    assert len(specs) == 1
    spec = TrainSpec(objective="light_power+category+afterglow", seed=0, n_batches=1)
    assert spec.tasks == ("category", "afterglow", "light_power")


@pytest.mark.parametrize("objective", ["", "distance+", "distance+distance"])
def test_bad_objective_is_refused(objective):
    with pytest.raises(ValueError, match=r"empty part|twice|more than once|distance"):
        TrainSpec(objective=objective, seed=0, n_batches=1)


def test_the_end_is_always_a_checkpoint():
    spec = TrainSpec(objective="distance", seed=0, n_batches=20, snapshots=(20, 10, 5, 10))
    assert spec.snapshots == (5, 10)
    assert spec.checkpoints == (5, 10, 20)
    with pytest.raises(ValueError, match="snapshot 21"):
        TrainSpec(objective="distance", seed=0, n_batches=20, snapshots=(21,))


def test_specs_survive_json_and_refuse_unknown_fields():
    spec = TrainSpec(objective="distance", seed=1, n_batches=20, snapshots=(5,))
    assert TrainSpec.model_validate_json(spec.model_dump_json()) == spec
    with pytest.raises(ValidationError):
        TrainSpec(objective="distance", seed=0, n_batches=1, epochs=3)
    with pytest.raises(ValueError, match="fc"):
        ExtractSpec(layers=("fc", "avgpool", "fc"))


def test_a_constant_rate_leaves_specs_as_they_were():
    plain = TrainSpec(objective="distance", seed=0, n_batches=1)
    assert "schedule" not in plain.model_dump(mode="json")
    cosine = TrainSpec(objective="distance", seed=0, n_batches=1, schedule="cosine")
    assert TrainSpec.model_validate_json(cosine.model_dump_json()) == cosine


def test_planning_does_not_import_torch():
    code = (
        "import sys, hyp.models, hyp.models.specs, hyp.models.hardware, hyp.models.precision;"
        "heavy = {'torch', 'pandas', 'xarray', 'zarr'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("listed", "asked", "expected"),
    [([], "auto", "cpu"), (["H100, 580"], "auto", "cuda"), (["H100, 580"], "cpu", "cpu")],
)
def test_the_device_is_what_the_driver_shows(monkeypatch, listed, asked, expected):
    monkeypatch.setattr(hardware, "_cuda_devices", lambda: listed)
    numerics = hardware.best_numerics("resnet18", 64, device=asked, precision="bf16")
    assert numerics == ("bf16", True, expected)


def test_hidden_cuda_devices_are_not_used(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert hardware.best_device() == "cpu"
