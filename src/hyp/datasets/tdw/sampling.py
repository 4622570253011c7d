"""Poses by the rules of the paper's generator, before a build says whether the object is seen.

A camera is uniform in a region of the scene (0.3 off its walls, 0.4 above 0), the object lies
``U(0.9, 4.2)`` away in a direction uniform on the sphere above ``u_y = -0.2``, faces the camera
but for three turns ``U(-45, 45)`` degrees about its own axes, and the camera looks past it by
``U(-20, 20)`` degrees of pitch and of yaw. Where the object would be too high, distance and
direction are drawn again, 14 times at most.

Attempt `a` at image `i` of a seed has random numbers of its own, in fixed places, so that two
designs share all that neither restricts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyp.datasets import poses
from hyp.datasets.designs import Design
from hyp.datasets.engine import draws, geometry
from hyp.datasets.poses import AIM_JITTER, DISTANCE, LOWEST_DIRECTION, POSE_JITTER
from hyp.errors import HypError

Floats = NDArray[np.float64]

ATTEMPTS = 2**16
_BLOCK = 1024
_INSET = 0.3
_LOWEST_CAMERA = 0.4
_TRIES = 15
_TRY_SLOT = 9


@dataclass(frozen=True)
class Regions:
    """Where cameras may be, region by region.

    Attributes
    ----------
    low, high : ndarray, shape (n_regions, 3)
        Bounds of the camera, in metres.
    top : ndarray, shape (n_regions,)
        Objects stay below.
    """

    low: Floats
    high: Floats
    top: Floats


@dataclass(frozen=True)
class Candidates:
    """Poses in the world; one row each. Rotations are quaternions (x, y, z, w)."""

    camera: Floats
    facing: Floats
    centre: Floats
    turn: Floats

    def __len__(self) -> int:
        return len(self.camera)

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Candidates:
        return Candidates(self.camera[rows], self.facing[rows], self.centre[rows], self.turn[rows])


def regions_of(scene: str, centre: Floats, size: Floats) -> Regions:
    """Return where cameras and objects may be in a scene.

    Parameters
    ----------
    scene : str
    centre, size : ndarray, shape (n_regions, 3)
        What the build says of its regions, in metres.

    Raises
    ------
    HypError
        If a region leaves no room for a camera.
    """
    low, high = centre - size / 2 + _INSET, centre + size / 2 - _INSET
    top = centre[:, 1] + size[:, 1] / 2
    low[:, 1] = _LOWEST_CAMERA
    if scene == "savanna_flat_6km":
        low[:, 1], high[:, 1], top[:] = 5.0, 10.0, 15.0
    elif scene == "suburb_scene_2023":
        low[:, [0, 2]], high[:, [0, 2]] = (-68.0, -11.0), (68.0, 11.0)
    elif scene == "downtown_alleys":
        low[:], high[:], top[:] = (29.0, 2.0, -15.0), (33.0, 5.0, 8.0), 7.0
    if not len(low) or not (low < high).all():
        raise HypError(
            f"the build says that the scene {scene!r} has no region with room for a camera; "
            "is it the build of TDW that matches the tdw package?"
        )
    return Regions(low, high, top)


def candidates(
    design: Design, regions: Regions, seed: int, indices: NDArray[np.int64], first: int, count: int
) -> tuple[Candidates, NDArray[np.bool_]]:
    """Draw poses for images; image `i`'s attempt `a` is row ``i * count + a - first``.

    Parameters
    ----------
    design : Design
        What may vary.
    regions : Regions
        Of the scene of all these images.
    seed : int
    indices : ndarray of int, shape (n,)
    first, count : int
        The attempts ``first .. first + count - 1`` are returned.

    Returns
    -------
    Candidates
        ``n * count`` rows.
    ndarray of bool
        Which of them are within the ranges of the design.
    """
    attempts = np.arange(first, first + count, dtype=np.int64)
    keys = draws.streams(seed, (indices[:, None] * ATTEMPTS + attempts).ravel())
    u = draws.uniforms(keys, 0, 0, _TRY_SLOT)
    region = (u[0] * len(regions.top)).astype(np.int64)
    low, high = regions.low[region], regions.high[region]
    camera = low + (high - low) * u[1:4].T
    reach = 0.0 if design.centered else AIM_JITTER
    aim = geometry.multiply(
        geometry.about_axis(0, reach * (2 * u[4] - 1)),
        geometry.about_axis(1, reach * (2 * u[5] - 1)),
    )
    turn, euler = poses.turned(design, aim, POSE_JITTER * (2 * u[6:9] - 1))
    position, facing = np.zeros_like(camera), np.zeros_like(aim)
    left = np.arange(len(keys))
    for k in range(_TRIES):
        v = draws.uniforms(keys[left], 0, _TRY_SLOT + 3 * k, 3)
        distance = DISTANCE[0] + (DISTANCE[1] - DISTANCE[0]) * v[0]
        position[left] = poses.pin_position(design, poses.ahead(aim[left], distance))
        facing[left] = geometry.multiply(geometry.look_along(_directions(v[1], v[2])), aim[left])
        height = camera[left, 1] + geometry.rotate(facing[left], position[left])[:, 1]
        left = left[height >= regions.top[region[left]]]
        if not len(left):
            break
    drawn = Candidates(
        camera,
        facing,
        camera + geometry.rotate(facing, position),
        geometry.multiply(facing, turn),
    )
    return drawn, poses.within_ranges(design, position, euler)


def one_by_one(
    design: Design, regions: Regions, seed: int, index: int, first: int
) -> Iterator[Candidates]:
    """Yield blocks of poses of one image that its design admits, from attempt `first` on."""
    indices = np.array([index], dtype=np.int64)
    count = 64
    while first < ATTEMPTS:
        count = min(count, ATTEMPTS - first)
        drawn, good = candidates(design, regions, seed, indices, first, count)
        yield drawn[good]
        first, count = first + count, _BLOCK


def _directions(up: Floats, around: Floats) -> Floats:
    up = LOWEST_DIRECTION + (1.0 - LOWEST_DIRECTION) * up
    flat, angle = np.sqrt(1.0 - up * up), 2 * np.pi * around
    return np.stack([flat * np.sin(angle), up, flat * np.cos(angle)], axis=1)
