"""Looking through a published set once; what was found is kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.poses import EULER
from hyp.datasets.released import layout
from hyp.datasets.released.gathering import NAMES, ROW, Gathered, Scene, gather
from hyp.datasets.released.listing import Problem, Problems
from hyp.datasets.released.locating import PublishedSet, locate, states
from hyp.errors import HypError
from hyp.store.artifacts import readable_disk_errors
from hyp.store.caches import cache_folder
from hyp.store.steps import content_hash

TOLERANCE = 0.001
"""Share of the images that may be missing or damaged."""

SHUFFLED_ROW = "shuffled_row"
_FORMAT = 1
_SCAN = "scan.json"
_DIGESTED = ("image_index", "size", "crc", "row_crc")
_ROWS_AT_ONCE = 2**16

Progress = Callable[[int, int], None]
"""Called with (done, total) in images."""


def silent(done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Report:
    """What is wrong with a set.

    Attributes
    ----------
    n_expected : int
        Images that the index lists; without an index, those of which there is any file.
    n_sound : int
        Images that are whole, agree with their row and are used.
    counts : dict of str to int
        Number of problems of each kind.
    problems : tuple of Problem
        The first 100 of each kind.
    """

    n_expected: int
    n_sound: int
    counts: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def share(self) -> float:
        """Share of the images that are left out."""
        return 1.0 - self.n_sound / self.n_expected if self.n_expected else 1.0

    def require(self, place: Path | str, tolerance: float = TOLERANCE) -> None:
        """Check that no more than a share of the images is left out.

        Raises
        ------
        HypError
            With the counts, if there are more, or no image is left.
        """
        if self.n_sound and self.share <= tolerance:
            return
        if not self.n_expected:
            raise HypError(f"there are no images in {place}; is it the set's own folder?")
        counts = ", ".join(f"{count:,} x {kind}" for kind, count in self.counts.items())
        raise HypError(
            f"{self.n_expected - self.n_sound:,} of the {self.n_expected:,} images of {place} "
            f"are missing or damaged, more than {tolerance:.2%} ({counts}); see which with "
            "'hyp released scan' and mend them, or allow more with tolerance=SHARE."
        )


@dataclass(frozen=True)
class Scan:
    """A set that was looked through.

    Attributes
    ----------
    folder : Path
        Where its columns are kept, memory-mapped, one ``.npy`` file each.
    digest : str
        SHA-256 over the number, size and CRC-32 of every image that is used, the CRC-32 of
        its row, and its place in the shuffled index. Folders and zips of one set have the
        same digest.
    n_rows : int
        Images that are used, in the order of the index.
    image_size : int
        The shorter side of the first image in pixels.
    names : dict of str to tuple of str
        The values of each column of names, sorted.
    categories : tuple of str
        The name of each value of ``wnid``.
    groups : tuple of int
        For each value of ``identity`` the place of its ``wnid``.
    places : dict of str to str
        The path of each scene's zip file or folder.
    split : bool
        Whether there is a shuffled index.
    report : Report
    """

    folder: Path
    digest: str
    n_rows: int
    image_size: int
    names: dict[str, tuple[str, ...]]
    categories: tuple[str, ...]
    groups: tuple[int, ...]
    places: dict[str, str]
    split: bool
    report: Report

    def column(self, name: str) -> NDArray[Any]:
        """Return a column, memory-mapped; names are places in `names`."""
        return _mapped(self.folder, self.digest, name)


@lru_cache(maxsize=128)
def _mapped(folder: Path, digest: str, name: str) -> NDArray[Any]:
    mapped: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return np.asarray(mapped)


def scan_released(path: Path | str, *, workers: int = 1, progress: Progress = silent) -> Report:
    """Look through a published set, whatever an earlier look found.

    Left out and listed are images that are missing, empty, truncated (no end marker), no
    JPEG or absurdly large, or that have no row, or one that cannot be read, has a number
    that is not finite, or disagrees with the path or the index. Files whose declared size
    no image has and members that climb out of their folder are not touched; of files with
    the same number the first one counts. Listed, but used, are images whose bytes another
    one has, too, and names that are not ASCII; other files are listed and left alone.

    Parameters
    ----------
    path : path
        The folder that holds ``images``, or one scene's zip file in ``images``.
    workers : int
        Processes; they take one scene after another.
    progress : callable
        Called with the number of images looked at and of all images, which is 0 as long
        as it is not known.

    Raises
    ------
    HypError
        If there is no set, its index cannot be read, or its columns are not the published
        ones.
    """
    return _scan(locate(Path(path)), workers, progress).report


def scanned(path: Path | str, progress: Progress = silent) -> Scan:
    """Return what is known of a set, looking through it if it is new or has changed.

    A set counts as unchanged while its zip files, its index files and the folders of its
    images have the same sizes and times of change.

    Raises
    ------
    HypError
        As `scan_released`.
    """
    found = locate(Path(path))
    try:
        return _load(_cache(found))
    except (OSError, ValueError, KeyError, TypeError):
        return _scan(found, 1, progress)


def _cache(found: PublishedSet) -> Path:
    state = [str(_FORMAT), *states(found)]
    return cache_folder("released") / content_hash(state)[:20]


def _load(folder: Path) -> Scan:
    content = json.loads((folder / _SCAN).read_text(encoding="utf-8"))
    report = content.pop("report")
    problems = tuple(Problem(**problem) for problem in report.pop("problems"))
    names = {name: tuple(values) for name, values in content.pop("names").items()}
    lists: dict[str, Any] = {name: tuple(content.pop(name)) for name in ("categories", "groups")}
    return Scan(folder, names=names, report=Report(**report, problems=problems), **lists, **content)


def _scan(found: PublishedSet, workers: int, progress: Progress) -> Scan:
    _check_headers(found.root)
    problems = Problems()
    scenes = list(_scenes(found, problems))
    cache = _cache(found)
    beside = cache.with_name(f".{cache.name}.{uuid.uuid4().hex}.tmp")
    with readable_disk_errors(cache):
        beside.mkdir()
        try:
            gathered = _gather_all(scenes, beside, workers, progress)
            _join(found, scenes, gathered, beside, problems)
            if cache.exists():
                shutil.rmtree(cache)
            with suppress(OSError):  # another process has just put the same there
                beside.rename(cache)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return _load(cache)


def _check_headers(root: Path) -> None:
    path = root / layout.HEADERS_FILE
    if not path.exists():
        return
    names = path.read_text(encoding="utf-8", errors="replace").split()
    if tuple(names) != layout.HEADERS:
        strange = next((name for name in names if name not in layout.HEADERS), "too few columns")
        raise HypError(
            f"{path} is not that of the published format ({strange}); the set was made by "
            "another version of the generator."
        )


def _scenes(found: PublishedSet, problems: Problems) -> Iterator[Scene]:
    path = layout.find_index(found.root)
    if path is None:
        yield from (Scene(name, places) for name, places in found.scenes.items())
        return
    index = layout.read_index(path)
    for code, name in enumerate(index.scene_names):
        if name in found.scenes or not found.part:
            of = np.flatnonzero(index.scenes == code)
            of = of[np.argsort(index.numbers[of])]
            numbers, folders = index.numbers[of], index.folders[of]
            yield Scene(name, found.scenes.get(name, ()), numbers, folders, index.folder_names)
    for name in sorted(set(found.scenes) - set(index.scene_names)):
        problems.add("not in the index", f"scene {name}")


def _gather_all(
    scenes: Sequence[Scene], folder: Path, workers: int, progress: Progress
) -> list[Gathered]:
    total = sum(len(scene.numbers) for scene in scenes if scene.numbers is not None)
    done = 0

    def advance(images: int) -> None:
        nonlocal done
        done += images
        progress(done, total)

    progress(0, total)
    parts = [_part(folder, place) for place in range(len(scenes))]
    if min(workers, len(scenes)) <= 1:
        return [gather(*task, advance) for task in zip(scenes, parts, strict=True)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(scenes)), mp_context=context) as pool:
        tasks = [pool.submit(_gather, *task) for task in zip(scenes, parts, strict=True)]
        for task in as_completed(tasks):
            advance(task.result().n_expected)
        return [task.result() for task in tasks]


def _gather(scene: Scene, part: Path) -> Gathered:
    return gather(scene, part, lambda images: None)


def _part(folder: Path, place: int) -> Path:
    return folder / f"part-{place}.npy"


def _join(
    found: PublishedSet,
    scenes: Sequence[Scene],
    gathered: Sequence[Gathered],
    folder: Path,
    problems: Problems,
) -> None:
    """Turn the rows of the scenes into columns; write what is known of the set."""
    for one in gathered:
        problems.extend(one.problems)
    parts = [np.load(_part(folder, place), mmap_mode="r") for place in range(len(scenes))]
    n_rows = sum(map(len, parts))
    names = {
        name: tuple(sorted({value for one in gathered for value in one.names[place]}))
        for place, name in enumerate(NAMES)
    }
    columns = {}
    for name in ROW.names or ():
        column = _new_column(folder, name, n_rows, ROW[name])
        start = 0
        for part, one in zip(parts, gathered, strict=True):
            column[start : start + len(part)] = _values(name, part, one, names)
            start += len(part)
        columns[name] = column
    for path in folder.glob("part-*.npy"):
        path.unlink()
    split = _add_shuffled(found, folder, columns, problems)
    _find_repeated(columns, problems)
    categories, groups = _categories(columns, names)
    sizes = [one.image_size for one in gathered if one.image_size is not None]
    report = Report(sum(one.n_expected for one in gathered), n_rows, dict(problems.counts), ())
    content = {
        "digest": _digest(columns),
        "n_rows": n_rows,
        "image_size": min(sizes[0]) if sizes else 1,
        "names": names,
        "categories": categories,
        "groups": groups,
        "places": {
            scene.name: str(one.place)
            for scene, one in zip(scenes, gathered, strict=True)
            if one.place is not None
        },
        "split": split,
        "report": {**asdict(report), "problems": [asdict(problem) for problem in problems.listed]},
    }
    (folder / _SCAN).write_text(json.dumps(content), encoding="utf-8")


def _new_column(folder: Path, name: str, n_rows: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    if not n_rows:
        np.save(path, np.empty(0, dtype))
        return np.empty(0, dtype)
    column: NDArray[Any] = np.lib.format.open_memmap(path, "w+", dtype, (n_rows,))
    return column


def _values(
    name: str, part: NDArray[np.void], one: Gathered, names: dict[str, tuple[str, ...]]
) -> NDArray[Any]:
    column: NDArray[Any] = part[name]
    if name not in NAMES:
        return np.mod(column, 360.0) if name in EULER else column
    places = {value: place for place, value in enumerate(names[name])}
    codes = np.array([places[value] for value in one.names[NAMES.index(name)]], dtype=np.int32)
    found: NDArray[Any] = codes[column]
    return found


def _add_shuffled(
    found: PublishedSet, folder: Path, columns: dict[str, NDArray[Any]], problems: Problems
) -> bool:
    """Add each image's place in the shuffled index, if there is one with all images."""
    path = found.root / layout.SHUFFLED
    if not path.exists():
        return False
    try:
        numbers = layout.read_shuffled(path)
    except HypError as error:
        problems.add("unreadable index", path.name, str(error))
        return False
    order = np.argsort(numbers)
    wanted = columns["image_index"]
    places = np.minimum(np.searchsorted(numbers, wanted, sorter=order), len(numbers) - 1)
    rows = order[places]
    if not np.array_equal(numbers[rows], wanted):
        problems.add("unreadable index", path.name, "it does not list all images")
        return False
    np.save(folder / f"{SHUFFLED_ROW}.npy", rows)
    held_out = layout.n_held_out(len(numbers))
    np.save(folder / "held_out.npy", rows >= len(numbers) - held_out)
    columns[SHUFFLED_ROW] = rows
    return True


def _find_repeated(columns: dict[str, NDArray[Any]], problems: Problems) -> None:
    keys = (columns["size"] << 32) | columns["crc"]
    order = np.argsort(keys, kind="stable")
    again = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    for place in again:
        first, second = (
            layout.image_name(columns["image_index"][order[k]]) for k in (place, place + 1)
        )
        problems.add("repeated image", second, f"it has the bytes of {first}")


def _categories(
    columns: dict[str, NDArray[Any]], names: dict[str, tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the name of each wnid, and the wnid of each model.

    A wnid's name is the first, in sorted order, of its rows' names; where an earlier wnid
    has it, too, the wnid follows.
    """
    pairs = np.unique(np.stack([columns["wnid"], columns["record_wcategory"]], axis=1), axis=0)
    first: dict[int, str] = {}
    for wnid, name in pairs.tolist():
        first.setdefault(wnid, names["record_wcategory"][name])
    categories: list[str] = []
    for wnid, name in sorted(first.items()):
        categories.append(f"{name} {names['wnid'][wnid]}" if name in categories else name)
    groups: dict[int, int] = {}
    for model, wnid in np.unique(
        np.stack([columns["identity"], columns["wnid"]], axis=1), axis=0
    ).tolist():
        if model in groups:
            raise HypError(
                f"the model {names['identity'][model]!r} is in the folders of two categories, "
                f"{names['wnid'][groups[model]]} and {names['wnid'][wnid]}; give it two names."
            )
        groups[model] = wnid
    return tuple(categories), tuple(groups[model] for model in sorted(groups))


def _digest(columns: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in (*_DIGESTED, SHUFFLED_ROW):
        digest.update(name.encode())
        column = columns.get(name, np.empty(0))
        for start in range(0, len(column), _ROWS_AT_ONCE):
            digest.update(np.ascontiguousarray(column[start : start + _ROWS_AT_ONCE]).data)
    return digest.hexdigest()
