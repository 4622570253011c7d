"""Cohorts that differ only in how far they have learned support nothing, however they are compared.

Planted: what is decoded follows the held-out loss (or the number of batches) alone, by the same
law in both cohorts.
"""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hyp.errors import HypError
from hyp.hypotheses.checks import Manipulation, converged_checks
from hyp.hypotheses.judge import conclude
from hyp.hypotheses.matching import SNAPSHOTS, match
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.questions import Similarities
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.result_files import order_layers
from hyp.stats.rules import describe

HYPOTHESIS = find_hypothesis("nontarget-variability")
PROFILE = HYPOTHESIS.profile(
    "laptop", {"layers": "fc", "n_seeds": 4, "scored_snapshots": "0,192,384"}
)
POINTS = (*PROFILE.measured_snapshots, PROFILE.n_batches)
LEARNS_FAST = {"full": "one-category", "one-category": "full"}


def rule_at(compared_at):
    rule = HYPOTHESIS.rule.model_copy(update={"compared_at": compared_at})
    return HYPOTHESIS.model_copy(update={"rule": rule})


def losses(rate, scale):
    """Loss by batches: 1 to begin with, then a power law."""
    return {n: scale * (n / POINTS[-1]) ** -rate if n else 1.0 for n in POINTS}


def network(cohort, seed, curve, law, scored=POINTS):
    """A network's history, that of its initial weights, and its score rows."""
    rng = np.random.default_rng([seed, len(cohort)])
    own = {n: loss * math.exp(rng.normal(0, 0.03)) for n, loss in curve.items()}
    rows = [
        {"batch": n, "task": "distance", "metric": "loss", "value": loss, "baseline": 1.0}
        for n, loss in own.items()
    ]
    scores = [
        {
            "kind": "decoding" if n == POINTS[-1] else SNAPSHOTS,
            "cohort": cohort,
            "seed": seed,
            "batches": n,
            "measured": "category",
            "layer": layer,
            "fold": fold,
            "chance": 0.125,
            "score": law(cohort, own[n], n) + rng.normal(0, 1e-3),
        }
        for n in scored
        for layer in PROFILE.layers
        for fold in (0,)
    ]
    first = [row for row in rows if not row["batch"]]
    return {"evaluation": rows[len(first) :]}, {"evaluation": first}, scores


def study(law, curves, scored=POINTS):
    asked = HYPOTHESIS.asked(PROFILE)
    histories, initial, table = {}, {}, []
    for cohort in asked.cohorts:
        for seed in cohort.seeds(PROFILE):
            place = cohort.name, seed
            histories[place], initial[place], rows = network(
                cohort.name, seed, curves[cohort.name], law, scored
            )
            table += rows
    scores = order_layers(pd.DataFrame(table), PROFILE.layers)
    images = SimpleNamespace(table=pd.DataFrame(), latents=())
    run = Manipulation(asked, {}, images, histories, frozenset())
    return scores, run, match(asked, scores, histories, initial)


def judged(law, curves, compared_at="equal batches", scored=POINTS):
    scores, run, matched = study(law, curves, scored)
    return conclude(
        rule_at(compared_at),
        PROFILE,
        "laptop",
        scores,
        Similarities(),
        manipulation=run,
        matched=matched,
    )


def of_loss(cohort, loss, batches):
    return 0.6 - 0.05 * math.log(loss)


def of_batches(cohort, loss, batches):
    return 0.3 + 0.05 * math.log1p(batches)


SIGNS = pytest.mark.parametrize("ahead", ["full", "one-category"])


def apart(ahead, factor, end=0.09):
    return {ahead: losses(0.9, end / factor), LEARNS_FAST[ahead]: losses(0.9, end)}


@SIGNS
@pytest.mark.parametrize(("factor", "end"), [(4.5, 0.09), (1.1, 0.01)])
@pytest.mark.parametrize("compared_at", ["equal batches", "equal loss"])
def test_networks_that_differ_in_how_far_they_learned_support_nothing(
    ahead, factor, end, compared_at
):
    result = judged(of_loss, apart(ahead, factor, end), compared_at)
    check = next(check for check in result.checks if check.name == "same at equal loss")
    if compared_at == "equal batches":
        assert result.verdict.outcome == "confounded"
        assert check.value == pytest.approx(1 - 1 / factor, abs=0.06)
        assert result.other_verdict.outcome == "inconclusive"
        assert "at equal loss" in check.sentence
    else:
        assert result.verdict.outcome == "inconclusive"
        assert result.other_verdict.prediction == {"full": "H1", "one-category": "H2"}[ahead]
    assert not check.passed
    assert result.verdict.prediction is None
    assert result.agrees is None


@SIGNS
def test_without_scored_snapshots_a_factor_between_losses_is_enough_to_doubt(ahead):
    result = judged(of_loss, apart(ahead, 4.5), scored=POINTS[-1:])
    assert result.verdict.outcome == "confounded"
    assert result.equal_loss == ()
    assert result.snapshots == ()
    assert "not compared at equal loss" in result.verdict.reasons[0]


@SIGNS
def test_networks_that_differ_in_how_long_they_trained_support_nothing(ahead):
    """At equal loss the one that learns faster has trained for fewer batches."""
    curves = apart(ahead, 4.5)
    result = judged(of_batches, curves, "equal loss")
    assert result.verdict.outcome == "confounded"
    assert "after equal batches it is otherwise" in result.verdict.reasons[0]
    assert judged(of_batches, curves).verdict.outcome == "inconclusive"


@pytest.mark.parametrize(("effect", "prediction"), [(0.3, "H1"), (-0.3, "H2")])
@pytest.mark.parametrize("compared_at", ["equal batches", "equal loss"])
def test_what_is_there_in_both_comparisons_is_supported(effect, prediction, compared_at):
    def law(cohort, loss, batches):
        return of_loss(cohort, loss, batches) + effect * (cohort == "full")

    result = judged(law, apart("one-category", 4.5), compared_at)
    assert result.verdict.prediction == prediction
    assert result.other_verdict.prediction == prediction
    check = next(check for check in result.checks if check.name == "same at equal loss")
    assert (check.passed, check.value) == (True, 0.0)
    [matched] = result.equal_loss
    assert matched.share == pytest.approx(0.09, rel=0.1)
    full, one = matched.batches["full variability"], matched.batches["one category"]
    assert min(full) > 550
    # The power law comes to 0.09 where (n / 768) ** -0.9 is 4.5.
    assert np.mean(one) == pytest.approx(768 * 4.5 ** (-1 / 0.9), rel=0.25)
    # What follows the loss is taken out; what is left is the planted effect.
    assert [row.difference for row in matched.rows] == pytest.approx([effect], abs=0.02)
    apart_by = effect - 0.05 * math.log(4.5)
    assert [row.difference for row in result.rows] == pytest.approx([apart_by], abs=0.01)
    assert all(row.family == "confirmatory" for row in matched.rows)
    assert result.judged == list(matched.rows if compared_at == "equal loss" else result.rows)


def test_networks_that_learned_equally_need_no_second_comparison():
    def law(cohort, loss, batches):
        return 0.3 * (cohort == "full") + (batches == POINTS[-1])

    curves = {name: losses(0.9, 0.09) for name in LEARNS_FAST}
    result = judged(law, curves, scored=POINTS[-1:])
    assert result.verdict.prediction == "H1"


def test_a_loss_that_a_network_was_below_at_once_is_refused_by_its_name():
    """Nothing is extrapolated, and what cannot be compared at equal loss is not supported."""
    curves = apart("one-category", 4.5)
    result = judged(of_loss, curves, scored=POINTS[2:])
    [matched] = result.equal_loss
    assert matched.rows == ()
    assert "“one category”, seed 1000 (already 0.0" in matched.refused
    assert "seed 0 (" not in matched.refused
    assert result.verdict.outcome == "confounded"
    assert "could not be compared at equal loss: no held-out loss" in result.verdict.reasons[0]
    assert judged(of_loss, curves, "equal loss", POINTS[2:]).verdict.outcome == "confounded"


def test_the_sign_that_turns_as_training_goes_on_is_kept():
    def law(cohort, loss, batches):
        return (0.1 if batches > 300 else -0.1) * (cohort == "full") * (batches > 0)

    result = judged(law, apart("one-category", 4.5))
    found = {one.batches: one for one in result.snapshots if one.layer == "fc"}
    assert list(found) == list(POINTS)
    assert [np.sign(round(one.difference, 2)) for one in found.values()] == [0, -1, 1, 1]
    assert all(one.ci_low < one.difference < one.ci_high for one in found.values())


@pytest.mark.parametrize(
    ("curve", "left"),
    [
        ({384: 0.2, 768: 0.09}, 0.09),  # no more than is left
        ({384: 0.62, 768: 0.6}, 0.02),  # a plateau
        ({384: 0.6, 768: 0.3}, 0.3),
        ({768: 0.3}, 0.3),
    ],
)
def test_converged_is_what_another_doubling_could_take(curve, left):
    run = study(of_loss, {"full": curve, "one-category": {768: 0.01}}, scored=POINTS[-1:])[1]
    [check] = converged_checks(HYPOTHESIS, run)
    assert check.value == pytest.approx(left, abs=0.03)
    assert check.passed == (left < 0.1)
    assert check.confound
    assert "full variability" in check.sentence


def test_a_rule_about_equal_loss_needs_what_it_compares():
    asked = rule_at("equal loss")
    assert "losses were equal" in describe(asked.rule)
    assert "losses were equal" not in describe(HYPOTHESIS.rule)
    assert not make_plan(asked, "laptop").untestable
    with pytest.raises(HypError, match="declare scored_snapshots"):
        make_plan(asked, "short")
    other = find_hypothesis("nontarget-similarity")
    rule = other.rule.model_copy(update={"compared_at": "equal loss"})
    with pytest.raises(HypError, match="the rule reads others: distance like category"):
        make_plan(
            other.model_copy(update={"rule": rule}), "laptop", {"scored_snapshots": "0,192,384"}
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scored_snapshots": "100"}, "none of the snapshots"),
        ({"evaluate_every": "200"}, "gives no held-out loss"),
        ({"evaluate_every": "none"}, "gives no held-out loss"),
    ],
)
def test_snapshots_that_cannot_be_placed_are_refused(settings, message):
    with pytest.raises(HypError, match=message):
        HYPOTHESIS.profile("laptop", settings)


def test_only_what_is_asked_of_snapshots_is_scored():
    plan = make_plan(HYPOTHESIS, "both-questions", {"precision": "fp32", "device": "cpu"})
    steps = {step.label: step for step in plan.steps if step.kind == "snapshots"}
    assert len(steps) == 18
    assert steps["full, seed 0"].spec["latents"] == ["category", "rel_pos_x", "rel_pos_y"]
    assert steps["one-category, seed 1000"].spec["latents"] == ["category"]
    assert steps["one-category, seed 1000"].spec["snapshots"] == (0, 192, 288, 384)
    assert {*steps["one-category, seed 1000"].inputs} == {"model", "initial", "stimuli"}
    shorter = make_plan(HYPOTHESIS, "laptop", {"n_batches": 200})
    assert {s.spec["snapshots"] for s in shorter.steps if s.kind == "snapshots"} == {(0, 192)}
    assert not any(s.kind == "snapshots" for s in make_plan(HYPOTHESIS, "short").steps)
