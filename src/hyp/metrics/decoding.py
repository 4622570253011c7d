"""Linear decoding of latents from a layer: the recommended protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.metrics._scoring import (
    Kind,
    Target,
    categorical_row,
    check_targets,
    continuous_row,
    score_table,
)
from hyp.metrics.gram import Floats, Gram, Indices
from hyp.metrics.ridge import ALPHAS, ridge_predict
from hyp.metrics.svm import SVM_C, svm_predict
from hyp.metrics.threads import over_threads

Splits = Sequence[tuple[Indices, Indices]]


def decode(
    gram: Gram,
    targets: Mapping[str, NDArray[Any]],
    kinds: Mapping[str, Kind],
    *,
    n_folds: int = 5,
    seed: int = 0,
    svm_c: float = SVM_C,
    alphas: Sequence[float] = ALPHAS,
) -> pd.DataFrame:
    """Decode latents from one layer by shuffled K-fold cross-validation.

    Categorical latents are decoded by linear SVMs and scored by accuracy; continuous ones
    by ridge regression, scored by Pearson r; angles by ridge regression on their sine and
    cosine, scored by the mean of the two r. Every model and layer gets the same folds.
    The work is spread over the threads that BLAS may use (``OMP_NUM_THREADS``), and while it
    runs BLAS itself has one in the whole process; their number changes no score.

    Parameters
    ----------
    gram : Gram
        Gram matrix of the layer's activations to n stimuli.
    targets : mapping of str to ndarray of shape (n,)
        Latents by name: numbers, degrees for angles, strings or integers for categories.
    kinds : mapping of str to {"continuous", "angle", "categorical"}
        Kind of every latent in `targets`.
    n_folds : int
        Number of folds.
    seed : int
        Seed of the folds.
    svm_c : float
        Weight of the squared margin violations of the SVMs.
    alphas : sequence of float
        Candidate ridge penalties, chosen by leave-one-out in the training folds.

    Returns
    -------
    DataFrame
        One row a latent and fold, with the columns ``latent``, ``fold``, ``protocol``
        ("recommended"), ``metric`` ("accuracy" or "r"), ``score``, ``r2``,
        ``balanced_accuracy``, ``chance`` (share of the commonest category, or 0),
        ``alpha`` (chosen penalty) and ``constant`` (the prediction does not vary, as from a
        dead layer: then r is 0). What does not apply is NaN; ``score`` never is.

    Raises
    ------
    HypError
        If a latent cannot be used (see the message), or there are fewer than two folds or
        fewer than two stimuli a fold.
    """
    checked = check_targets(targets, kinds, gram.n_stimuli)
    shared = kfold(gram.n_stimuli, n_folds, seed)
    splits = [
        shared if target.codes is None else kfold(gram.n_stimuli, n_folds, seed, target.codes)
        for target in checked
    ]
    rows = score_splits(gram, checked, splits, svm_c=svm_c, alphas=alphas)
    return score_table(rows, "recommended")


def kfold(
    n: int, n_folds: int, seed: int, codes: Indices | None = None
) -> list[tuple[Indices, Indices]]:
    """Return shuffled folds, stratified by category where categories are given.

    Stimuli are dealt to the folds in random order, category by category, so the folds'
    sizes and every category's counts differ by one at most. The folds depend on the
    arguments alone.

    Parameters
    ----------
    n : int
        Number of stimuli.
    n_folds : int
        Number of folds.
    seed : int
        Seed of the order.
    codes : ndarray of int, shape (n,), optional
        Categories as numbers.

    Returns
    -------
    list of (train, test)
        Sorted positions of the stimuli of either part.

    Raises
    ------
    HypError
        If there are fewer than two folds or fewer than two stimuli a fold.
    """
    if n_folds < 2 or n < 2 * n_folds:
        raise HypError(
            f"{n} stimuli cannot be split into {n_folds} folds; use at least two folds of at "
            "least two stimuli."
        )
    order = np.random.default_rng([seed, n]).permutation(n)
    if codes is not None:
        order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(n, dtype=np.intp)
    fold[order] = np.arange(n) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def score_splits(
    gram: Gram,
    targets: Sequence[Target],
    splits: Sequence[Splits],
    *,
    svm_c: float,
    alphas: Sequence[float],
) -> list[dict[str, Any]]:
    """Score every target on its own splits, without a protocol's name.

    Targets for ridge regression whose splits are the same object share their
    eigendecompositions. The work is spread over threads (`over_threads`).
    """
    tasks: list[Callable[[], list[dict[str, Any]]]] = []
    regressions: dict[int, list[tuple[Target, Floats]]] = {}
    shared: dict[int, Splits] = {}
    for target, own in zip(targets, splits, strict=True):
        if target.codes is not None:
            tasks.append(partial(_classify, gram, target.name, target.codes, own, svm_c))
        elif target.values is not None:
            regressions.setdefault(id(own), []).append((target, target.values))
            shared[id(own)] = own
    for key, group in regressions.items():
        for fold, split in enumerate(shared[key]):
            tasks.append(partial(_regress, gram, group, fold, split, alphas))
    found = over_threads(lambda task: task(), tasks)
    order = {target.name: position for position, target in enumerate(targets)}
    return sorted(chain(*found), key=lambda row: (order[row["latent"]], row["fold"]))


def _classify(
    gram: Gram, latent: str, codes: Indices, splits: Splits, svm_c: float
) -> list[dict[str, Any]]:
    predictions = svm_predict(gram.K, codes, splits, svm_c, n_units=gram.n_units)
    return [
        {"latent": latent, "fold": fold, **categorical_row(codes, test, predicted)}
        for fold, ((_, test), predicted) in enumerate(zip(splits, predictions, strict=True))
    ]


def _regress(
    gram: Gram,
    group: Sequence[tuple[Target, Floats]],
    fold: int,
    split: tuple[Indices, Indices],
    alphas: Sequence[float],
) -> list[dict[str, Any]]:
    train, test = split
    Y = np.concatenate([values for _, values in group], axis=1)
    prediction, alpha = ridge_predict(gram.K, Y, train, test, n_units=gram.n_units, alphas=alphas)
    rows, start = [], 0
    for target, values in group:
        mine = slice(start, start := start + values.shape[1])
        row = continuous_row(values[test], prediction[:, mine], alpha[mine])
        rows.append({"latent": target.name, "fold": fold, **row})
    return rows
