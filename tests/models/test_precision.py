import json
import subprocess
import sys

import pytest
import torch

from hyp.errors import HypError
from hyp.models import precision
from hyp.models.precision import choose_precision

TINY = "tiny_networks:tiny"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path))
    return tmp_path / "precision"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"fp32": 1.85, "bf16": 1.0}, "bf16"),
        ({"fp32": 1.10, "bf16": 1.0}, "bf16"),
        ({"fp32": 1.05, "bf16": 1.0}, "fp32"),
        ({"fp32": 0.35, "bf16": 1.0}, "fp32"),
        ({"fp32": 1.0}, "fp32"),
    ],
)
def test_bf16_must_be_a_tenth_faster(cache, monkeypatch, seconds, expected):
    monkeypatch.setattr(precision, "_measured", lambda *_: seconds)
    assert choose_precision(TINY, 32, "cpu") == expected


def test_measuring_happens_once_for_a_machine_network_and_size(cache, monkeypatch):
    asked = []

    def measured(*what):
        asked.append(what)
        return {"fp32": 2.0, "bf16": 1.0}

    monkeypatch.setattr(precision, "_measured", measured)
    for size in (32, 32, 48, 32):
        assert choose_precision(TINY, size, "cpu") == "bf16"
    assert asked == [(TINY, 32, "cpu"), (TINY, 48, "cpu")]
    monkeypatch.setattr(precision, "machine_facts", lambda device: ["another processor"])
    choose_precision(TINY, 32, "cpu")
    assert len(asked) == 3


def test_a_damaged_memory_is_measured_again(cache, monkeypatch):
    monkeypatch.setattr(precision, "_measured", lambda *_: {"fp32": 1.0, "bf16": 1.0})
    choose_precision(TINY, 32, "cpu")
    (path,) = cache.iterdir()
    assert json.loads(path.read_text())["backbone"] == TINY
    for damage in ("", "[]", '{"seconds": {"bf16": 1.0}}', '{"seconds": {"fp32": "x"}}'):
        path.write_text(damage)
        assert choose_precision(TINY, 32, "cpu") == "fp32"
        assert json.loads(path.read_text())["seconds"] == {"fp32": 1.0, "bf16": 1.0}


def test_real_steps_are_timed_and_leave_no_trace(cache):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    found = precision._measured(TINY, 32, "cpu")
    assert found.keys() == {"fp32", "bf16"}
    assert min(found.values()) > 0
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_a_network_without_bfloat16_is_trained_in_float32(cache):
    assert choose_precision("tiny_networks:only_float32", 32, "cpu") == "fp32"


def test_what_cannot_be_measured_is_one_sentence(cache):
    with pytest.raises(HypError, match="did you mean resnet18"):
        choose_precision("resnet81", 32, "cpu")
    if not torch.cuda.is_available():
        assert choose_precision(TINY, 32, "cuda") == "bf16"
    assert not cache.exists() or not [*cache.iterdir()]


def test_what_is_remembered_needs_no_torch(cache, monkeypatch):
    monkeypatch.setattr(precision, "_measured", lambda *_: {"fp32": 1.0, "bf16": 1.0})
    choose_precision("resnet18", 64, "cpu")
    code = (
        "import sys; from hyp.models.hardware import best_numerics;"
        "assert best_numerics('resnet18', 64, device='cpu').precision == 'fp32';"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
