"""The engine's kernels draw the same images on a GPU, but for rounding at edges."""

import numpy as np
import pytest
import torch

from hyp.datasets.designs import Design
from hyp.datasets.engine.render import draw, draw_there
from hyp.datasets.engine.source import EngineSource

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here"),
]


@pytest.fixture(scope="module")
def table():
    return EngineSource().sample(Design(), 0, np.arange(48))


def test_images_are_like_the_cpus(table):
    images = [draw(table, 64, 2, device).astype(int) for device in ("cpu", "cuda")]
    difference = np.abs(images[0] - images[1])
    assert (difference > 2).mean() < 1e-3
    assert difference.mean() < 0.02


def test_images_can_stay_on_the_gpu(table):
    images = draw_there(table, 64, 2, "cuda")
    assert images.is_cuda
    np.testing.assert_array_equal(images.cpu().numpy(), draw(table, 64, 2, "cuda"))
