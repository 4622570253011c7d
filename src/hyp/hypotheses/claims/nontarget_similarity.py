"""Variability in a non-target, and the networks that are trained for that non-target.

The parts of the paper's section 3.3 that are not about decoding (Figures D.4 to D.6 and E.3), about
the networks of ``nontarget-variability``.
"""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    LAPTOP,
    PUBLISHED_18,
    SHORT,
    SPATIAL,
    WORKSTATION,
    beside,
    rivals,
    trained_for,
)
from hyp.hypotheses.claims.nontarget_variability import NONTARGET_VARIABILITY
from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.profile import RESNET_LAYERS
from hyp.hypotheses.questions import Closer, Contrast, Question, Tighter
from hyp.hypotheses.scores import Alignment
from hyp.stats.rules import HIGHER_AND_LOWER, ONLY_HIGHER, ONLY_LOWER

_PREDICTIONS = {
    "closer": "variability in a non-target brings networks closer to those trained for it",
    "farther": "variability in a non-target takes networks farther from those trained for it",
}
_FIGURES = {
    "category": ("Figure D.4b", "Figure D.6", "Figure E.3a"),
    "translation": ("Figure D.4a", "Figure D.5", "Figure E.3b"),
}
"""By non-target, which is also what the networks of `anchor` are trained for."""

_SPOKEN_OF = ("layer3.0.relu", "layer4.0.relu")
"""What the paper says is about these; six networks per cohort could not carry all layers."""

_OTHERS = tuple(layer for layer in RESNET_LAYERS if layer not in _SPOKEN_OF)
_REDUCED = {"category": "one-category", "translation": "centered"}
"""The cohort of ``nontarget-variability`` whose images hold a non-target still."""

_ASKED = tuple(
    (nontarget, objective)
    for nontarget, reduced in _REDUCED.items()
    for objective in NONTARGET_VARIABILITY.cohort(reduced).objectives
)


def _cohort(objective: str, condition: str) -> Cohort:
    declared = NONTARGET_VARIABILITY.cohort(condition)
    called = "spatial" if objective == SPATIAL else objective
    return Cohort(
        name=f"{called}, {condition}",
        title=f"{trained_for(objective).title}, {declared.title}",
        objective=objective,
        design=declared.design,
        first_seed=declared.first_seed,
    )


def _questions() -> tuple[Question, ...]:
    found: list[Question] = []
    for nontarget, objective in _ASKED:
        full, reduced = (
            _cohort(objective, condition).name for condition in ("full", _REDUCED[nontarget])
        )
        target = full.partition(",")[0]
        close, tight, align = _FIGURES[nontarget]
        found += [
            *(
                Closer(
                    name=f"{target} like {nontarget}{suffix}",
                    anchor=nontarget,
                    b=full,
                    c=reduced,
                    layers=layers,
                    figure=close,
                    secondary=bool(suffix),
                )
                for layers, suffix in ((_SPOKEN_OF, ""), (_OTHERS, ", other layers"))
            ),
            Tighter(
                name=f"{target} among themselves, {nontarget}",
                a=full,
                b=reduced,
                figure=tight,
                secondary=True,
            ),
            aligned := Contrast(
                name=f"alignment of {target}, {nontarget}",
                score=Alignment(),
                a=full,
                b=(reduced,),
                figure=align,
                secondary=True,
            ),
            beside(aligned, align),
        ]
    return tuple(found)


_COHORTS = {
    cohort.name: cohort
    for nontarget, objective in _ASKED
    for cohort in (_cohort(objective, "full"), _cohort(objective, _REDUCED[nontarget]))
}

NONTARGET_SIMILARITY = Hypothesis(
    name="nontarget-similarity",
    title="Does variability in a non-target make networks more like those trained for it?",
    question=(
        "Networks are trained for a target on images in which a non-target varies fully, and on "
        "images in which it hardly varies. Which of them are more like networks that were trained "
        "for the non-target itself? Beside it: which are more alike among themselves, and which "
        "align better?"
    ),
    source="Xie et al. 2024, section 3.3, Figures D.4 to D.6 and E.3",
    predictions=_PREDICTIONS,
    cohorts=(*_COHORTS.values(), *(trained_for(name) for name in _FIGURES)),
    questions=_questions(),
    rule=rivals(_PREDICTIONS, ONLY_HIGHER, ONLY_LOWER, mixed=HIGHER_AND_LOWER),
    published=(
        "With full variability of the non-target, networks were more like those trained for it in "
        "most cases in layer3 and layer4, more alike among themselves in layer4, and aligned "
        "better where the non-target was category; rotation is excepted."
    ),
    agrees="closer",
    profiles={
        "laptop": LAPTOP.but(
            cohorts=("distance, full", "distance, one-category", "category"),
        ),
        "short": SHORT.but(
            cohorts=(
                *("distance, full", "distance, one-category", "distance, centered"),
                *("category", "translation"),
            )
        ),
        "workstation": WORKSTATION.but(
            cohorts=(
                *("distance, full", "distance, one-category", "distance, centered"),
                *("category", "translation"),
            )
        ),
        "published": PUBLISHED_18.but(
            summary="the networks of nontarget-variability, 6 a cohort, at the paper's size",
            n_seeds=6,
        ),
    },
)
