"""What the worker published, as labelled arrays and as one tidy table."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.metrics.brainscore.identifiers import PAPER_BENCHMARKS, benchmark_region
from hyp.names import inside
from hyp.store.plain_zarr import write_zarr

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = "results"
SCORES = "scores.zarr"
_NUMBERS = (
    "score",
    "error",
    "raw_score",
    "raw_score_error",
    "ceiling",
    "ceiling_error",
    "seconds",
)
_LABELS = (
    "name",
    "architecture",
    "objective",
    "seed",
    "batches",
    "dataset",
    "sha256",
    "image_size",
)


def result_path(out: Path, benchmark: str, identifier: str) -> Path:
    """Return where the result of one network on one benchmark is published."""
    return inside(inside(out / PUBLISHED, benchmark), identifier, ".npz")


def read_scores(out: Path | str) -> xr.Dataset:
    """Open the scores that `score_cohort` wrote.

    Returns
    -------
    Dataset
        Dims (model, benchmark): ``score`` as Brain-Score gives it and its ``error`` (standard
        error over splits), ``raw_score`` before the ceiling, ``ceiling``, ``score_2024``
        (the formula of 2024, (raw/ceiling)², where the benchmark's own is raw²/ceiling)
        and ``layer``; coordinates say what each model is and each benchmark's region.

    Raises
    ------
    HypError
        If there are none.
    """
    path = Path(out) / SCORES
    if not path.exists():
        raise HypError(f"there are no scores in {out}; make them with: hyp score.")
    scores: xr.Dataset = xr.open_zarr(path, chunks=None)
    return scores


def read_raw(out: Path | str, benchmark: str) -> xr.Dataset:
    """Open the values behind the scores on one benchmark.

    Returns
    -------
    Dataset
        ``raw_score`` (model, split, neuroid) and ``ceiling`` (split, neuroid) before any
        mean or median (for behaviour they have the dims that it has), and ``layer_score``
        (model, layer), by which layers were chosen.

    Raises
    ------
    HypError
        If nothing was scored on it.
    """
    files = sorted((Path(out) / PUBLISHED / benchmark).glob("*.npz"))
    if not files:
        raise HypError(f"nothing in {out} was scored on {benchmark}.")
    return xr.concat(
        [_raw(path) for path in files],
        "model",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="outer",
    )


def gather_scores(out: Path) -> xr.Dataset:
    """Collect everything that was published in a folder and write it as ``scores.zarr``."""
    found = [read_result(path) for path in sorted((out / PUBLISHED).glob("*/*.npz"))]
    if not found:
        raise HypError(f"nothing was scored in {out}.")
    dataset = _table_of(found)
    final, beside = out / SCORES, out / f".{SCORES}.partial"
    shutil.rmtree(beside, ignore_errors=True)
    write_zarr(dataset, beside)
    shutil.rmtree(final, ignore_errors=True)
    beside.rename(final)
    return dataset


def score_table(scores: xr.Dataset) -> pd.DataFrame:
    """Return scores as a tidy table: one row a model and benchmark.

    Columns ``model``, ``region``, ``benchmark``, ``score``, ``error``, ``ceiling``, ``layer``
    come first, then whatever is known of the model.
    """
    table = scores.to_dataframe().reset_index().dropna(subset=["score"])
    first = ["model", "region", "benchmark", "score", "error", "ceiling", "layer"]
    rest = [str(name) for name in table.columns if name not in first]
    return table[[*first, *rest]].reset_index(drop=True)


def read_result(path: Path) -> dict[str, Any]:
    """Read one published result.

    Raises
    ------
    HypError
        If the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            result: dict[str, Any] = {name: file[name] for name in file.files}
        result |= json.loads(str(result.pop("facts")))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise HypError(f"the result {path} is damaged; delete it and score again.") from error
    return result


def _table_of(found: list[dict[str, Any]]) -> xr.Dataset:
    models = {facts["identifier"]: facts for facts in (result["request"] for result in found)}
    order = sorted(models, key=lambda name: (str(models[name]["name"]), name))
    names = {result["request"]["benchmark"] for result in found}
    benchmarks = [name for name in PAPER_BENCHMARKS if name in names]
    benchmarks += sorted(names.difference(benchmarks))
    shape = (len(order), len(benchmarks))
    values = {name: np.full(shape, np.nan) for name in (*_NUMBERS, "score_2024")}
    layers = np.full(shape, "", dtype=object)
    regions, versions = [""] * shape[1], [""] * shape[1]
    for result in found:
        facts = result["request"]
        row, column = order.index(facts["identifier"]), benchmarks.index(facts["benchmark"])
        for name in _NUMBERS:
            values[name][row, column] = result[name]
        values["score_2024"][row, column] = _score_2024(result)
        layers[row, column] = str(result["layer"])
        regions[column] = str(result["region"]) or benchmark_region(facts["benchmark"])
        versions[column] = str(result["version"])
    dims = ("model", "benchmark")
    return xr.Dataset(
        {**{name: (dims, array) for name, array in values.items()}, "layer": (dims, layers)},
        coords={
            "model": np.array(order, dtype=object),
            "benchmark": np.array(benchmarks, dtype=object),
            "region": ("benchmark", np.array(regions, dtype=object)),
            "version": ("benchmark", np.array(versions, dtype=object)),
            **_labels([models[name] for name in order]),
        },
        attrs={
            "ceiling_formula": "raw_score**2 / ceiling (score), (raw_score / ceiling)**2 "
            "(score_2024); behaviour: per split raw_score / sqrt(ceiling)",
            **{f"version_{k}": v for k, v in found[-1]["versions"].items()},
            **found[-1]["machine"],
        },
    )


def _labels(models: list[dict[str, Any]]) -> dict[str, tuple[str, NDArray[Any]]]:
    """Coordinates along ``model``; numbers that nobody knows are -1."""
    found = {}
    for name in _LABELS:
        known = [facts.get(name) for facts in models]
        if any(isinstance(value, int) for value in known):
            found[name] = ("model", np.array([-1 if v is None else v for v in known]))
        elif any(known):
            found[name] = ("model", np.array([v or "" for v in known], dtype=object))
    return found


def _score_2024(result: Mapping[str, Any]) -> float:
    raw, ceiling = float(result["raw_score"]), float(result["ceiling"])
    if np.isclose(float(result["score"]), raw**2 / ceiling, rtol=1e-9):
        return (raw / ceiling) ** 2
    return float("nan")


def _raw(path: Path) -> xr.Dataset:
    result = read_result(path)
    dataset = xr.Dataset(coords={"model": [result["request"]["identifier"]]})
    for name in ("raw_score", "ceiling"):
        if f"{name}_values" not in result:
            continue
        dims = [str(dim) for dim in result[f"{name}_dims"]]
        array = xr.DataArray(result[f"{name}_values"], dims=dims)
        for dim in dims:
            for level in ("neuroid_id", "split"):
                coordinate = result.get(f"{name}_coord_{dim}_{level}")
                if coordinate is not None:
                    array = array.assign_coords({dim: coordinate})
        if name == "raw_score":
            array = array.expand_dims("model")
        dataset[name] = array
    if "layer_scores" in result:
        dataset["layer_score"] = xr.DataArray(
            result["layer_scores"][np.newaxis],
            dims=["model", "layer"],
            coords={"layer": result["layers"]},
        )
    return dataset
