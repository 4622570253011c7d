"""Making a dataset: images in shards, latents in one table, the manifest last.

A folder in the making has a sub-folder ``.parts`` with the spec, a lock, and the
latents and checksum of each finished shard. A shard counts as finished when its part
is there and agrees with the file; everything else is made again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

import numpy as np
from filelock import FileLock, Timeout
from rich.filesize import decimal

from hyp.addresses import refuse_address
from hyp.alone import alone
from hyp.clusters import remote_client, require_shared
from hyp.datasets.dataset import Dataset
from hyp.datasets.manifest import (
    MANIFEST,
    PARTS,
    PLACES,
    TABLE,
    FileRecord,
    Manifest,
    library_versions,
    shard_name,
)
from hyp.datasets.parts import is_made, join_parts, remove_temporary, replacing, write_part
from hyp.datasets.rows import Columns, Images
from hyp.datasets.shards import check_images, write_shard
from hyp.datasets.sources import places
from hyp.datasets.specs import DatasetSpec
from hyp.errors import UNREADABLE, HypError, reading
from hyp.store.artifacts import readable_disk_errors

CHUNK_BYTES = 2**24
_SPEC = "spec.json"
_JPEG_RATIO = 20
"""Pixels a byte of JPEG, at most; for the check of free space before the first image."""

Progress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Show nothing."""


def make_dataset(
    spec: DatasetSpec,
    folder: Path,
    *,
    device: str | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress = _silent,
) -> None:
    """Fill a folder with the dataset of a spec, or finish an interrupted attempt.

    The same spec, device and library versions give the same bytes, whether or not the
    making was interrupted and whatever the number of workers. Memory does not grow with
    the number of images. A finished dataset is left as it is.

    Parameters
    ----------
    spec : DatasetSpec
        What to make.
    folder : Path
        A new or empty folder, or one that an interrupted call left.
    device : str
        Where to render: ``cpu``, ``cuda`` or ``cuda:N``; None for where the spec says.
    workers : int
        Processes that render; 1 renders in this one.
    scheduler : str, optional
        Address of a running Dask scheduler whose workers make the shards instead; they
        must see the folder under the same path.
    progress : callable
        Called with the number of finished images and of all images.

    Raises
    ------
    HypError
        If the folder holds another dataset or other files under the names needed here, is
        being filled by another process, or cannot be written to.
    """
    refuse_address(folder, "make the dataset in a folder, and copy it with copy_dataset")
    folder = Path(folder).expanduser().absolute()
    if workers < 1:
        raise HypError(f"the number of workers must be at least 1, not {workers}.")
    if is_finished(spec, folder):
        _tidy(folder)
        progress(spec.n_stored, spec.n_stored)
        return
    _check_space(spec, folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    with readable_disk_errors(folder), _only_maker(folder):
        if not is_finished(spec, folder):
            _claim(spec, folder)
            try:
                _make(spec, folder, device or spec.device, workers, scheduler, progress)
            except BaseException:
                _give_up_claim(folder, new)
                raise
        _tidy(folder)


def is_finished(spec: DatasetSpec, folder: Path) -> bool:
    """Return whether a folder holds the finished dataset of a spec.

    Raises
    ------
    HypError
        If it holds the dataset of another spec, or a damaged one.
    """
    if not (folder / MANIFEST).exists():
        return False
    _refuse_other(spec, Dataset.open(folder).spec.model_dump(mode="json"), folder)
    return True


def is_begun(spec: DatasetSpec, folder: Path) -> bool:
    """Return whether a folder holds an unfinished dataset of a spec."""
    try:
        found = json.loads((folder / PARTS / _SPEC).read_text(encoding="utf-8"))
    except UNREADABLE:
        return False
    return bool(found == spec.model_dump(mode="json"))


def _refuse_other(spec: DatasetSpec, found: dict[str, Any], folder: Path) -> None:
    wanted = spec.model_dump(mode="json")
    if found != wanted:
        names = [name for name in wanted if found.get(name) != wanted[name]]
        differences = ", ".join(
            f"{name} is {found.get(name)}, not {wanted[name]}" for name in names
        )
        raise HypError(
            f"{folder} already holds another dataset ({differences}); choose another folder."
        )


@contextmanager
def _only_maker(folder: Path) -> Iterator[None]:
    if folder.exists() and not folder.is_dir():
        raise HypError(f"{folder} is a file; a dataset needs a folder, choose another path.")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / PARTS / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HypError(
            f"another process is making a dataset in {folder}; wait until it ends, then run again."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _give_up_claim(folder: Path, new: Sequence[Path]) -> None:
    """Remove the marks of a making that came to nothing, and the folders that it made."""
    with suppress(OSError):
        if any((folder / PARTS).glob("*.parquet")) or any((folder / "images").glob("*")):
            return
        shutil.rmtree(folder / PARTS)
        (folder / "images").rmdir()
        for path in new:
            path.rmdir()


def _tidy(folder: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(folder / PARTS)


def _make(
    spec: DatasetSpec,
    folder: Path,
    device: str,
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> None:
    shards = range(spec.n_shards)
    key = _key(spec, device)
    finished = [shard for shard in shards if is_made(spec, folder, shard, key)]
    missing = [shard for shard in shards if shard not in set(finished)]
    done = sum(len(spec.shard_rows(shard)) for shard in finished)
    progress(done, spec.n_stored)

    def made(n_images: int) -> None:
        nonlocal done
        done += n_images
        progress(done, spec.n_stored)

    try:
        if scheduler is not None:
            _make_on_cluster(spec, folder, missing, device, scheduler, made)
        elif min(workers, len(missing)) > 1:
            _make_in_processes(spec, folder, missing, device, min(workers, len(missing)), made)
        else:
            for shard in missing:
                _make_shard(spec, folder, shard, device, made)
        _write_manifest(spec, folder, device, join_parts(spec, folder))
    finally:
        remove_temporary(folder)


def _claim(spec: DatasetSpec, folder: Path) -> None:
    """Mark the folder as this spec's; refuse one that is anything else's."""
    marker = folder / PARTS / _SPEC
    if marker.exists():
        with reading(marker, f"delete {folder} and make the dataset again"):
            found = dict(json.loads(marker.read_text(encoding="utf-8")))
        _refuse_other(spec, found, folder)
    else:
        taken = [name for name in ("images", TABLE) if _is_taken(folder / name)]
        if taken:
            raise HypError(
                f"{folder} already has {taken[0]!r}, which hyp did not put there; "
                "choose an empty folder."
            )
        with replacing(marker) as stream:
            stream.write(json.dumps(spec.model_dump(mode="json")).encode())
    (folder / "images").mkdir(exist_ok=True)
    remove_temporary(folder)


def _is_taken(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _check_space(spec: DatasetSpec, folder: Path) -> None:
    """Refuse a dataset that does not fit on the disk, before anything is written."""
    needed = spec.n_stored * int(np.prod(spec.image_shape))
    if spec.source.encoding == "jpeg":
        needed //= _JPEG_RATIO
    with readable_disk_errors(folder):
        needed -= sum(path.stat().st_size for path in (folder / "images").glob("*"))
        free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.is_dir())).free
    if needed > free:
        raise HypError(
            f"{folder} needs {decimal(needed)} more but its disk has {decimal(free)} "
            "free; free some space or choose another folder."
        )


def _key(spec: DatasetSpec, device: str) -> str:
    """Return a hash of all that the bytes of a shard depend on."""
    content = [spec.model_dump(mode="json"), _device_kind(device), library_versions()]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _device_kind(device: str) -> str:
    return device.partition(":")[0]


def _make_shard(
    spec: DatasetSpec, folder: Path, shard: int, device: str, made: Callable[[int], None]
) -> None:
    path = folder / shard_name(spec, shard)
    rows = spec.shard_rows(shard)
    shape = (len(rows), *spec.image_shape)
    chunk = max(1, CHUNK_BYTES // int(np.prod(spec.image_shape)))
    rendered: list[Columns] = []

    def chunks() -> Iterator[Images]:
        for start in range(rows.start, rows.stop, chunk):
            indices = np.arange(start, min(start + chunk, rows.stop), dtype=np.int64)
            images, columns = spec.source.render(spec.design, spec.seed, indices, device=device)
            check_images(images, spec.source.encoding, (len(indices), *spec.image_shape))
            yield images
            rendered.append(columns)
            made(len(indices))

    with alone(), replacing(path) as stream:
        write_shard(stream, spec.source.encoding, shape, chunks())
    write_part(spec, folder, shard, _key(spec, device), rendered)


def _make_on_cluster(
    spec: DatasetSpec,
    folder: Path,
    shards: Sequence[int],
    device: str,
    scheduler: str,
    made: Callable[[int], None],
) -> None:
    """Deal the shards out to Dask workers; a failed or interrupted one is made again later."""
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    with remote_client(scheduler) as client:
        require_shared(client, folder / PARTS / _SPEC, f"the folder {folder}")
        make = partial(_make_shard_remotely, spec, folder, device)
        futures = client.map(make, shards, pure=False)
        try:
            for future in as_completed(futures):
                made(future.result())
        except KilledWorker as error:
            raise HypError(
                "a Dask worker died again and again (out of memory?); start new workers and run "
                "the same command: it goes on where it stopped."
            ) from error
        finally:
            client.cancel(futures)


def _make_shard_remotely(spec: DatasetSpec, folder: Path, device: str, shard: int) -> int:
    with readable_disk_errors(folder):
        _make_shard(spec, folder, shard, device, lambda _: None)
    return len(spec.shard_rows(shard))


def _make_in_processes(
    spec: DatasetSpec,
    folder: Path,
    shards: Sequence[int],
    device: str,
    workers: int,
    made: Callable[[int], None],
) -> None:
    """Deal the shards out to processes; end them all when one fails or on Ctrl-C."""
    context = multiprocessing.get_context("spawn")
    processes = []
    readers: dict[Connection, Any] = {}
    try:
        for worker in range(workers):
            reader, writer = context.Pipe(duplex=False)
            task = (spec, folder, shards[worker::workers], device, writer)
            process = context.Process(target=_work, args=task, daemon=True)
            process.start()
            writer.close()
            processes.append(process)
            readers[reader] = process
        while readers:
            for reader in cast(list[Connection], wait(list(readers))):
                try:
                    message = reader.recv()
                except EOFError:
                    process = readers.pop(reader)
                    process.join()
                    if process.exitcode:
                        raise HypError(
                            f"a rendering process died (exit status {process.exitcode}), perhaps "
                            "for lack of memory; run again with fewer --workers to go on."
                        ) from None
                else:
                    if isinstance(message, BaseException):
                        raise message
                    made(message)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _work(
    spec: DatasetSpec, folder: Path, shards: Sequence[int], device: str, writer: Connection
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    try:
        with readable_disk_errors(folder):
            for shard in shards:
                _make_shard(spec, folder, shard, device, writer.send)
    except HypError as error:
        writer.send(error)
    except BrokenPipeError:
        return  # the parent was killed
    except Exception:
        writer.send(RuntimeError(f"a rendering process failed:\n{traceback.format_exc()}"))


def _write_manifest(
    spec: DatasetSpec, folder: Path, device: str, files: dict[str, FileRecord]
) -> None:
    manifest = Manifest(
        spec=spec,
        device=_device_kind(device),
        versions=library_versions(),
        latents=spec.source.latents,
        files=files,
    )
    if known := places(spec.source):
        with replacing(folder / PLACES) as stream:
            stream.write(json.dumps(known).encode())
    with replacing(folder / MANIFEST) as stream:
        stream.write(manifest.to_json().encode())
