"""From rows of the latents table to pixels, on CPU or CUDA."""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine import geometry, kernels
from hyp.datasets.engine._warp import wp
from hyp.datasets.engine.materials import Material, identity_materials
from hyp.datasets.engine.mesh import Model, Skin, Wrap
from hyp.datasets.engine.scenes import MAX_BOXES, SKIES, SKY_NAMES, skyline_heights
from hyp.datasets.engine.shapes import identity_mesh
from hyp.datasets.engine.textures import NAMES, texture_bank
from hyp.datasets.engine.worlds import BUILT_IN, World
from hyp.errors import HypError

if TYPE_CHECKING:
    from torch import Tensor

Table = dict[str, NDArray[Any]]

FIELD_OF_VIEW = 60.0
"""Vertical field of view, degrees; images are square."""
SLOPE = float(np.tan(np.radians(FIELD_OF_VIEW / 2)))

_MASK_SIZE = 32
_MOST_FACES = 6 + 3 * MAX_BOXES
_THICK = 0.1  # thinner boxes (pictures, doors) cast no shadow
_GAUGE_ROWS = 32
_KEPT_WORLDS = 4
_MOST_TEXELS = 2**31 - 1
_WRAPS: tuple[Wrap, ...] = ("repeat", "clamp", "mirror")
_WORK_BYTES = {"cpu": 8 << 20, "cuda": 1 << 30}


class _Meshes:
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
def _meshes(world: World) -> _Meshes:
    return _Meshes(world)


class _Bank:
    """The arrays that all images of a world share, on a device."""

    def __init__(self, world: World, device: str) -> None:
        meshes = _meshes(world)
        materials = list(meshes.skins)
        numbers = {id(texture): number for number, texture in enumerate(meshes.textures)}
        panoramas = itertools.count(len(meshes.textures))

        def surface(material: Material) -> int:
            materials.append(material)
            return len(materials) - 1

        places = _records(kernels.Place, (len(world.scenes),))
        blocks = _records(kernels.Block, (len(world.scenes), MAX_BOXES))
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
        surfaces = _records(kernels.Surface, (len(materials),))
        for row, material in enumerate(materials):
            if isinstance(material, Skin):
                picture = numbers.get(id(material.texture), -1)
                shining = numbers.get(id(material.glow_texture), -1)
                colours = (material.colour, material.colour)
                glow = (material.glow, shining)
                surfaces[row] = (*colours, 0, 1.0, 0.0, picture, material.tinted, *glow)
            else:
                colours = (_linear(material.dark), _linear(material.light))
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
def _bank(world: World, device: str) -> _Bank:
    return _Bank(world, device)


class _Album:
    """A world's pictures on a device, no finer than they can be seen, and their light.

    Textures come first, then panoramas in the order of the scenes. `above` and `below` are
    the panoramas' light from either side, shape (n_scenes, 3).
    """

    def __init__(self, world: World, device: str, detail: int) -> None:
        self.above, self.below = np.zeros((2, len(world.scenes), 3))
        shown: list[NDArray[np.uint8]] = []
        wraps: list[tuple[int, ...]] = []
        content = [np.zeros(1, dtype=np.uint32)]
        n_textures = len(_meshes(world).textures)
        if detail:
            from hyp.datasets.engine.own import load_panoramas
            from hyp.datasets.engine.pictures import ambient, fitted, mip_levels

            panoramas = load_panoramas(world)
            widest = [min(max(4 * detail, 256), 1024), min(max(8 * detail, 512), 4096)]
            for texture in _meshes(world).textures:
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
        records = _records(kernels.Picture, (max(len(shown), 1),))
        for number, picture in enumerate(shown):
            height, width = picture.shape[:2]
            wrap = wraps[number] if number < n_textures else (0, 0, 0)
            records[number] = (firsts[number], width, height, number >= n_textures, *wrap)
        self.pictures = wp.array(records, dtype=kernels.Picture, device=device)
        self.pixels = wp.array(np.concatenate(content), dtype=wp.uint32, device=device)


@lru_cache(maxsize=_KEPT_WORLDS)
def _album(world: World, device: str, detail: int) -> _Album:
    return _Album(world, device, detail)


def _detail(world: World, size: int) -> int:
    """Return the power of two that is no smaller than `size`; 0 where there are no pictures."""
    return 1 << (size - 1).bit_length() if world.objects or world.panoramas else 0


def _records(struct: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an empty numpy record array with a Warp struct's layout."""
    return np.zeros(shape, dtype=_layout(struct))


@cache
def _layout(struct: Any) -> np.dtype[Any]:
    layout: np.dtype[Any] = np.dtype(struct.numpy_dtype())
    return layout


class _Studio:
    """Buffers for a few images at a time on a device, and the launches that fill them."""

    def __init__(self, world: World, device: str, rows: int) -> None:
        self.device = device
        self.rows = rows
        self.bank = _bank(world, device)
        self.layout = [
            self.empty(wp.int32, rows, 2),
            self.empty(kernels.Face, rows, _MOST_FACES),
            self.empty(wp.int32, rows, MAX_BOXES),
            self.empty(wp.vec4, rows, MAX_BOXES + 1),
        ]
        most = [int(_meshes(world).points.max()), int(_meshes(world).faces.max())]
        self.runs = [-(-number // kernels.RUN) for number in most]
        self.screen = self.empty(wp.vec3, rows, most[0])

    def empty(self, dtype: Any, *shape: int) -> Any:
        return wp.empty(shape, dtype=dtype, device=self.device)

    def load(self, shots: Any) -> None:
        """Take up to `rows` images, a Warp array of `kernels.Shot`, into work."""
        self.n = len(shots)
        self.shots = shots
        bank = self.bank
        arguments = [bank.materials, bank.places, bank.blocks, shots, SLOPE, *self.layout]
        self._launch(kernels.lay_out, (self.n,), arguments)

    def project(self, size: int, orthographic: bool = False) -> None:
        """Fill the vertices on screen."""
        arguments = [self.bank.points, self.shots, orthographic, size, SLOPE, self.screen]
        self._launch(kernels.project, (self.n, self.runs[0]), arguments)

    def rasterise(self, keys: Any, size: int) -> None:
        """Fill an empty key buffer."""
        arguments = [self.bank.faces, self.shots, self.screen, size, keys]
        self._launch(kernels.rasterise, (self.n, self.runs[1]), arguments)

    def _launch(self, kernel: Any, dim: tuple[int, ...], arguments: list[Any]) -> None:
        wp.launch(kernel, dim=dim, inputs=arguments, device=self.device)


class _Camera(_Studio):
    """A studio that takes images."""

    def __init__(self, world: World, device: str, rows: int, size: int, supersample: int) -> None:
        super().__init__(world, device, rows)
        self.album = _album(world, device, _detail(world, size))
        self.size, self.supersample = size, supersample
        self.shadow_size = min(max(size, 48), 128)
        self.keys = self.empty(wp.int64, rows, (size * supersample) ** 2)
        self.shadows = self.empty(wp.int64, rows, self.shadow_size**2)
        self.bounds = self.empty(wp.vec4i, rows)
        self.nears = self.empty(wp.float32, rows, size * size)
        self.surfaces = self.empty(wp.int32, rows, size * size)

    def take(self, images: Any) -> None:
        """Fill a Warp array of uint8, shape (n, size, size, 3)."""
        self.shadows.zero_()
        self.project(self.shadow_size, orthographic=True)
        self.rasterise(self.shadows, self.shadow_size)
        wide = self.size * self.supersample
        self.project(wide)
        arguments = [self.shots, self.screen, self.size, self.supersample, self.bounds]
        self._launch(kernels.bound, (self.n,), arguments)
        arguments = [self.bounds, self.size, self.supersample, self.keys]
        self._launch(kernels.clear, (self.n, wide), arguments)
        self.rasterise(self.keys, wide)
        bank = self.bank
        space = [bank.blocks, bank.skylines, self.shots, *self.layout]
        traced = [self.nears, self.surfaces]
        arguments = [*space, self.size, SLOPE, *traced]
        self._launch(kernels.scenery, (self.n, self.size), arguments)
        shape = [bank.points, bank.normals, bank.faces, bank.tints, bank.uvs]
        pictures = [self.album.pictures, self.album.pixels]
        look = [*shape, *pictures, bank.materials, bank.texels, bank.places]
        buffers = [self.screen, self.bounds, self.keys, self.shadows, self.shadow_size, *traced]
        arguments = [*look, *space, *buffers, self.size, self.supersample, SLOPE, images]
        self._launch(kernels.shade, (self.n, self.size), arguments)


class _Gauge(_Studio):
    """A studio that only measures how much of the object is seen."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "cpu", _GAUGE_ROWS)
        self.keys = self.empty(wp.int64, self.rows, _MASK_SIZE**2)
        self.counts = [self.empty(wp.int32, self.rows, _MASK_SIZE) for _ in range(2)]

    def read(self) -> NDArray[np.float64]:
        self.keys.zero_()
        self.project(_MASK_SIZE)
        self.rasterise(self.keys, _MASK_SIZE)
        counts, faces, *_ = self.layout
        scene = [self.bank.skylines, self.shots, counts, faces]
        arguments = [*scene, self.keys, _MASK_SIZE, SLOPE, *self.counts]
        self._launch(kernels.measure, (self.n, _MASK_SIZE), arguments)
        rows = np.stack([count.numpy()[: self.n] for count in self.counts])
        fractions: NDArray[np.float64] = rows.sum(-1) / _MASK_SIZE**2
        return fractions


def _shots(world: World, table: Table) -> NDArray[Any]:
    """Return one `kernels.Shot` an image; a panorama's own light is not in it yet."""
    meshes = _meshes(world)
    identity = np.searchsorted(np.array(world.identities), table["identity"].astype(str))
    light = _light_turn(table)
    toward = light[:, :, 2]
    sky = np.searchsorted(SKY_NAMES, table["sky"].astype(str))
    scene = np.searchsorted(np.array(world.scene_names), table["scene"].astype(str))
    indoor = world.indoor[scene][:, None]
    ambient = np.array([item.ambient for item in SKIES])[sky, None]
    horizon = np.array([_linear(item.horizon) for item in SKIES])[sky]
    key = np.array([item.key for item in SKIES])[sky, None]
    tint = 0.55 + 0.45 * horizon / horizon.max(axis=1, keepdims=True)
    tint = np.where(indoor, 0.6 + 0.4 * tint, tint)
    shots = _records(kernels.Shot, (len(scene),))
    shots["scene"] = scene
    shots["first_point"] = meshes.first_point[identity]
    shots["points"] = meshes.points[identity]
    shots["first_face"] = meshes.first_face[identity]
    shots["faces"] = meshes.faces[identity]
    shots["surface"] = meshes.first_skin[identity]
    shots["camera"] = _columns(table, "camera_pos_", "xyz")
    shots["camera_turn"] = geometry.to_matrix(_columns(table, "camera_rot_", "xyzw"))
    shots["centre"] = _columns(table, "object_pos_", "xyz")
    shots["turn"] = geometry.to_matrix(_columns(table, "object_rot_", "xyzw"))
    shots["light_turn"] = light
    shots["toward"] = toward
    shots["toward_inverse"] = 1.0 / np.where(np.abs(toward) < 1e-7, 1e-7, toward)
    sun = np.array([_linear(item.sun) for item in SKIES])[sky]
    shots["sun"] = sun * key * np.where(indoor, 0.75, 0.95)
    shots["above"] = tint * ambient * np.where(indoor, 1.15, 1.0)
    shots["below"] = tint * ambient * np.where(indoor, 1.05, 0.55)
    shots["zenith"] = np.array([_linear(item.zenith) for item in SKIES])[sky]
    shots["horizon"] = horizon
    shots["clouds"] = np.array([item.clouds for item in SKIES])[sky]
    return shots


def _lit(world: World, shots: NDArray[Any], album: _Album) -> NDArray[Any]:
    """Let panoramas light the objects in them from above and below."""
    own = np.array([scene.panorama for scene in world.scenes])[shots["scene"]]
    for side, light in (("above", album.above), ("below", album.below)):
        shots[side][own] = light[shots["scene"][own]]
    return shots


def draw(
    table: Table, size: int, supersample: int, device: str = "cpu", world: World = BUILT_IN
) -> NDArray[np.uint8]:
    """Render the rows of a latents table.

    Parameters
    ----------
    table : dict of str to ndarray
        The columns that `hyp.datasets.engine.sampling.sample` returns.
    size : int
        Pixels a side.
    supersample : int
        Samples a pixel side.
    device : str
        A Warp device: ``cpu``, ``cuda`` or ``cuda:1``.
    world : World
        The objects and scenes that the table names.

    Returns
    -------
    ndarray of uint8, shape (n, size, size, 3)
    """
    pixels: NDArray[np.uint8] = _drawn(table, size, supersample, device, world).numpy()
    return pixels


def draw_there(
    table: Table, size: int, supersample: int, device: str, world: World = BUILT_IN
) -> Tensor:
    """Render as `draw`, into a tensor of torch that stays on the device, finished."""
    images = _drawn(table, size, supersample, device, world)
    if images.device.is_cuda:
        wp.synchronize_stream(images.device.stream)
    tensor: Tensor = wp.to_torch(images).clone()
    if tensor.is_cuda:
        import torch

        torch.cuda.current_stream(tensor.device).synchronize()
    return tensor


def _drawn(table: Table, size: int, supersample: int, device: str, world: World) -> Any:
    device = _checked(device)
    n = len(table["scene"])
    images = wp.empty((n, size, size, 3), dtype=wp.uint8, device=device)
    if n:
        kind = "cpu" if device == "cpu" else "cuda"
        most_points = int(_meshes(world).points.max())
        bytes_each = 8 * (size * supersample) ** 2 + 11 * size**2 + 12 * most_points
        step = min(n, max(1, _WORK_BYTES[kind] // bytes_each))
        camera = _Camera(world, device, step, size, supersample)
        lit = _lit(world, _shots(world, table), camera.album)
        shots = wp.array(lit, dtype=kernels.Shot, device=device)
        for start in range(0, n, step):
            camera.load(shots[start : min(start + step, n)])
            camera.take(images[start : min(start + step, n)])
    return images


def _checked(device: str) -> str:
    """Return a device's full name."""
    try:
        return str(wp.get_device(device))
    except (ValueError, RuntimeError) as error:
        raise HypError(f"there is no device {device!r} here; use device='cpu'.") from error


def visibility(table: Table, world: World = BUILT_IN) -> NDArray[np.float64]:
    """Return what fraction of the frame the object covers, and what is seen of it.

    Counted on a grid of 32 x 32 pixels, always on the CPU, so that the latents of an
    image do not depend on the device that draws it.

    Returns
    -------
    ndarray, shape (2, n)
        Covered without scenery, and seen with it.
    """
    shots = wp.array(_shots(world, table), dtype=kernels.Shot, device="cpu")
    gauge = _Gauge(world)
    parts = []
    for start in range(0, len(shots), _GAUGE_ROWS):
        gauge.load(shots[start : min(start + _GAUGE_ROWS, len(shots))])
        parts.append(gauge.read())
    return np.concatenate(parts, axis=1)


def _columns(table: Table, prefix: str, axes: str) -> NDArray[np.float64]:
    return np.stack([table[prefix + axis] for axis in axes], axis=1)


def _light_turn(table: Table) -> NDArray[np.float64]:
    """Rotations whose third column points to the light, shape (n, 3, 3)."""
    yaw = geometry.about_axis(1, table["light_azimuth"])
    return geometry.to_matrix(
        geometry.multiply(yaw, geometry.about_axis(0, -table["light_elevation"]))
    )


def _linear(colour: tuple[float, float, float]) -> NDArray[np.float64]:
    """Turn display values into linear light (gamma 2, undone by the kernels' square root)."""
    linear: NDArray[np.float64] = np.square(np.asarray(colour))
    return linear
