"""Live progress of a run: bars on a terminal, a line per minute in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from hyp.hypotheses.progress import RunProgress, StageProgress
from hyp.reports.wording import duration

_LOGGED_EVERY = 60.0


@contextmanager
def shown_progress(console: Console) -> Iterator[Callable[[RunProgress], None]]:
    """Show how far a run has come while the block runs; yields what it is told with."""
    if _draws(console):
        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=None),
            _WholeSteps(),
            TextColumn("{task.fields[clock]}"),
        )
        with Progress(*columns, console=console) as bars:
            yield _Bars(bars)
    else:
        yield _Log(console)


def _draws(console: Console) -> bool:
    """Tell whether bars can move: on a terminal, or in a notebook that has widgets."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal


class _Bars:
    """A bar per stage, and the clock that ``hyp status`` shows too behind the last."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, Task] = {}

    def __call__(self, progress: RunProgress) -> None:
        clock = _clock(progress)
        for stage in list(progress.stages.values()):
            if stage.kind not in self._tasks:
                number = self._bars.add_task(stage.kind, total=stage.total, clock="")
                self._tasks[stage.kind] = self._bars.tasks[number]
            waiting = " (another run is making it)" if stage.waiting else ""
            self._bars.update(
                self._tasks[stage.kind].id,
                completed=stage.done,
                description=f"{stage.kind}{waiting}",
                clock=clock if stage is _current(progress) else "",
            )


class _WholeSteps(ProgressColumn):
    """Finished steps of a stage; its bar counts fractions, this column does not."""

    def render(self, task: Task) -> Text:
        return Text(f"{int(task.completed + 1e-6)}/{int(task.total or 0)}")


class _Log:
    """A line when a stage begins or ends, and at least one per minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = 0.0
        self._stage = ""

    def __call__(self, progress: RunProgress) -> None:
        stage = _current(progress)
        if stage is None:
            return
        ended = all(one.finished == one.total for one in progress.stages.values())
        new = stage.kind != self._stage or ended
        if not new and time.monotonic() - self._said < _LOGGED_EVERY:
            return
        if ended and self._stage == "ended":
            return
        self._said, self._stage = time.monotonic(), "ended" if ended else stage.kind
        counted = ", ".join(
            f"{one.kind} {one.finished}/{one.total}"
            for one in progress.stages.values()
            if one.fractions
        )
        self._console.print(f"{_clock(progress)}: {counted}", soft_wrap=True)


def _current(progress: RunProgress) -> StageProgress | None:
    """Return the last stage that has begun."""
    begun = [stage for stage in progress.stages.values() if stage.fractions]
    return begun[-1] if begun else None


def _clock(progress: RunProgress) -> str:
    left = progress.left
    told = f", {duration(left)} left" if left is not None else ""
    return f"{duration(progress.seconds)}{told}"
