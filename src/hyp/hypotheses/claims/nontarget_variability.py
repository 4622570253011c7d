"""The paper's central causal question (its section 3.3, Figures 5, E.1 and E.2)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import LAPTOP, PUBLISHED_18, SHORT, WORKSTATION, rivals
from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.profile import SIMULATED
from hyp.hypotheses.questions import Contrast
from hyp.hypotheses.scores import Decoding
from hyp.stats.rules import BETTER_AND_WORSE, ONLY_BETTER, ONLY_WORSE

_PREDICTIONS = {
    "H1": "variability in a non-target latent makes the network represent it better",
    "H2": "variability in a non-target latent makes the network invariant to it",
}

_LEARNED = LAPTOP.but(objectives=("distance",), scored_snapshots=(0, 192, 288, 384))
"""Networks learn, but not equally, so that they are compared at equal loss too."""

NONTARGET_VARIABILITY = Hypothesis(
    name="nontarget-variability",
    title="Does variability in a latent a network was never asked about help it represent it?",
    question=(
        "Networks are trained to estimate a target latent on images in which a non-target "
        "latent varies fully, and on images in which it hardly varies. From which of them "
        "can the non-target latent be decoded better?"
    ),
    source="Xie et al. 2024, section 3.3, Figures 5, E.1 and E.2",
    predictions=_PREDICTIONS,
    cohorts=(
        Cohort(
            name="full",
            title="full variability",
            objectives=(
                "distance",
                "translation",
                "rotation",
                "distance+translation+rotation",
                "distance+rotation",
                "category",
            ),
        ),
        Cohort(
            name="one-category",
            title="one category",
            objectives=("distance", "translation", "rotation", "distance+translation+rotation"),
            design="category=chair",
        ),
        Cohort(
            name="centered",
            title="object always centred",
            objectives=("distance", "rotation", "distance+rotation", "category"),
            design="centered",
        ),
    ),
    questions=(
        Contrast(
            name="category",
            score=Decoding(latents=("category",)),
            a="full",
            b=("one-category",),
            figure="Figures 5b and E.1",
        ),
        Contrast(
            name="translation",
            score=Decoding(latents=("rel_pos_x", "rel_pos_y")),
            a="full",
            b=("centered",),
            figure="Figures 5c and E.2",
        ),
    ),
    rule=rivals(_PREDICTIONS, ONLY_BETTER, ONLY_WORSE, mixed=BETTER_AND_WORSE),
    published=(
        "With full variability the non-target was decoded better in most of the layers and targets "
        "that the text speaks of; rotation is excepted."
    ),
    agrees="H1",
    profiles={
        "laptop": _LEARNED.but(
            summary="8 objects at 64 px, target distance, non-target category, 6 narrow "
            "ResNet-18 per cohort, 768 batches each",
            questions=("category",),
        ),
        "both-questions": _LEARNED.but(summary="as laptop, with the non-target translation too"),
        "short": SHORT.but(
            summary="20 objects at 64 px, target distance, 6 full-width networks per "
            "cohort, 80 batches each: too few to learn equally",
            objectives=("distance",),
        ),
        "workstation": WORKSTATION.but(objectives=("distance",)),
        "published": PUBLISHED_18.but(
            summary="the paper's size: 1.35 M images of 256 px, 500,000 batches, 6 networks",
            n_seeds=6,
            family="question",
            published_features="projected",
            references=("untrained", "pixels", "category"),
            recording=SIMULATED,
            behaviour="",
        ),
    },
)
