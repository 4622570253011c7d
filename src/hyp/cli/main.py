"""The ``hyp`` command."""

from __future__ import annotations

import logging
import sys
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from hyp.cli.boundary import (
    check_folder,
    explained,
    flush_output,
    give_up_output,
    prepare_output,
)
from hyp.cli.brainscore import brainscore_app, doctor, score_models
from hyp.cli.data import data_app
from hyp.cli.design import show_design
from hyp.cli.exits import FAULT, INTERRUPTED, REFUSED, SIGNALLED
from hyp.cli.freeze import freeze_declaration
from hyp.cli.logs import LEVELS, start_logging
from hyp.cli.models import models_app
from hyp.cli.multiverse import show_multiverse
from hyp.cli.neural import neural_app
from hyp.cli.new import new_hypothesis
from hyp.cli.options import (
    DEFAULT_STORE,
    AsJson,
    Figures,
    Name,
    Once,
    ProfileName,
    Settings,
    StorePath,
    Workers,
    checked_plan,
    here,
    names_for_shell,
    store_if_any,
)
from hyp.cli.published import show_published
from hyp.cli.released import released_app
from hyp.cli.run import run_hypothesis
from hyp.cli.scaling import study_scaling
from hyp.cli.scores import judge_scores
from hyp.cli.store import store_app
from hyp.cli.view import view_store
from hyp.errors import HypError
from hyp.models.trust import trusting
from hyp.stopping import Stopped, ignore_signals, received, stoppable
from hyp.text import printable

_ANYWHERE = ("--debug", "--trust")
_log = logging.getLogger("hyp")
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
    """Run ``hyp``; what the user can mend ends it with one sentence, see `hyp.cli.exits`."""
    arguments = [argument for argument in sys.argv[1:] if argument not in _ANYWHERE]
    debug = "--debug" in sys.argv[1:]
    prepare_output()
    try:
        with stoppable(), trusting() if "--trust" in sys.argv[1:] else nullcontext():
            check_folder()
            status = _run(start_logging(arguments))
    except KeyboardInterrupt as error:
        status = SIGNALLED + error.signum if isinstance(error, Stopped) else INTERRUPTED
    except BrokenPipeError:  # whoever read the output has had enough
        give_up_output()
        status = 1
    except Exception as error:
        if debug:
            raise
        status = _say(error)
    if status > SIGNALLED:
        ignore_signals()  # Python's own tidying up at the end is left alone
    sys.exit(status)


@cache
def _command() -> Any:
    """Build the whole command line, once a process."""
    return typer.main.get_command(app)


def _run(arguments: list[str]) -> int:
    try:
        status = _command()(arguments, prog_name="hyp", standalone_mode=False)
    except typer.Abort as error:
        if error.__cause__ is not None:  # click takes the end of a file for Ctrl-D
            raise error.__cause__ from error
        status = INTERRUPTED
    except Exception as error:
        if not isinstance(error, _USAGE):
            raise
        usage: Any = error
        usage.show()
        status = usage.exit_code
    if status == INTERRUPTED and received():  # typer takes every signal for Ctrl-C
        return SIGNALLED + received()
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
        _log.error(sentence)
        typer.echo(f"error: {sentence}", err=True)
        return REFUSED
    _log.critical("a fault in hyp", exc_info=error)
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
    log_level: Annotated[
        str | None,
        typer.Option(metavar="|".join(LEVELS), help="What is logged (may stand anywhere)."),
    ] = None,
    log_file: Annotated[
        str | None,
        typer.Option(help="Where to; default: standard error (may stand anywhere)."),
    ] = None,
) -> None:
    """Declare a hypothesis about vision models, run it, read the verdict."""
    if version:
        from hyp import __version__

        typer.echo(f"hyp {__version__}")
        raise typer.Exit


@app.command("list")
def list_hypotheses(as_json: AsJson = False) -> None:
    """List the hypotheses that can be run."""
    if as_json:
        from hyp.cli.as_json import hypotheses_json

        typer.echo(hypotheses_json())
        return
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
    profile: ProfileName = None,
    settings: Settings = None,
    store: StorePath = DEFAULT_STORE,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be computed, what is stored, and the hours, disk and memory it takes."""
    from hyp.clusters import cores_here
    from hyp.hypotheses.workers import read_workers

    asked, opened = read_workers(workers), store_if_any(store)
    planned = checked_plan(name, profile, settings, store=opened)
    if isinstance(asked, str):
        from hyp.hypotheses.run import local_workers

        count, gpus = local_workers(asked, planned.pending(opened))
    else:
        count, gpus = cores_here() if asked is None else asked, []
    if as_json:
        from hyp.cli.as_json import plan_json

        typer.echo(plan_json(planned, opened, count, len(gpus)))
        return
    from hyp.cli.terminal import console
    from hyp.reports.plans import plan_page

    console().print(plan_page(planned, opened, count, len(gpus)))


@app.command()
def status(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Show the runs of a store and how far each has come."""
    from hyp.store import Store

    opened = Store.open(store)
    if as_json:
        from hyp.cli.as_json import runs_json

        typer.echo(runs_json(opened))
        return
    from hyp.cli.terminal import console
    from hyp.reports.plans import status_table

    console().print(status_table(opened))


@app.command()
def report(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A hypothesis or its .toml file; default: the latest run.",
            autocompletion=names_for_shell,
        ),
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
        typer.Option(
            help="Frozen declaration; default: NAME-PROFILE.frozen.json, if here.", callback=here
        ),
    ] = None,
    figures: Figures = None,
) -> None:
    """Write the report of a finished run: HTML, JSON and Markdown."""
    from hyp.cli.terminal import console
    from hyp.hypotheses.registry import find_hypothesis
    from hyp.hypotheses.toml import SUFFIX
    from hyp.reports.report import make_report
    from hyp.store import Store
    from hyp.store.runs import latest_run

    opened = Store.open(store)
    if every:
        if name is not None or frozen is not None:
            raise HypError("--all reports every hypothesis; leave the name and --frozen away.")
        from hyp.reports.overview import overview_table
        from hyp.reports.report import make_all_reports

        page = make_all_reports(opened, profile, out, figures)
        console().print(overview_table(opened.root))
        console().print(f"overview: {page}", soft_wrap=True, highlight=False)
        return
    named = find_hypothesis(name).name if name and name.endswith(SUFFIX) else name
    run = latest_run(opened.root, named, profile, asked=name)
    page = make_report(opened, run, out, frozen, figures)
    console().print(f"report: {page}", soft_wrap=True, highlight=False)


app.command("design")(show_design)
app.command("freeze")(freeze_declaration)
app.command("multiverse")(show_multiverse)
app.command("new")(new_hypothesis)
app.command("published")(show_published)
app.command("run")(run_hypothesis)
app.command("test", cls=Once)(judge_scores)
app.command("scaling")(study_scaling)
app.command("score")(score_models)
app.command("doctor")(doctor)
app.command("view")(view_store)
