"""What every test is told beside its scores, checked in one place."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyp.errors import HypError

Floats = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]
"""Of the first group against the second."""

LARGEST = 1e100
"""Largest size of a score: sums of squares of larger ones overflow."""

_FAR = 1e30


def check_alternative(alternative: str) -> None:
    """Refuse a direction that no test knows."""
    check_choice("alternative", alternative, get_args(Alternative))


def check_choice(name: str, chosen: str, known: Iterable[str]) -> None:
    """Refuse a value that is not one of those known, naming them."""
    names = list(known)
    if chosen not in names:
        *first, last = [repr(one) for one in names]
        raise HypError(f"{name} must be {', '.join(first)} or {last}, not {chosen!r}.")


def check_level(name: str, level: float) -> None:
    """Refuse an error rate or a confidence that does not lie between 0 and 1."""
    if not 0 < level < 1:
        raise HypError(f"{name} must lie between 0 and 1, not {level:g}.")


def check_margin(margin: float) -> None:
    """Refuse a margin that is no positive finite number."""
    if not (isfinite(margin) and margin > 0):
        raise HypError(f"the equivalence margin must be a positive number, not {margin:g}.")


def check_margin_of(margin: float, scores: ArrayLike) -> None:
    """Refuse a margin in another unit than the scores: squares of their ratio would overflow."""
    largest = float(np.abs(np.asarray(scores, dtype=float)).max())
    if largest > 0 and not 1 / _FAR <= margin / largest <= _FAR:
        raise HypError(
            f"the margin {margin:g} and the scores, up to {largest:g} in size, are not of one "
            "unit; give both in the same."
        )


def too_large(scores: ArrayLike) -> str:
    """Say why scores cannot be computed with: squares of them would overflow; else nothing."""
    size = np.abs(np.asarray(scores, dtype=float))
    if not (size > LARGEST).any():
        return ""
    return f"above {LARGEST:g} in size, too large to be squared; give all scores in another unit"


def check_size(scores: ArrayLike) -> None:
    """Refuse finite scores that are too large, see `too_large`."""
    fault = too_large(scores)
    if fault:
        raise HypError(f"some scores are {fault}.")


def rows_of(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Return two groups as tables with one row a comparison.

    Raises
    ------
    HypError
        If they are no tables with as many rows, a group is empty, or a score is not finite.
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if a.ndim != 2 or b.ndim != 2 or len(a) != len(b) or 0 in (a.shape[1], b.shape[1]):
        raise HypError(
            "two groups are compared row by row: give two tables with one row a comparison and "
            f"at least one unit in each group, not shapes {a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise HypError("some scores are missing or infinite; leave those units out.")
    check_size(a)
    check_size(b)
    return a, b


def pairs_of(differences: ArrayLike) -> Floats:
    """Return the differences of pairs as a table with one row a comparison.

    Raises
    ------
    HypError
        If they are no such table, have no pair, or one is not finite.
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 2 or d.shape[1] == 0:
        raise HypError(
            "differences of pairs come with one row a comparison and at least one pair, not in "
            f"the shape {d.shape}."
        )
    if not np.isfinite(d).all():
        raise HypError("some differences are missing or infinite; leave those pairs out.")
    check_size(d)
    return d
