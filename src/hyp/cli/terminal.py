"""The console that all commands print to, and what those that take long show on it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from hyp.cli.exits import SIGNALLED
from hyp.stopping import Stopped, ignore_signals, stoppable
from hyp.text import printable


class _PlainConsole(Console):
    """Prints text as text: brackets are no markup, control characters are written out."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def console(*, err: bool = False) -> Console:
    """Return a console; where the output is no terminal, it is 80 columns wide."""
    found = _PlainConsole(stderr=err, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found = _PlainConsole(stderr=err, highlight=False, markup=False, emoji=False, width=80)
    return found


def say(text: str, *, err: bool = False) -> None:
    """Print a text on lines of its own, of whatever length."""
    typer.echo(printable(text), err=err)


@contextmanager
def resumable() -> Iterator[None]:
    """End the command on Ctrl-C, SIGTERM, SIGUSR1 or SIGHUP, and say that the same one goes on.

    The exit status is 128 and the number of the signal, as shells have it: 130 after Ctrl-C.
    """
    try:
        with stoppable():
            yield
    except KeyboardInterrupt as error:
        ignore_signals()
        signum = error.signum if isinstance(error, Stopped) else signal.SIGINT
        what = "interrupted" if signum == signal.SIGINT else f"ended by {error}"
        with suppress(OSError):  # a terminal that has closed
            typer.echo(
                f"\n{what}; nothing is lost. The same command goes on where it stopped.", err=True
            )
        raise typer.Exit(SIGNALLED + signum) from None


@contextmanager
def count_bar(
    what: str, screen: Console, *, total: int | None = None, timed: bool = True
) -> Iterator[Callable[[int, int], None]]:
    """Show how many of a number are done while the block runs; yields what moves the bar.

    Parameters
    ----------
    what : str
        What is counted, such as ``images``.
    screen : Console
    total : int or None
        Their number; None until it is told with what is done.
    timed : bool
        Whether to show the remaining time.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (what, BarColumn(bar_width=None), MofNCompleteColumn())
    left = (TimeRemainingColumn(),) if timed else ()
    with Progress(*columns, *left, console=screen) as bars:
        task = bars.add_task(what, total=total)
        yield lambda done, total: bars.update(task, completed=done, total=total or None)
