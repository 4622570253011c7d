"""``hyp data``: make, describe, check and look at datasets."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyp.addresses import is_address
from hyp.cli.options import AsJson, here, read_settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hyp.datasets.specs import DatasetSpec

data_app = typer.Typer(
    name="data",
    help="Make, describe, check and look at image datasets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


_N = 1000

Place = Annotated[str, typer.Argument(help="Folder or address (s3://...) of a dataset.")]
Device = Annotated[str, typer.Option(help="Where to render: cpu or cuda.")]


@data_app.command()
def make(
    out: Annotated[
        str,
        typer.Argument(help="Folder to fill: new, empty, or half-filled; or address (s3://...)."),
    ],
    design: Annotated[
        str, typer.Option(help="What varies, such as full or categories=4+centered.")
    ] = "full",
    n: Annotated[
        int | None,
        typer.Option(
            "--n",
            help="Number of images, held-out ones included; default: 1000, or all of fewer files.",
        ),
    ] = None,
    n_val: Annotated[
        int | None,
        typer.Option("--n-val", help="Number of held-out images; default: a tenth, at most 100."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same images.")] = 0,
    source: Annotated[
        str,
        typer.Option(help="Where images come from: engine, or KIND:PATH; see hyp data sources."),
    ] = "engine",
    image_size: Annotated[
        int | None, typer.Option(help="Height and width in pixels; default: the source's.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a field of the source."),
    ] = None,
    shard_size: Annotated[int, typer.Option(help="Images a file.")] = 4096,
    online: Annotated[
        bool, typer.Option(help="Store held-out images only; render others when asked for.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes that render.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT.")
    ] = None,
    device: Device = "cpu",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what builds of ThreeDWorld would show.")
    ] = False,
    frame_rate: Annotated[
        float, typer.Option(help="Images/s of one build, for the time that --dry-run prints.")
    ] = 100.0,
) -> None:
    """Make a dataset; interrupted, the same command goes on where it stopped."""
    from hyp.cli.terminal import console, count_bar, resumable
    from hyp.datasets.making import is_finished, make_dataset
    from hyp.datasets.remote import holds, make_dataset_at
    from hyp.datasets.sources import remarks_of

    fields = {
        "design": design,
        "seed": seed,
        "n_images": n,
        "n_val": n_val,
        "shard_size": shard_size,
        "online": online,
    }
    spec = _spec(source, {"image_size": image_size, **read_settings(settings)}, fields)
    screen = console()
    if remarks := remarks_of(spec.source):
        screen.print(remarks, soft_wrap=True, markup=False)
    if dry_run:
        screen.print(_planned(spec, frame_rate))
        return
    if holds(spec, out) if is_address(out) else is_finished(spec, Path(out)):
        screen.print(f"{out} already holds this dataset.", soft_wrap=True)
        return
    with resumable(), count_bar("images", screen, total=spec.n_stored) as progress:
        make = partial(make_dataset_at, spec, out)
        if not is_address(out):
            make = partial(make_dataset, spec, Path(out))
        make(device=device, workers=workers, scheduler=scheduler, progress=progress)
    screen.print(f"{out}: {spec.n_images} images, {spec.n_val} held out.", soft_wrap=True)


@data_app.command()
def info(place: Place, as_json: AsJson = False) -> None:
    """Describe a dataset: distribution and associations of each latent, and the design."""
    from hyp.cli.dataset_page import dataset_json, dataset_page
    from hyp.cli.terminal import console
    from hyp.datasets.remote import open_dataset

    dataset = open_dataset(place)
    if as_json:
        typer.echo(dataset_json(dataset))
    else:
        console().print(dataset_page(dataset))


@data_app.command()
def diff(
    a: Place,
    b: Place,
    out: Annotated[
        Path | None,
        typer.Option(help="PNG file of random images of both, side by side.", callback=here),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Number of those pairs.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Draws the images.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two datasets: declaration, latents, and image by image."""
    from hyp.cli.difference_page import difference_json, difference_page
    from hyp.cli.terminal import console, say
    from hyp.datasets.differences import compare_datasets
    from hyp.datasets.preview import pair_sheet, write_sheet
    from hyp.datasets.remote import open_dataset

    first, second = open_dataset(a), open_dataset(b)
    found = compare_datasets(first, second, seed=seed)
    if as_json:
        typer.echo(difference_json(first, second, found))
    else:
        console().print(difference_page(first, second, found))
    if out is not None:
        write_sheet(pair_sheet(first, second, n=n, seed=seed), out)
        say(f"pairs: {out}", err=as_json)


@data_app.command()
def check(
    place: Place,
    render: Annotated[
        int, typer.Option(min=0, help="Render this many random images again and compare.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Draws those images.")] = 0,
    device: Device = "cpu",
) -> None:
    """Verify every file of a dataset; lists all problems, exit status 1 if there are any."""
    from hyp.cli.terminal import say
    from hyp.datasets.checking import check_dataset

    problems = check_dataset(place, render=render, seed=seed, device=device)
    for problem in problems:
        say(problem)
    if problems:
        say(f"{place}: {len(problems)} problem{'s' if len(problems) > 1 else ''} found.")
        raise typer.Exit(1)
    say(f"{place} is sound.")


@data_app.command()
def preview(
    place: Place,
    out: Annotated[Path, typer.Option(help="PNG file to write.", callback=here)] = Path(
        "preview.png"
    ),
    n: Annotated[int, typer.Option("--n", help="Number of images.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Draws the images.")] = 0,
) -> None:
    """Write a contact sheet of random images with their latents and poses."""
    from hyp.cli.terminal import say
    from hyp.datasets.preview import contact_sheet, write_sheet
    from hyp.datasets.remote import open_dataset

    write_sheet(contact_sheet(open_dataset(place), n=n, seed=seed), out)
    say(f"preview: {out}")


@data_app.command()
def copy(
    source: Place,
    target: Annotated[str, typer.Argument(help="Folder or address to copy it to.")],
) -> None:
    """Copy a dataset between folders and addresses; interrupted, the same command goes on."""
    from hyp.cli.terminal import console, count_bar
    from hyp.datasets.remote import copy_dataset

    screen = console()
    with count_bar("files", screen, timed=False) as progress:
        copy_dataset(source, target, progress=progress)
    screen.print(f"{target} holds the dataset of {source}.", soft_wrap=True)


@data_app.command()
def objects(
    place: Annotated[Path, typer.Argument(help="Folder of meshes, or a table of them.")],
    out: Annotated[
        Path, typer.Option(help="CSV to write, in that folder: the objects that can be drawn.")
    ],
) -> None:
    """Write a table of the objects that can be drawn, with their categories; list the others."""
    from hyp.cli.terminal import console
    from hyp.datasets.engine.survey import usable_objects
    from hyp.errors import HypError
    from hyp.store.artifacts import write_atomically

    folder = place if place.is_dir() else place.parent
    if out.suffix != ".csv" or out.parent.resolve() != folder.resolve() or out.exists():
        raise HypError(f"--out {out} must be a new .csv file in {folder}, where the objects are.")
    found = usable_objects(place)
    write_atomically(out, found.table.encode())
    screen = console()
    for problem in found.problems:
        screen.print(problem.sentence, soft_wrap=True, markup=False, highlight=False)
    kinds = ", ".join(f"{category} ({count:,})" for category, count in found.objects.items())
    n, bad = sum(found.objects.values()), len(found.problems)
    screen.print(f"{n:,} of {n + bad:,} objects can be drawn: {kinds}.", soft_wrap=True)
    screen.print(f"{out}: name them as --source engine:{out}", soft_wrap=True)


@data_app.command()
def sources() -> None:
    """List where images can come from."""
    from hyp.cli.sources_page import sources_table
    from hyp.cli.terminal import console

    console().print(sources_table())


def _planned(spec: DatasetSpec, frame_rate: float) -> RenderableType:
    from hyp.cli.tdw_page import tdw_page
    from hyp.datasets.tdw import TDWSource, plan_images
    from hyp.errors import HypError

    if not isinstance(spec.source, TDWSource):
        raise HypError("--dry-run is for --source tdw; hyp data info describes what was made.")
    return tdw_page(
        plan_images(spec.source, spec.design, spec.n_images, images_a_second=frame_rate)
    )


def _spec(source: str, settings: dict[str, Any], fields: dict[str, Any]) -> DatasetSpec:
    from pydantic import ValidationError

    from hyp.datasets.designs import Design
    from hyp.datasets.rows import RowsSource
    from hyp.datasets.sources import open_source
    from hyp.datasets.specs import DatasetSpec
    from hyp.errors import HypError, first_problem

    opened, n = open_source(source, **settings), fields["n_images"]
    if n is None:
        n = _N
        if isinstance(opened, RowsSource):
            n = min(n, opened.admitted(Design.parse(fields["design"])))
    n_val = min(100, n // 10) if fields["n_val"] is None else fields["n_val"]
    fields = {**fields, "source": opened, "n_images": n, "n_val": n_val}
    try:
        return DatasetSpec.model_validate(fields)
    except ValidationError as error:
        problem = first_problem(error)
        name = "-".join(map(str, problem.place)).replace("_", "-")
        where = f"--{name} {problem.given}: " if name else ""
        raise HypError(f"{where}{problem.reason}.") from error
