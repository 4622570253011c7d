"""A synthetic assembly in the layout of MajajHong2015.public, and what scored it.

Runs under any numpy (``RandomState`` never changes its stream), so that hyp's own
environment and Brain-Score's make the same numbers::

    from brainscore_synthetic import CASES, make_case
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

OBJECTS = ("bear", "elephant", "face", "apple", "car", "chair", "plane", "turtle")


@dataclass(frozen=True)
class Case:
    """How a synthetic recording is drawn."""

    seed: int = 0
    n_stimuli: int = 320
    n_neuroids: int = 60
    n_repetitions: int = 5
    n_features: int = 400
    n_latents: int = 12
    noise: float = 1.5
    feature_noise: float = 0.3
    feature_dtype: str = "float64"
    uneven: bool = False
    missing: float = 0.0  # share of stimuli that lack one repetition
    nan: float = 0.0  # share of (stimulus, neuroid) whose response is NaN once
    constant_neuroids: int = 0
    object_first: bool = False  # the object is the first coordinate, so it decides the order


@dataclass(frozen=True)
class Recording:
    """Features in stimulus order; responses in presentation order (shuffled)."""

    features: NDArray[np.floating]  # (stimulus, feature)
    stimulus_id: NDArray[np.str_]  # (stimulus,)
    object_name: NDArray[np.str_]  # (stimulus,)
    responses: NDArray[np.float64]  # (presentation, neuroid)
    presentation_stimulus: NDArray[np.int64]  # (presentation,) row of `stimulus_id`
    repetition: NDArray[np.int64]  # (presentation,)
    neuroid_id: NDArray[np.str_]  # (neuroid,)
    animal: NDArray[np.str_]  # (neuroid,)


CASES = {
    "base": Case(),
    "float32": Case(feature_dtype="float32"),
    "few_features": Case(seed=1, n_features=30, n_stimuli=200, n_neuroids=20),
    "wide": Case(seed=2, n_features=3000, n_stimuli=200, n_neuroids=30),
    "uneven_objects": Case(seed=3, n_stimuli=211, n_neuroids=25, uneven=True),
    "missing_repetitions": Case(seed=4, n_stimuli=160, n_neuroids=20, n_repetitions=6, missing=0.3),
    "nan_responses": Case(seed=8, n_stimuli=160, n_neuroids=20, n_repetitions=6, nan=0.1),
    "constant_neuroid": Case(seed=5, n_stimuli=160, n_neuroids=20, constant_neuroids=2),
    "object_first": Case(seed=9, n_stimuli=160, n_neuroids=20, object_first=True),
    "one_neuroid": Case(seed=6, n_stimuli=160, n_neuroids=1),
    "converges_early": Case(
        seed=7, n_stimuli=160, n_neuroids=10, n_features=60, n_latents=5, feature_noise=0.0
    ),
}


def make_case(case: Case) -> Recording:
    """Draw a recording: latents give features (through tanh) and noisy linear responses."""
    random = np.random.RandomState(case.seed)
    n = case.n_stimuli
    if case.uneven:
        chances = np.arange(4, 4 + len(OBJECTS)) / np.arange(4, 4 + len(OBJECTS)).sum()
        objects = random.choice(len(OBJECTS), size=n, p=chances)
    else:
        objects = np.arange(n) % len(OBJECTS)
    latents = random.standard_normal((n, case.n_latents))
    latents += random.standard_normal((len(OBJECTS), case.n_latents))[objects]
    weights = random.standard_normal((case.n_latents, case.n_features)) / case.n_latents**0.5
    features = np.tanh(latents @ weights)
    features += case.feature_noise * random.standard_normal((n, case.n_features))
    tuning = random.standard_normal((case.n_latents, case.n_neuroids)) / case.n_latents**0.5
    signal = latents @ tuning + random.standard_normal(case.n_neuroids)
    signal[:, : case.constant_neuroids] = 1.0
    stimulus = np.tile(np.arange(n), case.n_repetitions)
    repetition = np.repeat(np.arange(case.n_repetitions), n)
    noise = case.noise * random.standard_normal((len(stimulus), case.n_neuroids))
    noise[:, : case.constant_neuroids] = 0.0
    responses = signal[stimulus] + noise
    absent = random.randint(case.n_repetitions, size=(n, case.n_neuroids))
    absent[random.uniform(size=absent.shape) >= case.nan] = -1
    responses[absent[stimulus] == repetition[:, None]] = np.nan
    lost = random.randint(case.n_repetitions, size=n)
    lost[random.uniform(size=n) >= case.missing] = -1
    order = random.permutation(len(stimulus))
    keep = order[(lost[stimulus] != repetition)[order]]
    ids = np.array([f"{value:08x}" for value in random.permutation(2**20)[:n] * 4093])
    arrays = sorted(
        f"{array}_{index:03d}"
        for index, array in enumerate(
            random.choice(["Chabo_L_M", "Tito_L_P", "Tito_L_M"], size=case.n_neuroids)
        )
    )
    return Recording(
        features=features.astype(case.feature_dtype),
        stimulus_id=ids,
        object_name=np.array(OBJECTS)[objects],
        responses=responses[keep],
        presentation_stimulus=stimulus[keep],
        repetition=repetition[keep],
        neuroid_id=np.array(arrays),
        animal=np.array([name.split("_")[0] for name in arrays]),
    )


def as_assembly(recording: Recording, case: Case, region: str = "IT") -> xr.DataArray:
    """Label the responses as an assembly: dims (presentation, neuroid)."""
    rows = recording.presentation_stimulus
    stimuli = {"stimulus_id": recording.stimulus_id, "object_name": recording.object_name}
    names = sorted(stimuli) if case.object_first else sorted(stimuli, reverse=True)
    return xr.DataArray(
        recording.responses,
        dims=("presentation", "neuroid"),
        coords={
            **{name: ("presentation", stimuli[name][rows]) for name in names},
            "repetition": ("presentation", recording.repetition),
            "neuroid_id": ("neuroid", recording.neuroid_id),
            "region": ("neuroid", np.full(len(recording.neuroid_id), region)),
            "animal": ("neuroid", recording.animal),
        },
    )
