"""Holding a finished run against the declaration that was frozen before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from hyp.hypotheses.declaration_hash import (
    Declaration,
    Difference,
    declared_in,
    differences,
    modern,
)
from hyp.hypotheses.frozen_file import Frozen, default_file, iso
from hyp.hypotheses.profile import Declared
from hyp.stats.rules import DecisionRule, describe
from hyp.store import Record
from hyp.store.runs import Run

_MOST_NAMED = 3
_SECOND = timedelta(seconds=1)

Order = Literal["before", "meanwhile", "after", "no data"]
"""When a declaration was frozen, against the run's data."""


class AgainstFrozen(Declared):
    """What a report says of a run and the frozen declaration.

    Attributes
    ----------
    file : str or None
        Name of the frozen file; None where there is none.
    same : bool or None
        Whether what ran is what was frozen.
    order : {"before", "meanwhile", "after", "no data"} or None
        Whether it was frozen before the run's data were computed.
    sentence, timing : str
        Both answers in words.
    notes : tuple of str
        What else a reader should know.
    differences : tuple of Difference
        Field by field; empty where it is the same.
    """

    file: str | None = None
    frozen: str | None = None
    declaration_sha256: str | None = None
    same: bool | None = None
    order: Order | None = None
    sentence: str
    timing: str = ""
    notes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


def not_frozen(run: Run) -> AgainstFrozen:
    """Return what a report says where there is no frozen file."""
    settings = "".join(f" --set {key}={value}" for key, value in run.overrides.items())
    return AgainstFrozen(
        sentence=f"Not frozen: there is no {default_file(run.hypothesis, run.profile)} in the "
        f"working directory. 'hyp freeze {run.hypothesis} --profile {run.profile}{settings}' "
        "writes it, before the run it is meant for."
    )


def hold_against(frozen: Frozen, file: str, run: Run, records: Sequence[Record]) -> AgainstFrozen:
    """Compare a finished run with a frozen declaration.

    Parameters
    ----------
    frozen : Frozen
    file : str
        The frozen file's name, for the report.
    run : Run
    records : sequence of Record
        Of those of the run's artifacts that are stored, the result's among them.
    """
    goal = next(record for record in records if record.key == run.goal)
    ran = declared_in(goal.spec)
    changed = differences(frozen.declaration, ran)
    rule = Difference(
        field="rule, in words", frozen=_rule_words(frozen.declaration), ran=_rule_words(ran)
    )
    told = rule.frozen != rule.ran and any(d.field.startswith("rule.") for d in changed)
    order, timing = _timing(frozen.frozen, run, records)
    return AgainstFrozen(
        file=file,
        frozen=iso(frozen.frozen),
        declaration_sha256=frozen.declaration_sha256,
        same=not changed,
        order=order,
        sentence=_headline(changed),
        timing=timing,
        notes=tuple(_notes(frozen, run, records, goal)),
        differences=(rule, *changed) if told else changed,
    )


def _rule_words(declaration: Declaration) -> str:
    rule, alpha = modern(declaration).hypothesis.get("rule"), declaration.profile.get("alpha")
    try:
        return describe(DecisionRule.model_validate({**(rule or {}), "alpha": alpha}))
    except (ValidationError, TypeError):
        return "has fields that this hyp does not know"


def _headline(changed: Sequence[Difference]) -> str:
    if not changed:
        return "What ran is what was frozen: every declared field is the same."
    fields = [difference.field for difference in changed]
    named = ", ".join(fields[:_MOST_NAMED])
    more = f" and {len(fields) - _MOST_NAMED} more" if fields[_MOST_NAMED:] else ""
    count = "1 field differs" if len(fields) == 1 else f"{len(fields)} fields differ"
    return f"What ran is not what was frozen: {count} ({named}{more})."


def _timing(date: datetime, run: Run, records: Sequence[Record]) -> tuple[Order, str]:
    """Say whether `date` lies before the run's data; times are kept in whole seconds."""
    frozen = f"It was frozen on {iso(date)}"
    data = [record for record in records if record.key != run.goal]
    if not data:
        return "no data", f"{frozen}. Nothing was computed, so there were no data to look at."
    made = {record.key: datetime.fromisoformat(record.created) for record in records}
    begun = min(
        datetime.fromisoformat(run.started),
        *(made[r.key] + _SECOND - timedelta(seconds=r.seconds) for r in records),
    )
    if begun >= date:
        return "before", f"{frozen}, before any of the run's data were computed ({iso(begun)})."
    there = [record for record in data if made[record.key] < date]
    if len(there) == len(data) or made[run.goal] < date:
        last = min(made[run.goal], max(made[record.key] for record in data))
        return "after", (
            f"{frozen}, when the run's data had been computed (by {iso(last)}): the file "
            "records the declaration, but does not preregister it."
        )
    kinds = Counter(record.kind for record in there)
    counted = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    already = f"{len(there)} ({counted})" if there else "none"
    return "meanwhile", (
        f"{frozen}, when computing had begun ({iso(begun)}): of {len(data)} artifacts that the "
        f"result rests on, {already} {'was' if len(there) == 1 else 'were'} there already."
    )


def _notes(frozen: Frozen, run: Run, records: Sequence[Record], goal: Record) -> Iterator[str]:
    yield (
        "The date is what the machine that froze it said. It counts only if the file was "
        "committed or registered elsewhere at that time."
    )
    ran = goal.libraries.get("hyp", "")
    if ran != frozen.hyp:
        yield f"It was frozen with hyp {frozen.hyp or '?'} and run with hyp {ran or '?'}."
    numbers = {record.kind: record.version for record in records}
    for kind, number in numbers.items():
        if frozen.step_versions.get(kind, number) != number:
            yield (
                f"The code of {kind} gives other results since: it was number "
                f"{frozen.step_versions[kind]} when this was frozen and {number} when it ran."
            )
    missing = len(run.steps) - len(records)
    if missing:
        yield (
            f"{missing} of the run's {len(run.steps)} artifacts "
            f"{'is' if missing == 1 else 'are'} no longer stored, so when they were computed is "
            "not known."
        )
