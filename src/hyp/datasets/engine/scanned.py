"""Reads PLY and STL, the formats of scanners and printers: polygons, colours, one texture."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine.mesh import Skin, Texture
from hyp.datasets.engine.pictures import decoded_image
from hyp.datasets.engine.ply_values import Column, read_elements
from hyp.datasets.engine.polygons import cut_polygons, cut_strip
from hyp.datasets.engine.soup import GREY, NO_COLOUR, Companions, Part, Remarks, light
from hyp.errors import HypError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FACES = ("vertex_index", "vertex_indices")
_UVS = (("texture_u", "texture_v"), ("u", "v"), ("s", "t"))
_COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_STL_HEAD, _STL_FACET = 84, 50


def read_ply(content: bytes, companions: Companions, remarks: Remarks) -> list[Part]:
    """Return the faces and triangle strips of a PLY file as triangles.

    Raises
    ------
    HypError
        If it has several textures.
    """
    read = read_elements(content)
    elements = read.elements
    if not {"x", "y", "z"} <= elements.get("vertex", {}).keys():
        raise ValueError("it has no vertices with x, y and z")
    vertices = np.stack([np.asarray(elements["vertex"][axis], np.float64) for axis in "xyz"], 1)
    faces = elements.get("face", {})
    polygons = next((faces[key] for key in _FACES if key in faces), [])
    corners, face, place = _cut(polygons, vertices, remarks)
    strips = [strip for key in elements.get("tristrips", {}).values() for strip in key]
    if len(strips):
        extra = _strips(strips)
        corners = np.concatenate([corners, extra])
        face = np.concatenate([face, np.full(len(extra), -1)])
        place = np.concatenate([place, np.zeros_like(extra)])
    if len(corners) and (corners.min() < 0 or corners.max() >= len(vertices)):
        raise ValueError("a face names a vertex that is not there")
    uvs = _uvs(elements["vertex"], faces, corners, face, place)
    if len(read.textures) > 1:
        raise HypError(
            f"{companions.name} has {len(read.textures)} textures, and hyp draws one of a PLY "
            "file; export it as OBJ or glTF."
        )
    shape = (len(corners), 3)
    if read.textures and uvs is None:
        raise HypError(
            f"{companions.name} has a texture, but no coordinates that say where it lies; export "
            "it with them."
        )
    if read.textures and uvs is not None:
        picture = Texture(decoded_image(companions.picture(read.textures[0])))
        if _colours(elements["vertex"], Remarks()) is not None:
            remarks.left_out.add("colours of vertices that have a texture")
        flipped = uvs * [1.0, -1.0] + [0.0, 1.0]
        return [
            Part(vertices[corners], np.ones((*shape, 3)), flipped, Skin(NO_COLOUR, picture, False))
        ]
    if uvs is not None:
        remarks.mended.add("UVs without image")
    of_vertices, of_faces = _colours(elements["vertex"], remarks), _colours(faces, remarks)
    tints = None
    if of_faces is not None:
        tints = np.repeat(of_faces[face][:, None], 3, axis=1)
        if of_vertices is not None:
            remarks.left_out.add("colours of vertices of coloured faces")
    elif of_vertices is not None:
        tints = of_vertices[corners]
    if tints is None:
        skin, tints = Skin(np.full(3, GREY), None, False), np.ones((*shape, 3))
    else:
        skin = Skin(NO_COLOUR, None, bool((tints != 1.0).any()))
    return [Part(vertices[corners], tints, np.zeros((*shape, 2)), skin)]


def _cut(polygons: Column, vertices: Floats, remarks: Remarks) -> tuple[Ints, Ints, Ints]:
    """Cut polygons into triangles: first those there are, then halves of quads, then the rest.

    Returns
    -------
    corners : ndarray, shape (n, 3)
        By vertex.
    face : ndarray, shape (n,)
        The polygon that a triangle is of.
    place : ndarray, shape (n, 3)
        Each corner's place in its polygon.
    """
    empty = np.zeros((0, 3), dtype=np.int64)
    if not len(polygons):
        return empty, np.zeros(0, dtype=np.int64), empty
    if isinstance(polygons, np.ndarray) and polygons.shape[1] == 3:
        corners = polygons.astype(np.int64)
        return corners, np.arange(len(corners)), np.tile(np.arange(3), (len(corners), 1))
    rows = [np.asarray(polygon, dtype=np.int64) for polygon in polygons if len(polygon) > 2]
    numbers = np.array([k for k, polygon in enumerate(polygons) if len(polygon) > 2])
    if not rows:
        return empty, np.zeros(0, dtype=np.int64), empty
    flat, sizes = np.concatenate(rows), np.array([len(row) for row in rows])
    if flat.min() < 0 or flat.max() >= len(vertices):
        raise ValueError("a face names a vertex that is not there")
    polygon, place, clipped = cut_polygons(flat, sizes, vertices)
    if clipped:
        remarks.mended.add("concave polygons")
    is_second = np.concatenate([[False], polygon[1:] == polygon[:-1]])
    kind = np.select([sizes[polygon] == 3, sizes[polygon] == 4], [0, 1 + is_second], 3)
    order = np.argsort(kind, kind="stable")
    polygon, place = polygon[order], place[order]
    first = np.cumsum(sizes) - sizes
    return flat[first[polygon][:, None] + place], numbers[polygon], place


def _strips(strips: list[NDArray[np.int64]]) -> Ints:
    """Return the triangles of strips, which -1 ends."""
    found = [np.zeros((0, 3), dtype=np.int64)]
    for strip in strips:
        whole = np.asarray(strip, dtype=np.int64)
        for part in np.split(whole, np.flatnonzero(whole < 0)):
            run = part[part >= 0]
            if len(run) > 2:
                found.append(cut_strip(run))
    return np.concatenate(found)


def _uvs(
    vertex: dict[str, Column], faces: dict[str, Column], corners: Ints, face: Ints, place: Ints
) -> Floats | None:
    """Return the corners' places in the texture, from its lower left corner, shape (n, 3, 2)."""
    by_face = faces.get("texcoord")
    if by_face is not None:
        rows = [np.asarray(row, dtype=np.float64).reshape(-1, 2) for row in by_face]
        return np.array([rows[f][p] for f, p in zip(face, place, strict=True)]).reshape(-1, 3, 2)
    for u, v in _UVS:
        if u in vertex and v in vertex:
            return np.stack([np.asarray(vertex[key], np.float64)[corners] for key in (u, v)], -1)
    return None


def _colours(columns: dict[str, Column], remarks: Remarks) -> Floats | None:
    """Return the linear colours of an element, shape (n, 3)."""
    for names in _COLOURS:
        if all(name in columns for name in names):
            colours = np.stack([np.asarray(columns[name]) for name in names], axis=1)
            if names != _COLOURS[0]:
                remarks.mended.add("colours called diffuse")
            if colours.dtype == np.uint16:
                remarks.mended.add("colours of 16 bits")
                colours = colours / 65535.0
            elif colours.dtype.kind == "f" and colours.size and colours.max() > 1.0:
                remarks.mended.add("colours up to 255")
                colours = colours / 255.0
            alpha = columns.get("alpha")
            if alpha is not None and np.asarray(alpha).min() < (
                255 if np.asarray(alpha).dtype == np.uint8 else 1
            ):
                remarks.left_out.add("alpha of colours")
            return light(colours, linear=False)
    return None


def read_stl(content: bytes, remarks: Remarks) -> list[Part]:
    """Return the triangles of an STL file, ASCII or binary, which has no colours.

    Raises
    ------
    ValueError
        If it is truncated, or no STL.
    """
    import trimesh

    n = int.from_bytes(content[_STL_HEAD - 4 : _STL_HEAD], "little")
    is_binary = len(content) == _STL_HEAD + n * _STL_FACET
    if not is_binary and content.lstrip()[:5].lower() != b"solid":
        raise ValueError("it is truncated, or no STL")
    if not is_binary and b"endsolid" not in content[-1024:].lower():
        raise ValueError("it is truncated: it does not end with endsolid")
    scene = trimesh.load_scene(BytesIO(content), file_type="stl", process=False)
    meshes = [scene.geometry[key] for key in sorted(scene.geometry)]
    if is_binary and n:
        facets = np.frombuffer(content, np.uint8, offset=_STL_HEAD).reshape(n, _STL_FACET)
        if facets[:, -2:].any() or b"COLOR=" in content[:_STL_HEAD]:
            remarks.left_out.add("colours of STL, which have no standard")
    grey = Skin(np.full(3, GREY), None, False)
    parts = []
    for mesh in meshes:
        corners = np.asarray(mesh.vertices, np.float64)[np.asarray(mesh.faces, np.int64)]
        shape = (len(corners), 3)
        parts.append(Part(corners, np.ones((*shape, 3)), np.zeros((*shape, 2)), grey))
    return parts
