"""What lies in a scene's folder or zip file, and reading one file of it.

``zipfile`` reads a zip's directory; the place of every member is kept in arrays, so that a
member is later read by one seek: opening a zip of 270,000 members takes seconds and 150 MB
in every process that does.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

LISTED = 100
"""Problems of a kind that are named; the others are counted."""

LARGEST_IMAGE = 2**24
LARGEST_CSV = 2**16
"""Bytes; what is declared to be larger is not unpacked."""

PLACE = np.dtype(
    [
        ("number", "<i8"),
        ("folder", "<i4"),
        ("offset", "<i8"),
        ("packed", "<i8"),
        ("size", "<i8"),
        ("crc", "<u4"),
        ("method", "<i2"),
    ]
)
"""Where a file is: its image's number and folder; in a zip, the place of its local header, its
packed and unpacked bytes, CRC-32 and compression."""

_NAME = re.compile(r"([^/]+/[^/]+)/img_(\d{10,18})(\.jpg|_info\.csv)")
_LOCAL = struct.Struct("<4s22xHH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Problem:
    """Something wrong with a set.

    Attributes
    ----------
    kind : str
        What is wrong, in two or three words.
    where : str
        File or image.
    detail : str
        More about it; may be empty.
    """

    kind: str
    where: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}" + (f" ({self.detail})" if self.detail else "")


@dataclass
class Problems:
    """Problems that were found: how many of each kind, and the first of them."""

    counts: Counter[str] = field(default_factory=Counter)
    listed: list[Problem] = field(default_factory=list)

    def add(self, kind: str, where: str, detail: str = "") -> None:
        """Count a problem, and list it if it is among the first of its kind."""
        self.counts[kind] += 1
        if self.counts[kind] <= LISTED:
            self.listed.append(Problem(kind, where, detail))

    def extend(self, others: Problems) -> None:
        """Add the problems that were found elsewhere."""
        for problem in others.listed:
            self.add(problem.kind, problem.where, problem.detail)
        for kind, count in others.counts.items():
            self.counts[kind] += count - sum(p.kind == kind for p in others.listed)


@dataclass(frozen=True)
class Listing:
    """The files of a scene.

    Attributes
    ----------
    images, rows : ndarray of `PLACE`
        JPEG files and CSV files, sorted by number, each number once.
    folders : tuple of str
        ``<wnid>/<model>``, which ``folder`` is the place in.
    """

    images: NDArray[np.void]
    rows: NDArray[np.void]
    folders: tuple[str, ...]


def list_zip(path: Path, problems: Problems) -> Listing:
    """List the members of a scene's zip file; nothing is unpacked.

    Members that climb out of the folder, are encrypted or packed in a way that is unknown
    here, or are declared larger than an image may be, are left out as problems.

    Raises
    ------
    OSError, zipfile.BadZipFile
        If it has no readable directory.
    """
    listed = _Listed(path.name, problems)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                _add_member(listed, member)
    return listed.listing()


def _add_member(listed: _Listed, member: zipfile.ZipInfo) -> None:
    name, where = member.filename, f"{listed.scene}/{member.filename}"
    declared = max(member.file_size, member.compress_size)
    if _climbs(member.orig_filename) or _climbs(name):
        listed.problems.add("unsafe path", where, "it leads out of its folder")
    elif member.flag_bits & _ENCRYPTED:
        listed.problems.add("unreadable member", where, "it is encrypted")
    elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        listed.problems.add("unreadable member", where, "its compression is neither of zip's two")
    elif declared > (LARGEST_CSV if name.endswith(".csv") else LARGEST_IMAGE):
        listed.problems.add("oversized file", where, f"{declared:,} bytes are declared")
    else:
        place = (member.header_offset, member.compress_size, member.file_size, member.CRC)
        listed.add(name, (*place, member.compress_type))


def list_folder(path: Path, problems: Problems) -> Listing:
    """List the files of a scene's folder."""
    listed = _Listed(path.name, problems)
    for wnid in _folders(path, listed):
        for model in _folders(wnid, listed):
            for entry in sorted(os.scandir(model), key=lambda entry: entry.name):
                listed.add(f"{wnid.name}/{model.name}/{entry.name}", (-1, -1, -1, 0, 0))
    return listed.listing()


def _folders(path: Path, listed: _Listed) -> Iterator[Path]:
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.is_dir():
            yield Path(entry.path)
        elif not entry.name.startswith("."):
            listed.problems.add("unexpected file", entry.path)


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":")


class _Listed:
    """Files as they are found."""

    def __init__(self, scene: str, problems: Problems) -> None:
        self.scene = scene
        self.problems = problems
        if not scene.isascii():
            problems.add("non-ASCII name", scene)
        self._folders: dict[str, int] = {}
        self._found: dict[str, dict[int, tuple[int, ...]]] = {".jpg": {}, "_info.csv": {}}

    def add(self, name: str, place: tuple[int, ...]) -> None:
        match = _NAME.fullmatch(name)
        if match is None:
            if not name.rpartition("/")[2].startswith(".") and not name.startswith("__MACOSX/"):
                self.problems.add("unexpected file", f"{self.scene}/{name}")
            return
        folder, number, ending = match.groups()
        if folder not in self._folders:
            self._folders[folder] = len(self._folders)
            if not folder.isascii():
                self.problems.add("non-ASCII name", f"{self.scene}/{folder}")
        found = self._found[ending]
        if int(number) in found:
            self.problems.add("duplicate file", f"{self.scene}/{name}", "the first one counts")
            return
        found[int(number)] = (self._folders[folder], *place)

    def listing(self) -> Listing:
        images, rows = (
            np.array([(number, *place) for number, place in sorted(found.items())], dtype=PLACE)
            for found in self._found.values()
        )
        return Listing(images, rows, tuple(self._folders))


def read_file(path: Path, largest: int) -> bytes:
    """Read a file of a scene's folder.

    Raises
    ------
    ValueError
        If it is larger than that.
    OSError
        If it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise ValueError(f"it has {size:,} bytes")
        return file.read()


def read_member(file: BinaryIO, place: np.void) -> bytes:
    """Read a member of a zip file.

    Parameters
    ----------
    file : file
        The zip file.
    place : void of `PLACE`
        Where the member is.

    Raises
    ------
    ValueError
        If there is no such member, or its content has another size or CRC-32.
    """
    file.seek(int(place["offset"]))
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_SIGNATURE):
        raise ValueError("there is no member at its place in the zip file")
    _, name_length, extra_length = _LOCAL.unpack(header)
    file.seek(name_length + extra_length, os.SEEK_CUR)
    content = file.read(int(place["packed"]))
    size = int(place["size"])
    if place["method"] == zipfile.ZIP_DEFLATED:
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size + 1)
        except zlib.error as error:
            raise ValueError(f"it cannot be unpacked: {error}") from None
    check_content(content, place)
    return content


def check_content(content: bytes, place: np.void) -> None:
    """Check that a file is the one that was listed.

    Raises
    ------
    ValueError
        If its size or CRC-32 differs.
    """
    if len(content) != place["size"]:
        raise ValueError(f"it has {len(content):,} bytes instead of {place['size']:,}")
    if zlib.crc32(content) != place["crc"]:
        raise ValueError("its CRC-32 is not the recorded one")
