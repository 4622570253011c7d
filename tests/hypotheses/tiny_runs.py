"""Running a whole hypothesis, tiny, as a user would: in a process of its own."""

import hashlib
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from distributed import Client

from hyp.hypotheses.steps import STAGES

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
    """Run the command line; returns the finished process."""
    done = subprocess.run(
        command(*arguments),
        env=environment() | (added or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
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
def dask_cluster(*workers, threads=1):
    """A scheduler and workers, started by hand as the documentation says; yields the address.

    Each of `workers` is what its environment has beside that of the tests.
    """
    quiet = {"stdout": subprocess.DEVNULL, "text": True}
    processes = []

    def start(program, *options, stderr=subprocess.DEVNULL, **added):
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *map(str, options)]
        kept = environment() | added
        processes.append(subprocess.Popen(command, env=kept, stderr=stderr, **quiet))
        return processes[-1]

    try:
        options = ["--host", "127.0.0.1", "--port", 0, "--no-dashboard"]
        scheduler = start("scheduler", *options, stderr=subprocess.PIPE)
        address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
        for added in workers:
            start("worker", address, "--no-dashboard", "--no-nanny", "--nthreads", threads, **added)
        with Client(address) as client:
            client.wait_for_workers(len(workers), timeout=120)
        yield address
    finally:
        for process in reversed(processes):
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
