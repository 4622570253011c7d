"""Running a whole hypothesis, tiny, as a user would: by the command line."""

import hashlib
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from distributed import Client

from hyp.hypotheses.steps import STAGES

SETTINGS = {
    "image_size": 16,
    "supersample": 1,
    "n_images": 112,
    "n_val": 48,
    "n_stimuli": 80,
    "n_seeds": 3,
    "alpha": 0.2,
    "questions": "category",
    "layers": "relu",
    "backbone": "tiny_backbone:make",
    "n_batches": 12,
    "batch_size": 16,
    "evaluate_every": 6,
    "snapshots": "6",
    "scored_snapshots": "0,6",
    "n_folds": 2,
}
ARGUMENTS = [
    "nontarget-variability",
    "--profile=short",
    *(f"--set={k}={v}" for k, v in SETTINGS.items()),
]
ENDS = (0, 3, 4, 5)
"""Exit statuses of a run that came to its end, whatever its verdict."""
TABLES = ("scores.parquet", "result.json", "samples.npz")


def command(*arguments):
    return [sys.executable, "-m", "hyp", *map(str, arguments)]


def environment():
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def hyp(*arguments, check=True, added=None):
    """Run a command line in this process, with `added` in its environment."""
    from command_line import hyp  # which benchmarks that take the settings need not find

    with patch.dict(os.environ, added or {}):
        done = hyp(*arguments)
    if check:
        assert done.returncode in ENDS, done.stdout + done.stderr
    return done


def run(store, *arguments, **how):
    return hyp("run", *ARGUMENTS, "--store", store, *arguments, **how)


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
def dask_scheduler():
    """A scheduler, started by hand as the documentation says; yields its address."""
    options = ["--host", "127.0.0.1", "--port", 0, "--no-dashboard"]
    with _dask("scheduler", *options, stderr=subprocess.PIPE) as scheduler:
        yield next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)


@contextmanager
def dask_worker(address, *, threads=1, **added):
    """One more worker of a scheduler, with `added` in its environment."""
    options = ["--no-dashboard", "--no-nanny", "--nthreads", threads]
    with Client(address) as client:
        n_workers = len(client.scheduler_info()["workers"]) + 1
    with _dask("worker", address, *options, **added):
        with Client(address) as client:
            client.wait_for_workers(n_workers, timeout=120)
        yield


@contextmanager
def _dask(program, *options, stderr=subprocess.DEVNULL, **added):
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *map(str, options)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": stderr, "text": True}
    process = subprocess.Popen(command, env=environment() | added, **quiet)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def with_gpu(folder):
    """An environment in which ``nvidia-smi`` shows a GPU that is not there."""
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 9.0\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def with_hyp(folder, version):
    """An environment in which hyp says that it is another version."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import hyp\nhyp.__version__ = {version!r}\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{environment()['PYTHONPATH']}"}
