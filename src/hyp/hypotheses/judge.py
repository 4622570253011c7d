"""From the scores of a run's networks to rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hyp.datasets.dataset import Dataset
from hyp.hypotheses.checks import (
    Manipulation,
    control_checks,
    converged_checks,
    decodable_checks,
    equal_learning_checks,
    learning_checks,
    reduction_checks,
)
from hyp.hypotheses.cohort import Asked
from hyp.hypotheses.consistency import EQUIVALENT
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.equal_loss import as_trained, compare_both
from hyp.hypotheses.gathering import (
    cohort_summaries,
    gather_scores,
    gather_similarities,
    learning_curves,
    read_histories,
)
from hyp.hypotheses.looks import this_look
from hyp.hypotheses.matching import Matched, match
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Evidence, PairQuestion, Similarities, Values
from hyp.hypotheses.result import CohortSummary, LearningCurve, Result, Row
from hyp.hypotheses.result_files import order_layers, write_result
from hyp.hypotheses.scores import rest_on_simulation
from hyp.hypotheses.steps import of_kind
from hyp.stats.deciding import judge
from hyp.stats.families import holm
from hyp.stats.rules import describe
from hyp.stats.verdict import Check, Verdict

PAPER_IMAGES = 500_000 * 64
N_SAMPLES = 24


def judge_run(spec: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Write the result of a run, see `hyp.hypotheses.result_files.write_result`.

    Parameters
    ----------
    spec : mapping
        Of a ``results`` step: the hypothesis and the profile.
    inputs : mapping of str to Path
        Folders by role: ``stimuli``, ``dataset:COHORT``, ``model:COHORT:SEED``,
        ``decoding:COHORT:SEED``, ``alignment:COHORT:SEED:BATCHES``, ``similarity:MEASURE``.
    folder : Path
        Where to write.
    """
    hypothesis = Hypothesis.model_validate({**spec["hypothesis"], "profiles": {}})
    settings = dict(spec["profile"])
    profile_name = settings.pop("name")
    profile = Profile.model_validate(settings)
    if spec["untestable"]:
        result = _untestable(hypothesis, profile, profile_name, spec["untestable"])
        write_result(folder, result, order_layers(pd.DataFrame({"layer": []}), ()), Similarities())
        return
    found = gather(hypothesis, profile, inputs)
    result = conclude(
        hypothesis,
        profile,
        profile_name,
        found.scores,
        found.similarities,
        checks=found.checks,
        manipulation=found.manipulation,
        matched=found.matched,
        cohorts=tuple(cohort_summaries(hypothesis.asked(profile), inputs)),
        learning=tuple(learning_curves(found.manipulation.histories)),
    )
    samples = {
        name: data.images(np.arange(min(N_SAMPLES, data.n_images)))
        for name, data in found.manipulation.datasets.items()
    }
    write_result(folder, result, found.scores, found.similarities, samples)


class Gathered(NamedTuple):
    """What a run's steps left, and the checks that rest on it whatever is asked of the scores."""

    scores: pd.DataFrame
    similarities: Similarities
    checks: tuple[Check, ...]
    manipulation: Manipulation
    matched: tuple[Matched, ...]


def gather(hypothesis: Hypothesis, profile: Profile, inputs: Mapping[str, Path]) -> Gathered:
    """Read what a run's steps left; `inputs` as in `judge_run`."""
    datasets = {
        cohort: Dataset.open(path) for (cohort,), path in of_kind(inputs, "dataset").items()
    }
    histories = read_histories(inputs)
    asked = hypothesis.asked(profile)
    manipulation = Manipulation(
        asked,
        datasets,
        Dataset.open(inputs["stimuli"]),
        histories,
        frozenset(part.name for part in hypothesis.rule_for(profile).parts),
    )
    checks = (
        *reduction_checks(manipulation),
        *learning_checks(manipulation),
        *converged_checks(hypothesis, manipulation),
    )
    scores = gather_scores(inputs, histories, profile)
    matched = match(asked, scores, histories, read_histories(inputs, "initial"))
    similarities = gather_similarities(inputs)
    return Gathered(scores, similarities, checks, manipulation, tuple(matched))


def conclude(
    hypothesis: Hypothesis,
    profile: Profile,
    profile_name: str,
    scores: pd.DataFrame,
    similarities: Similarities,
    *,
    checks: tuple[Check, ...] = (),
    manipulation: Manipulation | None = None,
    matched: Sequence[Matched] = (),
    cohorts: tuple[CohortSummary, ...] = (),
    learning: tuple[LearningCurve, ...] = (),
) -> Result:
    """Judge scores that are there, wherever they came from.

    Parameters
    ----------
    hypothesis, profile, profile_name
        What is asked.
    scores, similarities
        As in `answer`.
    checks : tuple of Check
        Made before.
    manipulation : Manipulation, optional
        What the networks were trained on; without it nobody looks whether they learned equally.
    matched : sequence of Matched
        Questions at equal held-out loss, see `hyp.hypotheses.matching.match`.
    cohorts, learning
        For the report.
    """
    scores = order_layers(scores, profile.layers)
    rows = answer(hypothesis, profile, scores, similarities)
    checks = (
        *checks,
        *decodable_checks(hypothesis.asked(profile), profile, scores),
        *control_checks(hypothesis, profile, rows),
    )
    rule = hypothesis.rule_for(profile)
    confirmatory = [row for row in rows if row["confirmatory"]]
    tables = {one.question.label: one.scores for one in matched if one.scores is not None}
    moved = answer(hypothesis, profile, scores, similarities, tables) if tables else []
    found = compare_both(hypothesis, profile, rows, moved, matched)
    if manipulation is not None:
        checks += tuple(equal_learning_checks(manipulation, found.told))
    return _result(
        hypothesis,
        profile,
        profile_name,
        judge(rule, found.judged, checks),
        published_verdict=_published(hypothesis, profile, confirmatory, checks),
        other_verdict=found.other,
        rows=tuple(map(Row.of, rows)),
        equal_loss=found.equal_loss,
        snapshots=tuple(as_trained(_evidence(hypothesis, profile, scores, similarities), matched)),
        checks=checks,
        cohorts=cohorts,
        learning=learning,
        warnings=tuple(_warnings(hypothesis, profile)),
    )


def answer(
    hypothesis: Hypothesis,
    profile: Profile,
    scores: pd.DataFrame,
    similarities: Similarities,
    instead: Mapping[str, pd.DataFrame] | None = None,
) -> list[Values]:
    """Answer every question, corrected by Holm within its family: see `Hypothesis.family`.

    Parameters
    ----------
    hypothesis, profile
        What is asked.
    scores : DataFrame
        With the columns `hyp.hypotheses.questions.SCORE_COLUMNS`, see `order_layers`.
    similarities : Similarities
        Of the cohorts that questions about pairs of networks name.
    instead : dict of str to DataFrame, optional
        Scores that questions are answered from in their place, by the label of the question.

    Returns
    -------
    list of dict
        The fields of `hyp.hypotheses.result.Row`.

    Raises
    ------
    HypError
        If scores that a question needs are missing.
    """
    asked, instead = hypothesis.asked(profile), instead or {}
    evidence = _evidence(hypothesis, profile, scores, similarities)
    rows = [
        {
            "question": question.name,
            "kind": question.kind,
            "objective": question.objective,
            "family": hypothesis.family(question, profile),
            "confirmatory": hypothesis.confirmatory(question.name),
            "alternative": hypothesis.direction(question),
            **row,
        }
        for question in asked.questions
        for row in question.rows(replace(evidence, scores=instead.get(question.label, scores)))
    ]
    level = hypothesis.level(profile)
    for family in dict.fromkeys(row["family"] for row in rows):
        own = [row for row in rows if row["family"] == family]
        for row, corrected in zip(own, holm([row["p"] for row in own]).tolist(), strict=True):
            row["p_holm"] = corrected
            row["significant"] = corrected <= level
            p_not_lower = row.get("p_not_lower")
            row["not_lower"] = p_not_lower is not None and p_not_lower <= level
    return rows


def _evidence(
    hypothesis: Hypothesis, profile: Profile, scores: pd.DataFrame, similarities: Similarities
) -> Evidence:
    rule, titles = hypothesis.rule, hypothesis.asked(profile).titles
    return Evidence(scores, similarities, titles, rule.margin, rule.alternative)


def _published(
    hypothesis: Hypothesis,
    profile: Profile,
    confirmatory: Sequence[Values],
    checks: Sequence[Check],
) -> Verdict | None:
    """Judge by the pooled tests of the published protocol, where every comparison has one."""
    if any(row.get("p_pooled") is None or pd.isna(row["p_pooled"]) for row in confirmatory):
        return None
    pooled = [
        {
            **row,
            "difference": row["effect_pooled"],
            "ci_low": float("nan"),
            "ci_high": float("nan"),
            "p": row["p_pooled"],
            "p_holm": row["p_pooled"],
            "p_attainable": 0.0,
            "family": str(number),
            "direction": row["direction_pooled"],
            "significant": row["p_pooled"] < profile.alpha,
            "p_equivalence": 1.0,
            "not_lower": False,
        }
        for number, row in enumerate(confirmatory)
    ]
    return judge(hypothesis.rule_for(profile), pooled, checks)


def _untestable(hypothesis: Hypothesis, profile: Profile, profile_name: str, reason: str) -> Result:
    verdict = Verdict(
        outcome="untestable",
        sentence=f"The design cannot reach a verdict: {reason}",
        reasons=(reason,),
    )
    return _result(
        hypothesis,
        profile,
        profile_name,
        verdict,
        published_verdict=verdict,
        warnings=("Nothing was computed: no data could have given this design a verdict.",),
    )


def _result(
    hypothesis: Hypothesis,
    profile: Profile,
    profile_name: str,
    verdict: Verdict,
    **found: Any,
) -> Result:
    """Return a result: what was declared, the verdict, and the other fields as they were found."""
    asked = hypothesis.asked(profile)
    agrees = None
    read = [one.scored.kind for one in asked.questions if hypothesis.confirmatory(one.name)]
    came_to = verdict.prediction or (verdict.outcome if verdict.outcome == EQUIVALENT else "")
    if hypothesis.agrees and came_to and not rest_on_simulation(read, profile.recording):
        agrees = hypothesis.agrees == came_to
    return Result(
        hypothesis=hypothesis.name,
        profile=profile_name,
        title=hypothesis.title,
        question=hypothesis.question,
        source=hypothesis.source,
        predictions=hypothesis.predictions,
        settings=profile.model_dump(mode="json"),
        rule=describe(hypothesis.rule_for(profile)),
        margin=hypothesis.rule.margin,
        published=hypothesis.published,
        agrees=agrees,
        verdict=verdict,
        compared_at=hypothesis.rule.compared_at,
        questions=tuple(one.model_dump(mode="json") for one in asked.questions),
        left_out=dict(asked.left_out),
        **found,
    )


def _warnings(hypothesis: Hypothesis, profile: Profile) -> Iterator[str]:
    asked = hypothesis.asked(profile)
    kinds = {question.scored.kind for question in asked.questions}
    if rest_on_simulation(kinds, profile.recording):
        yield (
            "The responses are simulated: nobody recorded them, so alignment says nothing about "
            "a brain, nor about what was published. What they are read from has not been trained, "
            "but for the latents that V2, V4 and IT read: training can take networks away from it."
        )
    images = profile.n_batches * profile.batch_size
    if any(cohort.learns for cohort in asked.cohorts) and images < PAPER_IMAGES:
        yield (
            f"Each network saw {images:,} images; the paper's ResNet-18 saw {PAPER_IMAGES:,}. "
            "What a short training shows need not hold for a long one."
        )
    if profile.looks:
        yield this_look(hypothesis, profile)
    if profile.world != "full":
        yield (
            f"All datasets, the stimuli included, stay within the world {profile.world!r}. "
            "The verdict is about that world."
        )
    yield (
        "All networks of a cohort saw one sample of images, so the verdict generalises over "
        "seeds, not over samples of images or architectures."
    )
    if any(isinstance(question, PairQuestion) for question in asked.questions):
        yield "Pairs of networks share networks; labels are permuted over networks, not pairs."
    families = _confirmatory_families(hypothesis, profile, asked)
    if len(families) > 1:
        yield (
            f"Comparisons are corrected within {len(families)} questions, each held at "
            f"{hypothesis.level(profile):.3g}; the overall verdict is held only at their sum."
        )
    if "decoding" in kinds and profile.published_features == "exact":
        yield (
            "The published protocol decoded the exact features here; the paper's code first "
            "projected layers of many units at random, which costs time and adds noise."
        )
    if hypothesis.rule.margin is not None and not hypothesis.control:
        yield (
            "The rule has a margin, but the hypothesis declares no positive control: that cohorts "
            "are close is evidence only if the measure can tell cohorts apart."
        )


def _confirmatory_families(hypothesis: Hypothesis, profile: Profile, asked: Asked) -> set[str]:
    return {
        hypothesis.family(question, profile)
        for question in asked.questions
        if hypothesis.confirmatory(question.name)
    }
