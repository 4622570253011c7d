"""What a report is made of: a result, and the scores, similarities and images behind it."""

from __future__ import annotations

import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle, permutations
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from hyp.errors import HypError
from hyp.hypotheses.profile import SIMULATED, UNTRAINED
from hyp.hypotheses.questions import (
    SCORE_COLUMNS,
    Alternative,
    AnyQuestion,
    Evidence,
    Question,
    Similarities,
)
from hyp.hypotheses.questions.panels import Panel, Series, network_scores
from hyp.hypotheses.result import CohortSummary, EqualLoss, Result, Row, Snapshot
from hyp.hypotheses.result_files import load_result, load_samples, load_scores, load_similarities
from hyp.hypotheses.scores import rest_on_simulation
from hyp.reports.answers import in_order, question_measures
from hyp.reports.figures.style import MARKERS, REFERENCE, SERIES, Look
from hyp.reports.wording import plain

_QUESTIONS: TypeAdapter[tuple[Question, ...]] = TypeAdapter(tuple[AnyQuestion, ...])
_REFERENCE_LOOK = Look(REFERENCE, "v")


@dataclass(frozen=True, eq=False)
class Material:
    """A result with everything that its figures show.

    Attributes
    ----------
    result : Result
    questions : tuple of Question
        Those that were answered; none where the design could not be tested.
    scores : DataFrame
        With the columns `hyp.hypotheses.questions.SCORE_COLUMNS`.
    similarities : Similarities
        Empty where none were asked for.
    samples : dict of str to array of uint8, shape (images, height, width, 3)
        Training images by cohort; empty where none were kept.
    """

    result: Result
    questions: tuple[Question, ...]
    scores: pd.DataFrame
    similarities: Similarities
    samples: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    @cached_property
    def cohorts(self) -> dict[str, CohortSummary]:
        """What is known of the cohorts, by name."""
        return {cohort.name: cohort for cohort in self.result.cohorts}

    @cached_property
    def titles(self) -> dict[str, str]:
        """Phrases for the cohorts, by name, in the order of the declaration."""
        named = {cohort.name: cohort.title for cohort in self.result.cohorts}
        asked = [name for question in self.questions for name in question.about]
        return {**named, **{name: plain(name) for name in asked if name not in named}}

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Look of every cohort; those that were not trained are grey.

        Cohorts of one question get different colours as long as there are enough, the fewer
        cohorts it has the sooner.
        """
        untrained = {cohort.name for cohort in self.result.cohorts if not cohort.trained}
        together = self._drawn_together()
        colours: dict[str, str] = {}
        for name in sorted(self.titles, key=lambda name: -sum(together[name].values())):
            costs = dict.fromkeys(SERIES, 0.0)
            for other, weight in together[name].items():
                if other in colours and colours[other] in costs:
                    costs[colours[other]] += weight
            used = Counter(colours.values())
            free = min(SERIES, key=lambda colour: (costs[colour], used[colour]))
            colours[name] = REFERENCE if name in untrained else free
        markers = cycle(MARKERS)
        looks = {name: Look(colours[name], next(markers)) for name in self.titles}
        return {UNTRAINED: Look(REFERENCE, next(markers)), **looks}

    def _drawn_together(self) -> dict[str, dict[str, float]]:
        """Return for every cohort how much it shares figures with others."""
        together: dict[str, dict[str, float]] = {name: defaultdict(float) for name in self.titles}
        for question in self.questions:
            for name, other in permutations(question.about, 2):
                together[name][other] += 1 / len(question.about)
        return together

    def look(self, series: Series, place: int) -> Look:
        """Return the look of a series: its cohort's, or its own by its place among the others."""
        if series.cohort:
            return self.looks[series.cohort]
        return _REFERENCE_LOOK if series.reference else Look(SERIES[place], MARKERS[place])

    @cached_property
    def evidence(self) -> Evidence:
        """What the questions were answered from."""
        margin = self.result.margin
        return Evidence(self.scores, self.similarities, self.titles, margin)

    @property
    def simulated(self) -> bool:
        """Whether networks were aligned with responses that nobody recorded."""
        return self.result.settings.get("recording") == SIMULATED

    def is_simulated(self, question: Question) -> bool:
        """Tell whether a question rests on responses that nobody recorded."""
        return rest_on_simulation([question.scored.kind], self.result.settings.get("recording"))

    def question(self, row: Row) -> Question | None:
        """Return the question that a row answers; None where it was not asked."""
        return next((one for one in self.questions if _about(row, one)), None)

    def rows(self, question: Question) -> list[Row]:
        """Return the answers to a question, regions from V1 to IT."""
        return in_order(row for row in self.result.rows if _about(row, question))

    def equal_loss(self, question: Question) -> EqualLoss | None:
        """Return what a question came to at equal held-out loss; None where none was asked."""
        return next((one for one in self.result.equal_loss if _about(one, question)), None)

    def snapshots(self, question: Question) -> list[Snapshot]:
        """Return the differences that a question showed as training went on."""
        return [one for one in self.result.snapshots if _about(one, question)]

    def ask(self, question: Question) -> str:
        """Put a question into words."""
        alternative = cast(Alternative, self.rows(question)[0].alternative)
        return question.ask(self.titles, question_measures(question), alternative)

    def panels(self, question: Question) -> list[Panel]:
        """Return what a question's figures show."""
        return list(question.panels(self.evidence, self.rows(question)))

    def network_scores(self, kind: str, cohorts: Iterable[str]) -> pd.DataFrame:
        """Return the last score of every network of the cohorts, folds averaged."""
        table = self.scores[self.scores["cohort"].isin(list(cohorts))]
        last = table.groupby(["cohort", "seed"], observed=True)["batches"].transform("max")
        chosen = (table["batches"] == last) & (table["kind"] == kind)
        return network_scores(table[chosen & (table["protocol"] == "recommended")])


def load_material(folder: Path) -> Material:
    """Read what a finished run left.

    Raises
    ------
    HypError
        If a file is missing or damaged.
    """
    result = load_result(folder)
    try:
        questions = _QUESTIONS.validate_python(result.questions) if result.rows else ()
        scores = load_scores(folder) if result.rows else pd.DataFrame(columns=SCORE_COLUMNS)
        similarities, samples = load_similarities(folder), load_samples(folder)
        wrong = [name for name, images in samples.items() if not _are_images(images)]
        if wrong:
            raise ValueError(f"the samples of {wrong[0]!r} are no images")
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        what = "a question" if isinstance(error, ValidationError) else "a table or its images"
        raise HypError(
            f"{what} of the result in {folder} is missing or damaged; delete that folder and run "
            "the hypothesis again, which computes only what is missing."
        ) from error
    return Material(result, questions, scores, similarities, samples)


def _about(answer: Row | EqualLoss | Snapshot, question: Question) -> bool:
    return (answer.question, answer.objective) == (question.name, question.objective)


def _are_images(images: NDArray[np.uint8]) -> bool:
    return images.dtype == np.uint8 and images.ndim == 4 and images.shape[-1] == 3
