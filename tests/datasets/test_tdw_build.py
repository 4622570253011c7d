import json
import os
import subprocess
import threading
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

zmq = pytest.importorskip("zmq")
tdw = pytest.importorskip("tdw")

from tdw_build import (  # noqa: E402
    catalogue,
    drawing,
    frames,
    read_summary,
    reading,
    rotations,
    running,
    write_launcher,
)
from tdw_build.scene import Scene  # noqa: E402
from tdw_build.serving import Build  # noqa: E402

from hyp.datasets.tdw import client  # noqa: E402

from tdw.output_data import (  # noqa: E402  isort: skip  (tdw_build lets it be imported anywhere)
    AvatarKinematic,
    Bounds,
    FieldOfView,
    Images,
    ImageSensors,
    LogMessage,
    Occlusion,
    OutputData,
    QuitSignal,
    SceneRegions,
    Transforms,
    Version,
)
from tdw.FBOutput.Version import Version as VersionTable  # noqa: E402
from tdw.quaternion_utils import QuaternionUtils  # noqa: E402
from tdw.scene_data.scene_bounds import SceneBounds  # noqa: E402

CLASSES = {
    "avki": AvatarKinematic,
    "boun": Bounds,
    "fofv": FieldOfView,
    "imag": Images,
    "imse": ImageSensors,
    "logm": LogMessage,
    "occl": Occlusion,
    "quit": QuitSignal,
    "sreg": SceneRegions,
    "tran": Transforms,
    "vers": Version,
}
BUILD_VERSION = "1.13.0" if tdw.__version__ >= "1.13" else "1.12.24"
MODEL = "kettle"  # its centre is not above its pivot


class Controller:
    """The controller's end of the socket, with tdw's own classes for the output data."""

    def __init__(self, context):
        self.socket = context.socket(zmq.REP)
        self.socket.rcvtimeo = 10_000
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.over = False

    def say(self, *commands):
        self.socket.send(json.dumps(commands).encode())
        parts = self.socket.recv_multipart()
        self.over = any(part[4:8] == b"quit" for part in parts)
        return parts

    def ask(self, *commands):
        """Send commands and read the output data, by identifier."""
        parts = self.say(*commands)[:-1]
        return {name: CLASSES[name](part) for name, part in self.named(parts)}

    @staticmethod
    def named(parts):
        return [(OutputData.get_data_type_id(part), part) for part in parts]


@pytest.fixture
def controller():
    context = zmq.Context()
    controller = Controller(context)
    yield controller
    controller.socket.close(linger=0)
    context.term()


@contextmanager
def built(controller, *, image_cache=False, missing=(), version=BUILD_VERSION, **settings):
    """Run a build in a thread; its exit status and log are there afterwards."""
    seen = SimpleNamespace(status=None, log=[], build=None)
    scene = Scene(version, frozenset(missing), image_cache)
    settings = {"idle": 10.0} | settings
    build = Build(f"tcp://127.0.0.1:{controller.port}", scene, seen.log.append, **settings)
    seen.build = build

    def serve():
        seen.status = build.serve()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    if settings.get("fault") != "silent":
        assert len(controller.socket.recv_multipart()) == 1
    yield seen
    if not controller.over and settings.get("fault") not in ("silent", "hang", "quit"):
        controller.say(command("terminate"))
    thread.join(timeout=15)
    assert not thread.is_alive()


def command(kind, /, **parameters):
    return {"$type": kind, **parameters}


def vector(values):
    return dict(zip("xyz", map(float, values), strict=True))


def quaternion(values):
    return dict(zip("xyzw", map(float, values), strict=True))


def add_scene(name="building_site"):
    return command("add_scene", name=name, url=catalogue.url_of("scenes", name))


def add_skybox(name):
    record = catalogue.library("hdri_skyboxes")[name]
    keys = "exposure initial_skybox_rotation sun_elevation sun_initial_angle sun_intensity"
    return command(
        "add_hdri_skybox",
        name=name,
        url=catalogue.url_of("hdri_skyboxes", name),
        **{key: record[key] for key in keys.split()},
    )


def add_object(number=1, name=MODEL, **parameters):
    """The command of tdw's Controller.get_add_object."""
    record = catalogue.library("models_core")[name]
    usual = {
        "url": catalogue.url_of("models_core", name),
        "scale_factor": record["scale_factor"],
        "category": record["wcategory"],
        "rotation": record["canonical_rotation"],
    }
    return command("add_object", id=number, name=name, **usual | parameters)


def unit_scale(number=1, name=MODEL):
    share = 1 / catalogue.model(name).extent
    return command("scale_object", id=number, scale_factor=vector([share] * 3))


def readied(scene="building_site", name=MODEL):
    """The commands by which the paper's generator readies a scene and an object."""
    return [
        add_scene(scene),
        command("create_avatar", type="A_Img_Caps_Kinematic", id="a"),
        command("simulate_physics", value=False),
        command("set_img_pass_encoding", value=False),
        command("set_field_of_view", field_of_view=60),
        command("set_camera_clipping_planes", far=160, near=0.01),
        command("set_anti_aliasing", mode="subpixel"),
        command("set_aperture", aperture=70),
        command("set_post_exposure", post_exposure=0.6),
        command("set_contrast", contrast=-20),
        command("set_saturation", saturation=10),
        command("set_screen_space_reflections", enabled=False),
        command("set_shadow_strength", strength=1.0),
        command("set_pass_masks", pass_masks=["_img"]),
        command("set_render_quality", render_quality=5),
        add_object(1, name),
        unit_scale(1, name),
    ]


def posed(rng, camera, place):
    """The generator's commands for one pose, with the camera's jitter."""
    return [
        command("teleport_object", id=1, position=vector(place)),
        command("teleport_avatar_to", position=vector(camera), avatar_id="a"),
        command("object_look_at_position", position=vector(camera), id=1),
        *(
            command("rotate_object_by", id=1, angle=rng.uniform(-45, 45), axis=axis, is_world=False)
            for axis in ("pitch", "yaw", "roll")
        ),
        command("teleport_object", id=1, position=vector(place), use_centroid=True),
        command("look_at", object_id=1, use_centroid=True, avatar_id="a"),
        *(
            command(
                "rotate_sensor_container_by", angle=rng.uniform(-20, 20), axis=axis, avatar_id="a"
            )
            for axis in ("pitch", "yaw")
        ),
    ]


def random_places(rng):
    """A place of the camera and of the object, as the generator draws them."""
    camera = rng.uniform([-3, 0.4, -3], [3, 2.5, 3])
    while True:
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        if direction[1] > -0.2:
            return camera, camera + rng.uniform(0.9, 4.2) * direction


HALF_TURN = quaternion([0, 1, 0, 0])


def turn_between(a, b):
    """Angle in degrees between two rotations given as quaternions."""
    return np.degrees((Rotation.from_quat(a).inv() * Rotation.from_quat(b)).magnitude())


# The wire


def test_a_build_says_one_word_and_numbers_its_answers(controller):
    with built(controller) as build:
        answers = [controller.say(command("do_nothing")) for _ in range(3)]
    assert [len(answer) for answer in answers] == [1, 1, 1]
    numbers = [int.from_bytes(answer[-1], "big") for answer in answers]
    assert [b - a for a, b in pairwise(numbers)] == [1, 1]
    assert build.status == 0


def test_the_first_messages_of_tdws_controller_are_fine(controller):
    with built(controller) as build:
        data = controller.ask(
            command("set_error_handling"),
            command("send_version"),
            command("load_scene", scene_name="ProcGenScene"),
        )
        assert data["vers"].get_tdw_version() == BUILD_VERSION
        assert data["vers"].get_unity_version() == "2020.3.24f1"
    assert build.status == 0
    assert not build.build.record.objections


def test_data_come_once_always_or_never(controller):
    with built(controller):
        controller.ask(*readied())
        once = command("send_transforms", frequency="once")
        assert [set(controller.ask(*c)) for c in ([once], [])] == [{"tran"}, set()]
        always = command("send_transforms", frequency="always")
        assert [set(controller.ask(*c)) for c in ([always], [], [])] == [{"tran"}] * 3
        never = command("send_transforms", frequency="never")
        assert [set(controller.ask(*c)) for c in ([never], [])] == [set(), set()]


def test_the_order_of_the_data_changes(controller):
    with built(controller):
        controller.say(
            *readied(),
            *(
                command(f"send_{kind}", frequency="always")
                for kind in ("transforms", "image_sensors", "images")
            ),
        )
        first = {controller.named(controller.say()[:-1])[0][0] for _ in range(3)}
    assert first == {"tran", "imse", "imag"}


@pytest.mark.parametrize(
    "message",
    [[b"[]", b"[]"], [b"{}"], [b"[1]"], [b"[{}]"], [b'[{"$type": 3}]'], [b"hello"], [b"\xff"]],
)
def test_a_message_is_one_list_of_commands(controller, message):
    with built(controller) as build:
        controller.socket.send_multipart(message)
        answer = controller.socket.recv_multipart()
        assert not QuitSignal(answer[0]).get_ok()
        controller.over = True
    assert build.status == 1
    assert build.log[-1].startswith("OBJECTION: ")


def test_the_version_is_laid_out_as_the_versions_of_tdw_have_it():
    packed = frames.version("1.13.0", "2020.3")
    assert packed[4:] == b"vers\x01\x061.13.02020.3"
    table = VersionTable.GetRootAsVersion(bytearray(frames.version("1.12.24", "2020.3")), 0)
    assert (table.Tdw(), table.Unity(), table.Standalone()) == (b"1.12.24", b"2020.3", True)
    own = Version(frames.version(BUILD_VERSION, "2020.3"))  # by the class of the package
    assert (own.get_tdw_version(), own.get_unity_version()) == (BUILD_VERSION, "2020.3")


@pytest.mark.parametrize("version", ["1.12.5", "1.12.24", "1.13.0", "1.13.10", "2.0"])
def test_hyp_reads_the_version_of_any_build_whichever_package_is_installed(version):
    assert client.build_version(frames.version(version, "2020.3.24f1")) == version


# Poses


def test_quaternions_agree_with_scipy_and_with_tdw():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = Rotation.random(2, rng=rng)
        p, q = tuple(a.as_quat()), tuple(b.as_quat())
        v = tuple(rng.normal(size=3))
        np.testing.assert_allclose(rotations.multiply(p, q), QuaternionUtils.multiply(p, q))
        np.testing.assert_allclose(rotations.rotate(p, v), a.apply(v), atol=1e-12)
        np.testing.assert_allclose(np.array(rotations.columns(p)).T, a.as_matrix(), atol=1e-12)
        x, y, z = rng.uniform(-180, 180, size=3)
        expected = Rotation.from_euler("YXZ", [y, x, z], degrees=True)
        assert turn_between(rotations.from_euler((x, y, z)), expected.as_quat()) < 1e-5


def test_tdws_euler_angles_come_back():
    euler = np.array([20.0, 150.0, 330.0])
    back = QuaternionUtils.quaternion_to_euler_angles(np.array(rotations.from_euler(euler)))
    np.testing.assert_allclose(back, euler, atol=1e-4)


def test_looking_keeps_the_right_axis_level():
    rng = np.random.default_rng(2)
    for direction in rng.normal(size=(20, 3)):
        right, _, forward = rotations.columns(rotations.looking(tuple(direction)))
        np.testing.assert_allclose(forward, direction / np.linalg.norm(direction), atol=1e-12)
        assert abs(right[1]) < 1e-12
    assert rotations.columns(rotations.looking((0, 3, 0)))[2] == pytest.approx((0, 1, 0))


def test_the_centroid_is_where_it_is_put_and_the_pivot_is_not(controller):
    rng = np.random.default_rng(3)
    camera, place = random_places(rng)
    with built(controller):
        controller.ask(*readied())
        data = controller.ask(
            *posed(rng, camera, place), command("send_transforms"), command("send_bounds")
        )
    np.testing.assert_allclose(data["boun"].get_center(0), place, atol=1e-5)
    pivot, rotation = data["tran"].get_position(0), data["tran"].get_rotation(0)
    model = catalogue.model(MODEL)
    offset = np.array(model.centroid) / model.extent
    assert np.abs(offset[[0, 2]]).max() > 0.005
    np.testing.assert_allclose(pivot + Rotation.from_quat(rotation).apply(offset), place, atol=1e-5)


def test_bounds_are_those_of_the_library_scaled_and_turned(controller):
    model = catalogue.model(MODEL)
    turn = Rotation.from_euler("YXZ", [30, 20, 10], degrees=True)
    with built(controller):
        controller.ask(*readied())
        data = controller.ask(
            command("teleport_object", id=1, position=vector([1, 2, 3])),
            command("rotate_object_to_euler_angles", id=1, euler_angles=vector([20, 30, 10])),
            command("send_bounds", ids=[1]),
            command("send_transforms", ids=[1]),
        )
    bounds = data["boun"]
    size = np.array(model.size) / model.extent
    x = bounds.get_right(0) - bounds.get_left(0)
    y = bounds.get_top(0) - bounds.get_bottom(0)
    z = bounds.get_front(0) - bounds.get_back(0)
    np.testing.assert_allclose(np.stack([x, y, z], axis=1), turn.as_matrix() * size, atol=1e-5)
    assert data["tran"].get_id(0) == 1
    np.testing.assert_allclose(data["tran"].get_position(0), [1, 2, 3])
    np.testing.assert_allclose(data["tran"].get_forward(0), turn.apply([0, 0, 1]), atol=1e-6)


def test_a_model_is_as_large_as_its_scale_factor_makes_it(controller):
    name = next(k for k, r in catalogue.library("models_core").items() if r["scale_factor"] == 0.1)
    with built(controller):
        controller.ask(add_scene())
        data = controller.ask(
            add_object(1, name), add_object(2, name, scale_factor=1), command("send_bounds")
        )
    heights = [data["boun"].get_top(k)[1] - data["boun"].get_bottom(k)[1] for k in range(2)]
    np.testing.assert_allclose(heights[0], catalogue.model(name).size[1], rtol=1e-4)
    assert heights[1] == pytest.approx(10 * heights[0], rel=1e-4)


def test_turns_are_about_the_axes_of_the_world_or_of_the_object(controller):
    turned = command("rotate_object_to_euler_angles", id=1, euler_angles=vector([0, 90, 0]))
    with built(controller):
        controller.ask(*readied())
        found = []
        for is_world in (True, False):
            pitch = command("rotate_object_by", id=1, angle=30, axis="pitch", is_world=is_world)
            data = controller.ask(turned, pitch, command("send_transforms"))
            found.append(data["tran"].get_rotation(0))
    yaw = Rotation.from_euler("y", 90, degrees=True)
    tilt = Rotation.from_euler("x", 30, degrees=True)
    assert turn_between(found[0], (tilt * yaw).as_quat()) < 0.01
    assert turn_between(found[1], (yaw * tilt).as_quat()) < 0.01


def test_turning_about_the_centroid_leaves_it(controller):
    with built(controller):
        controller.ask(*readied())
        centres = []
        for commands in (
            [],
            [command("rotate_object_by", id=1, angle=50, axis="roll", use_centroid=True)],
            [
                command(
                    "rotate_object_to", id=1, rotation=quaternion([0, 1, 0, 0]), use_centroid=True
                )
            ],
        ):
            data = controller.ask(*commands, command("send_bounds"))
            centres.append(data["boun"].get_center(0).copy())
    np.testing.assert_allclose(centres[1:], [centres[0]] * 2, atol=1e-6)


def test_the_object_faces_what_it_looks_at(controller):
    with built(controller):
        controller.ask(*readied())
        data = controller.ask(
            command("teleport_object", id=1, position=vector([1, 1, 1])),
            command("object_look_at_position", id=1, position=vector([4, 1, 5])),
            command("send_transforms"),
        )
    np.testing.assert_allclose(data["tran"].get_forward(0), [0.6, 0, 0.8], atol=1e-6)


def test_the_camera_sees_what_it_looks_at_in_the_middle(controller):
    with built(controller):
        controller.ask(*readied())
        data = controller.ask(
            command("teleport_object", id=1, position=vector([1, 2, 3]), use_centroid=True),
            command("teleport_avatar_to", position=vector([0, 1.5, 1])),
            command("look_at", object_id=1, use_centroid=True),
            command("send_image_sensors"),
            command("send_avatars"),
            command("send_field_of_view"),
            command("send_images"),
        )
    np.testing.assert_allclose(data["avki"].get_position(), [0, 1.5, 1])
    assert data["imse"].get_sensor_field_of_view(0) == data["fofv"].get_fov() == 60
    assert (data["imse"].get_num_sensors(), data["imse"].get_sensor_on(0)) == (1, True)
    assert data["imse"].get_sensor_name(0) == "SensorContainer"
    step = np.array([1, 0.5, 2])
    np.testing.assert_allclose(
        data["imse"].get_sensor_forward(0), step / np.linalg.norm(step), atol=1e-6
    )
    pose = reading.recover_pose(bytes(data["imag"].get_image(0)))
    np.testing.assert_allclose(pose.position, [0, 0, np.linalg.norm(step)], atol=0.02)


def test_a_new_scene_has_no_avatars_objects_or_sky(controller):
    with built(controller) as build:
        controller.ask(*readied(), add_skybox("bathroom_4k"))
        assert set(controller.ask(*readied("ruin"), command("send_transforms"))) == {"tran"}
        assert build.build.scene.skybox == ""
        assert len(build.build.scene.objects) == len(build.build.scene.avatars) == 1
    assert build.status == 0


@pytest.mark.parametrize("scene", catalogue.REGIONS)
def test_the_regions_hold_the_generators_places(controller, scene):
    with built(controller):
        answer = controller.say(add_scene(scene), command("send_scene_regions"))
    regions = SceneBounds(answer).regions
    assert len(regions) == len(catalogue.REGIONS[scene])
    for region in regions:
        assert region.x_max - region.x_min > 0.6
        assert region.z_max - region.z_min > 0.6
        assert region.y_max - 0.3 > 0.4
        assert region.y_min == pytest.approx(0, abs=1e-5)


# Pixels


def test_the_pose_is_read_back_from_drawn_images():
    rng = np.random.default_rng(4)
    names = list(catalogue.library("models_core"))
    whole = 0
    for turn in Rotation.random(24, rng=rng):
        model = catalogue.model(names[rng.integers(len(names))])
        size = np.array(model.size) / model.extent
        z = rng.uniform(0.9, 4.2)
        x, y = rng.uniform(-0.45, 0.45, size=2) * z
        camera = drawing.Camera((0, 0, 0), rotations.IDENTITY, 256, 256, 60.0, "")
        body = drawing.Body(model.name, (x, y, z), tuple(turn.as_quat()), tuple(size), 1.0)
        pose = reading.recover_pose(drawing.picture(camera, [body], "", "jpg"))
        assert pose is not None
        assert np.linalg.norm(pose.position - (x, y, z)) < 0.02 * z
        assert turn_between(pose.rotation, turn.as_quat()) < 2
        assert pose.error < 0.5
        whole += pose.markers == 7
    assert 3 < whole < 24  # some with every marker in sight, some without


def test_the_size_of_the_object_shows():
    camera = drawing.Camera((0, 0, 0), rotations.IDENTITY, 256, 256, 60.0, "")
    body = drawing.Body(MODEL, (0.1, 0, 3.0), rotations.IDENTITY, (0.5, 0.4, 0.3), 0.5)
    image = drawing.picture(camera, [body], "", "png")
    np.testing.assert_allclose(
        reading.recover_pose(image, extent=0.5).position, [0.1, 0, 3.0], atol=0.02
    )
    np.testing.assert_allclose(
        reading.recover_pose(image, extent=1.0).position, [0.2, 0, 6.0], atol=0.04
    )


def test_no_pose_without_an_object():
    camera = drawing.Camera((0, 0, 0), rotations.IDENTITY, 128, 128, 60.0, "")
    assert reading.recover_pose(drawing.picture(camera, [], "", "jpg")) is None


def test_images_agree_with_the_pose_that_comes_with_them(controller):
    rng = np.random.default_rng(5)
    with built(controller):
        controller.ask(
            *readied(),
            *(
                command(f"send_{kind}", frequency="always")
                for kind in ("transforms", "image_sensors", "images", "occlusion")
            ),
        )
        seen = 0
        while seen < 10:
            camera, place = random_places(rng)
            data = controller.ask(*posed(rng, camera, place))
            occluded, unoccluded = data["occl"].get_occluded(), data["occl"].get_unoccluded()
            if occluded <= 2 or 1 - occluded / (unoccluded + 0.001) >= 0.2:
                continue
            seen += 1
            eye = np.array(data["imse"].get_sensor_rotation(0))
            position = QuaternionUtils.world_to_local_vector(place, camera, eye)
            rotation = QuaternionUtils.multiply(
                QuaternionUtils.get_inverse(eye), data["tran"].get_rotation(0)
            )
            pose = reading.recover_pose(bytes(data["imag"].get_image(0)))
            assert np.linalg.norm(pose.position - position) < 0.03 * position[2]
            assert turn_between(pose.rotation, rotation) < 3


def test_scenes_and_skies_are_told_by_colour(controller):
    skies = ("bathroom_4k", "aft_lounge_4k", "sky_white")
    with built(controller):
        for scene, sky in zip(catalogue.REGIONS, skies * 4, strict=False):
            data = controller.ask(
                *readied(scene),
                add_skybox(sky),
                command("teleport_avatar_to", position=vector([0, 1, 0.7])),
                command("send_images"),
            )
            image = bytes(data["imag"].get_image(0))
            assert reading.read_surroundings(image) == (scene, sky)


def test_no_two_scenes_or_skies_look_alike():
    grounds = {catalogue.ground_colour(scene) for scene in catalogue.scene_names()}
    skies = {catalogue.sky_colour(sky) for sky in catalogue.skybox_names()}
    assert len(grounds | skies) == len(catalogue.scene_names()) + len(catalogue.skybox_names())


def test_size_and_encoding_are_as_asked(controller):
    with built(controller):
        controller.ask(*readied())
        for value, name in ((True, "png"), (False, "jpg")):
            data = controller.ask(
                command("set_img_pass_encoding", value=value),
                command("set_screen_size", width=160, height=96),
                command("send_images"),
            )
            images = data["imag"]
            assert (images.get_width(), images.get_height()) == (160, 96)
            assert (images.get_avatar_id(), images.get_num_passes()) == ("a", 1)
            assert (images.get_pass_mask(0), images.get_extension(0)) == ("_img", name)
            start = bytes(images.get_image(0))[:4]
            assert start.startswith(b"\x89PNG" if value else b"\xff\xd8")
            assert reading.pixels_of(bytes(images.get_image(0))).shape == (96, 160, 3)


def test_the_id_pass_is_the_silhouette(controller):
    with built(controller):
        controller.ask(*readied())
        images = controller.ask(
            command("set_pass_masks", pass_masks=["_img", "_id", "_mask"]),
            command("teleport_object", id=1, position=vector([0, 1, 3]), use_centroid=True),
            command("teleport_avatar_to", position=vector([0, 1, 0])),
            command("send_images"),
        )["imag"]
    assert [images.get_pass_mask(k) for k in range(3)] == ["_img", "_id", "_mask"]
    assert [images.get_extension(k) for k in range(3)] == ["jpg", "png", "png"]
    ids, masks = (reading.pixels_of(bytes(images.get_image(k))).any(axis=-1) for k in (1, 2))
    assert ids.any()
    np.testing.assert_array_equal(ids, masks)


def test_a_cached_image_comes_for_every_pose(controller):
    rng = np.random.default_rng(6)
    with built(controller, image_cache=True):
        controller.ask(*readied(), command("send_images", frequency="always"))
        images = [
            bytes(controller.ask(*posed(rng, *random_places(rng)))["imag"].get_image(0))
            for _ in range(3)
        ]
    assert images[0] == images[1] == images[2]


# Occlusion


def test_unoccluded_is_the_share_of_the_mask(controller):
    rng = np.random.default_rng(7)
    with built(controller):
        controller.ask(
            *readied(),
            command("set_pass_masks", pass_masks=["_mask"]),
            command("send_images", frequency="always"),
            command("send_occlusion", ids=["a"], frequency="always"),
        )
        for _ in range(15):
            data = controller.ask(*posed(rng, *random_places(rng)))
            mask = reading.pixels_of(bytes(data["imag"].get_image(0))).any(axis=-1)
            assert abs(data["occl"].get_unoccluded() - 255 * mask.mean()) < 3
            assert 0 <= data["occl"].get_occluded() <= data["occl"].get_unoccluded()


def test_a_pillar_hides_the_object_in_the_data_and_in_the_image(controller):
    low, high = catalogue.pillars("building_site", (0.0, 1.0, 0.0))[4]
    x, _, z = (low + high) / 2
    small = command("scale_object", id=1, scale_factor=vector([0.3] * 3))
    with built(controller):
        controller.ask(*readied(), small)
        found = []
        for side in (0.0, 3.0):
            data = controller.ask(
                command("teleport_avatar_to", position=vector([x + side, 1, z - 1.2])),
                command(
                    "teleport_object",
                    id=1,
                    position=vector([x + side, 1, z + 1.2]),
                    use_centroid=True,
                ),
                command("look_at", object_id=1, use_centroid=True),
                command("send_occlusion"),
                command("send_images"),
            )
            pose = reading.recover_pose(bytes(data["imag"].get_image(0)), extent=0.3)
            found.append((data["occl"].get_occluded(), data["occl"].get_unoccluded(), pose))
    assert found[0][0] == 0
    assert found[0][2] is None
    assert found[1][0] == found[1][1] == found[0][1] > 0
    assert found[1][2].position[2] == pytest.approx(2.4, abs=0.05)


def test_nothing_hides_the_object_in_an_empty_environment(controller):
    with built(controller):
        data = controller.ask(
            command("load_scene", scene_name="ProcGenScene"),
            command("create_empty_environment"),
            *readied()[1:],
            command("teleport_object", id=1, position=vector([0, -1, 2]), use_centroid=True),
            command("look_at", object_id=1, use_centroid=True),
            command("send_occlusion"),
            command("send_scene_regions"),
            command("send_images"),
        )
    assert data["occl"].get_occluded() == data["occl"].get_unoccluded() > 0
    assert data["sreg"].get_num() == 0


@pytest.mark.parametrize("scene", ["box_room_2018", "iceland_beach"])
def test_some_poses_are_accepted_and_some_are_not(controller, scene):
    rng = np.random.default_rng(8)
    with built(controller):
        controller.ask(*readied(scene), command("send_occlusion", frequency="always"))
        accepted = []
        for _ in range(60):
            data = controller.ask(*posed(rng, *random_places(rng)))["occl"]
            share = 1 - data.get_occluded() / (data.get_unoccluded() + 0.001)
            accepted.append(share < 0.2 and data.get_occluded() > 2)
    assert 10 < sum(accepted) < 57


# Objections

BAD = [
    ("is unknown", [command("teleport_obejct", id=1)]),
    ("is unknown", [command("_need_scene")]),
    ('has no parameter "angel"', [command("rotate_object_by", id=1, angel=3)]),
    ('has no parameter "id"', [command("do_nothing", id=1)]),
    ('lacks the parameter "id"', [command("teleport_object", position=vector([0, 0, 0]))]),
    ('"id" needs a 32-bit whole number', [command("destroy_object", id=1.0)]),
    ('"id" needs a 32-bit whole number', [command("destroy_object", id=True)]),
    ('"id" needs a 32-bit whole number', [command("destroy_object", id=2**31)]),
    ('"angle" needs a finite number', [command("rotate_object_by", id=1, angle="30")]),
    ('"angle" needs a finite number', [command("rotate_object_by", id=1, angle=float("nan"))]),
    ('"position" needs an object', [command("teleport_object", id=1, position=[0, 0, 0])]),
    ('"position" needs an object', [command("teleport_object", id=1, position={"x": 0, "y": 1})]),
    (
        '"rotation" needs a quaternion of length 1',
        [command("rotate_object_to", id=1, rotation=quaternion([0, 0, 0, 0]))],
    ),
    ('"axis" needs one of', [command("rotate_object_by", id=1, angle=3, axis="x")]),
    ('"frequency" needs one of', [command("send_transforms", frequency="sometimes")]),
    ('"value" needs true or false', [command("simulate_physics", value=0)]),
    ('"pass_masks" needs one of', [command("set_pass_masks", pass_masks=["img"])]),
    ("names something twice", [command("set_pass_masks", pass_masks=["_img", "_img"])]),
    ("does not play", [command("set_pass_masks", pass_masks=["_depth"])]),
    ("names the object 2", [command("scale_object", id=2)]),
    ("names the object 2", [command("send_bounds", ids=[2])]),
    ("names the object 2", [command("look_at", object_id=2, use_centroid=True)]),
    ('names the avatar "b"', [command("set_field_of_view", avatar_id="b")]),
    ('names the avatar "b"', [command("send_occlusion", ids=["b"])]),
    ('makes a second avatar "a"', [command("create_avatar", type="A_Img_Caps_Kinematic")]),
    ("adds a second object 1", [add_object(1)]),
    ("comes while there is an object 1", [command("unload_asset_bundles")]),
    ("in the library", [add_object(2, url="https://tdw-public.s3.amazonaws.com/models/x")]),
    ("in the library", [add_object(2, category="chair of another kind")]),
    ("not in the library", [add_object(2) | {"name": "no_such_model"}]),
    ("in the library", [add_skybox("bathroom_4k") | {"exposure": 9}]),
    ("not between 0 and 5", [command("set_render_quality", render_quality=6)]),
    ("not between 0 and 1", [command("set_shadow_strength", strength=2)]),
    ("from 1 to 8192 pixels", [command("set_screen_size", width=0)]),
    ("near < far", [command("set_camera_clipping_planes", near=2, far=1)]),
    ("not between", [command("set_field_of_view", field_of_view=180)]),
    ("not positive", [command("scale_object", id=1, scale_factor=vector([1, 0, 1]))]),
    (
        "without pass masks",
        [command("set_pass_masks", pass_masks=[]), command("send_images")],
    ),
    (
        "while physics lets the object 1 fall",
        [command("simulate_physics", value=True), command("send_images")],
    ),
    ("names the object 1", [command("destroy_object", id=1), command("destroy_object", id=1)]),
]


@pytest.mark.parametrize(("words", "commands"), BAD)
def test_what_is_wrong_is_objected_to(controller, words, commands):
    with built(controller) as build:
        controller.ask(*readied())
        answer = controller.say(*commands)
        assert [name for name, _ in controller.named(answer[:-1])] == ["quit"]
        assert QuitSignal(answer[0]).get_ok() is False
    assert build.status == 1
    assert build.log[-1].startswith(f"OBJECTION: command {commands[-1]['$type']}: "), build.log
    assert words in build.log[-1]
    assert build.build.summary(1)["objections"] == build.log


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        ("before a scene", [add_object()]),
        ("before a scene", [add_skybox("bathroom_4k")]),
        ("before a scene", [command("create_avatar", type="A_Img_Caps_Kinematic")]),
        ("before a scene", [command("send_scene_regions")]),
        ("before an avatar", [add_scene(), command("send_images")]),
        (
            "without pass masks",
            [
                add_scene(),
                command("create_avatar", type="A_Img_Caps_Kinematic"),
                command("send_images"),
            ],
        ),
    ],
)
def test_commands_have_an_order(controller, words, commands):
    with built(controller) as build:
        controller.say(*commands)
    assert build.status == 1
    assert words in build.log[-1]


def test_data_asked_for_always_need_their_object(controller):
    with built(controller) as build:
        controller.say(*readied(), command("send_transforms", ids=[1], frequency="always"))
        controller.say(command("destroy_object", id=1))
    assert build.status == 1
    assert "does not exist any more" in build.log[-1]


def test_an_objection_is_told_in_a_log_message_where_asked_for(controller):
    with built(controller):
        controller.say(command("send_log_messages"))
        data = controller.ask(command("nonsense"))
    assert data["logm"].get_message().startswith("OBJECTION: command nonsense: ")
    assert data["logm"].get_message_type() == "error"
    assert not data["quit"].get_ok()


@pytest.mark.parametrize(("version", "status"), [("1.12.24", 0), ("1.12.23", 1)])
def test_an_old_build_knows_no_teleport_by_the_centroid(controller, version, status):
    teleport = command("teleport_object", id=1, position=vector([0, 1, 0]), use_centroid=True)
    with built(controller, version=version) as build:
        controller.say(*readied(), teleport)
    assert build.status == status


def test_termination_is_told(controller):
    with built(controller) as build:
        assert controller.ask(command("terminate"))["quit"].get_ok() is True
    assert build.status == 0


# Faults


def test_a_silent_build_sends_nothing(controller):
    controller.socket.rcvtimeo = 200
    with (
        built(controller, fault="silent", idle=0.5) as build,
        pytest.raises(zmq.Again),
    ):
        controller.socket.recv()
    assert build.status == 4


def test_a_hanging_build_answers_no_more(controller):
    with built(controller, fault="hang", after=2, idle=0.5) as build:
        controller.say()
        controller.say()
        controller.socket.rcvtimeo = 200
        with pytest.raises(zmq.Again):
            controller.say()
    assert build.status == 4


def test_a_quitting_build_leaves_without_an_answer(controller):
    with built(controller, fault="quit", after=1) as build:
        controller.say()
        controller.socket.rcvtimeo = 200
        with pytest.raises(zmq.Again):
            controller.say()
    assert build.status == 3


def test_a_frame_is_lost_once(controller):
    with built(controller, fault="lose-frame", after=2):
        numbers = [int.from_bytes(controller.say()[-1], "big") for _ in range(5)]
    assert [b - a for a, b in pairwise(numbers)] == [1, 2, 1, 1]


def test_a_wrong_frame_is_the_one_before(controller):
    rng = np.random.default_rng(9)
    with built(controller, fault="wrong-frame", after=3):
        controller.say(*readied())
        controller.say(
            command("send_images", frequency="always"),
            command("send_transforms", frequency="always"),
        )
        answers = [controller.say(*posed(rng, *random_places(rng))) for _ in range(3)]
    assert answers[0] == answers[1]
    assert set(answers[2]) & set(answers[1]) == set()
    assert int.from_bytes(answers[2][-1], "big") == int.from_bytes(answers[0][-1], "big") + 2


def test_an_image_is_missing_once(controller):
    with built(controller, fault="no-image"):
        controller.say(*readied())
        ask = command("send_transforms", frequency="always"), command("send_images")
        assert [set(controller.ask(*ask)) for _ in range(2)] == [{"tran"}, {"tran", "imag"}]


def test_garbage_comes_once_with_the_right_number(controller):
    with built(controller, fault="garbage", after=1):
        controller.say(*readied())
        spoilt, whole = (controller.say(command("send_bounds")) for _ in range(2))
    assert spoilt[0][4:8] != whole[0][4:8] == b"boun"
    assert int.from_bytes(whole[-1], "big") == int.from_bytes(spoilt[-1], "big") + 1


def test_commands_that_were_not_received_are_asked_for_again(controller):
    with built(controller, fault="resend", after=1) as build:
        controller.say(*readied())
        moved = command("teleport_object_by", id=1, position=vector([1, 0, 0]))
        again = controller.say(moved, command("send_transforms"))
        assert again == [frames.failed_to_receive(), bytes(4)]
        assert OutputData.get_data_type_id(again[0]) == "ftre"
        data = controller.ask(moved, command("send_transforms"))
        np.testing.assert_allclose(data["tran"].get_position(0), [1, 0, 0])
    assert build.status == 0


@pytest.mark.parametrize("settings", [{"fault": "asset-missing", "after": 1}, {"missing": [MODEL]}])
def test_an_asset_that_cannot_be_downloaded_ends_the_build(controller, settings):
    with built(controller, **settings) as build:
        controller.say(add_scene())
        answer = controller.say(add_object())
        assert not QuitSignal(answer[0]).get_ok()
    assert build.status == 1
    url = catalogue.url_of("models_core", MODEL)
    assert build.log[-2:] == [
        f"Asset bundle is null: {url} [TDWInput.AddObject]",
        "Tried to create null object. [TDWInput.AddObject]",
    ]


# The program


def test_the_program_answers_and_sums_up(controller, tmp_path):
    summary = tmp_path / "summary.json"
    with running(controller.port, "--summary", str(summary)) as process:
        controller.socket.recv()
        controller.say(*readied(), add_skybox("bathroom_4k"))
        for _ in range(3):
            controller.say(command("send_images"))
        controller.say(command("terminate"))
        assert process.wait(20) == 0
        assert process.stdout.read() == f"TDW v{BUILD_VERSION} (stand-in)\n"
    found = read_summary(summary)
    assert (found["status"], found["replies"], found["images"]) == (0, 5, 3)
    assert found["objections"] == []
    assert found["commands"]["send_images"] == 3
    assert found["images_of"] == [
        {"scene": "building_site", "model": MODEL, "skybox": "bathroom_4k", "images": 3}
    ]


def test_the_launcher_takes_the_arguments_of_the_real_build(controller, tmp_path):
    summary, log = tmp_path / "summary.json", tmp_path / "a log"
    path = write_launcher(tmp_path / "TDW.x86_64", "--summary", str(summary), "--fault", "quit")
    words = [path, f"-port {controller.port}", "-address=127.0.0.1", "-flip_images"]
    with subprocess.Popen(
        [*words, "-logFile", str(log)], env=os.environ | {"DISPLAY": ":7"}
    ) as process:
        controller.socket.recv()
        controller.socket.send(b"[]")
        assert process.wait(20) == 3
    assert log.read_text().splitlines() == [f"TDW v{BUILD_VERSION} (stand-in)", "Fault: quit."]
    assert read_summary(summary)["display"] == ":7"
