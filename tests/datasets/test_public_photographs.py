"""CIFAR-10 and STL-10: pixels and labels as the archives hold them, and damaged archives."""

from __future__ import annotations

import numpy as np
import pytest
import torchvision
from public_files import PHOTOGRAPHED, as_released, photographs, write_cifar10, write_stl10

from hyp.datasets.public.photographs import CIFAR10Source, STL10Source
from hyp.errors import HypError
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis

SETS = [
    (CIFAR10Source, write_cifar10, "data_batch_3", 32),
    (STL10Source, write_stl10, "train_X.bin", 96),
]


@pytest.mark.parametrize(("source", "write", "file", "side"), SETS)
def test_pixels_and_categories_are_those_of_the_archive(
    source, write, file, side, tmp_path, monkeypatch
):
    reader = getattr(torchvision.datasets, source.reader)
    as_released(monkeypatch, reader, write(tmp_path))
    opened = source.open(tmp_path)
    pixels, codes = photographs(opened.n_rows, side)
    assert np.array_equal(opened.read(np.arange(opened.n_rows)), pixels)
    assert opened.columns()["category"].tolist() == [PHOTOGRAPHED[code] for code in codes]


@pytest.mark.parametrize(("source", "write", "file", "side"), SETS)
def test_a_missing_or_changed_archive_is_refused(source, write, file, side, tmp_path, monkeypatch):
    reader = getattr(torchvision.datasets, source.reader)
    with pytest.raises(HypError, match=r"download=True\) fetches it"):
        source.open(tmp_path / "nothing")
    as_released(monkeypatch, reader, write(tmp_path))
    damaged = tmp_path / reader.base_folder / file
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(HypError, match="as it was released"):
        source.open(tmp_path)


def test_synthetic_natural_trains_on_them(tmp_path, monkeypatch):
    as_released(monkeypatch, torchvision.datasets.CIFAR10, write_cifar10(tmp_path, n=400))
    settings = {"natural": f"cifar10:{tmp_path}", "precision": "fp32", "device": "cpu"}
    plan = make_plan(find_hypothesis("synthetic-natural"), None, settings)
    spec = next(step.spec for step in plan.steps if step.label == "natural images")
    assert spec["source"]["kind"] == "cifar10"
    assert spec["source"]["image_size"] == 64
    assert 300 < spec["n_images"] < 340  # four fifths: the rest are kept for stimuli
