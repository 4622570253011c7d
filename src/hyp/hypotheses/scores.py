"""What can be measured of networks: the kinds of scores that questions are about."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from hyp.hypotheses.profile import Declared
from hyp.metrics.measures import added_measure


class Decoding(Declared):
    """How well latents can be decoded from a network, layer by layer."""

    kind: Literal["decoding"] = "decoding"
    latents: tuple[str, ...] = Field(min_length=1)


class Alignment(Declared):
    """How well a network accounts for the recording, region by region."""

    kind: Literal["alignment"] = "alignment"


class Depth(Declared):
    """Which layer was chosen for a region: 0 is the first of the profile's layers, 1 the last."""

    kind: Literal["depth"] = "depth"


class Performance(Declared):
    """Held-out success at what the network was trained for, task by task.

    1 minus the loss as a share of the best constant predictor's: 0 knows nothing, 1 is perfect.
    """

    kind: Literal["performance"] = "performance"


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


ALIGNED = ("alignment", "depth")
"""Kinds of scores that rest on a recording."""

Score = Annotated[Decoding | Alignment | Depth | Performance, Field(discriminator="kind")]
"""What a single network has."""

AnyScore = Decoding | Alignment | Depth | Performance | Similarity

DIMENSIONS = {
    "decoding": "latent",
    "snapshots": "latent",
    "alignment": "region",
    "depth": "region",
    "performance": "task",
    "loss": "task",
    "similarity": "measure",
}
"""What the column ``measured`` of a kind of score holds."""
