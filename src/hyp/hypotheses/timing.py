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
_REFERENCE_SECONDS = {
    "datasets": 0.0014,
    "scores": 2.8,
    "recordings": 10.0,
    "alignments": 20.0,
    "choices": 10.0,
    "consistencies": 20.0,
    "official": 600.0,
    "similarities": 5.0,
    "results": 5.0,
}
_REFERENCE_BACKBONES = {
    "resnet18": {"models": 0.0225, "activations": 7.0, "grams": 2.2, "snapshots": 9.0},
    "resnet18@16": {"models": 0.0020, "activations": 2.3, "grams": 3.0, "snapshots": 3.0},
}
"""Processor seconds a unit of work (see `_work`) on the reference machine: one core of an Intel
Xeon at 2.5 GHz without AMX, in fp32, at 64 px with 800 stimuli. ResNet-18 from the run of the
profile ``short`` of 2026-11-21, ``resnet18@16`` from steps of the profile ``laptop`` of 2026-11-27;
the network's own include its evaluations."""

_UNKNOWN = "resnet18"
"""Whose times stand in for a backbone that was not measured, where stages are only weighed."""


class Expected(NamedTuple):
    """Seconds one core needs; `measured` in this store, or scaled from the reference.

    `weight` is the same, with another backbone's times where `seconds` is None.
    """

    seconds: float | None
    measured: bool
    weight: float


def expected_seconds(plan: Plan, kind: str, pending: list[Step], store: Store | None) -> Expected:
    """Return what one core needs for a stage's missing steps.

    From the steps of the same kind and image size in the store: the median of seconds
    per unit of work. Where there are none, scaled from a reference machine by the number
    of pixels and stimuli; None for a backbone, or a way of decoding, that was not measured there.
    """
    missing = [step for step in pending if step.kind == kind]
    work = sum(_work(kind, step.spec) for step in missing)
    if not missing:
        return Expected(0.0, True, 0.0)
    size = plan.profile.input_size or plan.profile.image_size
    rates = [
        record.seconds / _work(kind, record.spec)
        for record in (store.records(kind) if store else [])
        if _comparable(record, plan, size) and _work(kind, record.spec) > 0
    ]
    if rates:
        seconds = median(rates) * work
        return Expected(seconds, True, seconds)
    known = _REFERENCE_SECONDS | _REFERENCE_BACKBONES.get(plan.profile.backbone, {})
    guessed = _REFERENCE_BACKBONES[_UNKNOWN] | known
    seconds = guessed[kind] * work * _scale(plan, kind, size)
    projected = kind == "scores" and plan.profile.published_features == "projected"
    return Expected(None if projected or kind not in known else seconds, False, seconds)


def step_seconds(plan: Plan, pending: list[Step], store: Store | None) -> dict[str, float]:
    """Return what one core needs for each missing step, by key: its share of its stage."""
    seconds: dict[str, float] = {}
    for kind in dict.fromkeys(step.kind for step in pending):
        work = {step.key: _work(kind, step.spec) for step in pending if step.kind == kind}
        rate = expected_seconds(plan, kind, pending, store).weight / max(sum(work.values()), 1.0)
        seconds |= {key: rate * own for key, own in work.items()}
    return seconds


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
        "snapshots": stimuli**2,
    }
    return scales.get(kind, 1.0)


def _comparable(record: Record, plan: Plan, size: int) -> bool:
    source, backbone = record.spec.get("source"), plan.profile.backbone
    alike = source is None or source["image_size"] == size
    return bool(alike and record.spec.get("backbone", backbone) == backbone)


def _work(kind: str, spec: Mapping[str, Any]) -> float:
    if kind == "datasets":
        return float(spec["n_images"])
    if kind == "models":
        return float(spec["n_batches"] * spec["batch_size"])
    if kind == "scores":
        return float(len(spec["latents"]) * len(spec["protocols"]))
    if kind == "snapshots":
        return float(len(spec["snapshots"]) * (1 + len(spec["latents"])) / 2)
    return 1.0
