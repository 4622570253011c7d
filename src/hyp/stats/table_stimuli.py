"""The verdict on a table that holds for new stimuli, beside the one on these."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from hyp.errors import HypError
from hyp.stats.deciding import judge
from hyp.stats.families import holm
from hyp.stats.rules import DecisionRule
from hyp.stats.stimuli import compare_crossed
from hyp.stats.table_roles import ONE
from hyp.stats.table_verdict import TableComparison, TableVerdict
from hyp.stats.table_words import worded


def with_stimuli(judged: TableVerdict, tidy: pd.DataFrame, rule: DecisionRule) -> TableVerdict:
    """Add what the table says of new stimuli: p and interval of each row, and a verdict.

    Parameters
    ----------
    judged : TableVerdict
    tidy : DataFrame
        With the column ``stimulus``; every unit has every stimulus of a comparison.
    rule : DecisionRule
        That of the verdict on these stimuli.

    Raises
    ------
    HypError
        If a unit lacks a stimulus.
    """
    keys = [key for key in rule.keys if key != ONE]
    rows = []
    for row in judged.comparisons:
        own = tidy
        for key in keys:
            own = own[own[key].astype(str) == row.keys[key]]
        rows.append(_crossed(row, own, judged))
    for family in judged.families:
        at = [number for number, row in enumerate(rows) if row.family == family]
        known = [rows[number].p_stimuli for number in at]
        p = [1.0 if one is None else one for one in known]
        for number, corrected in zip(at, holm(p), strict=True):
            rows[number] = rows[number].model_copy(update={"p_stimuli_corrected": float(corrected)})
    beside = judged.model_copy(
        update={"comparisons": tuple(_as_decided(row, judged.alpha) for row in rows)}
    )
    records = [
        {
            **dict.fromkeys(rule.keys, ""),
            **row.keys,
            **row.model_dump(include={"family", "p", "p_corrected", "p_holm", "direction"}),
            **row.model_dump(include={"significant", "difference", "shift"}),
            "p_attainable": 0.0,
            "n_a": len(row.a),
            "n_b": len(row.b),
        }
        for row in beside.comparisons
    ]
    verdict = judge(rule.model_copy(update={"margin": None}), records)
    return judged.model_copy(
        update={"comparisons": tuple(rows), "stimuli_verdict": worded(beside, verdict)}
    )


def _crossed(row: TableComparison, own: pd.DataFrame, judged: TableVerdict) -> TableComparison:
    tables = [
        own[own["group"] == group].pivot_table(
            index="seed", columns="stimulus", values="score", observed=True
        )
        for group in row.groups
    ]
    if any(table.isna().to_numpy().any() for table in tables) or not tables[0].columns.equals(
        tables[1].columns
    ):
        raise HypError("--stimulus needs every unit to have a score of every stimulus.")
    if min(map(len, tables)) < 2:
        return row
    a, b = (np.asarray(table) for table in tables)
    found = compare_crossed(a, b, paired=judged.paired, alternative=judged.alternative)
    return row.model_copy(
        update={
            "p_stimuli": found.p,
            "stimuli_low": None if math.isnan(found.low) else found.low,
            "stimuli_high": None if math.isnan(found.high) else found.high,
        }
    )


def _as_decided(row: TableComparison, alpha: float) -> TableComparison:
    """Return a row as if its numbers over stimuli were the ones that decide."""
    p = 1.0 if row.p_stimuli_corrected is None else row.p_stimuli_corrected
    return row.model_copy(
        update={
            "shift": row.difference,
            "shift_low": row.stimuli_low,
            "shift_high": row.stimuli_high,
            "signs_agree": True,
            "direction": int(np.sign(row.difference)),
            "p": 1.0 if row.p_stimuli is None else row.p_stimuli,
            "p_holm": p,
            "p_corrected": p,
            "significant": p <= alpha,
            "equivalent": False,
            "within_margin": False,
        }
    )
