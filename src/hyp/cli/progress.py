"""Running a plan from the command line: live progress, then the verdict."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from hyp.cli.options import DEFAULT_STORE
from hyp.hypotheses.looks import second_look
from hyp.hypotheses.plan import Plan
from hyp.hypotheses.run import run_plan
from hyp.reports.live import shown_progress
from hyp.store import Step, Store


def run_with_progress(
    plan: Plan,
    store: Store,
    *,
    workers: int | None,
    scheduler: str | None,
    console: Console,
    quiet: bool = False,
) -> Path:
    """Run a plan under live progress, print the verdict, and return the result's folder."""
    from hyp.hypotheses.result_files import load_result
    from hyp.reports import result_panel

    if quiet:
        return run_plan(plan, store, workers=workers, scheduler=scheduler)
    again = second_look(plan, store)
    console.print(_opening(plan, plan.pending(store)), soft_wrap=True)
    if again:
        console.print(again, style="yellow", soft_wrap=True, highlight=False)
    with shown_progress(console) as watch:
        folder = run_plan(plan, store, workers=workers, scheduler=scheduler, watch=watch)
    console.print(result_panel(load_result(folder)))
    console.print("Next: hyp report", _store_option(store), sep="", soft_wrap=True)
    return folder


def _opening(plan: Plan, pending: list[Step]) -> str:
    stored = len(plan.steps) - len(pending)
    what = f"{plan.name}, profile {plan.profile_name}"
    if not pending:
        return f"{what}: all {stored} steps are stored."
    return f"{what}: {len(pending)} steps to compute, {stored} stored."


def _store_option(store: Store) -> str:
    return "" if store.root == DEFAULT_STORE.absolute() else f" --store {store.root}"
