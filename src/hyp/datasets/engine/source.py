"""The embedded engine as a source of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent


class EngineSource(BaseModel):
    """Renders one unit-size procedural object in a room or a landscape.

    The generation rules are ThreeDWorld's as the paper used them
    (`hyp.datasets.engine.sampling`); the pixels come from NVIDIA Warp kernels that run
    on CPU and CUDA (`hyp.datasets.engine.render`). An image depends on nothing but this
    specification, the design, the seed and the image's index.

    Attributes
    ----------
    version : int
        Raised by hand whenever the same specification gives other pixels.
    image_size : int
        Pixels a side; images are square, with a field of view of 60 degrees.
    supersample : int
        Antialiasing by n x n samples a pixel; 1 turns it off.
    max_hidden : float
        Views are redrawn where scenery hides this fraction of the object or more.
    min_visible : float
        Views are redrawn where the object covers no more than this fraction of the frame.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["engine"] = "engine"
    version: int = Field(default=1, ge=1, le=1)
    image_size: int = Field(default=64, ge=16, le=1024)
    supersample: int = Field(default=2, ge=1, le=4)
    max_hidden: float = Field(default=0.2, gt=0.0, le=1.0)
    min_visible: float = Field(default=0.01, ge=0.0, lt=0.5)

    @property
    def encoding(self) -> Literal["raw"]:
        """Pixels are stored as they are."""
        return "raw"

    @property
    def capacity(self) -> None:
        """Images never end."""
        return None

    @property
    def latents(self) -> tuple[Latent, ...]:
        """What generated an image: position, rotation, category, identity, scene and light."""
        from hyp.datasets.engine.rules import latents

        return latents()

    @property
    def identity_category(self) -> Mapping[str, str]:
        """The category of every identity."""
        from hyp.datasets.engine.shapes import IDENTITY_CATEGORY

        return IDENTITY_CATEGORY

    def sample(
        self, design: Design, seed: int, indices: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        """Return the latents table of the images with the given indices.

        Parameters
        ----------
        design : Design
            What may vary.
        seed : int
            The dataset's seed.
        indices : ndarray of int, shape (n,)
            Image indices; a row depends on its own index only.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            Every latent, then camera and object in the world (``camera_pos_x``,
            ``camera_rot_w``, ``object_pos_y``, ...), with ThreeDWorld's units and axes.
            Numbers are float64, names are str objects.

        Raises
        ------
        HypError
            If the design is impossible here, or no acceptable view was found.
        """
        from hyp.datasets.engine.sampling import sample

        return sample(
            design, seed, indices, max_hidden=self.max_hidden, min_visible=self.min_visible
        )

    def render(
        self, design: Design, seed: int, indices: NDArray[np.int64], device: str = "cpu"
    ) -> tuple[NDArray[np.uint8], dict[str, NDArray[Any]]]:
        """Return images, shape (n, size, size, 3), and their latents table.

        The table never depends on `device`; on the CPU the pixels repeat bit for bit.

        Raises
        ------
        HypError
            As `sample`, or if there is no such device.
        """
        from hyp.datasets.engine.render import draw

        table = self.sample(design, seed, indices)
        return draw(table, self.image_size, self.supersample, device), table
