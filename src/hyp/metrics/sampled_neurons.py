"""CKA with populations of which only some neurons were recorded.

Unbiased HSIC corrects for sampled stimuli. With few neurons a population's similarity with itself
is still too large, because every neuron is compared with itself too, so that its CKA with anything
is too small. Here only pairs of different neurons count (Chun, Canatar, Chung & Lee 2025,
arXiv:2502.15104).
"""

from __future__ import annotations

import numpy as np

from hyp.errors import HypError
from hyp.metrics.gram import Floats
from hyp.metrics.pairs import u_centred

_FEWEST_STIMULI = 4


def distinct_products(first: Floats, second: Floats) -> float:
    """Return the mean product of U-centred kernels over all pairs of different neurons.

    Parameters
    ----------
    first, second : ndarray of shape (n, m)
        Responses of the same m neurons to the same n stimuli: those of one recording, or of two
        halves of its repetitions.

    Returns
    -------
    float
        Mean of ``<U(x_a x_a^T), U(y_b y_b^T)>`` over a and b that differ, over the upper
        triangles that `hyp.metrics.pairs.u_centred` returns.

    Raises
    ------
    HypError
        If there are fewer than four stimuli or two neurons.
    """
    n, m = first.shape
    if n < _FEWEST_STIMULI or m < 2:
        raise HypError(
            f"CKA for sampled neurons needs at least {_FEWEST_STIMULI} stimuli and 2 neurons, but "
            f"there are {n} and {m}."
        )
    x, y = first - first.mean(axis=0), second - second.mean(axis=0)
    every = float(u_centred(x @ x.T) @ u_centred(y @ y.T))
    return float((every - _own_products(x, y).sum()) / (m * (m - 1)))


def sampled_cka(K: Floats, responses: Floats) -> float:
    """Return linear CKA of a layer with a population of which some neurons were recorded.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Gram matrix of the layer, whose units are all there.
    responses : ndarray of shape (n, m)
        Of the recorded neurons.

    Returns
    -------
    float
        May be above 1 and below 0 by chance; 0 where the layer does not vary.

    Raises
    ------
    HypError
        As `distinct_products`, or if the neurons have nothing in common with each other.
    """
    layer = u_centred(K)
    length = float(np.linalg.norm(layer))
    population = _length(responses)
    centred = responses - responses.mean(axis=0)
    product = float(layer @ u_centred(centred @ centred.T)) / responses.shape[1]
    return product / (length * population) if length else 0.0


def sampled_consistency(first: Floats, second: Floats) -> float:
    """Return the CKA of a population with itself, from halves of its repetitions.

    Parameters
    ----------
    first, second : ndarray of shape (n, m)
        Responses of the same neurons.

    Raises
    ------
    HypError
        As `sampled_cka`.
    """
    return distinct_products(first, second) / (_length(first) * _length(second))


def _length(responses: Floats) -> float:
    squared = distinct_products(responses, responses)
    if squared <= 0:
        raise HypError(
            "the recorded neurons have nothing in common with each other, so how alike their "
            "population is to anything cannot be estimated; record more neurons or stimuli, or "
            "use the metric cka."
        )
    return float(np.sqrt(squared))


def _own_products(x: Floats, y: Floats) -> Floats:
    """Return ``<U(x x^T), U(y y^T)>`` of every column, from sums of powers alone."""
    n = len(x)
    sum_x, sum_y = x.sum(axis=0), y.sum(axis=0)
    products = (x * y).sum(axis=0) ** 2 - (x**2 * y**2).sum(axis=0)
    rows = (x * (sum_x - x) * y * (sum_y - y)).sum(axis=0)
    totals = (sum_x**2 - (x**2).sum(axis=0)) * (sum_y**2 - (y**2).sum(axis=0))
    found: Floats = (products - 2 / (n - 2) * rows + totals / ((n - 1) * (n - 2))) / 2
    return found
