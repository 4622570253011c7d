"""Polygons in space cut into triangles: as a fan where that covers them, else by ear clipping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FLAT = 1e-9  # of the polygon's area: a triangle that is smaller is none


def cut(points: Floats) -> Ints | None:
    """Return the triangles of a polygon, by the numbers of its corners.

    Ears are clipped by mapbox_earcut, in the plane that the polygon's area faces (Newell).

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Its corners in order.

    Returns
    -------
    ndarray of int, shape (m, 3), or None
        Wound as the polygon is; None where the fan from its first corner covers it.

    Examples
    --------
    An arrowhead is cut between its tip and its notch:

    >>> sorted(sorted(triangle) for triangle in cut(
    ...     np.array([[0.0, 0, 0], [2, 1, 0], [0, 2, 0], [1, 1, 0]])).tolist())
    [[0, 1, 3], [1, 2, 3]]
    """
    n = len(points)
    flat = _flattened(points) if n > 3 else None
    if flat is None or _fan_covers(flat):
        return None
    import mapbox_earcut

    found = mapbox_earcut.triangulate_float64(flat, np.array([n], dtype=np.uint32))
    triangles = found.astype(np.int64).reshape(-1, 3)
    if not len(triangles):
        return None
    a, b, c = (flat[triangles[:, k]] for k in range(3))
    inverted = _cross(b - a, c - a) < 0
    triangles[inverted] = triangles[inverted][:, ::-1]
    return triangles


def fan(n: int) -> Ints:
    """Return the triangles from the first of `n` corners to all others, shape (n - 2, 3)."""
    others = np.arange(1, n - 1)
    return np.stack([np.zeros(n - 2, dtype=np.int64), others, others + 1], axis=1)


def _flattened(points: Floats) -> Floats | None:
    """Return a polygon in its own plane, counter-clockwise; None where it has no area."""
    following = np.roll(points, -1, axis=0)
    normal = np.cross(points - points[0], following - points[0]).sum(0)
    length = np.linalg.norm(normal)
    if not np.isfinite(length) or length == 0:
        return None
    normal = normal / length
    across = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    across /= np.linalg.norm(across)
    return (points - points[0]) @ np.stack([across, np.cross(normal, across)], axis=1)


def _fan_covers(polygon: Floats) -> bool:
    """Tell whether no triangle of the fan from the first corner turns the other way round."""
    spokes = polygon[1:] - polygon[0]
    turn = _cross(spokes[:-1], spokes[1:])
    return bool(turn.min() >= -_FLAT * np.abs(turn).max())


def _cross(one: Floats, other: Floats) -> Floats:
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
