"""Freezing a declaration before its data exist.

A frozen file is plain JSON for a repository or a preregistration. It carries two hashes:
that of the declaration, which is the same wherever and whenever it is frozen, and that of
the whole file, which tells an edited date or summary. Neither proves when the file was
written; only a repository or a registry that others keep does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, ValidationError, field_serializer

from hyp.errors import HypError
from hyp.hypotheses.declaration_hash import LEFT_OUT, Declaration, declaration_of, differences
from hyp.hypotheses.looks import stopping, told_when_frozen
from hyp.hypotheses.profile import Declared
from hyp.hypotheses.steps import of_kind
from hyp.hypotheses.testability import PlannedQuestion, planned_questions
from hyp.stats.rules import describe
from hyp.store.artifacts import check_folder_of, readable_disk_errors, write_atomically
from hyp.store.environment import installed_versions
from hyp.store.steps import content_hash

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan
    from hyp.store import Store

FORMAT = 3
"""Of the file; 1 was written by versions that had two forms of hypothesis, 2 says nothing of when
the data are tested; both are read."""

_MOST_NAMED = 3


class Family(Declared):
    """Comparisons corrected together, and the smallest p that Holm can leave one of them."""

    comparisons: int
    smallest_corrected_p: float


class Summary(Declared):
    """What a frozen declaration says, for people; the declaration itself decides.

    Attributes
    ----------
    rule : str
        The decision rule in words.
    comparisons : dict of str to str
        For every question what is compared, on what, where.
    families : dict of str to Family
    seeds : dict of str to str
        Seeds of the networks by cohort; empty for a design that is not run.
    attainable_p : float
        Smallest p of one comparison that the rule reads, before correction.
    testable : str
        ``yes``, or why no data could give the design a verdict.
    stopping : str
        When the data are tested: once, or at planned looks.
    seen : str
        Verdicts on this declaration that were there already; empty where none was.
    """

    question: str
    predictions: dict[str, str]
    rule: str
    comparisons: dict[str, str]
    families: dict[str, Family]
    networks_a_group: int
    seeds: dict[str, str]
    attainable_p: float
    testable: str
    stopping: str = ""
    seen: str = ""


class Frozen(Declared):
    """A frozen declaration, as its file holds it.

    Attributes
    ----------
    format : int
        Of the file, counted up where its layout changes.
    hypothesis, profile, settings
        What was frozen: ``hyp freeze HYPOTHESIS --profile PROFILE --set KEY=VALUE``.
    frozen : datetime
        When, by the clock of the machine that froze it; UTC, whole seconds.
    hyp : str
        The version that froze it.
    step_versions : dict of str to int
        For each kind of step the number of the code that would have computed it.
    declaration_sha256 : str
        Of the canonical JSON of `declaration`.
    summary : Summary
    left_out : dict of str to str
        What the declaration does not hold, and why.
    declaration : Declaration
        Hypothesis and profile as applied.
    file_sha256 : str
        Of the canonical JSON of everything else in the file.
    """

    format: int = FORMAT
    hypothesis: str
    profile: str
    settings: dict[str, str]
    frozen: AwareDatetime
    hyp: str
    step_versions: dict[str, int]
    declaration_sha256: str
    summary: Summary
    left_out: dict[str, str]
    declaration: Declaration
    file_sha256: str = ""

    @field_serializer("frozen")
    def _iso(self, date: datetime) -> str:
        return iso(date)


def default_file(hypothesis: str, profile: str) -> str:
    """Return the name under which a declaration is frozen and looked for."""
    return f"{hypothesis}-{profile}.frozen.json"


def freeze(plan: Plan, date: datetime, store: Store | None = None) -> Frozen:
    """Return the frozen declaration of a plan.

    Parameters
    ----------
    plan : Plan
        From `make_plan`, with ``--set`` values applied.
    date : datetime
        With a time zone; kept in UTC and whole seconds.
    store : Store, optional
        Verdicts that it holds on this declaration are named in the summary.
    """
    declaration = declaration_of(plan.hypothesis, plan.profile)
    frozen = Frozen(
        hypothesis=plan.name,
        profile=plan.profile_name,
        settings=plan.settings,
        frozen=date.astimezone(UTC).replace(microsecond=0),
        hyp=installed_versions(["hyp"]).get("hyp", ""),
        step_versions={step.kind: step.version for step in plan.steps},
        declaration_sha256=declaration.sha256,
        summary=_summary(plan, store),
        left_out=LEFT_OUT,
        declaration=declaration,
    )
    return frozen.model_copy(update={"file_sha256": _file_hash(frozen.model_dump(mode="json"))})


def write_frozen(frozen: Frozen, path: Path) -> Frozen:
    """Write a frozen declaration, unless the file holds it already.

    Returns
    -------
    Frozen
        What the file holds: `frozen` itself, or the same declaration frozen earlier.

    Raises
    ------
    HypError
        If the file holds anything else, or cannot be written. A frozen file is never
        overwritten.
    """
    if path.exists():
        earlier = read_frozen(path, frozen.hypothesis)
        changed = differences(earlier.declaration, frozen.declaration)
        if changed:
            told = [f"{d.field} was {d.frozen}, now {d.ran}" for d in changed[:_MOST_NAMED]]
            told += [f"{len(changed) - _MOST_NAMED} more"] if changed[_MOST_NAMED:] else []
            raise HypError(
                f"{path} was frozen on {iso(earlier.frozen)} as another declaration "
                f"({'; '.join(told)}); a frozen file is never overwritten: keep it and choose "
                "another with --out FILE."
            )
        return earlier
    check_folder_of(path)
    text = json.dumps(frozen.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    with readable_disk_errors(path.parent):
        write_atomically(path, text.encode())
    return frozen


def read_frozen(path: Path, hypothesis: str) -> Frozen:
    """Read a frozen declaration and check both of its hashes.

    Parameters
    ----------
    path : Path
    hypothesis : str
        Whose declaration it must be.

    Raises
    ------
    HypError
        If there is no such file, it is damaged, was changed after it was frozen, was
        written by a newer hyp, or holds another hypothesis.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise HypError(
            f"cannot read the frozen declaration {path} ({error.strerror}); write one with "
            f"'hyp freeze {hypothesis}', or name another."
        ) from error
    except (ValueError, RecursionError) as error:
        raise HypError(
            f"{path} is cut short or damaged; restore it from where it was committed or registered."
        ) from error
    found = document.get("format") if isinstance(document, dict) else None
    if not isinstance(found, int) or found < 1:
        raise HypError(f"{path} is no frozen declaration; choose another file.")
    if found > FORMAT:
        raise HypError(f"{path} has format {found}, newer than this hyp; update hyp to read it.")
    try:
        frozen = Frozen.model_validate(document)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise HypError(
            f"{path} is damaged at {where}; restore it from where it was committed or registered."
        ) from error
    intact = (
        frozen.declaration.sha256 == frozen.declaration_sha256
        and _file_hash(document) == frozen.file_sha256
    )
    if not intact:
        raise HypError(
            f"{path} was changed after it was frozen: its content does not match its hash; "
            "restore it from where it was committed or registered."
        )
    if frozen.hypothesis != hypothesis:
        raise HypError(
            f"{path} holds the frozen declaration of {frozen.hypothesis}, not of {hypothesis}; "
            "choose another file."
        )
    return frozen


def iso(date: datetime) -> str:
    """Return a date in UTC and whole seconds."""
    return date.astimezone(UTC).isoformat(timespec="seconds")


def _summary(plan: Plan, store: Store | None) -> Summary:
    hypothesis, profile = plan.hypothesis, plan.profile
    planned = planned_questions(hypothesis, profile)
    comparisons = {
        one.name: f"{one.kind}, {question.describe()}; {_places(one)}"
        for one, question in zip(planned, plan.asked.questions, strict=True)
    }
    families = {
        one.family: Family(
            comparisons=one.family_size,
            smallest_corrected_p=_rounded(
                min(other.p_corrected for other in planned if other.family == one.family)
            ),
        )
        for one in planned
    }
    return Summary(
        question=hypothesis.question,
        predictions=hypothesis.predictions,
        rule=describe(hypothesis.rule_for(profile)),
        comparisons=comparisons,
        families=families,
        networks_a_group=profile.n_seeds,
        seeds=_seeds(plan),
        attainable_p=_rounded(min(one.p_attainable for one in planned if one.confirmatory)),
        testable=plan.untestable or "yes",
        stopping=stopping(hypothesis, profile),
        seen="" if store is None else told_when_frozen(plan, store),
    )


def _places(planned: PlannedQuestion) -> str:
    layers = f" at {', '.join(planned.layers)}" if planned.layers else ""
    return f"{', '.join(planned.measured)}{layers}"


def _seeds(plan: Plan) -> dict[str, str]:
    """Seeds by cohort, from the roles ``model:COHORT:SEED`` of the result."""
    found: dict[str, list[str]] = {}
    for name, seed in of_kind(plan.goal.inputs, "model"):
        found.setdefault(name, []).append(seed)
    return {name: ", ".join(seeds) for name, seeds in found.items()}


def _rounded(p: float) -> float:
    return float(f"{p:.4g}")


def _file_hash(document: Mapping[str, Any]) -> str:
    return content_hash({k: value for k, value in document.items() if k != "file_sha256"})


def _refuse(constant: str) -> None:
    raise ValueError(constant)
