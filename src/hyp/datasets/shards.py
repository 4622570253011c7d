"""Image files of a dataset: raw pixels as ``.npy``, JPEG files as one Arrow column.

Both are memory-mapped. An Arrow file holds the column ``image`` of binary values, in
record batches, uncompressed: any Arrow library reads it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hyp.datasets.rows import Encoding, Images
from hyp.errors import HypError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIX: dict[Encoding, str] = {"raw": ".npy", "jpeg": ".arrow"}
_COLUMN = "image"
_SCHEMA = pa.schema([(_COLUMN, pa.large_binary())])
_DECODERS = 4
_PARTS = 4
"""Parts of a batch for each thread: few, as handing one over costs a tenth of decoding."""


class Shard(Protocol):
    """An opened image file."""

    def __len__(self) -> int:
        """Return the number of images."""

    def fill(
        self, images: NDArray[np.uint8], positions: Sequence[int], rows: Sequence[int]
    ) -> None:
        """Copy row ``rows[k]`` to ``images[positions[k]]``."""


class RawShard:
    """Pixels of equal-sized images."""

    def __init__(self, path: Path) -> None:
        self._images = np.asarray(np.load(path, mmap_mode="r"))

    def __len__(self) -> int:
        return len(self._images)

    def fill(
        self, images: NDArray[np.uint8], positions: Sequence[int], rows: Sequence[int]
    ) -> None:
        """Copy row ``rows[k]`` to ``images[positions[k]]``."""
        for position, row in zip(positions, rows, strict=True):
            images[position] = self._images[row]

    @property
    def layout(self) -> tuple[str, tuple[int, ...]]:
        """Data type and shape."""
        return str(self._images.dtype), self._images.shape


class JpegShard:
    """JPEG files, decoded when they are asked for."""

    def __init__(self, path: Path, image_size: int) -> None:
        self._size = image_size
        try:
            self._files = pa.ipc.open_file(pa.memory_map(str(path))).read_all().column(_COLUMN)
        except (pa.ArrowInvalid, KeyError) as error:
            raise ValueError(f"not an Arrow file of images: {error}") from error

    def __len__(self) -> int:
        return len(self._files)

    def fill(
        self, images: NDArray[np.uint8], positions: Sequence[int], rows: Sequence[int]
    ) -> None:
        """Decode row ``rows[k]`` to ``images[positions[k]]``."""
        fill_images(images, [(self, positions, rows)])

    def decode(self, row: int) -> NDArray[np.uint8]:
        """Return the pixels of a JPEG file, shape (H, W, 3)."""
        return decode_jpeg(self._files[row].as_buffer(), self._size)

    def file(self, row: int) -> bytes:
        """Return the bytes of a JPEG file."""
        content: bytes = self._files[row].as_py()
        return content


def fill_images(
    images: NDArray[np.uint8], parts: Iterable[tuple[Shard, Sequence[int], Sequence[int]]]
) -> None:
    """Fill images from several image files at once.

    JPEG files are decoded by threads, whichever shards they are in: an image of each of
    many shards is decoded as fast as many of one.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W, 3)
        To be filled.
    parts : iterable of (Shard, positions, rows)
        ``rows[k]`` of the shard comes to ``images[positions[k]]``.
    """
    jobs: list[tuple[JpegShard, int, int]] = []
    for shard, positions, rows in parts:
        if isinstance(shard, JpegShard):
            jobs += [(shard, *pair) for pair in zip(positions, rows, strict=True)]
        else:
            shard.fill(images, positions, rows)

    def decode(some: Sequence[tuple[JpegShard, int, int]]) -> None:
        for shard, position, row in some:
            images[position] = shard.decode(row)

    n_parts = min(len(jobs), _PARTS * decoding_threads())
    if n_parts < 2:
        decode(jobs)
    else:
        list(_decoders().map(decode, (jobs[k::n_parts] for k in range(n_parts))))


def open_shard(path: Path, encoding: Encoding, image_size: int) -> Shard:
    """Open an image file; it is read where it is looked at.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    return JpegShard(path, image_size) if encoding == "jpeg" else RawShard(path)


def write_shard(
    stream: BinaryIO, encoding: Encoding, shape: tuple[int, ...], chunks: Iterable[Images]
) -> None:
    """Write images chunk by chunk; equal chunks give equal bytes.

    Parameters
    ----------
    stream : file
    encoding : {"raw", "jpeg"}
    shape : tuple of int
        Number of images, H, W, 3.
    chunks : iterable
        Arrays of shape (n, H, W, 3), or lists of JPEG files.
    """
    if encoding == "raw":
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for images in chunks:
            stream.write(np.ascontiguousarray(images).data)
        return
    with pa.ipc.new_file(stream, _SCHEMA) as writer:
        for images in chunks:
            writer.write_batch(
                pa.record_batch([pa.array(list(images), pa.large_binary())], schema=_SCHEMA)
            )


def check_images(images: Images, encoding: Encoding, shape: tuple[int, ...]) -> None:
    """Check what a source gave.

    Raises
    ------
    ValueError
        If it is not what it promised.
    """
    if encoding == "jpeg":
        if len(images) != shape[0] or not all(isinstance(file, bytes) for file in images):
            raise ValueError(f"the source gave something other than {shape[0]} JPEG files")
        return
    found = np.asarray(images)
    if found.dtype != np.uint8 or found.shape != shape:
        raise ValueError(f"the source gave {found.dtype} {found.shape}, not uint8 {shape}")


def decode_jpeg(content: bytes | pa.Buffer, image_size: int) -> NDArray[np.uint8]:
    """Decode a JPEG file to RGB pixels, shape (image_size, image_size, 3).

    A file of another size is resized as torchvision's evaluation transform does: the
    shorter side to `image_size` (bilinear, antialiased), then the centre.

    Raises
    ------
    HypError
        If it cannot be decoded.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(content)) as file:
            picture = file if file.mode == "RGB" else file.convert("RGB")
            if picture.size != (image_size, image_size):
                picture = fitted(picture, image_size)
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        raise HypError(f"a JPEG image of the dataset cannot be decoded: {error}.") from error


def fitted(picture: Image, size: int) -> Image:
    """Resize a Pillow image's shorter side to `size` (bilinear, antialiased); take the centre.

    As ``torchvision.transforms.Resize`` and ``CenterCrop`` do.
    """
    from PIL.Image import Resampling

    shorter = min(picture.size)
    width, height = (int(size * side / shorter) for side in picture.size)
    left, top = (round((side - size) / 2.0) for side in (width, height))
    resized = picture.resize((width, height), Resampling.BILINEAR)
    return resized.crop((left, top, left + size, top + size))


def decoding_threads() -> int:
    """Return the number of threads that decode JPEG files."""
    return min(_DECODERS, os.cpu_count() or 1)


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(decoding_threads(), "hyp-decode")


# The threads of a process do not exist in its forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_decoders.cache_clear)
