"""Whether one cohort scores higher than others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from hyp.hypotheses.questions.base import (
    Alternative,
    Evidence,
    Question,
    Values,
    higher_words,
    measured_words,
)
from hyp.hypotheses.scores import AnyScore, Score
from hyp.stats.attainable import attainable_p
from hyp.text import joined

if TYPE_CHECKING:
    import pandas as pd

_AGAINST_SEVERAL = "against the best of several"
_PLACE = ["measured", "layer"]
_WHOLE = ("n_a", "n_b", "direction", "n_pooled", "direction_pooled")


class Contrast(Question):
    """Whether cohort `a` scores higher than cohort `b`: exact Mann-Whitney over seeds.

    With several cohorts in `b` it is held against the best of them: higher only if it is
    higher than every one (the largest p counts), lower if it is lower than any (the smallest p,
    times their number).

    Attributes
    ----------
    score : score
        What is measured: decoding, alignment, depth or performance.
    a : str
        The cohort that is asked about.
    b : tuple of str
        The cohorts that it is held against.
    """

    cohort_fields: ClassVar = ("a", "b")
    pooled_unit: ClassVar = "fold of every network"
    pools_folds: ClassVar = True
    has_margin: ClassVar = True
    tested: ClassVar = (
        "Exact Mann-Whitney tests over networks, with Welch intervals of the difference of means"
    )

    kind: Literal["contrast"] = "contrast"
    score: Score
    a: str
    b: tuple[str, ...] = Field(min_length=1)

    @property
    def scored(self) -> AnyScore:
        """What it measures."""
        return self.score

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cohorts that are held against each other."""
        return tuple((self.a, other) for other in self.b)

    def describe(self) -> str:
        """Say what is held against what, by the cohorts' names."""
        best = "the best of " if len(self.b) > 1 else ""
        return f"{measured_words(self.score)}: {self.a} against {best}{', '.join(self.b)}"

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        """Put the question into words."""
        others = joined([titles[name] for name in self.b], "or")
        best = "the best of " if len(self.b) > 1 else ""
        return (
            f"Is {measured} {higher_words(alternative)} for “{titles[self.a]}” than for "
            f"{best}“{others}”?"
        )

    def networks(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks are compared, such as ``6 v 6``."""
        others = " or ".join(str(n) for n in dict.fromkeys(sizes[name] for name in self.b))
        return f"{sizes[self.a]} v {others}"

    def smallest_p(self, sizes: Mapping[str, int], *, two_sided: bool) -> float:
        """Return the smallest p that one of its comparisons can give."""
        each = [attainable_p(sizes[self.a], sizes[name], two_sided=two_sided) for name in self.b]
        return min(1.0, max(each), len(each) * min(each))

    def rows(self, evidence: Evidence) -> Iterator[Values]:
        """Answer it: one row per latent, region or task, and layer."""
        table = self.own_scores(evidence)
        pooled = self.own_scores(evidence, protocol="published")
        titles = evidence.titles
        alternative = self.direction(evidence.alternative)
        tables = [
            _compared(table, self.a, other, alternative, evidence.margin).join(
                _pooled(pooled, self.a, other)
            )
            for other in self.b
        ]
        for place in tables[0].index:
            each = [
                {**_whole(one.loc[place].to_dict()), "b": titles[other]}
                for one, other in zip(tables, self.b, strict=True)
            ]
            row = each[0] if len(each) == 1 else _against_best(each)
            measured, layer = place
            yield {
                **row,
                "measured": measured,
                "layer": layer,
                "a": titles[self.a],
                "effect": "difference",
            }


def _compared(
    table: pd.DataFrame, a: str, b: str, alternative: Alternative, margin: float | None
) -> pd.DataFrame:
    from hyp.stats.comparisons import compare
    from hyp.stats.tost import equivalence

    chosen = table[table["cohort"].isin([a, b])].rename(columns={"cohort": "group"})
    found = compare(
        chosen, _PLACE, groups=(a, b), alternative=alternative, margin=margin
    ).set_index(_PLACE)
    wanted = [
        *("n_a", "n_b", "mean_a", "mean_b", "sd_a", "sd_b", "difference", "ci_low", "ci_high"),
        *("ps", "ps_low", "ps_high", "p", "p_attainable", "direction"),
    ]
    if margin is None:
        return found[wanted]
    means = chosen.groupby([*_PLACE, "group", "seed"], observed=True)["score"].mean()
    not_lower = [
        equivalence(means.loc[(*place, a)], means.loc[(*place, b)], margin).p_not_lower
        if min(found.loc[place, "n_a"], found.loc[place, "n_b"]) > 1
        else np.nan
        for place in found.index
    ]
    return found[[*wanted, "p_equivalence"]].assign(p_not_lower=not_lower)


def _pooled(table: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Compare every fold of every network as if independent, where there are such scores."""
    import pandas as pd

    from hyp.stats.published import compare_published

    chosen = table[table["cohort"].isin([a, b])].rename(columns={"cohort": "group"})
    columns = ["effect_pooled", "p_pooled", "n_pooled", "direction_pooled"]
    if set(chosen["group"]) != {a, b}:
        return pd.DataFrame(columns=columns, index=pd.MultiIndex.from_tuples([], names=_PLACE))
    found = compare_published(chosen, _PLACE, groups=(a, b)).set_index(_PLACE)
    return found.assign(
        effect_pooled=found["difference"],
        p_pooled=found["p"],
        n_pooled=found["n_a"] + found["n_b"],
        direction_pooled=found["direction"],
    )[columns]


def _whole(values: Values) -> Values:
    """Restore the whole numbers, which a row of mixed types turned to floats."""
    return {
        name: int(value) if name in _WHOLE and np.isfinite(value) else value
        for name, value in values.items()
    }


def _against_best(each: Sequence[Values]) -> Values:
    """Hold a cohort against the best of several: see `Contrast`."""
    best = min(each, key=lambda row: float(row["difference"]))
    p = [float(row["p"]) for row in each]
    lower = [float(row["p"]) for row in each if row["direction"] < 0]
    if all(row["direction"] > 0 for row in each):
        p_best, direction = max(p), 1
    elif lower:
        p_best, direction = min(1.0, len(each) * min(lower)), -1
    else:
        p_best, direction = 1.0, 0
    found = {**best, "p": p_best, "direction": direction, "note": _AGAINST_SEVERAL}
    for name in ("p_pooled", "effect_pooled", "n_pooled", "direction_pooled"):
        found[name] = None
    for name in ("p_equivalence", "p_not_lower"):
        if name in best:
            found[name] = max(float(row[name]) for row in each)
    return found
