"""The paper's central causal question (its section 3.3, Figures 5, E.1 and E.2)."""

from __future__ import annotations

from hyp.hypotheses.declaration import Condition, Hypothesis, Part, Profile
from hyp.stats.rules import BETTER_AND_WORSE, ONLY_BETTER, ONLY_WORSE, DecisionRule, Prediction

_HELPS = "variability in a non-target latent makes the network represent it better"
_INVARIANT = "variability in a non-target latent makes the network invariant to it"

NONTARGET_VARIABILITY = Hypothesis(
    name="nontarget-variability",
    title="Does variability in a latent a network was never asked about help it represent it?",
    question=(
        "Networks are trained to estimate a target latent on images in which a non-target "
        "latent varies fully, and on images in which it hardly varies. From which of them "
        "can the non-target latent be decoded better?"
    ),
    source="Xie et al. 2024, section 3.3, Figures 5, E.1 and E.2",
    predictions={"H1": _HELPS, "H2": _INVARIANT},
    conditions=(
        Condition(name="full", design="full", title="full variability"),
        Condition(name="one-category", design="category=chair", title="one category"),
        Condition(name="centered", design="centered", title="object always centred"),
    ),
    parts=(
        Part(
            name="category",
            condition="one-category",
            latents=("category",),
            objectives=("distance", "translation", "rotation", "distance+translation+rotation"),
        ),
        Part(
            name="translation",
            condition="centered",
            latents=("rel_pos_x", "rel_pos_y"),
            objectives=("distance", "rotation", "distance+rotation", "category"),
        ),
    ),
    rule=DecisionRule(
        keys=("objective", "latent", "layer"),
        predictions=(
            Prediction(name="H1", claim=_HELPS, needs=ONLY_BETTER),
            Prediction(name="H2", claim=_INVARIANT, needs=ONLY_WORSE),
        ),
        mixed=BETTER_AND_WORSE,
    ),
    profiles={
        "laptop": Profile(
            summary="20 objects at 64 px, target distance, 6 networks a group, 80 batches each",
            world="identities=1",
            n_images=5_632,
            n_val=512,
            n_stimuli=800,
            objectives=("distance",),
            parts=("category", "translation"),
            n_seeds=6,
            n_batches=80,
            evaluate_every=20,
            snapshots=(20, 40, 60),
        ),
        "published": Profile(
            summary="the paper's size: 1.35 M images of 256 px, 500,000 batches, 6 networks",
            source="tdw",
            image_size=256,
            input_size=224,
            n_images=1_349_370,
            n_val=50_000,
            n_stimuli=2_000,
            objectives=(
                "distance",
                "translation",
                "rotation",
                "distance+translation+rotation",
                "distance+rotation",
                "category",
            ),
            parts=("category", "translation"),
            n_seeds=6,
            n_batches=500_000,
            evaluate_every=10_000,
            snapshots=(100_000, 200_000),
            family="question",
            published_features="projected",
        ),
    },
)
