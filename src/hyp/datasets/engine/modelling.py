"""From triangles as a file has them to a mesh as the renderer takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hyp.datasets.engine.mesh import Model
from hyp.datasets.engine.soup import Soup
from hyp.datasets.engine.worlds import Axis
from hyp.errors import HypError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMALLEST, _LARGEST = 1e-6, 1e6
_SPECK = 0.05  # of the extent; all but a hundredth of the surface at either end lies within
_WELD = 1_000_000  # points closer than one part of the unit size are one
_CREASE = np.cos(np.radians(42.0))


def modelled(soup: Soup, name: str, up: Axis) -> Model:
    """Check triangles, bring them into the engine's frame and unit size, and give normals."""
    if not (np.isfinite(soup.corners).all() and np.isfinite(soup.uvs).all()):
        raise HypError(f"{name} has coordinates that are NaN or infinite; export it again.")
    x, y, z = np.moveaxis(soup.corners, -1, 0)
    corners = np.stack([-x, y, z] if up == "y" else [-x, z, -y], axis=-1)[:, ::-1]
    low, high = corners.min((0, 1)), corners.max((0, 1))
    extent = float((high - low).max())
    if not _SMALLEST <= extent <= _LARGEST:
        raise HypError(
            f"{name} is {extent:.3g} units large; a mesh has between {_SMALLEST:g} and "
            f"{_LARGEST:g} units, and none that is compressed (Draco, meshopt) can be read."
        )
    corners = (corners - (low + high) / 2) / extent
    points, faces = _welded(corners)
    cross = np.cross(
        points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
    )
    area = np.linalg.norm(cross, axis=1)
    kept = area > 1e-12
    if not kept.any():
        raise HypError(f"{name} has no faces that are larger than a point or a line.")
    _check_spread(corners[kept], area[kept], name)
    faces, cross = faces[kept], cross[kept]
    tints, uvs, paint = soup.tints[kept][:, ::-1], soup.uvs[kept][:, ::-1], soup.paint[kept]
    links = _shared_edges(faces)
    closed, flipped = _sides(points, faces, links)
    faces, tints, uvs = (_turned(part, flipped) for part in (faces, tints, uvs))
    cross = np.where(flipped[:, None], -cross, cross)
    smooth, normals = _smoothed(faces, cross, links)
    label = smooth * len(soup.skins) + np.repeat(paint, 3)
    for look in (tints, uvs):
        if (look != look[0, 0]).any():
            label = _labels(label, look.reshape(len(label), -1))
    _, first, corner = np.unique(label, return_index=True, return_inverse=True)
    vertices = points[faces.reshape(-1)[first]]
    faces = corner.reshape(-1, 3)
    other = faces[~closed][:, ::-1] + len(first)
    twice = len(other) > 0
    return Model(
        vertices=np.concatenate([vertices, vertices]) if twice else vertices,
        normals=np.concatenate([normals[first], -normals[first]]) if twice else normals[first],
        tints=np.tile(tints.reshape(-1, 3)[first], (1 + twice, 1)),
        uvs=np.tile(uvs.reshape(-1, 2)[first], (1 + twice, 1)),
        faces=np.concatenate([faces, other]),
        paint=np.concatenate([paint, paint[~closed]]),
        skins=soup.skins,
    )


def _welded(corners: Floats) -> tuple[Floats, Ints]:
    """Return the distinct points among corners, and the faces by them."""
    grid = np.round((corners + 0.5) * _WELD).astype(np.int64)
    keys, welded = np.unique(
        (grid[..., 0] << 40) + (grid[..., 1] << 20) + grid[..., 2], return_inverse=True
    )
    mask = (1 << 20) - 1
    points = np.stack([keys >> 40, (keys >> 20) & mask, keys & mask], axis=1) / _WELD - 0.5
    return points, welded.reshape(corners.shape[:2])


def _labels(label: Ints, look: Floats) -> Ints:
    """Tell rows that have one label apart by their numbers, shape (n, k), to 2^-20."""
    for column in np.round(look.T * 2.0**20).astype(np.int64):
        _, code = np.unique(column, return_inverse=True)
        _, label = np.unique(label * (code.max() + 1) + code, return_inverse=True)
    return label


def _turned(corners: NDArray[Any], rows: NDArray[np.bool_]) -> NDArray[Any]:
    """Reverse the corners of some faces."""
    turned = corners.copy()
    turned[rows] = corners[rows][:, ::-1]
    return turned


def _check_spread(corners: Floats, area: Floats, name: str) -> None:
    """Refuse a mesh that a stray part far away turns into a speck."""
    weight = np.repeat(area, 3)
    spread = []
    for axis in range(3):
        place = corners[..., axis].reshape(-1)
        order = np.argsort(place, kind="stable")
        share = np.cumsum(weight[order]) / weight.sum()
        ends = np.searchsorted(share, [0.01, 0.99])
        spread.append(np.ptp(place[order][np.minimum(ends, len(order) - 1)]))
    if max(spread) < _SPECK:
        raise HypError(
            f"98 % of the surface of {name} lies within {max(spread):.1%} of its extent; remove "
            "the stray part far away from the object."
        )


def _shared_edges(faces: Ints) -> Ints:
    """Return pairs of corners that lie on one edge of two faces.

    Returns
    -------
    ndarray of int, shape (4, n_pairs)
        An edge's start and end as corners (3 x face + place) of one face, then those of the
        same two points in the other face. Of an edge of more than two faces, neighbours in
        the order of faces are paired.
    """
    n = len(faces)
    start = np.arange(3 * n)
    end = start - start % 3 + (start + 1) % 3
    one, other = faces.reshape(-1)[start], faces.reshape(-1)[end]
    edge = np.minimum(one, other) * (faces.max() + 1) + np.maximum(one, other)
    order = np.argsort(edge, kind="stable")
    same = edge[order][1:] == edge[order][:-1]
    left, right = order[:-1][same], order[1:][same]
    against = one[left] != one[right]
    return np.stack(
        [
            start[left],
            end[left],
            np.where(against, end[right], start[right]),
            np.where(against, start[right], end[right]),
        ]
    )


def _sides(points: Floats, faces: Ints, links: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which faces belong to closed surfaces, and which of those are inside out."""
    n = len(faces)
    part = _components(links[0] // 3, links[2] // 3, n)
    corner = np.arange(3 * n)
    end = corner - corner % 3 + (corner + 1) % 3
    one, other = faces.reshape(-1)[corner], faces.reshape(-1)[end]
    base = faces.max() + 1
    directed, count = np.unique(one * base + other, return_counts=True)
    back = other * base + one
    found = np.minimum(np.searchsorted(directed, back), len(directed) - 1)
    paired = (directed[found] == back) & (count[found] == 1)
    paired &= count[np.searchsorted(directed, one * base + other)] == 1
    is_open = np.zeros(part.max() + 1, dtype=bool)
    is_open[part[~paired.reshape(n, 3).all(1)]] = True
    a, b, c = (points[faces[:, k]] for k in range(3))
    volume = np.bincount(part, weights=np.einsum("ij,ij->i", a, np.cross(b, c)))
    closed = ~is_open[part]
    return closed, closed & (volume[part] < 0)


def _smoothed(faces: Ints, cross: Floats, links: Ints) -> tuple[Ints, Floats]:
    """Return every corner's group, and its normal: the mean over faces joined without crease."""
    flat = cross / np.linalg.norm(cross, axis=1, keepdims=True)
    one, other = links[0] // 3, links[2] // 3
    kept = links[:, np.einsum("ij,ij->i", flat[one], flat[other]) > _CREASE]
    group = _components(
        np.concatenate([kept[0], kept[1]]), np.concatenate([kept[2], kept[3]]), 3 * len(faces)
    )
    total = np.stack(
        [np.bincount(group, weights=np.repeat(cross[:, axis], 3)) for axis in range(3)], axis=1
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    normals = (total / np.where(length > 0, length, 1.0))[group]
    return group, np.where(length[group] > 0, normals, np.repeat(flat, 3, axis=0))


def _components(one: Ints, other: Ints, n: int) -> Ints:
    graph = coo_matrix((np.ones(len(one)), (one, other)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
