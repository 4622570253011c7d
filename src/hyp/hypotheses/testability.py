"""What the questions of a hypothesis can reach at best, known before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hyp.errors import HypError
from hyp.hypotheses.cohort import Asked
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Contrast, Question
from hyp.hypotheses.questions.base import EACH_REGION
from hyp.hypotheses.questions.panels import unique
from hyp.stats.deciding import judge_design

if TYPE_CHECKING:
    from hyp.stats.designs import ComparisonDesign

_MOST_SEEDS = 1000


@dataclass(frozen=True)
class PlannedQuestion:
    """A question before its answer.

    Attributes
    ----------
    name, kind : str
    measured : tuple of str
        Latents, regions, tasks or a measure.
    layers : tuple of str
        Where, if it is measured by layers.
    rows : int
        Comparisons that it gives.
    networks : str
        Numbers of networks, such as ``6 v 6``.
    alternative : {"two-sided", "greater", "less"}
        Of its tests.
    p_attainable : float
        Smallest p that one of them can give.
    confirmatory : bool
        Whether the rule reads it.
    family : str
        Which comparisons are corrected together with these.
    family_size : int
        How many they are, these included.
    p_corrected : float
        Smallest p that Holm can leave one of them.
    obstacle : str
        Why they cannot reach alpha, and what would mend it; empty where they can.
    """

    name: str
    kind: str
    measured: tuple[str, ...]
    layers: tuple[str, ...]
    rows: int
    networks: str
    alternative: str
    p_attainable: float
    confirmatory: bool
    family: str
    family_size: int
    p_corrected: float
    obstacle: str


def planned_questions(hypothesis: Hypothesis, profile: Profile) -> list[PlannedQuestion]:
    """Return the questions that a profile asks, with the smallest p each can give."""
    families = family_sizes(hypothesis, profile)
    asked = hypothesis.asked(profile)
    planned = []
    for question in asked.questions:
        places = question.places(profile, asked.objectives)
        smallest = partial(_smallest_p, question, hypothesis, asked, profile)
        family = hypothesis.family(question, profile)
        planned.append(
            PlannedQuestion(
                name=question.label,
                kind=question.kind,
                measured=unique(measured for measured, _ in places),
                layers=unique(layer for _, layer in places if layer),
                rows=len(places),
                networks=question.networks(asked.sizes(profile)),
                alternative=hypothesis.direction(question),
                p_attainable=smallest(),
                confirmatory=hypothesis.confirmatory(question.name),
                family=family,
                family_size=families[family],
                p_corrected=min(1.0, families[family] * smallest()),
                obstacle=_obstacle(
                    smallest,
                    families[family],
                    profile.n_seeds,
                    hypothesis.level(profile),
                    question.networks(asked.sizes(profile)),
                ),
            )
        )
    return planned


def family_sizes(hypothesis: Hypothesis, profile: Profile) -> dict[str, int]:
    """Return the number of comparisons corrected together, by family; the judged ones first."""
    asked = hypothesis.asked(profile)
    sizes: Counter[str] = Counter()
    for confirmatory in (True, False):
        for question in asked.questions:
            if hypothesis.confirmatory(question.name) == confirmatory:
                places = question.places(profile, asked.objectives)
                sizes[hypothesis.family(question, profile)] += len(places)
    return dict(sizes)


def untestable(hypothesis: Hypothesis, profile: Profile) -> str:
    """Say why no data could give a hypothesis a verdict; empty where they could."""
    asked = hypothesis.asked(profile)
    rows: list[dict[str, Any]] = []
    for question in asked.questions:
        if not hypothesis.confirmatory(question.name):
            continue
        first, *others = question.counted(asked.sizes(profile))
        rows += [
            {
                "question": question.name,
                "objective": question.objective,
                "measured": measured,
                "layer": layer,
                "family": hypothesis.family(question, profile),
                "n_a": first,
                "n_b": min(others, default=first),
                "p_attainable": _smallest_p(question, hypothesis, asked, profile),
            }
            for measured, layer in question.places(profile, asked.objectives)
        ]
    if not rows:
        raise HypError(
            f"no question of {hypothesis.name} that the rule reads is left to ask; choose other "
            "questions or cohorts."
        )
    rule = hypothesis.rule_for(profile)
    verdict = judge_design(rule, rows)
    return "" if verdict is None else verdict.reasons[0]


def regions_unknown(hypothesis: Hypothesis, profile: Profile) -> bool:
    """Tell whether a question is about a recording's regions, however many it has."""
    asked = hypothesis.asked(profile)
    return any(
        measured == EACH_REGION
        for question in asked.questions
        for measured, _ in question.places(profile, asked.objectives)
    )


def contrast_designs(
    hypothesis: Hypothesis, profile: Profile, *, smallest_effect: float | None = None
) -> dict[str, ComparisonDesign]:
    """Return the design of each question that holds one cohort against one other.

    What else is asked has an attainable p (`planned_questions`), but no known power.

    Raises
    ------
    HypError
        If the smallest effect is not positive.
    """
    if smallest_effect is not None and not smallest_effect > 0:
        raise HypError(f"the smallest effect must be positive, not {smallest_effect:g}.")
    from hyp.stats.designs import ComparisonDesign

    asked = hypothesis.asked(profile)
    families = family_sizes(hypothesis, profile)
    designs = {}
    for question in asked.questions:
        if isinstance(question, Contrast) and len(question.b) == 1:
            n_a, n_b = question.counted(asked.sizes(profile))
            designs[question.label] = ComparisonDesign(
                n_a=n_a,
                n_b=n_b,
                alternative=hypothesis.direction(question),
                alpha=hypothesis.level(profile),
                family=families[hypothesis.family(question, profile)],
                smallest_effect=smallest_effect,
            )
    return designs


def _smallest_p(
    question: Question,
    hypothesis: Hypothesis,
    asked: Asked,
    profile: Profile,
    n_seeds: int | None = None,
) -> float:
    """Return the smallest p of one comparison, with another number of seeds where one is given."""
    sizes = asked.sizes(profile.but(n_seeds=n_seeds or profile.n_seeds))
    return question.smallest_p(sizes, two_sided=hypothesis.direction(question) == "two-sided")


def _obstacle(
    smallest: Callable[..., float], family: int, n_seeds: int, level: float, networks: str
) -> str:
    """Say why no comparison of a family can reach its level, and what would mend it."""

    def reaches(number: int) -> bool:
        return family * smallest(n_seeds=number) <= level

    if reaches(n_seeds):
        return ""
    alone = family == 1
    mended = "no number of seeds would do; ask fewer comparisons"
    if reaches(_MOST_SEEDS):
        needed = next(n for n in range(n_seeds + 1, _MOST_SEEDS + 1) if reaches(n))
        mended = f"{needed} seeds per cohort would do"
    return (
        f"{networks} networks cannot test "
        f"{'1 comparison' if alone else f'{family} comparisons corrected together'}: the "
        f"smallest exact p is {smallest():.2g}, which is above "
        f"{level:.3g}{'' if alone else f' / {family} = {level / family:.2g}'}; "
        f"{mended}."
    )
