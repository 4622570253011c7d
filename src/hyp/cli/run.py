"""``hyp run``: from a plan to its verdict, under live progress."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hyp.cli.exits import verdict_status
from hyp.cli.options import (
    DEFAULT_STORE,
    AsJson,
    OptionalName,
    ProfileName,
    Settings,
    StorePath,
    Workers,
    here,
    named_plan,
    store_if_any,
)
from hyp.errors import HypError

if TYPE_CHECKING:
    from rich.console import Console

    from hyp.hypotheses.plan import Plan
    from hyp.hypotheses.result import Result
    from hyp.models.hardware import Numerics, Wanted
    from hyp.store import Store


Address = Callable[[], str | None]
"""Returns where a scheduler listens, starting it if it has to; None where there is none."""


def run_hypothesis(
    name: OptionalName = None,
    profile: ProfileName = None,
    settings: Settings = None,
    store: StorePath = DEFAULT_STORE,
    workers: Workers = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT.")
    ] = None,
    cluster: Annotated[
        Path | None,
        typer.Option(
            help="File that says what jobs to ask Slurm, PBS, SGE or LSF for.", callback=here
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every hypothesis there is.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors; for scripts.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be computed, what is shared.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a hypothesis to its verdict; what is stored already is not computed again.

    Exit status 3: untestable, 4: invalid, 5: confounded; the highest of several.
    """
    from hyp.cli.run_all import plan_all, shares, sharing_table
    from hyp.cli.terminal import console, resumable
    from hyp.hypotheses.builders import check_steps
    from hyp.hypotheses.workers import other_numerics, read_workers, workers_numerics
    from hyp.models.hardware import suits_here
    from hyp.store import Store

    if every == (name is not None):
        raise HypError("name one hypothesis, or say --all; 'hyp list' shows what there is.")
    count = read_workers(workers)
    screen = console(err=as_json)
    with resumable(), ExitStack() as stack:
        address = _address(stack, scheduler, cluster, store, dry_run=dry_run)
        remote = scheduler is not None or cluster is not None

        @cache
        def ask(wanted: Wanted) -> Numerics:
            at = address() if remote else None
            return suits_here(wanted) if at is None else workers_numerics(at, wanted)

        found = store_if_any(store)
        if name is None:
            plans, left_out = plan_all(profile, settings, store=found, ask=ask)
        else:
            plans, left_out = [named_plan(name, profile, settings, store=found, ask=ask)], []
        for problem in left_out:
            screen.print(f"left out: {problem}", style="yellow", soft_wrap=True)
        for planned in plans:
            check_steps(planned.steps if dry_run else planned.pending(found))
        if dry_run:
            shared = shares(plans, found)
            if as_json:
                from hyp.cli.as_json import shares_json

                typer.echo(shares_json(shared, left_out))
            else:
                screen.print(sharing_table(shared))
            return
        for sentence in filter(None, {other_numerics(planned, found, ask) for planned in plans}):
            typer.echo(sentence, err=True)
        opened = Store.create(store)
        results = [
            _run(planned, opened, count, address, screen=screen, quiet=quiet) for planned in plans
        ]
    if as_json:
        from hyp.cli.as_json import results_json

        typer.echo(results_json(results, left_out))
    raise typer.Exit(verdict_status(result.verdict.outcome for _, result in results))


def _address(
    stack: ExitStack, scheduler: str | None, cluster: Path | None, store: Path, *, dry_run: bool
) -> Address:
    """Return what tells the address of the scheduler: the one that is named, or one of jobs."""
    if cluster is None:
        return lambda: scheduler
    if scheduler is not None or dry_run:
        other = "--scheduler" if scheduler is not None else "--dry-run"
        raise HypError(f"--cluster starts jobs and {other} does not; leave one of them away.")
    from hyp.job_clusters import job_cluster, read_cluster
    from hyp.store import Store

    spec = read_cluster(cluster)

    @cache
    def started() -> str:
        folder = Store.create(store).root / ".jobs"
        return stack.enter_context(job_cluster(spec, folder, partial(typer.echo, err=True)))

    return started


def _run(
    plan: Plan,
    store: Store,
    workers: int | Literal["gpu"] | None,
    address: Address,
    *,
    screen: Console,
    quiet: bool,
) -> tuple[Path, Result]:
    """Run a plan under live progress, print the verdict; return the result and its folder."""
    from hyp.hypotheses.looks import second_look
    from hyp.hypotheses.result_files import load_result
    from hyp.hypotheses.run import run_plan
    from hyp.reports import result_panel
    from hyp.reports.live import shown_progress

    computed = bool(plan.pending(store)) and not plan.untestable
    run = partial(run_plan, plan, store, workers=workers, scheduler=address() if computed else None)
    if quiet:
        folder = run()
        return folder, load_result(folder)
    again = second_look(plan, store)
    screen.print(_opening(plan, store), soft_wrap=True)
    if again:
        screen.print(again, style="yellow", soft_wrap=True, highlight=False)
    with shown_progress(screen) as watch:
        folder = run(watch=watch)
    result = load_result(folder)
    screen.print(result_panel(result))
    screen.print("Next: hyp report", _store_option(store), sep="", soft_wrap=True)
    return folder, result


def _opening(plan: Plan, store: Store) -> str:
    n_pending = len(plan.pending(store))
    stored = len(plan.steps) - n_pending
    what = f"{plan.name}, profile {plan.profile_name}"
    if not n_pending:
        return f"{what}: all {stored} steps are stored."
    return f"{what}: {n_pending} steps to compute, {stored} stored."


def _store_option(store: Store) -> str:
    return "" if store.root == DEFAULT_STORE.absolute() else f" --store {store.root}"
