"""``hyp new``: a hypothesis to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new_hypothesis(
    name: Annotated[str, typer.Argument(help="Its name; NAME.toml is written here.")],
    about: Annotated[
        str,
        typer.Option(help="The latent whose variability it is about, such as light_azimuth."),
    ] = "category",
    target: Annotated[
        str, typer.Option(help="What networks are trained for, such as distance+rotation.")
    ] = "distance",
) -> None:
    """Write a commented hypothesis of your own, NAME.toml, that runs as it is."""
    from hyp.cli.terminal import say
    from hyp.hypotheses.templates import write_start

    path = write_start(name, about, target, Path())
    say(f"wrote {path}; edit it, then look at it with: hyp show {path}")
    say(f"hyp plan {path} says what it takes, hyp run {path} runs it to a verdict.")
