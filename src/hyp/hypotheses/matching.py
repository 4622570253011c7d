"""Comparing cohorts where their networks had learned equally far, and as training went on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyp.errors import HypError
from hyp.hypotheses.cohort import Asked
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Contrast, Question
from hyp.hypotheses.scores import Decoding
from hyp.models.specs import objective_tasks
from hyp.text import joined

if TYPE_CHECKING:
    import pandas as pd

    from hyp.models.learning import Crossing

SNAPSHOTS = "snapshots"
"""The kind of scores that were decoded before the end of training."""

_FOLDS = ["measured", "layer", "fold"]

History = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Matched:
    """A question at equal held-out loss.

    Attributes
    ----------
    question : Contrast
    scores : DataFrame or None
        Of every network where it passed that loss, as score tables have them; None where there
        is no loss that all of them passed.
    share : float or None
        The loss, as a share of the constant predictor's.
    batches : dict of str to tuple of float
        Batches trained by then, one per network, by cohort.
    refused : str
        Why there is no such loss.
    """

    question: Contrast
    scores: pd.DataFrame | None = None
    share: float | None = None
    batches: Mapping[str, tuple[float, ...]] | None = None
    refused: str = ""


def matched_questions(asked: Asked) -> list[Contrast]:
    """Return the questions that can be asked at equal held-out loss.

    Contrasts of decoding whose cohorts are all trained here, for one objective and on as many
    images: losses of different tasks cannot be held against each other.
    """
    return [one for one in asked.questions if isinstance(one, Contrast) and _alike(one, asked)]


def refuse_unmatched(hypothesis: Hypothesis, profile: Profile) -> None:
    """Refuse a rule about equal loss where a question that it reads cannot be asked so.

    Raises
    ------
    HypError
        Naming the questions, or the field that is missing.
    """
    if hypothesis.rule.compared_at != "equal loss":
        return
    if not profile.measured_snapshots:
        raise HypError(
            "the rule compares networks at equal held-out loss, which needs scored snapshots; "
            "declare scored_snapshots, or compared_at = 'equal batches'."
        )
    asked = hypothesis.asked(profile)
    matched = matched_questions(asked)
    unmatched = [
        question.label
        for question in asked.questions
        if question not in matched and hypothesis.confirmatory(question.name)
    ]
    if unmatched:
        raise HypError(
            "only contrasts of decoding between cohorts that are trained here, for one objective "
            "and on as many images, can be asked at equal held-out loss; the rule reads others: "
            f"{joined(unmatched)}."
        )


def latents_of(question: Question) -> tuple[str, ...]:
    """Return the latents whose decoding a question compares."""
    return question.measured or (
        question.scored.latents if isinstance(question.scored, Decoding) else ()
    )


def match(
    asked: Asked,
    scores: pd.DataFrame,
    histories: Mapping[tuple[str, int], History],
    initial: Mapping[tuple[str, int], History],
) -> list[Matched]:
    """Take every network where its held-out loss was that of the others.

    Parameters
    ----------
    asked : Asked
    scores : DataFrame
        Of all networks, with those of their snapshots (kind ``snapshots``).
    histories, initial : dict of (str, int) to dict
        What each network wrote down while it was trained, and of its initial weights.

    Returns
    -------
    list of Matched
        One per question of `matched_questions` whose networks have scored snapshots. Scores are
        interpolated in log loss between the two snapshots on either side.
    """
    with_snapshots = set(scores.loc[scores["kind"] == SNAPSHOTS, "cohort"])
    return [
        _matched(question, asked, scores, histories, initial)
        for question in matched_questions(asked)
        if with_snapshots.issuperset(question.about)
    ]


def by_snapshot(question: Contrast, scores: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the scores after each number of batches, the end last, as if training had ended."""
    own = _own(question, scores)
    for batches in sorted(own["batches"].unique()):
        yield int(batches), own[own["batches"] == batches]


def _alike(question: Contrast, asked: Asked) -> bool:
    cohorts = [asked.cohort(name) for name in question.about]
    return (
        isinstance(question.scored, Decoding)
        and all(cohort.learns for cohort in cohorts)
        and len({(cohort.objective, cohort.share) for cohort in cohorts}) == 1
    )


def _matched(
    question: Contrast,
    asked: Asked,
    scores: pd.DataFrame,
    histories: Mapping[tuple[str, int], History],
    initial: Mapping[tuple[str, int], History],
) -> Matched:
    import pandas as pd

    from hyp.models.learning import LossCurve, at_equal_loss

    own = _own(question, scores)
    tables: dict[tuple[str, int], dict[int, pd.DataFrame]] = {}
    for cohort in question.about:
        mine = own[own["cohort"] == cohort]
        for seed in mine["seed"].unique().tolist():
            network = mine[mine["seed"] == seed]
            tables[cohort, seed] = {
                batches: network[network["batches"] == batches]
                for batches in sorted(network["batches"].unique().tolist())
            }
    tasks = objective_tasks(asked.cohort(question.a).objective)
    titles = {network: f"“{asked.titles[network[0]]}”, seed {network[1]}" for network in tables}
    try:
        curves = {}
        for network, points in tables.items():
            first = initial.get(network, {"evaluation": ()})
            rows = [*first["evaluation"], *histories[network]["evaluation"]]
            curves[titles[network]] = LossCurve.of_history(
                [row for row in rows if row["batch"] in points], tasks
            )
        found = at_equal_loss(curves)
    except HypError as error:
        return Matched(question, refused=str(error))
    crossings = {network: found.crossings[titles[network]] for network in tables}
    mixed = [
        _mixed(list(points.values()), crossings[network]) for network, points in tables.items()
    ]
    batches = {
        name: tuple(one.batches for (cohort, _), one in crossings.items() if cohort == name)
        for name in question.about
    }
    return Matched(question, pd.concat(mixed, ignore_index=True), found.share, batches)


def _mixed(points: Sequence[pd.DataFrame], crossing: Crossing) -> pd.DataFrame:
    """Interpolate a network's scores, fold by fold."""
    tables = [points.set_index(_FOLDS).sort_index() for points in points]
    if not all(table.index.equals(tables[0].index) for table in tables):
        raise ValueError("snapshots of one network must be scored at the same places")
    scores = crossing.of([table["score"].to_numpy() for table in tables])
    return tables[-1].assign(score=scores).reset_index()


def _own(question: Contrast, scores: pd.DataFrame) -> pd.DataFrame:
    """Return what a question compares, at all scored numbers of batches, as decoding."""
    chosen = scores[
        scores["kind"].isin(["decoding", SNAPSHOTS])
        & (scores["protocol"] == "recommended")
        & scores["cohort"].isin(question.about)
        & scores["measured"].isin(latents_of(question))
    ]
    if question.layers:
        chosen = chosen[chosen["layer"].isin(question.layers)]
    return chosen.assign(kind="decoding")
