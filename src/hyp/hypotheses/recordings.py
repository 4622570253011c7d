"""Making and using the recordings of a store; regions are scored one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hyp.datasets.dataset import Dataset
from hyp.datasets.manifest import FileRecord
from hyp.datasets.sources import Source
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.aligning import (
    SUBJECTS,
    AlignmentSpec,
    RecordedFile,
    RecordingSpec,
    SimulatedStream,
)
from hyp.hypotheses.recorded_rdms import describe_rdms, rdm_benchmarks, score_dissimilarities
from hyp.hypotheses.shown_images import match_images, named_by_file, shown_grams, stimulus_names
from hyp.hypotheses.steps import SCORES
from hyp.metrics.gram import Gram
from hyp.metrics.neural import (
    NeuralBenchmark,
    Pls,
    drive_from_network,
    holds_rdms,
    neural_benchmark,
    read_assembly,
    regions,
    score_region,
    simulate_ventral_stream,
    sort_like_brainscore,
    subjects,
)
from hyp.metrics.neural.rdms import keep_stimuli
from hyp.metrics.neural.scoring import benchmark_splits
from hyp.metrics.neural.simulation import check_hidden
from hyp.metrics.neural.splits import stimulus_splits
from hyp.store import Step, Store
from hyp.store.plain_zarr import write_zarr
from hyp.store.steps import content_hash

UNCEILED = "none: one repetition, scored unceiled"
_NUMBERS = ("score", "unceiled", "error", "ceiling")


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the files of a folder with their names.

    Raises
    ------
    HypError
        If there is nothing at `path`.
    """
    if not path.exists():
        raise HypError(f"there is no recording at {path}; check the path.")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return content_hash(
        [(str(file.relative_to(path)), FileRecord.of(file).sha256) for file in files]
    )


def read_recording(path: Path, spec: RecordingSpec) -> xr.DataArray:
    """Read a `RecordedFile` and check it; responses come in Brain-Score's order.

    Raises
    ------
    HypError
        As `hyp.metrics.neural.read_assembly` and `check_scorable`.
    """
    rename = spec.origin.rename if isinstance(spec.origin, RecordedFile) else {}
    assembly: xr.DataArray = read_assembly(path, rename=rename)
    if not holds_rdms(assembly):
        assembly = sort_like_brainscore(assembly)
    check_scorable(spec, assembly)
    return assembly


def benchmarks_of(
    recording: RecordingSpec, assembly: xr.DataArray, region: str, *, each: bool
) -> dict[str, NeuralBenchmark]:
    """Prepare a region's responses, of all subjects together or of each.

    Presentations that it was not recorded in are left out.

    Returns
    -------
    dict of str to NeuralBenchmark
        By subject; called ``""`` where they are pooled or not known.
    """
    inside = assembly["region"].astype(str).to_numpy() == region
    here = assembly.isel(neuroid=np.flatnonzero(inside))
    if not each:
        return {"": _benchmark(recording, here, region, f"{recording.name}.{region}")}
    if "subject" not in here.coords:
        raise HypError(
            f"{recording.name} does not say which neuroid is whose; score it pooled, or import it "
            "with a column subject."
        )
    found = {}
    whose = np.broadcast_to(here["subject"].to_numpy().astype(str), here.sizes["neuroid"])
    for subject in subjects(here):
        theirs = here.isel(neuroid=np.flatnonzero(whose == subject))
        name = f"{recording.name}.{region}.{subject}"
        found[subject] = _benchmark(recording, theirs, region, name)
    return found


def _benchmark(
    recording: RecordingSpec, here: xr.DataArray, region: str, name: str
) -> NeuralBenchmark:
    left_out = [what for what in ("stimuli", "neuroids") if what in recording.leave_out]
    return neural_benchmark(
        here.isel(presentation=_answered(here)),
        region,
        name=name,
        stratify=recording.stratify,
        window=recording.window,
        incomplete=left_out[0] if left_out else "refuse",
    )


def _answered(assembly: xr.DataArray) -> NDArray[np.intp]:
    """Return the presentations that any neuroid has a response to."""
    known = np.isfinite(assembly.to_numpy())
    return np.flatnonzero(known.any(axis=tuple(range(1, assembly.ndim))))


def check_scorable(recording: RecordingSpec, assembly: xr.DataArray) -> None:
    """Check, before any network is scored, that every region can be split as declared.

    Where there are several subjects, each of them is checked.

    Raises
    ------
    HypError
        As `hyp.metrics.neural.neural_benchmark`, or if there are too few stimuli.
    """
    if holds_rdms(assembly):
        rdm_benchmarks(recording, assembly)
        return
    each = len(subjects(assembly)) > 1
    for region in regions(assembly):
        for benchmark in benchmarks_of(recording, assembly, region, each=each).values():
            benchmark_splits(benchmark, Pls())


def keep_matched(
    assembly: xr.DataArray,
    table: pd.DataFrame,
    n_images: int,
    recording: RecordingSpec,
    source: Source,
) -> xr.DataArray:
    """Return the presentations, or dissimilarities, whose stimuli are among the images.

    Stimuli that are named by a hash of their file are called by its path from here on.

    Raises
    ------
    HypError
        As `named_by_file` and `match_images`; stimuli without an image are refused unless they
        are to be left out.
    """
    assembly = named_by_file(assembly, table, source, recording.name)
    some = "unmatched" in recording.leave_out
    rows = match_images(_ids(assembly), table, n_images, recording.name, some=some)
    kept = np.flatnonzero([one in rows for one in _ids(assembly)])
    if holds_rdms(assembly):
        return keep_stimuli(assembly, kept)
    everything = len(kept) == assembly.sizes["presentation"]
    return assembly if everything else assembly.isel(presentation=kept)


def describe_recording(
    recording: RecordingSpec, assembly: xr.DataArray, images: DatasetSpec
) -> pd.DataFrame:
    """Say what of a recording can be scored, before its images are read.

    Parameters
    ----------
    recording : RecordingSpec
    assembly : DataArray
        As `read_recording` returns it.
    images : DatasetSpec
        The images that were shown.

    Returns
    -------
    DataFrame
        A row a region and subject: ``region``, ``subject``, ``neuroids`` and ``stimuli`` that
        are scored, ``of_neuroids`` and ``of_stimuli`` that there are, and the ``ceiling`` in words.
        Of dissimilarities ``rdms`` in place of neuroids.

    Raises
    ------
    HypError
        As `match_images` and `check_scorable`.
    """
    n = images.n_images
    drawn = images.source.sample(images.design, images.seed, np.arange(n))
    known = {name: drawn[name] for name in ("stimulus_id", "file") if name in drawn}
    matched = keep_matched(assembly, pd.DataFrame(known), n, recording, images.source)
    if holds_rdms(matched):
        return describe_rdms(rdm_benchmarks(recording, matched), assembly.sizes["stimulus"])
    rows = []
    each = len(subjects(assembly)) > 1
    for region in regions(matched):
        for subject, benchmark in benchmarks_of(recording, matched, region, each=each).items():
            theirs = assembly["region"].astype(str).to_numpy() == region
            if subject:
                theirs &= assembly["subject"].astype(str).to_numpy() == subject
            here = assembly.isel(neuroid=np.flatnonzero(theirs))
            seen = here["stimulus_id"].to_numpy()[_answered(here)]
            rows.append(
                {
                    "region": region,
                    "subject": subject,
                    "neuroids": len(benchmark.neuroid_id),
                    "of_neuroids": int(theirs.sum()),
                    "stimuli": benchmark.n_stimuli,
                    "of_stimuli": len(set(seen.astype(str))),
                    "ceiling": "split halves" if benchmark.halves else UNCEILED,
                }
            )
    return pd.DataFrame(rows)


def open_recording(store: Store, recording: Step) -> xr.DataArray:
    """Return a recording of a store without reading its responses."""
    opened: xr.Dataset = xr.open_zarr(store.check(recording) / "assembly", chunks=None)
    return opened["response"]


def _ids(assembly: xr.DataArray) -> list[str]:
    return [str(one) for one in assembly["stimulus_id"].to_numpy()]


def check_stream(recording: RecordingSpec, images: DatasetSpec) -> None:
    """Check that a simulated stream can be recorded and split, before any image is made.

    Raises
    ------
    HypError
        As `check_hidden`, or if there is nothing to stratify by or too little to split.
    """
    stream = recording.origin
    assert isinstance(stream, SimulatedStream)
    check_hidden(stream.hidden, stream.regions, images.source.image_size)
    strata = None
    if recording.stratify is not None:
        kinds = {latent.name: latent.kind for latent in images.source.latents}
        named = sorted(name for name, kind in kinds.items() if kind == "categorical")
        if recording.stratify not in named:
            raise HypError(
                f"the stimuli have no categories {recording.stratify!r} to stratify by; they have "
                f"{', '.join(named) or 'none'}."
            )
        drawn = images.source.sample(images.design, images.seed, np.arange(images.n_images))
        strata = drawn[recording.stratify].astype(str)
    stimulus_splits(images.n_images, strata)


def record_stream(stream: SimulatedStream, stimuli: Dataset) -> xr.DataArray:
    """Record a simulated ventral stream on stimuli; all regions in one assembly.

    Regions with fewer repetitions are NaN in those that others have more.
    """
    images = stimuli.images(np.arange(stimuli.n_images))
    drives = drive_from_network(stream.hidden, images, stream.regions, seed=stream.seed)
    labels: dict[str, NDArray[np.object_]] = {
        latent.name: stimuli.table[latent.name].to_numpy(dtype=object)
        for latent in stimuli.latents
        if latent.kind == "categorical"
    }
    reads_latents = any(region.latent_share for region in stream.regions)
    assemblies = simulate_ventral_stream(
        drives,
        stream.regions,
        seed=stream.seed,
        stimulus_id=stimulus_names(stimuli),
        latents=_numbers(stimuli) if reads_latents else None,
        stimulus_coords=labels,
        hidden=stream.hidden,
    )
    return next(iter(assemblies.values())) if len(assemblies) == 1 else _joined(assemblies)


def _numbers(stimuli: Dataset) -> dict[str, NDArray[np.float64]]:
    """Return the latents as numbers: angles by sine and cosine, categories one by one."""
    numbers: dict[str, NDArray[np.float64]] = {}
    for latent in stimuli.latents:
        column = stimuli.table[latent.name].to_numpy()
        if latent.kind == "angle":
            turned = np.deg2rad(column.astype(float))
            numbers |= {f"sin_{latent.name}": np.sin(turned), f"cos_{latent.name}": np.cos(turned)}
        elif latent.kind == "categorical":
            values = np.unique(column.astype(str))
            numbers |= {f"{latent.name}_{v}": (column == v).astype(float) for v in values}
        else:
            numbers[latent.name] = column.astype(float)
    return {name: values for name, values in numbers.items() if np.ptp(values) > 0}


def _joined(assemblies: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """Join regions along the neuroids; presentations are matched by stimulus and repetition."""
    most = max(assemblies.values(), key=lambda one: one.sizes["presentation"])
    parts = [
        one.pad(presentation=(0, most.sizes["presentation"] - one.sizes["presentation"])).drop_vars(
            [name for name, coord in one.coords.items() if coord.dims == ("presentation",)]
        )
        for one in assemblies.values()
    ]
    described = {
        name: coord for name, coord in most.coords.items() if coord.dims == ("presentation",)
    }
    joined: xr.DataArray = xr.concat(parts, dim="neuroid", combine_attrs="drop_conflicts")
    return joined.assign_coords(described)


def score_regions(
    spec: AlignmentSpec,
    recording: RecordingSpec,
    assembly: xr.DataArray,
    grams: Mapping[str, Gram],
    stimuli: Dataset,
    folder: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Score a network in every region; writes ``scores.parquet`` and one Zarr group a region.

    ``scores.parquet`` has a row a region: ``region``, ``benchmark``, ``origin``, ``score``,
    ``unceiled``, ``error``, ``ceiling``, ``layer`` (chosen in most splits) and ``formula``, which
    is ``none`` where the score is not ceiled, as of a recording with one repetition. Where every
    subject is scored by itself these are the means over subjects, ``error`` the standard
    error of that mean; ``subjects.parquet`` has a row a region and subject, and the Zarr groups
    are called ``REGION/SUBJECT``.
    """
    if holds_rdms(assembly):
        score_dissimilarities(spec, recording, assembly, grams, stimuli, folder)
        return
    found = regions(assembly)
    rows = []
    for done, region in enumerate(found):
        progress(done, len(found))
        benchmarks = benchmarks_of(recording, assembly, region, each=spec.subjects == "each")
        for subject, benchmark in benchmarks.items():
            scored = _score(spec, benchmark, grams, stimuli)
            rows.append({"subject": subject, **_row(scored, benchmark)})
            write_zarr(scored, folder / region / subject)
    table = pd.DataFrame(rows)
    if spec.subjects == "each":
        table.to_parquet(folder / SUBJECTS, index=False)
        table = _over_subjects(table, recording)
    table.drop(columns="subject").to_parquet(folder / SCORES, index=False)


def _score(
    spec: AlignmentSpec, benchmark: NeuralBenchmark, grams: Mapping[str, Gram], stimuli: Dataset
) -> xr.Dataset:
    scored: xr.Dataset = score_region(
        shown_grams(grams, benchmark.stimulus_id.tolist(), stimuli, benchmark.name),
        benchmark,
        spec.metric,
        protocol=spec.protocol,
        formula=spec.formula if benchmark.halves else None,
    )
    if scored.attrs["ceiling_formula"] == "none":
        scored = scored.assign(score=scored["unceiled"])
    return scored


def _row(scored: xr.Dataset, benchmark: NeuralBenchmark) -> dict[str, object]:
    layers, counts = np.unique(scored["layer"].to_numpy().astype(str), return_counts=True)
    return {
        "region": benchmark.region,
        "benchmark": benchmark.name,
        "origin": benchmark.origin,
        **{name: float(scored[name]) for name in _NUMBERS},
        "layer": str(layers[counts.argmax()]),
        "formula": str(scored.attrs["ceiling_formula"]),
    }


def _over_subjects(table: pd.DataFrame, recording: RecordingSpec) -> pd.DataFrame:
    """Average the subjects of every region."""
    rows = []
    for region, theirs in table.groupby("region", sort=False):
        row = theirs.iloc[0].to_dict()
        row |= {name: theirs[name].mean() for name in _NUMBERS}
        row["error"] = theirs["score"].std(ddof=1) / np.sqrt(len(theirs))
        row["layer"] = theirs["layer"].mode().iloc[0]
        formulas = sorted(set(theirs["formula"]))
        if len(formulas) > 1:
            raise HypError(
                f"some subjects of {recording.name}.{region} have no repetitions, so their scores "
                "cannot be averaged with ceiled ones; score it with the formula none."
            )
        rows.append(row | {"benchmark": f"{recording.name}.{region}"})
    return pd.DataFrame(rows)
