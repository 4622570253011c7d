"""What the steps of a run left, as tables: scores, similarities, learning, cohorts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyp.hypotheses.aligning import SCORES
from hyp.hypotheses.declaration import Asked
from hyp.hypotheses.matching import SNAPSHOTS
from hyp.hypotheses.profile import PIXELS, UNTRAINED, Profile
from hyp.hypotheses.questions import Similarities
from hyp.hypotheses.result_files import (
    SIMILARITY_FILE,
    CohortSummary,
    LearningCurve,
    order_layers,
)
from hyp.hypotheses.steps import END
from hyp.store.artifacts import read_record


def gather_scores(
    inputs: Mapping[str, Path],
    histories: Mapping[tuple[str, int], Mapping[str, Any]],
    profile: Profile,
) -> pd.DataFrame:
    """Return the scores of all networks, one row per fold, with the columns `SCORE_COLUMNS`."""
    parts: list[pd.DataFrame] = []
    for role, path in inputs.items():
        kind, _, place = role.partition(":")
        if kind == "decoding":
            table = pd.read_parquet(path / "scores.parquet").rename(columns={"latent": "measured"})
            batches = 0 if place.startswith((f"{UNTRAINED}:", f"{PIXELS}:")) else profile.n_batches
            parts.append(_labelled(table, kind, place, batches))
        elif kind == SNAPSHOTS:
            table = pd.read_parquet(path / "scores.parquet").rename(columns={"latent": "measured"})
            parts.append(_labelled(table, kind, place, table["batches"]))
        elif kind == "alignment":
            table = pd.read_parquet(path / SCORES)
            table = table.rename(columns={"region": "measured", "layer": "chosen"})
            part = table[["measured", "score", "chosen"]].assign(layer="", fold=0)
            batches_text = place.rpartition(":")[2]
            batches = profile.n_batches if batches_text == END else int(batches_text)
            depths = [profile.layers.index(layer) for layer in part["chosen"]]
            deep = part.assign(score=np.array(depths) / max(1, len(profile.layers) - 1))
            parts.append(_labelled(part, kind, place, batches))
            parts.append(_labelled(deep, "depth", place, batches))
        elif kind == "model":
            cohort, seed = place.split(":")
            parts += _performance(histories[cohort, int(seed)], cohort, int(seed))
    if not parts:
        return order_layers(pd.DataFrame({"layer": []}), profile.layers)
    return order_layers(pd.concat(parts, ignore_index=True), profile.layers)


def gather_similarities(inputs: Mapping[str, Path]) -> Similarities:
    """Return the similarities of networks that a run's steps computed."""
    networks: list[str] = []
    matrices: dict[tuple[str, str], NDArray[np.float64]] = {}
    for role, path in inputs.items():
        kind, _, measure = role.partition(":")
        if kind != "similarity":
            continue
        with np.load(path / SIMILARITY_FILE, allow_pickle=False) as archive:
            names = [str(name).partition(":")[0] for name in archive["networks"]]
            found = {name: archive[name] for name in archive.files if name != "networks"}
        networks = networks or names
        if names != networks:
            raise ValueError("measures of one run must be of the same networks")
        matrices |= {(measure, layer): matrix for layer, matrix in found.items()}
    return Similarities(networks, matrices)


def _labelled(part: pd.DataFrame, kind: str, place: str, batches: int | pd.Series) -> pd.DataFrame:
    cohort, seed = place.split(":")[:2]
    return part.assign(kind=kind, cohort=cohort, seed=int(seed or -1), batches=batches)


def _performance(history: Mapping[str, Any], cohort: str, seed: int) -> Iterator[pd.DataFrame]:
    rows = [
        {"measured": row["task"], "batches": row["batch"], "kind": kind, "score": score}
        for row in history["evaluation"]
        if row["metric"] == "loss"
        for kind, score in (
            ("performance", 1 - row["value"] / row["baseline"]),
            ("loss", row["value"]),
        )
    ]
    if rows:
        yield pd.DataFrame(rows).assign(cohort=cohort, seed=seed, layer="", fold=0)


def read_histories(
    inputs: Mapping[str, Path], role: str = "model"
) -> dict[tuple[str, int], dict[str, Any]]:
    """Return what each network wrote down while it was trained, by cohort and seed.

    The role ``initial`` is that of networks with initial weights, whose snapshots are scored.
    """
    found = {}
    for name, path in inputs.items():
        kind, _, place = name.partition(":")
        if kind == role:
            cohort, seed = place.split(":")
            found[cohort, int(seed)] = json.loads((path / "history.json").read_text())
    return found


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
            int(role.rpartition(":")[2]): path
            for role, path in inputs.items()
            if role.startswith(f"model:{cohort.name}:")
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
