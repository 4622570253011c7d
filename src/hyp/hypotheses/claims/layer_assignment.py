"""Which layer fits which region, by objective (Figure C.4)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    EVERYTHING,
    NATURAL,
    PUBLISHED_18,
    UNTRAINED,
    own_sizes,
    rivals,
    trained_for,
)
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.profile import RESNET_LAYERS
from hyp.hypotheses.questions import Closer, Contrast
from hyp.hypotheses.scores import Depth
from hyp.metrics.neural.specs import CANDIDATE_LAYERS
from hyp.stats.rules import ONLY_HIGHER, ONLY_LOWER

_PREDICTIONS = {
    "later": "networks trained for a spatial latent take later layers for a region",
    "earlier": "networks trained for a spatial latent take earlier layers for a region",
}
_ASKED = ("distance", "translation", "rotation")
_BESIDE = (trained_for(EVERYTHING), NATURAL, UNTRAINED)
"""The other three of the paper's seven cohorts."""

LAYER_ASSIGNMENT = Hypothesis(
    name="layer-assignment",
    title="Does the objective decide which layer fits a region?",
    question=(
        "Is the layer that predicts V1, V2, V4 or IT best a later or an earlier one in networks "
        "trained for a spatial latent than in networks trained for categories?"
    ),
    source="Xie et al. 2024, Figure C.4",
    predictions=_PREDICTIONS,
    cohorts=(*(trained_for(task) for task in (*_ASKED, "category")), *_BESIDE),
    questions=(
        *(
            Contrast(name=task, score=Depth(), a=task, b=("category",), figure="Figure C.4")
            for task in _ASKED
        ),
        *(
            Contrast(
                name=cohort.name,
                score=Depth(),
                a=cohort.name,
                b=("category",),
                figure="Figure C.4",
                secondary=True,
            )
            for cohort in _BESIDE
        ),
        Closer(
            name="distance like category",
            anchor="category",
            b="distance",
            c="translation",
            layers=RESNET_LAYERS,
            figure="Figure 4b",
            secondary=True,
        ),
    ),
    rule=rivals(_PREDICTIONS, ONLY_HIGHER, ONLY_LOWER),
    published=(
        "Networks trained for spatial latents took slightly earlier layers than networks trained "
        "for categories; no test is reported."
    ),
    agrees="earlier",
    profiles={
        **own_sizes(cohorts=("distance", "translation", "category", "natural", "untrained")),
        "published": PUBLISHED_18.but(layers=CANDIDATE_LAYERS["resnet18"]),
    },
)
