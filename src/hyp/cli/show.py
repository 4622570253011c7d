"""What ``hyp list``, ``show``, ``plan`` and ``status`` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.planning import Plan, family_sizes
from hyp.hypotheses.registry import AnyHypothesis
from hyp.hypotheses.shared_steps import STAGES
from hyp.hypotheses.studies.declaration import Study, described
from hyp.hypotheses.studies.designing import planned_questions
from hyp.hypotheses.timing import expected_seconds
from hyp.stats.rules import describe
from hyp.store import Store
from hyp.store.runs import all_runs, shown_state, stored_steps

if TYPE_CHECKING:
    from hyp.hypotheses.plans import AnyPlan
    from hyp.hypotheses.studies.planning import StudyPlan

_MOST = 12
"""Cohorts that are listed by name."""


def hypotheses_table() -> Group:
    """Return the table of ``hyp list``."""
    from hyp.hypotheses.registry import all_hypotheses

    hypotheses, problems = all_hypotheses()
    table = Table("name", "question", "profiles", box=None, header_style="bold")
    for hypothesis in hypotheses:
        table.add_row(hypothesis.name, hypothesis.title, ", ".join(hypothesis.profiles))
    return Group(table, *(Text(f"left out: {problem}") for problem in problems))


def hypothesis_page(hypothesis: AnyHypothesis) -> RenderableType:
    """Return the page of ``hyp show``."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column()
    facts.add_row("question", Text(hypothesis.question))
    facts.add_row("source", Text(hypothesis.source))
    for name, prediction in hypothesis.predictions.items():
        facts.add_row(name, Text(prediction))
    facts.add_row("rule", Text(describe(hypothesis.rule)))
    facts.add_row("", "")
    declared = _study(hypothesis) if isinstance(hypothesis, Study) else _variability(hypothesis)
    for label, text in declared:
        facts.add_row(label, Text(text))
    facts.add_row("", "")
    for name, profile in hypothesis.profiles.items():
        facts.add_row("profile", Text(f"{name}: {profile.summary}"))
    return Group(Text(hypothesis.title, style="bold"), "", facts)


def _variability(hypothesis: Hypothesis) -> Iterator[tuple[str, str]]:
    for condition in hypothesis.conditions:
        yield "condition", f"{condition.name}: {condition.title} ({condition.design})"
    for part in hypothesis.parts:
        yield (
            "part",
            f"{part.name}: full against {part.condition}; decode {', '.join(part.latents)}; "
            f"targets {', '.join(part.objectives)}",
        )


def _study(study: Study) -> Iterator[tuple[str, str]]:
    if study.published:
        yield "published", study.published
        yield "", ""
    cohorts = [cohort.name for cohort in study.cohorts]
    shown = cohorts if len(cohorts) <= _MOST else [*cohorts[:_MOST], f"{len(cohorts) - _MOST} more"]
    yield "cohorts", ", ".join(shown)
    for question in study.questions:
        beside = "" if study.judged(question.name) else " (beside the rule)"
        yield (
            "question",
            f"{question.name}: {question.kind}, {described(question)}{beside}",
        )


def plan_page(plan: AnyPlan, store: Store | None) -> RenderableType:
    """Return the page of ``hyp plan``."""
    heading = Text(f"{plan.name}, profile {plan.profile_name}", style="bold")
    if plan.untestable:
        return Group(heading, Text(f"untestable: {plan.untestable}"))
    pending = plan.pending(store)
    every, missing = Counter(s.kind for s in plan.steps), Counter(s.kind for s in pending)
    table = Table("stage", box=None, header_style="bold")
    for column in ("steps", "stored", "to compute", "expected"):
        table.add_column(column, justify="right")
    stages = [kind for kind in STAGES if every[kind]]
    expected = {kind: expected_seconds(plan, kind, pending, store) for kind in stages}
    for kind in stages:
        table.add_row(
            kind,
            str(every[kind]),
            str(every[kind] - missing[kind]),
            str(missing[kind]),
            ("" if expected[kind].measured else "~") + duration(expected[kind].seconds),
        )
    asked = _families(plan) if isinstance(plan, Plan) else _questions_table(plan)
    notes = []
    seconds = [stage.seconds for stage in expected.values() if stage.seconds is not None]
    if not pending:
        notes.append("Everything is stored; 'hyp run' only prints the verdict.")
    elif len(seconds) == len(expected):
        notes.append(
            f"One core: {duration(sum(seconds))} in all; steps of a stage run side by side."
        )
    if pending and not all(stage.measured for stage in expected.values()):
        notes.append("~: not timed in this store yet; scaled from another machine (2.5 GHz Xeon).")
    return Group(heading, table, "", asked, *(Text(note) for note in notes))


def _families(plan: Plan) -> Text:
    families = list(family_sizes(plan.hypothesis, plan.profile).values())
    counted = " + ".join(map(str, families))
    return Text(
        f"{plan.profile.n_seeds} networks a group; {counted} comparisons, corrected together in "
        f"{len(families)} {'family' if len(families) == 1 else 'families'} at "
        f"{plan.profile.alpha:g}."
    )


def _questions_table(plan: StudyPlan) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("question", overflow="fold")
    table.add_column("", no_wrap=True)
    for column in ("networks", "comparisons", "attainable p"):
        table.add_column(column, justify="right", no_wrap=True)
    for question in planned_questions(plan.hypothesis, plan.profile):
        table.add_row(
            question.name,
            "" if question.judged else "beside",
            question.networks,
            str(question.rows),
            f"{question.p_attainable:.2g}",
        )
    return table


def status_table(store: Store) -> RenderableType:
    """Return the table of ``hyp status``."""
    runs = all_runs(store.root)
    if not runs:
        return Text(f"{store.root} holds no runs yet; start one with 'hyp run NAME'.")
    table = Table("hypothesis", "profile", "state", "steps", "time", "updated", box=None)
    for run in runs:
        stored = stored_steps(store, run)
        profile = " ".join([run.profile, *(f"{k}={v}" for k, v in run.overrides.items())])
        table.add_row(
            run.hypothesis,
            profile,
            shown_state(run, stored),
            f"{stored}/{len(run.steps)}",
            duration(run.wall_seconds),
            run.updated.replace("T", " ").removesuffix("+00:00"),
        )
    return table


def duration(seconds: float | None) -> str:
    """Return a length of time for people: ``45 s``, ``12 min``, ``3.5 h``, ``9 d``."""
    if seconds is None:
        return "?"
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return (
                f"{seconds / size:.3g} {unit}" if size == 3600 else f"{seconds / size:.0f} {unit}"
            )
    return f"{seconds / 86_400:.0f} d"
