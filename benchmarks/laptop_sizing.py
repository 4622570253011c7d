"""How far networks of a size learn, by held-out loss alone, and what they cost.

Trains one network for every combination of the settings given and every condition, and prints
the held-out loss as a share of the constant predictor's, on images of the network's own
condition, with the processor time. Nothing is decoded: the size of an experiment must not be
chosen by what it finds. `laptop_sizing.md` says what was chosen with it and how.

    python benchmarks/laptop_sizing.py --batches 750 1500 3000 --rate 3e-3 --json sizing.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

import _machine
from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.making import make_dataset
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.models.specs import TrainSpec
from hyp.models.training import train

EVALUATIONS = 8
SETTINGS = {
    "world": (str, ["identities=1"], "design that every dataset stays within"),
    "condition": (str, ["full", "category=chair", "centered"], "designs of the training images"),
    "objective": (str, ["distance"], "what is trained"),
    "pixels": (int, [64], "pixels a side"),
    "supersample": (int, [2], "samples a pixel a side"),
    "images": (int, [32768], "training images"),
    "backbone": (str, ["resnet18@16"], "network"),
    "batch_size": (int, [64], "images a batch"),
    "batches": (int, [1500], "batches in all"),
    "schedule": (str, ["one-cycle"], "learning-rate schedule"),
    "rate": (float, [3e-3], "peak learning rate"),
    "seed": (int, [0], "initial weights and order of the images"),
}


def make_images(setting: dict, held_out: int, folder: Path, device: str) -> tuple[Dataset, float]:
    """Make the images of a setting, once; return them and the processor time it took."""
    source = open_source("engine", image_size=setting["pixels"], supersample=setting["supersample"])
    design = Design.parse(setting["condition"]).within(Design.parse(setting["world"]))
    spec = DatasetSpec(
        source=source, design=design, seed=0, n_images=setting["images"] + held_out, n_val=held_out
    )
    name = f"{design}-{setting['pixels']}-{setting['supersample']}-{setting['images']}"
    place = folder / name.replace("|", "-")
    start = time.process_time()
    if not place.exists():
        make_dataset(spec, place, device=device, workers=1)
    return Dataset.open(place), time.process_time() - start


def learn(setting: dict, dataset: Dataset, hardware: dict) -> dict:
    """Train one network; return its held-out losses and what it cost."""
    spec = TrainSpec(
        objective=setting["objective"],
        backbone=setting["backbone"],
        seed=setting["seed"],
        n_batches=setting["batches"],
        batch_size=setting["batch_size"],
        learning_rate=setting["rate"],
        schedule=setting["schedule"],
        evaluate_every=max(1, setting["batches"] // EVALUATIONS),
        **hardware,
    )
    with tempfile.TemporaryDirectory() as name:
        start, began = time.process_time(), time.perf_counter()
        train(spec, dataset, name)
        seconds, wall = time.process_time() - start, time.perf_counter() - began
        rows = json.loads((Path(name) / "history.json").read_text())["evaluation"]
    curves: dict[str, list] = {}
    for row in rows:
        if row["metric"] == "loss":
            share = round(row["value"] / row["baseline"], 4)
            curves.setdefault(row["task"], []).append([row["batch"], share])
    return {
        "setting": setting,
        "hardware": hardware,
        "held_out_share": curves,
        "processor_seconds": round(seconds, 1),
        "seconds": round(wall, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, (kind, default, text) in SETTINGS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, nargs="+", type=kind, default=default, help=f"{text}: {default}")
    parser.add_argument("--held-out", type=int, default=1024, help="held-out images")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--folder", type=Path, help="where images are kept for another time")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    hardware = {
        "precision": options.precision,
        "channels_last": True,
        "device": options.device,
        "threads": 1,
    }
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for values in itertools.product(*(getattr(options, name) for name in SETTINGS)):
            setting = dict(zip(SETTINGS, values, strict=True))
            dataset, rendering = make_images(setting, options.held_out, folder, options.device)
            run = learn(setting, dataset, hardware) | {"rendering_seconds": round(rendering, 1)}
            found.append(run)
            varied = [n for n in SETTINGS if len(getattr(options, n)) > 1]
            print(*(f"{n}={setting[n]}" for n in varied), f"{run['processor_seconds']} s", sep="  ")
            for task, curve in run["held_out_share"].items():
                print(f"  {task:12}", "  ".join(f"{b}: {share:.3f}" for b, share in curve))
            _machine.write(options.json, "laptop_sizing", found)


if __name__ == "__main__":
    main()
