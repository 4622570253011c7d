"""``hyp view``: a local page over a store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hyp.cli.options import DEFAULT_STORE, a_store


def view_store(
    store: Annotated[
        Path,
        typer.Argument(envvar="HYP_STORE", help="Folder that keeps all results.", callback=a_store),
    ] = DEFAULT_STORE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
) -> None:
    """Show a store in the browser: runs as they go, verdicts, images, what numbers rest on.

    Only this machine can open the address, and only with the token in it. Nothing in the store
    is changed; Ctrl-C ends it.
    """
    import asyncio

    from hyp.cli.terminal import console
    from hyp.store import Store
    from hyp.view.server import serve

    opened = Store.open(store)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(opened, port, lambda address: console().print(address, soft_wrap=True)))
