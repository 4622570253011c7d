"""The comparisons of a table's groups, and the verdict by the declared rule."""

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
from hyp.stats.assumptions import check_assumptions
from hyp.stats.comparisons import compare, correct_families
from hyp.stats.deciding import judge
from hyp.stats.families import holm
from hyp.stats.offered import Correction, Test
from hyp.stats.permutation import exact_permutation_p, sign_flip_p
from hyp.stats.published import compare_published
from hyp.stats.rules import (
    HIGHER_AND_LOWER,
    ONLY_HIGHER,
    ONLY_LOWER,
    DecisionRule,
    NotLower,
    Part,
    Prediction,
)
from hyp.stats.scores import seed_means
from hyp.stats.table_groups import friedman_p, kruskal_wallis_p, letters
from hyp.stats.table_roles import ONE, TableRoles
from hyp.stats.table_stimuli import with_stimuli
from hyp.stats.table_verdict import Omnibus, TableComparison, TableVerdict
from hyp.stats.verdict import Check, Verdict

_ALL = "all"
_PAIR = "pair"


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


def judged_table(
    tidy: pd.DataFrame,
    groups: tuple[str, ...],
    roles: TableRoles,
    question: Question,
    checks: tuple[Check, ...],
) -> TableVerdict:
    """Compare every pair of groups, with the unit as the unit, and judge what comes out.

    Parameters
    ----------
    tidy : DataFrame
        Complete, see `hyp.stats.completeness.completed`.
    groups : tuple of str
    roles : TableRoles
    question : Question
    checks : tuple of Check
        Those that failed.

    Returns
    -------
    TableVerdict
        Its sentences are still those of the rule.
    """
    if len(groups) > 2 and (question.alternative != "two-sided" or question.non_inferior):
        raise HypError("a direction is a question about two groups: name them with --between A,B.")
    if len(groups) > 2 and roles.stimulus is not None:
        raise HypError("--stimulus is for two groups: name them with --between A,B.")
    if len(groups) > 2 and question.correction != "holm":
        raise HypError("max-t corrects comparisons of two groups: name them with --between A,B.")
    keys = list(roles.keys) or [ONE]
    tidy = tidy.assign(family=_families(tidy, roles))
    means = seed_means(tidy, keys)
    means = means.merge(tidy[[*keys, "family"]].drop_duplicates(), on=keys).assign(fold=0)
    sizes = tidy.groupby([*keys, "group", "seed"], observed=True).size()
    folds = int(sizes.max())
    rows = _compared(means, groups, keys, roles, question)
    pooled = None
    wanted = tidy.groupby(keys, observed=True)["fold"].nunique()
    balanced = (sizes.groupby(keys, observed=True).min() == wanted).all()
    if folds > 1 and balanced and not roles.paired and len(groups) == 2:
        pooled = compare_published(tidy, keys, groups=(groups[0], groups[1]), alpha=question.alpha)
    omnibus = _omnibus(means, groups, keys, roles, question) if len(groups) > 2 else ()
    comparisons = _comparisons(rows, pooled, means, keys, groups, roles, question)
    silent = bool(checks) or question.non_inferior
    comparisons = tuple(_admitted(row, omnibus, silent=silent) for row in comparisons)
    if omnibus:
        omnibus = tuple(_lettered(test, comparisons, groups) for test in omnibus)
    verdict = _verdict(rows, comparisons, omnibus, groups, keys, roles, question, checks)
    judged_pooled = None
    if pooled is not None and not question.non_inferior:
        judged_pooled = judge(_rule(groups, keys, roles, rows, question), _records(pooled))
    judged = TableVerdict(
        groups=groups,
        value=roles.value,
        unit=roles.unit,
        paired=roles.paired,
        lower_is_better=question.lower_is_better,
        folds=folds,
        correction=question.correction,
        notes=check_assumptions(
            _records(rows), [*keys, *([_PAIR] if len(groups) > 2 else [])], question.alpha
        ),
        alpha=question.alpha,
        margin=question.margin,
        alternative=question.alternative,
        families={str(name): int(n) for name, n in rows["family"].value_counts(sort=False).items()},
        checks=checks,
        verdict=verdict,
        pooled_verdict=judged_pooled,
        comparisons=comparisons,
        omnibus=omnibus,
        non_inferior=question.non_inferior,
    )
    if roles.stimulus is None or checks or question.non_inferior:
        return judged
    rule = _rule((groups[0], groups[1]), keys, roles, rows, question)
    return with_stimuli(judged, tidy, rule)


def _families(tidy: pd.DataFrame, roles: TableRoles) -> pd.Series | str:
    if not roles.separate:
        return _ALL
    return tidy[list(roles.separate)].astype(str).agg(", ".join, axis=1)


def _compared(
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
        found.append(rows.assign(**{_PAIR: f"{a} v {b}", "a": a, "b": b}))
    if len(found) == 1:
        return found[0]
    rows = pd.concat(found, ignore_index=True)
    order = pd.Series(range(len(rows))) % len(found[0])
    rows = rows.iloc[order.argsort(kind="stable")].reset_index(drop=True)
    correct_families(rows, question.alpha)
    rows["p_corrected"] = rows["p_holm"]
    rows["significant"] = rows["p_holm"] <= question.alpha
    return rows


def _rule(
    groups: tuple[str, ...],
    keys: Sequence[str],
    roles: TableRoles,
    rows: pd.DataFrame,
    question: Question,
) -> DecisionRule:
    a, b = groups
    names = [f"{a} > {b}", f"{b} > {a}"]
    if question.lower_is_better:
        names = [f"{b} better than {a}", f"{a} better than {b}"]
    up = Prediction(name=names[0], claim=f"{a} scores higher", needs=ONLY_HIGHER)
    down = Prediction(name=names[1], claim=f"{b} scores higher", needs=ONLY_LOWER)
    declared = {"greater": (up,), "less": (down,), "two-sided": (up, down)}[question.alternative]
    if question.non_inferior:
        name = f"{a} not worse than {b}"
        declared = (Prediction(name=name, claim=name, needs=(NotLower(),)),)
    families = rows.drop_duplicates("family")
    parts = tuple(
        Part(name=str(row["family"]), where={key: (str(row[key]),) for key in roles.separate})
        for row in _records(families)
    )
    two_sided = question.alternative == "two-sided" and not question.non_inferior
    return DecisionRule(
        keys=tuple(keys),
        predictions=declared,
        mixed=HIGHER_AND_LOWER if two_sided else (),
        alpha=question.alpha,
        alternative=question.alternative,
        margin=question.margin,
        parts=parts if len(parts) > 1 else (),
        correction=question.correction,
        test=question.test,
        paired=roles.paired,
    )


def _verdict(
    rows: pd.DataFrame,
    comparisons: tuple[TableComparison, ...],
    omnibus: tuple[Omnibus, ...],
    groups: tuple[str, ...],
    keys: list[str],
    roles: TableRoles,
    question: Question,
    checks: tuple[Check, ...],
) -> Verdict:
    if checks:
        return Verdict(outcome="invalid", sentence=" ".join(check.sentence for check in checks))
    if omnibus:
        return _verdict_on_groups(comparisons, omnibus, question)
    records = [
        {**record, "not_lower": _not_worse(row, question)}
        for record, row in zip(_records(rows), comparisons, strict=True)
    ]
    return judge(_rule(groups, keys, roles, rows, question), records)


def _not_worse(row: TableComparison, question: Question) -> bool:
    return row.p_not_worse is not None and row.p_not_worse <= question.alpha


def _verdict_on_groups(
    comparisons: tuple[TableComparison, ...], omnibus: tuple[Omnibus, ...], question: Question
) -> Verdict:
    if any(test.significant for test in omnibus):
        return Verdict(
            outcome="supported", prediction="the groups differ", sentence="the groups differ."
        )
    if question.margin is not None and all(
        row.p_equivalence is not None and row.p_equivalence <= question.alpha for row in comparisons
    ):
        return Verdict(outcome="equivalent", sentence="the groups are equivalent.")
    tests = {family: [t for t in omnibus if t.family == family] for family in _names(omnibus)}
    reach = min(min(t.p_attainable for t in own) * len(own) for own in tests.values())
    if reach > question.alpha:
        return Verdict(
            outcome="untestable",
            sentence=f"The design cannot reach a verdict: with all groups fully separated the "
            f"smallest {'corrected ' * (len(omnibus) > 1)}omnibus p is {min(reach, 1):.2g}, which "
            f"is above {question.alpha:g}; use more units per group.",
        )
    return Verdict(outcome="inconclusive", sentence="open.")


def _names(omnibus: tuple[Omnibus, ...]) -> list[str]:
    return list(dict.fromkeys(test.family for test in omnibus))


def _omnibus(
    means: pd.DataFrame,
    groups: tuple[str, ...],
    keys: list[str],
    roles: TableRoles,
    question: Question,
) -> tuple[Omnibus, ...]:
    """Test in every comparison whether the groups differ at all."""
    tests: list[dict[str, Any]] = []
    for place, own in means.groupby(keys, observed=True, sort=True):
        by_group = [own[own["group"] == group] for group in groups]
        scores = [one.sort_values("seed")["score"].to_numpy(dtype=float) for one in by_group]
        if roles.paired:
            p, attainable = friedman_p(np.stack(scores, axis=1)[None])
        else:
            p, attainable = kruskal_wallis_p(
                np.concatenate(scores)[None], [len(one) for one in scores]
            )
        tests.append(
            {
                "name": " ".join(map(str, place)) if keys != [ONE] else "",
                "family": str(own["family"].iloc[0]),
                "p": float(p[0]),
                "p_attainable": attainable,
                "medians": {
                    group: float(np.median(one)) for group, one in zip(groups, scores, strict=True)
                },
            }
        )
    table = pd.DataFrame(tests)
    table["p_holm"] = table.groupby("family")["p"].transform(holm)
    return tuple(
        Omnibus(**test, p_holm=float(p), significant=bool(p <= question.alpha), letters={})
        for test, p in zip(tests, table["p_holm"], strict=True)
    )


def _lettered(
    test: Omnibus, comparisons: tuple[TableComparison, ...], groups: tuple[str, ...]
) -> Omnibus:
    different = [row.groups for row in comparisons if row.significant and _place(row) == test.name]
    ordered = sorted(groups, key=lambda group: -test.medians[group])
    return test.model_copy(update={"letters": letters(ordered, different)})


def _place(row: TableComparison) -> str:
    return " ".join(row.keys.values())


def _admitted(
    row: TableComparison, omnibus: tuple[Omnibus, ...], *, silent: bool
) -> TableComparison:
    """Take back what was found where nothing, or something else, is asked, or signs disagree.

    With more than two groups a pair needs its omnibus test, too.
    """
    if silent:
        return row.model_copy(
            update={"significant": False, "equivalent": False, "within_margin": False}
        )
    if row.significant and not row.signs_agree:
        return row.model_copy(update={"significant": False})
    tests = [test for test in omnibus if test.name == _place(row)]
    if row.significant and tests and not tests[0].significant:
        return row.model_copy(update={"significant": False})
    return row


def _comparisons(
    rows: pd.DataFrame,
    pooled: pd.DataFrame | None,
    means: pd.DataFrame,
    keys: list[str],
    groups: tuple[str, ...],
    roles: TableRoles,
    question: Question,
) -> tuple[TableComparison, ...]:
    ordered = means.sort_values("seed", kind="stable") if roles.paired else means
    by_place = {
        place: scores.to_numpy() if roles.paired else np.sort(scores.to_numpy())
        for place, scores in ordered.groupby([*keys, "group"], observed=True)["score"]
    }
    records = _records(rows)
    pairs = [
        tuple(by_place[(*(row[key] for key in keys), row[side])] for side in "ab")
        for row in records
    ]
    permutation, t_test = _beside(pairs, question.alternative, paired=roles.paired)
    found = []
    for position, (row, (a, b)) in enumerate(zip(records, pairs, strict=True)):
        figures = {name: row[name] for name in TableComparison.model_fields if name in row}
        place = " ".join(str(row[key]) for key in keys) if keys != [ONE] else ""
        name = f"{place}: {row[_PAIR]}".removeprefix(": ") if len(groups) > 2 else place
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


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
