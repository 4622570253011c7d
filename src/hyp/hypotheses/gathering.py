"""What the steps of a run left, as tables: scores, similarities, learning, cohorts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.hypotheses.cohort import Asked
from hyp.hypotheses.matching import SNAPSHOTS
from hyp.hypotheses.profile import PIXELS, UNTRAINED, Profile
from hyp.hypotheses.questions import Similarities
from hyp.hypotheses.questions.base import I2N
from hyp.hypotheses.result import CohortSummary, LearningCurve
from hyp.hypotheses.result_files import SIMILARITY_FILE, order_layers
from hyp.hypotheses.steps import END, SCORES, of_kind
from hyp.metrics.brainscore.identifiers import BEHAVIOUR
from hyp.store.artifacts import read_record


def gather_scores(
    inputs: Mapping[str, Path],
    histories: Mapping[tuple[str, int], Mapping[str, Any]],
    profile: Profile,
) -> pd.DataFrame:
    """Return the scores of all networks, one row per fold, with the columns `SCORE_COLUMNS`."""
    parts: list[pd.DataFrame] = []
    for (cohort, seed), path in of_kind(inputs, "decoding").items():
        table = pd.read_parquet(path / SCORES).rename(columns={"latent": "measured"})
        batches = 0 if cohort in (UNTRAINED, PIXELS) else profile.n_batches
        labels: dict[str, Any] = {"cohort": cohort, "seed": int(seed or -1), "batches": batches}
        parts.append(table.assign(kind="decoding", **labels))
    for (cohort, seed), path in of_kind(inputs, SNAPSHOTS).items():
        table = pd.read_parquet(path / SCORES).rename(columns={"latent": "measured"})
        parts.append(table.assign(kind=SNAPSHOTS, cohort=cohort, seed=int(seed)))
    for kind, place, part in _against_brains(inputs, profile):
        part = part.assign(**place)
        if kind == "behaviour":
            parts.append(part.assign(kind=kind, measured=I2N))
            continue
        depths = [profile.layers.index(layer) for layer in part["chosen"]]
        deep = part.assign(score=np.array(depths) / max(1, len(profile.layers) - 1))
        parts += [part.assign(kind="alignment"), deep.assign(kind="depth")]
    for cohort, seed in of_kind(inputs, "model"):
        parts += _performance(histories[cohort, int(seed)], cohort, int(seed))
    if not parts:
        return order_layers(pd.DataFrame({"layer": []}), profile.layers)
    scores = pd.concat(parts, ignore_index=True)
    _refuse_regions_of_two(scores)
    return order_layers(scores, profile.layers)


def _against_brains(
    inputs: Mapping[str, Path], profile: Profile
) -> Iterator[tuple[str, dict[str, Any], pd.DataFrame]]:
    """Yield the kind of score, the network and checkpoint, and ``measured, score, chosen``."""
    for role in ("alignment", "behaviour", "official"):
        for (cohort, seed, at, *_), path in of_kind(inputs, role).items():
            table = pd.read_parquet(path / SCORES)
            table = table.rename(columns={"region": "measured", "layer": "chosen"})
            table = table[["measured", "score", "chosen"]]
            batches = profile.n_batches if at == END else int(at)
            place = {"cohort": cohort, "seed": int(seed), "batches": batches}
            place |= {"layer": "", "fold": 0}
            behaviour = table["measured"] == BEHAVIOUR
            if role == "behaviour" or behaviour.any():
                yield "behaviour", place, table[behaviour | (role == "behaviour")]
            if role != "behaviour" and not behaviour.all():
                yield "alignment", place, table[~behaviour]


def _refuse_regions_of_two(scores: pd.DataFrame) -> None:
    """Refuse a region that two recordings have: a network would have two scores in it."""
    aligned = scores[scores["kind"] == "alignment"]
    twice = aligned[aligned.duplicated(["cohort", "seed", "batches", "measured"])]
    if len(twice):
        raise HypError(
            f"two of the recordings have the region {twice['measured'].iloc[0]}; name only one of "
            "them (--set recording=...)."
        )


def gather_similarities(inputs: Mapping[str, Path]) -> Similarities:
    """Return the similarities of networks that a run's steps computed."""
    networks: list[str] = []
    matrices: dict[tuple[str, str], NDArray[np.float64]] = {}
    for (measure,), path in of_kind(inputs, "similarity").items():
        with np.load(path / SIMILARITY_FILE, allow_pickle=False) as archive:
            names = [str(name).partition(":")[0] for name in archive["networks"]]
            found = {name: archive[name] for name in archive.files if name != "networks"}
        networks = networks or names
        if names != networks:
            raise ValueError("measures of one run must be of the same networks")
        matrices |= {(measure, layer): matrix for layer, matrix in found.items()}
    return Similarities(networks, matrices)


def _performance(history: Mapping[str, Any], cohort: str, seed: int) -> Iterator[pd.DataFrame]:
    rows = []
    for row in history["evaluation"]:
        place = {"measured": row["task"], "batches": row["batch"]}
        if row["metric"] == "loss":
            share = row["value"] / row["baseline"]
            rows.append(place | {"kind": "performance", "score": 1 - share})
            rows.append(place | {"kind": "loss", "score": row["value"]})
        elif row["metric"] == "accuracy":
            rows.append(place | {"kind": "accuracy", "score": row["value"]})
    if rows:
        yield pd.DataFrame(rows).assign(cohort=cohort, seed=seed, layer="", fold=0)


def read_histories(
    inputs: Mapping[str, Path], role: str = "model"
) -> dict[tuple[str, int], dict[str, Any]]:
    """Return what each network wrote down while it was trained, by cohort and seed.

    The role ``initial`` is that of networks with initial weights, whose snapshots are scored.
    """
    return {
        (cohort, int(seed)): json.loads((path / "history.json").read_text())
        for (cohort, seed), path in of_kind(inputs, role).items()
    }


def learning_curves(
    histories: Mapping[tuple[str, int], Mapping[str, Any]],
) -> Iterator[LearningCurve]:
    """Yield the losses of every network that was trained here, one curve per task."""
    for (cohort, seed), history in histories.items():
        losses = [row for row in history["evaluation"] if row["metric"] == "loss"]
        training = history["training"]
        if not training["batch"]:
            continue
        for task in dict.fromkeys(row["task"] for row in losses):
            rows = [row for row in losses if row["task"] == task]
            yield LearningCurve(
                cohort=cohort,
                seed=seed,
                task=task,
                metric="loss",
                train=tuple(zip(training["batch"], training[task], strict=True)),
                held_out=tuple((row["batch"], row["value"]) for row in rows),
                baseline=rows[-1]["baseline"],
            )


def cohort_summaries(asked: Asked, inputs: Mapping[str, Path]) -> Iterator[CohortSummary]:
    """Yield the cohorts that have networks, as the report names them."""
    for cohort in asked.cohorts:
        places = {
            int(seed): path
            for (name, seed), path in of_kind(inputs, "model").items()
            if name == cohort.name
        }
        if not places:
            continue
        record = read_record(next(iter(places.values())))
        root = next(iter(places.values())).parents[1]
        images = record.inputs.get("dataset", "")
        n_images = read_record(root / "datasets" / images).spec["n_images"] if images else 0
        yield CohortSummary(
            name=cohort.name,
            title=cohort.title,
            objective=cohort.objective,
            design=cohort.design,
            trained=cohort.trained,
            natural=cohort.natural,
            share=cohort.share,
            n_images=int(n_images),
            batches=int(record.spec["n_batches"]),
            seeds=tuple(places),
            keys=tuple(path.name for path in places.values()),
            dataset=images,
        )
