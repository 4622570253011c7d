"""The poses that are tried, before a build judges them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from hyp.datasets.designs import Design
from hyp.datasets.engine import geometry
from hyp.datasets.tdw.build_session import relative_pose
from hyp.datasets.tdw.sampling import candidates, one_by_one, regions_of
from hyp.errors import HypError

FULL = Design()
OPEN = regions_of("ruin", np.array([[0.0, 50.0, 0.0]]), np.array([[40.0, 100.0, 30.0]]))


def pose(drawn) -> np.ndarray:
    return relative_pose(
        np.concatenate([drawn.camera, drawn.facing, drawn.centre, drawn.turn], axis=1)
    )


def drawn(design: Design = FULL, n: int = 20_000, seed: int = 5, regions=OPEN):
    return candidates(design, regions, seed, np.arange(n), 0, 1)


def test_distributions_are_those_of_the_paper_s_generator():
    found, good = drawn()
    assert good.all()
    rel = pose(found)
    np.testing.assert_allclose(rel[:, :3].mean(0), (0.0, 0.0, 2.45), atol=0.02)
    np.testing.assert_allclose(rel[:, :3].std(0), (0.53, 0.54, 0.91), atol=0.02)
    signed = (rel[:, 3:] + np.array([180.0, 0.0, 180.0])) % 360 - np.array([180.0, 0.0, 180.0])
    low, high = np.percentile(signed, [1, 99], axis=0)
    np.testing.assert_allclose(low, (-51, 119, -62), atol=3)
    np.testing.assert_allclose(high, (51, 242, 62), atol=3)


def test_distance_and_direction_are_uniform_and_the_object_faces_the_camera():
    found, _ = drawn()
    ray = found.centre - found.camera
    distance = np.linalg.norm(ray, axis=1)
    assert kstest(distance, "uniform", args=(0.9, 3.3)).pvalue > 1e-3
    up = ray[:, 1] / distance
    assert kstest(up, "uniform", args=(-0.2, 1.2)).pvalue > 1e-3
    around = np.arctan2(ray[:, 0], ray[:, 2])
    assert kstest(around, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3
    facing = geometry.look_along(-ray / distance[:, None])
    own = geometry.multiply(geometry.inverse(facing), found.turn)
    angles = Rotation.from_quat(own).as_euler("XYZ", degrees=True)
    assert np.abs(angles).max() < 45.001
    for axis in range(3):
        assert kstest(angles[:, axis], "uniform", args=(-45, 90)).pvalue > 1e-3


def test_the_camera_looks_past_the_centre_by_pitch_and_yaw_without_roll():
    found, _ = drawn()
    ray = found.centre - found.camera
    look = geometry.look_along(ray / np.linalg.norm(ray, axis=1, keepdims=True))
    jitter = geometry.multiply(geometry.inverse(look), found.facing)
    angles = Rotation.from_quat(jitter).as_euler("XYZ", degrees=True)
    np.testing.assert_allclose(angles[:, 2], 0.0, atol=1e-9)
    assert np.abs(angles).max() < 20.001
    assert angles[:, :2].std() == pytest.approx(20 / np.sqrt(3), rel=0.02)


def test_cameras_keep_to_their_region_and_objects_below_its_top():
    centre = np.array([[0.0, 1.5, 0.0], [20.0, 3.0, 5.0]])
    size = np.array([[8.0, 3.0, 6.0], [4.0, 6.0, 10.0]])
    rooms = regions_of("tdw_room", centre, size)
    found, _ = drawn(regions=rooms)
    second = found.camera[:, 0] > 10
    assert second.mean() == pytest.approx(0.5, abs=0.02)  # regions, not areas
    first_room = found.camera[~second]
    np.testing.assert_allclose(first_room.min(0), (-3.7, 0.4, -2.7), atol=0.02)
    np.testing.assert_allclose(first_room.max(0), (3.7, 2.7, 2.7), atol=0.02)
    assert (found.centre[~second, 1] >= 3.0).mean() < 1e-3  # 15 tries, then any


@pytest.mark.parametrize(
    ("scene", "low", "high", "top"),
    [
        ("savanna_flat_6km", (-2999.7, 5, -2999.7), (2999.7, 10, 2999.7), 15),
        ("suburb_scene_2023", (-68, 0.4, -11), (68, 199.7, 11), 200),
        ("downtown_alleys", (29, 2, -15), (33, 5, 8), 7),
        ("ruin", (-2999.7, 0.4, -2999.7), (2999.7, 199.7, 2999.7), 200),
    ],
)
def test_scenes_with_bounds_of_their_own(scene, low, high, top):
    found = regions_of(scene, np.array([[0.0, 100.0, 0.0]]), np.array([[6000.0, 200.0, 6000.0]]))
    np.testing.assert_allclose(found.low, [low])
    np.testing.assert_allclose(found.high, [high])
    np.testing.assert_allclose(found.top, [top])


def test_a_row_depends_on_seed_index_and_attempt_alone():
    together, _ = candidates(FULL, OPEN, 5, np.arange(40), 0, 4)
    alone, _ = candidates(FULL, OPEN, 5, np.array([17]), 2, 1)
    np.testing.assert_array_equal(alone.turn[0], together.turn[17 * 4 + 2])
    np.testing.assert_array_equal(alone.centre[0], together.centre[17 * 4 + 2])
    later = next(one_by_one(FULL, OPEN, 5, 17, 3))
    np.testing.assert_array_equal(later.camera[0], together.camera[17 * 4 + 3])
    other, _ = candidates(FULL, OPEN, 6, np.array([17]), 2, 1)
    assert (other.camera != alone.camera).all()


@pytest.mark.parametrize(
    ("design", "column", "value"),
    [
        ("rel_pos_z=2.5", 2, 2.5),
        ("rel_pos_x=0.3", 0, 0.3),
        ("rel_rot_euler_1=180", 4, 180.0),
        ("rel_rot_euler_0=20", 3, 20.0),
    ],
)
def test_pinned_latents_are_met_and_the_others_are_those_of_the_full_design(design, column, value):
    found, good = drawn(Design.parse(design), 500)
    assert good.all()
    rel = pose(found)
    np.testing.assert_allclose(rel[:, column], value, atol=1e-9)
    np.testing.assert_array_equal(found.camera, drawn(n=500)[0].camera)
    unrestricted = pose(drawn(n=500)[0])
    same = [3, 4, 5] if column < 3 else [0, 1, 2]
    np.testing.assert_allclose(rel[:, same], unrestricted[:, same], atol=1e-9)


def test_centred_means_the_camera_aims_at_the_centre():
    rel = pose(drawn(Design.parse("centered"))[0])
    np.testing.assert_allclose(rel[:, :2], 0.0, atol=1e-9)
    assert kstest(rel[:, 2], "uniform", args=(0.9, 3.3)).pvalue > 1e-3
    assert rel[:, 2].std() == pytest.approx(0.96, abs=0.02)


def test_ranges_select_among_the_attempts_of_the_full_design():
    design = Design.parse("rel_pos_z=2..2.5+rel_rot_euler_2=350..370")
    found, good = candidates(design, OPEN, 5, np.arange(2000), 0, 1)
    rel = pose(found)
    turn = (rel[:, 5] - 350) % 360
    np.testing.assert_array_equal(good, (rel[:, 2] >= 2) & (rel[:, 2] <= 2.5) & (turn <= 20))
    assert 0.01 < good.mean() < 0.1
    np.testing.assert_array_equal(found.centre, drawn(n=2000)[0].centre)


def test_a_scene_without_room_is_refused():
    with pytest.raises(HypError, match="room for a camera"):
        regions_of("ruin", np.array([[0.0, 0.2, 0.0]]), np.array([[9.0, 0.5, 9.0]]))
    with pytest.raises(HypError, match="room for a camera"):
        regions_of("ruin", np.zeros((0, 3)), np.zeros((0, 3)))


def test_relative_poses_agree_with_scipy_in_unity_s_convention():
    rng = np.random.default_rng(0)
    camera, centre = rng.normal(size=(2, 50, 3))
    facing, turn = (Rotation.random(50, rng=rng) for _ in range(2))
    rel = relative_pose(
        np.concatenate([camera, facing.as_quat() * 1.0001, centre, turn.as_quat()], axis=1)
    )
    np.testing.assert_allclose(rel[:, :3], facing.inv().apply(centre - camera), atol=1e-9)
    rotation = Rotation.from_euler("YXZ", rel[:, [4, 3, 5]], degrees=True)
    assert (rotation * (facing.inv() * turn).inv()).magnitude().max() < 1e-6
    assert rel[:, 3:].min() >= 0
    assert rel[:, 3:].max() < 360
