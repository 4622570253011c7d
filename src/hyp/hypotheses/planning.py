"""From a declaration to the graph of steps that answers it; computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hyp.hypotheses.declaration import FULL_CONDITION, PIXELS, Hypothesis, Part, Profile
from hyp.hypotheses.shared_steps import PlannedSteps, SharedSteps, step
from hyp.models.hardware import Ask, best_precision
from hyp.stats.attainable import is_testable, untestable_sentence
from hyp.store import Step

UNTRAINED = "untrained"


@dataclass(frozen=True)
class Plan(PlannedSteps[Hypothesis, Profile]):
    """What would be computed for a hypothesis about variability under a profile."""


def make_plan(
    hypothesis: Hypothesis,
    profile_name: str,
    settings: dict[str, str] | None = None,
    *,
    ask: Ask = best_precision,
) -> Plan:
    """Expand a hypothesis under a profile into its graph of steps.

    A design that cannot reach alpha, whatever the data, needs no data: its plan is
    the result step alone, which says so. `ask` chooses device and precision where the
    profile leaves them open.

    Raises
    ------
    HypError
        For an unknown profile, key, latent, layer or an impossible design.
    """
    settings = settings or {}
    profile = hypothesis.profile(profile_name, settings)
    reason = _untestable(hypothesis, profile)
    inputs = {} if reason else _Graph(profile, hypothesis, ask=ask).result_inputs()
    spec = {
        "hypothesis": hypothesis.model_dump(mode="json", exclude={"profiles"}),
        "profile": {"name": profile_name, **profile.model_dump(mode="json")},
        "untestable": reason,
    }
    goal = step("results", spec, inputs, f"{hypothesis.name} ({profile_name})")
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
class _Graph(SharedSteps[Profile]):
    hypothesis: Hypothesis

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
                inputs[f"scores:{UNTRAINED}::{seed}"] = self.scores(self.initial(seed))
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
        """Seeds of a cohort; none is shared between conditions."""
        first = self.hypothesis.first_seed(condition)
        return list(range(first, first + self.profile.n_seeds))

    def dataset(self, condition: str) -> Step:
        declared = self.hypothesis.condition(condition)
        return self.images(declared.design, declared.name)

    def model(self, objective: str, condition: str, seed: int) -> Step:
        label = f"{objective}, {condition}, seed {seed}"
        return self.network(objective, self.dataset(condition), seed, label)

    def initial(self, seed: int) -> Step:
        return self.untrained(self.profile.objectives[0], self.dataset(FULL_CONDITION), seed)

    def scores(self, model: Step | None) -> Step:
        activations = self.activations(model)
        grams = self.grams(activations)
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
        return step("scores", spec, inputs, activations.label)

    def _protocols(self, model: Step | None) -> list[str]:
        """Return the protocols a network's scores are needed under: references are only shown."""
        trained = model is not None and model.spec["n_batches"] > 0
        return ["recommended", "published"] if trained else ["recommended"]
