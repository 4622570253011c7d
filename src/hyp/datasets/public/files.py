"""Large files: their digests, and their arrays laid open for random access.

An array in a compressed file is unpacked once, block by block, into a ``.npy`` file of the
cache folder (`hyp.store.caches`) and memory-mapped from there; one that lies uncompressed
in its file is mapped where it lies. The ``.npz`` layout is NumPy's: a zip archive with one
``.npy`` file an array (``numpy.lib.format``). Pickled members are never read.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from rich.filesize import decimal

from hyp.errors import HypError
from hyp.store.artifacts import readable_disk_errors, write_atomically
from hyp.store.caches import cache_folder
from hyp.store.steps import content_hash

Pixels = NDArray[np.uint8]
BLOCK_BYTES = 2**24
_UNREADABLE = (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.EPERM)
_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_LOCAL_HEADER = 30
"""Bytes of a zip member's own header, before its name and extra field."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    It is kept in the cache folder, by path, size and times of the last change, so that a
    large file is read once and not at every start.

    Raises
    ------
    HypError
        If there is no such file.
    """
    if not path.is_file():
        state = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise HypError(f"{path} {state}; name the file.")
    stat = path.stat()
    times = (stat.st_mtime_ns, stat.st_ctime_ns)  # copying may keep the first, never both
    state = content_hash([str(path.resolve()), stat.st_size, *times])
    with suppress(OSError):
        return (cache_folder("digests") / state).read_text(encoding="ascii")
    with sound(path), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with suppress(OSError):
        write_atomically(cache_folder("digests") / state, digest.encode())
    return digest


def require_same(path: Path, digest: str) -> None:
    """Check that a file is still the one that a source was opened with.

    Raises
    ------
    HypError
        If its content is another.
    """
    if file_digest(path) != digest:
        raise HypError(f"{path} is another file now than when it was first used; name it anew.")


@contextmanager
def sound(path: Path) -> Iterator[None]:
    """Turn what a library says of a damaged file into one sentence."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        KeyError,
        ValueError,
        RuntimeError,
        OSError,
    ) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in _UNREADABLE:
            raise HypError(f"{path} cannot be read: {error}.") from error
        if number is not None:
            raise
        raise HypError(
            f"{path} is damaged or of another format ({str(error).rstrip('.')}); get it again."
        ) from error


@dataclass(frozen=True)
class Member:
    """An array in an ``.npz`` file.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        The array's name.
    dtype : dtype
    shape : tuple of int
    start : int
        Bytes before the data, in the member.
    offset : int or None
        Where the data begins in the file; None if it is compressed there.
    """

    path: Path
    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    start: int
    offset: int | None


def npz_member(path: Path, name: str) -> Member:
    """Describe an array of an ``.npz`` file without reading it.

    Raises
    ------
    HypError
        If the file is damaged, has no such array, or one of Python objects.
    """
    with sound(path), zipfile.ZipFile(path) as archive:
        names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
        if name not in names:
            raise HypError(f"{path} has no array {name!r}, only: {', '.join(names) or 'nothing'}.")
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in _READ_HEADER:
                raise ValueError(f"array format {version}")
            shape, is_fortran, dtype = _READ_HEADER[version](stream)
            start = stream.tell()
        if dtype.hasobject or is_fortran:
            raise HypError(f"{path}: the array {name!r} is not a plain row-major array.")
        if info.file_size != start + prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} has {info.file_size} bytes, which do not fit its shape")
        offset = None if info.compress_type else _data_offset(path, info.header_offset) + start
    return Member(path, name, dtype, shape, start, offset)


def _data_offset(path: Path, header: int) -> int:
    """Return where a zip member's bytes begin, from its own header."""
    with path.open("rb") as stream:
        stream.seek(header + _LOCAL_HEADER - 4)
        lengths: tuple[int, int] = struct.unpack("<HH", stream.read(4))
    return header + _LOCAL_HEADER + sum(lengths)


def read_member(member: Member) -> NDArray[np.generic]:
    """Return the whole of a small array."""
    with sound(member.path), np.load(member.path, allow_pickle=False) as archive:
        array: NDArray[np.generic] = archive[member.name]
    return array


def member_blocks(member: Member) -> Iterator[Pixels]:
    """Yield an array of bytes block by block, along its first axis.

    Raises
    ------
    HypError
        If it is truncated, or its checksum is wrong.
    """
    row = prod(member.shape[1:])
    rows = max(1, BLOCK_BYTES // row)
    with (
        sound(member.path),
        zipfile.ZipFile(member.path) as archive,
        archive.open(f"{member.name}.npy") as stream,
    ):
        stream.read(member.start)
        for start in range(0, member.shape[0], rows):
            n = min(rows, member.shape[0] - start)
            content = stream.read(n * row)
            if len(content) < n * row:
                raise EOFError(f"{member.name} ends early")
            yield np.frombuffer(content, dtype=np.uint8).reshape(n, *member.shape[1:])
        stream.read(1)  # the checksum is looked at where the member ends


def mapped(path: Path, offset: int, shape: tuple[int, ...]) -> Pixels:
    """Map an array of bytes where it lies in a file."""
    with sound(path):
        return np.asarray(np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=shape))


def unpacked(
    path: Path, key: str, shape: tuple[int, ...], blocks: Callable[[], Iterator[Pixels]]
) -> Pixels:
    """Map an array of bytes that was laid open in the cache folder, once.

    Two processes that want the same array do not unpack it twice; one that is interrupted
    leaves nothing that could be taken for the array. Memory stays constant.

    Parameters
    ----------
    path : Path
        The file it comes from, for messages.
    key : str
        Identifies the array; part of the file's name.
    shape : tuple of int
    blocks : callable
        Yields the array along its first axis.

    Raises
    ------
    HypError
        If the disk is full, or `blocks` finds the file damaged.
    """
    with readable_disk_errors(path):
        target = cache_folder("unpacked") / f"{key}.npy"
    with readable_disk_errors(target), FileLock(target.with_suffix(".lock")):
        array = _opened(target, shape)
        if array is None:
            _unpack(path, target, shape, blocks)
            array = _opened(target, shape)
    if array is None:
        raise HypError(f"{target} changed while it was written; delete it and run again.")
    return array


def _opened(target: Path, shape: tuple[int, ...]) -> Pixels | None:
    """Map an unpacked array; None if it is missing or not whole."""
    try:
        array = np.load(target, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    whole = array.shape == shape and array.dtype == np.uint8
    return np.asarray(array) if whole else None


def _unpack(
    path: Path, target: Path, shape: tuple[int, ...], blocks: Callable[[], Iterator[Pixels]]
) -> None:
    needed, free = prod(shape), shutil.disk_usage(target.parent).free
    if needed > free:
        raise HypError(
            f"{path} needs {decimal(needed)} to be unpacked to {target.parent}, which has "
            f"{decimal(free)} free; free some space or set HYP_CACHE to a larger disk."
        )
    partial = target.with_suffix(".partial")
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    try:
        with partial.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for block in blocks():
                stream.write(np.ascontiguousarray(block).data)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
