"""What can be measured of networks: the kinds of scores that questions are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator

from hyp.hypotheses.profile import SIMULATED, Declared
from hyp.metrics.measures import added_measure

VENTRAL_REGIONS = ("V1", "V2", "V4", "IT")


class Decoding(Declared):
    """How well latents can be decoded from a network, layer by layer."""

    kind: Literal["decoding"] = "decoding"
    latents: tuple[str, ...] = Field(min_length=1)


class Alignment(Declared):
    """How well a network accounts for the recording, region by region."""

    kind: Literal["alignment"] = "alignment"


class NeuralMean(Declared):
    """Alignment averaged over regions, as the paper's overall alignment is.

    Attributes
    ----------
    regions : tuple of str
        Which; every network needs a score in each.
    """

    kind: Literal["neural mean"] = "neural mean"
    regions: tuple[str, ...] = Field(
        VENTRAL_REGIONS, min_length=2, exclude_if=lambda regions: regions == VENTRAL_REGIONS
    )


class Behaviour(Declared):
    """How consistent a network's choices are with those of observers, image by image."""

    kind: Literal["behaviour"] = "behaviour"


class Depth(Declared):
    """Which layer was chosen for a region: 0 is the first of the profile's layers, 1 the last."""

    kind: Literal["depth"] = "depth"


class Performance(Declared):
    """Held-out success at what the network was trained for, task by task.

    Attributes
    ----------
    by : {"loss", "accuracy"}
        1 minus the loss as a share of the best constant predictor's: 0 knows nothing, 1 is
        perfect; or the share of images that are named right, of networks that name classes.
    """

    kind: Literal["performance"] = "performance"
    by: Literal["loss", "accuracy"] = Field("loss", exclude_if=lambda by: by == "loss")


class Similarity(Declared):
    """How alike two networks represent the stimuli, layer by layer.

    Attributes
    ----------
    measure : str
        See `hyp.metrics.similarity.similarity_matrix`; installed packages offer more.
    """

    kind: Literal["similarity"] = "similarity"
    measure: str = "cka"

    @field_validator("measure")
    @classmethod
    def _known(cls, name: str) -> str:
        added_measure(name)
        return name


ALIGNED = ("alignment", "depth", "neural mean")
"""Kinds of scores that rest on a recording."""


def rest_on_simulation(kinds: Iterable[str], recording: object) -> bool:
    """Tell whether scores of some of these kinds rest on responses that nobody recorded."""
    return recording == SIMULATED and not set(ALIGNED).isdisjoint(kinds)


Score = Annotated[
    Decoding | Alignment | NeuralMean | Behaviour | Depth | Performance,
    Field(discriminator="kind"),
]
"""What a single network has."""

Aligned = Annotated[Alignment | NeuralMean | Behaviour, Field(discriminator="kind")]
"""What a network has in common with a brain."""

AnyScore = Decoding | Alignment | NeuralMean | Behaviour | Depth | Performance | Similarity


def kind_in_table(score: AnyScore) -> str:
    """Return what the column ``kind`` of a score table calls a score."""
    if isinstance(score, Performance) and score.by == "accuracy":
        return score.by
    return score.kind


DIMENSIONS = {
    "decoding": "latent",
    "snapshots": "latent",
    "alignment": "region",
    "depth": "region",
    "behaviour": "consistency",
    "performance": "task",
    "loss": "task",
    "accuracy": "task",
    "similarity": "measure",
}
"""What the column ``measured`` of a kind of score holds."""
