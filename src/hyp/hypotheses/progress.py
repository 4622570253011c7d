"""How far a run has come: what bars, log lines and ``hyp status`` show, from one count."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from hyp.store import Step
from hyp.store.runs import heartbeat

StepState = Literal["running", "waiting", "done"]

_WATCHED_EVERY = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepEvent:
    """Where one step stands: `done` of `total` units of its own work."""

    kind: str
    key: str
    state: StepState
    done: int = 0
    total: int = 0


Listener = Callable[[StepEvent], None]


@dataclass
class StageProgress:
    """How far the steps of one kind have come.

    Attributes
    ----------
    kind : str
    total : int
        Steps to compute.
    fractions : dict of str to float
        How much of each begun step is done, by key.
    waiting : bool
        Whether another run is making the step that was heard of last.
    """

    kind: str
    total: int
    fractions: dict[str, float] = field(default_factory=dict)
    waiting: bool = False

    @property
    def done(self) -> float:
        """Steps done, begun ones in part."""
        return sum(self.fractions.values())

    @property
    def finished(self) -> int:
        """Whole steps done."""
        return int(self.done + 1e-6)


class RunProgress:
    """Counts what is heard of a run's steps; any thread may tell it.

    Parameters
    ----------
    pending : sequence of Step
        What is to be computed.
    expected : mapping of str to float
        Seconds of one core that each step needs, by its key; all alike where nothing is known.
    earlier : float
        Seconds that earlier calls took for the same result.
    """

    def __init__(
        self,
        pending: Sequence[Step],
        expected: Mapping[str, float] | None = None,
        earlier: float = 0.0,
    ) -> None:
        totals = Counter(step.kind for step in pending)
        self.stages = {kind: StageProgress(kind, total) for kind, total in totals.items()}
        self._expected = expected or {step.key: 1.0 for step in pending}
        self._earlier = earlier
        self._begun = time.monotonic()
        self._heard: float | None = None
        self._lock = Lock()

    def __call__(self, event: StepEvent) -> None:
        """Count an event."""
        with self._lock:
            if self._heard is None:  # what went before is starting up, not working
                self._heard = time.monotonic()
            stage = self.stages.get(event.kind)
            if stage is None:
                return
            stage.fractions[event.key] = event.done / event.total if event.total else 0.0
            stage.waiting = event.state == "waiting"

    @property
    def seconds(self) -> float:
        """Seconds on the clock so far, those of earlier calls included."""
        return self._earlier + time.monotonic() - self._begun

    @property
    def share(self) -> float:
        """Share of this call's work that is done, steps weighted by what they take."""
        with self._lock:
            whole = sum(self._expected.values())
            done = sum(
                self._expected.get(key, 0.0) * fraction
                for stage in self.stages.values()
                for key, fraction in stage.fractions.items()
            )
        return done / whole if whole else 1.0

    @property
    def left(self) -> float | None:
        """Seconds left at the speed of this call so far; None before there is any."""
        share, heard = self.share, self._heard
        if share < 0.005 or heard is None:
            return None
        return (time.monotonic() - heard) * (1 - share) / share


@contextmanager
def watched(progress: RunProgress, watch: Callable[[RunProgress], None]) -> Iterator[Listener]:
    """Show progress at every event and every few seconds; yields what hears the events."""
    states: dict[str, StepState] = {}

    def hear(event: StepEvent) -> None:
        progress(event)
        if states.get(event.key) != event.state:
            states[event.key] = event.state
            _log.info("%s %s: %s", event.kind, event.key, event.state)
        watch(progress)

    try:
        with heartbeat(lambda: watch(progress), _WATCHED_EVERY):
            yield hear
    finally:
        watch(progress)
