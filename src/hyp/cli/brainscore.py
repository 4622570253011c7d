"""``hyp brainscore`` and ``hyp score``: the real Brain-Score, in its own environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hyp.cli.exits import INTERRUPTED
from hyp.cli.options import DEFAULT_STORE, AsJson, StorePath, here, read_settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from hyp.metrics.brainscore.describe import EnvironmentReport
    from hyp.metrics.brainscore.local import LocalBenchmark
    from hyp.metrics.brainscore.networks import Network
    from hyp.metrics.brainscore.scoring import Scored

brainscore_app = typer.Typer(
    name="brainscore",
    help="Install Brain-Score, see what is there, import scores.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


Folder = Annotated[
    Path | None,
    typer.Option("--folder", envvar="HYP_BRAINSCORE_ENV", help="Folder of its environment."),
]


@brainscore_app.command()
def install(
    folder: Folder = None,
    python: Annotated[str | None, typer.Option(help="A Python 3.11.")] = None,
) -> None:
    """Make Brain-Score's own environment: 6 GB, some minutes, once."""
    from hyp.cli.terminal import console
    from hyp.metrics.brainscore.environment import install_environment

    screen = console()
    try:
        with screen.status("looking at what is there") as status:
            made = install_environment(folder, python, say=status.update)
    except KeyboardInterrupt:
        typer.echo("\ninterrupted; the same command makes it anew.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    versions = ", ".join(f"{k} {v}" for k, v in made.versions().items() if "brainscore" in k)
    screen.print(f"{made.folder}: {versions}", soft_wrap=True)


@brainscore_app.command()
def doctor(
    folder: Folder = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the network.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is there of Brain-Score: environment, versions, data, network."""
    from hyp.cli.terminal import console
    from hyp.metrics.brainscore.describe import describe_environment

    report = describe_environment(folder, check_network=not offline)
    if as_json:
        from hyp.cli.as_json import environment_json

        typer.echo(environment_json(report))
    else:
        console().print(_report_page(report))


@brainscore_app.command("import")
def import_scores(
    table: Annotated[
        Path, typer.Argument(help="brainscore_results.csv or leaderboard.csv.", callback=here)
    ],
    out: Annotated[
        Path, typer.Option(help="Tidy CSV to write, as 'hyp test' reads it.", callback=here)
    ],
) -> None:
    """Turn scores that somebody has already into one tidy table."""
    from hyp.cli.terminal import say
    from hyp.metrics.brainscore.tables import read_score_table
    from hyp.store.artifacts import write_atomically

    tidy = read_score_table(table)
    write_atomically(out, tidy.to_csv(index=False).encode())
    say(f"{out}: {len(tidy)} scores of {tidy['model'].nunique()} models.")


def score_models(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Model folders, or weights with --architecture; default: the store's."),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="Identifier, or folder of a local one. Default: the paper's five."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=VALUE", help="Which of the store's: objective, design, seed, backbone."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results; default: in the store.", callback=here),
    ] = None,
    snapshot: Annotated[
        list[int] | None, typer.Option(help="Batch count of the weights. Repeatable.")
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="Candidate layer. Repeatable. Default: the paper's.")
    ] = None,
    region_layer: Annotated[
        list[str] | None,
        typer.Option(metavar="REGION=LAYER", help="A layer that is not to be chosen."),
    ] = None,
    readout: Annotated[str | None, typer.Option(help="Layer that behaviour is read from.")] = None,
    architecture: Annotated[
        str | None, typer.Option(help="Of weights that hyp did not train: resnet18, ...")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(min=8, help="Default: as trained, or 224.")
    ] = None,
    pca_images: Annotated[
        Path | None,
        typer.Option(help="1000 images to choose layers with, not ImageNet's.", callback=here),
    ] = None,
    unreduced: Annotated[
        bool, typer.Option("--unreduced", help="Choose layers without PCA.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the worker.")] = 1,
    folder: Folder = None,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Score networks with the real Brain-Score; what is there is not scored again."""
    from hyp.cli.terminal import console, resumable
    from hyp.errors import HypError
    from hyp.metrics.brainscore.environment import open_environment
    from hyp.metrics.brainscore.identifiers import PAPER_BENCHMARKS, check_identifiers
    from hyp.metrics.brainscore.scoring import score_cohort

    for path in models or ():
        here(path)
    environment = open_environment(folder)
    out = out or store / "brainscore"
    chosen = [_benchmark(text) for text in benchmark or PAPER_BENCHMARKS]
    check_identifiers([name for name in chosen if isinstance(name, str)], environment.package)
    networks = [
        _network(
            path,
            batches,
            architecture,
            layers=layer or (),
            readout=readout,
            image_size=image_size,
            region_layers=_pairs(region_layer or []),
        )
        for path in models or _stored(store, where)
        for batches in (snapshot or (None,))
    ]
    screen = console(err=as_json)
    with resumable(), screen.status("") as status:
        scored = score_cohort(
            networks,
            chosen,
            out,
            folder=folder,
            reduce=not unreduced,
            pca_images=pca_images,
            threads=threads,
            progress=lambda done, total, text: status.update(f"{done}/{total} {text}"),
        )
    if as_json:
        from hyp.cli.as_json import scores_json
        from hyp.metrics.brainscore.results import SCORES

        typer.echo(scores_json(scored, out / SCORES))
    else:
        _show(scored, out, screen)
    if scored.failures:
        raise HypError(f"{len(scored.failures)} not scored: {scored.failures[0]}")


def _stored(folder: Path, where: list[str] | None) -> list[Path]:
    from hyp.hypotheses.aligning import select_models
    from hyp.store import Store

    store = Store.open(folder)
    return [store.path(model) for model in select_models(store, read_settings(where))]


def _network(
    path: Path,
    snapshot: int | None,
    architecture: str | None,
    *,
    layers: list[str] | tuple[()],
    readout: str | None,
    image_size: int | None,
    region_layers: dict[str, str],
) -> Network:
    from hyp.errors import HypError
    from hyp.metrics.brainscore.networks import describe_checkpoint, describe_weights

    if path.is_dir():
        return describe_checkpoint(
            path,
            snapshot,
            layers=layers,
            readout=readout,
            image_size=image_size,
            region_layers=region_layers,
        )
    if architecture is None:
        raise HypError(f"{path} is no model folder; for a file of weights give --architecture.")
    return describe_weights(
        path,
        architecture,
        layers=layers,
        readout=readout,
        image_size=image_size or 224,
        region_layers=region_layers,
    )


def _benchmark(text: str) -> str | LocalBenchmark:
    if not Path(text).is_dir():
        return text
    from hyp.metrics.brainscore.local import read_local_benchmark

    return read_local_benchmark(text)


def _pairs(texts: list[str]) -> dict[str, str]:
    from hyp.errors import HypError

    pairs = {}
    for text in texts:
        region, equals, layer = text.partition("=")
        if not (equals and region and layer):
            raise HypError(f"--region-layer {text!r} is not REGION=LAYER.")
        pairs[region.strip()] = layer.strip()
    return pairs


def _show(scored: Scored, out: Path, screen: Console) -> None:
    from rich import box
    from rich.table import Table

    from hyp.metrics.brainscore.results import SCORES, score_table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("model", overflow="fold")
    table.add_column("benchmark", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("±", justify="right", no_wrap=True)
    table.add_column("ceiling", justify="right", no_wrap=True)
    table.add_column("layer", overflow="fold")
    for row in score_table(scored.scores).to_dict("records"):
        table.add_row(
            str(row["name"]),
            str(row["benchmark"]),
            *(f"{row[name]:.3f}" for name in ("score", "error", "ceiling")),
            str(row["layer"]),
        )
    screen.print(table)
    screen.print(f"scores: {out / SCORES}", soft_wrap=True)


def _report_page(report: EnvironmentReport) -> Table:
    from rich.table import Table

    page = Table.grid(padding=(0, 2))
    page.add_column(no_wrap=True)
    page.add_column(overflow="fold")
    advice = {
        "absent": "absent; make it with: hyp brainscore install",
        "half-made": "half-made; make it anew with: hyp brainscore install",
        "outdated": "made from other pinned versions; renew it with: hyp brainscore install",
        "foreign": "hyp did not make what is there; name another --folder",
        "ready": "ready",
    }
    page.add_row("environment", advice[report.state])
    page.add_row("folder", str(report.folder))
    if report.versions:
        shown = ", ".join(f"{name} {version}" for name, version in report.versions.items())
        page.add_row("versions", shown)
    for name, there in report.benchmarks.items():
        words = {True: "on this machine", False: "will be downloaded", None: "not known yet"}
        page.add_row(name, words[there])
    page.add_row(
        "ImageNet images",
        "on this machine" if report.imagenet else "will be downloaded to choose layers with",
    )
    page.add_row("data folder", str(report.data_folder))
    network = {True: "Brain-Score's storage answers", False: "no answer", None: "not asked"}
    page.add_row("network", network[report.network])
    page.add_row(
        "credentials",
        "there" if report.credentials else "none (only private benchmarks need them)",
    )
    return page
