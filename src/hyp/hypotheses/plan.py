"""From a hypothesis to the graph of steps that answers it; computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source, part_of
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError, one_sentence
from hyp.hypotheses.brain_steps import BrainSteps
from hyp.hypotheses.cohort import Asked, Cohort, LeftOut
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.matching import latents_of, matched_questions, refuse_unmatched
from hyp.hypotheses.profile import PIXELS, UNTRAINED, Profile, setting_words
from hyp.hypotheses.questions import PairQuestion, Question
from hyp.hypotheses.scores import ALIGNED, Behaviour, Decoding, NeuralMean
from hyp.hypotheses.steps import END, VERSIONS, dataset_step, step
from hyp.hypotheses.testability import untestable
from hyp.metrics.measures import added_measure
from hyp.models.hardware import Ask, Numerics, keeping, suits_here
from hyp.models.pretrained import resolve_pretrained
from hyp.store import Step, Store, in_order
from hyp.store.runs import KeptNumerics, kept_numerics
from hyp.text import joined


@dataclass(frozen=True)
class Plan:
    """What would be computed for a hypothesis under a profile.

    Attributes
    ----------
    hypothesis : Hypothesis
    profile_name : str
    profile : Profile
        With `settings` applied.
    goal : Step
        The result; everything else is among its inputs, directly or not.
    untestable : str
        Why the design cannot reach alpha, and what would mend it; empty where it can.
    settings : dict of str to str
        What ``--set`` changed.
    """

    hypothesis: Hypothesis
    profile_name: str
    profile: Profile
    goal: Step
    untestable: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What ``hyp run`` takes."""
        return self.hypothesis.name

    @cached_property
    def asked(self) -> Asked:
        """The cohorts and questions that the profile comes to."""
        return self.hypothesis.asked(self.profile)

    def __repr__(self) -> str:
        what = f"{self.name}, profile {self.profile_name}"
        return f"<plan of {what}: {self.untestable or f'{len(self.steps)} steps'}>"

    def _repr_html_(self) -> str:
        from hyp.reports.notebook import as_html
        from hyp.reports.plans import plan_page

        return as_html(plan_page(self, None))

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Declared questions that the profile does not ask, and why."""
        return self.asked.left_out

    @cached_property
    def steps(self) -> list[Step]:
        """All steps, inputs before what needs them."""
        return in_order([self.goal])

    @property
    def numerics(self) -> KeptNumerics | None:
        """What networks are trained and activations extracted with; None without any."""
        specs = (step.spec for step in self.steps if step.kind in ("models", "activations"))
        return next((KeptNumerics.of(spec) for spec in specs if "kind" not in spec), None)

    def pending(self, store: Store | None) -> list[Step]:
        """Return those of `steps` that must run to reach the goal, given what is stored."""
        if store is None:
            return self.steps
        needed = set(store.pending([self.goal]))
        return [step for step in self.steps if step in needed]


def make_plan(
    hypothesis: Hypothesis,
    profile_name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    store: Store | None = None,
    ask: Ask = suits_here,
) -> Plan:
    """Expand a hypothesis under a profile into its graph of steps.

    A design that cannot reach alpha, whatever the data, needs no data: its plan is
    the result step alone, which says so.

    Parameters
    ----------
    hypothesis : Hypothesis
    profile_name : str, optional
        By default the first that is declared.
    settings : mapping
        Fields of the profile that are changed: Python values, or their text as in ``--set``.
    store : Store, optional
        Device and precision, where the profile leaves them open, are those of the run of the
        same settings in this store, if there is one; and recordings may be named that are in it.
    ask : callable
        Chooses them otherwise, by default what suits this machine.

    Raises
    ------
    HypError
        For an unknown profile, field, cohort, latent or layer, too few networks for a
        question, or an impossible design.
    """
    settings = settings or {}
    profile_name = profile_name or next(iter(hypothesis.profiles))
    profile = hypothesis.profile(profile_name, settings)
    if store is not None:
        words = setting_words(settings)
        kept = kept_numerics(store.root, hypothesis.name, profile_name, words)
        if kept is not None:
            ask = keeping(Numerics(**kept.model_dump()), ask)
    reason = untestable(hypothesis, profile)
    with one_sentence():
        inputs = {} if reason else _Graph(profile, hypothesis, ask=ask, store=store).result_inputs()
    spec = {
        "hypothesis": hypothesis.model_dump(mode="json", exclude={"profiles"}),
        "profile": {"name": profile_name, **profile.model_dump(mode="json")},
        "untestable": reason,
    }
    goal = step("results", spec, inputs, f"{hypothesis.name} ({profile_name})")
    return Plan(hypothesis, profile_name, profile, goal, reason, setting_words(settings))


@dataclass
class _Graph(BrainSteps):
    hypothesis: Hypothesis

    @cached_property
    def asked(self) -> Asked:
        return self.hypothesis.asked(self.profile)

    @property
    def questions(self) -> tuple[Question, ...]:
        return self.asked.questions

    def result_inputs(self) -> dict[str, Step]:
        self.refuse_too_few()
        refuse_unmatched(self.hypothesis, self.profile)
        self.refuse_regions_without_recording()
        inputs: dict[str, Step] = {"stimuli": self.stimuli}
        for cohort in self.asked.cohorts:
            for seed in cohort.seeds(self.profile):
                model = self.model(cohort, seed)
                inputs[f"model:{cohort.name}:{seed}"] = model
                if cohort.learns and "dataset" in model.inputs:
                    inputs[f"dataset:{cohort.name}"] = model.inputs["dataset"]
                inputs |= dict(self._scores(cohort, seed, model))
        return inputs | dict(self._references()) | dict(self._similarities())

    def refuse_too_few(self) -> None:
        """Refuse questions that cannot be answered with so few networks, before any is trained.

        Raises
        ------
        HypError
            Naming the question.
        """
        sizes = self.asked.sizes(self.profile)
        for question in self.questions:
            needed = question.too_few(sizes)
            if needed:
                raise HypError(
                    f"the question {question.name!r} needs {needed}; raise n_seeds or leave the "
                    "question out."
                )

    def refuse_regions_without_recording(self) -> None:
        """Refuse a neural mean over regions that no recording has, before anything is trained.

        Raises
        ------
        HypError
            Naming the question and the regions.
        """
        asked = [one for one in self.questions if isinstance(one.scored, NeuralMean)]
        if not asked:
            return
        there = self.regions
        for question in asked:
            assert isinstance(question.scored, NeuralMean)
            missing = [region for region in question.scored.regions if region not in there]
            if missing:
                raise HypError(
                    f"the question {question.name!r} is about the neural mean over "
                    f"{joined(question.scored.regions, 'and')}, but the recordings have no "
                    f"{joined(missing, 'or')}; name recordings that do (--set recording=...), or "
                    "leave the question out."
                )

    def model(self, cohort: Cohort, seed: int) -> Step:
        if cohort.weights:
            return self._pretrained(cohort, seed)
        label = f"{cohort.name}, seed {seed}"
        if cohort.natural:
            return self.network(cohort.objective, self.photographs, seed, label)
        images = self.images(cohort.design, cohort.name, share=cohort.share)
        if not cohort.trained:
            return self.untrained(cohort.objective, images, seed)
        return self.network(cohort.objective, images, seed, label)

    def _pretrained(self, cohort: Cohort, seed: int) -> Step:
        text = cohort.weights[seed - (cohort.first_seed or 0)]
        spec, place = resolve_pretrained(text, objective=cohort.objective)
        return Step(
            "models",
            spec.model_dump(mode="json"),
            version=VERSIONS["models"],
            label=f"{cohort.name}, {text}",
            places={"path": str(place)} if place else {},
        )

    @cached_property
    def photographs(self) -> Step:
        """The natural images that cohorts are trained on."""
        if not self.profile.natural:
            raise HypError(
                "this hypothesis trains networks on natural images; say where they are, for "
                "instance --set natural=imagenet:/data/imagenet, natural=classes:/data/photos, "
                "or natural=cifar10:/data, where torchvision has put CIFAR-10."
            )
        source = part_of(
            open_source(self.profile.natural, image_size=self.profile.image_size), "train"
        )
        n_images = min(self.profile.n_images, source.capacity or self.profile.n_images)
        spec = DatasetSpec(
            source=source,
            design=Design(),
            seed=self.profile.data_seed,
            n_images=n_images,
            n_val=min(self.profile.n_val, n_images // 10),
        )
        return dataset_step(spec, "natural images")

    def _scores(self, cohort: Cohort, seed: int, model: Step) -> Iterator[tuple[str, Step]]:
        mine = [question for question in self.questions if cohort.name in question.about]
        place = f"{cohort.name}:{seed}"
        decoded = [question for question in mine if isinstance(question.scored, Decoding)]
        if decoded:
            pooled = cohort.trained and any(question.pools_folds for question in decoded)
            yield f"decoding:{place}", self._decoding(model, published=pooled)
        yield from self._snapshots(cohort, seed, model)
        yield from self._against_brains(place, mine, model)

    def _against_brains(
        self, place: str, mine: Sequence[Question], model: Step
    ) -> Iterator[tuple[str, Step]]:
        """Yield a network's scores against recordings and observers, at the asked checkpoints."""
        aligned = [question for question in mine if question.scored.kind in ALIGNED]
        judged = [question for question in mine if isinstance(question.scored, Behaviour)]
        yield from self.scored(
            f"{place}:{END}", model, None, aligned=bool(aligned), judged=bool(judged)
        )
        every = [any(one.all_checkpoints for one in asked) for asked in (aligned, judged)]
        for batches in self.profile.kept_snapshots:
            yield from self.scored(
                f"{place}:{batches}", model, batches, aligned=every[0], judged=every[1]
            )

    def _snapshots(self, cohort: Cohort, seed: int, model: Step) -> Iterator[tuple[str, Step]]:
        """Yield the step that scores a network's snapshots, where a question needs them."""
        scored = self.profile.measured_snapshots
        mine = [one for one in matched_questions(self.asked) if cohort.name in one.about]
        if not scored or not mine:
            return
        layers = {layer for one in mine for layer in one.layers or self.profile.layers}
        spec: dict[str, Any] = {
            "snapshots": scored,
            "layers": [layer for layer in self.profile.layers if layer in layers],
            "latents": sorted({latent for one in mine for latent in latents_of(one)}),
            "n_folds": self.profile.n_folds,
            "svm_c": self.profile.svm_c,
            **self.hardware,
        }
        inputs = {"model": model, "stimuli": self.stimuli}
        if 0 in scored:
            images = model.inputs["dataset"]
            inputs["initial"] = self.untrained(cohort.objective, images, seed)
            yield f"initial:{cohort.name}:{seed}", inputs["initial"]
        yield f"snapshots:{cohort.name}:{seed}", step("snapshots", spec, inputs, model.label)

    @cached_property
    def _decoded(self) -> list[str]:
        """The latents that are decoded from every network of which any is."""
        scored = [question.scored for question in self.questions]
        found = {latent for one in scored if isinstance(one, Decoding) for latent in one.latents}
        return sorted(found)

    def _decoding(self, model: Step | None, *, published: bool = False) -> Step:
        activations = self.activations(model)
        spec: dict[str, Any] = {
            "latents": self._decoded,
            "n_folds": self.profile.n_folds,
            "svm_c": self.profile.svm_c,
            "protocols": ["recommended", "published"] if published else ["recommended"],
            "published_features": self.profile.published_features,
            "threads": self.profile.threads,
        }
        inputs = {"grams": self.grams(activations), "stimuli": self.stimuli}
        if self.profile.published_features == "projected" and published and model is not None:
            inputs |= {"activations": activations, "model": model}
        return step("scores", spec, inputs, activations.label)

    def _references(self) -> Iterator[tuple[str, Step]]:
        """Yield what is shown beside decoding: the pixels, untrained networks, other cohorts.

        The untrained ones, and those of an objective, have the seeds and images of the cohort
        that the first question about decoding names first; the former its objective too.
        """
        decoded = [
            one for one in self.questions if isinstance(one.scored, Decoding) and one.pools_folds
        ]
        if not decoded:
            return
        cohort = self.asked.cohort(decoded[0].about[0])
        declared = any(not one.trained for one in self.asked.cohorts)
        plain = not cohort.weights and not cohort.natural
        images = self.images(cohort.design, cohort.name, share=cohort.share) if plain else None
        if UNTRAINED in self.profile.references and images is not None and not declared:
            for seed in cohort.seeds(self.profile):
                initial = self.untrained(cohort.objective, images, seed)
                yield f"decoding:{UNTRAINED}:{seed}", self._decoding(initial)
        if PIXELS in self.profile.references:
            yield f"decoding:{PIXELS}:", self._decoding(None)
        decoded_already = {name for one in decoded for name in one.about}
        for name in self.profile.references:
            if name in (UNTRAINED, PIXELS) or name in decoded_already:
                continue
            other = next((one for one in self.hypothesis.cohorts if one.name == name), None)
            for seed in (other or cohort).seeds(self.profile):
                if other is not None:
                    model = self.model(other, seed)
                elif images is not None:
                    model = self.network(name, images, seed, f"{name}, seed {seed}")
                else:
                    raise HypError(
                        f"the reference {name!r} is an objective, but the networks of "
                        f"{cohort.name!r} have no images of ours to train on; name a cohort."
                    )
                yield f"decoding:{name}:{seed}", self._decoding(model, published=True)

    def _similarities(self) -> Iterator[tuple[str, Step]]:
        """Yield one step per measure, all of the same networks and the raw pixels."""
        asked = [one for one in self.questions if isinstance(one, PairQuestion)]
        named = {name for question in asked for name in question.about}
        inputs = {
            f"{cohort.name}:{seed}": self.grams(
                self.activations(self.model(cohort, seed)), whole=True
            )
            for cohort in self.asked.cohorts
            if cohort.name in named
            for seed in cohort.seeds(self.profile)
        }
        if inputs:
            inputs[f"{PIXELS}:"] = self.grams(self.activations(None))
        layers: dict[str, set[str]] = {}
        for question in asked:
            wanted = question.layers or self.profile.layers
            layers.setdefault(question.similarity.measure, set()).update(wanted)
        for measure, found in layers.items():
            ordered = [layer for layer in self.profile.layers if layer in found]
            spec = {"measure": measure, "layers": ordered, "threads": self.profile.threads}
            plugin = added_measure(measure)
            if plugin is not None:
                spec["package"] = plugin.package
            yield f"similarity:{measure}", step("similarities", spec, inputs, measure)
