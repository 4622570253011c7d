"""The abstract's p-values against those that its design can give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from hyp.errors import HypError
from hyp.hypotheses.paper.recomputed import SLACK
from hyp.hypotheses.paper.tables import neural_means, published_table
from hyp.stats.attainable import attainable_p, seeds_needed
from hyp.stats.rank_sum import rank_sums
from hyp.stats.superiority import superiority_interval


@dataclass(frozen=True)
class PublishedP:
    """A p-value of the abstract against what its design can give.

    Attributes
    ----------
    objective, versus : str
        The two groups.
    p : float
        As printed.
    n, n_versus : int
        Seeds in the two groups.
    p_attainable : float
        Smallest p an exact test of these sizes can give.
    attainable : tuple of float
        Every p it can give, without ties.
    superiority : tuple of float
        Shares of pairs of models in which the first group is higher that give this p: two,
        as the p is two-sided; one where the groups are fully separated and both means are
        printed, which tells the direction.
    low, high : tuple of float
        95 % interval of each share.
    seeds_needed : int
        Seeds per group with which full separation would reach 0.05.
    seeds_needed_family : int
        The same, corrected for the comparisons that the abstract prints.
    sentence : str
        What that means.
    """

    objective: str
    versus: str
    p: float
    n: int
    n_versus: int
    p_attainable: float
    attainable: tuple[float, ...]
    superiority: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds_needed: int
    seeds_needed_family: int
    sentence: str


def published_p_values() -> tuple[PublishedP, ...]:
    """Hold the abstract's p-values against what 3 v 3 seeds can give."""
    table = published_table("abstract")
    printed = table[table["quantity"] == "p_value"]
    means = {name: score for name, (score, _) in neural_means("abstract").items()}
    found = []
    for row in printed.to_dict("records"):
        n = n_versus = int(row["n_seeds"])
        first, second = str(row["objective"]), str(row["versus"])
        ladder = mann_whitney_ladder(n, n_versus)
        p = float(row["value"])
        counts = [u for u, attainable in enumerate(ladder) if abs(attainable - p) < SLACK]
        if not counts:
            raise HypError(f"p = {p:g} is not one that {n} v {n_versus} seeds can give.")
        pairs = n * n_versus
        if counts == [0, pairs] and first in means and second in means:
            counts = [pairs if means[first] > means[second] else 0]
        shares = np.array(counts) / pairs
        low, high = superiority_interval(shares, n, n_versus)
        floor = attainable_p(n, n_versus)
        found.append(
            PublishedP(
                objective=first,
                versus=second,
                p=p,
                n=n,
                n_versus=n_versus,
                p_attainable=floor,
                attainable=tuple(sorted(set(ladder))),
                superiority=tuple(shares.tolist()),
                low=tuple(low.tolist()),
                high=tuple(high.tolist()),
                seeds_needed=seeds_needed(1),
                seeds_needed_family=seeds_needed(len(printed)),
                sentence=_p_sentence(p, floor, n, n_versus, shares.tolist()),
            )
        )
    return tuple(found)


@cache
def mann_whitney_ladder(n1: int, n2: int) -> tuple[float, ...]:
    """Return the exact two-sided Mann-Whitney p for every U from 0 to n1 n2, without ties.

    Examples
    --------
    >>> [round(p, 2) for p in mann_whitney_ladder(3, 3)]
    [0.1, 0.2, 0.4, 0.7, 1.0, 1.0, 0.7, 0.4, 0.2, 0.1]
    """
    sums = rank_sums((1,) * (n1 + n2), n1)
    if sums is None:
        raise HypError(f"{n1} v {n2} seeds have too many arrangements to list every p.")
    tails = np.minimum(sums.lower, sums.upper)
    return tuple(np.minimum(1, 2 * tails[tails > 0]).round(12).tolist())


def _p_sentence(p: float, floor: float, n: int, n_versus: int, shares: list[float]) -> str:
    if abs(p - floor) < SLACK:
        higher, lower = ("first", "second") if shares[0] == 1 else ("second", "first")
        groups = (
            f"every network of the {higher} group scored above every one of the {lower}"
            if len(shares) == 1
            else "every network of one group scored above every one of the other"
        )
        return (
            f"p = {p:g} is the smallest that {n} v {n_versus} can give, and means that {groups}: "
            "the largest difference this design can show."
        )
    return (
        f"p = {p:g} where {n} v {n_versus} cannot go below {floor:g}: no scores could have been "
        "significant at 0.05, so this is no evidence that the groups are alike."
    )
