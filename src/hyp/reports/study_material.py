"""What the report of a study is made of: its result, and the scores and similarities behind it."""

from __future__ import annotations

import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from hyp.errors import HypError
from hyp.hypotheses.declaration import PIXELS
from hyp.hypotheses.studies.answering import SCORE_COLUMNS, Similarities
from hyp.hypotheses.studies.declaration import (
    PairQuestion,
    Question,
    Tracks,
    cohorts_of,
    score_of,
)
from hyp.hypotheses.studies.result import (
    Row,
    StudyResult,
    load_networks,
    load_scores,
    load_similarities,
    load_study,
)
from hyp.reports.study_words import in_order
from hyp.reports.svg import REFERENCE, SERIES
from hyp.reports.words import plain

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "<", ">", "h", "*")

_QUESTIONS: TypeAdapter[tuple[Question, ...]] = TypeAdapter(tuple[Question, ...])


@dataclass(frozen=True)
class Look:
    """Colour and marker of a cohort, the same on the whole page."""

    colour: str
    marker: str


@dataclass(frozen=True, eq=False)
class Material:
    """A finished study with everything that its figures show.

    Attributes
    ----------
    result : StudyResult
    questions : tuple of question
        Those that were answered, as declared; none where the design could not be tested.
    scores : DataFrame
        One row a fold, see `hyp.hypotheses.studies.answering.SCORE_COLUMNS`.
    similarities : Similarities
        Empty where none were asked for.
    """

    result: StudyResult
    questions: tuple[Question, ...]
    scores: pd.DataFrame
    similarities: Similarities

    @cached_property
    def titles(self) -> dict[str, str]:
        """Phrases for the cohorts, by name, in the order of the declaration."""
        named = {cohort.name: cohort.title for cohort in self.result.cohorts}
        asked = [name for question in self.questions for name in cohorts_of(question)]
        return {**named, **{name: plain(name) for name in asked if name not in named}}

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Look of every cohort; those that were not trained are grey.

        Cohorts of one question get different colours as long as there are enough, the fewer
        cohorts it has the sooner.
        """
        untrained = {cohort.name for cohort in self.result.cohorts if cohort.batches == 0}
        beside = self._drawn_together()
        colours: dict[str, str] = {}
        for name in sorted(self.titles, key=lambda name: -sum(beside[name].values())):
            costs = dict.fromkeys(SERIES, 0.0)
            for other, weight in beside[name].items():
                if other in colours and colours[other] in costs:
                    costs[colours[other]] += weight
            used = Counter(colours.values())
            free = min(SERIES, key=lambda colour: (costs[colour], used[colour]))
            colours[name] = REFERENCE if name in untrained else free
        markers = cycle(MARKERS)
        return {name: Look(colours[name], next(markers)) for name in self.titles}

    def _drawn_together(self) -> dict[str, dict[str, float]]:
        """Return for every cohort how much it shares figures with others."""
        beside: dict[str, dict[str, float]] = {name: defaultdict(float) for name in self.titles}
        for question in self.questions:
            names = cohorts_of(question)
            for name, other in permutations(names, 2):
                beside[name][other] += 1 / len(names)
        return beside

    @property
    def simulated(self) -> bool:
        """Whether networks were aligned with responses that nobody recorded."""
        return self.result.settings.get("recording") == "simulated"

    def rows(self, question: Question) -> list[Row]:
        """Return the answers to a question, regions from V1 to IT."""
        return in_order(row for row in self.result.rows if row.question == question.name)

    def networks(self, question: Question) -> pd.DataFrame:
        """Return the score of every network that a question is about, folds averaged.

        Returns
        -------
        DataFrame
            Columns ``cohort``, ``seed``, ``batches``, ``of``, ``layer``, ``score``, ``chosen``;
            all checkpoints for `Tracks`, otherwise the last of each network.
        """
        return self.network_scores(
            score_of(question).kind,
            cohorts_of(question),
            every_checkpoint=isinstance(question, Tracks),
        )

    def network_scores(
        self, kind: str, cohorts: Iterable[str], *, every_checkpoint: bool = False
    ) -> pd.DataFrame:
        """Return the score of every network of the cohorts, see `networks`."""
        table = self.scores[self.scores["cohort"].isin(list(cohorts))]
        table = table.astype({"layer": str, "of": str})
        if not every_checkpoint:
            last = table.groupby(["cohort", "seed"], observed=True)["batches"].transform("max")
            table = table[table["batches"] == last]
        keys = ["cohort", "seed", "batches", "of", "layer"]
        groups = table[table["kind"] == kind].groupby(keys, sort=False, observed=True)
        return groups.agg(score=("score", "mean"), chosen=("chosen", "first")).reset_index()

    def pixels(self, cohorts: Iterable[str], measure: str, layer: str) -> list[float]:
        """Return how alike the networks of cohorts are to the stimuli's pixels, where known."""
        whole = self.similarities.matrices.get((measure, layer))
        labels = np.array(self.similarities.networks)
        if whole is None or PIXELS not in labels:
            return []
        shown = np.isin(labels, [*cohorts])
        found: list[float] = whole[np.ix_(shown, labels == PIXELS)].ravel().tolist()
        return found

    def matrix(
        self, question: PairQuestion, layer: str
    ) -> tuple[NDArray[np.float64], list[str]] | None:
        """Return the similarities of a question's networks at a layer, sorted by cohort.

        Returns
        -------
        matrix : ndarray, shape (m, m)
        cohorts : list of str
            Of every network.
        """
        whole = self.similarities.matrices.get((question.similarity.measure, layer))
        if whole is None:
            return None
        labels = np.array(self.similarities.networks)
        order = np.concatenate([np.flatnonzero(labels == name) for name in cohorts_of(question)])
        return whole[np.ix_(order, order)], labels[order].tolist()


def load_material(folder: Path) -> Material:
    """Read what a finished study left.

    Raises
    ------
    HypError
        If a file is missing or damaged.
    """
    result = load_study(folder)
    try:
        questions = _QUESTIONS.validate_python(result.questions) if result.rows else ()
        scores = load_scores(folder) if result.rows else pd.DataFrame(columns=SCORE_COLUMNS)
        matrices = load_similarities(folder)
        networks = load_networks(folder) if matrices else []
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        what = "a question" if isinstance(error, ValidationError) else "a table"
        raise HypError(
            f"{what} of the study in {folder} is missing or damaged; delete that folder and run "
            "the study again, which recomputes only what is missing."
        ) from error
    return Material(result, questions, scores, Similarities(networks, matrices))


def unique(items: Iterable[Any]) -> list[Any]:
    """Drop repetitions, keep the order."""
    return list(dict.fromkeys(items))


def network_means(
    matrix: NDArray[np.float64], labels: Sequence[str]
) -> Mapping[str, NDArray[np.float64]]:
    """Return every network's mean similarity to the networks of each cohort, but itself.

    Returns
    -------
    dict of str to ndarray, shape (m,)
        By cohort; NaN where a network is alone in its cohort.
    """
    off = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)
    means = {}
    for name in unique(labels):
        others = off[:, np.array(labels) == name]
        counts = np.isfinite(others).sum(axis=1)
        sums = np.nansum(others, axis=1)
        means[name] = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means
