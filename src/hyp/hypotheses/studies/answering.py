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
    Closer,
    Contrast,
    PairQuestion,
    Question,
    Study,
    StudySize,
    Tighter,
    Tracks,
    Trend,
)
from hyp.stats.comparisons import compare, holm
from hyp.stats.correlations import (
    Correlation,
    RepeatedCorrelation,
    repeated_correlation,
    repeated_correlation_published,
    spearman,
)
from hyp.stats.pairs import (
    Closeness,
    PairContrast,
    PublishedPairs,
    Tightness,
    closeness,
    closeness_published,
    tightness,
    tightness_published,
    within_between,
    within_between_published,
)
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
    if isinstance(question, Tracks):
        return _tracks(question, scores)
    if isinstance(question, Trend):
        return _trend(question, scores)
    return _pairs(question, similarities, titles)


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


def _pairs(
    question: PairQuestion, similarities: Similarities, titles: Mapping[str, str]
) -> Iterator[Values]:
    for layer, matrix in _matrices(question, similarities):
        yield {
            "of": question.similarity.measure,
            "layer": layer,
            "effect": "difference",
            **_pair_row(question, matrix, similarities.networks, titles),
        }


def _pair_row(
    question: PairQuestion,
    matrix: NDArray[np.float64],
    networks: Sequence[str],
    titles: Mapping[str, str],
) -> Values:
    if isinstance(question, Closer):
        named = (question.anchor, question.b, question.c)
        close = closeness(matrix, networks, *named)
        anchor, b, c = (titles[name] for name in named)
        return {
            **{"a": f"{anchor} ~ {b}", "b": f"{anchor} ~ {c}"},
            **{"n_a": close.n_b, "n_b": close.n_c},
            **{"mean_a": close.to_b, "mean_b": close.to_c},
            **_tested(close, closeness_published(matrix, networks, *named)),
        }
    if isinstance(question, Tighter):
        groups = (question.a, question.b)
        tight = tightness(matrix, networks, *groups)
        return {
            **{"a": f"within {titles[question.a]}", "b": f"within {titles[question.b]}"},
            **{"n_a": tight.n_a, "n_b": tight.n_b},
            **{"mean_a": tight.within_a, "mean_b": tight.within_b},
            **_tested(tight, tightness_published(matrix, networks, *groups)),
        }
    chosen = [k for k, name in enumerate(networks) if name in question.cohorts]
    own, labels = matrix[np.ix_(chosen, chosen)], [networks[k] for k in chosen]
    found = within_between(own, labels, alternative="two-sided")[0]
    return {
        **{"a": "within cohorts", "b": "between cohorts"},
        **{"n_a": found.models, "n_b": found.models},
        **{"mean_a": found.within, "mean_b": found.between},
        **_tested(found, within_between_published(own, labels)[0]),
        "note": f"{found.within_pairs} pairs within, {found.between_pairs} between",
    }


def _tested(found: Closeness | Tightness | PairContrast, pooled: PublishedPairs) -> Values:
    """Return the test of networks, and beside it that of their pairs as if independent."""
    return {
        "difference": found.difference,
        "ci_low": found.low,
        "ci_high": found.high,
        "p": found.p,
        "p_attainable": found.p_attainable,
        "direction": int(np.sign(found.difference)),
        "effect_pooled": pooled.difference,
        "p_pooled": pooled.p,
        "n_pooled": pooled.first_pairs + pooled.second_pairs,
    }


def _tracks(question: Tracks, scores: pd.DataFrame) -> Iterator[Values]:
    keys = ["cohort", "seed", "batches"]
    learned = performance_of(question, scores)
    left_out = ""
    if question.loss_below is not None:
        total = len(_mean_scores(scores, "performance", question.cohorts))
        left_out = (
            f"; {total - len(learned)} of {total} left out: a loss of {question.loss_below:g} or "
            "more, or alone of its network"
        )
    aligned = _about(question, scores, question.score.kind, question.cohorts)
    for region, here in aligned.groupby("of", sort=False, observed=True):
        table = here.set_index(keys)[["score"]].join(learned, how="inner").reset_index()
        found = repeated_correlation(table, "performance", "score", unit=["cohort", "seed"])
        pooled = repeated_correlation_published(table, "performance", "score")
        defined = bool(np.isfinite(found.p_units))
        yield {
            **_correlated(found, found.units),
            "of": str(region),
            "layer": "",
            "a": "alignment with performance",
            "p": found.p_units if defined else 1.0,
            "p_attainable": found.p_units_attainable,
            "note": found.note
            or f"{found.points} checkpoints of {found.units} networks{left_out}; p over networks",
            "effect_pooled": pooled.r,
            "p_pooled": pooled.p,
            "n_pooled": pooled.n,
        }


def performance_of(question: Tracks, scores: pd.DataFrame) -> pd.Series:
    """Return the performance at every checkpoint that a question is about.

    Parameters
    ----------
    question : Tracks
    scores : DataFrame
        With the columns `SCORE_COLUMNS`.

    Returns
    -------
    Series
        ``performance``, the mean over tasks, by cohort, seed and batches; without what
        `Tracks.loss_below` leaves out, and without networks that have one checkpoint left.
    """
    learned = _mean_scores(scores, "performance", question.cohorts).rename("performance")
    if question.loss_below is None:
        return learned
    losses = _mean_scores(scores, "loss", question.cohorts)
    kept = learned[losses.reindex(learned.index) < question.loss_below]
    return kept[kept.groupby(["cohort", "seed"], observed=True).transform("size") > 1]


def _trend(question: Trend, scores: pd.DataFrame) -> Iterator[Values]:
    table = _about(question, scores, question.score.kind, tuple(question.sizes))
    for (of, layer), here in table.groupby(["of", "layer"], sort=False, observed=True):
        means = here.groupby(["cohort", "seed"], observed=True)["score"].mean().reset_index()
        sizes = means["cohort"].map(question.sizes).to_numpy(dtype=float)
        found = spearman(sizes, means["score"].to_numpy())
        yield {
            **_correlated(found, found.n),
            "of": str(of),
            "layer": str(layer),
            "a": f"score with {question.unit}",
            "p": found.p,
            "p_attainable": found.p_attainable,
            "note": f"{len(question.sizes)} sizes, {found.n} networks",
        }


def _correlated(found: Correlation | RepeatedCorrelation, networks: int) -> Values:
    return {
        "b": "",
        "n_a": networks,
        "n_b": networks,
        "mean_a": None,
        "mean_b": None,
        "difference": found.r,
        "ci_low": found.low,
        "ci_high": found.high,
        "effect": "correlation",
        "direction": int(np.sign(found.r)),
    }


def _mean_scores(scores: pd.DataFrame, kind: str, cohorts: Sequence[str]) -> pd.Series:
    """Return the mean score of every checkpoint by cohort, seed and batches."""
    chosen = scores[(scores["kind"] == kind) & scores["cohort"].isin(cohorts)]
    means: pd.Series = chosen.groupby(["cohort", "seed", "batches"], observed=True)["score"].mean()
    return means


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
    question: PairQuestion, similarities: Similarities
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
