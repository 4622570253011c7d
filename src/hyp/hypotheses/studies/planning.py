"""From a study to the graph of steps that answers it; computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source, part_of
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.aligning import (
    SIMULATED,
    VERSIONS,
    AlignmentSpec,
    RecordedFile,
    RecordingSpec,
    SimulatedStream,
    alignment_step,
    recording_step,
)
from hyp.hypotheses.declaration import PIXELS
from hyp.hypotheses.shared_steps import PlannedSteps, SharedSteps, dataset_step
from hyp.hypotheses.studies.declaration import (
    ALIGNED,
    Alike,
    Closer,
    Cohort,
    Decoding,
    PairQuestion,
    Question,
    Study,
    StudySize,
    Tighter,
    Tracks,
    cohorts_of,
    n_networks,
    score_of,
)
from hyp.hypotheses.studies.designing import compared_networks, untestable
from hyp.metrics.measures import added_measure
from hyp.metrics.neural.simulation import VENTRAL_STREAM
from hyp.metrics.neural.specs import neural_metric
from hyp.models.hardware import Ask, best_precision
from hyp.models.pretrained import resolve_pretrained
from hyp.store import Step

END = "end"
HIDDEN = "resnet18"
LATENT_SHARES = {"V1": 0.0, "V2": 0.1, "V4": 0.3, "IT": 0.5}
"""Of the variance of simulated neuroids, what they read from the latents themselves."""

REGIONS = tuple(
    region.model_copy(update={"latent_share": LATENT_SHARES[region.region]})
    for region in VENTRAL_STREAM
)


@dataclass(frozen=True)
class StudyPlan(PlannedSteps[Study, StudySize]):
    """What would be computed for a study under a profile."""


def plan_study(
    study: Study,
    profile_name: str,
    settings: dict[str, str] | None = None,
    *,
    ask: Ask = best_precision,
) -> StudyPlan:
    """Expand a study under a profile into its graph of steps.

    `ask` chooses device and precision where the profile leaves them open.

    Raises
    ------
    HypError
        For an unknown profile, key, cohort, latent or layer, or an impossible design.
    """
    settings = settings or {}
    profile = study.profile(profile_name, settings)
    reason = untestable(study, profile)
    inputs = {} if reason else _StudySteps(profile, study, ask=ask).result_inputs()
    spec = {
        "study": study.model_dump(mode="json", exclude={"profiles"}),
        "profile": {"name": profile_name, **profile.model_dump(mode="json")},
        "untestable": reason,
    }
    goal = Step("results", spec, inputs, VERSIONS["studies"], f"{study.name} ({profile_name})")
    return StudyPlan(study, profile_name, profile, goal, reason, settings)


@dataclass
class _StudySteps(SharedSteps[StudySize]):
    study: Study

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        return self.study.asked(self.profile)

    @cached_property
    def cohorts(self) -> list[Cohort]:
        named = {name for question in self.questions for name in cohorts_of(question)}
        return [cohort for cohort in self.study.cohorts if cohort.name in named]

    @cached_property
    def recording(self) -> Step:
        if self.profile.recording != SIMULATED:
            return self._recorded(Path(self.profile.recording).expanduser().absolute())
        spec = RecordingSpec(
            name=SIMULATED,
            origin=SimulatedStream(regions=REGIONS, hidden=HIDDEN, seed=0),
            stratify="category",
        )
        images = DatasetSpec.model_validate(self.stimuli.spec)
        shown = images.model_copy(update={"n_images": self.profile.n_recorded})
        return recording_step(spec, shown)

    def _recorded(self, folder: Path) -> Step:
        from hyp.hypotheses.recording import digest_of
        from hyp.metrics.brainscore.exporting import IMAGES, RESPONSES
        from hyp.metrics.neural.benchmark import PUBLIC_BENCHMARKS

        known = PUBLIC_BENCHMARKS.get(folder.name)
        spec = RecordingSpec(
            name=folder.name,
            origin=RecordedFile(digest=digest_of(folder / RESPONSES)),
            stratify=known.stratify if known else None,
            window=known.window if known else None,
        )
        size = self.profile.input_size or self.profile.image_size
        shown = open_source(f"folder:{folder / IMAGES}", image_size=size)
        images = DatasetSpec(
            source=shown, design=Design(), seed=0, n_images=shown.capacity or 0, n_val=0
        )
        return recording_step(spec, images, folder / RESPONSES)

    def seeds(self, cohort: Cohort) -> range:
        return range(cohort.first_seed, cohort.first_seed + n_networks(cohort, self.profile))

    def model(self, cohort: Cohort, seed: int) -> Step:
        if cohort.weights:
            return self._existing(cohort, seed)
        if cohort.natural:
            label = f"{cohort.name}, seed {seed}"
            return self.network(cohort.objective, self.photographs, seed, label)
        images = self.images(cohort.design, cohort.name, share=cohort.share)
        if not cohort.trained:
            return self.untrained(cohort.objective, images, seed)
        return self.network(cohort.objective, images, seed, f"{cohort.name}, seed {seed}")

    @cached_property
    def photographs(self) -> Step:
        """The natural images that cohorts are trained on."""
        if not self.profile.natural:
            raise HypError(
                "this study trains networks on natural images; say where they are, for instance "
                "--set natural=imagenet:/data/imagenet or natural=classes:/data/photographs."
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

    def _existing(self, cohort: Cohort, seed: int) -> Step:
        text = cohort.weights[seed - cohort.first_seed]
        spec, place = resolve_pretrained(text, objective=cohort.objective)
        return Step(
            "models",
            spec.model_dump(mode="json"),
            version=VERSIONS["models"],
            label=f"{cohort.name}, {text}",
            places={"path": str(place)} if place else {},
        )

    def refuse_too_few(self) -> None:
        """Refuse questions that cannot be answered with so few networks, before any is trained.

        Raises
        ------
        HypError
            Naming the question.
        """
        for question in self.questions:
            counts = compared_networks(question, self.study, self.profile)
            if isinstance(question, Tighter):
                needed, there = 3, min(counts)
            elif isinstance(question, Closer):
                needed, there = 2, min(counts)
            elif isinstance(question, Alike):
                needed, there = 2, max(counts)
            elif isinstance(question, Tracks):
                needed, there = 3, sum(counts)
            else:
                continue
            if there < needed:
                raise HypError(
                    f"the question {question.name!r} needs at least {needed} networks"
                    f"{'' if isinstance(question, Tracks) else ' a cohort'}, not {there}; raise "
                    "n_seeds or leave the question out."
                )

    def result_inputs(self) -> dict[str, Step]:
        self.refuse_too_few()
        inputs: dict[str, Step] = {"stimuli": self.stimuli}
        for cohort in self.cohorts:
            for seed in self.seeds(cohort):
                model = self.model(cohort, seed)
                inputs[f"model:{cohort.name}:{seed}"] = model
                inputs |= dict(self._scores(cohort, seed, model))
        return inputs | dict(self._similarities())

    def _scores(self, cohort: Cohort, seed: int, model: Step) -> Iterator[tuple[str, Step]]:
        mine = [question for question in self.questions if cohort.name in cohorts_of(question)]
        latents = {
            latent
            for question in mine
            if isinstance(score := score_of(question), Decoding)
            for latent in score.latents
        }
        place = f"{cohort.name}:{seed}"
        if latents:
            yield f"decoding:{place}", self._decoding(model, sorted(latents))
        aligned = [question for question in mine if score_of(question).kind in ALIGNED]
        if aligned:
            yield f"alignment:{place}:{END}", self._alignment(model, None)
        if any(isinstance(question, Tracks) for question in aligned):
            for batches in self.profile.kept_snapshots:
                yield f"alignment:{place}:{batches}", self._alignment(model, batches)

    def _decoding(self, model: Step, latents: list[str]) -> Step:
        spec: dict[str, Any] = {
            "latents": latents,
            "n_folds": self.profile.n_folds,
            "svm_c": self.profile.svm_c,
            "protocols": ["recommended"],
            "published_features": "exact",
            "threads": self.profile.threads,
        }
        inputs = {"grams": self.grams(self.activations(model)), "stimuli": self.stimuli}
        return Step("scores", spec, inputs, VERSIONS["scores"], model.label)

    def _alignment(self, model: Step, snapshot: int | None) -> Step:
        spec = AlignmentSpec(
            metric=neural_metric(self.profile.neural_metric),
            protocol=self.profile.neural_protocol,
            threads=self.profile.threads,
        )
        return alignment_step(
            self.recording,
            model,
            spec,
            layers=self.profile.layers,
            snapshot=snapshot,
            numerics=self.numerics,
        )

    def _similarities(self) -> Iterator[tuple[str, Step]]:
        """Yield one step a measure, all of the same networks and the raw pixels."""
        asked = [one for one in self.questions if isinstance(one, PairQuestion)]
        named = {name for question in asked for name in cohorts_of(question)}
        inputs = {
            f"{cohort.name}:{seed}": self.grams(
                self.activations(self.model(cohort, seed)), whole=True
            )
            for cohort in self.cohorts
            if cohort.name in named
            for seed in self.seeds(cohort)
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
            step = Step("similarities", spec, inputs, VERSIONS["similarities"], measure)
            yield f"similarity:{measure}", step
