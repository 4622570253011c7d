"""Checksums of an artifact's files, computed once in a process as long as nothing changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

_BYTES = 16
_SEAL_BYTES = 32
_REMEMBERED = 2**17


def checksums(folder: Path) -> dict[str, str]:
    """Return the checksum of every file of a folder, by its path inside, in order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): file_checksum(file) for file in files}


def file_checksum(path: Path) -> str:
    """Return the BLAKE2b of a file, 128 bits in hexadecimal.

    BLAKE2b is twice as fast as SHA-256 where the processor has no instructions for the latter,
    and part of Python.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    return _digest(_File.of(path))


def checksum(content: bytes) -> str:
    """Return what `file_checksum` returns of a file with this content."""
    return hashlib.blake2b(content, digest_size=_BYTES).hexdigest()


def sealed(payload: bytes) -> bytes:
    """Return a payload behind its checksum, for a file that is one of an unfinished step."""
    return _payload_checksum(payload) + payload


def unsealed(content: bytes) -> bytes | None:
    """Return the payload of what `sealed` made; None if it was changed since.

    Examples
    --------
    >>> unsealed(sealed(b"state")), unsealed(sealed(b"state")[:-1])
    (b'state', None)
    """
    payload = content[_SEAL_BYTES:]
    return payload if content[:_SEAL_BYTES] == _payload_checksum(payload) else None


def _payload_checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_SEAL_BYTES).digest()


def damages(
    folder: Path, sizes: Mapping[str, int], sums: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yield what is wrong with each file that is not as recorded.

    Parameters
    ----------
    folder : Path
    sizes : mapping of str to int
        Bytes, by the path inside the folder.
    sums : mapping of str to str, optional
        Checksums of the same files; without them only sizes are compared.
    """
    for name, size in sizes.items():
        path = f"{folder}/{name}"
        try:
            found = os.stat(path).st_size  # noqa: PTH116, an artifact may have thousands of files
            if found != size:
                yield f"{path} has {found} bytes instead of {size}"
            elif sums and file_checksum(Path(path)) != sums.get(name):
                yield f"{path} was changed: its checksum is not the recorded one"
        except FileNotFoundError:
            yield f"{path} is missing"
        except OSError as error:
            yield f"{path} cannot be read ({error.strerror or error})"


@dataclass(frozen=True)
class _File:
    """A file as it lies there: two are equal if neither place nor content was touched."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int
    path: Path = field(compare=False)

    @classmethod
    def of(cls, path: Path) -> _File:
        stat = os.stat(path)  # noqa: PTH116
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, path)


@lru_cache(maxsize=_REMEMBERED)
def _digest(file: _File) -> str:
    with file.path.open("rb") as stream:
        return hashlib.file_digest(stream, _new).hexdigest()


def _new() -> Any:
    return hashlib.blake2b(digest_size=_BYTES)
