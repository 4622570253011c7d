"""Running a whole hypothesis, tiny, as a user would: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

SETTINGS = {
    "image_size": 16,
    "supersample": 1,
    "n_images": 112,
    "n_val": 48,
    "n_stimuli": 80,
    "n_seeds": 4,
    "questions": "category",
    "layers": "relu",
    "backbone": "tiny_backbone:make",
    "n_batches": 12,
    "batch_size": 16,
    "n_folds": 2,
}
ARGUMENTS = ["nontarget-variability", *(f"--set={k}={v}" for k, v in SETTINGS.items())]
TABLES = ("scores.parquet", "result.json", "samples.npz")


def command(*arguments):
    return [sys.executable, "-m", "hyp", *map(str, arguments)]


def environment():
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def hyp(*arguments, check=True):
    """Run the command line; returns the finished process."""
    done = subprocess.run(
        command(*arguments),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def run(store, *arguments, check=True):
    return hyp("run", *ARGUMENTS, "--store", store, *arguments, check=check)


def result_tables(store):
    """The bytes of every table of the one result in a store."""
    (folder,) = (path for path in (store / "results").iterdir() if path.suffix != ".partial")
    return {name: (folder / name).read_bytes() for name in TABLES}
