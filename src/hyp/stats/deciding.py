"""From comparisons to a verdict: the one engine that reads decision rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from hyp.errors import HypError
from hyp.stats.attainable import (
    How,
    attainable_p,
    multiplicity,
    smallest_p,
    untestable_sentence,
)
from hyp.stats.offered import (
    chosen_test,
    estimate_of,
    name_of_test,
)
from hyp.stats.rules import (
    Comparison,
    DecisionRule,
    NotLower,
    corrected_p,
    count_words,
    listed_places,
    names_of,
    p_word,
    places_of,
    split_places,
    where_words,
)
from hyp.stats.verdict import Check, Outcome, Verdict
from hyp.text import joined

_CLAIMS: tuple[Outcome, ...] = ("supported", "mixed", "equivalent")
"""Outcomes that say that something was shown, which a confound takes away."""


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

    Examples
    --------
    >>> from hyp.stats.rules import ONLY_BETTER, Prediction
    >>> rule = DecisionRule(keys=("layer",), predictions=(
    ...     Prediction(name="H1", claim="variability helps", needs=ONLY_BETTER),))
    >>> judge_design(rule, [dict(layer="fc", family="all", n_a=3, n_b=3)]).outcome
    'untestable'
    """
    comparisons = list(planned)
    sizes = Counter(comparison["family"] for comparison in comparisons)
    overall = _judge_design("overall", rule, comparisons, sizes)
    if overall is None or (
        rule.margin is not None and all(_within_reach(rule, row) for row in comparisons)
    ):
        return None
    parts = [
        _judge_design(part.name, rule, own, sizes) for part, own in split_places(rule, comparisons)
    ]
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

    Examples
    --------
    >>> from hyp.stats.rules import ONLY_BETTER, Prediction
    >>> rule = DecisionRule(keys=("layer",), predictions=(
    ...     Prediction(name="H1", claim="variability helps", needs=ONLY_BETTER),))
    >>> layer = dict(layer="fc", family="all", n_a=5, n_b=5, difference=0.04, ci_low=0.02,
    ...              ci_high=0.06, p=0.0079, p_holm=0.0079, direction=1, significant=True)
    >>> judge(rule, [layer]).outcome
    'supported'
    """
    rows, checks = list(comparisons), list(checks)
    _check_as_declared(rule, rows)
    sizes = Counter(row["family"] for row in rows)
    parts = tuple(
        _judge(part.name, rule, own, sizes, [c for c in checks if c.part in ("", part.name)])
        for part, own in split_places(rule, rows)
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
        f"the smallest corrected p that any of {count_words(comparisons)} can give is "
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
        words = where_words(held[0].needs, comparisons, rule.keys)
        sentence = f"{held[0].name} is supported: {held[0].claim} ({words})."
        return "supported", held[0].name, sentence
    if len(held) > 1:
        names = " and ".join(prediction.name for prediction in held)
        return "mixed", None, f"The evidence is mixed: {names} hold at once."
    mixed = [need.evaluate(comparisons, rule.keys) for need in rule.mixed]
    if mixed and all(finding.holds for finding in mixed):
        words = where_words(rule.mixed, comparisons, rule.keys)
        return "mixed", None, f"The evidence is mixed: {words}."
    if _equivalent(rule, comparisons):
        largest = max(row["p_equivalence"] for row in comparisons)
        sentence = (
            f"The groups are equivalent: in {count_words(comparisons, every=True)} the difference "
            f"is within ±{rule.margin:g} (largest p of the equivalence tests {largest:.2g})."
        )
        return "equivalent", None, sentence
    names = " nor ".join(prediction.name for prediction in rule.predictions)
    lead = f"Neither {names} is supported" if len(rule.predictions) > 1 else f"No case for {names}"
    significant = [row for row in comparisons if row["significant"]]
    contrary = [row for row in significant if not row.get("signs_agree", True)]
    if contrary:
        found = listed_places(places_of(contrary, rule.keys, comparisons))
        return (
            "inconclusive",
            None,
            f"{lead}: in {found} the test and the estimates do not point the same way (test "
            f"{_signed(contrary[0]['direction'])}, shift {_signed(contrary[0]['shift'])}, "
            f"difference of means {_signed(contrary[0]['difference'])}); look for a seed that "
            "failed.",
        )
    if significant:
        found = listed_places(places_of(significant, rule.keys))
        return (
            "inconclusive",
            None,
            f"{lead}: what was found ({found}) is not what one of them needs.",
        )
    smallest = min(corrected_p(comparison) for comparison in comparisons)
    return (
        "inconclusive",
        None,
        f"{lead}: the smallest {p_word(comparisons)} of {count_words(comparisons)} is "
        f"{smallest:.2g} and alpha is {rule.alpha:g}.",
    )


def _equivalent(rule: DecisionRule, comparisons: Sequence[Comparison]) -> bool:
    return rule.margin is not None and all(
        row.get("p_equivalence", 1.0) <= rule.alpha for row in comparisons
    )


def _reasons(rule: DecisionRule, comparisons: Sequence[Comparison]) -> list[str]:
    names, word = names_of(comparisons, rule.keys), p_word(comparisons)
    return [
        _reason(name, row, word)
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
    return f"{name} {verb}: {of.value:+.3g}{interval}, {p_word} = {corrected_p(row):.2g}{apart}."


def _signed(value: float) -> str:
    return "up" if value > 0 else "down" if value < 0 else "nowhere"
