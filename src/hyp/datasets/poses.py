"""Poses in the camera's frame: the ranges of ThreeDWorld's generator, and what designs do to them.

Every source that draws poses uses these: the embedded engine and ThreeDWorld itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.designs import Design
from hyp.datasets.engine import geometry
from hyp.datasets.latents import Latent

Floats = NDArray[np.float64]

DISTANCE = (0.9, 4.2)
POSE_JITTER = 45.0
AIM_JITTER = 20.0
LOWEST_DIRECTION = -0.2
POSITION = ("rel_pos_x", "rel_pos_y", "rel_pos_z")
EULER = ("rel_rot_euler_0", "rel_rot_euler_1", "rel_rot_euler_2")

_SIDEWAYS = DISTANCE[1] * float(np.sin(np.radians(AIM_JITTER)))
_NEAREST = DISTANCE[0] * float(np.cos(np.radians(AIM_JITTER))) ** 2


def pose_latents() -> tuple[Latent, ...]:
    """Return position and rotation as latents, with the ranges that they are drawn from."""
    sideways = (
        Latent(name=name, kind="continuous", unit="m", low=-_SIDEWAYS, high=_SIDEWAYS)
        for name in POSITION[:2]
    )
    return (
        *sideways,
        Latent(name=POSITION[2], kind="continuous", unit="m", low=_NEAREST, high=DISTANCE[1]),
        *(Latent(name=name, kind="angle", unit="deg", low=-180, high=360) for name in EULER),
    )


def ahead(aim: Floats, distance: Floats) -> Floats:
    """Return the places at a distance along the line that a camera of that aim looks past."""
    forward = np.stack([np.zeros_like(distance), np.zeros_like(distance), distance], axis=1)
    return geometry.rotate(geometry.inverse(aim), forward)


def turned(design: Design, aim: Floats, jitter: Floats) -> tuple[Floats, Floats]:
    """Turn objects towards the camera and by a jitter; pinned angles are overwritten.

    Parameters
    ----------
    design : Design
    aim : ndarray, shape (n, 4)
        What turns the camera's axis away from the object.
    jitter : ndarray, shape (3, n)
        Degrees about x, y and z.

    Returns
    -------
    turn : ndarray, shape (n, 4)
        Rotations in the camera's frame.
    euler : ndarray, shape (n, 3)
        The same in degrees.
    """
    turn = geometry.about_axis(1, np.full(len(aim), 180.0))
    for axis in range(3):
        turn = geometry.multiply(turn, geometry.about_axis(axis, jitter[axis]))
    turn = geometry.multiply(geometry.inverse(aim), turn)
    euler = geometry.to_euler(turn)
    pinned = [_pinned(design, name) for name in EULER]
    for axis, value in enumerate(pinned):
        if value is not None:
            euler[:, axis] = value % 360.0
    if any(value is not None for value in pinned):
        turn = geometry.from_euler(euler)
    return turn, euler


def pin_position(design: Design, position: Floats) -> Floats:
    """Overwrite pinned coordinates; a pinned depth moves the object along its line of sight."""
    x, y, z = (_pinned(design, name) for name in POSITION)
    if z is not None:
        position = position * (z / position[:, 2:])
        position[:, 2] = z
    for axis, value in ((0, x), (1, y)):
        if value is not None:
            position[:, axis] = value
    if design.centered:
        position[:, :2] = 0.0
    return position


def within_ranges(design: Design, position: Floats, euler: Floats) -> NDArray[np.bool_]:
    """Tell which poses lie in the design's ranges; a range of angles may pass 0."""
    good = np.ones(len(position), dtype=bool)
    for names, values, wrap in ((POSITION, position, False), (EULER, euler, True)):
        for axis, name in enumerate(names):
            limit = design.constraint(name)
            if limit is None or limit.low is None or limit.high is None or limit.pinned:
                continue
            above = values[:, axis] - limit.low
            good &= (np.mod(above, 360.0) if wrap else above) <= limit.high - limit.low
            good &= wrap | (above >= 0)
    return good


def _pinned(design: Design, name: str) -> float | None:
    limit = design.constraint(name)
    return limit.low if limit is not None and limit.pinned else None
