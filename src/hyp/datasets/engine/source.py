"""The embedded engine as a source of images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hyp.datasets.designs import Design
from hyp.datasets.engine.worlds import OwnObject, Panorama, World, world_of
from hyp.datasets.latents import Latent
from hyp.datasets.skipping import read_share

if TYPE_CHECKING:
    from torch import Tensor


def _unused(value: object) -> bool:
    return not value


class EngineSource(BaseModel):
    """Renders one unit-size object in a room, in a landscape or in front of a panorama.

    Objects and scenes are procedural, or the user's own meshes and pictures (`open`). The
    generation rules are ThreeDWorld's as the paper used them
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
    objects : tuple of OwnObject
        The user's meshes, instead of the built-in objects.
    panoramas : tuple of Panorama
        The user's pictures all around, instead of the built-in scenes. They light the
        object from above and below with their own colours; ``sky`` and the latents of
        light give the key light, as everywhere.
    builtin : bool
        Keep the built-in objects and scenes beside the user's.
    opaque : bool
        Draw transparent materials of the user's meshes opaque; else such meshes are refused.
    skipped : tuple of str
        The user's files that were left out because they cannot be drawn.
    path : Path or None
        Where the user's files are on this machine; not written to manifests and keys.
    remarks : str or None
        What was left out when the files were read, and why; not written either.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["engine"] = "engine"
    version: int = Field(default=1, ge=1, le=1)
    image_size: int = Field(default=64, ge=16, le=1024)
    supersample: int = Field(default=2, ge=1, le=4)
    max_hidden: float = Field(default=0.2, gt=0.0, le=1.0)
    min_visible: float = Field(default=0.01, ge=0.0, lt=0.5)
    objects: tuple[OwnObject, ...] = Field(default=(), exclude_if=_unused)
    panoramas: tuple[Panorama, ...] = Field(default=(), exclude_if=_unused)
    builtin: bool = Field(default=False, exclude_if=_unused)
    opaque: bool = Field(default=False, exclude_if=_unused)
    skipped: tuple[str, ...] = Field(default=(), exclude_if=_unused)
    path: Path | None = Field(default=None, exclude=True)
    remarks: str | None = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        self._world.check()
        return self

    @classmethod
    def open(cls, where: str = "", *, skip: Any = 0.0, **settings: Any) -> Self:
        """Describe the engine with the user's own objects and panoramas.

        Parameters
        ----------
        where : str
            A folder, or a table in TOML or CSV (`hyp.datasets.engine.own.read_listing`);
            empty for the built-in objects and scenes alone.
        skip : float or str
            Share of the files that may be left out because they cannot be drawn, such as 0.1
            or ``10%``; their names become part of the source.
        **settings
            Fields of the source.

        Raises
        ------
        HypError
            With a list of all files that are missing or damaged, or no meshes or panoramas
            that can be drawn, if they are more than `skip` of them.
        """
        if not where:
            return cls(**settings)
        from hyp.datasets.engine.survey import describe

        opaque = cls(opaque=settings.pop("opaque", False)).opaque
        path = Path(where).expanduser().absolute()
        return cls(**{**describe(path, skip=read_share(skip), opaque=opaque), **settings})

    @property
    def _world(self) -> World:
        return world_of(self.objects, self.panoramas, self.builtin, self.path, self.opaque)

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

        return latents(self._world)

    @property
    def identity_category(self) -> Mapping[str, str]:
        """The category of every identity."""
        return self._world.identity_category

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

        limits = {"max_hidden": self.max_hidden, "min_visible": self.min_visible}
        return sample(design, seed, indices, **limits, world=self._world)

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
        return draw(table, self.image_size, self.supersample, device, self._world), table

    def render_there(
        self, design: Design, seed: int, indices: NDArray[np.int64], device: str
    ) -> tuple[Tensor, dict[str, NDArray[Any]]]:
        """Return as `render`, but images in a tensor of torch that stays on the device."""
        from hyp.datasets.engine.render import draw_there

        table = self.sample(design, seed, indices)
        return draw_there(table, self.image_size, self.supersample, device, self._world), table
