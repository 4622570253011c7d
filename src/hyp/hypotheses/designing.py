"""The statistical design of a hypothesis, family by family, or of a study, contrast by contrast."""

from __future__ import annotations

from hyp.errors import HypError
from hyp.hypotheses.declaration import Hypothesis, Profile
from hyp.hypotheses.planning import family_sizes
from hyp.hypotheses.studies.declaration import Contrast, Study, StudySize
from hyp.hypotheses.studies.designing import compared_networks, study_families
from hyp.stats.designs import ComparisonDesign


def family_designs(
    hypothesis: Hypothesis, profile: Profile, *, smallest_effect: float | None = None
) -> dict[str, ComparisonDesign]:
    """Return the design of the comparisons in each family.

    Raises
    ------
    HypError
        If the smallest effect is not positive.
    """
    _check_effect(smallest_effect)
    return {
        name: ComparisonDesign(
            n_a=profile.n_seeds,
            n_b=profile.n_seeds,
            alternative=hypothesis.rule.alternative,
            alpha=profile.alpha,
            family=size,
            smallest_effect=smallest_effect,
        )
        for name, size in family_sizes(hypothesis, profile).items()
    }


def contrast_designs(
    study: Study, profile: StudySize, *, smallest_effect: float | None = None
) -> dict[str, ComparisonDesign]:
    """Return the design of each question that holds one cohort against one other.

    What else a study asks has an attainable p (`planned_questions`), but no known power.

    Raises
    ------
    HypError
        If the smallest effect is not positive.
    """
    _check_effect(smallest_effect)
    families = study_families(study, profile)
    designs = {}
    for question in study.asked(profile):
        if isinstance(question, Contrast) and len(question.b) == 1:
            n_a, n_b = compared_networks(question, study, profile)
            designs[question.name] = ComparisonDesign(
                n_a=n_a,
                n_b=n_b,
                alpha=profile.alpha,
                family=families[study.family(question.name)],
                smallest_effect=smallest_effect,
            )
    return designs


def _check_effect(smallest: float | None) -> None:
    if smallest is not None and not smallest > 0:
        raise HypError(f"the smallest effect must be positive, not {smallest:g}.")
