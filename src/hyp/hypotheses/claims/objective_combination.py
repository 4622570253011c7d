"""Combined objectives against their best part (section 3.2, last paragraph)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    CONTROL,
    PUBLISHED_50,
    SPATIAL,
    UNTRAINED,
    beside,
    own_sizes,
    rivals,
    trained_for,
    training_helps,
)
from hyp.hypotheses.consistency import EQUIVALENT
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.questions import Contrast
from hyp.hypotheses.scores import Alignment
from hyp.stats.rules import ONLY_BETTER, ONLY_WORSE

_FIGURE = "Figure C.1, Table C.1"
_PREDICTIONS = {
    word: f"networks trained for several objectives align {word} than for the best of them alone"
    for word in ("better", "worse")
}
_PARTS = ("distance", "translation", "rotation")
_COMBINED = {
    "two together": ("distance+translation", _PARTS[:2]),
    "distance and rotation together": ("distance+rotation", (_PARTS[0], _PARTS[2])),
    "translation and rotation together": ("translation+rotation", _PARTS[1:]),
    "three together": ("spatial", _PARTS),
}
"""The paper's four, and the parts that each is held against."""

_QUESTIONS = tuple(
    Contrast(name=name, score=Alignment(), a=together, b=parts, figure=_FIGURE)
    for name, (together, parts) in _COMBINED.items()
)

OBJECTIVE_COMBINATION = Hypothesis(
    name="objective-combination",
    title="Do combined objectives align better than their best single part?",
    question=(
        "Are networks that were trained for two or three spatial latents together aligned better "
        "than those trained for the best one of them?"
    ),
    source="Xie et al. 2024, section 3.2, Figure 2a, Table C.1",
    predictions=_PREDICTIONS,
    cohorts=(
        *(trained_for(part) for part in _PARTS),
        *(trained_for(SPATIAL if name == "spatial" else name) for name, _ in _COMBINED.values()),
        UNTRAINED,
    ),
    questions=(
        *_QUESTIONS,
        *(beside(one, "Figure 2a, Table C.1") for one in _QUESTIONS),
        training_helps("distance"),
    ),
    rule=rivals(_PREDICTIONS, ONLY_BETTER, ONLY_WORSE, margin=0.05),
    published=(
        "Models trained with combined objectives did not align much better than those trained for "
        "single ones, which the authors explain by how alike they are."
    ),
    agrees=EQUIVALENT,
    control=CONTROL,
    profiles={
        **own_sizes(cohorts=("distance", "translation", "distance+translation", "untrained")),
        "published": PUBLISHED_50,
    },
)
