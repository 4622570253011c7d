"""Scores of a layer against a recording, from the layer's Gram matrix."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Gram, compute_gram
from hyp.metrics.neural.benchmark import NeuralBenchmark
from hyp.metrics.neural.ceilings import (
    Ceiling,
    Formula,
    ceiled,
    internal_consistency,
    pearson,
    standard_error,
    usual_formula,
)
from hyp.metrics.neural.pls import pls_from_gram
from hyp.metrics.neural.specs import Cka, Pls, Ridge, Rsa
from hyp.metrics.neural.splits import Split, stimulus_splits
from hyp.metrics.pairs import (
    compare_dissimilarities,
    dissimilarities,
    sub_gram,
    unbiased_cka,
)
from hyp.metrics.ridge import ridge_predict
from hyp.metrics.sampled_neurons import sampled_cka
from hyp.metrics.threads import over_threads

Metric = Pls | Ridge | Rsa | Cka
_FLAT = 1e-10


def score_layer(
    gram: Gram,
    benchmark: NeuralBenchmark,
    metric: Metric | None = None,
    *,
    formula: Formula | Literal["usual"] | None = "usual",
    ceiling: Ceiling | None = None,
) -> xr.Dataset:
    """Score one layer against one region.

    Regressions are fitted in the training part of ten splits and scored by Pearson r in the
    test part, median over neuroids, mean over splits; RSA and CKA are computed on random 90 %
    of the stimuli, ten times. Splits, order of operations and errors are Brain-Score's
    (``pls``, ``rdm_cv``, ``cka_cv``); on activations in single precision scikit-learn's
    predictions lose digits, so that its scores differ from these by some 1e-9. The splits
    are spread over the threads that BLAS may use; their number changes no score.

    Parameters
    ----------
    gram : Gram
        Of the layer's activations to the benchmark's stimuli, in its order (`align_gram`).
    benchmark : NeuralBenchmark
    metric : Pls, Ridge, Rsa or Cka, optional
        PLS by default.
    formula : {"usual", "2024", "2026", "ratio"} or None
        How the score is related to the ceiling (`ceiled`), by default as is usual for the metric
        (`usual_formula`); None gives no ceiling.
    ceiling : Ceiling, optional
        As `internal_consistency` returns it for this metric, where it is known already.

    Returns
    -------
    Dataset
        ``raw`` (split, neuroid) or (split), ``per_split``, and the numbers ``unceiled``,
        ``error`` (standard error over splits), ``ceiling`` and ``score`` (NaN without a
        formula). The attributes say what was computed, and ``origin`` whether the
        recording was simulated.

    Raises
    ------
    HypError
        If the numbers of stimuli differ, there is no ceiling to relate to, or the metric
        cannot be computed (see the message).
    """
    metric = metric or Pls()
    formula = usual_formula(metric) if formula == "usual" else formula
    splits = benchmark_splits(benchmark, metric)
    check_gram(gram, benchmark)
    raw = np.array(over_threads(lambda split: evaluate(gram, benchmark, metric, split), splits))
    return score_dataset(raw, benchmark, metric, formula=formula, ceiling=ceiling)


def benchmark_splits(benchmark: NeuralBenchmark, metric: Metric) -> list[Split]:
    """Return the ten (train, test) splits: 90 % are fitted to, or compared without a fit."""
    fits = isinstance(metric, Pls | Ridge)
    return stimulus_splits(
        benchmark.n_stimuli,
        benchmark.strata,
        train_size=0.9 if fits else None,
        test_size=None if fits else 0.9,
    )


def check_gram(gram: Gram, benchmark: NeuralBenchmark) -> None:
    """Refuse a layer whose stimuli cannot be the benchmark's."""
    if gram.n_stimuli != benchmark.n_stimuli:
        raise HypError(
            f"the layer has responses to {gram.n_stimuli} stimuli, but {benchmark.name} to "
            f"{benchmark.n_stimuli}; extract its activations to the benchmark's stimuli."
        )


def evaluate(
    gram: Gram, benchmark: NeuralBenchmark, metric: Metric, split: Split
) -> Floats | float:
    """Fit in the training part if the metric fits at all, and score the test part.

    Returns
    -------
    ndarray of shape (m,) or float
        Pearson r of every neuroid, or the agreement of the populations. r is NaN for a
        neuroid that does not vary in the test part (it is left out of medians, as
        Brain-Score does) and 0 where the prediction does not vary, as from a dead layer.
    """
    train, test = split
    Y = benchmark.responses
    if isinstance(metric, Rsa):
        ours = dissimilarities(sub_gram(gram, test), metric.dissimilarity)
        theirs = dissimilarities(compute_gram(Y[test]), metric.dissimilarity)
        return compare_dissimilarities(ours, theirs, metric.comparison)
    if isinstance(metric, Cka):
        K = gram.K[np.ix_(test, test)]
        if metric.neurons == "sampled":
            return sampled_cka(K, Y[test])
        return unbiased_cka(K, Y[test] @ Y[test].T)
    if isinstance(metric, Pls):
        settings = metric.model_dump(exclude={"kind"})
        prediction, _ = pls_from_gram(gram.K, Y, train, test, n_units=gram.n_units, **settings)
    else:
        prediction, _ = ridge_predict(
            gram.K, Y, train, test, n_units=gram.n_units, alphas=metric.alphas
        )
    r = pearson(Y[test], prediction)
    flat = np.ptp(prediction, axis=0) <= _FLAT * np.abs(prediction).max(axis=0)
    r[flat & (np.ptp(Y[test], axis=0) > 0)] = 0
    return r


def score_dataset(
    raw: Floats,
    benchmark: NeuralBenchmark,
    metric: Metric,
    *,
    formula: Formula | None,
    ceiling: Ceiling | None = None,
) -> xr.Dataset:
    """Summarise the values of all splits, shape (split, neuroid) or (split,)."""
    dims = ("split", "neuroid")[: raw.ndim]
    per_split = split_medians(raw)
    if formula is not None and ceiling is None:
        ceiling = internal_consistency(benchmark, metric)
    limit = np.nan if ceiling is None else ceiling.value
    unceiled = float(per_split.mean())
    score = np.nan if formula is None else ceiled(unceiled, limit, formula)
    coords: dict[str, Any] = {"split": np.arange(len(raw)), "region": benchmark.region}
    if raw.ndim == 2:
        coords["neuroid_id"] = ("neuroid", benchmark.neuroid_id.astype(object))
    return xr.Dataset(
        {
            "raw": (dims, raw),
            "per_split": ("split", per_split),
            "unceiled": unceiled,
            "error": standard_error(per_split),
            "ceiling": limit,
            "score": score,
        },
        coords=coords,
        attrs={
            "benchmark": benchmark.name,
            "origin": benchmark.origin,
            "metric": metric.model_dump_json(),
            "ceiling_formula": formula or "none",
            "n_stimuli": benchmark.n_stimuli,
        },
    )


def split_medians(raw: Floats) -> Floats:
    """Return the median over neuroids of every split, NaN left out."""
    if raw.ndim == 1:
        return raw
    if np.isnan(raw).all(axis=1).any():
        raise HypError(
            "in one of the splits no neuroid varies over the test stimuli; use more stimuli."
        )
    return np.nanmedian(raw, axis=1)
