"""A folder of one's own images with a table of their latents."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from hyp.datasets.folders.pictures import (
    FORMATS,
    SUFFIXES,
    Fit,
    decode,
    examples,
    problem_of,
    read_each,
)
from hyp.datasets.folders.table import (
    FILE,
    Settings,
    Table,
    composed,
    read_settings,
    read_table,
)
from hyp.datasets.public.files import Pixels, file_digest
from hyp.datasets.rows import Columns, Rows, RowsSource
from hyp.datasets.skipping import Problem, read_share, settle
from hyp.errors import HypError
from hyp.store.artifacts import write_atomically
from hyp.store.caches import cache_folder
from hyp.store.steps import content_hash

_TABLES = (".csv", ".parquet")
_TABLE = "latents"
_SIZE = 224
_FEW = 10_000
"""Images of which all are decoded where some cannot be used, so that one list says all."""


class FolderSource(RowsSource):
    """Reads any folder of images with a table of their latents.

    The table is ``latents.csv`` or ``latents.parquet`` in the folder, or the only table
    there; its column ``file``, or else its first one, names each row's image by its path
    in the folder. A short TOML beside it, of the same name (``latents.toml``), may say
    more; all of it is optional::

        file = "image"            # the column that names the images
        image_size = 96
        fit = "squeeze"           # or "crop", the default
        ignore = ["photographer"] # columns that are no latents

        [latents.rel_pos_z]
        kind = "continuous"       # or "angle", "categorical"
        unit = "m"
        frame = "camera"          # or "world", "object"

        [latents.model]
        within = "category"       # nested, as identity is in category

    What it leaves out is inferred; see `hyp.datasets.folders.table`. A path to a table
    reads the images that it lists and lets others lie about; a path to a folder wants a
    row for every image.

    Images are turned as their EXIF orientation says and become RGB (transparency is
    dropped). ``crop`` resizes the shorter side to `image_size` and takes the centre, as
    torchvision's evaluation transforms do; ``squeeze`` resizes both sides; bilinear and
    antialiased. Without a size, images that are squares of one size keep it, others become
    224 pixels. The extra column ``file`` is the image's path in the folder.

    The digest is of the table, the TOML, and all images' names and contents; it is kept
    in the cache folder until a file's name, size or times of change differ.

    Attributes
    ----------
    fit : {"crop", "squeeze"}
        How images become square.
    skipped : tuple of str
        Rows and files that were left out because they cannot be used.
    remarks : str or None
        What was left out when the folder was read, and why; not written to keys.
    """

    kind: Literal["folder"] = "folder"
    fit: Fit = "crop"
    skipped: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    remarks: str | None = Field(default=None, exclude=True, repr=False)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        image_size: int | None = None,
        fit: Fit | None = None,
        skip: Any = 0.0,
    ) -> Self:
        """Describe and check a folder of images, or a table of them.

        Parameters
        ----------
        path : Path
        image_size : int, optional
            Pixels a side.
        fit : {"crop", "squeeze"}, optional
            In place of what the TOML says.
        skip : float or str
            Share of the images that may be left out because they are no whole images, are
            missing or have no row, such as 0.1 or ``10%``; their names become part of the
            source. Unless it is 0, all images are decoded once.

        Raises
        ------
        HypError
            For a table or TOML that cannot be read, a path that leaves the folder, or more
            rows and files that cannot be used than `skip` of them, which are listed.
        """
        share = read_share(skip)
        skipped, said = _left_out(path, share) if share else ((), "")
        content = _content(path, skipped)
        return cls(
            image_size=image_size or content.settings.image_size or content.side or _SIZE,
            fit=fit or content.settings.fit,
            latents=content.table.latents,
            n_rows=len(content.files),
            digest=content.digest,
            path=path,
            skipped=skipped,
            remarks=said or None,
        )

    def columns(self) -> Columns:
        """Return the latents and the file of all images, shape (n_rows,) each."""
        content = _same(self.require_path(), self.digest, self.skipped)
        return {**content.table.columns, FILE: np.array(content.files, dtype=object)}

    def read(self, rows: Rows) -> Pixels:
        """Return images, shape (n, H, W, 3).

        Raises
        ------
        HypError
            With a list of all images among them that cannot be decoded.
        """
        content = _same(self.require_path(), self.digest, self.skipped)
        images = np.empty((len(rows), self.image_size, self.image_size, 3), dtype=np.uint8)

        def read_one(place: int, name: str) -> None:
            path = content.root / name
            images[place] = decode(path, self.image_size, fit=self.fit, upright=True)

        read_each(content.root, [content.files[row] for row in rows.tolist()], read_one)
        return images


@dataclass(frozen=True)
class _Content:
    """A checked folder: its table, the files of the rows, their common side if any."""

    root: Path
    settings: Settings
    table: Table
    files: list[str]
    side: int | None
    digest: str


@lru_cache(maxsize=2)
def _same(path: Path, digest: str, skipped: tuple[str, ...]) -> _Content:
    content = _content(path, skipped)
    if content.digest != digest:
        raise HypError(f"{path} is not what it was when it was first used; name it anew.")
    return content


def _content(path: Path, skipped: tuple[str, ...]) -> _Content:
    place = _place(path)
    root, toml = place.parent, place.with_suffix(".toml")
    settings = read_settings(toml)
    table = read_table(place, settings, skipped)
    files, problems, n_files = _match(place, table.files, skipped, is_whole=path.is_dir())
    digest, side, more = _look(root, files)
    if (problems or more) and len(files) <= _FEW:
        more = _damaged(root, files, more)
    settle(problems + more, n_files, 0.0, root)
    said = file_digest(toml) if toml.is_file() else ""
    whole = content_hash([file_digest(place), said, digest])
    return _Content(root, settings, table, files, side, whole)


def _left_out(path: Path, skip: float) -> tuple[tuple[str, ...], str]:
    """Return the rows and files that cannot be used, and the lines that say why."""
    place = _place(path)
    table = read_table(place, read_settings(place.with_suffix(".toml")))
    files, problems, n_files = _match(place, table.files, (), is_whole=path.is_dir())
    found = _damaged(place.parent, files, _read_all(place.parent, files)[2])
    found = [Problem(composed(problem.file), problem.sentence) for problem in found]
    return settle(problems + found, n_files, skip, place.parent)


def _damaged(root: Path, files: Sequence[str], known: Sequence[Problem]) -> list[Problem]:
    """Return what is wrong with files, all of which are decoded but those of which it is known."""
    names = {problem.file for problem in known}
    found = (problem_of(root, name) for name in files if name not in names)
    return [*known, *filter(None, found)]


def _place(path: Path) -> Path:
    place = _table_of(path) if path.is_dir() else path
    if place.suffix.lower() not in _TABLES or not place.is_file():
        raise HypError(f"{path} is no folder and no table; name a folder, .csv or .parquet file.")
    return place


def _table_of(folder: Path) -> Path:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES)
    named = [path for path in found if path.stem == _TABLE]
    if len(named or found) != 1:
        names = ", ".join(path.name for path in named or found) or "no table"
        raise HypError(
            f"{folder} needs one table of latents, latents.csv or latents.parquet; it has {names}. "
            "Images in a folder for each class need none: classes:PATH reads them."
        )
    return (named or found)[0]


def _match(
    table: Path, names: Sequence[str], skipped: Iterable[str], *, is_whole: bool
) -> tuple[list[str], list[Problem], int]:
    """Find the image of each row.

    Names are compared in Unicode's composed form (NFC): some systems store the accents of
    file names apart.

    Returns
    -------
    list of str
        Path in the folder of each row's image, where there is one.
    list of Problem
        Rows without an image, or images without a row; called by the composed name.
    int
        Number of both.

    Raises
    ------
    HypError
        If a row, or a link, leads out of the folder, or a file has several rows.
    """
    root = table.parent
    wild = [name for name in names if _leaves(name)]
    if wild:
        raise HypError(
            f"{table}: {len(wild):,} of {len(names):,} paths lead out of the folder "
            f"({examples(wild)}); name images by their path inside it."
        )
    wanted = [composed(name) for name in names]
    repeated = [name for name, count in Counter(wanted).items() if count > 1]
    if repeated:
        raise HypError(
            f"{table} has more than one row for {len(repeated):,} files ({examples(repeated)}); "
            "keep one of each."
        )
    there = {composed(name): name for name in _files_below(root)}
    problems = [
        Problem(name, f"the row {name} of {table.name} has no file; add it or leave the row out.")
        for name in wanted
        if name not in there
    ]
    n_files = len(wanted)
    if is_whole:
        images = {name for name in there if name.lower().endswith(SUFFIXES)}
        spare = images.difference(wanted, skipped)
        n_files += len(spare)
        problems += [
            Problem(
                name, f"the image {name} has no row in {table.name}; add one, or name the table."
            )
            for name in spare
        ]
    found = [there[name] for name in wanted if name in there]
    inside = root.resolve()
    linked = [
        name
        for name in found
        if (root / name).is_symlink() and not (root / name).resolve().is_relative_to(inside)
    ]
    if linked:
        raise HypError(
            f"{len(linked):,} images in {root} are links that lead out of it "
            f"({examples(linked)}); copy the images there."
        )
    return found, problems, n_files


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or PureWindowsPath(name).is_absolute()


def _files_below(root: Path) -> list[str]:
    """Return the paths of all files in a folder and its folders, hidden ones left out.

    Folders that are links are not followed.
    """
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(folder).relative_to(root)
        found += [(inner / name).as_posix() for name in files if not name.startswith(".")]
    return found


def _look(root: Path, files: Sequence[str]) -> tuple[str, int | None, list[Problem]]:
    """Return the files' digest, their common side, and which of them are no images."""
    stats = [(root / name).stat() for name in files]
    states = [
        [name, s.st_size, s.st_mtime_ns, s.st_ctime_ns]
        for name, s in zip(files, stats, strict=True)
    ]
    note = content_hash([str(root.resolve()), states])
    with suppress(OSError, ValueError):
        known = json.loads((cache_folder("folders") / note).read_text(encoding="utf-8"))
        return str(known["digest"]), known["side"], []
    digest, sides, problems = _read_all(root, files)
    if problems:
        return digest, None, problems
    side = sides.pop()[0] if len(sides) == 1 and len(set(next(iter(sides)))) == 1 else None
    with suppress(OSError):
        content = json.dumps({"digest": digest, "side": side})
        write_atomically(cache_folder("folders") / note, content.encode())
    return digest, side, []


def _read_all(root: Path, files: Sequence[str]) -> tuple[str, set[tuple[int, int]], list[Problem]]:
    """Return the digest of all files, the sizes that occur, and what are no images.

    Images are not decoded.
    """
    from PIL import Image

    digest = hashlib.sha256()
    sizes: set[tuple[int, int]] = set()
    problems: list[Problem] = []
    bombs: tuple[Any, ...] = (Image.DecompressionBombWarning, Image.DecompressionBombError)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for name in files:
            try:
                with (root / name).open("rb") as stream:
                    digest.update(f"{name}\0".encode("utf-8", "surrogateescape"))
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
                    stream.seek(0)
                    with Image.open(stream, formats=FORMATS) as picture:
                        sizes.add(picture.size)
            except bombs:
                why = f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller"
                problems.append(Problem(name, f"the image {name} {why}."))
            except (OSError, SyntaxError, ValueError) as error:
                known = problem_of(root, name)
                why = f"the image {name} cannot be decoded ({error}); replace or remove it."
                problems.append(known or Problem(name, why))
    return digest.hexdigest(), sizes, problems
