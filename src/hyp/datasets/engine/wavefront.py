"""Reads Wavefront OBJ: its polygons; for materials see `hyp.datasets.engine.wavefront_materials`.

Source: Wavefront, Advanced Visualizer manual, appendix B1 (object files).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine.mesh import Skin
from hyp.datasets.engine.polygons import cut_polygons
from hyp.datasets.engine.soup import GREY, NO_COLOUR, Companions, Part, Remarks, light
from hyp.datasets.engine.wavefront_materials import Material, read_materials
from hyp.errors import HypError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Polygon = list[tuple[int, int | None]]

_FREE_FORM = ("curv", "curv2", "surf", "cstype")
_NO_SURFACE = ("p", "l")
_NO_MATERIAL = ("", "(null)")


@dataclass
class _Content:
    """What a file holds; `polygons` lists those of each material, by vertex and UV."""

    vertices: list[list[float]] = field(default_factory=list)
    uvs: list[list[float]] = field(default_factory=list)
    polygons: dict[str | None, list[Polygon]] = field(default_factory=dict)
    libraries: list[str] = field(default_factory=list)
    relative: set[tuple[str, int]] = field(default_factory=set)


def read_obj(
    content: bytes, companions: Companions, remarks: Remarks, *, opaque: bool
) -> list[Part]:
    """Return the polygons of a file as triangles, one part for each material.

    Parameters
    ----------
    content : bytes
        The file.
    companions : Companions
        The files beside it.
    remarks : Remarks
        Filled with what is to be said.
    opaque : bool
        Whether transparent materials are drawn opaque; else they are refused.

    Raises
    ------
    HypError
        If it has a feature that is not drawn, or names a material that is not there.
    """
    read = _read(content, companions.name, remarks)
    if any(
        (len(read.vertices) if kind == "v" else len(read.uvs)) != n for kind, n in read.relative
    ):
        remarks.mended.add("relative numbers")
    used = {name for name in read.polygons if name is not None}
    materials = read_materials(read.libraries, used, companions, remarks)
    polygons: dict[str | None, list[Polygon]] = {}
    for name, some in read.polygons.items():
        is_none = name in _NO_MATERIAL and name not in materials
        if name in _NO_MATERIAL and not is_none:
            remarks.mended.add("material without a name")
        polygons.setdefault(None if is_none else name, []).extend(some)
    vertices, colours = _vertices(read, companions.name, remarks)
    parts = []
    for name in _ordered(polygons, companions.file, several=len(materials) > 1):
        material = None if name is None else materials.get(name)
        if name is not None and material is None:
            if read.libraries:
                raise HypError(
                    f"{companions.name} names the material {name!r}, which "
                    f"{' and '.join(read.libraries)} does not define; export it again with its "
                    "materials."
                )
            remarks.left_out.add("materials that no file defines")
        corners = _triangles(polygons[name], vertices, remarks)
        uvs = _uvs(read, corners, material, companions.name)
        if material is None and (corners[..., 1] >= 0).all():
            remarks.mended.add("UVs without image")
        if material is not None:
            material.check(companions.name, remarks, opaque=opaque)
        parts.append(_part(vertices[corners[..., 0]], corners, uvs, colours, material, remarks))
    return parts


def _read(content: bytes, name: str, remarks: Remarks) -> _Content:
    from trimesh.util import decode_text

    read = _Content()
    material: str | None = None
    text = decode_text(content).replace("\r\n", "\n").replace("\\\n", " ")
    for number, line in enumerate(text.split("\n"), start=1):
        key, *words = line.split(None, 1) or ("",)
        rest = words[0].strip() if words else ""
        try:
            if key == "v":
                read.vertices.append([float(word) for word in rest.partition("#")[0].split()])
            elif key == "vt":
                read.uvs.append([float(word) for word in rest.partition("#")[0].split()][:2])
            elif key in ("f", "fo"):
                polygon = _polygon(rest.partition("#")[0], read)
                if len(polygon) < 3:
                    remarks.left_out.add("faces of fewer than three corners")
                    continue
                read.polygons.setdefault(material, []).append(polygon)
            elif key == "usemtl":
                material = rest
            elif key == "mtllib":
                read.libraries.append(rest)
            elif key in _FREE_FORM:
                raise HypError(
                    f"{name} has free-form curves or surfaces ({key}), which hyp does not draw; "
                    "export it as polygons."
                )
            elif key in _NO_SURFACE:
                remarks.left_out.add("points and lines")
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number}: {error}") from error
    return read


def _polygon(text: str, read: _Content) -> Polygon:
    """Return a face's corners by vertex and UV, from 0; negative numbers count back from here."""
    corners: Polygon = []
    for word in text.split():
        vertex, _, rest = word.partition("/")
        uv = rest.partition("/")[0]
        place = _place(int(vertex), "v", read)
        corners.append((place, _place(int(uv), "vt", read) if uv else None))
    return corners


def _place(number: int, kind: str, read: _Content) -> int:
    if number > 0:
        return number - 1
    n = len(read.vertices) if kind == "v" else len(read.uvs)
    if number == 0 or n + number < 0:
        raise ValueError(f"there is no {kind} {number}")
    read.relative.add((kind, n))
    return n + number


def _vertices(read: _Content, name: str, remarks: Remarks) -> tuple[Floats, Floats | None]:
    """Return positions, and the linear colours that may follow them, shape (n, 3) each."""
    if not read.vertices or any(len(row) < 3 for row in read.vertices):
        raise ValueError("it has vertices without three coordinates, or none")
    positions = np.array([row[:3] for row in read.vertices])
    coloured = [row[3:6] for row in read.vertices if len(row) >= 6]
    if not coloured:
        return positions, None
    if len(coloured) < len(positions):
        raise HypError(f"{name} has colours at some vertices only; give all of them one.")
    colours = np.array(coloured)
    if colours.max() > 1.0:
        remarks.mended.add("colours up to 255")
        colours = colours / 255.0
    return positions, light(colours, linear=False)


def _ordered(
    polygons: dict[str | None, list[Polygon]], file: str, *, several: bool
) -> list[str | None]:
    """Return the materials in the order in which trimesh lists them, last met first by name.

    Of two faces in one place the later one is seen: images stay what they were.
    """
    from trimesh.util import unique_name

    named: dict[str, str | None] = {}
    for material in reversed(polygons):
        base = material if several and material is not None else file
        named[unique_name(base, named)] = material
    return [named[name] for name in sorted(named)]


def _triangles(polygons: list[Polygon], vertices: Floats, remarks: Remarks) -> Ints:
    """Return triangles by vertex and UV (-1 where there is none), shape (n, 3, 2).

    Where all are quads, their first halves come first, as in trimesh.
    """
    flat = [(v, -1 if uv is None else uv) for polygon in polygons for v, uv in polygon]
    corners = np.array(flat, dtype=np.int64)
    if corners[:, 0].max() >= len(vertices):
        raise ValueError("a face names a vertex that is not there")
    sizes = np.array([len(polygon) for polygon in polygons])
    polygon, place, clipped = cut_polygons(corners[:, 0], sizes, vertices)
    if clipped:
        remarks.mended.add("concave polygons")
    if (sizes == 4).all() and len(polygon) == 2 * len(sizes):
        halves = np.concatenate([np.arange(0, len(polygon), 2), np.arange(1, len(polygon), 2)])
        polygon, place = polygon[halves], place[halves]
    first = np.cumsum(sizes) - sizes
    triangles: Ints = corners[first[polygon][:, None] + place]
    return triangles


def _uvs(read: _Content, corners: Ints, material: Material | None, name: str) -> Floats:
    """Return places in the texture from its upper left corner, shape (n, 3, 2)."""
    if material is None or not material.is_textured:
        return np.zeros((len(corners), 3, 2))
    which = corners[..., 1]
    if which.min() < 0 or which.max() >= len(read.uvs):
        raise HypError(
            f"{name} has faces of the textured material {material.name!r} without coordinates in "
            "the texture (vt); unwrap it."
        )
    uvs = np.array([[*row, 0.0][:2] for row in read.uvs], dtype=np.float64)[which]
    return material.moved(uvs, name) * [1.0, -1.0] + [0.0, 1.0]


def _part(
    positions: Floats,
    corners: Ints,
    uvs: Floats,
    colours: Floats | None,
    material: Material | None,
    remarks: Remarks,
) -> Part:
    if material is not None:
        if colours is not None:
            remarks.left_out.add("colours of vertices that have a material")
        return Part(positions, np.ones((len(corners), 3, 3)), uvs, material.skin)
    if colours is None:
        return Part(
            positions, np.ones((len(corners), 3, 3)), uvs, Skin(np.full(3, GREY), None, False)
        )
    tints = colours[corners[..., 0]]
    return Part(positions, tints, uvs, Skin(NO_COLOUR, None, bool((tints != 1.0).any())))
