"""The verdict on a table's groups by the declared rule."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hyp.errors import HypError
from hyp.stats.assumptions import check_assumptions
from hyp.stats.deciding import judge
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
from hyp.stats.table_comparisons import PAIR, Question, compared, records_of, table_comparisons
from hyp.stats.table_omnibus import admitted, lettered, omnibus_tests, verdict_on_groups
from hyp.stats.table_roles import ONE, TableRoles
from hyp.stats.table_stimuli import with_stimuli
from hyp.stats.table_verdict import Omnibus, TableComparison, TableVerdict
from hyp.stats.verdict import Check, Verdict

_ALL = "all"


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
    rows = compared(means, groups, keys, roles, question)
    pooled = None
    wanted = tidy.groupby(keys, observed=True)["fold"].nunique()
    balanced = (sizes.groupby(keys, observed=True).min() == wanted).all()
    if folds > 1 and balanced and not roles.paired and len(groups) == 2:
        pooled = compare_published(tidy, keys, groups=(groups[0], groups[1]), alpha=question.alpha)
    omnibus = omnibus_tests(means, groups, keys, roles, question) if len(groups) > 2 else ()
    comparisons = table_comparisons(rows, pooled, means, keys, groups, roles, question)
    silent = bool(checks) or question.non_inferior
    comparisons = tuple(admitted(row, omnibus, silent=silent) for row in comparisons)
    if omnibus:
        omnibus = tuple(lettered(test, comparisons, groups) for test in omnibus)
    verdict = _verdict(rows, comparisons, omnibus, groups, keys, roles, question, checks)
    judged_pooled = None
    if pooled is not None and not question.non_inferior:
        judged_pooled = judge(_rule(groups, keys, roles, rows, question), records_of(pooled))
    judged = TableVerdict(
        groups=groups,
        value=roles.value,
        unit=roles.unit,
        paired=roles.paired,
        lower_is_better=question.lower_is_better,
        folds=folds,
        correction=question.correction,
        notes=check_assumptions(
            records_of(rows), [*keys, *([PAIR] if len(groups) > 2 else [])], question.alpha
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
        for row in records_of(families)
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
        return verdict_on_groups(comparisons, omnibus, question)
    records = [
        {**record, "not_lower": _not_worse(row, question)}
        for record, row in zip(records_of(rows), comparisons, strict=True)
    ]
    return judge(_rule(groups, keys, roles, rows, question), records)


def _not_worse(row: TableComparison, question: Question) -> bool:
    return row.p_not_worse is not None and row.p_not_worse <= question.alpha
