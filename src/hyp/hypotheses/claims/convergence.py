"""Networks trained for different things represent images alike (Figures 4, D.1 to D.3)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import LAPTOP, OBJECTIVES, PUBLISHED_18, UNTRAINED, trained_for
from hyp.hypotheses.studies.declaration import KEYS, Alike, Closer, Similarity, Study
from hyp.stats.rules import DecisionRule, Nowhere, Prediction, Somewhere

_ALIKE = (
    "networks with different objectives come to represent images alike, beyond what their input "
    "shares"
)
_APART = "training for different objectives drives representations apart"
_EARLY = ("layer1.0.relu", "layer2.0.relu", "layer3.0.relu")
_UNBIASED, _BIASED = Similarity(), Similarity(measure="cka-biased")
_RSA = Similarity(measure="rsa-correlation")
_LATE = ("layer4.0.relu", "avgpool")
_TRAINED = tuple(trained_for(objective) for objective in OBJECTIVES)
_TASKS = ("distance", "translation", "rotation")
_BEYOND = tuple(f"{task} beyond the input" for task in _TASKS)
_FEW = ("distance", "translation", "category")


def _beyond(
    layers: tuple[str, ...], suffix: str = "", similarity: Similarity = _UNBIASED
) -> tuple[Closer, ...]:
    """Ask whether category networks are more like those of a task than like untrained ones."""
    return tuple(
        Closer(
            name=f"{name}{suffix}",
            anchor="category",
            b=task,
            c="untrained",
            layers=layers,
            similarity=similarity,
            figure="Figures 4b and D.1",
        )
        for name, task in zip(_BEYOND, _TASKS, strict=True)
    )


CONVERGENCE = Study(
    name="convergence",
    title="Do networks trained for different objectives come to represent images alike?",
    question=(
        "Are networks that were trained for a spatial latent more like networks that were trained "
        "for categories than untrained networks are? And are networks with one objective more "
        "alike than networks with different ones?"
    ),
    source="Xie et al. 2024, section 3.2, Figures 4 and D.1 to D.3",
    predictions={"alike": _ALIKE, "apart": _APART},
    cohorts=(*_TRAINED, UNTRAINED),
    questions=(
        *_beyond(_EARLY),
        *_beyond(_LATE, ", late layers"),
        *_beyond(_EARLY, ", biased CKA", _BIASED),
        *_beyond(_EARLY, ", RSA", _RSA),
        Alike(name="own objective", cohorts=_FEW, figure="Figures 4, D.2 and D.3"),
        Alike(
            name="own objective, all ten",
            cohorts=tuple(cohort.name for cohort in _TRAINED),
            figure="Figure D.2",
        ),
        Alike(
            name="own objective, biased CKA",
            cohorts=_FEW,
            similarity=_BIASED,
            figure="Figures 4, D.2 and D.3",
        ),
        Alike(name="own objective, RSA", cohorts=_FEW, similarity=_RSA),
        Alike(
            name="own objective, Procrustes",
            cohorts=_FEW,
            similarity=Similarity(measure="procrustes"),
            layers=("layer3.0.relu",),
        ),
    ),
    rule=DecisionRule(
        keys=KEYS,
        predictions=(
            Prediction(
                name="alike",
                claim=_ALIKE,
                needs=(
                    Somewhere(direction="higher", where={"question": _BEYOND}),
                    Nowhere(direction="lower", where={"question": _BEYOND}),
                ),
            ),
            Prediction(
                name="apart",
                claim=_APART,
                needs=(
                    Somewhere(direction="lower", where={"question": _BEYOND}),
                    Nowhere(direction="higher", where={"question": _BEYOND}),
                ),
            ),
        ),
    ),
    published=(
        "Networks trained for different targets learned similar (not identical) representations, "
        "most so in early and middle layers; measured with biased linear CKA."
    ),
    agrees="alike",
    profiles={
        "laptop": LAPTOP.model_copy(update={"cohorts": (*_FEW, "untrained")}),
        "published": PUBLISHED_18,
    },
)
