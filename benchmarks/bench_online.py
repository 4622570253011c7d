"""Images a second of training on images that are rendered meanwhile, against stored ones.

The same ResNet-18, batches and images (64 px, embedded engine); stored and online take
turns, so that a busy neighbour slows both alike. One thread of training leaves a core to
rendering where there are two; with two threads rendering takes its share of both.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np

import _machine
from hyp.datasets.dataset import Dataset
from hyp.datasets.engine import EngineSource
from hyp.datasets.making import make_dataset
from hyp.datasets.specs import DatasetSpec
from hyp.models import training_run
from hyp.models.hardware import best_numerics
from hyp.models.specs import TrainSpec
from hyp.models.training import train

BATCH = 64
SKIPPED = 4
ONLINE_IMAGES = 100_000_000


class _EnoughError(Exception):
    pass


def rate(dataset: Dataset, threads: int, n_batches: int, folder: Path) -> float:
    """Images a second of `train`, the first batches left out."""
    times: list[float] = []

    def progress(done: int, total: int) -> None:
        times.append(time.perf_counter())
        if done == n_batches + SKIPPED:
            raise _EnoughError

    spec = TrainSpec(
        objective="distance",
        seed=0,
        n_batches=10**6,
        batch_size=BATCH,
        threads=threads,
        **best_numerics("resnet18", 64)._asdict(),
    )
    with contextlib.suppress(_EnoughError):
        train(spec, dataset, folder, progress=progress)
    return n_batches * BATCH / (times[-1] - times[SKIPPED - 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # Fitting the objective draws the latents of 100,000 images once; not what is timed here.
    training_run.FIT_IMAGES = 1000
    results = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        stored_spec = DatasetSpec(
            source=EngineSource(), design="full", seed=0, n_images=2048, n_val=64
        )
        online_spec = stored_spec.model_copy(update={"online": True, "n_images": ONLINE_IMAGES})
        for spec, place in ((stored_spec, "stored"), (online_spec, "online")):
            make_dataset(spec, root / place)
        stored, online = Dataset.open(root / "stored"), Dataset.open(root / "online")
        for threads in sorted({1, min(2, os.cpu_count() or 1)}):
            rows = np.array(
                [
                    [
                        rate(dataset, threads, options.batches, root / f"{threads}-{i}-{kind}")
                        for kind, dataset in (("stored", stored), ("online", online))
                    ]
                    for i in range(options.rounds)
                ]
            )
            results.append(
                {
                    "training_threads": threads,
                    "stored_images_per_s": round(float(np.median(rows[:, 0])), 1),
                    "online_images_per_s": round(float(np.median(rows[:, 1])), 1),
                    "loss": round(float(np.median(1 - rows[:, 1] / rows[:, 0])), 3),
                    "loss_range": np.round(
                        np.sort(1 - rows[:, 1] / rows[:, 0])[[0, -1]], 3
                    ).tolist(),
                }
            )
            print(results[-1], flush=True)
    print(_machine.write(options.json, "online", results))


if __name__ == "__main__":
    main()
