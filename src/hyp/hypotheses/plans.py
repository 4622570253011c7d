"""Planning whatever kind of hypothesis there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp.hypotheses.planning import Plan, make_plan
from hyp.hypotheses.registry import AnyHypothesis, find_hypothesis
from hyp.hypotheses.studies.declaration import Study
from hyp.models.hardware import Ask, Numerics, best_precision, keeping
from hyp.store import Store
from hyp.store.runs import kept_numerics

if TYPE_CHECKING:
    from hyp.hypotheses.studies.planning import StudyPlan

    AnyPlan = Plan | StudyPlan


def plan_hypothesis(
    hypothesis: AnyHypothesis,
    profile_name: str,
    settings: dict[str, str] | None = None,
    *,
    store: Store | None = None,
    ask: Ask = best_precision,
) -> AnyPlan:
    """Expand a hypothesis under a profile into its graph of steps.

    Device and precision, where the profile leaves them open, are those of the run of the
    same settings in `store`; if there is none, `ask` chooses them.

    Raises
    ------
    HypError
        As `make_plan` and `plan_study`.
    """
    if store is not None:
        kept = kept_numerics(store.root, hypothesis.name, profile_name, settings or {})
        if kept is not None:
            ask = keeping(Numerics(**kept.model_dump()), ask)
    if isinstance(hypothesis, Study):
        from hyp.hypotheses.studies.planning import plan_study  # imports scipy and xarray

        return plan_study(hypothesis, profile_name, settings, ask=ask)
    return make_plan(hypothesis, profile_name, settings, ask=ask)


def plan_named(
    name: str,
    profile_name: str,
    settings: dict[str, str] | None = None,
    *,
    store: Store | None = None,
    ask: Ask = best_precision,
) -> AnyPlan:
    """Return the plan of a hypothesis by name, or of the one that a TOML file declares."""
    hypothesis = find_hypothesis(name)
    return plan_hypothesis(hypothesis, profile_name, settings, store=store, ask=ask)
