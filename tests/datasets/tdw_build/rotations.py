"""Rotations in Unity's conventions: left-handed, y up, z forward, quaternions (x, y, z, w).

Plain tuples of floats: a build answers thousands of frames a second, one rotation at a time.
"""

import math

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

IDENTITY: Quaternion = (0.0, 0.0, 0.0, 1.0)
AXES: dict[str, Vector] = {
    "pitch": (1.0, 0.0, 0.0),
    "yaw": (0.0, 1.0, 0.0),
    "roll": (0.0, 0.0, 1.0),
}


def add(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def subtract(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def times(a: Vector, b: Vector) -> Vector:
    """The product of each coordinate."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


def normalised(q: Quaternion) -> Quaternion:
    length = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    return q[0] / length, q[1] / length, q[2] / length, q[3] / length


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """First b, then a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by + ay * bw + az * bx - ax * bz,
        aw * bz + az * bw + ax * by - ay * bx,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def inverse(q: Quaternion) -> Quaternion:
    return -q[0], -q[1], -q[2], q[3]


def columns(q: Quaternion) -> tuple[Vector, Vector, Vector]:
    """The images of the x, y and z axes under a unit quaternion."""
    x, y, z, w = q
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)),
        (2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)),
        (2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)),
    )


def rotate(q: Quaternion, v: Vector) -> Vector:
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = columns(q)
    x, y, z = v
    return ax * x + bx * y + cx * z, ay * x + by * y + cy * z, az * x + bz * y + cz * z


def around(axis: Vector, degrees: float) -> Quaternion:
    """The rotation about a unit axis, clockwise when seen along it, as Unity turns."""
    half = math.radians(degrees) / 2
    s = math.sin(half)
    return axis[0] * s, axis[1] * s, axis[2] * s, math.cos(half)


def from_euler(degrees: Vector) -> Quaternion:
    """Unity's Euler angles: about z, then x, then y, all in the fixed frame."""
    x, y, z = (around(axis, angle) for axis, angle in zip(AXES.values(), degrees, strict=True))
    return multiply(multiply(y, x), z)


def looking(direction: Vector) -> Quaternion:
    """The rotation whose forward axis is a direction and whose right axis is level.

    A direction straight up or down, or of no length, leaves the right axis at (1, 0, 0), or the
    rotation at identity.
    """
    x, y, z = direction
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-9:
        return IDENTITY
    yaw = 0.0 if math.hypot(x, z) < 1e-9 * length else math.atan2(x, z)
    pitch = -math.asin(max(-1.0, min(1.0, y / length)))
    return multiply(
        around(AXES["yaw"], math.degrees(yaw)), around(AXES["pitch"], math.degrees(pitch))
    )
