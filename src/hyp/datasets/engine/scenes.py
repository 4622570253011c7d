"""Where objects are shown: five rooms and five landscapes, and the skies that light them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine.materials import Colour, Material

Floats = NDArray[np.float64]

MAX_BOXES = 12
SKYLINE = 256
_AWAY = 1e6


@dataclass(frozen=True)
class Box:
    """A piece of scenery: an axis-aligned box that stands on `at` (its base's centre)."""

    at: tuple[float, float, float]
    size: tuple[float, float, float]
    material: Material

    @property
    def bounds(self) -> Floats:
        """Lower and upper corner, shape (2, 3)."""
        x, y, z = self.at
        w, h, d = self.size
        return np.array([[x - w / 2, y, z - d / 2], [x + w / 2, y + h, z + d / 2]])


@dataclass(frozen=True)
class Scene:
    """A room or a landscape, its floor at height 0.

    Attributes
    ----------
    indoor : bool
        A room closed by walls and a ceiling at `half` and `height`; outdoors the
        ground is endless and the two only bound where camera and object may be.
    half : tuple of float
        Half the extent along x and z, metres.
    height : float
        Metres.
    floor, wall, ceiling : Material
        Outdoors only the floor is seen, and `wall` colours the skyline.
    boxes : tuple of Box
        At most `MAX_BOXES`.
    skyline : {"none", "hills", "peaks", "city", "trees"}
        What stands at the horizon.
    panorama : bool
        A user's picture is all around, and there is nothing else.
    """

    name: str
    indoor: bool
    half: tuple[float, float]
    height: float
    floor: Material
    wall: Material
    ceiling: Material
    boxes: tuple[Box, ...] = ()
    skyline: str = "none"
    panorama: bool = False

    @property
    def bounds(self) -> Floats:
        """Lower and upper corner of the space for camera and object, shape (2, 3)."""
        x, z = self.half
        return np.array([[-x, 0.0, -z], [x, self.height, z]])

    def box_bounds(self) -> Floats:
        """Boxes' corners, shape (MAX_BOXES, 2, 3), filled up with boxes far away."""
        bounds = np.full((MAX_BOXES, 2, 3), _AWAY)
        for slot, item in enumerate(self.boxes):
            bounds[slot] = item.bounds
        return bounds


@dataclass(frozen=True)
class Sky:
    """Light of an hour: sky colours (sRGB), key light, and how bright the shadows are."""

    name: str
    zenith: Colour
    horizon: Colour
    sun: Colour
    key: float
    ambient: float
    clouds: float


def _plain(
    red: float,
    green: float,
    blue: float,
    texture: str = "plain",
    repeats: float = 1.0,
    contrast: float = 0.85,
) -> Material:
    """Return a material whose dark colour is the light one dimmed by `contrast`."""
    dark = (red * contrast, green * contrast, blue * contrast)
    return Material(dark, (red, green, blue), texture, repeats)


_WHITE = _plain(0.88, 0.87, 0.84)
_CREAM = _plain(0.86, 0.8, 0.68)
_OAK = _plain(0.72, 0.53, 0.33, "planks", 0.5, 0.5)
_WALNUT = _plain(0.45, 0.3, 0.2, "planks", 0.6, 0.55)
_STEEL = _plain(0.55, 0.58, 0.62, contrast=0.8)
_GLASS = Material((0.62, 0.78, 0.92), (0.8, 0.9, 0.98), "clouds", 0.4)
_STONE = _plain(0.6, 0.58, 0.55, "concrete", 0.5, 0.7)
_LEAVES = _plain(0.32, 0.5, 0.24, "grass", 0.8, 0.55)
_SEA = Material((0.1, 0.38, 0.52), (0.2, 0.52, 0.65), "ripples", 0.12)
_BRICK = Material((0.7, 0.67, 0.62), (0.62, 0.33, 0.25), "bricks", 0.5)


SCENES: tuple[Scene, ...] = (
    Scene(
        "beach",
        False,
        (7.0, 7.0),
        6.0,
        Material((0.76, 0.66, 0.47), (0.9, 0.82, 0.64), "ripples", 0.25),
        _WHITE,
        _WHITE,
        (
            Box((-4.6, 0, 3.4), (1.6, 0.5, 1.2), _STONE),
            Box((-3.6, 0, 4.6), (0.9, 0.9, 0.9), _STONE),
            Box((4.8, 0, -4.2), (2.6, 0.25, 0.5), _WALNUT),
            Box((0, 0, 512), (2000, 0.02, 1000), _SEA),
        ),
    ),
    Scene(
        "courtyard",
        False,
        (6.5, 6.5),
        6.0,
        Material((0.5, 0.46, 0.42), (0.72, 0.68, 0.62), "bricks", 0.35),
        _plain(0.45, 0.42, 0.45),
        _WHITE,
        (
            Box((0, 0, 8.2), (18, 2.6, 0.6), _BRICK),
            Box((-8.6, 0, 0), (0.6, 2.6, 17), _CREAM),
            Box((4.6, 0, 5.2), (1.2, 0.6, 1.2), _STONE),
            Box((4.6, 0.6, 5.2), (0.9, 0.9, 0.9), _LEAVES),
            Box((-5.2, 0, -4.6), (1.2, 0.6, 1.2), _STONE),
            Box((-5.2, 0.6, -4.6), (0.9, 0.9, 0.9), _LEAVES),
        ),
        "city",
    ),
    Scene(
        "desert",
        False,
        (8.0, 8.0),
        7.0,
        Material((0.72, 0.5, 0.32), (0.86, 0.66, 0.44), "ripples", 0.12),
        _plain(0.62, 0.38, 0.28),
        _WHITE,
        (
            Box((5.0, 0, 4.0), (1.6, 1.8, 1.4), _plain(0.7, 0.45, 0.32, "concrete", 0.4, 0.7)),
            Box((6.0, 0, 5.2), (1.4, 0.9, 1.8), _plain(0.72, 0.48, 0.34, "concrete", 0.4, 0.7)),
            Box((-5.5, 0, -3.5), (1.2, 0.8, 1.0), _plain(0.7, 0.45, 0.32, "concrete", 0.4, 0.7)),
        ),
        "peaks",
    ),
    Scene(
        "gallery",
        True,
        (6.0, 6.0),
        5.0,
        _OAK,
        _WHITE,
        _plain(0.93, 0.93, 0.92),
        (
            Box((-2.6, 1.1, 5.97), (1.8, 1.3, 0.06), _plain(0.2, 0.35, 0.6, "clouds", 0.5, 0.4)),
            Box(
                (2.4, 1.0, 5.97),
                (1.3, 1.7, 0.06),
                Material((0.9, 0.75, 0.3), (0.75, 0.25, 0.2), "zigzag", 0.4),
            ),
            Box((5.97, 1.1, -1.5), (0.06, 1.4, 2.2), _plain(0.35, 0.55, 0.4, "clouds", 0.4, 0.5)),
            Box(
                (-5.97, 1.2, 1.8),
                (0.06, 1.2, 1.2),
                Material((0.2, 0.2, 0.24), (0.9, 0.9, 0.9), "hexagons", 0.5),
            ),
            Box((0, 0, -4.2), (2.2, 0.45, 0.7), _WALNUT),
            Box(
                (1.0, 1.0, -5.97),
                (2.0, 1.4, 0.06),
                Material((0.8, 0.5, 0.2), (0.25, 0.2, 0.4), "clouds", 0.3),
            ),
        ),
    ),
    Scene(
        "kitchen",
        True,
        (5.5, 5.0),
        4.6,
        Material((0.34, 0.36, 0.4), (0.86, 0.85, 0.82), "checks", 0.3),
        _plain(0.62, 0.74, 0.7, "tiles", 0.9, 0.75),
        _plain(0.92, 0.91, 0.88),
        (
            Box((0, 0, 4.6), (8.0, 0.95, 0.8), _CREAM),
            Box((0, 0.95, 4.6), (8.1, 0.06, 0.84), _STONE),
            Box((-3.0, 2.0, 4.75), (3.2, 0.9, 0.5), _CREAM),
            Box((4.9, 0, 0.8), (0.9, 2.2, 1.0), _STEEL),
            Box((0.6, 1.7, 4.98), (1.7, 1.3, 0.06), _GLASS),
            Box((-5.46, 0, -1.6), (0.08, 2.3, 1.1), _OAK),
        ),
    ),
    Scene(
        "living-room",
        True,
        (5.5, 5.5),
        4.6,
        _plain(0.56, 0.5, 0.46, "weave", 1.0, 0.75),
        _plain(0.8, 0.7, 0.52, "stripes", 0.5, 0.93),
        _plain(0.92, 0.9, 0.86),
        (
            Box((0, 0, 5.1), (2.6, 0.8, 0.7), _WALNUT),
            Box((0, 1.5, 5.47), (2.2, 1.3, 0.06), _plain(0.35, 0.5, 0.6, "clouds", 0.4, 0.5)),
            Box((-5.47, 0.9, 0), (0.06, 1.7, 2.4), _GLASS),
            Box((-4.9, 0, -4.4), (0.9, 1.9, 1.2), _OAK),
            Box(
                (0, 0.0, 0),
                (3.6, 0.02, 2.6),
                Material((0.45, 0.16, 0.18), (0.7, 0.5, 0.4), "plaid", 0.4),
            ),
            Box((5.46, 0, 2.5), (0.08, 2.2, 1.0), _WHITE),
        ),
    ),
    Scene(
        "loft",
        True,
        (7.0, 6.0),
        5.6,
        _plain(0.58, 0.57, 0.55, "concrete", 0.25, 0.7),
        _BRICK,
        _plain(0.7, 0.69, 0.68, "concrete", 0.3, 0.85),
        (
            Box((-3.6, 1.2, 5.97), (2.0, 2.6, 0.06), _GLASS),
            Box((0.0, 1.2, 5.97), (2.0, 2.6, 0.06), _GLASS),
            Box((3.6, 1.2, 5.97), (2.0, 2.6, 0.06), _GLASS),
            Box((5.6, 0, -4.4), (0.5, 5.6, 0.5), _STEEL),
            Box((-5.6, 0, -4.4), (0.5, 5.6, 0.5), _STEEL),
            Box((-6.2, 0, 2.0), (0.9, 1.1, 2.0), _WALNUT),
        ),
    ),
    Scene(
        "meadow",
        False,
        (8.0, 8.0),
        7.0,
        Material((0.26, 0.4, 0.16), (0.48, 0.62, 0.28), "grass", 0.25),
        _plain(0.3, 0.44, 0.32),
        _WHITE,
        (
            Box((-5.6, 0, 5.0), (1.6, 1.4, 1.4), _LEAVES),
            Box((5.4, 0, 4.4), (1.2, 1.0, 1.6), _LEAVES),
            Box((4.8, 0, -5.0), (2.8, 0.5, 0.4), _OAK),
            Box((-5.0, 0, -4.2), (0.8, 0.6, 0.9), _STONE),
        ),
        "hills",
    ),
    Scene(
        "snowfield",
        False,
        (8.0, 8.0),
        7.0,
        Material((0.74, 0.79, 0.88), (0.93, 0.95, 0.98), "clouds", 0.12),
        _plain(0.2, 0.3, 0.28),
        _WHITE,
        (
            Box((5.2, 0, 3.8), (2.2, 1.2, 1.8), _WALNUT),
            Box((5.2, 1.2, 3.8), (2.5, 0.25, 2.1), Material((0.85, 0.88, 0.94), (0.96, 0.97, 1.0))),
            Box((-4.6, 0, -4.6), (1.0, 0.7, 1.2), _STONE),
        ),
        "trees",
    ),
    Scene(
        "warehouse",
        True,
        (7.0, 7.0),
        6.0,
        _plain(0.5, 0.52, 0.5, "tiles", 0.3, 0.75),
        _plain(0.56, 0.62, 0.68, "stripes", 0.8, 0.88),
        _plain(0.62, 0.63, 0.65, "stripes", 0.3, 0.8),
        (
            Box((5.6, 0, 5.4), (1.6, 1.5, 1.6), _plain(0.72, 0.56, 0.36, "planks", 0.7, 0.6)),
            Box((3.9, 0, 5.7), (1.2, 1.1, 1.2), _plain(0.7, 0.52, 0.32, "planks", 0.8, 0.6)),
            Box((-6.0, 0, 4.0), (1.2, 2.4, 4.0), _plain(0.3, 0.42, 0.62, contrast=0.75)),
            Box((-5.8, 0, -5.6), (1.5, 1.2, 1.5), _plain(0.7, 0.55, 0.35, "planks", 0.7, 0.6)),
            Box((0, 0, -6.96), (3.4, 3.2, 0.08), _plain(0.72, 0.64, 0.3, "stripes", 1.0, 0.7)),
        ),
    ),
)

SKIES: tuple[Sky, ...] = (
    Sky("clear", (0.22, 0.45, 0.8), (0.68, 0.82, 0.94), (1.0, 0.96, 0.88), 1.0, 0.46, 0.25),
    Sky("cloudy", (0.45, 0.58, 0.75), (0.8, 0.85, 0.9), (1.0, 0.97, 0.93), 0.75, 0.58, 0.9),
    Sky("dawn", (0.42, 0.45, 0.68), (0.95, 0.78, 0.7), (1.0, 0.84, 0.72), 0.8, 0.48, 0.5),
    Sky("evening", (0.3, 0.33, 0.55), (0.96, 0.66, 0.42), (1.0, 0.74, 0.5), 0.85, 0.44, 0.45),
    Sky("hazy", (0.62, 0.7, 0.78), (0.86, 0.86, 0.84), (1.0, 0.95, 0.85), 0.6, 0.62, 0.3),
    Sky("overcast", (0.55, 0.6, 0.66), (0.76, 0.79, 0.82), (0.95, 0.97, 1.0), 0.4, 0.72, 0.7),
)

SCENE_NAMES: tuple[str, ...] = tuple(scene.name for scene in SCENES)
SKY_NAMES: tuple[str, ...] = tuple(sky.name for sky in SKIES)


def skyline_heights(kind: str) -> Floats:
    """Return the horizon's height by compass direction, as tangents, shape (SKYLINE,)."""
    turn = np.arange(SKYLINE) * (2 * np.pi / SKYLINE)
    rng = np.random.default_rng(17)
    heights: Floats = np.full(SKYLINE, -1.0)
    if kind == "hills":
        heights = 0.05 + 0.025 * np.sin(3 * turn) + 0.02 * np.sin(7 * turn + 1)
    elif kind == "peaks":
        mesas = np.repeat(rng.choice([0.0, 0.03, 0.1, 0.13], 16), SKYLINE // 16)
        heights = 0.02 + np.convolve(np.concatenate([mesas[-3:], mesas]), np.ones(4) / 4, "valid")
    elif kind == "city":
        heights = np.repeat(rng.uniform(0.04, 0.3, 32), SKYLINE // 32)
    elif kind == "trees":
        heights = 0.06 + 0.05 * np.abs(np.sin(turn * 24)) * rng.uniform(0.5, 1.0, SKYLINE)
    return heights
