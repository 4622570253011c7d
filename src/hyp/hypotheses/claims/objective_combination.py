"""Combined objectives against their best part (section 3.2, last paragraph)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    CONTROL,
    PUBLISHED_50,
    UNTRAINED,
    laptop_and_workstation,
    trained_for,
    training_helps,
)
from hyp.hypotheses.declaration import EQUIVALENT, Hypothesis
from hyp.hypotheses.questions import Contrast
from hyp.hypotheses.scores import Alignment
from hyp.stats.rules import DecisionRule, Nowhere, Prediction, Somewhere

_BETTER = "networks trained for several objectives align better than for the best of them alone"
_NOT = "networks trained for several objectives align worse than for the best of them alone"
_PARTS = ("distance", "translation", "rotation")

OBJECTIVE_COMBINATION = Hypothesis(
    name="objective-combination",
    title="Do combined objectives align better than their best single part?",
    question=(
        "Are networks that were trained for two or three spatial latents together aligned better "
        "than those trained for the best one of them?"
    ),
    source="Xie et al. 2024, section 3.2",
    predictions={"better": _BETTER, "worse": _NOT},
    cohorts=(
        *(trained_for(part) for part in _PARTS),
        trained_for("distance+translation"),
        trained_for("distance+translation+rotation"),
        UNTRAINED,
    ),
    questions=(
        Contrast(name="two together", score=Alignment(), a="distance+translation", b=_PARTS[:2]),
        Contrast(name="three together", score=Alignment(), a="spatial", b=_PARTS),
        training_helps("distance"),
    ),
    rule=DecisionRule(
        margin=0.05,
        predictions=(
            Prediction(
                name="better",
                claim=_BETTER,
                needs=(Somewhere(direction="better"), Nowhere(direction="worse")),
            ),
            Prediction(
                name="worse",
                claim=_NOT,
                needs=(Somewhere(direction="worse"), Nowhere(direction="better")),
            ),
        ),
    ),
    published=(
        "Models trained with combined objectives did not align much better than those trained for "
        "single ones, which the authors explain by how alike they are."
    ),
    agrees=EQUIVALENT,
    control=CONTROL,
    profiles={
        **laptop_and_workstation(
            cohorts=("distance", "translation", "distance+translation", "untrained")
        ),
        "published": PUBLISHED_50,
    },
)
