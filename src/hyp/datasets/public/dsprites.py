"""dSprites: white squares, ellipses and hearts on black."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.public.files import (
    Member,
    Pixels,
    member_blocks,
    npz_member,
    read_member,
    require_same,
    unpacked,
)
from hyp.datasets.public.grids import (
    Grid,
    GridSource,
    angle,
    categorical,
    continuous,
    expand,
    find_levels,
    named,
    resized,
    rgb,
    without_repeats,
)
from hyp.datasets.rows import Rows
from hyp.errors import HypError

_FACTORS = ("color", "shape", "scale", "orientation", "posX", "posY")
_SHAPES = {1: "square", 2: "ellipse", 3: "heart"}
_TRAVEL = 0.5
"""Share of the image's side between the outermost positions of a sprite."""


class DSpritesSource(GridSource):
    """Reads dSprites from the released ``.npz`` file.

    The file holds every combination of 3 shapes, 6 scales, 40 orientations and 32 x 32
    positions of a white sprite on black, in row-major order: ``imgs`` (n, 64, 64) of 0
    and 1, and ``latents_values`` (n, 6). The latents here are

    - ``category``: the shape, named;
    - ``scale``: as in the file, 0.5 to 1;
    - ``rel_rot_euler_2``: the orientation in degrees, counter-clockwise in the image. In
      the file the last orientation is a full turn, whose images are those of 0 once more;
      they are left out (718,848 images stay), so that no image is both trained and
      tested on;
    - ``rel_pos_x`` (right positive) and ``rel_pos_y`` (up positive): the centre of the
      sprite, in shares of the image's side. The outermost positions lie half a side
      apart. In the file ``posX`` runs to the right and ``posY`` down. Of an even number
      of positions none is in the middle; 0 is then the first one beyond it, half a step
      (half a pixel of 64) off, so that there are centred images.

    Directions and travel were measured on the animation and notebook that come with the
    dataset. The images, 0 and 1, become black and white RGB; they are unpacked once, one
    bit a pixel, to the cache folder. The pickled ``metadata`` are not read.

    Source: Matthey, Higgins, Hassabis and Lerchner (2017), dSprites,
    github.com/google-deepmind/dsprites-dataset (format: its README).
    """

    factors: ClassVar[tuple[str, ...] | None] = (
        "category",
        "scale",
        "rel_rot_euler_2",
        "rel_pos_x",
        "rel_pos_y",
    )

    kind: Literal["dsprites"] = "dsprites"

    @classmethod
    def grid(cls, path: Path, digest: str) -> Grid:
        """Return the grid of a file, see `GridSource`."""
        return _grid(path, digest)

    def read(self, rows: Rows) -> Pixels:
        """Return images, shape (n, H, W, 3)."""
        path = self.require_path()
        grid = self.grid(path, self.digest)
        side = grid.image_size
        bits = np.unpackbits(
            _bits(path, self.digest)[grid.in_file(rows)], axis=1, count=side * side
        )
        return resized(rgb(255 * bits.reshape(-1, side, side)), self.image_size)


@lru_cache(maxsize=2)
def _grid(path: Path, digest: str) -> Grid:
    require_same(path, digest)
    images, values = _images(path), npz_member(path, "latents_values")
    if values.shape != (images.shape[0], len(_FACTORS)) or values.dtype.kind != "f":
        raise HypError(
            f"{path}: latents_values is {values.dtype} {values.shape}, not the latents of the "
            f"{images.shape[0]:,} images in floating point."
        )
    levels = find_levels(path, read_member(values), _FACTORS)
    if len(levels["color"]) > 1:
        raise HypError(f"{path} has {len(levels['color'])} colours; sprites are white.")
    turned, file_rows = without_repeats(
        {
            "category": named(path, "shape", levels["shape"], _SHAPES),
            "scale": levels["scale"],
            "rel_rot_euler_2": np.round(np.degrees(levels["orientation"]), 9),
            "rel_pos_x": _centred(levels["posX"]),
            "rel_pos_y": -_centred(levels["posY"]),
        },
        ["rel_rot_euler_2"],
    )
    latents = (
        categorical("category", turned["category"]),
        continuous("scale", turned["scale"], frame="object"),
        angle("rel_rot_euler_2"),
        continuous("rel_pos_x", turned["rel_pos_x"], "image side"),
        continuous("rel_pos_y", turned["rel_pos_y"], "image side"),
    )
    columns = expand(turned)
    return Grid(latents, columns, len(columns["category"]), images.shape[1], file_rows)


def _images(path: Path) -> Member:
    images = npz_member(path, "imgs")
    if images.dtype != np.uint8 or len(images.shape) != 3 or images.shape[1] != images.shape[2]:
        raise HypError(
            f"{path}: imgs is {images.dtype} {images.shape}, not square images of uint8 (n, H, H)."
        )
    return images


def _centred(positions: NDArray[Any]) -> NDArray[Any]:
    """Return positions in shares of the image's side from the middle one."""
    centred: NDArray[Any] = (positions - positions[len(positions) // 2]) * _TRAVEL
    return centred


@lru_cache(maxsize=2)
def _bits(path: Path, digest: str) -> Pixels:
    """Map the images, one bit a pixel, shape (n, ceil(H * H / 8))."""
    images = _images(path)
    n, side, _ = images.shape

    def blocks() -> Iterator[Pixels]:
        for block in member_blocks(images):
            if block.max(initial=0) > 1:
                raise HypError(f"{path}: imgs holds other values than 0 and 1; get it again.")
            yield np.packbits(block.reshape(len(block), -1), axis=1)

    return unpacked(path, f"{digest[:32]}-dsprites", (n, -(-side * side // 8)), blocks)
