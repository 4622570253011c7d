"""Looking again: the looks that a profile plans, and those that a store has seen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from hyp.hypotheses.declaration_hash import declaration_of, declared_in, differences
from hyp.store.artifacts import read_record
from hyp.store.runs import all_runs
from hyp.text import joined

if TYPE_CHECKING:
    from hyp.hypotheses.declaration import Hypothesis
    from hyp.hypotheses.plan import Plan
    from hyp.hypotheses.profile import Profile
    from hyp.store import Store

_OF_LOOKS = frozenset({"profile.n_seeds", "profile.looks", "profile.spending"})
_NAMES = {"obrien-fleming": "O'Brien-Fleming", "pocock": "Pocock"}


class Seen(NamedTuple):
    """A verdict that a store holds: its number of networks per cohort, its plan, its date."""

    n_seeds: int
    looks: tuple[int, ...]
    date: str


def stopping(hypothesis: Hypothesis, profile: Profile) -> str:
    """Say when the data are tested: once, or at the looks that are planned."""
    if not profile.looks:
        return f"one test, with {profile.n_seeds} networks per cohort; any other is a second look."
    levels = [f"{level:.2g}" for level in hypothesis.levels(profile)]
    return (
        f"looks at {joined(list(map(str, profile.looks)))} networks per cohort, "
        f"{_NAMES[profile.spending]} spending: tests pass at {joined(levels)}, so that all looks "
        f"together hold {profile.alpha:g}. It ends at the first look with a verdict."
    )


def this_look(hypothesis: Hypothesis, profile: Profile) -> str:
    """Say which of the planned looks a profile is; empty where none are planned."""
    if not profile.looks:
        return ""
    at = profile.looks.index(profile.n_seeds)
    return (
        f"This is planned look {at + 1} of {len(profile.looks)} ({_NAMES[profile.spending]} "
        f"spending): tests pass at {hypothesis.level(profile):.2g} here, so that all looks "
        f"together hold {profile.alpha:g}."
    )


def seen_before(plan: Plan, store: Store) -> list[Seen]:
    """Return the verdicts of a store on this declaration, whatever the number of networks."""
    own = declaration_of(plan.hypothesis, plan.profile)
    found = []
    for run in all_runs(store.root):
        if run.hypothesis != plan.name or run.state != "finished":
            continue
        spec = read_record(store.root / "results" / run.goal).spec
        other = declared_in(spec)
        if spec["untestable"] or {one.field for one in differences(other, own)} - _OF_LOOKS:
            continue
        date = datetime.fromisoformat(run.updated).date().isoformat()
        looks = tuple(other.profile.get("looks", ()))
        found.append(Seen(int(other.profile["n_seeds"]), looks, date))
    return found


def second_look(plan: Plan, store: Store) -> str:
    """Say that a plan looks again at what has a verdict, unless such looks were planned."""
    profile = plan.profile
    others = [one for one in seen_before(plan, store) if one.n_seeds != profile.n_seeds]
    unplanned = [one for one in others if not profile.looks or one.looks != profile.looks]
    if plan.untestable or not unplanned:
        return ""
    from hyp.stats.stopping import unplanned_error

    sizes = sorted({profile.n_seeds, *(one.n_seeds for one in others)})
    verdicts = joined([f"{one.n_seeds} networks per cohort ({one.date})" for one in unplanned])
    error = unplanned_error(sizes, alpha=profile.alpha)
    return (
        f"This is a second look: there is a verdict already with {verdicts}. Without a plan, "
        f"tests at {profile.alpha:g} after {joined(list(map(str, sizes)))} find something where "
        f"nothing is in {error:.1%} of cases. Plan looks before the first run (--set "
        f"looks={','.join(map(str, sizes))}), or report this one as exploratory."
    )


def told_when_frozen(plan: Plan, store: Store) -> str:
    """Say which verdicts were there already when a declaration was frozen."""
    seen = seen_before(plan, store)
    if not seen:
        return ""
    told = joined([f"{one.n_seeds} networks per cohort ({one.date})" for one in seen])
    return f"frozen after a verdict was seen with {told}"
