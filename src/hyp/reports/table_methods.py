"""What a paper says of its methods where scores came as a table: judged, or fitted by size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hyp.reports.methods import software, works_of, written
from hyp.reports.wording import number, p_value
from hyp.stats.scaling_study import ScalingFinding, ScalingStudy
from hyp.stats.table_verdict import TableVerdict
from hyp.store.environment import installed_versions
from hyp.text import joined

WEIGHED = (
    "Levels off: laws with a plateau are better, by two units of AICc, than those without. "
    "Undecided: laws that say otherwise are within two units. Repeats of one size count once, as "
    "their mean; the best law is also fitted without the largest size and has to predict it."
)
_CORRECTIONS = {
    "holm": "Holm's method",
    "max-t": "the distribution of the largest statistic (max-T)",
}
_SOFTWARE = ("hyp", "numpy", "scipy", "statsmodels")


def judged_methods(judged: TableVerdict) -> str:
    """Return paragraphs on a judged table as Markdown: design, tests, software, works to cite."""
    used = {"versions": installed_versions(_SOFTWARE)}
    return written(
        [_compared(judged), _tested(judged), judged.notes, software(used)], _cited(judged)
    )


def _compared(judged: TableVerdict) -> Iterator[str]:
    counts = dict.fromkeys(
        f"{len(row.a)} pairs" if judged.paired else f"{len(row.a)} v {len(row.b)}"
        for row in judged.comparisons
    )
    yield f"Scores ({judged.value}) of {joined(judged.groups)} were compared"
    yield f"({joined(list(counts), 'or')}; unit: {judged.unit})."


def _tested(judged: TableVerdict) -> Iterator[str]:
    tests = joined(list(dict.fromkeys(row.test for row in judged.comparisons)))
    sides = judged.alternative if judged.alternative == "two-sided" else "one-sided"
    direction = "" if sides == judged.alternative else f" (a {judged.alternative} than b)"
    families = joined([f"{count} ({name})" for name, count in judged.families.items()])
    smallest = dict.fromkeys(p_value(row.p_attainable) for row in judged.comparisons)
    yield f"Tests were {sides}{direction}: {tests}."
    yield f"p were corrected by {_CORRECTIONS[judged.correction]}"
    yield f"within families of {families}, at a level of {number(judged.alpha)}; the smallest p"
    yield f"that a comparison could have was {joined(list(smallest), 'or')}."
    yield "Intervals are of 95 % and concern one comparison."
    if judged.margin is not None:
        yield f"Differences within ±{number(judged.margin)} were declared not to matter."


def _cited(judged: TableVerdict) -> Iterator[str]:
    tests = dict.fromkeys(row.test for row in judged.comparisons)
    named = ["contrast" if test == "Mann-Whitney" else test for test in tests]
    margin = ["margin"] if judged.margin is not None else []
    yield from works_of([judged.correction, *named, *margin, "numpy", "scipy"])


def scaling_methods(study: ScalingStudy, found: Sequence[ScalingFinding]) -> str:
    """Return paragraphs on a scaling study as Markdown: data, laws, software, works to cite."""
    used = {"versions": installed_versions(_SOFTWARE)}
    source = [study.source] if study.source else []
    return written(
        [[study.title, *source], _fitted(study, found), software(used)],
        [*source, *works_of(["aicc", "numpy", "scipy"])],
    )


def _fitted(study: ScalingStudy, found: Sequence[ScalingFinding]) -> Iterator[str]:
    for name in dict.fromkeys(one.analysis for one in found):
        theirs = [one for one in found if one.analysis == name]
        counts = joined(list(dict.fromkeys(f"{len(one.scores):,}" for one in theirs)), "or")
        yield f"{name}: {counts} scores ({study.score}) by {joined(theirs[0].axes)}."
    yield f"Laws were fitted to the means of the sizes and weighed by AICc. {WEIGHED}"
