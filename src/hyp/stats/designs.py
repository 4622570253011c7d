"""Designs before data: what a comparison could show, known before anything runs."""

from __future__ import annotations

from math import inf
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from hyp.stats.arguments import Alternative
from hyp.stats.attainable import (
    How,
    is_testable,
    largest_family,
    multiplicity,
    seeds_needed,
    smallest_p,
    untestable_sentence,
)
from hyp.stats.offered import Correction, Test
from hyp.stats.power import (
    STUDIES,
    Planned,
    comparison_power,
    detectable_effect,
    equivalence_power,
    seeds_for_equivalence,
    seeds_for_power,
    superiority_of,
)

Nested = Literal["fold", "checkpoint", "stimulus", "pair"]
EFFECTS = (0.5, 1.0, 1.5, 2.0, 3.0)
SEEDS = (3, 4, 5, 6, 8, 10)
POWER = 0.8


class ComparisonDesign(BaseModel):
    """A comparison of two cohorts, and the family it is corrected in.

    Attributes
    ----------
    n_a, n_b : int
        Units of either cohort.
    unit : str
        What is independent: the seed of a network.
    nested : tuple of {"fold", "checkpoint", "stimulus", "pair"}
        What lies within a unit and is averaged before anything is tested.
    alternative : {"two-sided", "greater", "less"}
        Declared direction of a against b.
    alpha : float
        Family-wise error rate.
    family : int
        Comparisons corrected together.
    paired : bool
        Whether every unit of a has a partner in b; `n_a` and `n_b` are then pairs.
    correction : {"holm", "max-t"}
        How the family is corrected.
    test : {"rank", "studentized", "brunner-munzel"}, optional
        Without a word the one that goes with the correction.
    smallest_effect : float, optional
        Smallest difference that would matter, in standard deviations of the unit means;
        also the margin of the test of equivalence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_a: int = Field(ge=1)
    n_b: int = Field(ge=1)
    unit: str = "seed"
    nested: tuple[Nested, ...] = ("fold",)
    alternative: Alternative = "two-sided"
    alpha: float = Field(default=0.05, gt=0, lt=1)
    family: int = Field(default=1, ge=1)
    smallest_effect: float | None = Field(default=None, gt=0)
    paired: bool = Field(False, exclude_if=lambda paired: not paired)
    correction: Correction = Field("holm", exclude_if=lambda correction: correction == "holm")
    test: Test | None = Field(None, exclude_if=lambda test: test is None)

    @property
    def how(self) -> How:
        """How the family is tested, as `hyp.stats.attainable` wants it."""
        return {
            "two_sided": self.alternative == "two-sided",
            "paired": self.paired,
            "test": self.test,
            "correction": self.correction,
        }

    @property
    def planned(self) -> Planned:
        """How power is computed, as `hyp.stats.power` wants it."""
        return {
            "family": self.family,
            "alternative": self.alternative,
            "alpha": self.alpha,
            "paired": self.paired,
            "correction": self.correction,
            "test": self.test,
        }


class DesignReport(BaseModel):
    """What a design can and cannot show.

    Attributes
    ----------
    attainable : float
        Smallest p the exact test can give.
    first_step : float
        Level of Holm's first step, alpha / family.
    testable : bool
        Whether full separation would pass it.
    sentence : str
        Why not and what would mend it, or how large a family the units can carry.
    units_needed : int
        Fewest units per group with which the family is testable.
    detectable : float or None
        Smallest d found with 80 % power if it is the only real one; None if untestable.
    detectable_superiority : float or None
        The same as a probability of superiority.
    units_for_effect, power_at_effect, units_for_equivalence, equivalence_power
        For the smallest effect that would matter, if one was declared: units per group
        for 80 % power, and the power of this design; the same for showing that two
        equal cohorts differ by less.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    design: ComparisonDesign
    attainable: float
    first_step: float
    testable: bool
    sentence: str
    units_needed: int
    detectable: float | None
    detectable_superiority: float | None
    units_for_effect: int | None = None
    power_at_effect: float | None = None
    units_for_equivalence: int | None = None
    equivalence_power: float | None = None


def examine(design: ComparisonDesign, *, studies: int = STUDIES, seed: int = 0) -> DesignReport:
    """Say what a design can show.

    Examples
    --------
    >>> report = examine(ComparisonDesign(n_a=3, n_b=3))
    >>> report.testable, report.attainable, report.units_needed
    (False, 0.1, 4)
    """
    n_a, n_b, family, alpha, how = design.n_a, design.n_b, design.family, design.alpha, design.how
    testable = is_testable(n_a, n_b, family, alpha, **how)
    simulated: Planned = {**design.planned, "studies": studies, "seed": seed}
    detectable = detectable_effect(n_a, n_b, **simulated) if testable else None
    report = DesignReport(
        design=design,
        attainable=smallest_p(n_a, n_b, **how),
        first_step=alpha / multiplicity(family, design.correction),
        testable=testable,
        sentence=(
            _carried(design) if testable else untestable_sentence(n_a, n_b, family, alpha, **how)
        ),
        units_needed=seeds_needed(family, alpha, **how),
        detectable=detectable,
        detectable_superiority=None if detectable is None else superiority_of(detectable),
    )
    effect = design.smallest_effect
    if effect is None:
        return report
    signed = -effect if design.alternative == "less" else effect
    several = min(n_a, n_b) > 1
    return report.model_copy(
        update={
            "units_for_effect": seeds_for_power(effect, **simulated),
            "power_at_effect": comparison_power(signed, n_a, n_b, **simulated),
            "units_for_equivalence": seeds_for_equivalence(
                effect, alpha=alpha / family, paired=design.paired
            ),
            "equivalence_power": (
                equivalence_power(effect, n_a, n_b, alpha=alpha / family, paired=design.paired)
                if several
                else 0.0
            ),
        }
    )


def _carried(design: ComparisonDesign) -> str:
    largest = largest_family(design.n_a, design.n_b, design.alpha, **design.how)
    units = f"{design.n_a} v {design.n_b} {design.unit}s"
    if design.paired:
        units = f"{design.n_a} pairs of {design.unit}s"
    if largest == inf:
        return (
            f"{units} can carry families of any size, if all comparisons are made on the same "
            f"{design.unit}s."
        )
    return f"{units} can carry families of up to {largest:.0f} comparisons."


def power_table(
    design: ComparisonDesign,
    *,
    effects: tuple[float, ...] = EFFECTS,
    seeds: tuple[int, ...] = SEEDS,
    studies: int = STUDIES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the power by effect and number of units, equal in both groups.

    Returns
    -------
    DataFrame
        One row a (``units``, ``d``): ``one``, the power if one comparison of the family
        is real, and ``all``, the chance to find any if all are (see
        `hyp.stats.power.comparison_power`).

    Examples
    --------
    >>> design = ComparisonDesign(n_a=5, n_b=5)
    >>> table = power_table(design, effects=(2.0,), seeds=(3, 5), studies=500)
    >>> table["one"].round(1).tolist()
    [0.0, 0.6]
    """
    sign = -1.0 if design.alternative == "less" else 1.0
    rows = []
    for n in seeds:
        for d in effects:
            row: dict[str, float] = {"units": n, "d": d}
            for real in ("one", "all"):
                planned: Planned = {**design.planned, "studies": studies, "seed": seed}
                planned["real"] = real
                row[real] = comparison_power(sign * d, n, n, **planned)
            rows.append(row)
    return pd.DataFrame(rows).astype({"units": int})
