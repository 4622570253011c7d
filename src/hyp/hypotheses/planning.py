"""From a declaration to the graph of steps that answers it; computes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hyp.datasets.designs import Design
from hyp.datasets.sources import ENGINE, Source, open_source, part_of, places
from hyp.datasets.specs import DatasetSpec
from hyp.hypotheses.declaration import FULL_CONDITION, Hypothesis, Part, Profile
from hyp.models.hardware import best_precision
from hyp.models.specs import ExtractSpec, TrainSpec
from hyp.stats.attainable import is_testable, untestable_sentence
from hyp.store import Step, Store, in_order

VERSIONS = {
    "datasets": 1,
    "models": 1,
    "activations": 1,
    "grams": 1,
    "scores": 1,
    "results": 1,
}
"""Counted up by hand when the code of a kind of step changes its result."""

STAGES = tuple(VERSIONS)
"""Kinds of steps in the order data flows."""

UNTRAINED = "untrained"
PIXELS = "pixels"
_SEEDS_A_CONDITION = 1000


@dataclass(frozen=True)
class Plan:
    """What would be computed for a hypothesis under a profile.

    Attributes
    ----------
    goal : Step
        The result; everything else is among its inputs, directly or not.
    untestable : str
        Why the design cannot reach alpha, and what would mend it; empty where it can.
    """

    hypothesis: Hypothesis
    profile_name: str
    profile: Profile
    goal: Step
    untestable: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @cached_property
    def steps(self) -> list[Step]:
        """All steps, inputs before what needs them."""
        return in_order([self.goal])

    def pending(self, store: Store | None) -> list[Step]:
        """Return the steps that must run to reach the goal, given what is stored."""
        if store is None:
            return self.steps
        needed: set[Step] = set()

        def visit(step: Step) -> None:
            if step not in needed and not store.has(step):
                needed.add(step)
                for parent in step.inputs.values():
                    visit(parent)

        visit(self.goal)
        return [step for step in self.steps if step in needed]


def make_plan(
    hypothesis: Hypothesis, profile_name: str, settings: dict[str, str] | None = None
) -> Plan:
    """Expand a hypothesis under a profile into its graph of steps.

    A design that cannot reach alpha, whatever the data, needs no data: its plan is
    the result step alone, which says so.

    Raises
    ------
    HypError
        For an unknown profile, key, latent, layer or an impossible design.
    """
    settings = settings or {}
    profile = hypothesis.profile(profile_name, settings)
    reason = _untestable(hypothesis, profile)
    inputs = {} if reason else _Graph(hypothesis, profile).result_inputs()
    spec = {
        "hypothesis": hypothesis.model_dump(mode="json", exclude={"profiles"}),
        "profile": {"name": profile_name, **profile.model_dump(mode="json")},
        "untestable": reason,
    }
    goal = _step("results", spec, inputs, f"{hypothesis.name} ({profile_name})")
    return Plan(hypothesis, profile_name, profile, goal, reason, settings)


def family_sizes(hypothesis: Hypothesis, profile: Profile) -> dict[str, int]:
    """Return the number of comparisons corrected together, by family."""
    sizes: dict[str, int] = {}
    for part, objective in hypothesis.questions(profile):
        family = family_name(profile, part, objective)
        sizes[family] = sizes.get(family, 0) + len(part.latents) * len(profile.layers)
    return sizes


def family_name(profile: Profile, part: Part, objective: str) -> str:
    """Return the family that the comparisons of a question belong to."""
    return "all" if profile.family == "all" else question_name(part, objective)


def question_name(part: Part, objective: str) -> str:
    """Return how a question is called: the non-target and the target."""
    return f"{part.name}, target {objective}"


def _untestable(hypothesis: Hypothesis, profile: Profile) -> str:
    smallest = min(family_sizes(hypothesis, profile).values())
    design = (profile.n_seeds, profile.n_seeds, smallest, profile.alpha)
    if hypothesis.rule.margin is not None and profile.n_seeds > 1:
        return ""
    two_sided = hypothesis.rule.alternative == "two-sided"
    if is_testable(*design, two_sided=two_sided):
        return ""
    return untestable_sentence(*design, two_sided=two_sided)


@dataclass
class _Graph:
    hypothesis: Hypothesis
    profile: Profile

    @cached_property
    def source(self) -> Source:
        text = self.profile.source
        own = {"supersample": self.profile.supersample} if text.partition(":")[0] == ENGINE else {}
        return open_source(text, image_size=self.profile.image_size, **own)

    @cached_property
    def world(self) -> Design:
        return Design.parse(self.profile.world)

    @cached_property
    def hardware(self) -> dict[str, Any]:
        precision, channels_last, device = best_precision(self.profile.device)
        if self.profile.precision != "auto":
            precision = self.profile.precision
        return {
            "precision": precision,
            "channels_last": channels_last,
            "device": device,
            "threads": self.profile.threads,
        }

    def result_inputs(self) -> dict[str, Step]:
        inputs = {"stimuli": self.stimuli}
        for condition in self.conditions():
            inputs[f"dataset:{condition}"] = self.dataset(condition)
        for objective, condition in self.cohorts():
            for seed in self.seeds(condition):
                model = self.model(objective, condition, seed)
                inputs[f"model:{objective}:{condition}:{seed}"] = model
                inputs[f"scores:{objective}:{condition}:{seed}"] = self.scores(model)
        if UNTRAINED in self.profile.references:
            for seed in self.seeds(FULL_CONDITION):
                inputs[f"scores:{UNTRAINED}::{seed}"] = self.scores(self.untrained(seed))
        if PIXELS in self.profile.references:
            inputs[f"scores:{PIXELS}::"] = self.scores(None)
        return inputs

    def conditions(self) -> list[str]:
        parts = [self.hypothesis.part(name) for name in self.profile.parts]
        return list(dict.fromkeys([FULL_CONDITION, *(part.condition for part in parts)]))

    def cohorts(self) -> list[tuple[str, str]]:
        """(objective, condition) of every cohort that is trained, each once."""
        found: dict[tuple[str, str], None] = {}
        for part, objective in self.hypothesis.questions(self.profile):
            found[objective, FULL_CONDITION] = None
            found[objective, part.condition] = None
        return list(found)

    def seeds(self, condition: str) -> list[int]:
        """Seeds of a cohort; none is shared between conditions.

        Networks with one seed start alike and see the images in one order: shared
        seeds would correlate the two groups, which the test takes as independent.
        """
        names = [declared.name for declared in self.hypothesis.conditions]
        first = _SEEDS_A_CONDITION * names.index(condition)
        return list(range(first, first + self.profile.n_seeds))

    def dataset(self, condition: str) -> Step:
        declared = self.hypothesis.condition(condition)
        return self._dataset(
            DatasetSpec(
                source=part_of(self.source, "train"),
                design=Design.parse(declared.design).within(self.world),
                seed=self.profile.data_seed,
                n_images=self.profile.n_images,
                n_val=self.profile.n_val,
                online=self.profile.online,
            ),
            declared.name,
        )

    @cached_property
    def stimuli(self) -> Step:
        spec = DatasetSpec(
            source=part_of(self.source, "stimuli"),
            design=self.world,
            seed=self.profile.data_seed + 1,
            n_images=self.profile.n_stimuli,
            n_val=0,
        )
        return self._dataset(spec, "stimuli")

    def _dataset(self, spec: DatasetSpec, label: str) -> Step:
        spec.design.check(spec.source.latents)
        return Step(
            "datasets",
            spec.model_dump(mode="json"),
            version=VERSIONS["datasets"],
            label=label,
            places=places(spec.source),
        )

    def model(self, objective: str, condition: str, seed: int) -> Step:
        spec = TrainSpec(
            objective=objective,
            backbone=self.profile.backbone,
            seed=seed,
            n_batches=self.profile.n_batches,
            batch_size=self.profile.batch_size,
            learning_rate=self.profile.learning_rate,
            input_size=self.profile.input_size,
            evaluate_every=self.profile.evaluate_every,
            **self.hardware,
        )
        inputs = {"dataset": self.dataset(condition)}
        label = f"{objective}, {condition}, seed {seed}"
        return _step("models", spec.model_dump(mode="json"), inputs, label)

    def untrained(self, seed: int) -> Step:
        spec = TrainSpec(
            objective=self.profile.objectives[0],
            backbone=self.profile.backbone,
            seed=seed,
            n_batches=0,
            input_size=self.profile.input_size,
            **self.hardware,
        )
        inputs = {"dataset": self.dataset(FULL_CONDITION)}
        return _step("models", spec.model_dump(mode="json"), inputs, f"untrained, seed {seed}")

    def scores(self, model: Step | None) -> Step:
        activations = self.activations(model)
        inputs = {"activations": activations, "stimuli": self.stimuli}
        if model is not None:
            inputs["model"] = model
        grams = _step("grams", {"threads": self.profile.threads}, inputs, activations.label)
        latents = {
            latent for name in self.profile.parts for latent in self.hypothesis.part(name).latents
        }
        spec: dict[str, Any] = {
            "latents": sorted(latents),
            "n_folds": self.profile.n_folds,
            "svm_c": self.profile.svm_c,
            "protocols": self._protocols(model),
            "published_features": self.profile.published_features,
            "threads": self.profile.threads,
        }
        inputs = {"grams": grams, "stimuli": self.stimuli}
        if self.profile.published_features == "projected" and "published" in spec["protocols"]:
            inputs["activations"] = activations
            if model is not None:
                inputs["model"] = model
        return _step("scores", spec, inputs, activations.label)

    def _protocols(self, model: Step | None) -> list[str]:
        """Return the protocols a network's scores are needed under: references are only shown."""
        trained = model is not None and model.spec["n_batches"] > 0
        return ["recommended", "published"] if trained else ["recommended"]

    def activations(self, model: Step | None) -> Step:
        layers = self.profile.layers if model is not None else (PIXELS,)
        spec = ExtractSpec(layers=layers, **self.hardware).model_dump(mode="json")
        inputs = {"stimuli": self.stimuli}
        if model is not None:
            inputs["model"] = model
        return _step("activations", spec, inputs, model.label if model else PIXELS)


def _step(kind: str, spec: dict[str, Any], inputs: dict[str, Step], label: str) -> Step:
    return Step(kind, spec, inputs, VERSIONS[kind], label)
