"""A hypothesis through a real Slurm that ends jobs: the bytes of the local run.

It takes some minutes of waiting (Slurm's shortest walltime is one), so it runs where HYP_SLURM
is set, to a walltime, as `.ci/run` does where Slurm could be installed.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest
from tiny_runs import ENDS, SETTINGS, artifact_bytes, command

from hyp.errors import HypError
from hyp.job_clusters import JobCluster, job_cluster

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    "HYP_SLURM" not in os.environ,
    reason="no Slurm: install it with tests/cluster/local_slurm, and set HYP_SLURM=00:02:00",
)
WALLTIME = os.environ.get("HYP_SLURM", "")
CLUSTER = f"""
system = "slurm"
workers = 2
memory = "1 GB"
walltime = "{WALLTIME}"
queue = "short"
interface = "lo"
"""
CAUSES = ("it was preempted", f"its walltime of {WALLTIME} was over")
WELL = ("COMPLETED", "CANCELLED", "COMPLETING", "RUNNING")
URGENT = ["sbatch", "--parsable", "-p", "urgent", "-n", "3", "--mem=100M", "-o", "/dev/null"]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    folder = tmp_path / "slurm"
    subprocess.run([HERE / "local_slurm", "start", folder], check=True, timeout=120)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    yield folder
    subprocess.run([HERE / "local_slurm", "stop", folder], check=True, timeout=120)


def states():
    """The state of every job that Slurm remembers."""
    done = subprocess.run(
        ["scontrol", "show", "job", "-o"], capture_output=True, text=True, check=True
    )
    return [
        field.removeprefix("JobState=")
        for line in done.stdout.splitlines()
        for field in line.split()
        if field.startswith("JobState=")
    ]


def told(log):
    """What the run has logged."""
    return log.read_text() if log.exists() else ""


def wait_until(condition, process, seconds):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the run ended early"
        assert time.monotonic() < until, states()
        time.sleep(1)


def test_jobs_that_are_preempted_and_out_of_time_leave_the_bytes_of_the_local_run(
    slurm, tmp_path, monkeypatch
):
    go, log, file = tmp_path / "go", tmp_path / "hyp.log", tmp_path / "slurm.toml"
    file.write_text(CLUSTER)
    monkeypatch.setenv("HYP_GO", str(go))
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    settings = SETTINGS | {"backbone": "slow_backbone:make", "n_batches": 40}
    run = ["run", "nontarget-variability", "--profile=short", "--quiet"]
    run += [f"--set={key}={value}" for key, value in settings.items()]
    jobs = ["--store", tmp_path / "jobs", "--cluster", file, "--log-file", log]
    process = subprocess.Popen(command(*run, *jobs), stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: told(log).count("progress: models") > 1, process, 600)
        subprocess.run([*URGENT, "--wrap", "sleep 1"], check=True, stdout=subprocess.DEVNULL)
        wait_until(lambda: all(cause in told(log) for cause in CAUSES), process, 900)
        go.touch()
        _, errors = process.communicate(timeout=1500)
    finally:
        process.kill()
    assert process.returncode in ENDS, errors
    assert {"PREEMPTED", "TIMEOUT"} <= set(states()) <= {"PREEMPTED", "TIMEOUT", *WELL}

    alone = tmp_path / "alone"
    done = subprocess.run(command(*run, "--store", alone, "--workers", "0"), check=False)
    assert done.returncode in ENDS
    assert artifact_bytes(tmp_path / "jobs") == artifact_bytes(alone)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"queue": "nope"},
            "no job could be submitted: .*[Ii]nvalid partition.*; mend the cluster",
        ),
        (
            {"python": "/nowhere/python"},
            "a job ended before a worker joined.*/nowhere/python: No such file or directory",
        ),
    ],
)
def test_jobs_that_cannot_work_are_one_sentence(slurm, tmp_path, changes, words):
    asked = {"workers": 1, "memory": "100 MB", "walltime": "00:05:00", "interface": "lo"}
    spec = JobCluster(system="slurm", crashes=0, **{**asked, **changes})
    with pytest.raises(HypError, match=words), job_cluster(spec, tmp_path / "jobs"):
        pass
