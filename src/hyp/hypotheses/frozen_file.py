"""Freezing a declaration before its data exist, and holding a run against it.

A frozen file is plain JSON for a repository or a preregistration. It carries two hashes:
that of the declaration, which is the same wherever and whenever it is frozen, and that of
the whole file, which tells an edited date or summary. Neither proves when the file was
written; only a repository or a registry that others keep does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, field_serializer

from hyp.errors import HypError
from hyp.hypotheses.declaration import Hypothesis, Profile, Size
from hyp.hypotheses.files import form_of
from hyp.hypotheses.planning import Plan, family_sizes, question_name
from hyp.hypotheses.registry import AnyHypothesis
from hyp.hypotheses.studies.declaration import Study, StudySize, described
from hyp.hypotheses.studies.designing import planned_questions, study_families
from hyp.stats.attainable import attainable_p
from hyp.stats.rules import DecisionRule, describe
from hyp.store import Record
from hyp.store.artifacts import installed_versions, readable_disk_errors, write_atomically
from hyp.store.runs import Run
from hyp.store.steps import content_hash

if TYPE_CHECKING:
    from hyp.hypotheses.plans import AnyPlan
    from hyp.hypotheses.studies.planning import StudyPlan

FORMAT = 1

LEFT_OUT = {
    "the profile's name and summary": "they are for people",
    "rule.alpha": "the profile's alpha takes its place",
    "workers, scheduler and store": "results do not depend on them",
    "files that are named": "images, recordings and weights are not looked into",
    "the machine": "device and precision are frozen as declared; 'auto' is settled where it runs",
}
"""What the declaration's hash does not cover, and why."""

PARTS_LEFT_OUT = {"rule.parts": "they are made from the questions, one part each"}
"""The same of hypotheses about variability alone; those of a study are declared."""

_EMPTY: tuple[Any, ...] = (None, "", [], {})
_MOST_NAMED = 3
_SECOND = timedelta(seconds=1)

_Path = tuple[str, ...]
"""Where a field lies; a list of named things is entered by their names."""

Order = Literal["before", "meanwhile", "after", "no data"]
"""When a declaration was frozen, against the run's data."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Declaration(_Model):
    """Everything that decides what is run and how it is judged, as JSON values.

    Fields that cannot change a result are not in it, see `LEFT_OUT`. The words of the
    claim are: a prediction rephrased afterwards is another prediction.
    """

    hypothesis: dict[str, Any]
    profile: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON: sorted keys, no spaces, ASCII."""
        return content_hash(self.model_dump())


class Family(_Model):
    """Comparisons corrected together, and the smallest p that Holm can leave one of them."""

    comparisons: int
    smallest_corrected_p: float


class Summary(_Model):
    """What a frozen declaration says, for people; the declaration itself decides.

    Attributes
    ----------
    rule : str
        The decision rule in words.
    comparisons : dict of str to str
        For every question what is compared, on what, where.
    families : dict of str to Family
    seeds : dict of str to str
        Seeds of the networks by condition or cohort; empty for a design that is not run.
    attainable_p : float
        Smallest p of one comparison that the rule reads, before correction.
    testable : str
        ``yes``, or why no data could make the design speak.
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


class Frozen(_Model):
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
        return _iso(date)


class Difference(_Model):
    """One field that is not as it was frozen; the values in words."""

    field: str
    frozen: str
    ran: str


class AgainstFrozen(_Model):
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
        What a reader should know beside them.
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


def default_file(hypothesis: str, profile: str) -> str:
    """Return the name under which a declaration is frozen and looked for."""
    return f"{hypothesis}-{profile}.frozen.json"


def declaration_of(hypothesis: AnyHypothesis, profile: Size) -> Declaration:
    """Return what is frozen of a hypothesis of either kind under a profile as applied."""
    return Declaration(
        hypothesis=hypothesis.model_dump(
            mode="json", exclude={"profiles": True, "rule": _left_out_of_rule(type(hypothesis))}
        ),
        profile=profile.model_dump(mode="json", exclude={"summary"}),
    )


def freeze(plan: AnyPlan, date: datetime) -> Frozen:
    """Return the frozen declaration of a plan.

    Parameters
    ----------
    plan : Plan or StudyPlan
        From `make_plan` or `plan_study`, with ``--set`` values applied.
    date : datetime
        With a time zone; kept in UTC and whole seconds.
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
        summary=_summary(plan),
        left_out=LEFT_OUT | (PARTS_LEFT_OUT if isinstance(plan, Plan) else {}),
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
                f"{path} was frozen on {_iso(earlier.frozen)} as another declaration "
                f"({'; '.join(told)}); a frozen file is never overwritten: keep it and choose "
                "another with --out FILE."
            )
        return earlier
    if not path.absolute().parent.is_dir():
        raise HypError(f"cannot write {path}: there is no folder {path.parent}.")
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


def differences(frozen: Declaration, ran: Declaration) -> tuple[Difference, ...]:
    """Compare two declarations field by field.

    A field that one of them does not have, because another version of hyp wrote it,
    counts with its default.
    """
    # What this hyp cannot complete, because it does not know a field, is compared as written.
    with suppress(ValidationError, HypError):
        frozen, ran = _complete(frozen), _complete(ran)
    one, two = dict(_leaves(frozen)), dict(_leaves(ran))
    return tuple(
        Difference(
            field=".".join(map(str, field)), frozen=_words(one, field), ran=_words(two, field)
        )
        for field in dict.fromkeys([*one, *two])
        if field not in one or field not in two or one[field] != two[field]
    )


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
    ran = _declared(goal.spec)
    changed = differences(frozen.declaration, ran)
    rule = Difference(
        field="rule, in words", frozen=_rule_words(frozen.declaration), ran=_rule_words(ran)
    )
    told = rule.frozen != rule.ran and any(d.field.startswith("rule.") for d in changed)
    order, timing = _timing(frozen.frozen, run, records)
    return AgainstFrozen(
        file=file,
        frozen=_iso(frozen.frozen),
        declaration_sha256=frozen.declaration_sha256,
        same=not changed,
        order=order,
        sentence=_headline(changed),
        timing=timing,
        notes=tuple(_notes(frozen, run, records, goal)),
        differences=(rule, *changed) if told else changed,
    )


def _summary(plan: AnyPlan) -> Summary:
    hypothesis, profile = plan.hypothesis, plan.profile
    rule = hypothesis.rule.model_copy(update={"alpha": profile.alpha})
    comparisons, families, smallest = _compared(plan) if isinstance(plan, Plan) else _asked(plan)
    return Summary(
        question=hypothesis.question,
        predictions=hypothesis.predictions,
        rule=describe(rule),
        comparisons=comparisons,
        families=families,
        networks_a_group=profile.n_seeds,
        seeds=_seeds(plan),
        attainable_p=_rounded(smallest),
        testable=plan.untestable or "yes",
    )


def _compared(plan: Plan) -> tuple[dict[str, str], dict[str, Family], float]:
    """Return a hypothesis' comparisons in words, their families, and the smallest p of one."""
    hypothesis, profile = plan.hypothesis, plan.profile
    two_sided = hypothesis.rule.alternative == "two-sided"
    smallest = attainable_p(profile.n_seeds, profile.n_seeds, two_sided=two_sided)
    where = f"at {len(profile.layers)} layers ({', '.join(profile.layers)})"
    comparisons = {
        question_name(part, objective): f"{hypothesis.conditions[0].name} against "
        f"{part.condition}; {', '.join(part.latents)} decoded {where}"
        for part, objective in hypothesis.questions(profile)
    }
    families = {
        name: Family(comparisons=m, smallest_corrected_p=_rounded(min(1.0, m * smallest)))
        for name, m in family_sizes(hypothesis, profile).items()
    }
    return comparisons, families, smallest


def _asked(plan: StudyPlan) -> tuple[dict[str, str], dict[str, Family], float]:
    """Return a study's comparisons in words, their families, and the smallest p of one judged."""
    study, profile = plan.hypothesis, plan.profile
    planned = planned_questions(study, profile)
    comparisons, families = {}, {}
    for question, asked in zip(planned, study.asked(profile), strict=True):
        places = ", ".join(question.about)
        places += f" at {', '.join(question.layers)}" if question.layers else ""
        comparisons[question.name] = f"{question.kind}, {described(asked)}; {places}"
    for name, m in study_families(study, profile).items():
        own = [question.p_corrected for question in planned if study.family(question.name) == name]
        families[name] = Family(comparisons=m, smallest_corrected_p=_rounded(min(own)))
    return comparisons, families, min(one.p_attainable for one in planned if one.judged)


def _seeds(plan: AnyPlan) -> dict[str, str]:
    """Seeds by condition or cohort, from the roles ``model:...:NAME:SEED`` of the result."""
    found: dict[str, dict[str, None]] = {}
    for role in plan.goal.inputs:
        if role.startswith("model:"):
            name, seed = role.split(":")[-2:]
            found.setdefault(name, {})[seed] = None
    return {name: ", ".join(seeds) for name, seeds in found.items()}


def _rounded(p: float) -> float:
    return float(f"{p:.4g}")


def _file_hash(document: Mapping[str, Any]) -> str:
    return content_hash({k: value for k, value in document.items() if k != "file_sha256"})


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _iso(date: datetime) -> str:
    return date.astimezone(UTC).isoformat(timespec="seconds")


def _left_out_of_rule(form: type[AnyHypothesis]) -> set[str]:
    """Return the fields of a rule that are not declared, see `LEFT_OUT`."""
    return {"alpha"} if issubclass(form, Study) else {"alpha", "parts"}


def _complete(declaration: Declaration) -> Declaration:
    """Fill in the defaults of fields that the declaration's writer did not know."""
    declared = {**declaration.hypothesis, "profiles": {}}
    profile = {**declaration.profile, "summary": ""}
    if form_of(declared) is Study:
        return declaration_of(Study.model_validate(declared), StudySize.model_validate(profile))
    return declaration_of(Hypothesis.model_validate(declared), Profile.model_validate(profile))


def _rule_words(declaration: Declaration) -> str:
    rule, alpha = declaration.hypothesis.get("rule"), declaration.profile.get("alpha")
    try:
        return describe(DecisionRule.model_validate({**(rule or {}), "alpha": alpha}))
    except (ValidationError, TypeError):
        return "has fields that this hyp does not know"


def _declared(spec: Mapping[str, Any]) -> Declaration:
    """Return the declaration in the spec of a ``results`` step."""
    hypothesis = spec["study"] if "study" in spec else spec["hypothesis"]
    left_out = _left_out_of_rule(form_of(hypothesis))
    rule = {k: value for k, value in hypothesis["rule"].items() if k not in left_out}
    return Declaration(
        hypothesis={**hypothesis, "rule": rule},
        profile={k: v for k, v in spec["profile"].items() if k not in ("name", "summary")},
    )


def _leaves(declaration: Declaration) -> Iterator[tuple[_Path, Any]]:
    """Yield (field, value); fields of the hypothesis are bare, the profile's are prefixed."""
    for name, value in declaration.hypothesis.items():
        yield from _flattened((name,), value)
    for name, value in declaration.profile.items():
        yield from _flattened(("profile", name), value)


def _flattened(field: _Path, value: Any) -> Iterator[tuple[_Path, Any]]:
    names = _names(value)
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flattened((*field, name), inner)
    elif names:
        yield field, names
        for name, item in zip(names, value, strict=True):
            rest = {key: inner for key, inner in item.items() if key != "name"}
            yield from _flattened((*field, name), rest)
    else:
        yield field, value


def _names(value: Any) -> list[str]:
    """Names of a list's items; empty where they have none, or share one."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    names = [item.get("name") for item in value]
    return names if all(names) and len(set(names)) == len(names) else []


def _words(fields: Mapping[_Path, Any], field: _Path) -> str:
    return _say(fields[field]) if field in fields else "not declared"


def _say(value: Any) -> str:
    if value in _EMPTY:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_say, value))
    if isinstance(value, dict):
        told = (f"{key}: {_say(inner)}" for key, inner in value.items() if inner not in _EMPTY)
        return f"({', '.join(told)})"
    return json.dumps(value)


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
    frozen = f"It was frozen on {_iso(date)}"
    data = [record for record in records if record.key != run.goal]
    if not data:
        return "no data", f"{frozen}. Nothing was computed, so there were no data to look at."
    made = {record.key: datetime.fromisoformat(record.created) for record in records}
    begun = min(
        datetime.fromisoformat(run.started),
        *(made[r.key] + _SECOND - timedelta(seconds=r.seconds) for r in records),
    )
    if begun >= date:
        return "before", f"{frozen}, before any of the run's data were computed ({_iso(begun)})."
    there = [record for record in data if made[record.key] < date]
    if len(there) == len(data) or made[run.goal] < date:
        last = min(made[run.goal], max(made[record.key] for record in data))
        return "after", (
            f"{frozen}, when the run's data had been computed (by {_iso(last)}): the file "
            "records the declaration, but does not preregister it."
        )
    kinds = Counter(record.kind for record in there)
    counted = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    already = f"{len(there)} ({counted})" if there else "none"
    return "meanwhile", (
        f"{frozen}, when computing had begun ({_iso(begun)}): of {len(data)} artifacts that the "
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
