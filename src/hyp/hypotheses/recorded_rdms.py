"""Recordings as dissimilarities in a store: what is scored, and the scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from hyp.datasets.dataset import Dataset
from hyp.errors import HypError
from hyp.hypotheses.aligning import SUBJECTS, AlignmentSpec, RecordingSpec
from hyp.hypotheses.shown_images import shown_grams
from hyp.hypotheses.steps import SCORES
from hyp.metrics.gram import Gram
from hyp.metrics.neural import (
    RdmBenchmark,
    rdm_benchmark,
    rdm_ceilings,
    regions,
    score_rdms,
    subjects,
)
from hyp.metrics.neural.ceilings import ceiled
from hyp.metrics.neural.specs import NeuralMetric, Rsa
from hyp.store.plain_zarr import write_zarr

UNCEILED = "none: one RDM, scored unceiled"
_NUMBERS = ("score", "unceiled", "error", "ceiling", "ceiling_upper")


def rdm_benchmarks(recording: RecordingSpec, rdms: xr.DataArray) -> list[RdmBenchmark]:
    """Prepare every region of a recording of dissimilarities.

    Raises
    ------
    HypError
        As `hyp.metrics.neural.rdm_benchmark`, or if something is declared that dissimilarities
        do not have.
    """
    declared = {
        "time window": recording.window,
        "strata": recording.stratify,
        "neuroids to leave out": "neuroids" in recording.leave_out,
    }
    for what, said in declared.items():
        if said:
            raise HypError(
                f"{recording.name} holds dissimilarities, which have no {what}; leave it out."
            )
    return [
        rdm_benchmark(
            rdms,
            region,
            name=f"{recording.name}.{region}",
            leave_out_stimuli="stimuli" in recording.leave_out,
        )
        for region in regions(rdms)
    ]


def describe_rdms(benchmarks: list[RdmBenchmark], n_stimuli: int) -> pd.DataFrame:
    """Say what of dissimilarities is scored, a row a region and subject (or session of one).

    Parameters
    ----------
    benchmarks : list of RdmBenchmark
        As `rdm_benchmarks` returns them.
    n_stimuli : int
        How many stimuli there are.

    Returns
    -------
    DataFrame
        As `hyp.hypotheses.recordings.describe_recording`, and ``lower`` and ``upper``, the noise
        ceilings by Spearman correlation.
    """
    rows = []
    for benchmark in benchmarks:
        n = benchmark.n_stimuli
        bounds = np.full((2, len(benchmark.subject)), np.nan)
        if benchmark.ceiled:
            bounds = np.array(rdm_ceilings(benchmark.vectors(np.arange(n))))
        for subject, count, lower, upper in zip(
            benchmark.subject, benchmark.n_averaged, *bounds, strict=True
        ):
            said = f"{lower:.3f} to {upper:.3f}" if benchmark.ceiled else UNCEILED
            rows.append(
                {
                    "region": benchmark.region,
                    "subject": str(subject),
                    "rdms": int(count),
                    "of_rdms": int(count),
                    "stimuli": n,
                    "of_stimuli": n_stimuli,
                    "lower": lower,
                    "upper": upper,
                    "ceiling": said,
                }
            )
    return pd.DataFrame(rows)


def require_rsa(recording: str, metric: NeuralMetric) -> Rsa:
    """Return a metric if it is RSA, the only one that dissimilarities can be scored by.

    Raises
    ------
    HypError
        If it is another one.
    """
    if not isinstance(metric, Rsa):
        raise HypError(
            f"{recording} holds dissimilarities, which {metric.kind} cannot be computed from; use "
            "the metric rsa (neural_metric=rsa)."
        )
    return metric


def score_dissimilarities(
    spec: AlignmentSpec,
    recording: RecordingSpec,
    rdms: xr.DataArray,
    grams: Mapping[str, Gram],
    stimuli: Dataset,
    folder: Path,
) -> None:
    """Score a network against dissimilarities; writes what `score_regions` does.

    Subjects are always compared by themselves, and ``scores.parquet`` has the means over them and
    ``ceiling_upper`` beside ``ceiling``, the lower one; ``subjects.parquet`` has every subject's.

    Raises
    ------
    HypError
        If the metric is not RSA, or subjects are to be pooled.
    """
    metric = require_rsa(recording.name, spec.metric)
    if spec.subjects == "pooled" and len(subjects(rdms)) > 1:
        raise HypError(
            f"the dissimilarities of {recording.name} are of several subjects, which are compared "
            "one by one; score them with subjects each."
        )
    rows, alone = [], []
    for benchmark in rdm_benchmarks(recording, rdms):
        scored = score_rdms(
            shown_grams(grams, benchmark.stimulus_id.tolist(), stimuli, benchmark.name),
            benchmark,
            metric,
            protocol=spec.protocol,
            formula=spec.formula,
        )
        write_zarr(scored, folder / benchmark.region)
        formula = scored.attrs["ceiling_formula"]
        layers, counts = np.unique(scored["layer"].to_numpy().astype(str), return_counts=True)
        shared = {
            "region": benchmark.region,
            "benchmark": benchmark.name,
            "origin": benchmark.origin,
            "layer": str(layers[counts.argmax()]),
            "formula": str(formula),
        }
        rows.append(shared | {name: float(scored[name]) for name in _NUMBERS})
        for subject, r, lower, upper in zip(
            benchmark.subject,
            scored["raw"].mean("split").to_numpy(),
            scored["lower"].to_numpy(),
            scored["upper"].to_numpy(),
            strict=True,
        ):
            score = r if formula == "none" else np.nan if lower <= 0 else ceiled(r, lower, formula)
            numbers = dict(zip(_NUMBERS, (score, r, np.nan, lower, upper), strict=True))
            alone.append({"subject": str(subject), **shared, **numbers})
    pd.DataFrame(alone).to_parquet(folder / SUBJECTS, index=False)
    pd.DataFrame(rows).to_parquet(folder / SCORES, index=False)
