"""How many units would settle what a table of scores leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import chi2

from hyp.stats.arguments import Alternative
from hyp.stats.attainable import How, is_testable, seeds_needed
from hyp.stats.designs import POWER
from hyp.stats.power import Planned, detectable_effect, seeds_for_equivalence, seeds_for_power
from hyp.stats.table_verdict import TableComparison, TableVerdict

_STUDIES = 4000
_detectable = cache(detectable_effect)  # many tables have the same design


def what_would_settle(judged: TableVerdict) -> tuple[str, ...]:
    """Say how many units would settle the comparisons that are still open.

    About the margin that was declared, never about the difference that was observed:
    power computed for an observed difference only restates its p. Without a margin the
    difference that this design finds with 80 % power is given instead. Spreads are the
    pooled standard deviations of the unit means, with the end of their one-sided 80 %
    interval for the planner who wants to be safe.

    Parameters
    ----------
    judged : TableVerdict
        Its sentences are not looked at.
    """
    return tuple(_sentences(judged))


def _sentences(judged: TableVerdict) -> Iterator[str]:
    rows = [row for row in judged.comparisons if not (row.significant or row.equivalent)]
    if not rows:
        return
    two_sided = judged.alternative == "two-sided"
    family = max(judged.families[row.family] for row in rows)
    fewest = min(min(len(row.a), len(row.b)) for row in rows)
    how: How = {"two_sided": two_sided, "paired": judged.paired, "correction": judged.correction}
    testable = is_testable(fewest, fewest, family, judged.alpha, **how)
    if not testable:
        needed = seeds_needed(family, judged.alpha, **how)
        yield (
            f"At least {needed} {'pairs' if judged.paired else 'units per group'}: with fewer, no "
            f"scores whatever could show a difference in {_family(family)}{_max_t_hint(judged)}."
        )
    spreads = [spread for row in rows if (spread := _spread(row, paired=judged.paired)) is not None]
    if not spreads:
        yield "Units that vary: without spread among them no number of units can be planned."
        return
    sd, degrees = max(spreads)
    safe = sd * np.sqrt(degrees / chi2.ppf(0.2, degrees))
    plan = _Plan(family, judged.alternative, judged.alpha, judged.paired)
    if judged.margin is not None:
        yield from _for_margin(plan, judged.margin, sd, safe)
        return
    if testable:
        d = plan.detectable(fewest)
        yield (
            f"With {fewest} {plan.units} this design finds a difference of {d * sd:.2g} or more "
            f"with {POWER:.0%} power (d = {d:.1f} at a spread of {sd:.2g} between "
            f"{plan.of}), if it is the only real one in {_family(family)}."
        )
    yield (
        f"How many {plan.units} are needed depends on the smallest difference that would matter: "
        "declare it with a margin, and the number is given here, with a test of equivalence."
    )


@dataclass(frozen=True)
class _Plan:
    """How many units a design needs; spreads are of unit means, or of differences in pairs."""

    family: int
    alternative: Alternative
    alpha: float
    paired: bool

    @property
    def units(self) -> str:
        return "pairs" if self.paired else "units per group"

    @property
    def of(self) -> str:
        return "the pairs' differences" if self.paired else "units"

    def detectable(self, n: int) -> float:
        return _detectable(n, n, **self._planned())

    def to_find(self, d: float) -> int:
        return seeds_for_power(d, **self._planned())

    def to_exclude(self, margin: float) -> int:
        level = self.alpha / self.family
        return seeds_for_equivalence(margin, alpha=level, paired=self.paired)

    def _planned(self) -> Planned:
        return {
            "family": self.family,
            "alternative": self.alternative,
            "alpha": self.alpha,
            "studies": _STUDIES,
            "paired": self.paired,
        }


def _for_margin(plan: _Plan, margin: float, sd: float, safe: float) -> Iterator[str]:
    find = [plan.to_find(margin / spread) for spread in (sd, safe)]
    exclude = [plan.to_exclude(margin / spread) for spread in (sd, safe)]
    yield (
        f"To find a difference of {margin:g} in the comparison that varies most (spread between "
        f"{plan.of} {sd:.2g}): {_number(find, plan)} for {POWER:.0%} power."
    )
    yield (
        f"To show that the groups differ by less than {margin:g} if they are equal: "
        f"{_number(exclude, plan)} for {POWER:.0%} power."
    )


def _number(needed: Sequence[int], plan: _Plan) -> str:
    low, high = needed
    spread = "" if low == high else f" (up to {high}, because the spread itself is uncertain)"
    return f"{low} {plan.units}{spread}"


def _spread(row: TableComparison, *, paired: bool) -> tuple[float, int] | None:
    """Return the pooled standard deviation of units (or of pairs' differences) and its df."""
    samples = [np.subtract(row.a, row.b)] if paired else [np.array(row.a), np.array(row.b)]
    degrees = sum(len(scores) - 1 for scores in samples)
    if degrees < 1:
        return None
    squares = sum(float(np.var(scores)) * len(scores) for scores in samples)
    return (float(np.sqrt(squares / degrees)), degrees) if squares > 0 else None


def _max_t_hint(judged: TableVerdict) -> str:
    if judged.correction != "holm" or max(judged.families.values()) == 1:
        return ""
    if len(judged.groups) > 2:
        return " under Holm"
    return " under Holm (--correction max-t asks for fewer where all are made on the same units)"


def _family(size: int) -> str:
    return "one comparison" if size == 1 else f"a family of {size}"
