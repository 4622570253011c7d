"""Run records: which hypothesis was run with which settings, and how it ended."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from hyp.errors import HypError
from hyp.store.artifacts import RECORD, read_record, write_atomically

RunState = Literal["running", "interrupted", "failed", "finished"]


BEAT_SECONDS = 30.0
"""Between two writings of the record of a run that is running."""

SILENT_SECONDS = 180.0
"""Without a new record: longer than a network file system keeps an old file's state."""


class KeptNumerics(BaseModel):
    """What a run trains and extracts with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Literal["fp32", "bf16"]
    channels_last: bool
    device: Literal["cpu", "cuda"]

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> KeptNumerics:
        """Read them from the spec of a step that trains or extracts."""
        return cls.model_validate({name: spec[name] for name in cls.model_fields})


class Run(BaseModel):
    """One call of ``hyp run``: written when it starts, while it runs, and when it ends.

    Attributes
    ----------
    goal : str
        Key of the result artifact the run leads to.
    overrides : dict
        What ``--set`` changed in the profile.
    wall_seconds : float
        Sum over all calls that led to the result.
    host, pid : str, int
        The process that wrote the record.
    numerics : KeptNumerics or None
        Precision, memory layout and device of training and extraction: chosen when the run
        began, and kept by whatever goes on with it, on any machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hypothesis: str
    profile: str
    overrides: dict[str, str]
    goal: str
    steps: tuple[tuple[str, str], ...]
    command: str
    state: RunState
    started: str
    updated: str
    wall_seconds: float = 0.0
    message: str = ""
    host: str = ""
    pid: int = 0
    numerics: KeptNumerics | None = None

    @property
    def seen_state(self) -> str:
        """The state, or ``killed`` where it says running but gives no sign of life.

        On this host its process is looked for; from another host the record must have been
        written in the last minutes, as a running process does.
        """
        if self.state != "running":
            return self.state
        alive = _is_running(self) if self.host == platform.node() else _was_seen(self)
        return "running" if alive else "killed"


def _is_running(run: Run) -> bool:
    """Return whether the process that wrote a record runs on this host."""
    try:
        began = float(psutil.Process(run.pid).create_time())
    except psutil.Error:
        return False
    return began <= datetime.fromisoformat(run.updated).timestamp() + 1


def _was_seen(run: Run) -> bool:
    silent = datetime.now(UTC) - datetime.fromisoformat(run.updated)
    return silent.total_seconds() < SILENT_SECONDS


@contextmanager
def heartbeat(beat: Callable[[], None], seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Call `beat` every so often in another thread, for as long as the block runs."""
    ended = Event()

    def keep_beating() -> None:
        while not ended.wait(seconds):
            with suppress(OSError, HypError):  # a full disk may have room again
                beat()

    thread = Thread(target=keep_beating, name="hyp-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run_path(root: Path, hypothesis: str, profile: str, goal: str) -> Path:
    """Return where the record of a run lies."""
    return root / "runs" / f"{hypothesis}--{profile}--{goal}.json"


def save_run(root: Path, run: Run) -> None:
    """Write a run's record, replacing an earlier state of the same run."""
    path = run_path(root, run.hypothesis, run.profile, run.goal)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, run.model_dump_json(indent=1).encode())


def load_run(path: Path) -> Run:
    """Read a run's record.

    Raises
    ------
    HypError
        If it cannot be read.
    """
    try:
        return Run.model_validate(json.loads(path.read_text()))
    except (OSError, ValueError, ValidationError) as error:
        raise HypError(f"the run record {path} is damaged; delete it and run again.") from error


def all_runs(root: Path) -> list[Run]:
    """Return all runs of a store, the latest last."""
    runs = [load_run(path) for path in sorted((root / "runs").glob("*.json"))]
    return sorted(runs, key=lambda run: run.updated)


def kept_numerics(
    root: Path, hypothesis: str, profile: str, overrides: dict[str, str]
) -> KeptNumerics | None:
    """Return the numerics that a run of these settings began with, if there is one.

    A finished run goes before an unfinished one, then the later before the earlier. Where a
    record of an older hyp does not say, the stored artifacts of the run do.
    """
    runs = [
        run
        for run in all_runs(root)
        if (run.hypothesis, run.profile, run.overrides) == (hypothesis, profile, overrides)
    ]
    runs.sort(key=lambda run: run.state == "finished")
    for run in reversed(runs):
        found = run.numerics or _stored_numerics(root, run)
        if found is not None:
            return found
    return None


def _stored_numerics(root: Path, run: Run) -> KeptNumerics | None:
    for kind, key in run.steps:
        path = root / kind / key
        if kind in ("models", "activations") and (path / RECORD).exists():
            spec = read_record(path).spec
            if "kind" not in spec:
                return KeptNumerics.of(spec)
    return None


def latest_run(root: Path, hypothesis: str | None, profile: str | None = None) -> Run:
    """Return the latest finished run.

    Raises
    ------
    HypError
        If there is none that matches.
    """
    finished = [
        run
        for run in all_runs(root)
        if run.state == "finished"
        and hypothesis in (None, run.hypothesis)
        and profile in (None, run.profile)
    ]
    if not finished:
        what = hypothesis or "any hypothesis"
        raise HypError(
            f"{root} holds no finished run of {what}; start one with 'hyp run "
            f"{hypothesis or 'NAME'}', or see 'hyp status'."
        )
    return finished[-1]
