"""What a build is told: a scene, one object of unit size, a camera, and pictures of it.

Commands and settings are those of the paper's generator (ThreeDWorld's command API): 60 degrees
of view, clipping at 0.01 and 160 m, its post-processing; 32 x 32 pixels without any pass at the
lowest quality while poses are tried, the image at the highest.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine import geometry
from hyp.datasets.tdw import client
from hyp.datasets.tdw.catalogue import FIELD_OF_VIEW
from hyp.datasets.tdw.client import output_data, record, unit_scale, url_of
from hyp.datasets.tdw.connection import Answer, Command, Connection
from hyp.datasets.tdw.launching import Launched
from hyp.datasets.tdw.sampling import Candidates, Floats, Regions, regions_of

T = TypeVar("T")

AVATAR = "a"
_TRIAL_SIZE = 32
_MARGIN = 2.0  # s, for the build to tell that a download took too long
_VERSIONS = ("1.12", "1.13")
_POST_PROCESSING: tuple[Command, ...] = (
    {"$type": "set_post_exposure", "post_exposure": 0.6},
    {"$type": "set_contrast", "contrast": -20},
    {"$type": "set_saturation", "saturation": 10},
    {"$type": "set_screen_space_reflections", "enabled": False},
    {"$type": "set_shadow_strength", "strength": 1.0},
)
_POSE_DATA: tuple[Command, ...] = (
    {"$type": "send_avatars", "ids": [AVATAR]},
    {"$type": "send_image_sensors", "ids": [AVATAR]},
)


@dataclass(frozen=True)
class Patience:
    """Seconds to wait for an answer, and for one that has to download something first."""

    answer: float
    loading: float


@dataclass(frozen=True)
class Pose:
    """One pose to try: camera and its rotation, pivot of the object and its rotation."""

    camera: tuple[float, ...]
    facing: tuple[float, ...]
    pivot: tuple[float, ...]
    turn: tuple[float, ...]

    def commands(self, object_id: int) -> list[Command]:
        """Return what puts camera and object there."""
        return [
            {"$type": "teleport_avatar_to", "position": _xyz(self.camera), "avatar_id": AVATAR},
            {
                "$type": "rotate_sensor_container_to",
                "rotation": _xyzw(self.facing),
                "avatar_id": AVATAR,
            },
            {"$type": "rotate_object_to", "rotation": _xyzw(self.turn), "id": object_id},
            {"$type": "teleport_object", "position": _xyz(self.pivot), "id": object_id},
        ]


@dataclass(frozen=True)
class Frame:
    """What a build returned: 14 numbers of the world, and the JPEG if it was asked for.

    The numbers are the camera's position and rotation, the object's centroid and rotation.
    """

    world: tuple[float, ...]
    image: bytes


class Stage:
    """A build and what stands in it.

    Attributes
    ----------
    version : str
        The build's version of TDW.
    scene, model : str
        What is loaded.
    patience : Patience

    Raises
    ------
    HypError
        If no build comes, or it is of a version that hyp does not know.
    """

    def __init__(
        self, host: str, port: int, patience: Patience, build: Path | None, display: str | None
    ) -> None:
        self.patience = patience
        self._launched: Launched | None = None
        self._connection = Connection(host, port, self._ended)
        self.scene = self.model = self._sky = ""
        self._skies: set[str] = set()
        self._regions: Regions | None = None
        self._object = 0
        self._centroid = np.zeros(3)
        self._camera = (0, 0)
        self.version = ""
        try:
            if build is not None:
                self._launched = Launched(build, port, display)
            self._connection.wait_for_build(patience.answer)
            self._begin()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Have the build end and free its port."""
        self._connection.close()
        if self._launched is not None:
            self._launched.close()

    def show(self, scene: str, model: str) -> Regions:
        """Load a scene and a model, unless they are there.

        Returns
        -------
        Regions
            Where cameras may be.
        """
        if scene != self.scene or self._regions is None:
            self._remove_model()
            self._regions = self._add_scene(scene)
        if model != self.model:
            self._remove_model()
            self._add_model(model)
        return self._regions

    def try_out(self) -> None:
        """Make the build fast: few pixels, low quality, no image."""
        self._set_camera(_TRIAL_SIZE, quality=0, masks=[])

    def picture(self, size: int) -> None:
        """Have images of `size` x `size` pixels, of the best quality."""
        self._set_camera(size, quality=5, masks=["_img"])

    def poses(self, drawn: Candidates) -> list[Pose]:
        """Turn places of the object's centre into places of its pivot."""
        pivot = drawn.centre - geometry.rotate(
            drawn.turn, np.broadcast_to(self._centroid, drawn.centre.shape)
        )
        rows = (drawn.camera.tolist(), drawn.facing.tolist(), pivot.tolist(), drawn.turn.tolist())
        return [Pose(*row) for row in zip(*rows, strict=True)]

    def occlusion(self, pose: Pose) -> tuple[int, int]:
        """Return how much of the frame the object covers, 0 to 255: with the scene and without."""
        answer = self._ask(
            [*pose.commands(self._object), {"$type": "send_occlusion", "ids": [AVATAR]}]
        )
        data = self._data(answer, "Occlusion", "occl")
        return self._read(lambda: (int(data.get_occluded()), int(data.get_unoccluded())))

    def look(self, pose: Pose, sky: str | None) -> Frame:
        """Put camera and object somewhere and return what the build says and shows.

        Without a skybox it takes no image.
        """
        commands = [*pose.commands(self._object), *_POSE_DATA, *self._object_data()]
        if sky is None:
            return Frame(self._world(self._ask(commands)), b"")
        loads = ""
        if sky != self._sky:
            commands.insert(0, _add_skybox(sky))
            loads = "" if sky in self._skies else f"the skybox {sky!r}"
        answer = self._ask([*commands, {"$type": "send_images", "ids": [AVATAR]}], loads)
        self._sky = sky
        self._skies.add(sky)
        return Frame(self._world(answer), self._image(answer))

    def _ended(self) -> str | None:
        return None if self._launched is None else self._launched.ended()

    def _begin(self) -> None:
        """Set up a build as TDW's own controller does, and learn its version."""
        answer = self._ask(
            [
                {"$type": "set_error_handling"},
                {"$type": "send_log_messages"},
                {
                    "$type": "set_download_timeout",
                    "timeout": max(1, round(self.patience.loading)),
                    "retry": False,
                },
                {"$type": "send_version"},
                {"$type": "load_scene", "scene_name": "ProcGenScene"},
            ]
        )
        part = self._part(answer, "Version", "vers")
        self.version = self._read(lambda: client.build_version(part))
        release, package = _release(self.version), client.version()
        if release not in _VERSIONS:
            raise self._connection.failed(
                f"is TDW {self.version}, which hyp does not know (the package tdw is {package})",
                f"use a build of TDW {' or '.join(_VERSIONS)}",
            )
        if release != _release(package):
            warnings.warn(
                f"the build on {self._connection.name} is TDW {self.version} and the package tdw "
                f"{package}: hyp speaks to both, and looks models up in the list of the package; "
                f"install tdw=={release}.* for that of the build.",
                stacklevel=2,
            )

    def _add_scene(self, name: str) -> Regions:
        found = record("scene", name)
        self.scene = self._sky = ""
        answer = self._ask(
            [
                {"$type": "add_scene", "name": name, "url": url_of(found)},
                {"$type": "create_avatar", "type": "A_Img_Caps_Kinematic", "id": AVATAR},
                {"$type": "simulate_physics", "value": False},
                {"$type": "set_img_pass_encoding", "value": False},
                {
                    "$type": "set_field_of_view",
                    "field_of_view": FIELD_OF_VIEW,
                    "avatar_id": AVATAR,
                },
                {
                    "$type": "set_camera_clipping_planes",
                    "near": 0.01,
                    "far": 160,
                    "avatar_id": AVATAR,
                },
                {"$type": "set_anti_aliasing", "mode": "subpixel", "avatar_id": AVATAR},
                {"$type": "set_aperture", "aperture": 70},
                {"$type": "send_scene_regions"},
                *_POST_PROCESSING,
            ],
            f"the scene {name!r}",
        )
        data = self._data(answer, "SceneRegions", "sreg")
        n_regions = self._read(data.get_num)
        centre, size = self._read(
            lambda: (
                np.array([data.get_center(k) for k in range(n_regions)]).reshape(-1, 3),
                np.array([data.get_bounds(k) for k in range(n_regions)]).reshape(-1, 3),
            )
        )
        self.scene, self._camera = name, (0, 0)
        return regions_of(name, centre, size)

    def _add_model(self, name: str) -> None:
        found = record("model", name)
        scale = unit_scale(found)
        self._object += 1
        answer = self._ask(
            [
                {
                    "$type": "add_object",
                    "name": name,
                    "url": url_of(found),
                    "scale_factor": found["scale_factor"],
                    "category": found["wcategory"],
                    "rotation": found["canonical_rotation"],
                    "id": self._object,
                },
                {
                    "$type": "scale_object",
                    "id": self._object,
                    "scale_factor": {"x": scale, "y": scale, "z": scale},
                },
                *self._object_data(),
            ],
            f"the model {name!r}",
        )
        place, turn, centre = self._object_pose(answer)
        self._centroid = geometry.rotate(geometry.inverse(turn), centre - place)
        self.model = name

    def _remove_model(self) -> None:
        if not self.model:
            return
        self.model = ""
        self._ask(
            [
                {"$type": "destroy_object", "id": self._object},
                {"$type": "unload_asset_bundles"},
            ]
        )

    def _set_camera(self, size: int, *, quality: int, masks: list[str]) -> None:
        if (size, quality) == self._camera:
            return
        self._ask(
            [
                {"$type": "set_pass_masks", "pass_masks": masks, "avatar_id": AVATAR},
                {"$type": "set_screen_size", "width": size, "height": size},
                {"$type": "set_render_quality", "render_quality": quality},
            ]
        )
        self._camera = (size, quality)

    def _object_data(self) -> tuple[Command, ...]:
        return (
            {"$type": "send_transforms", "ids": [self._object]},
            {"$type": "send_bounds", "ids": [self._object]},
        )

    def _object_pose(self, answer: Answer) -> tuple[Floats, Floats, Floats]:
        """Return pivot, rotation and centroid of the object."""
        transforms = self._data(answer, "Transforms", "tran")
        bounds = self._data(answer, "Bounds", "boun")
        ids = self._read(lambda: (transforms.get_id(0), bounds.get_id(0)))
        if ids != (self._object, self._object):
            raise self._connection.failed("answered about another object", "restart it")
        return self._read(
            lambda: (
                np.asarray(transforms.get_position(0), dtype=np.float64),
                np.asarray(transforms.get_rotation(0), dtype=np.float64),
                np.asarray(bounds.get_center(0), dtype=np.float64),
            )
        )

    def _world(self, answer: Answer) -> tuple[float, ...]:
        _, turn, centre = self._object_pose(answer)
        avatar = self._data(answer, "AvatarKinematic", "avki")
        sensors = self._data(answer, "ImageSensors", "imse")
        camera, facing = self._read(lambda: (avatar.get_position(), sensors.get_sensor_rotation(0)))
        world = (*camera, *facing, *centre.tolist(), *turn.tolist())
        if not np.isfinite(world).all():
            raise self._connection.failed("returned a pose that is no number", "restart it")
        return world

    def _image(self, answer: Answer) -> bytes:
        data = self._data(answer, "Images", "imag")
        width, height, extension, content = self._read(
            lambda: (
                data.get_width(),
                data.get_height(),
                data.get_extension(0),
                np.asarray(data.get_image(0)).tobytes(),
            )
        )
        size = self._camera[0]
        if (width, height, extension, content[:2]) != (size, size, "jpg", b"\xff\xd8"):
            raise self._connection.failed(
                f"sent a {width} x {height} {extension} image of {len(content)} bytes in place of "
                f"a JPEG of {size} pixels",
                "restart it",
            )
        return content

    def _ask(self, commands: Sequence[Command], loads: str = "") -> Answer:
        patience = self.patience.loading + _MARGIN if loads else self.patience.answer
        return self._connection.ask(commands, patience, loads=loads)

    def _data(self, answer: Answer, name: str, kind: str) -> Any:
        """Return output data, read by the class of that name in the tdw package."""
        part = self._part(answer, name, kind)
        return self._read(lambda: getattr(output_data(), name)(part))

    def _part(self, answer: Answer, name: str, kind: str) -> bytes:
        if kind not in answer.parts:
            raise self._connection.failed(
                f"left out the {name} that it was asked for", "restart it"
            )
        return answer.parts[kind]

    def _read(self, read: Callable[[], T]) -> T:
        """Read output data; FlatBuffers that are none can fail in any way."""
        try:
            return read()
        except Exception as error:
            raise self._connection.failed(
                f"sent output data that cannot be read ({type(error).__name__})", "restart it"
            ) from error


def _release(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _add_skybox(name: str) -> Command:
    found = record("skybox", name)
    settings = (
        "exposure",
        "initial_skybox_rotation",
        "sun_elevation",
        "sun_initial_angle",
        "sun_intensity",
    )
    return {
        "$type": "add_hdri_skybox",
        "name": name,
        "url": url_of(found),
        **{setting: found[setting] for setting in settings},
    }


def _xyz(values: Sequence[float]) -> dict[str, float]:
    return dict(zip("xyz", values, strict=True))


def _xyzw(values: Sequence[float]) -> dict[str, float]:
    return dict(zip("xyzw", values, strict=True))


def relative_pose(world: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the object in the camera's frame.

    Parameters
    ----------
    world : ndarray, shape (n, 14)
        As `Frame.world`; rotations are quaternions (x, y, z, w).

    Returns
    -------
    ndarray, shape (n, 6)
        Position (right, up, along the optical axis) in metres, and TDW's Euler angles in
        degrees, in [0, 360).
    """
    camera, facing, centre, turn = np.split(world, (3, 7, 10), axis=1)
    back = geometry.inverse(facing / np.linalg.norm(facing, axis=1, keepdims=True))
    position = geometry.rotate(back, centre - camera)
    turn = turn / np.linalg.norm(turn, axis=1, keepdims=True)
    return np.concatenate([position, geometry.to_euler(geometry.multiply(back, turn))], axis=1)
