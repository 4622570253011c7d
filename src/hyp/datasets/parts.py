"""What is known of a dataset's finished shards while the rest of it is made.

Each has a part in the sub-folder ``.parts``: its latents, with its checksum and the hash of all
that its bytes depend on, behind a checksum of the part's own.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hyp.datasets.manifest import PARTS, TABLE, FileRecord, shard_name
from hyp.datasets.rows import Columns
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.store.checksums import sealed, unsealed

_TEMPORARY = ".tmp"


def write_part(
    spec: DatasetSpec, folder: Path, shard: int, key: str, rendered: Sequence[Columns]
) -> None:
    """Note that a shard is finished.

    Parameters
    ----------
    spec : DatasetSpec
    folder : Path
        The dataset's.
    shard : int
        Its number; the file is there.
    key : str
        Hash of all that its bytes depend on.
    rendered : sequence of Columns
        Its latents, in the order of its images.
    """
    record = FileRecord.of(folder / shard_name(spec, shard))
    said = {"key": key, "size": str(record.size), "sha256": record.sha256}
    table = pa.concat_tables([_table(spec, columns) for columns in rendered])
    content = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(said), content)
    with replacing(_part_path(folder, shard)) as stream:
        stream.write(sealed(content.getvalue().to_pybytes()))


def _part_path(folder: Path, shard: int) -> Path:
    return folder / PARTS / f"{shard:05d}.parquet"


def _read_part(folder: Path, shard: int) -> pa.Table | None:
    """Return the latents of a finished shard, with what is said of it as metadata.

    None where there are none, or they were changed since.
    """
    try:
        payload = unsealed(_part_path(folder, shard).read_bytes())
    except OSError:
        return None
    return None if payload is None else pq.ParquetFile(pa.BufferReader(payload)).read()


def _said(part: pa.Table) -> dict[str, str]:
    metadata = part.schema.metadata or {}
    return {name.decode(): value.decode() for name, value in metadata.items()}


def is_made(spec: DatasetSpec, folder: Path, shard: int, key: str) -> bool:
    """Return whether a shard is finished, and as it was when it was."""
    part = _read_part(folder, shard)
    path = folder / shard_name(spec, shard)
    if part is None or _said(part).get("key") != key or not path.is_file():
        return False
    return _record(part) == FileRecord.of(path)


def _record(part: pa.Table) -> FileRecord:
    said = _said(part)
    return FileRecord(size=int(said["size"]), sha256=said["sha256"])


def join_parts(spec: DatasetSpec, folder: Path) -> dict[str, FileRecord]:
    """Write the table of latents from the parts; return the records of all files."""
    files: dict[str, FileRecord] = {}
    with ExitStack() as stack:
        stream = stack.enter_context(replacing(folder / TABLE))
        writer = None
        for shard in range(spec.n_shards):
            part = _read_part(folder, shard)
            if part is None:
                raise HypError(f"{_part_path(folder, shard)} was changed meanwhile; run again.")
            files[shard_name(spec, shard)] = _record(part)
            plain = part.replace_schema_metadata(None)
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(stream, plain.schema))
            writer.write_table(plain)
    return {TABLE: FileRecord.of(folder / TABLE), **files}


def _table(spec: DatasetSpec, columns: Columns) -> pa.Table:
    names = [latent.name for latent in spec.source.latents]
    names += [name for name in columns if name not in names]
    return pa.table([_column(columns[name]) for name in names], names=names)


def _column(values: NDArray[Any]) -> pa.Array:
    """Return an Arrow array of numbers or strings; ``pa.array`` would import pandas."""
    if values.dtype.kind in "iuf":
        numbers = pa.py_buffer(np.ascontiguousarray(values))
        return pa.Array.from_buffers(
            pa.from_numpy_dtype(values.dtype), len(values), [None, numbers]
        )
    if values.dtype.kind not in "OU":
        return pa.array(values)
    encoded = [str(value).encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place and rename it when it is whole and on the disk."""
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}{_TEMPORARY}")
    try:
        with beside.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def remove_temporary(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for place in (folder, folder / "images", folder / PARTS):
        for path in place.glob(f"*{_TEMPORARY}"):
            with suppress(OSError):
                path.unlink()
