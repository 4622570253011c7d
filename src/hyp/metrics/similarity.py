"""How alike many models represent the same stimuli: CKA and RSA of all pairs, from Grams.

Every measure is a cosine between one vector a representation, its
signature, so that the similarities of m representations are one product of a matrix of m
rows with itself; each Gram matrix is read and centred once, not once a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

import numpy as np
from scipy.stats import rankdata

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Gram
from hyp.metrics.pairs import dissimilarities, u_centred

Measure = Literal[
    "cka",
    "cka-biased",
    "rsa-correlation",
    "rsa-correlation-spearman",
    "rsa-euclidean",
    "rsa-euclidean-spearman",
]
MEASURES: tuple[str, ...] = get_args(Measure)

Load = Callable[[], Gram]
Progress = Callable[[int, int], None]

_BLOCK_BYTES = 2**31
_FEWEST = 4
_FLAT = 1e-12


def similarity_matrix(
    loads: Sequence[Load],
    measure: Measure = "cka",
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
        called when the matrix is needed, so that they need not all fit into memory.
    measure : str
        ``cka``: linear CKA with the unbiased estimator of HSIC (Song et al. 2012; Nguyen et
        al. 2021), whose expectation is 0 for independent representations of any width.
        ``cka-biased``: as the paper computed it (Kornblith et al. 2019).
        ``rsa-correlation`` and ``rsa-euclidean``: Pearson correlation between matrices of
        dissimilarities (one minus correlation, or squared Euclidean distance) of all pairs of
        stimuli (Kriegeskorte et al. 2008), with ``-spearman`` the rank correlation.
    device : str
        Where to multiply: ``cpu``, ``cuda`` or ``cuda:N``.
    block_bytes : int
        Signatures in memory at a time; where they do not all fit, some are made twice.

    Returns
    -------
    ndarray of shape (m, m)
        Symmetric. A representation that does not vary over the stimuli has similarity 0
        with every other and with itself.

    Raises
    ------
    HypError
        For an unknown measure, fewer than four stimuli, or different numbers of them.
    """
    if measure not in MEASURES:
        raise HypError(f"unknown measure {measure!r}; choose from: {', '.join(MEASURES)}.")
    m = len(loads)
    found = np.zeros((m, m))
    if not m:
        return found
    first = signature(loads[0](), measure)
    rows = max(1, min(m, block_bytes // (2 * first.nbytes)))
    done = 0
    for start, block in _blocks(loads, measure, rows, 0):
        stop = start + len(block)
        found[start:stop, start:stop] = _product(block, block, device)
        done += len(block)
        progress(min(done, m), m)
        for other, beside in _blocks(loads, measure, rows, stop):
            product = _product(block, beside, device)
            found[start:stop, other : other + len(beside)] = product
            found[other : other + len(beside), start:stop] = product.T
    return found


def signature(gram: Gram, measure: Measure) -> Floats:
    """Return the vector of length 1 whose cosines are the similarities, see `similarity_matrix`.

    It is all zeros for a representation that does not vary over the stimuli.

    Returns
    -------
    ndarray of shape (p,)
        p = n (n - 1) / 2 pairs of stimuli, n more for ``cka-biased``.
    """
    n = gram.n_stimuli
    if n < _FEWEST:
        raise HypError(f"similarities need at least {_FEWEST} stimuli, but there are {n}.")
    if measure == "cka":
        vector = u_centred(gram.K)[np.triu_indices(n, k=1)]
        scale = np.abs(gram.K).max()
    elif measure == "cka-biased":
        centred = gram.K - gram.K.mean(axis=0)
        centred -= centred.mean(axis=1, keepdims=True)
        centred[np.diag_indices(n)] /= np.sqrt(2)
        vector = centred[np.triu_indices(n)]
        scale = np.abs(gram.K).max()
    else:
        kind: Literal["correlation", "euclidean"] = (
            "euclidean" if measure.startswith("rsa-euclidean") else "correlation"
        )
        if kind == "correlation" and not _varies(gram):
            return np.zeros(n * (n - 1) // 2)
        vector = dissimilarities(gram, kind)
        scale = np.abs(gram.K).max() / gram.n_units if kind == "euclidean" else 1.0
        if np.ptp(vector) <= _FLAT * scale:
            return np.zeros(len(vector))
        if measure.endswith("spearman"):
            vector = rankdata(vector)
            scale = 1.0
        vector = vector - vector.mean()
    length = np.linalg.norm(vector)
    if length <= _FLAT * scale * np.sqrt(len(vector)):
        return np.zeros(len(vector))
    scaled: Floats = vector / length
    return scaled


def _varies(gram: Gram) -> bool:
    """Whether every stimulus drives the units apart, so that patterns have correlations."""
    variance = gram.K.diagonal() / gram.n_units - gram.row_mean**2
    return bool(np.all(variance > _FLAT * max(1e-300, gram.K.diagonal().max() / gram.n_units)))


def _blocks(
    loads: Sequence[Load], measure: Measure, rows: int, first: int
) -> Iterator[tuple[int, Floats]]:
    for start in range(first, len(loads), rows):
        made = [signature(load(), measure) for load in loads[start : start + rows]]
        sizes = {len(one) for one in made}
        if len(sizes) > 1:
            raise HypError(
                "the representations are of different numbers of stimuli; compare responses to "
                "the same stimuli."
            )
        yield start, np.stack(made)


def _product(first: Floats, second: Floats, device: str) -> Floats:
    if first.shape[1] != second.shape[1]:
        raise HypError(
            "the representations are of different numbers of stimuli; compare responses to the "
            "same stimuli."
        )
    if device == "cpu":
        product: Floats = first @ second.T
        return product
    import torch

    left, right = (torch.from_numpy(block).to(device) for block in (first, second))
    on_device: Floats = (left @ right.T).cpu().numpy()
    return on_device
