"""What the build would download: the records of TDW's own libraries, and invented geometry.

The names, addresses, sizes and centres of the models, and the settings of the skyboxes, are those
of the JSON files in the ``tdw`` package. What a scene looks like is known to Unity alone, so the
regions and pillars of the scenes are made up here, the same in every run.
"""

import json
import math
import platform
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import tdw
from numpy.typing import NDArray

from tdw_build.rotations import Vector

Colour = tuple[int, int, int]
REGIONS: dict[str, tuple[tuple[Vector, Vector], ...]] = {  # centre and size of each region
    "box_room_2018": (((0.0, 1.6, 0.0), (10.0, 3.2, 7.6)),),
    "tdw_room": (((-1.2, 1.45, 0.0), (7.4, 2.9, 9.0)), ((6.0, 1.45, 1.0), (5.0, 2.9, 6.0))),
    "building_site": (((0.0, 8.0, 0.0), (42.0, 16.0, 38.0)),),
    "dead_grotto": (((2.0, 5.0, -3.0), (24.0, 10.0, 20.0)),),
    "downtown_alleys": (((20.0, 12.0, -4.0), (90.0, 24.0, 80.0)),),
    "iceland_beach": (((0.0, 10.0, 0.0), (120.0, 20.0, 90.0)),),
    "lava_field": (((5.0, 9.0, 5.0), (100.0, 18.0, 100.0)),),
    "ruin": (((0.0, 4.0, 0.0), (16.0, 8.0, 12.0)), ((15.0, 4.5, 3.0), (10.0, 9.0, 18.0))),
    "savanna_flat_6km": (((0.0, 100.0, 0.0), (6000.0, 200.0, 6000.0)),),
    "suburb_scene_2023": (((0.0, 10.0, 0.0), (150.0, 20.0, 60.0)),),
}
WALLED = ("box_room_2018", "tdw_room")
PILLAR = 0.8  # width of a pillar
SPACING = 6.0  # there is one pillar in each square of this width
REACH = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 2), axis=-1).reshape(-1, 2)


@dataclass(frozen=True)
class Model:
    """A model as it is added with its own scale factor: sizes in metres, pivot at the origin.

    ``extent`` is what TDW's unit scaling takes for the largest size. It is not the largest of
    ``size`` where the library gives the bounds of a turned model (its top is level with its
    bottom), as it does for the corks.
    """

    name: str
    category: str
    size: Vector
    extent: float
    centroid: Vector
    scale_factor: float


@cache
def library(name: str) -> dict[str, dict]:
    """Read the records of a metadata library of the tdw package."""
    path = Path(tdw.__file__).parent / "metadata_libraries" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["records"]


def url_of(library_name: str, name: str) -> str | None:
    """Where the asset bundle for this operating system lies, or None if there is none."""
    record = library(library_name).get(name)
    return None if record is None else record["urls"][platform.system()]


@cache
def model(name: str) -> Model:
    """Look up a model of the core library."""
    record = library("models_core")[name]
    points = {side: np.array([point[k] for k in "xyz"]) for side, point in record["bounds"].items()}
    steps = np.array(
        [
            points["right"] - points["left"],
            points["top"] - points["bottom"],
            points["front"] - points["back"],
        ]
    )
    return Model(
        name,
        record["wcategory"],
        tuple(np.abs(steps).max(axis=0).tolist()),
        float(steps.diagonal().max()),
        tuple(points["center"].tolist()),
        record["scale_factor"],
    )


def regions(scene: str) -> tuple[tuple[Vector, Vector], ...]:
    """Centre and size of each region of a scene, none before a scene is added."""
    return REGIONS.get(scene, (((0.0, 4.0, 0.0), (20.0, 8.0, 20.0)),)) if scene else ()


def pillars(scene: str, around: Vector) -> NDArray[np.float64]:
    """Low and high corner of the pillars in the nine squares around a place, shape (9, 2, 3).

    None, shape (0, 2, 3), before a scene is added.
    """
    if not scene:
        return np.empty((0, 2, 3))
    return _pillars(scene, math.floor(around[0] / SPACING), math.floor(around[2] / SPACING))


@lru_cache(maxsize=10_000)
def _pillars(scene: str, column: int, row: int) -> NDArray[np.float64]:
    cells = REACH + np.array([column, row])
    mixed = (cells[:, 0] * 73856093) ^ (cells[:, 1] * 19349663) ^ zlib.crc32(scene.encode())
    mixed = (mixed * 2654435761) & 0xFFFFFFFF
    x = cells[:, 0] * SPACING + (mixed & 0xFF) / 256 * (SPACING - PILLAR)
    z = cells[:, 1] * SPACING + (mixed >> 8 & 0xFF) / 256 * (SPACING - PILLAR)
    (_, middle, _), (_, height, _) = regions(scene)[0]
    floor = middle - height / 2
    top = floor + np.minimum(2 + (mixed >> 16 & 0xFF) / 256 * 12, height)
    low = np.stack([x, np.full_like(x, floor), z], axis=-1)
    return np.stack([low, np.stack([x + PILLAR, top, z + PILLAR], axis=-1)], axis=1)


@cache
def scene_names() -> tuple[str, ...]:
    return tuple(sorted(library("scenes")))


@cache
def skybox_names() -> tuple[str, ...]:
    return tuple(sorted(library("hdri_skyboxes")))


@cache
def body_colour(model_name: str) -> Colour:
    """One of 64 colours, 22 levels apart like the others and between them."""
    return _digits(zlib.crc32(model_name.encode()), 4, 36)


@cache
def ground_colour(scene: str) -> Colour:
    """A colour that no other scene has; before a scene is added, the darkest."""
    return _digits(scene_names().index(scene) + 1 if scene else 0, 5, 20)


@cache
def pillar_colour(scene: str) -> Colour:
    """A little lighter than the ground."""
    red, green, blue = ground_colour(scene)
    return red + 6, green + 6, blue + 6


@cache
def sky_colour(skybox: str) -> Colour:
    """A colour that no other skybox has; without one, the darkest."""
    return _digits(skybox_names().index(skybox) + 1 if skybox else 0, 5, 31)


def _digits(number: int, base: int, darkest: int) -> Colour:
    """Write a number in three digits of 22 levels each, all below the markers' 255."""
    red, green, blue = (darkest + 22 * (number // base**k % base) for k in range(3))
    return red, green, blue
