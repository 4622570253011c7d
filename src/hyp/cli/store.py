"""``hyp store``: care of the store."""

from __future__ import annotations

import typer

from hyp.cli.options import DEFAULT_STORE, StorePath

store_app = typer.Typer(
    name="store",
    help="Verify what a store holds.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@store_app.callback()
def _group() -> None:
    """Verify what a store holds."""


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
