"""Steps that hypotheses of one size share: datasets, networks, activations, Gram matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from hyp.datasets.designs import Design
from hyp.datasets.sources import ENGINE, Source, open_source, part_of, places
from hyp.datasets.specs import DatasetSpec
from hyp.hypotheses.profile import PIXELS, Profile
from hyp.models.hardware import Ask, Numerics, Wanted, suits_here
from hyp.models.specs import ExtractSpec, TrainSpec
from hyp.store import Step

_T = TypeVar("_T")

VERSIONS = {
    "datasets": 1,
    "models": 1,
    "activations": 1,
    "grams": 1,
    "scores": 1,
    "snapshots": 1,
    "recordings": 1,
    "alignments": 2,
    "choices": 1,
    "consistencies": 1,
    "official": 1,
    "similarities": 1,
    "results": 4,
}
"""Counted up by hand when the code of a kind of step changes its result."""

SCORES = "scores.parquet"
"""The table that a step which scores networks leaves."""

END = "end"
"""Stands in roles for the last checkpoint of a network."""

STAGES = (
    *("datasets", "recordings", "choices", "models", "activations", "grams"),
    *("scores", "snapshots", "alignments", "consistencies", "official", "similarities", "results"),
)
"""Kinds of steps in the order data flows."""


@dataclass
class SharedSteps:
    """Makes the steps that do not depend on what is asked of the networks.

    Two hypotheses that need the same dataset, network or activations get equal steps, and
    so share what is stored. `ask` says what suits the machine that will compute.
    """

    profile: Profile
    ask: Ask = field(default=suits_here, kw_only=True)

    @cached_property
    def source(self) -> Source:
        """Where the images come from."""
        text = self.profile.source
        own = {"supersample": self.profile.supersample} if text.partition(":")[0] == ENGINE else {}
        return open_source(text, image_size=self.profile.image_size, **own)

    @cached_property
    def world(self) -> Design:
        """The design that every dataset stays within."""
        return Design.parse(self.profile.world)

    @cached_property
    def numerics(self) -> Numerics:
        """Precision, memory layout and device of training and extraction."""
        wanted = wanted_numerics(self.profile)
        declared = "auto" not in (wanted.device, wanted.precision)
        return (suits_here if declared else self.ask)(wanted)

    @cached_property
    def hardware(self) -> dict[str, Any]:
        """Numerics and threads, as specs have them."""
        return {**self.numerics._asdict(), "threads": self.profile.threads}

    @cached_property
    def stimuli(self) -> Step:
        """The images that every network is tested with."""
        spec = DatasetSpec(
            source=part_of(self.source, "stimuli"),
            design=self.world,
            seed=self.profile.data_seed + 1,
            n_images=self.profile.n_stimuli,
            n_val=0,
        )
        return dataset_step(spec, "stimuli")

    def images(self, design: str, label: str, *, share: float = 1.0) -> Step:
        """Return the training images of a design; `share` takes the first of them."""
        n_images, n_val = self.profile.n_images, self.profile.n_val
        spec = DatasetSpec(
            source=part_of(self.source, "train"),
            design=Design.parse(design).within(self.world),
            seed=self.profile.data_seed,
            n_images=n_images if share == 1.0 else n_val + round(share * (n_images - n_val)),
            n_val=n_val,
            online=self.profile.online,
            device=self.numerics.device if self._renders_online else "cpu",
        )
        return dataset_step(spec, label)

    @property
    def _renders_online(self) -> bool:
        return self.profile.online and self.source.kind == ENGINE

    def network(self, objective: str, images: Step, seed: int, label: str) -> Step:
        """Return the step that trains a network."""
        spec = TrainSpec(
            objective=objective,
            backbone=self.profile.backbone,
            seed=seed,
            n_batches=self.profile.n_batches,
            batch_size=self.profile.batch_size,
            learning_rate=self.profile.learning_rate,
            schedule=self.profile.schedule,
            snapshots=self.profile.kept_snapshots,
            input_size=self.profile.input_size,
            evaluate_every=self.profile.evaluate_every,
            **self.hardware,
        )
        return step("models", spec.model_dump(mode="json"), {"dataset": images}, label)

    def untrained(self, objective: str, images: Step, seed: int) -> Step:
        """Return the step that makes a network's initial weights."""
        spec = TrainSpec(
            objective=objective,
            backbone=self.profile.backbone,
            seed=seed,
            n_batches=0,
            input_size=self.profile.input_size,
            **self.hardware,
        )
        label = f"untrained, seed {seed}"
        return step("models", spec.model_dump(mode="json"), {"dataset": images}, label)

    def activations(self, model: Step | None) -> Step:
        """Return the step that keeps a network's responses to the stimuli, or the pixels."""
        spec = ExtractSpec(layers=self.profile.layers if model else (PIXELS,), **self.hardware)
        inputs = {"stimuli": self.stimuli} | ({"model": model} if model else {})
        label = model.label if model else PIXELS
        return step("activations", spec.model_dump(mode="json"), inputs, label)

    def grams(self, activations: Step, *, whole: bool = False) -> Step:
        """Return the step that makes Gram matrices; `whole` keeps untrained output units."""
        inputs = {"activations": activations, **activations.inputs}
        spec: dict[str, Any] = {"threads": self.profile.threads}
        if whole:
            spec["whole"] = True
        return step("grams", spec, inputs, activations.label)


def of_kind(inputs: Mapping[str, _T], kind: str) -> dict[tuple[str, ...], _T]:
    """Return the inputs of a kind, by the rest of their role: ``model:full:3`` is full, 3."""
    found = {}
    for role, value in inputs.items():
        name, *place = role.split(":")
        if name == kind:
            found[tuple(place)] = value
    return found


def wanted_numerics(profile: Profile) -> Wanted:
    """Return what a profile says of numerics."""
    size = profile.input_size or profile.image_size
    return Wanted(profile.backbone, size, profile.device_kind, profile.precision)


def dataset_step(spec: DatasetSpec, label: str) -> Step:
    """Return the step that makes a dataset."""
    return Step(
        "datasets",
        spec.model_dump(mode="json"),
        version=VERSIONS["datasets"],
        label=label,
        places=places(spec.source),
    )


def step(kind: str, spec: dict[str, Any], inputs: dict[str, Step], label: str) -> Step:
    """Return a step with the version of its kind."""
    return Step(kind, spec, inputs, VERSIONS[kind], label)
