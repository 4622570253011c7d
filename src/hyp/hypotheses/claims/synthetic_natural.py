"""Networks trained on synthetic images against networks trained on natural ones (section 3.1)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    BEHAVIOUR,
    CONTROL,
    LOWER,
    NATURAL,
    NO_LOWER,
    PUBLISHED_50,
    UNTRAINED,
    beside,
    own_sizes,
    rivals,
    trained_for,
    training_helps,
)
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.questions import Contrast
from hyp.hypotheses.scores import Alignment

_SYNTHETIC = Contrast(
    name="synthetic",
    score=Alignment(),
    a="category",
    b=(NATURAL.name,),
    figure="Figures C.1 and C.3, Tables C.1 and C.2",
)
_PREDICTIONS = {
    "as well": "networks trained on synthetic images align as well, up to the margin",
    "less": "networks trained on synthetic images align less",
}

SYNTHETIC_NATURAL = Hypothesis(
    name="synthetic-natural",
    title="Do networks trained on synthetic images align as well as on natural ones?",
    question=(
        "Are networks that learned categories from rendered images aligned with V1, V2, V4 and IT "
        "no worse than networks that learned categories from photographs, by a declared margin?"
    ),
    source="Xie et al. 2024, section 3.1, Figure 2a, Tables C.1 and C.2",
    predictions=_PREDICTIONS,
    cohorts=(
        trained_for("category"),
        NATURAL,
        UNTRAINED,
    ),
    questions=(
        _SYNTHETIC,
        beside(_SYNTHETIC, "Figure 2a, Tables C.1 and C.2"),
        beside(_SYNTHETIC, "Figures C.1f and C.3f, Tables C.1 and C.2", BEHAVIOUR),
        training_helps("category"),
    ),
    rule=rivals(_PREDICTIONS, NO_LOWER, LOWER, margin=0.05),
    published=(
        "ResNet-50 trained on synthetic categories reached 0.412 in the mean of four regions, "
        "those trained on ImageNet 0.430."
    ),
    agrees="as well",
    control=CONTROL,
    profiles={**own_sizes(), "published": PUBLISHED_50},
)
