"""What a run found: rows, cohorts, learning curves, and the verdict on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from pydantic import Field

from hyp.hypotheses.profile import Declared
from hyp.stats.rules import ComparedAt
from hyp.stats.verdict import Check, Verdict


class _Answer(Declared):
    """What a question yields: it has some of the fields, as numbers of any kind."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the fields from an answer; NaN is None."""
        known = {name: values[name] for name in cls.model_fields if name in values}
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in known.items()}
        return cls(
            **{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in plain.items()}
        )


class Row(_Answer):
    """One comparison: what a rule reads; None where something is undefined.

    Attributes
    ----------
    question, kind, measured, layer : str
        Which question, of which kind, what was measured and where.
    objective : str
        What the networks were trained for, where a question is asked of several objectives.
    a, b : str
        Titles of what is compared: cohorts, or kinds of pairs; `b` is empty for correlations.
    n_a, n_b : int
        Networks of each.
    mean_a, mean_b, sd_a, sd_b : float
        Of the networks' scores, or the similarities of both kinds of pairs.
    difference, ci_low, ci_high : float
        The effect, a - b or a correlation, and its 95 % interval.
    effect : {"difference", "correlation"}
    ps, ps_low, ps_high : float
        Probability that a network of a scores above one of b, and its 95 % interval; of pairs
        within cohorts against those between them, the measure's separation
        (`hyp.stats.group_pairs.separation`).
    alternative : {"two-sided", "greater", "less"}
        Of the test.
    p, p_attainable, p_corrected : float
        Uncorrected, the smallest that the design allows, and corrected over the family.
    family : str
        Which comparisons it is corrected with.
    confirmatory : bool
        Whether the rule reads it.
    p_equivalence, p_not_lower : float
        Where the rule has a margin.
    direction : int
        +1 where a is higher, or the correlation positive.
    significant, not_lower : bool
    note : str
        How it was computed, where that is not plain.
    effect_pooled, p_pooled : float
        Under the published protocol: every fold, every pair of networks, or every checkpoint
        taken as independent, and nothing corrected.
    n_pooled : int
        How many of them.
    direction_pooled : int
    """

    question: str
    kind: str
    objective: str = ""
    measured: str
    layer: str
    a: str
    b: str
    n_a: int
    n_b: int
    mean_a: float | None
    mean_b: float | None
    sd_a: float | None = None
    sd_b: float | None = None
    difference: float
    ci_low: float | None
    ci_high: float | None
    effect: str
    ps: float | None = None
    ps_low: float | None = None
    ps_high: float | None = None
    alternative: str = "two-sided"
    p: float
    p_attainable: float
    p_corrected: float
    family: str
    confirmatory: bool
    p_equivalence: float | None = None
    p_not_lower: float | None = None
    direction: int
    significant: bool
    not_lower: bool = False
    note: str = ""
    effect_pooled: float | None = None
    p_pooled: float | None = None
    n_pooled: int | None = None
    direction_pooled: int | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the fields from an answer that was corrected by Holm; NaN is None."""
        return super().of({**values, "p_corrected": values["p_holm"]})


class LearningCurve(Declared):
    """One network's loss: on training batches and on held-out images.

    ``train`` and ``held_out`` hold (batch, loss) pairs; ``baseline`` is the held-out
    loss of the best constant predictor.
    """

    cohort: str
    seed: int
    task: str
    metric: str
    train: tuple[tuple[int, float], ...]
    held_out: tuple[tuple[int, float], ...]
    baseline: float


class CohortSummary(Declared):
    """A cohort as the report names it.

    Attributes
    ----------
    name, title, objective, design : str
    trained, natural : bool
        As declared: whether it was trained, and on natural images.
    share : float
        Of the training images that it saw.
    n_images, batches : int
    seeds : tuple of int
    keys : tuple of str
        Of the networks, one per seed.
    dataset : str
        Key of the training images; empty where there are none of this store.
    """

    name: str
    title: str
    objective: str
    design: str
    trained: bool
    natural: bool
    share: float
    n_images: int
    batches: int
    seeds: tuple[int, ...]
    keys: tuple[str, ...]
    dataset: str


class EqualLoss(Declared):
    """A question asked at equal held-out loss, each network at its own number of batches.

    Attributes
    ----------
    question, objective : str
        As in its rows.
    share : float or None
        The loss, as a share of the constant predictor's; None where there is none that all
        networks passed.
    batches : dict of str to tuple of float
        Batches that the networks of each cohort had been trained for, by its title.
    rows : tuple of Row
        The comparisons, corrected as those after equal batches are.
    refused : str
        Why there are none.
    """

    question: str
    objective: str = ""
    share: float | None = None
    batches: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    refused: str = ""


class Snapshot(_Answer):
    """A difference between cohorts after some batches, with its 95 % interval: no test."""

    question: str
    objective: str = ""
    measured: str
    layer: str
    batches: int
    difference: float
    ci_low: float | None
    ci_high: float | None

    @property
    def side(self) -> int:
        """On which side of zero its interval lies: 1, -1, or 0 for neither."""
        if self.ci_low is None or self.ci_high is None:
            return 0
        return (self.ci_low > 0) - (self.ci_high < 0)


class Result(Declared):
    """The outcome of a hypothesis under one profile.

    Attributes
    ----------
    rule : str
        In words.
    published : str
        What was published about it.
    agrees : bool or None
        Whether the verdict agrees with that; None where it decides nothing about it.
    verdict : Verdict
    published_verdict : Verdict or None
        By the same rule from the pooled tests of the published protocol; None where a judged
        question has none.
    compared_at : {"equal batches", "equal loss"}
        Which comparison of trained networks the verdict is about.
    other_verdict : Verdict or None
        By the same rule, of the other comparison; None where there is none.
    rows : tuple of Row
        The comparisons after equal batches.
    equal_loss : tuple of EqualLoss
        Those at equal held-out loss, where snapshots were scored.
    snapshots : tuple of Snapshot
        Their differences as training went on, the end last.
    cohorts, checks, learning
    questions : tuple of dict
        Those that were asked, as declared.
    left_out : dict of str to str
        Declared questions that the profile does not ask, and why.
    warnings : tuple of str
    """

    hypothesis: str
    profile: str
    title: str
    question: str
    source: str
    predictions: dict[str, str]
    settings: dict[str, object]
    rule: str
    margin: float | None
    published: str
    agrees: bool | None
    verdict: Verdict
    published_verdict: Verdict | None
    compared_at: ComparedAt = "equal batches"
    other_verdict: Verdict | None = None
    rows: tuple[Row, ...] = ()
    equal_loss: tuple[EqualLoss, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    cohorts: tuple[CohortSummary, ...] = ()
    checks: tuple[Check, ...] = ()
    learning: tuple[LearningCurve, ...] = ()
    questions: tuple[dict[str, object], ...]
    left_out: dict[str, str]
    warnings: tuple[str, ...]

    @property
    def judged(self) -> list[Row]:
        """The comparisons that the verdict is about."""
        rows = list(self.rows)
        if self.compared_at == "equal loss":
            matched = [row for one in self.equal_loss for row in one.rows]
            instead = {(row.question, row.objective) for row in matched}
            rows = [row for row in rows if (row.question, row.objective) not in instead] + matched
        return [row for row in rows if row.confirmatory]
