"""``hyp neural``: recordings in a store, and scoring its networks against them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hyp.cli.options import DEFAULT_STORE, StorePath, Workers, here, read_settings

if TYPE_CHECKING:
    from hyp.datasets.specs import DatasetSpec
    from hyp.hypotheses.aligning import RecordingSpec
    from hyp.store import Step, Store

neural_app = typer.Typer(
    name="neural",
    help="Import or simulate recordings; score a store's networks against them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


Stimuli = Annotated[
    str, typer.Option(help="The images that were shown: KIND:PATH, see hyp data sources.")
]
ImageSize = Annotated[int, typer.Option(min=16, help="Height and width in pixels.")]
Stratify = Annotated[
    str | None, typer.Option(help="Coordinate of the stimuli that splits keep balanced.")
]


class LeaveOut(StrEnum):
    """What is left out rather than refused."""

    UNMATCHED = "unmatched"
    STIMULI = "stimuli"
    NEUROIDS = "neuroids"


@neural_app.command("import")
def import_recording(
    responses: Annotated[
        str,
        typer.Argument(
            help="NetCDF, Zarr, CSV, TSV or Parquet of responses, or NetCDF or Zarr of RDMs (rdm x "
            "stimulus x stimulus_2); or a public benchmark of Brain-Score, such as "
            "MajajHong2015public.IT-pls, or the observers of Rajalingham2018public-i2n."
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="What to call it in the store; default: as the file.")
    ] = None,
    stimuli: Annotated[
        str | None,
        typer.Option(help="The images that were shown: KIND:PATH, see hyp data sources."),
    ] = None,
    image_size: ImageSize = 224,
    stratify: Stratify = None,
    window: Annotated[
        str | None, typer.Option(metavar="START,END", help="Milliseconds to average.")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="A name of the file's own.")
    ] = None,
    leave_out: Annotated[
        list[LeaveOut] | None,
        typer.Option(
            help="Stimuli without an image, or those of stimuli and neuroids that lack a response; "
            "otherwise they are refused. Repeatable."
        ),
    ] = None,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Put a lab's own recording, or one from Brain-Score, into the store."""
    from hyp.cli.neural_page import described_table
    from hyp.cli.terminal import console
    from hyp.errors import HypError, one_sentence
    from hyp.hypotheses.aligning import RecordedFile, RecordingSpec
    from hyp.hypotheses.recordings import describe_recording, digest_of, read_recording
    from hyp.metrics.brainscore.exporting import RESPONSES, TRIALS
    from hyp.metrics.brainscore.identifiers import OBSERVERS
    from hyp.metrics.neural import PUBLIC_BENCHMARKS
    from hyp.names import check_name

    here(Path(responses))
    path, times = Path(responses).expanduser().absolute(), _window(window)
    if responses == OBSERVERS and not path.exists():
        trials, _ = _exported(responses, TRIALS)
        console().print(
            f"the observers are in {trials.parent}; ask about them by --set behaviour={OBSERVERS}",
            soft_wrap=True,
        )
        return
    if responses in PUBLIC_BENCHMARKS and not path.exists():
        public = PUBLIC_BENCHMARKS[responses]
        path, stimuli = _exported(responses, RESPONSES)
        name, stratify, times = name or responses, stratify or public.stratify, public.window
    if stimuli is None:
        raise HypError("say with --stimuli which images were shown, such as folder:/data/images.")
    with one_sentence():
        recording = RecordingSpec(
            name=check_name(name or path.stem, "recording"),
            origin=RecordedFile(digest=digest_of(path), rename=read_settings(rename)),
            stratify=stratify,
            window=times,
            leave_out=tuple(what.value for what in leave_out or ()),
        )
    assembly = read_recording(path, recording)
    images = _images(stimuli, image_size)
    page = described_table(describe_recording(recording, assembly, images))
    _record(recording, images, store, path)
    console().print(page)


@neural_app.command()
def simulate(
    name: Annotated[str, typer.Option(help="What to call it in the store.")] = "simulated",
    stimuli: Stimuli = "engine",
    n: Annotated[int, typer.Option("--n", min=20, help="Stimuli, where they are rendered.")] = 400,
    image_size: ImageSize = 64,
    stratify: Stratify = "category",
    hidden: Annotated[str, typer.Option(help="Hidden network: a torchvision one.")] = "resnet18",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same recording.")] = 0,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Record V1, V2, V4 and IT of a simulated ventral stream (nobody recorded it)."""
    from hyp.hypotheses.aligning import RecordingSpec, SimulatedStream
    from hyp.metrics.neural import VENTRAL_STREAM
    from hyp.names import check_name

    origin = SimulatedStream(regions=VENTRAL_STREAM, hidden=hidden, seed=seed)
    recording = RecordingSpec(name=check_name(name, "recording"), origin=origin, stratify=stratify)
    _record(recording, _images(stimuli, image_size, n), store, None)


@neural_app.command("list")
def list_recordings(store: StorePath = DEFAULT_STORE) -> None:
    """List the recordings of a store."""
    from hyp.cli.neural_page import recordings_table
    from hyp.cli.terminal import console
    from hyp.store import Store

    console().print(recordings_table(Store.open(store)))


@neural_app.command()
def score(
    name: Annotated[str, typer.Argument(help="A recording; 'hyp neural list' shows them.")],
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=VALUE", help="Networks: objective, design, seed, backbone, batches."
        ),
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="Candidate layer. Repeatable. Default: the paper's.")
    ] = None,
    snapshot: Annotated[
        list[int] | None, typer.Option(help="Batch count of the weights. Repeatable.")
    ] = None,
    metric: Annotated[
        Literal["pls", "ridge", "rsa", "cka", "cka-sampled"] | None,
        typer.Option(
            help="Default: pls, and rsa for dissimilarities. cka-sampled corrects for few neurons."
        ),
    ] = None,
    protocol: Annotated[
        Literal["recommended", "published"],
        typer.Option(help="Layers chosen within training halves, or on the scored data."),
    ] = "recommended",
    formula: Annotated[
        Literal["2026", "2024", "ratio", "none"] | None,
        typer.Option(
            help="r^2/ceiling, (r/ceiling)^2 as in 2024, r/ceiling, or the score itself; default: "
            "2026 for pls and ridge, ratio for rsa and cka."
        ),
    ] = None,
    by_subject: Annotated[
        Literal["each", "pooled"] | None,
        typer.Option(
            "--subjects",
            help="Every subject by itself, then the mean, or all neuroids as one population; "
            "default: each, where there are several.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV of the scores to write.", callback=here)
    ] = None,
    workers: Workers = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT.")
    ] = None,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Score the networks of a store against a recording; what is stored is not scored again."""
    from hyp.cli.neural_page import alignment_table
    from hyp.cli.terminal import console
    from hyp.hypotheses.aligning import (
        AlignmentSpec,
        alignment_step,
        find_recording,
        read_alignments,
        select_models,
    )
    from hyp.hypotheses.recordings import open_recording
    from hyp.hypotheses.workers import read_workers
    from hyp.metrics.neural import holds_rdms, neural_metric, subjects, usual_formula
    from hyp.store import Store
    from hyp.store.artifacts import write_atomically

    asked, opened = read_workers(workers), Store.open(store)
    recording = find_recording(opened, name)
    responses = open_recording(opened, recording)
    chosen = neural_metric(metric or ("rsa" if holds_rdms(responses) else "pls"))
    several = by_subject is None and len(subjects(responses)) > 1
    spec = AlignmentSpec(
        metric=chosen,
        protocol=protocol,
        formula=None if formula == "none" else formula or usual_formula(chosen),
        subjects="each" if several else by_subject or "pooled",
    )
    goals = [
        alignment_step(recording, model, spec, layers=layer or (), snapshot=batches, store=opened)
        for model in select_models(opened, read_settings(where))
        for batches in (snapshot or (None,))
    ]
    _compute(goals, opened, asked, scheduler)
    table = read_alignments(opened, goals)
    console().print(alignment_table(table))
    if out is not None:
        write_atomically(out, table.to_csv(index=False).encode())
        console().print(f"scores: {out}", soft_wrap=True)


def _exported(benchmark: str, file: str) -> tuple[Path, str]:
    """Return the responses, or trials, and the source of the stimuli that Brain-Score wrote."""
    from hyp.cli.terminal import console
    from hyp.metrics.brainscore.exporting import IMAGES, export_benchmark
    from hyp.store.caches import cache_folder

    with console().status("starting Brain-Score") as status:
        out = cache_folder("brainscore") / benchmark
        folder = export_benchmark(benchmark, out, say=status.update)
    return folder / file, f"folder:{folder / IMAGES}"


def _record(
    recording: RecordingSpec, stimuli: DatasetSpec, folder: Path, path: Path | None
) -> None:
    from hyp.cli.terminal import console
    from hyp.hypotheses.aligning import recording_step, refuse_other_content
    from hyp.hypotheses.builders import check_steps
    from hyp.store import Store

    step = recording_step(recording, stimuli, path)
    check_steps([step])
    store = Store.create(folder)
    refuse_other_content(store, step)
    _compute([step], store, 0, None)
    console().print(f"recording {recording.name!r} is in {folder}.", soft_wrap=True)


def _compute(
    goals: list[Step],
    store: Store,
    workers: int | Literal["gpu"] | None,
    scheduler: str | None,
) -> None:
    from hyp.cli.terminal import console, resumable
    from hyp.hypotheses.progress import RunProgress, watched
    from hyp.hypotheses.run import local_workers, run_steps
    from hyp.reports.live import shown_progress

    missing = store.pending(goals)
    count, gpus = local_workers(workers, missing) if scheduler is None else (0, [])
    progress = RunProgress(missing)
    with resumable(), shown_progress(console()) as watch, watched(progress, watch) as hear:
        run_steps(missing, store, workers=count, scheduler=scheduler, gpus=gpus, listener=hear)


def _images(source: str, image_size: int, n: int | None = None) -> DatasetSpec:
    from hyp.datasets.designs import Design
    from hyp.datasets.sources import open_source
    from hyp.datasets.specs import DatasetSpec

    opened = open_source(source, image_size=image_size)
    n_images = opened.capacity if opened.capacity is not None else n
    return DatasetSpec(source=opened, design=Design(), seed=0, n_images=n_images or 0, n_val=0)


def _window(text: str | None) -> tuple[float, float] | None:
    from hyp.errors import HypError

    if text is None:
        return None
    try:
        start, end = (float(part) for part in text.split(","))
    except ValueError:
        raise HypError(f"--window {text!r} is not START,END in milliseconds.") from None
    return start, end
