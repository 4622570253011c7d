"""Verifying a store: every file of every artifact against its checksum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hyp.errors import HypError
from hyp.store.artifacts import RECORD, Store, read_record
from hyp.store.checksums import damages
from hyp.store.runs import load_run


@dataclass(frozen=True)
class Verified:
    """What was found.

    Attributes
    ----------
    problems : tuple of str
        One a damaged file, stranger or record.
    damaged : tuple of Path
        Folders of the artifacts that are not whole.
    artifacts, n_bytes : int
        How many were read.
    unsummed : int
        Artifacts of an older hyp that have no checksums: of these only sizes were compared.
    """

    problems: tuple[str, ...]
    damaged: tuple[Path, ...]
    artifacts: int
    n_bytes: int
    unsummed: int


def verify_store(
    store: Store, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> Verified:
    """Read every byte of a store and hold it against what was recorded.

    Parameters
    ----------
    store : Store
    progress : callable
        Called with the number of artifacts done and of all.
    """
    problems: list[str] = []
    damaged: list[Path] = []
    n_bytes = unsummed = 0
    folders = store.folders()
    for done, folder in enumerate(folders):
        progress(done, len(folders))
        found, size, summed = _problems(folder)
        problems += found
        damaged += [folder] * bool(found)
        n_bytes += size
        unsummed += not summed
    for path in sorted((store.root / "runs").glob("*.json")):
        try:
            load_run(path)
        except HypError as error:
            problems.append(str(error).rstrip("."))
    progress(len(folders), len(folders))
    return Verified(tuple(problems), tuple(damaged), len(folders), n_bytes, unsummed)


def _problems(folder: Path) -> tuple[list[str], int, bool]:
    """Return what is wrong with an artifact, its bytes, and whether it has checksums."""
    try:
        record = read_record(folder)
    except HypError as error:
        return [str(error).rstrip(".")], 0, True
    problems = list(damages(folder, record.files, record.checksums))
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    strangers = sorted(there - {*record.files, RECORD})
    problems += [f"{folder / name} is no part of the artifact" for name in strangers]
    return problems, sum(record.files.values()), bool(record.checksums) or not record.files
