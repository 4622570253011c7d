"""Whether the parts of a declaration fit together: names, references, what the rule reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hyp.hypotheses.profile import PIXELS, UNTRAINED
from hyp.hypotheses.questions import Contrast, Question
from hyp.hypotheses.scores import Performance
from hyp.stats.rules import DecisionRule, NotLower, Predicate

if TYPE_CHECKING:
    from hyp.hypotheses.cohort import Cohort
    from hyp.hypotheses.declaration import Hypothesis

KEYS = ("question", "objective", "measured", "layer")
"""What tells comparisons apart: the question, the networks' objective where it is asked of
several, what was measured, and where."""

EQUIVALENT = "equivalent"
"""The outcome that needs no prediction: every difference is within the margin."""

_ONLY: Mapping[str, Any] = {
    "correction": "holm",
    "test": None,
    "equivalence_test": "welch",
    "paired": False,
}
"""What rules of tables can choose and rules of hypotheses cannot."""


class Problem(NamedTuple):
    """What in a declaration does not fit together, and the place that is wrong."""

    message: str
    place: tuple[int | str, ...]


def problems(hypothesis: Hypothesis) -> Iterator[Problem]:
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
                told = f"the question {question.name!r} names {name!r}, which is no declared cohort"
                yield Problem(told, ("questions", number))
        measure = getattr(question, "performance", question.scored)
        if isinstance(measure, Performance) and measure.by == "accuracy":
            for one in cohorts:
                if one.name in question.about and not names_classes(one):
                    told = (
                        f"the question {question.name!r} is about accuracy, but {one.name!r} is "
                        "trained for numbers, which have none"
                    )
                    yield Problem(told, ("questions", number))
    yield from _rule_problems(hypothesis.rule, {one.name: one for one in questions})
    if hypothesis.agrees and hypothesis.agrees not in (*hypothesis.predictions, EQUIVALENT):
        yield Problem(f"agrees={hypothesis.agrees!r} is none of the predictions", ("agrees",))
    control = next((one for one in questions if one.name == hypothesis.control), None)
    if hypothesis.control and not (isinstance(control, Contrast) and control.secondary):
        message = f"control={hypothesis.control!r} is no contrast that is declared secondary"
        yield Problem(message, ("control",))


def names_classes(cohort: Cohort) -> bool:
    """Tell whether all that a cohort is trained for are classes."""
    tasks = {task for one in cohort.objectives or (cohort.objective,) for task in one.split("+")}
    return tasks <= {"category", "identity"}


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
            yield f"the rule names {name!r}, which is no declared question"
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
