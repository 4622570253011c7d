"""Reads glTF 2.0 (.gltf, .glb): the default scene at rest, every node in its place.

Source: Khronos, glTF 2.0 specification, and those of the extensions that are named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine.gltf_materials import Wardrobe
from hyp.datasets.engine.gltf_values import Tree, Values, compressed, read_tree
from hyp.datasets.engine.polygons import cut_strip
from hyp.datasets.engine.soup import Companions, Part, Remarks
from hyp.errors import HypError

Floats = NDArray[np.float64]

_POINTS_AND_LINES = range(4)
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_DRACO = "KHR_draco_mesh_compression"
_INSTANCES = "EXT_mesh_gpu_instancing"
_VISIBILITY = "KHR_node_visibility"

_DRAWN = {
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_emissive_strength",
    "KHR_materials_variants",
    "EXT_texture_webp",
    _INSTANCES,
    _VISIBILITY,
}
"""Extensions that are drawn as they say."""

_UNSEEN = {
    "KHR_lights_punctual",
    "KHR_xmp",
    "KHR_xmp_json_ld",
    "KHR_animation_pointer",
    "KHR_materials_anisotropy",
    "KHR_materials_clearcoat",
    "KHR_materials_dispersion",
    "KHR_materials_ior",
    "KHR_materials_iridescence",
    "KHR_materials_sheen",
    "KHR_materials_specular",
}
"""Extensions of gloss, lights and remarks, none of which the engine's look has."""


@dataclass(frozen=True)
class _Node:
    """A node of the default scene: its number, its name among all, its place in the world."""

    number: int
    name: str
    matrix: Floats


def read_gltf(
    content: bytes, companions: Companions, remarks: Remarks, *, binary: bool, opaque: bool
) -> list[Part]:
    """Return the triangles of a file's default scene.

    Parameters
    ----------
    content : bytes
        The file.
    companions : Companions
        The files beside it.
    remarks : Remarks
        Filled with what is to be said.
    binary : bool
        Whether it is GLB.
    opaque : bool
        Whether transparent materials are drawn opaque; else they are refused.

    Raises
    ------
    HypError
        If it needs an extension or a feature that is not drawn.
    """
    tree, chunk = read_tree(content, binary=binary)
    _check_required(tree, companions.name)
    values = Values(tree, chunk, companions)
    wardrobe = Wardrobe(tree, values, companions, remarks, opaque=opaque)
    if tree.get("animations"):
        remarks.left_out.add("animations")
    nodes = {node.number: node for node in _nodes(tree, companions.name, remarks)}
    parts = []
    for node in sorted(nodes.values(), key=lambda node: node.name):
        here = tree["nodes"][node.number]
        if "mesh" not in here:
            continue
        mesh = tree["meshes"][here["mesh"]]
        weights = here.get("weights", mesh.get("weights", ()))
        matrices = _instances(here, node, values, remarks)
        for primitive in mesh["primitives"]:
            corners = _corners(primitive, values, companions.name, remarks)
            if corners is None:
                continue
            points = _points(primitive, values, weights, remarks)
            if "skin" in here:
                points = _skinned(tree, here["skin"], primitive, points, nodes, values)
                remarks.mended.add("skin")
                matrices = [np.eye(4)]
            tints, uvs, skin = wardrobe.dressed(primitive, corners)
            part = Part(points[corners], tints, uvs, skin)
            parts += [_placed(part, matrix) for matrix in matrices]
    remarks.mended |= values.mended
    return parts


def _check_required(tree: Tree, name: str) -> None:
    for needed in tree.get("extensionsRequired", ()):
        if needed == _DRACO:
            raise compressed(name, "Draco", _DRACO)
        if needed == "KHR_texture_basisu":
            raise HypError(
                f"{name} has KTX2 textures ({needed}), which hyp does not read; export it with "
                "PNG or JPEG."
            )
        if needed not in _DRAWN and needed not in _UNSEEN:
            raise HypError(
                f"{name} requires the glTF extension {needed}, which hyp does not know how to "
                "draw; export it without."
            )


def _nodes(tree: Tree, name: str, remarks: Remarks) -> Iterator[_Node]:
    """Yield the nodes of the default scene."""
    if not tree.get("scenes"):
        raise HypError(f"{name} has no scene; export one.")
    nodes = tree.get("nodes", [])
    names: dict[str, int] = {}
    for number, node in enumerate(nodes):
        wanted = called = str(node.get("name", number))
        count = 0
        while called in names:
            called, count = f"{wanted}_{count}", count + 1
        names[called] = number
    called_of = {number: called for called, number in names.items()}
    roots = tree["scenes"][tree.get("scene", 0)].get("nodes", [])
    waiting = [(number, np.eye(4)) for number in roots]
    seen: set[int] = set()
    while waiting:
        number, above = waiting.pop()
        if number in seen:
            raise ValueError(f"node {number} stands in two places of the scene")
        seen.add(number)
        node = nodes[number]
        if not node.get("extensions", {}).get(_VISIBILITY, {}).get("visible", True):
            remarks.mended.add("hidden nodes")
            continue
        if "camera" in node and (node.get("children") or "mesh" in node):
            remarks.mended.add("camera with parts")
        matrix = above @ _local(node)
        waiting += [(child, matrix) for child in node.get("children", ())]
        yield _Node(number, called_of[number], matrix)


def _local(node: dict[str, Any]) -> Floats:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    return _transform(node.get("translation"), node.get("rotation"), node.get("scale"))


def _transform(translation: Any, rotation: Any, scale: Any) -> Floats:
    """Return the matrix that scales, then rotates, then moves."""
    from trimesh import transformations

    maths: Any = transformations
    matrix: Floats = np.eye(4)
    if translation is not None:
        matrix = matrix @ maths.translation_matrix(translation)
    if rotation is not None:
        matrix = matrix @ maths.quaternion_matrix(np.reshape(rotation, 4)[[3, 0, 1, 2]])
    if scale is not None:
        matrix = matrix @ np.diag([*scale, 1.0])
    return matrix


def _instances(here: dict[str, Any], node: _Node, values: Values, remarks: Remarks) -> list[Floats]:
    """Return the places of a node's mesh: its own, or those of its instances."""
    instancing = here.get("extensions", {}).get(_INSTANCES)
    if instancing is None:
        return [node.matrix]
    remarks.mended.add(_INSTANCES)
    given = [instancing["attributes"].get(k) for k in ("TRANSLATION", "ROTATION", "SCALE")]
    columns = [None if number is None else values.read(number) for number in given]
    counts = {len(column) for column in columns if column is not None}
    if len(counts) != 1:
        raise ValueError("its instances have attributes of different lengths")
    rows = range(counts.pop())
    return [node.matrix @ _transform(*(c if c is None else c[k] for c in columns)) for k in rows]


def _corners(
    primitive: dict[str, Any], values: Values, name: str, remarks: Remarks
) -> NDArray[np.int64] | None:
    """Return the vertices of each triangle, shape (n, 3); None for points and lines."""
    mode = primitive.get("mode", _TRIANGLES)
    if mode in _POINTS_AND_LINES:
        remarks.left_out.add("points and lines")
        return None
    attributes = primitive["attributes"]
    if _DRACO in primitive.get("extensions", {}) and any(
        "bufferView" not in values.accessor(number) for number in attributes.values()
    ):
        raise compressed(name, "Draco", _DRACO)
    count = values.accessor(attributes["POSITION"])["count"]
    flat = np.arange(count)
    if "indices" in primitive:
        flat = values.read(primitive["indices"]).astype(np.int64)
    if mode == _TRIANGLES:
        corners = flat.reshape(-1, 3)
    elif mode == _STRIP:
        corners = cut_strip(flat)
    elif mode == _FAN:
        remarks.mended.add("triangle fans")
        corners = np.stack([flat[1:-1], flat[2:], np.full(len(flat) - 2, flat[0])], axis=1)
    else:
        raise ValueError(f"a primitive has the unknown mode {mode}")
    if len(corners) and corners.max() >= count:
        raise ValueError("a face names a vertex that is not there")
    return corners


def _points(primitive: dict[str, Any], values: Values, weights: Any, remarks: Remarks) -> Floats:
    """Return the vertices with the morph targets at the weights of rest, shape (n, 3)."""
    number = primitive["attributes"]["POSITION"]
    points = np.asarray(values.read(number), dtype=np.float64)
    if values.accessor(number).get("normalized"):
        remarks.mended.add("quantised positions")
    for weight, target in zip(weights, primitive.get("targets", ()), strict=False):
        if weight and "POSITION" in target:
            remarks.mended.add("morph targets")
            points = points + weight * values.read(target["POSITION"])
    return points


def _skinned(
    tree: Tree,
    number: int,
    primitive: dict[str, Any],
    points: Floats,
    nodes: dict[int, _Node],
    values: Values,
) -> Floats:
    """Return vertices where the joints of their skin put them, shape (n, 3)."""
    skin = tree["skins"][number]
    absent = [joint for joint in skin["joints"] if joint not in nodes]
    if absent:
        raise ValueError(f"the joint {absent[0]} of a skin is not in the scene")
    joints = np.stack([nodes[joint].matrix for joint in skin["joints"]])
    if "inverseBindMatrices" in skin:
        inverse = values.read(skin["inverseBindMatrices"]).reshape(-1, 4, 4)
        joints = joints @ inverse[: len(joints)].transpose(0, 2, 1)
    moved, total = np.zeros((len(points), 3)), np.zeros((len(points), 1))
    attributes = primitive["attributes"]
    group = 0
    while f"JOINTS_{group}" in attributes:
        which = values.read(attributes[f"JOINTS_{group}"]).astype(np.int64)
        share = np.asarray(values.read(attributes[f"WEIGHTS_{group}"]), dtype=np.float64)
        for column in range(4):
            matrices, weight = joints[which[:, column]], share[:, column : column + 1]
            turned = np.einsum("nij,nj->ni", matrices[:, :3, :3], points) + matrices[:, :3, 3]
            moved += weight * turned
            total += weight
        group += 1
    if not group:
        raise ValueError("a skinned mesh has no joints")
    return moved / np.where(total > 0, total, 1.0)


def _placed(part: Part, matrix: Floats) -> Part:
    """Return triangles that a matrix moves; one that mirrors them keeps their outer side."""
    corners = part.corners @ matrix[:3, :3].T + matrix[:3, 3]
    if np.linalg.det(matrix[:3, :3]) < 0:
        return Part(corners[:, ::-1], part.tints[:, ::-1], part.uvs[:, ::-1], part.skin)
    return Part(corners, part.tints, part.uvs, part.skin)
