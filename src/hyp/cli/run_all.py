"""All hypotheses together: what they share, and reports of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hyp.cli.options import read_settings
from hyp.errors import HypError
from hyp.hypotheses.plan import Plan, make_plan
from hyp.hypotheses.registry import all_hypotheses
from hyp.hypotheses.steps import STAGES
from hyp.hypotheses.timing import expected_seconds
from hyp.models.hardware import Ask
from hyp.reports.wording import duration
from hyp.store import Step, Store


def plan_all(
    profile: str | None, settings: list[str] | None, *, store: Store | None, ask: Ask
) -> tuple[list[Plan], list[str]]:
    """Plan every hypothesis that has a profile, and say why others are left out."""
    hypotheses, problems = all_hypotheses()
    plans, left_out = [], list(problems)
    for hypothesis in hypotheses:
        try:
            plans.append(
                make_plan(hypothesis, profile, read_settings(settings), store=store, ask=ask)
            )
        except HypError as error:
            left_out.append(f"{hypothesis.name}: {error}")
    if not plans:
        under = f" with the profile {profile!r}" if profile else ""
        raise HypError(f"no hypothesis can be run{under}: {left_out[0]}")
    return plans, left_out


@dataclass(frozen=True)
class Share:
    """What a plan would compute after those before it.

    ``seconds_alone`` and ``seconds_together`` are of one core: all that is missing, and what
    plans before it do not make; None where nothing is known of them.
    """

    hypothesis: str
    profile: str
    untestable: str
    steps: int
    stored: int
    shared: int
    new_networks: int
    seconds_alone: float | None
    seconds_together: float | None


def shares(plans: Sequence[Plan], store: Store | None) -> list[Share]:
    """Return what each plan would compute after those before it, and what it would cost alone."""
    planned: set[Step] = set()
    found = []
    for plan in plans:
        pending = plan.pending(store)
        new = [step for step in pending if step not in planned]
        planned.update(pending)
        found.append(
            Share(
                hypothesis=plan.name,
                profile=plan.profile_name,
                untestable=plan.untestable,
                steps=len(plan.steps),
                stored=len(plan.steps) - len(pending),
                shared=len(pending) - len(new),
                new_networks=Counter(step.kind for step in new)["models"],
                seconds_alone=_seconds(plan, pending, store),
                seconds_together=_seconds(plan, new, store),
            )
        )
    return found


def sharing_table(found: Sequence[Share]) -> RenderableType:
    """Show what each plan would compute after those above it, and what it would cost alone."""
    table = Table(box=None, header_style="bold")
    table.add_column("hypothesis", overflow="fold")
    for column in ("steps", "stored", "shared", "new networks", "alone", "together"):
        table.add_column(column, justify="right")
    for share in found:
        table.add_row(
            share.hypothesis + (" (untestable)" if share.untestable else ""),
            *map(str, (share.steps, share.stored, share.shared, share.new_networks)),
            duration(share.seconds_alone),
            duration(share.seconds_together),
        )
    total = sum(share.seconds_together or 0.0 for share in found)
    return Group(
        table,
        Text(f"One core: {duration(total)} in all; steps of a stage run side by side."),
        Text("Alone: without what hypotheses above it share. Networks are trained once."),
    )


def _seconds(plan: Plan, steps: list[Step], store: Store | None) -> float | None:
    seconds = [expected_seconds(plan, kind, steps, store).seconds for kind in STAGES]
    return None if None in seconds else sum(s for s in seconds if s is not None)
