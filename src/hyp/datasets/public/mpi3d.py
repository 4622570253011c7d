"""MPI3D: a robot arm that carries objects, rendered or filmed."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np

from hyp.datasets.public.files import (
    Member,
    Pixels,
    file_digest,
    mapped,
    member_blocks,
    npz_member,
    require_same,
    unpacked,
)
from hyp.datasets.public.grids import Grid, Levels, categorical, continuous, expand, resized
from hyp.datasets.rows import Columns, Rows, RowsSource
from hyp.errors import HypError

Variant = Literal["simple", "complex", "challenge"]
_NAMES: dict[Variant, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "simple": (
        ("white", "green", "red", "blue", "brown", "olive"),
        ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere"),
    ),
    "complex": (
        ("yellow", "green", "olive", "red"),
        ("coffee-cup", "tennis-ball", "croissant", "beer-cup"),
    ),
    "challenge": (("green", "red", "blue", "brown"), ("cone", "cube", "hexagonal", "sphere")),
}
"""Colours and shapes of each variant."""
_AXIS = 40


class MPI3DSource(RowsSource):
    """Reads MPI3D from one of the released ``.npz`` files.

    The file holds ``images`` (n, 64, 64, 3) and no labels; its rows are every combination
    of the factors in row-major order, which the number of rows tells:

    - 1,036,800 (toy, realistic, real): 6 colours, 6 shapes, 2 sizes, 3 camera heights, 3
      background colours, 40 x 40 positions of the arm's joints;
    - 460,800: 4 colours and 4 shapes, as in the real-world complex set (``complex`` or
      ``complicated`` in the file's name, or ``variant="complex"``) and in the first
      release of the toy and realistic sets, for the NeurIPS 2019 challenge (``toy`` or
      ``realistic`` in the name, or ``variant="challenge"``).

    The shape is ``category`` here; the others are ``object_color``, ``object_size``,
    ``camera_height`` and ``background_color``, named, and ``horizontal_axis`` and
    ``vertical_axis``, steps of the joints from 0. Images that lie uncompressed in the
    file, as ``numpy.savez`` leaves them, are mapped where they lie; others are unpacked
    once to the cache folder.

    Source: Gondal et al. (2019), "On the transfer of inductive bias from simulation to
    the real world", NeurIPS; github.com/rr-learning/disentanglement_dataset (factors and
    format: its README, also of the first release).
    """

    factors: ClassVar[tuple[str, ...] | None] = (
        "object_color",
        "category",
        "object_size",
        "camera_height",
        "background_color",
        "horizontal_axis",
        "vertical_axis",
    )

    kind: Literal["mpi3d"] = "mpi3d"
    variant: Variant = "simple"

    @classmethod
    def open(
        cls, path: Path, *, image_size: int | None = None, variant: Variant | None = None
    ) -> Self:
        """Describe an MPI3D file.

        Raises
        ------
        HypError
            If it is damaged, of another format, or its number of rows fits no grid.
        """
        digest = file_digest(path)
        require_same(path, digest)
        images = _images(path)
        variant = variant or _guessed(path, images.shape[0])
        grid = _grid(variant)
        if images.shape[0] != grid.n_rows:
            raise HypError(
                f"{path} has {images.shape[0]:,} images, not the {grid.n_rows:,} combinations of "
                f"MPI3D's {variant} factors."
            )
        return cls(
            image_size=image_size or images.shape[1],
            latents=grid.latents,
            n_rows=grid.n_rows,
            digest=digest,
            variant=variant,
            path=path,
        )

    def columns(self) -> Columns:
        """Return the latents of all images, shape (n_rows,) each."""
        return _grid(self.variant).columns

    def read(self, rows: Rows) -> Pixels:
        """Return images, shape (n, H, W, 3)."""
        return resized(_pixels(self.require_path(), self.digest)[rows], self.image_size)


def _guessed(path: Path, n_rows: int) -> Variant:
    name = path.name.lower()
    if n_rows != prod(map(len, _NAMES["complex"])) * _n_rest():
        return "simple"
    if "complex" in name or "complicated" in name:
        return "complex"
    if "toy" in name or "realistic" in name:
        return "challenge"
    raise HypError(
        f"{path} has {n_rows:,} images, which the complex set and the challenge's sets both have; "
        "give the file its published name, such as mpi3d_real_complex.npz or mpi3d_toy.npz."
    )


def _levels(variant: Variant) -> Levels:
    colours, shapes = _NAMES[variant]
    return {
        "object_color": np.array(colours),
        "category": np.array(shapes),
        "object_size": np.array(["small", "large"]),
        "camera_height": np.array(["top", "center", "bottom"]),
        "background_color": np.array(["purple", "sea-green", "salmon"]),
        "horizontal_axis": np.arange(_AXIS, dtype=np.float64),
        "vertical_axis": np.arange(_AXIS, dtype=np.float64),
    }


def _n_rest() -> int:
    """Return the number of combinations of all factors but colour and shape."""
    return prod(len(values) for values in list(_levels("simple").values())[2:])


@lru_cache(maxsize=1)
def _grid(variant: Variant) -> Grid:
    levels = _levels(variant)
    latents = tuple(
        continuous(name, values, "step", frame="world")
        if values.dtype.kind == "f"
        else categorical(name, values, frame="object" if _is_of_object(name) else "world")
        for name, values in levels.items()
    )
    columns = expand(levels)
    return Grid(latents, columns, len(columns["category"]), 0)


def _is_of_object(name: str) -> bool:
    return name == "category" or name.startswith("object")


def _images(path: Path) -> Member:
    images = npz_member(path, "images")
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise HypError(
            f"{path}: images is {images.dtype} {shape}, not square images of uint8 (n, H, H, 3)."
        )
    return images


@lru_cache(maxsize=2)
def _pixels(path: Path, digest: str) -> Pixels:
    require_same(path, digest)
    images = _images(path)
    if images.offset is not None:
        return mapped(path, images.offset, images.shape)
    return unpacked(path, f"{digest[:32]}-mpi3d", images.shape, lambda: member_blocks(images))
