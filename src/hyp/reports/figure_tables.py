"""The table behind a figure: every number that it shows, a row per mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd

from hyp.hypotheses.questions.panels import PairMatrix, ScorePanel, TrackPanel, TrendPanel
from hyp.hypotheses.result import LearningCurve
from hyp.reports.page_sections import Places

Line = dict[str, object]


def figure_table(data: object, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return what a figure shows.

    Parameters
    ----------
    data : panel, table, or sequence of rows, snapshots or learning curves
        See `hyp.reports.page_sections.Figure`.
    titles : mapping of str to str
        Of the cohorts, by name.

    Returns
    -------
    DataFrame
        A row per mark: a network's score, a comparison, a pair of networks, a point of a curve.
        Networks are named by cohort and seed, or by their number in the cohort where the figure
        does not know their seed.
    """
    table = pd.DataFrame(list(_lines(data, titles))).dropna(axis=1, how="all")
    whole = {name: "Int64" for name in ("seed", "network") if name in table}
    return table.astype(whole)


@singledispatch
def _lines(data: Any, titles: Mapping[str, str]) -> Iterator[Line]:
    """Yield the rows of comparisons, snapshots or learning curves; panels below."""
    for one in data:
        if isinstance(one, LearningCurve):
            yield from _curve(one, titles)
        else:
            yield one.model_dump()


def _curve(curve: LearningCurve, titles: Mapping[str, str]) -> Iterator[Line]:
    network = {
        "cohort": titles.get(curve.cohort, curve.cohort),
        "seed": curve.seed,
        "task": curve.task,
        "metric": curve.metric,
        "constant_predictor": curve.baseline,
    }
    for images, points in (("training", curve.train), ("held out", curve.held_out)):
        for batch, loss in points:
            yield {**network, "images": images, "batches": batch, "loss": loss}


@_lines.register
def _(data: pd.DataFrame, titles: Mapping[str, str]) -> Iterator[Line]:
    yield from data.to_dict("records")  # type: ignore[misc]


@_lines.register
def _(data: ScorePanel, titles: Mapping[str, str]) -> Iterator[Line]:
    place: Line = {"measured": data.measured, "metric": data.metric}
    for series in data.series:
        for layer in data.layers:
            scores = series.scores.get(layer, ())
            seeds = series.seeds.get(layer, ())
            for number, score in enumerate(scores):
                network = {"seed": seeds[number]} if seeds else {"network": number + 1}
                yield {"shown": series.title, **network, **place, "layer": layer, "score": score}
    for title, level in data.levels.items():
        yield {"shown": title, **place, "score": level}


@_lines.register
def _(data: PairMatrix, titles: Mapping[str, str]) -> Iterator[Line]:
    numbers = _numbers(data.cohorts)
    for first, second in zip(*np.triu_indices(len(data.cohorts), 1), strict=True):
        yield {
            "measured": data.measured,
            "layer": data.layer,
            "cohort_a": titles[data.cohorts[first]],
            "network_a": numbers[first],
            "cohort_b": titles[data.cohorts[second]],
            "network_b": numbers[second],
            "similarity": float(data.matrix[first, second]),
        }


@_lines.register
def _(data: Places, titles: Mapping[str, str]) -> Iterator[Line]:
    numbers = _numbers(data.cohorts)
    for cohort, number, (x, y) in zip(data.cohorts, numbers, data.places.tolist(), strict=True):
        place = {"measured": data.measured, "layer": data.layer, "x": x, "y": y}
        yield {"cohort": titles[cohort], "network": number, **place}


@_lines.register
def _(data: TrackPanel, titles: Mapping[str, str]) -> Iterator[Line]:
    for track in data.tracks:
        for batches, x, y in zip(track.batches, track.x, track.y, strict=True):
            network = {"cohort": titles[track.cohort], "seed": track.seed, "batches": batches}
            yield {**network, "measured": data.measured, data.against: x, "score": y}


@_lines.register
def _(data: TrendPanel, titles: Mapping[str, str]) -> Iterator[Line]:
    place = {"measured": data.measured, "layer": data.layer}
    for size, seed, score in zip(data.sizes, data.seeds, data.scores, strict=True):
        yield {data.unit: size, "seed": seed, **place, "score": score}


def _numbers(cohorts: Any) -> list[int]:
    """Return the number of each network within its cohort, from 1."""
    return [list(cohorts[:place]).count(one) + 1 for place, one in enumerate(cohorts)]
