"""What a run takes: hours by stage on so many workers, disk, and memory of a worker."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

from hyp.hypotheses.profile import PIXELS
from hyp.hypotheses.steps import STAGES
from hyp.hypotheses.timing import expected_seconds
from hyp.store import Record, Step, Store

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan

_FLOAT = 4
_HEAVY = ("models", "activations", "grams", "scores", "snapshots")
_LIBRARIES_BYTES = 1.25e9
"""Of a worker that has imported torch and the rest: 0.96 to 1.29 GB resident at sizes where
nothing else counts (PyTorch for CUDA, on a processor)."""

_TRAINED_COPIES = 4
"""Weights, their gradients, and the two moments of Adam."""

_BLOCK_BYTES = 64 * 2**20
"""Of activations that are read at a time to make a Gram matrix."""

_GRAM_COPIES = 4
"""Of one layer's Gram matrix that decoding holds at a time, beside those of all layers."""


@dataclass(frozen=True)
class StageNeeds:
    """What the missing steps of one kind take.

    Attributes
    ----------
    stage : str
    steps, to_compute : int
    seconds : float or None
        Of one core.
    wall_seconds : float or None
        On the workers, each with one core; steps are not divided.
    measured : bool
        Whether the times are those of this store; else they are scaled from another machine.
    n_bytes : float or None
        On the disk; None where nothing is known (JPEG images, before there are any).
    """

    stage: str
    steps: int
    to_compute: int
    seconds: float | None
    wall_seconds: float | None
    measured: bool
    n_bytes: float | None


@dataclass(frozen=True)
class Needs:
    """What a plan takes.

    Attributes
    ----------
    workers, gpus : int
        Processes of one core each; those with a GPU are not among the workers.
    stages : tuple of StageNeeds
    memory : float or None
        Bytes of a worker, without memory-mapped images, which the system takes back.
    memory_measured : bool
        Whether a worker of this store took so much; else it follows from sizes.
    """

    workers: int
    gpus: int
    stages: tuple[StageNeeds, ...]
    memory: float | None
    memory_measured: bool

    def total(self, name: str) -> float | None:
        """Return the sum of a field over stages; None where one of them is not known."""
        values = [getattr(stage, name) for stage in self.stages]
        return None if None in values else float(sum(values))


def plan_needs(plan: Plan, store: Store | None, workers: int, gpus: int = 0) -> Needs:
    """Return what a plan's missing steps take on a number of workers.

    Parameters
    ----------
    plan : Plan
    store : Store or None
        What is stored is not computed again; its times and sizes count.
    workers : int
        Processes of one core each; none (0) is this process.
    gpus : int
        Processes beside them that have a GPU each, for the steps that take one.
    """
    pending = plan.pending(store)
    every, missing = Counter(s.kind for s in plan.steps), Counter(s.kind for s in pending)
    records = {kind: store.records(kind) if store else [] for kind in STAGES if every[kind]}
    stages = []
    for kind, there in records.items():
        seconds, measured, _ = expected_seconds(plan, kind, pending, store)
        count = missing[kind]
        on_gpu = any(s.kind == kind and s.spec.get("device") == "cuda" for s in pending)
        makers = gpus if gpus and on_gpu else max(workers, 1)
        rounds = math.ceil(count / makers) / count if count else 0.0
        sizes = [_bytes(plan, step, there) for step in pending if step.kind == kind]
        stages.append(
            StageNeeds(
                stage=kind,
                steps=every[kind],
                to_compute=count,
                seconds=seconds,
                wall_seconds=None if seconds is None else seconds * rounds,
                measured=measured,
                n_bytes=_sum(sizes),
            )
        )
    memory, memory_measured = _memory(plan, pending, records)
    return Needs(workers, gpus, tuple(stages), memory, memory_measured)


def _sum(values: Iterable[float | None]) -> float | None:
    found = list(values)
    return None if None in found else float(sum(value for value in found if value is not None))


def _bytes(plan: Plan, step: Step, there: list[Record]) -> float | None:
    """Return how much a step's artifact will take."""
    n = plan.profile.n_stimuli
    if step.kind == "datasets":
        return _dataset_bytes(step.spec, there)
    if step.kind == "models" and "kind" not in step.spec:
        kept = len(set(step.spec["snapshots"]) | {step.spec["n_batches"]})
        return _FLOAT * kept * outlined(step.spec["backbone"], _size(plan)).weights
    if step.kind == "activations":
        itemsize = 2 if step.spec.get("dtype") == "float16" else _FLOAT
        return float(n * itemsize * sum(_units(plan, step)))
    if step.kind == "grams":
        return 8.0 * n * n * len(step.inputs["activations"].spec["layers"])
    return 0.0


def _dataset_bytes(spec: Mapping[str, Any], there: list[Record]) -> float | None:
    from hyp.datasets.specs import DatasetSpec

    dataset = DatasetSpec.model_validate(spec)
    if dataset.source.encoding != "jpeg":
        return float(dataset.n_stored * math.prod(dataset.image_shape))
    rates = [
        sum(record.files.values()) / record.spec["n_images"]
        for record in there
        if record.spec["source"] == spec["source"]
    ]
    return median(rates) * dataset.n_stored if rates else None


def _memory(
    plan: Plan, pending: list[Step], records: Mapping[str, list[Record]]
) -> tuple[float | None, bool]:
    wanted = {_likeness(step.kind, step.spec, _keys(step)) for step in pending}
    wanted = {one for one in wanted if one[0] in _HEAVY}
    peaks: dict[tuple[str, str], int] = {}
    for kind in _HEAVY:
        for record in records.get(kind, []):
            one = _likeness(kind, record.spec, record.inputs)
            peaks[one] = max(peaks.get(one, 0), record.peak_bytes or 0)
    if wanted and all(peaks.get(one) for one in wanted):
        return float(max(peaks[one] for one in wanted)), True
    n = plan.profile.n_stimuli
    needed = [0.0]
    for step in pending:
        if step.kind == "models" and step.spec.get("n_batches"):
            network = outlined(step.spec["backbone"], _size(plan))
            batch = step.spec["batch_size"] * network.outputs
            needed.append(_FLOAT * (_TRAINED_COPIES * network.weights + 2.0 * batch))
        elif step.kind == "grams":
            needed.append(2 * (_BLOCK_BYTES + 8.0 * n * n))
        elif step.kind == "scores":
            layers = len(step.inputs["grams"].inputs["activations"].spec["layers"])
            needed.append(8.0 * n * n * (layers + _GRAM_COPIES))
        elif step.kind == "snapshots":
            responses = 2.0 * _FLOAT * n * sum(_units(plan, step))
            needed.append(responses + 8.0 * n * n * _GRAM_COPIES)
    return _LIBRARIES_BYTES + max(needed), False


def _keys(step: Step) -> dict[str, str]:
    return {role: parent.key for role, parent in step.inputs.items()}


def _likeness(kind: str, spec: Mapping[str, Any], inputs: Mapping[str, str]) -> tuple[str, str]:
    """Return what steps have in common that take the same memory: all but the seed."""
    images = {role: inputs[role] for role in ("stimuli", "dataset") if role in inputs}
    same = {name: value for name, value in spec.items() if name != "seed"}
    return kind, json.dumps([same, images], sort_keys=True)


def _size(plan: Plan) -> int:
    return plan.profile.input_size or plan.profile.image_size


def _units(plan: Plan, step: Step) -> list[int]:
    """Return the number of units of each layer of a step's activations."""
    activations = step.inputs.get("activations", step)
    layers = activations.spec["layers"]
    if PIXELS in layers:
        return [3 * plan.profile.image_size**2]
    model = activations.inputs["model"].spec
    network = outlined(model.get("backbone", plan.profile.backbone), _size(plan))
    return [network.units[layer] for layer in layers if layer in network.units]


@dataclass(frozen=True)
class Outlined:
    """Numbers of weights, of all modules' outputs for one image, and of each module's."""

    weights: int
    outputs: int
    units: Mapping[str, int]


@cache
def outlined(backbone: str, size: int, n_outputs: int = 2) -> Outlined:
    """Measure a network without its numbers: on torch's meta device."""
    import torch

    from hyp.models.backbones import outline

    with torch.device("meta"):
        model = outline(backbone, n_outputs).eval()
        units: dict[str, int] = {}

        def note(name: str) -> Any:
            def hook(module: Any, inputs: Any, output: Any) -> None:
                if isinstance(output, torch.Tensor):
                    units[name] = output[0].numel()

            return hook

        for name, module in model.named_modules():
            module.register_forward_hook(note(name))
        with torch.no_grad():
            model(torch.empty(1, 3, size, size))
    leaves = [name for name, module in model.named_modules() if not list(module.children())]
    weights = sum(value.numel() for value in model.state_dict().values())
    return Outlined(weights, sum(units.get(name, 0) for name in leaves), units)
