"""Live progress of a run, one bar a stage."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from hyp.hypotheses.running import StepEvent, run_plan
from hyp.store import Step, Store
from hyp.store.runs import Run, RunState, heartbeat, load_run, run_path, save_run

if TYPE_CHECKING:
    from hyp.hypotheses.plans import AnyPlan


def run_with_progress(
    plan: AnyPlan,
    store: Store,
    *,
    workers: int | None,
    scheduler: str | None,
    console: Console,
) -> None:
    """Run a plan under live bars, keep its run record, and print the verdict."""
    pending = plan.pending(store)
    console.print(_opening(plan, pending), soft_wrap=True)
    with _run_record(plan, store):
        if workers is None:
            workers = default_workers(pending)
        with stage_bars(pending, console) as listener:
            folder = run_plan(plan, store, workers=workers, scheduler=scheduler, listener=listener)
    console.print(result_panel(folder))
    console.print("Next: hyp report", _store_option(store), sep="", soft_wrap=True)


def result_panel(folder: Path) -> RenderableType:
    """Show the verdict of a result folder."""
    from hyp.hypotheses.studies.result import is_study, load_study
    from hyp.reports.load import load_result
    from hyp.reports.study_summary import study_panel
    from hyp.reports.summary import verdict_panel

    return (
        study_panel(load_study(folder)) if is_study(folder) else verdict_panel(load_result(folder))
    )


def default_workers(pending: list[Step]) -> int:
    """Return one process a core, but no more than there are networks to make.

    Steps of a single thread leave the other cores idle; on one core, or with
    nothing to train, everything runs in this process.
    """
    devices = {step.spec.get("device") for step in pending}
    if "cuda" in devices:
        return 0
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    by_kind = Counter(step.kind for step in pending)
    useful = min(available or 1, max(by_kind.values(), default=0))
    return useful if useful > 1 else 0


class _StageBars:
    def __init__(self, progress: Progress, pending: list[Step]) -> None:
        self._progress = progress
        self._lock = Lock()
        totals = Counter(step.kind for step in pending)
        self._tasks: dict[str, TaskID] = {
            kind: progress.add_task(kind, total=totals[kind], start=False)
            for kind in dict.fromkeys(step.kind for step in pending)
        }
        self._fractions: dict[str, dict[str, float]] = defaultdict(dict)

    def __call__(self, event: StepEvent) -> None:
        with self._lock:
            task = self._tasks[event.kind]
            if not self._progress.tasks[task].started:
                self._progress.start_task(task)
            fractions = self._fractions[event.kind]
            fractions[event.key] = event.done / event.total if event.total else 0.0
            waiting = " (another run is making it)" if event.state == "waiting" else ""
            self._progress.update(
                task, completed=sum(fractions.values()), description=f"{event.kind}{waiting}"
            )


class _WholeSteps(ProgressColumn):
    """Finished steps of a stage; its bar counts fractions, this column does not."""

    def render(self, task: Task) -> Text:
        return Text(f"{int(task.completed + 1e-6)}/{int(task.total or 0)}")


@contextmanager
def stage_bars(pending: list[Step], console: Console) -> Iterator[_StageBars]:
    """Show a bar a stage while the block runs; yields the listener that moves them."""
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=None),
        _WholeSteps(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, speed_estimate_period=120) as progress:
        yield _StageBars(progress, pending)


@contextmanager
def _run_record(plan: AnyPlan, store: Store) -> Iterator[None]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    clock = time.monotonic()
    path = run_path(store.root, plan.name, plan.profile_name, plan.goal.key)
    earlier = load_run(path) if path.exists() else None

    def save(state: RunState, message: str = "") -> None:
        run = Run(
            hypothesis=plan.name,
            profile=plan.profile_name,
            overrides=plan.settings,
            goal=plan.goal.key,
            steps=tuple((step.kind, step.key) for step in plan.steps),
            command=" ".join(["hyp", *sys.argv[1:]]),
            state=state,
            started=earlier.started if earlier else started,
            updated=datetime.now(UTC).isoformat(timespec="seconds"),
            wall_seconds=round(
                (earlier.wall_seconds if earlier else 0.0) + time.monotonic() - clock, 1
            ),
            message=message,
            host=platform.node(),
            pid=os.getpid(),
            numerics=plan.numerics,
        )
        save_run(store.root, run)

    if earlier and earlier.state == "finished" and store.has(plan.goal):
        yield
        return
    save("running")
    try:
        with heartbeat(lambda: save("running")):
            yield
    except KeyboardInterrupt:
        save("interrupted")
        raise
    except Exception as error:
        save("failed", str(error))
        raise
    save("finished")


def _opening(plan: AnyPlan, pending: list[Step]) -> str:
    stored = len(plan.steps) - len(pending)
    what = f"{plan.name}, profile {plan.profile_name}"
    if not pending:
        return f"{what}: all {stored} steps are stored."
    return f"{what}: {len(pending)} steps to compute, {stored} stored."


def _store_option(store: Store) -> str:
    default = Path("hyp-store").absolute()
    return "" if store.root == default else f" --store {store.root}"
