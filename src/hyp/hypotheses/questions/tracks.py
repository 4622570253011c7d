"""Whether one score follows another as networks are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from hyp.hypotheses.questions.base import (
    Alternative,
    Evidence,
    Question,
    Values,
    correlated,
    mean_scores,
    rise_words,
)
from hyp.hypotheses.questions.panels import Panel, Track, TrackPanel, network_scores
from hyp.hypotheses.scores import Aligned, Alignment, AnyScore, Performance, kind_in_table
from hyp.stats.attainable import attainable_flips_p

if TYPE_CHECKING:
    import pandas as pd

    from hyp.hypotheses.result import Row


class Tracks(Question):
    """Whether one score follows another over the checkpoints within networks.

    Repeated-measures correlation with a test over seeds, see `hyp.stats.repeated_correlation`.
    Every checkpoint of the profile is measured.

    Attributes
    ----------
    cohorts : tuple of str
        Whose networks are followed.
    performance, score : score
        What is followed, and what may follow it.
    loss_below : float or None
        Checkpoints whose held-out loss (mean over tasks) is not below it are left out and
        counted in the row's note. The paper's Figure 3d leaves out losses above 0.2.
    """

    cohort_fields: ClassVar = ("cohorts",)
    two_groups: ClassVar = False
    pooled_unit: ClassVar = "checkpoint"
    all_checkpoints: ClassVar = True
    tested: ClassVar = (
        "Repeated-measures correlation within networks, with sign-flip tests over networks"
    )

    kind: Literal["tracks"] = "tracks"
    cohorts: tuple[str, ...] = Field(min_length=1)
    loss_below: float | None = Field(None, gt=0, exclude_if=lambda loss: loss is None)
    performance: Performance = Performance()
    score: Aligned = Alignment()

    @property
    def scored(self) -> AnyScore:
        """What it measures."""
        return self.score

    def describe(self) -> str:
        """Say what is held against what, by the cohorts' names."""
        return f"{self.score.kind} with performance within {', '.join(self.cohorts)}"

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        """Put the question into words."""
        return (
            f"Does {measured} {rise_words(alternative)} with performance over the checkpoints "
            "within a network?"
        )

    def networks(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks are looked at."""
        return str(sum(self.counted(sizes)))

    def smallest_p(self, sizes: Mapping[str, int], *, two_sided: bool) -> float:
        """Return the smallest p that one of its comparisons can give."""
        return attainable_flips_p(sum(self.counted(sizes)), two_sided=two_sided)

    def too_few(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks it needs, where there are fewer."""
        there = sum(self.counted(sizes))
        return f"at least 3 networks, not {there}" if there < 3 else ""

    def rows(self, evidence: Evidence) -> Iterator[Values]:
        """Answer it: one row per region."""
        from hyp.stats.repeated import repeated_correlation, repeated_correlation_published

        keys = ["cohort", "seed", "batches"]
        learned = self.performance_of(evidence.scores)
        left_out = ""
        if self.loss_below is not None:
            measured = kind_in_table(self.performance)
            total = len(mean_scores(evidence.scores, measured, self.cohorts))
            left_out = (
                f"; {total - len(learned)} of {total} left out: a loss of {self.loss_below:g} or "
                "more, or alone of its network"
            )
        alternative = self.direction(evidence.alternative)
        for region, here in self.own_scores(evidence).groupby(
            "measured", sort=False, observed=True
        ):
            table = here.set_index(keys)[["score"]].join(learned, how="inner").reset_index()
            found = repeated_correlation(table, "performance", "score", unit=["cohort", "seed"])
            pooled = repeated_correlation_published(table, "performance", "score")
            p = found.p_units if np.isfinite(found.p_units) else 1.0
            yield {
                **correlated(found, found.units),
                "measured": str(region),
                "layer": "",
                "a": f"{self.score.kind} with performance",
                "p": _one_sided(p, found.p_units_attainable, found.r, alternative),
                "p_attainable": found.p_units_attainable / (1 + (alternative != "two-sided")),
                "note": found.note
                or f"{found.points} checkpoints of {found.units} networks{left_out}; "
                "p over networks",
                "effect_pooled": pooled.r,
                "p_pooled": pooled.p,
                "n_pooled": pooled.n,
                "direction_pooled": int(np.sign(pooled.r)),
            }

    def panels(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Panel]:
        """Return every checkpoint of every network, one panel per region."""
        keys = ["cohort", "seed", "batches"]
        table = network_scores(self.own_scores(evidence))
        joined = table.join(self.performance_of(evidence.scores), on=keys, how="inner")
        for row in rows:
            here = joined[joined["measured"] == row.measured].sort_values("batches", kind="stable")
            networks = here.groupby(["cohort", "seed"], sort=False, observed=True)
            tracks = (
                Track(
                    str(cohort),
                    int(one["seed"].iloc[0]),
                    one["batches"].tolist(),
                    one["performance"].tolist(),
                    one["score"].tolist(),
                )
                for (cohort, _), one in networks
            )
            yield TrackPanel(row.measured, kind_in_table(self.performance), tuple(tracks))

    def performance_of(self, scores: pd.DataFrame) -> pd.Series:
        """Return the performance at every checkpoint that it is about.

        Returns
        -------
        Series
            ``performance``, the mean over tasks, by cohort, seed and batches; without what
            `loss_below` leaves out, and without networks that have one checkpoint left.
        """
        learned = mean_scores(scores, kind_in_table(self.performance), self.cohorts)
        learned = learned.rename("performance")
        if self.loss_below is None:
            return learned
        losses = mean_scores(scores, "loss", self.cohorts)
        kept = learned[losses.reindex(learned.index) < self.loss_below]
        return kept[kept.groupby(["cohort", "seed"], observed=True).transform("size") > 1]


def _one_sided(p: float, attainable: float, effect: float, alternative: Alternative) -> float:
    """Turn the two-sided p of a test over sign flips, which is symmetric, into a declared side."""
    if alternative == "two-sided":
        return p
    if (effect > 0) == (alternative == "greater"):
        return p / 2
    return min(1.0, 1 - (p - attainable) / 2)
