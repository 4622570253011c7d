import numpy as np
import pandas as pd
import pytest
from planted import null_studies, planted_scores
from scipy.stats import binom

from hyp.hypotheses.checks import final_errors
from hyp.hypotheses.judge import conclude
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.questions import Similarities
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.result_files import score_cubes
from hyp.hypotheses.testability import planned_questions
from hyp.stats.comparisons import compare
from hyp.stats.deciding import judge

HYPOTHESIS = find_hypothesis("nontarget-variability")
LAYERS = ("layer1.0.relu", "layer3.0.relu", "fc")
SMALL = HYPOTHESIS.profile("short", {"layers": ",".join(LAYERS)})


def strength(condition, layer, *, early, late):
    """Full variability changes how strongly the late layers hold the latents."""
    changed = condition == "full" and layer != "layer1.0.relu"
    return (late if layer == "fc" else early) if changed else 0.6


@pytest.mark.parametrize(
    ("early", "late", "outcome", "prediction"),
    [
        (1.2, 1.2, "supported", "H1"),
        (0.2, 0.2, "supported", "H2"),
        (1.2, 0.2, "mixed", None),
        (0.6, 0.6, "inconclusive", None),
    ],
)
def test_what_was_planted_in_the_activations_is_the_verdict(early, late, outcome, prediction):
    scores = planted_scores(
        HYPOTHESIS, SMALL, lambda c, layer: strength(c, layer, early=early, late=late)
    )
    result = conclude(HYPOTHESIS, SMALL, "laptop", scores, Similarities())
    verdict = result.verdict
    assert (verdict.outcome, verdict.prediction) == (outcome, prediction)
    assert len(result.rows) == 9
    assert all(row.p_pooled is not None and row.n_pooled == 60 for row in result.rows)
    assert result.published_verdict.outcome in (outcome, "supported", "mixed")
    assert [(part.outcome, part.prediction) for part in verdict.parts] == [
        (outcome, prediction)
    ] * 2
    if outcome == "mixed":
        assert "layer3.0" in verdict.sentence
        assert "fc" in verdict.sentence


@pytest.mark.parametrize("icc", [0.2, 0.8])
def test_the_laptop_family_holds_five_percent_under_the_null(icc):
    """1,000 studies of the declared shape: 18 comparisons that share networks."""
    profile = HYPOTHESIS.profile("short")
    studies = 1000
    table = null_studies(HYPOTHESIS, profile, studies=studies, icc=icc)
    keys = ("question", "measured", "layer")
    asked = pd.concat(
        table[table["cohort"].isin(one.about) & table["measured"].isin(one.score.latents)].assign(
            question=one.name
        )
        for one in HYPOTHESIS.asked(profile).questions
    )
    asked["group"] = np.where(asked["cohort"] == "full", "full", "reduced")
    asked = asked.assign(family=asked["study"]).astype(
        {"question": "category", "group": "category"}
    )
    rows = compare(asked, ("study", *keys), alpha=profile.alpha).assign(objective="distance")
    assert len(rows) == 18 * studies
    decided = rows.groupby("study")["significant"].any()
    assert 0 < decided.sum() <= binom.ppf(0.99, studies, profile.alpha)
    rule = HYPOTHESIS.rule_for(profile)
    for study, some in decided[:40].items():
        verdict = judge(rule, rows[rows["study"] == study].to_dict("records"))
        assert (verdict.outcome in ("supported", "mixed")) == some


def test_cube_holds_every_score_under_its_labels():
    scores = planted_scores(HYPOTHESIS, SMALL, lambda *_: 0.6)
    cube = score_cubes(scores)["decoding"]
    assert list(cube["layer"].to_numpy()) == list(LAYERS)
    row = scores.sample(1, random_state=3).iloc[0]
    one = cube.sel(
        protocol=row["protocol"],
        cohort=row["cohort"],
        latent=row["measured"],
        layer=row["layer"],
        fold=row["fold"],
    )
    network = int(np.flatnonzero(one["seed"].to_numpy() == row["seed"])[0])
    assert float(one["score"][network]) == row["score"]
    assert int(np.isfinite(cube["score"]).sum()) == len(scores)


@pytest.mark.parametrize(("alternative", "found"), [("greater", True), ("less", False)])
def test_a_declared_direction_is_honoured_everywhere(alternative, found):
    """3 v 3 networks: 1 in 20 arrangements one-sided, which the two-sided test cannot reach."""
    rule = HYPOTHESIS.rule.model_copy(update={"alternative": alternative, "mixed": ()})
    asked = HYPOTHESIS.model_copy(update={"rule": rule})
    settings = {"n_seeds": 3, "questions": "category", "layers": "fc"}
    plan = make_plan(asked, "short", settings)
    assert plan.untestable == ""
    assert make_plan(HYPOTHESIS, "short", settings).untestable
    (planned,) = planned_questions(asked, plan.profile)
    assert (planned.p_attainable, planned.alternative) == (pytest.approx(0.05), alternative)
    scores = planted_scores(asked, plan.profile, lambda c, _: 2.0 if c == "full" else 0.3)
    (row,) = conclude(asked, plan.profile, "laptop", scores, Similarities()).rows
    assert row.significant is found
    assert row.p == pytest.approx(0.05 if found else 1.0)
    assert (row.alternative, row.p_attainable) == (alternative, pytest.approx(0.05))
    words = asked.questions[0].ask({"full": "F", "one-category": "O"}, "decoding", alternative)
    assert ("higher" in words) is found


def evaluated(task, loss, accuracy=None, batch=80):
    rows = [{"task": task, "metric": "loss", "batch": batch, "value": loss, "baseline": 1.0}]
    if accuracy is not None:
        found = {"metric": "accuracy", "value": accuracy, "baseline": 0.05}
        rows.append({"task": task, "batch": batch, **found})
    return rows


def test_classes_are_learned_by_accuracy_and_numbers_by_loss():
    rows = evaluated("category", 1.4, 0.24) + evaluated("distance", 0.6)
    found = final_errors({"evaluation": [*evaluated("distance", 2.0, batch=40), *rows]})
    assert found == [("category", pytest.approx(0.76), 0.95), ("distance", 0.6, 1.0)]
    assert final_errors({"evaluation": evaluated("category", 0.5, 0.05)}) == [
        ("category", 0.95, 0.95)
    ]
    [(_, error, _)] = final_errors({"evaluation": evaluated("category", float("nan"), 0.5)})
    assert np.isnan(error)
