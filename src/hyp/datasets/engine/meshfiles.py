"""The user's meshes: files of triangles and colours, brought into the engine's shape.

Files are parsed by trimesh (https://trimesh.org): glTF 2.0 (.gltf, .glb), Wavefront OBJ with
MTL, STL and PLY. All of them are right-handed; the engine's frame is Unity's, left-handed
with y up. A file's x axis is reversed, as Unity's importers do: what faces +z in the file
faces +z in the engine, and its left side stays on its left.

What is drawn: triangles (a quad counts as two), every node of the scene graph in its place;
the base colour of a material and its texture, or vertex or face colours. glTF's factors and
vertex colours are linear, as its specification says; all others are sRGB. What is not:
normals in the file (they are made anew, smooth up to creases of 42 degrees), transparency,
metal, gloss, emission, normal maps, skins and animations.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hyp.datasets.engine.mesh import Model, Skin
from hyp.datasets.engine.pictures import Pixels, decoded_image
from hyp.datasets.engine.worlds import Axis
from hyp.errors import HypError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
"""Files that an object may be."""

MOST_TRIANGLES = 30_000
MOST_BYTES = 256 << 20

_SMALLEST, _LARGEST = 1e-6, 1e6
_SPECK = 0.05  # of the extent; all but a hundredth of the surface at either end lies within
_WELD = 1_000_000  # points closer than one part of the unit size are one
_CREASE = np.cos(np.radians(42.0))
_GREY = 0.49
_NO_COLOUR = np.ones(3)


@dataclass(frozen=True)
class _Soup:
    """Triangles by their corners: position (n, 3, 3), tint (n, 3, 3), uv (n, 3, 2), skin (n,)."""

    corners: Floats
    tints: Floats
    uvs: Floats
    paint: Ints


def read_model(path: Path, name: str, up: Axis = "y") -> tuple[Model, str]:
    """Read a mesh file.

    Parameters
    ----------
    path : Path
        Its suffix says what it is.
    name : str
        What messages call it.
    up : {"y", "z"}
        The file's upward axis. Where it is z, the front is -y, as in Blender.

    Returns
    -------
    Model
        Unit-sized, centred, in the engine's frame.
    str
        SHA-256 of the file and of every file that it names.

    Raises
    ------
    HypError
        If it cannot be read, names a file that is missing or outside its folder, has no
        faces, NaN or infinity, more than `MOST_TRIANGLES` triangles, or an absurd scale.
    """
    content, scene, companions = _parsed(path, name)
    try:
        soup, skins = _gathered(scene, name, linear=path.suffix.lower() in (".glb", ".gltf"))
    except HypError:
        raise
    except Exception as error:
        raise HypError(f"{name} is damaged ({error}); export it again.") from error
    digest = hashlib.sha256(hashlib.sha256(content).digest())
    for companion, its_content in sorted(companions.items()):
        digest.update(companion.encode())
        digest.update(hashlib.sha256(its_content).digest())
    return _modelled(soup, skins, name, up), digest.hexdigest()


def _parsed(path: Path, name: str) -> tuple[bytes, Any, dict[str, bytes]]:
    """Return a file's bytes, trimesh's scene of it, and the files that it names."""
    import trimesh
    from trimesh.resolvers import FilePathResolver

    class Companions(FilePathResolver):
        """Hands out the files beside the mesh, and keeps what it handed out."""

        def get(self, name: str) -> bytes:
            plain = unquote(name.strip().replace("\\", "/"))
            failure: Exception | None = None
            for asked in (plain, plain.split()[-1]):
                try:
                    given[plain] = super().get(asked)
                except (OSError, ValueError) as error:
                    failure = failure or error
                else:
                    return given[plain]
            assert failure is not None
            absent.append(plain)
            raise failure

    given: dict[str, bytes] = {}
    absent: list[str] = []
    kind = path.suffix.lower().lstrip(".")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise HypError(
                f"{name} has {size >> 20} MiB, more than the {MOST_BYTES >> 20} MiB of a mesh "
                "file; simplify it or reduce its textures."
            )
        content = path.read_bytes()
        if kind == "gltf":
            json.loads(content)  # trimesh would look for another file
        scene = trimesh.load_scene(
            BytesIO(content), file_type=kind, resolver=Companions(str(path)), process=False
        )
    except HypError:
        raise
    except Exception as error:
        if not absent:
            reason = str(error) or type(error).__name__
            raise HypError(f"{name} cannot be read as {kind.upper()} ({reason}).") from error
    if absent:
        raise HypError(
            f"{name} names the file {absent[0]!r}, which is not in its folder or below it; put "
            "it there."
        )
    for companion, its_content in given.items():
        if Path(companion).suffix.lower() not in (".mtl", ".bin", ".gltf", ".glb"):
            _check_image(its_content, f"{companion}, a texture of {name},")
    return content, scene, given


def _check_image(content: bytes, name: str) -> None:
    try:
        decoded_image(Image.open(BytesIO(content)))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise HypError(f"{name} cannot be read ({error}); replace it.") from error


def _gathered(scene: Any, name: str, *, linear: bool) -> tuple[_Soup, tuple[Skin, ...]]:
    """Return the triangles of all nodes of a scene, in the file's frame."""
    import trimesh

    meshes = {
        key: mesh for key, mesh in scene.geometry.items() if isinstance(mesh, trimesh.Trimesh)
    }
    placed = [(node, *scene.graph[node]) for node in sorted(scene.graph.nodes_geometry)]
    placed = [(transform, key) for _, transform, key in placed if key in meshes]
    n_faces = sum(len(meshes[key].faces) for _, key in placed)
    if not n_faces:
        raise HypError(f"{name} has no faces; export it as triangles.")
    if n_faces > MOST_TRIANGLES:
        raise HypError(
            f"{name} has {n_faces:,} triangles, more than {MOST_TRIANGLES:,}; decimate it, for "
            "instance in Blender or MeshLab."
        )
    skins: list[Skin] = []
    decoded: dict[int, Pixels] = {}
    ready: dict[str, _Soup] = {}
    for key in dict.fromkeys(key for _, key in placed):
        ready[key] = _dressed(meshes[key], skins, decoded, linear)
    parts = []
    for transform, key in placed:
        part = ready[key]
        corners = part.corners @ transform[:3, :3].T + transform[:3, 3]
        if np.linalg.det(transform[:3, :3]) < 0:
            parts.append(
                _Soup(corners[:, ::-1], part.tints[:, ::-1], part.uvs[:, ::-1], part.paint)
            )
        else:
            parts.append(_Soup(corners, part.tints, part.uvs, part.paint))
    return _joined(parts), tuple(skins)


def _joined(parts: list[_Soup]) -> _Soup:
    return _Soup(
        *(
            np.concatenate([getattr(part, field) for part in parts])
            for field in _Soup.__annotations__
        )
    )


def _dressed(mesh: Any, skins: list[Skin], decoded: dict[int, Pixels], linear: bool) -> _Soup:
    """Return a mesh's triangles with their colours, and add its material to `skins`.

    `decoded` holds the textures met before, by the id of trimesh's image.
    """
    faces = np.asarray(mesh.faces, dtype=np.int64)
    if faces.min() < 0:
        raise ValueError("a face names a vertex that is not there")
    n, visual = len(faces), mesh.visual
    tints, uvs = np.ones((n, 3, 3)), np.zeros((n, 3, 2))
    material = getattr(visual, "material", None)
    colours = getattr(visual, "vertex_attributes", {}).get("color")
    colour, texture = np.full(3, _GREY), None
    if material is not None:
        colour, image = _base_colour(material, linear)
        if image is not None and visual.uv is not None:
            if id(image) not in decoded:
                decoded[id(image)] = decoded_image(image)
            texture = decoded[id(image)]
            uvs = np.asarray(visual.uv, dtype=np.float64)[faces] * [1.0, -1.0] + [0.0, 1.0]
    elif visual.kind == "vertex":
        colours = visual.vertex_colors
    elif visual.kind == "face":
        tints = np.repeat(_light(visual.face_colors, linear)[:, None], 3, axis=1)
        colour = _NO_COLOUR
    if colours is not None:
        tints = _light(colours, linear)[faces]
        colour = colour if material is not None else _NO_COLOUR
    skins.append(Skin(colour, texture, bool((tints != 1.0).any())))
    corners = np.asarray(mesh.vertices, dtype=np.float64)[faces]
    return _Soup(corners, tints, uvs, np.full(n, len(skins) - 1))


def _base_colour(material: Any, linear: bool) -> tuple[Floats, Any]:
    """Return a material's linear base colour and its image, which is None where it has none."""
    if hasattr(material, "baseColorFactor"):
        factor, image = material.baseColorFactor, material.baseColorTexture
    else:
        factor, image = material.diffuse, material.image
        if image is not None:
            factor = None  # OBJ files that have a texture often have a black or grey factor
    if factor is None:
        return _NO_COLOUR, image
    return _light(np.asarray(factor)[None], linear)[0], image


def _light(colours: Any, linear: bool) -> Floats:
    """Return colours, shape (n, 3 or 4), as linear light, shape (n, 3)."""
    from trimesh.visual.color import to_rgba

    values = np.asarray(to_rgba(np.asarray(colours)), dtype=np.float64)[:, :3] / 255.0
    return values if linear else np.square(values)


def _modelled(soup: _Soup, skins: tuple[Skin, ...], name: str, up: Axis) -> Model:
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
    label = smooth * len(skins) + np.repeat(paint, 3)
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
        skins=skins,
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
