"""Run records: which hypothesis was run with which settings, and how it ended."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict

from hyp.errors import UNREADABLE, HypError, disk_sentence
from hyp.names import Name, check_name
from hyp.store.artifacts import (
    RECORD,
    Store,
    Time,
    check_artifact,
    read_record,
    readable_disk_errors,
    write_atomically,
)

RunState = Literal["running", "interrupted", "failed", "finished", "incomplete", "killed"]
"""The last two are never written: ``incomplete`` is what a finished run is whose files are gone,
``killed`` what a running one is that gives no sign of life."""


class Stage(BaseModel):
    """How many steps of a kind are done, begun ones in part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    done: float
    total: int


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
    asked : str
        When it was last asked for, to the microsecond; a finished run that is asked for again
        keeps its other times. Empty in records of an older hyp.
    wall_seconds : float
        Sum over all calls that led to the result.
    left_seconds : float or None
        While it runs, what is left at its speed so far.
    stages : tuple of Stage
        How far it had come when the record was written.
    host, pid : str, int
        The process that wrote the record.
    numerics : KeptNumerics or None
        Precision, memory layout and device of training and extraction: chosen when the run
        began, and kept by whatever goes on with it, on any machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hypothesis: Name
    profile: Name
    overrides: dict[str, str]
    goal: str
    steps: tuple[tuple[str, str], ...]
    command: str
    state: RunState
    started: Time
    updated: Time
    asked: Time = ""
    wall_seconds: float = 0.0
    left_seconds: float | None = None
    stages: tuple[Stage, ...] = ()
    message: str = ""
    host: str = ""
    pid: int = 0
    numerics: KeptNumerics | None = None

    @property
    def seen_state(self) -> str:
        """The state, or ``killed`` where it says running but gives no sign of life.

        On this host its process is looked for; of a run of another host `all_runs` has looked
        at the record, which a running process writes anew every few seconds.
        """
        here = self.state == "running" and self.host == platform.node()
        return "killed" if here and not _is_running(self) else self.state


def _is_running(run: Run) -> bool:
    """Return whether the process that wrote a record runs on this host."""
    try:
        began = float(psutil.Process(run.pid).create_time())
    except psutil.Error:
        return False
    return bool(began <= datetime.fromisoformat(run.updated).timestamp() + 1)


def _is_silent(path: Path) -> bool:
    """Return whether a record was not written for long, by the clock of the disk alone.

    The clocks of two hosts may differ by more than a run may be silent. What was written in the
    future, by a clock that was wrong then or is now, is no sign of life.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(b".")
            os.fsync(probe)
            now = os.fstat(probe.fileno()).st_mtime
    except OSError:  # a store that may only be read
        now = time.time()
    return abs(now - path.stat().st_mtime) > SILENT_SECONDS


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
    """Return where the record of a run lies, which is never outside the store.

    Raises
    ------
    HypError
        If a name cannot be part of a path.
    """
    check_name(hypothesis, "hypothesis")
    check_name(profile, "profile")
    return root / "runs" / f"{hypothesis}--{profile}--{goal}.json"


def save_run(root: Path, run: Run) -> None:
    """Write a run's record, replacing an earlier state of the same run.

    Raises
    ------
    HypError
        If the disk refuses it.
    """
    path = run_path(root, run.hypothesis, run.profile, run.goal)
    with readable_disk_errors(path):
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
    except PermissionError as error:
        raise HypError(f"{disk_sentence(error, path)}.") from error
    except UNREADABLE as error:
        raise HypError(f"the run record {path} is damaged; delete it and run again.") from error


def all_runs(root: Path) -> list[Run]:
    """Return all runs of a store, the one last run or asked for last.

    Finished ones whose files are gone are ``incomplete``, running ones of other hosts that
    have long not written their record ``killed``.
    """
    store = Store(root)
    paths = sorted((root / "runs").glob("*.json"))
    runs = [_as_it_is(store, load_run(path), path) for path in paths]
    return sorted(runs, key=lambda run: run.asked or run.updated)


def _as_it_is(store: Store, run: Run, path: Path) -> Run:
    if run.state == "running" and run.host != platform.node() and _is_silent(path):
        return run.model_copy(update={"state": "killed"})
    if run.state != "finished" or store.is_whole("results", run.goal):
        return run
    return run.model_copy(update={"state": "incomplete"})


def stored_steps(store: Store, runs: Sequence[Run]) -> list[int]:
    """Return how many of each run's artifacts are stored whole; shared ones are looked at once."""
    whole = {step: store.is_whole(*step) for step in {step for run in runs for step in run.steps}}
    return [sum(whole[step] for step in run.steps) for run in runs]


def state_of(run: Run, stored: int) -> str:
    """Return a run's state, given how many of its artifacts are stored whole."""
    state = run.seen_state
    return "incomplete" if state == "finished" and stored < len(run.steps) else state


def shown_state(run: Run, stored: int) -> str:
    """Return a run's state for people, given how many of its artifacts are stored whole."""
    state, gone = state_of(run, stored), len(run.steps) - stored
    return f"{state}, {gone} of {len(run.steps)} steps gone" if state == "incomplete" else state


def now_asked(root: Path) -> str:
    """Return the present time, but later than all runs of a store were asked for.

    So that the latest run is the latest though a clock was set back, or another machine's is
    ahead.
    """
    latest = datetime.now(UTC)
    for path in (root / "runs").glob("*.json"):
        with suppress(HypError):
            run = load_run(path)
            asked = datetime.fromisoformat(run.asked or run.updated)
            latest = max(latest, asked + timedelta(microseconds=1))
    return latest.isoformat(timespec="microseconds")


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


def latest_run(
    root: Path, hypothesis: str | None, profile: str | None = None, *, asked: str | None = None
) -> Run:
    """Return the latest finished run; `asked` is what `hyp run` would be given for it.

    Raises
    ------
    HypError
        If there is none that matches, or its result was changed since it was made.
    """
    runs = [
        run
        for run in all_runs(root)
        if hypothesis in (None, run.hypothesis) and profile in (None, run.profile)
    ]
    finished = [run for run in runs if run.state == "finished"]
    if not finished:
        what = hypothesis or "any hypothesis"
        if profile is not None:
            what += f" with the profile {profile!r}"
        gone = any(run.state == "incomplete" for run in runs)
        state = "the files of a finished run are gone or damaged: make them again" if gone else ""
        raise HypError(
            f"{root} holds no finished run of {what}; {state or 'start one'} with 'hyp run "
            f"{asked or hypothesis or 'NAME'}{f' -p {profile}' if profile else ''}', or see "
            "'hyp status'."
        )
    check_artifact(root / "results" / finished[-1].goal)
    return finished[-1]
