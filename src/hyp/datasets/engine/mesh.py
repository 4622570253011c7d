"""Closed triangle meshes from a few primitives, in numpy.

Faces are wound so that ``cross(b - a, c - a)`` points outwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Wrap = Literal["repeat", "clamp", "mirror"]

_CREASE = np.cos(np.radians(42.0))


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh.

    Attributes
    ----------
    vertices, normals : ndarray, shape (n_vertices, 3)
    faces : ndarray of int, shape (n_faces, 3)
    paint : ndarray of int, shape (n_faces,)
        Which of the material's two colours a face carries: 0 or 1.
    """

    vertices: Floats
    normals: Floats
    faces: Ints
    paint: Ints

    def at(self, x: float, y: float, z: float) -> Mesh:
        """Return the mesh moved by (x, y, z)."""
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def turned(self, axis: int, degrees: float) -> Mesh:
        """Return the mesh rotated about x (0), y (1) or z (2) through the origin."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        matrix = np.eye(3)
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
        return replace(self, vertices=self.vertices @ matrix.T, normals=self.normals @ matrix.T)

    def stretched(self, x: float, y: float, z: float) -> Mesh:
        """Return the mesh scaled along the axes by positive factors."""
        factors = np.array([x, y, z])
        return replace(
            self, vertices=self.vertices * factors, normals=_unit(self.normals / factors)
        )

    def painted(self, paint: int = 1) -> Mesh:
        """Return the mesh in one of the material's two colours."""
        return replace(self, paint=np.full(len(self.faces), paint))


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture on a user's mesh.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
    wraps : tuple of {"repeat", "clamp", "mirror"}
        What is shown beyond its sides, across and down.
    nearest : bool
        Whether its pixels keep their edges where they are magnified.
    """

    pixels: NDArray[np.uint8]
    wraps: tuple[Wrap, Wrap] = ("repeat", "repeat")
    nearest: bool = False


@dataclass(frozen=True, eq=False)
class Skin:
    """A material of a user's mesh: linear base colour, shape (3,), times its texture's, if any.

    Where `tinted`, the colours of the vertices are multiplied too. `glow` is the light that it
    gives off by itself, linear, shape (3,), times the picture `glow_texture`, if any.
    """

    colour: Floats
    texture: Texture | None
    tinted: bool
    glow: Floats = field(default_factory=lambda: np.zeros(3))
    glow_texture: Texture | None = None


@dataclass(frozen=True)
class Model:
    """A user's mesh as the renderer takes it: largest extent 1, centred at its bounds' centre.

    Attributes
    ----------
    vertices, normals, tints : ndarray, shape (n_vertices, 3)
        In the engine's frame; tints are linear colours.
    uvs : ndarray, shape (n_vertices, 2)
        Place in the texture, from its upper left corner, in textures.
    faces : ndarray of int, shape (n_faces, 3)
        Wound so that ``cross(b - a, c - a)`` points outwards. Surfaces that are not closed
        have every face twice, once for either side.
    paint : ndarray of int, shape (n_faces,)
        A face's material: its place in `skins`.
    skins : tuple of Skin
    """

    vertices: Floats
    normals: Floats
    tints: Floats
    uvs: Floats
    faces: Ints
    paint: Ints
    skins: tuple[Skin, ...]


def join(meshes: Iterable[Mesh]) -> Mesh:
    """Return one mesh made of several."""
    meshes = list(meshes)
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        normals=np.concatenate([mesh.normals for mesh in meshes]),
        faces=np.concatenate(
            [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=False)]
        ),
        paint=np.concatenate([mesh.paint for mesh in meshes]),
    )


def unit_size(mesh: Mesh) -> Mesh:
    """Return the mesh centred at its bounds' centre, its largest extent scaled to 1."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    return replace(mesh, vertices=(mesh.vertices - (low + high) / 2) / (high - low).max())


def box(x: float, y: float, z: float) -> Mesh:
    """Return a box of the given size, centred at the origin."""
    ring = np.array([[-x, -z], [x, -z], [x, z], [-x, z]]) / 2
    rings = [np.insert(ring, 1, height, axis=1) for height in (-y / 2, y / 2)]
    return loft(rings)


def cylinder(radius: float, height: float, segments: int = 16, top: float | None = None) -> Mesh:
    """Return an upright cylinder, or a cone with another radius at its top."""
    upper = radius if top is None else top
    return lathe(
        [(0, -height / 2), (radius, -height / 2), (upper, height / 2), (0, height / 2)], segments
    )


def ball(x: float, y: float, z: float, segments: int = 14) -> Mesh:
    """Return an ellipsoid with the given semi-axes."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    return lathe(np.stack([np.cos(angles), np.sin(angles)], 1), segments).stretched(x, y, z)


def lathe(profile: ArrayLike, segments: int = 20) -> Mesh:
    """Return the solid of revolution about y of a profile of (radius, height) pairs.

    The profile starts and ends on the axis (radius 0).
    """
    radius, height = np.asarray(profile, dtype=float).T
    angles = np.arange(segments) * (2 * np.pi / segments)
    circle = np.stack([np.cos(angles), np.zeros(segments), np.sin(angles)], 1)
    return loft([r * circle + [0, h, 0] for r, h in zip(radius, height, strict=True)])


def tube(path: ArrayLike, radius: float | Sequence[float], segments: int = 8) -> Mesh:
    """Return a round tube along a polyline, shape (n, 3), its ends closed."""
    points = np.asarray(path, dtype=float)
    radii = np.broadcast_to(np.asarray(radius, dtype=float), (len(points),))
    tangents = _unit(np.gradient(points, axis=0))
    side = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    angles = np.arange(segments) * (2 * np.pi / segments)
    rings = []
    for point, tangent, r in zip(points, tangents, radii, strict=True):
        side = _unit(side - tangent * (side @ tangent))
        up = np.cross(tangent, side)
        rings.append(point + r * (np.outer(np.cos(angles), side) + np.outer(np.sin(angles), up)))
    return loft(rings)


def rod(start: ArrayLike, end: ArrayLike, radius: float, segments: int = 8) -> Mesh:
    """Return a straight round bar between two points."""
    return tube(np.array([start, end], dtype=float), radius, segments)


def extrude(outline: ArrayLike, depth: float) -> Mesh:
    """Return a polygon in the xy plane, shape (n, 2), extruded along z about z = 0."""
    polygon = np.asarray(outline, dtype=float)
    if _area(polygon) < 0:
        polygon = polygon[::-1]
    n = len(polygon)
    caps = _triangulate(polygon)
    following = (np.arange(n) + 1) % n
    near, far = np.arange(n), np.arange(n) + n
    faces = [
        caps,
        caps[:, ::-1] + n,
        np.stack([near, far, far[following]], 1),
        np.stack([near, far[following], near[following]], 1),
    ]
    vertices = np.concatenate([np.insert(polygon, 2, z, axis=1) for z in (depth / 2, -depth / 2)])
    return _solid(vertices, np.concatenate(faces))


def loft(rings: Iterable[ArrayLike]) -> Mesh:
    """Return the solid through closed rings of equally many points, its two ends closed."""
    stacked = np.asarray([np.asarray(ring, dtype=float) for ring in rings])
    n_rings, n, _ = stacked.shape
    vertices = np.concatenate(
        [stacked.reshape(-1, 3), stacked[0].mean(0)[None], stacked[-1].mean(0)[None]]
    )
    this = np.arange(n)
    following = (this + 1) % n
    last = (n_rings - 1) * n
    faces = [
        np.stack([np.full(n, n_rings * n), following, this], 1),
        np.stack([np.full(n, n_rings * n + 1), this + last, following + last], 1),
    ]
    for k in range(n_rings - 1):
        low, high = k * n, (k + 1) * n
        faces.append(np.stack([this + low, following + low, following + high], 1))
        faces.append(np.stack([this + low, following + high, this + high], 1))
    return _solid(vertices, np.concatenate(faces))


def _solid(vertices: Floats, faces: Ints) -> Mesh:
    """Weld, drop empty faces, wind outwards, and give normals that keep creases."""
    _, first, merged = np.unique(
        np.round(vertices, 9), axis=0, return_index=True, return_inverse=True
    )
    vertices, faces = vertices[first], merged.reshape(-1)[faces]
    cross = _face_cross(vertices, faces)
    faces = faces[np.linalg.norm(cross, axis=1) > 1e-12]
    volume = np.einsum("ij,ij->", vertices[faces[:, 0]], _face_cross(vertices, faces))
    if volume < 0:
        faces = faces[:, ::-1]
    return _with_normals(vertices, faces)


def _with_normals(vertices: Floats, faces: Ints) -> Mesh:
    """Average face normals over the faces around a vertex that meet at a flat angle."""
    cross = _face_cross(vertices, faces)
    flat = _unit(cross)
    corner_vertex = faces.reshape(-1)
    corner_face = np.repeat(np.arange(len(faces)), 3)
    order = np.argsort(corner_vertex, kind="stable")
    counts = np.bincount(corner_vertex, minlength=len(vertices))
    starts = np.cumsum(counts) - counts
    valence = counts[corner_vertex]
    left = np.repeat(np.arange(len(corner_vertex)), valence)
    within = np.arange(len(left)) - np.repeat(np.cumsum(valence) - valence, valence)
    right = order[np.repeat(starts[corner_vertex], valence) + within]
    one, other = corner_face[left], corner_face[right]
    smooth = np.einsum("ij,ij->i", flat[one], flat[other]) > _CREASE
    total = np.zeros((len(corner_vertex), 3))
    np.add.at(total, left[smooth], cross[other[smooth]])
    normals = _unit(total)
    key = np.concatenate([corner_vertex[:, None], np.round(normals, 5)], axis=1)
    _, first, corner = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return Mesh(
        vertices=vertices[corner_vertex[first]],
        normals=normals[first],
        faces=corner.reshape(-1, 3),
        paint=np.zeros(len(faces), dtype=np.int64),
    )


def _face_cross(vertices: Floats, faces: Ints) -> Floats:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = vectors / np.where(length > 0, length, 1.0)
    return unit


def _area(polygon: Floats) -> float:
    x, y = polygon.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _triangulate(polygon: Floats) -> Ints:
    """Ear clipping of a simple counter-clockwise polygon."""

    def turn(a: int, b: int, c: int) -> float:
        (ax, ay), (bx, by), (cx, cy) = polygon[a], polygon[b], polygon[c]
        return float((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))

    left = list(range(len(polygon)))
    triangles = []
    while len(left) > 3:
        for k in range(len(left)):
            a, b, c = left[k - 1], left[k], left[(k + 1) % len(left)]
            others = (p for p in left if p not in (a, b, c))
            if turn(a, b, c) > 0 and not any(
                turn(a, b, p) >= 0 and turn(b, c, p) >= 0 and turn(c, a, p) >= 0 for p in others
            ):
                triangles.append((a, b, c))
                del left[k]
                break
        else:
            raise ValueError("the outline crosses itself")
    return np.array([*triangles, tuple(left)])
