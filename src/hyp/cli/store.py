"""``hyp store``: care of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from hyp.cli.options import DEFAULT_STORE, AsJson, StorePath

if TYPE_CHECKING:
    from hyp.store.pruning import Unneeded

store_app = typer.Typer(
    name="store",
    help="See, verify and prune what a store holds.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@store_app.callback()
def _group() -> None:
    """See, verify and prune what a store holds."""


@store_app.command()
def verify(store: StorePath = DEFAULT_STORE) -> None:
    """Hold every stored file against its checksum; exit status 1 if one was changed."""
    from hyp.cli.terminal import console, count_bar
    from hyp.store import Store
    from hyp.store.verifying import verify_store

    screen = console()
    opened = Store.open(store)
    with count_bar("artifacts", screen) as progress:
        found = verify_store(opened, progress=progress)
    for problem in found.problems:
        screen.print(problem, soft_wrap=True)
    size = f"{found.artifacts} artifacts, {found.n_bytes / 1e6:,.1f} MB"
    if found.unsummed:
        screen.print(
            f"{found.unsummed} artifacts of an older hyp have no checksums; only the sizes of "
            "their files were compared.",
            soft_wrap=True,
        )
    if found.problems:
        count = len(found.problems)
        screen.print(
            f"{opened.root}: {count} problem{'s' * (count > 1)} in {size}.", soft_wrap=True
        )
        if found.damaged:
            screen.print(
                "Delete the folders of damaged artifacts and run again; it makes them anew."
            )
        raise typer.Exit(1)
    screen.print(f"{opened.root} is sound: {size}.", soft_wrap=True)


@store_app.command()
def du(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Show how much is kept for each run, and what no run needs."""
    from rich.filesize import decimal
    from rich.table import Table

    from hyp.cli.as_json import holdings_json
    from hyp.cli.terminal import console
    from hyp.store import Store
    from hyp.store.pruning import holdings, unneeded

    opened = Store.open(store)
    held, extra = holdings(opened), unneeded(opened)
    if as_json:
        typer.echo(holdings_json(opened, held, extra))
        return
    table = Table(box=None, header_style="bold")
    for column in ("hypothesis", "profile"):
        table.add_column(column, overflow="fold")
    for column in ("state", "artifacts", "size", "its own"):
        table.add_column(column, justify="right")
    for one in held:
        run = one.run
        table.add_row(
            run.hypothesis,
            " ".join([run.profile, *(f"{k}={v}" for k, v in run.overrides.items())]),
            one.state,
            str(one.artifacts),
            decimal(one.n_bytes),
            decimal(one.own_bytes),
        )
    screen = console()
    screen.print(table)
    screen.print("Its own: what no other run needs.")
    screen.print(f"Needed by no run: {_counted(extra)}; 'hyp store prune' lists it.")


@store_app.command()
def prune(
    store: StorePath = DEFAULT_STORE,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; else it is only listed.")] = False,
    unfinished: Annotated[
        bool,
        typer.Option(
            "--unfinished", help="Also forget runs that were interrupted, failed or killed."
        ),
    ] = False,
    hours: Annotated[
        float, typer.Option("--older-than", min=0, help="Hours; younger artifacts are kept.")
    ] = 24.0,
) -> None:
    """Delete what no run needs; what a finished run needs is never touched."""
    from rich.filesize import decimal

    from hyp.cli.terminal import console
    from hyp.store import Store, pruning

    opened, screen = Store.open(store), console()
    act = pruning.prune if yes else pruning.unneeded
    found = act(opened, unfinished=unfinished, settled=timedelta(hours=hours))
    for one in found:
        place = one.path.relative_to(opened.root)
        screen.print(f"{place}: {one.what}, {decimal(one.n_bytes)}", soft_wrap=True)
    screen.print(f"{'Deleted' if yes else 'Needed by no run'}: {_counted(found)}.")
    if found and not yes:
        screen.print("Nothing was deleted; say --yes to delete it.")


def _counted(found: Sequence[Unneeded]) -> str:
    from rich.filesize import decimal

    count = len(found)
    return f"{count} item{'s' * (count != 1)}, {decimal(sum(one.n_bytes for one in found))}"
