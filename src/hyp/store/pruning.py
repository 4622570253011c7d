"""What a store holds for which run, and what none of them needs."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from hyp.errors import HypError
from hyp.store.artifacts import DISCARDED, RECORD, Record, Store, read_record
from hyp.store.runs import Run, all_runs, run_path, state_of

Artifact = tuple[str, str]
"""Kind and key."""

SETTLED = timedelta(days=1)
"""Younger artifacts are left alone: what makes them may not have come to its end."""

_ASKED_FOR = ("recordings", "alignments", "choices")
"""Kinds that ``hyp neural`` makes where there is no run."""

_TRASH = ".pruned"


@dataclass(frozen=True)
class Holding:
    """What a store holds for a run.

    Attributes
    ----------
    run : Run
    state : str
    artifacts, n_bytes : int
        Of its steps, those that are stored.
    own_bytes : int
        Of these, what no other run needs.
    """

    run: Run
    state: str
    artifacts: int
    n_bytes: int
    own_bytes: int


@dataclass(frozen=True)
class Unneeded:
    """Something that no run needs: a whole artifact, one half made, or the record of a run."""

    path: Path
    what: Literal["artifact", "unfinished artifact", "record of a run"]
    n_bytes: int


def holdings(store: Store) -> list[Holding]:
    """Return what the store holds for each of its runs, the latest run last."""
    sizes = {(folder.parent.name, folder.name): _size(folder) for folder in store.folders()}
    runs = all_runs(store.root)
    needed = [set(run.steps) & set(sizes) for run in runs]
    users = Counter(artifact for mine in needed for artifact in mine)
    return [
        Holding(
            run,
            state_of(run, len(mine)),
            len(mine),
            sum(map(sizes.__getitem__, mine)),
            sum(sizes[artifact] for artifact in mine if users[artifact] == 1),
        )
        for run, mine in zip(runs, needed, strict=True)
    ]


def unneeded(
    store: Store, *, unfinished: bool = False, settled: timedelta = SETTLED
) -> list[Unneeded]:
    """Return what no run needs, directly or as an input of something that is needed.

    What ``hyp neural`` recorded and scored is needed too, as is all that is younger than
    `settled` or being made.

    Parameters
    ----------
    store : Store
    unfinished : bool
        Whether runs that ended before they had finished need nothing either.
    settled : timedelta

    Raises
    ------
    HypError
        If the record of a run is damaged: what it needs is not known.
    """
    runs = all_runs(store.root)
    dropped = [run for run in runs if unfinished and _ended_early(run)]
    records = dict(_records(store))
    roots = {step for run in runs if run not in dropped for step in run.steps}
    roots |= {artifact for artifact in records if artifact[0] in _ASKED_FOR}
    before = datetime.now(UTC) - settled
    roots |= {
        artifact
        for artifact, record in records.items()
        if datetime.fromisoformat(record.created) > before
    }
    needed = _with_inputs(roots, records)
    found = [
        Unneeded(path, "record of a run", path.stat().st_size)
        for run in dropped
        for path in [run_path(store.root, run.hypothesis, run.profile, run.goal)]
    ]
    for folder in store.folders():
        if (folder.parent.name, folder.name) not in needed and (folder / RECORD).exists():
            found.append(Unneeded(folder, "artifact", _size(folder)))
    for folder in sorted(store.root.glob("*/*.partial")):
        key = folder.name.removesuffix(".partial")
        changed = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        if (folder.parent.name, key) not in needed and changed < before:
            found.append(Unneeded(folder, "unfinished artifact", _walked(folder)))
    return found


def prune(
    store: Store, *, unfinished: bool = False, settled: timedelta = SETTLED
) -> list[Unneeded]:
    """Delete what no run needs, see `unneeded`, and return what was deleted.

    Runs that begin at the same time wait, then see what is gone; another `prune` waits too.
    An artifact that is being made is left alone. One rename takes each away, so that an
    interruption leaves nothing half deleted.
    """
    trash = store.root / _TRASH
    with store.unpruned():
        gone = [
            one
            for number, one in enumerate(unneeded(store, unfinished=unfinished, settled=settled))
            if _taken_away(store, one, trash / str(number))
        ]
        shutil.rmtree(trash, ignore_errors=True)
    return gone


def _taken_away(store: Store, one: Unneeded, place: Path) -> bool:
    if one.what == "record of a run":
        one.path.unlink()
        return True
    key = one.path.name.removesuffix(".partial")
    lock = FileLock(store.root / ".locks" / f"{one.path.parent.name}-{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        place.parent.mkdir(exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        one.path.rename(place)
    finally:
        lock.release()
    return True


def _ended_early(run: Run) -> bool:
    return run.seen_state in ("interrupted", "failed", "killed")


def _records(store: Store) -> Iterator[tuple[Artifact, Record]]:
    """Yield the records of all artifacts that have a sound one, discarded ones too."""
    places = [*store.folders(), *store.root.glob(f"{DISCARDED}/*/*")]
    for folder in reversed(places):  # an artifact goes before its discarded record
        with suppress(HypError):
            yield (folder.parent.name, folder.name), read_record(folder)


def _with_inputs(roots: Iterable[Artifact], records: Mapping[Artifact, Record]) -> set[Artifact]:
    by_key = {key: (kind, key) for kind, key in records}
    needed: set[Artifact] = set()
    waiting = list(roots)
    while waiting:
        artifact = waiting.pop()
        if artifact in needed:
            continue
        needed.add(artifact)
        if artifact in records:
            inputs = records[artifact].inputs.values()
            waiting += [by_key[key] for key in inputs if key in by_key]
    return needed


def _size(folder: Path) -> int:
    """Return the bytes of an artifact, from its record where that is sound."""
    try:
        return sum(read_record(folder).files.values())
    except HypError:
        return _walked(folder)


def _walked(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
