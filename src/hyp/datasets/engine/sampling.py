"""The generation rules: from (design, seed, image index) to a row of the latents table.

The rules follow ThreeDWorld's image generator as the paper used it: camera position
uniform in the scene, distance ``U(0.9, 4.2)``, direction uniform on the sphere above
``u_y = -0.2``, object facing the camera up to +-45 degrees about each of its axes, the
camera's aim jittered by +-20 degrees, and a view accepted where little of the object is
hidden. What differs: where the object would touch the scene, camera position and
direction are redrawn but the distance is kept, so that rooms do not shorten it.

Scene, sky, light, category and identity are drawn once for an image; pose and camera
are redrawn until a view is accepted. Every draw has its own place in the image's random
stream, so two designs share all that neither restricts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets import poses
from hyp.datasets.designs import Design
from hyp.datasets.engine import draws, geometry
from hyp.datasets.engine.render import SLOPE, visibility
from hyp.datasets.engine.rules import ELEVATION, latents
from hyp.datasets.engine.worlds import BUILT_IN, World
from hyp.datasets.latents import Latent
from hyp.datasets.poses import (
    AIM_JITTER,
    DISTANCE,
    EULER,
    LOWEST_DIRECTION,
    POSE_JITTER,
    POSITION,
)
from hyp.errors import HypError

Floats = NDArray[np.float64]
Table = dict[str, NDArray[Any]]

_CAMERA_INSET = 0.3
_CAMERA_LOW = 0.4
_CAMERA_TOP = 2.6
_CLEARANCE = 0.6
_RADIUS = 0.8
_PLACEMENTS = 40
_ATTEMPTS = 2000
_LOOKS = 300
_STAGES = ("its ranges are met", "the object has room", "it is seen well enough")
_ROWS = 4096

_POSE_SLOT = 0
_PLACE_SLOT = 8
_FIXED_SLOT = 1024
_FIXED = ("category", "identity", "scene", "sky", "light_azimuth", "light_elevation")
_CAMERA_TURN = tuple(f"camera_rot_{axis}" for axis in "xyzw")
_CAMERA = tuple(f"camera_pos_{axis}" for axis in "xyz")
_OBJECT_TURN = tuple(f"object_rot_{axis}" for axis in "xyzw")
_OBJECT = tuple(f"object_pos_{axis}" for axis in "xyz")
_MOVING = (*POSITION, *EULER, *_CAMERA, *_CAMERA_TURN, *_OBJECT, *_OBJECT_TURN)


def sample(
    design: Design,
    seed: int,
    indices: NDArray[np.int64],
    *,
    max_hidden: float = 0.2,
    min_visible: float = 0.01,
    world: World = BUILT_IN,
) -> Table:
    """Return the latents table of the images with the given indices.

    Parameters
    ----------
    design : Design
        What may vary.
    seed : int
        The dataset's seed.
    indices : ndarray of int, shape (n,)
        Image indices; a row depends on its own index only.
    max_hidden : float
        A view is accepted where scenery hides less than this fraction of the object
    min_visible : float
        and where what is seen of it covers more than this fraction of the frame.
    world : World
        The objects and scenes there are.

    Raises
    ------
    HypError
        If the design is impossible here, or no acceptable view was found.
    """
    known = latents(world)
    design.check(known)
    _check_in_view(design)
    choices = _Choices(design, known, world)
    limits = (max_hidden, min_visible)
    parts = [
        _sample_rows(design, choices, seed, indices[start : start + _ROWS], limits)
        for start in range(0, max(len(indices), 1), _ROWS)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class _Choices:
    """The categorical values a design admits."""

    def __init__(self, design: Design, known: tuple[Latent, ...], world: World) -> None:
        self.world = world
        allowed = {
            latent.name: design.allowed(latent) for latent in known if latent.kind == "categorical"
        }
        self.scenes = np.array(allowed["scene"])
        self.skies = np.array(allowed["sky"])
        identities = {
            category: [i for i in allowed["identity"] if world.identity_category[i] == category]
            for category in allowed["category"]
        }
        self.categories = [category for category, names in identities.items() if names]
        if not self.categories:
            raise HypError(
                f"design '{design}' allows no identity of the categories it allows; "
                "restrict only one of category and identity."
            )
        self.identities = [np.array(identities[category]) for category in self.categories]


@dataclass(frozen=True)
class _Pose:
    """Where and how the object is, seen from the camera; one row an image."""

    aim: Floats
    position: Floats
    turn: Floats
    euler: Floats

    def __getitem__(self, rows: NDArray[np.int64]) -> _Pose:
        return _Pose(self.aim[rows], self.position[rows], self.turn[rows], self.euler[rows])


def _sample_rows(
    design: Design,
    choices: _Choices,
    seed: int,
    indices: NDArray[np.int64],
    limits: tuple[float, float],
) -> Table:
    keys = draws.streams(seed, np.asarray(indices, dtype=np.int64))
    table = _fixed_columns(design, choices, keys)
    table.update({name: np.zeros(len(keys)) for name in _MOVING})
    pending = np.arange(len(keys))
    met = np.zeros((len(_STAGES), len(keys)), dtype=int)
    for attempt in range(_ATTEMPTS):
        if not len(pending) or met[1, pending].max() >= _LOOKS:
            break
        pose = _draw_pose(design, keys[pending], attempt)
        inside = np.flatnonzero(poses.within_ranges(design, pose.position, pose.euler))
        scene_names = table["scene"][pending[inside]]
        camera, placed = _place(
            choices.world, pose[inside], keys[pending[inside]], attempt, scene_names
        )
        rows = inside[placed]
        view = _view(pose[rows], *(part[placed] for part in camera))
        fixed = {name: table[name][pending[rows]] for name in _FIXED}
        good = _acceptable(choices.world, {**fixed, **view}, limits)
        for name, column in view.items():
            table[name][pending[rows[good]]] = column[good]
        for stage, reached in enumerate((inside, rows, rows[good])):
            met[stage, pending[reached]] += 1
        pending = np.delete(pending, rows[good])
    if len(pending):
        worst = pending[np.argmax(met[1, pending])]
        lost = next(name for name, count in zip(_STAGES, met[:, worst], strict=True) if not count)
        raise HypError(
            f"design '{design}': found no view of image {indices[worst]} in which {lost}, "
            f"in {attempt} attempts; widen or move what it restricts."
        )
    return table


def _check_in_view(design: Design) -> None:
    """Reject a fully pinned position whose object cannot reach into the frame."""
    limits = [design.constraint(name) for name in POSITION]
    x, y, z = (limit.low if limit is not None and limit.pinned else None for limit in limits)
    if z is None:
        return
    for name, value in (("rel_pos_x", x), ("rel_pos_y", y)):
        if value is not None and abs(value) > z * SLOPE + _RADIUS * np.hypot(1.0, SLOPE):
            raise HypError(
                f"design '{design}': {name}={value:g} is out of view at rel_pos_z={z:g}; "
                "move the object closer to the optical axis or farther away."
            )


def _fixed_columns(design: Design, choices: _Choices, keys: draws.Counters) -> Table:
    """Draw what an image keeps over its attempts."""
    u = draws.uniforms(keys, 0, _FIXED_SLOT, len(_FIXED))
    kind = (u[0] * len(choices.categories)).astype(int)
    identity = [
        names[int(v * len(names))]
        for names, v in ((choices.identities[k], v) for k, v in zip(kind, u[1], strict=True))
    ]
    return {
        "category": np.array(choices.categories, dtype=object)[kind],
        "identity": np.array(identity, dtype=object),
        "scene": _pick(choices.scenes, u[2]),
        "sky": _pick(choices.skies, u[3]),
        "light_azimuth": _between(design, "light_azimuth", (0.0, 360.0), u[4]) % 360.0,
        "light_elevation": _between(design, "light_elevation", ELEVATION, u[5]),
    }


def _pick(values: NDArray[Any], u: Floats) -> NDArray[Any]:
    picked: NDArray[Any] = values.astype(object)[(u * len(values)).astype(int)]
    return picked


def _between(design: Design, name: str, full: tuple[float, float], u: Floats) -> Floats:
    """Spread uniform numbers over a latent's range, or over what the design leaves of it."""
    limit = design.constraint(name)
    low, high = full if limit is None else (limit.low, limit.high)
    assert low is not None
    assert high is not None
    return low + (high - low) * u


def _draw_pose(design: Design, keys: draws.Counters, attempt: int) -> _Pose:
    u = draws.uniforms(keys, attempt, _POSE_SLOT, 6)
    distance = DISTANCE[0] + (DISTANCE[1] - DISTANCE[0]) * u[0]
    reach = 0.0 if design.centered else AIM_JITTER
    aim = geometry.multiply(
        geometry.about_axis(0, reach * (2 * u[1] - 1)),
        geometry.about_axis(1, reach * (2 * u[2] - 1)),
    )
    position = poses.pin_position(design, poses.ahead(aim, distance))
    turn, euler = poses.turned(design, aim, POSE_JITTER * (2 * u[3:6] - 1))
    return _Pose(aim, position, turn, euler)


def _place(
    world: World, pose: _Pose, keys: draws.Counters, attempt: int, scene_names: NDArray[Any]
) -> tuple[tuple[Floats, Floats, Floats], NDArray[np.int64]]:
    """Find a camera for each pose, so that camera and object keep clear of the scene.

    Returns camera positions, camera rotations and object positions, and the rows for
    which they were found.
    """
    n = len(keys)
    scene = np.searchsorted(np.array(world.scene_names), scene_names.astype(str))
    camera, turn, centre = np.zeros((n, 3)), np.zeros((n, 4)), np.zeros((n, 3))
    left = np.arange(n)
    for k in range(_PLACEMENTS):
        if not len(left):
            break
        u = draws.uniforms(keys[left], attempt, _PLACE_SLOT + 5 * k, 5)
        low = world.low[scene[left]] + _CAMERA_INSET
        high = world.high[scene[left]] - _CAMERA_INSET
        low[:, 1], high[:, 1] = _CAMERA_LOW, np.minimum(high[:, 1], _CAMERA_TOP)
        eye = low + (high - low) * u[:3].T
        up = LOWEST_DIRECTION + (1.0 - LOWEST_DIRECTION) * u[3]
        flat, around = np.sqrt(1.0 - up * up), 2 * np.pi * u[4]
        along = np.stack([flat * np.sin(around), up, flat * np.cos(around)], axis=1)
        facing = geometry.multiply(geometry.look_along(along), pose.aim[left])
        target = eye + geometry.rotate(facing, pose.position[left])
        clear = _has_room(world, scene[left], eye, _CAMERA_INSET)
        clear &= _has_room(world, scene[left], target, _CLEARANCE)
        found = left[clear]
        camera[found], turn[found], centre[found] = eye[clear], facing[clear], target[clear]
        left = left[~clear]
    return (camera, turn, centre), np.setdiff1d(np.arange(n), left)


def _has_room(
    world: World, scene: NDArray[np.int64], point: Floats, radius: float
) -> NDArray[np.bool_]:
    """Tell whether a ball keeps clear of floor, ceiling, walls (indoors) and boxes."""
    low, high = world.low[scene] + radius, world.high[scene] - radius
    inside = (point >= low) & (point <= high)
    walls = inside[:, 0] & inside[:, 2] | ~world.indoor[scene]
    boxes = world.boxes[scene]
    nearest = np.clip(point[:, None], boxes[:, :, 0], boxes[:, :, 1])
    gap = ((nearest - point[:, None]) ** 2).sum(-1).min(-1)
    room: NDArray[np.bool_] = inside[:, 1] & walls & (gap >= radius * radius)
    return room


def _view(pose: _Pose, camera: Floats, camera_turn: Floats, centre: Floats) -> Table:
    object_turn = geometry.multiply(camera_turn, pose.turn)
    blocks = (pose.position, pose.euler, camera, camera_turn, centre, object_turn)
    return dict(zip(_MOVING, np.concatenate(blocks, axis=1).T.copy(), strict=True))


def _acceptable(world: World, table: Table, limits: tuple[float, float]) -> NDArray[np.bool_]:
    """Tell which views show enough of the object."""
    max_hidden, min_visible = limits
    x, y, z = (table[name] for name in POSITION)
    cosine, sine = 1 / np.hypot(1.0, SLOPE), SLOPE / np.hypot(1.0, SLOPE)
    good: NDArray[np.bool_] = np.maximum(np.abs(x), np.abs(y)) * cosine - z * sine < _RADIUS
    rows = np.flatnonzero(good)
    if len(rows):
        covered, seen = visibility({name: column[rows] for name, column in table.items()}, world)
        good[rows] = (seen > min_visible) & (covered - seen < max_hidden * covered)
    return good
