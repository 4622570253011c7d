"""Scoring the networks of a store against recordings: the steps, and what to ask of a store."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.steps import SCORES, VERSIONS, dataset_step
from hyp.metrics.neural.ceilings import Formula
from hyp.metrics.neural.simulation import SimulatedRegion
from hyp.metrics.neural.specs import CANDIDATE_LAYERS, NeuralMetric, Pls
from hyp.models.hardware import Numerics, best_device, best_numerics
from hyp.models.specs import Device, ExtractSpec, Precision
from hyp.store import Step, Store
from hyp.store.labels import network_labels
from hyp.store.runs import KeptNumerics

if TYPE_CHECKING:
    import pandas as pd

_USUAL_SIZE = 224
SUBJECTS = "subjects.parquet"
_MODEL_COLUMNS = ("objective", "design", "seed", "backbone", "batches")


LeftOut = Literal["unmatched", "stimuli", "neuroids"]
"""What may be left out of a recording."""


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordedFile(_Spec):
    """A recording that is read from a file.

    Attributes
    ----------
    digest : str
        SHA-256 of the file, or of all files of a Zarr folder.
    rename : dict of str to str
        The file's own names to hyp's, see `hyp.metrics.neural.read_assembly`.
    """

    kind: Literal["file"] = "file"
    digest: str
    rename: dict[str, str] = {}


class SimulatedStream(_Spec):
    """A recording of a hidden network, see `hyp.metrics.neural.simulate_ventral_stream`."""

    kind: Literal["simulated"] = "simulated"
    regions: tuple[SimulatedRegion, ...]
    hidden: str = "resnet18"
    seed: int = 0


class RecordingSpec(_Spec):
    """A recording in the store.

    Attributes
    ----------
    name : str
        What it is called in this store.
    origin : RecordedFile or SimulatedStream
        Where the responses come from.
    stratify : str or None
        Coordinate of the stimuli that splits are stratified by.
    window : (float, float) or None
        Milliseconds that are averaged, where there are time bins.
    leave_out : tuple of str
        What is left out rather than refused: ``unmatched`` stimuli, which have no image, and
        ``stimuli`` or else ``neuroids`` for which a response is missing.
    """

    name: str
    origin: RecordedFile | SimulatedStream
    stratify: str | None = None
    window: tuple[float, float] | None = None
    leave_out: tuple[LeftOut, ...] = Field((), exclude_if=lambda what: not what)

    @field_validator("leave_out")
    @classmethod
    def _one_way(cls, what: tuple[LeftOut, ...]) -> tuple[LeftOut, ...]:
        if {"stimuli", "neuroids"} <= set(what):
            raise HypError(
                "where a response is missing either the stimulus or the neuroid is left out; name "
                "one of stimuli and neuroids."
            )
        return tuple(sorted(set(what)))


class AlignmentSpec(_Spec):
    """How one network is scored against a recording, see `hyp.metrics.neural.score_region`.

    Attributes
    ----------
    metric, protocol, formula
        As there. A recording with one repetition of every stimulus is scored without a ceiling,
        and its scores say so.
    threads : int
        Of the network's forward pass and of BLAS.
    subjects : {"pooled", "each"}
        Whether the neuroids of all subjects are scored as one population, as Brain-Score does, or
        every subject by itself, with a ceiling of its own, and the scores then averaged.
    """

    metric: NeuralMetric = Pls()
    protocol: Literal["published", "recommended"] = "recommended"
    formula: Formula | None = "2026"
    threads: int = 1
    subjects: Literal["pooled", "each"] = Field(
        "pooled", exclude_if=lambda subjects: subjects == "pooled"
    )


def recording_step(
    recording: RecordingSpec, stimuli: DatasetSpec, path: Path | None = None
) -> Step:
    """Return the step that puts a recording and its stimuli into a store.

    Parameters
    ----------
    recording : RecordingSpec
    stimuli : DatasetSpec
        The images that were shown.
    path : Path, optional
        Where the responses lie, for a `RecordedFile`.
    """
    return Step(
        "recordings",
        recording.model_dump(mode="json"),
        {"stimuli": dataset_step(stimuli, f"stimuli of {recording.name}")},
        VERSIONS["recordings"],
        recording.name,
        places={} if path is None else {"path": str(path)},
    )


def alignment_step(
    recording: Step,
    model: Step,
    spec: AlignmentSpec,
    *,
    layers: Sequence[str] = (),
    snapshot: int | None = None,
    numerics: Numerics | None = None,
    store: Store | None = None,
) -> Step:
    """Return the step that scores one network against a recording.

    Parameters
    ----------
    recording, model : Step
    spec : AlignmentSpec
    layers : sequence of str
        Candidate layers; by default the paper's for the network's backbone.
    snapshot : int, optional
        Batch count of the weights; the last by default.
    numerics : Numerics, optional
        Of the forward pass; by default those that the network was trained with, if this
        machine has the device, so that scores do not depend on where they are asked for.
    store : Store, optional
        Of the forward passes that are stored there already one is taken, whichever device it
        ran on: what is scored stays scored on a machine that would choose another one.

    Raises
    ------
    HypError
        If no layers are given for a backbone that the paper did not use.
    """
    candidates = tuple(layers) or _candidates(str(model.spec["backbone"]))
    if numerics is None:
        source = recording.inputs["stimuli"].spec["source"]
        size = model.spec["input_size"] or source.get("image_size", _USUAL_SIZE)
        numerics = _numerics_of(model, size)
        if store is not None:
            for other in _every_numerics(numerics):
                step = alignment_step(
                    recording, model, spec, layers=candidates, snapshot=snapshot, numerics=other
                )
                if any(map(store.has, (step, step.inputs["grams"].inputs["activations"]))):
                    return step
    extraction = ExtractSpec(
        layers=candidates, snapshot=snapshot, threads=spec.threads, **numerics._asdict()
    )
    inputs = {"stimuli": recording.inputs["stimuli"], "model": model}
    activations = _step("activations", extraction, inputs, model.label)
    grams = Step(
        "grams",
        {"threads": spec.threads, "whole": True},
        {**inputs, "activations": activations},
        VERSIONS["grams"],
        model.label,
    )
    return _step(
        "alignments",
        spec,
        {**inputs, "grams": grams, "recording": recording},
        f"{model.label}, {recording.label}",
    )


def recording_names(store: Store) -> list[str]:
    """Return what the recordings of a store are called, each name once."""
    return sorted({str(record.spec["name"]) for record in store.records("recordings")})


def find_recording(store: Store, name: str) -> Step:
    """Return a recording of the store by name.

    Raises
    ------
    HypError
        If there is none of that name, or several.
    """
    records = store.records("recordings")
    found = [record.key for record in records if record.spec["name"] == name]
    if not found:
        known = recording_names(store)
        there = f"; it has: {', '.join(known)}." if known else "; import one first."
        raise HypError(f"the store at {store.root} has no recording {name!r}{there}")
    if len(found) > 1:
        raise HypError(
            f"the store at {store.root} has {len(found)} recordings called {name!r} "
            f"({', '.join(found)}); remove all but one."
        )
    return store.step(found[0])


def refuse_other_content(store: Store, step: Step) -> None:
    """Refuse a recording whose name the store has already for another one.

    Raises
    ------
    HypError
        If it has.
    """
    for record in store.records("recordings"):
        if record.spec["name"] == step.spec["name"] and record.key != step.key:
            raise HypError(
                f"the store at {store.root} has another recording {record.spec['name']!r}; choose "
                "another --name."
            )


def select_models(store: Store, where: dict[str, str]) -> list[Step]:
    """Return the networks of a store with the given labels.

    Parameters
    ----------
    store : Store
    where : dict of str to str
        Wanted values of ``objective``, ``design``, ``seed``, ``backbone``, ``batches``.

    Raises
    ------
    HypError
        If a label does not exist, or nothing matches.
    """
    unknown = [name for name in where if name not in _MODEL_COLUMNS]
    if unknown:
        raise HypError(
            f"networks cannot be selected by {unknown[0]!r}; use: {', '.join(_MODEL_COLUMNS)}."
        )
    steps = [store.step(record.key) for record in store.records("models")]
    chosen = [
        step
        for step in steps
        if all(str(_labels(step)[name]) == value for name, value in where.items())
    ]
    if not chosen:
        words = ", ".join(f"{name}={value}" for name, value in where.items()) or "any labels"
        raise HypError(
            f"none of the {len(steps)} networks in the store at {store.root} has {words}."
        )
    return chosen


def _labels(model: Step, snapshot: int | None = None) -> dict[str, Any]:
    dataset = model.inputs.get("dataset")
    design = dataset.spec["design"] if dataset else ""
    return {"design": design, **network_labels(model.spec, snapshot)}


def read_alignments(store: Store, goals: Sequence[Step]) -> pd.DataFrame:
    """Return the scores of finished alignments with what tells their networks apart.

    Returns
    -------
    DataFrame
        A row a network and region: ``objective``, ``design``, ``seed``, ``backbone``,
        ``batches`` (of the weights; missing of a library's), ``model`` (key), and the columns of
        `hyp.hypotheses.recordings.score_regions`.
    """
    import pandas as pd

    tables = []
    for goal in goals:
        snapshot = goal.inputs["grams"].inputs["activations"].spec["snapshot"]
        labels = _labels(goal.inputs["model"], snapshot)
        table = pd.read_parquet(store.check(goal) / SCORES)
        if "formula" not in table:
            table["formula"] = goal.spec["formula"] or "none"
        tables.append(table.assign(**labels, model=goal.inputs["model"].key))
    joined = pd.concat(tables, ignore_index=True).astype({"batches": "Int64"})
    return joined[[*_MODEL_COLUMNS, "model", *tables[0].columns[: -len(_MODEL_COLUMNS) - 1]]]


def _numerics_of(model: Step, size: int) -> Numerics:
    """Return what a network was trained with, or what suits this machine."""
    device = best_device()
    if "kind" in model.spec or model.spec["device"] not in ("cpu", device):
        return best_numerics(str(model.spec["backbone"]), size)
    return Numerics(**KeptNumerics.of(model.spec).model_dump())


def _every_numerics(first: Numerics) -> list[Numerics]:
    """Return all numerics there are, those of this machine first."""
    every = product(get_args(Precision), (False, True), get_args(Device))
    return sorted(starmap(Numerics, every), key=lambda numerics: numerics != first)


def _candidates(backbone: str) -> tuple[str, ...]:
    any_width = backbone.partition("@")[0]
    if any_width not in CANDIDATE_LAYERS:
        raise HypError(
            f"name the candidate layers of {backbone} with --layer; they are known for "
            f"{', '.join(CANDIDATE_LAYERS)}."
        )
    return CANDIDATE_LAYERS[any_width]


def _step(kind: str, spec: BaseModel, inputs: dict[str, Step], label: str) -> Step:
    return Step(kind, spec.model_dump(mode="json"), inputs, VERSIONS[kind], label)
