"""Quantities of pairs of models (CKA, RSA): tests that know that pairs share models.

Ten models make 45 pairs, but only ten models were trained: one odd model moves nine pairs
at once. The tests here permute the models' labels, never the pairs, so that the model
stays the unit.

Measured on similarities without any difference between groups (300 studies a cell; each
model's own level is 0, 50 or 80 % of the variance of a pair), rejected at nominal 5 %:

=====================================  =================  ================
question                               labels permuted    pairs pooled
=====================================  =================  ================
closer to b than to c, 3 v 3           0, 0, 0 %          1, 6, 10 %
closer to b than to c, 5 v 5           4, 4, 7 %          3, 15, 18 %
closer to b than to c, 8 v 8           6, 6, 5 %          5, 21, 30 %
one group's own pairs, 8 v 8           5, 5, 2 %          4, 13, 20 %
all groups' own pairs, 8 v 8           6, 6, 5 %          4, 2, 0 %
pairs of a against pairs of b, 6 v 6   0, 3, 4 %          2, 23, 38 %
pairs of a against pairs of b, 8 v 8   1, 1, 3 %          7, 34, 45 %
=====================================  =================  ================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, factorial, prod, sqrt

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats, check_alternative
from hyp.stats.attainable import EXACT_ASSIGNMENTS, RANDOM_ASSIGNMENTS
from hyp.stats.families import holm
from hyp.stats.scores import tied

_DECIMALS = 9
_ROUNDING = 16 * float(np.finfo(float).eps)


@dataclass(frozen=True)
class PairContrast:
    """Similarity within a group of models against that between groups.

    Attributes
    ----------
    group : str
        The group held against all other models, or ``all`` for every group together.
    within, between : float
        Mean similarity of the pairs within and between groups.
    difference : float
        within - between.
    low, high : float
        Its 95 % interval, by leaving out one model at a time (jackknife over models, t with
        models - groups degrees of freedom); NaN where a group has fewer than three models.
        On unit vectors with odd models it covered 94 to 99 % with two groups of 3 to 8
        models, 91 to 99 % with three of 5.
    p : float
        From permuting the labels of models; not corrected for the number of groups.
    p_attainable : float
        Smallest p that the numbers of models allow.
    p_holm : float
        `p` corrected over the groups; `p` itself for ``all``.
    models, within_pairs, between_pairs : int
        Models in the group (all models for ``all``) and the pairs that were averaged.
    method : str
        Over which arrangements p was computed.
    """

    group: str
    within: float
    between: float
    difference: float
    low: float
    high: float
    p: float
    p_attainable: float
    p_holm: float
    models: int
    within_pairs: int
    between_pairs: int
    method: str


def within_between(
    similarity: ArrayLike, labels: Sequence[str], *, alternative: Alternative = "greater"
) -> tuple[PairContrast, ...]:
    """Test whether models of one group are more similar than models of different groups.

    The statistic is the mean similarity of pairs within groups minus that of pairs
    between groups. The models' labels are permuted (the permutation form of Mantel 1967,
    Cancer Research 27, 209-220, and of ANOSIM, Clarke 1993, on similarities, not ranks):
    all distinct assignments up to 20,000, beyond that 19,999 random ones of a fixed seed,
    the observed one counted among them. It holds its level when all models are
    exchangeable, so a group whose models merely scatter more can also be found.

    Parameters
    ----------
    similarity : array_like, shape (models, models)
        Symmetric; the diagonal is not used.
    labels : sequence of str, shape (models,)
        Each model's group.
    alternative : {"two-sided", "greater", "less"}
        Direction of within against between; one-sided by default, as in ANOSIM.

    Returns
    -------
    tuple of PairContrast
        For ``all``, then for each group, in the order of their names, its own pairs
        against its pairs with all other models, with the group's label permuted over all
        models. With two groups these p can differ, as a group may be tight and the other
        loose. A group of one model has no pairs within and no contrast of its own.

    Raises
    ------
    HypError
        If the similarity is not a square symmetric matrix of finite numbers, the labels
        do not fit it, there are fewer than two groups or no group has two models.

    Examples
    --------
    >>> similarity = [[1, 0.9, 0.4, 0.3], [0.9, 1, 0.5, 0.4],
    ...               [0.4, 0.5, 1, 0.8], [0.3, 0.4, 0.8, 1]]
    >>> contrast = within_between(similarity, ["a", "a", "b", "b"])[0]
    >>> f"{contrast.difference:.2f} {contrast.p:.2f} {contrast.p_attainable:.2f}"
    '0.45 0.33 0.33'
    """
    check_alternative(alternative)
    matrix, names, groups = checked_similarity(similarity, labels)
    check_within(names, groups)
    every = [_contrast(matrix, groups, None, "all", alternative)]
    for number, name in enumerate(names):
        if (groups == number).sum() > 1:
            every.append(_contrast(matrix, groups, number, name, alternative))
    corrected = holm([contrast.p for contrast in every[1:]])
    return (
        every[0],
        *(
            replace(contrast, p_holm=float(p))
            for contrast, p in zip(every[1:], corrected, strict=True)
        ),
    )


def two_groups(
    similarity: ArrayLike, labels: Sequence[str], wanted: tuple[str, str]
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return the matrix and the models of a and of b."""
    matrix, (of_a, of_b) = named_groups(similarity, labels, wanted)
    if min(len(of_a), len(of_b)) < 3:
        raise HypError(
            f"{wanted[0]} and {wanted[1]} need at least three models each: leaving one out must "
            "leave a pair."
        )
    return matrix, of_a, of_b


def without_rounding(values: Floats, matrix: Floats) -> Floats:
    """Make values equal that differ by no more than rounding of the matrix they came from."""
    limit = _ROUNDING * len(matrix) * float(np.abs(matrix).max())
    return tied(values, np.zeros(len(values), dtype=np.int64), [limit])


def upper_pairs(matrix: Floats) -> Floats:
    """Return every pair once, shape (pairs,)."""
    pairs: Floats = matrix[np.triu_indices(len(matrix), 1)]
    return pairs


def named_groups(
    similarity: ArrayLike, labels: Sequence[str], wanted: tuple[str, ...]
) -> tuple[Floats, list[NDArray[np.int64]]]:
    """Return the matrix and the models of each wanted group."""
    matrix, names, groups = checked_similarity(similarity, labels)
    missing = [name for name in wanted if str(name) not in names]
    if missing:
        raise HypError(f"no model is of the group {missing[0]!r}; there are {', '.join(names)}.")
    if len(set(map(str, wanted))) < len(wanted):
        count = {2: "two", 3: "three"}[len(wanted)]
        raise HypError(f"name {count} different groups, not {', '.join(map(str, wanted))}.")
    return matrix, [np.flatnonzero(groups == names.index(str(name))) for name in wanted]


def checked_similarity(
    similarity: ArrayLike, labels: Sequence[str]
) -> tuple[Floats, list[str], NDArray[np.int64]]:
    """Return the matrix without its diagonal, the groups' names and each model's number.

    Models are put in an order that does not depend on the one they came in.
    """
    matrix = np.array(similarity, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise HypError(f"a similarity of models is a square matrix, not of shape {matrix.shape}.")
    if len(labels) != len(matrix):
        raise HypError(f"{len(matrix)} models need as many labels, not {len(labels)}.")
    if pd.isna(pd.Series(list(labels), dtype=object)).any():
        raise HypError("some models have no label; give each model its group or leave it out.")
    np.fill_diagonal(matrix, 0)
    if not np.isfinite(matrix).all():
        raise HypError("the similarity of some models is missing or infinite; leave them out.")
    scale = float(np.abs(matrix).max())
    if (np.abs(matrix - matrix.T) > 1e-6 * scale).any():
        raise HypError("the similarity matrix is not symmetric; average it with its transpose.")
    matrix = (matrix + matrix.T) / 2
    texts = np.array([str(label) for label in labels])
    order = np.lexsort((without_rounding(matrix.sum(axis=1), matrix), texts))
    names, groups = np.unique(texts[order], return_inverse=True)
    return matrix[np.ix_(order, order)], names.tolist(), groups.astype(np.int64)


def check_within(names: list[str], groups: NDArray[np.int64]) -> None:
    """Refuse labels that leave nothing to compare within and between."""
    if len(names) < 2:
        raise HypError("similarity within and between groups needs at least two groups.")
    if len(names) == len(groups):
        raise HypError("no group has two models, so there is no similarity within a group.")


def _contrast(
    matrix: Floats,
    groups: NDArray[np.int64],
    own: int | None,
    name: str,
    alternative: Alternative,
) -> PairContrast:
    """Contrast of all groups (`own` None), or of the group with that number."""
    labels = groups if own is None else np.where(groups == own, 0, 1)
    one = own is not None
    sizes = np.bincount(labels).tolist()
    within_pairs, between_pairs = _pairs(sizes, one)
    within, between = (float(part[0]) for part in _means(matrix, labels[None], one))
    low, high = _left_out_interval(matrix, groups, own)

    arrangements = factorial(len(labels)) // prod(map(factorial, sizes))
    if arrangements <= EXACT_ASSIGNMENTS:
        others = _every_arrangement(sizes)
        method = f"exact, all {arrangements:,} assignments of the labels"
    else:
        rows = np.broadcast_to(labels, (RANDOM_ASSIGNMENTS, len(labels)))
        others = np.concatenate([labels[None], np.random.default_rng(0).permuted(rows, axis=1)])
        method = f"{RANDOM_ASSIGNMENTS:,} random assignments of the labels"
    scale = float(np.abs(matrix).max()) or 1.0
    spread = np.subtract(*_means(matrix, others, one)) / scale
    seen = round((within - between) / scale, _DECIMALS)
    upper = float((spread.round(_DECIMALS) >= seen).mean())
    lower = float((spread.round(_DECIMALS) <= seen).mean())
    same = 1 if one else prod(factorial(sizes.count(size)) for size in set(sizes))
    least = max(same / arrangements, 1 / len(others))
    p = {"two-sided": 2 * min(upper, lower), "greater": upper, "less": lower}[alternative]
    p = min(1.0, p)
    return PairContrast(
        group=name,
        within=within,
        between=between,
        difference=within - between,
        low=low,
        high=high,
        p=p,
        p_attainable=min(1.0, (2 if alternative == "two-sided" else 1) * least),
        p_holm=p,
        models=sizes[0] if one else len(labels),
        within_pairs=within_pairs,
        between_pairs=between_pairs,
        method=method,
    )


def _means(matrix: Floats, labels: NDArray[np.int64], one: bool) -> tuple[Floats, Floats]:
    """Mean similarity within and between groups, for each row of labels.

    Parameters
    ----------
    matrix : ndarray, shape (models, models)
        With a diagonal of zeros.
    labels : ndarray of int, shape (rows, models)
        The groups' sizes are the same in every row.
    one : bool
        Whether only pairs of group 0, and of group 0 with others, count.
    """
    sizes = np.bincount(labels[0]).tolist()
    within = np.zeros(len(labels))
    for group in range(1 if one else len(sizes)):
        member = (labels == group).astype(float)
        to_group = member @ matrix
        within += (to_group * member).sum(axis=1) / 2
    between = to_group.sum(axis=1) - 2 * within if one else matrix.sum() / 2 - within
    within_pairs, between_pairs = _pairs(sizes, one)
    return within / within_pairs, between / between_pairs


def _pairs(sizes: Sequence[int], one: bool) -> tuple[int, int]:
    """Numbers of pairs within and between groups; of group 0 alone if `one`."""
    models = sum(sizes)
    if one:
        return comb(sizes[0], 2), sizes[0] * (models - sizes[0])
    within = sum(comb(size, 2) for size in sizes)
    return within, comb(models, 2) - within


def _left_out_interval(
    matrix: Floats, groups: NDArray[np.int64], own: int | None
) -> tuple[float, float]:
    """Jackknife over models, group by group, with t of models - groups degrees of freedom."""
    sizes = np.bincount(groups)
    if sizes.min() < 3:
        return float("nan"), float("nan")

    def difference(kept: NDArray[np.int64]) -> float:
        labels = groups[kept] if own is None else np.where(groups[kept] == own, 0, 1)
        within, between = _means(matrix[np.ix_(kept, kept)], labels[None], own is not None)
        return float(within[0] - between[0])

    every = np.arange(len(groups))
    left_out = np.array([difference(np.delete(every, model)) for model in every])
    variance = sum(
        (size - 1) * float(left_out[groups == group].var()) for group, size in enumerate(sizes)
    )
    half = float(stats.t.ppf(0.975, len(groups) - len(sizes))) * sqrt(variance)
    middle = difference(every)
    return middle - half, middle + half


def _every_arrangement(sizes: Sequence[int]) -> NDArray[np.int64]:
    """All ways to give labels 0, 1, ... to models, `sizes[i]` models the label i.

    Returns
    -------
    ndarray of int, shape (arrangements, models)
    """
    models = sum(sizes)
    if len(sizes) == 1:
        return np.zeros((1, models), dtype=np.int64)
    rest = _every_arrangement(sizes[1:]) + 1
    chosen = np.array(list(combinations(range(models), sizes[0])))
    taken = np.zeros((len(chosen), models), dtype=bool)
    np.put_along_axis(taken, chosen, True, axis=1)
    free = np.nonzero(~taken)[1].reshape(len(chosen), -1)
    labels = np.zeros((len(chosen), len(rest), models), dtype=np.int64)
    np.put_along_axis(labels, free[:, None, :], rest[None], axis=2)
    return labels.reshape(-1, models)
