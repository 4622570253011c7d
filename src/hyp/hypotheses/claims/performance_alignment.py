"""Task performance predicts alignment (section 3.1, Figures 3 and C.7, Table C.3)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import PUBLISHED_50, own_sizes, rivals, trained_for
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.questions import Tracks
from hyp.stats.rules import HIGHER_AND_LOWER, ONLY_HIGHER, ONLY_LOWER

_PREDICTIONS = {
    "follows": "as a network learns its task, it aligns better",
    "opposes": "as a network learns its task, it aligns worse",
}
_TASKS = ("distance", "translation", "rotation", "category")
_FIGURES = {
    "distance": "Figures 3b and C.7, Table C.3",
    "translation": "Figure 3c, Table C.3",
    "rotation": "Figure 3d, Table C.3",
    "category": "Figure 3a, Table C.3",
}

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
        Tracks(
            name="distance and category networks",
            cohorts=("distance", "category"),
            figure="Figures 3a, 3b and C.7, Table C.3",
        ),
        *(
            Tracks(name=task, cohorts=(task,), figure=_FIGURES[task], secondary=True)
            for task in _TASKS
        ),
        Tracks(
            name="rotation, the paper's outliers left out",
            cohorts=("rotation",),
            loss_below=0.2,
            figure="Figure 3d",
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
