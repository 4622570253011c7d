"""What ``hyp list``, ``show``, ``plan`` and ``status`` print."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.table import Column, Table
from rich.text import Text

from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.needs import Needs, plan_needs
from hyp.hypotheses.plan import Plan
from hyp.hypotheses.testability import planned_questions
from hyp.reports.wording import by_reason, duration
from hyp.stats.rules import describe
from hyp.store import Store
from hyp.store.runs import all_runs, shown_state, stored_steps

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


def hypothesis_page(hypothesis: Hypothesis) -> RenderableType:
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
    for label, text in _declared(hypothesis):
        facts.add_row(label, Text(text))
    facts.add_row("", "")
    for name, profile in hypothesis.profiles.items():
        facts.add_row("profile", Text(f"{name}: {profile.summary}"))
    return Group(Text(hypothesis.title, style="bold"), "", facts)


def _declared(hypothesis: Hypothesis) -> Iterator[tuple[str, str]]:
    if hypothesis.published:
        yield "published", hypothesis.published
        yield "", ""
    for cohort in hypothesis.cohorts[:_MOST]:
        trained = ", ".join(cohort.objectives) or cohort.objective
        what = f"trained for {trained}" if cohort.trained else "untrained"
        yield "cohort", f"{cohort.name}: {what}; images {cohort.design}"
    if len(hypothesis.cohorts) > _MOST:
        more = [cohort.name for cohort in hypothesis.cohorts[_MOST:]]
        yield "", f"and {len(more)} more: {', '.join(more)}"
    for question in hypothesis.questions:
        secondary = "" if hypothesis.confirmatory(question.name) else " (secondary)"
        yield "question", f"{question.name}: {question.kind}, {question.describe()}{secondary}"


def plan_page(plan: Plan, store: Store | None, workers: int = 1, gpus: int = 0) -> RenderableType:
    """Return the page of ``hyp plan``: what is computed, and what it takes on so many workers."""
    heading = Text(f"{plan.name}, profile {plan.profile_name}", style="bold")
    if plan.untestable:
        return Group(heading, Text(f"untestable: {plan.untestable}"))
    needs = plan_needs(plan, store, workers, gpus)
    table = Table(box=None, header_style="bold")
    table.add_column("stage")
    on = _places(needs)
    for column in filter(None, ("steps", "stored", "to compute", "one core", on, "disk")):
        table.add_column(column, justify="right")
    for stage in needs.stages:
        about = "" if stage.measured else "~"
        times = [stage.seconds, stage.wall_seconds][: 1 + bool(on)]
        table.add_row(
            stage.stage,
            *map(str, (stage.steps, stage.steps - stage.to_compute, stage.to_compute)),
            *(duration(one) if one is None else about + duration(one) for one in times),
            _size(stage.n_bytes),
        )
    notes = [
        f"not asked: {', '.join(names)} ({reason})" for reason, names in by_reason(plan.left_out)
    ]
    pending = any(stage.to_compute for stage in needs.stages)
    if pending:
        notes += _totals(needs)
    else:
        notes.append("Everything is stored; 'hyp run' only prints the verdict.")
    if pending and not all(stage.measured for stage in needs.stages):
        notes.append("~: not timed in this store yet; scaled from another machine (2.5 GHz Xeon).")
    return Group(heading, table, "", _questions_table(plan), *(Text(note) for note in notes))


def _places(needs: Needs) -> str:
    """Say what computes beside this process; nothing where one process does it all."""
    if needs.workers + needs.gpus < 2:
        return ""
    named = ((needs.gpus, "GPU"), (needs.workers, "worker"))
    return " and ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in named if n)


def _totals(needs: Needs) -> Iterator[str]:
    seconds, wall = needs.total("seconds"), duration(needs.total("wall_seconds"))
    places = _places(needs)
    on = f", {wall} on {places} of one core" if places else ""
    time = f"{duration(seconds)} of one core{on}"
    if seconds is None:
        time = "how long is known once some of it was timed here"
    known = sum(stage.n_bytes or 0.0 for stage in needs.stages)
    least = "at least " if needs.total("n_bytes") is None else ""
    yield f"In all: {time}; {least}{_size(known) or 'little'} of disk."
    if least:
        yield "?: the size of JPEG images is known once some are stored."
    if needs.memory is not None:
        measured = "as measured in this store" if needs.memory_measured else "from its sizes"
        yield f"Memory of a worker: about {_size(needs.memory)}, {measured}."


def _size(n_bytes: float | None) -> str:
    """Return a size for people; what is below a megabyte is not worth a word."""
    if n_bytes is None:
        return "?"
    return decimal(round(n_bytes)) if n_bytes >= 1e6 else ""


def _questions_table(plan: Plan) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("question", overflow="fold")
    table.add_column("", no_wrap=True)
    for column in ("networks", "comparisons", "attainable p"):
        table.add_column(column, justify="right", no_wrap=True)
    for question in planned_questions(plan.hypothesis, plan.profile):
        table.add_row(
            question.name,
            "" if question.confirmatory else "secondary",
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
    longest = max(len(run.hypothesis) for run in runs)  # what the next command is asked with
    name = Column("hypothesis", min_width=longest, no_wrap=True)
    table = Table(name, "profile", "state", "steps", "time", "left", "updated", box=None)
    stages = []
    for run, stored in zip(runs, stored_steps(store, runs), strict=True):
        profile = " ".join([run.profile, *(f"{k}={v}" for k, v in run.overrides.items())])
        running = run.seen_state == "running"
        table.add_row(
            Text(run.hypothesis),
            Text(profile),
            shown_state(run, stored),
            f"{stored}/{len(run.steps)}",
            duration(run.wall_seconds),
            duration(run.left_seconds) if running else "",
            _when(run.updated),
        )
        if running:
            counted = ", ".join(f"{one.kind} {one.done:g}/{one.total}" for one in run.stages)
            stages.append(Text(f"{run.hypothesis}, since {_when(run.started)}: {counted}"))
    return Group(table, *stages)


def _when(time: str) -> str:
    return time.replace("T", " ").removesuffix("+00:00")
