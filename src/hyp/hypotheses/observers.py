"""Observers' choices in a store, and how consistent its networks' are with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.questions.base import I2N
from hyp.hypotheses.steps import SCORES, VERSIONS, dataset_step, step
from hyp.models.hardware import Numerics
from hyp.models.specs import ExtractSpec
from hyp.store import Step

if TYPE_CHECKING:
    import pandas as pd

    from hyp.datasets.dataset import Dataset
    from hyp.metrics.behaviour import Trials

LABEL = "label"
"""Column of the images that names the object on each."""

_STORED = "trials.parquet"


def choices_step(name: str, path: Path, digest: str, images: DatasetSpec) -> Step:
    """Return the step that puts observers' choices and the images into a store.

    Parameters
    ----------
    name : str
        What they are called.
    path : Path
        A table with the columns `hyp.metrics.behaviour.TRIAL_COLUMNS`.
    digest : str
        SHA-256 of its content.
    images : DatasetSpec
        All images, with the column ``label``: those that were judged, and others that the readout
        is fitted to.
    """
    return Step(
        "choices",
        {"name": name, "digest": digest},
        {"stimuli": dataset_step(images, f"images of {name}")},
        VERSIONS["choices"],
        name,
        places={"path": str(path)},
    )


def consistency_step(
    choices: Step,
    model: Step,
    *,
    layer: str,
    snapshot: int | None,
    numerics: Numerics,
    threads: int,
) -> Step:
    """Return the step that scores one network against observers.

    Parameters
    ----------
    choices, model : Step
    layer : str
        What the readout is fitted to.
    snapshot : int or None
        Batch count of the weights; None takes the last.
    numerics, threads
        Of the forward pass.
    """
    extraction = ExtractSpec(
        layers=(layer,), snapshot=snapshot, threads=threads, **numerics._asdict()
    )
    inputs = {"stimuli": choices.inputs["stimuli"], "model": model, "choices": choices}
    label = f"{model.label}, {choices.label}"
    return step("consistencies", extraction.model_dump(mode="json"), inputs, label)


def store_choices(spec: Mapping[str, Any], path: Path, stimuli: Dataset, folder: Path) -> None:
    """Check observers' trials against their images and write them as Parquet.

    Raises
    ------
    HypError
        As `hyp.metrics.behaviour.trials_from_table` and `images_of`.
    """
    from hyp.metrics.behaviour import TRIAL_COLUMNS, trials_from_table
    from hyp.tables import read_table

    table = read_table(path)
    images_of(trials_from_table(table, spec["name"]), stimuli.table, spec["name"])
    table[list(TRIAL_COLUMNS)].to_parquet(folder / _STORED, index=False)


def images_of(trials: Trials, images: pd.DataFrame, name: str) -> tuple[list[int], list[int]]:
    """Return which images are judged, in the order of the trials, and which a readout is fitted to.

    It is fitted to those that nobody judged; where all were judged, to all, as Brain-Score's public
    benchmark does.

    Raises
    ------
    HypError
        If the images have no label, one has no image, or a label is not what the trials say.
    """
    from hyp.hypotheses.shown_images import match_images

    if LABEL not in images:
        raise HypError(
            f"the images of {name} have no column {LABEL}, which names the object on each; add it "
            "to their table."
        )
    ids = [str(one) for one in trials.stimulus_id]
    rows = match_images(ids, images, len(images), name)
    judged = [rows[one] for one in ids]
    labels = images[LABEL].astype(str).to_numpy()
    said = trials.objects[trials.truth]
    wrong = [k for k, row in enumerate(judged) if labels[row] != said[k]]
    if wrong:
        raise HypError(
            f"{len(wrong)} images of {name} have another label than the trials say, the first "
            f"{ids[wrong[0]]!r}: {labels[judged[wrong[0]]]} and {said[wrong[0]]}."
        )
    others = sorted(set(range(len(images))) - set(judged))
    return judged, others or judged


def score_consistency(
    extraction: ExtractSpec,
    choices: Path,
    model: Path,
    stimuli: Dataset,
    folder: Path,
    *,
    name: str,
    backbone: str,
) -> None:
    """Score a network against observers; writes ``scores.parquet``.

    It has one row: ``measured``, ``score``, ``unceiled``, ``error``, ``ceiling`` and ``layer``, as
    means over two random halves of the trials.
    """
    import pandas as pd

    from hyp.metrics.behaviour import choice_probabilities, consistency, trials_from_table
    from hyp.models.extraction import respond

    trials = trials_from_table(pd.read_parquet(choices / _STORED), name)
    judged, fitted = images_of(trials, stimuli.table, name)
    (layer,) = extraction.layers
    responses = respond(extraction, model, stimuli, backbone=backbone)[layer]
    labels = stimuli.table[LABEL].astype(str).to_numpy()
    found = consistency(
        choice_probabilities(
            responses[fitted], labels[fitted].tolist(), responses[judged], trials.objects.tolist()
        ),
        trials,
    )
    row = {
        "measured": I2N,
        "score": found.score,
        "unceiled": float(found.raw.mean()),
        "error": found.error,
        "ceiling": float(found.ceiling.mean()),
        "layer": layer,
    }
    pd.DataFrame([row]).to_parquet(folder / SCORES, index=False)
