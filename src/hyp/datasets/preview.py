"""A contact sheet: random images with their latents written and the pose drawn on them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.spatial.transform import Rotation

from hyp.datasets.dataset import Dataset
from hyp.datasets.latents import Latent
from hyp.errors import HypError

TILE = 256
GAP = 8
MARGIN = 4
CAPTION_SIZE = 14
LINE_HEIGHT = 18
VERTICAL_FOV = 60.0
AXIS_LENGTH = 0.4
AXIS_COLOURS = {"x": (255, 70, 70), "y": (80, 220, 80), "z": (90, 150, 255)}
_POSE = ("rel_pos_x", "rel_pos_y", "rel_pos_z", *(f"rel_rot_euler_{i}" for i in range(3)))


def contact_sheet(dataset: Dataset, *, n: int = 12, seed: int = 0, columns: int = 4) -> Image.Image:
    """Draw random images of a dataset with their latents.

    Each image carries the object's own axes (x red, y green, z blue) at its projected
    centre, where the dataset has ThreeDWorld's pose columns.

    Parameters
    ----------
    dataset : Dataset
        Where to look.
    n : int
        Number of images, at most all of them.
    seed : int
        Draws the images.
    columns : int
        Images in a row.

    Raises
    ------
    HypError
        If `n` or `columns` is below 1.
    """
    if n < 1 or columns < 1:
        raise HypError("a preview needs at least 1 image and 1 column.")
    n = min(n, dataset.spec.n_stored)
    columns = min(columns, n)
    rng = np.random.default_rng(seed)
    indices = np.sort(rng.choice(dataset.spec.n_stored, n, replace=False))
    images = dataset.images(indices)
    captions = [_caption(dataset.latents, dataset.table.iloc[i], int(i)) for i in indices]
    height = TILE + LINE_HEIGHT * max(len(lines) for lines in captions) + GAP
    rows = -(-n // columns)
    sheet = Image.new("RGB", (columns * (TILE + GAP) + GAP, rows * (height + GAP) + GAP), "white")
    for position, (index, image, caption) in enumerate(zip(indices, images, captions, strict=True)):
        corner = (
            GAP + position % columns * (TILE + GAP),
            GAP + position // columns * (height + GAP),
        )
        sheet.paste(_tile(image, dataset.table.iloc[index], caption, height), corner)
    return sheet


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a contact sheet as an image file; the suffix tells the format.

    Raises
    ------
    HypError
        If the file cannot be written or its suffix names no image format.
    """
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise HypError(
            f"cannot write {path}: {error}; name a .png file in a folder you may write to."
        ) from error


def project(position: NDArray[np.float64], size: int) -> tuple[float, float]:
    """Return the pixel (column, row) of a camera-frame point in a square image.

    Parameters
    ----------
    position : ndarray, shape (3,)
        x right, y up, z forward (Unity's left-handed frame); z > 0.
    size : int
        Height and width of the image; the vertical field of view is 60 degrees.
    """
    focal = size / 2 / math.tan(math.radians(VERTICAL_FOV / 2))
    x, y, z = position
    return size / 2 + focal * x / z, size / 2 - focal * y / z


def object_axes(euler: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the object's unit axes in the camera frame, one a row, shape (3, 3).

    Unity's convention: R = R_y(e1) R_x(e0) R_z(e2), degrees.
    """
    matrix = Rotation.from_euler("YXZ", euler[[1, 0, 2]], degrees=True).as_matrix()
    return np.asarray(matrix.T, dtype=np.float64)


def _tile(image: NDArray[np.uint8], row: pd.Series, caption: list[str], height: int) -> Image.Image:
    tile = Image.new("RGB", (TILE, height), (245, 245, 245))
    picture = Image.fromarray(image).resize((TILE, TILE), Image.Resampling.BICUBIC)
    if all(name in row for name in _POSE):
        _draw_pose(picture, np.array([float(row[name]) for name in _POSE]))
    tile.paste(picture, (0, 0))
    draw = ImageDraw.Draw(tile)
    font = ImageFont.load_default(CAPTION_SIZE)
    for line, text in enumerate(caption):
        draw.text((MARGIN, TILE + 3 + line * LINE_HEIGHT), text, fill="black", font=font)
    return tile


def _draw_pose(picture: Image.Image, pose: NDArray[np.float64]) -> None:
    centre, axes = pose[:3], object_axes(pose[3:])
    if centre[2] <= AXIS_LENGTH:
        return
    draw = ImageDraw.Draw(picture)
    start = project(centre, TILE)
    ends = [project(centre + AXIS_LENGTH * axis, TILE) for axis in axes]
    farthest_first = np.argsort(-axes[:, 2])
    for i in farthest_first:
        draw.line([start, ends[i]], fill="black", width=5)
        draw.line([start, ends[i]], fill=AXIS_COLOURS["xyz"[i]], width=3)
    x, y = start
    draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill="white", outline="black")


def _caption(latents: tuple[Latent, ...], row: pd.Series, index: int) -> list[str]:
    """Write the latents on lines as wide as a tile, categorical ones first."""
    names = [str(row[latent.name]) for latent in latents if latent.kind == "categorical"]
    numbers = [
        _number(latent, row[latent.name]) for latent in latents if latent.kind != "categorical"
    ]
    return _lines([f"#{index}", *names], " · ") + _lines(numbers, "   ")


def _number(latent: Latent, value: float) -> str:
    name = latent.name.removeprefix("rel_pos_").removeprefix("rel_rot_").replace("euler_", "e")
    return f"{name} {value:.0f}°" if latent.kind == "angle" else f"{name} {value:.2f}"


def _lines(items: list[str], separator: str) -> list[str]:
    font = ImageFont.load_default(CAPTION_SIZE)
    lines: list[str] = []
    for item in items:
        longer = f"{lines[-1]}{separator}{item}" if lines else item
        if lines and font.getlength(longer) <= TILE - 2 * MARGIN:
            lines[-1] = longer
        else:
            lines.append(item)
    return lines
