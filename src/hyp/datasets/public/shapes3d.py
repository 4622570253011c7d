"""3D Shapes: one object in a room, all of plain colours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from hyp.datasets.public.files import (
    BLOCK_BYTES,
    Pixels,
    mapped,
    require_same,
    sound,
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
    without_repeats,
)
from hyp.datasets.rows import Rows
from hyp.errors import HypError

if TYPE_CHECKING:
    import h5py

_FACTORS = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
_SHAPES = {0: "cube", 1: "cylinder", 2: "sphere", 3: "capsule"}
_HUES = ("floor_hue", "wall_hue", "object_hue")
_MOST_BYTES = 2**28


class Shapes3DSource(GridSource):
    """Reads 3D Shapes from the released HDF5 file.

    The file holds every combination of 10 floor, 10 wall and 10 object hues, 8 scales, 4
    shapes and 15 orientations, in row-major order: ``images`` (n, 64, 64, 3) and
    ``labels`` (n, 6). The latents here are

    - ``floor_hue``, ``wall_hue``, ``object_hue``: angles on the colour circle in degrees,
      360 times the file's hue. They are angles because hue is: the colours before and
      after red, 0, are neighbours, which neither a number nor a name would say;
    - ``scale``: as in the file;
    - ``category``: the shape, named;
    - ``rel_rot_euler_1``: the orientation in degrees, modulo 360. The camera goes round
      the room, so that to it the object turns about the vertical by as much, clockwise
      seen from above where the file's value rises (read off the authors' animation).

    Where an angle's last value repeats its first, its rows are left out. Images in chunks
    or compressed are unpacked once to the cache folder; others are mapped where they lie.

    Source: Burgess and Kim (2018), 3D Shapes, github.com/google-deepmind/3d-shapes
    (format: its README; names of the shapes: its animation).
    """

    factors: ClassVar[tuple[str, ...] | None] = (
        *_HUES,
        "scale",
        "category",
        "rel_rot_euler_1",
    )

    kind: Literal["shapes3d"] = "shapes3d"

    @classmethod
    def grid(cls, path: Path, digest: str) -> Grid:
        """Return the grid of a file, see `GridSource`."""
        return _grid(path, digest)

    def read(self, rows: Rows) -> Pixels:
        """Return images, shape (n, H, W, 3)."""
        path = self.require_path()
        in_file = self.grid(path, self.digest).in_file(rows)
        return resized(_pixels(path, self.digest)[in_file], self.image_size)


@lru_cache(maxsize=2)
def _grid(path: Path, digest: str) -> Grid:
    import h5py

    require_same(path, digest)
    with sound(path), h5py.File(path, "r") as file:
        images = _images(path, file)
        labels = _dataset(path, file, "labels")
        if labels.shape != (images.shape[0], len(_FACTORS)) or labels.dtype.kind != "f":
            raise HypError(
                f"{path}: labels is {labels.dtype} {labels.shape}, not the latents of the "
                f"{images.shape[0]:,} images in floating point."
            )
        side = int(images.shape[1])
        levels = find_levels(path, labels[()], _FACTORS)
    hues = {name: np.round(360.0 * levels[name], 9) for name in _HUES}
    turned, file_rows = without_repeats(
        {
            **hues,
            "scale": levels["scale"],
            "category": named(path, "shape", levels["shape"], _SHAPES),
            "rel_rot_euler_1": np.round(np.mod(levels["orientation"], 360.0), 9),
        },
        _HUES,
    )
    latents = (
        angle("floor_hue", frame="world"),
        angle("wall_hue", frame="world"),
        angle("object_hue", frame="object"),
        continuous("scale", turned["scale"], frame="object"),
        categorical("category", turned["category"]),
        angle("rel_rot_euler_1"),
    )
    columns = expand(turned)
    return Grid(latents, columns, len(columns["category"]), side, file_rows)


def _dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    import h5py

    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise HypError(f"{path} has no dataset {name!r}, only: {', '.join(file) or 'nothing'}.")
    if found.external or found.is_virtual:
        raise HypError(f"{path} keeps {name!r} in other files; give one file that holds it.")
    return found


def _images(path: Path, file: h5py.File) -> h5py.Dataset:
    images = _dataset(path, file, "images")
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise HypError(
            f"{path}: images is {images.dtype} {shape}, not square images of uint8 (n, H, H, 3)."
        )
    return images


@lru_cache(maxsize=2)
def _pixels(path: Path, digest: str) -> Pixels:
    """Map the images, shape (n, H, H, 3)."""
    import h5py

    with sound(path), h5py.File(path, "r") as file:
        images = _images(path, file)
        shape: tuple[int, ...] = images.shape
        offset = None if images.chunks else images.id.get_offset()
    if offset is not None:
        return mapped(path, offset, shape)
    return unpacked(path, f"{digest[:32]}-shapes3d", shape, lambda: _blocks(path))


def _blocks(path: Path) -> Iterator[Pixels]:
    """Yield the images in runs of whole chunks, as far as these fit into memory."""
    import h5py

    with sound(path), h5py.File(path, "r") as file:
        images = _images(path, file)
        image = int(np.prod(images.shape[1:]))
        step = images.chunks[0] if images.chunks else 1
        run = min(step * max(1, BLOCK_BYTES // (step * image)), max(1, _MOST_BYTES // image))
        for start in range(0, len(images), run):
            yield images[start : start + run]
