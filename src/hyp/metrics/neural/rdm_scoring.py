"""RSA with recorded dissimilarities: subjects, their noise ceilings, and the scores of layers.

Sessions are averaged within a subject, and the subject is the unit: ceilings are rsatoolbox's
(Nili et al. 2014) over subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Gram, Indices
from hyp.metrics.neural.ceilings import Formula, ceiled
from hyp.metrics.neural.specs import Rsa
from hyp.metrics.neural.splits import stimulus_splits
from hyp.metrics.pairs import compare_dissimilarities, dissimilarities

_FEWEST = 8  # stimuli: a half of fewer has too few pairs to correlate


@dataclass(frozen=True, eq=False)
class RdmBenchmark:
    """The dissimilarities that one region has between n stimuli, subject by subject.

    Attributes
    ----------
    name, region, origin : str
        As of `hyp.metrics.neural.NeuralBenchmark`.
    stimulus_id : ndarray of str, shape (n,)
        The stimuli, in the order of rows and columns.
    subject : ndarray of str, shape (s,)
        Whose the matrices are; the sessions, where there is one subject with several.
    n_averaged : ndarray of int, shape (s,)
        How many matrices each is the mean of: a subject's sessions.
    matrices : ndarray of shape (s, n, n), float64
        Symmetric; the diagonal means nothing.
    """

    name: str
    region: str
    origin: str
    stimulus_id: NDArray[Any]
    subject: NDArray[Any]
    n_averaged: Indices
    matrices: Floats

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return len(self.stimulus_id)

    @property
    def ceiled(self) -> bool:
        """Whether there are several subjects or sessions, so that they have a ceiling."""
        return len(self.subject) > 1

    def vectors(self, rows: Indices) -> Floats:
        """Return the dissimilarities of all pairs of some stimuli, shape (s, pairs)."""
        return upper_triangle(self.matrices, rows)


def upper_triangle(matrices: Floats, rows: Indices) -> Floats:
    """Return the pairs of some stimuli, shape (..., pairs), of matrices (..., n, n)."""
    first, second = np.triu_indices(len(rows), 1)
    found: Floats = matrices[..., rows[first], rows[second]]
    return found


def rdm_benchmark(
    rdms: xr.DataArray, region: str, *, name: str = "", leave_out_stimuli: bool = False
) -> RdmBenchmark:
    """Prepare the dissimilarities of one region for scoring.

    Parameters
    ----------
    rdms : DataArray
        As `hyp.metrics.neural.read_assembly` returns them.
    region : str
        One of its regions.
    name : str
        Name of the benchmark; by default the attribute ``identifier`` and the region.
    leave_out_stimuli : bool
        Leave out stimuli that some subject did not see, rather than refuse them.

    Raises
    ------
    HypError
        If there is no such region, dissimilarities are missing, fewer than eight stimuli are
        left, or the dissimilarities of a subject do not vary.
    """
    inside = rdms["region"].to_numpy().astype(str) == region
    if not inside.any():
        there = ", ".join(dict.fromkeys(rdms["region"].to_numpy().astype(str).tolist()))
        raise HypError(f"no region {region!r} was recorded; there is {there}.")
    here = rdms.isel(rdm=np.flatnonzero(inside))
    values = here.to_numpy().astype(np.float64)
    values = (values + values.transpose(0, 2, 1)) / 2
    whose = _units(here)
    units = list(dict.fromkeys(whose.tolist()))
    with np.errstate(invalid="ignore"):
        known = np.array([np.isfinite(values[whose == unit]).sum(axis=0) for unit in units])
        total = np.array([np.nansum(values[whose == unit], axis=0) for unit in units])
        matrices = total / known
    stimuli = here["stimulus_id"].to_numpy().astype(str)
    missing = np.asarray(known == 0)
    np.einsum("sii->si", missing)[:] = False  # the diagonal is never looked at
    unseen = missing.sum(axis=2) >= len(stimuli) - 1
    kept = np.flatnonzero(~unseen.any(axis=0)) if leave_out_stimuli else np.arange(len(stimuli))
    gaps = int(missing[np.ix_(np.arange(len(units)), kept, kept)].any(axis=0).sum()) // 2
    if gaps:
        raise HypError(
            f"{gaps} pairs of stimuli in {region} lack a dissimilarity in some subject, and "
            f"{int(unseen.any(axis=0).sum())} of {len(stimuli)} stimuli were not seen by all; "
            "leave such stimuli out (leave out), or complete the matrices."
        )
    if len(kept) < _FEWEST:
        raise HypError(
            f"{region} has {len(kept)} stimuli with dissimilarities; give at least {_FEWEST}."
        )
    found = RdmBenchmark(
        name=name or f"{rdms.attrs.get('identifier', 'rdms')}.{region}",
        region=region,
        origin=str(rdms.attrs.get("origin", "recorded")),
        stimulus_id=stimuli[kept],
        subject=np.array(units, dtype=str),
        n_averaged=np.array([np.count_nonzero(whose == unit) for unit in units], dtype=np.intp),
        matrices=matrices[np.ix_(np.arange(len(units)), kept, kept)],
    )
    for unit, vector in zip(units, found.vectors(np.arange(len(kept))), strict=True):
        if np.ptp(vector) == 0:
            raise HypError(
                f"all stimuli are equally dissimilar in {region} of {unit}; leave it out."
            )
    return found


def rdm_ceilings(
    vectors: Floats, comparison: Literal["spearman", "pearson", "cosine"] = "spearman"
) -> tuple[Floats, Floats]:
    """Return the lower and upper noise ceiling of every subject; their means are the region's.

    A subject's dissimilarities are compared with the pooled ones of the others (lower: what a
    perfect model is at least expected to reach) and of all, its own among them (upper: no
    model can do better). Pooled are ranks for ``spearman``, z-scores for ``pearson`` and vectors
    of length 1 for ``cosine``, as by rsatoolbox's ``boot_noise_ceiling``; the mean of plain
    dissimilarities is no bound of a rank correlation.

    Parameters
    ----------
    vectors : ndarray of shape (s, pairs)
        Dissimilarities of at least two subjects.
    comparison : {"spearman", "pearson", "cosine"}
        See `hyp.metrics.pairs.compare_dissimilarities`.

    Returns
    -------
    lower, upper : ndarray of shape (s,)
    """
    if len(vectors) < 2:
        raise HypError("a noise ceiling needs two subjects or sessions; score without one.")
    if comparison == "spearman":
        alike = rankdata(vectors, axis=1)
    elif comparison == "pearson":
        alike = vectors - vectors.mean(axis=1, keepdims=True)
        alike = alike / alike.std(axis=1, keepdims=True)
    else:
        alike = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    total = alike.sum(axis=0)
    pairs = list(zip(vectors, alike, strict=True))
    lower = [compare_dissimilarities(one, total - its, comparison) for one, its in pairs]
    upper = [compare_dissimilarities(one, total, comparison) for one in vectors]
    return np.array(lower), np.array(upper)


def score_rdms(
    grams: Mapping[str, Gram],
    benchmark: RdmBenchmark,
    metric: Rsa | None = None,
    *,
    protocol: Literal["published", "recommended"] = "recommended",
    formula: Formula | None = "ratio",
) -> xr.Dataset:
    """Choose a layer for a region and compare its dissimilarities with every subject's.

    ``published`` takes the layer that agrees best on all stimuli, and scores it on all;
    ``recommended`` chooses it on a random half of the stimuli and scores it on the other, ten
    times. A single layer is scored on all stimuli.

    Parameters
    ----------
    grams : mapping of str to Gram
        Candidate layers, responses to the benchmark's stimuli in its order.
    benchmark : RdmBenchmark
    metric : Rsa, optional
    protocol : {"published", "recommended"}
    formula : {"2024", "2026", "ratio"} or None
        How scores are related to the lower ceiling, see `hyp.metrics.neural.ceiled`. By
        ``ratio``, as Brain-Score divides RSA by how well subjects predict each other, a score above
        1 lies between the ceilings. None, and a single subject, give the agreement itself.

    Returns
    -------
    Dataset
        ``raw`` (split, subject), ``per_split``, ``layer`` (split), ``lower`` and ``upper``
        (subject), and the numbers ``unceiled``, ``error`` (standard error over subjects),
        ``ceiling``, ``ceiling_upper`` and ``score``.

    Raises
    ------
    HypError
        If there are no layers, their stimuli are not the benchmark's, or subjects do not agree
        at all.
    """
    metric = metric or Rsa()
    n, n_subjects = benchmark.n_stimuli, len(benchmark.subject)
    wrong = [layer for layer, gram in grams.items() if gram.n_stimuli != n]
    if wrong or not grams:
        raise HypError(
            f"give layers with responses to the {n} stimuli of {benchmark.name}"
            + (f"; {wrong[0]} has {grams[wrong[0]].n_stimuli}." if wrong else ".")
        )
    everything = np.arange(n)
    splits = [(everything, everything)]
    if protocol == "recommended" and len(grams) > 1:
        splits = stimulus_splits(n, None, train_size=0.5)
    names = list(grams)
    ours = {
        name: squareform(dissimilarities(gram, metric.dissimilarity))
        for name, gram in grams.items()
    }
    layers, raw = [], []
    for chosen_in, scored_in in splits:
        by_layer = [_agreements(ours[name], benchmark, metric, chosen_in).mean() for name in names]
        layers.append(names[int(np.argmax(by_layer))])
        raw.append(_agreements(ours[layers[-1]], benchmark, metric, scored_in))
    values = np.array(raw)
    bounds = np.full((2, n_subjects), np.nan)
    if benchmark.ceiled:
        bounds = np.array(rdm_ceilings(benchmark.vectors(everything), metric.comparison))
    else:
        formula = None
    lower, upper = bounds.mean(axis=1)
    unceiled = float(values.mean())
    spread = values.mean(axis=0).std(ddof=1) if n_subjects > 1 else np.nan
    return xr.Dataset(
        {
            "raw": (("split", "subject"), values),
            "per_split": ("split", values.mean(axis=1)),
            "layer": ("split", np.array(layers, dtype=object)),
            "lower": ("subject", bounds[0]),
            "upper": ("subject", bounds[1]),
            "unceiled": unceiled,
            "error": float(spread / np.sqrt(n_subjects)),
            "ceiling": lower,
            "ceiling_upper": upper,
            "score": unceiled if formula is None else ceiled(unceiled, lower, formula),
        },
        coords={
            "split": np.arange(len(values)),
            "subject": benchmark.subject.astype(object),
            "region": benchmark.region,
        },
        attrs={
            "benchmark": benchmark.name,
            "origin": benchmark.origin,
            "metric": metric.model_dump_json(),
            "ceiling_formula": formula or "none",
            "n_stimuli": n,
            "protocol": protocol,
        },
    )


def _agreements(ours: Floats, benchmark: RdmBenchmark, metric: Rsa, rows: Indices) -> Floats:
    """Return how well dissimilarities (n, n) agree with every subject's, shape (s,)."""
    mine = upper_triangle(ours, rows)
    theirs = benchmark.vectors(rows)
    return np.array([compare_dissimilarities(mine, one, metric.comparison) for one in theirs])


def _units(here: xr.DataArray) -> NDArray[Any]:
    """Return whose every RDM is: the subject, or the session of a single subject."""
    for name in ("subject", "session"):
        if name in here.coords:
            labels = here[name].to_numpy().astype(str)
            if len(set(labels.tolist())) > 1:
                return np.asarray(labels)
    alone = str(here["subject"].to_numpy()[0]) if "subject" in here.coords else ""
    return np.full(here.sizes["rdm"], alone)
