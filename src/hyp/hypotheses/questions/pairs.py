"""How alike pairs of networks are: closer, alike within cohorts, tighter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hyp.errors import HypError
from hyp.hypotheses.profile import PIXELS
from hyp.hypotheses.questions.base import Alternative, Evidence, Question, Values
from hyp.hypotheses.questions.panels import (
    RAW_PIXELS,
    NetworkMaps,
    PairMatrix,
    Panel,
    ScorePanel,
    Series,
    network_means,
    within_and_between,
)
from hyp.hypotheses.scores import AnyScore, Similarity
from hyp.stats.attainable import attainable_p, attainable_within_p
from hyp.text import joined

if TYPE_CHECKING:
    from hyp.hypotheses.result import Row
    from hyp.stats.group_pairs import Closeness, Tightness
    from hyp.stats.pairs import PairContrast
    from hyp.stats.pairs_published import PublishedPairs

_MORE = {"two-sided": "more (or less)", "greater": "more", "less": "less"}

Matrix = NDArray[np.float64]


class PairQuestion(Question):
    """A question about pairs of networks.

    Attributes
    ----------
    similarity : Similarity
        By which measure two networks are alike.
    """

    pooled_unit: ClassVar = "pair of networks"
    tested: ClassVar = "Permutation tests over the labels of whole networks"
    maps: ClassVar[bool] = False
    """Whether its figures show where all networks lie."""
    independent: ClassVar[bool] = False
    """Whether the networks' means over their pairs share no network."""
    fewest: ClassVar[int] = 2
    """Networks that every cohort needs."""

    similarity: Similarity = Similarity()

    @property
    def scored(self) -> AnyScore:
        """What it measures."""
        return self.similarity

    def rows(self, evidence: Evidence) -> Iterator[Values]:
        """Answer it: one row per layer."""
        for layer, matrix in self._matrices(evidence):
            yield {
                "measured": self.similarity.measure,
                "layer": layer,
                "effect": "difference",
                **self._row(matrix, evidence),
            }

    def _row(self, matrix: Matrix, evidence: Evidence) -> Values:
        """Return what one layer gives: titles, sizes, means and tests."""
        raise NotImplementedError

    def smallest_p(self, sizes: Mapping[str, int], *, two_sided: bool) -> float:
        """Return the smallest p that one of its comparisons can give."""
        return attainable_p(*self.counted(sizes), two_sided=two_sided)

    def too_few(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks it needs, where there are fewer."""
        there = self._scarcest(sizes)
        needed = f"at least {self.fewest} networks per cohort, not {there}"
        return needed if there < self.fewest else ""

    def _scarcest(self, sizes: Mapping[str, int]) -> int:
        """Return the number of networks that must not be below `fewest`."""
        return min(self.counted(sizes))

    def panels(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Panel]:
        """Return every network's pairs by layer, those with the pixels, and matrices."""
        measure, networks = self.similarity.measure, evidence.similarities.networks
        labels = np.array(networks)
        order = np.concatenate([np.flatnonzero(labels == name) for name in self.about])
        cohorts: list[str] = labels[order].tolist()
        whole = dict(self._matrices(evidence))
        matrices = {row.layer: whole[row.layer][np.ix_(order, order)] for row in rows}
        kinds: dict[str, dict[str, list[float]]] = {}
        for layer, matrix in matrices.items():
            found = zip((rows[0].a, rows[0].b), self._each(matrix, cohorts), strict=True)
            for title, values in [*found, *self._own(matrix, cohorts, evidence.titles)]:
                kinds.setdefault(title, {})[layer] = values.tolist()
        series = [
            Series(title, scores, interval=self.independent) for title, scores in kinds.items()
        ]
        title, shown = self._with_pixels(evidence.titles)
        pixels = {
            layer: whole[layer][np.ix_(np.isin(labels, shown), labels == PIXELS)].ravel().tolist()
            for layer in matrices
        }
        if any(pixels.values()):
            series.append(Series(title, pixels, reference=True, interval=False))
        yield ScorePanel(measure, tuple(matrices), tuple(series), pairs=True)
        layer = max(rows, key=lambda row: abs(row.difference)).layer
        yield PairMatrix(measure, layer, matrices[layer], cohorts, drawn=self.maps)
        if self.maps:
            yield NetworkMaps(measure, matrices, cohorts)

    def _each(self, matrix: Matrix, cohorts: Sequence[str]) -> tuple[Matrix, Matrix]:
        """Return every network's mean over both kinds of pairs."""
        raise NotImplementedError

    def _own(
        self, matrix: Matrix, cohorts: Sequence[str], titles: Mapping[str, str]
    ) -> list[tuple[str, Matrix]]:
        """Return further kinds of pairs that its figure shows: titles, and networks' means."""
        return []

    def _with_pixels(self, titles: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        """Return which cohorts are held against the pixels, and what to call that."""
        return f"with the {RAW_PIXELS}", self.about

    def _matrices(self, evidence: Evidence) -> Iterator[tuple[str, Matrix]]:
        found = False
        for (measure, layer), matrix in evidence.similarities.matrices.items():
            if measure == self.similarity.measure and layer in (self.layers or (layer,)):
                found = True
                yield layer, matrix
        if not found:
            raise HypError(
                f"the question {self.name!r} finds no similarities by "
                f"{self.similarity.measure}; check its 'layers'."
            )


class Closer(PairQuestion):
    """Whether the networks of `anchor` are more alike those of `b` than those of `c`.

    See `hyp.stats.group_pairs`: the models of b and c are permuted.

    Attributes
    ----------
    anchor : str
        The cohort whose neighbours are asked about.
    b, c : str
        The cohorts that may be closer to it.
    """

    cohort_fields: ClassVar = ("anchor", "b", "c")
    independent: ClassVar = True

    kind: Literal["closer"] = "closer"
    anchor: str
    b: str
    c: str

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cohorts that are held against each other."""
        return ((self.b, self.c),)

    def describe(self) -> str:
        """Say what is held against what, by the cohorts' names."""
        return f"similarity of {self.anchor} to {self.b} against that to {self.c}"

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        """Put the question into words."""
        return (
            f"Are networks of “{titles[self.anchor]}” {_MORE[alternative]} alike those of "
            f"“{titles[self.b]}” than those of “{titles[self.c]}” ({measured})?"
        )

    def counted(self, sizes: Mapping[str, int]) -> list[int]:
        """Return the number of networks of each cohort that is compared."""
        return [sizes[self.b], sizes[self.c]]

    def _each(self, matrix: Matrix, cohorts: Sequence[str]) -> tuple[Matrix, Matrix]:
        to_anchor, own = network_means(matrix, cohorts)[self.anchor], np.array(cohorts)
        return to_anchor[own == self.b], to_anchor[own == self.c]

    def _with_pixels(self, titles: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        return f"{titles[self.anchor]} ~ the {RAW_PIXELS}", (self.anchor,)

    def _row(self, matrix: Matrix, evidence: Evidence) -> Values:
        from hyp.stats.group_pairs import closeness
        from hyp.stats.pairs_published import closeness_published

        named = (self.anchor, self.b, self.c)
        networks = evidence.similarities.networks
        alternative = self.direction(evidence.alternative)
        found = closeness(matrix, networks, *named, alternative=alternative)
        anchor, b, c = (evidence.titles[name] for name in named)
        return {
            **{"a": f"{anchor} ~ {b}", "b": f"{anchor} ~ {c}"},
            **{"n_a": found.n_b, "n_b": found.n_c},
            **{"mean_a": found.to_b, "mean_b": found.to_c},
            **_tested(found, closeness_published(matrix, networks, *named)),
        }


class Alike(PairQuestion):
    """Whether networks are more alike within cohorts than between them.

    See `hyp.stats.within_between`: the models' labels are permuted.

    Attributes
    ----------
    cohorts : tuple of str
        Two or more.
    """

    cohort_fields: ClassVar = ("cohorts",)
    two_groups: ClassVar = False
    maps: ClassVar = True

    kind: Literal["alike"] = "alike"
    cohorts: tuple[str, ...] = Field(min_length=2)

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cohorts that are held against each other."""
        return tuple(combinations(self.cohorts, 2))

    def describe(self) -> str:
        """Say what is held against what, by the cohorts' names."""
        return f"similarity within against between {', '.join(self.cohorts)}"

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        """Put the question into words."""
        cohorts = joined([titles[name] for name in self.cohorts], "and")
        return (
            f"Are networks of one cohort {_MORE[alternative]} alike than networks of two "
            f"({measured})? Cohorts: {cohorts}."
        )

    def networks(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks are compared, such as ``6 v 6``."""
        counted = self.counted(sizes)
        if len(set(counted)) == 1 and len(counted) > 3:
            return f"{len(counted)} x {counted[0]}"
        return super().networks(sizes)

    def smallest_p(self, sizes: Mapping[str, int], *, two_sided: bool) -> float:
        """Return the smallest p that one of its comparisons can give."""
        return attainable_within_p(self.counted(sizes), two_sided=two_sided)

    def _scarcest(self, sizes: Mapping[str, int]) -> int:
        return max(self.counted(sizes))

    def _each(self, matrix: Matrix, cohorts: Sequence[str]) -> tuple[Matrix, Matrix]:
        return within_and_between(matrix, cohorts)

    def _own(
        self, matrix: Matrix, cohorts: Sequence[str], titles: Mapping[str, str]
    ) -> list[tuple[str, Matrix]]:
        """Return each cohort's own pairs where two are compared, as the paper's Figure D.2."""
        if len(self.cohorts) > 2:
            return []
        means, labels = network_means(matrix, cohorts), np.array(cohorts)
        return [(f"within {titles[name]}", means[name][labels == name]) for name in self.cohorts]

    def _row(self, matrix: Matrix, evidence: Evidence) -> Values:
        from hyp.stats.group_pairs import separation
        from hyp.stats.pairs import within_between
        from hyp.stats.pairs_published import within_between_published

        networks = evidence.similarities.networks
        chosen = [k for k, name in enumerate(networks) if name in self.cohorts]
        own, labels = matrix[np.ix_(chosen, chosen)], [networks[k] for k in chosen]
        alternative = self.direction(evidence.alternative)
        found = within_between(own, labels, alternative=alternative)[0]
        return {
            **{"a": "within cohorts", "b": "between cohorts"},
            **{"n_a": found.models, "n_b": found.models},
            **{"mean_a": found.within, "mean_b": found.between},
            **_tested(found, within_between_published(own, labels)[0]),
            "ps": separation(own, labels),
            "note": f"{found.within_pairs} pairs within, {found.between_pairs} between",
        }


class Tighter(PairQuestion):
    """Whether the networks of `a` are more alike among themselves than those of `b`.

    See `hyp.stats.tightness`: networks, not pairs, are what is counted.

    Attributes
    ----------
    a, b : str
        The cohorts whose pairs of networks are held against each other.
    """

    cohort_fields: ClassVar = ("a", "b")
    fewest: ClassVar = 3

    kind: Literal["tighter"] = "tighter"
    a: str
    b: str

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cohorts that are held against each other."""
        return ((self.a, self.b),)

    def describe(self) -> str:
        """Say what is held against what, by the cohorts' names."""
        return f"similarity within {self.a} against that within {self.b}"

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        """Put the question into words."""
        return (
            f"Are networks of “{titles[self.a]}” {_MORE[alternative]} alike among themselves than "
            f"those of “{titles[self.b]}” ({measured})?"
        )

    def _each(self, matrix: Matrix, cohorts: Sequence[str]) -> tuple[Matrix, Matrix]:
        means, own = network_means(matrix, cohorts), np.array(cohorts)
        return means[self.a][own == self.a], means[self.b][own == self.b]

    def _row(self, matrix: Matrix, evidence: Evidence) -> Values:
        from hyp.stats.group_pairs import tightness
        from hyp.stats.pairs_published import tightness_published

        groups, titles = (self.a, self.b), evidence.titles
        networks = evidence.similarities.networks
        alternative = self.direction(evidence.alternative)
        found = tightness(matrix, networks, *groups, alternative=alternative)
        return {
            **{"a": f"within {titles[self.a]}", "b": f"within {titles[self.b]}"},
            **{"n_a": found.n_a, "n_b": found.n_b},
            **{"mean_a": found.within_a, "mean_b": found.within_b},
            **_tested(found, tightness_published(matrix, networks, *groups)),
        }


def _tested(found: Closeness | Tightness | PairContrast, pooled: PublishedPairs) -> Values:
    """Return the test over networks, and the published one over pairs as if independent."""
    return {
        "difference": found.difference,
        "ci_low": found.low,
        "ci_high": found.high,
        "p": found.p,
        "p_attainable": found.p_attainable,
        "direction": int(np.sign(found.difference)),
        "effect_pooled": pooled.difference,
        "p_pooled": pooled.p,
        "n_pooled": pooled.first_pairs + pooled.second_pairs,
        "direction_pooled": int(np.sign(pooled.difference)),
    }
