"""The report as GitHub-flavoured Markdown, for issues, notebooks and commit messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from hyp.hypotheses.freezing import AgainstFrozen
from hyp.hypotheses.result import Result
from hyp.reports import words
from hyp.reports.against_paper import claim_about, paper_sentence
from hyp.reports.arrange import Part, Row, parts, sizes
from hyp.stats.verdict import Check, Verdict

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")
_INSIDE_WORD = re.compile(r"(?<=\w)\\_(?=\w)")


def markdown(
    result: Result, provenance: Mapping[str, object], frozen: AgainstFrozen | None = None
) -> str:
    """Write a result as Markdown: verdict, rule, checks, comparisons and provenance."""
    warnings = [frozen.sentence] if frozen and frozen.same is False else []
    warnings += result.warnings
    blocks = [
        f"# {escaped(result.title)}",
        escaped(result.question),
        bullets(f"**{escaped(k)}**: {escaped(v)}" for k, v in result.predictions.items()),
        f"## Verdict: {outcome_words(result.verdict)}",
        f"**{escaped(result.verdict.sentence)}**",
        words.outcome_meaning(result.verdict.outcome),
        bullets(map(escaped, result.verdict.reasons)),
        "By question:" if result.verdict.parts else "",
        bullets(map(part_words, result.verdict.parts)),
        f"Decision rule: {escaped(result.rule)}",
        *checks_blocks(result.checks),
        *(block for part in parts(result) for block in _comparisons(part, result.hypothesis)),
        *_against_paper(result),
        "## Why the two protocols differ",
        escaped(result.protocol_difference),
        bullets(
            f"{name}: **{outcome_words(verdict)}**. {escaped(verdict.sentence)}"
            for name, verdict in (
                ("Recommended", result.verdict),
                ("Published", result.published_verdict),
            )
        ),
        "“Not significant” does not mean “equal”: it means that these networks leave the "
        "direction open.",
        *(["## Before you believe it", bullets(map(escaped, warnings))] if warnings else []),
        *provenance_blocks(
            f"{result.hypothesis}, profile {result.profile}, after {result.source}",
            result.settings,
            provenance,
        ),
        *(frozen_blocks(frozen) if frozen else []),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def checks_blocks(checks: Iterable[Check]) -> list[str]:
    """Write the manipulation checks; nothing where none were made."""
    rows = [
        (
            "passed" if check.passed else "**failed**",
            escaped(check.name),
            words.number(check.value),
            words.number(check.threshold),
            escaped(check.sentence),
        )
        for check in checks
    ]
    if not rows:
        return []
    header = ("Check", "What", "Measured", "Threshold", "Finding")
    return ["## Manipulation checks", table(header, "llrrl", rows)]


def _comparisons(part: Part, hypothesis: str) -> list[str]:
    rows = [
        (
            f"{words.latent_words(panel.objective)} → {words.latent_words(panel.latent)}",
            *_row(row),
            claim.better if (claim := claim_about(row, hypothesis)) else words.MISSING,
        )
        for panel in part.panels
        for row in panel.rows
    ]
    if not rows:
        return []
    header = (
        "Trained on → decoding",
        "Layer",
        "Full",
        "Reduced",
        "Difference [95 % CI]",
        "P(full > reduced)",
        "p",
        "Attainable p",
        "Holm p",
        "Published p",
        "Paper says higher",
    )
    compared = ", ".join(
        f"{protocol} {sizes(part, protocol)} {unit}"
        for protocol, unit in (("recommended", "networks"), ("published", "pooled folds"))
        if sizes(part, protocol)
    )
    return [
        f"## Comparisons: {escaped(words.plain(part.name))}",
        f"Compared: {compared}. Bold: significant.",
        table(tuple(map(escaped, header)), "llrrrrrrrrl", [tuple(map(str, row)) for row in rows]),
    ]


def _against_paper(result: Result) -> list[str]:
    sentence = paper_sentence(parts(result), result.hypothesis)
    return [escaped(sentence)] if sentence else []


def _row(row: Row) -> tuple[str, ...]:
    one, two, shown = row.recommended, row.published, row.values
    judged: tuple[str, ...] = (words.MISSING,) * 5
    if one is not None:
        judged = (
            f"{words.signed(one.difference)} "
            f"{escaped(words.interval(one.ci_low, one.ci_high, sign=True))}",
            words.score(one.ps, 2),
            escaped(words.p_value(one.p)),
            escaped(words.p_value(one.p_attainable)),
            bold(escaped(words.p_value(one.p_holm)), one.significant),
        )
    return (
        words.layer_words(row.layer),
        words.score(shown.mean_full),
        words.score(shown.mean_reduced),
        *judged,
        bold(escaped(words.p_value(two.p)), two.significant) if two else words.MISSING,
    )


def provenance_blocks(
    named: str, settings: Mapping[str, object], provenance: Mapping[str, object]
) -> list[str]:
    """Write what made a result; `named` is the hypothesis with its profile and source."""
    facts = {
        "Hypothesis": named,
        "Command": provenance.get("command"),
        "Started": provenance.get("started"),
        "Finished": provenance.get("finished"),
        "Took": words.duration(provenance.get("wall_seconds")),
        "Software": _pairs(provenance.get("versions")),
        "Machine": _pairs(provenance.get("machine")),
        "Settings": _pairs(settings),
    }
    told = (f"{key}: {escaped(str(value))}" for key, value in facts.items() if value)
    return ["## Provenance", bullets(told)]


def frozen_blocks(frozen: AgainstFrozen) -> list[str]:
    """Write how a run stands to its frozen declaration."""
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


def part_words(part: Verdict) -> str:
    """Write the verdict on one part: its name, outcome and sentence."""
    return f"**{escaped(words.plain(part.name))}**, {outcome_words(part)}: {escaped(part.sentence)}"


def outcome_words(verdict: Verdict) -> str:
    """Name an outcome with the prediction that is supported."""
    name = words.outcome_words(verdict.outcome)
    return f"{name} ({escaped(verdict.prediction)})" if verdict.prediction else name


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
    """Escape what Markdown or HTML would take for markup; one line."""
    return _INSIDE_WORD.sub("_", _SPECIAL.sub(r"\\\1", " ".join(text.split())))
