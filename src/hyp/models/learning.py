"""How far networks have learned: whether the held-out loss still falls, and when it was equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from hyp.errors import HypError
from hyp.text import some

Floats = NDArray[np.float64]

_SMALLEST = 1e-9
"""Share of the constant predictor's loss that a loss of zero counts as."""


@dataclass(frozen=True)
class LossCurve:
    """The held-out loss of one network as training went on.

    Attributes
    ----------
    batches : tuple of float
        Batches trained, rising.
    shares : tuple of float
        The loss as a share of the constant predictor's, above 0.
    """

    batches: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        batches, shares = np.asarray(self.batches, float), np.asarray(self.shares, float)
        if len(batches) != len(shares) or not len(batches):
            raise HypError(f"there are {len(shares)} losses for {len(batches)} counts of batches.")
        if not (np.isfinite(batches).all() and (np.diff(batches) > 0).all() and batches[0] >= 0):
            raise HypError("the batches of a loss curve must be 0 or more, and rise.")
        if not (np.isfinite(shares).all() and (shares > 0).all()):
            raise HypError("the losses of a loss curve must be finite numbers above 0.")

    @classmethod
    def of_history(cls, evaluation: Iterable[Mapping[str, Any]], tasks: Sequence[str]) -> Self:
        """Read the ``evaluation`` of a ``history.json``; of several tasks, the mean share.

        Parameters
        ----------
        evaluation : iterable of mapping
            Rows with ``batch``, ``task``, ``metric``, ``value`` and ``baseline``.
        tasks : sequence of str
            Those that the network was trained for.

        Raises
        ------
        HypError
            If a task was not evaluated at every count of batches that another one was.
        """
        shares: dict[int, dict[str, float]] = {}
        for row in evaluation:
            if row["metric"] == "loss" and row["task"] in tasks:
                share = max(row["value"] / row["baseline"], _SMALLEST)
                shares.setdefault(row["batch"], {})[row["task"]] = share
        if not shares or any(set(found) != set(tasks) for found in shares.values()):
            raise HypError(f"the history lacks held-out losses of {', '.join(tasks)}.")
        batches = sorted(shares)
        means = tuple(float(np.mean([*shares[batch].values()])) for batch in batches)
        return cls(tuple(batches), means)


class Fall(NamedTuple):
    """What the last doubling of the batches took off the held-out loss.

    Attributes
    ----------
    of_loss : float
        As a fraction of the loss before it; negative where the loss rose.
    of_constant : float
        As a fraction of the constant predictor's loss.
    """

    of_loss: float
    of_constant: float


def last_doubling(curve: LossCurve) -> Fall:
    """Return how much the held-out loss fell from half the batches to all of them.

    The loss at half the batches is interpolated, log loss against log batches. Where the
    learning rate decays to the end of training, the fall includes what the decay brought, and is
    more than training twice as long would bring.

    Raises
    ------
    HypError
        If nothing was evaluated in the first half of the training.
    """
    batches, shares = np.asarray(curve.batches, float), np.asarray(curve.shares, float)
    half = batches[-1] / 2
    trained = batches > 0
    if not trained.any() or batches[trained][0] > half:
        raise HypError(
            "whether the held-out loss still falls needs an evaluation in the first half of the "
            "training; set evaluate_every lower."
        )
    logs = np.interp(np.log(half), np.log(batches[trained]), np.log(shares[trained]))
    before, after = float(np.exp(logs)), float(shares[-1])
    return Fall((before - after) / before, before - after)


def left_to_learn(curve: LossCurve) -> float:
    """Bound what twice the batches would take off, as a fraction of the constant predictor's loss.

    No more than the last doubling took, as curves flatten, and no more than is left. The second
    bound holds whatever the learning rate did, and where nothing was evaluated in the first half
    of the training.
    """
    left = curve.shares[-1]
    try:
        return min(last_doubling(curve).of_constant, left)
    except HypError:
        return left


class Crossing(NamedTuple):
    """Where a curve passes a loss: a weighted mean of two of its points.

    Attributes
    ----------
    before, after : int
        Positions of the points on either side.
    weight : float
        Of the later one, from 0 to 1.
    batches : float
        Batches trained by then.
    """

    before: int
    after: int
    weight: float
    batches: float

    def of(self, values: ArrayLike) -> Floats:
        """Interpolate what was measured at the curve's points, along the first axis."""
        found = np.asarray(values, float)
        mixed: Floats = (1 - self.weight) * found[self.before] + self.weight * found[self.after]
        return mixed


@dataclass(frozen=True)
class EqualLoss:
    """A held-out loss that several networks all pass, and where each does.

    Attributes
    ----------
    share : float
        The loss, as a share of the constant predictor's.
    crossings : dict of str to Crossing
        By network.
    """

    share: float
    crossings: Mapping[str, Crossing]


def at_equal_loss(curves: Mapping[str, LossCurve]) -> EqualLoss:
    """Find the lowest held-out loss that all networks have come down to.

    Each network is taken at its own number of batches. Curves are made to fall by isotonic
    regression of the log loss, and interpolated in it. The points are those at which something
    else was measured too, as snapshots are; `Crossing.of` interpolates that.

    Parameters
    ----------
    curves : mapping of str to LossCurve
        By network.

    Raises
    ------
    HypError
        Naming the networks, if there is no such loss: some were at once below what another one
        reached. Nothing is extrapolated.
    """
    if not curves:
        raise HypError("an equal loss needs at least one network.")
    falling = {name: _falling(curve) for name, curve in curves.items()}
    last = max(falling, key=lambda name: falling[name][-1])
    level = falling[last][-1]
    below = {name: np.exp(logs[0]) for name, logs in falling.items() if logs[0] < level}
    if below:
        told = [
            f"{name} (already {share:.3g} after {curves[name].batches[0]:g} batches)"
            for name, share in below.items()
        ]
        raise HypError(
            f"no held-out loss is passed by all networks: {last} ended at {np.exp(level):.3g} of "
            f"the constant predictor's, and outside that range are {some(told, 3)}; score an "
            "earlier snapshot, or train longer."
        )
    crossings = {name: _crossing(curves[name], logs, level) for name, logs in falling.items()}
    return EqualLoss(float(np.exp(level)), crossings)


def _falling(curve: LossCurve) -> Floats:
    fitted: Floats = isotonic_regression(np.log(curve.shares), increasing=False).x
    return fitted


def _crossing(curve: LossCurve, logs: Floats, level: float) -> Crossing:
    after = int(np.argmax(logs <= level))
    before = max(after - 1, 0)
    drop = logs[before] - logs[after]
    weight = float((logs[before] - level) / drop) if drop > 0 else 1.0
    batches = (1 - weight) * curve.batches[before] + weight * curve.batches[after]
    return Crossing(before, after, weight, float(batches))
