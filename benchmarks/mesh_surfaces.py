"""What several readers make of a mesh file, in one form, and where they differ."""

from __future__ import annotations

import base64
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from scipy.spatial import cKDTree

from hyp.datasets.engine.mesh import Model, Texture

ROOM = 0.01
"""Share by which extents and areas may differ: hyp leaves out what is thinner than a line."""

STEP = 1.01 / 255
"""By how much linear factors may differ: hyp keeps them in bytes."""

TEXELS = 0.01
"""Share of sampled points whose texel may differ."""

_POINTS = np.array([[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4]]) / np.array([[3], [6], [6], [6]])
_PERMUTED = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]]
_NEAR = 2e-5
_MOST = 20_000


@dataclass(frozen=True)
class Layer:
    """What is shown on triangles: linear colours of corners, (n, 3, 3), times pictures.

    `uvs`, (n, 3, 2), are places from the upper left; `paint`, (n,), numbers `pictures`, of which
    -1 is none. A colour that is NaN is not known.
    """

    tints: np.ndarray
    uvs: np.ndarray
    paint: np.ndarray
    pictures: list[Texture]

    def texels(self, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return pictures at points of triangles, bilinear, 0 to 255, shape (rows, points, 3)."""
        places = np.einsum("pk,nkc->npc", weights, self.uvs[rows])
        found = np.full((*places.shape[:2], 3), 255.0)
        for number, picture in enumerate(self.pictures):
            here = self.paint[rows] == number
            height, width = picture.pixels.shape[:2]
            column = _neighbours(places[here, :, 0], width, picture.wraps[0])
            row = _neighbours(places[here, :, 1], height, picture.wraps[1])
            found[here] = sum(
                (share_y * share_x)[..., None] * picture.pixels[y, x]
                for y, share_y in row
                for x, share_x in column
            )
        return found


@dataclass(frozen=True)
class Surfaces:
    """Triangles, (n, 3, 3), in the file's frame; their base colour and, where known, their glow."""

    corners: np.ndarray
    base: Layer
    glow: Layer | None = None


def by_hyp(model: Model) -> Surfaces:
    """Return what hyp draws, mirrored back into the file's frame."""
    corners = model.vertices[model.faces] * [-1.0, 1.0, 1.0]
    skins, uvs = model.skins, model.uvs[model.faces]
    colour = np.stack([skin.colour for skin in skins])[model.paint][:, None]
    glow = np.stack([skin.glow for skin in skins])[model.paint][:, None]
    base = _layer(colour * model.tints[model.faces], uvs, model.paint, [s.texture for s in skins])
    shining = [skin.glow_texture for skin in skins]
    return Surfaces(corners, base, _layer(np.repeat(glow, 3, axis=1), uvs, model.paint, shining))


def by_trimesh(path: Path) -> Surfaces:
    """Return what trimesh reads; it has no skins, morph targets, wrapping or second UV sets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene = trimesh.load_scene(path, process=False)
        meshes = [mesh for mesh in scene.dump() if isinstance(mesh, trimesh.Trimesh)]
    linear = path.suffix.lower() in (".gltf", ".glb")
    parts = [(mesh.triangles, *_trimesh_look(mesh, linear)) for mesh in meshes]
    return _joined(parts)


def by_three(found: Path) -> Surfaces:
    """Return what three.js reads, as ``sweep_three.mjs`` wrote it."""
    told = json.loads(found.read_text())
    if "error" in told:
        raise ValueError(told["error"])
    wraps = {1000: "repeat", 1001: "clamp", 1002: "mirror"}

    def picture(said: dict[str, Any] | None) -> Texture | None:
        if said is None:
            return None
        image = Image.open(found.parent / said["name"]).convert("RGB")
        return Texture(np.asarray(image), tuple(wraps[wrap] for wrap in said["wraps"]))

    base, glow = [], []
    for part in told["parts"]:
        corners, uvs = _floats(part["corners"], 3), _floats(part["uvs"], 2)
        base.append((corners, _floats(part["tints"], 3), uvs, picture(part["texture"])))
        shining, uvs = np.broadcast_to(part["glow"], corners.shape), _floats(part["glowUvs"], 2)
        glow.append((corners, shining, uvs, picture(part["glowTexture"])))
    return Surfaces(_joined(base).corners, _joined(base).base, _joined(glow).base)


def difference(ours: Surfaces, theirs: Surfaces) -> str:
    """Say how two readings of a file differ; nothing where they do not."""
    one, other = _measures(ours.corners), _measures(theirs.corners)
    if not np.allclose(one, other, rtol=ROOM, atol=ROOM):
        return f"extents and area {one.round(3)}, not {other.round(3)}"
    rows, partners = _partners(_unit(ours.corners), _unit(theirs.corners))
    if len(rows) < 0.5 * min(len(theirs.corners), _MOST):
        return f"only {len(rows)} triangles are in both"
    told = [_look_differs("colours", ours.base, theirs.base, rows, partners)]
    if ours.glow is not None and theirs.glow is not None:
        told.append(_look_differs("glow", ours.glow, theirs.glow, rows, partners))
    return "; ".join(filter(None, told))


def _look_differs(
    what: str, ours: Layer, theirs: Layer, rows: np.ndarray, partners: np.ndarray
) -> str:
    """Compare the looks of triangles; of several at one place any may agree."""
    tint_gap = np.full(len(rows), np.inf)
    texel_gap = np.full((len(rows), len(_POINTS)), np.inf)
    for rank in range(partners.shape[1]):
        for way in _PERMUTED:
            here = (partners[:, rank, 0] >= 0) & (partners[:, rank, 1] == _PERMUTED.index(way))
            if not here.any():
                continue
            mine, its = partners[here, rank, 0], rows[here]
            gap = np.abs(ours.tints[mine][:, way] - theirs.tints[its]).max((1, 2))
            gap = np.where(np.isnan(gap), 0.0, gap)
            mixed = np.zeros_like(_POINTS)
            mixed[:, way] = _POINTS
            shown = np.abs(ours.texels(mine, mixed) - theirs.texels(its, _POINTS)).max(-1)
            shown = np.where(np.isnan(theirs.tints[its]).any((1, 2))[:, None], 0.0, shown)
            dark = (theirs.tints[its].max((1, 2)) <= STEP) & (gap <= STEP)
            shown = np.where(dark[:, None], 0.0, shown)
            better = gap + shown.max(1) / 255 < tint_gap[here] + texel_gap[here].max(1) / 255
            chosen = np.flatnonzero(here)[better]
            tint_gap[chosen], texel_gap[chosen] = gap[better], shown[better]
    told = []
    if (tint_gap > STEP).any():
        told.append(f"factors by up to {tint_gap.max():.3f} in {(tint_gap > STEP).mean():.1%}")
    if (texel_gap > 2).mean() > TEXELS:
        told.append(f"texels at {(texel_gap > 2).mean():.1%} of the points")
    return f"{what} differ: {', '.join(told)}" if told else ""


def _partners(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of theirs that are in ours too, and up to 8 of ours each, with their winding."""
    chosen = np.arange(len(theirs))
    if len(chosen) > _MOST:
        chosen = np.random.default_rng(0).choice(len(theirs), _MOST, replace=False)
    tree = cKDTree(ours.mean(1))
    near = tree.query(theirs[chosen].mean(1), k=min(8, len(ours)), distance_upper_bound=_NEAR)[1]
    near = near.reshape(len(chosen), -1)
    partners = np.full((*near.shape, 2), -1)
    for rank in range(near.shape[1]):
        there = near[:, rank] < len(ours)
        for number, way in reversed(list(enumerate(_PERMUTED))):
            apart = np.abs(ours[near[there, rank]][:, way] - theirs[chosen[there]]).max((1, 2))
            same = np.flatnonzero(there)[apart < _NEAR]
            partners[same, rank] = np.stack([near[same, rank], np.full(len(same), number)], axis=1)
    found = (partners[..., 0] >= 0).any(1)
    return chosen[found], partners[found]


def _measures(triangles: np.ndarray) -> np.ndarray:
    """Return the extents, and the area of the different triangles, by the largest extent."""
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    scaled = (triangles - low) / (high - low).max()
    grid = np.round(scaled * 1e5).astype(np.int64)
    order = np.lexsort(np.moveaxis(grid, -1, 0), axis=1)
    keys = np.take_along_axis(grid, order[..., None], axis=1).reshape(len(grid), -1)
    kept = scaled[np.unique(keys, axis=0, return_index=True)[1]]
    edges = kept[:, 1:] - kept[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2
    return np.append(scaled.max((0, 1)), area)


def _unit(triangles: np.ndarray) -> np.ndarray:
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    return (triangles - (low + high) / 2) / (high - low).max()


def _neighbours(place: np.ndarray, size: int, wrap: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the texels on either side of places along an axis, and their shares."""
    at = place * size - 0.5
    first = np.floor(at).astype(np.int64)
    share = at - first
    return [(_wrapped(first, size, wrap), 1.0 - share), (_wrapped(first + 1, size, wrap), share)]


def _wrapped(texel: np.ndarray, size: int, wrap: str) -> np.ndarray:
    if wrap == "clamp":
        return np.clip(texel, 0, size - 1)
    if wrap == "mirror":
        texel = texel % (2 * size)
        return np.where(texel < size, texel, 2 * size - 1 - texel)
    return texel % size


def _layer(
    tints: np.ndarray, uvs: np.ndarray, paint: np.ndarray, pictures: list[Texture | None]
) -> Layer:
    numbers = np.cumsum([picture is not None for picture in pictures]) - 1
    numbers[[picture is None for picture in pictures]] = -1
    return Layer(tints, uvs, numbers[paint], [p for p in pictures if p is not None])


def _joined(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, Texture | None]],
) -> Surfaces:
    corners, tints, uvs = (np.concatenate([part[k] for part in parts]) for k in range(3))
    paint = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    return Surfaces(corners, _layer(tints, uvs, paint, [part[3] for part in parts]))


def _floats(text: str, width: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(float).reshape(-1, 3, width)


def _trimesh_look(mesh: Any, linear: bool) -> tuple[np.ndarray, np.ndarray, Texture | None]:
    """Return the colours, UVs and picture of a mesh by trimesh."""
    visual, n = mesh.visual, len(mesh.faces)
    nothing = np.full((n, 3, 3), np.nan), np.zeros((n, 3, 2)), None
    power = 1.0 if linear else 2.0
    if visual.kind in ("vertex", "face"):
        rgba = visual.vertex_colors[mesh.faces] if visual.kind == "vertex" else visual.face_colors
        colours = np.broadcast_to(rgba.reshape(n, -1, rgba.shape[-1]), (n, 3, 4))
        return (colours[..., :3] / 255.0) ** power, nothing[1], None
    if visual.kind != "texture":
        return nothing
    material = visual.material
    image = getattr(material, "baseColorTexture", getattr(material, "image", None))
    factor = getattr(material, "baseColorFactor", None) if linear else None
    if not linear and image is None:
        factor = material.diffuse
    colour = np.ones(3) if factor is None else (factor[:3] / 255.0) ** power
    tints = np.tile(colour, (n, 3, 1))
    if linear and "color" in visual.vertex_attributes:
        stored = visual.vertex_attributes["color"]
        scale = np.iinfo(stored.dtype).max if stored.dtype.kind in "iu" else 1.0
        tints = tints * (stored[mesh.faces][..., :3] / scale)
    if image is None or visual.uv is None:
        return tints, nothing[1], None
    uvs = visual.uv[mesh.faces].astype(float)
    uvs = np.stack([uvs[..., 0], 1.0 - uvs[..., 1]], axis=-1)
    return tints, uvs, Texture(np.asarray(image.convert("RGB")))
