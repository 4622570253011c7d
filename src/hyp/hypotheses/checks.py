"""Manipulation checks, which follow from what compared cohorts differ in.

Where the designs of their images differ, the latent must really be reduced in one and vary in
the other. Where latents are decoded, they must be decodable above chance. Where networks are
trained here, they must have learned, and compared ones alike. Where closeness is evidence, a
positive control must come out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.latents import find_latent
from hyp.errors import HypError
from hyp.hypotheses.cohort import Asked, Cohort
from hyp.hypotheses.declaration import SECONDARY, Hypothesis
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Question, Values
from hyp.hypotheses.scores import Decoding
from hyp.models.specs import objective_tasks
from hyp.stats.checks import check_decodable, check_learned, check_reduction
from hyp.stats.verdict import Check
from hyp.text import percent

UNEQUAL_LEARNING = 0.1
"""Largest difference between two cohorts' held-out losses, as a share of the larger, that counts
as equal learning. Losses of two seeds differ by as much."""

LEARNED_EQUALLY, SAME_AT_EQUAL_LOSS = "learned equally", "same at equal loss"
"""Names of the check that it is no matter of how far networks have learned: where their losses are
about equal, and where what was found after equal batches was found at equal loss too."""

CONVERGED = 0.1
"""Most that twice the batches may take off the held-out loss, as a share of the constant
predictor's, of networks that count as converged."""


@dataclass(frozen=True)
class AtEqualLoss:
    """What a question came to where its networks' held-out losses were equal.

    Attributes
    ----------
    same : bool or None
        Whether the comparison after equal numbers of batches comes to the same; None where
        there is no equal loss.
    sentence : str
        In words, to follow what the losses are.
    """

    same: bool | None
    sentence: str


@dataclass(frozen=True)
class Manipulation:
    """What the networks of a run were trained on, and how far they learned.

    Attributes
    ----------
    asked : Asked
    datasets : dict of str to Dataset
        Training images by cohort.
    stimuli : Dataset
    histories : dict of (str, int) to dict
        What each network wrote down while it was trained, by cohort and seed.
    parts : frozenset of str
        Labels of the questions that get a verdict of their own.
    """

    asked: Asked
    datasets: Mapping[str, Dataset]
    stimuli: Dataset
    histories: Mapping[tuple[str, int], Mapping[str, Any]]
    parts: frozenset[str]

    def part(self, question: Question) -> str:
        """Return the part of the verdict that a check of a question concerns."""
        if not self.parts:
            return ""
        return question.label if question.label in self.parts else SECONDARY


def reduction_checks(run: Manipulation) -> Iterator[Check]:
    """Check, where compared cohorts differ in their design, that one really is reduced."""
    seen = set()
    for question, full, reduced in _compared(run.asked):
        part = run.part(question)
        if full.name not in run.datasets or reduced.name not in run.datasets:
            continue
        for name in _reduced_only_in(reduced, full):
            if (full.name, reduced.name, name, part) in seen:
                continue
            seen.add((full.name, reduced.name, name, part))
            latent = find_latent(run.stimuli.latents, name)
            yield from check_reduction(
                name,
                "categorical" if latent.kind == "categorical" else "continuous",
                full=run.datasets[full.name].table[name],
                reduced=run.datasets[reduced.name].table[name],
                stimuli=run.stimuli.table[name],
                part=part,
            )


def learning_checks(run: Manipulation) -> Iterator[Check]:
    """Check that every network that was trained here learned what it was trained for.

    Those that were given fewer images on purpose need not.
    """
    cohorts: dict[str, set[str]] = {}
    for question in run.asked.questions:
        cohorts.setdefault(run.part(question), set()).update(
            name
            for name in question.about
            if run.asked.cohort(name).learns and run.asked.cohort(name).share == 1
        )
    for part, names in cohorts.items():
        errors = {
            f"{task} ({name}, seed {seed})": (error, baseline)
            for (name, seed), history in run.histories.items()
            if name in names
            for task, error, baseline in final_errors(history)
        }
        if errors:
            yield check_learned(errors, part=part)


def decodable_checks(asked: Asked, profile: Profile, scores: pd.DataFrame) -> Iterator[Check]:
    """Check that what contrasts decode can be decoded above chance somewhere."""
    recommended = scores[(scores["kind"] == "decoding") & (scores["protocol"] == "recommended")]
    for question in asked.questions:
        if not isinstance(question.scored, Decoding) or not question.compared:
            continue
        one, other = question.compared[0]
        cohorts = {one: "full", other: "reduced"}
        table = recommended[recommended["cohort"].isin(cohorts)]
        table = table.assign(group=table["cohort"].map(cohorts))
        for latent in question.measured or question.scored.latents:
            chosen = table[table["measured"] == latent]
            if question.layers:
                chosen = chosen[chosen["layer"].isin(question.layers)]
            if chosen["chance"].isna().any():
                continue
            chosen = chosen.assign(layer=chosen["layer"].astype(str))
            check, _ = check_decodable(chosen, alpha=profile.alpha, part=question.label)
            yield check.model_copy(update={"name": f"{latent} decodable"})


def control_checks(
    hypothesis: Hypothesis, profile: Profile, rows: Sequence[Values]
) -> Iterator[Check]:
    """Check that the declared positive control came out, if the profile asks for it."""
    own = [row for row in rows if row["question"] == hypothesis.control]
    if not own:
        return
    higher = [row for row in own if row["direction"] > 0]
    found = [str(row["measured"]) for row in higher if row["significant"]]
    if found:
        sentence = f"The control “{hypothesis.control}” comes out higher in {', '.join(found)}."
    else:
        sentence = (
            f"The control “{hypothesis.control}” comes out higher nowhere, so the measure need "
            "not tell cohorts apart, and closeness is no evidence of equivalence."
        )
    yield Check(
        name="positive control",
        passed=bool(found),
        value=min((float(row["p_holm"]) for row in higher), default=1.0),
        threshold=profile.alpha,
        sentence=sentence,
    )


def equal_learning_checks(
    run: Manipulation, at_equal_loss: Mapping[str, AtEqualLoss] | None = None
) -> Iterator[Check]:
    """Check that what was found is no matter of how far compared networks have learned.

    Equal numbers of batches are not equal learning: reduced variability can make the
    target easier, and a further-trained network may represent more for that alone. So of
    networks that learn the same thing what is found after equal numbers of batches must be found
    at equal loss too, and the other way round, as networks have then seen different numbers of
    images. Where no snapshots were scored, the losses must be about equal. The value is how far
    apart losses are, as a share of the larger, in the comparison that shows it. Cohorts with
    other objectives, or with fewer images on purpose, need not have learned equally.

    Parameters
    ----------
    run : Manipulation
    at_equal_loss : dict of str to AtEqualLoss, optional
        By the label of the question.
    """
    seen: list[Check] = []
    for question, one, other in _compared(run.asked):
        if one.objective != other.objective or one.share != other.share:
            continue
        loss, other_loss = _loss_share(run, one.name), _loss_share(run, other.name)
        if loss is None or other_loss is None:
            continue
        apart = abs(loss - other_loss) / max(loss, other_loss)
        matched = (at_equal_loss or {}).get(question.label)
        told = matched.sentence if matched else "They were not compared at equal loss."
        name, passed, at_most = LEARNED_EQUALLY, apart <= UNEQUAL_LEARNING, UNEQUAL_LEARNING
        if matched is None or matched.same is None:
            told += f" So at most {at_most:.0%} of the larger apart is asked for."
        else:
            name, passed, at_most = SAME_AT_EQUAL_LOSS, matched.same, 0.0
            apart = 0.0 if passed else apart
        check = Check(
            name=name,
            passed=passed,
            value=apart,
            threshold=at_most,
            sentence=(
                f"At the end of training the networks' held-out loss is {percent(loss)} of the "
                f"constant predictor's in “{one.title}” and {percent(other_loss)} in "
                f"“{other.title}”. {told}"
            ),
            part=run.part(question),
            confound=True,
        )
        if check not in seen:
            seen.append(check)
            yield check


def converged_checks(hypothesis: Hypothesis, run: Manipulation) -> Iterator[Check]:
    """Check that training twice as long would change little in what the rule compares.

    Of the cohorts that a question holds against each other the one that has most left to learn
    counts, see `hyp.models.learning.left_to_learn`. Those that were given fewer images on purpose
    are left out.
    """
    found: dict[str, dict[str, float]] = {}
    for question, *pair in _compared(run.asked):
        if hypothesis.confirmatory(question.name):
            for cohort in pair:
                left = _left_to_learn(run, cohort)
                if left is not None:
                    found.setdefault(run.part(question), {})[cohort.title] = left
    for part, cohorts in found.items():
        worst = max(cohorts, key=lambda title: cohorts[title])
        yield Check(
            name="converged",
            passed=cohorts[worst] <= CONVERGED,
            value=cohorts[worst],
            threshold=CONVERGED,
            sentence=_left_words(worst, cohorts[worst]),
            part=part,
            confound=True,
        )


def _left_words(title: str, left: float) -> str:
    asked = f"(at most {CONVERGED:.0%} is asked for)"
    if left >= 1:
        return f"“{title}” ended no better than the constant predictor: all is left {asked}."
    return (
        f"Twice the batches would take at most {percent(left)} of the constant predictor's loss "
        f"off “{title}”, the cohort with most left to learn {asked}."
    )


def final_errors(history: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Return (task, held-out error, constant predictor's error) at the end of training.

    The error is the share of wrong answers where there are classes, the loss elsewhere. A
    network that tells classes apart but is too sure of itself can have a larger cross-entropy
    than a constant: that is calibration, and not whether it learned.
    """
    evaluation = history["evaluation"]
    last = max(row["batch"] for row in evaluation)
    wrong = {
        row["task"]: (1 - row["value"], 1 - row["baseline"])
        for row in evaluation
        if row["metric"] == "accuracy" and row["batch"] == last and row["baseline"] < 1
    }
    return [
        (task, *(wrong.get(task, (loss, baseline)) if math.isfinite(loss) else (loss, baseline)))
        for task, loss, baseline in _final_losses(history)
    ]


def _final_losses(history: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """(task, held-out loss, constant predictor's loss) at the end of training."""
    losses = [row for row in history["evaluation"] if row["metric"] == "loss"]
    last = max(row["batch"] for row in losses)
    return [(r["task"], r["value"], r["baseline"]) for r in losses if r["batch"] == last]


def _loss_share(run: Manipulation, cohort: str) -> float | None:
    """Mean held-out loss of a cohort's networks, as a share of the constant predictor's."""
    if not run.asked.cohort(cohort).learns:
        return None
    shares = [
        loss / baseline
        for (name, _), history in run.histories.items()
        if name == cohort
        for _, loss, baseline in _final_losses(history)
    ]
    return float(np.mean(shares)) if shares else None


def _left_to_learn(run: Manipulation, cohort: Cohort) -> float | None:
    """Mean bound on what training twice as long would bring a cohort's networks."""
    from hyp.models.learning import LossCurve, left_to_learn

    if not cohort.learns or cohort.share < 1:
        return None
    tasks = objective_tasks(cohort.objective)
    histories = [one for (name, _), one in run.histories.items() if name == cohort.name]
    try:
        curves = [LossCurve.of_history(one["evaluation"], tasks) for one in histories]
    except HypError:  # a loss that is no finite number
        return math.inf
    return float(np.mean([left_to_learn(curve) for curve in curves])) if curves else None


def _compared(asked: Asked) -> Iterator[tuple[Question, Cohort, Cohort]]:
    """Yield the cohorts that questions hold against each other, the fuller design first."""
    for question in asked.questions:
        for names in question.compared:
            one, other = (asked.cohort(name) for name in names)
            if _reduced_only_in(one, other) and not _reduced_only_in(other, one):
                one, other = other, one
            yield question, one, other


def _reduced_only_in(cohort: Cohort, other: Cohort) -> list[str]:
    """Return the latents that the images of one cohort hold still and those of another do not."""
    if cohort.natural or other.natural or cohort.weights or other.weights:
        return []
    mine, others = (set(Design.parse(one.design).reduced) for one in (cohort, other))
    return sorted(mine - others)
