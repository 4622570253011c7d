"""From rows of the latents table to pixels, on CPU or CUDA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine import geometry, kernels
from hyp.datasets.engine._warp import wp
from hyp.datasets.engine.resident import (
    Album,
    album_of,
    bank_of,
    detail_of,
    empty_records,
    linear,
    meshes_of,
)
from hyp.datasets.engine.scenes import MAX_BOXES, SKIES, SKY_NAMES
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
_GAUGE_ROWS = 32
_WORK_BYTES = {"cpu": 8 << 20, "cuda": 1 << 30}


class _Studio:
    """Buffers for a few images at a time on a device, and the launches that fill them."""

    def __init__(self, world: World, device: str, rows: int) -> None:
        self.device = device
        self.rows = rows
        self.bank = bank_of(world, device)
        self.layout = [
            self.empty(wp.int32, rows, 2),
            self.empty(kernels.Face, rows, _MOST_FACES),
            self.empty(wp.int32, rows, MAX_BOXES),
            self.empty(wp.vec4, rows, MAX_BOXES + 1),
        ]
        most = [int(meshes_of(world).points.max()), int(meshes_of(world).faces.max())]
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
        self.album = album_of(world, device, detail_of(world, size))
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
    meshes = meshes_of(world)
    identity = np.searchsorted(np.array(world.identities), table["identity"].astype(str))
    light = _light_turn(table)
    toward = light[:, :, 2]
    sky = np.searchsorted(SKY_NAMES, table["sky"].astype(str))
    scene = np.searchsorted(np.array(world.scene_names), table["scene"].astype(str))
    indoor = world.indoor[scene][:, None]
    ambient = np.array([item.ambient for item in SKIES])[sky, None]
    horizon = np.array([linear(item.horizon) for item in SKIES])[sky]
    key = np.array([item.key for item in SKIES])[sky, None]
    tint = 0.55 + 0.45 * horizon / horizon.max(axis=1, keepdims=True)
    tint = np.where(indoor, 0.6 + 0.4 * tint, tint)
    shots = empty_records(kernels.Shot, (len(scene),))
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
    sun = np.array([linear(item.sun) for item in SKIES])[sky]
    shots["sun"] = sun * key * np.where(indoor, 0.75, 0.95)
    shots["above"] = tint * ambient * np.where(indoor, 1.15, 1.0)
    shots["below"] = tint * ambient * np.where(indoor, 1.05, 0.55)
    shots["zenith"] = np.array([linear(item.zenith) for item in SKIES])[sky]
    shots["horizon"] = horizon
    shots["clouds"] = np.array([item.clouds for item in SKIES])[sky]
    return shots


def _lit(world: World, shots: NDArray[Any], album: Album) -> NDArray[Any]:
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
        most_points = int(meshes_of(world).points.max())
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
