"""Whether several groups of a table differ at all, and which of them do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from hyp.stats.families import holm
from hyp.stats.table_comparisons import Question
from hyp.stats.table_groups import friedman_p, kruskal_wallis_p, letters
from hyp.stats.table_roles import ONE, TableRoles
from hyp.stats.table_verdict import Omnibus, TableComparison
from hyp.stats.verdict import Verdict


def omnibus_tests(
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


def lettered(
    test: Omnibus, comparisons: tuple[TableComparison, ...], groups: tuple[str, ...]
) -> Omnibus:
    """Give the groups letters: those that share one do not differ."""
    different = [row.groups for row in comparisons if row.significant and _place(row) == test.name]
    ordered = sorted(groups, key=lambda group: -test.medians[group])
    return test.model_copy(update={"letters": letters(ordered, different)})


def admitted(
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


def verdict_on_groups(
    comparisons: tuple[TableComparison, ...], omnibus: tuple[Omnibus, ...], question: Question
) -> Verdict:
    """Judge whether the groups differ, are equivalent, or neither is shown."""
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


def _place(row: TableComparison) -> str:
    return " ".join(row.keys.values())


def _names(omnibus: tuple[Omnibus, ...]) -> list[str]:
    return list(dict.fromkeys(test.family for test in omnibus))
