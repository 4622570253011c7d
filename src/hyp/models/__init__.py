"""Models: objectives, backbones, training and one-pass extraction of activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp._lazy import lazy_names

if TYPE_CHECKING:
    from hyp.models.checkpoints import ModelInfo, load_model
    from hyp.models.extraction import extract, extract_pixels
    from hyp.models.hardware import best_numerics
    from hyp.models.objectives import Objective, fit_objective, head_layout
    from hyp.models.precision import choose_precision
    from hyp.models.pretrained import PretrainedSpec, build_pretrained, resolve_pretrained
    from hyp.models.released import import_cohort, import_weights
    from hyp.models.specs import ExtractSpec, TrainSpec
    from hyp.models.training import train
    from hyp.models.training_run import evaluate
    from hyp.models.trust import trusting

__all__ = [
    "ExtractSpec",
    "ModelInfo",
    "Objective",
    "PretrainedSpec",
    "TrainSpec",
    "best_numerics",
    "build_pretrained",
    "choose_precision",
    "evaluate",
    "extract",
    "extract_pixels",
    "fit_objective",
    "head_layout",
    "import_cohort",
    "import_weights",
    "load_model",
    "resolve_pretrained",
    "train",
    "trusting",
]

_HOMES = {
    "ExtractSpec": "specs",
    "ModelInfo": "checkpoints",
    "Objective": "objectives",
    "PretrainedSpec": "pretrained",
    "TrainSpec": "specs",
    "best_numerics": "hardware",
    "build_pretrained": "pretrained",
    "choose_precision": "precision",
    "evaluate": "training_run",
    "extract": "extraction",
    "extract_pixels": "extraction",
    "fit_objective": "objectives",
    "head_layout": "objectives",
    "import_cohort": "released",
    "import_weights": "released",
    "load_model": "checkpoints",
    "resolve_pretrained": "pretrained",
    "train": "training",
    "trusting": "trust",
}

__getattr__ = lazy_names(__name__, _HOMES)
