"""Queries on a store: the catalogue, activations and scores as xarray objects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.store.artifacts import Record, Store
from hyp.store.labels import network_labels

MODEL_COORDINATES = ("objective", "seed", "design", "backbone", "batches")


class StoreView:
    """A read-only view of a store.

    Examples
    --------
    >>> view = hyp.open_store("hyp-store")  # doctest: +SKIP
    >>> view.activations(objective="distance", layer="layer3.0.relu")  # doctest: +SKIP
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def root(self) -> Path:
        """The store's folder."""
        return self._store.root

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """One row a set of activations: what the network was, and the layers kept.

        Columns: ``key``, ``path``, ``model`` (key; of pixels that of their activations),
        ``objective`` (or ``untrained``, ``pixels``), ``seed``, ``design`` (of the training
        dataset), ``backbone``, ``batches`` (missing where nobody knows them, as of torchvision's
        weights), ``stimuli`` (key), ``layers``.
        """
        models = {record.key: record for record in self._store.records("models")}
        datasets = {record.key: record for record in self._store.records("datasets")}
        rows = [
            self._row(record, models, datasets) for record in self._store.records("activations")
        ]
        columns = ["key", "path", "model", *MODEL_COORDINATES, "stimuli", "layers"]
        table = pd.DataFrame(rows, columns=columns)
        return table.astype({"seed": "Int64", "batches": "Int64"})

    def _row(
        self, record: Record, models: Mapping[str, Record], datasets: Mapping[str, Record]
    ) -> dict[str, object]:
        row: dict[str, object] = {
            "key": record.key,
            "path": str(self.root / "activations" / record.key),
            "model": record.inputs.get("model", record.key),
            "stimuli": record.inputs.get("stimuli"),
            "layers": tuple(record.spec["layers"]),
        }
        model = models.get(record.inputs.get("model", ""))
        if model is None:
            return row | {"objective": "pixels"}
        dataset = datasets.get(model.inputs.get("dataset", ""))
        design = dataset.spec["design"] if dataset else None
        return row | {"design": design, **network_labels(model.spec, record.spec.get("snapshot"))}

    def activations(self, layer: str, **where: object) -> xr.Dataset:
        """Return the activations of one layer over all models that match.

        Parameters
        ----------
        layer : str
            For instance ``layer3.0.relu``.
        **where
            Values of catalogue columns: ``objective``, ``seed``, ``design``, ...; of a list of
            values any matches.

        Returns
        -------
        xarray.Dataset
            Lazy variable ``activation`` with dims (model, stimulus, unit); every latent, and
            images' names, along ``stimulus``; what is known of the units of all along ``unit``;
            and what tells the models apart along ``model``, whose index is their key; what is not
            known of one is an empty text, or NaN. It can be written anew with ``to_zarr`` or
            ``to_netcdf``.

        Raises
        ------
        HypError
            If nothing matches, or what matches are responses to several sets of stimuli, layers
            of several sizes or shapes, or two stored passes of one network; the message says
            what there is.
        """
        table = self.catalogue
        for column, value in where.items():
            if column not in table.columns:
                known = ", ".join(table.columns)
                raise HypError(f"activations cannot be selected by {column!r}; use: {known}.")
            kinds = (list, tuple, set, range, np.ndarray, pd.Series)
            values = list(value) if isinstance(value, kinds) else [value]
            table = table[table[column].isin(values)]
        table = table[[layer in layers for layers in table["layers"]]]
        if table.empty:
            stored = sorted({name for layers in self.catalogue["layers"] for name in layers})
            raise HypError(
                f"no stored activations match layer={layer!r}, {where}; "
                f"layers in this store: {', '.join(stored) or 'none'}."
            )
        shown = table["stimuli"].value_counts()
        if len(shown) > 1:
            sets = ", ".join(f"{key} ({count} networks)" for key, count in shown.items())
            raise HypError(
                f"the activations that match are responses to {len(shown)} sets of stimuli; add "
                f"stimuli= one of: {sets}."
            )
        _refuse_repeated(table)
        parts = []
        for row in _rows(_without_gaps(table)):
            part = xr.open_zarr(row["path"], group=layer).drop_encoding()
            labels = {key: ("model", _label(row[key])) for key in ("model", *MODEL_COORDINATES)}
            parts.append(part.expand_dims("model").assign_coords(labels))
        _refuse_sizes(parts, layer)
        return _joined(parts, layer)

    def neuroid_scores(self, region: str, recording: str, *, subject: str = "") -> xr.DataArray:
        """Return the unceiled scores of every neuroid of a region, over all networks scored.

        Parameters
        ----------
        region : str
        recording : str
            What it is called in this store.
        subject : str
            Where every subject was scored by itself, which one.

        Returns
        -------
        xarray.DataArray
            Dims (model, split, neuroid), or (model, split) of metrics that compare whole
            populations; along ``model``, whose index is the key of the score, ``objective``,
            ``seed``, ``backbone``, ``batches`` and the ``metric``.

        Raises
        ------
        HypError
            If no network was scored so.
        """
        models = {record.key: record for record in self._store.records("models")}
        named = {r.key for r in self._store.records("recordings") if r.spec["name"] == recording}
        passes = {r.key: r.spec["snapshot"] for r in self._store.records("activations")}
        taken = {r.key: r.inputs["activations"] for r in self._store.records("grams")}
        parts = []
        for record in self._store.records("alignments"):
            group = self.root / "alignments" / record.key / region / subject
            if record.inputs["recording"] not in named or not (group / "raw").is_dir():
                continue
            model = models[record.inputs["model"]].spec
            snapshot = passes.get(taken.get(record.inputs["grams"], ""))
            labels = {
                "model": record.key,
                **network_labels(model, snapshot),
                "metric": record.spec["metric"]["kind"],
            }
            raw = xr.open_zarr(group)["raw"].drop_encoding().expand_dims("model")
            parts.append(
                raw.assign_coords({name: ("model", _label(one)) for name, one in labels.items()})
            )
        if not parts:
            of = f" of {subject}" if subject else ""
            raise HypError(
                f"no network in the store at {self.root} was scored in {region}{of} of "
                f"{recording!r}; 'hyp neural list' shows its recordings."
            )
        joined: xr.DataArray = xr.concat(parts, dim="model", combine_attrs="drop_conflicts")
        return joined

    def scores(self, hypothesis: str, profile: str | None = None) -> dict[str, xr.DataArray]:
        """Return the scores of the latest finished run of a hypothesis, one array per kind.

        Returns
        -------
        dict of str to xarray.DataArray
            By kind (``decoding``, ``alignment``, ``depth``, ``behaviour``, ``performance``,
            ``loss``, ``accuracy``): scores over (protocol, cohort, ``latent`` | ``region`` |
            ``task``, layer, batches, network, fold), without the dimensions that a kind does not
            have; the coordinate ``seed`` tells which network it is. Similarities of networks are a
            table of their own, see `hyp.hypotheses.result_files.load_similarities`.

        Raises
        ------
        HypError
            If that hypothesis has no finished run in this store, or it was written by an
            earlier version of hyp.
        """
        from hyp.store.runs import latest_run

        run = latest_run(self.root, hypothesis, profile)
        return open_scores(self.root / "results" / run.goal)


def open_scores(folder: Path) -> dict[str, xr.DataArray]:
    """Open the scores of a result folder, see `StoreView.scores`.

    Raises
    ------
    HypError
        If it keeps none.
    """
    cubes = folder / "scores.zarr"
    kinds = [path.name for path in sorted(cubes.glob("*")) if (path / "zarr.json").exists()]
    if not kinds:
        raise HypError(
            f"{folder} keeps no scores that can be opened: its design was untestable, or an "
            "earlier hyp wrote it; run the hypothesis again, which computes only what is missing."
        )
    return {kind: _drawable(xr.open_zarr(cubes / kind)["score"].rename(kind)) for kind in kinds}


def _drawable(scores: xr.DataArray) -> xr.DataArray:
    """Return scores with labels as NumPy's own text: of Zarr's, xarray draws nothing."""
    texts = {
        name: (labels.dims, np.array(labels.values.tolist(), dtype=str))
        for name, labels in scores.coords.items()
        if labels.dtype.kind == "T"
    }
    return scores.assign_coords(texts)


def _refuse_repeated(table: pd.DataFrame) -> None:
    """Refuse two passes of one network, which would count it twice."""
    twice = table[table.duplicated(["model", "batches"], keep=False)]
    if len(twice):
        keys = twice[twice["model"] == twice["model"].iloc[0]]["key"].tolist()
        raise HypError(
            f"one network's activations are stored {len(keys)} times, with other layers or "
            f"numerics; add key= one of: {', '.join(keys)}."
        )


def _refuse_sizes(parts: list[xr.Dataset], layer: str) -> None:
    sizes = {
        f"{part.sizes['unit']} units in {part['backbone'].item()}"
        f" (input {part.attrs.get('input_size', 'unknown')})": part.sizes["unit"]
        for part in parts
    }
    if len(set(sizes.values())) > 1:
        raise HypError(
            f"layer {layer} has {', '.join(sorted(sizes))}; choose networks with one size of it, "
            "for instance with backbone=."
        )


def _joined(parts: list[xr.Dataset], layer: str) -> xr.Dataset:
    """Join networks; units that are told apart have to be the same channels, rows and so on."""
    known = [{str(name) for name in part.coords if part[name].dims == ("unit",)} for part in parts]
    shared = set.intersection(*known)
    first = parts[0]
    for part, names in zip(parts, known, strict=True):
        if (
            names
            and known[0]
            and not (names == known[0] and all(part[name].equals(first[name]) for name in names))
        ):
            raise HypError(
                f"layer {layer} has {first.sizes['unit']} units in {first['backbone'].item()} and "
                f"in {part['backbone'].item()}, but they lie in other channels, rows or columns; "
                "choose networks with one shape of it, for instance with backbone=."
            )
    kept = [part.drop_vars(names - shared) for part, names in zip(parts, known, strict=True)]
    joined: xr.Dataset = xr.concat(
        kept,
        dim="model",
        data_vars="all",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="drop_conflicts",
    )
    return joined


def _without_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Return a catalogue with what xarray can write in place of what is not known."""
    numbers = {name: table[name].astype(float) for name in ("seed", "batches")}
    known = {name: column for name, column in numbers.items() if column.isna().any()}
    names = ("objective", "design", "backbone")
    texts = {name: table[name].astype(object).fillna("") for name in names}
    return table.assign(**texts, **known)


def _label(value: object) -> list[object] | NDArray[np.object_]:
    if value is None:
        return [np.nan]
    return np.array([value], dtype=object) if isinstance(value, str) else [value]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]
