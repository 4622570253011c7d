"""How a verdict on a table is worded: groups by name, and one direction a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from hyp.stats.table_verdict import TableComparison, TableVerdict
from hyp.stats.verdict import Verdict

_MANY = 8


def worded(judged: TableVerdict, verdict: Verdict) -> Verdict:
    """Return a verdict, and those on its parts, in sentences about the groups.

    Parameters
    ----------
    judged : TableVerdict
        With its comparisons.
    verdict : Verdict
        By the decision rule; outcome and prediction are kept.
    """
    parts = tuple(
        part.model_copy(
            update={
                "sentence": _sentence(
                    judged, part, [row for row in judged.comparisons if row.family == part.name]
                ),
                "reasons": (),
            }
        )
        for part in verdict.parts
    )
    sentence = _sentence(judged, verdict, judged.comparisons)
    return verdict.model_copy(update={"sentence": sentence, "parts": parts, "reasons": ()})


def headline(judged: TableVerdict, verdict: Verdict | None = None) -> str:
    """Say the outcome in a few words."""
    verdict = verdict or judged.verdict
    if verdict.outcome == "invalid":
        return "Invalid: units that are not independent"
    told = verdict.outcome.capitalize()
    if verdict.outcome != "supported":
        return told
    if judged.non_inferior:
        return f"{told}: {verdict.prediction}"
    small = ", smaller than the margin" * small_only(judged.comparisons)
    return f"{told}{small}: {verdict.prediction}"


def small_only(rows: Sequence[TableComparison]) -> bool:
    """Whether all differences that were found lie inside the margin with their intervals."""
    found = [row for row in rows if row.significant]
    return bool(found) and all(row.within_margin for row in found)


def scores_higher(judged: TableVerdict, one: str, other: str) -> str:
    """Say that one group's scores are higher, and what that means where low is good."""
    if judged.lower_is_better:
        return f"{other} is better than {one} (lower {judged.value})"
    if judged.value == "score":
        return f"{one} scores higher than {other}"
    return f"{one} has a higher {judged.value} than {other}"


def finding(judged: TableVerdict, row: TableComparison) -> str:
    """Say which group of a comparison is ahead, by how much, and with which interval."""
    one, other = row.groups if row.direction > 0 else row.groups[::-1]
    size = row.shift * row.direction
    return f"{scores_higher(judged, one, other)} by {size:.3g}{interval(row, row.direction)}"


def interval(row: TableComparison, sign: int = 1) -> str:
    """Write the interval of a - b, or with sign -1 of b - a."""
    if row.shift_low is None or row.shift_high is None:
        return ""
    low, high = sorted((sign * row.shift_low, sign * row.shift_high))
    return f" (95 % interval {low:+.3g} to {high:+.3g})"


def p_word(judged: TableVerdict) -> str:
    """Name the p that decides."""
    return "corrected p" if max(judged.families.values()) > 1 else "p"


def listed(names: Sequence[str]) -> str:
    """List the first names."""
    return ", ".join(names[:_MANY]) + (", ..." if len(names) > _MANY else "")


def _sentence(judged: TableVerdict, verdict: Verdict, rows: Sequence[TableComparison]) -> str:
    if verdict.outcome == "untestable":
        return verdict.sentence.replace("seeds", f"units ({judged.unit})", 1)
    if verdict.outcome == "invalid":
        return f"Nothing can be concluded: {' '.join(c.sentence for c in judged.checks)}"
    if verdict.outcome == "equivalent":
        largest = max(row.p_equivalence or 0.0 for row in rows)
        where = "" if len(rows) == 1 else f"in all {len(rows)} comparisons "
        them = " and ".join(judged.groups)
        return (
            f"{them} are equivalent: {where}they differ by less than {judged.margin:g} "
            f"(largest p of the equivalence tests {largest:.2g})."
        )
    if judged.non_inferior:
        return _not_worse(judged, verdict, rows)
    if verdict.outcome == "inconclusive":
        return _open(judged, rows)
    return _found(judged, rows)


def _found(judged: TableVerdict, rows: Sequence[TableComparison]) -> str:
    found = [row for row in rows if row.significant]
    if len(judged.groups) > 2:
        return _groups_differ(judged, rows)
    if len(rows) == 1:
        sentence = f"{finding(judged, rows[0])}; {p_word(judged)} = {rows[0].p_corrected:.2g}"
    else:
        a, b = judged.groups
        up = [row.name for row in found if row.direction > 0]
        down = [row.name for row in found if row.direction < 0]
        if up and down:
            sentence = (
                f"The evidence is mixed: {scores_higher(judged, a, b)} in {listed(up)}, but "
                f"{scores_higher(judged, b, a)} in {listed(down)}"
            )
        else:
            one, other = (a, b) if up else (b, a)
            sentence = (
                f"{scores_higher(judged, one, other)} in {len(found)} of {len(rows)} comparisons "
                f"({listed(up or down)}), and the other way round in none"
            )
    if small_only(rows):
        size = "the difference is" if len(found) == 1 else "these differences are"
        sentence += (
            f". With {'its' if len(found) == 1 else 'their'} whole interval inside ±"
            f"{judged.margin:g}, {size} real and smaller than what was declared to matter"
        )
    return f"{sentence}."


def _groups_differ(judged: TableVerdict, rows: Sequence[TableComparison]) -> str:
    tests = [test for test in judged.omnibus if test.significant]
    differ = f"The {len(judged.groups)} groups are not all alike"
    if len(judged.omnibus) > 1:
        differ += f" in {len(tests)} of {len(judged.omnibus)} ({listed([t.name for t in tests])})"
    else:
        differ += f" (omnibus p = {tests[0].p_holm:.2g})"
    found = [row for row in rows if row.significant]
    if not found:
        return f"{differ}, but no pair of them can be named."
    if len(judged.omnibus) > 1:
        return f"{differ}; {len(found)} of {len(rows)} pairs are found to differ."
    pairs = [finding(judged, row).split(" (95 %")[0] for row in found]
    return f"{differ}: {'; '.join(pairs[:_MANY])}{'; ...' if len(pairs) > _MANY else ''}."


def _open(judged: TableVerdict, rows: Sequence[TableComparison]) -> str:
    if len(judged.groups) > 2:
        smallest = min(test.p_holm for test in judged.omnibus)
        return (
            f"It is open whether {', '.join(judged.groups[:-1])} and {judged.groups[-1]} differ: "
            f"the smallest {'corrected ' * (len(judged.omnibus) > 1)}omnibus p is {smallest:.2g}, "
            f"and alpha is {judged.alpha:g}."
        )
    a, b = judged.groups
    contrary = [row for row in rows if not row.signs_agree and row.p_corrected <= judged.alpha]
    if contrary:
        row = contrary[0]
        return (
            f"It is open which of {a} and {b} is higher{_in(rows, contrary)}: the test points to "
            f"{a if row.direction > 0 else b}, but the shift is {row.shift:+.3g} and the means "
            f"differ by {row.difference:+.3g} ({a} - {b}). Look for a unit that failed."
        )
    smallest = min(row.p_corrected for row in rows)
    if judged.alternative == "two-sided":
        what = f"It is open whether {a} or {b} " + (
            f"is better (lower {judged.value})"
            if judged.lower_is_better
            else "scores higher"
            if judged.value == "score"
            else f"has a higher {judged.value}"
        )
    else:
        one, other = (a, b) if judged.alternative == "greater" else (b, a)
        what = f"It is not shown that {scores_higher(judged, one, other)}"
    of = f"the smallest {p_word(judged)} of {len(rows)} comparisons" if len(rows) > 1 else "p"
    return f"{what}: {of} is {smallest:.2g}, and alpha is {judged.alpha:g}."


def _in(rows: Sequence[TableComparison], some_rows: Sequence[TableComparison]) -> str:
    return f" in {listed([row.name for row in some_rows])}" if len(rows) > 1 else ""


def _not_worse(judged: TableVerdict, verdict: Verdict, rows: Sequence[TableComparison]) -> str:
    a, b = judged.groups
    worst = max(1.0 if row.p_not_worse is None else row.p_not_worse for row in rows)
    where = "" if len(rows) == 1 else f" in any of {len(rows)} comparisons"
    claim = f"{a} is not worse than {b} by {judged.margin:g} or more{where}"
    tested = f"{'largest ' * (len(rows) > 1)}p of the non-inferiority test = {worst:.2g}"
    if verdict.outcome == "supported":
        return f"{claim} ({tested})."
    return f"It is not shown that {claim} ({tested}, and alpha is {judged.alpha:g})."
