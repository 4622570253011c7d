"""The record of a run: written when it starts, while it computes, and when it ends."""

from __future__ import annotations

import logging
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hyp.errors import HypError
from hyp.hypotheses.progress import RunProgress
from hyp.hypotheses.timing import step_seconds
from hyp.store import Step, Store
from hyp.store.runs import Run, RunState, Stage, heartbeat, load_run, now_asked, run_path, save_run

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan

_SAVED_EVERY = 10.0
_log = logging.getLogger(__name__)


@contextmanager
def recorded(plan: Plan, pending: list[Step], store: Store) -> Iterator[RunProgress]:
    """Keep the record of a run while the block computes it; yields what counts its steps.

    A run that has finished before keeps the record of that time, and when it was asked for again.

    Parameters
    ----------
    plan : Plan
    pending : list of Step
        Those that are computed.
    store : Store
    """
    missing = Counter(step.kind for step in pending)
    path = run_path(store.root, plan.name, plan.profile_name, plan.goal.key)
    earlier = load_run(path) if path.exists() else None
    expected = step_seconds(plan, pending, store)
    progress = RunProgress(pending, expected, earlier.wall_seconds if earlier else 0.0)
    if earlier and earlier.state == "finished" and not pending:
        save_run(store.root, earlier.model_copy(update={"asked": now_asked(store.root)}))
        yield progress
        return
    started = earlier.started if earlier else _now()
    totals = Counter(step.kind for step in plan.steps)

    def begun(kind: str) -> float:
        return progress.stages[kind].done if kind in progress.stages else 0.0

    def save(state: RunState, message: str = "") -> None:
        run = record_of(
            plan,
            command=" ".join(["hyp", *sys.argv[1:]]),
            state=state,
            started=started,
            updated=_now(),
            asked=now_asked(store.root),
            wall_seconds=round(progress.seconds, 1),
            left_seconds=progress.left if state == "running" else None,
            stages=tuple(
                Stage(kind=kind, done=round(total - missing[kind] + begun(kind), 2), total=total)
                for kind, total in totals.items()
            ),
            message=message,
            host=platform.node(),
            pid=os.getpid(),
            numerics=plan.numerics,
        )
        save_run(store.root, run)

    what = f"{plan.name}, profile {plan.profile_name}"
    _log.info("%s: %d of %d steps to compute", what, len(pending), len(plan.steps))
    save("running")
    try:
        with heartbeat(lambda: save("running"), _SAVED_EVERY):
            yield progress
    except BaseException as error:
        if isinstance(error, Exception) and not store.exists():
            raise HypError(
                f"the store at {store.root} is gone: its folder was moved or deleted, or its disk "
                "taken away; bring it back, then run again: it goes on where it stopped."
            ) from error
        # A disk that takes no record either: the first reason is told.
        with suppress(HypError, OSError):
            if isinstance(error, KeyboardInterrupt):
                _log.warning("%s: interrupted by %s", what, error or "Ctrl-C")
                save("interrupted")
            elif isinstance(error, Exception):
                _log.error("%s: failed: %s", what, error)
                save("failed", str(error))
        raise
    _log.info("%s: finished after %.0f s", what, progress.seconds)
    save("finished")


def record_of(plan: Plan, **found: Any) -> Run:
    """Return the record of a run of a plan, with the other fields as they are given."""
    return Run(
        hypothesis=plan.name,
        profile=plan.profile_name,
        overrides=plan.settings,
        goal=plan.goal.key,
        steps=tuple((step.kind, step.key) for step in plan.steps),
        **found,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
