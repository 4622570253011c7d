"""The store: immutable, content-addressed artifacts, published by one rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hyp.addresses import STORE, refuse_address
from hyp.errors import UNREADABLE, HypError, disk_sentence
from hyp.store.checksums import checksums, damages
from hyp.store.environment import installed_versions, machine_facts, peak_bytes
from hyp.store.steps import KEY, Step, content_hash, in_order, key_of

STORE_FORMAT = 1
RECORD = "artifact.json"
_SEAL = "record_sha256"
DISCARDED = ".discarded"
"""Where an older hyp left the records of artifacts of which it kept nothing else."""
_LIBRARIES = ("hyp", "numpy", "scipy", "torch", "torchvision", "warp-lang", "zarr", "xarray")
_PASSING = (errno.ENOENT, errno.EEXIST, errno.EINVAL)
"""What is more often a fault of the code than of the disk."""

Build = Callable[[Path, Mapping[str, Path]], None]
"""Fills a working folder from the folders of the inputs, by role."""


def _is_time(text: str) -> str:
    if text and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time needs a time zone")
    return text


Time = Annotated[str, AfterValidator(_is_time)]
"""A time in a record, as ISO 8601 has it with its zone, or empty where none is known."""


class Record(BaseModel):
    """What ``artifact.json`` says of a published artifact.

    Attributes
    ----------
    files : mapping of str to int
        Sizes in bytes, by the path inside the artifact's folder.
    checksums : mapping of str to str
        BLAKE2b of the same files; empty in artifacts of an older hyp, which had none.
    peak_bytes : int or None
        The most memory that the process had held when it was made; memory-mapped images count.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    key: str
    version: int
    spec: Mapping[str, Any]
    inputs: Mapping[str, str]
    label: str
    created: Time
    seconds: float
    libraries: Mapping[str, str]
    machine: Mapping[str, str]
    files: Mapping[str, int]
    checksums: Mapping[str, str] = Field(default_factory=dict)
    peak_bytes: int | None = None


class Store:
    """A folder of artifacts, one sub-folder each: ``<root>/<kind>/<key>``.

    An artifact is built in ``<key>.partial`` beside its final place and renamed
    when whole, so a crash leaves nothing half-visible. A partial folder stays
    after an interruption: the next build of the same key may go on from it.

    Parameters
    ----------
    root : path
        Made if it does not exist.

    Raises
    ------
    HypError
        If the folder cannot be made, belongs to a newer format, or is an address.
    """

    def __init__(self, root: Path | str) -> None:
        refuse_address(root, STORE)
        self.root = Path(root).expanduser().absolute()

    @classmethod
    def create(cls, root: Path | str) -> Store:
        """Open a store for writing, making it where there is none."""
        store = cls(root)
        with readable_disk_errors(store.root):
            marker = store.root / "store.json"
            store.root.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                write_atomically(marker, json.dumps({"format": STORE_FORMAT}).encode())
        store.check_format()
        return store

    @classmethod
    def open(cls, root: Path | str) -> Store:
        """Open an existing store.

        Raises
        ------
        HypError
            If there is no store at that path.
        """
        store = cls(root)
        if not store.exists():
            raise HypError(f"there is no hyp store at {store.root}; name one with --store DIR.")
        store.check_format()
        return store

    def exists(self) -> bool:
        """Return whether there is a store, and not a mere folder or nothing."""
        return (self.root / "store.json").exists()

    def check_format(self) -> None:
        """Refuse a store written by a newer hyp, or a damaged marker."""
        marker = self.root / "store.json"
        try:
            content = json.loads(marker.read_text())
        except OSError as error:
            sentence = disk_sentence(error) or f"{marker} cannot be read ({error})"
            raise HypError(f"{sentence}.") from error
        except UNREADABLE as error:
            content = error
        found = content.get("format") if isinstance(content, dict) else None
        if type(found) is not int:
            raise HypError(f"{marker} is damaged; restore it or choose another --store.")
        if found > STORE_FORMAT:
            raise HypError(
                f"the store at {self.root} has format {found}, newer than this hyp; update hyp."
            )

    def path(self, step: Step) -> Path:
        """Return where a step's artifact lies, or will lie."""
        return self.root / step.kind / step.key

    def has(self, step: Step) -> bool:
        """Return whether a step's artifact is published."""
        return (self.path(step) / RECORD).is_file()

    def pending(self, goals: Iterable[Step]) -> list[Step]:
        """Return the steps that must run to reach goals, each once, inputs first."""
        return in_order(goals, finished=self.has)

    def record(self, step: Step) -> Record:
        """Read the record of a published artifact."""
        return read_record(self.path(step))

    def step(self, key: str) -> Step:
        """Return the step that made a published artifact, with its inputs' steps.

        Raises
        ------
        HypError
            If there is no such artifact, or one of its inputs is gone.
        """
        found = []
        if KEY.fullmatch(key):
            places = (f"*/{key}/{RECORD}", f"{DISCARDED}/*/{key}/{RECORD}")
            found = [path.parent for place in places for path in self.root.glob(place)]
        if not found:
            raise HypError(f"the store at {self.root} has no artifact {key}; 'hyp status' helps.")
        record = read_record(found[0])
        inputs = {role: self.step(parent) for role, parent in record.inputs.items()}
        return Step(record.kind, record.spec, inputs, record.version, record.label)

    def check(self, step: Step) -> Path:
        """Return the artifact's folder after checking that its files are whole.

        Every file is held against its checksum, once in a process as long as it is not
        touched; artifacts of an older hyp have sizes alone.

        Raises
        ------
        HypError
            If a file is missing or is not what it was when it was published.
        """
        return check_artifact(self.path(step))

    def is_whole(self, kind: str, key: str) -> bool:
        """Return whether an artifact is published and has all its files, by their sizes."""
        folder = self.root / kind / key
        try:
            files = read_record(folder).files
        except HypError:
            return False
        return next(damages(folder, files), None) is None

    def make(self, step: Step, build: Build, *, waiting: Callable[[], None] = lambda: None) -> Path:
        """Return a step's artifact, building and publishing it if it is missing.

        Two processes that want the same artifact do not build it twice: the second
        waits for the first (and takes over if the first dies).

        Parameters
        ----------
        step : Step
            Its inputs must be published already.
        build : callable
            ``build(folder, inputs)`` fills the folder.
        waiting : callable
            Called once if another process is building this artifact.

        Raises
        ------
        HypError
            If the disk refuses a write, or an input is damaged.
        """
        final = self.path(step)
        if self.has(step):
            return final
        with readable_disk_errors(self.root):
            final.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(final, waiting):
                if not self.has(step):
                    self._build(step, build)
        return final

    @contextmanager
    def unpruned(self) -> Iterator[None]:
        """Keep `hyp.store.pruning.prune` away while it is decided what is needed.

        A store that this process cannot write to is left as it is; nobody here can prune it.
        """
        locks = self.root / ".locks"
        lock = FileLock(locks / "prune.lock")
        try:
            locks.mkdir(exist_ok=True)
            lock.acquire()
        except OSError:
            yield
            return
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _locked(self, final: Path, waiting: Callable[[], None]) -> Iterator[None]:
        locks = self.root / ".locks"
        locks.mkdir(exist_ok=True)
        lock = FileLock(locks / f"{final.parent.name}-{final.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _build(self, step: Step, build: Build) -> None:
        final = self.path(step)
        partial = final.with_name(f"{final.name}.partial")
        inputs = {role: self.check(parent) for role, parent in step.inputs.items()}
        if final.exists():
            shutil.rmtree(final)  # an artifact whose record was deleted: build it anew
        partial.mkdir(exist_ok=True)
        started = time.monotonic()
        build(partial, inputs)
        seconds = time.monotonic() - started
        sums = checksums(partial)
        record = {
            "kind": step.kind,
            "key": step.key,
            "version": step.version,
            "spec": step.spec,
            "inputs": {role: parent.key for role, parent in step.inputs.items()},
            "label": step.label,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "libraries": installed_versions(_LIBRARIES),
            "machine": machine_facts(),
            "files": {name: (partial / name).stat().st_size for name in sums},
            "checksums": sums,
            "peak_bytes": peak_bytes(),
        }
        record[_SEAL] = _seal(record)
        write_atomically(partial / RECORD, json.dumps(record, indent=1).encode())
        partial.rename(final)

    def records(self, kind: str | None = None) -> list[Record]:
        """Read the records of all published artifacts, oldest first."""
        folders = [folder for folder in self.folders(kind) if (folder / RECORD).exists()]
        return sorted((read_record(folder) for folder in folders), key=lambda r: r.created)

    def folders(self, kind: str | None = None) -> list[Path]:
        """Return the folders of artifacts, whole or not, without those still being made."""
        places = sorted(self.root.glob(f"{kind or '*'}/*"))
        return [place for place in places if KEY.fullmatch(place.name) and place.is_dir()]


def read_record(folder: Path) -> Record:
    """Read ``artifact.json`` of a published artifact.

    Raises
    ------
    HypError
        If it is missing, cannot be read, was changed, or belongs to another folder.
    """
    path = folder / RECORD
    advice = f"delete the folder {folder} and run again"
    try:
        content = json.loads(path.read_bytes())
        record = Record.model_validate(content)
        key = key_of(record.kind, record.version, record.spec, record.inputs)
        unchanged = content[_SEAL] == _seal(content) if _SEAL in content else _is_old(content)
    except PermissionError as error:
        raise HypError(f"{disk_sentence(error, path)}.") from error
    except UNREADABLE as error:
        raise HypError(f"{path} is missing or damaged; {advice}.") from error
    if not unchanged or (folder.parent.name, folder.name) != (record.kind, key):
        raise HypError(f"{path} was changed since it was written; {advice}.")
    return record


def _is_old(content: Mapping[str, Any]) -> bool:
    """Return whether a record is one of an older hyp, which had neither checksums nor a hash."""
    return set(content) == {*Record.model_fields} - {"checksums", "peak_bytes"}


def check_artifact(folder: Path) -> Path:
    """Return an artifact's folder after holding every file against its checksum.

    Raises
    ------
    HypError
        As `Store.check`.
    """
    record = read_record(folder)
    damage = next(damages(folder, record.files, record.checksums), None)
    if damage is not None:
        raise HypError(
            f"a stored file is damaged: {damage}; "
            f"delete the folder {folder} and run again to make it anew."
        )
    return folder


def _seal(content: Mapping[str, Any]) -> str:
    """Return the hash of a record without the hash that it carries."""
    return content_hash({name: value for name, value in content.items() if name != _SEAL})


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and rename it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename:
            error.filename = str(path)  # what people know it by
        raise


def check_folder_of(path: Path) -> None:
    """Refuse to write a file into a folder that is not there.

    Raises
    ------
    HypError
        Naming the folder.
    """
    if not path.parent.is_dir():
        raise HypError(f"cannot write {path}: there is no folder {path.parent}.")


@contextmanager
def readable_disk_errors(place: Path) -> Iterator[None]:
    """Turn a refused write into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        sentence = disk_sentence(error, place)
        if not sentence or error.errno in _PASSING:
            raise
        raise HypError(f"{sentence}, then run again: it goes on where it stopped.") from error
