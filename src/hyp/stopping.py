"""Ending early on a signal, at a moment when what has been computed can be saved."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Ctrl-C, the end that a scheduler of jobs asks for, and its early warning (Slurm's)."""


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
    looking: int = 0
    scratch: set[Path] = field(default_factory=set)


_PROCESS = _Process()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let signals raise `Stopped` in the main thread; a second one ends the process at once.

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
    """Remove a folder even if a second signal ends the process inside the block."""
    _PROCESS.scratch.add(folder)
    try:
        yield
    finally:
        _PROCESS.scratch.discard(folder)


def ask_to_stop() -> None:
    """Let `check` raise in every thread of this process, from now on."""
    _PROCESS.asked = True


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
    if _PROCESS.signum:
        _end_at_once(signum)
    _PROCESS.asked, _PROCESS.signum = True, signum
    if not _PROCESS.looking:
        raise Stopped(signum)


def _end_at_once(signum: int) -> None:
    """End this process and those that it started, without a word but with nothing left."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
            child.wait(5)
        except psutil.Error:
            continue
    for folder in _PROCESS.scratch:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(128 + signum)
