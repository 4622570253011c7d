"""Where a published set lies, and whether it has changed since it was looked through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hyp.datasets.released import layout
from hyp.errors import HypError


@dataclass(frozen=True)
class PublishedSet:
    """Where a set lies: its root, and the zip file and folder of each scene.

    Of a `part` of a set the other scenes are not missed.
    """

    root: Path
    scenes: dict[str, tuple[Path, ...]]
    part: bool


def locate(path: Path) -> PublishedSet:
    """Find the scenes of a set.

    Raises
    ------
    HypError
        If there is no set.
    """
    path = path.expanduser().absolute()
    if path.suffix == ".zip" and path.is_file():
        return PublishedSet(path.parent.parent, {path.stem: (path,)}, part=True)
    images = path / layout.IMAGES
    if not images.is_dir():
        raise HypError(
            f"{path} holds no folder {layout.IMAGES!r}, so it is no published ThreeDWorld set; "
            "name the folder that holds it, or a scene's zip file in it."
        )
    scenes: dict[str, tuple[Path, ...]] = {}
    for entry in sorted(images.iterdir(), key=lambda entry: (entry.is_dir(), entry.name)):
        if entry.name.startswith(".") or not (entry.is_dir() or entry.suffix == ".zip"):
            continue
        name = entry.name if entry.is_dir() else entry.stem
        scenes[name] = (*scenes.get(name, ()), entry)
    if not scenes:
        raise HypError(f"{images} holds no scenes, neither folders nor zip files.")
    return PublishedSet(path, dict(sorted(scenes.items())), part=False)


def states(found: PublishedSet) -> list[str]:
    """Return what tells whether a set has changed: sizes and times of its files and folders."""
    return [*map(_state, _looked_at(found))]


def _looked_at(found: PublishedSet) -> Iterator[Path]:
    yield found.root / layout.HEADERS_FILE
    yield from sorted(found.root.glob("index_img_*.csv"))
    for places in found.scenes.values():
        for place in places:
            yield place
            for wnid in _subfolders(place):
                yield wnid
                yield from _subfolders(wnid)


def _subfolders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir())


def _state(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"{path}: none"
    size = 0 if path.is_dir() else found.st_size
    return f"{path}: {size} {found.st_mtime_ns} {found.st_ctime_ns}"
