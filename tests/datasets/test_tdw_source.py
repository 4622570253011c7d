"""ThreeDWorld sets from a build, which a strict stand-in plays in a process of its own."""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from scipy.spatial.transform import Rotation
from tdw_build import read_summary, running
from tdw_build.reading import read_surroundings, recover_pose
from tdw_ports import free_port, free_ports

from hyp.datasets.designs import Design
from hyp.datasets.sources import SOURCES
from hyp.datasets.tdw import TDWSource
from hyp.datasets.tdw.builds import close_builds
from hyp.datasets.tdw.rendering import WORLD
from hyp.errors import HypError

FULL = Design()
SMALL = Design.parse("categories=8")


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    monkeypatch.setitem(SOURCES, "tdw", "hyp.datasets.tdw.source:TDWSource")
    yield
    close_builds()


@contextmanager
def build(tmp_path: Path, *flags: str, **settings):
    """Run a build that nothing may be objected to, and yield the source of its images."""
    port, summary = free_port(), tmp_path / "summary.json"
    with running(port, "--summary", str(summary), *flags) as process:
        yield TDWSource.open(f"localhost:{port}", patience=10, **settings)
        close_builds()
        assert process.wait(10) == 0
    assert read_summary(summary)["objections"] == []


def summary_of(tmp_path: Path) -> dict:
    return read_summary(tmp_path / "summary.json")


def same(one: dict, other: dict) -> bool:
    return list(one) == list(other) and all(np.array_equal(one[k], other[k]) for k in one)


def test_images_show_the_pose_the_scene_and_the_sky_that_the_table_names(tmp_path):
    with build(tmp_path, planned=16, image_size=256) as source:
        files, table = source.render(SMALL, 3, np.arange(16))
    assert summary_of(tmp_path)["images"] == 16
    errors, scenes, skies = [], 0, 0
    for k, file in enumerate(files):
        scene, sky = read_surroundings(file)
        assert scene in (None, table["scene"][k])
        assert sky in (None, table["sky"][k])
        scenes, skies = scenes + (scene is not None), skies + (sky is not None)
        seen = recover_pose(file)
        if seen is None or seen.markers < 6 or seen.error > 0.3:
            continue
        position = [table[f"rel_pos_{axis}"][k] for axis in "xyz"]
        euler = [table[f"rel_rot_euler_{axis}"][k] for axis in (1, 0, 2)]
        turn = Rotation.from_euler("YXZ", euler, degrees=True)
        miss = (Rotation.from_quat(seen.rotation) * turn.inv()).magnitude()
        errors.append((*(seen.position - position), np.degrees(miss)))
    assert len(errors) >= 5
    assert (np.median(np.abs(errors), axis=0) < (0.02, 0.02, 0.06, 3)).all()
    assert min(scenes, skies) >= 6
    drawn = Counter()
    for row in summary_of(tmp_path)["images_of"]:
        drawn[row["scene"], row["model"], row["skybox"]] += row["images"]
    assert drawn == Counter(zip(table["scene"], table["identity"], table["sky"], strict=True))


def test_an_image_depends_on_its_index_alone_and_sample_agrees(tmp_path):
    with build(tmp_path, planned=12, image_size=64) as source:
        files, table = source.render(SMALL, 5, np.arange(12))
        order = np.array([7, 2, 11, 2])
        again, columns = source.render(SMALL, 5, order)
        assert again == [files[k] for k in order]
        assert same(columns, {name: column[order] for name, column in table.items()})
        assert same(source.sample(SMALL, 5, order), columns)
        other = source.sample(SMALL, 6, order)
        assert (other["camera_pos_x"] != columns["camera_pos_x"]).all()
        nothing, empty = source.render(SMALL, 5, np.arange(0))
        assert nothing == []
        assert list(empty) == list(table)


def test_columns_agree_with_each_other(tmp_path):
    with build(tmp_path, planned=10, image_size=64) as source:
        table = source.render(SMALL, 1, np.arange(10))[1]
    world = np.stack([table[name] for name in WORLD], axis=1)
    assert WORLD[0] == "camera_pos_x"
    camera, facing, centre, turn = np.split(world, (3, 7, 10), axis=1)
    facing, turn = Rotation.from_quat(facing), Rotation.from_quat(turn)
    position = np.stack([table[f"rel_pos_{axis}"] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(facing.inv().apply(centre - camera), position, atol=1e-6)
    euler = np.stack([table[f"rel_rot_euler_{axis}"] for axis in (1, 0, 2)], axis=1)
    relative = Rotation.from_euler("YXZ", euler, degrees=True)
    assert (relative * (facing.inv() * turn).inv()).magnitude().max() < 1e-5
    assert world.dtype == np.float64
    np.testing.assert_array_equal(world, world.astype(np.float32))  # as the build has them
    assert len(set(table["tdw_build"])) == 1
    assert set(zip(table["wnid"], table["category"], strict=True)) <= {
        ("n00104409", "bowl"),
        ("n00609236", "painting"),
        ("n02206856", "bee"),
        ("n02694662", "alarm clock"),
        ("n02769748", "backpack"),
        ("n02773838", "suitcase"),
        ("n02774152", "bag, handbag, pocketbook, purse"),
        ("n02799175", "baseball bat"),
    }


def test_builds_load_each_scene_once_and_each_model_once_a_scene(tmp_path):
    design = Design.parse("categories=2+scenes=2")
    with build(tmp_path, planned=24, image_size=32) as source:
        for start in range(0, 24, 5):
            source.render(design, 5, np.arange(start, min(start + 5, 24)))
        runs = source.plan(design)
    commands = summary_of(tmp_path)["commands"]
    assert commands["add_scene"] == 2
    assert commands["add_object"] == np.count_nonzero(np.diff(runs.edges)) == 18
    assert commands["unload_asset_bundles"] == commands["destroy_object"] == 17


def test_designs_are_kept_and_share_what_they_do_not_restrict(tmp_path):
    index = np.arange(6)
    with build(tmp_path, planned=6, image_size=64) as source:
        full = source.sample(SMALL, 2, index)
        pinned = source.sample(Design.parse("categories=8+rel_pos_z=2.2"), 2, index)
        centred = source.sample(Design.parse("categories=8+centered"), 2, index)
        narrow = source.sample(
            Design.parse("categories=8+rel_pos_z=1.2..1.6+rel_rot_euler_1=170..190"), 2, index
        )
        turned = source.sample(Design.parse("categories=8+rel_rot_euler_2=0"), 2, index)
    np.testing.assert_allclose(pinned["rel_pos_z"], 2.2, atol=5e-4)
    np.testing.assert_allclose(centred["rel_pos_x"], 0.0, atol=5e-4)
    np.testing.assert_allclose(centred["rel_pos_y"], 0.0, atol=5e-4)
    assert ((narrow["rel_pos_z"] >= 1.2 - 5e-4) & (narrow["rel_pos_z"] <= 1.6 + 5e-4)).all()
    assert (np.abs(narrow["rel_rot_euler_1"] - 180) <= 10.001).all()
    assert np.abs((turned["rel_rot_euler_2"] + 180) % 360 - 180).max() < 1e-4
    for table in (pinned, centred, narrow, turned):
        for name in ("scene", "identity", "sky"):
            np.testing.assert_array_equal(table[name], full[name])
    assert np.mean(pinned["camera_pos_x"] == full["camera_pos_x"]) >= 0.5


def test_more_workers_than_builds_are_told_so():
    ports = free_ports(2)
    source = TDWSource.open(f"localhost:{ports[0]},localhost:{ports[1]}", patience=1)
    import zmq

    context = zmq.Context()
    taken = [context.socket(zmq.REP) for _ in ports]
    for socket, port in zip(taken, ports, strict=True):
        socket.bind(f"tcp://127.0.0.1:{port}")
    with pytest.raises(HypError, match=r"all 2 ports .* are in use"):
        source.render(FULL, 0, np.arange(1))
    context.destroy(linger=0)


def test_it_listens_to_this_machine_alone_unless_told_otherwise():
    for host, expected in (("localhost", "127.0.0.1"), ("*", "0.0.0.0")):
        port = free_port()
        source = TDWSource.open(f"{host}:{port}", patience=1.5)
        heard: list[str] = []

        def listen(port: int = port, heard: list[str] = heard) -> None:
            for _ in range(200):
                found = psutil.Process(os.getpid()).net_connections(kind="tcp")
                heard += [c.laddr.ip for c in found if c.laddr.port == port]
                if heard:
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        with pytest.raises(HypError, match="no build connected"):
            source.render(FULL, 0, np.arange(1))
        thread.join()
        assert set(heard) == {expected}
