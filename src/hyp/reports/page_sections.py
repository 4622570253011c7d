"""The sections of a page: every question with its figures, the networks, their learning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from hyp.hypotheses.questions import Question
from hyp.hypotheses.questions.panels import (
    NetworkMaps,
    PairMatrix,
    Panel,
    ScorePanel,
    TrackPanel,
    TrendPanel,
    unique,
)
from hyp.hypotheses.result import EqualLoss, LearningCurve, Row, Snapshot
from hyp.reports.answers import (
    SIMULATED,
    alternative_words,
    answered,
    axis_words,
    explained,
    place,
    published_only,
    question_measures,
    turned,
)
from hyp.reports.figures import similarity
from hyp.reports.figures.as_trained import as_trained, difference_limits
from hyp.reports.figures.axes import padded
from hyp.reports.figures.effects import effect_limits, forest
from hyp.reports.figures.scaling import trend
from hyp.reports.figures.scores import Marks, draw_scores, score_limits
from hyp.reports.figures.style import Drawing, Look, key_svg
from hyp.reports.figures.tracks import tracks
from hyp.reports.material import Material
from hyp.reports.published import Statement, statement_about
from hyp.reports.wording import layer_words, measured_words

_PAIRS_NOTE = (
    "Each small mark is one network: its mean similarity over its pairs of that kind; in grey, "
    "what networks share with the pixels of the stimuli. Labels of whole networks are permuted."
)
_TRACKS_NOTE = (
    "One line per network, from its first checkpoint to its last, which is filled. r is the "
    "correlation within networks, what differs between them taken out; its p counts networks, not "
    "checkpoints."
)
_TREND_NOTE = (
    "Each dot is one network; the horizontal axis is logarithmic. Laws are fitted to the means of "
    "the sizes, the shaded band is the 95 % band of the first one; a percentage is its Akaike "
    "weight."
)
_TRAINED_NOTE = (
    "Above zero a is higher, below it b is. A filled triangle: the interval of that point lies on "
    "one side of zero. Panels share their vertical axis; nothing is tested here."
)
_MAPS_NOTE = (
    "Classical multidimensional scaling: networks that lie close together represent the stimuli "
    "alike. The percentage is what a plane can show of all distances; directions mean nothing. "
    "Maps share their scale."
)


class Places(NamedTuple):
    """Where a map puts networks, and their cohorts."""

    measured: str
    layer: str
    places: NDArray[np.float64]
    cohorts: Sequence[str]


@dataclass(frozen=True)
class Figure:
    """A drawn panel.

    Attributes
    ----------
    svg : Drawing
    caption, note, below : str
        A note stands behind the caption, sentences below the drawing.
    data : sequence, panel or DataFrame
        What it shows, see `hyp.reports.figure_tables.figure_table`.
    looks : tuple of (Look, str)
        What its marks stand for, where the drawing itself does not say it.
    """

    svg: Drawing
    caption: str
    note: str = ""
    below: str = ""
    data: Panel | Places | pd.DataFrame | Sequence[Row | Snapshot | LearningCurve] = ()
    looks: tuple[tuple[Look, str], ...] = ()


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
    question : Question
    asked, answered, tested : str
        In words.
    simulated, confirmatory : bool
        Whether it rests on responses that nobody recorded, and whether the rule reads it.
    galleries : tuple of Gallery
    means : tuple of Means
    lines : tuple of (Row, Statement or None)
        Every comparison, and what the paper's text says of it.
    equal_loss : EqualLoss or None
        The same at equal held-out loss.
    """

    question: Question
    asked: str
    answered: str
    tested: str
    simulated: bool
    confirmatory: bool
    galleries: tuple[Gallery, ...]
    means: tuple[Means, ...]
    lines: tuple[tuple[Row, Statement | None], ...]
    equal_loss: EqualLoss | None = None

    @property
    def rows(self) -> list[Row]:
        """Every comparison."""
        return [row for row, _ in self.lines]


def sections(material: Material) -> list[Section]:
    """Return one section per question that was answered."""
    return [
        _Drawer(material, question, f"q{index}").section()
        for index, question in enumerate(material.questions)
    ]


@dataclass(frozen=True)
class _Drawer:
    """Draws one question, panel by panel."""

    material: Material
    question: Question
    prefix: str

    @cached_property
    def rows(self) -> list[Row]:
        return self.material.rows(self.question)

    @cached_property
    def panels(self) -> list[Panel]:
        return self.material.panels(self.question)

    @cached_property
    def kind(self) -> str:
        return self.question.scored.kind

    @cached_property
    def note(self) -> str:
        return SIMULATED if self.material.is_simulated(self.question) else ""

    def section(self) -> Section:
        material, question, rows = self.material, self.question, self.rows
        titles = material.titles
        matrices = [panel for panel in self.panels if isinstance(panel, PairMatrix)]
        return Section(
            question=question,
            asked=material.ask(question),
            answered=answered(rows),
            tested=alternative_words(rows),
            simulated=bool(self.note),
            confirmatory=rows[0].confirmatory,
            galleries=tuple(self._galleries()),
            means=tuple(
                Means(
                    f"{measured_words(one.measured)} at {layer_words(one.layer)}",
                    {
                        titles[a]: {titles[b]: value for b, value in row.items()}
                        for a, row in one.means.items()
                    },
                )
                for one in matrices
            ),
            lines=tuple((row, statement_about(material, question, row)) for row in rows),
            equal_loss=material.equal_loss(question),
        )

    def _galleries(self) -> Iterator[Gallery]:
        draw: dict[type, Callable[[Any, str], Figure]] = {
            ScorePanel: self._scores,
            PairMatrix: self._matrix,
            TrackPanel: self._tracks,
            TrendPanel: self._trend,
        }
        figures = [
            draw[type(panel)](panel, f"{self.prefix}p{index}")
            for index, panel in enumerate(self.panels)
            if type(panel) in draw and getattr(panel, "drawn", True)
        ]
        yield Gallery(
            "Every network, and how large the effects are",
            (*figures, *self._effects()),
            " ".join(filter(None, (*self._notes(), *self._scales()))),
            keyed(self._looks()),
        )
        for index, panel in enumerate(self.panels):
            if isinstance(panel, NetworkMaps):
                yield self._maps(panel, f"{self.prefix}m{index}")
        snapshots = self.material.snapshots(self.question)
        if snapshots:
            yield self._as_trained(snapshots)

    def _notes(self) -> Iterator[str]:
        found = {type(panel) for panel in self.panels}
        if any(isinstance(panel, ScorePanel) and panel.pairs for panel in self.panels):
            yield _PAIRS_NOTE
        if TrackPanel in found:
            yield _TRACKS_NOTE
        if TrendPanel in found:
            yield _TREND_NOTE

    def _scales(self) -> Iterator[str]:
        against = [panel.against for panel in self.panels if isinstance(panel, TrackPanel)]
        measure = str(getattr(self.question.scored, "measure", self.kind))
        yield from map(explained, unique([*against, measure]))

    def _looks(self) -> Iterator[tuple[Look, str]]:
        """Yield the markers of what is drawn, each once."""
        for panel in self.panels:
            if isinstance(panel, ScorePanel):
                for index, series in enumerate(panel.series):
                    yield self.material.look(series, index), series.title
            elif isinstance(panel, TrackPanel):
                yield from self._looks_of(panel)

    def _looks_of(self, panel: TrackPanel) -> Iterator[tuple[Look, str]]:
        for name in unique(track.cohort for track in panel.tracks):
            yield self.material.looks[name], self.material.titles[name]

    def _scores(self, panel: ScorePanel, name: str) -> Figure:
        looks = [self.material.look(series, index) for index, series in enumerate(panel.series)]
        mine = [row for row in self.rows if row.measured == panel.measured]
        alpha = self.material.result.settings.get("alpha")
        marks = Marks(
            [row.layer for row in mine if row.significant],
            [row.layer for row in mine if published_only(row, alpha)],
        )
        label = axis_words(self.kind, panel.measured, self.material.result.settings, panel.metric)
        alike = [panel]
        if panel.layers == ("",):
            alike = [one for one in self.panels if isinstance(one, ScorePanel)]
        svg = draw_scores(panel, looks, marks, label, score_limits(alike), name, self.note)
        named = tuple(zip(looks, (one.title for one in panel.series), strict=True))
        by_layer = panel.layers != ("",)
        caption = measured_words(panel.measured)
        return Figure(svg, caption, data=panel, looks=named if by_layer else ())

    def _matrix(self, panel: PairMatrix, name: str) -> Figure:
        chosen = similarity.evenly(panel.cohorts)
        kept = [panel.cohorts[k] for k in chosen]
        svg = similarity.similarity_svg(
            panel.matrix[np.ix_(chosen, chosen)],
            kept,
            self.material.titles,
            measured_words(panel.measured),
            name,
        )
        left_out = len(panel.cohorts) - len(kept)
        note = "every pair of networks where both kinds of pairs differ most"
        if left_out:
            note += f"; the last networks of each cohort, {left_out} in all, are left out"
        return Figure(svg, layer_words(panel.layer), note, data=panel)

    def _tracks(self, panel: TrackPanel, name: str) -> Figure:
        row = next(row for row in self.rows if row.measured == panel.measured)
        alike = [one for one in self.panels if isinstance(one, TrackPanel)]
        values = [value for one in alike for track in one.tracks for value in track.x]
        settings = self.material.result.settings
        labels = axis_words(panel.against, "", settings), axis_words(self.kind, "", settings)
        limits = padded(values, below=0.05, above=0.05)
        of = self.material.looks, self.material.titles
        svg = tracks(panel, *of, row, labels, limits, name, self.note)
        looks = tuple(dict.fromkeys(self._looks_of(panel)))
        return Figure(svg, measured_words(panel.measured), data=panel, looks=looks)

    def _trend(self, panel: TrendPanel, name: str) -> Figure:
        place_of = (panel.measured, panel.layer)
        row = next(row for row in self.rows if (row.measured, row.layer) == place_of)
        scores = self.material.scores
        metric = scores.loc[scores["measured"] == panel.measured, "metric"].astype(str).max()
        label = axis_words(self.kind, panel.measured, self.material.result.settings, metric)
        svg, sentence = trend(panel, row, label, name, self.note)
        return Figure(svg, place(row), below=sentence, data=panel)

    def _maps(self, panel: NetworkMaps, name: str) -> Gallery:
        material = self.material
        placed = similarity.maps(list(panel.matrices.values()))
        reach = 1.12 * max(float(np.abs(places).max()) for places, _ in placed) or 1.0
        label = f"1 − {measured_words(panel.measured)}"
        looks = tuple((material.looks[one], material.titles[one]) for one in unique(panel.cohorts))
        figures = tuple(
            Figure(
                similarity.network_map(
                    places,
                    panel.cohorts,
                    material.looks,
                    material.titles,
                    reach,
                    label,
                    f"{name}-{index}",
                ),
                layer_words(layer),
                f"{100 * share:.0f} % of the squared distances",
                data=Places(panel.measured, layer, places, panel.cohorts),
                looks=looks,
            )
            for index, (layer, (places, share)) in enumerate(
                zip(panel.matrices, placed, strict=True)
            )
        )
        return Gallery("Maps of the networks", figures, _MAPS_NOTE, keyed(looks))

    def _as_trained(self, snapshots: Sequence[Snapshot]) -> Gallery:
        limits = difference_limits(snapshots)
        panels: dict[tuple[str, str], list[Snapshot]] = {}
        for one in snapshots:
            panels.setdefault((one.measured, one.layer), []).append(one)
        several = len({measured for measured, _ in panels}) > 1
        figures = []
        for index, ((measured, layer), shown) in enumerate(panels.items()):
            place = f"{measured_words(measured)}, {layer_words(layer)}"
            svg = as_trained(shown, limits, "a − b", place, f"{self.prefix}t{index}")
            caption = place if several else layer_words(layer)
            figures.append(Figure(svg, caption, "with 95 % intervals", data=shown))
        note = f"{_TRAINED_NOTE} {turned(snapshots)}"
        return Gallery("The difference as training went on", tuple(figures), note)

    def _effects(self) -> Iterator[Figure]:
        """Draw the effects with their intervals, one panel for what was measured by layers."""
        rows, margin = self.rows, self.material.result.margin
        panels = {"effects": rows}
        layered = len({row.layer for row in rows}) > 1
        if layered and len({row.measured for row in rows}) > 1:
            panels = {
                measured_words(one): [row for row in rows if row.measured == one]
                for one in unique(row.measured for row in rows)
            }
        limits = effect_limits(rows, margin)
        measure = question_measures(self.question).partition(" of ")[0]
        label = f"Difference in {measure}, a − b"
        if any(row.effect == "correlation" for row in rows):
            label = "Correlation"
        for index, (caption, shown) in enumerate(panels.items()):
            svg = forest(
                shown,
                [layer_words(row.layer) if layered else place(row) for row in shown],
                limits,
                label,
                f"{self.prefix}f{index}",
                margin=margin,
                note=self.note,
            )
            yield Figure(svg, caption, "with 95 % intervals", data=shown)


def keyed(looks: Iterable[tuple[Look, str]]) -> tuple[Key, ...]:
    """Return a legend, every entry once."""
    return tuple(Key(key_svg(look), title) for look, title in dict.fromkeys(looks))
