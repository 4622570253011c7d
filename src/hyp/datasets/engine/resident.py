"""A world's objects, scenes and pictures as arrays on a device, shared by all its images."""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine import kernels
from hyp.datasets.engine._warp import wp
from hyp.datasets.engine.materials import Material, identity_materials
from hyp.datasets.engine.mesh import Model, Skin, Wrap
from hyp.datasets.engine.scenes import MAX_BOXES, skyline_heights
from hyp.datasets.engine.shapes import identity_mesh
from hyp.datasets.engine.textures import NAMES, texture_bank
from hyp.datasets.engine.worlds import World
from hyp.errors import HypError

if TYPE_CHECKING:
    pass

_THICK = 0.1  # thinner boxes (pictures, doors) cast no shadow
_KEPT_WORLDS = 4
_MOST_TEXELS = 2**31 - 1
_WRAPS: tuple[Wrap, ...] = ("repeat", "clamp", "mirror")


class Meshes:
    """All objects of a world in one set of arrays, and their materials beside them."""

    def __init__(self, world: World) -> None:
        own = _own_models(world)
        meshes = [own[name] if name in own else identity_mesh(name) for name in world.identities]
        self.points = np.array([len(mesh.vertices) for mesh in meshes], dtype=np.int32)
        self.faces = np.array([len(mesh.faces) for mesh in meshes], dtype=np.int32)
        self.first_point = (np.cumsum(self.points) - self.points).astype(np.int32)
        self.first_face = (np.cumsum(self.faces) - self.faces).astype(np.int32)
        self.vertices = np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float32)
        self.normals = np.concatenate([mesh.normals for mesh in meshes]).astype(np.float32)
        corners = [np.column_stack([mesh.faces, mesh.paint]) for mesh in meshes]
        self.corners = np.concatenate(corners).astype(np.int32)
        skins: list[tuple[Material | Skin, ...]] = [
            own[name].skins if name in own else identity_materials(name)
            for name in world.identities
        ]
        counts = np.array([len(its_skins) for its_skins in skins], dtype=np.int32)
        self.first_skin = (np.cumsum(counts) - counts).astype(np.int32)
        self.skins = [skin for its_skins in skins for skin in its_skins]
        worn = [skin for skin in self.skins if isinstance(skin, Skin)]
        textures = [texture for skin in worn for texture in (skin.texture, skin.glow_texture)]
        kept = {id(texture): texture for texture in textures if texture is not None}
        self.textures = list(kept.values())
        n = len(self.vertices) if own else 1
        self.tints, self.uvs = np.ones((n, 3), np.float32), np.zeros((n, 2), np.float32)
        for mesh, first in zip(meshes, self.first_point, strict=True):
            if isinstance(mesh, Model):
                self.tints[first : first + len(mesh.tints)] = mesh.tints
                self.uvs[first : first + len(mesh.uvs)] = mesh.uvs


def _own_models(world: World) -> dict[str, Model]:
    """Return the user's meshes, by identity; trimesh is imported only where there are any."""
    if not world.objects:
        return {}
    from hyp.datasets.engine.own import load_models

    return load_models(world)


@lru_cache(maxsize=_KEPT_WORLDS)
def meshes_of(world: World) -> Meshes:
    """Return the objects of a world; those of the last few worlds are kept."""
    return Meshes(world)


class Bank:
    """The arrays that all images of a world share, on a device."""

    def __init__(self, world: World, device: str) -> None:
        meshes = meshes_of(world)
        materials = list(meshes.skins)
        numbers = {id(texture): number for number, texture in enumerate(meshes.textures)}
        panoramas = itertools.count(len(meshes.textures))

        def surface(material: Material) -> int:
            materials.append(material)
            return len(materials) - 1

        places = empty_records(kernels.Place, (len(world.scenes),))
        blocks = empty_records(kernels.Block, (len(world.scenes), MAX_BOXES))
        for row, scene in enumerate(world.scenes):
            boxes = sorted(scene.boxes, key=lambda item: min(item.size) < _THICK)
            places[row] = (
                *scene.bounds.astype(np.float32),
                int(scene.indoor),
                next(panoramas) if scene.panorama else -1,
                surface(scene.floor),
                surface(scene.wall),
                surface(scene.ceiling),
                len(boxes),
                sum(min(item.size) >= _THICK for item in boxes),
            )
            for column, item in enumerate(boxes):
                blocks[row, column] = (*item.bounds.astype(np.float32), surface(item.material))
        surfaces = empty_records(kernels.Surface, (len(materials),))
        for row, material in enumerate(materials):
            if isinstance(material, Skin):
                picture = numbers.get(id(material.texture), -1)
                shining = numbers.get(id(material.glow_texture), -1)
                colours = (material.colour, material.colour)
                glow = (material.glow, shining)
                surfaces[row] = (*colours, 0, 1.0, 0.0, picture, material.tinted, *glow)
            else:
                colours = (linear(material.dark), linear(material.light))
                pattern = (NAMES.index(material.texture), material.repeats, material.gloss)
                surfaces[row] = (*colours, *pattern, -1, 0, (0.0, 0.0, 0.0), -1)
        skylines = np.stack([skyline_heights(scene.skyline) for scene in world.scenes])

        def put(values: NDArray[Any], dtype: Any) -> Any:
            return wp.array(values, dtype=dtype, device=device)

        self.points = put(meshes.vertices, wp.vec3)
        self.normals = put(meshes.normals, wp.vec3)
        self.tints = put(meshes.tints, wp.vec3)
        self.uvs = put(meshes.uvs, wp.vec2)
        self.faces = put(meshes.corners, wp.vec4i)
        self.materials = put(surfaces, kernels.Surface)
        self.texels = put(texture_bank().reshape(-1), wp.float32)
        self.places = put(places, kernels.Place)
        self.blocks = put(blocks, kernels.Block)
        self.skylines = put(skylines.astype(np.float32), wp.float32)


@lru_cache(maxsize=_KEPT_WORLDS)
def bank_of(world: World, device: str) -> Bank:
    """Return what all images of a world share on a device; the last few are kept."""
    return Bank(world, device)


class Album:
    """A world's pictures on a device, no finer than they can be seen, and their light.

    Textures come first, then panoramas in the order of the scenes. `above` and `below` are
    the panoramas' light from either side, shape (n_scenes, 3).
    """

    def __init__(self, world: World, device: str, detail: int) -> None:
        self.above, self.below = np.zeros((2, len(world.scenes), 3))
        shown: list[NDArray[np.uint8]] = []
        wraps: list[tuple[int, ...]] = []
        content = [np.zeros(1, dtype=np.uint32)]
        n_textures = len(meshes_of(world).textures)
        if detail:
            from hyp.datasets.engine.own import load_panoramas
            from hyp.datasets.engine.pictures import ambient, fitted, mip_levels

            panoramas = load_panoramas(world)
            widest = [min(max(4 * detail, 256), 1024), min(max(8 * detail, 512), 4096)]
            for texture in meshes_of(world).textures:
                shown.append(fitted(texture.pixels, widest[0], keep_edges=texture.nearest))
                wraps.append((*(_WRAPS.index(wrap) for wrap in texture.wraps), texture.nearest))
            for row, scene in enumerate(world.scenes):
                if scene.panorama:
                    self.above[row], self.below[row] = ambient(panoramas[scene.name])
                    shown.append(fitted(panoramas[scene.name], widest[1]))
            content += [mip_levels(picture) for picture in shown]
        firsts = np.cumsum([len(levels) for levels in content])
        if firsts[-1] > _MOST_TEXELS:
            raise HypError(
                f"the textures and panoramas have {firsts[-1]:,} pixels together, more than "
                f"{_MOST_TEXELS:,}; use fewer or smaller ones."
            )
        records = empty_records(kernels.Picture, (max(len(shown), 1),))
        for number, picture in enumerate(shown):
            height, width = picture.shape[:2]
            wrap = wraps[number] if number < n_textures else (0, 0, 0)
            records[number] = (firsts[number], width, height, number >= n_textures, *wrap)
        self.pictures = wp.array(records, dtype=kernels.Picture, device=device)
        self.pixels = wp.array(np.concatenate(content), dtype=wp.uint32, device=device)


@lru_cache(maxsize=_KEPT_WORLDS)
def album_of(world: World, device: str, detail: int) -> Album:
    """Return the pictures of a world on a device; the last few are kept."""
    return Album(world, device, detail)


def detail_of(world: World, size: int) -> int:
    """Return the power of two that is no smaller than `size`; 0 where there are no pictures."""
    return 1 << (size - 1).bit_length() if world.objects or world.panoramas else 0


def empty_records(struct: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an empty numpy record array with a Warp struct's layout."""
    return np.zeros(shape, dtype=_layout(struct))


@cache
def _layout(struct: Any) -> np.dtype[Any]:
    layout: np.dtype[Any] = np.dtype(struct.numpy_dtype())
    return layout


def linear(colour: tuple[float, float, float]) -> NDArray[np.float64]:
    """Turn display values into linear light (gamma 2, undone by the kernels' square root)."""
    linear: NDArray[np.float64] = np.square(np.asarray(colour))
    return linear
