"""Comparing two representations without fitting: dissimilarities, unbiased CKA, Procrustes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import eigh, svdvals
from scipy.stats import rankdata

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Gram, Indices

_FLAT = 1e-10


def dissimilarities(
    gram: Gram, kind: Literal["correlation", "euclidean"] = "correlation"
) -> Floats:
    """Return the dissimilarities of all pairs of stimuli, from the Gram matrix.

    Parameters
    ----------
    gram : Gram
        Of the activations or responses to n stimuli.
    kind : {"correlation", "euclidean"}
        One minus the Pearson correlation of two stimuli over units, or their squared
        Euclidean distance divided by the number of units, as rsatoolbox's ``calc_rdm``.

    Returns
    -------
    ndarray of shape (n (n - 1) / 2,)
        Upper triangle, row by row, as ``scipy.spatial.distance.pdist``.

    Raises
    ------
    HypError
        If correlations are asked for and the units respond alike to some stimulus.
    """
    upper = np.triu_indices(gram.n_stimuli, k=1)
    if kind == "euclidean":
        squares = gram.K.diagonal() / gram.n_units
        distances: Floats = squares[upper[0]] + squares[upper[1]]
        distances -= 2 / gram.n_units * gram.K[upper]
        return distances
    mean = gram.row_mean
    covariance = gram.K / gram.n_units - np.outer(mean, mean)
    variance = covariance.diagonal()
    flat = np.flatnonzero(variance <= _FLAT * gram.K.diagonal() / gram.n_units)
    if flat.size:
        raise HypError(
            f"{flat.size} of {gram.n_stimuli} stimuli, the first at position {flat[0]}, drive all "
            "units alike, so they have no correlation with others; use euclidean dissimilarities."
        )
    deviation = np.sqrt(variance)
    correlations: Floats = covariance[upper] / (deviation[upper[0]] * deviation[upper[1]])
    return 1 - correlations


def compare_dissimilarities(
    first: Floats, second: Floats, how: Literal["spearman", "pearson", "cosine"] = "spearman"
) -> float:
    """Compare two vectors of dissimilarities.

    Parameters
    ----------
    first, second : ndarray of shape (n_pairs,)
        As `dissimilarities` returns them, of the same stimuli.
    how : {"spearman", "pearson", "cosine"}
        Rank correlation with ties at their mean rank, correlation, or cosine.

    Returns
    -------
    float
        0 where either does not vary.
    """
    if how == "spearman":
        first, second = rankdata(first), rankdata(second)
    if how != "cosine":
        first, second = first - first.mean(), second - second.mean()
    norms = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norms) if norms > 0 else 0.0


def unbiased_cka(K: Floats, L: Floats) -> float:
    """Return linear CKA with the unbiased estimator of HSIC.

    Its expectation is 0 for independent representations whatever their widths, where the
    biased form comes close to 1 (Song et al. 2012; Nguyen et al. 2021; Murphy et al. 2024).

    Parameters
    ----------
    K, L : ndarray of shape (n, n)
        Raw Gram matrices of the same n stimuli; centring them changes nothing.

    Returns
    -------
    float
        At most 1 and possibly negative; 0 where either representation does not vary.

    Raises
    ------
    HypError
        If there are fewer than four stimuli.
    """
    if len(K) < 4:
        raise HypError(f"unbiased CKA needs at least 4 stimuli, but there are {len(K)}.")
    K, L = u_centred(K), u_centred(L)
    product = float(np.vdot(K, K)) * float(np.vdot(L, L))
    return float(np.vdot(K, L)) / np.sqrt(product) if product > 0 else 0.0


def procrustes(first: Gram, second: Gram) -> float:
    """Return the orthogonal Procrustes similarity of two representations.

    ``||X^T Y||_* / (||X||_F ||Y||_F)`` with centred X and Y: 1 minus half the squared distance
    that is left when both are scaled to length 1 and one is rotated onto the other
    (Williams et al. 2021; Ding et al. 2021). It needs a singular value decomposition a pair.

    Returns
    -------
    float
        Between 0 and 1; 0 where either does not vary over the stimuli.

    Raises
    ------
    HypError
        If they have different numbers of stimuli.
    """
    if first.n_stimuli != second.n_stimuli:
        raise HypError(
            f"the representations are of {first.n_stimuli} and {second.n_stimuli} stimuli; "
            "compare responses to the same stimuli."
        )
    A, B = _factor(first), _factor(second)
    lengths = np.linalg.norm(A) * np.linalg.norm(B)
    if not lengths:
        return 0.0
    return float(min(1.0, svdvals(A.T @ B).sum() / lengths))


def _factor(gram: Gram) -> Floats:
    """Return A, (n, r), with ``A A^T`` the centred Gram matrix; no columns if it is flat."""
    centred = gram.K - gram.K.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    values, vectors = eigh(centred)
    kept = values > len(values) * np.finfo(float).eps * max(np.abs(gram.K).max(), values[-1])
    factor: Floats = vectors[:, kept] * np.sqrt(values[kept])
    return factor


def sub_gram(gram: Gram, rows: Indices) -> Gram:
    """Return the Gram matrix of some of the stimuli, in the order given."""
    return Gram(gram.K[np.ix_(rows, rows)], gram.n_units, gram.row_sum[rows])


def u_centred(K: Floats) -> Floats:
    """U-centre a kernel: the inner product of two such matrices is unbiased HSIC, scaled.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Gram matrix of n stimuli, centred or not; at least four.

    Returns
    -------
    ndarray of shape (n, n)
        Zero on the diagonal, and in every row's sum (Szekely & Rizzo 2014; the inner
        product over ``n (n - 3)`` is the estimator of Song et al. 2012).
    """
    n = len(K)
    U: Floats = K - K.mean()
    np.fill_diagonal(U, 0.0)
    row = U.sum(axis=0)
    U += row.sum() / ((n - 1) * (n - 2)) - (row + row[:, None]) / (n - 2)
    np.fill_diagonal(U, 0.0)
    return U
