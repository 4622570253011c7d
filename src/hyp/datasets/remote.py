"""Datasets at any address that fsspec knows: read piece by piece, copied to and fro."""

from __future__ import annotations

import hashlib
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hyp.addresses import is_address
from hyp.datasets.dataset import Dataset
from hyp.datasets.manifest import MANIFEST, PLACES, FileRecord, Manifest, file_names, read_manifest
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.store.artifacts import readable_disk_errors
from hyp.store.caches import cache_folder
from hyp.store.steps import content_hash

Progress = Callable[[int, int], None]

_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.tmp$")
"""What an interrupted copy leaves of the file that it was at."""


def open_dataset(place: str) -> Dataset:
    """Open a finished dataset in a folder or at an address.

    Of one at an address only the manifest is read; every other file is fetched when it is
    first needed, checked against its checksum and kept in the cache folder.

    Raises
    ------
    HypError
        If there is no finished dataset, or the address cannot be reached.
    """
    if not is_address(place):
        return Dataset.open(place)
    with _readable(place):
        filesystem, root = _filesystem(place)
        content = filesystem.cat_file(f"{root}/{MANIFEST}")
    folder = cache_folder("datasets", content_hash([place, content.decode()])[:20])
    (folder / MANIFEST).write_bytes(content)
    return RemoteDataset(folder, read_manifest(folder), place)


class RemoteDataset(Dataset):
    """A dataset at an address, whose files come to a local folder as they are needed."""

    def __init__(self, folder: Path, manifest: Manifest, address: str) -> None:
        super().__init__(folder, manifest)
        self.address = address

    def file(self, name: str) -> Path:
        """Return the local path of one of its files, having fetched it if necessary."""
        path = self.folder / name
        if not path.exists():
            with _readable(self.address):
                filesystem, root = _filesystem(self.address)
                _receive(filesystem, f"{root}/{name}", path, self.manifest.files[name])
        return path

    def __reduce__(self) -> tuple[Any, ...]:
        return (RemoteDataset, (self.folder, self.manifest, self.address))


def copy_dataset(
    source: str, target: str, *, progress: Progress = lambda done, total: None
) -> None:
    """Copy a finished dataset between folders and addresses.

    Files that are there already, the same by their checksum, are not copied again; the
    manifest comes last, so that an interrupted copy is no dataset and the same call goes on.
    Nothing that lies there is ever overwritten.

    Parameters
    ----------
    source, target : str
        Paths, or addresses such as ``s3://bucket/set``.
    progress : callable
        Called with the number of files copied and of all files.

    Raises
    ------
    HypError
        If the source is no dataset, a file of it is damaged, the target holds anything
        else, or one of them cannot be reached.
    """
    dataset = open_dataset(source)
    names = file_names(dataset.spec)
    text = (dataset.folder / MANIFEST).read_bytes()
    with _readable(target), readable_disk_errors(Path(target)):
        filesystem, root = _filesystem(target)
        manifest = f"{root}/{MANIFEST}"
        there = _files_at(filesystem, root)
        if MANIFEST in there and filesystem.cat_file(manifest) != text:
            raise HypError(f"{target} already holds another dataset; choose another place.")
        _refuse_strangers(there, names, target)
        for name in sorted(there.intersection(names)):
            if not _is_there(filesystem, f"{root}/{name}", dataset.manifest.files[name]):
                raise HypError(f"{target} already holds another {name}; choose an empty place.")
        for done, name in enumerate(names):
            progress(done, len(names) + 1)
            record = dataset.manifest.files[name]
            where = f"{root}/{name}"
            if name in there:
                continue
            path = dataset.file(name)
            if FileRecord.of(path) != record:
                raise HypError(f"{path} was changed: its SHA-256 is not the recorded one.")
            _send(filesystem, path, where)
        _send(filesystem, dataset.folder / MANIFEST, manifest)
    progress(len(names) + 1, len(names) + 1)


def _files_at(filesystem: Any, root: str) -> set[str]:
    """Return the files below a place, by their path in it; none where there is no such place."""
    filesystem.invalidate_cache()
    found = filesystem.find(root)
    inside = [str(path).partition(f"{root.lstrip('/')}/")[2] for path in found]
    return {path for path in inside if not _UNFINISHED.search(path)}


def _refuse_strangers(there: set[str], names: list[str], target: str) -> None:
    strangers = sorted(there.difference(names, (MANIFEST, PLACES)))
    if strangers:
        more = f" and {len(strangers) - 1:,} more files" if len(strangers) > 1 else ""
        raise HypError(
            f"{target} holds {strangers[0]}{more}, which this dataset does not have; choose an "
            "empty place."
        )


def _is_there(filesystem: Any, where: str, record: FileRecord) -> bool:
    """Return whether a file is the recorded one, byte by byte."""
    if filesystem.size(where) != record.size:
        return False
    with filesystem.open(where, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == record.sha256


def make_dataset_at(
    spec: DatasetSpec,
    address: str,
    *,
    device: str = "cpu",
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress = lambda done, total: None,
) -> None:
    """Make a dataset in the cache folder and move it to an address.

    The parameters are those of `make_dataset`; interrupted, the same call goes on.

    Raises
    ------
    HypError
        If the address holds another dataset or cannot be reached, before anything is made;
        and as `make_dataset` and `copy_dataset`.
    """
    from hyp.datasets.making import make_dataset

    if holds(spec, address):
        return
    folder = cache_folder("making", content_hash([address, spec.model_dump(mode="json")])[:20])
    make_dataset(
        spec, folder, device=device, workers=workers, scheduler=scheduler, progress=progress
    )
    copy_dataset(str(folder), address)
    shutil.rmtree(folder, ignore_errors=True)


def holds(spec: DatasetSpec, address: str) -> bool:
    """Return whether the finished dataset of a spec is at an address.

    Raises
    ------
    HypError
        If another one is there, or the address cannot be reached.
    """
    with _readable(address):
        filesystem, root = _filesystem(address)
        if not filesystem.exists(f"{root}/{MANIFEST}"):
            return False
    if open_dataset(address).spec.model_dump(mode="json") != spec.model_dump(mode="json"):
        raise HypError(f"{address} already holds another dataset; choose another place.")
    return True


def fetch_as_it_is(address: str, folder: Path, name: str) -> None:
    """Bring one file of a dataset here, whatever it holds; none where it is missing."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with _readable(address), suppress(FileNotFoundError):
        filesystem, root = _filesystem(address)
        filesystem.get_file(f"{root}/{name}", str(path))


def names_at(address: str, folder: str) -> list[str]:
    """Return the names of the files in a folder of an address."""
    with _readable(address), suppress(FileNotFoundError):
        filesystem, root = _filesystem(address)
        filesystem.invalidate_cache()
        return [str(name).rpartition("/")[2] for name in filesystem.ls(f"{root}/{folder}", False)]
    return []


def _send(filesystem: Any, path: Path, where: str) -> None:
    """Upload a file beside its place and move it there: stores that put whole files need not."""
    filesystem.makedirs(where.rpartition("/")[0], exist_ok=True)
    beside = f"{where}.{uuid.uuid4().hex}.tmp"
    try:
        filesystem.put_file(str(path), beside)
        filesystem.mv(beside, where)
    except BaseException:
        if filesystem.exists(beside):
            filesystem.rm_file(beside)
        raise


def _receive(filesystem: Any, where: str, path: Path, record: FileRecord) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with filesystem.open(where, "rb") as stream, beside.open("wb") as file:
            shutil.copyfileobj(stream, file, 2**20)
        if FileRecord.of(beside) != record:
            raise HypError(f"{where} is damaged: it is not the file of its manifest.")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _filesystem(address: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    filesystem, root = url_to_fs(address)
    return filesystem, root.rstrip("/")


@contextmanager
def _readable(address: str) -> Iterator[None]:
    """Turn the errors of file systems into one sentence."""
    try:
        yield
    except HypError:
        raise
    except FileNotFoundError as error:
        raise HypError(f"there is no finished dataset at {address}; check the address.") from error
    except ImportError as error:
        raise HypError(f"{address} needs another package: {error}.") from error
    except Exception as error:
        library = type(error).__module__.partition(".")[0]  # such as botocore, which has its own
        if not isinstance(error, OSError | ValueError) and library in ("builtins", "hyp"):
            raise
        raise HypError(
            f"{address} cannot be reached ({str(error) or type(error).__name__}); check the "
            "address, the network and your credentials."
        ) from error
