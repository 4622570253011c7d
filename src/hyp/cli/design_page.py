"""What ``hyp design`` shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hyp.hypotheses.declaration import SECONDARY
from hyp.hypotheses.plan import Plan
from hyp.hypotheses.testability import (
    PlannedQuestion,
    family_sizes,
    planned_questions,
    regions_unknown,
)
from hyp.stats.designs import POWER, ComparisonDesign, DesignReport

Designs = Mapping[str, ComparisonDesign]
Reports = Mapping[ComparisonDesign, DesignReport]
Tables = Mapping[ComparisonDesign, pd.DataFrame]


def design_page(plan: Plan, designs: Designs, reports: Reports, tables: Tables) -> RenderableType:
    """Show the questions by family, then the power of contrasts of two cohorts, in 80 columns."""
    blocks: list[RenderableType] = [_heading(plan)]
    planned = planned_questions(plan.hypothesis, plan.profile)
    for family, size in family_sizes(plan.hypothesis, plan.profile).items():
        own = [question for question in planned if question.family == family]
        blocks += [
            Text(),
            Text(_family_words(family, size, plan.hypothesis.level(plan.profile))),
            _questions(own),
        ]
        for obstacle in dict.fromkeys(one.obstacle for one in own if one.obstacle):
            names = "; ".join(one.name for one in own if one.obstacle == obstacle)
            blocks.append(Text(f"{names}: {obstacle}"))
    blocks += [Text(), Text(_verdict_words(plan, planned))]
    if regions_unknown(plan.hypothesis, plan.profile):
        blocks.append(Text("A recording's regions are counted as one; name them with 'measured'."))
    blocks += _powers(designs, reports, tables)
    return Group(*blocks)


def design_json(plan: Plan, designs: Designs, reports: Reports, tables: Tables) -> str:
    """Return what `design_page` shows for programs."""
    families: dict[str, Any] = {
        name: {
            "comparisons": size,
            "first_step": plan.hypothesis.level(plan.profile) / size,
            "questions": {},
        }
        for name, size in family_sizes(plan.hypothesis, plan.profile).items()
    }
    for question in planned_questions(plan.hypothesis, plan.profile):
        design = designs.get(question.name)
        families[question.family]["questions"][question.name] = {
            "kind": question.kind,
            "networks": question.networks,
            "comparisons": question.rows,
            "alternative": question.alternative,
            "attainable": question.p_attainable,
            "corrected": question.p_corrected,
            "testable": not question.obstacle,
            "sentence": question.obstacle,
            "design": design and _examined(design, reports, tables),
        }
    document = {
        "testable": not plan.untestable,
        "sentence": plan.untestable,
        "margin": plan.hypothesis.rule.margin,
        "alpha": plan.hypothesis.level(plan.profile),
        "families": families,
    }
    return json.dumps(document, indent=1)


def _heading(plan: Plan) -> Text:
    return Text(f"{plan.name}, profile {plan.profile_name}", style="bold")


def _examined(design: ComparisonDesign, reports: Reports, tables: Tables) -> dict[str, Any]:
    return {
        **json.loads(reports[design].model_dump_json()),
        "power": tables[design].to_dict("records"),
    }


def _family_words(family: str, size: int, alpha: float) -> str:
    called = "secondary, not read by the rule" if family == SECONDARY else family
    counted = "1 comparison" if size == 1 else f"{size} comparisons together, Holm"
    return f"{called}: {counted}; the first step needs {alpha / size:.2g}"


def _questions(planned: list[PlannedQuestion]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("question", overflow="fold")
    for column in ("kind", "networks", "comparisons", "attainable p", "after Holm"):
        table.add_column(column, justify="left" if column == "kind" else "right", no_wrap=True)
    for question in planned:
        table.add_row(
            Text(question.name),
            question.kind,
            question.networks,
            str(question.rows),
            f"{question.p_attainable:.2g}",
            Text(f"{question.p_corrected:.2g}", style="red" if question.obstacle else ""),
        )
    return table


def _verdict_words(plan: Plan, planned: list[PlannedQuestion]) -> str:
    if plan.untestable:
        return f"testable: no: {plan.untestable}"
    judged = [question for question in planned if question.confirmatory]
    reached = sum(not question.obstacle for question in judged)
    words = f"testable: yes; {reached} of {len(judged)} confirmatory questions can reach alpha"
    if plan.hypothesis.rule.margin is None:
        return f"{words}."
    return f"{words}; what counts on the margin needs no correction."


def _powers(designs: Designs, reports: Reports, tables: Tables) -> list[RenderableType]:
    blocks: list[RenderableType] = []
    for design, report in reports.items():
        names = [name for name, own in designs.items() if own == design]
        facts = _facts("contrasts" if len(names) > 1 else "contrast", names, report)
        blocks += [Text(), facts, Text(), _table(design, tables[design])]
    if blocks:
        blocks.append(
            Text(
                "d: difference in standard deviations of the seed means. Simulated, normal scores, "
                "10,000 studies per cell (standard error at most 0.005).",
                style="dim",
            )
        )
    return blocks


def _facts(called: str, names: list[str], report: DesignReport) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    facts.add_row(called, Text("; ".join(names)))
    for label, text in _rows(report):
        facts.add_row(label, Text(text))
    return facts


def _rows(report: DesignReport) -> Iterator[tuple[str, str]]:
    design = report.design
    nested = " and ".join(f"{name}s" for name in design.nested)
    yield (
        "design",
        f"{design.n_a} v {design.n_b} {design.unit}s, {nested} averaged, "
        f"{design.alternative}, alpha {design.alpha:g}",
    )
    yield "corrected", f"{design.family} comparisons together, Holm"
    yield "attainable p", f"{report.attainable:.2g}; the first step needs {report.first_step:.2g}"
    yield "testable", f"{'yes' if report.testable else 'no'}: {report.sentence}"
    if report.detectable is not None:
        yield (
            f"found at {POWER:.0%}",
            f"d = {report.detectable:.2f} or more (probability of superiority "
            f"{report.detectable_superiority:.2f}) if it is the only real one",
        )
    if design.smallest_effect is None:
        yield "to plan for", "--smallest D says how many seeds find, or rule out, an effect of D"
        return
    yield (
        "to find it",
        f"d = {design.smallest_effect:g}: power {report.power_at_effect:.2f} here; "
        f"{report.units_for_effect} seeds per group for {POWER:.0%}",
    )
    yield (
        "to rule it out",
        f"power {report.equivalence_power:.2f} here if the groups are equal; "
        f"{report.units_for_equivalence} seeds per group for {POWER:.0%}",
    )


def _table(design: ComparisonDesign, powers: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("seeds", justify="right")
    effects = sorted(powers["d"].unique())
    for d in effects:
        table.add_column(f"d = {d:g}", justify="right")
    wide = powers.set_index(["units", "d"])
    several = design.family > 1
    for n in sorted(powers["units"].unique()):
        cells = []
        for d in effects:
            one, every = wide.loc[(n, d), ["one", "all"]]
            cells.append(f"{one:.2f} / {every:.2f}" if several else f"{one:.2f}")
        table.add_row(str(n), *cells, style="bold" if n == min(design.n_a, design.n_b) else "")
    table.title = "power" + (
        " if one comparison is real / to find any if all are" if several else ""
    )
    table.title_justify = "left"
    return table
