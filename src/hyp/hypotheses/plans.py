"""Planning whatever kind of hypothesis there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp.hypotheses.planning import Plan, make_plan
from hyp.hypotheses.registry import AnyHypothesis, find_hypothesis
from hyp.hypotheses.studies.declaration import Study

if TYPE_CHECKING:
    from hyp.hypotheses.studies.planning import StudyPlan

    AnyPlan = Plan | StudyPlan


def plan_hypothesis(
    hypothesis: AnyHypothesis, profile_name: str, settings: dict[str, str] | None = None
) -> AnyPlan:
    """Expand a hypothesis under a profile into its graph of steps.

    Raises
    ------
    HypError
        As `make_plan` and `plan_study`.
    """
    if isinstance(hypothesis, Study):
        from hyp.hypotheses.studies.planning import plan_study  # imports scipy and xarray

        return plan_study(hypothesis, profile_name, settings)
    return make_plan(hypothesis, profile_name, settings)


def plan_named(name: str, profile_name: str, settings: dict[str, str] | None = None) -> AnyPlan:
    """Return the plan of a hypothesis by name, or of the one that a TOML file declares."""
    return plan_hypothesis(find_hypothesis(name), profile_name, settings)
