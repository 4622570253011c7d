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

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from hyp.errors import HypError
from hyp.stats.attainable import (
    How,
    attainable_p,
    multiplicity,
    smallest_p,
    untestable_sentence,
)
from hyp.stats.offered import (
    Correction,
    EquivalenceTest,
    Test,
    chosen_test,
    estimate_of,
    name_of_test,
)
from hyp.stats.verdict import Check, Outcome, Verdict
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


_CLAIMS: tuple[Outcome, ...] = ("supported", "mixed", "equivalent")
"""Outcomes that say that something was shown, which a confound takes away."""


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
            for place, row in zip(_places(comparisons, keys), comparisons, strict=True)
            if row["significant"]
            and row["direction"] == _SIGN[self.direction]
            and _within(row, self.where)
            and (row.get("signs_agree", True) or not agreeing)
        ]
        count = _count([row for row in comparisons if _within(row, self.where)])
        return Finding(bool(hits), f"{self.direction} in {_listed(hits) or f'none of {count}'}")


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
            for place, row in zip(_places(comparisons, keys), comparisons, strict=True)
            if _within(row, self.where)
        ]
        open_ = [place for place, passed in asked if not passed]
        if open_ or not asked:
            return Finding(False, f"perhaps lower in {_listed(open_) or 'none'}")
        return Finding(True, f"not lower by the margin in any of {_count(asked)}")


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


def judge_design(rule: DecisionRule, planned: Iterable[Comparison]) -> Verdict | None:
    """Return the verdict ``untestable`` if no data could give another, else None.

    With a margin, data can always show equivalence, unless a group has a single seed.

    Parameters
    ----------
    rule : DecisionRule
    planned : iterable of comparisons
        For each its keys, ``family``, ``n_a`` and ``n_b``; results are not
        looked at. ``p_attainable`` is, where it is there, and ``multiplicity``, by which the
        correction multiplies it at best.

    Raises
    ------
    HypError
        If there is no comparison, or a part has none.
    """
    comparisons = list(planned)
    sizes = Counter(comparison["family"] for comparison in comparisons)
    overall = _judge_design("overall", rule, comparisons, sizes)
    if overall is None or (
        rule.margin is not None and all(_within_reach(rule, row) for row in comparisons)
    ):
        return None
    parts = [_judge_design(part.name, rule, own, sizes) for part, own in _split(rule, comparisons)]
    return overall.model_copy(update={"parts": tuple(part for part in parts if part)})


def judge(
    rule: DecisionRule, comparisons: Iterable[Comparison], checks: Iterable[Check] = ()
) -> Verdict:
    """Judge comparisons by a rule.

    In this order: ``untestable`` if no comparison could have reached alpha (unless a
    margin was declared and all are equivalent), ``invalid`` if a manipulation check
    failed, ``confounded`` if one failed that leaves another cause for what was found,
    ``supported`` if exactly one prediction holds, ``mixed`` if the rule's mixed
    pattern does or several predictions do, ``equivalent`` if every difference is within
    the declared margin, otherwise ``inconclusive``. A part is judged by the same rule on
    its own comparisons, with the corrections of the whole, and by the checks that concern
    it. The reasons are the significant comparisons, given with the parts where there are
    any.

    Parameters
    ----------
    rule : DecisionRule
    comparisons : iterable of mappings
        Rows of `compare` or `compare_published`.
    checks : iterable of Check
        The manipulation checks.

    Raises
    ------
    HypError
        If there is no comparison, a part has none, or comparisons were not made by the test
        and the correction that the rule declares.
    """
    rows, checks = list(comparisons), list(checks)
    _check_as_declared(rule, rows)
    sizes = Counter(row["family"] for row in rows)
    parts = tuple(
        _judge(part.name, rule, own, sizes, [c for c in checks if c.part in ("", part.name)])
        for part, own in _split(rule, rows)
    )
    overall = _judge("overall", rule, rows, sizes, checks)
    decided = overall.outcome not in ("untestable", "invalid")
    reasons = () if parts and decided else overall.reasons
    return overall.model_copy(update={"parts": parts, "reasons": reasons})


def _judge(
    name: str,
    rule: DecisionRule,
    comparisons: Sequence[Comparison],
    sizes: Mapping[str, int],
    checks: Sequence[Check],
) -> Verdict:
    untestable = _judge_design(name, rule, comparisons, sizes)
    if untestable is not None and not _equivalent(rule, comparisons):
        return untestable
    failed = [check for check in checks if not check.passed and not check.confound]
    if failed:
        names = list(dict.fromkeys(check.name for check in failed))
        return Verdict(
            name=name,
            outcome="invalid",
            sentence=f"The experiment cannot be judged: {joined(names)} "
            f"failed as {'a manipulation check' if len(names) == 1 else 'manipulation checks'}.",
            reasons=tuple(check.sentence for check in failed),
        )
    outcome, prediction, sentence = _decide(rule, comparisons)
    reasons = tuple(_reasons(rule, comparisons))
    doubts = [check for check in checks if not check.passed and check.confound]
    if doubts and outcome in _CLAIMS:
        names = list(dict.fromkeys(check.name for check in doubts))
        found = sentence.replace(" is supported:", " would be supported:").rstrip(".")
        return Verdict(
            name=name,
            outcome="confounded",
            sentence=f"Nothing is shown: {joined(names)} failed. Without that, {found}.",
            reasons=(*(check.sentence for check in doubts), *reasons),
        )
    return Verdict(
        name=name, outcome=outcome, prediction=prediction, sentence=sentence, reasons=reasons
    )


def _judge_design(
    name: str, rule: DecisionRule, comparisons: Sequence[Comparison], sizes: Mapping[str, int]
) -> Verdict | None:
    if not comparisons:
        raise HypError("there is no comparison to judge; declare at least one.")
    reachable = [_reachable(row, rule) * _times(row, rule, sizes) for row in comparisons]
    if min(reachable) <= rule.alpha:
        return None
    if _counts_on_margin(rule) and all(_within_reach(rule, row) for row in comparisons):
        return None
    how = _how(rule)
    designs = sorted(
        {
            (c["n_a"], c["n_b"], sizes[c["family"]])
            for c in comparisons
            if _reachable(c, rule) == _by_size(c, rule)
            and _times(c, rule, sizes) == multiplicity(sizes[c["family"]], rule.correction)
        },
        key=lambda design: attainable_p(*design[:2], paired=rule.paired) * design[2],
    )
    sentences = tuple(untestable_sentence(*design, rule.alpha, **how) for design in designs) or (
        f"the smallest corrected p that any of {_count(comparisons)} can give is "
        f"{min(1.0, *reachable):.2g}, which is above {rule.alpha:g}; use more seeds.",
    )
    sentence = f"The design cannot reach a verdict: {sentences[0]}"
    return Verdict(name=name, outcome="untestable", sentence=sentence, reasons=sentences)


def _check_as_declared(rule: DecisionRule, comparisons: Sequence[Comparison]) -> None:
    """Refuse comparisons that were made otherwise than declared, or do not say how."""
    test = name_of_test(chosen_test(rule.test, rule.correction), paired=rule.paired)
    plain = rule.correction == "holm" and test == "Mann-Whitney"
    for row in comparisons:
        if row.get("protocol") == "published":
            continue
        made = row.get("correction", "holm" if plain else "unknown"), row.get("test", test)
        if made != (rule.correction, test):
            raise HypError(
                f"the rule declares the {test} test corrected by {rule.correction}, but the "
                f"comparisons were made by the {made[1]} test and corrected by {made[0]}; make "
                "them as the rule says."
            )


def _reachable(row: Comparison, rule: DecisionRule) -> float:
    """Return the smallest p of a row: what it says, or what its numbers of seeds allow."""
    return float(row["p_attainable"]) if "p_attainable" in row else _by_size(row, rule)


def _by_size(row: Comparison, rule: DecisionRule) -> float:
    return smallest_p(row["n_a"], row["n_b"], **_how(rule))


def _times(row: Comparison, rule: DecisionRule, sizes: Mapping[str, int]) -> int:
    return int(row.get("multiplicity", multiplicity(sizes[row["family"]], rule.correction)))


def _how(rule: DecisionRule) -> How:
    return {
        "two_sided": rule.alternative == "two-sided",
        "paired": rule.paired,
        "test": rule.test,
        "correction": rule.correction,
    }


def _within_reach(rule: DecisionRule, row: Comparison) -> bool:
    """Whether scores could be such that the test of equivalence passes."""
    if min(row["n_a"], row["n_b"]) < 2:
        return False
    if rule.equivalence_test == "welch":
        return True
    smallest = attainable_p(
        row["n_a"], row["n_b"], two_sided=False, paired=rule.paired, test=rule.equivalence_test
    )
    return smallest <= rule.alpha


def _counts_on_margin(rule: DecisionRule) -> bool:
    return any(isinstance(need, NotLower) for one in rule.predictions for need in one.needs)


def _decide(
    rule: DecisionRule, comparisons: Sequence[Comparison]
) -> tuple[Outcome, str | None, str]:
    held = [
        prediction
        for prediction in rule.predictions
        if all(need.evaluate(comparisons, rule.keys).holds for need in prediction.needs)
    ]
    if len(held) == 1:
        words = _words(held[0].needs, comparisons, rule.keys)
        sentence = f"{held[0].name} is supported: {held[0].claim} ({words})."
        return "supported", held[0].name, sentence
    if len(held) > 1:
        names = " and ".join(prediction.name for prediction in held)
        return "mixed", None, f"The evidence is mixed: {names} hold at once."
    mixed = [need.evaluate(comparisons, rule.keys) for need in rule.mixed]
    if mixed and all(finding.holds for finding in mixed):
        words = _words(rule.mixed, comparisons, rule.keys)
        return "mixed", None, f"The evidence is mixed: {words}."
    if _equivalent(rule, comparisons):
        largest = max(row["p_equivalence"] for row in comparisons)
        sentence = (
            f"The groups are equivalent: in {_count(comparisons, every=True)} the difference is "
            f"within ±{rule.margin:g} (largest p of the equivalence tests {largest:.2g})."
        )
        return "equivalent", None, sentence
    names = " nor ".join(prediction.name for prediction in rule.predictions)
    lead = f"Neither {names} is supported" if len(rule.predictions) > 1 else f"No case for {names}"
    significant = [row for row in comparisons if row["significant"]]
    contrary = [row for row in significant if not row.get("signs_agree", True)]
    if contrary:
        found = _listed(_places(contrary, rule.keys, comparisons))
        return (
            "inconclusive",
            None,
            f"{lead}: in {found} the test and the estimates do not point the same way (test "
            f"{_signed(contrary[0]['direction'])}, shift {_signed(contrary[0]['shift'])}, "
            f"difference of means {_signed(contrary[0]['difference'])}); look for a seed that "
            "failed.",
        )
    if significant:
        found = _listed(_places(significant, rule.keys))
        return (
            "inconclusive",
            None,
            f"{lead}: what was found ({found}) is not what one of them needs.",
        )
    smallest = min(_corrected_p(comparison) for comparison in comparisons)
    return (
        "inconclusive",
        None,
        f"{lead}: the smallest {_p_word(comparisons)} of {_count(comparisons)} is "
        f"{smallest:.2g} and alpha is {rule.alpha:g}.",
    )


def _equivalent(rule: DecisionRule, comparisons: Sequence[Comparison]) -> bool:
    return rule.margin is not None and all(
        row.get("p_equivalence", 1.0) <= rule.alpha for row in comparisons
    )


def _reasons(rule: DecisionRule, comparisons: Sequence[Comparison]) -> list[str]:
    names, p_word = _names(comparisons, rule.keys), _p_word(comparisons)
    return [
        _reason(name, row, p_word)
        for name, row in zip(names, comparisons, strict=True)
        if row["significant"]
    ]


def _reason(name: str, row: Comparison, p_word: str) -> str:
    of = estimate_of(row)
    interval = "" if isnan(of.low) else f" (95 % interval {of.low:+.3g} to {of.high:+.3g})"
    verb = "correlates" if row.get("effect") == "correlation" else "differs"
    apart = ""
    if not row.get("signs_agree", True):
        apart = (
            f"; the test points {_signed(row['direction'])}, the means differ by "
            f"{row['difference']:+.3g}, so this is no support"
        )
    return f"{name} {verb}: {of.value:+.3g}{interval}, {p_word} = {_corrected_p(row):.2g}{apart}."


def _signed(value: float) -> str:
    return "up" if value > 0 else "down" if value < 0 else "nowhere"


def _corrected_p(row: Comparison) -> float:
    return float(row.get("p_corrected", row["p_holm"]))


def _words(
    needs: Sequence[Predicate], comparisons: Sequence[Comparison], keys: Sequence[str]
) -> str:
    return ", ".join(need.evaluate(comparisons, keys).words for need in needs)


def _within(comparison: Comparison, where: Mapping[str, Sequence[str]]) -> bool:
    return all(str(comparison[key]) in values for key, values in where.items())


def _listed(places: Sequence[tuple[str, ...]]) -> str:
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


def _names(comparisons: Sequence[Comparison], keys: Sequence[str]) -> list[str]:
    return [" ".join(place) for place in _places(comparisons, keys)]


def _places(
    comparisons: Sequence[Comparison],
    keys: Sequence[str],
    among: Sequence[Comparison] | None = None,
) -> list[tuple[str, ...]]:
    """Tell comparisons by the keys that vary among all, or by the last if none does."""
    every = comparisons if among is None else among
    varying = [key for key in keys if len({row[key] for row in every}) > 1] or [keys[-1]]
    return [tuple(str(row[key]) for key in varying) for row in comparisons]


def _split(
    rule: DecisionRule, comparisons: Sequence[Comparison]
) -> list[tuple[Part, list[Comparison]]]:
    split = [(part, [row for row in comparisons if part.holds(row)]) for part in rule.parts]
    for part, own in split:
        if not own:
            raise HypError(f"no comparison belongs to the part {part.name!r}; check its 'where'.")
    return split


def _p_word(comparisons: Sequence[Comparison]) -> str:
    return "corrected p" if any(_corrected_p(row) != row["p"] for row in comparisons) else "p"


def _count(comparisons: Sequence[Any], *, every: bool = False) -> str:
    if every:
        return "the one comparison" if len(comparisons) == 1 else f"all {_count(comparisons)}"
    return f"{len(comparisons)} comparison{'' if len(comparisons) == 1 else 's'}"
