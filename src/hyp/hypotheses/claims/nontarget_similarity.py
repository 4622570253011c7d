"""Variability in a non-target, and the networks that are trained for that non-target.

The parts of the paper's section 3.3 that are no decoding (Figures D.4 to D.6 and E.3), about
the networks of ``nontarget-variability``.
"""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import LAPTOP, PUBLISHED_18, SPATIAL, trained_for
from hyp.hypotheses.declaration import RESNET_LAYERS
from hyp.hypotheses.nontarget_variability import NONTARGET_VARIABILITY
from hyp.hypotheses.studies.declaration import (
    KEYS,
    Alignment,
    Closer,
    Cohort,
    Contrast,
    Question,
    Study,
    Tighter,
)
from hyp.stats.rules import HIGHER_AND_LOWER, ONLY_HIGHER, ONLY_LOWER, DecisionRule, Prediction

_CLOSER = "variability in a non-target brings networks closer to those trained for it"
_FARTHER = "variability in a non-target takes networks farther from those trained for it"
_FIGURES = {
    "category": ("Figure D.4b", "Figure D.6", "Figure E.3a"),
    "translation": ("Figure D.4a", "Figure D.5", "Figure E.3b"),
}
"""By non-target, which is also what the networks of `anchor` are trained for."""

_SPOKEN_OF = ("layer3.0.relu", "layer4.0.relu")
"""What the paper says is about these; six networks a cohort could not carry all layers."""

_OTHERS = tuple(layer for layer in RESNET_LAYERS if layer not in _SPOKEN_OF)
_ASKED = tuple(
    (part, objective) for part in NONTARGET_VARIABILITY.parts for objective in part.objectives
)


def _cohort(objective: str, condition: str) -> Cohort:
    declared = NONTARGET_VARIABILITY.condition(condition)
    called = "spatial" if objective == SPATIAL else objective
    return Cohort(
        name=f"{called}, {condition}",
        title=f"{trained_for(objective).title}, {declared.title}",
        objective=objective,
        design=declared.design,
        first_seed=NONTARGET_VARIABILITY.first_seed(condition),
    )


def _questions() -> tuple[Question, ...]:
    found: list[Question] = []
    for part, objective in _ASKED:
        full, reduced = (
            _cohort(objective, condition).name for condition in ("full", part.condition)
        )
        target = full.partition(",")[0]
        close, tight, align = _FIGURES[part.name]
        found += [
            *(
                Closer(
                    name=f"{target} like {part.name}{suffix}",
                    anchor=part.name,
                    b=full,
                    c=reduced,
                    layers=layers,
                    figure=close,
                    beside=bool(suffix),
                )
                for layers, suffix in ((_SPOKEN_OF, ""), (_OTHERS, ", other layers"))
            ),
            Tighter(
                name=f"{target} among themselves, {part.name}",
                a=full,
                b=reduced,
                figure=tight,
                beside=True,
            ),
            Contrast(
                name=f"alignment of {target}, {part.name}",
                score=Alignment(),
                a=full,
                b=(reduced,),
                figure=align,
                beside=True,
            ),
        ]
    return tuple(found)


_COHORTS = {
    cohort.name: cohort
    for part, objective in _ASKED
    for cohort in (_cohort(objective, "full"), _cohort(objective, part.condition))
}

NONTARGET_SIMILARITY = Study(
    name="nontarget-similarity",
    title="Does variability in a non-target make networks more like those trained for it?",
    question=(
        "Networks are trained for a target on images in which a non-target varies fully, and on "
        "images in which it hardly varies. Which of them are more like networks that were trained "
        "for the non-target itself? Beside it: which are more alike among themselves, and which "
        "align better?"
    ),
    source="Xie et al. 2024, section 3.3, Figures D.4 to D.6 and E.3",
    predictions={"closer": _CLOSER, "farther": _FARTHER},
    cohorts=(*_COHORTS.values(), *(trained_for(name) for name in _FIGURES)),
    questions=_questions(),
    rule=DecisionRule(
        keys=KEYS,
        predictions=(
            Prediction(name="closer", claim=_CLOSER, needs=ONLY_HIGHER),
            Prediction(name="farther", claim=_FARTHER, needs=ONLY_LOWER),
        ),
        mixed=HIGHER_AND_LOWER,
    ),
    published=(
        "With full variability of the non-target, networks were more like those trained for it in "
        "most cases in layer3 and layer4, more alike among themselves in layer4, and aligned "
        "better where the non-target was category; rotation is excepted."
    ),
    agrees="closer",
    profiles={
        "laptop": LAPTOP.model_copy(
            update={
                "cohorts": (
                    *("distance, full", "distance, one-category", "distance, centered"),
                    *("category", "translation"),
                )
            }
        ),
        "published": PUBLISHED_18.model_copy(
            update={
                "summary": "the networks of nontarget-variability, 6 a cohort, at the paper's size",
                "n_seeds": 6,
            }
        ),
    },
)
