"""Behaviour: how consistent a network's choices are with observers', image by image.

Brain-Score's ``i2n`` (Rajalingham & Issa et al. 2018). Observers saw an image and chose between
the object that it shows and another one. A network chooses by a logistic regression on a layer.
Both give a d' for every image and distractor, less the mean over the images of one object. The
score is the correlation of these, over the root of that between two halves of the trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from hyp.errors import HypError
from hyp.tables import as_names

Floats = NDArray[np.float64]

TRIAL_COLUMNS = ("stimulus_id", "sample_obj", "dist_obj", "choice")
"""The image, the object that it shows, the other object offered, and what was chosen."""

READOUT_C = 1e-3
"""Inverse strength of the readout's penalty, as Brain-Score has it."""

_CAP = 5.0
_REPETITIONS = 2


@dataclass(frozen=True, eq=False)
class Trials:
    """Choices of observers between two objects.

    Attributes
    ----------
    stimulus_id : ndarray of str, shape (n,)
        The images, sorted.
    objects : ndarray of str, shape (k,)
        The objects, sorted.
    truth : ndarray of int, shape (n,)
        Which object every image shows.
    image, other, choice : ndarray of int, shape (m,)
        Of every trial, in the order of the table: the image, the other object offered, and the
        object chosen.
    """

    stimulus_id: NDArray[Any]
    objects: NDArray[Any]
    truth: NDArray[np.intp]
    image: NDArray[np.intp]
    other: NDArray[np.intp]
    choice: NDArray[np.intp]


class Consistency(NamedTuple):
    """How consistent choices are with observers'.

    Attributes
    ----------
    score, error : float
        Mean over two random halves of the trials, and its standard deviation over them.
    raw, ceiling : ndarray of shape (2,)
        Correlation with one half, and between both halves; the score of a half is raw over the
        root of its ceiling.
    """

    score: float
    error: float
    raw: Floats
    ceiling: Floats


def trials_from_table(table: pd.DataFrame, name: str) -> Trials:
    """Return the trials of a table with the columns `TRIAL_COLUMNS`, a row each.

    Parameters
    ----------
    table : DataFrame
    name : str
        What the observers are called in messages.

    Raises
    ------
    HypError
        If a column or a value is missing, an image shows two objects, a trial offers one object
        twice or has a choice that was not offered, or two halves of the trials do not agree, so
        that there is no ceiling.
    """
    lacking = [column for column in TRIAL_COLUMNS if column not in table]
    if lacking:
        raise HypError(
            f"the trials of {name} have no column {lacking[0]}; they need "
            f"{', '.join(TRIAL_COLUMNS)}."
        )
    named = {one: as_names(table[one], f"{one} of {name}").to_numpy(str) for one in TRIAL_COLUMNS}
    sample, other, choice = (named[one] for one in TRIAL_COLUMNS[1:])
    odd = np.flatnonzero((sample == other) | ((choice != sample) & (choice != other)))
    if len(odd):
        row = odd[0]
        raise HypError(
            f"{len(odd)} of the {len(sample)} trials of {name} are no choice between two objects, "
            f"the first in row {row + 1}: {choice[row]} of {sample[row]} and {other[row]}."
        )
    stimulus_id, image = np.unique(named["stimulus_id"], return_inverse=True)
    objects = np.unique(np.concatenate([sample, other]))
    shown = np.searchsorted(objects, sample)
    truth = np.zeros(len(stimulus_id), dtype=np.intp)
    truth[image] = shown
    if (truth[image] != shown).any():
        two = stimulus_id[image[np.flatnonzero(truth[image] != shown)[0]]]
        raise HypError(f"the image {str(two)!r} of {name} shows two objects; correct sample_obj.")
    trials = Trials(
        stimulus_id,
        objects,
        truth,
        image,
        np.searchsorted(objects, other),
        np.searchsorted(objects, choice),
    )
    ceiling = _halves(trials)[1]
    if not (ceiling > 0).all():
        raise HypError(
            f"two halves of the trials of {name} do not agree (r = {np.nanmin(ceiling):.2f}), so "
            "there is no ceiling; more trials per image and distractor are needed."
            if np.isfinite(ceiling).any()
            else f"the trials of {name} are too few to be halved; record more of them."
        )
    return trials


def consistency(probabilities: Floats, trials: Trials) -> Consistency:
    """Return how consistent a network's choices are with observers'.

    Parameters
    ----------
    probabilities : ndarray of shape (n, k)
        Of every object, for the images of `trials`, in their orders.
    trials : Trials

    Raises
    ------
    HypError
        If there is an image whose own object and another have no probability at all.
    """
    own = np.take_along_axis(probabilities, trials.truth[:, None], axis=1)
    with np.errstate(invalid="ignore"):
        chosen = probabilities / (probabilities + own)
    np.put_along_axis(chosen, trials.truth[:, None], np.nan, axis=1)
    source = normalised_dprimes(chosen, trials.truth)
    halves, ceiling = _halves(trials)
    raw = np.array([_correlation(source, half, complete=True) for half in halves])
    scores = raw / np.sqrt(ceiling)
    return Consistency(float(scores.mean()), float(scores.std()), raw, ceiling)


def choice_probabilities(
    fitted: NDArray[Any], labels: Sequence[str], shown: NDArray[Any], objects: Sequence[str]
) -> Floats:
    """Return the probability of every object for every image, by a logistic regression.

    Parameters
    ----------
    fitted, shown : ndarray of shape (images, units)
        Responses that it is fitted to and read out from.
    labels : sequence of str
        The object on every image that it is fitted to.
    objects : sequence of str
        Whose probabilities are wanted.

    Returns
    -------
    ndarray of shape (shown, objects)

    Raises
    ------
    HypError
        If an object is on none of the images.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    missing = sorted(set(objects) - set(labels))
    if missing:
        raise HypError(
            f"the readout is fitted to no image that shows {missing[0]!r}; add some of it."
        )
    scaler = StandardScaler().fit(fitted)
    readout = LogisticRegression(C=READOUT_C, solver="newton-cg")
    readout.fit(scaler.transform(fitted), np.asarray(labels, dtype=str))
    found: Floats = readout.predict_proba(scaler.transform(shown)).astype(np.float64)
    return found[:, np.searchsorted(readout.classes_, np.asarray(objects, dtype=str))]


def normalised_dprimes(chosen: Floats, truth: NDArray[np.intp]) -> Floats:
    """Return d' of every image and distractor, less the mean over the images of its object.

    Parameters
    ----------
    chosen : ndarray of shape (n, k)
        How often the other object is chosen; NaN for the image's own and where nobody was asked.
    truth : ndarray of int, shape (n,)
        The image's own object.
    """
    k = chosen.shape[1]
    false_alarms = np.full((k, k), np.nan)
    for shown in np.unique(truth):
        false_alarms[shown] = _mean(chosen[truth == shown])
    with np.errstate(invalid="ignore"):  # certainty on both sides is inf - inf: undefined
        dprimes = norm.ppf(1 - chosen) - norm.ppf(false_alarms[:, truth].T)
    capped: Floats = np.clip(dprimes, -_CAP, _CAP)
    for shown in np.unique(truth):
        capped[truth == shown] -= _mean(capped[truth == shown])
    return capped


def _halves(trials: Trials) -> tuple[list[Floats], Floats]:
    """Return d' of the first half of each repetition, and the halves' correlations.

    The halves are those that Brain-Score draws.
    """
    random = np.random.RandomState(0)
    first, ceiling = [], []
    for _ in range(_REPETITIONS):
        order = random.permutation(len(trials.image))
        middle = len(order) // 2
        one, two = (_dprimes_of(trials, rows) for rows in (order[:middle], order[middle:]))
        first.append(one)
        ceiling.append(_correlation(one, two))
    return first, np.array(ceiling)


def _dprimes_of(trials: Trials, rows: NDArray[np.intp]) -> Floats:
    """Return d' of some of the trials."""
    shape = len(trials.stimulus_id), len(trials.objects)
    image, other = trials.image[rows], trials.other[rows]
    offered, chosen = np.zeros(shape), np.zeros(shape)
    np.add.at(offered, (image, other), 1)
    np.add.at(chosen, (image, other), trials.choice[rows] == other)
    with np.errstate(invalid="ignore"):
        return normalised_dprimes(chosen / offered, trials.truth)


def _correlation(source: Floats, target: Floats, *, complete: bool = False) -> float:
    known = np.isfinite(target)
    if complete and not np.isfinite(source[known]).all():
        raise HypError(
            "the readout gives neither an image's own object nor another one any probability, so "
            "its choice is undefined; read out of another layer."
        )
    known &= np.isfinite(source)
    if known.sum() < 3:
        return float("nan")
    return float(np.corrcoef(source[known], target[known])[0, 1])


def _mean(rows: Floats) -> Floats:
    """Return the means of columns over what is known; NaN where nothing is."""
    known = np.isfinite(rows)
    counts = known.sum(axis=0)
    sums = np.where(known, rows, 0.0).sum(axis=0)
    means: Floats = np.full(rows.shape[1], np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
