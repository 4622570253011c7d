"""What a study's design can reach at best, known before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import factorial, prod
from typing import Any

from hyp.hypotheses.studies.declaration import (
    BESIDE,
    JUDGED,
    Alike,
    Closer,
    Contrast,
    Decoding,
    Question,
    Study,
    StudySize,
    Tracks,
    Trend,
    cohorts_of,
    n_networks,
    score_of,
)
from hyp.models.specs import objective_tasks
from hyp.stats.attainable import attainable_p
from hyp.stats.rules import judge_design

EACH_REGION = ("each region",)
"""Stands for the regions of a recording, which is not read before the run."""
SIMULATED_REGIONS = ("V1", "V2", "V4", "IT")

_MOST_SEEDS = 1000
_EXACT_ORDERS, _EXACT_SIGNS = 12, 16
_RANDOM_P, _RANDOM_LABELS_P = 2 / 100_000, 2 / 20_000
"""Up to how many networks `hyp.stats` counts orders and signs, and its smallest p beyond."""


@dataclass(frozen=True)
class PlannedQuestion:
    """A question before its answer.

    Attributes
    ----------
    name, kind : str
    about : tuple of str
        What is measured: latents, regions, tasks or a measure.
    layers : tuple of str
        Where, if it is measured by layers.
    rows : int
        Comparisons that it gives.
    networks : str
        Numbers of networks, such as ``6 v 6``.
    p_attainable : float
        Smallest p that one of them can give.
    judged : bool
        Whether the rule reads it.
    family : int
        Comparisons that are corrected together with these, themselves included.
    p_corrected : float
        Smallest p that Holm can leave one of them.
    obstacle : str
        Why they cannot reach alpha, and what would mend it; empty where they can.
    """

    name: str
    kind: str
    about: tuple[str, ...]
    layers: tuple[str, ...]
    rows: int
    networks: str
    p_attainable: float
    judged: bool
    family: int
    p_corrected: float
    obstacle: str


def planned_questions(study: Study, profile: StudySize) -> list[PlannedQuestion]:
    """Return the questions that a profile asks, with the smallest p each can give."""
    sizes = study_families(study, profile)
    planned = []
    for question in study.asked(profile):
        places = list(_places(question, study, profile))
        smallest = _attainable(question, study, profile)
        family = sizes[study.family(question.name)]
        planned.append(
            PlannedQuestion(
                name=question.name,
                kind=question.kind,
                about=tuple(dict.fromkeys(of for of, _ in places)),
                layers=tuple(dict.fromkeys(layer for _, layer in places if layer)),
                rows=len(places),
                networks=_networks(question, study, profile),
                p_attainable=smallest,
                judged=study.judged(question.name),
                family=family,
                p_corrected=min(1.0, family * smallest),
                obstacle=_obstacle(question, study, profile, family),
            )
        )
    return planned


def study_families(study: Study, profile: StudySize) -> dict[str, int]:
    """Return the number of comparisons corrected together: those judged, and those beside."""
    sizes = Counter(
        study.family(question.name)
        for question in study.asked(profile)
        for _ in _places(question, study, profile)
    )
    return {name: sizes[name] for name in (JUDGED, BESIDE) if sizes[name]}


def untestable(study: Study, profile: StudySize) -> str:
    """Say why no data could make a study speak; empty where they could."""
    rows: list[dict[str, Any]] = []
    for question in study.asked(profile):
        if not study.judged(question.name):
            continue
        first, *others = compared_networks(question, study, profile)
        rows += [
            {
                "question": question.name,
                "of": of,
                "layer": layer,
                "family": JUDGED,
                "n_a": first,
                "n_b": min(others, default=first),
                "p_attainable": _attainable(question, study, profile),
            }
            for of, layer in _places(question, study, profile)
        ]
    rule = study.rule.model_copy(update={"alpha": profile.alpha})
    verdict = judge_design(rule, rows)
    return "" if verdict is None else verdict.reasons[0]


def compared_networks(question: Question, study: Study, profile: StudySize) -> list[int]:
    """Return the number of networks of each cohort that a question compares."""
    if isinstance(question, Closer):
        names: Sequence[str] = (question.b, question.c)
    else:
        names = cohorts_of(question)
    return [n_networks(study.cohort(name), profile) for name in names]


def regions_unknown(study: Study, profile: StudySize) -> bool:
    """Tell whether a question is about a recording's regions, however many it has."""
    return any(
        of == EACH_REGION[0]
        for question in study.asked(profile)
        for of, _ in _places(question, study, profile)
    )


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
        known = SIMULATED_REGIONS if profile.recording == "simulated" else EACH_REGION
        yield from ((region, "") for region in (question.of or known))


def _networks(question: Question, study: Study, profile: StudySize) -> str:
    sizes = compared_networks(question, study, profile)
    alike = len(set(sizes)) == 1
    if isinstance(question, Tracks):
        return str(sum(sizes))
    if isinstance(question, Contrast):
        others = " or ".join(str(n) for n in dict.fromkeys(sizes[1:]))
        return f"{sizes[0]} v {others}"
    if alike and (isinstance(question, Trend) or len(sizes) > 3):
        return f"{len(sizes)} x {sizes[0]}"
    return (" + " if isinstance(question, Trend) else " v ").join(map(str, sizes))


def _attainable(question: Question, study: Study, profile: StudySize) -> float:
    """Return the smallest p of one comparison: the share of arrangements as extreme as any."""
    sizes = compared_networks(question, study, profile)
    together = sum(sizes)
    if isinstance(question, Tracks):
        return min(1.0, max(2.0 ** (1 - together), _RANDOM_P * (together > _EXACT_SIGNS)))
    if isinstance(question, Trend):
        smallest = 2 * prod(map(factorial, sizes)) / factorial(together)
        return min(1.0, max(smallest, _RANDOM_P * (together > _EXACT_ORDERS)))
    if isinstance(question, Alike):
        same = prod(map(factorial, Counter(sizes).values()))
        smallest = 2 * same * prod(map(factorial, sizes)) / factorial(together)
        return min(1.0, max(smallest, _RANDOM_LABELS_P))
    each = [attainable_p(sizes[0], n) for n in sizes[1:]]
    return min(1.0, max(each), len(each) * min(each))


def _obstacle(question: Question, study: Study, profile: StudySize, family: int) -> str:
    def reaches(n: int) -> bool:
        grown = profile.model_copy(update={"n_seeds": n})
        return family * _attainable(question, study, grown) <= profile.alpha

    if reaches(profile.n_seeds):
        return ""
    alone = family == 1
    mended = "no number of seeds would do; ask fewer comparisons"
    if reaches(_MOST_SEEDS):
        needed = next(n for n in range(profile.n_seeds + 1, _MOST_SEEDS + 1) if reaches(n))
        mended = f"{needed} seeds a cohort would do"
    return (
        f"{_networks(question, study, profile)} networks cannot test "
        f"{'1 comparison' if alone else f'{family} comparisons corrected together'}: the "
        f"smallest exact p is {_attainable(question, study, profile):.2g}, which is above "
        f"{profile.alpha:g}{'' if alone else f' / {family} = {profile.alpha / family:.2g}'}; "
        f"{mended}."
    )
