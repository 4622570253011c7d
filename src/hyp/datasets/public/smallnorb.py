"""smallNORB: photographs of fifty toys from many sides."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.public.files import (
    BLOCK_BYTES,
    Pixels,
    file_digest,
    mapped,
    sound,
    unpacked,
)
from hyp.datasets.public.grids import (
    Grid,
    angle,
    categorical,
    continuous,
    find_levels,
    named,
    resized,
    rgb,
)
from hyp.datasets.rows import Columns, Rows, RowsSource
from hyp.errors import HypError
from hyp.store.steps import content_hash

Camera = Literal["left", "right", "both"]
_CATEGORIES = {0: "animal", 1: "human", 2: "airplane", 3: "truck", 4: "car"}
_ELEVATIONS = {code: 30.0 + 5.0 * code for code in range(9)}
_DTYPES: dict[int, np.dtype[Any]] = {
    0x1E3D4C51: np.dtype("<f4"),
    0x1E3D4C53: np.dtype("<f8"),
    0x1E3D4C54: np.dtype("<i4"),
    0x1E3D4C55: np.dtype("u1"),
    0x1E3D4C56: np.dtype("<i2"),
}
"""Element types by magic number; packed matrices, 0x1E3D4C52, do not occur here."""
_PARTS = ("dat", "cat", "info")
_SUFFIXES = (".mat", ".mat.gz")
_LEAST_SIZES = 3
_SIDES = ("left", "right")


class SmallNORBSource(RowsSource):
    """Reads smallNORB from the released binary matrices.

    Each set, training and testing, is three files, ``…-dat.mat``, ``…-cat.mat`` and
    ``…-info.mat``, or the same with ``.gz``: image pairs (n, 2, 96, 96), categories (n,)
    and (instance, elevation, azimuth, lighting) (n, 4). Of a folder all sets are read
    together; of one file, its own set. Their rows, whose order in the files is random,
    are sorted to the full grid that they are. The latents here are

    - ``category`` (animal, human, airplane, truck, car) and ``identity`` in it, such as
      ``car-4``, named by the file's number of the toy. The training set has toys 4, 6, 7,
      8 and 9 of each category, the testing set the others;
    - ``elevation``: of the camera above the horizontal, 30 to 70 degrees;
    - ``rel_rot_euler_1``: the azimuth, 0 to 340 degrees; zero and sense of turning are
      those of the files;
    - ``lighting``: one of six conditions, ``light-0`` to ``light-5``;
    - ``camera``, where both cameras are read: ``left`` or ``right``.

    Grey images become RGB. Compressed image files are unpacked once to the cache folder.

    Source: Huang and LeCun (2005), the small NORB dataset, V1.0,
    cs.nyu.edu/~ylclab/data/norb-v1.0-small (content and file format); LeCun, Huang and
    Bottou (2004), CVPR.

    Attributes
    ----------
    camera : {"left", "right", "both"}
        Which image of each pair; ``both`` makes two rows of a pair.
    """

    kind: Literal["smallnorb"] = "smallnorb"
    camera: Camera = "left"

    @property
    def factors(self) -> tuple[str, ...]:  # type: ignore[override]
        """Latents whose combinations the rows are, in row-major order."""
        names = ("identity", "elevation", "rel_rot_euler_1", "lighting")
        return (*names, "camera") if self.camera == "both" else names

    @classmethod
    def open(cls, path: Path, *, image_size: int | None = None, camera: Camera = "left") -> Self:
        """Describe the sets in a folder, or the one that a file belongs to.

        Raises
        ------
        HypError
            If a file is missing, damaged or of another format, or the rows are no full
            grid.
        """
        digest = _digest(path)
        grid = _grid(path, digest, camera)
        return cls(
            image_size=image_size or grid.image_size,
            latents=grid.latents,
            n_rows=grid.n_rows,
            digest=digest,
            camera=camera,
            path=path,
        )

    def columns(self) -> Columns:
        """Return the latents of all images, shape (n_rows,) each."""
        return _grid(self.require_path(), self.digest, self.camera).columns

    def read(self, rows: Rows) -> Pixels:
        """Return images, shape (n, H, W, 3)."""
        path = self.require_path()
        grid = _grid(path, self.digest, self.camera)
        pairs, sides = np.divmod(grid.in_file(rows), len(_SIDES))
        side = grid.image_size
        images = np.empty((len(rows), side, side), dtype=np.uint8)
        start = 0
        for pixels in _pixels(path, self.digest):
            here = (pairs >= start) & (pairs < start + len(pixels))
            images[here] = pixels[pairs[here] - start, sides[here]]
            start += len(pixels)
        return resized(rgb(images), self.image_size)


@dataclass(frozen=True)
class _Matrix:
    """What a file's header says."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int


def _sets(path: Path) -> list[dict[str, Path]]:
    """Return the three files of each set, sorted by name."""
    if path.is_dir():
        names = {_stem(file) for file in path.iterdir() if _stem(file)}
        folder, stems = path, sorted(name for name in names if name)
    else:
        stem = _stem(path)
        folder, stems = path.parent, [stem] if stem else []
    if not stems:
        raise HypError(
            f"{path} has none of smallNORB's files, whose names end in -dat.mat, -cat.mat and "
            "-info.mat (or with .gz)."
        )
    return [{part: _part(folder, stem, part) for part in _PARTS} for stem in stems]


def _stem(path: Path) -> str | None:
    for part in _PARTS:
        for suffix in _SUFFIXES:
            if path.name.endswith(f"-{part}{suffix}"):
                return path.name.removesuffix(f"-{part}{suffix}")
    return None


def _part(folder: Path, stem: str, part: str) -> Path:
    for suffix in _SUFFIXES:
        path = folder / f"{stem}-{part}{suffix}"
        if path.is_file():
            return path
    raise HypError(f"{folder} has no {stem}-{part}.mat (or .mat.gz), which belongs to its set.")


def _digest(path: Path) -> str:
    return content_hash(
        [[part, file_digest(file)] for files in _sets(path) for part, file in files.items()]
    )


def _stream(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _header(path: Path) -> _Matrix:
    """Read a binary matrix's header: magic number, rank, at least three sizes."""
    with sound(path), _stream(path) as stream:
        magic, rank = struct.unpack("<ii", stream.read(8))
        if magic not in _DTYPES or not 1 <= rank <= 8:
            raise ValueError(f"magic number {magic & 0xFFFFFFFF:#x} and {rank} dimensions")
        n_sizes = max(rank, _LEAST_SIZES)
        sizes = struct.unpack(f"<{n_sizes}i", stream.read(4 * n_sizes))[:rank]
        if min(sizes) < 1:
            raise ValueError(f"sizes {sizes}")
        matrix = _Matrix(path, _DTYPES[magic], sizes, 8 + 4 * n_sizes)
        expected = matrix.start + prod(sizes) * matrix.dtype.itemsize
        found = expected if path.suffix == ".gz" else path.stat().st_size
        if found != expected:
            raise ValueError(f"{found:,} bytes instead of {expected:,}")
    return matrix


def _blocks(matrix: _Matrix) -> Iterator[NDArray[Any]]:
    row = prod(matrix.shape[1:]) * matrix.dtype.itemsize
    rows = max(1, BLOCK_BYTES // row)
    with sound(matrix.path), _stream(matrix.path) as stream:
        stream.read(matrix.start)
        for start in range(0, matrix.shape[0], rows):
            n = min(rows, matrix.shape[0] - start)
            content = stream.read(n * row)
            if len(content) < n * row:
                raise EOFError("it ends early")
            yield np.frombuffer(content, dtype=matrix.dtype).reshape(n, *matrix.shape[1:])
        if stream.read(1):
            raise ValueError("it goes on after its last row")


def _checked(files: dict[str, Path]) -> dict[str, _Matrix]:
    """Return the headers of a set's files, which must fit each other."""
    found = {part: _header(path) for part, path in files.items()}
    shape = found["dat"].shape
    if found["dat"].dtype != np.uint8 or len(shape) != 4 or shape[1] != 2 or shape[2] != shape[3]:
        raise HypError(
            f"{files['dat']} holds {found['dat'].dtype} {shape}, not pairs of square images of "
            "uint8 (n, 2, H, H)."
        )
    for part, expected in (("cat", (shape[0],)), ("info", (shape[0], 4))):
        if found[part].dtype.kind != "i" or found[part].shape != expected:
            raise HypError(
                f"{files[part]} holds {found[part].dtype} {found[part].shape}, not integers "
                f"{expected} for the {shape[0]:,} image pairs."
            )
    return found


@lru_cache(maxsize=2)
def _grid(path: Path, digest: str, camera: Camera) -> Grid:
    if _digest(path) != digest:
        raise HypError(f"the files at {path} are others now than when they were first used.")
    sets = [_checked(files) for files in _sets(path)]
    sizes = {found["dat"].shape[2] for found in sets}
    if len(sizes) > 1:
        raise HypError(f"the sets at {path} have images of {sorted(sizes)} pixels; read one.")
    codes = np.concatenate([block for found in sets for block in _blocks(found["cat"])])
    info = np.concatenate([block for found in sets for block in _blocks(found["info"])])
    categories = _translated(path, "category", codes, _CATEGORIES)
    toys = np.char.add(np.char.add(categories, "-"), info[:, 0].astype(str))
    identities, toy = np.unique(toys, return_inverse=True)
    labels = np.column_stack([toy, info[:, 1:]])
    order = np.lexsort(labels.T[::-1]).astype(np.int64)
    find_levels(path, labels[order], ("identity", "elevation", "azimuth", "lighting"))

    sides = [_SIDES.index(side) for side in _SIDES if camera in (side, "both")]
    pairs = np.repeat(order, len(sides))
    file_rows = len(_SIDES) * pairs + np.tile(sides, len(order))
    elevations = _translated(path, "elevation", info[:, 1], _ELEVATIONS)
    columns: Columns = {
        "category": categories[pairs],
        "identity": toys[pairs],
        "elevation": elevations[pairs],
        "rel_rot_euler_1": 10.0 * info[pairs, 2],
        "lighting": np.char.add("light-", info[pairs, 3].astype(str)),
    }
    groups = tuple(name.rpartition("-")[0] for name in identities.tolist())
    latents = [
        categorical("category", columns["category"]),
        categorical("identity", identities).model_copy(update={"groups": groups}),
        continuous("elevation", elevations, "deg", frame="world"),
        angle("rel_rot_euler_1"),
        categorical("lighting", columns["lighting"], frame="world"),
    ]
    if camera == "both":
        columns["camera"] = np.tile(_SIDES, len(order))
        latents.append(categorical("camera", columns["camera"], frame="camera"))
    return Grid(tuple(latents), columns, len(file_rows), sizes.pop(), file_rows)


def _translated(
    path: Path, name: str, codes: NDArray[Any], meanings: Mapping[int, str | float]
) -> NDArray[Any]:
    """Return what a factor's codes mean."""
    known, at = np.unique(codes, return_inverse=True)
    return named(path, name, known, meanings)[at]


@lru_cache(maxsize=2)
def _pixels(path: Path, digest: str) -> tuple[Pixels, ...]:
    """Map the image pairs of each set, shape (n, 2, H, H)."""
    arrays = []
    for number, files in enumerate(_sets(path)):
        matrix = _checked(files)["dat"]
        if matrix.path.suffix == ".gz":
            key = f"{digest[:32]}-smallnorb-{number}"
            arrays.append(unpacked(matrix.path, key, matrix.shape, partial(_blocks, matrix)))
        else:
            arrays.append(mapped(matrix.path, matrix.start, matrix.shape))
    return tuple(arrays)
