"""The published layout: names of files, the row of an image, the index, the split.

::

    metadata.txt  img_meta_headers.txt  index_img_<N>.csv
    images/<scene>/<wnid>/<model>/img_<number, ten digits>.jpg
    images/<scene>/<wnid>/<model>/img_<number, ten digits>_info.csv

or ``images/<scene>.zip``, whose members are relative to the scene's folder. Preprocessing
adds ``index_img_shuffled.csv``, the same with six latents, ``mappings.yml`` and
``norm_column_mean_std.csv``.

Source: the generator (YudiXie/tdw_image_dataset) and the preprocessing
(YudiXie/multitask-vision) of Xie, Alter, Schwartz and DiCarlo (2024).
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from hyp.datasets.poses import EULER, POSITION
from hyp.errors import HypError

IMAGES = "images"
METADATA = "metadata.txt"
HEADERS_FILE = "img_meta_headers.txt"
SHUFFLED = "index_img_shuffled.csv"
SHUFFLED_WITH_META = "index_img_shuffled_with_meta.csv"
MAPPINGS = "mappings.yml"
NORMALISATION = "norm_column_mean_std.csv"

TEXTS = (
    "scene_name",
    "wnid",
    "record_wcategory",
    "record_name",
    "image_file_name",
    "skybox_name",
)
NUMBERS = (
    *POSITION,
    *(f"rel_rot_{axis}" for axis in "xyzw"),
    *EULER,
    *(f"avatar_pos_{axis}" for axis in "xyz"),
    *(f"camera_rot_{axis}" for axis in "xyzw"),
    *(f"object_pos_{axis}" for axis in "xyz"),
    *(f"object_rot_{axis}" for axis in "xyzw"),
)
HEADERS = (*TEXTS, *NUMBERS)
"""The 30 columns of an image's row."""

HELD_OUT = (0.2, 1_000, 50_000)
"""Share of the shuffled index that is for validation, and its bounds in images."""

_INDEX_NAME = re.compile(r"index_img_(\d+)\.csv")
_INDEX_COLUMNS = ("scene", "wnid", "model")
_CATEGORY = TEXTS.index("record_wcategory")


def image_name(number: int) -> str:
    """Return the name of an image without its ending, as its row has it."""
    return f"img_{number:010d}"


def hyp_name(name: str) -> str:
    """Return the name that hyp has for a column of numbers: the avatar is the camera."""
    return name.replace("avatar_pos", "camera_pos")


def parse_row(text: str) -> tuple[list[str], list[float]]:
    """Read the row of an image.

    A category may contain commas, quoted or not: it is what the fields before and after
    it leave.

    Parameters
    ----------
    text : str
        One line with the columns `HEADERS` and no header.

    Returns
    -------
    texts : list of str
        The columns `TEXTS`.
    numbers : list of float
        The columns `NUMBERS`, all finite.

    Raises
    ------
    ValueError
        If it is something else; the message says what.
    """
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if len(rows) != 1:
        raise ValueError(f"it has {len(rows)} rows instead of 1")
    fields = rows[0]
    extra = len(fields) - len(HEADERS)
    if extra < 0:
        raise ValueError(f"it has {len(fields)} columns instead of {len(HEADERS)}")
    after = _CATEGORY + extra + 1
    texts = [*fields[:_CATEGORY], ",".join(fields[_CATEGORY:after]), *fields[after:]]
    try:
        numbers = [float(field) for field in texts[len(TEXTS) :]]
    except ValueError as error:
        raise ValueError(str(error)) from None
    if not math.isfinite(sum(numbers)):
        broken = next(n for n, value in zip(NUMBERS, numbers, strict=True) if value - value != 0)
        raise ValueError(f"{broken} is not a finite number")
    return texts[: len(TEXTS)], numbers


def format_row(texts: Sequence[str], numbers: Sequence[float]) -> str:
    """Return the row of an image; `parse_row` reads back the same values."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([*texts, *map(repr, numbers)])
    return stream.getvalue()


@dataclass(frozen=True)
class Index:
    """Which images a set has: ``index_img_<N>.csv``.

    Attributes
    ----------
    numbers : ndarray of int, shape (n,)
        Global number of each image.
    scenes, folders : ndarray of int, shape (n,)
        Places in `scene_names` and `folder_names`.
    scene_names, folder_names : tuple of str
        Scenes, and ``<wnid>/<model>``, in the order in which they first occur.
    """

    numbers: NDArray[np.int64]
    scenes: NDArray[np.int32]
    folders: NDArray[np.int32]
    scene_names: tuple[str, ...]
    folder_names: tuple[str, ...]


def find_index(root: Path) -> Path | None:
    """Return the path of the index; None if there is none.

    Raises
    ------
    HypError
        If there are several.
    """
    found = sorted(path for path in root.glob("index_img_*.csv") if _INDEX_NAME.match(path.name))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise HypError(f"{root} has several indices ({names}); keep the one of this set.")
    return found[0] if found else None


def read_index(path: Path) -> Index:
    """Read ``index_img_<N>.csv``.

    Raises
    ------
    HypError
        If it cannot be read, or lists a number twice.
    """
    table = _read_csv(path, _INDEX_COLUMNS)
    numbers = _numbers(path, table.column(0))
    joined = pc.binary_join_element_wise(table["wnid"], table["model"], "/")
    scenes, scene_names = _encoded(table["scene"])
    folders, folder_names = _encoded(joined)
    return Index(numbers, scenes, folders, scene_names, folder_names)


def read_shuffled(path: Path) -> NDArray[np.int64]:
    """Return the image numbers of ``index_img_shuffled.csv``, in its order.

    Raises
    ------
    HypError
        If it cannot be read, or lists a number twice.
    """
    return _numbers(path, _read_csv(path, ("image_index",))["image_index"])


def n_held_out(n_images: int) -> int:
    """Return how many images at the end of the shuffled index are for validation."""
    share, least, most = HELD_OUT
    return min(n_images, max(round(share * n_images), least), most)


def _read_csv(path: Path, columns: Sequence[str]) -> pa.Table:
    types = dict.fromkeys(_INDEX_COLUMNS, pa.string())
    options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    try:
        table = pa.csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowInvalid) as error:
        raise HypError(f"the index {path} cannot be read: {str(error).rstrip('.')}.") from error
    missing = [name for name in columns if name not in table.column_names]
    if missing or not table.num_rows:
        lack = f"no column {missing[0]!r}" if missing else "no rows"
        raise HypError(f"the index {path} has {lack}; put the original file in its place.")
    return table


def _numbers(path: Path, column: pa.ChunkedArray) -> NDArray[np.int64]:
    if not pa.types.is_integer(column.type) or column.null_count:
        raise HypError(f"the index {path} has image numbers that are not whole numbers.")
    numbers: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    if len(np.unique(numbers)) < len(numbers) or numbers.min() < 0:
        raise HypError(f"the index {path} lists an image number twice, or a negative one.")
    return numbers


def _encoded(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(), tuple(encoded.dictionary.to_pylist())
