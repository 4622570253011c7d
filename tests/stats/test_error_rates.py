"""The whole path from scores to verdict on studies whose truth is known."""

from itertools import groupby
from operator import itemgetter

import numpy as np
import pytest
from scipy.stats import binom
from simulated_scores import simulated_scores

from hyp.stats.comparisons import compare
from hyp.stats.deciding import judge
from hyp.stats.published import compare_published
from hyp.stats.rules import (
    BETTER_AND_WORSE,
    ONLY_BETTER,
    ONLY_WORSE,
    DecisionRule,
    Part,
    Prediction,
)

RULE = DecisionRule(
    keys=("study", "layer"),
    predictions=(
        Prediction(name="H1", claim="variability helps", needs=ONLY_BETTER),
        Prediction(name="H2", claim="variability breeds invariance", needs=ONLY_WORSE),
    ),
    mixed=BETTER_AND_WORSE,
    parts=(
        Part(name="early", where={"layer": ("0", "1", "2")}),
        Part(name="late", where={"layer": ("3", "4", "5")}),
    ),
)


def verdicts(comparisons):
    by_study = groupby(comparisons.to_dict("records"), key=itemgetter("study"))
    return [judge(RULE, rows) for _, rows in by_study]


def decided(found):
    return sum(verdict.outcome in ("supported", "mixed") for verdict in found)


@pytest.mark.parametrize("icc", [0.0, 0.5, 0.8])
def test_the_recommended_rule_holds_five_percent_under_the_null(icc):
    studies = 1000
    table = simulated_scores(studies=studies, icc=icc, stream=int(10 * icc))
    found = verdicts(compare(table, RULE.keys))
    limit = binom.ppf(0.99, studies, 0.05)
    assert 0 < decided(found) <= limit
    assert sum(any(p.prediction for p in verdict.parts) for verdict in found) <= limit


@pytest.mark.parametrize(("icc", "least"), [(0.5, 0.1), (0.8, 0.1)])
def test_the_published_protocol_does_not(icc, least):
    studies = 100
    table = simulated_scores(studies=studies, icc=icc, seeds=(6, 6), stream=7)
    pooled = compare_published(table, RULE.keys)
    assert pooled.significant.mean() > least  # a single layer
    assert decided(verdicts(pooled)) / studies > 0.3  # any of six


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ((0, 0, 3, 4, 3, 0), ("supported", "H1")),
        ((0, 0, 0, 0, -4, -4), ("supported", "H2")),
        ((0, 0, 4, 4, -4, -4), ("mixed", None)),
        ((0, 0, 0, 0, 0, 0), ("inconclusive", None)),
    ],
)
def test_planted_truths_are_found(effects, expected):
    table = simulated_scores(studies=50, effects=effects, icc=0.5, stream=9)
    found = [(v.outcome, v.prediction) for v in verdicts(compare(table, RULE.keys))]
    assert np.mean([one == expected for one in found]) > 0.8


def test_three_seeds_are_untestable_whatever_the_effect():
    table = simulated_scores(effects=(50.0,) * 6, seeds=(3, 3))
    (verdict,) = verdicts(compare(table, RULE.keys))
    assert verdict.outcome == "untestable"
    assert {part.outcome for part in verdict.parts} == {"untestable"}
    assert "6 comparisons" in verdict.sentence
