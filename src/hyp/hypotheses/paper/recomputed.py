"""Whether the printed numbers agree with each other: what some determine of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyp.hypotheses.paper.tables import NEURAL_REGIONS, published_table, published_value

ALL_TASKS = "distance+translation+rotation+category+identity"
SLACK = 1e-9
"""What rounding of binary fractions may add to a difference of printed numbers."""

_HALF_UNIT = 0.0005


@dataclass(frozen=True)
class Consistency:
    """A printed number against the same one computed from others.

    Attributes
    ----------
    table, what : str
        Where it is printed and what it is.
    printed, computed : float
        The two numbers.
    agrees : bool
        Whether rounding of all numbers involved can explain the difference.
    source : str
        Where the printed one stands.
    """

    table: str
    what: str
    printed: float
    computed: float
    agrees: bool
    source: str


def consistency() -> tuple[Consistency, ...]:
    """Recompute what the printed numbers determine: means, sums of units, percentages."""
    return (*_region_means(), *_unit_sums(), *_percentages())


def _region_means() -> list[Consistency]:
    found = []
    for name in ("C.1", "C.2"):
        for row in published_table(name).to_dict("records"):
            computed = float(np.mean([row[region] for region in NEURAL_REGIONS]))
            printed = float(row["neural_mean"])
            found.append(
                Consistency(
                    table=name,
                    what=f"{row['task']}: neural mean from V1, V2, V4 and IT",
                    printed=printed,
                    computed=computed,
                    agrees=abs(printed - computed) <= 2 * _HALF_UNIT + SLACK,
                    source=f"{row['source']}, column 'neural_mean'",
                )
            )
    return found


def _unit_sums() -> list[Consistency]:
    units = {
        name: published_value("output_units", objective=name, table="tasks").value
        for name in ALL_TASKS.split("+")
    }
    identities = published_value("object_models", table="abstract").value
    combined = [name for name in published_table("tasks")["objective"] if "+" in name]
    return [
        *(_sum("tasks", name, units) for name in combined),
        _sum("abstract", ALL_TASKS, units | {"identity": identities}),
    ]


def _sum(table: str, objective: str, units: dict[str, float]) -> Consistency:
    printed = published_value("output_units", objective=objective, table=table)
    computed = sum(units[name] for name in objective.split("+"))
    return Consistency(
        table=table,
        what=f"{objective}: output units, from those of its tasks",
        printed=printed.value,
        computed=computed,
        agrees=printed.value == computed,
        source=printed.source,
    )


def _percentages() -> list[Consistency]:
    found = []
    for table in ("abstract", "text"):
        rows = published_table(table)
        for row in rows[rows["quantity"] == "fraction"].to_dict("records"):
            a, b = (
                published_value("neural_mean", objective=row[name], table=table).value
                for name in ("objective", "versus")
            )
            printed, more_than = float(row["value"]), "more than" in row["notes"]
            low, high = (100 * ratio for ratio in rounded_ratios(a, b))
            found.append(
                Consistency(
                    table=table,
                    what=f"{row['objective']}: % of {row['versus']}"
                    + (", printed as more than" if more_than else ""),
                    printed=printed,
                    computed=100 * a / b,
                    agrees=high > printed if more_than else low - 0.5 <= printed <= high + 0.5,
                    source=row["source"],
                )
            )
    return found


def rounded_ratios(a: float, b: float) -> tuple[float, float]:
    """Smallest and largest ratio of two numbers that are printed as `a` and `b`."""
    return (a - _HALF_UNIT) / (b + _HALF_UNIT), (a + _HALF_UNIT) / (b - _HALF_UNIT)
