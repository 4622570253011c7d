"""The report of a study: one page that needs nothing beside it, with its JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from hyp.hypotheses.freezing import AgainstFrozen
from hyp.hypotheses.studies.answering import performance_of
from hyp.hypotheses.studies.declaration import (
    ALIGNED,
    Alike,
    Closer,
    Contrast,
    PairQuestion,
    Question,
    Tracks,
    Trend,
    cohorts_of,
    score_of,
)
from hyp.hypotheses.studies.result import Row
from hyp.reports import similarity_figures as pairs
from hyp.reports import study_figures as draw
from hyp.reports.axes import padded
from hyp.reports.page import PROVENANCE
from hyp.reports.publishing import publish_report
from hyp.reports.study_beside import beside_published, several_measures
from hyp.reports.study_markdown import study_markdown
from hyp.reports.study_material import Look, Material, load_material, network_means, unique
from hyp.reports.study_words import (
    agreement,
    answered,
    asked,
    axis_words,
    effect,
    explained,
    measure_words,
    networks_words,
    of_words,
    place,
    pooled_words,
)
from hyp.reports.svg import REFERENCE, SERIES
from hyp.reports.templating import template
from hyp.reports.words import layer_words

_Labelled = tuple[NDArray[np.float64], list[str]]
_PAIRS = (Look(SERIES[0], "o"), Look(SERIES[1], "s"))
_PIXELS = "the raw pixels"
_PIXELS_LOOK = Look(REFERENCE, "v")
_PIXELS_TOLD = ", in grey what networks share with the pixels of the stimuli"


@dataclass(frozen=True)
class Figure:
    """A drawn panel with its caption, a note beside that, and sentences below the drawing."""

    svg: Markup
    caption: str
    note: str = ""
    below: str = ""


class Key(NamedTuple):
    """A legend's marker, and what it stands for."""

    svg: Markup
    title: str


@dataclass(frozen=True)
class Gallery:
    """Panels that belong together, with their legend and what all of them need said."""

    heading: str
    figures: tuple[Figure, ...]
    note: str = ""
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Means:
    """Mean similarity of the pairs of every two cohorts at one layer."""

    heading: str
    table: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Section:
    """One question with its answer, figures and rows.

    Attributes
    ----------
    question : question
    asked, answered : str
        In words.
    simulated : bool
        Whether it rests on responses that nobody recorded.
    galleries : tuple of Gallery
    means : Means or None
    rows : tuple of Row
    """

    question: Question
    asked: str
    answered: str
    simulated: bool
    galleries: tuple[Gallery, ...]
    means: Means | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Taken:
    """How many networks of a cohort took each layer for a region."""

    region: str
    counts: tuple[int, ...]


def write_study_report(
    result_folder: Path,
    out: Path,
    *,
    provenance: Mapping[str, object],
    frozen: AgainstFrozen | None = None,
) -> Path:
    """Write ``index.html``, ``report.json`` and ``report.md`` for a finished study.

    The page is self-contained, see `hyp.reports.write_report`; the same result and
    provenance give the same bytes, and each file appears complete or not at all.

    Parameters
    ----------
    result_folder : Path
        Holds ``study.json``, ``scores.parquet`` and, where similarities were asked for,
        ``similarity.npz``.
    out : Path
        Folder to write to; made where it does not exist.
    provenance, frozen
        As in `hyp.reports.write_report`.

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
    return publish_report(
        out,
        material.result,
        page=study_page(material, provenance, frozen),
        markdown=study_markdown(material, provenance, frozen),
        provenance=provenance,
        frozen=frozen,
    )


def study_page(
    material: Material,
    provenance: Mapping[str, object],
    frozen: AgainstFrozen | None = None,
) -> str:
    """Render the page.

    Parameters
    ----------
    material : Material
    provenance, frozen
        As in `write_study_report`.
    """
    result = material.result
    return template("study.html.j2").render(
        result=result,
        agreement=agreement(result),
        sections=[
            _Drawer(material, question, f"q{index}").section()
            for index, question in enumerate(material.questions)
        ],
        every_cohort=_every_cohort(material),
        taken=_taken(material),
        taken_layers=_candidates(material),
        several_measures=several_measures(material),
        published=beside_published(material),
        provenance={name: provenance.get(name) for name in PROVENANCE},
        frozen=frozen,
        alpha=result.settings.get("alpha"),
        place=place,
        effect=effect,
        networks_words=networks_words,
        pooled_words=pooled_words,
    )


@dataclass(frozen=True)
class _Drawer:
    """Draws one question."""

    material: Material
    question: Question
    prefix: str

    @cached_property
    def rows(self) -> list[Row]:
        return self.material.rows(self.question)

    @cached_property
    def kind(self) -> str:
        return score_of(self.question).kind

    @cached_property
    def simulated(self) -> bool:
        return self.material.simulated and self.kind in ALIGNED

    @cached_property
    def note(self) -> str:
        return draw.SIMULATED if self.simulated else ""

    @cached_property
    def label(self) -> str:
        """What the question measures, with its unit, where it is one thing."""
        of = self.rows[0].of if len({row.of for row in self.rows}) == 1 else ""
        return axis_words(self.kind, of, self.material.result.settings)

    def section(self) -> Section:
        question = self.question
        galleries: Iterator[Gallery]
        means = None
        if isinstance(question, Contrast):
            galleries = self._contrast(question)
        elif isinstance(question, PairQuestion):
            galleries = self._similar(question)
            means = self._means(question)
        elif isinstance(question, Tracks):
            galleries = self._tracks(question)
        else:
            galleries = self._trend(question)
        return Section(
            question=question,
            asked=asked(question, self.material.titles),
            answered=answered(self.rows),
            simulated=self.simulated,
            galleries=tuple(galleries),
            means=means,
            rows=tuple(self.rows),
        )

    def _keys(self) -> tuple[Key, ...]:
        """Explain the markers of the cohorts that the question is about."""
        material = self.material
        return _keyed(
            (material.looks[name], material.titles[name]) for name in cohorts_of(self.question)
        )

    def _contrast(self, question: Contrast) -> Iterator[Gallery]:
        material, table = self.material, self.material.networks(question)
        layers = unique(row.layer for row in self.rows)
        figures = []
        for index, of in enumerate(unique(row.of for row in self.rows)):
            here = table[table["of"] == of]
            groups = [
                draw.Group(material.titles[name], material.looks[name], _by_layer(here, name))
                for name in cohorts_of(question)
            ]
            label = axis_words(self.kind, of, material.result.settings)
            significant = [row.layer for row in self.rows if row.of == of and row.significant]
            name = f"{self.prefix}s{index}"
            if layers == [""]:
                svg = draw.strips(
                    groups, bool(significant), label, self._limits(table), name, self.note
                )
            else:
                limits = draw.score_limits(groups)
                svg = draw.profile(groups, layers, significant, label, limits, name, self.note)
            figures.append(Figure(Markup(svg), of_words(of)))
        where = "Each small mark is one network, folds averaged; "
        shape = "the bar is their mean, the line its 95 % interval"
        if layers != [""]:
            shape = "the joined marks are means with 95 % intervals"
        yield self._with_effects(
            "Every network, and how large the differences are",
            figures,
            f"{where}{shape} (drawn from three networks on). ✱ significant after Holm's "
            f"correction. {explained(self.kind)}",
            self._keys(),
        )

    def _limits(self, table: pd.DataFrame) -> tuple[float, float]:
        return draw.score_limits(
            draw.Group("", _PAIRS[0], _by_layer(part, str(cohort)))
            for (cohort, _), part in table.groupby(["cohort", "of"], observed=True)
        )

    def _similar(self, question: PairQuestion) -> Iterator[Gallery]:
        layers = unique(row.layer for row in self.rows)
        found = {layer: self.material.matrix(question, layer) for layer in layers}
        there = {layer: one for layer, one in found.items() if one is not None}
        first: dict[str, list[float]] = {}
        second: dict[str, list[float]] = {}
        for layer, (matrix, labels) in there.items():
            means, own = network_means(matrix, labels), np.array(labels)
            if isinstance(question, Closer):
                to_anchor = means[question.anchor]
                first[layer] = to_anchor[own == question.b].tolist()
                second[layer] = to_anchor[own == question.c].tolist()
            elif isinstance(question, Alike):
                within, between = _within_between(matrix, own)
                first[layer], second[layer] = within.tolist(), between.tolist()
            else:
                first[layer] = means[question.a][own == question.a].tolist()
                second[layer] = means[question.b][own == question.b].tolist()
        interval = isinstance(question, Closer)
        keys = [*zip(_PAIRS, (self.rows[0].a, self.rows[0].b), strict=True)]
        groups = [
            draw.Group(title, look, scores, interval=interval)
            for (look, title), scores in zip(keys, (first, second), strict=True)
        ]
        title, pixels = self._pixels(question, layers)
        if any(pixels.values()):
            keys.append((_PIXELS_LOOK, title))
            groups.append(draw.Group(title, _PIXELS_LOOK, pixels, interval=False))
        significant = [row.layer for row in self.rows if row.significant]
        limits = draw.score_limits(groups)
        label, name = measure_words(question), f"{self.prefix}p"
        svg = draw.profile(groups, layers, significant, label, limits, name)
        networks = "network" if isinstance(question, Alike) else "network of the two cohorts"
        figures = [Figure(Markup(svg), label)]
        if isinstance(question, Alike):
            figures.append(self._matrix(question, there))
        yield self._with_effects(
            "Every network's pairs, and how large the differences are",
            figures,
            f"First, each small mark is one {networks}: its mean similarity over its pairs of that "
            f"kind{_PIXELS_TOLD if any(pixels.values()) else ''}. ✱ significant after Holm's "
            "correction, by permuting the labels of whole networks. "
            f"{explained(question.similarity.measure)}",
            _keyed(keys),
        )
        if isinstance(question, Alike):
            yield self._maps(question, there)

    def _pixels(
        self, question: PairQuestion, layers: Iterable[str]
    ) -> tuple[str, dict[str, list[float]]]:
        """Title and scores, by layer, of what networks share with the pixels: an anchor's alone."""
        cohorts, title = cohorts_of(question), f"with {_PIXELS}"
        if isinstance(question, Closer):
            cohorts = (question.anchor,)
            title = f"{self.material.titles[question.anchor]} ~ {_PIXELS}"
        measure = question.similarity.measure
        return title, {layer: self.material.pixels(cohorts, measure, layer) for layer in layers}

    def _maps(self, question: Alike, there: Mapping[str, _Labelled]) -> Gallery:
        material = self.material
        placed = pairs.maps([matrix for matrix, _ in there.values()])
        reach = 1.12 * max(float(np.abs(places).max()) for places, _ in placed) or 1.0
        label = f"1 − {measure_words(question)}"
        figures = tuple(
            Figure(
                Markup(
                    pairs.network_map(
                        places,
                        labels,
                        material.looks,
                        material.titles,
                        reach,
                        label,
                        f"{self.prefix}m{index}",
                    )
                ),
                layer_words(layer),
                f"{100 * share:.0f} % of the squared distances",
            )
            for index, ((layer, (_, labels)), (places, share)) in enumerate(
                zip(there.items(), placed, strict=True)
            )
        )
        return Gallery(
            "Maps of the networks",
            figures,
            "Classical multidimensional scaling: networks that lie close together represent the "
            "stimuli alike. The percentage is what a plane can show of all distances; directions "
            "mean nothing. Maps share their scale.",
            self._keys(),
        )

    def _shown(self, there: Mapping[str, _Labelled]) -> tuple[str, NDArray[np.float64], list[str]]:
        """Return the layer at which both kinds of pairs differ most."""
        row = max(self.rows, key=lambda row: abs(row.difference))
        matrix, labels = there[row.layer]
        return row.layer, matrix, labels

    def _matrix(self, question: Alike, there: Mapping[str, _Labelled]) -> Figure:
        layer, matrix, labels = self._shown(there)
        chosen = pairs.evenly(labels)
        kept = [labels[k] for k in chosen]
        label = measure_words(question)
        svg = pairs.similarity_svg(
            matrix[np.ix_(chosen, chosen)], kept, self.material.titles, label, f"{self.prefix}h"
        )
        left_out = len(labels) - len(kept)
        note = "every pair of networks where within and between differ most"
        if left_out:
            note += f"; the last networks of each cohort, {left_out} in all, are left out"
        return Figure(Markup(svg), layer_words(layer), note)

    def _means(self, question: PairQuestion) -> Means | None:
        layer = max(self.rows, key=lambda row: abs(row.difference)).layer
        found = self.material.matrix(question, layer)
        if found is None:
            return None
        titles = self.material.titles
        table = {
            titles[a]: {titles[b]: value for b, value in row.items()}
            for a, row in pairs.means_table(*found).items()
        }
        return Means(f"{measure_words(question)} at {layer_words(layer)}", table)

    def _tracks(self, question: Tracks) -> Iterator[Gallery]:
        material = self.material
        aligned = material.networks(question)
        learned = performance_of(question, material.scores)
        joined = aligned.join(learned, on=["cohort", "seed", "batches"], how="inner")
        limits = padded(joined["performance"].tolist(), below=0.05, above=0.05)
        settings = material.result.settings
        labels = (
            axis_words("performance", "", settings),
            axis_words(self.kind, "", settings),
        )
        figures = []
        for index, row in enumerate(self.rows):
            here = joined[joined["of"] == row.of].sort_values("batches", kind="stable")
            networks = [
                draw.Track(
                    material.looks[str(cohort)],
                    one["performance"].tolist(),
                    one["score"].tolist(),
                )
                for (cohort, _), one in here.groupby(["cohort", "seed"], sort=False, observed=True)
            ]
            svg = draw.tracks(networks, row, labels, limits, f"{self.prefix}t{index}", self.note)
            figures.append(Figure(Markup(svg), of_words(row.of)))
        yield self._with_effects(
            "Every checkpoint of every network",
            figures,
            "One line a network, from its first checkpoint to its last, which is filled. r is the "
            "correlation within networks, what differs between them taken out; its p counts "
            f"networks, not checkpoints. {explained('performance')} {explained(self.kind)}",
            self._keys(),
        )

    def _trend(self, question: Trend) -> Iterator[Gallery]:
        table = self.material.networks(question)
        figures = []
        for index, row in enumerate(self.rows):
            here = table[(table["of"] == row.of) & (table["layer"] == row.layer)]
            sizes = [question.sizes[str(name)] for name in here["cohort"]]
            svg, sentence = draw.trend(
                sizes,
                here["score"].tolist(),
                here["seed"].tolist(),
                row,
                question.unit,
                axis_words(self.kind, row.of, self.material.result.settings),
                f"{self.prefix}g{index}",
                self.note,
            )
            figures.append(Figure(Markup(svg), place(row), below=sentence))
        yield self._with_effects(
            "Every network by size",
            figures,
            "Each dot is one network; the horizontal axis is logarithmic. Laws are fitted to the "
            "means of the sizes, the shaded band is the 95 % band of the first one; a percentage "
            f"is its Akaike weight. {explained(self.kind)}",
        )

    def _with_effects(
        self, heading: str, figures: Iterable[Figure], note: str, keys: tuple[Key, ...] = ()
    ) -> Gallery:
        """Put the effects with their intervals behind what they were computed from."""
        rows, margin = self.rows, self.material.result.margin
        panels = {"effects": rows}
        layered = len({row.layer for row in rows}) > 1
        if layered and len({row.of for row in rows}) > 1:
            ofs = unique(row.of for row in rows)
            panels = {of_words(of): [row for row in rows if row.of == of] for of in ofs}
        limits = draw.effect_limits(rows, margin)
        effects = []
        for index, (caption, shown) in enumerate(panels.items()):
            svg = draw.forest(
                shown,
                [layer_words(row.layer) if layered else place(row) for row in shown],
                limits,
                self._effect_label(),
                f"{self.prefix}f{index}",
                margin=margin,
                note=self.note,
            )
            effects.append(Figure(Markup(svg), caption, "with 95 % intervals"))
        note += " Effects: filled where significant, open where not; an interval concerns its own "
        note += "row, is not widened for their number, and is left out where it is undefined."
        if margin is not None and any(row.effect == "difference" for row in rows):
            note += (
                f" The band is the declared margin of ±{margin:g}; diamonds are not lower by it."
            )
        return Gallery(heading, (*figures, *effects), note, keys)

    def _effect_label(self) -> str:
        if any(row.effect == "correlation" for row in self.rows):
            return "Correlation"
        return f"Difference in {measure_words(self.question)}, a − b"


def _by_layer(table: pd.DataFrame, cohort: str) -> dict[str, list[float]]:
    own = table[table["cohort"] == cohort]
    return {
        str(layer): part["score"].tolist()
        for layer, part in own.groupby("layer", sort=False, observed=True)
    }


def _within_between(
    matrix: NDArray[np.float64], labels: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each network's mean similarity to its own cohort, and to the others' networks."""
    same = labels[:, None] == labels[None]
    off = ~np.eye(len(labels), dtype=bool)
    kinds = []
    for wanted in (same & off, ~same):
        counts = wanted.sum(axis=1)
        sums = np.where(wanted, matrix, 0).sum(axis=1)
        kinds.append(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0))
    return kinds[0], kinds[1]


def _keyed(looks: Iterable[tuple[Look, str]]) -> tuple[Key, ...]:
    return tuple(Key(Markup(pairs.key_svg(look)), title) for look, title in looks)


def _every_cohort(material: Material) -> Gallery | None:
    """Draw the alignment of all cohorts, a panel a region, where questions show only some."""
    table = material.network_scores("alignment", material.titles)
    cohorts = [name for name in material.titles if (table["cohort"] == name).any()]
    contrasted = any(isinstance(question, Contrast) for question in material.questions)
    if len(cohorts) < 3 or not contrasted:
        return None
    label = axis_words("alignment", "", material.result.settings)
    every = [
        [
            draw.Group(material.titles[name], material.looks[name], _by_layer(here, name))
            for name in cohorts
        ]
        for here in (table[table["of"] == of] for of in unique(table["of"]))
    ]
    limits = draw.score_limits(group for groups in every for group in groups)
    note = draw.SIMULATED if material.simulated else ""
    figures = tuple(
        Figure(Markup(draw.strips(groups, False, label, limits, f"all{index}", note)), of)
        for index, (of, groups) in enumerate(zip(unique(table["of"]), every, strict=True))
    )
    return Gallery(
        "Alignment of every cohort",
        figures,
        "Compared or not: each small mark is one network, the bar is their mean, the line its 95 % "
        f"interval. {explained('alignment')}",
        _keyed((material.looks[name], material.titles[name]) for name in cohorts),
    )


def _candidates(material: Material) -> list[str]:
    layers = material.result.settings.get("layers", ())
    chosen = set(material.scores["chosen"].astype(str)) - {""}
    known = [str(layer) for layer in layers] if isinstance(layers, list | tuple) else []
    return [layer for layer in known if layer in chosen] + sorted(chosen - set(known))


def _taken(material: Material) -> dict[str, list[Taken]]:
    """Count by cohort which layer its networks took for each region."""
    table = material.network_scores("alignment", material.titles)
    layers = _candidates(material)
    taken: dict[str, list[Taken]] = {}
    for (cohort, region), part in table.groupby(["cohort", "of"], sort=False):
        counts = tuple(int((part["chosen"] == layer).sum()) for layer in layers)
        taken.setdefault(str(cohort), []).append(Taken(str(region), counts))
    return {title: taken[name] for name, title in material.titles.items() if name in taken}
