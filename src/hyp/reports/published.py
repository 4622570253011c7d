"""Secondary tables: the same under other measures, and what was published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hyp.datasets.designs import FULL, Design
from hyp.errors import HypError
from hyp.hypotheses.paper.tables import NEURAL_REGIONS, published_claims, published_value
from hyp.hypotheses.profile import UNTRAINED
from hyp.hypotheses.questions import PairQuestion, Question, Tracks, Trend
from hyp.hypotheses.questions.base import I2N
from hyp.hypotheses.questions.panels import Panel, ScorePanel, TrackPanel, TrendPanel, unique
from hyp.hypotheses.result import CohortSummary, Row
from hyp.reports.answers import question_measures
from hyp.reports.material import Material
from hyp.reports.wording import layer_words

_BIASED, _UNBIASED = "cka-biased", "cka"
_TABLES = {"resnet18": "C.2", "resnet50": "C.1"}
_IMAGENET = "imagenet"
_COLUMNS = {
    "alignment": {region: region for region in NEURAL_REGIONS},
    "neural mean": {"neural mean": "neural_mean"},
    "behaviour": {I2N: "behavior"},
}
"""The published columns, by kind of score and what a panel of it shows."""

Line = tuple[tuple[float | None, float | None], ...]


@dataclass(frozen=True)
class Measures:
    """One question about pairs of networks under several measures of similarity.

    Attributes
    ----------
    asked : str
        In words.
    measures : tuple of str
    lines : tuple of (str, tuple of Row or None)
        A layer, and the answer under each measure.
    survives : str
        How far what biased CKA shows holds under unbiased CKA; empty where one is missing.
    """

    asked: str
    measures: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Row | None, ...]], ...]
    survives: str


@dataclass(frozen=True)
class Published:
    """Published numbers and what was measured here, by cohort and region.

    Attributes
    ----------
    heading, note : str
    regions : tuple of str
    lines : dict of str to tuple of (float or None, float or None)
        By cohort: what was published and what was measured, one pair per region.
    """

    heading: str
    note: str
    regions: tuple[str, ...]
    lines: Mapping[str, Line]


class Statement(NamedTuple):
    """Which cohort the paper's text says is higher in a comparison, by its title, and where."""

    higher: str
    source: str
    agrees: bool


def statement_about(material: Material, question: Question, row: Row) -> Statement | None:
    """Return what the paper's text says of a comparison; None where it is silent.

    The text speaks of networks trained on images in which a latent varies fully, against
    networks for which it was held still, so the cohorts must differ in just that.
    """
    if not question.two_groups or len(question.compared) != 1:
        return None
    a, b = (material.cohorts.get(name) for name in question.compared[0])
    if a is None or b is None or not (_made_here(a) and _made_here(b)):
        return None
    varied, held = (a, b) if a.design == FULL else (b, a)
    reduces = varied.design == FULL and row.measured in Design.parse(held.design).reduced
    if not reduces or (a.objective, a.share) != (b.objective, b.share):
        return None
    claims = published_claims(
        material.result.hypothesis,
        measure=question.scored.kind,
        objective=a.objective,
        latent=row.measured,
        layer=row.layer,
    )
    if not claims:
        return None
    higher = varied if claims[0].better == "full" else held
    agrees = row.direction == (1 if higher is a else -1)
    return Statement(higher.title, claims[0].source, agrees)


def paper_sentence(material: Material) -> str:
    """Count how the significant differences stand to what the paper's text says.

    The figures in question print no numbers, so it is directions that are compared.
    """
    rows = [
        (row, statement_about(material, question, row))
        for question in material.questions
        for row in material.rows(question)
    ]
    spoken = [(row, statement) for row, statement in rows if statement]
    if not spoken:
        return ""
    agree = [statement.agrees for row, statement in spoken if row.significant]
    return (
        f"Of these {len(rows)} comparisons the paper's text speaks of {len(spoken)}, in "
        f"directions, without numbers: here {sum(agree)} differ significantly as it says, "
        f"{len(agree) - sum(agree)} the other way, and {len(spoken) - len(agree)} are open."
    )


def several_measures(material: Material) -> tuple[Measures, ...]:
    """Return the questions that were asked under more than one measure of similarity."""
    alike: dict[tuple[str, tuple[str, ...]], list[PairQuestion]] = {}
    for question in material.questions:
        if isinstance(question, PairQuestion):
            alike.setdefault((question.kind, question.about), []).append(question)
    return tuple(
        _measures(material, questions)
        for questions in alike.values()
        if len({question.similarity.measure for question in questions}) > 1
    )


def _measures(material: Material, questions: list[PairQuestion]) -> Measures:
    found: dict[str, dict[str, Row]] = {}
    for question in questions:
        rows = {row.layer: row for row in material.rows(question)}
        found.setdefault(question.similarity.measure, {}).update(rows)
    several = [
        layer
        for layer in unique(layer for rows in found.values() for layer in rows)
        if sum(layer in rows for rows in found.values()) > 1
    ]
    by_measure = {question.similarity.measure: question for question in questions}
    first = by_measure.get(_UNBIASED, questions[0])
    measure = question_measures(first)
    return Measures(
        asked=material.ask(first).replace(f" ({measure})", ""),
        measures=tuple(question_measures(by_measure[measure]) for measure in found),
        lines=tuple(
            (layer_words(layer), tuple(rows.get(layer) for rows in found.values()))
            for layer in several
        ),
        survives=_survives(found.get(_BIASED, {}), found.get(_UNBIASED, {})),
    )


def _survives(biased: Mapping[str, Row], unbiased: Mapping[str, Row]) -> str:
    both = [layer for layer in biased if layer in unbiased]
    if not both:
        return ""
    shown = [layer for layer in both if biased[layer].significant]
    kept = [
        layer
        for layer in shown
        if unbiased[layer].significant and unbiased[layer].direction == biased[layer].direction
    ]
    turned = [layer for layer in both if unbiased[layer].direction != biased[layer].direction]
    told = f"Biased CKA, as published, finds {len(shown)} of {len(both)} layers significant"
    if shown:
        told += f"; unbiased CKA keeps {len(kept)} of them"
    if turned:
        told += f" and turns the sign at {', '.join(map(layer_words, turned))}"
    return told + "."


def beside_published(material: Material) -> tuple[Published, ...]:
    """Return the published alignment and correlations of the cohorts that the paper has too."""
    backbone = str(material.result.settings.get("backbone"))
    if backbone not in _TABLES:
        return ()
    return tuple(
        shown
        for shown in (_alignment(material, backbone), _correlations(material, backbone))
        if shown.lines
    )


def published_marks(
    material: Material, question: Question, panel: Panel
) -> tuple[dict[object, float], str]:
    """Return the paper's numbers for what a panel shows, where it prints any.

    Returns
    -------
    marks : dict
        By title of the cohort, by size in a panel of a trend; a mean over seeds, in a panel of
        checkpoints the correlation of Table C.3.
    source : str
        The table that prints them.
    """
    table = _TABLES.get(str(material.result.settings.get("backbone")), "")
    quantity = _COLUMNS.get(question.scored.kind, {}).get(panel.measured)
    if not table or quantity is None:
        return {}, ""
    known = {name: (title, objective) for name, title, objective in _counterparts(material)}
    marks: dict[object, float | None] = {}
    if isinstance(panel, TrackPanel) and isinstance(question, Tracks):
        table = "C.3"
        if len(question.cohorts) == 1 and question.loss_below is None:
            for title, objective in (known[one] for one in question.cohorts if one in known):
                marks[title] = _published(f"{quantity}_correlation", objective, table)
    elif isinstance(panel, TrendPanel) and isinstance(question, Trend):
        for name, size in question.sizes.items():
            if name in known:
                marks[float(size)] = _published(quantity, known[name][1], table)
    elif isinstance(panel, ScorePanel):
        for title, objective in known.values():
            marks[title] = _published(quantity, objective, table)
    return {mark: value for mark, value in marks.items() if value is not None}, f"Table {table}"


def counterpart(cohort: CohortSummary, natural: str) -> str:
    """Return the objective under which the paper's tables have networks like a cohort's.

    Parameters
    ----------
    cohort : CohortSummary
    natural : str
        Where the profile's natural images come from.

    Returns
    -------
    str
        Empty where they have none: the tables are about networks without training, with all
        images of full variability, and trained on ImageNet's categories.
    """
    if not cohort.trained:
        return UNTRAINED
    if not cohort.dataset or cohort.share != 1 or cohort.design != FULL:
        return ""
    if cohort.natural:
        of_imagenet = cohort.objective == "category" and natural.partition(":")[0] == _IMAGENET
        return _IMAGENET if of_imagenet else ""
    return cohort.objective


def _made_here(cohort: CohortSummary) -> bool:
    """Tell whether a cohort was trained here, on synthetic images."""
    return cohort.trained and not cohort.natural and bool(cohort.dataset)


def _alignment(material: Material, backbone: str) -> Published:
    table = material.network_scores("alignment", material.titles)
    means = table.groupby(["cohort", "measured"], observed=True)["score"].mean()
    lines = {
        title: tuple(
            (_published(region, objective, _TABLES[backbone]), means.get((name, region)))
            for region in NEURAL_REGIONS
        )
        for name, title, objective in _counterparts(material)
        if (table["cohort"] == name).any()
    }
    if material.simulated:
        measured = (
            "Measured: responses that a hidden network simulates, so levels say nothing about "
            "each other; what can be compared is which cohort is above which."
        )
    elif material.result.settings.get("neural_metric") not in ("pls", "ridge"):
        measured = (
            "Measured: the declared recording, by another metric than the paper's PLS, so levels "
            "say nothing about each other; what can be compared is which cohort is above which."
        )
    else:
        measured = (
            "Measured: the declared recording, under the ceiling formula of 2026 (the paper's is "
            "older: divide by the ceiling once more before comparing levels)."
        )
    return Published(
        f"Alignment, published (Table {_TABLES[backbone]}) and measured",
        "Published: Brain-Score's public benchmarks, mean over seeds of networks that saw all 117 "
        f"categories. {measured}",
        NEURAL_REGIONS,
        _known(lines),
    )


def _correlations(material: Material, backbone: str) -> Published:
    objectives = {name: (title, objective) for name, title, objective in _counterparts(material)}
    lines = {}
    for question in material.questions:
        if not isinstance(question, Tracks) or len(question.cohorts) > 1:
            continue
        if question.cohorts[0] not in objectives or question.loss_below is not None:
            continue
        title, objective = objectives[question.cohorts[0]]
        pooled = {row.measured: row.effect_pooled for row in material.rows(question)}
        lines[title] = tuple(
            (_published(f"{region}_correlation", objective, "C.3"), pooled.get(region))
            for region in NEURAL_REGIONS
        )
    return Published(
        "Correlation of performance with alignment, published (Table C.3) and measured",
        "Both are Pearson's r over all checkpoints of all networks as if independent; the "
        "published ones are of ResNet-50"
        + ("" if backbone == "resnet50" else f", these of {backbone}")
        + (" with simulated responses" if material.simulated else "")
        + ". What hyp judges is the correlation within networks.",
        NEURAL_REGIONS,
        _known(lines),
    )


def _counterparts(material: Material) -> Iterator[tuple[str, str, str]]:
    """Yield name, title and published objective of cohorts that the paper has too."""
    natural = str(material.result.settings.get("natural", ""))
    for cohort in material.result.cohorts:
        objective = counterpart(cohort, natural)
        if objective:
            yield cohort.name, cohort.title, objective


def _published(quantity: str, objective: str, table: str) -> float | None:
    try:
        return published_value(quantity, objective=objective, table=table).value
    except HypError:
        return None


def _known(lines: Mapping[str, Line]) -> Mapping[str, Line]:
    """Drop the cohorts of which nothing is published."""
    return {
        title: values
        for title, values in lines.items()
        if any(published is not None for published, _ in values)
    }
