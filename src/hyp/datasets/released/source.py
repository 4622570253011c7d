"""A published ThreeDWorld set as a source of images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.latents import Latent
from hyp.datasets.poses import EULER, POSITION
from hyp.datasets.released import layout
from hyp.datasets.released.listing import (
    LARGEST_IMAGE,
    PLACE,
    check_content,
    read_file,
    read_member,
)
from hyp.datasets.released.scanning import SHUFFLED_ROW, TOLERANCE, Progress, Scan, scanned, silent
from hyp.datasets.rows import Columns, Images, Rows, RowsSource
from hyp.errors import HypError

SPLIT = "released_split"
SPLITS = ("train", "val")
_READERS = 8


class ReleasedTDWSource(RowsSource):
    """Reads ThreeDWorld images in their published layout, from folders or zip files.

    Nothing is unpacked. When a set is opened for the first time, every row is read and
    every image checked (`hyp.datasets.released.scan_released`), which takes minutes for a
    million images and is kept in the cache folder. Images that are missing or damaged are
    no rows; see ``tolerance`` of `open`.

    Rows are in the order of the index. Latents are ``rel_pos_*`` (m), ``rel_rot_euler_*``
    (degrees), ``category`` (``wcategory`` in the order of the wnids, as the paper's labels
    are; a name that an earlier wnid has, too, is followed by the wnid), ``identity``
    (``record_name``, sorted, as the paper's labels are), ``scene``, ``sky`` (unless no row
    has one) and, where there is a shuffled index, ``released_split``: ``val`` for the
    images at its end that the paper's code held out. Extra columns are the other columns
    of the rows (``avatar_pos_*`` as ``camera_pos_*``), ``image_index`` and
    ``shuffled_row``.

    The digest is of the sizes and CRC-32 of all images and rows that are used, their
    numbers, and the shuffled index: zipping or unzipping a set leaves it as it is.

    Source: Xie, Alter, Schwartz and DiCarlo (2024) and their generator,
    YudiXie/tdw_image_dataset.
    """

    kind: Literal["tdw-images"] = "tdw-images"
    encoding: Literal["jpeg"] = "jpeg"

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        image_size: int | None = None,
        tolerance: float | str = TOLERANCE,
        progress: Progress = silent,
    ) -> Self:
        """Describe a published set.

        Parameters
        ----------
        path : Path
            The folder that holds ``images``, or one scene's zip file in ``images``.
        image_size : int, optional
            Pixels a side that images are resized to; the default is theirs.
        tolerance : float
            Share of the images that may be missing or damaged.
        progress : callable, optional
            Called with the number of images looked at and of all images.

        Raises
        ------
        HypError
            If there is no set, or more of it is missing or damaged.
        """
        scan = scanned(path, progress)
        scan.report.require(path, _share(tolerance))
        _same.cache_clear()  # the set may have been zipped since
        return cls(
            image_size=image_size or scan.image_size,
            latents=_latents(scan),
            n_rows=scan.n_rows,
            digest=scan.digest,
            path=path,
        )

    def columns(self) -> Columns:
        """Return the latents and extra columns of all rows, shape (n_rows,) each."""
        return _columns(self.require_path(), self.digest)

    def read(self, rows: Rows) -> Images:
        """Return the JPEG files of rows, as they were published.

        They are read in the order in which they lie in their zip file, by several threads.

        Raises
        ------
        HypError
            If a file is no longer what it was.
        """
        path = self.require_path()
        scan = _same(path, self.digest)
        places = np.zeros(len(rows), PLACE)
        places["number"] = scan.column("image_index")[rows]
        for name in ("offset", "packed", "method", "size", "crc"):
            places[name] = scan.column(name)[rows]
        scenes, wnids, models = (
            _named(scan.names[name], scan.column(name)[rows])
            for name in ("scene", "wnid", "identity")
        )

        def read(positions: NDArray[np.int64]) -> list[bytes]:
            files: list[bytes] = []
            for scene, group in groupby(positions.tolist(), key=lambda k: scenes[k]):
                some = list(group)
                folders = [f"{wnids[k]}/{models[k]}" for k in some]
                files += _read_scene(Path(scan.places[scene]), folders, places[some])
            return files

        order = np.lexsort((places["number"], places["offset"], scan.column("scene")[rows]))
        slices = np.array_split(order, min(_READERS, max(len(order), 1)))
        files = [b""] * len(rows)
        for positions, contents in zip(
            slices, _readers(os.getpid()).map(read, slices), strict=True
        ):
            for position, content in zip(positions.tolist(), contents, strict=True):
                files[position] = content
        return files


def _share(tolerance: float | str) -> float:
    try:
        share = float(tolerance)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise HypError(f"tolerance={tolerance} is no share of images between 0 and 1.")
    return share


def _latents(scan: Scan) -> tuple[Latent, ...]:
    def named(name: str, values: tuple[str, ...], frame: Any, groups: Any = ()) -> Latent:
        return Latent(name=name, kind="categorical", frame=frame, values=values, groups=groups)

    groups = tuple(scan.categories[wnid] for wnid in scan.groups)
    sky = named("sky", scan.names["sky"], "world") if scan.names["sky"] != ("",) else None
    split = named(SPLIT, SPLITS, "world") if scan.split else None
    optional = tuple(latent for latent in (sky, split) if latent is not None)
    return (
        Latent(name="rel_pos_x", kind="continuous", unit="m"),
        Latent(name="rel_pos_y", kind="continuous", unit="m"),
        Latent(name="rel_pos_z", kind="continuous", unit="m", low=0.0),
        *(Latent(name=n, kind="angle", unit="deg", low=-180, high=360) for n in EULER),
        named("category", scan.categories, "object"),
        named("identity", scan.names["identity"], "object", groups),
        named("scene", scan.names["scene"], "world"),
        *optional,
    )


@lru_cache(maxsize=4)
def _same(path: Path, digest: str) -> Scan:
    scan = scanned(path)
    if scan.digest != digest:
        raise HypError(f"the set at {path} is another one now; name it anew.")
    return scan


@lru_cache(maxsize=2)
def _columns(path: Path, digest: str) -> Columns:
    scan = _same(path, digest)
    latents = [latent.name for latent in _latents(scan)]
    wnids = scan.column("wnid")
    columns = {name: scan.column(name) for name in (*POSITION, *EULER)}
    columns["category"] = _named(scan.categories, wnids)
    for name in ("identity", "scene", "sky"):
        if name in latents:
            columns[name] = _named(scan.names[name], scan.column(name))
    if scan.split:
        columns[SPLIT] = _named(SPLITS, scan.column("held_out").astype(np.int64))
        columns[SHUFFLED_ROW] = scan.column(SHUFFLED_ROW)
    columns["image_index"] = scan.column("image_index")
    columns["wnid"] = _named(scan.names["wnid"], wnids)
    columns["record_wcategory"] = _named(
        scan.names["record_wcategory"], scan.column("record_wcategory")
    )
    others = [name for name in layout.NUMBERS if name not in columns]
    return {**columns, **{layout.hyp_name(name): scan.column(name) for name in others}}


def _named(values: tuple[str, ...], places: NDArray[Any]) -> NDArray[Any]:
    names: NDArray[Any] = np.array(values, dtype=object)[places]
    return names


def _read_scene(where: Path, folders: Sequence[str], places: NDArray[np.void]) -> list[bytes]:
    """Return files of one scene, from its zip file or its folder."""
    files: list[bytes] = []
    opening: Any = nullcontext()
    try:
        if places["offset"][0] >= 0:
            opening = where.open("rb", buffering=0)
        with opening as archive:
            for folder, place in zip(folders, places, strict=True):
                if archive is not None:
                    files.append(read_member(archive, place))
                    continue
                name = f"{folder}/{layout.image_name(int(place['number']))}.jpg"
                content = read_file(where / name, LARGEST_IMAGE)
                check_content(content, place)
                files.append(content)
    except (OSError, ValueError) as error:
        number = int(places["number"][len(files)])
        raise HypError(
            f"the image {layout.image_name(number)} of {where} is not what it was "
            f"({str(error).rstrip('.')}); look through the set again with 'hyp released scan'."
        ) from error
    return files


@lru_cache(maxsize=1)
def _readers(process: int) -> ThreadPoolExecutor:
    """Return this process's threads: those of a parent are not in its forked child."""
    return ThreadPoolExecutor(_READERS, "hyp-read")
