"""What a source of ThreeDWorld images is told: the rules, and where builds are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hyp.datasets.tdw.planning import Counts, Skyboxes

DEFAULT_ADDRESS = "localhost:1071"


class TDWSettings(BaseModel):
    """The fields of a `TDWSource`.

    Attributes
    ----------
    version : int
        Raised by hand whenever the same specification gives other images.
    image_size : int
        Pixels a side; images are square, with a field of view of 60 degrees.
    planned : int or None
        Number of images of the dataset that is made as a whole: scene follows scene and
        model follows model (`hyp.datasets.tdw.planning.make_plan`). None draws scene,
        category and model of every image by itself, so that builds load a lot.
    counts : {"even", "paper"}
        Whether a dataset gets exactly `planned` images, or the paper's rounding of it:
        1,350,000 then gives the 1,349,370 images of TDW-117.
    skyboxes : {"cycled", "random"}
        ``random`` draws one of 82 for every image, as the paper says; ``cycled`` takes them
        in turn, from the first on for every model in every scene, as its code did.
    max_hidden : float
        Views are redrawn where scenery hides this fraction of the object or more.
    min_visible : int
        Views are redrawn where the object covers no more than this many 255ths of the frame.
    addresses : tuple of str
        ``HOST:PORT`` for each build; not written to manifests and keys, like what follows.
    build : Path or None
        A build to launch on each port; None waits for one that is started by hand.
    display : str or None
        The X display that launched builds draw on, such as ``:0``.
    patience : float
        Seconds to wait for a build and for each of its answers.
    loading : float
        Seconds to wait while a build downloads and loads something.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["tdw"] = "tdw"
    version: int = Field(default=1, ge=1, le=1)
    image_size: int = Field(default=256, ge=16, le=4096)
    planned: int | None = Field(default=None, ge=1)
    counts: Counts = "even"
    skyboxes: Skyboxes = "random"
    max_hidden: float = Field(default=0.2, gt=0.0, le=1.0)
    min_visible: int = Field(default=2, ge=0, lt=255)
    addresses: tuple[str, ...] = Field(default=(DEFAULT_ADDRESS,), min_length=1, exclude=True)
    build: Path | None = Field(default=None, exclude=True)
    display: str | None = Field(default=None, exclude=True)
    patience: float = Field(default=20.0, gt=0.0, exclude=True)
    loading: float = Field(default=300.0, gt=0.0, exclude=True)
