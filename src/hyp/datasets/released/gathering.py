"""Reading and checking all images and rows of one scene."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.released import layout
from hyp.datasets.released.listing import (
    LARGEST_CSV,
    LARGEST_IMAGE,
    PLACE,
    Listing,
    Problems,
    list_folder,
    list_zip,
    read_file,
    read_member,
)

LARGEST_PICTURE = 2**26
"""Pixels; a JPEG that declares more is not decoded."""

NAMES = ("scene", "wnid", "record_wcategory", "identity", "sky")
"""Columns of names: the texts of a row but for the file's name."""

_PLACED = ("offset", "packed", "method", "size", "crc")
ROW = np.dtype(
    [
        ("image_index", "<i8"),
        *((name, "<i4") for name in NAMES),
        *((name, "<f8") for name in layout.NUMBERS),
        *((name, PLACE[name]) for name in _PLACED),
        ("row_crc", "<u4"),
    ]
)
"""What is kept of an image: names as places in lists, and where its JPEG file is."""

_FILE_NAME = layout.TEXTS.index("image_file_name")
_CHUNK = 512
_READERS = 8
_SOI = b"\xff\xd8\xff"
_EOI = b"\xff\xd9"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD9)}
_UNREADABLE = (OSError, ValueError, zipfile.BadZipFile, struct.error, NotImplementedError)

Rows = NDArray[np.void]


class DamagedImageError(Exception):
    """A file that is no whole JPEG image: the kind of problem, and more about it."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind} ({detail})")
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True)
class Scene:
    """A scene to look through.

    Attributes
    ----------
    name : str
    places : tuple of Path
        Its zip file, its folder, or both; the first that can be listed is read.
    numbers, folders : ndarray of int, shape (n,), or None
        Numbers of its images and places of their folders in `folder_names`, as the index
        has them; None without an index.
    folder_names : tuple of str
        ``<wnid>/<model>``.
    """

    name: str
    places: tuple[Path, ...]
    numbers: NDArray[np.int64] | None = None
    folders: NDArray[np.int32] | None = None
    folder_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gathered:
    """What was found of a scene; its rows are in a file.

    Attributes
    ----------
    place : Path or None
        Its zip file or folder.
    n_expected : int
        Images that the index lists, or of which there is any file.
    image_size : (int, int) or None
        Width and height of the first image.
    names : tuple of tuple of str
        The values of each of `NAMES`.
    problems : Problems
    """

    place: Path | None
    n_expected: int
    image_size: tuple[int, int] | None
    names: tuple[tuple[str, ...], ...]
    problems: Problems


def gather(scene: Scene, out: Path, advance: Callable[[int], None]) -> Gathered:
    """Look through a scene and write the rows of its sound images, in order of their numbers.

    Parameters
    ----------
    scene : Scene
    out : Path
        The ``.npy`` file to write: an array of `ROW`.
    advance : callable
        Called with the number of images that were looked at.
    """
    problems = Problems()
    place, listing = _list(scene, problems)
    numbers = scene.numbers
    if numbers is None:
        numbers = np.union1d(listing.images["number"], listing.rows["number"])
    images, rows = _pair(scene, listing, numbers, problems)
    advance(len(numbers) - len(images))
    names: list[dict[str, int]] = [{} for _ in NAMES]
    parts = []
    image_size = None
    for found, texts, size, chunk_problems in _read_all(scene, place, listing, images, rows):
        for name, places, column in zip(NAMES, names, zip(*texts, strict=True), strict=False):
            found[name] = [places.setdefault(text, len(places)) for text in column]
        problems.extend(chunk_problems)
        image_size = image_size or size
        parts.append(found)
        advance(min(_CHUNK, len(images) - _CHUNK * (len(parts) - 1)))
    np.save(out, np.concatenate(parts) if parts else np.empty(0, ROW))
    values = tuple(tuple(places) for places in names)
    return Gathered(place, len(numbers), image_size, values, problems)


def _list(scene: Scene, problems: Problems) -> tuple[Path | None, Listing]:
    for place in scene.places:
        try:
            return place, (list_folder if place.is_dir() else list_zip)(place, problems)
        except _UNREADABLE as error:
            problems.add("unreadable scene", place.name, str(error))
    nothing = np.empty(0, PLACE)
    return None, Listing(nothing, nothing, ())


def _pair(
    scene: Scene, listing: Listing, numbers: NDArray[np.int64], problems: Problems
) -> tuple[Rows, Rows]:
    """Return the image files that have a row, and these rows, where their paths agree."""
    image_at = _places(listing.images["number"], numbers)
    row_at = _places(listing.rows["number"], numbers)
    expected = _expected_folders(scene, listing)
    for place in np.flatnonzero((image_at < 0) | (row_at < 0)):
        kind = "missing image" if image_at[place] < 0 else "missing row"
        problems.add(kind, f"{scene.name}, {layout.image_name(int(numbers[place]))}")
    if scene.numbers is not None:
        for number in np.setdiff1d(listing.images["number"], numbers):
            problems.add("not in the index", f"{scene.name}, {layout.image_name(int(number))}")
    there = np.flatnonzero((image_at >= 0) & (row_at >= 0))
    images, rows = listing.images[image_at[there]], listing.rows[row_at[there]]
    agree = images["folder"] == rows["folder"]
    if expected is not None:
        agree &= images["folder"] == expected[there]
    for image in images[~agree]:
        problems.add("disagrees with the index", _where(scene, listing, image))
    return images[agree], rows[agree]


def _places(numbers: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where wanted numbers are among sorted ones; -1 where they are not."""
    if not len(numbers):
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return np.where(numbers[places] == wanted, places, -1)


def _expected_folders(scene: Scene, listing: Listing) -> NDArray[np.int64] | None:
    """Return the folder of each image by the index, as the listing counts folders."""
    if scene.folders is None:
        return None
    places = {name: place for place, name in enumerate(listing.folders)}
    known = np.array([places.get(name, -1) for name in scene.folder_names], dtype=np.int64)
    return known[scene.folders]


def _where(scene: Scene, listing: Listing, file: np.void) -> str:
    folder = listing.folders[file["folder"]]
    return f"{scene.name}/{folder}/{layout.image_name(int(file['number']))}"


Chunk = tuple[Rows, list[list[str]], tuple[int, int] | None, Problems]


def _read_all(
    scene: Scene, place: Path | None, listing: Listing, images: Rows, rows: Rows
) -> Iterator[Chunk]:
    if place is None or not len(images):
        return
    starts = range(0, len(images), _CHUNK)
    read = partial(_read_chunk, scene, place, listing)
    with ThreadPoolExecutor(_READERS, "hyp-scan") as pool:
        yield from pool.map(
            read,
            (images[start : start + _CHUNK] for start in starts),
            (rows[start : start + _CHUNK] for start in starts),
        )


def _read_chunk(scene: Scene, place: Path, listing: Listing, images: Rows, rows: Rows) -> Chunk:
    problems = Problems()
    found: list[tuple[float, ...]] = []
    texts: list[list[str]] = []
    first = None
    no_names = (0,) * len(NAMES)
    opening: Any = place.open("rb", buffering=0) if place.is_file() else nullcontext()
    with opening as archive:
        for image, row in zip(images, rows, strict=True):
            folder = listing.folders[image["folder"]]
            number = int(image["number"])
            stem = f"{folder}/{layout.image_name(number)}"
            try:
                line = _content(place, archive, f"{stem}_info.csv", row, LARGEST_CSV)
                names, numbers = layout.parse_row(line.decode())
                _check_names(names, scene.name, folder, number)
            except (OSError, ValueError) as error:
                problems.add("damaged row", f"{scene.name}/{stem}_info.csv", str(error))
                continue
            try:
                content = _content(place, archive, f"{stem}.jpg", image, LARGEST_IMAGE)
                size = picture_size(content)
            except DamagedImageError as error:
                problems.add(error.kind, f"{scene.name}/{stem}.jpg", error.detail)
                continue
            except (OSError, ValueError) as error:
                problems.add("unreadable image", f"{scene.name}/{stem}.jpg", str(error))
                continue
            crc, row_crc = zlib.crc32(content), zlib.crc32(line)
            where = (image["offset"], image["packed"], image["method"], len(content), crc, row_crc)
            found.append((number, *no_names, *numbers, *where))
            texts.append(names)
            first = first or size
    for names in texts:
        del names[_FILE_NAME]
    return np.array(found, dtype=ROW), texts, first, problems


def _content(
    place: Path, archive: BinaryIO | None, name: str, file: np.void, largest: int
) -> bytes:
    if archive is not None:
        return read_member(archive, file)
    return read_file(Path(f"{place}/{name}"), largest)


def _check_names(names: Sequence[str], scene: str, folder: str, number: int) -> None:
    found, wnid, _, model, file, _ = names
    stem = layout.image_name(number)
    for name, there, path in (
        ("scene", found, scene),
        ("folder", f"{wnid}/{model}", folder),
        ("file", file.removesuffix(".jpg"), stem),
    ):
        if there != path:
            raise ValueError(f"it is of the {name} {there!r}, not {path!r}")


def picture_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG file, having checked that it begins and ends as one.

    Source: ITU-T T.81, annex B (markers).

    Raises
    ------
    DamagedImageError
        If it is empty, no JPEG, truncated, or absurdly large.
    """
    if not content.strip(b"\0"):
        raise DamagedImageError("empty image", f"{len(content)} bytes, all zero")
    if not content.startswith(_SOI):
        raise DamagedImageError("not an image", "it is no JPEG file")
    if not content.rstrip(b"\0").endswith(_EOI):
        raise DamagedImageError("truncated image", "it has no end marker")
    place = len(_EOI)
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            if not 0 < width * height <= LARGEST_PICTURE:
                raise DamagedImageError("oversized file", f"{width} x {height} pixels are declared")
            return width, height
        bare = marker in _BARE
        place += 2 if bare else 2 + struct.unpack_from(">H", content, place + 2)[0]
    raise DamagedImageError("not an image", "it has no frame")
