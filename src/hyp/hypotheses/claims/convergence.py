"""Networks trained for different things represent images alike (Figures 4, D.1, D.2 and D.3)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    NATURAL,
    OBJECTIVES,
    PUBLISHED_18,
    UNTRAINED,
    own_sizes,
    rivals,
    trained_for,
)
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.questions import Alike, Closer
from hyp.hypotheses.scores import Similarity
from hyp.stats.rules import ONLY_HIGHER, ONLY_LOWER

_PREDICTIONS = {
    "alike": (
        "networks with different objectives come to represent images alike, beyond what their "
        "input shares"
    ),
    "apart": "training for different objectives drives representations apart",
}
_EARLY = ("layer1.0.relu", "layer2.0.relu", "layer3.0.relu")
_UNBIASED, _BIASED = Similarity(), Similarity(measure="cka-biased")
_RSA, _PROCRUSTES = Similarity(measure="rsa-correlation"), Similarity(measure="procrustes")
_LATE = ("layer4.0.relu", "avgpool")
_TRAINED = tuple(trained_for(objective) for objective in OBJECTIVES)
_TASKS = ("distance", "translation", "rotation")
_FEW = ("distance", "translation", "category")
_OTHERS = tuple(cohort.name for cohort in _TRAINED if cohort.name != "distance")


def _beyond(
    layers: tuple[str, ...], suffix: str = "", similarity: Similarity = _UNBIASED
) -> tuple[Closer, ...]:
    """Ask whether category networks are more like those of a task than like untrained ones."""
    return tuple(
        Closer(
            name=f"{task} beyond the input{suffix}",
            anchor="category",
            b=task,
            c="untrained",
            layers=layers,
            similarity=similarity,
            figure="Figure 4b",
            secondary=bool(suffix),
        )
        for task in _TASKS
    )


def _like_natural(task: str) -> Closer:
    """Ask the same of networks that were trained on photographs, layer by layer."""
    return Closer(
        name=f"{task} like photographs",
        anchor=NATURAL.name,
        b=task,
        c="untrained",
        figure="Figure D.1",
        secondary=True,
    )


def _against_distance(task: str, similarity: Similarity = _UNBIASED) -> Alike:
    """Ask whether distance networks are less alike those of a task than networks of one task."""
    return Alike(
        name=f"distance and {task}" + (", biased CKA" if similarity is _BIASED else ""),
        cohorts=("distance", task),
        similarity=similarity,
        figure="Figure D.2",
        secondary=True,
    )


def _own(
    suffix: str,
    cohorts: tuple[str, ...],
    similarity: Similarity = _UNBIASED,
    layers: tuple[str, ...] = (),
) -> Alike:
    """Ask whether networks of one objective are more alike than those of two."""
    return Alike(
        name=f"own objective{suffix}",
        cohorts=cohorts,
        layers=layers,
        similarity=similarity,
        figure="Figures 4a, D.2 and D.3",
        secondary=True,
    )


CONVERGENCE = Hypothesis(
    name="convergence",
    title="Do networks trained for different objectives come to represent images alike?",
    question=(
        "Are networks that were trained for a spatial latent more like networks that were trained "
        "for categories than untrained networks are? And are networks with one objective more "
        "alike than networks with different ones?"
    ),
    source="Xie et al. 2024, section 3.2, Figures 4, D.1 and D.2",
    predictions=_PREDICTIONS,
    cohorts=(*_TRAINED, NATURAL, UNTRAINED),
    questions=(
        *_beyond(_EARLY),
        *_beyond(_LATE, ", late layers"),
        *_beyond(_EARLY, ", biased CKA", _BIASED),
        *_beyond(_EARLY, ", RSA", _RSA),
        *(_like_natural(cohort.name) for cohort in _TRAINED),
        *(_against_distance(task) for task in _OTHERS),
        *(_against_distance(task, _BIASED) for task in _OTHERS),
        _own("", _FEW),
        _own(", all ten", tuple(cohort.name for cohort in _TRAINED)),
        _own(", biased CKA", _FEW, _BIASED),
        _own(", RSA", _FEW, _RSA),
        _own(", Procrustes", _FEW, _PROCRUSTES, ("layer3.0.relu",)),
    ),
    rule=rivals(_PREDICTIONS, ONLY_HIGHER, ONLY_LOWER),
    published=(
        "Networks trained for different targets learned similar (not identical) representations, "
        "most so in early and middle layers; measured with biased linear CKA."
    ),
    agrees="alike",
    profiles={
        **own_sizes(cohorts=(*_FEW, "natural", "untrained")),
        "published": PUBLISHED_18,
    },
)
