"""Kernel ridge regression whose penalty is chosen by efficient leave-one-out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpstrf

from hyp.metrics.gram import Floats, Indices, centred_kernels

ALPHAS = (1e-4, 1e-3, 1e-2, 5e-2, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 25, 100, 1000)
"""The paper's candidate penalties."""


def ridge_predict(
    K: Floats,
    Y: NDArray[np.floating],
    train: Indices,
    test: Indices,
    *,
    n_units: int | None = None,
    alphas: Sequence[float] = ALPHAS,
) -> tuple[Floats, Floats]:
    """Fit ridge regressions on the training stimuli and predict the test stimuli.

    Equals scikit-learn's ``RidgeCV(alphas)`` on the raw activations, fitted to one target
    at a time: unscaled features, unpenalised intercept, and the penalty with the smallest
    mean squared leave-one-out error (Rifkin & Lippert 2007), the first of them in a tie.
    One eigendecomposition serves all targets and penalties; with few units it is that of
    a factor of the kernel, units x units in size.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Raw Gram matrix of the activations.
    Y : ndarray of shape (n, m)
        Continuous targets, one a column.
    train, test : ndarray of int
        Positions of the stimuli of either part.
    n_units : int, optional
        Number of units behind `K`; it bounds the rank, so that rounding errors do not pass
        for dimensions when there are fewer units than stimuli.
    alphas : sequence of float
        Candidate penalties.

    Returns
    -------
    prediction : ndarray of shape (n_test, m)
        Predicted targets. Where the training activations are all alike it is the mean
        of the training targets.
    alpha : ndarray of shape (m,)
        Chosen penalties.
    """
    within, across = centred_kernels(K, train, test)
    n = len(train)
    most = n - 1 if n_units is None else min(n_units, n - 1)
    floor = n * np.finfo(np.float64).eps * float(np.abs(K[train, train]).max())
    values, U = _eigenpairs(within, most, floor)
    rank = len(values)

    mean = Y[train].mean(axis=0)
    centred = Y[train] - mean
    penalties = np.asarray(alphas, dtype=np.float64)
    shrink = 1 / (values[:, None] + penalties)
    UY = U.T @ centred
    # In the directions that the activations do not span, (K + alpha I)^-1 is 1 / alpha.
    outside, share = np.zeros_like(centred), np.zeros(n)
    if rank < n - 1:
        outside = centred - U @ UY
        share = 1 - 1 / n - (U**2).sum(axis=1)
    dual = np.einsum("ir,rm,ra->iam", U, UY, shrink, optimize=["einsum_path", (1, 2), (0, 1)])
    dual += outside[:, None, :] / penalties[:, None]
    diagonal = U**2 @ shrink + share[:, None] / penalties
    errors = ((dual / diagonal[:, :, None]) ** 2).mean(axis=0)

    best = errors.argmin(axis=0)
    chosen = U @ (UY * shrink[:, best])
    return across @ chosen + mean, penalties[best]


def low_rank_factor(K: Floats, rank: int, floor: float | None = None) -> Floats:
    """Return F of shape (n, at most `rank`) with ``F F^T = K`` to rounding.

    Pivoted Cholesky decomposition (LAPACK dpstrf) of a positive semi-definite `K` of that
    rank; it stops at `floor`, by default the rounding errors of K.
    """
    if floor is not None and K.diagonal().max() <= floor:
        return np.zeros((len(K), 0))
    lower, pivots, found, _ = dpstrf(K.T, lower=1, tol=-1 if floor is None else floor)
    rank = min(rank, found)
    F = np.empty((len(K), rank))
    F[pivots - 1] = np.tril(lower[:, :rank])
    return F


def _eigenpairs(K: Floats, most: int, floor: float) -> tuple[Floats, Floats]:
    """Return the eigenvalues above `floor`, at most `most`, and their eigenvectors."""
    F = low_rank_factor(K, most) if most <= len(K) // 2 else None
    values, vectors = np.linalg.eigh(K if F is None else F.T @ F)
    first = len(values) - min(most, int((values > floor).sum()))
    values, vectors = values[first:], vectors[:, first:]
    return values, vectors if F is None else F @ (vectors / np.sqrt(values))
