"""Decision rules as data, and the one engine that turns comparisons into a verdict.

A prediction is a list of predicates over comparisons. To add a kind of predicate, write
a frozen model with a ``kind`` and an ``evaluate`` and add it to `Predicate`.

The rules below call a verdict other than inconclusive only if some comparison is
significant, so under the null the chance of any such verdict is the chance of a false
positive in any family: with all comparisons in one family (the default of `compare`) at
most alpha, whatever parts the hypothesis has. With one family for each part, that holds
for each part's verdict, but the overall verdict's rate rises to as much as the number of
families times alpha.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hyp.errors import HypError
from hyp.stats.offered import (
    Correction,
    EquivalenceTest,
    Test,
    chosen_test,
    name_of_test,
)
from hyp.text import joined

Comparison = Mapping[str, Any]
"""A row of `compare` (``result.to_dict("records")``), or of the plan, without results."""
Direction = Literal["better", "worse", "higher", "lower"]
"""Of the first cohort against the second; higher is as better, for scores without a good end."""

ComparedAt = Literal["equal batches", "equal loss"]

_SIGN = {"better": 1, "higher": 1, "worse": -1, "lower": -1}
_COUNTS = (
    {"somewhere": "in at least one comparison", "nowhere": "in no comparison"},
    {"somewhere": "in at least one", "nowhere": "in none"},
)


class Finding(NamedTuple):
    """Whether a predicate holds, and in which words."""

    holds: bool
    words: str


class _Need(BaseModel):
    """A direction, and optionally the comparisons it is about.

    Attributes
    ----------
    direction : {"better", "worse"}
    where : dict
        For some of the rule's keys, the values that count; empty for all comparisons.
        ``{"layer": ("layer2.0.relu", "layer3.0.relu")}`` are intermediate layers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    direction: Direction
    where: dict[str, tuple[str, ...]] = {}

    def _found(
        self, comparisons: Sequence[Comparison], keys: Sequence[str], *, agreeing: bool
    ) -> Finding:
        hits = [
            place
            for place, row in zip(places_of(comparisons, keys), comparisons, strict=True)
            if row["significant"]
            and row["direction"] == _SIGN[self.direction]
            and _within(row, self.where)
            and (row.get("signs_agree", True) or not agreeing)
        ]
        count = count_words([row for row in comparisons if _within(row, self.where)])
        return Finding(
            bool(hits), f"{self.direction} in {listed_places(hits) or f'none of {count}'}"
        )


class Somewhere(_Need):
    """A significant difference in this direction in at least one comparison.

    One whose estimate points elsewhere than its test (``signs_agree`` is False) is none.
    """

    kind: Literal["somewhere"] = "somewhere"

    def evaluate(self, comparisons: Sequence[Comparison], keys: Sequence[str]) -> Finding:
        """Look at the comparisons; `keys` name them."""
        return self._found(comparisons, keys, agreeing=True)


class Nowhere(_Need):
    """No significant difference in this direction in any comparison."""

    kind: Literal["nowhere"] = "nowhere"

    def evaluate(self, comparisons: Sequence[Comparison], keys: Sequence[str]) -> Finding:
        """Look at the comparisons; `keys` name them."""
        found, words = self._found(comparisons, keys, agreeing=False)
        return Finding(not found, words)


class NotLower(BaseModel):
    """Nowhere lower by as much as the rule's margin: every non-inferiority test passes.

    All must pass at alpha for the one claim, so it needs no correction.

    Attributes
    ----------
    where : dict
        For some of the rule's keys, the values that count; empty for all comparisons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["not lower"] = "not lower"
    where: dict[str, tuple[str, ...]] = {}

    def evaluate(self, comparisons: Sequence[Comparison], keys: Sequence[str]) -> Finding:
        """Look at the comparisons; `keys` name them."""
        asked = [
            (place, bool(row.get("not_lower", False)))
            for place, row in zip(places_of(comparisons, keys), comparisons, strict=True)
            if _within(row, self.where)
        ]
        open_ = [place for place, passed in asked if not passed]
        if open_ or not asked:
            return Finding(False, f"perhaps lower in {listed_places(open_) or 'none'}")
        return Finding(True, f"not lower by the margin in any of {count_words(asked)}")


Predicate = Annotated[Somewhere | Nowhere | NotLower, Field(discriminator="kind")]
ONLY_BETTER = (Somewhere(direction="better"), Nowhere(direction="worse"))
ONLY_WORSE = (Somewhere(direction="worse"), Nowhere(direction="better"))
BETTER_AND_WORSE = (Somewhere(direction="better"), Somewhere(direction="worse"))
ONLY_HIGHER = (Somewhere(direction="higher"), Nowhere(direction="lower"))
ONLY_LOWER = (Somewhere(direction="lower"), Nowhere(direction="higher"))
HIGHER_AND_LOWER = (Somewhere(direction="higher"), Somewhere(direction="lower"))


class Prediction(BaseModel):
    """What one of the rival hypotheses says about the comparisons.

    Attributes
    ----------
    name : str
        Short name, such as ``H1``.
    claim : str
        The hypothesis in words, without a full stop.
    needs : tuple of predicates
        All must hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    claim: str
    needs: tuple[Predicate, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _can_lose(self) -> Self:
        if all(isinstance(need, Nowhere) for need in self.needs):
            raise HypError(
                f"the prediction {self.name} only needs that something is not found, which is no "
                "evidence; add what must be found ('better somewhere'), or 'not lower'."
            )
        found = [(need.direction, need.where) for need in self.needs if isinstance(need, Somewhere)]
        for need in self.needs:
            if isinstance(need, Nowhere) and (need.direction, need.where) in found:
                raise HypError(
                    f"the prediction {self.name} needs {need.direction} somewhere and nowhere, "
                    "which never holds; leave one out."
                )
        return self


class Part(BaseModel):
    """Some of a hypothesis' comparisons, judged on their own too.

    Attributes
    ----------
    name : str
        The part's name.
    where : dict
        For some of the rule's keys, the values that belong to the part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    where: dict[str, tuple[str, ...]]

    def holds(self, comparison: Comparison) -> bool:
        """Whether the comparison belongs to the part."""
        return _within(comparison, self.where)


class DecisionRule(BaseModel):
    """How a hypothesis' comparisons become a verdict.

    Attributes
    ----------
    keys : tuple of str
        Columns that tell one comparison from another.
    predictions : tuple of Prediction
        The rivals. If exactly one holds it is supported.
    mixed : tuple of predicates
        If all hold, or several predictions do, the outcome is mixed.
    alpha : float
        Family-wise error rate of the comparisons.
    alternative : {"two-sided", "greater", "less"}
        Direction of the comparisons' tests.
    margin : float, optional
        Largest difference, in units of the score, that would not matter. With it the
        outcome can be ``equivalent``: no prediction holds, and in every comparison the
        difference is within the margin. All must pass at alpha for the one claim, so it
        needs no correction (an intersection-union test).
    parts : tuple of Part
        Parts that get verdicts of their own beside the overall one.
    correction : {"holm", "max-t"}
        How the comparisons of a family are corrected: max-T over permuted labels of whole
        units where they are all made on the same units, see `hyp.stats.families`.
    test : {"rank", "studentized", "brunner-munzel"}, optional
        Test of a comparison, see `hyp.stats.compare`. Without a word, rank under Holm and
        studentized under max-T.
    equivalence_test : {"welch", "rank", "studentized", "brunner-munzel"}
        Test of equivalence with the margin.
    paired : bool
        Whether every unit of one group has a partner in the other.
    compared_at : {"equal batches", "equal loss"}
        Which comparison of trained networks is judged: after equal numbers of batches, or where
        their held-out losses were equal.

    Examples
    --------
    >>> rule = DecisionRule(
    ...     predictions=(
    ...         Prediction(name="H1", claim="variability helps", needs=ONLY_BETTER),
    ...         Prediction(name="H2", claim="variability breeds invariance", needs=ONLY_WORSE),
    ...     ),
    ...     mixed=BETTER_AND_WORSE,
    ... )
    >>> layer = dict(target="distance", non_target="category", latent="category", family="all",
    ...              layer="layer3.0", n_a=5, n_b=5, difference=0.04, ci_low=0.02,
    ...              ci_high=0.06, p=0.0079, p_holm=0.0079, direction=1, significant=True)
    >>> from hyp.stats.deciding import judge
    >>> judge(rule, [layer]).sentence
    'H1 is supported: variability helps (better in layer3.0, worse in none of 1 comparison).'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[str, ...] = ("target", "non_target", "latent", "layer")
    predictions: tuple[Prediction, ...] = Field(min_length=1)
    mixed: tuple[Predicate, ...] = ()
    alpha: float = Field(default=0.05, gt=0, lt=1)
    alternative: Literal["two-sided", "greater", "less"] = "two-sided"
    margin: float | None = Field(default=None, gt=0)
    parts: tuple[Part, ...] = ()
    correction: Correction = Field("holm", exclude_if=lambda correction: correction == "holm")
    test: Test | None = Field(None, exclude_if=lambda test: test is None)
    equivalence_test: EquivalenceTest = Field("welch", exclude_if=lambda test: test == "welch")
    paired: bool = Field(False, exclude_if=lambda paired: not paired)
    compared_at: ComparedAt = Field("equal batches", exclude_if=lambda at: at == "equal batches")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [prediction.name for prediction in self.predictions]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise HypError(f"two predictions are called {twice}; give each a name of its own.")
        return self


def describe(rule: DecisionRule) -> str:
    """Say a rule in words.

    Examples
    --------
    >>> h1 = Prediction(name="H1", claim="variability helps", needs=ONLY_BETTER)
    >>> describe(DecisionRule(predictions=(h1,))).split(";")[0]
    'H1 if better in at least one comparison and worse in none'
    """
    clauses = [f"{p.name} if {_described(p.needs)}" for p in rule.predictions]
    if rule.mixed:
        clauses.append(f"mixed if {_described(rule.mixed)}")
    if rule.margin is not None:
        clauses.append(f"equivalent if every difference is within ±{rule.margin:g}")
    test = chosen_test(rule.test, rule.correction)
    exact = "its exact p"
    if test != "rank" or rule.paired:
        exact = f"its p by the {name_of_test(test, paired=rule.paired)} test"
    corrected = "by Holm"
    if rule.correction == "max-t":
        what = "signs of whole pairs" if rule.paired else "labels of whole units"
        corrected = f"by max-T over permuted {what}"
    told = (
        f"{'; '.join(clauses)}; otherwise inconclusive. A comparison counts if {exact}, "
        f"corrected {corrected} within its family, is at most {rule.alpha:g}."
    )
    if rule.compared_at == "equal loss":
        told += " Networks are compared where their held-out losses were equal."
    return told


def _described(needs: Sequence[Predicate]) -> str:
    first, later = _COUNTS
    counts = [first, *[later] * (len(needs) - 1)]
    return " and ".join(
        (
            "not lower by the margin in any comparison"
            if isinstance(need, NotLower)
            else f"{need.direction} {count[need.kind]}"
        )
        + "".join(f" of {joined(values)}" for values in need.where.values())
        for need, count in zip(needs, counts, strict=True)
    )


def corrected_p(row: Comparison) -> float:
    """Return the p that decides."""
    return float(row.get("p_corrected", row["p_holm"]))


def where_words(
    needs: Sequence[Predicate], comparisons: Sequence[Comparison], keys: Sequence[str]
) -> str:
    """Say where predicates hold."""
    return ", ".join(need.evaluate(comparisons, keys).words for need in needs)


def _within(comparison: Comparison, where: Mapping[str, Sequence[str]]) -> bool:
    return all(str(comparison[key]) in values for key, values in where.items())


def listed_places(places: Sequence[tuple[str, ...]]) -> str:
    """List places, those that differ in the last key only behind what they share."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for *shared, last in places:
        groups.setdefault(tuple(shared), []).append(last)
    return joined(
        [
            f"{' '.join(shared)} ({joined(lasts)})" if shared else joined(lasts)
            for shared, lasts in groups.items()
        ]
    )


def names_of(comparisons: Sequence[Comparison], keys: Sequence[str]) -> list[str]:
    """Name comparisons."""
    return [" ".join(place) for place in places_of(comparisons, keys)]


def places_of(
    comparisons: Sequence[Comparison],
    keys: Sequence[str],
    among: Sequence[Comparison] | None = None,
) -> list[tuple[str, ...]]:
    """Tell comparisons by the keys that vary among all, or by the last if none does."""
    every = comparisons if among is None else among
    varying = [key for key in keys if len({row[key] for row in every}) > 1] or [keys[-1]]
    return [tuple(str(row[key]) for key in varying) for row in comparisons]


def split_places(
    rule: DecisionRule, comparisons: Sequence[Comparison]
) -> list[tuple[Part, list[Comparison]]]:
    """Return the comparisons of each part."""
    split = [(part, [row for row in comparisons if part.holds(row)]) for part in rule.parts]
    for part, own in split:
        if not own:
            raise HypError(f"no comparison belongs to the part {part.name!r}; check its 'where'.")
    return split


def p_word(comparisons: Sequence[Comparison]) -> str:
    """Name the p that decides."""
    return "corrected p" if any(corrected_p(row) != row["p"] for row in comparisons) else "p"


def count_words(comparisons: Sequence[Any], *, every: bool = False) -> str:
    """Say how many comparisons there are."""
    if every:
        return "the one comparison" if len(comparisons) == 1 else f"all {count_words(comparisons)}"
    return f"{len(comparisons)} comparison{'' if len(comparisons) == 1 else 's'}"
