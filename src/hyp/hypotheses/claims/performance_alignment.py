"""Task performance predicts alignment (section 3.1, Figures 3 and C.7, Table C.3)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    BEHAVIOUR,
    NEURAL_MEAN,
    PUBLISHED_50,
    beside,
    own_sizes,
    rivals,
    trained_for,
)
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.questions import Tracks
from hyp.hypotheses.scores import Performance
from hyp.stats.rules import HIGHER_AND_LOWER, ONLY_HIGHER, ONLY_LOWER

_PREDICTIONS = {
    "follows": "as a network learns its task, it aligns better",
    "opposes": "as a network learns its task, it aligns worse",
}
_TASKS = ("distance", "translation", "rotation", "category", "identity")
_MEANS = {
    "distance": "Figure 3b, Table C.3",
    "translation": "Figure 3c, Table C.3",
    "rotation": "Figure 3d, Table C.3",
    "category": "Table C.3",
    "identity": "Table C.3",
}
"""Where the paper shows the neural mean of each task's networks."""

_CONSISTENT = {"distance": "Figure C.7e, Table C.3"}
_REGIONS = "Table C.3"
_BOTH = Tracks(
    name="distance and category networks",
    cohorts=("distance", "category"),
    figure="Figure C.7, Table C.3",
)
_EACH = tuple(
    Tracks(
        name=task,
        cohorts=(task,),
        figure=f"Figure C.7, {_REGIONS}" if task == "distance" else _REGIONS,
        secondary=True,
    )
    for task in _TASKS
)
_WITHOUT_OUTLIERS = Tracks(
    name="rotation, the paper's outliers left out",
    cohorts=("rotation",),
    loss_below=0.2,
    figure=_REGIONS,
    secondary=True,
)

PERFORMANCE_ALIGNMENT = Hypothesis(
    name="performance-alignment",
    title="Does a network that has learned its task better align better?",
    question=(
        "Over the checkpoints of each network, does success at its own task go together with "
        "alignment in V1, V2, V4 and IT?"
    ),
    source="Xie et al. 2024, section 3.1, Figures 3 and C.7, Table C.3",
    predictions=_PREDICTIONS,
    cohorts=tuple(trained_for(task) for task in _TASKS),
    questions=(
        _BOTH,
        *_EACH,
        _WITHOUT_OUTLIERS,
        *(beside(one, _MEANS[one.name]) for one in _EACH),
        beside(_WITHOUT_OUTLIERS, "Figure 3d"),
        *(beside(one, _CONSISTENT.get(one.name, "Table C.3"), BEHAVIOUR) for one in _EACH),
        Tracks(
            name="category, neural mean by accuracy",
            cohorts=("category",),
            performance=Performance(by="accuracy"),
            score=NEURAL_MEAN,
            figure="Figure 3a",
            secondary=True,
        ),
    ),
    rule=rivals(_PREDICTIONS, ONLY_HIGHER, ONLY_LOWER, mixed=HIGHER_AND_LOWER),
    published=(
        "Neural alignment correlated with spatial performance (r of 0.66 to 0.97 by region and "
        "objective, all checkpoints of all networks pooled as independent points)."
    ),
    agrees="follows",
    profiles={
        **own_sizes(cohorts=("distance", "category")),
        "published": PUBLISHED_50,
    },
)
