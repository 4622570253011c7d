"""What a scheduler of jobs is asked for, and when lost workers end a run."""

import re
from itertools import pairwise
from threading import Event

import dask_jobqueue
import pytest
from distributed import Client, LocalCluster, get_worker
from typer.testing import CliRunner

from hyp import clusters
from hyp.cli.main import app
from hyp.clusters import GIVEN_UP, PROGRESS
from hyp.errors import HypError
from hyp.job_clusters import JobCluster, job_cluster, job_options, read_cluster
from hyp.job_losses import Losses

SPEC = JobCluster(
    system="slurm",
    workers=4,
    cores=2,
    memory="4 GiB",
    walltime="04:00:00",
    queue="short",
    account="lab",
    setup=("module load cuda",),
    directives=("-X gpu",),
)
ASKED = {
    "slurm": {
        *("#SBATCH -t 04:00:00", "#SBATCH --mem=4G", "#SBATCH --cpus-per-task=2"),
        *("#SBATCH -p short", "#SBATCH -A lab", "#SBATCH --no-requeue", "#SBATCH -X gpu"),
    },
    "pbs": {
        *("#PBS -l walltime=04:00:00", "#PBS -l select=1:ncpus=2:mem=4096MB", "#PBS -q short"),
        *("#PBS -A lab", "#PBS -r n", "#PBS -X gpu"),
    },
    "sge": {"#$ -l h_rt=04:00:00", "#$ -q short", "#$ -P lab", "#$ -r n", "#$ -X gpu"},
    "lsf": {"#BSUB -W 04:00", "#BSUB -n 2", "#BSUB -q short", '#BSUB -P "lab"', "#BSUB -rn"},
}


@pytest.mark.parametrize("system", ASKED)
def test_each_system_is_asked_for_what_the_file_says(system, tmp_path):
    spec = SPEC.model_copy(update={"system": system})
    job = getattr(dask_jobqueue, f"{system.upper()}Cluster").job_cls
    lines = job("tls://host:1", name="w", **job_options(spec, tmp_path)).job_script().splitlines()
    assert ASKED[system] <= set(lines), lines
    assert lines[-3:-1] == ["export OMP_NUM_THREADS=1", "module load cuda"]
    words = lines[-1].split()
    assert words[:4] == ["exec", spec.python, "-m", "distributed.cli.dask_worker"]
    assert "--no-nanny" in words
    said = dict(pairwise(words))  # of an option that is given twice, the last counts
    assert (said["--nthreads"], said["--memory-limit"]) == ("1", "0")
    assert said["--preload"] == "hyp.job_clusters"


@pytest.mark.parametrize(
    ("walltime", "seconds", "clock", "lsf"),
    [
        ("00:10:00", 600, "00:10:00", "00:10"),
        ("2-01:00:30", 176_430, "49:00:30", "49:01"),
    ],
)
def test_walltimes_have_one_length(walltime, seconds, clock, lsf):
    spec = SPEC.model_copy(update={"walltime": walltime})
    assert (spec.seconds, spec.clock) == (seconds, clock)
    assert spec.model_copy(update={"system": "lsf"}).clock == lsf


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("system = 1 2", "cannot be read as TOML"),
        ("[a]", "system: Field required; workers: Field required; memory: Field required"),
        ("system = 'condor'\n", "system 'condor': Input should be 'slurm', 'pbs', 'sge' or 'lsf'"),
        ("memori = '1 GB'\n", "memori '1 GB': Extra inputs are not permitted"),
        ("workers = 0\nwalltime = 'soon'\n", "workers 0: Input should be greater than or equal"),
    ],
)
def test_a_file_that_says_something_else_is_one_sentence(tmp_path, text, words):
    file = tmp_path / "slurm.toml"
    file.write_text(text)
    with pytest.raises(HypError, match=words) as caught:
        read_cluster(file)
    assert str(file) in str(caught.value)
    with pytest.raises(HypError, match="there is no cluster file"):
        read_cluster(tmp_path / "none.toml")
    file.write_text("system = 'pbs'\nworkers = 1\nmemory = 'much'\nwalltime = '1:00:00'\n")
    with pytest.raises(HypError, match="memory: 'much' is no size such as '4 GB'"):
        read_cluster(file)


def test_where_jobs_cannot_be_submitted_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(HypError, match="there is no 'sbatch' on this machine"),
        job_cluster(SPEC, tmp_path / "jobs"),
    ):
        pass
    assert not (tmp_path / "jobs").exists()


BEGUN, ENDED = Event(), Event()


def step():
    """Run in the middle of a step until the test is over."""
    worker = get_worker()
    said = {"kind": "models", "key": "abc", "state": "running"}
    worker.log_event(PROGRESS, {"step": said, "worker": worker.address})
    BEGUN.set()
    ENDED.wait(30)


def lose_a_worker(folder, **changes):
    """What ends a run whose worker dies in the middle of a step."""
    BEGUN.clear()
    ENDED.clear()
    spec = SPEC.model_copy(update={"system": "pbs", **changes})
    heard, told = [], Event()
    cluster = LocalCluster(
        n_workers=1, processes=False, threads_per_worker=1, dashboard_address=":0"
    )
    with cluster, Client(cluster) as client:
        losses = Losses(spec, cluster, folder)
        cluster.scheduler.add_plugin(losses)
        for worker in cluster.scheduler.workers:
            losses.add_worker(cluster.scheduler, worker)
        client.subscribe_topic(GIVEN_UP, lambda event: (heard.append(event[1]), told.set()))
        future = client.submit(step, pure=False)
        assert BEGUN.wait(30)
        cluster.sync(cluster.workers[0].close, executor_wait=False)
        told.wait(0.5 if min(spec.crashes, spec.interruptions) else 30)
        future.cancel()
        ENDED.set()
    return heard


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"crashes": 0, "interruptions": 5},
            r"the worker that made models abc crashed once, the last in job \?: for lack of memory"
            r".*crashes = 0 in the cluster file",
        ),
        (
            {"crashes": 5, "interruptions": 0, "walltime": "00:00:59"},
            r"the worker that made models abc was ended by the system once.*its walltime of "
            r"00:00:59 was over \(ask for more 'walltime'\)",
        ),
    ],
)
def test_too_many_losses_end_a_run_with_their_cause(tmp_path, changes, words):
    (reason,) = lose_a_worker(tmp_path, **changes)
    assert re.search(words, reason), reason


def test_a_death_within_what_is_allowed_ends_nothing(tmp_path):
    assert lose_a_worker(tmp_path, crashes=1, interruptions=1) == []


def test_a_cluster_that_has_no_worker_yet_is_waited_for(monkeypatch):
    place = {"protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": ":0"}
    cluster = LocalCluster(n_workers=0, processes=False, **place)
    with cluster:
        monkeypatch.setattr(clusters, "_QUEUED_SECONDS", 0.3)
        with (
            pytest.raises(HypError, match=r"has no workers; start some with 'dask worker tcp:"),
            clusters.remote_client(cluster.scheduler_address),
        ):
            pass
        monkeypatch.setattr(clusters, "_QUEUED_SECONDS", 60)
        cluster.adapt(minimum=0, maximum=1, interval="50ms")
        with clusters.remote_client(cluster.scheduler_address) as client:
            assert len(client.scheduler_info()["workers"]) == 1


@pytest.mark.parametrize("other", ["--dry-run", "--scheduler=tcp://host:8786"])
def test_jobs_are_not_asked_for_twice_or_for_nothing(tmp_path, other):
    run = ["run", "nontarget-variability", "--cluster", "x.toml", other, "--store", str(tmp_path)]
    refused = CliRunner().invoke(app, run).exception
    assert isinstance(refused, HypError)
    assert "leave one of them away" in str(refused)
