"""Ending early on a signal, at a moment when what has been computed can be saved."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PATIENCE = 15.0
"""Seconds in which a process that was told to end does so; more signals change nothing."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
"""Ctrl-C, the end that a scheduler of jobs asks for, its early warning (Slurm's), and the end of
the terminal or connection that a command was started from."""


class Stopped(KeyboardInterrupt):
    """A signal, or a cluster that closes, ends this process.

    Attributes
    ----------
    signum : int
        The signal; 0 where none was sent.
    """

    def __init__(self, signum: int = 0) -> None:
        super().__init__(signal.Signals(signum).name if signum else "the cluster closes")
        self.signum = signum


@dataclass
class _Process:
    """What signals do to this process; there is one of it, as there is one of the handlers."""

    asked: bool = False
    signum: int = 0
    since: float = 0.0
    looking: int = 0
    scratch: set[Path] = field(default_factory=set)


_PROCESS = _Process()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let a signal raise `Stopped` in the main thread.

    More signals change nothing, so that what is being tidied up is; but one that comes after
    `PATIENCE` ends the process at once.
    A signal that this process was started to ignore, as by ``nohup``, stays ignored.
    """
    before = {}
    for signum in SIGNALS:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            before[signum] = signal.signal(signum, _on_signal)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        _PROCESS.asked, _PROCESS.signum = False, 0


def ignore_signals() -> None:
    """Ignore them from now on, in a process that ends."""
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


@contextmanager
def unheard() -> Iterator[None]:
    """Let processes that are started in the block hear no signal, and this one only after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def looked_after() -> Iterator[None]:
    """Let the main thread end where the block calls `check`, not wherever it is."""
    mine = threading.current_thread() is threading.main_thread()
    _PROCESS.looking += mine
    try:
        yield
    finally:
        _PROCESS.looking -= mine


@contextmanager
def removed_at_the_latest(folder: Path) -> Iterator[None]:
    """Remove a folder even if a signal ends the process at once inside the block."""
    _PROCESS.scratch.add(folder)
    try:
        yield
    finally:
        _PROCESS.scratch.discard(folder)


def ask_to_stop() -> None:
    """Let `check` raise in every thread of this process, from now on."""
    _PROCESS.asked = True


def received() -> int:
    """Return the signal that has told this process to end; 0 if there was none."""
    return _PROCESS.signum


def check() -> None:
    """End here if this process was asked to.

    Raises
    ------
    Stopped
        If it was.
    """
    if _PROCESS.asked:
        raise Stopped(_PROCESS.signum)


def _on_signal(signum: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _PROCESS.signum:
        if now - _PROCESS.since > PATIENCE:
            _end_at_once(signum)
        return
    _PROCESS.asked, _PROCESS.signum, _PROCESS.since = True, signum, now
    if not _PROCESS.looking:
        raise Stopped(signum)


def _end_at_once(signum: int) -> None:
    """End this process and those that it started."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
    for folder in _PROCESS.scratch:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(128 + signum)
