"""The HTML report: one page that needs nothing beside it, with its JSON and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hyp.hypotheses.freezing import AgainstFrozen
from hyp.hypotheses.result import LearningCurve, Result
from hyp.reports import arrange, figures, images
from hyp.reports.against_paper import claim_about, paper_sentence
from hyp.reports.load import load_result, load_samples
from hyp.reports.markdown import markdown
from hyp.reports.publishing import publish_report
from hyp.reports.templating import template

PROVENANCE = (
    "spec",
    "keys",
    "versions",
    "machine",
    "command",
    "started",
    "finished",
    "wall_seconds",
)


@dataclass(frozen=True)
class Figure:
    """A drawn panel and what its caption needs."""

    svg: Markup
    panel: arrange.Panel


@dataclass(frozen=True)
class Cohort:
    """A drawn learning panel: the networks of one objective and condition."""

    svg: Markup
    curve: LearningCurve
    networks: int


def write_report(
    result_folder: Path,
    out: Path,
    *,
    provenance: Mapping[str, object],
    frozen: AgainstFrozen | None = None,
) -> Path:
    """Write ``index.html``, ``report.json`` and ``report.md`` for a finished run.

    The page is self-contained: figures are inline SVG, images data URIs, and it
    needs neither scripts nor a network. The same result and provenance give the same
    bytes. Each file appears complete or not at all.

    Parameters
    ----------
    result_folder : Path
        Holds ``result.json`` and, where images were kept, ``samples.npz``.
    out : Path
        Folder to write to; made where it does not exist.
    provenance : mapping
        What made the result: ``spec``, ``keys`` (kind, key, label, created, seconds),
        ``versions``, ``machine``, ``command``, ``started``, ``finished`` and
        ``wall_seconds``; whatever is absent is left out.
    frozen : AgainstFrozen or None
        The run held against its frozen declaration; None leaves the question out.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    HypError
        If the result is missing or damaged, or `out` cannot be written.
    """
    result = load_result(result_folder)
    samples = load_samples(result_folder)
    strips = {name: images.data_uris(pixels) for name, pixels in samples.items()}
    return publish_report(
        out,
        result,
        page=page(result, strips, provenance, frozen),
        markdown=markdown(result, provenance, frozen),
        provenance=provenance,
        frozen=frozen,
    )


def page(
    result: Result,
    strips: Mapping[str, Sequence[str]],
    provenance: Mapping[str, object],
    frozen: AgainstFrozen | None = None,
) -> str:
    """Render the page.

    Parameters
    ----------
    result : Result
    strips : mapping of str to sequence of str
        Image addresses by condition.
    provenance, frozen
        As in `write_report`.
    """
    parts = arrange.parts(result)
    return template("report.html.j2").render(
        result=result,
        parts=parts,
        strips=strips,
        provenance={name: provenance.get(name) for name in PROVENANCE},
        frozen=frozen,
        decoding=_decoding(parts),
        forests=_forests(parts),
        tasks=_cohorts(result),
        alpha=result.settings.get("alpha"),
        sizes=arrange.sizes,
        paper_sentence=paper_sentence(parts, result.hypothesis),
        claim_about=claim_about,
    )


def _decoding(parts: Sequence[arrange.Part]) -> dict[str, list[Figure]]:
    """Draw the decoding panels by part; panels of one latent share their axis."""
    drawn: dict[str, list[Figure]] = {}
    for number, part in enumerate(parts):
        drawn[part.name] = []
        for index, panel in enumerate(part.panels):
            if panel.series:
                alike = [other for other in part.panels if other.latent == panel.latent]
                limits = figures.decoding_limits(alike)
                svg = figures.decoding(panel, limits, f"d{number}-{index}")
                drawn[part.name].append(Figure(Markup(svg), panel))
    return drawn


def _forests(parts: Sequence[arrange.Part]) -> dict[str, list[Figure]]:
    """Draw the effects by part; panels of one metric share their axis."""
    drawn: dict[str, list[Figure]] = {}
    for number, part in enumerate(parts):
        drawn[part.name] = []
        for index, panel in enumerate(part.panels):
            if panel.rows:
                alike = [other for other in part.panels if other.metric == panel.metric]
                svg = figures.forest(panel, figures.forest_limits(alike), f"f{number}-{index}")
                drawn[part.name].append(Figure(Markup(svg), panel))
    return drawn


def _cohorts(result: Result) -> list[list[Cohort]]:
    """Draw the learning curves, one list a task; its panels share their axis."""
    groups = {s.condition: s.group for s in reversed(result.series) if s.group in arrange.GROUPS}
    drawn = []
    for number, task in enumerate(arrange.tasks(result)):
        limits = figures.learning_limits([curve for cohort in task for curve in cohort])
        drawn.append(
            [
                Cohort(
                    Markup(
                        figures.learning(
                            cohort,
                            groups.get(cohort[0].condition, ""),
                            limits,
                            f"l{number}-{index}",
                        )
                    ),
                    cohort[0],
                    len(cohort),
                )
                for index, cohort in enumerate(task)
            ]
        )
    return drawn
