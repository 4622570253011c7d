"""The user's pictures: textures of meshes, and panoramas as surroundings.

A picture is kept at a size that is a power of two each way, as sRGB bytes with all its
mip levels. Levels are averaged in linear light (gamma 2, as everywhere in this engine).
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from hyp.errors import HypError

Pixels = NDArray[np.uint8]

SUFFIXES = (".jpg", ".jpeg", ".png", ".hdr")
"""Files that a panorama may be."""

_MOST_PIXELS = 16384 * 8192
_LEAST_WIDTH = 64
_KEY = 0.18
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def read_panorama(content: bytes, name: str) -> Pixels:
    """Decode an equirectangular picture: JPEG, PNG or Radiance HDR.

    High dynamic range is brought into 0..1 so that the mean luminance is 0.18, by
    ``x / (1 + x)`` (the global operator of Reinhard et al., 2002).

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        What messages call it.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    HypError
        If it cannot be read, is no 8-bit picture, or is not twice as wide as high.
    """
    try:
        pixels = _radiance(content) if content[:2] == b"#?" else _decoded(content)
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        IndexError,
        Image.DecompressionBombError,
    ) as error:
        raise HypError(f"the panorama {name} cannot be read ({why(error)}); replace it.") from error
    height, width = pixels.shape[:2]
    if width < _LEAST_WIDTH or abs(width - 2 * height) > 0.01 * width:
        raise HypError(
            f"the panorama {name} has {width} x {height} pixels; an equirectangular picture is "
            f"twice as wide as high, and at least {_LEAST_WIDTH} pixels wide."
        )
    return pixels


def why(error: Exception) -> str:
    """Return why a picture could not be decoded."""
    unknown = isinstance(error, UnidentifiedImageError)
    return "it is no picture that can be decoded" if unknown else str(error)


def decoded_image(image: Any) -> Pixels:
    """Return a Pillow image as RGB bytes, without its transparency.

    Raises
    ------
    ValueError
        If it has more than 8 bits a channel, or too many pixels.
    """
    if image.mode not in _MODES:
        raise ValueError(f"its pixels are {image.mode}, not 8 bits a channel")
    if image.width * image.height > _MOST_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are too many")
    return np.asarray(image.convert("RGB"))


def fitted(pixels: Pixels, widest: int, *, keep_edges: bool = False) -> Pixels:
    """Return a picture reduced to powers of two, neither side above `widest`.

    Where `keep_edges`, one that is smaller than `widest` grows instead, so that no two of its
    pixels are mixed.
    """
    height, width = pixels.shape[:2]
    if keep_edges and max(height, width) <= widest:
        sides = [min(1 << (side - 1).bit_length(), widest) for side in (width, height)]
        grown = Image.fromarray(pixels).resize((sides[0], sides[1]), Image.Resampling.NEAREST)
        return np.asarray(grown)
    sides = [min(1 << (side.bit_length() - 1), widest) for side in (width, height)]
    if [width, height] == sides:
        return pixels
    reduced = Image.fromarray(pixels).resize((sides[0], sides[1]), Image.Resampling.BOX)
    return np.asarray(reduced)


def mip_levels(pixels: Pixels) -> NDArray[np.uint32]:
    """Return a picture's levels one after the other, down to one pixel, packed as 0xBBGGRR.

    Each level halves the sides of the one before, as far as they are above 1.
    """
    levels = []
    linear = np.square(pixels.astype(np.float32) / 255.0)
    while True:
        shown = np.floor(255.0 * np.sqrt(linear) + 0.5).astype(np.uint32)
        levels.append((shown[..., 0] | shown[..., 1] << 8 | shown[..., 2] << 16).reshape(-1))
        height, width = linear.shape[:2]
        if height == width == 1:
            return np.concatenate(levels)
        rows, columns = (2 if height > 1 else 1), (2 if width > 1 else 1)
        blocks = linear.reshape(height // rows, rows, width // columns, columns, 3)
        linear = blocks.mean((1, 3), dtype=np.float32)


def ambient(pixels: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the linear light on surfaces that face up and down in a panorama, shape (3,) each.

    The mean of a hemisphere's colour, weighted by the cosine to its pole.
    """
    linear = np.square(pixels.astype(np.float64) / 255.0).mean(1)
    polar = (np.arange(len(linear)) + 0.5) * (np.pi / len(linear))
    weight = np.sin(polar) * np.cos(polar)
    sky, ground = np.maximum(weight, 0.0), np.maximum(-weight, 0.0)
    return (sky @ linear) / sky.sum(), (ground @ linear) / ground.sum()


def _decoded(content: bytes) -> Pixels:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return decoded_image(Image.open(BytesIO(content)))


def _radiance(content: bytes) -> Pixels:
    """Decode Radiance RGBE (the picture format of G. Ward's Radiance, run-length encoded)."""
    head, _, rest = content.partition(b"\n\n")
    if b"FORMAT=32-bit_rle_rgbe" not in head:
        raise ValueError("its format is not 32-bit_rle_rgbe")
    line, _, data = rest.partition(b"\n")
    words = line.split()
    if len(words) != 4 or words[0] != b"-Y" or words[2] != b"+X":
        raise ValueError("its rows do not run from the top left")
    height, width = int(words[1]), int(words[3])
    if not 0 < height * width <= _MOST_PIXELS:
        raise ValueError(f"{width} x {height} pixels are too many")
    rgbe = _rgbe_rows(np.frombuffer(data, dtype=np.uint8), height, width)
    light = rgbe[..., :3].astype(np.float32) * np.exp2(rgbe[..., 3:].astype(np.float32) - 136.0)
    luminance = float((light @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)).mean())
    light *= _KEY / max(luminance, 1e-9)
    shown: Pixels = np.floor(255.0 * np.sqrt(light / (1.0 + light)) + 0.5).astype(np.uint8)
    return shown


def _rgbe_rows(data: Pixels, height: int, width: int) -> Pixels:
    if len(data) == 4 * height * width:
        return data.reshape(height, width, 4)
    if not 8 <= width < 32768:
        raise ValueError("its rows are not run-length encoded")
    rows = np.empty((height, 4, width), dtype=np.uint8)
    at = 0
    for row in rows:
        if bytes(data[at : at + 2]) != b"\2\2":
            raise ValueError("a row is damaged")
        at += 4
        for channel in row:
            done = 0
            while done < width:
                count = int(data[at])
                if count > 128:
                    step = count - 128
                    channel[done : done + step] = data[at + 1]
                    at += 2
                else:
                    step = count
                    channel[done : done + step] = data[at + 1 : at + 1 + step]
                    at += 1 + step
                done += step
                if not step or done > width:
                    raise ValueError("a row is damaged")
    return rows.transpose(0, 2, 1)
