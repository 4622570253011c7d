"""Comparing two representations without fitting: dissimilarities, unbiased CKA, Procrustes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import eigvalsh, svdvals
from scipy.stats import rankdata

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Gram, Indices
from hyp.metrics.ridge import low_rank_factor

_FLAT = 1e-10
_EPS = float(np.finfo(np.float64).eps)
_ALIGNED_ERROR = 1e-7
_ROUNDING = 1e-12
_ROUNDING_OF_A_SUM = 1e-14


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
        Upper triangle, row by row, as ``scipy.spatial.distance.pdist``. Distances too small
        to be told from rounding are 0.

    Raises
    ------
    HypError
        If correlations are asked for and the units respond alike to some stimulus.
    """
    n = gram.n_stimuli
    if kind == "euclidean":
        squares = gram.K.diagonal() / gram.n_units
        distances: Floats = np.concatenate(
            [
                squares[i] + squares[i + 1 :] - 2 / gram.n_units * gram.K[i, i + 1 :]
                for i in range(n)
            ]
        )
        distances[distances <= _ROUNDING * squares.max()] = 0.0
        return distances
    flat = flat_stimuli(gram)
    if flat.size:
        raise HypError(
            f"{flat.size} of {n} stimuli, the first at position {flat[0]}, drive all units alike, "
            "so they have no correlation with others; use euclidean dissimilarities."
        )
    mean, variance = gram.row_mean, _variance(gram)
    deviation = np.sqrt(variance)
    correlations: Floats = np.concatenate(
        [
            (gram.K[i, i + 1 :] / gram.n_units - mean[i] * mean[i + 1 :])
            / (deviation[i] * deviation[i + 1 :])
            for i in range(n)
        ]
    )
    distances = 1 - correlations
    blur = (gram.K.diagonal() / gram.n_units / variance).max()
    distances[distances <= _ROUNDING_OF_A_SUM * blur] = 0.0
    return distances


def flat_stimuli(gram: Gram) -> Indices:
    """Return the positions of the stimuli that drive all units alike, as in a dead layer."""
    flat: Indices = np.flatnonzero(_variance(gram) <= _FLAT * gram.K.diagonal() / gram.n_units)
    return flat


def _variance(gram: Gram) -> Floats:
    """Return the variance of the units' responses to every stimulus, shape (n,)."""
    variance: Floats = gram.K.diagonal() / gram.n_units - gram.row_mean**2
    return variance


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
    if how != "cosine" and any(
        np.ptp(one) <= _ROUNDING * np.abs(one).max() for one in (first, second)
    ):
        return 0.0
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
    first, second = u_centred(K), u_centred(L)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0


def procrustes(first: Gram, second: Gram) -> float:
    """Return the orthogonal Procrustes similarity of two representations.

    ``||X^T Y||_* / (||X||_F ||Y||_F)`` with centred X and Y: 1 minus half the squared distance
    that is left when both are scaled to length 1 and one is rotated onto the other
    (Williams et al. 2021; Ding et al. 2021).

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
    return aligned_length(procrustes_factor(first), procrustes_factor(second))


def procrustes_factor(gram: Gram) -> Floats:
    """Return coordinates of the centred representation, of length 1, in as few axes as it has.

    Returns
    -------
    ndarray of shape (n, r)
        A, with ``A A^T`` the centred Gram matrix over its trace; r is its rank, 0 where the
        representation does not vary over the stimuli.
    """
    centred = gram.K - gram.K.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    n = len(centred)
    factor = low_rank_factor(centred, n - 1, n * _EPS * float(np.abs(gram.K).max()))
    if factor.shape[1]:
        factor /= np.linalg.norm(factor)
    return factor


def aligned_length(A: Floats, B: Floats) -> float:
    """Return the sum of the singular values of ``A^T B``: `procrustes` of two factors.

    They are the roots of the eigenvalues of its product with itself, which takes a third of the
    time. Rounding may move each eigenvalue by some `_EPS` of the largest; where that could change
    the sum by more than 1e-7, as where most of them are tiny, the singular values are computed.
    """
    if not A.shape[1] or not B.shape[1]:
        return 0.0
    product = A.T @ B if A.shape[1] >= B.shape[1] else B.T @ A
    squares = eigvalsh(product.T @ product, overwrite_a=True, driver="evd")
    if squares[-1] <= 0:
        return 0.0
    lengths = np.sqrt(np.maximum(squares, 0.0))
    blur = 10 * _EPS * squares[-1]
    if (blur / np.maximum(lengths, np.sqrt(blur))).sum() > _ALIGNED_ERROR:
        lengths = svdvals(product)
    return float(min(1.0, lengths.sum()))


def sub_gram(gram: Gram, rows: Indices) -> Gram:
    """Return the Gram matrix of some of the stimuli, in the order given."""
    return Gram(gram.K[np.ix_(rows, rows)], gram.n_units, gram.row_sum[rows])


def u_centred(K: Floats, out: Floats | None = None) -> Floats:
    """U-centre a kernel: the inner product of two such matrices is unbiased HSIC, scaled.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Gram matrix of n stimuli, centred or not; at least four. No value of it is larger than
        that on its diagonal.
    out : ndarray of shape (n (n - 1) / 2,), optional
        Where to write the result.

    Returns
    -------
    ndarray of shape (n (n - 1) / 2,)
        Upper triangle, row by row, of a matrix that is zero on the diagonal, and in every
        row's sum (Szekely & Rizzo 2014; the inner product over ``n (n - 3) / 2`` is the
        estimator of Song et al. 2012). All zeros where there is nothing but rounding.
    """
    n = len(K)
    row = (K.sum(axis=1) - K.diagonal()) / (n - 2)
    shift = row - row.sum() / (n - 1)
    U = np.empty(n * (n - 1) // 2) if out is None else out
    end = 0
    for i in range(n):
        here = U[(start := end) : (end := start + n - 1 - i)]
        np.subtract(K[i, i + 1 :], row[i + 1 :], out=here)
        here -= shift[i]
    return drop_rounding(U, K.diagonal().max())


def drop_rounding(vector: Floats, scale: float) -> Floats:
    """Fill a vector with zeros if it is no more than rounding of numbers of a size; return it."""
    if np.linalg.norm(vector) <= _ROUNDING * scale * np.sqrt(vector.size):
        vector[:] = 0
    return vector
