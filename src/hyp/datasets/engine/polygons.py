"""Polygons in space cut into triangles: as a fan where that covers them, else by ear clipping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_QUAD = np.array([[0, 1, 2], [2, 3, 0]])
_FLAT = 1e-9  # of the polygon's area: a triangle that is smaller is none


def cut_polygons(corners: Ints, sizes: Ints, vertices: Floats) -> tuple[Ints, Ints, bool]:
    """Cut polygons into triangles.

    Parameters
    ----------
    corners : ndarray of int, shape (n_corners,)
        The vertices of all polygons, one polygon after the other.
    sizes : ndarray of int, shape (n_polygons,)
        Number of corners of each, 3 or more.
    vertices : ndarray, shape (n_vertices, 3)

    Returns
    -------
    polygon : ndarray of int, shape (n,)
        The polygon that each triangle is of, ascending.
    place : ndarray of int, shape (n, 3)
        Its corners' places in that polygon, wound as the polygon is.
    clipped : bool
        Whether ears were clipped, since the fan from some first corner leaves its polygon.
    """
    first = np.cumsum(sizes) - sizes
    polygons, places, clipped = [np.zeros(0, np.int64)], [np.zeros((0, 3), np.int64)], False
    for n in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == n)
        points = vertices[corners[first[rows][:, None] + np.arange(n)]]
        leaves = ~fans_cover(points)
        plain = rows[~leaves]
        polygons.append(np.repeat(plain, n - 2))
        places.append(np.tile(_QUAD if n == 4 else _fan(n), (len(plain), 1)))
        for row, outline in zip(rows[leaves], points[leaves], strict=True):
            ears = clip_ears(outline)
            clipped = True
            polygons.append(np.full(len(ears), row))
            places.append(ears)
    polygon = np.concatenate(polygons)
    order = np.argsort(polygon, kind="stable")
    return polygon[order], np.concatenate(places)[order], clipped


def fans_cover(points: Floats) -> NDArray[np.bool_]:
    """Tell of which polygons the fan from the first corner is a triangulation, shape (m,).

    It is where none of its triangles turns against the polygon's area (Newell).

    Parameters
    ----------
    points : ndarray, shape (m, n, 3)
        Their corners in order.
    """
    spokes = points[:, 1:] - points[:, :1]
    turn = np.cross(spokes[:, :-1], spokes[:, 1:])
    along = np.einsum("mkx,mx->mk", turn, turn.sum(1))
    leaves: NDArray[np.bool_] = along.min(1) < -_FLAT * np.abs(along).max(1)
    return ~leaves


def clip_ears(points: Floats) -> Ints:
    """Return the triangles of a polygon by ear clipping (mapbox_earcut), in its own plane.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Its corners in order.

    Returns
    -------
    ndarray of int, shape (m, 3)
        By the numbers of the corners, wound as the polygon is.

    Examples
    --------
    An arrowhead is cut between its tip and its notch:

    >>> dart = np.array([[0.0, 0, 0], [2, 1, 0], [0, 2, 0], [1, 1, 0]])
    >>> sorted(sorted(triangle) for triangle in clip_ears(dart).tolist())
    [[0, 1, 3], [1, 2, 3]]
    """
    import mapbox_earcut

    following = np.roll(points, -1, axis=0)
    normal = np.cross(points - points[0], following - points[0]).sum(0)
    normal = normal / np.linalg.norm(normal)
    across = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    across /= np.linalg.norm(across)
    flat = (points - points[0]) @ np.stack([across, np.cross(normal, across)], axis=1)
    found = mapbox_earcut.triangulate_float64(flat, np.array([len(flat)], dtype=np.uint32))
    triangles: Ints = found.astype(np.int64).reshape(-1, 3)
    one, other = (flat[triangles[:, k]] - flat[triangles[:, 0]] for k in (1, 2))
    inverted = one[:, 0] * other[:, 1] < one[:, 1] * other[:, 0]
    triangles[inverted] = triangles[inverted][:, ::-1]
    return triangles


def cut_strip(strip: Ints) -> Ints:
    """Return the triangles of a strip of vertices, shape (n, 3); every second one is turned."""
    triangles = np.stack([strip[:-2], strip[1:-1], strip[2:]], axis=1)
    triangles[1::2] = triangles[1::2, ::-1]
    return triangles


def _fan(n: int) -> Ints:
    others = np.arange(1, n - 1)
    return np.stack([np.zeros(n - 2, dtype=np.int64), others, others + 1], axis=1)
