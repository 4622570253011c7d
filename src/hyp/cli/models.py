"""``hyp models``: networks that were trained elsewhere, and what a model folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hyp.cli.options import here
from hyp.errors import HypError

if TYPE_CHECKING:
    from rich.table import Table

    from hyp.models.checkpoints import ModelInfo

models_app = typer.Typer(
    name="models",
    help="Import released weights, describe networks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@models_app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(help="Weights (torch.save), or a folder of released ones.", callback=here),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to fill: new or empty.", callback=here)],
    objective: Annotated[
        str | None, typer.Option(help="What it was trained for, such as distance+rotation.")
    ] = None,
    backbone: Annotated[str | None, typer.Option(help="Default: resnet18.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Default: 0.")] = None,
    n_batches: Annotated[
        int | None, typer.Option(min=0, help="How long it was trained; default: 500000.")
    ] = None,
    snapshot: Annotated[
        list[str] | None,
        typer.Option(metavar="BATCH=FILE", help="Weights after fewer batches."),
    ] = None,
    normalisation: Annotated[
        Path | None,
        typer.Option(help="norm_column_mean_std.csv of its training set.", callback=here),
    ] = None,
    input_size: Annotated[int, typer.Option(min=1, help="Pixels a side it sees.")] = 224,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=UNITS",
            help="Output units in their order; repeatable. Known for 674 and 1000 outputs; 'none' "
            "leaves out whatever the file has in place of a head.",
        ),
    ] = None,
    part: Annotated[
        str,
        typer.Option(help="Which part of the file, as state_dict_ema or a prefix: model.backbone."),
    ] = "",
) -> None:
    """Turn weights of any network, with a head or without, into a model folder.

    Of a file called by its Brain-Score identifier (yudixie_resnet18_distance_reg_0_240719)
    objective, backbone and seed are known. A folder of such files becomes a folder of
    model folders.
    """
    from hyp.cli.terminal import console
    from hyp.models.released import import_cohort, import_weights

    settings = {
        "objective": objective,
        "backbone": backbone,
        "seed": seed,
        "n_batches": n_batches,
        "normalisation": normalisation,
        "input_size": input_size,
        "head": _units(head),
        "part": part,
    }
    screen = console()
    if file.is_dir():
        if objective is not None or seed is not None or snapshot:
            raise HypError(
                "the files of a folder have different objectives and seeds; leave "
                "--objective, --seed and --snapshot away, or import them one by one."
            )
        cohort = import_cohort(file, folder, **settings)
        screen.print(f"{folder}: {len(cohort)} networks.", soft_wrap=True)
        return
    info = import_weights(file, folder, snapshots=_snapshots(snapshot), **settings)  # type: ignore[arg-type]
    screen.print(f"{folder}: {info.spec.backbone}, {info.spec.objective}.", soft_wrap=True)


@models_app.command()
def info(folder: Annotated[Path, typer.Argument(help="A model folder.", callback=here)]) -> None:
    """Describe a network: what it was trained for, its outputs, its checkpoints."""
    from hyp.cli.terminal import console
    from hyp.models.checkpoints import read_info

    console().print(_page(read_info(folder)))


def _page(info: ModelInfo) -> Table:
    from rich.table import Table

    spec = info.spec
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    size = spec.input_size or info.image_shape[0]
    schedule = "" if spec.schedule == "constant" else f", {spec.schedule} learning rate"
    for name, value in (
        ("backbone", spec.backbone),
        ("objective", spec.objective),
        ("seed", str(spec.seed)),
        ("batches", f"{spec.n_batches:,} of {spec.batch_size} images{schedule}"),
        ("checkpoints", ", ".join(f"{batch:,}" for batch in info.checkpoints)),
        ("input", f"{size} pixels, images of {info.image_shape[0]}"),
        ("outputs", str(info.n_outputs or "none: its head was cut off")),
    ):
        table.add_row(name, value)
    for units in info.head:
        trained = "trained" if units.task in spec.tasks else "not trained"
        table.add_row(f"  {units.task}", f"{units.start}:{units.stop}, {trained}")
    for latent, (mean, sd) in info.standardisation.items():
        table.add_row(latent, f"mean {mean:.4g}, standard deviation {sd:.4g}")
    return table


def _units(texts: list[str] | None) -> dict[str, int] | None:
    found: dict[str, int] = {}
    if not texts or texts == ["none"]:
        return {} if texts else None
    for text in texts:
        task, equals, units = text.partition("=")
        if not (equals and task.strip() and units.strip().isdigit()) or task.strip() in found:
            raise HypError(f"--head {text!r} is not TASK=UNITS, each task once, nor none alone.")
        found[task.strip()] = int(units)
    return found


def _snapshots(texts: list[str] | None) -> dict[int, Path]:
    found = {}
    for text in texts or []:
        batch, equals, file = text.partition("=")
        if not (equals and file and batch.strip().isdigit()):
            raise HypError(f"--snapshot {text!r} is not BATCH=FILE.")
        here(Path(file))
        found[int(batch)] = Path(file)
    return found
