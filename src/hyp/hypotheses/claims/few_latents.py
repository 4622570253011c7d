"""A few spatial latents suffice (section 3.1, Figure 2, Tables C.1 and C.2, 2024 abstract)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    BEHAVIOUR,
    CONTROL,
    LOWER,
    NATURAL,
    NEURAL_MEAN,
    NO_LOWER,
    OBJECTIVES,
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

_PREDICTIONS = {
    "enough": (
        "networks trained for a few spatial latents align with the ventral stream as well as "
        "networks trained for categories, up to the margin"
    ),
    "too few": "networks trained for a few spatial latents align less",
}
_NAMED = {"category", "identity"}
_TRAINED = tuple(trained_for(objective) for objective in OBJECTIVES)
_AGAINST_CATEGORY = tuple(
    Contrast(
        name=cohort.title,
        score=Alignment(),
        a=cohort.name,
        b=("category",),
        figure="Figures C.1 and C.3, Tables C.1 and C.2",
        secondary=bool(_NAMED & set(cohort.objective.split("+"))),
    )
    for cohort in _TRAINED
    if cohort.name != "category"
)
_AGAINST_NATURAL = tuple(
    Contrast(
        name=f"{cohort.title}, against photographs",
        score=NEURAL_MEAN,
        a=cohort.name,
        b=(NATURAL.name,),
        figure="Figure 2a, Tables C.1 and C.2",
        secondary=True,
    )
    for cohort in _TRAINED
)

FEW_LATENTS = Hypothesis(
    name="few-latents",
    title="Do a few spatial latents suffice for alignment with the ventral stream?",
    question=(
        "Are networks that were trained to estimate where an object is aligned with V1, V2, V4 and "
        "IT no worse than networks that were trained to name it, by a declared margin?"
    ),
    source="Xie et al. 2024, section 3.1, Figure 2, Tables C.1 and C.2; abstract of February 2024",
    predictions=_PREDICTIONS,
    cohorts=(*_TRAINED, NATURAL, UNTRAINED),
    questions=(
        *_AGAINST_CATEGORY,
        *(beside(one, "Figure 2a, Tables C.1 and C.2") for one in _AGAINST_CATEGORY),
        *(
            beside(one, "Figures C.1f and C.3f, Tables C.1 and C.2", BEHAVIOUR)
            for one in _AGAINST_CATEGORY
        ),
        *_AGAINST_NATURAL,
        training_helps("category"),
    ),
    rule=rivals(_PREDICTIONS, NO_LOWER, LOWER, margin=0.05),
    published=(
        "Models trained for a handful of spatial latents reached alignment comparable to models "
        "trained for hundreds of categories; the abstract of February 2024 reads p = 0.1 at 3 v 3 "
        "networks, the smallest p of that design, as no difference."
    ),
    agrees="enough",
    control=CONTROL,
    profiles={
        **own_sizes(
            cohorts=(
                "distance",
                "translation",
                "distance+translation",
                "category",
                "natural",
                "untrained",
            )
        ),
        "published": PUBLISHED_50,
    },
)
