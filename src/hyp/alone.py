"""One at a time in a process: what seeds, or sets threads or precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from threadpoolctl import threadpool_limits

_LOCK = RLock()


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other thread of this process is in such a block, then run this one.

    Random numbers, numbers of threads and deterministic kernels are settings of a whole
    process: two threads that train at once would draw each other's numbers. A block may hold
    another one of the same thread; what it starts in other threads must not.

    Examples
    --------
    >>> with alone():
    ...     pass
    """
    with _LOCK:
        yield


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Let linear algebra use so many threads; sums in another number of parts end otherwise.

    A library that is loaded inside of the block would take one thread a core.
    """
    import scipy.linalg  # noqa: F401

    with threadpool_limits(threads):
        yield
