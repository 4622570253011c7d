"""What the sources of this package share: full grids of factors, in row-major order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.latents import Latent
from hyp.datasets.public.files import Pixels, file_digest
from hyp.datasets.rows import Columns, Rows, RowsSource
from hyp.errors import HypError

Levels = dict[str, NDArray[Any]]
"""The values of each factor, in the order in which they first occur."""

Frame = Literal["camera", "world", "object"]
_TURN = 360.0
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Grid:
    """The latents of a file whose rows are every combination of its factors.

    Attributes
    ----------
    latents : tuple of Latent
    columns : dict
        Latent to one value a row.
    n_rows : int
    image_size : int
        Pixels a side of the images in the file.
    file_rows : ndarray of int64, shape (n_rows,), or None
        The file's row of each row; None where they are the same.
    """

    latents: tuple[Latent, ...]
    columns: Columns
    n_rows: int
    image_size: int
    file_rows: Rows | None = None

    def in_file(self, rows: Rows) -> Rows:
        """Return the file's rows of rows."""
        return rows if self.file_rows is None else self.file_rows[rows]


class GridSource(RowsSource):
    """Reads a file whose rows are a full grid of factors; a subclass finds the `grid`."""

    @classmethod
    def grid(cls, path: Path, digest: str) -> Grid:
        """Return the grid of a file, read once.

        Raises
        ------
        HypError
            If the file is damaged, of another format, or no full grid.
        """
        raise NotImplementedError

    @classmethod
    def open(cls, path: Path, *, image_size: int | None = None) -> Self:
        """Describe a file.

        Raises
        ------
        HypError
            If it is damaged, of another format, or no full grid.
        """
        digest = file_digest(path)
        grid = cls.grid(path, digest)
        return cls.model_validate(
            {
                "image_size": image_size or grid.image_size,
                "latents": grid.latents,
                "n_rows": grid.n_rows,
                "digest": digest,
                "path": path,
            }
        )

    def columns(self) -> Columns:
        """Return the latents of all images, shape (n_rows,) each."""
        return self.grid(self.require_path(), self.digest).columns


def find_levels(path: Path, labels: NDArray[Any], names: Sequence[str]) -> Levels:
    """Return the values of each factor, having checked that the rows are their full grid.

    Parameters
    ----------
    path : Path
        The file, for messages.
    labels : ndarray, shape (n_rows, n_factors)
    names : sequence of str
        The factors in order; the last one varies fastest.

    Raises
    ------
    HypError
        If a label is no finite number, or a combination is missing, repeated or out of
        order.
    """
    if not np.isfinite(labels).all():
        bad = np.flatnonzero(~np.isfinite(labels).all(axis=1))
        raise HypError(
            f"{path} has labels that are no numbers in {len(bad):,} rows (first: row {bad[0]}); "
            "get it again."
        )
    levels = {name: _in_order(labels[:, axis]) for axis, name in enumerate(names)}
    shape = tuple(len(values) for values in levels.values())
    sizes = " x ".join(map(str, shape))
    if prod(shape) != len(labels):
        raise HypError(
            f"{path} has {len(labels):,} rows for {sizes} = {prod(shape):,} combinations of "
            f"{', '.join(names)}; every combination must occur once."
        )
    wrong = np.zeros(len(labels), dtype=bool)
    for name, column in expand(levels).items():
        wrong |= labels[:, list(names).index(name)] != column
    if wrong.any():
        raise HypError(
            f"the rows of {path} are not every combination of {', '.join(names)} ({sizes}) in "
            f"row-major order: {wrong.sum():,} are elsewhere (first: row {np.argmax(wrong)})."
        )
    return levels


def _in_order(column: NDArray[Any]) -> NDArray[Any]:
    values, first = np.unique(column, return_index=True)
    ordered: NDArray[Any] = values[np.argsort(first)]
    return ordered


def expand(levels: Mapping[str, NDArray[Any]]) -> Columns:
    """Return the value of each factor in every row of the grid."""
    shape = tuple(len(values) for values in levels.values())
    columns: Columns = {}
    for axis, (name, values) in enumerate(levels.items()):
        along = [1] * len(shape)
        along[axis] = -1
        columns[name] = np.broadcast_to(values.reshape(along), shape).ravel()
    return columns


def without_repeats(levels: Levels, angles: Sequence[str]) -> tuple[Levels, Rows | None]:
    """Leave out the last value of an angle where it is the first one, a turn later.

    Such rows show the same images twice, which would let a network be tested on images
    that it was trained on.

    Returns
    -------
    levels : dict
        What is left.
    file_rows : ndarray of int64, shape (n_rows,), or None
        The row of each combination in the full grid; None if nothing was left out.
    """
    kept = dict(levels)
    for name in angles:
        values = levels[name]
        if len(values) > 1 and abs(abs(values[-1] - values[0]) - _TURN) < _TOLERANCE * _TURN:
            kept[name] = values[:-1]
    full = tuple(len(values) for values in levels.values())
    shape = tuple(len(values) for values in kept.values())
    if shape == full:
        return kept, None
    corner = tuple(slice(size) for size in shape)
    return kept, np.arange(prod(full), dtype=np.int64).reshape(full)[corner].ravel()


def continuous(name: str, values: NDArray[Any], unit: str = "", frame: Frame = "camera") -> Latent:
    """Describe a number by the values that occur."""
    low, high = float(values.min()), float(values.max())
    return Latent(name=name, kind="continuous", unit=unit, frame=frame, low=low, high=high)


def angle(name: str, frame: Frame = "camera") -> Latent:
    """Describe an angle in degrees, 0 to 360."""
    return Latent(name=name, kind="angle", unit="deg", frame=frame, low=0.0, high=_TURN)


def categorical(name: str, values: NDArray[Any], frame: Frame = "object") -> Latent:
    """Describe a name by the values that occur."""
    return Latent(name=name, kind="categorical", frame=frame, values=tuple(sorted(set(values))))


def named(path: Path, name: str, codes: NDArray[Any], names: Mapping[int, Any]) -> NDArray[Any]:
    """Return what a factor's codes stand for.

    Raises
    ------
    HypError
        For a code that stands for nothing.
    """
    unknown = [code for code in codes.tolist() if code not in names]
    if unknown:
        raise HypError(
            f"{path} has {name} {unknown[0]:g}, which is none of the published ones: "
            f"{', '.join(f'{code} ({text})' for code, text in names.items())}."
        )
    return np.array([names[int(code)] for code in codes])


def rgb(grey: Pixels) -> Pixels:
    """Return grey images (n, H, W) as RGB ones (n, H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=-1)


def resized(images: Pixels, size: int) -> Pixels:
    """Return square images, shape (n, H, H, 3), with `size` pixels a side.

    Pillow resizes them (bilinear, antialiased) where they have another size.
    """
    if images.shape[1] == size:
        return images
    from PIL import Image

    result = np.empty((len(images), size, size, 3), dtype=np.uint8)
    for image, target in zip(images, result, strict=True):
        picture = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
        target[...] = np.asarray(picture)
    return result
