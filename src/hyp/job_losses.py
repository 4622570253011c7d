"""Why workers that are jobs end, and when it is enough."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

from hyp.clusters import GIVEN_UP, PROGRESS

if TYPE_CHECKING:
    from hyp.job_clusters import JobCluster

_log = logging.getLogger(__name__)
_LOOKED_EVERY = 10.0
_STATE_SECONDS = 90.0
"""For which a job is asked for that has lost its worker: Slurm says how it ended when all of it
has, half a minute after it was told to."""

_ENDED_BY_SYSTEM = {
    "TIMEOUT": "its walltime of {walltime} was over (ask for more 'walltime')",
    "DEADLINE": "its deadline was over",
    "PREEMPTED": "it was preempted",
    "CANCELLED": "it was cancelled",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
}
_CRASHED = {
    "OUT_OF_MEMORY": "it was out of the {memory} that it had asked for (ask for more 'memory')",
    "FAILED": "it ended with an error",
    "COMPLETED": "it ended by itself",
}
_GOING_ON = ("RUNNING", "COMPLETING", "PENDING", "CONFIGURING")


@dataclass(frozen=True)
class Cause:
    """Why a job ended, for people; `crash` says that it was not the system that ended it."""

    words: str
    crash: bool


class Losses(SchedulerPlugin):  # type: ignore[misc]
    """Counts the workers that were lost in each step, those that crashed apart from the rest.

    Attributes
    ----------
    reason : str
        Why the run cannot go on; empty as long as it can.
    """

    name = "hyp-losses"

    def __init__(self, spec: JobCluster, cluster: Any, folder: Path) -> None:
        self.reason = ""
        self._spec = spec
        self._cluster = cluster
        self._folder = folder
        self._jobs: dict[str, str] = {}
        self._joined: set[str] = set()
        self._began: dict[str, float] = {}
        self._step: dict[str, tuple[str, int]] = {}
        self._reached: dict[str, int] = {}
        self._lost: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        self._early = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Remember the job of a worker that joins."""
        self._jobs[worker] = job = self._job_of(scheduler.workers[worker].name)
        self._joined.add(job)
        self._began[worker] = time.monotonic()
        self._early = 0
        _log.info("job %s: worker %s joined", job, worker)

    def log_event(self, topic: str, msg: Any) -> None:
        """Follow which step each worker makes, and which of them are lost."""
        if topic == PROGRESS:
            step = msg["step"]
            if step["state"] == "done":
                self._step.pop(msg["worker"], None)
            else:
                made = f"{step['kind']} {step['key']}"
                self._step[msg["worker"]] = (made, step.get("done", 0))
        elif topic == "all" and isinstance(msg, dict) and msg.get("action") == "remove-worker":
            task = asyncio.ensure_future(self._judge(msg["worker"], bool(msg["expected"])))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _judge(self, worker: str, expected: bool) -> None:
        job, (step, done) = self._jobs.pop(worker, "?"), self._step.pop(worker, ("", 0))
        lasted = time.monotonic() - self._began.pop(worker, time.monotonic())
        if expected or not step:
            _log.info("job %s: worker %s left", job, worker)
            return
        cause = await self._cause(job, lasted)
        _log.warning("job %s was lost while it made %s: %s", job, step, cause.words)
        if done > self._reached.get(step, 0):  # it gets on: what it lost before is no matter
            self._reached[step] = done
            self._lost[False][step] = 0
        self._lost[cause.crash][step] += 1
        most = self._spec.crashes if cause.crash else self._spec.interruptions
        count = self._lost[cause.crash][step]
        if count > most:
            how = "crashed" if cause.crash else "was ended by the system"
            which = "crashes" if cause.crash else "interruptions"
            times = "once" if count == 1 else f"{count} times"
            self._give_up(
                f"the worker that made {step} {how} {times}, the last in job {job}: "
                f"{cause.words}; its log is in {self._folder}. The same command goes on where it "
                f"stopped ({which} = {most} in the cluster file allows no more)."
            )

    def _job_of(self, name: str) -> str:
        jobs = [self._cluster.workers.get(name), *self._cluster._created]
        found = (getattr(job, "job_id", None) for job in jobs if job and job.name == name)
        return str(next(filter(None, found), "?"))

    async def _cause(self, job: str, lasted: float) -> Cause:
        asked = {"walltime": self._spec.walltime, "memory": self._spec.memory}
        until = time.monotonic() + _STATE_SECONDS
        state = await self._state(job)
        while state in _GOING_ON and time.monotonic() < until:
            await asyncio.sleep(1)
            state = await self._state(job)
        if state in _ENDED_BY_SYSTEM:
            return Cause(_ENDED_BY_SYSTEM[state].format(**asked), crash=False)
        if state in _CRASHED:
            return Cause(_CRASHED[state].format(**asked), crash=True)
        if lasted >= self._spec.seconds - 60:
            return Cause(_ENDED_BY_SYSTEM["TIMEOUT"].format(**asked), crash=False)
        return Cause("for lack of memory, or killed; ask the system for why", crash=True)

    async def _state(self, job: str) -> str:
        """Return a job's state in Slurm's words; empty for other systems, or if it is unknown."""
        if self._spec.system != "slurm":
            return ""
        process = await asyncio.create_subprocess_exec(
            *("scontrol", "show", "job", "-o", job),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        told = (await process.communicate())[0].decode()
        fields = dict(word.partition("=")[::2] for word in told.split())
        return fields.get("JobState", "")

    def queued(self) -> str:
        """Say which jobs are waited for."""
        jobs = [str(job.job_id) for job in self._cluster.workers.values() if job.job_id]
        if not jobs:
            return "no job is submitted yet"
        return f"{len(jobs)} job{'s' * (len(jobs) > 1)} submitted ({', '.join(jobs)})"

    async def watch(self) -> None:
        """Look for jobs that ended before their worker joined, for as long as the run lasts."""
        while self._cluster.status.name in ("created", "starting", "running"):
            await asyncio.sleep(_LOOKED_EVERY)
            await self._replace_ended_jobs()

    async def _replace_ended_jobs(self) -> None:
        for name, job in list(self._cluster.workers.items()):
            if str(job.job_id) in self._joined:
                continue
            if not job.job_id:
                _log.warning("a job could not be submitted; it is tried again")
                self._cluster.workers.pop(name, None)
                continue
            state = await self._state(str(job.job_id))
            if state not in (*_ENDED_BY_SYSTEM, *_CRASHED) or str(job.job_id) in self._joined:
                continue
            self._cluster.workers.pop(name, None)  # another one is submitted in its place
            words = (_ENDED_BY_SYSTEM | _CRASHED)[state]
            _log.warning("job %s ended before its worker joined: %s", job.job_id, words)
            self._early += state in _CRASHED
            if self._early > self._spec.crashes:
                many = "a job" if self._early == 1 else f"{self._early} jobs"
                self._give_up(
                    f"{many} ended before a worker joined, the last was {job.job_id}: "
                    f"{self._last_line(str(job.job_id))}; mend the cluster file "
                    "('python', 'setup', 'interface')."
                )

    def _last_line(self, job: str) -> str:
        for path in sorted(self._folder.glob(f"hyp-{job}.*")):
            lines = path.read_text(errors="replace").strip().splitlines()
            if lines:
                return f"{lines[-1]} ({path})"
        return f"it printed nothing (no log of it in {self._folder})"

    def _give_up(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            self._cluster.scheduler.log_event(GIVEN_UP, reason)
