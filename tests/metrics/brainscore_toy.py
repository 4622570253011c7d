"""A network and a benchmark small enough to be scored within a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from brainscore_synthetic import Case, as_assembly, make_case
from PIL import Image
from torch import nn

from hyp.metrics.brainscore.local import LocalBenchmark, write_local_benchmark
from hyp.metrics.brainscore.networks import Network, describe_weights

SIZE = 16
LAYERS = ("early", "late")
ARCHITECTURE = "brainscore_toy_network:build"
CASE = Case(seed=11, n_stimuli=80, n_neuroids=5, n_repetitions=4, noise=0.5)
SOURCE = """
from torch import nn

def build(num_outputs):
    return nn.Sequential(
        __import__("collections").OrderedDict(
            early=nn.Conv2d(3, 6, 5, stride=4),
            relu=nn.ReLU(),
            flat=nn.Flatten(),
            late=nn.Linear(54, 40),
            unused=nn.Identity(),
            fc=nn.Linear(40, num_outputs),
        )
    )
"""


def write_network(folder: Path, seed: int = 0, n_outputs: int = 5) -> tuple[Path, nn.Module]:
    """Write the module ``brainscore_toy_network`` and weights; import the module first."""
    import brainscore_toy_network  # type: ignore[import-not-found]

    torch.manual_seed(seed)
    network = brainscore_toy_network.build(n_outputs).eval()
    path = folder / f"toy-{seed}.pt"
    torch.save(network.state_dict(), path)
    return path, network


def toy_network(folder: Path, seed: int = 0, **settings: object) -> Network:
    """Describe a toy network with its own weights."""
    path, _ = write_network(folder, seed)
    chosen = {"layers": LAYERS, "readout": "late", "image_size": SIZE, **settings}
    return describe_weights(path, ARCHITECTURE, **chosen)  # type: ignore[arg-type]


def toy_images(folder: Path) -> dict[str, Path]:
    """Write an image of four random colours for every stimulus."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(3)
    paths = {}
    for stimulus in make_case(CASE).stimulus_id:
        colours = random.randint(0, 256, (2, 2, 3)).astype(np.uint8)
        pixels = colours.repeat(SIZE // 2, 0).repeat(SIZE // 2, 1)
        paths[str(stimulus)] = folder / f"{stimulus}.png"
        Image.fromarray(pixels).save(paths[str(stimulus)])
    return paths


def toy_benchmark(folder: Path, *, images: bool = True) -> LocalBenchmark:
    """Write a benchmark whose neuroids see the pixels, so that scores are not at chance."""
    recording = make_case(CASE)
    assembly = as_assembly(recording, CASE)
    paths = toy_images(folder / "pixels")
    pixels = np.array([np.asarray(Image.open(paths[s])) for s in recording.stimulus_id])
    colours = pixels[:, :: SIZE // 2, :: SIZE // 2].reshape(len(pixels), -1).astype(np.float64)
    tuning = np.random.RandomState(4).standard_normal((colours.shape[1], CASE.n_neuroids))
    signal = (colours - colours.mean(0)) @ tuning
    noise = recording.responses - recording.responses.mean(0)
    values = signal[recording.presentation_stimulus] / signal.std() + 0.3 * noise
    return write_local_benchmark(
        folder / "benchmark",
        assembly.copy(data=values),
        name="toy",
        region="IT",
        images=paths if images else None,
    )
