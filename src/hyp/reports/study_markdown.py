"""The report of a study as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from hyp.hypotheses.freezing import AgainstFrozen
from hyp.hypotheses.studies.declaration import Question
from hyp.hypotheses.studies.result import Row, StudyResult
from hyp.reports import words
from hyp.reports.markdown import (
    bold,
    bullets,
    checks_blocks,
    escaped,
    frozen_blocks,
    outcome_words,
    part_words,
    provenance_blocks,
    table,
)
from hyp.reports.study_material import Material
from hyp.reports.study_words import (
    agreement,
    answered,
    asked,
    networks_words,
    place,
    pooled_words,
)


def study_markdown(
    material: Material, provenance: Mapping[str, object], frozen: AgainstFrozen | None = None
) -> str:
    """Write a study as Markdown: verdict, rule, checks, cohorts, every row and provenance."""
    result = material.result
    warnings = [frozen.sentence] if frozen and frozen.same is False else []
    warnings += result.warnings
    named = f"{result.study}, profile {result.profile}, after {result.source}"
    blocks = [
        f"# {escaped(result.title)}",
        escaped(result.question),
        bullets(f"**{escaped(k)}**: {escaped(v)}" for k, v in result.predictions.items()),
        f"## Verdict: {outcome_words(result.verdict)}",
        f"**{escaped(result.verdict.sentence)}**",
        words.outcome_meaning(result.verdict.outcome),
        bullets(map(escaped, result.verdict.reasons)),
        bullets(map(part_words, result.verdict.parts)),
        f"**{escaped(agreement(result))}** {escaped(result.published)}".strip(),
        f"Decision rule: {escaped(result.rule)}",
        *(["## Before you believe it", bullets(map(escaped, warnings))] if warnings else []),
        *checks_blocks(result.checks),
        *_cohorts(result),
        *(
            block
            for question in material.questions
            for block in _question(question, material, result.margin)
        ),
        *provenance_blocks(named, result.settings, provenance),
        *(frozen_blocks(frozen) if frozen else []),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _cohorts(result: StudyResult) -> list[str]:
    if not result.cohorts:
        return []
    rows = [
        (
            escaped(cohort.title),
            escaped(cohort.objective) if cohort.batches else "not trained",
            escaped(cohort.design),
            words.count(cohort.n_images) if cohort.batches else words.MISSING,
            words.count(cohort.batches),
            str(len(cohort.seeds)),
        )
        for cohort in result.cohorts
    ]
    header = ("Cohort", "Trained for", "Variability", "Training images", "Batches", "Networks")
    return ["## Networks", table(header, "lllrrr", rows)]


def _question(question: Question, material: Material, margin: float | None) -> list[str]:
    rows = material.rows(question)
    margin = margin if any(row.p_equivalence is not None for row in rows) else None
    header = ["Where", "a", "b", "Mean a", "Mean b", "Effect [95 % CI]", "Networks", "p"]
    header += ["Attainable p", "Holm p"]
    pooled = any(row.p_pooled is not None for row in rows)
    if pooled:
        header.append("As published, all taken as independent")
    if margin is not None:
        header += [f"p, within ±{margin:g}", f"p, not lower by {margin:g}"]
    return [
        f"## {escaped(words.plain(question.name))}"
        + (f" ({question.figure})" if question.figure else ""),
        f"{escaped(asked(question, material.titles))} {escaped(answered(rows))} Bold: significant."
        + (" Beside the verdict." if rows[0].family == "beside" else ""),
        table(
            tuple(map(escaped, header)),
            "lllrrrrrrr" + "r" * pooled + "rr" * (margin is not None),
            [_row(row, margin, pooled) for row in rows],
        ),
    ]


def _row(row: Row, margin: float | None, pooled: bool) -> tuple[str, ...]:
    shown = words.interval(row.ci_low, row.ci_high, sign=True)
    equivalence: tuple[str, ...] = ()
    if margin is not None:
        equivalence = (
            escaped(words.p_value(row.p_equivalence)),
            bold(escaped(words.p_value(row.p_not_lower)), row.not_lower),
        )
    return (
        escaped(place(row)),
        escaped(row.a),
        escaped(row.b) or words.MISSING,
        words.score(row.mean_a),
        words.score(row.mean_b),
        f"{words.signed(row.difference)} {escaped(shown)}",
        networks_words(row),
        escaped(words.p_value(row.p)),
        escaped(words.p_value(row.p_attainable)),
        bold(escaped(words.p_value(row.p_holm)), row.significant),
        *((escaped(pooled_words(row)),) if pooled else ()),
        *equivalence,
    )
