"""Partial least squares from the Gram matrix: scikit-learn's own iteration, seen through X X^T."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.blas import ddot, dsymv, dsyr2

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Indices, centred_kernels
from hyp.metrics.neural.specs import MAX_ITERATIONS, N_COMPONENTS, TOLERANCE

_EPS = float(np.finfo(np.float64).eps)


def pls_from_gram(
    K: Floats,
    Y: NDArray[np.floating],
    train: Indices,
    test: Indices,
    *,
    n_units: int | None = None,
    n_components: int = N_COMPONENTS,
    tol: float = TOLERANCE,
    max_iter: int = MAX_ITERATIONS,
) -> tuple[Floats, Indices]:
    """Fit PLS regression on the training stimuli and predict the test stimuli.

    Equals scikit-learn's ``PLSRegression(n_components, scale=False, tol=tol,
    max_iter=max_iter)`` on the raw activations X, which is what Brain-Score's metric ``pls``
    fits: NIPALS (Wegelin 2000, section 4.1), with the same start from the first target, the
    same stopping rule on the X weights and the same deflation, so also where the power
    iteration stops far from its limit. SIMPLS is another method for more than one target.

    All that NIPALS does to X can be said in n numbers: the weights of a component are
    ``X^T u`` for the target scores u, because the deflated targets are orthogonal to the
    earlier components (kernel PLS, Rosipal & Trejo 2001). The power iteration then runs on
    ``Y^T K Y``, targets x targets, and a component costs one product with K.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Raw Gram matrix of the activations.
    Y : ndarray of shape (n, m)
        Responses, one neuroid a column.
    train, test : ndarray of int
        Positions of the stimuli of either part.
    n_units : int, optional
        Number of units behind `K`, to refuse a layer with fewer units than components.
    n_components : int
        Number of components.
    tol : float
        The power iteration stops when the squared change of the unit X weights is below it.
    max_iter : int
        Largest number of power iterations a component.

    Returns
    -------
    prediction : ndarray of shape (n_test, m)
        Predicted responses.
    n_iter : ndarray of int, shape (components found,)
        Power iterations of every component, as scikit-learn's ``n_iter_``. There are fewer
        components than asked for where the training activations have a lower rank, or
        the responses are explained up to rounding: scikit-learn goes on there with
        components made of rounding errors.

    Raises
    ------
    HypError
        If there are fewer training stimuli or units than components.
    """
    if n_units is not None and n_units < n_components:
        raise HypError(
            f"PLS with {n_components} components needs at least as many units, but the layer has "
            f"{n_units}; leave this layer out or ask for fewer components."
        )
    if len(train) < n_components:
        raise HypError(
            f"PLS with {n_components} components needs at least as many training stimuli, but "
            f"there are {len(train)}; ask for fewer components or score on more stimuli."
        )
    within, across = centred_kernels(K, train, test)
    mean = Y[train].mean(axis=0)
    centred = Y[train] - mean
    floor = (
        len(train) * _EPS * float(np.abs(K[train, train]).max() * (centred**2).sum(axis=0).max())
    )
    U, T, R, n_iter = _components(within, centred, floor, n_components, tol, max_iter)
    loadings = T.T @ centred
    return across @ (U @ solve_triangular(R, loadings)) + mean, n_iter


def _components(
    K: Floats, Y: Floats, floor: float, n_components: int, tol: float, max_iter: int
) -> tuple[Floats, Floats, Floats, Indices]:
    """Return target scores U, orthonormal X scores T, and R with ``K U = T R``.

    Deflated targets are ``Y - T Q^T``, never formed; of the symmetric ``Y^T K Y`` one triangle
    is kept. It stops where the squared covariances of activations and targets are below
    `floor`, the rounding errors of K.
    """
    n, m = Y.shape
    both = np.concatenate([Y, K @ Y])
    cross = np.asfortranarray(Y.T @ both[n:])
    U, T, R = (np.zeros((rows, n_components), order="F") for rows in (n, n, n_components))
    both_T, Q = np.zeros((2 * n, n_components), order="F"), np.zeros((m, n_components), order="F")
    n_iter = []
    for k in range(n_components):
        left = np.flatnonzero(cross.diagonal() > floor)
        if not left.size:
            break
        v, iterations = _leading_weights(cross, int(left[0]), tol, max_iter)
        n_iter.append(iterations)
        scores = both @ v - both_T[:, :k] @ (v @ Q[:, :k])
        U[:, k], t = scores[:n], scores[n:]
        R[:k, k] = t @ T[:, :k]
        t -= T[:, :k] @ R[:k, k]
        R[k, k] = math.sqrt(ddot(t, t))
        t /= R[k, k]

        both_T[:n, k] = T[:, k] = t
        both_T[n:, k] = Kt = dsymv(1.0, K.T, t)
        q, crossed = both_T[:, k].reshape(2, n) @ Y
        crossed = crossed - Q[:, :k] @ (Kt @ T[:, :k]) - ddot(t, Kt) / 2 * q
        cross = dsyr2(-1.0, crossed, q, a=cross, overwrite_a=True)
        Q[:, k] = q
    k = len(n_iter)
    return U[:, :k], T[:, :k], R[:k, :k], np.array(n_iter, dtype=np.intp)


def _leading_weights(cross: Floats, start: int, tol: float, max_iter: int) -> tuple[Floats, int]:
    """Iterate until the unit X weights ``X^T Y v`` change by less than `tol` in square.

    Their inner products are ``v^T cross v'``, so nothing as long as X's units is needed.
    """
    v = np.zeros(len(cross))
    v[start] = 1
    image = dsymv(1.0, cross, v)
    norm = math.sqrt(image[start])
    iterations = 1
    while iterations < max_iter and len(cross) > 1:
        v = image / norm
        image = dsymv(1.0, cross, v)
        norm = math.sqrt(ddot(v, image))
        iterations += 1
        if 2 - 2 * ddot(v, v) / norm < tol:
            break
    return v / norm, iterations
