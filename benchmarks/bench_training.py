"""Images a second of the training loop, against the same step on one resident batch.

The loop reads images from a memory-mapped file in random order, converts them, logs the
loss and saves the state to resume from; the resident step does none of that.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import _machine
from hyp.datasets.latents import Latent
from hyp.models import feeding
from hyp.models.data import read_ahead
from hyp.models.hardware import best_numerics
from hyp.models.inputs import Preprocessing
from hyp.models.objectives import fit_objective
from hyp.models.runtime import open_device, repeatable
from hyp.models.specs import TrainSpec
from hyp.models.stepping import new_model, train_step
from hyp.models.training import train

BATCH = 64


class MappedImages:
    """Random images in one memory-mapped file, with a full set of latents."""

    def __init__(self, folder: Path, n_images: int, size: int) -> None:
        rng = np.random.default_rng(0)
        self.n_images = n_images
        self.image_shape = (size, size, 3)
        path = folder / f"images-{size}.npy"
        mapped = np.lib.format.open_memmap(path, "w+", np.uint8, (n_images, size, size, 3))
        for start in range(0, n_images, 256):
            part = mapped[start : start + 256]
            part[:] = rng.integers(0, 256, part.shape, dtype=np.uint8)
        self.pixels = np.load(path, mmap_mode="r")
        names = {"category": "c", "identity": "i"}
        values = {"category": 117, "identity": 548}
        spatial = ("rel_pos_x", "rel_pos_y", "rel_pos_z")
        angles = ("rel_rot_euler_0", "rel_rot_euler_1", "rel_rot_euler_2")
        self.latents = (
            *(Latent(name=name, kind="continuous") for name in spatial),
            *(Latent(name=name, kind="angle") for name in angles),
            *(
                Latent(
                    name=name,
                    kind="categorical",
                    values=tuple(f"{letter}{i:03d}" for i in range(values[name])),
                )
                for name, letter in names.items()
            ),
        )
        self.table = pd.DataFrame(
            {
                latent.name: rng.choice(latent.values, n_images)
                if latent.values
                else rng.uniform(0, 3, n_images)
                for latent in self.latents
            }
        )

    def images(self, indices):
        return self.pixels[indices]

    def rows(self, indices):
        return self.table.iloc[indices]

    def batch(self, indices):
        return self.images(indices), self.rows(indices)

    def split(self, name):
        rows = {"train": self.n_images, "val": 0, "all": self.n_images}[name]
        return np.arange(rows, dtype=np.int64)


def resident(spec: TrainSpec, dataset: MappedImages, seconds: float) -> np.ndarray:
    """Images a second (see `rate`) of the bare step."""
    device = open_device(spec.device)
    rows = dataset.split("train")
    objective = fit_objective(spec.objective, dataset.latents, dataset.rows(rows))
    with repeatable(device, spec.threads):
        model, optimizer = new_model(spec, objective.n_outputs, device)
        model.train()
        preprocess = Preprocessing(spec.input_size, spec.channels_last, device)
        inputs = preprocess(torch.from_numpy(dataset.images(rows[: spec.batch_size])))
        targets = {
            name: target.to(device)
            for name, target in objective.targets(dataset.rows(rows[: spec.batch_size])).items()
        }

        def step() -> None:
            train_step(spec, model, optimizer, objective, inputs, targets)

        return rate(step, device, seconds) * spec.batch_size


def rate(step, device: torch.device, seconds: float) -> np.ndarray:
    """Calls a second of wall time and of this thread's processor time, after a first call.

    With one thread on a busy machine, processor time is the fairer of the two.
    """
    step()
    wait(device)
    start, busy, done = time.perf_counter(), time.thread_time(), 0
    while time.perf_counter() - start < seconds:
        step()
        done += 1
    wait(device)
    return done / np.array([time.perf_counter() - start, time.thread_time() - busy])


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


class _EnoughError(Exception):
    pass


def loop(spec: TrainSpec, dataset: MappedImages, folder: Path, seconds: float) -> np.ndarray:
    """Images a second (see `rate`) of `train`, and the share of its time spent waiting."""
    device = open_device(spec.device)
    times: list[np.ndarray] = []

    def progress(done: int, total: int) -> None:
        if not times or time.perf_counter() - times[0][0] >= seconds:
            wait(device)
            times.append(np.array([time.perf_counter(), time.thread_time()]))
            counts.append(done)
            if len(times) == 2:
                raise _EnoughError

    counts: list[int] = []
    with timed_reads() as waits, contextlib.suppress(_EnoughError):
        train(spec, dataset, folder, progress=progress)
    took = times[1] - times[0]
    waited = sum(waits[counts[0] : counts[1]])
    return np.append((counts[1] - counts[0]) * spec.batch_size / took, waited / took[0])


@contextlib.contextmanager
def timed_reads():
    """Note how long the loop waits for every batch."""
    waits: list[float] = []

    def timed(load, keys):
        with contextlib.closing(read_ahead(load, keys)) as values:
            while True:
                start = time.perf_counter()
                try:
                    value = next(values)
                except StopIteration:
                    return
                waits.append(time.perf_counter() - start)
                yield value

    feeding.read_ahead = timed
    try:
        yield waits
    finally:
        feeding.read_ahead = read_ahead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seconds, rounds = (4.0, 3) if options.quick else (8.0, 5)
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in (64,) if options.quick else (64, 224):
            numerics = best_numerics("resnet18", size)
            dataset = MappedImages(folder, 2048, size)
            spec = TrainSpec(
                objective="distance",
                seed=0,
                n_batches=10**6,
                batch_size=BATCH,
                **numerics._asdict(),
            )
            # Alternating, so that a busy neighbour slows both alike.
            rows = np.array(
                [
                    [
                        *resident(spec, dataset, seconds),
                        *loop(spec, dataset, folder / f"{size}-{i}", seconds),
                    ]
                    for i in range(rounds)
                ]
            )
            bare, _, looped, _, waited = np.median(rows, axis=0)
            ratios = rows[:, 2:4] / rows[:, 0:2]
            row = {
                "image_size": size,
                "backbone": spec.backbone,
                **numerics._asdict(),
                "threads": spec.threads,
                "resident_images_per_s": round(float(bare), 1),
                "loop_images_per_s": round(float(looped), 1),
                "ratio": round(float(np.median(ratios[:, 0])), 3),
                "ratio_range": [
                    float(ratios[:, 0].min().round(3)),
                    float(ratios[:, 0].max().round(3)),
                ],
                "ratio_by_processor_time": round(float(np.median(ratios[:, 1])), 3),
                "share_waiting_for_data": round(float(waited), 5),
            }
            print(row, flush=True)
            results.append(row)
    print(_machine.write(options.json, "training", results))


if __name__ == "__main__":
    main()
