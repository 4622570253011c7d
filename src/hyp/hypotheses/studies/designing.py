"""What a study's design can reach at best, known before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, factorial, prod
from typing import Any

from hyp.hypotheses.studies.declaration import (
    Alike,
    Contrast,
    Decoding,
    Question,
    Study,
    StudySize,
    Tracks,
    Trend,
    score_of,
)
from hyp.models.specs import objective_tasks
from hyp.stats.attainable import attainable_p
from hyp.stats.rules import judge_design

ONE_REGION = ("a region",)
SIMULATED_REGIONS = ("V1", "V2", "V4", "IT")


@dataclass(frozen=True)
class PlannedQuestion:
    """A question before its answer.

    Attributes
    ----------
    name, kind : str
    rows : int
        Comparisons that it gives.
    networks : str
        Numbers of networks, such as ``6 v 6``.
    p_attainable : float
        Smallest p that one of them can give.
    judged : bool
        Whether the rule reads it.
    """

    name: str
    kind: str
    rows: int
    networks: str
    p_attainable: float
    judged: bool


def planned_questions(study: Study, profile: StudySize) -> list[PlannedQuestion]:
    """Return the questions that a profile asks, with the smallest p each can give."""
    return [
        PlannedQuestion(
            name=question.name,
            kind=question.kind,
            rows=sum(1 for _ in _places(question, study, profile)),
            networks=_networks(question, profile.n_seeds),
            p_attainable=_attainable(question, profile.n_seeds),
            judged=study.judged(question.name),
        )
        for question in study.asked(profile)
    ]


def untestable(study: Study, profile: StudySize) -> str:
    """Say why no data could make a study speak; empty where they could."""
    n = profile.n_seeds
    rows: list[dict[str, Any]] = [
        {
            "question": question.name,
            "of": of,
            "layer": layer,
            "family": "all",
            "n_a": n,
            "n_b": n,
            "p_attainable": _attainable(question, n),
        }
        for question in study.asked(profile)
        if study.judged(question.name)
        for of, layer in _places(question, study, profile)
    ]
    rule = study.rule.model_copy(update={"alpha": profile.alpha})
    verdict = judge_design(rule, rows)
    return "" if verdict is None else verdict.reasons[0]


def _places(question: Question, study: Study, profile: StudySize) -> Iterator[tuple[str, str]]:
    """Yield what was measured and the layer of each row that a question will give."""
    score = score_of(question)
    layers = question.layers or profile.layers
    if isinstance(score, Decoding):
        yield from ((of, layer) for of in (question.of or score.latents) for layer in layers)
    elif score.kind == "similarity":
        yield from ((score.measure, layer) for layer in layers)
    elif score.kind == "performance":
        assert isinstance(question, Contrast | Trend)
        first = question.a if isinstance(question, Contrast) else next(iter(question.sizes))
        tasks = question.of or objective_tasks(study.cohort(first).objective)
        yield from ((task, "") for task in tasks)
    else:
        known = SIMULATED_REGIONS if profile.recording == "simulated" else ONE_REGION
        yield from ((region, "") for region in (question.of or known))


def _networks(question: Question, n: int) -> str:
    if isinstance(question, Tracks):
        return str(n * len(question.cohorts))
    if isinstance(question, Trend):
        return f"{len(question.sizes)} x {n}"
    if isinstance(question, Alike):
        return " v ".join([str(n)] * len(question.cohorts))
    return f"{n} v {n}"


def _attainable(question: Question, n: int) -> float:
    """Return the smallest p of one comparison: the share of arrangements as extreme as any."""
    if isinstance(question, Tracks):
        return min(1.0, 2.0 ** (1 - n * len(question.cohorts)))
    if isinstance(question, Trend):
        k = len(question.sizes)
        return min(1.0, 2 * prod([factorial(n)] * k) / factorial(n * k))
    if isinstance(question, Alike):
        k = len(question.cohorts)
        arrangements = prod(comb(n * (i + 1), n) for i in range(k)) / factorial(k)
        return min(1.0, max(1.0 / arrangements, 1 / 20_000))
    return attainable_p(n, n)
