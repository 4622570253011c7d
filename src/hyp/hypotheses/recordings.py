"""Making and using the recordings of a store: stimuli by name, regions scored one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hyp.datasets.dataset import Dataset
from hyp.errors import HypError
from hyp.hypotheses.aligning import SCORES, AlignmentSpec, RecordingSpec, SimulatedStream
from hyp.metrics.gram import Gram
from hyp.metrics.neural import (
    NeuralBenchmark,
    Pls,
    align_gram,
    drive_from_network,
    neural_benchmark,
    regions,
    score_region,
    simulate_ventral_stream,
)
from hyp.metrics.neural.scoring import benchmark_splits
from hyp.store.plain_zarr import write_zarr
from hyp.store.steps import content_hash

_NAME_COLUMNS = ("stimulus_id", "file")


def stimulus_names(stimuli: Dataset) -> list[str]:
    """Return every image's name: its ``stimulus_id``, else its file's stem, else its number."""
    table = stimuli.table
    for column in _NAME_COLUMNS:
        if column in table:
            names = [str(name) for name in table[column]]
            return [Path(name).stem for name in names] if column == "file" else names
    return [f"stimulus_{i:05d}" for i in range(stimuli.n_images)]


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
    return content_hash([(str(file.relative_to(path)), _sha256(file)) for file in files])


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _benchmark(recording: RecordingSpec, assembly: xr.DataArray, region: str) -> NeuralBenchmark:
    """Prepare a region's responses; presentations that it was not recorded in are left out."""
    here = assembly.isel(neuroid=np.flatnonzero(assembly["region"].to_numpy() == region))
    answered = np.isfinite(here.to_numpy()).any(axis=tuple(range(1, here.ndim)))
    return neural_benchmark(
        here.isel(presentation=np.flatnonzero(answered)),
        region,
        name=f"{recording.name}.{region}",
        stratify=recording.stratify,
        window=recording.window,
    )


def check_scorable(recording: RecordingSpec, assembly: xr.DataArray) -> None:
    """Check, before any network is scored, that every region can be split as declared.

    Raises
    ------
    HypError
        As `hyp.metrics.neural.neural_benchmark`, or if there are too few stimuli.
    """
    for region in regions(assembly):
        benchmark_splits(_benchmark(recording, assembly, region), Pls())


def check_stimuli(assembly: xr.DataArray, stimuli: Dataset, name: str) -> None:
    """Check that every stimulus of a recording is among the images.

    Raises
    ------
    HypError
        With the counts and the first that is missing.
    """
    shown = dict.fromkeys(str(one) for one in assembly["stimulus_id"].to_numpy())
    known = set(stimulus_names(stimuli))
    missing = [one for one in shown if one not in known]
    if missing:
        raise HypError(
            f"{len(missing)} of the {len(shown)} stimuli of {name} have no image, among them "
            f"{missing[0]!r}; the images are called {sorted(known)[0]!r} and so on: name them by "
            "a column stimulus_id, or rename the files."
        )


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
    ``unceiled``, ``error``, ``ceiling``, ``layer`` (chosen in most splits).
    """
    names = stimulus_names(stimuli)
    found = regions(assembly)
    rows = []
    for done, region in enumerate(found):
        progress(done, len(found))
        benchmark = _benchmark(recording, assembly, region)
        aligned = {layer: align_gram(gram, names, benchmark) for layer, gram in grams.items()}
        scored = score_region(
            aligned, benchmark, spec.metric, protocol=spec.protocol, formula=spec.formula
        )
        layers, counts = np.unique(scored["layer"].to_numpy().astype(str), return_counts=True)
        rows.append(
            {
                "region": region,
                "benchmark": benchmark.name,
                "origin": benchmark.origin,
                **{name: float(scored[name]) for name in ("score", "unceiled", "error", "ceiling")},
                "layer": str(layers[counts.argmax()]),
            }
        )
        write_zarr(scored, folder / region)
    pd.DataFrame(rows).to_parquet(folder / SCORES, index=False)
