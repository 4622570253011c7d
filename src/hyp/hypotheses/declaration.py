"""What a hypothesis declares: cohorts, what is asked of them, a rule, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hyp.datasets.latents import LATENT_GROUPS
from hyp.errors import HypError, choose_from
from hyp.hypotheses.cohort import Asked, Cohort, ask
from hyp.hypotheses.consistency import KEYS, problems
from hyp.hypotheses.profile import PIXELS, UNTRAINED, Declared, Profile
from hyp.hypotheses.questions import Alternative, AnyQuestion, Question
from hyp.names import Name
from hyp.stats.rules import DecisionRule, Part, Predicate

CONFIRMATORY, SECONDARY = "confirmatory", "secondary"
"""The families of comparisons: those that the rule reads, and the others."""

SEEDS_APART = 1000
"""Cohorts that give no first seed take the next free multiple of this."""


class Hypothesis(Declared):
    """A claim about cohorts of networks with everything needed to judge it.

    Attributes
    ----------
    name : str
        What ``hyp run`` takes.
    title, question, source : str
        For people; `source` says where the claim was made.
    predictions : dict of str to str
        Rival hypotheses and what each says.
    cohorts : tuple of Cohort
        Networks that differ in their seed alone.
    questions : tuple of question
        See `hyp.hypotheses.questions` for the kinds there are.
    rule : DecisionRule
        How the comparisons become a verdict; its keys are `KEYS`. Comparisons of the questions
        that it reads are corrected together and judged (confirmatory); those of others are
        only reported, and corrected among themselves (secondary).
    published : str
        What was published about it, in a sentence or two; empty where nothing was.
    agrees : str
        The prediction that what was published agrees with, or ``equivalent``; empty where it
        agrees with none.
    control : str
        A secondary contrast that must come out higher somewhere: where not even it does, the
        measure need not tell cohorts apart, and closeness is no evidence of equivalence (what
        ICH E10 calls assay sensitivity). Empty for none.
    profiles : dict of str to Profile
        Sizes, from a laptop's to the paper's own.
    """

    name: Name
    title: str
    question: str
    source: str
    predictions: dict[str, str]
    cohorts: tuple[Cohort, ...] = Field(min_length=1)
    questions: tuple[AnyQuestion, ...] = Field(min_length=1)
    rule: DecisionRule
    published: str = ""
    agrees: str = ""
    control: str = ""
    profiles: dict[Name, Profile]

    @field_validator("rule", mode="before")
    @classmethod
    def _own_keys(cls, rule: Any) -> Any:
        if isinstance(rule, DecisionRule):
            return rule.model_copy(update={"keys": KEYS})
        if not isinstance(rule, dict):
            return rule
        if rule.get("keys", KEYS) not in (KEYS, list(KEYS)):
            raise HypError(
                f"the keys of a hypothesis's rule are {', '.join(KEYS)}; leave keys out."
            )
        return {**rule, "keys": KEYS}

    @field_validator("cohorts")
    @classmethod
    def _disjoint_seeds(cls, cohorts: tuple[Cohort, ...]) -> tuple[Cohort, ...]:
        taken = {
            cohort.first_seed // SEEDS_APART for cohort in cohorts if cohort.first_seed is not None
        }
        free = (block for block in range(10**6) if block not in taken)
        return tuple(
            cohort
            if cohort.first_seed is not None
            else cohort.model_copy(update={"first_seed": SEEDS_APART * next(free)})
            for cohort in cohorts
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = list(problems(self))
        if found:
            message = "; ".join(problem.message for problem in found)
            raise PydanticCustomError(
                "misfit", "{message}", {"message": message, "problems": found}
            )
        return self

    def __repr__(self) -> str:
        return f"<hypothesis {self.name}: {self.title}>"

    def _repr_html_(self) -> str:
        from hyp.reports.notebook import as_html
        from hyp.reports.plans import hypothesis_page

        return as_html(hypothesis_page(self))

    def profile(self, name: str, settings: Mapping[str, Any] | None = None) -> Profile:
        """Return a profile by name with settings applied, as in ``--set``.

        Raises
        ------
        HypError
            For an unknown profile, field, cohort, question or objective, if no question is
            left, or if cohorts that are compared share seeds.
        """
        if name not in self.profiles:
            raise HypError(f"{self.name} has no profile {name!r}" + choose_from(self.profiles))
        profile = self.profiles[name].with_settings(settings or {})
        known = {
            "cohorts": [cohort.name for cohort in self.cohorts],
            "questions": [question.name for question in self.questions],
            "objectives": list(
                dict.fromkeys(one for cohort in self.cohorts for one in cohort.objectives)
            ),
        }
        for field, there in known.items():
            for value in getattr(profile, field):
                if value not in there:
                    raise HypError(
                        f"{self.name} has no {field.removesuffix('s')} {value!r}"
                        + (choose_from(there) if there else "; leave it out.")
                    )
        single = [cohort.name for cohort in self.cohorts if cohort.objective]
        for reference in profile.references:
            if reference not in (UNTRAINED, PIXELS, *single) and not is_papers(reference):
                raise HypError(
                    f"references has {reference!r}, which is neither {UNTRAINED} nor {PIXELS}, a "
                    "cohort with one objective, nor an objective such as category or "
                    "distance+rotation."
                )
        asked = self.asked(profile)
        if not asked.questions:
            reasons = "; ".join(dict.fromkeys(one.reason for one in asked.left_out))
            raise HypError(f"no question of {self.name} is left to ask: {reasons}.")
        for objective in profile.objectives:
            if not any(objective in (q.objective, *asked.trained_for(q)) for q in asked.questions):
                raise HypError(
                    f"objective {objective!r} is asked about by none of the questions "
                    f"{', '.join(dict.fromkeys(q.name for q in asked.questions))}; leave it out."
                )
        asked.refuse_shared_seeds(profile)
        return profile

    def cohort(self, name: str) -> Cohort:
        """Return a declared cohort by name.

        Raises
        ------
        HypError
            If there is none.
        """
        for cohort in self.cohorts:
            if cohort.name == name:
                return cohort
        known = choose_from(cohort.name for cohort in self.cohorts)
        raise HypError(f"{self.name} has no cohort {name!r}{known}")

    def asked(self, profile: Profile) -> Asked:
        """Return the cohorts and questions that a profile comes to, see `Asked`."""
        return ask(self.cohorts, self.questions, profile)

    def confirmatory(self, question: str) -> bool:
        """Tell whether the rule reads a question: those it names, all where it names none.

        What is declared `secondary` is never read.
        """
        if question in {one.name for one in self.questions if one.secondary}:
            return False
        named = [need.where.get("question", ()) for need in _needs(self.rule)]
        return not all(named) or any(question in names for names in named)

    def family(self, question: Question, profile: Profile) -> str:
        """Return which comparisons a question's are corrected with."""
        if not self.confirmatory(question.name):
            return SECONDARY
        return question.label if profile.family == "question" else CONFIRMATORY

    def rule_for(self, profile: Profile) -> DecisionRule:
        """Return the rule with the profile's level, and a part for each question it judges.

        Parts are those declared. Where none are, and the rule reads all questions alike, each
        question is one; where it names questions, one alone says nothing.
        """
        parts = self.rule.parts
        if not parts and not any("question" in need.where for need in _needs(self.rule)):
            judged = [q for q in self.asked(profile).questions if self.confirmatory(q.name)]
            parts = tuple(
                Part(
                    name=question.label,
                    where={"question": (question.name,), "objective": (question.objective,)},
                )
                for question in judged
                if len(judged) > 1
            )
        return self.rule.model_copy(update={"alpha": self.level(profile), "parts": parts})

    def level(self, profile: Profile) -> float:
        """Return the level of the tests with so many networks: alpha, or that of the look."""
        if not profile.looks:
            return profile.alpha
        return self.levels(profile)[profile.looks.index(profile.n_seeds)]

    def levels(self, profile: Profile) -> tuple[float, ...]:
        """Return the level of every planned look, which holds for the directions asked."""
        from hyp.stats.stopping import planned_looks

        directions = {
            self.direction(question)
            for question in self.questions
            if self.confirmatory(question.name)
        }
        each = [
            planned_looks(
                profile.looks,
                alpha=profile.alpha,
                spending=profile.spending,
                alternative=direction,
            )
            for direction in sorted(directions)
        ]
        return tuple(min(look.level for look in looks) for looks in zip(*each, strict=True))

    def direction(self, question: Question) -> Alternative:
        """Return the alternative of a question's tests."""
        return question.direction(self.rule.alternative)


def is_papers(objective: str) -> bool:
    """Tell whether an objective is made of the paper's."""
    return set(objective.split("+")) <= set(LATENT_GROUPS)


def _needs(rule: DecisionRule) -> list[Predicate]:
    return [need for one in rule.predictions for need in (*one.needs, *rule.mixed)]
