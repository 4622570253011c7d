"""The report as GitHub-flavoured Markdown, for issues, notebooks and commit messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from hyp.hypotheses.frozen_comparison import AgainstFrozen
from hyp.hypotheses.questions import Question
from hyp.hypotheses.result import Result, Row, Snapshot
from hyp.reports import wording
from hyp.reports.answers import (
    agreement,
    alternative_words,
    answered,
    equal_loss_words,
    headline,
    images_words,
    networks_words,
    other_comparison,
    place,
    pooled_words,
    turned,
    why_published_differs,
)
from hyp.reports.material import Material
from hyp.reports.published import paper_sentence, statement_about
from hyp.stats.verdict import Check, Verdict
from hyp.text import printable

_COLUMNS = ("Where", "a", "b", "Mean a", "Mean b", "Effect [95 % CI]", "Networks", "p")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#$]|&(?=#?\w+;))")
_INSIDE_WORD = re.compile(r"(?<=\w)\\_(?=\w)")
_LIST = re.compile(r"^([-+=]|\d+(?=[.)]))")


def markdown_report(
    material: Material, provenance: Mapping[str, object], frozen: AgainstFrozen | None = None
) -> str:
    """Write a result as Markdown: verdict, rule, checks, cohorts, every row and provenance."""
    result = material.result
    warnings = [frozen.sentence] if frozen and frozen.same is False else []
    warnings += result.warnings
    left_out = [f"{name}: {reason}" for name, reason in result.left_out.items()]
    overrides = provenance.get("overrides")
    changed = f" ({_pairs(overrides)})" if overrides else ""
    named = f"{result.hypothesis}, profile {result.profile}{changed}, after {result.source}"
    blocks = [
        f"# {escaped(result.title)}",
        escaped(result.question),
        bullets(f"**{escaped(k)}**: {escaped(v)}" for k, v in result.predictions.items()),
        f"## Verdict: {escaped(headline(result, frozen))}",
        f"**{escaped(result.verdict.sentence)}**",
        wording.OUTCOMES[result.verdict.outcome].meaning,
        bullets(map(escaped, result.verdict.reasons)),
        bullets(map(_part, result.verdict.parts)),
        f"**{escaped(agreement(result))}** {escaped(result.published)}".strip(),
        _other(result),
        f"Decision rule: {escaped(result.rule)}",
        *_listed("Before you believe it", warnings),
        *_listed("Declared, but not asked under this profile", left_out),
        *_checks(result.checks),
        *_cohorts(result),
        *(block for question in material.questions for block in _question(question, material)),
        escaped(paper_sentence(material)),
        *_protocols(material),
        *_provenance(named, result.settings, provenance),
        *(_frozen(frozen) if frozen else []),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _other(result: Result) -> str:
    verdict = result.other_verdict
    if verdict is None:
        return ""
    told = f"**{escaped(wording.verdict_words(verdict))}**. {escaped(verdict.sentence)}"
    return f"{other_comparison(result)}: {told}"


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"## {heading}", bullets(map(escaped, lines))] if lines else []


def _protocols(material: Material) -> list[str]:
    result = material.result
    if result.published_verdict is None or not result.rows:
        return []
    return [
        "## Why the two protocols differ",
        escaped(why_published_differs(material.questions)),
        bullets(
            f"{name}: **{escaped(wording.verdict_words(verdict))}**. {escaped(verdict.sentence)}"
            for name, verdict in (
                ("Recommended", result.verdict),
                ("Published", result.published_verdict),
            )
        ),
    ]


def _checks(checks: Iterable[Check]) -> list[str]:
    rows = [
        (
            "passed" if check.passed else "**failed**",
            escaped(check.name),
            wording.number(check.value),
            wording.number(check.threshold),
            escaped(check.sentence),
        )
        for check in checks
    ]
    if not rows:
        return []
    header = ("Check", "What", "Measured", "Threshold", "Finding")
    return ["## Manipulation checks", table(header, "llrrl", rows)]


def _cohorts(result: Result) -> list[str]:
    if not result.cohorts:
        return []
    rows = [
        (
            escaped(cohort.title),
            escaped(cohort.objective) if cohort.trained else wording.MISSING,
            escaped(cohort.design),
            images_words(cohort, result.settings),
            wording.count(cohort.n_images) if cohort.trained else wording.MISSING,
            wording.count(cohort.batches),
            str(len(cohort.seeds)),
        )
        for cohort in result.cohorts
    ]
    header = (
        "Cohort",
        "Trained for",
        "Variability",
        "Images",
        "Training images",
        "Batches",
        "Networks",
    )
    return ["## Networks", table(header, "llllrrr", rows)]


def _question(question: Question, material: Material) -> list[str]:
    rows = material.rows(question)
    margin = material.result.margin
    margin = margin if any(row.p_equivalence is not None for row in rows) else None
    statements = [statement_about(material, question, row) for row in rows]
    pooled = any(row.p_pooled is not None for row in rows)
    header = [*_COLUMNS, "Attainable p", "Holm p"]
    header += ["As published, all taken as independent"] if pooled else []
    header += ["Paper says higher"] if any(statements) else []
    header += [f"p, within ±{margin:g}", f"p, not lower by {margin:g}"] if margin else []
    told = [
        f"{escaped(material.ask(question))} {escaped(answered(rows))} Bold: significant. Tests are "
        f"{alternative_words(rows)}."
    ]
    if material.is_simulated(question):
        told.append("Simulated responses: nobody recorded them.")
    if not rows[0].confirmatory:
        told.append("Secondary: the decision rule does not read these rows.")
    figure = f" ({escaped(question.figure)})" if question.figure else ""
    lines = []
    for row, statement in zip(rows, statements, strict=True):
        cells = [*_row(row), *([escaped(pooled_words(row))] if pooled else [])]
        if any(statements):
            cells.append(escaped(statement.higher) if statement else wording.MISSING)
        if margin:
            cells.append(escaped(wording.p_value(row.p_equivalence)))
            cells.append(bold(escaped(wording.p_value(row.p_not_lower)), row.not_lower))
        lines.append(cells)
    return [
        f"## {escaped(wording.plain(question.label))}{figure}",
        " ".join(told),
        table([*map(escaped, header)], "lll" + "r" * (len(header) - 3), lines),
        *_equal_loss(question, material),
        *_as_trained(material.snapshots(question)),
    ]


def _equal_loss(question: Question, material: Material) -> list[str]:
    one = material.equal_loss(question)
    if one is None:
        return []
    header = map(escaped, [*_COLUMNS, "Attainable p", "Holm p"])
    rows = [table([*header], "lllrrrrrrr", map(_row, one.rows))] if one.rows else []
    return ["### At equal held-out loss", escaped(equal_loss_words(one)), *rows]


def _as_trained(snapshots: Sequence[Snapshot]) -> list[str]:
    if not snapshots:
        return []
    batches = sorted({one.batches for one in snapshots})
    found: dict[str, dict[int, str]] = {}
    for one in snapshots:
        where = f"{wording.measured_words(one.measured)}, {wording.layer_words(one.layer)}"
        shown = escaped(wording.interval(one.ci_low, one.ci_high, sign=True))
        cell = f"{wording.signed(one.difference)} {shown}"
        found.setdefault(where, {})[one.batches] = cell
    lines = [
        [escaped(where), *(cells.get(each, wording.MISSING) for each in batches)]
        for where, cells in found.items()
    ]
    header = ["a − b [95 % CI] after", *(f"{each:,} batches" for each in batches)]
    told = f"{turned(snapshots)} Nothing is tested here."
    return [
        "### As training went on",
        escaped(told),
        table([*map(escaped, header)], "l" + "r" * len(batches), lines),
    ]


def _row(row: Row) -> list[str]:
    shown = wording.interval(row.ci_low, row.ci_high, sign=True)
    return [
        escaped(place(row)),
        escaped(row.a),
        escaped(row.b) or wording.MISSING,
        wording.score(row.mean_a),
        wording.score(row.mean_b),
        f"{wording.signed(row.difference)} {escaped(shown)}",
        networks_words(row),
        escaped(wording.p_value(row.p)),
        escaped(wording.p_value(row.p_attainable)),
        bold(escaped(wording.p_value(row.p_corrected)), row.significant),
    ]


def _provenance(
    named: str, settings: Mapping[str, object], provenance: Mapping[str, object]
) -> list[str]:
    facts = {
        "Hypothesis": named,
        "Command": provenance.get("command"),
        "Started": provenance.get("started"),
        "Finished": provenance.get("finished"),
        "Took": wording.duration(provenance.get("wall_seconds")),
        "Software": _pairs(provenance.get("versions")),
        "Machine": _pairs(provenance.get("machine")),
        "Settings": _pairs(settings),
    }
    told = (f"{key}: {escaped(str(value))}" for key, value in facts.items() if value)
    return ["## Provenance", bullets(told)]


def _frozen(frozen: AgainstFrozen) -> list[str]:
    if frozen.file is None:
        return [escaped(frozen.sentence)]
    told = (
        f"**{escaped(frozen.sentence)}**",
        escaped(frozen.timing),
        *map(escaped, frozen.notes),
        f"{escaped(frozen.file)}, SHA-256 of the declaration `{frozen.declaration_sha256}`",
    )
    rows = [(escaped(d.field), escaped(d.frozen), escaped(d.ran)) for d in frozen.differences]
    rows_table = [table(("Field", "Frozen", "Ran"), "lll", rows)] if rows else []
    return ["### Frozen declaration", bullets(told), *rows_table]


def _pairs(mapping: object) -> str:
    if not isinstance(mapping, Mapping):
        return ""
    return ", ".join(f"{key} {value}" for key, value in mapping.items())


def _part(part: Verdict) -> str:
    name, outcome = wording.plain(part.name), wording.verdict_words(part)
    return f"**{escaped(name)}**, {escaped(outcome)}: {escaped(part.sentence)}"


def bold(text: str, wanted: bool) -> str:
    """Embolden a text if that is wanted."""
    return f"**{text}**" if wanted else text


def bullets(lines: Iterable[str]) -> str:
    """Write a list."""
    return "\n".join(f"- {line}" for line in lines)


def table(header: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> str:
    """Write a table; `alignment` has an ``l`` or ``r`` for every column."""
    rule = ["---:" if side == "r" else ":---" for side in alignment]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def escaped(text: str) -> str:
    """Escape what Markdown or HTML would take for markup, mathematics or a list; one line."""
    line = " ".join(printable(text).split())
    line = _INSIDE_WORD.sub("_", _SPECIAL.sub(r"\\\1", line))
    return _LIST.sub(lambda found: found[0] + "\\" if found[0].isdigit() else f"\\{found[0]}", line)
