"""What a hypothesis declares: cohorts, what is asked of them, a rule, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hyp.datasets.designs import FULL, Design
from hyp.errors import HypError, choose_from
from hyp.hypotheses.profile import PIXELS, UNTRAINED, Declared, Profile
from hyp.hypotheses.questions import Alternative, AnyQuestion, Contrast, Question
from hyp.models.specs import objective_tasks
from hyp.names import Name
from hyp.stats.rules import DecisionRule, NotLower, Part, Predicate

KEYS = ("question", "objective", "measured", "layer")
"""What tells comparisons apart: the question, the networks' objective where it is asked of
several, what was measured, and where."""

CONFIRMATORY, SECONDARY = "confirmatory", "secondary"
"""The families of comparisons: those that the rule reads, and the others."""

EQUIVALENT = "equivalent"
"""The outcome that needs no prediction: every difference is within the margin."""

_ONLY: Mapping[str, Any] = {
    "correction": "holm",
    "test": None,
    "equivalence_test": "welch",
    "paired": False,
}
"""What rules of tables can choose and rules of hypotheses cannot."""

SEEDS_APART = 1000
"""Cohorts that give no first seed take the next free multiple of this."""


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
        Trained on the profile's natural images instead.
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


class Problem(NamedTuple):
    """What in a declaration does not fit together, and the place that is wrong."""

    message: str
    place: tuple[int | str, ...]


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
    questions : tuple of question
        See `hyp.hypotheses.questions` for the kinds there are.
    rule : DecisionRule
        How the comparisons become a verdict; its keys are `KEYS`. Comparisons of the questions
        that it reads are corrected together and judged (confirmatory); those of others are
        reported beside the verdict, corrected among themselves (secondary).
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
        problems = list(_problems(self))
        if problems:
            message = "; ".join(problem.message for problem in problems)
            raise PydanticCustomError(
                "misfit", "{message}", {"message": message, "problems": problems}
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
        asked = self.asked(profile)
        if not asked.questions:
            reasons = "; ".join(dict.fromkeys(one.reason for one in asked.left_out))
            raise HypError(f"no question of {self.name} is left to ask: {reasons}.")
        for objective in profile.objectives:
            if not any(objective in (q.objective, *_targets(q, asked)) for q in asked.questions):
                raise HypError(
                    f"objective {objective!r} is asked about by none of the questions "
                    f"{', '.join(dict.fromkeys(q.name for q in asked.questions))}; leave it out."
                )
        _refuse_shared_seeds(asked, profile)
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
        kept = {
            cohort.name: tuple(
                objective
                for objective in (profile.objectives or cohort.objectives)
                if objective in cohort.objectives
            )
            for cohort in self.cohorts
            if cohort.objectives
        }
        several = {name for name, objectives in kept.items() if len(objectives) > 1}
        questions: list[Question] = []
        left_out: list[LeftOut] = []
        for question in self.questions:
            reason = _why_left_out(question, profile)
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
        cohorts = tuple(
            cohort
            for declared in self.cohorts
            for cohort in _single(declared, kept.get(declared.name), declared.name in several)
            if cohort.name in named
        )
        return Asked(cohorts, tuple(questions), tuple(left_out))

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


def _needs(rule: DecisionRule) -> list[Predicate]:
    return [need for one in rule.predictions for need in (*one.needs, *rule.mixed)]


def _why_left_out(question: Question, profile: Profile) -> str:
    if profile.questions and question.name not in profile.questions:
        return "the profile's questions do not name it"
    missing = [name for name in question.about if profile.cohorts and name not in profile.cohorts]
    if missing:
        return f"the profile's cohorts leave out {', '.join(missing)}"
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


def _single(cohort: Cohort, objectives: tuple[str, ...] | None, several: bool) -> Iterator[Cohort]:
    """Yield a cohort once per objective."""
    if objectives is None:
        yield cohort
        return
    for objective in objectives:
        changed: dict[str, Any] = {"objective": objective, "objectives": ()}
        if several:
            changed["name"] = f"{cohort.name}/{objective}"
            changed["title"] = f"{cohort.title}, target {objective.replace('+', ' and ')}"
        yield cohort.model_copy(update=changed)


def _targets(question: Question, asked: Asked) -> Iterator[str]:
    for name in question.about:
        yield asked.cohort(name).objective


def _refuse_shared_seeds(asked: Asked, profile: Profile) -> None:
    """Refuse comparisons of networks that start alike, which the tests take as independent."""
    for question in asked.questions:
        for one, other in question.compared:
            a, b = asked.cohort(one), asked.cohort(other)
            shared = set(a.seeds(profile)) & set(b.seeds(profile))
            if shared and not a.weights and not b.weights:
                raise HypError(
                    f"the question {question.name!r} compares {one!r} and {other!r}, which share "
                    f"{len(shared)} seeds ({min(shared)}"
                    + (f" to {max(shared)}" if len(shared) > 1 else "")
                    + "), so their networks are not independent; leave 'first_seed' out, or "
                    "choose values further apart."
                )


def _problems(hypothesis: Hypothesis) -> Iterator[Problem]:
    """Yield what in a declaration does not fit together."""
    cohorts, questions = hypothesis.cohorts, hypothesis.questions
    for what, found in (
        ("cohorts", [cohort.name for cohort in cohorts]),
        ("questions", [question.name for question in questions]),
    ):
        for number, name in enumerate(found):
            if name in found[:number]:
                yield Problem(f"two of the {what} have the name {name!r}", (what, number))
    for number, cohort in enumerate(cohorts):
        if cohort.name == PIXELS or (cohort.name == UNTRAINED and cohort.trained):
            message = f"no cohort may be called {cohort.name!r}: that is a reference"
            yield Problem(message, ("cohorts", number))
        if set(cohort.name) & set(":/"):
            message = f"the cohort's name {cohort.name!r} may not contain ':' or '/'"
            yield Problem(message, ("cohorts", number, "name"))
    names = {cohort.name for cohort in cohorts}
    for number, question in enumerate(questions):
        for name in question.about:
            if name not in names:
                message = f"the question {question.name!r} names no declared cohort with {name!r}"
                yield Problem(message, ("questions", number))
    yield from _rule_problems(hypothesis.rule, {one.name: one for one in questions})
    if hypothesis.agrees and hypothesis.agrees not in (*hypothesis.predictions, EQUIVALENT):
        yield Problem(f"agrees={hypothesis.agrees!r} is none of the predictions", ("agrees",))
    control = next((one for one in questions if one.name == hypothesis.control), None)
    if hypothesis.control and not (isinstance(control, Contrast) and control.secondary):
        message = f"control={hypothesis.control!r} is no contrast that is declared secondary"
        yield Problem(message, ("control",))


def _rule_problems(rule: DecisionRule, asked: Mapping[str, Question]) -> Iterator[Problem]:
    for field, only in _ONLY.items():
        if getattr(rule, field) != only:
            message = f"a hypothesis's rule cannot have {field}={getattr(rule, field)!r} yet"
            yield Problem(message, ("rule", field))
    placed = [
        (need, ("rule", "predictions", number, "needs"))
        for number, one in enumerate(rule.predictions)
        for need in one.needs
    ]
    for need, place in [*placed, *((need, ("rule", "mixed")) for need in rule.mixed)]:
        for message in _need_problems(need, rule, asked):
            yield Problem(message, place)


def _need_problems(
    need: Predicate, rule: DecisionRule, asked: Mapping[str, Question]
) -> Iterator[str]:
    for key in set(need.where) - set(KEYS):
        yield f"the rule cannot look at {key!r}; choose from: {', '.join(KEYS)}"
    named = need.where.get("question", ())
    for name in named:
        if name not in asked:
            yield f"the rule names no declared question with {name!r}"
        elif asked[name].secondary:
            yield f"the rule names the question {name!r}, which is declared secondary"
    if not isinstance(need, NotLower):
        return
    if rule.margin is None:
        yield "'not lower' needs a margin; declare 'margin' in the rule"
    for question in asked.values():
        read = question.name in named if named else not question.secondary
        if read and not question.has_margin:
            yield (
                f"'not lower' cannot be asked of the question {question.name!r}: the kind "
                f"{question.kind!r} has no margin"
            )
