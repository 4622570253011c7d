"""Running a whole hypothesis, tiny, as a user would: in a process of its own."""

import hashlib
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from distributed import Client

from hyp.hypotheses.shared_steps import STAGES

SETTINGS = {
    "image_size": 16,
    "supersample": 1,
    "n_images": 112,
    "n_val": 48,
    "n_stimuli": 80,
    "n_seeds": 4,
    "parts": "category",
    "layers": "relu",
    "backbone": "tiny_backbone:make",
    "n_batches": 12,
    "batch_size": 16,
    "n_folds": 2,
}
ARGUMENTS = ["nontarget-variability", *(f"--set={k}={v}" for k, v in SETTINGS.items())]
TABLES = ("scores.parquet", "comparisons.parquet", "result.json", "samples.npz")


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


def artifact_bytes(store):
    """The digest of every file that a run stored, but for records, which have times."""
    return {
        path.relative_to(store).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for kind in STAGES
        for path in sorted((store / kind).rglob("*"))
        if path.is_file() and path.name not in {"artifact.json", "dataset.json"}
    }


@contextmanager
def dask_cluster(*worker_options):
    """A scheduler and a worker, started by hand as the documentation says; yields the address."""
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    scheduler = subprocess.Popen([*dask, *options], env=environment(), **quiet)
    worker = None
    try:
        address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
        dask[-1] = "distributed.cli.dask_worker"
        options = ["--no-dashboard", "--no-nanny", *map(str, worker_options)]
        worker = subprocess.Popen(
            [*dask, address, *options],
            env=environment(),
            **(quiet | {"stderr": subprocess.DEVNULL}),
        )
        with Client(address) as client:
            client.wait_for_workers(1, timeout=60)
        yield address
    finally:
        for process in (worker, scheduler):
            if process is not None:
                process.terminate()
                process.wait(timeout=60)
