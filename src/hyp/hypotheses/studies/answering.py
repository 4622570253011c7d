"""From scores of networks to the rows that a study's decision rule reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.hypotheses.studies.declaration import (
    Alike,
    Closer,
    Contrast,
    Question,
    Study,
    StudySize,
    Tracks,
    Trend,
)
from hyp.stats.comparisons import compare, holm
from hyp.stats.correlations import repeated_correlation, spearman
from hyp.stats.pairs import closeness, within_between
from hyp.stats.tost import equivalence

SCORE_COLUMNS = ("kind", "cohort", "seed", "batches", "of", "layer", "fold", "score", "chosen")
"""Columns of the score table: one row a fold; `chosen` is the layer that a region took."""

_AGAINST_SEVERAL = "against the best of several"

Values = dict[str, Any]


@dataclass(frozen=True)
class Similarities:
    """How alike networks are.

    Attributes
    ----------
    networks : list of str
        Cohort of every network, in the order of the matrices.
    matrices : dict
        Shape (m, m), by measure and layer.
    """

    networks: list[str] = field(default_factory=list)
    matrices: Mapping[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)


def answer(
    study: Study, profile: StudySize, scores: pd.DataFrame, similarities: Similarities
) -> list[Values]:
    """Answer every question of a study, corrected by Holm within its family: see `Study.family`.

    Parameters
    ----------
    study, profile
        What is asked.
    scores : DataFrame
        With the columns `SCORE_COLUMNS`.
    similarities : Similarities
        Of the cohorts that questions about pairs of networks name.

    Returns
    -------
    list of dict
        The fields of `hyp.hypotheses.studies.result.Row` and ``family``.

    Raises
    ------
    HypError
        If scores that a question needs are missing.
    """
    titles = {cohort.name: cohort.title for cohort in study.cohorts}
    rows = [
        {
            "question": question.name,
            "kind": question.kind,
            "family": study.family(question.name),
            **row,
        }
        for question in study.asked(profile)
        for row in _answers(question, scores, similarities, titles, study.rule.margin)
    ]
    for family in dict.fromkeys(row["family"] for row in rows):
        own = [row for row in rows if row["family"] == family]
        for row, p_holm in zip(own, holm([row["p"] for row in own]).tolist(), strict=True):
            row["p_holm"] = p_holm
            row["significant"] = p_holm <= profile.alpha
            p_not_lower = row.get("p_not_lower")
            row["not_lower"] = p_not_lower is not None and p_not_lower <= profile.alpha
    return rows


def _answers(
    question: Question,
    scores: pd.DataFrame,
    similarities: Similarities,
    titles: Mapping[str, str],
    margin: float | None,
) -> Iterator[Values]:
    if isinstance(question, Contrast):
        return _contrast(question, scores, titles, margin)
    if isinstance(question, Closer):
        return _closer(question, similarities, titles)
    if isinstance(question, Alike):
        return _alike(question, similarities)
    if isinstance(question, Tracks):
        return _tracks(question, scores)
    return _trend(question, scores)


def _contrast(
    question: Contrast, scores: pd.DataFrame, titles: Mapping[str, str], margin: float | None
) -> Iterator[Values]:
    table = _about(question, scores, question.score.kind, (question.a, *question.b))
    tables = [_compared(table, question.a, other, margin) for other in question.b]
    for place in tables[0].index:
        each = [
            {**_whole(one.loc[place].to_dict()), "b": titles[other]}
            for one, other in zip(tables, question.b, strict=True)
        ]
        row = each[0] if len(each) == 1 else _against_best(each)
        of, layer = place
        yield {**row, "of": of, "layer": layer, "a": titles[question.a], "effect": "difference"}


def _compared(table: pd.DataFrame, a: str, b: str, margin: float | None) -> pd.DataFrame:
    chosen = table[table["cohort"].isin([a, b])].rename(columns={"cohort": "group"})
    found = compare(chosen, ("of", "layer"), groups=(a, b), margin=margin).set_index(
        ["of", "layer"]
    )
    wanted = [
        *("n_a", "n_b", "mean_a", "mean_b", "sd_a", "sd_b", "difference", "ci_low", "ci_high"),
        *("p", "p_attainable", "direction"),
    ]
    if margin is None:
        return found[wanted]
    means = chosen.groupby(["of", "layer", "group", "seed"], observed=True)["score"].mean()
    not_lower = [
        equivalence(means.loc[(*place, a)], means.loc[(*place, b)], margin).p_not_lower
        if min(found.loc[place, "n_a"], found.loc[place, "n_b"]) > 1
        else np.nan
        for place in found.index
    ]
    return found[[*wanted, "p_equivalence"]].assign(p_not_lower=not_lower)


def _whole(values: Values) -> Values:
    """Return what counts as whole numbers, which a row of mixed types turned to floats."""
    return {**values, **{name: int(values[name]) for name in ("n_a", "n_b", "direction")}}


def _against_best(each: Sequence[Values]) -> Values:
    """Hold a cohort against the best of several: see `Contrast`."""
    best = min(each, key=lambda row: float(row["difference"]))
    p = [float(row["p"]) for row in each]
    lower = [float(row["p"]) for row in each if row["direction"] < 0]
    if all(row["direction"] > 0 for row in each):
        p_best, direction = max(p), 1
    elif lower:
        p_best, direction = min(1.0, len(each) * min(lower)), -1
    else:
        p_best, direction = 1.0, 0
    found = {**best, "p": p_best, "direction": direction, "note": _AGAINST_SEVERAL}
    for name in ("p_equivalence", "p_not_lower"):
        if name in best:
            found[name] = max(float(row[name]) for row in each)
    return found


def _closer(
    question: Closer, similarities: Similarities, titles: Mapping[str, str]
) -> Iterator[Values]:
    for layer, matrix in _matrices(question, similarities):
        found = closeness(matrix, similarities.networks, question.anchor, question.b, question.c)
        yield {
            "of": question.similarity.measure,
            "layer": layer,
            "a": f"{titles[question.anchor]} ~ {titles[question.b]}",
            "b": f"{titles[question.anchor]} ~ {titles[question.c]}",
            "n_a": found.n_b,
            "n_b": found.n_c,
            "mean_a": found.to_b,
            "mean_b": found.to_c,
            "difference": found.difference,
            "ci_low": found.low,
            "ci_high": found.high,
            "effect": "difference",
            "p": found.p,
            "p_attainable": found.p_attainable,
            "direction": int(np.sign(found.difference)),
        }


def _alike(question: Alike, similarities: Similarities) -> Iterator[Values]:
    for layer, matrix in _matrices(question, similarities):
        chosen = [k for k, name in enumerate(similarities.networks) if name in question.cohorts]
        labels = [similarities.networks[k] for k in chosen]
        found = within_between(matrix[np.ix_(chosen, chosen)], labels, alternative="two-sided")[0]
        yield {
            "of": question.similarity.measure,
            "layer": layer,
            "a": "within cohorts",
            "b": "between cohorts",
            "n_a": found.models,
            "n_b": found.models,
            "mean_a": found.within,
            "mean_b": found.between,
            "difference": found.difference,
            "ci_low": found.low,
            "ci_high": found.high,
            "effect": "difference",
            "p": found.p,
            "p_attainable": found.p_attainable,
            "direction": int(np.sign(found.difference)),
            "note": f"{found.within_pairs} pairs within, {found.between_pairs} between",
        }


def _tracks(question: Tracks, scores: pd.DataFrame) -> Iterator[Values]:
    keys = ["cohort", "seed", "batches"]
    success = scores[(scores["kind"] == "performance") & scores["cohort"].isin(question.cohorts)]
    learned = success.groupby(keys, observed=True)["score"].mean().rename("performance")
    aligned = _about(question, scores, question.score.kind, question.cohorts)
    for region, here in aligned.groupby("of", sort=False, observed=True):
        table = here.set_index(keys)[["score"]].join(learned, how="inner").reset_index()
        found = repeated_correlation(table, "performance", "score", unit=["cohort", "seed"])
        defined = bool(np.isfinite(found.p_units))
        yield {
            "of": str(region),
            "layer": "",
            "a": "alignment with performance",
            "b": "",
            "n_a": found.units,
            "n_b": found.units,
            "mean_a": None,
            "mean_b": None,
            "difference": found.r,
            "ci_low": found.low,
            "ci_high": found.high,
            "effect": "correlation",
            "p": found.p_units if defined else 1.0,
            "p_attainable": found.p_units_attainable,
            "direction": int(np.sign(found.r)),
            "note": found.note
            or f"{found.points} checkpoints of {found.units} networks; p over networks",
        }


def _trend(question: Trend, scores: pd.DataFrame) -> Iterator[Values]:
    table = _about(question, scores, question.score.kind, tuple(question.sizes))
    for (of, layer), here in table.groupby(["of", "layer"], sort=False, observed=True):
        means = here.groupby(["cohort", "seed"], observed=True)["score"].mean().reset_index()
        sizes = means["cohort"].map(question.sizes).to_numpy(dtype=float)
        found = spearman(sizes, means["score"].to_numpy())
        yield {
            "of": str(of),
            "layer": str(layer),
            "a": f"score with {question.unit}",
            "b": "",
            "n_a": found.n,
            "n_b": found.n,
            "mean_a": None,
            "mean_b": None,
            "difference": found.r,
            "ci_low": found.low,
            "ci_high": found.high,
            "effect": "correlation",
            "p": found.p,
            "p_attainable": found.p_attainable,
            "direction": int(np.sign(found.r)),
            "note": f"{len(question.sizes)} sizes, {found.n} networks",
        }


def _about(
    question: Question, scores: pd.DataFrame, kind: str, cohorts: Sequence[str]
) -> pd.DataFrame:
    """Return the scores that a question is about, in the order of layers."""
    last = scores["batches"] == scores.groupby(["cohort", "seed"])["batches"].transform("max")
    chosen = scores[(scores["kind"] == kind) & scores["cohort"].isin(cohorts)]
    if not isinstance(question, Tracks):
        chosen = chosen[last.loc[chosen.index]]
    for column, wanted in (("of", question.of), ("layer", question.layers)):
        if wanted:
            chosen = chosen[chosen[column].isin(wanted)]
    missing = set(cohorts) - set(chosen["cohort"])
    if missing:
        raise HypError(
            f"the question {question.name!r} finds no {kind} scores of the cohort {min(missing)}; "
            "check its 'of' and 'layers'."
        )
    return chosen


def _matrices(
    question: Closer | Alike, similarities: Similarities
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    found = False
    for (measure, layer), matrix in similarities.matrices.items():
        if measure == question.similarity.measure and layer in (question.layers or (layer,)):
            found = True
            yield layer, matrix
    if not found:
        raise HypError(
            f"the question {question.name!r} finds no similarities by "
            f"{question.similarity.measure}; check its 'layers'."
        )
