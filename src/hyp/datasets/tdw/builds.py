"""The builds that this process has, one a port, kept between calls and ended at exit."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hyp.datasets.tdw.build_session import Patience, Stage
from hyp.datasets.tdw.connection import BuildError, PortInUseError
from hyp.datasets.tdw.settings import TDWSettings
from hyp.errors import HypError

_LOCK = threading.RLock()
_STAGES: dict[tuple[int, str], Stage] = {}
"""Process and address to what is connected there."""


@contextmanager
def stage_of(source: TDWSettings) -> Iterator[Stage]:
    """Yield a build of a source for the caller alone; it stays connected afterwards.

    A process takes the first of the source's ports that no other program listens on. A
    build that failed, or was interrupted, is let go.

    Raises
    ------
    HypError
        If there is no port or no build.
    """
    with _LOCK:
        key, stage = _opened(source)
        try:
            yield stage
        except HypError as error:
            if isinstance(error, BuildError):
                _let_go(key)
            raise
        except BaseException:
            _let_go(key)
            raise


def close_builds() -> None:
    """End the builds of this process and free their ports; done at exit by itself."""
    with _LOCK:
        for key in [key for key in _STAGES if key[0] == os.getpid()]:
            _let_go(key)


def _let_go(key: tuple[int, str]) -> None:
    stage = _STAGES.pop(key, None)
    if stage is not None:
        stage.close()


def _opened(source: TDWSettings) -> tuple[tuple[int, str], Stage]:
    patience = Patience(source.patience, source.loading)
    for address in source.addresses:
        key = (os.getpid(), address)
        if key in _STAGES:
            _STAGES[key].patience = patience
            return key, _STAGES[key]
    atexit.unregister(close_builds)
    atexit.register(close_builds)
    for address in source.addresses:
        key = (os.getpid(), address)
        host, _, port = address.rpartition(":")
        try:
            _STAGES[key] = Stage(host, int(port), patience, source.build, source.display)
        except PortInUseError:
            if len(source.addresses) == 1:
                raise
            continue
        return key, _STAGES[key]
    raise HypError(
        f"all {len(source.addresses)} ports ({source.addresses[0]} and on) are in use; each "
        "worker needs a build on a port of its own, so name more ports or use fewer workers."
    )
