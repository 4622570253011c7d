"""``hyp released``: ThreeDWorld sets in the layout they are published in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyp.cli.options import here

released_app = typer.Typer(
    name="released",
    help="Check and write ThreeDWorld sets in the published layout.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@released_app.command()
def scan(
    path: Annotated[
        Path, typer.Argument(help="Folder that holds images/, or a scene's zip.", callback=here)
    ],
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of images that may be left out.")
    ] = 0.001,
    workers: Annotated[int, typer.Option(min=1, help="Processes, a scene each.")] = 1,
) -> None:
    """Look at every image and row of a set; status 1 if too much is missing or damaged."""
    from hyp.cli.terminal import console, count_bar
    from hyp.datasets.released import scan_released

    screen = console()
    with count_bar("images", screen) as progress:
        report = scan_released(path, workers=workers, progress=progress)
    for problem in report.problems:
        screen.print(str(problem), soft_wrap=True)
    for kind, count in report.counts.items():
        listed = sum(problem.kind == kind for problem in report.problems)
        if count > listed:
            screen.print(f"{kind}: {count - listed:,} more")
    screen.print(
        f"{path}: {report.n_sound:,} of {report.n_expected:,} images are sound.", soft_wrap=True
    )
    report.require(path, tolerance)


@released_app.command()
def write(
    dataset: Annotated[str, typer.Argument(help="Folder or address of a finished dataset.")],
    out: Annotated[
        Path, typer.Argument(help="Folder to fill: new, empty, or half-filled.", callback=here)
    ],
    zipped: Annotated[
        bool, typer.Option("--zipped/--folders", help="A zip file a scene, or folders.")
    ] = True,
) -> None:
    """Write a dataset in the published layout; interrupted, the same command goes on."""
    from hyp.cli.terminal import console, count_bar, resumable
    from hyp.datasets.released import write_released
    from hyp.datasets.remote import open_dataset

    opened = open_dataset(dataset)
    screen = console()
    with resumable(), count_bar("images", screen) as progress:
        write_released(opened, out, zipped=zipped, progress=progress)
    screen.print(f"{out}: {opened.n_images} images.", soft_wrap=True)
