"""Write ``behaviour_reference.json``: what Brain-Score's readout and i2n give for the observers.

Run it with the Python of Brain-Score's environment::

    ENVIRONMENT/bin/python tests/metrics/make_behaviour_reference.py
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from behaviour_synthetic import FITTED_EACH, IMAGES_EACH, features, labels, observers
from brainscore_core.supported_data_standards.brainio.assemblies import (
    BehavioralAssembly,
    NeuroidAssembly,
)
from brainscore_vision.metrics.i1i2.metric import I2n
from brainscore_vision.model_helpers.brain_transformation.behavior import ProbabilitiesMapping

REFERENCE = Path(__file__).with_name("behaviour_reference.json")


def responses(seed: int, each: int) -> NeuroidAssembly:
    """Features as an assembly."""
    shown = labels(each)
    values = features(seed, shown)
    names = [f"image{number:02d}" for number in range(len(shown))]
    return NeuroidAssembly(
        values,
        coords={
            "stimulus_id": ("presentation", names),
            "image_label": ("presentation", shown),
            "neuroid_id": ("neuroid", np.arange(values.shape[1])),
            "layer": ("neuroid", ["avgpool"] * values.shape[1]),
        },
        dims=["presentation", "neuroid"],
    )


def main() -> None:
    """Write the file."""
    fitted, shown = responses(5, FITTED_EACH), responses(6, IMAGES_EACH)
    readout = ProbabilitiesMapping.ProbabilitiesClassifier()
    readout.fit(fitted, fitted["image_label"])
    probabilities = readout.predict_proba(shown)
    trials = observers()
    coords = {
        name: ("presentation", trials[name].to_numpy())
        for name in ("stimulus_id", "sample_obj", "dist_obj")
    }
    coords["truth"] = ("presentation", trials["sample_obj"].to_numpy())
    target = BehavioralAssembly(trials["choice"].to_numpy(), coords=coords, dims=["presentation"])
    metric = I2n()
    ceiling = metric.ceiling(target, skipna=True)
    raw = metric(probabilities.copy(), target)
    per_split = raw.raw.values / np.sqrt(ceiling.raw.values)
    found = {
        "version": version("brainscore-vision"),
        "choice": [str(name) for name in probabilities["choice"].values],
        "probabilities": np.round(probabilities.values, 9).tolist(),
        "raw": raw.raw.values.tolist(),
        "ceiling": ceiling.raw.values.tolist(),
        "score": float(per_split.mean()),
        "error": float(per_split.std()),
    }
    REFERENCE.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
