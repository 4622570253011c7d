"""Pictures of datasets: random images, alone or in pairs, with their latents and poses."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.spatial.transform import Rotation

from hyp.datasets.dataset import Dataset
from hyp.datasets.latents import Latent
from hyp.errors import HypError, reason_of
from hyp.store.artifacts import write_atomically

TILE = 256
GAP = 8
PAIR_GAP = 2
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
        row = dataset.table.iloc[index]
        sheet.paste(_tile([(image, row)], caption, height), corner)
    return sheet


def pair_sheet(
    a: Dataset, b: Dataset, *, n: int = 6, seed: int = 0, columns: int = 2
) -> Image.Image:
    """Draw random images of two datasets that have the same index, side by side.

    Below each pair stands what differs, as left | right. Images of another size are
    enlarged or reduced to the same.

    Parameters
    ----------
    a, b : Dataset
        Drawn left and right.
    n : int
        Number of pairs, at most all of them.
    seed : int
        Draws them.
    columns : int
        Pairs in a row.

    Raises
    ------
    HypError
        If `n` or `columns` is below 1.
    """
    if n < 1 or columns < 1:
        raise HypError("a picture of pairs needs at least 1 pair and 1 column.")
    n_stored = min(a.spec.n_stored, b.spec.n_stored)
    n = min(n, n_stored)
    columns = min(columns, n)
    indices = np.sort(np.random.default_rng(seed).choice(n_stored, n, replace=False))
    pairs = list(zip(a.images(indices), b.images(indices), strict=True))
    rows = list(zip(*([d.table.iloc[i] for i in indices] for d in (a, b)), strict=True))
    captions = [
        _difference_caption((a.latents, b.latents), pair, row, int(i))
        for i, pair, row in zip(indices, pairs, rows, strict=True)
    ]
    height = TILE + LINE_HEIGHT * max(len(lines) for lines in captions) + GAP
    width = 2 * TILE + PAIR_GAP
    top = GAP + 2 * LINE_HEIGHT
    size = (columns * (width + GAP) + GAP, top + -(-n // columns) * (height + GAP) + GAP)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(CAPTION_SIZE)
    for line, (side, dataset) in enumerate((("left", a), ("right", b))):
        text = _shortened(
            f"{side}: {dataset.folder.name}, design {dataset.spec.design}", size[0] - 2 * GAP
        )
        draw.text((GAP, GAP + line * LINE_HEIGHT), text, fill="black", font=font)
    for position, (pair, row, caption) in enumerate(zip(pairs, rows, captions, strict=True)):
        corner = (
            GAP + position % columns * (width + GAP),
            top + GAP + position // columns * (height + GAP),
        )
        sheet.paste(_tile(list(zip(pair, row, strict=True)), caption, height), corner)
    return sheet


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a contact sheet as an image file; the suffix tells the format.

    Raises
    ------
    HypError
        If the file cannot be written or its suffix names no image format.
    """
    content = io.BytesIO()
    try:
        sheet.save(content, Image.registered_extensions()[path.suffix.lower()])
        write_atomically(path, content.getvalue())
    except (OSError, ValueError, KeyError) as error:
        reason = "it is no image format" if isinstance(error, KeyError) else reason_of(error)
        raise HypError(
            f"cannot write {path}: {reason}; name a .png file in a folder you may write to."
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


def _tile(
    pictures: Sequence[tuple[NDArray[np.uint8], pd.Series]], caption: list[str], height: int
) -> Image.Image:
    """Draw images with their poses in a row, and a caption below."""
    width = len(pictures) * (TILE + PAIR_GAP) - PAIR_GAP
    tile = Image.new("RGB", (width, height), (245, 245, 245))
    for place, (image, row) in enumerate(pictures):
        picture = Image.fromarray(image).resize((TILE, TILE), Image.Resampling.BICUBIC)
        if all(name in row for name in _POSE):
            _draw_pose(picture, np.array([float(row[name]) for name in _POSE]))
        tile.paste(picture, (place * (TILE + PAIR_GAP), 0))
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
    names = [_value(latent, row) for latent in latents if latent.kind == "categorical"]
    numbers = [
        f"{_short(latent)} {_value(latent, row)}"
        for latent in latents
        if latent.kind != "categorical"
    ]
    return _lines([f"#{index}", *names], " · ") + _lines(numbers, "   ")


def _difference_caption(
    latents: tuple[tuple[Latent, ...], tuple[Latent, ...]],
    images: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    rows: tuple[pd.Series, pd.Series],
    index: int,
) -> list[str]:
    """Write the latents that differ, left | right, as far as two decimals show it."""
    others = {latent.name: latent for latent in latents[1]}
    items = []
    for latent in latents[0]:
        if latent.name in others:
            one, two = _value(latent, rows[0]), _value(others[latent.name], rows[1])
            items += [f"{_short(latent)} {one} | {two}"] if one != two else []
    if not items:
        items = ["same image" if np.array_equal(*images) else "same latents, other pixels"]
    return _lines([f"#{index}", *items], " · ", 2 * TILE + PAIR_GAP)


def _short(latent: Latent) -> str:
    name = latent.name.removeprefix("rel_pos_").removeprefix("rel_rot_")
    return name.replace("euler_", "e")


def _value(latent: Latent, row: pd.Series) -> str:
    value = row[latent.name]
    if latent.kind == "categorical":
        return str(value)
    return f"{value:.0f}°" if latent.kind == "angle" else f"{value:.2f}"


def _lines(items: list[str], separator: str, width: int = TILE) -> list[str]:
    """Set items on lines; one that is wider than a line is shortened."""
    font = ImageFont.load_default(CAPTION_SIZE)
    room = width - 2 * MARGIN
    lines: list[str] = []
    for item in items:
        longer = f"{lines[-1]}{separator}{item}" if lines else item
        if lines and font.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(_shortened(item, room))
    return lines


def _shortened(text: str, room: int) -> str:
    font = ImageFont.load_default(CAPTION_SIZE)
    if font.getlength(text) <= room:
        return text
    kept = len(text)
    while kept and font.getlength(f"{text[:kept]}…") > room:
        kept -= 1
    return f"{text[:kept]}…"
