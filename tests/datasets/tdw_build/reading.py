"""What a drawn image says: the pose of the object and the names of its surroundings."""

import io
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from tdw_build import catalogue
from tdw_build.catalogue import Colour
from tdw_build.drawing import ARM, DISC, MARKERS

ARMS = np.array([arm for arm, _ in MARKERS])
COLOURS = np.array([colour for _, colour in MARKERS], dtype=float)


@dataclass(frozen=True)
class Pose:
    """The pose of an object in the camera's frame: x right, y up, z forward.

    ``rotation`` is a quaternion (x, y, z, w) with w >= 0, ``error`` the median distance in
    pixels between the markers and where the pose would put them.
    """

    position: NDArray[np.float64]
    rotation: NDArray[np.float64]
    markers: int
    error: float


@dataclass(frozen=True)
class _Lens:
    """Size of the image, focal length and radius of a marker at depth 1, in pixels."""

    width: int
    height: int
    focal: float
    disc: float

    def discs(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Place and radius of the discs of points in the camera's frame, shape (n, 3)."""
        depth = np.maximum(points[:, 2], 0.1)
        x = self.width / 2 + self.focal * points[:, 0] / depth
        y = self.height / 2 - self.focal * points[:, 1] / depth
        return np.column_stack([x, y, self.disc / depth])

    def visible(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Centroid and radius of what is seen of each disc past nearer ones and in the frame."""
        discs = self.discs(points)
        seen = discs.copy()
        for k, (x, y, radius) in enumerate(discs):
            gaps = np.hypot(discs[:, 0] - x, discs[:, 1] - y) - discs[:, 2] - radius
            covers = np.flatnonzero((gaps < 1) & (points[:, 2] < points[k, 2]))
            margin = radius + 1
            whole = margin < x < self.width - margin and margin < y < self.height - margin
            if whole and not len(covers):
                continue
            columns = np.arange(max(0, int(x - margin)), min(self.width, int(x + margin) + 1)) + 0.5
            rows = np.arange(max(0, int(y - margin)), min(self.height, int(y + margin) + 1)) + 0.5
            part = np.ones((len(rows), len(columns)))
            for j in (k, *covers):
                far = np.hypot(columns - discs[j, 0], rows[:, None] - discs[j, 1])
                cover = np.clip(discs[j, 2] + 0.5 - far, 0, 1)
                part *= cover if j == k else 1 - cover
            area = part.sum()
            if area > 0.5:
                seen[k] = (
                    (part * columns).sum() / area,
                    (part * rows[:, None]).sum() / area,
                    math.sqrt(area / math.pi),
                )
        return seen


def pixels_of(image: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG."""
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def _markers(pixels: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the numbers of the markers in sight, and the centroid and radius of each."""
    numbers, found = [], []
    saturated = np.argwhere((pixels.max(axis=-1) > 140) & _is_pure(pixels))
    values = pixels[saturated[:, 0], saturated[:, 1]]
    for number, colour in enumerate(COLOURS):
        weights = np.clip((112 - np.abs(values - colour).max(axis=-1)) / 80, 0, 1)
        area = weights.sum()
        if area > 4:
            row, column = weights @ (saturated + 0.5) / area
            numbers.append(number)
            found.append((column, row, math.sqrt(area / math.pi)))
    return np.array(numbers, dtype=int), np.array(found).reshape(-1, 3)


def _is_pure(pixels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Each channel near 0 or near 255, as in the markers alone."""
    return (np.abs(pixels - 127.5) > 15).all(axis=-1)


def recover_pose(image: bytes, *, extent: float = 1.0, field_of_view: float = 60.0) -> Pose | None:
    """Recover the pose of the one object in an image from its markers.

    Parameters
    ----------
    image
        The bytes of a JPEG or PNG that `drawing.picture` drew.
    extent
        The extent of the object in metres, `catalogue.Model.extent`: 1 after TDW's unit scaling.
    field_of_view
        The vertical field of view in degrees.

    Returns
    -------
    Pose or None
        None where fewer than three markers are in sight.
    """
    pixels = pixels_of(image).astype(float)
    height, width, _ = pixels.shape
    focal = height / 2 / math.tan(math.radians(field_of_view) / 2)
    lens = _Lens(width, height, focal, focal * DISC * extent)
    numbers, found = _markers(pixels)
    if len(numbers) < 3:
        return None
    arms = ARM * extent * ARMS
    whole = found[:, 2] >= min(0.7 * found[:, 2].max(), np.sort(found[:, 2])[-3])

    def centres(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Miss as if every disc were seen whole, with the covered ones counting little."""
        misses = lens.discs(_placed(values, arms))[numbers] - found
        return (misses * np.where(whole, 1.0, 0.1)[:, None]).ravel()

    def parts(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Miss by what is seen of each disc."""
        misses = lens.visible(_placed(values, arms))[numbers] - found
        return (misses * (1.0, 1.0, 0.25)).ravel()

    starts = sorted(
        _starts(lens, numbers[whole], found[whole], arms),
        key=lambda values: float((centres(values) ** 2).sum()),
    )
    rough = [least_squares(centres, start, x_scale=0.1, max_nfev=60) for start in starts[:3]]
    fits = []
    for guess in sorted(rough, key=lambda fit: fit.cost):
        fits.append(
            least_squares(
                parts, guess.x, loss="soft_l1", diff_step=1e-4, x_scale=0.1, ftol=1e-4, max_nfev=30
            )
        )
        if _median_miss(fits[-1].fun) < 0.3:
            break
    fit = min(fits, key=lambda fit: fit.cost)
    rotation = Rotation.from_rotvec(fit.x[3:]).as_quat(canonical=True)
    return Pose(fit.x[:3], rotation, len(numbers), _median_miss(fit.fun))


def _median_miss(misses: NDArray[np.float64]) -> float:
    return float(np.median(np.hypot(*misses.reshape(-1, 3)[:, :2].T)))


def _placed(values: NDArray[np.float64], arms: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:3] + Rotation.from_rotvec(values[3:]).apply(arms)


def _starts(
    lens: _Lens,
    numbers: NDArray[np.int64],
    found: NDArray[np.float64],
    arms: NDArray[np.float64],
) -> Iterator[NDArray[np.float64]]:
    """Guess poses: first from the sizes of the discs, which tell their depths, then any."""
    depths = lens.disc / found[:, 2]
    x = (found[:, 0] - lens.width / 2) / lens.focal
    y = (lens.height / 2 - found[:, 1]) / lens.focal
    points = np.column_stack([x * depths, y * depths, depths])
    known, middle = arms[numbers], points.mean(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three discs in a row leave a turn about the row free
        rotation, _ = Rotation.align_vectors(points - middle, known - known.mean(axis=0))
    for turn in (Rotation.identity(), *Rotation.create_group("O")):
        guess = rotation * turn
        yield np.concatenate([middle - guess.apply(known).mean(axis=0), guess.as_rotvec()])


def read_surroundings(image: bytes) -> tuple[str | None, str | None]:
    """Tell the names of the scene and of the skybox whose colours fill an image.

    None for the one of which fewer than 200 pixels are in sight.
    """
    pixels = pixels_of(image).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    common, counts = colours[counts >= 20].astype(float), counts[counts >= 20]
    return (
        _nearest(common, counts, catalogue.scene_names(), catalogue.ground_colour),
        _nearest(common, counts, catalogue.skybox_names(), catalogue.sky_colour),
    )


def _nearest(
    common: NDArray[np.float64],
    counts: NDArray[np.int64],
    names: tuple[str, ...],
    colour_of: Callable[[str], Colour],
) -> str | None:
    known = np.array([colour_of(name) for name in names])
    close = np.abs(common[:, None] - known).max(axis=-1) <= 2
    votes = counts @ close if len(common) else np.zeros(len(names))
    return names[int(np.argmax(votes))] if votes.max() >= 200 else None
