"""Workers from a scheduler of jobs (Slurm, PBS, SGE, LSF), by dask-jobqueue."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hyp import stopping
from hyp.clusters import run_security
from hyp.errors import UNREADABLE, HypError, problems, reason_of
from hyp.job_losses import Losses

_log = logging.getLogger(__name__)

_SUBMIT = {"slurm": "sbatch", "pbs": "qsub", "sge": "qsub", "lsf": "bsub"}
_ACCOUNT = {"slurm": "account", "pbs": "account", "sge": "project", "lsf": "project"}
_CLOSING_SECONDS = 15
"""In which a worker that was told to end saves what it trains; systems give 20 and more."""

_TOLD_EVERY = 60.0


class JobCluster(BaseModel):
    """What a file for ``hyp run --cluster`` says.

    Attributes
    ----------
    system : {"slurm", "pbs", "sge", "lsf"}
        Which of them the jobs are for.
    workers : int
        Most jobs at a time; one worker is one job. There are as many as there is work for.
    cores : int
        Processors that a job asks for.
    memory : str
        That a job asks for, such as ``4 GB``.
    walltime : str
        That a job asks for, ``HH:MM:SS`` or ``D-HH:MM:SS``.
    queue, account : str or None
        Slurm: partition and account.
    interface : str or None
        Network interface that workers and this machine see each other on, such as ``ib0``.
    python : str
        The Python that workers run; default: this one.
    setup : tuple of str
        Lines of the job's script before the worker, such as ``module load cuda``.
    directives : tuple of str
        More of what the system is asked for, such as ``--gres=gpu:1``.
    crashes : int
        Of workers while they make the same step; one more ends the run.
    interruptions : int
        The same for workers that the system ended (preempted, out of time, on a broken node)
        before the step got further than ever.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Literal["slurm", "pbs", "sge", "lsf"]
    workers: int = Field(ge=1)
    cores: int = Field(1, ge=1)
    memory: str
    walltime: str = Field(pattern=r"^(\d+-)?\d+:\d{2}:\d{2}$")
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    python: str = sys.executable
    setup: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    crashes: int = Field(3, ge=0)
    interruptions: int = Field(20, ge=0)

    @property
    def seconds(self) -> int:
        """Length of the walltime."""
        days, _, clock = self.walltime.rpartition("-")
        hours, minutes, seconds = map(int, clock.split(":"))
        return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds

    @property
    def clock(self) -> str:
        """The walltime as the system has it; LSF counts minutes."""
        minutes, seconds = divmod(self.seconds, 60)
        if self.system == "lsf":
            return "{:02}:{:02}".format(*divmod(minutes + (seconds > 0), 60))
        return "{:02}:{:02}:{:02}".format(*divmod(minutes, 60), seconds)


def read_cluster(path: Path) -> JobCluster:
    """Read the file that ``--cluster`` names.

    Raises
    ------
    HypError
        If it is missing, is not TOML, or says something impossible; all of it is named.
    """
    from dask.utils import parse_bytes

    try:
        spec = JobCluster.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise HypError(f"there is no cluster file {path}; check the path.") from None
    except ValidationError as error:
        raise HypError(f"{path}: {'; '.join(map(str, problems(error)))}.") from error
    except UNREADABLE as error:
        raise HypError(f"{path} cannot be read as TOML: {reason_of(error)}.") from error
    try:
        parse_bytes(spec.memory)
    except ValueError:
        raise HypError(f"{path}: memory: {spec.memory!r} is no size such as '4 GB'.") from None
    return spec


@contextmanager
def job_cluster(
    spec: JobCluster, folder: Path, say: Callable[[str], None] = _log.info
) -> Iterator[str]:
    """Start a Dask scheduler here and workers as jobs; yields the address of the scheduler.

    It waits for the first worker, as long as it takes. They speak TLS, with a certificate of
    this run's own. Jobs are added and given back as there is work.

    Parameters
    ----------
    spec : JobCluster
    folder : Path
        That all machines see: for certificates, and for what the jobs print.
    say : callable
        Told now and then what is waited for.

    Raises
    ------
    HypError
        If dask-jobqueue or the system's commands are missing, no job can be submitted, or
        workers end before they have joined.
    """
    import dask

    cluster_class = _cluster_class(spec)
    security = run_security()
    folder.mkdir(exist_ok=True, mode=0o700)
    settings = {
        # `Losses` counts deaths of workers by their cause.
        "distributed.scheduler.allowed-failures": sys.maxsize,
        # Steps take minutes: one worker for each that is ready, up to the most there may be.
        "distributed.scheduler.unknown-task-duration": "1h",
        "distributed.scheduler.http.routes": [],
        "distributed.deploy.lost-worker-timeout": "10s",
        **_tls_settings(security),
    }
    with dask.config.set(settings), _started(cluster_class, spec, folder, security) as cluster:
        losses = Losses(spec, cluster, folder)
        cluster.scheduler.add_plugin(losses)
        cluster.loop.add_callback(losses.watch)
        cluster.adapt(minimum=1, maximum=spec.workers, interval="2s", wait_count=15)
        _wait_for_a_worker(cluster, losses, say)
        yield str(cluster.scheduler_address)


def job_options(spec: JobCluster, folder: Path) -> dict[str, Any]:
    """Return what dask-jobqueue's classes are told, whatever the user's Dask is set to."""
    return {
        "cores": spec.cores,
        "processes": 1,
        "memory": spec.memory,
        "walltime": spec.clock,
        "queue": spec.queue,
        _ACCOUNT[spec.system]: spec.account,
        "interface": spec.interface,
        # The worker is the job's own process: the system's signals reach it, and not a shell
        # that ends at once.
        "python": f"exec {spec.python}",
        "nanny": False,
        "job_name": "hyp",
        "log_directory": str(folder),
        "job_script_prologue": ["export OMP_NUM_THREADS=1", *spec.setup],
        "job_extra_directives": [*_own_directives(spec), *spec.directives],
        # One step at a time. Images are memory-mapped and count as memory, so that it is the
        # system that bounds a job, not Dask.
        "worker_extra_args": [
            *("--nthreads", "1", "--memory-limit", "0", "--no-dashboard"),
            *("--preload", __name__),
        ],
        "death_timeout": 300,
    }


def _own_directives(spec: JobCluster) -> list[str]:
    # A requeued job would be a second worker of the same name: this end submits anew.
    return {"slurm": ["--no-requeue"], "pbs": ["-r n"], "sge": ["-r n"], "lsf": ["-rn"]}[
        spec.system
    ]


def _cluster_class(spec: JobCluster) -> Any:
    try:
        import dask_jobqueue
    except ImportError:
        raise HypError(
            "--cluster needs dask-jobqueue; install it with pip install 'hyp-vision[cluster]'."
        ) from None
    command = _SUBMIT[spec.system]
    if shutil.which(command) is None:
        raise HypError(
            f"there is no {command!r} on this machine: run hyp where jobs of {spec.system} can be "
            "submitted."
        )
    return getattr(dask_jobqueue, f"{spec.system.upper()}Cluster")


@contextmanager
def _started(cluster_class: Any, spec: JobCluster, folder: Path, security: Any) -> Iterator[Any]:
    from distributed import Status

    try:
        cluster = cluster_class(
            **job_options(spec, folder),
            security=security,
            protocol="tls://",
            shared_temp_directory=str(folder),
            scheduler_options={"dashboard": False, "dashboard_address": ":0", "port": 0},
            silence_logs=logging.CRITICAL,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise HypError(f"no cluster can be started: {reason_of(error)}.") from error
    with cluster:
        try:
            _submit_one(cluster)
            yield cluster
        finally:
            for job in list(cluster._created):  # dask asks for it, dask-jobqueue does not set it
                job.status = Status.closed


def _submit_one(cluster: Any) -> None:
    """Submit the first job here, so that what the system objects to is heard."""
    cluster.worker_spec.update(cluster.new_worker_spec())
    try:
        cluster.sync(cluster._correct_state)
    except (RuntimeError, ValueError, OSError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise HypError(f"no job could be submitted: {lines[-1]}; mend the cluster file.") from error


def _wait_for_a_worker(cluster: Any, losses: Losses, say: Callable[[str], None]) -> None:
    told = 0.0
    while not cluster.scheduler.workers:
        if losses.reason:
            raise HypError(losses.reason)
        if time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            say(f"waiting for a worker: {losses.queued()}")
        time.sleep(0.5)


def _tls_settings(security: Any) -> dict[str, str]:
    """Let clients in this process speak to a scheduler whose certificate is in memory."""
    prefix = "distributed.comm.tls"
    own = security.get_tls_config_for_role("client")
    return {
        f"{prefix}.ca-file": own["ca_file"],
        f"{prefix}.client.cert": own["cert"],
        f"{prefix}.client.key": own["key"],
    }


def dask_setup(worker: Any) -> None:
    """Dask preload hook, in a job: the system's signals close the worker, not kill it."""
    loop = asyncio.get_running_loop()

    def close(signum: int) -> None:
        name = signal.Signals(signum).name
        stopping.ask_to_stop()
        closing = worker.close(timeout=_CLOSING_SECONDS, reason=f"the job got {name}")
        tasks.append(loop.create_task(closing))

    tasks: list[asyncio.Task[Any]] = []
    for signum in stopping.SIGNALS:
        loop.add_signal_handler(signum, close, signum)


def dask_teardown(worker: Any) -> None:
    """Dask preload hook: training saves its state before a worker closes."""
    stopping.ask_to_stop()
