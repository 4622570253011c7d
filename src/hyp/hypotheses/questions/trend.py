"""Whether a score rises with a size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from hyp.hypotheses.questions.base import (
    Alternative,
    Evidence,
    Question,
    Values,
    correlated,
    measured_words,
    rise_words,
)
from hyp.hypotheses.questions.panels import Panel, TrendPanel, network_scores
from hyp.hypotheses.scores import AnyScore, Score
from hyp.stats.attainable import attainable_trend_p

if TYPE_CHECKING:
    from hyp.hypotheses.result import Row


class Trend(Question):
    """Whether a score rises with a size: Spearman's correlation over cohorts, exact.

    Attributes
    ----------
    score : score
        What is measured.
    sizes : dict of str to float
        Cohorts and where they stand on the axis.
    unit : str
        What the axis counts.
    """

    cohort_fields: ClassVar = ("sizes",)
    two_groups: ClassVar = False
    tested: ClassVar = "Spearman's correlation over networks, with permutation tests"

    kind: Literal["trend"] = "trend"
    score: Score
    sizes: dict[str, float] = Field(min_length=3)
    unit: str

    @field_validator("sizes")
    @classmethod
    def _positive(cls, sizes: dict[str, float]) -> dict[str, float]:
        if min(sizes.values()) <= 0:
            raise ValueError("sizes must be positive numbers")
        return sizes

    @property
    def scored(self) -> AnyScore:
        """What it measures."""
        return self.score

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cohorts that are held against each other: each with the largest."""
        largest = max(self.sizes, key=lambda name: self.sizes[name])
        return tuple((largest, name) for name in self.sizes if name != largest)

    def describe(self) -> str:
        """Say what is held against what, by the cohorts' names."""
        return f"{measured_words(self.score)} with {self.unit} over {', '.join(self.sizes)}"

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        """Put the question into words."""
        return f"Does {measured} {rise_words(alternative)} with {self.unit}?"

    def networks(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks are looked at."""
        counted = self.counted(sizes)
        if len(set(counted)) == 1:
            return f"{len(counted)} x {counted[0]}"
        return " + ".join(map(str, counted))

    def smallest_p(self, sizes: Mapping[str, int], *, two_sided: bool) -> float:
        """Return the smallest p that one of its comparisons can give."""
        return attainable_trend_p(self.counted(sizes), two_sided=two_sided)

    def rows(self, evidence: Evidence) -> Iterator[Values]:
        """Answer it: one row per latent, region or task, and layer."""
        from hyp.stats.correlations import spearman

        table = self.own_scores(evidence)
        alternative = self.direction(evidence.alternative)
        for (measured, layer), here in table.groupby(
            ["measured", "layer"], sort=False, observed=True
        ):
            means = here.groupby(["cohort", "seed"], observed=True)["score"].mean().reset_index()
            sizes = means["cohort"].map(self.sizes).to_numpy(dtype=float)
            found = spearman(sizes, means["score"].to_numpy(), alternative=alternative)
            yield {
                **correlated(found, found.n),
                "measured": str(measured),
                "layer": str(layer),
                "a": f"score with {self.unit}",
                "p": found.p,
                "p_attainable": found.p_attainable,
                "direction": int(np.sign(found.r)),
                "note": f"{len(self.sizes)} sizes, {found.n} networks",
            }

    def panels(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Panel]:
        """Return every network's score by size, one panel per row."""
        table = network_scores(self.own_scores(evidence))
        for row in rows:
            here = table[(table["measured"] == row.measured) & (table["layer"] == row.layer)]
            yield TrendPanel(
                row.measured,
                row.layer,
                self.unit,
                [self.sizes[str(name)] for name in here["cohort"]],
                here["score"].tolist(),
                here["seed"].tolist(),
            )
