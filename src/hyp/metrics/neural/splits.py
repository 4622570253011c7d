"""The splits of stimuli and repetitions that Brain-Score draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.metrics.gram import Indices

N_SPLITS = 10
RANDOM_STATE = 1

Split = tuple[Indices, Indices]


def stimulus_splits(
    n: int,
    strata: NDArray[Any] | None = None,
    *,
    train_size: float | None = 0.9,
    test_size: float | None = None,
    n_splits: int = N_SPLITS,
    random_state: int = RANDOM_STATE,
) -> list[Split]:
    """Draw random splits of the stimuli, stratified where strata are given.

    They are those of Brain-Score's ``CrossValidation``: scikit-learn's
    ``StratifiedShuffleSplit`` (or ``ShuffleSplit``) with the same sizes and random state, in
    the order of the stimuli.

    Parameters
    ----------
    n : int
        Number of stimuli.
    strata : ndarray of shape (n,), optional
        Category of every stimulus (``object_name``, ``texture_type``).
    train_size, test_size : float, optional
        Share of either part; what is left out takes the rest.
    n_splits : int
        Number of splits.
    random_state : int
        Seed.

    Returns
    -------
    list of (train, test)
        Positions of the stimuli of either part.

    Raises
    ------
    HypError
        If there are too few stimuli, in all or of a category.
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    kind = ShuffleSplit if strata is None else StratifiedShuffleSplit
    drawn = kind(n_splits, train_size=train_size, test_size=test_size, random_state=random_state)
    try:
        return [(train, test) for train, test in drawn.split(np.zeros(n), strata)]
    except ValueError as error:
        what = "" if strata is None else f" of {len(np.unique(strata))} categories"
        raise HypError(
            f"{n} stimuli{what} cannot be split ({str(error).rstrip('.')}); use more stimuli, or "
            "stratify by a coarser coordinate or by none."
        ) from error


def half_splits(
    repetitions: NDArray[Any], *, n_splits: int = N_SPLITS, random_state: int = RANDOM_STATE
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Halve the repetitions at random, as Brain-Score's ``internal_consistency`` does.

    Parameters
    ----------
    repetitions : ndarray of shape (n_presentations,)
        Repetition of every presentation.
    n_splits : int
        Number of splits.
    random_state : int
        Seed.

    Returns
    -------
    list of (first, second)
        Masks of the presentations of either half. With an odd number of repetitions the
        second half has one more.

    Raises
    ------
    HypError
        If there are fewer than two repetitions.
    """
    labels, codes = np.unique(repetitions, return_inverse=True)
    if len(labels) < 2:
        raise HypError(
            "there is one repetition of every stimulus only, so no ceiling can be estimated; "
            "score without a ceiling."
        )
    splits = stimulus_splits(
        len(labels), train_size=0.5, n_splits=n_splits, random_state=random_state
    )
    return [(np.isin(codes, first), np.isin(codes, second)) for first, second in splits]


def half_trials(
    known: NDArray[np.bool_],
    codes: Indices,
    *,
    n_splits: int = N_SPLITS,
    random_state: int = RANDOM_STATE,
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Halve the trials of every neuroid and stimulus at random, where some are missing.

    A recording in which every stimulus was shown as often is halved by its repetitions
    (`half_splits`), as Brain-Score does; where trials are missing that would leave stimuli
    without a response in one half.

    Parameters
    ----------
    known : ndarray of bool, shape (n_presentations, m)
        Whether a neuroid has a response to a presentation.
    codes : ndarray of int, shape (n_presentations,)
        Stimulus of every presentation.
    n_splits, random_state : int
        Number of splits, and the seed.

    Returns
    -------
    list of (first, second)
        Masks, shape (n_presentations, m). Of an odd number of trials the second half has one
        more; the only trial of a neuroid and stimulus is in neither.
    """
    rng = np.random.RandomState(random_state)
    found = []
    for _ in range(n_splits):
        order = np.lexsort((rng.random_sample(len(codes)), codes))
        there = known[order].astype(np.intp)
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        sizes = np.diff(np.append(starts, len(codes)))
        before = np.cumsum(there, axis=0) - there
        rank = before - np.repeat(before[starts], sizes, axis=0)
        total = np.repeat(np.add.reduceat(there, starts, axis=0), sizes, axis=0)
        usable = known[order] & (total > 1)
        first, second = np.zeros_like(known), np.zeros_like(known)
        first[order] = usable & (rank < total // 2)
        second[order] = usable & (rank >= total // 2)
        found.append((first, second))
    return found
