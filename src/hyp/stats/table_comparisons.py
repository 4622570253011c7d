"""The comparisons of a table's groups, with what is shown beside each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from scipy import stats

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats, check_level
from hyp.stats.comparisons import compare, correct_families
from hyp.stats.offered import Correction, Test
from hyp.stats.permutation import exact_permutation_p, sign_flip_p
from hyp.stats.table_roles import ONE, TableRoles
from hyp.stats.table_verdict import TableComparison

PAIR = "pair"
"""Column that says which two of several groups are compared."""


class Question(BaseModel):
    """What is asked of a table; see `hyp.stats.judge_table`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alternative: Alternative = "two-sided"
    lower_is_better: bool = False
    margin: float | None = None
    non_inferior: bool = False
    bayes: bool = False
    test: Test | None = None
    correction: Correction = "holm"
    alpha: float = 0.05

    def check(self, *, ordered: bool) -> None:
        """Refuse a question that cannot be asked.

        Parameters
        ----------
        ordered : bool
            Whether it was said which group is a.

        Raises
        ------
        HypError
        """
        check_level("alpha", self.alpha)
        if self.alpha > 0.5:
            raise HypError(
                f"alpha is the rate of false positives, 0.05 for instance, not {self.alpha:g}."
            )
        if self.margin is not None and not (math.isfinite(self.margin) and self.margin > 0):
            raise HypError(f"the margin must be a positive number, not {self.margin:g}.")
        directed = self.alternative != "two-sided"
        if (directed or self.non_inferior) and not ordered:
            raise HypError(
                "a question with a direction needs to know which group is A: say --between A,B."
            )
        if self.non_inferior and (self.margin is None or directed):
            raise HypError(
                "non-inferiority is a question about a margin, and has its own direction: give "
                "--margin and leave --direction away."
            )

    def check_margin(self, scores: pd.Series) -> None:
        """Refuse a margin that no two scores can differ by, as one in percent of fractions.

        Raises
        ------
        HypError
        """
        if self.margin is None or self.margin < 1 or not scores.dropna().between(0, 1).all():
            return
        raise HypError(
            f"the scores lie between {scores.min():.3g} and {scores.max():.3g}, so none differ by "
            f"the margin of {self.margin:g}; give it in their unit: 5 points of percent are 0.05."
        )


def compared(
    means: pd.DataFrame,
    groups: tuple[str, ...],
    keys: list[str],
    roles: TableRoles,
    question: Question,
) -> pd.DataFrame:
    """Compare each pair of groups; what is corrected is corrected over all of them."""
    found = []
    for a, b in combinations(groups, 2):
        pair = means[means["group"].isin((a, b))]
        rows = compare(
            pair,
            keys,
            groups=(a, b),
            alternative=question.alternative,
            margin=question.margin,
            alpha=question.alpha,
            test=question.test,
            correction=question.correction,
            paired="seed" if roles.paired else None,
        )
        found.append(rows.assign(**{PAIR: f"{a} v {b}", "a": a, "b": b}))
    if len(found) == 1:
        return found[0]
    rows = pd.concat(found, ignore_index=True)
    order = pd.Series(range(len(rows))) % len(found[0])
    rows = rows.iloc[order.argsort(kind="stable")].reset_index(drop=True)
    correct_families(rows, question.alpha)
    rows["p_corrected"] = rows["p_holm"]
    rows["significant"] = rows["p_holm"] <= question.alpha
    return rows


def table_comparisons(
    rows: pd.DataFrame,
    pooled: pd.DataFrame | None,
    means: pd.DataFrame,
    keys: list[str],
    groups: tuple[str, ...],
    roles: TableRoles,
    question: Question,
) -> tuple[TableComparison, ...]:
    """Return what is shown of each comparison: its scores, and tests beside the declared one."""
    ordered = means.sort_values("seed", kind="stable") if roles.paired else means
    by_place = {
        place: scores.to_numpy() if roles.paired else np.sort(scores.to_numpy())
        for place, scores in ordered.groupby([*keys, "group"], observed=True)["score"]
    }
    records = records_of(rows)
    pairs = [
        tuple(by_place[(*(row[key] for key in keys), row[side])] for side in "ab")
        for row in records
    ]
    permutation, t_test = _beside(pairs, question.alternative, paired=roles.paired)
    found = []
    for position, (row, (a, b)) in enumerate(zip(records, pairs, strict=True)):
        figures = {name: row[name] for name in TableComparison.model_fields if name in row}
        place = " ".join(str(row[key]) for key in keys) if keys != [ONE] else ""
        name = f"{place}: {row[PAIR]}".removeprefix(": ") if len(groups) > 2 else place
        found.append(
            TableComparison(
                **{
                    **{one: _defined(figure) for one, figure in figures.items()},
                    "name": name,
                    "keys": {key: str(row[key]) for key in keys if key != ONE},
                    "groups": (row["a"], row["b"]),
                    "a": tuple(a.tolist()),
                    "b": tuple(b.tolist()),
                    "within_margin": _within(row, question),
                    "p_not_worse": _p_not_worse(row, question),
                    "p_pooled": None if pooled is None else float(pooled["p"].iloc[position]),
                    "p_permutation": _defined(float(permutation[position])),
                    "p_t": _defined(float(t_test[position])),
                    "bayes_factor": _bayes_factor(a, b, roles) if question.bayes else None,
                }
            )
        )
    return tuple(found)


def _within(row: dict[str, Any], question: Question) -> bool:
    if question.margin is None or math.isnan(row["shift_low"]):
        return False
    return bool(-question.margin < row["shift_low"] and row["shift_high"] < question.margin)


def _p_not_worse(row: dict[str, Any], question: Question) -> float | None:
    if not question.non_inferior:
        return None
    p: float | None = _defined(row["p_not_higher" if question.lower_is_better else "p_not_lower"])
    return p


def _bayes_factor(a: Floats, b: Floats, roles: TableRoles) -> float | None:
    """JZS Bayes factor of the t test: Welch's is not defined for it, so spreads are pooled."""
    few = min(len(a), len(b)) < 2
    if few or (np.ptp(a - b) == 0 if roles.paired else max(np.ptp(a), np.ptp(b)) == 0):
        return None
    from pingouin import bayesfactor_ttest

    t = stats.ttest_rel(a, b) if roles.paired else stats.ttest_ind(a, b)
    return float(bayesfactor_ttest(float(t.statistic), len(a), len(b), paired=roles.paired))


def _beside(
    pairs: Sequence[tuple[Floats, ...]], alternative: Alternative, *, paired: bool
) -> tuple[Floats, Floats]:
    """Exact permutation p and t test of every pair; pairs of one size are tested together."""
    p, t = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    sizes = [(len(a), len(b)) for a, b in pairs]
    for size in set(sizes):
        rows = [position for position, own in enumerate(sizes) if own == size]
        a, b = (np.stack([pairs[row][group] for row in rows]) for group in (0, 1))
        if paired:
            d = a - b
            p[rows] = sign_flip_p(d, alternative)
            varies = np.ptp(d, axis=1) > 0
            if size[0] > 1 and varies.any():
                of_pairs = stats.ttest_1samp(d[varies], 0, axis=1, alternative=alternative)
                t[np.array(rows)[varies]] = of_pairs.pvalue
            continue
        p[rows] = exact_permutation_p(a, b, alternative)
        varies = np.maximum(np.ptp(a, axis=1), np.ptp(b, axis=1)) > 0
        if sum(size) > 2 and varies.any():
            facts = [
                (one[varies].mean(axis=1), one[varies].std(axis=1, ddof=min(1, n - 1)), n)
                for one, n in zip((a, b), size, strict=True)
            ]
            tested = stats.ttest_ind_from_stats(*facts[0], *facts[1], alternative=alternative)
            t[np.array(rows)[varies]] = tested.pvalue
    return p, t


def _defined(figure: Any) -> Any:
    return None if isinstance(figure, float) and math.isnan(figure) else figure


def records_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
