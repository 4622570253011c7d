"""What stands beside a study's answers: other measures of the same, and published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hyp.errors import HypError
from hyp.hypotheses.paper.tables import NEURAL_REGIONS, published_value
from hyp.hypotheses.studies.declaration import PairQuestion, Tracks, cohorts_of
from hyp.hypotheses.studies.result import Row
from hyp.reports.study_material import Material, unique
from hyp.reports.study_words import asked, measure_words
from hyp.reports.words import layer_words

_BIASED, _UNBIASED = "cka-biased", "cka"
_TABLES = {"resnet18": "C.2", "resnet50": "C.1"}
_UNTRAINED = "untrained"


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
        By cohort: what was published and what was measured, a region each.
    """

    heading: str
    note: str
    regions: tuple[str, ...]
    lines: Mapping[str, tuple[tuple[float | None, float | None], ...]]


def several_measures(material: Material) -> tuple[Measures, ...]:
    """Return the questions that were asked under more than one measure of similarity."""
    alike: dict[tuple[str, tuple[str, ...]], list[PairQuestion]] = {}
    for question in material.questions:
        if isinstance(question, PairQuestion):
            alike.setdefault((question.kind, cohorts_of(question)), []).append(question)
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
    by_measure: dict[str, PairQuestion] = {
        question.similarity.measure: question for question in questions
    }
    first = by_measure.get(_UNBIASED, questions[0])
    return Measures(
        asked=asked(first, material.titles).replace(f" ({measure_words(first)})", ""),
        measures=tuple(measure_words(by_measure[measure]) for measure in found),
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


def _alignment(material: Material, backbone: str) -> Published:
    table = material.network_scores("alignment", material.titles)
    means = table.groupby(["cohort", "of"])["score"].mean()
    lines = {
        title: tuple(
            (_published(region, objective, _TABLES[backbone]), means.get((name, region)))
            for region in NEURAL_REGIONS
        )
        for name, title, objective in _cohorts(material)
        if (table["cohort"] == name).any()
    }
    if material.simulated:
        measured = (
            "Measured: responses that a hidden network simulates, so levels say nothing about "
            "each other; what can be compared is which cohort is above which."
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
    objectives = {name: (title, objective) for name, title, objective in _cohorts(material)}
    lines = {}
    for question in material.questions:
        if not isinstance(question, Tracks) or len(question.cohorts) > 1:
            continue
        if question.cohorts[0] not in objectives or question.loss_below is not None:
            continue
        title, objective = objectives[question.cohorts[0]]
        pooled = {row.of: row.effect_pooled for row in material.rows(question)}
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


def _cohorts(material: Material) -> Iterator[tuple[str, str, str]]:
    """Yield name, title and published objective of cohorts that the paper could have."""
    n_images = material.result.settings.get("n_images")
    for cohort in material.result.cohorts:
        if cohort.batches == 0:
            yield cohort.name, cohort.title, _UNTRAINED
        elif cohort.design == "full" and cohort.n_images == n_images:
            yield cohort.name, cohort.title, cohort.objective


def _published(quantity: str, objective: str, table: str) -> float | None:
    try:
        return published_value(quantity, objective=objective, table=table).value
    except HypError:
        return None


def _known(
    lines: Mapping[str, tuple[tuple[float | None, float | None], ...]],
) -> Mapping[str, tuple[tuple[float | None, float | None], ...]]:
    """Drop the cohorts of which nothing is published."""
    return {
        title: values
        for title, values in lines.items()
        if any(published is not None for published, _ in values)
    }
