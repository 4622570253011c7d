import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from hyp.errors import HypError
from hyp.stats.comparisons import compare
from hyp.stats.deciding import judge, judge_design
from hyp.stats.rules import (
    BETTER_AND_WORSE,
    ONLY_BETTER,
    ONLY_WORSE,
    DecisionRule,
    Nowhere,
    Part,
    Prediction,
    Somewhere,
    describe,
)
from hyp.stats.verdict import Check, Verdict

RULE = DecisionRule(
    predictions=(
        Prediction(name="H1", claim="variability helps", needs=ONLY_BETTER),
        Prediction(name="H2", claim="variability breeds invariance", needs=ONLY_WORSE),
    ),
    mixed=BETTER_AND_WORSE,
)
PARTED = RULE.model_copy(
    update={
        "parts": (
            Part(name="category", where={"latent": ("category",)}),
            Part(name="translation", where={"latent": ("rel_pos_x", "rel_pos_y")}),
        )
    }
)
PASSED = Check(name="learned", passed=True, value=0.1, threshold=0.95, sentence="All learned.")
FAILED = Check(name="reduced", passed=False, value=1, threshold=0.1, sentence="Not reduced.")


def test_a_prediction_must_need_something_that_is_found():
    for needs in (Nowhere(direction="worse"),), (Nowhere(direction="worse"),) * 2:
        with pytest.raises(
            ValidationError, match="prediction H1 only needs that something is not found"
        ):
            Prediction(name="H1", claim="nothing is worse", needs=needs)
    needs = (Somewhere(direction="better"), Nowhere(direction="better"))
    with pytest.raises(ValidationError, match="better somewhere and nowhere, which never holds"):
        Prediction(name="H1", claim="it is and is not", needs=needs)
    with pytest.raises(ValidationError, match="two predictions are called H1"):
        DecisionRule(predictions=RULE.predictions[:1] * 2)


def comparison(sign, layer="layer1.0", latent="category", seeds=5, family="all"):
    """A comparison that is significant in the direction of `sign`, or not for 0."""
    return {
        "target": "distance",
        "non_target": latent,
        "latent": latent,
        "layer": layer,
        "family": family,
        "n_a": seeds,
        "n_b": seeds,
        "difference": 0.1 * sign,
        "ci_low": 0.1 * sign - 0.05,
        "ci_high": 0.1 * sign + 0.05,
        "p": 0.01 if sign else 0.4,
        "p_holm": 0.02 if sign else 0.8,
        "direction": sign or 1,
        "significant": bool(sign),
    }


def layers(*signs, **more):
    return [comparison(sign, layer=f"layer{i}", **more) for i, sign in enumerate(signs)]


@pytest.mark.parametrize(
    ("signs", "outcome", "prediction"),
    [
        ((0, 1, 1), "supported", "H1"),
        ((-1, 0, 0), "supported", "H2"),
        ((0, 1, -1), "mixed", None),
        ((0, 0, 0), "inconclusive", None),
    ],
)
def test_outcomes(signs, outcome, prediction):
    verdict = judge(RULE, layers(*signs), [PASSED])
    assert (verdict.outcome, verdict.prediction) == (outcome, prediction)
    assert len(verdict.reasons) == sum(map(abs, signs))
    assert all("differs" in reason for reason in verdict.reasons)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_sentences_name_the_layers():
    assert judge(RULE, layers(0, 1, 1)).sentence == (
        "H1 is supported: variability helps "
        "(better in layer1 and layer2, worse in none of 3 comparisons)."
    )
    mixed = judge(RULE, layers(1, 1, 1, -1)).sentence
    assert "better in layer0, layer1 and layer2, worse in layer3" in mixed
    assert "corrected p of 3 comparisons is 0.8" in judge(RULE, layers(0, 0, 0)).sentence


def test_untestable_comes_before_invalid_and_invalid_before_the_comparisons():
    assert judge(RULE, layers(1, 1, seeds=3), [FAILED]).outcome == "untestable"
    verdict = judge(RULE, layers(1, 1), [PASSED, FAILED])
    assert verdict.outcome == "invalid"
    assert verdict.reasons == ("Not reduced.",)
    assert "reduced failed" in verdict.sentence


def test_a_design_is_judged_without_results():
    def planned(count, seeds):
        keys = ("target", "non_target", "latent", "layer", "family", "n_a", "n_b")
        return [{key: row[key] for key in keys} for row in layers(*[0] * count, seeds=seeds)]

    assert judge_design(RULE, planned(6, 5)) is None
    verdict = judge_design(RULE, planned(7, 5))
    assert verdict is not None
    assert verdict.outcome == "untestable"
    assert "6 seeds in each group would do" in verdict.sentence
    assert judge(RULE, layers(*[1] * 7)).sentence == verdict.sentence


def test_a_testable_family_makes_the_whole_testable_but_not_the_other_part():
    rows = layers(0, 1, family="category") + [
        comparison(0, layer=f"layer{i}", latent="rel_pos_x", family="translation") for i in range(7)
    ]
    assert judge_design(PARTED, rows) is None
    verdict = judge(PARTED, rows)
    assert verdict.prediction == "H1"
    assert [part.outcome for part in verdict.parts] == ["supported", "untestable"]


def test_parts_are_judged_on_their_own_comparisons():
    rows = [
        comparison(1, latent="category"),
        comparison(-1, latent="rel_pos_x"),
        comparison(0, latent="rel_pos_y"),
    ]
    verdict = judge(PARTED, rows)
    assert verdict.outcome == "mixed"
    assert [(part.name, part.prediction) for part in verdict.parts] == [
        ("category", "H1"),
        ("translation", "H2"),
    ]
    assert "rel_pos_x" in verdict.parts[1].sentence


def test_a_failed_check_of_one_part_spares_the_other():
    rows = [comparison(1, latent="category"), comparison(1, latent="rel_pos_x")]
    verdict = judge(PARTED, rows, [FAILED.model_copy(update={"part": "translation"})])
    assert verdict.outcome == "invalid"
    assert [part.outcome for part in verdict.parts] == ["supported", "invalid"]


def test_uncorrected_comparisons_are_not_called_corrected():
    rows = [{**row, "p_holm": row["p"]} for row in layers(0, 0)]
    for row in rows:
        del row["ci_low"], row["ci_high"]
    verdict = judge(RULE, rows)
    assert "corrected" not in verdict.sentence + "".join(verdict.reasons)


def test_a_rule_describes_itself():
    words = describe(RULE)
    assert "H1 if better in at least one comparison and worse in none" in words
    assert "H2 if worse in at least one comparison and better in none" in words
    assert "at most 0.05" in words


def test_a_rule_is_data():
    assert DecisionRule.model_validate_json(PARTED.model_dump_json()) == PARTED


def test_mistakes_are_refused():
    with pytest.raises(HypError, match="no comparison to judge"):
        judge(RULE, [])
    with pytest.raises(HypError, match="part 'translation'"):
        judge(PARTED, layers(1))
    with pytest.raises(ValidationError):
        Verdict(outcome="supported", sentence="Of what?")
    with pytest.raises(ValidationError):
        Verdict(outcome="mixed", prediction="H1", sentence="Which?")


def test_places_that_share_a_latent_are_listed_behind_it():
    rows = [
        {**row, "latent": latent} for latent in ("category", "rel_pos_x") for row in layers(1, 1, 0)
    ]
    rule = RULE.model_copy(update={"keys": ("latent", "layer")})
    sentence = judge(rule, rows).sentence
    names = [row["layer"] for row in layers(1, 1)]
    listed = f"({names[0]} and {names[1]})"
    assert f"better in category {listed} and rel_pos_x {listed}" in sentence


def equivalent(*p, **more):
    return [
        {**row, "p_equivalence": one}
        for row, one in zip(layers(*[0] * len(p), **more), p, strict=True)
    ]


MARGIN = RULE.model_copy(update={"margin": 0.05})


@pytest.mark.parametrize(
    ("p", "outcome"),
    [
        ((0.01, 0.05), "equivalent"),
        ((0.01, 0.06), "inconclusive"),
        ((0.01, float("nan")), "inconclusive"),
    ],
)
def test_equivalent_needs_every_comparison_within_the_margin(p, outcome):
    assert judge(MARGIN, equivalent(*p)).outcome == outcome
    assert judge(RULE, equivalent(*p)).outcome == "inconclusive"


def test_equivalence_can_be_shown_where_a_difference_cannot():
    few = equivalent(0.01, 0.02, seeds=3)
    assert judge(MARGIN, few).outcome == "equivalent"
    assert judge(MARGIN, equivalent(0.01, 0.2, seeds=3)).outcome == "untestable"
    assert judge_design(RULE, few) is not None
    assert judge_design(MARGIN, few) is None
    assert judge_design(MARGIN, equivalent(0.01, seeds=1)) is not None


def test_the_sentence_of_equivalence_names_the_margin():
    sentence = judge(MARGIN, equivalent(0.01, 0.03)).sentence
    assert "all 2 comparisons" in sentence
    assert "±0.05" in sentence
    assert "0.03" in sentence
    assert "equivalent if every difference is within ±0.05" in describe(MARGIN)


def test_a_prediction_can_be_about_some_layers_only():
    middle = Somewhere(direction="better", where={"layer": ("layer1", "layer2")})
    rule = DecisionRule(
        predictions=(Prediction(name="H1", claim="it helps in the middle", needs=(middle,)),)
    )
    assert judge(rule, layers(0, 1, 0)).prediction == "H1"
    assert judge(rule, layers(1, 0, 0)).outcome == "inconclusive"
    assert "of layer1 and layer2" in describe(rule)


def test_a_declared_direction_needs_fewer_seeds():
    one_sided = RULE.model_copy(update={"alternative": "greater"})
    assert judge_design(RULE, layers(0, seeds=3)) is not None
    assert judge_design(one_sided, layers(0, seeds=3)) is None
    assert "4 seeds in each group" in judge_design(one_sided, layers(0, 0, seeds=3)).sentence


def from_compare(full, reduced, **how):
    rows = [
        {"layer": f"layer{layer}", "group": group, "seed": seed, "fold": 0, "score": score}
        for group, scores in (("full", full), ("reduced", reduced))
        for layer, own in enumerate(scores)
        for seed, score in enumerate(own)
    ]
    return compare(pd.DataFrame(rows), ("layer",), **how).to_dict("records")


LAYERS = RULE.model_copy(update={"keys": ("layer",)})
FAILED_SEED = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, -9.0]
OTHERS = [0.80, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.87]


def test_a_test_whose_means_point_the_other_way_supports_nothing():
    rows = from_compare([FAILED_SEED], [OTHERS], alternative="greater")
    assert rows[0]["significant"]
    assert (rows[0]["direction"], rows[0]["signs_agree"]) == (1, False)
    assert rows[0]["shift"] == pytest.approx(0.09, abs=0.011)
    assert rows[0]["difference"] < -1
    verdict = judge(LAYERS, rows)
    assert verdict.outcome == "inconclusive"
    assert "do not point the same way (test up, shift up, difference of means down)" in (
        verdict.sentence
    )
    assert "no support" in verdict.reasons[0]


def test_reasons_give_the_estimate_of_the_test():
    full, reduced = [[0.91, 0.92, 0.93, 0.94, 0.99]], [[0.8, 0.81, 0.82, 0.83, 0.84]]
    ranks = judge(LAYERS, from_compare(full, reduced)).reasons[0]
    assert ranks.startswith("layer0 differs: +0.11 (95 % interval +0.08 to +0.17)")
    studentized = LAYERS.model_copy(update={"test": "studentized"})
    means = judge(studentized, from_compare(full, reduced, test="studentized")).reasons[0]
    assert means.startswith("layer0 differs: +0.118 (95 % interval ")


def test_max_t_can_test_what_holm_cannot():
    rows = [{**row, "n_a": 5, "n_b": 5} for row in layers(*[0] * 18)]
    untestable = judge_design(RULE, rows)
    assert untestable.outcome == "untestable"
    assert "or the correction max-t instead of Holm's" in untestable.sentence
    jointly = RULE.model_copy(update={"correction": "max-t"})
    assert judge_design(jointly, rows) is None
    few = judge_design(jointly, layers(*[0] * 18, seeds=3))
    assert few.sentence.endswith(
        "3 v 3 seeds cannot test 18 comparisons corrected together: with the groups fully "
        "separated the exact p is 0.1, which is above 0.05; 4 seeds in each group would do."
    )
    separate = [{**row, "multiplicity": 9, "p_attainable": 2 / 252} for row in rows]
    assert judge_design(jointly, separate).outcome == "untestable"


def test_five_against_five_with_eighteen_layers_is_found_by_max_t():
    rng = np.random.default_rng(3)
    common = rng.normal(size=(2, 1, 5))
    full, reduced = np.sqrt(0.9) * common + np.sqrt(0.1) * rng.normal(size=(2, 18, 5))
    full = full + 3
    jointly = LAYERS.model_copy(update={"correction": "max-t"})
    assert judge(jointly, from_compare(full, reduced, correction="max-t")).prediction == "H1"
    assert judge(LAYERS, from_compare(full, reduced)).outcome == "untestable"


def test_pairs_are_planned_as_pairs():
    paired = RULE.model_copy(update={"paired": True})
    assert judge_design(paired, layers(0, seeds=6)) is None
    few = judge_design(paired, layers(0, seeds=5))
    assert "5 pairs of seeds cannot test 1 comparison" in few.sentence
    assert few.sentence.endswith("6 pairs would do.")


def test_a_rule_says_its_test_and_correction():
    assert describe(RULE).endswith(
        "A comparison counts if its exact p, corrected by Holm within its family, is at most 0.05."
    )
    jointly = RULE.model_copy(update={"correction": "max-t"})
    assert "its p by the studentized permutation test, corrected by max-T over permuted " in (
        describe(jointly)
    )
    pairs = RULE.model_copy(update={"paired": True})
    assert "by the Wilcoxon signed-rank test, corrected by Holm" in describe(pairs)


def test_what_is_not_declared_is_not_in_the_dump():
    assert set(RULE.model_dump(mode="json")) == {
        *("keys", "predictions", "mixed", "alpha", "alternative", "margin", "parts")
    }
    declared = RULE.model_copy(update={"correction": "max-t", "test": "rank", "paired": True})
    assert DecisionRule.model_validate_json(declared.model_dump_json()) == declared


def test_equivalence_by_ranks_needs_enough_seeds_too():
    by_ranks = MARGIN.model_copy(update={"equivalence_test": "rank"})
    assert judge_design(by_ranks, layers(0, seeds=3)) is None
    assert judge_design(by_ranks, layers(0, seeds=2)) is not None
    assert judge_design(MARGIN, layers(0, seeds=2)) is None


def test_comparisons_made_otherwise_than_declared_are_refused():
    rows = from_compare([FAILED_SEED], [OTHERS])
    jointly = LAYERS.model_copy(update={"correction": "max-t"})
    with pytest.raises(HypError, match="corrected by max-t, but the comparisons were made by the"):
        judge(jointly, rows)
    with pytest.raises(HypError, match="make them as the rule says"):
        judge(RULE.model_copy(update={"correction": "max-t"}), layers(0, 1))
    with pytest.raises(HypError, match="Wilcoxon signed-rank test"):
        judge(LAYERS.model_copy(update={"paired": True}), rows)
