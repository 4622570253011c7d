"""The ``hyp`` command."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyp.cli.boundary import (
    FAULT,
    explained,
    flush_output,
    give_up_output,
    prepare_output,
)
from hyp.cli.brainscore import brainscore_app, doctor, score_models
from hyp.cli.data import data_app
from hyp.cli.design import show_design
from hyp.cli.freeze import freeze_declaration
from hyp.cli.models import models_app
from hyp.cli.multiverse import show_multiverse
from hyp.cli.neural import neural_app
from hyp.cli.new import new_hypothesis
from hyp.cli.options import (
    DEFAULT_STORE,
    INTERRUPTED,
    Name,
    Once,
    OptionalName,
    ProfileName,
    Settings,
    StorePath,
    checked_plan,
    here,
    named_plan,
)
from hyp.cli.published import show_published
from hyp.cli.released import released_app
from hyp.cli.scores import judge_scores
from hyp.cli.store import store_app
from hyp.errors import HypError
from hyp.models.trust import trusting
from hyp.text import printable

if TYPE_CHECKING:
    from hyp.store import Store

_ANYWHERE = ("--debug", "--trust")
_USAGE = typer.BadParameter.__mro__[1:-3]  # click's own; some versions of typer have a copy of it

app = typer.Typer(
    name="hyp",
    help="Declare a hypothesis about vision models, run it, read the verdict.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(released_app, name="released")
app.add_typer(models_app, name="models")
app.add_typer(neural_app, name="neural")
app.add_typer(brainscore_app, name="brainscore")
app.add_typer(store_app, name="store")


def main() -> None:
    """Run ``hyp``; what the user can mend ends it with one sentence and status 1."""
    arguments = [argument for argument in sys.argv[1:] if argument not in _ANYWHERE]
    debug = "--debug" in sys.argv[1:]
    prepare_output()
    try:
        with trusting() if "--trust" in sys.argv[1:] else nullcontext():
            status = _run(arguments)
    except BrokenPipeError:  # whoever read the output has had enough
        give_up_output()
        status = 1
    except Exception as error:
        if debug:
            raise
        status = _say(error)
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    try:
        status = app(arguments, prog_name="hyp", standalone_mode=False)
    except typer.Abort as error:
        if isinstance(error.__cause__, Exception):  # click takes the end of a file for Ctrl-D
            raise error.__cause__ from error
        status = INTERRUPTED
    except Exception as error:
        if not isinstance(error, _USAGE):
            raise
        usage: Any = error
        usage.show()
        status = usage.exit_code
    flush_output()
    return status if isinstance(status, int) else 0


def _say(error: Exception) -> int:
    sentence = explained(error)
    if isinstance(error, OSError):
        try:
            flush_output()
        except OSError:
            give_up_output()
    if sentence is not None:
        typer.echo(f"error: {sentence}", err=True)
        return 1
    typer.echo(
        f"error: unexpected {type(error).__name__}: {printable(str(error))}\n"
        "This is a fault in hyp; add --debug to see where it happened.",
        err=True,
    )
    return FAULT


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks (may stand anywhere).")
    ] = False,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Run code that model folders name (may stand anywhere).",
        ),
    ] = False,
) -> None:
    """Declare a hypothesis about vision models, run it, read the verdict."""
    if version:
        from hyp import __version__

        typer.echo(f"hyp {__version__}")
        raise typer.Exit


@app.command("list")
def list_hypotheses() -> None:
    """List the hypotheses that can be run."""
    from hyp.cli.terminal import console
    from hyp.reports.plans import hypotheses_table

    console().print(hypotheses_table())


@app.command()
def show(name: Name) -> None:
    """Show what a hypothesis declares: question, predictions, rule, profiles."""
    from hyp.cli.terminal import console
    from hyp.hypotheses.registry import find_hypothesis
    from hyp.reports.plans import hypothesis_page

    console().print(hypothesis_page(find_hypothesis(name)))


@app.command()
def plan(
    name: Name,
    profile: ProfileName = "laptop",
    settings: Settings = None,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Show what would be computed, what is stored already, and how long it takes."""
    from hyp.cli.terminal import console
    from hyp.reports.plans import plan_page

    opened = _store_if_any(store)
    console().print(plan_page(checked_plan(name, profile, settings, store=opened), opened))


@app.command()
def run(
    name: OptionalName = None,
    profile: ProfileName = "laptop",
    settings: Settings = None,
    store: StorePath = DEFAULT_STORE,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Local processes; 0: this one. Default: one a core."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every hypothesis there is.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors; for scripts.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be computed, what is shared.")
    ] = False,
) -> None:
    """Run a hypothesis to its verdict; what is stored already is not computed again."""
    from functools import cache, partial

    from hyp.cli.progress import run_with_progress
    from hyp.cli.run_all import plan_all, sharing_table
    from hyp.cli.terminal import console, resumable
    from hyp.hypotheses.builders import check_steps
    from hyp.hypotheses.workers import other_numerics, workers_numerics
    from hyp.models.hardware import suits_here
    from hyp.store import Store

    if every == (name is not None):
        raise HypError("name one hypothesis, or say --all; 'hyp list' shows what there is.")
    screen = console()
    ask = cache(partial(workers_numerics, scheduler) if scheduler else suits_here)
    found = _store_if_any(store)
    if name is None:
        plans, left_out = plan_all(profile, settings, store=found, ask=ask)
    else:
        plans, left_out = [named_plan(name, profile, settings, store=found, ask=ask)], []
    for problem in left_out:
        screen.print(f"left out: {problem}", style="yellow", soft_wrap=True)
    if dry_run:
        for planned in plans:
            check_steps(planned.steps)
        screen.print(sharing_table(plans, found))
        return
    for sentence in filter(None, {other_numerics(planned, found, ask) for planned in plans}):
        typer.echo(sentence, err=True)
    opened = Store.create(store)
    with resumable():
        for planned in plans:
            run_with_progress(
                planned,
                opened,
                workers=workers,
                scheduler=scheduler,
                console=screen,
                quiet=quiet,
            )


@app.command()
def status(store: StorePath = DEFAULT_STORE) -> None:
    """Show the runs of a store and how far each has come."""
    from hyp.cli.terminal import console
    from hyp.reports.plans import status_table
    from hyp.store import Store

    console().print(status_table(Store.open(store)))


@app.command()
def report(
    name: Annotated[
        str | None, typer.Argument(help="A hypothesis; default: the latest run.")
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", "-p", help="Size of the run.")] = None,
    store: StorePath = DEFAULT_STORE,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the report; default: in the store.", callback=here),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Report every finished run, and a page over them.")
    ] = False,
    frozen: Annotated[
        Path | None,
        typer.Option(help="Frozen declaration; default: NAME-PROFILE.frozen.json, if here."),
    ] = None,
) -> None:
    """Write the report of a finished run: HTML, JSON and Markdown."""
    from hyp.cli.terminal import console
    from hyp.reports.report import make_report
    from hyp.store import Store

    opened = Store.open(store)
    if every:
        if name is not None or frozen is not None:
            raise HypError("--all reports every hypothesis; leave the name and --frozen away.")
        from hyp.reports.overview import overview_table
        from hyp.reports.report import make_all_reports

        page = make_all_reports(opened, profile, out)
        console().print(overview_table(opened.root))
        console().print(f"overview: {page}", soft_wrap=True, highlight=False)
        return
    page = make_report(opened, name, profile, out, frozen)
    console().print(f"report: {page}", soft_wrap=True, highlight=False)


app.command("design")(show_design)
app.command("freeze")(freeze_declaration)
app.command("multiverse")(show_multiverse)
app.command("new")(new_hypothesis)
app.command("published")(show_published)
app.command("test", cls=Once)(judge_scores)
app.command("score")(score_models)
app.command("doctor")(doctor)


def _store_if_any(path: Path) -> Store | None:
    from hyp.store import Store

    return Store.open(path) if (path / "store.json").exists() else None
