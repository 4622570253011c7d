"""Soft matching: how alike two populations are unit by unit (Khosla & Williams 2024).

CKA, RSA and Procrustes ask whether two networks span the same space; this asks whether they have
the same units. A rotation of the units changes it, their order does not. It needs the responses
themselves and not their Gram matrix.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyp.errors import HypError
from hyp.metrics.gram import Floats

MOST_UNITS = 4_096
"""Of both populations, repeated to one size: an assignment of so many takes about ten seconds."""

_ROUNDING = 1e-12


def soft_matching(first: Floats, second: Floats) -> float:
    """Return the soft-matching correlation of two populations of units.

    The largest mean correlation of matched units, ``max_P sum_ij P_ij r_ij`` over the transport
    plans P of Khosla & Williams (2024), whose rows sum to 1/d and columns to 1/e: 1 minus half
    their squared distance between units of length 1. With as many units in both it is the best
    one-to-one matching (Li et al. 2015). Such a plan is an assignment of units that are repeated
    until both populations are equally large, so it is found exactly.

    Parameters
    ----------
    first, second : ndarray of shape (n, d) and (n, e)
        Responses to the same n stimuli.

    Returns
    -------
    float
        At most 1. A unit that does not vary over the stimuli correlates with none.

    Raises
    ------
    HypError
        For different numbers of stimuli, responses that are not finite, or more than
        `MOST_UNITS` units, repeated to one size.

    Examples
    --------
    >>> import numpy as np
    >>> from hyp.metrics import soft_matching
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> round(soft_matching(X, 3 * X[:, ::-1] + 1), 6)
    1.0
    """
    if len(first) != len(second):
        raise HypError(
            f"the responses are to {len(first)} and {len(second)} stimuli; compare responses to "
            "the same stimuli."
        )
    d, e = first.shape[1], second.shape[1]
    size = math.lcm(d, e)
    if not 0 < size <= MOST_UNITS:
        raise HypError(
            f"soft matching of {d:,} with {e:,} units would assign {size:,} to as many; at most "
            f"{MOST_UNITS:,} and at least one are matched: take layers with fewer units."
        )
    r = _unit_length(first).T @ _unit_length(second)
    repeated = np.repeat(np.repeat(r, size // d, axis=0), size // e, axis=1)
    matched = linear_sum_assignment(repeated, maximize=True)
    return float(min(1.0, repeated[matched].mean()))


def _unit_length(responses: Floats) -> Floats:
    """Centre every unit and scale it to length 1; units that do not vary become zeros."""
    X = np.asarray(responses, dtype=np.float64)
    if not np.isfinite(X).all():
        raise HypError("some responses are not finite; leave out what they belong to.")
    largest = np.abs(X).max(axis=0)
    X = X / np.where(largest > 0, largest, 1.0)
    centred: Floats = X - X.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    varies = lengths > _ROUNDING * np.sqrt(len(X))
    return np.where(varies, centred / np.where(varies, lengths, 1.0), 0.0)
