"""How long a stage will take, from what its steps took before."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from hyp.store import Record, Step, Store

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan

_REFERENCE_SIZE = 64
_REFERENCE_STIMULI = 800
_REFERENCE_BACKBONE = "resnet18"
_REFERENCE_SECONDS = {
    "datasets": 0.0025,
    "models": 0.0225,
    "activations": 7.0,
    "grams": 2.2,
    "scores": 17.0,
    "recordings": 10.0,
    "alignments": 20.0,
    "similarities": 5.0,
    "results": 5.0,
}
"""Seconds a unit of work (see `_work`) on the reference machine: one core of an Intel
Xeon at 2.5 GHz without AMX, both cores busy, at 64 px with 800 stimuli and ResNet-18;
medians of the laptop profile's run of 2026-11-21."""


class Expected(NamedTuple):
    """Seconds one core needs; `measured` in this store, or scaled from the reference."""

    seconds: float | None
    measured: bool


def expected_seconds(plan: Plan, kind: str, pending: list[Step], store: Store | None) -> Expected:
    """Return what one core needs for a stage's missing steps.

    From the steps of the same kind and image size in the store: the median of seconds
    per unit of work. Where there are none, scaled from a reference machine by the number
    of pixels and stimuli; None for a backbone, or a way of decoding, that was not measured there.
    """
    missing = [step for step in pending if step.kind == kind]
    work = sum(_work(kind, step.spec) for step in missing)
    if not missing:
        return Expected(0.0, True)
    size = plan.profile.input_size or plan.profile.image_size
    rates = [
        record.seconds / _work(kind, record.spec)
        for record in (store.records(kind) if store else [])
        if _comparable(record, size) and _work(kind, record.spec) > 0
    ]
    if rates:
        return Expected(median(rates) * work, True)
    projected = kind == "scores" and plan.profile.published_features == "projected"
    if projected or plan.profile.backbone != _REFERENCE_BACKBONE:
        return Expected(None, False)
    return Expected(_REFERENCE_SECONDS[kind] * work * _scale(plan, kind, size), False)


def _scale(plan: Plan, kind: str, size: int) -> float:
    """How much larger a unit of work is than on the reference."""
    pixels = (size / _REFERENCE_SIZE) ** 2
    stimuli = plan.profile.n_stimuli / _REFERENCE_STIMULI
    scales = {
        "datasets": (plan.profile.image_size / _REFERENCE_SIZE) ** 2,
        "models": pixels,
        "activations": pixels * stimuli,
        "grams": pixels * stimuli**2,
        "scores": stimuli**3,
    }
    return scales.get(kind, 1.0)


def _comparable(record: Record, size: int) -> bool:
    source = record.spec.get("source")
    return source is None or source["image_size"] == size


def _work(kind: str, spec: Mapping[str, Any]) -> float:
    if kind == "datasets":
        return float(spec["n_images"])
    if kind == "models":
        return float(spec["n_batches"] * spec["batch_size"])
    return 1.0
