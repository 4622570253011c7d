"""The paper's cohorts and sizes, shared by its claims so that networks are trained once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Contrast, Tracks, Trend
from hyp.hypotheses.scores import Aligned, Alignment, Behaviour, NeuralMean
from hyp.metrics.brainscore.identifiers import OBSERVERS, PAPER_BENCHMARKS
from hyp.metrics.neural.specs import CANDIDATE_LAYERS
from hyp.stats.rules import DecisionRule, NotLower, Predicate, Prediction, Somewhere

SPATIAL = "distance+translation+rotation"
EVERYTHING = f"category+identity+{SPATIAL}"
OBJECTIVES = (
    "distance",
    "translation",
    "rotation",
    "distance+translation",
    "distance+rotation",
    "translation+rotation",
    SPATIAL,
    "category",
    "identity",
    EVERYTHING,
)
"""The ten objectives of the paper's ResNet-18 and ResNet-50 (its Figure 2b)."""

NEURAL_MEAN, BEHAVIOUR = NeuralMean(), Behaviour()

_SEEDS_A_COHORT = 50
_NAMES = {SPATIAL: "spatial", EVERYTHING: "everything"}
_TITLES = {SPATIAL: "all spatial latents", EVERYTHING: "spatial latents, category and identity"}


def trained_for(objective: str) -> Cohort:
    """Return the cohort of an objective, with seeds that no other cohort has."""
    return Cohort(
        name=_NAMES.get(objective, objective),
        title=_TITLES.get(objective, objective.replace("+", " and ")),
        objective=objective,
        first_seed=_SEEDS_A_COHORT * OBJECTIVES.index(objective),
    )


UNTRAINED = Cohort(
    name="untrained",
    title="untrained",
    objective="distance",
    trained=False,
    first_seed=_SEEDS_A_COHORT * len(OBJECTIVES),
)


def rivals(
    predictions: Mapping[str, str],
    *needs: tuple[Predicate, ...],
    margin: float | None = None,
    mixed: tuple[Predicate, ...] = (),
) -> DecisionRule:
    """Return the rule under which each prediction, in their order, has these needs."""
    named = zip(predictions.items(), needs, strict=True)
    return DecisionRule(
        margin=margin,
        mixed=mixed,
        predictions=tuple(
            Prediction(name=name, claim=claim, needs=needed) for (name, claim), needed in named
        ),
    )


NATURAL = Cohort(
    name="natural",
    title="categories of photographs",
    objective="category",
    natural=True,
    first_seed=3000,
)
"""The paper's are trained on ImageNet."""

_Asked = TypeVar("_Asked", Contrast, Tracks, Trend)


def beside(question: _Asked, figure: str, score: Aligned = NEURAL_MEAN) -> _Asked:
    """Return the same question about another score, by default the neural mean, as secondary."""
    return question.model_copy(
        update={
            "name": f"{question.name}, {score.kind}",
            "score": score,
            "figure": figure,
            "secondary": True,
        }
    )


NO_LOWER, LOWER = (NotLower(),), (Somewhere(direction="lower"),)
"""What is needed for as good as, up to the margin, and for worse."""

CONTROL = "training helps"
"""Without it, that cohorts align alike would show nothing."""


def training_helps(cohort: str) -> Contrast:
    """Ask whether a cohort aligns better than untrained networks, as a control."""
    return Contrast(name=CONTROL, score=Alignment(), a=cohort, b=(UNTRAINED.name,), secondary=True)


_WORLD = (
    "category=airplane|bottle|car|chair|guitar|lamp|table|teapot+identities=1"
    "+scene=gallery|kitchen|loft+sky=clear"
)

LAPTOP = Profile(
    summary="8 objects at 64 px, 6 narrow ResNet-18 per cohort, 768 batches each",
    world=_WORLD,
    n_images=12_800,
    n_val=512,
    n_stimuli=600,
    n_seeds=6,
    backbone="resnet18@16",
    n_batches=768,
    learning_rate=0.012,
    schedule="one-cycle",
    evaluate_every=96,
    snapshots=(192, 288, 384),
)
"""A size at which networks learn distance, translation and categories, chosen by held-out loss and
time alone (``benchmarks/laptop_sizing.md``). Rotation is not learned: at this size no claim is
asked about it."""

SHORT = Profile(
    summary="20 objects at 64 px, 6 ResNet-18 per cohort, 80 batches each: too few to learn",
    world="identities=1",
    n_images=5_632,
    n_val=512,
    n_stimuli=800,
    n_seeds=6,
    n_batches=80,
    evaluate_every=20,
    snapshots=(20, 40, 60),
)
"""What ``laptop`` was up to version 0.1, kept for stores that hold its networks.

In so few batches held-out losses come to 0.54 (distance), 0.14 to 0.19 (translation), 0.66
(categories) and 0.99 to 1.06 (rotation) of the constant predictor's, one network each."""

WORKSTATION = SHORT.but(
    summary="20 objects at 128 px, 6 ResNet-18 per cohort, 20,000 batches each; "
    "for one GPU, not run yet",
    image_size=128,
    n_images=102_400,
    n_val=2_048,
    n_stimuli=2_000,
    n_batches=20_000,
    schedule="one-cycle",
    evaluate_every=1_000,
    snapshots=(2_500, 5_000, 10_000),
)
"""About an hour of one GPU for 45 networks, from what ten at once took on an NVIDIA H200: 3.1 ms
a batch of a network. Nobody has run it: whether networks come to their plateau is not known."""


def own_sizes(**changes: Any) -> dict[str, Profile]:
    """Return the profiles of rendered images and simulated responses, the same fields changed."""
    profiles = {"laptop": LAPTOP, "short": SHORT, "workstation": WORKSTATION}
    return {name: profile.but(**changes) for name, profile in profiles.items()}


PUBLISHED_18 = Profile(
    summary="the paper's ResNet-18: 1.35 M images of 256 px, 500,000 batches, 8 networks a cohort",
    source="tdw",
    image_size=256,
    input_size=224,
    n_images=1_349_370,
    n_val=50_000,
    n_stimuli=2_000,
    n_seeds=8,
    n_batches=500_000,
    evaluate_every=10_000,
    snapshots=(100_000, 200_000),
    recording=",".join(one for one in PAPER_BENCHMARKS if one != OBSERVERS),
    behaviour=OBSERVERS,
)

PUBLISHED_50 = PUBLISHED_18.but(
    summary="the paper's ResNet-50: 1.35 M images, 1,000,000 batches, 5 networks a cohort, "
    "13 checkpoints",
    backbone="resnet50",
    layers=CANDIDATE_LAYERS["resnet50"],
    n_seeds=5,
    n_batches=1_000_000,
    evaluate_every=20_000,
    snapshots=(
        *(2_000, 4_000, 10_000, 20_000, 40_000, 60_000, 80_000),
        *(100_000, 150_000, 200_000, 500_000, 700_000),
    ),
)
