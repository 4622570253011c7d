"""Both comparisons of trained networks: after equal batches, and at equal held-out loss.

Neither alone shows that what cohorts differ in was the cause. After equal numbers of batches one
may have learned more of its task, and at equal loss one has seen more images. So where they have
not learned equally, a claim stands only if both come to it, as in an intersection-union test: each
at alpha, and no correction between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from hyp.hypotheses.checks import AtEqualLoss
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.matching import Matched, by_snapshot
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Evidence, Question, Values
from hyp.hypotheses.result import EqualLoss, Row, Snapshot
from hyp.stats.deciding import judge
from hyp.stats.verdict import Verdict
from hyp.text import percent


class BothComparisons(NamedTuple):
    """What two comparisons of the same networks come to.

    Attributes
    ----------
    judged : list of dict
        The confirmatory rows of the comparison that the rule declares.
    other : Verdict or None
        By the same rule, of the other one; None where there is none.
    equal_loss : tuple of EqualLoss
        What the result keeps of the comparison at equal loss.
    told : dict of str to AtEqualLoss
        Whether both come to the same, by the label of the question.
    """

    judged: list[Values]
    other: Verdict | None
    equal_loss: tuple[EqualLoss, ...]
    told: dict[str, AtEqualLoss]


def compare_both(
    hypothesis: Hypothesis,
    profile: Profile,
    rows: Sequence[Values],
    moved: Sequence[Values],
    matched: Sequence[Matched],
) -> BothComparisons:
    """Hold the comparison after equal batches against that at equal held-out loss.

    Parameters
    ----------
    hypothesis, profile
        What is asked.
    rows, moved : sequence of dict
        All answers after equal batches, and at equal loss where that is possible; the latter
        empty where it is nowhere.
    matched : sequence of Matched
        Questions that can be asked at equal loss, with those that turned out not to be.
    """
    rule = hypothesis.rule_for(profile)
    equal_batches, equal_loss = (
        [row for row in found if row["confirmatory"]] for found in (rows, moved)
    )
    turned = rule.compared_at == "equal loss" and bool(equal_loss)
    judged, beside = (equal_loss, equal_batches) if turned else (equal_batches, equal_loss)
    other = judge(rule, beside) if beside else None
    outcomes = [_outcomes(judge(rule, judged)), _outcomes(other)] if other else []
    titles = hypothesis.asked(profile).titles
    kept, told = [], {}
    for one in matched:
        question = one.question
        own = [[row for row in found if _of(question, row)] for found in (rows, moved)]
        same: bool | None = None if rule.compared_at == "equal batches" else False
        if one.scores is not None:
            same = _same(hypothesis, question, outcomes, own)
        told[question.label] = AtEqualLoss(same, _in_words(one, other, same=same, turned=turned))
        kept.append(
            EqualLoss(
                question=question.name,
                objective=question.objective,
                share=one.share,
                batches={titles[name]: each for name, each in (one.batches or {}).items()},
                rows=tuple(map(Row.of, own[1])) if one.scores is not None else (),
                refused=one.refused,
            )
        )
    return BothComparisons(judged, other, tuple(kept), told)


def as_trained(evidence: Evidence, matched: Sequence[Matched]) -> Iterator[Snapshot]:
    """Yield the differences that questions show after each scored number of batches."""
    for one in matched:
        question = one.question
        for batches, scores in by_snapshot(question, evidence.scores):
            for row in question.rows(replace(evidence, scores=scores)):
                yield Snapshot.of(
                    {
                        **row,
                        "question": question.name,
                        "objective": question.objective,
                        "batches": batches,
                    }
                )


def _same(
    hypothesis: Hypothesis,
    question: Question,
    outcomes: Sequence[dict[str, tuple[str, str | None]]],
    own: Sequence[Sequence[Values]],
) -> bool:
    """Tell whether both comparisons come to the same; row by row where the rule reads none."""
    if hypothesis.confirmatory(question.name) and outcomes:
        part = question.label if question.label in outcomes[0] else ""
        return outcomes[0][part] == outcomes[1].get(part)
    return _significant(own[0]) == _significant(own[1])


def _in_words(one: Matched, other: Verdict | None, *, same: bool | None, turned: bool) -> str:
    if one.share is None:
        return f"They could not be compared at equal loss: {one.refused}"
    place = "after equal batches" if turned else f"at equal loss ({percent(one.share)})"
    if same:
        return f"What is found is found {place} too."
    if other is None:
        return f"But {place} it is otherwise."
    mine = next((part for part in other.parts if part.name == one.question.label), other)
    return f"But {place} it is otherwise. {mine.sentence}"


def _outcomes(verdict: Verdict) -> dict[str, tuple[str, str | None]]:
    parts = {part.name: (part.outcome, part.prediction) for part in verdict.parts}
    return {"": (verdict.outcome, verdict.prediction), **parts}


def _significant(rows: Sequence[Values]) -> set[tuple[str, str, int]]:
    return {
        (str(row["measured"]), str(row["layer"]), row["direction"])
        for row in rows
        if row["significant"]
    }


def _of(question: Question, row: Values) -> bool:
    return (row["question"], row["objective"]) == (question.name, question.objective)
