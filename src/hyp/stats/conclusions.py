"""The numbers of a table's comparisons in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from hyp.stats.families import holm
from hyp.stats.settling import what_would_settle
from hyp.stats.table_verdict import TableComparison, TableVerdict
from hyp.stats.table_words import finding, headline, interval, p_word, worded

_MANY = 8


def described(judged: TableVerdict, *, icc: float | None, told: Sequence[str]) -> TableVerdict:
    """Return the verdict with the sentences that go with its numbers.

    Parameters
    ----------
    judged : TableVerdict
        Its notes are kept, the sentences of its verdict are replaced.
    icc : float or None
        Share of the scores' variance within a group that lies between units; None
        without folds.
    told : sequence of str
        What was said while the table was read.
    """
    invalid = judged.verdict.outcome == "invalid"
    return judged.model_copy(
        update={
            "verdict": worded(judged, judged.verdict),
            "pooled_verdict": None
            if judged.pooled_verdict is None
            else judged.pooled_verdict.model_copy(update={"reasons": ()}),
            "headline": headline(judged),
            "concluded": () if invalid else tuple(_concluded(judged)),
            "not_concluded": tuple(_not_concluded(judged)),
            "would_settle": ()
            if invalid or (judged.non_inferior and judged.verdict.outcome == "supported")
            else what_would_settle(judged),
            "notes": tuple(_notes(judged, icc, told)),
        }
    )


def _concluded(judged: TableVerdict) -> Iterator[str]:
    for row in judged.comparisons:
        a, b = row.groups
        if row.significant:
            small = f", all of it inside ±{judged.margin:g}" if row.within_margin else ""
            yield (
                f"{_in(judged, row)}{finding(judged, row)}{small}; {p_word(judged)} = "
                f"{row.p_corrected:.2g}."
            )
        if row.equivalent and judged.margin is not None:
            yield (
                f"{_in(judged, row)}{a} and {b} differ by less than {judged.margin:g}, the "
                f"margin declared: {row.shift:+.3g}{interval(row)}; {p_word(judged)} of "
                f"equivalence = {row.p_equivalence_holm:.2g}."
            )
    if judged.stimuli_verdict is not None and judged.stimuli_verdict.outcome == "supported":
        yield f"For new stimuli of the kind, too: {judged.stimuli_verdict.sentence}"
    if judged.non_inferior and judged.verdict.outcome == "supported":
        yield worded(judged, judged.verdict).sentence


def _not_concluded(judged: TableVerdict) -> Iterator[str]:
    if judged.verdict.outcome == "invalid":
        yield "Any difference, and any equivalence: the numbers below count some units twice."
        return
    if judged.verdict.outcome == "untestable":
        them = " or ".join(judged.groups)
        yield f"Whether {them} scores higher. {judged.verdict.sentence}"
    open_rows = [row for row in judged.comparisons if not _settled(judged, row)]
    for row in open_rows[:_MANY]:
        a, b = row.groups
        fits = (
            f"taken alone, differences ({a} - {b}) from {row.shift_low:+.3g} to "
            f"{row.shift_high:+.3g} fit the data"
            if row.shift_low is not None
            else "so few units have no 95 % interval"
        )
        if min(row.a + row.b) == max(row.a + row.b):
            fits = "the scores do not vary"
        if not row.signs_agree:
            fits = (
                f"the test points to {a if row.direction > 0 else b}, but the shift is "
                f"{row.shift:+.3g} and the means differ by {row.difference:+.3g}; look for a unit "
                "that failed"
            )
        beyond = "" if judged.margin is None else f", against a margin of {judged.margin:g}"
        that = f"{_in(judged, row)}that" if len(judged.comparisons) > 1 else "That"
        yield (
            f"{that} {a} and {b} are equal, or that they differ "
            f"({p_word(judged)} = {row.p_corrected:.2g}): {fits}{beyond}."
        )
    if len(open_rows) > _MANY:
        yield f"The same holds for {len(open_rows) - _MANY} more comparisons."
    over = judged.stimuli_verdict
    if over is not None and over.outcome != "supported":
        yield f"For new stimuli of the kind: {over.sentence}"
    shared = (
        "architectures or training data" if over else ("architectures, training data or stimuli")
    )
    yield (
        f"Anything about other {shared} than those all units "
        f"share: the test speaks for new units of the same kind (column {judged.unit!r})."
    )


def _notes(judged: TableVerdict, icc: float | None, told: Sequence[str]) -> Iterator[str]:
    yield from (sentence[:1].upper() + sentence[1:] for sentence in (*told, *judged.notes))
    if judged.paired:
        pairs = {len(row.a) for row in judged.comparisons}
        counts = " or ".join(map(str, sorted(pairs)))
        yield (
            f"Paired by {judged.unit!r} ({counts} pairs): the "
            f"{judged.comparisons[0].test} test of the differences within pairs."
        )
    if judged.folds > 1:
        sizes = Counter((len(row.a), len(row.b)) for row in judged.comparisons)
        units = " and ".join(f"{n1} v {n2}" for n1, n2 in sorted(sizes))
        yield (
            f"The unit is {judged.unit!r} ({units}); its scores (up to {judged.folds} in a "
            "comparison) are averaged before anything is tested, because scores of one unit are "
            "not independent."
        )
    if icc is not None:
        yield (
            f"{icc:.0%} of the variance within a group lies between units (median over "
            "comparisons); the more, the more pooling the folds overstates the evidence."
        )
    pooled = [row for row in judged.comparisons if row.p_pooled is not None]
    if pooled:
        hits = sum(row.p_pooled < judged.alpha for row in pooled if row.p_pooled is not None)
        own = sum(row.significant for row in pooled)
        yield (
            f"Pooling all folds as independent and correcting nothing would call {hits} of "
            f"{len(pooled)} comparisons significant; counted by unit and corrected, it is {own}."
        )
    if len(judged.groups) > 2:
        yield (
            f"All {len(judged.comparisons)} pairs are corrected together, and a pair counts only "
            "where the omnibus test (a permutation "
            f"{'Friedman' if judged.paired else 'Kruskal-Wallis'} test) finds that the groups are "
            "not all alike."
        )
    if not judged.paired:
        yield (
            "A small p says that the groups' scores are not alike, in height or in spread: of "
            "groups with equal means and threefold spreads up to 8 % were called different at 5 % "
            "with equal sizes, and up to 18 % if scores were skewed as well."
        )
    yield _sensitivity(judged)
    factors = [row.bayes_factor for row in judged.comparisons if row.bayes_factor is not None]
    if factors:
        yield _bayes(factors)
    if len(judged.families) > 1:
        yield (
            f"{len(judged.families)} families are corrected separately: each holds "
            f"{judged.alpha:g}, all together only their sum."
        )
    if judged.margin is None:
        yield from _margin_help(judged)


def _settled(judged: TableVerdict, row: TableComparison) -> bool:
    not_worse = row.p_not_worse is not None and row.p_not_worse <= judged.alpha
    return row.significant or row.equivalent or not_worse


def _sensitivity(judged: TableVerdict) -> str:
    rows = judged.comparisons
    families = {row.family for row in rows}

    def passing(figure: str) -> int:
        found = 0
        for family in families:
            p = [getattr(row, figure) for row in rows if row.family == family]
            found += int((holm([1.0 if one is None else one for one in p]) <= judged.alpha).sum())
        return found

    permuted = (
        "sign-flip test of the mean difference"
        if judged.paired
        else ("permutation test of the means")
    )
    t_test = (
        "paired t test"
        if judged.paired
        else (
            "t test of the unit means (what a mixed model of all folds comes to when folds are "
            "balanced)"
        )
    )
    return (
        f"Sensitivity: corrected by Holm, the exact {permuted} calls {passing('p_permutation')} of "
        f"{len(rows)} significant, the {t_test} {passing('p_t')}."
    )


def _bayes(factors: Sequence[float]) -> str:
    against, for_ = sum(one < 1 / 3 for one in factors), sum(one > 3 for one in factors)
    if len(factors) == 1:
        return (
            f"Bayes factor for a difference (JZS prior of scale 0.707 on the standardised "
            f"difference of means): {factors[0]:.3g}. Above 3 is taken as some evidence for a "
            "difference, below 1/3 for none; no verdict uses it."
        )
    return (
        f"Bayes factors for a difference (JZS prior of scale 0.707) run from {min(factors):.3g} to "
        f"{max(factors):.3g}: {for_} of {len(factors)} are above 3 (some evidence for a "
        f"difference), {against} below 1/3 (for none); no verdict uses them."
    )


def _margin_help(judged: TableVerdict) -> Iterator[str]:
    """Say what two units of one group differ by, for whoever has to choose a margin."""
    steps = []
    for row in judged.comparisons:
        own = [abs(x - y) for scores in (row.a, row.b) for x, y in combinations(scores, 2)]
        if own:
            steps.append((float(np.median(own)), float(np.quantile(own, 0.9)), row))
    if not steps or judged.paired:
        return
    typical, large, row = max(steps, key=lambda step: step[0])
    where = f" in {row.name}, which varies most" if len(judged.comparisons) > 1 else ""
    yield (
        f"To choose a margin: two units of one group differ by {typical:.2g} in the median and by "
        f"up to {large:.2g} in nine of ten pairs{where}. A difference that matters should be worth "
        "noticing beside that, and be chosen without looking at the groups' difference."
    )


def _in(judged: TableVerdict, row: TableComparison) -> str:
    return f"In {row.name}: " if len(judged.comparisons) > 1 else ""
