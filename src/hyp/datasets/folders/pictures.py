"""Image files: what may be opened, and how it becomes square RGB pixels."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.shards import fitted
from hyp.datasets.skipping import Problem, nothing_in, settle
from hyp.errors import HypError

if TYPE_CHECKING:
    from PIL.Image import Image

Fit = Literal["crop", "squeeze"]
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""What Pillow may decode; of several frames the first is taken."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
_SHOWN = 3
_END_OF_IMAGE = b"\xff\xd9"
_TRAILER = 64
_DEEP_GREY = "I;16"
_ORIENTATION = 0x112


def examples(names: Sequence[str]) -> str:
    """Return the first names of a list, for a message.

    Examples
    --------
    >>> examples(["a.png", "b.png", "c.png", "d.png"])
    'first: a.png, b.png, c.png'
    """
    return f"first: {', '.join(names[:_SHOWN])}"


@contextmanager
def _decodable(name: Path | str) -> Iterator[None]:
    from PIL import UnidentifiedImageError
    from PIL.Image import DecompressionBombError

    try:
        yield
    except UnidentifiedImageError as error:
        raise HypError(
            f"the file {name} is no image that can be read (formats: {', '.join(FORMATS)}; of "
            "at most 16 bits)."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, DecompressionBombError) as error:
        raise HypError(
            f"the image {name} cannot be decoded ({str(error).rstrip('.')}); replace or remove it."
        ) from error


def decode(path: Path, size: int, *, fit: Fit = "crop", upright: bool = False) -> NDArray[np.uint8]:
    """Decode an image file to square RGB pixels, shape (size, size, 3).

    Parameters
    ----------
    path : Path
    size : int
        Pixels a side.
    fit : {"crop", "squeeze"}
        ``crop`` resizes the shorter side to `size` and takes the centre, as torchvision's
        evaluation transforms do; ``squeeze`` resizes both sides. Bilinear, antialiased.
    upright : bool
        Whether to turn the image as its EXIF orientation says.

    Raises
    ------
    HypError
        If it cannot be decoded.
    """
    from PIL import Image, ImageOps

    with _decodable(path), Image.open(path, formats=FORMATS) as file:
        picture = _rgb(ImageOps.exif_transpose(file) if upright else file)
        if picture.size != (size, size):
            picture = (
                fitted(picture, size)
                if fit == "crop"
                else picture.resize((size, size), Image.Resampling.BILINEAR)
            )
        return np.asarray(picture)


def _rgb(picture: Image) -> Image:
    """Return a picture in RGB; Pillow would clip grey values of 16 bits."""
    from PIL import Image

    if picture.mode.startswith(_DEEP_GREY):
        deep = np.asarray(picture)
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits; save it with 8 or 16")
    if "transparency" in picture.info:  # the same colours, of which Pillow does not warn
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def problem_of(folder: Path, name: str) -> Problem | None:
    """Say what keeps an image from being used, having decoded all of it; None if nothing does.

    Parameters
    ----------
    folder : Path
    name : str
        The file's path in the folder.
    """
    try:
        with (folder / name).open("rb") as stream:
            if absent := nothing_in(stream.read(64)):
                return Problem(name, f"the file {name} is {absent}.")
        decode(folder / name, 1)
    except OSError as error:
        return Problem(name, f"the file {name} cannot be opened ({error.strerror}).")
    except HypError as error:
        return Problem(name, str(error).replace(str(folder / name), name))
    return None


def read_each(folder: Path, names: Sequence[str], read: Callable[[int, str], None]) -> None:
    """Read images one by one.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        Their paths in the folder.
    read : callable
        Gets the place among `names` and the name; raises HypError of what cannot be read.

    Raises
    ------
    HypError
        With a list of all that cannot be read.
    """
    problems: list[Problem] = []
    for place, name in enumerate(names):
        try:
            read(place, name)
        except HypError as error:
            problems.append(problem_of(folder, name) or Problem(name, str(error)))
    if len(problems) == 1:
        raise HypError(problems[0].sentence)
    settle(problems, len(names), 0.0, folder)


def turned_by_exif(path: Path) -> bool:
    """Tell whether an image's EXIF orientation says that it is to be turned."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as picture:
            return bool(picture.getexif().get(_ORIENTATION, 1) != 1)
    except (OSError, SyntaxError, ValueError):
        return False


def jpeg_bytes(path: Path) -> bytes:
    """Return the bytes of a JPEG file as they are, having checked that it is whole.

    A file that does not end as JPEG files do is decoded to see whether it is. One that is
    of another format whatever its name (ImageNet has one, a PNG) becomes a JPEG file of
    the highest quality.

    Raises
    ------
    HypError
        If it is no image, or truncated.
    """
    from PIL import Image

    with _decodable(path):
        content = path.read_bytes()
        with Image.open(io.BytesIO(content), formats=FORMATS) as file:
            if file.format != "JPEG":
                stream = io.BytesIO()
                _rgb(file).save(stream, "JPEG", quality=100, subsampling=0)
                return stream.getvalue()
            if _END_OF_IMAGE not in content[-_TRAILER:]:
                file.load()
    return content
