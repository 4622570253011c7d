"""The state of the scene, and each command that changes it or asks about it."""

import math
from collections import Counter
from dataclasses import dataclass, field

from tdw_build import catalogue, drawing, frames
from tdw_build import parameters as kinds
from tdw_build.objections import AssetMissing, Objection
from tdw_build.rotations import (
    AXES,
    IDENTITY,
    Quaternion,
    Vector,
    add,
    around,
    columns,
    from_euler,
    looking,
    multiply,
    normalised,
    rotate,
    subtract,
    times,
)

ORIGIN: Vector = (0.0, 0.0, 0.0)
UNIT: Vector = (1.0, 1.0, 1.0)
UNITY = "2020.3.24f1"
CENTROID_SINCE = (1, 12, 24)  # the first build whose teleport_object knows use_centroid
PASSES = ("_img", "_id", "_mask")
SENSOR_HEIGHT = 24.0  # mm, of the sensor by which Unity turns a field of view into a focal length


@dataclass
class Object:
    """An object in the scene: its pivot, rotation and scale."""

    model: catalogue.Model
    position: Vector
    rotation: Quaternion
    scale: Vector
    visible: bool = True
    kinematic: bool = False

    def centroid(self) -> Vector:
        return add(self.position, rotate(self.rotation, times(self.scale, self.model.centroid)))

    def put_centroid(self, place: Vector) -> None:
        self.position = add(self.position, subtract(place, self.centroid()))

    def turn(self, rotation: Quaternion, use_centroid: bool) -> None:
        place = self.centroid()
        self.rotation = normalised(rotation)
        if use_centroid:
            self.put_centroid(place)

    def body(self) -> drawing.Body:
        size = times(self.scale, self.model.size)
        extent = max(self.scale) * self.model.extent
        return drawing.Body(self.model.name, self.centroid(), self.rotation, size, extent)


@dataclass
class Avatar:
    """A floating camera; its sensor is where it is, but turns on its own."""

    position: Vector = ORIGIN
    rotation: Quaternion = IDENTITY
    field_of_view: float = 54.43223
    passes: list[str] = field(default_factory=list)


class Scene:
    """Does what TDW's commands say.

    Every public method is a command; its parameters have the names, types and defaults of TDW's
    command API.
    """

    def __init__(
        self, build_version: str, missing: frozenset[str] = frozenset(), image_cache: bool = False
    ) -> None:
        self.build_version = build_version
        self.missing = missing
        self.next_missing = False
        self.image_cache = image_cache
        self.loaded = False
        self.name = ""
        self.skybox = ""
        self.size = (256, 256)
        self.png = True
        self.physics = True
        self.log_messages = False
        self.quitting = False
        self.objects: dict[int, Object] = {}
        self.avatars: dict[str, Avatar] = {}
        self.asked: dict[str, tuple[str, list]] = {}
        self.cached: dict[tuple[str, tuple[int, int]], bytes] = {}
        self.images: Counter[tuple[str, str, str]] = Counter()

    # The build

    def do_nothing(self) -> None:
        pass

    def terminate(self) -> None:
        self.quitting = True

    def set_error_handling(
        self, *, error: kinds.boolean = True, warning: kinds.boolean = False
    ) -> None:
        pass

    def send_log_messages(self) -> None:
        self.log_messages = True

    def set_download_timeout(
        self, *, timeout: kinds.integer = 1800, retry: kinds.boolean = True
    ) -> None:
        pass

    def set_socket_timeout(
        self, *, timeout: kinds.integer = 1000, max_retries: kinds.integer = 1000
    ) -> None:
        pass

    def set_network_logging(self, *, value: kinds.boolean) -> None:
        pass

    def use_pre_signed_urls(self, *, value: kinds.boolean) -> None:
        pass

    def set_target_framerate(self, *, framerate: kinds.integer = 1000) -> None:
        pass

    def set_vsync_count(self, *, count: kinds.integer = 1) -> None:
        if frames.numbers_of(self.build_version) < (1, 13):
            raise Objection("is known to builds only from 1.13 on")

    def set_screen_size(self, *, width: kinds.integer = 256, height: kinds.integer = 256) -> None:
        if not (0 < width <= 8192 and 0 < height <= 8192):
            raise Objection(f"needs a size from 1 to 8192 pixels, not {width} x {height}")
        self.size = (width, height)

    def set_render_quality(self, *, render_quality: kinds.integer = 5) -> None:
        _within("render_quality", render_quality, 0, 5)

    def unload_unused_assets(self) -> None:
        pass

    def unload_asset_bundles(self, *, bundle_type: kinds.bundle_type = "models") -> None:
        if bundle_type == "models" and self.objects:
            raise Objection(f"comes while there is an object {min(self.objects)} in the scene")

    # Scenes and skies

    def load_scene(self, *, scene_name: kinds.local_scene) -> None:
        self._new("")

    def create_empty_environment(
        self, *, center: kinds.vector3 = ORIGIN, bounds: kinds.vector3 = (10.0, 10.0, 10.0)
    ) -> None:
        self._need_scene()

    def add_scene(
        self, *, name: kinds.text, url: kinds.text, convexify: kinds.boolean = False
    ) -> None:
        self._download("scenes", name, url, "AddScene")
        self._new(name)

    def add_hdri_skybox(
        self,
        *,
        name: kinds.text,
        url: kinds.text,
        exposure: kinds.number,
        initial_skybox_rotation: kinds.number,
        sun_elevation: kinds.number,
        sun_initial_angle: kinds.number,
        sun_intensity: kinds.number,
    ) -> None:
        self._need_scene()
        self._download("hdri_skyboxes", name, url, "AddHDRISkybox")
        record = catalogue.library("hdri_skyboxes")[name]
        given = {
            "exposure": exposure,
            "initial_skybox_rotation": initial_skybox_rotation,
            "sun_elevation": sun_elevation,
            "sun_initial_angle": sun_initial_angle,
            "sun_intensity": sun_intensity,
        }
        for key, value in given.items():
            if abs(value - record[key]) > 1e-6:
                raise Objection(f'"{key}" is {value}, in the library {record[key]} for {name}')
        self.skybox = name

    def rotate_hdri_skybox_by(self, *, angle: kinds.number) -> None:
        if not self.skybox:
            raise Objection("comes before add_hdri_skybox")

    def set_hdri_skybox_exposure(self, *, exposure: kinds.number) -> None:
        if not self.skybox:
            raise Objection("comes before add_hdri_skybox")

    def simulate_physics(self, *, value: kinds.boolean) -> None:
        self.physics = value

    def set_time_step(self, *, time_step: kinds.number = 0.01) -> None:
        _within("time_step", time_step, 1e-6, 1.0)

    def set_shadow_strength(self, *, strength: kinds.number = 0.582) -> None:
        self._need_scene()
        _within("strength", strength, 0, 1)

    def set_ambient_intensity(self, *, intensity: kinds.number = 1.0) -> None:
        self._need_scene()

    def enable_reflection_probes(self, *, enable: kinds.boolean = True) -> None:
        self._need_scene()

    def set_post_process(self, *, value: kinds.boolean) -> None:
        pass

    def set_aperture(self, *, aperture: kinds.number = 4.0) -> None:
        pass

    def set_focus_distance(self, *, focus_distance: kinds.number = 2.0) -> None:
        pass

    def set_post_exposure(self, *, post_exposure: kinds.number = 0.0) -> None:
        pass

    def set_contrast(self, *, contrast: kinds.number = 20.0) -> None:
        _within("contrast", contrast, -100, 100)

    def set_saturation(self, *, saturation: kinds.number = -20.0) -> None:
        _within("saturation", saturation, -100, 100)

    def set_screen_space_reflections(self, *, enabled: kinds.boolean = True) -> None:
        pass

    def set_vignette(self, *, enabled: kinds.boolean = False) -> None:
        pass

    def set_ambient_occlusion_intensity(self, *, intensity: kinds.number = 0.25) -> None:
        pass

    def set_ambient_occlusion_thickness_modifier(self, *, thickness: kinds.number = 1.25) -> None:
        pass

    # Avatars

    def create_avatar(self, *, type: kinds.avatar_type, id: kinds.text = "a") -> None:
        self._need_scene()
        if type != "A_Img_Caps_Kinematic":
            raise Objection(f"asks for {type}, which this stand-in does not play")
        if id in self.avatars:
            raise Objection(f'makes a second avatar "{id}"')
        self.avatars[id] = Avatar()

    def destroy_avatar(self, *, avatar_id: kinds.text = "a") -> None:
        self._avatar(avatar_id)
        del self.avatars[avatar_id]

    def teleport_avatar_to(self, *, position: kinds.vector3, avatar_id: kinds.text = "a") -> None:
        self._avatar(avatar_id).position = position

    def teleport_avatar_by(self, *, position: kinds.vector3, avatar_id: kinds.text = "a") -> None:
        avatar = self._avatar(avatar_id)
        avatar.position = add(avatar.position, position)

    def look_at(
        self,
        *,
        object_id: kinds.integer,
        use_centroid: kinds.boolean,
        sensor_name: kinds.sensor = "SensorContainer",
        avatar_id: kinds.text = "a",
    ) -> None:
        found = self._object(object_id)
        self.look_at_position(
            position=found.centroid() if use_centroid else found.position, avatar_id=avatar_id
        )

    def look_at_position(
        self,
        *,
        position: kinds.vector3,
        sensor_name: kinds.sensor = "SensorContainer",
        avatar_id: kinds.text = "a",
    ) -> None:
        avatar = self._avatar(avatar_id)
        avatar.rotation = looking(subtract(position, avatar.position))

    def rotate_sensor_container_by(
        self,
        *,
        axis: kinds.axis,
        angle: kinds.number,
        sensor_name: kinds.sensor = "SensorContainer",
        avatar_id: kinds.text = "a",
    ) -> None:
        avatar = self._avatar(avatar_id)
        avatar.rotation = normalised(multiply(avatar.rotation, around(AXES[axis], angle)))

    def rotate_sensor_container_to(
        self,
        *,
        rotation: kinds.quaternion,
        sensor_name: kinds.sensor = "SensorContainer",
        avatar_id: kinds.text = "a",
    ) -> None:
        self._avatar(avatar_id).rotation = rotation

    def reset_sensor_container_rotation(
        self, *, sensor_name: kinds.sensor = "SensorContainer", avatar_id: kinds.text = "a"
    ) -> None:
        self._avatar(avatar_id).rotation = IDENTITY

    def focus_on_object(
        self,
        *,
        object_id: kinds.integer,
        use_centroid: kinds.boolean = False,
        sensor_name: kinds.sensor = "SensorContainer",
        avatar_id: kinds.text = "a",
    ) -> None:
        self._avatar(avatar_id)
        self._object(object_id)

    def set_field_of_view(
        self, *, field_of_view: kinds.number = 54.43223, avatar_id: kinds.text = "a"
    ) -> None:
        _within("field_of_view", field_of_view, 1, 179)
        self._avatar(avatar_id).field_of_view = field_of_view

    def set_camera_clipping_planes(
        self,
        *,
        near: kinds.number = 0.1,
        far: kinds.number = 100.0,
        avatar_id: kinds.text = "a",
    ) -> None:
        self._avatar(avatar_id)
        if not 0 < near < far:
            raise Objection(f"needs 0 < near < far, not {near} and {far}")

    def set_anti_aliasing(
        self,
        *,
        mode: kinds.anti_aliasing = "subpixel",
        sensor_name: kinds.sensor = "SensorContainer",
        avatar_id: kinds.text = "a",
    ) -> None:
        self._avatar(avatar_id)

    def set_pass_masks(self, *, pass_masks: kinds.pass_masks, avatar_id: kinds.text = "a") -> None:
        others = [name for name in pass_masks if name not in PASSES]
        if others:
            raise Objection(f"asks for {others[0]}, which this stand-in does not play")
        self._avatar(avatar_id).passes = pass_masks

    def set_img_pass_encoding(self, *, value: kinds.boolean) -> None:
        self.png = value

    # Objects

    def add_object(
        self,
        *,
        id: kinds.integer,
        name: kinds.text,
        url: kinds.text,
        position: kinds.vector3 = ORIGIN,
        rotation: kinds.vector3 = ORIGIN,
        scale_factor: kinds.number = 1.0,
        category: kinds.words = "",
        affordance_points: kinds.vectors = (),
    ) -> None:
        self._need_scene()
        if id in self.objects:
            raise Objection(f"adds a second object {id}")
        if scale_factor <= 0:
            raise Objection(f'"scale_factor" is {scale_factor}, which is not positive')
        self._download("models_core", name, url, "AddObject")
        model = catalogue.model(name)
        if category not in ("", model.category):
            raise Objection(f'"category" is {category}, in the library {model.category} for {name}')
        share = scale_factor / model.scale_factor
        self.objects[id] = Object(model, position, from_euler(rotation), (share, share, share))

    def destroy_object(self, *, id: kinds.integer) -> None:
        self._object(id)
        del self.objects[id]

    def destroy_all_objects(self) -> None:
        self.objects.clear()
        self.avatars.clear()

    def hide_object(self, *, id: kinds.integer) -> None:
        self._object(id).visible = False

    def show_object(self, *, id: kinds.integer) -> None:
        self._object(id).visible = True

    def set_kinematic_state(
        self,
        *,
        id: kinds.integer,
        is_kinematic: kinds.boolean = False,
        use_gravity: kinds.boolean = False,
    ) -> None:
        self._object(id).kinematic = is_kinematic and not use_gravity

    def scale_object(self, *, id: kinds.integer, scale_factor: kinds.vector3 = UNIT) -> None:
        found = self._object(id)
        if min(scale_factor) <= 0:
            raise Objection(f'"scale_factor" is {scale_factor}, which is not positive')
        found.scale = times(found.scale, scale_factor)

    def teleport_object(
        self,
        *,
        position: kinds.vector3,
        id: kinds.integer,
        physics: kinds.boolean = False,
        absolute: kinds.boolean = True,
        use_centroid: kinds.boolean = False,
    ) -> None:
        found = self._object(id)
        self._need_centroid_version(use_centroid)
        if not absolute:  # an object without a parent has the world for its local space
            raise Objection('"absolute" is false, which this stand-in does not play')
        if use_centroid:
            found.put_centroid(position)
        else:
            found.position = position

    def teleport_object_by(
        self,
        *,
        position: kinds.vector3,
        id: kinds.integer,
        absolute: kinds.boolean = True,
        use_centroid: kinds.boolean = False,
    ) -> None:
        found = self._object(id)
        self._need_centroid_version(use_centroid)
        step = position if absolute else rotate(found.rotation, position)
        found.position = add(found.position, step)

    def rotate_object_by(
        self,
        *,
        angle: kinds.number,
        id: kinds.integer,
        axis: kinds.axis = "yaw",
        is_world: kinds.boolean = True,
        use_centroid: kinds.boolean = False,
    ) -> None:
        found = self._object(id)
        turn = around(AXES[axis], angle)
        in_world = is_world or use_centroid
        found.turn(
            multiply(turn, found.rotation) if in_world else multiply(found.rotation, turn),
            use_centroid,
        )

    def rotate_object_to(
        self,
        *,
        rotation: kinds.quaternion,
        id: kinds.integer,
        physics: kinds.boolean = False,
        use_centroid: kinds.boolean = False,
    ) -> None:
        self._object(id).turn(rotation, use_centroid)

    def rotate_object_to_euler_angles(
        self,
        *,
        euler_angles: kinds.vector3,
        id: kinds.integer,
        use_centroid: kinds.boolean = False,
    ) -> None:
        self._object(id).turn(from_euler(euler_angles), use_centroid)

    def object_look_at_position(self, *, position: kinds.vector3, id: kinds.integer) -> None:
        found = self._object(id)
        found.rotation = looking(subtract(position, found.position))

    def object_look_at(self, *, other_object_id: kinds.integer, id: kinds.integer) -> None:
        self.object_look_at_position(position=self._object(other_object_id).position, id=id)

    # Output data

    def send_version(
        self, *, log: kinds.boolean = True, frequency: kinds.frequency = "once"
    ) -> None:
        self.asked["version"] = (frequency, [])

    def send_scene_regions(self, *, frequency: kinds.frequency = "once") -> None:
        self._need_scene()
        self.asked["scene_regions"] = (frequency, [])

    def send_transforms(
        self, *, ids: kinds.integers = (), frequency: kinds.frequency = "once"
    ) -> None:
        self._ask_objects("transforms", ids, frequency)

    def send_bounds(self, *, ids: kinds.integers = (), frequency: kinds.frequency = "once") -> None:
        self._ask_objects("bounds", ids, frequency)

    def send_images(self, *, ids: kinds.texts = (), frequency: kinds.frequency = "once") -> None:
        self._ask_avatars("images", ids, frequency)

    def send_image_sensors(
        self, *, ids: kinds.texts = (), frequency: kinds.frequency = "once"
    ) -> None:
        self._ask_avatars("image_sensors", ids, frequency)

    def send_avatars(self, *, ids: kinds.texts = (), frequency: kinds.frequency = "once") -> None:
        self._ask_avatars("avatars", ids, frequency)

    def send_field_of_view(
        self, *, ids: kinds.texts = (), frequency: kinds.frequency = "once"
    ) -> None:
        self._ask_avatars("field_of_view", ids, frequency)

    def send_occlusion(
        self,
        *,
        object_ids: kinds.integers = (),
        ids: kinds.texts = (),
        frequency: kinds.frequency = "once",
    ) -> None:
        if object_ids:
            raise Objection('"object_ids" is not empty, which this stand-in does not play')
        self._ask_avatars("occlusion", ids, frequency)

    # Not commands

    def _new(self, name: str) -> None:
        """Load another scene, which unloads what was in the one before."""
        self.loaded, self.name, self.skybox = True, name, ""
        self.objects.clear()
        self.avatars.clear()

    def _need_scene(self) -> None:
        if not self.loaded:
            raise Objection("comes before a scene is loaded")

    def _need_centroid_version(self, use_centroid: bool) -> None:
        if use_centroid and frames.numbers_of(self.build_version) < CENTROID_SINCE:
            raise Objection(
                f'has no parameter "use_centroid" in version {self.build_version}, '
                "only from 1.12.24 on"
            )

    def _object(self, number: int) -> Object:
        if number not in self.objects:
            raise Objection(f"names the object {number}, which does not exist")
        return self.objects[number]

    def _avatar(self, name: str) -> Avatar:
        if name not in self.avatars:
            raise Objection(f'names the avatar "{name}", which does not exist')
        return self.avatars[name]

    def _ask_objects(self, kind: str, ids: list[int], frequency: str) -> None:
        for number in ids:
            self._object(number)
        self.asked[kind] = (frequency, list(ids))

    def _ask_avatars(self, kind: str, ids: list[str], frequency: str) -> None:
        for name in ids:
            self._avatar(name)
        if frequency != "never" and not self.avatars:
            raise Objection("comes before an avatar is created")
        self.asked[kind] = (frequency, list(ids))

    def _download(self, library: str, name: str, url: str, caller: str) -> None:
        """Fetch an asset bundle, from its address in the library."""
        true_url = catalogue.url_of(library, name)
        if true_url is None:
            raise Objection(f'names "{name}", which is not in the library {library}')
        if url != true_url:
            raise Objection(f'"url" is {url}, in the library {true_url} for {name}')
        if self.next_missing or name in self.missing:
            raise AssetMissing(
                f"Error while downloading Asset Bundle: Unable to open archive file: {url}",
                f"Asset bundle is null: {url} [TDWInput.{caller}]",
                f"Tried to create null object. [TDWInput.{caller}]",
            )


def output_data(scene: Scene) -> list[bytes]:
    """Make the output data of a frame, in the order in which TDW's output classes are named."""
    parts = []
    for kind, (_, ids) in sorted(scene.asked.items()):
        if scene.asked[kind][0] != "never":
            parts += OUTPUTS[kind](scene, ids)
    scene.asked = {k: asked for k, asked in scene.asked.items() if asked[0] == "always"}
    return parts


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise Objection(f'"{name}" is {value}, which is not between {low} and {high}')


def _camera(scene: Scene, avatar: Avatar) -> drawing.Camera:
    return drawing.Camera(
        avatar.position, avatar.rotation, *scene.size, avatar.field_of_view, scene.name
    )


def _bodies(scene: Scene) -> list[drawing.Body]:
    return [found.body() for found in scene.objects.values() if found.visible]


def _named(scene: Scene, ids: list[str]) -> list[tuple[str, Avatar]]:
    return [(name, avatar) for name, avatar in scene.avatars.items() if not ids or name in ids]


def _objects(scene: Scene, ids: list[int]) -> list[tuple[int, Object]]:
    for number in ids:
        if number not in scene.objects:
            raise Objection(f"asks always for the object {number}, which does not exist any more")
    return [(k, found) for k, found in scene.objects.items() if not ids or k in ids]


def _transforms(scene: Scene, ids: list[int]) -> list[bytes]:
    found = _objects(scene, ids)
    if not found:
        return []
    return [
        frames.transforms(
            [k for k, _ in found],
            [thing.position for _, thing in found],
            [thing.rotation for _, thing in found],
            [columns(thing.rotation)[2] for _, thing in found],
        )
    ]


def _bounds(scene: Scene, ids: list[int]) -> list[bytes]:
    found = _objects(scene, ids)
    points = []
    for _, thing in found:
        body = thing.body()
        halves = [
            tuple(length / 2 * part for part in axis)
            for length, axis in zip(body.size, columns(body.rotation), strict=True)
        ]
        centre, (right, top, front) = body.centre, halves
        points.append(
            [
                add(centre, front),
                subtract(centre, front),
                add(centre, right),
                subtract(centre, right),
                add(centre, top),
                subtract(centre, top),
                centre,
            ]
        )
    return [frames.bounds([k for k, _ in found], points)] if found else []


def _images(scene: Scene, ids: list[str]) -> list[bytes]:
    named = _named(scene, ids)
    for name, avatar in named:
        if not avatar.passes:
            raise Objection(f'asks for images of the avatar "{name}" without pass masks')
    falling = [k for k, found in scene.objects.items() if not found.kinematic]
    if scene.physics and falling:
        raise Objection(f"asks for images while physics lets the object {falling[0]} fall")
    parts = []
    for name, avatar in named:
        passes = tuple(_pass(scene, avatar, mask) for mask in avatar.passes)
        parts.append(frames.images(name, *scene.size, passes))
        for found in scene.objects.values():
            scene.images[scene.name, found.model.name, scene.skybox] += 1
    return parts


def _pass(scene: Scene, avatar: Avatar, mask: str) -> tuple[str, bytes, str]:
    extension = "png" if scene.png or mask != "_img" else "jpg"
    key = (mask + extension, scene.size)
    if key in scene.cached:
        return mask, scene.cached[key], extension
    camera, bodies = _camera(scene, avatar), _bodies(scene)
    if mask == "_img":
        data = drawing.picture(camera, bodies, scene.skybox, extension)
    elif mask == "_mask":
        data = drawing.silhouettes(camera, bodies, [(255, 0, 0)] * len(bodies))
    else:
        colours = [
            tuple(k * step % 255 + 1 for step in (97, 57, 23))
            for k, found in scene.objects.items()
            if found.visible
        ]
        data = drawing.silhouettes(camera, bodies, colours)
    if scene.image_cache:
        scene.cached[key] = data
    return mask, data, extension


def _image_sensors(scene: Scene, ids: list[str]) -> list[bytes]:
    return [
        frames.image_sensors(
            name, avatar.rotation, columns(avatar.rotation)[2], avatar.field_of_view
        )
        for name, avatar in _named(scene, ids)
    ]


def _avatars(scene: Scene, ids: list[str]) -> list[bytes]:
    return [
        frames.avatar_kinematic(name, avatar.position, IDENTITY, (0.0, 0.0, 1.0))
        for name, avatar in _named(scene, ids)
    ]


def _fields_of_view(scene: Scene, ids: list[str]) -> list[bytes]:
    return [
        frames.field_of_view(
            name,
            avatar.field_of_view,
            SENSOR_HEIGHT / 2 / math.tan(math.radians(avatar.field_of_view) / 2),
        )
        for name, avatar in _named(scene, ids)
    ]


def _occlusion(scene: Scene, ids: list[str]) -> list[bytes]:
    return [
        frames.occlusion(name, *drawing.occlusion(_camera(scene, avatar), _bodies(scene)))
        for name, avatar in _named(scene, ids)
    ]


def _version(scene: Scene, ids: list) -> list[bytes]:
    return [frames.version(scene.build_version, UNITY)]


def _scene_regions(scene: Scene, ids: list) -> list[bytes]:
    return [frames.scene_regions(catalogue.regions(scene.name))]


OUTPUTS = {
    "avatars": _avatars,
    "bounds": _bounds,
    "field_of_view": _fields_of_view,
    "image_sensors": _image_sensors,
    "images": _images,
    "occlusion": _occlusion,
    "scene_regions": _scene_regions,
    "transforms": _transforms,
    "version": _version,
}
COMMANDS = kinds.commands_of(Scene)
