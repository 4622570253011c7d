"""The report of a finished run: a self-contained page, its JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hyp.hypotheses.frozen_comparison import AgainstFrozen, hold_against, not_frozen
from hyp.hypotheses.frozen_file import default_file, read_frozen
from hyp.hypotheses.result import Row
from hyp.reports import answers
from hyp.reports.figures.paper import FigureFormat
from hyp.reports.markdown_report import markdown_report
from hyp.reports.material import Material, load_material
from hyp.reports.output import JSON_FILE, MARKDOWN_FILE, PAGE_FILE, beside, publish
from hyp.reports.overview import overview, report_folder, write_overview
from hyp.reports.page_networks import (
    candidates,
    every_cohort,
    learning_galleries,
    strips,
    taken,
)
from hyp.reports.page_sections import sections
from hyp.reports.paper_figures import paper_files
from hyp.reports.published import beside_published, paper_sentence, several_measures
from hyp.reports.templating import template
from hyp.reports.wording import by_reason
from hyp.store import Record, Store
from hyp.store.artifacts import check_artifact, read_record
from hyp.store.runs import Run

PROVENANCE = (
    "spec",
    "keys",
    "versions",
    "machine",
    "command",
    "overrides",
    "started",
    "finished",
    "wall_seconds",
)


def write_report(
    result_folder: Path,
    out: Path,
    *,
    provenance: Mapping[str, object],
    frozen: AgainstFrozen | None = None,
    figures: FigureFormat | None = None,
) -> Path:
    """Write ``index.html``, ``report.json`` and ``report.md`` for a finished run.

    The page is self-contained: figures are inline SVG, images data URIs, and it
    needs neither scripts nor a network. The same result and provenance give the same
    bytes. Each file appears complete or not at all.

    Parameters
    ----------
    result_folder : Path
        What `hyp.hypotheses.result_files.write_result` wrote.
    out : Path
        Folder to write to; made where it does not exist.
    provenance : mapping
        What made the result: ``spec``, ``keys`` (kind, key, label, created, seconds),
        ``versions``, ``machine``, ``command``, ``started``, ``finished`` and
        ``wall_seconds``; whatever is absent is left out.
    frozen : AgainstFrozen or None
        The run held against its frozen declaration; None leaves the question out.
    figures : {"pdf", "svg"} or None
        Adds a folder ``figures`` with what goes into a paper, see
        `hyp.reports.paper_figures.paper_files`.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    HypError
        If the result is missing or damaged, or `out` cannot be written.
    """
    material = load_material(result_folder)
    document = {
        "headline": answers.headline(material.result, frozen),
        "result": json.loads(material.result.model_dump_json()),
        "frozen": frozen and frozen.model_dump(),
        "provenance": dict(provenance),
    }
    files: dict[str, str | bytes] = {
        JSON_FILE: json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n",
        MARKDOWN_FILE: markdown_report(material, provenance, frozen),
        PAGE_FILE: page(material, provenance, frozen),
    }
    if figures:
        files |= beside(out / PAGE_FILE, paper_files(material, provenance, figures))
    publish(out, files)
    return out / PAGE_FILE


def page(
    material: Material,
    provenance: Mapping[str, object],
    frozen: AgainstFrozen | None = None,
    trace: Callable[[Row], str] = lambda row: "",
) -> str:
    """Render the page.

    Parameters
    ----------
    material : Material
    provenance, frozen
        As in `write_report`.
    trace : callable
        Returns the address of what a comparison rests on; empty for none.
    """
    result = material.result
    return template("hypothesis.html.j2").render(
        result=result,
        words=answers,
        sections=sections(material),
        strips=strips(material),
        learning=learning_galleries(material),
        every_cohort=every_cohort(material),
        taken=taken(material),
        taken_layers=candidates(material),
        several_measures=several_measures(material),
        published=beside_published(material),
        paper_sentence=paper_sentence(material),
        why_published=answers.why_published_differs(material.questions),
        left_out=by_reason(result.left_out.items()),
        provenance={name: provenance.get(name) for name in PROVENANCE},
        frozen=frozen,
        trace=trace,
    )


def make_report(
    store: Store,
    run: Run,
    out: Path | None = None,
    frozen: Path | None = None,
    figures: FigureFormat | None = None,
) -> Path:
    """Write the report of a finished run.

    Parameters
    ----------
    store : Store
    run : Run
        Its record, such as `hyp.store.runs.latest_run` returns.
    out : Path or None
        Folder for the report; None takes the store's, see `hyp.reports.overview.report_folder`.
    frozen : Path or None
        The frozen declaration to hold the run against; None takes
        ``<hypothesis>-<profile>.frozen.json`` in the working directory, if it is there.
    figures : {"pdf", "svg"} or None
        As in `write_report`.

    Returns
    -------
    Path
        Of ``index.html``; ``report.json`` and ``report.md`` are in the same folder.

    Raises
    ------
    HypError
        If its result is missing or damaged, the frozen declaration cannot be trusted, or the
        folder cannot be written.
    """
    result = store.root / "results" / run.goal
    check_artifact(result)
    records = _records(store, run)
    against = _against_frozen(frozen, run, records)
    folder = out or report_folder(store.root, run)
    told = provenance(run, records)
    return write_report(result, folder, provenance=told, frozen=against, figures=figures)


def make_all_reports(
    store: Store,
    profile: str | None = None,
    out: Path | None = None,
    figures: FigureFormat | None = None,
) -> Path:
    """Write the reports of a store's hypotheses and profiles, and the page over all of them.

    Runs whose result cannot be read get no report; the page says so.

    Parameters
    ----------
    store : Store
    profile : str or None
        Writes the reports of this one alone; the page is over all of them.
    out : Path or None
        Folder for the page; None takes ``reports`` in the store, where the reports go.
    figures : {"pdf", "svg"} or None
        As in `write_report`.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    HypError
        If nothing was run, or a folder cannot be written.
    """
    for line in overview(store.root, store.root).lines:
        if profile in (None, line.run.profile):
            make_report(store, line.run, figures=figures)
    return write_overview(store.root, out)


def _records(store: Store, run: Run) -> list[Record]:
    """Read the records of those of a run's artifacts that are stored."""
    return [
        read_record(store.root / kind / key)
        for kind, key in run.steps
        if (store.root / kind / key).is_dir()
    ]


def _against_frozen(frozen: Path | None, run: Run, records: Sequence[Record]) -> AgainstFrozen:
    path = frozen or Path(default_file(run.hypothesis, run.profile))
    if frozen is None and not path.exists():
        return not_frozen(run)
    return hold_against(read_frozen(path, run.hypothesis), path.name, run, records)


def provenance(run: Run, records: Sequence[Record]) -> dict[str, Any]:
    """Return what a reader needs to trace or repeat a run: settings, keys, versions, times.

    Parameters
    ----------
    run : Run
    records : sequence of Record
        Of the run's artifacts, the result's among them.
    """
    goal = next(record for record in records if record.key == run.goal)
    return {
        "spec": dict(goal.spec),
        "keys": [
            {
                "kind": record.kind,
                "key": record.key,
                "label": record.label,
                "created": record.created,
                "seconds": record.seconds,
            }
            for record in records
        ],
        "versions": dict(goal.libraries),
        "machine": dict(goal.machine),
        "command": run.command,
        "overrides": dict(run.overrides),
        "started": run.started,
        "finished": run.updated,
        "wall_seconds": run.wall_seconds,
    }
