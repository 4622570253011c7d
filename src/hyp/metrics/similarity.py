"""How alike many models represent the same stimuli: CKA, RSA, Procrustes of all pairs, from Grams.

CKA and RSA are cosines between one vector a representation, its signature, so that the
similarities of m representations are one product of a matrix of m rows with itself.
Procrustes takes the eigenvalues of a matrix a pair. Each Gram matrix is read and centred
once, not once a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeVar, cast

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Gram
from hyp.metrics.measures import Cosine, added_measure, load_measure
from hyp.metrics.pairs import (
    aligned_length,
    dissimilarities,
    drop_rounding,
    flat_stimuli,
    procrustes_factor,
    u_centred,
)
from hyp.metrics.threads import over_threads
from hyp.plugins import Plugin

Load = Callable[[], Gram]
Progress = Callable[[int, int], None]
Cell = tuple[int, int]
Block = TypeVar("Block")

_BLOCK_BYTES = 2**31
_FEWEST = 4
_NEIGHBOURS = 10


def similarity_matrix(
    loads: Sequence[Load],
    measure: str = "cka",
    *,
    device: str = "cpu",
    block_bytes: int = _BLOCK_BYTES,
    progress: Progress = lambda done, total: None,
) -> Floats:
    """Return the similarities of all pairs of representations.

    Parameters
    ----------
    loads : sequence of callable
        Each returns the Gram matrix of one representation of the same n stimuli; it is
        called when the matrix is needed, so that they need not all fit into memory, and from
        as many threads as BLAS may use.
    measure : str
        ``cka``: linear CKA with the unbiased estimator of HSIC (Song et al. 2012; Nguyen et
        al. 2021), whose expectation is 0 for independent representations of any width.
        ``cka-biased``: as the paper computed it (Kornblith et al. 2019).
        ``rsa-correlation`` and ``rsa-euclidean``: Pearson correlation between matrices of
        dissimilarities (one minus correlation, or squared Euclidean distance) of all pairs of
        stimuli (Kriegeskorte et al. 2008), with ``-spearman`` the rank correlation.
        ``mutual-neighbours``: the share of each stimulus' ten nearest neighbours (Euclidean
        distance) that are the same in both, averaged (Huh et al. 2024); with fewer than 21
        stimuli half of the others in place of ten. By chance it is their share of the others.
        ``procrustes``: `hyp.metrics.pairs.procrustes`, which takes a second a pair where
        there are thousands of stimuli and units, and is computed on the CPU.
        Or a measure of an installed package (`hyp.plugins.MEASURES`), pair by pair.
    device : str
        Where to multiply: ``cpu``, ``cuda`` or ``cuda:N``.
    block_bytes : int
        What is kept of the representations at a time; where it does not hold all, some
        Gram matrices are read again.
    progress : callable, optional
        Called with (done, total) in representations.

    Returns
    -------
    ndarray of shape (m, m)
        Symmetric and finite. A representation that does not vary over the stimuli has
        similarity 0 with every other and with itself; by correlations of patterns, so has
        one with a stimulus that drives all its units alike.

    Raises
    ------
    HypError
        For an unknown measure, fewer than four stimuli, or different numbers of them; or if
        another package's measure fails or returns no finite number.
    """
    plugin = added_measure(measure)
    m = len(loads)
    if not m:
        return np.zeros((0, 0))
    K = loads[0]().K
    cosine = plugin is None and measure != "procrustes"
    size = K.nbytes // 2 if cosine and measure != "mutual-neighbours" else K.nbytes
    rows = m if m * size <= block_bytes else max(1, block_bytes // (2 * size))
    of_equal_n = [partial(_load, load, len(K)) for load in loads]
    if plugin is not None:
        pairwise = partial(_each_pair, similarity=_checked(plugin), spread=_in_turn)
        return _all_pairs(of_equal_n, rows, _grams, pairwise, progress)
    if measure == "procrustes":
        each_pair = partial(_each_pair, similarity=aligned_length, spread=over_threads)
        return _all_pairs(of_equal_n, rows, _factors, each_pair, progress)
    make = partial(_signatures, measure=cast(Cosine, measure))
    compare = partial(_product, device=device)
    return _all_pairs(of_equal_n, rows, make, compare, progress)


def signature(gram: Gram, measure: Cosine, out: Floats | None = None) -> Floats:
    """Return the vector of length 1 whose cosines are the similarities, see `similarity_matrix`.

    It is all zeros for a representation that does not vary over the stimuli. ``procrustes``
    is no cosine and has none.

    Parameters
    ----------
    gram : Gram
        Of the representation.
    measure : str
        A measure that is a cosine.
    out : ndarray of shape (p,), optional
        Where to write the result.

    Returns
    -------
    ndarray of shape (p,)
        p = n (n - 1) / 2 pairs of stimuli, n more for ``cka-biased``; n^2 for neighbours.

    Raises
    ------
    HypError
        If there are fewer than four stimuli.
    """
    n = gram.n_stimuli
    if n < _FEWEST:
        raise HypError(f"similarities need at least {_FEWEST} stimuli, but there are {n}.")
    if measure == "cka":
        vector = u_centred(gram.K, out)
    elif measure == "cka-biased":
        vector = _centred(gram.K)
    elif measure == "mutual-neighbours":
        vector = _neighbours(gram)
    else:
        vector = _ranked_or_centred(gram, measure)
    length = float(np.linalg.norm(vector)) or 1.0
    unit: Floats = np.divide(vector, length, out=vector if out is None else out)
    return unit


def _centred(K: Floats) -> Floats:
    """Return the upper triangle of the centred matrix, its diagonal over the root of 2."""
    n = len(K)
    mean = K.mean(axis=1)
    shift = mean - mean.mean()
    centred: Floats = np.concatenate([K[i, i:] - mean[i:] - shift[i] for i in range(n)])
    centred[np.cumsum([0, *range(n, 1, -1)])] /= np.sqrt(2)
    return drop_rounding(centred, K.diagonal().max())


def _neighbours(gram: Gram) -> Floats:
    """Return 1 where a stimulus is among the nearest of another, row by row; zeros if all alike."""
    n = gram.n_stimuli
    distances = squareform(dissimilarities(gram, "euclidean"))
    if not distances.any():
        return np.zeros(n * n)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : min(_NEIGHBOURS, (n - 1) // 2)]
    chosen = np.zeros((n, n))
    np.put_along_axis(chosen, nearest, 1.0, axis=1)
    return chosen.ravel()


def _ranked_or_centred(gram: Gram, measure: Cosine) -> Floats:
    """Return dissimilarities or their ranks, less their mean; zeros if they do not vary."""
    kind: Literal["correlation", "euclidean"] = (
        "euclidean" if measure.startswith("rsa-euclidean") else "correlation"
    )
    if kind == "correlation" and flat_stimuli(gram).size:
        return np.zeros(gram.n_stimuli * (gram.n_stimuli - 1) // 2)
    vector = dissimilarities(gram, kind)
    centred: Floats = vector - vector.mean()
    centred = drop_rounding(centred, np.abs(vector).max())
    if measure.endswith("spearman") and centred.any():
        ranks: Floats = rankdata(vector)
        centred = ranks - ranks.mean()
    return centred


def _load(load: Load, n: int) -> Gram:
    gram = load()
    if gram.n_stimuli != n:
        raise HypError(
            "the representations are of different numbers of stimuli; compare responses to the "
            "same stimuli."
        )
    return gram


def _all_pairs(
    loads: Sequence[Load],
    rows: int,
    make: Callable[[Sequence[Load]], Block],
    compare: Callable[[Block, Block], Floats],
    progress: Progress,
) -> Floats:
    """Compare all with all, `rows` against `rows` at a time."""
    m = len(loads)
    found = np.zeros((m, m))
    for start in range(0, m, rows):
        here = slice(start, start + rows)
        block = make(loads[here])
        found[here, here] = compare(block, block)
        for other in range(start + rows, m, rows):
            there = slice(other, other + rows)
            found[here, there] = compare(block, make(loads[there]))
            found[there, here] = found[here, there].T
        progress(min(start + rows, m), m)
    return found


def _signatures(loads: Sequence[Load], measure: Cosine) -> Floats:
    first = signature(loads[0](), measure)
    block = np.empty((len(loads), len(first)))
    block[0] = first

    def fill(position: int) -> None:
        signature(loads[position](), measure, block[position])

    over_threads(fill, range(1, len(loads)))
    return block


def _product(first: Floats, second: Floats, device: str) -> Floats:
    if device == "cpu":
        product: Floats = first @ second.T
        return product
    import torch

    left, right = (torch.from_numpy(block).to(device) for block in (first, second))
    on_device: Floats = (left @ right.T).cpu().numpy()
    return on_device


def _factors(loads: Sequence[Load]) -> list[Floats]:
    return over_threads(lambda load: procrustes_factor(load()), loads)


def _grams(loads: Sequence[Load]) -> list[Gram]:
    return [load() for load in loads]


def _checked(plugin: Plugin) -> Callable[[Gram, Gram], float]:
    """Return a plugin's function with its faults told in one sentence."""
    function = load_measure(plugin)

    def similarity(first: Gram, second: Gram) -> float:
        try:
            found = float(function(first, second))
        except Exception as error:
            words = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
            raise plugin.fault(f"it fails ({words})") from error
        if not np.isfinite(found):
            raise plugin.fault(f"it returns {found} for some pair of representations")
        return found

    return similarity


def _each_pair(
    first: list[Block],
    second: list[Block],
    similarity: Callable[[Block, Block], float],
    spread: Callable[[Callable[[Cell], float], list[Cell]], list[float]],
) -> Floats:
    same = first is second
    cells = [(i, j) for i in range(len(first)) for j in range(i if same else 0, len(second))]
    found = np.zeros((len(first), len(second)))
    values = spread(lambda cell: similarity(first[cell[0]], second[cell[1]]), cells)
    for (i, j), value in zip(cells, values, strict=True):
        found[i, j] = value
        if same:
            found[j, i] = value
    return found


def _in_turn(function: Callable[[Cell], float], cells: list[Cell]) -> list[float]:
    """Call another package's measure, which may not bear threads."""
    return [function(cell) for cell in cells]
