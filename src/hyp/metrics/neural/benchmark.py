"""A recording of one region, ready to be scored: mean responses, splits and halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Gram
from hyp.metrics.neural.assembly import (
    SIMULATED,
    average_repetitions,
    leave_out_incomplete,
    mean_by_group,
    select_region,
    stimulus_codes,
)
from hyp.metrics.neural.splits import half_splits, half_trials
from hyp.metrics.pairs import sub_gram


@dataclass(frozen=True)
class PublicBenchmark:
    """What Brain-Score fixes of a public benchmark.

    Attributes
    ----------
    assembly, region : str
        Brain-Score's names.
    stratify : str
        Coordinate that the splits are stratified by.
    window : (float, float)
        Milliseconds after stimulus onset that are averaged.
    visual_degrees : int
        Width of the stimuli in the visual field.
    n_stimuli, n_neuroids : int
        Sizes of the public assembly.
    """

    assembly: str
    region: str
    stratify: str
    window: tuple[float, float]
    visual_degrees: int
    n_stimuli: int
    n_neuroids: int


PUBLIC_BENCHMARKS = {
    "FreemanZiemba2013public.V1-pls": PublicBenchmark(
        "FreemanZiemba2013.public", "V1", "texture_type", (50, 200), 4, 135, 102
    ),
    "FreemanZiemba2013public.V2-pls": PublicBenchmark(
        "FreemanZiemba2013.public", "V2", "texture_type", (50, 200), 4, 135, 103
    ),
    "MajajHong2015public.V4-pls": PublicBenchmark(
        "MajajHong2015.public", "V4", "object_name", (70, 170), 8, 3200, 88
    ),
    "MajajHong2015public.IT-pls": PublicBenchmark(
        "MajajHong2015.public", "IT", "object_name", (70, 170), 8, 3200, 168
    ),
}
"""The paper's four neural benchmarks (Freeman et al. 2013; Majaj et al. 2015)."""


@dataclass(frozen=True, eq=False)
class NeuralBenchmark:
    """The responses of one region to n stimuli.

    Attributes
    ----------
    name, region : str
        What it is called, and the region recorded.
    origin : str
        ``recorded``, or ``simulated``: scores carry it along.
    responses : ndarray of shape (n, m), float64
        Responses averaged over repetitions.
    stimulus_id : ndarray of str, shape (n,)
        The stimuli, in the order of the rows.
    neuroid_id : ndarray of str, shape (m,)
        The neuroids, in the order of the columns.
    strata : ndarray of shape (n,) or None
        Category of every stimulus, by which splits are stratified.
    halves : tuple of (first, second)
        Mean responses (n, m) over random halves of the repetitions; empty where there is
        one repetition only, so that no ceiling can be estimated. They are NaN where a neuroid
        responded to a stimulus once only.
    """

    name: str
    region: str
    origin: str
    responses: Floats
    stimulus_id: NDArray[Any]
    neuroid_id: NDArray[Any]
    strata: NDArray[Any] | None
    halves: tuple[tuple[Floats, Floats], ...]

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return len(self.responses)

    @property
    def simulated(self) -> bool:
        """Whether nobody recorded it."""
        return self.origin == SIMULATED


def neural_benchmark(
    assembly: xr.DataArray,
    region: str,
    *,
    name: str = "",
    stratify: str | None = None,
    window: tuple[float, float] | None = None,
    incomplete: Literal["refuse", "stimuli", "neuroids"] = "refuse",
) -> NeuralBenchmark:
    """Prepare the responses of one region for scoring.

    Parameters
    ----------
    assembly : DataArray
        As `read_assembly` returns it, with all repetitions. Where splits have to equal
        Brain-Score's, sort it with `sort_like_brainscore` first.
    region : str
        One of its regions.
    name : str
        Name of the benchmark; by default the assembly's ``identifier`` and the region.
    stratify : str, optional
        Coordinate along ``presentation`` that the splits are stratified by.
    window : (float, float), optional
        Milliseconds to average, where there are several time bins.
    incomplete : {"refuse", "stimuli", "neuroids"}
        Where a neuroid has no response to a stimulus at all: leave out such stimuli, or such
        neuroids.

    Raises
    ------
    HypError
        If the region, the coordinate or the window does not exist, the coordinate is
        missing for a stimulus, a mean response is NaN, or a neuroid responds alike to all
        stimuli.
    """
    trials = select_region(assembly, region, window=window)
    if incomplete != "refuse":
        trials = leave_out_incomplete(trials, incomplete)
    mean = average_repetitions(trials)
    responses = mean.to_numpy().astype(np.float64)
    origin = str(assembly.attrs.get("origin", "recorded"))
    benchmark = name or f"{assembly.attrs.get('identifier', 'assembly')}.{region}"
    if origin == SIMULATED and not benchmark.startswith(SIMULATED):
        benchmark = f"{SIMULATED}-{benchmark}"
    _refuse_constant(responses, mean["neuroid_id"].to_numpy())
    return NeuralBenchmark(
        name=benchmark,
        region=region,
        origin=origin,
        responses=responses,
        stimulus_id=mean["stimulus_id"].to_numpy().astype(str),
        neuroid_id=mean["neuroid_id"].to_numpy().astype(str),
        strata=_strata(trials, mean, stratify),
        halves=_halves(trials),
    )


def align_gram(gram: Gram, stimulus_ids: Sequence[str], benchmark: NeuralBenchmark) -> Gram:
    """Bring the rows of a Gram matrix into the benchmark's order of stimuli.

    Parameters
    ----------
    gram : Gram
        Of a layer's activations.
    stimulus_ids : sequence of str
        The stimulus of every row; further stimuli are left out.
    benchmark : NeuralBenchmark

    Raises
    ------
    HypError
        If the model has not seen all stimuli of the benchmark, or two rows have the name of one.
    """
    names = [str(name) for name in stimulus_ids]
    place = {name: row for row, name in enumerate(names)}
    wanted = set(benchmark.stimulus_id.tolist())
    twice = next((n for row, n in enumerate(names) if n in wanted and place[n] != row), None)
    if twice is not None:
        raise HypError(
            f"{names.count(twice)} rows of the layer are called {twice}; give every stimulus a "
            "name of its own, such as its path."
        )
    missing = [name for name in benchmark.stimulus_id if name not in place]
    if missing:
        raise HypError(
            f"the model has not seen {len(missing)} of the {benchmark.n_stimuli} stimuli of "
            f"{benchmark.name}, among them {missing[0]}; extract its activations to all of them."
        )
    return sub_gram(gram, np.array([place[name] for name in benchmark.stimulus_id], dtype=np.intp))


def _refuse_constant(responses: Floats, neuroids: NDArray[Any]) -> None:
    flat = np.flatnonzero(np.ptp(responses, axis=0) == 0)
    if flat.size:
        raise HypError(
            f"{flat.size} of {len(neuroids)} neuroids, the first {neuroids[flat[0]]}, respond "
            "alike to all stimuli; leave them out (drop_constant_neuroids)."
        )


def _strata(trials: xr.DataArray, mean: xr.DataArray, stratify: str | None) -> NDArray[Any] | None:
    if stratify is None:
        return None
    names = [str(n) for n, coord in trials.coords.items() if coord.dims == ("presentation",)]
    if stratify not in names:
        raise HypError(
            f"the assembly has no coordinate {stratify!r} to stratify by; along presentation it "
            f"has {', '.join(sorted(names))}."
        )
    if stratify not in mean.coords:
        raise HypError(
            f"coordinate {stratify!r} differs between presentations of one stimulus, so splits "
            "cannot be stratified by it; name one that describes the stimuli."
        )
    labels: NDArray[Any] = mean[stratify].to_numpy()
    empty = sum(label is None or label != label for label in labels.tolist())
    if empty:
        raise HypError(
            f"coordinate {stratify!r} is missing for {empty} of {len(labels)} stimuli; fill it in "
            "or stratify by another."
        )
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def _halves(trials: xr.DataArray) -> tuple[tuple[Floats, Floats], ...]:
    if "repetition" not in trials.coords:
        return ()
    repetitions = trials["repetition"].to_numpy()
    if len(np.unique(repetitions)) < 2:
        return ()
    values = trials.to_numpy()
    codes, first = stimulus_codes(trials)
    halves = [
        tuple(mean_by_group(values[half], codes[half], len(first)) for half in pair)
        for pair in half_splits(repetitions)
    ]
    if any(np.isnan(half).any() for pair in halves for half in pair):
        halves = [
            tuple(mean_by_group(np.where(half, values, np.nan), codes, len(first)) for half in pair)
            for pair in half_trials(np.isfinite(values), codes)
        ]
    return tuple((one, two) for one, two in halves)
