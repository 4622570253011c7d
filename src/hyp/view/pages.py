"""The pages of `hyp view`: each is made from what the store holds when it is asked for.

What draws is imported by the pages that draw, so that the first is there at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from hyp.errors import HypError
from hyp.hypotheses.questions.panels import Panel
from hyp.hypotheses.result import CohortSummary, Row
from hyp.reports import answers
from hyp.reports.overview import Line, overview
from hyp.reports.templating import template
from hyp.store import Record
from hyp.view.shelf import Shelf, panels_of

if TYPE_CHECKING:
    from hyp.reports.material import Material
    from hyp.view.images import Query


def store_page(shelf: Shelf, base: str, query: Query) -> str:
    """Return the first page: runs, verdicts, datasets."""
    runs = shelf.runs()
    problems: tuple[str, ...] = ()
    lines: list[Line] = []
    if runs:
        seen = overview(shelf.root, shelf.root)
        lines = [replace(one, link=f"{base}run/{one.run.goal}") for one in seen.lines]
        problems = seen.problems
    return _render(
        "view_store.html.j2",
        base,
        root=shelf.root,
        runs=runs,
        running=any(run.seen_state == "running" for run in runs),
        lines=lines,
        problems=problems,
        datasets=shelf.records("datasets"),
        counts=Counter(folder.parent.name for folder in shelf.store.folders()),
    )


def progress(shelf: Shelf, base: str, query: Query) -> str:
    """Return the table of runs alone, which the first page asks for while something runs."""
    return _render("view_runs.html.j2", base, runs=shelf.runs())


def run_page(shelf: Shelf, base: str, query: Query, goal: str) -> str:
    """Return the page of a run: its steps, and every comparison with the way back from it."""
    run = shelf.run(goal)
    records = shelf.records_of(run)
    result, problem = None, ""
    if run.state == "finished":
        try:
            result = shelf.result(goal)
        except HypError as error:
            problem = str(error)
    return _render(
        "view_run.html.j2",
        base,
        run=run,
        result=result,
        problem=problem,
        rows=list(enumerate(result.rows)) if result else [],
        records=records,
        missing=len(run.steps) - len(records),
    )


def report_page(shelf: Shelf, base: str, query: Query, goal: str) -> str:
    """Return the report of a finished run, with every comparison linked to its networks."""
    from hyp.reports.report import page, provenance

    run, material = shelf.run(goal), shelf.material(goal)
    rows = list(material.result.rows)

    def trace(row: Row) -> str:
        return f"{base}run/{goal}/row/{rows.index(row)}" if row in rows else ""

    return page(material, provenance(run, shelf.records_of(run)), trace=trace)


def row_page(shelf: Shelf, base: str, query: Query, goal: str, number: str) -> str:
    """Return what one comparison rests on: scores, networks, images."""
    material = shelf.material(goal)
    rows = material.result.rows
    if int(number) >= len(rows):
        raise HypError(f"this result has {len(rows)} comparisons, none of number {number}.")
    row, run = rows[int(number)], shelf.run(goal)
    question = material.question(row)
    about = question.about if question else ()
    cohorts = [material.cohorts[name] for name in about if name in material.cohorts]
    return _render(
        "view_row.html.j2",
        base,
        run=run,
        result=material.result,
        row=row,
        asked=material.ask(question) if question else "",
        cohorts=cohorts,
        networks=_networks(shelf, cohorts),
        tables=[_table(panel, material, row) for panel in panels_of(material, row)],
        scores=[one for one in shelf.records_of(run) if one.kind in _MEASURED],
    )


def artifact_page(shelf: Shelf, base: str, query: Query, key: str) -> str:
    """Return the page of an artifact: what it was made from and for; of a dataset its images."""
    from hyp.datasets.dataset import Dataset
    from hyp.view.images import PAGE, choose

    record = shelf.find(key)
    if record is None:
        raise HypError(f"this store holds no artifact {key}.")
    chosen = None
    if record.kind == "datasets":
        chosen = choose(Dataset.open(shelf.root / "datasets" / key), query)
    return _render(
        "view_artifact.html.j2",
        base,
        record=record,
        inputs={role: (parent, shelf.find(parent)) for role, parent in record.inputs.items()},
        made_from=shelf.made_from(key),
        chosen=chosen,
        page_size=PAGE,
        again=[(name, value) for name, values in query.items() for value in values],
    )


_MEASURED = ("scores", "alignments", "similarities", "snapshots")


def _render(name: str, base: str, **values: Any) -> str:
    return template(name).render(base=base, words=answers, **values)


def _networks(shelf: Shelf, cohorts: list[CohortSummary]) -> dict[str, list[dict[str, Any]]]:
    """Return the networks of cohorts by their titles: seed, key, and what they were measured by."""
    stored = {record.key for record in shelf.records("models")}
    measured: dict[str, list[Record]] = {}
    for record in shelf.records("activations"):
        measured.setdefault(record.inputs.get("model", ""), []).append(record)
    return {
        cohort.title: [
            {
                "seed": seed,
                "key": key,
                "stored": key in stored,
                "seen": measured.get(key, []),
            }
            for seed, key in zip(cohort.seeds, cohort.keys, strict=True)
        ]
        for cohort in cohorts
    }


def _table(panel: Panel, material: Material, row: Row) -> Markup:
    """Return the scores behind a row as a table."""
    from hyp.reports.figure_tables import figure_table

    table = figure_table(panel, material.titles)
    if "layer" in table and row.layer:
        table = table[table["layer"].isna() | (table["layer"] == row.layer)]
    shown = table.dropna(axis=1, how="all").astype(object)
    shown = shown.where(shown.notna(), "–")
    return Markup(shown.to_html(index=False, border=0, float_format="{:.4g}".format))
