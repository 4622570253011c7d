"""Cohorts of networks, and which of them a profile asks about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from hyp.datasets.designs import FULL, Design
from hyp.errors import HypError
from hyp.hypotheses.profile import Declared, Profile
from hyp.hypotheses.questions import Question
from hyp.models.specs import objective_tasks
from hyp.names import Name


class Cohort(Declared):
    """Networks that differ in their seed alone.

    Attributes
    ----------
    name, title : str
        What questions call it, and a phrase for figures; by default the name.
    objective : str
        What the networks are trained for.
    objectives : tuple of str
        In its place several: one cohort each, asked about one by one.
    design : str
        Variability of their training images.
    share : float
        Of the profile's training images, the first.
    trained : bool
        False leaves the initial weights.
    natural : bool
        Trained on the profile's natural images instead, or the networks that it names in their
        place.
    weights : tuple of str
        Networks that exist already, one per seed, such as ``torchvision:resnet18`` or a model
        folder (`hyp.models.resolve_pretrained`); empty for those that are trained here.
    first_seed : int or None
        Seeds are this and the following ones. Without it, seeds that no other cohort has:
        networks with one seed start alike and see the images in one order.
    """

    name: Name
    title: str = ""
    objective: str = ""
    objectives: tuple[str, ...] = Field((), exclude_if=lambda objectives: not objectives)
    design: str = FULL
    share: float = Field(1.0, gt=0, le=1)
    trained: bool = True
    natural: bool = False
    weights: tuple[str, ...] = ()
    first_seed: int | None = Field(None, ge=0)

    @field_validator("objective")
    @classmethod
    def _canonical(cls, objective: str) -> str:
        return "+".join(objective_tasks(objective)) if objective else ""

    @field_validator("objectives")
    @classmethod
    def _each_canonical(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("+".join(objective_tasks(objective)) for objective in objectives)

    @field_validator("design")
    @classmethod
    def _readable(cls, design: str) -> str:
        Design.parse(design)
        return design

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if bool(self.objective) == bool(self.objectives):
            raise ValueError(f"the cohort {self.name!r} needs either 'objective' or 'objectives'")
        if not self.title:
            object.__setattr__(self, "title", self.name)
        return self

    @property
    def learns(self) -> bool:
        """Whether its networks are trained here."""
        return self.trained and not self.weights

    def n_networks(self, profile: Profile) -> int:
        """Return how many networks it has under a profile."""
        return len(self.weights) or profile.n_seeds

    def seeds(self, profile: Profile) -> range:
        """Return the seeds of its networks under a profile."""
        first = self.first_seed or 0
        return range(first, first + self.n_networks(profile))


class LeftOut(NamedTuple):
    """A declared question that a profile does not ask, and why."""

    question: str
    reason: str


class Asked(NamedTuple):
    """What a hypothesis comes to under a profile: every cohort with one objective.

    Attributes
    ----------
    cohorts : tuple of Cohort
        Those that questions name. A cohort with several objectives is there once per objective,
        as ``NAME/OBJECTIVE`` where the profile leaves more than one.
    questions : tuple of Question
        About these cohorts.
    left_out : tuple of LeftOut
    """

    cohorts: tuple[Cohort, ...]
    questions: tuple[Question, ...]
    left_out: tuple[LeftOut, ...]

    def cohort(self, name: str) -> Cohort:
        """Return a cohort by name."""
        return next(cohort for cohort in self.cohorts if cohort.name == name)

    @property
    def titles(self) -> dict[str, str]:
        """Phrases for the cohorts, by name."""
        return {cohort.name: cohort.title for cohort in self.cohorts}

    @property
    def objectives(self) -> dict[str, str]:
        """What each cohort is trained for, by name."""
        return {cohort.name: cohort.objective for cohort in self.cohorts}

    def sizes(self, profile: Profile) -> dict[str, int]:
        """Return the number of networks of each cohort, by name."""
        return {cohort.name: cohort.n_networks(profile) for cohort in self.cohorts}

    def trained_for(self, question: Question) -> list[str]:
        """Return what the cohorts of a question are trained for."""
        return [self.cohort(name).objective for name in question.about]

    def refuse_shared_seeds(self, profile: Profile) -> None:
        """Refuse comparisons of networks that start alike, which the tests take as independent.

        Raises
        ------
        HypError
            Naming the question, the cohorts and the seeds.
        """
        for question in self.questions:
            for one, other in question.compared:
                a, b = self.cohort(one), self.cohort(other)
                shared = set(a.seeds(profile)) & set(b.seeds(profile))
                if shared and not a.weights and not b.weights:
                    raise HypError(
                        f"the question {question.name!r} compares {one!r} and {other!r}, which "
                        f"share {len(shared)} seeds ({min(shared)}"
                        + (f" to {max(shared)}" if len(shared) > 1 else "")
                        + "), so their networks are not independent; leave 'first_seed' out, or "
                        "choose values further apart."
                    )


def ask(cohorts: Sequence[Cohort], declared: Sequence[Question], profile: Profile) -> Asked:
    """Return what declared cohorts and questions come to under a profile."""
    kept = {
        cohort.name: tuple(
            objective
            for objective in (profile.objectives or cohort.objectives)
            if objective in cohort.objectives
        )
        for cohort in cohorts
        if cohort.objectives
    }
    several = {name for name, objectives in kept.items() if len(objectives) > 1}
    questions: list[Question] = []
    left_out: list[LeftOut] = []
    for question in declared:
        reason = _why_left_out(question, cohorts, profile)
        targets = _common(question, kept)
        if not reason and targets == ():
            reason = "its cohorts share no objective that the profile trains for"
        if reason:
            left_out.append(LeftOut(question.name, reason))
        elif targets is None:
            questions.append(question)
        else:
            for target in targets:
                names = {name: f"{name}/{target}" for name in several}
                placed = question.renamed(names)
                questions.append(placed.model_copy(update={"objectives": (target,)}))
    named = {name for question in questions for name in question.about}
    single = (
        one
        for cohort in cohorts
        for one in _single(cohort, profile, kept.get(cohort.name), cohort.name in several)
        if one.name in named
    )
    return Asked(tuple(single), tuple(questions), tuple(left_out))


def _why_left_out(question: Question, cohorts: Sequence[Cohort], profile: Profile) -> str:
    if profile.questions and question.name not in profile.questions:
        return "the profile's questions do not name it"
    missing = [name for name in question.about if profile.cohorts and name not in profile.cohorts]
    if missing:
        return f"the profile's cohorts leave out {', '.join(missing)}"
    natural = any(one.natural and one.name in question.about for one in cohorts)
    if natural and question.secondary and not profile.natural:
        return "the profile names no natural images (--set natural=...)"
    if question.scored.kind == "behaviour" and question.secondary and not profile.behaviour:
        return "the profile names no observers (--set behaviour=...)"
    return ""


def _common(question: Question, kept: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the objectives that a question is asked about; None if its cohorts have one each."""
    sets = [kept[name] for name in question.about if name in kept]
    if not sets:
        return None
    return tuple(
        objective
        for objective in sets[0]
        if objective in (question.objectives or (objective,))
        and all(objective in other for other in sets)
    )


def _single(
    cohort: Cohort, profile: Profile, objectives: tuple[str, ...] | None, several: bool
) -> Iterator[Cohort]:
    """Yield a cohort once per objective."""
    if cohort.natural and profile.natural_weights:
        cohort = cohort.model_copy(update={"weights": profile.natural_weights})
    if objectives is None:
        yield cohort
        return
    for objective in objectives:
        changed: dict[str, Any] = {"objective": objective, "objectives": ()}
        if several:
            changed["name"] = f"{cohort.name}/{objective}"
            changed["title"] = f"{cohort.title}, target {objective.replace('+', ' and ')}"
        yield cohort.model_copy(update=changed)
