"""Full verification of a dataset on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyp.addresses import is_address, written_out
from hyp.datasets.dataset import Dataset, size_problem
from hyp.datasets.latents import Latent
from hyp.datasets.manifest import (
    MANIFEST,
    TABLE,
    FileRecord,
    Manifest,
    file_names,
    library_versions,
    read_manifest,
    shard_name,
)
from hyp.datasets.remote import fetch_as_it_is, names_at
from hyp.datasets.shards import RawShard, open_shard
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError

RANGE_TOLERANCE = 1e-4


def check_dataset(
    folder: Path | str, *, render: int = 0, seed: int = 0, device: str = "cpu"
) -> list[str]:
    """List everything that is wrong with a dataset.

    Checks each file's size and SHA-256, the shapes, that the latents are finite, known
    and within the design, and that the splits part the images.

    Parameters
    ----------
    folder : path
        The dataset; or its address, such as ``s3://bucket/set``.
    render : int
        How many images, drawn at random, to render again and compare bit for bit.
    seed : int
        Draws those images.
    device : str
        Where to render them: ``cpu`` or ``cuda``.

    Returns
    -------
    list of str
        One sentence a problem; empty if the dataset is sound.
    """
    if is_address(folder):
        return _check_at(written_out(folder), render, seed, device)
    folder = Path(folder).expanduser().absolute()
    return _check(folder, lambda name: folder / name, _names_in(folder), render, seed, device)


def _check_at(address: str, render: int, seed: int, device: str) -> list[str]:
    """Check a dataset at an address: every file is fetched anew, and kept only if needed."""
    with TemporaryDirectory(prefix="hyp-check-") as scratch:
        folder = Path(scratch)

        def bring(name: str) -> Path:
            fetch_as_it_is(address, folder, name)
            return folder / name

        bring(MANIFEST)
        if not (folder / MANIFEST).exists():
            return [f"there is no finished dataset at {address}; check the address."]
        names = names_at(address, "images")
        found = _check(folder, bring, names, render, seed, device, keep=render > 0)
        return [problem.replace(scratch, address) for problem in found]


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in (folder / "images").glob("*")]


def _check(
    folder: Path,
    bring: Callable[[str], Path],
    images: list[str],
    render: int,
    seed: int,
    device: str,
    keep: bool = True,
) -> list[str]:
    try:
        manifest = read_manifest(folder)
    except HypError as error:
        return [str(error)]
    damaged = {}
    for name in file_names(manifest.spec):
        path = bring(name)
        problem = _file_problem(folder, manifest, name)
        if problem is not None:
            damaged[name] = problem
        if not keep and name != TABLE:
            path.unlink(missing_ok=True)
    problems = list(damaged.values())
    known = {shard_name(manifest.spec, shard) for shard in range(manifest.spec.n_shards)}
    strange = sorted({f"images/{name}" for name in images} - known)
    problems += [f"{folder / name} is no part of the dataset" for name in strange]
    dataset = Dataset(folder, manifest)
    if TABLE not in damaged:
        problems += _table_problems(dataset)
    problems += _split_problems(dataset)
    if render and not damaged and not problems:
        problems += _render_problems(dataset, render, seed, device)
    return problems


def _file_problem(folder: Path, manifest: Manifest, name: str) -> str | None:
    problem = size_problem(folder, manifest, name)
    if problem is None and FileRecord.of(folder / name) != manifest.files[name]:
        problem = f"{folder / name} was changed: its SHA-256 is not the recorded one"
    if problem is None and name != TABLE:
        problem = _shape_problem(folder, manifest.spec, name)
    return problem


def _shape_problem(folder: Path, spec: DatasetSpec, name: str) -> str | None:
    rows = spec.shard_rows(int(Path(name).stem))
    expected = (len(rows), *spec.image_shape)
    try:
        shard = open_shard(folder / name, spec.source.encoding, spec.source.image_size)
    except ValueError as error:
        return f"{folder / name} cannot be read: {error}"
    if isinstance(shard, RawShard) and shard.layout != ("uint8", expected):
        dtype, shape = shard.layout
        return f"{folder / name} holds {dtype} {shape} instead of uint8 {expected}"
    if len(shard) != len(rows):
        return f"{folder / name} holds {len(shard)} images instead of {len(rows)}"
    return None


def _table_problems(dataset: Dataset) -> list[str]:
    path = dataset.folder / TABLE
    try:
        table = dataset.table
    except (OSError, ValueError) as error:
        return [f"{path} cannot be read: {error}"]
    if len(table) != dataset.spec.n_stored:
        return [f"{path} has {len(table)} rows for {dataset.spec.n_stored} images"]
    problems = []
    for latent in dataset.latents:
        if latent.name not in table:
            problems.append(f"{path} has no column {latent.name!r}")
        elif latent.kind == "categorical":
            problems += _value_problems(dataset.spec, latent, table[latent.name])
        else:
            problems += _range_problems(dataset.spec, latent, table[latent.name])
    return problems


def _value_problems(spec: DatasetSpec, latent: Latent, column: pd.Series) -> list[str]:
    wrong = column[~column.isin(spec.design.allowed(latent))]
    if wrong.empty:
        return []
    kind = "allowed by the design" if wrong.iloc[0] in latent.values else "known to the source"
    return [
        f"{latent.name} of image {wrong.index[0]} is {wrong.iloc[0]!r}, which is not {kind} "
        f"({len(wrong)} such images)"
    ]


def _range_problems(spec: DatasetSpec, latent: Latent, column: pd.Series) -> list[str]:
    values = column.to_numpy(dtype=np.float64)
    low, high = _bounds(spec, latent)
    inside = _within(values, latent.low, latent.high)
    if latent.kind == "angle":
        inside &= _within((values - low + RANGE_TOLERANCE) % 360.0, 0.0, high - low)
    else:
        inside &= _within(values, low, high)
    wrong = np.flatnonzero(~inside)
    if not wrong.size:
        return []
    return [
        f"{latent.name} of image {wrong[0]} is {values[wrong[0]]:g}, outside {low:g} to {high:g} "
        f"({wrong.size} such images)"
    ]


def _within(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    margin = RANGE_TOLERANCE * max([1.0, *(abs(b) for b in (low, high) if np.isfinite(b))])
    return np.isfinite(values) & (values >= low - margin) & (values <= high + margin)


def _bounds(spec: DatasetSpec, latent: Latent) -> tuple[float, float]:
    constraint = spec.design.constraint(latent.name)
    if constraint is not None and constraint.low is not None and constraint.high is not None:
        return constraint.low, constraint.high
    if latent.name in spec.design.reduced:
        return 0.0, 0.0  # pinned by 'centered'
    return latent.low, latent.high


def _split_problems(dataset: Dataset) -> list[str]:
    if dataset.spec.online:
        return []
    train, val = dataset.split("train"), dataset.split("val")
    parted = np.sort(np.concatenate([train, val]))
    if len(val) != dataset.spec.n_val or not np.array_equal(parted, dataset.split("all")):
        return ["the train and val splits do not part the images"]
    return []


def _render_problems(dataset: Dataset, n: int, seed: int, device: str) -> list[str]:
    rng = np.random.default_rng(seed)
    spec = dataset.spec
    n = min(n, spec.n_stored)
    indices = np.sort(rng.choice(spec.n_stored, n, replace=False)).astype(np.int64)
    images, columns = dataset.source.render(spec.design, spec.seed, indices, device=device)
    table = dataset.table.iloc[indices]
    if isinstance(images, list):
        stored = dataset.files(indices)
        differs = {"bytes": np.array([a != b for a, b in zip(images, stored, strict=True)])}
    else:
        differs = {"pixels": (images != dataset.images(indices)).any(axis=(1, 2, 3))}
    differs |= {name: table[name].to_numpy() != columns[name] for name in table.columns}
    made, here = dataset.manifest.versions, library_versions()
    reason = "" if made == here else f" (made with {_words(made)}; here {_words(here)})"
    return [
        f"image {index} renders differently in {', '.join(names)}{reason}"
        for position, index in enumerate(indices)
        if (names := [name for name, wrong in differs.items() if wrong[position]])
    ]


def _words(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
