import hashlib

import numpy as np
import pytest
import trimesh
from PIL import Image

from hyp.datasets.designs import Design
from hyp.datasets.engine import EngineSource, geometry
from hyp.datasets.engine.pictures import ambient, fitted, mip_levels, read_panorama
from hyp.datasets.engine.render import SLOPE, draw
from hyp.datasets.sources import open_source
from hyp.errors import HypError


def add_panorama(root, name, pixels):
    folder = root / "panoramas"
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def smooth_picture(width=512):
    """Return a picture that no mirroring or turning leaves as it is."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(width // 2) / (width // 2))
    red = 0.5 + 0.4 * np.sin(2 * np.pi * x)
    green = 0.5 + 0.4 * np.cos(2 * np.pi * x) * np.sin(np.pi * y)
    return np.stack([255 * red, 255 * green, 255 * (1 - y)], axis=-1).astype(np.uint8)


def without_object(table):
    return {**table, "object_pos_y": table["object_pos_y"] - 1000.0}


def test_a_panorama_is_a_scene_of_the_built_in_objects(tmp_path):
    add_panorama(tmp_path, "park.jpg", smooth_picture())
    add_panorama(tmp_path, "square.png", smooth_picture())
    source = open_source(f"engine:{tmp_path}", image_size=32)
    scene = next(item for item in source.latents if item.name == "scene")
    assert scene.values == ("park", "square")
    assert source.identity_category == EngineSource().identity_category
    assert set(source.sample(Design(), 0, np.arange(30))["scene"]) == {"park", "square"}
    pinned = source.sample(Design.parse("scene=park"), 0, np.arange(30))
    assert set(pinned["scene"]) == {"park"}
    content = (tmp_path / "panoramas" / "park.jpg").read_bytes()
    assert source.panoramas[0].digest == hashlib.sha256(content).hexdigest()
    both = open_source(f"engine:{tmp_path}", builtin=True)
    assert len(next(item for item in both.latents if item.name == "scene").values) == 12


def test_every_direction_shows_its_part_of_the_picture(tmp_path):
    picture = smooth_picture()
    add_panorama(tmp_path, "all.png", picture)
    source = open_source(f"engine:{tmp_path}")
    n, size = 40, 64
    table = source.sample(Design(), 0, np.arange(n))
    shown = draw(without_object(table), size, 1, "cpu", source._world).astype(float)
    turn = np.stack([table[f"camera_rot_{axis}"] for axis in "xyzw"], axis=1)
    slope = ((np.arange(size) + 0.5) / size * 2 - 1) * SLOPE
    u, v = np.meshgrid(slope, -slope)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1).reshape(-1, 3)
    for image, quaternion in zip(shown, turn, strict=True):
        d = geometry.rotate(np.broadcast_to(quaternion, (len(rays), 4)), rays)
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        column = (0.5 + np.arctan2(d[:, 0], d[:, 2]) / (2 * np.pi)) * 512
        row = np.arccos(d[:, 1]) / np.pi * 256
        expected = picture[row.astype(int).clip(0, 255), column.astype(int) % 512]
        apart = np.abs(expected.reshape(size, size, 3) - image)
        assert apart.mean() < 1.5
        assert apart.max() < 12


def test_pictures_light_the_object_with_their_own_colour(tmp_path):
    colour = np.array([180, 90, 40], dtype=np.uint8)
    add_panorama(tmp_path, "even.png", np.broadcast_to(colour, (64, 128, 3)).copy())
    white = trimesh.creation.icosphere(3)
    white.visual.vertex_colors = [255, 255, 255, 255]
    (tmp_path / "balls").mkdir()
    white.export(tmp_path / "balls" / "white.ply")
    source = open_source(f"engine:{tmp_path}", image_size=64)
    images, table = source.render(Design.parse("centered+rel_pos_z=2"), 0, np.arange(80))
    ahead = geometry.rotate(
        np.stack([table[f"camera_rot_{axis}"] for axis in "xyzw"], axis=1),
        np.broadcast_to([0.0, 0.0, 1.0], (80, 3)),
    )
    azimuth, elevation = np.radians(table["light_azimuth"]), np.radians(table["light_elevation"])
    flat = np.cos(elevation)
    toward = np.stack([flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)], axis=1)
    facing = -np.einsum("ij,ij->i", ahead, toward)
    dark, lit = images[facing < -0.2][:, 32, 32], images[facing > 0.2][:, 32, 32]
    assert len(dark) > 5
    assert np.abs(dark.astype(int) - colour).max() <= 1
    assert (lit.astype(int) > colour + 5).all()


def test_light_from_above_and_below_is_weighted_by_the_cosine():
    picture = np.zeros((256, 512, 3), dtype=np.uint8)
    picture[:64] = 255
    picture[128:, :, 2] = 255
    above, below = ambient(picture)
    np.testing.assert_allclose(above, 0.5, atol=1e-3)
    np.testing.assert_allclose(below, [0, 0, 1], atol=1e-12)


def test_mip_levels_keep_the_mean_light():
    picture = np.random.default_rng(0).integers(0, 256, (8, 16, 3), dtype=np.uint8)
    levels = mip_levels(picture)
    assert len(levels) == 128 + 32 + 8 + 2 + 1
    assert levels[17] == sum(int(value) << (8 * k) for k, value in enumerate(picture[1, 1]))
    last = [(int(levels[-1]) >> (8 * k)) & 255 for k in range(3)]
    mean = 255 * np.sqrt(np.square(picture / 255.0).mean((0, 1)))
    np.testing.assert_allclose(last, mean, atol=0.51)
    assert fitted(np.zeros((200, 300, 3), dtype=np.uint8), 128).shape == (128, 128, 3)
    assert fitted(np.zeros((200, 300, 3), dtype=np.uint8), 1024).shape == (128, 256, 3)


def run_length(row):
    """Encode one channel of a row as runs where it is constant, as literals elsewhere."""
    if (row == row[0]).all():
        return b"".join(
            bytes([128 + min(127, len(row) - k), row[0]]) for k in range(0, len(row), 127)
        )
    return b"".join(
        bytes([len(row[k : k + 128])]) + row[k : k + 128].tobytes() for k in range(0, len(row), 128)
    )


def radiance(rgbe, *, packed=True):
    height, width, _ = rgbe.shape
    head = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n".encode()
    if not packed:
        return head + rgbe.tobytes()
    body = b""
    for row in rgbe:
        body += bytes([2, 2, width >> 8, width & 255])
        body += b"".join(run_length(row[:, channel]) for channel in range(4))
    return head + body


def test_high_dynamic_range_is_decoded_and_brought_into_range():
    rgbe = np.zeros((64, 128, 4), dtype=np.uint8)
    rgbe[...] = (128, 128, 128, 129)
    even = read_panorama(radiance(rgbe), "even.hdr")
    assert np.unique(even).tolist() == [round(255 * np.sqrt(0.18 / 1.18))]
    rgbe[..., :3] = np.random.default_rng(0).integers(1, 256, (64, 128, 3))
    rgbe[..., 3] = np.random.default_rng(1).integers(120, 136, (64, 128))
    light = rgbe[..., :3] * 2.0 ** (rgbe[..., 3:].astype(float) - 136)
    light *= 0.18 / (light @ [0.2126, 0.7152, 0.0722]).mean()
    expected = 255 * np.sqrt(light / (1 + light))
    for packed in (True, False):
        found = read_panorama(radiance(rgbe, packed=packed), "noise.hdr")
        np.testing.assert_allclose(found, expected, atol=0.51)


def jpeg(width, height, folder):
    path = folder / "scratch.jpg"
    Image.new("RGB", (width, height)).save(path)
    return path.read_bytes()


def deep_png(folder):
    path = folder / "scratch.png"
    Image.fromarray(np.zeros((64, 128), dtype=np.uint16)).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.jpg", lambda folder: b"", "cannot be read"),
        ("a.png", lambda folder: b"\x89PNG\r\n\x1a\n", "cannot be read"),
        ("a.jpg", lambda folder: jpeg(512, 256, folder)[:-300], "cannot be read"),
        ("a.jpg", lambda folder: jpeg(512, 512, folder), "512 x 512 pixels"),
        ("a.jpg", lambda folder: jpeg(32, 16, folder), "at least 64"),
        ("a.png", deep_png, "8 bits"),
        ("a.hdr", lambda folder: b"#?RADIANCE\n\n-Y 64 +X 128\n", "cannot be read"),
        ("a.hdr", lambda folder: radiance(np.full((64, 128, 4), 9, np.uint8))[:-5], "cannot"),
    ],
)
def test_bad_panoramas_are_named(tmp_path, name, make, words):
    root = tmp_path / "set"
    (root / "panoramas").mkdir(parents=True)
    (root / "panoramas" / name).write_bytes(make(tmp_path))
    with pytest.raises(HypError, match=words) as caught:
        open_source(f"engine:{root}")
    assert f"panoramas/{name}" in str(caught.value)


def test_a_changed_panorama_is_noticed(tmp_path):
    add_panorama(tmp_path, "a.png", smooth_picture())
    source = open_source(f"engine:{tmp_path}")
    add_panorama(tmp_path, "a.png", smooth_picture(256))
    with pytest.raises(HypError, match="has changed"):
        source.render(Design(), 0, np.arange(1))


def test_two_panoramas_of_one_name_are_refused(tmp_path):
    add_panorama(tmp_path, "a.png", smooth_picture())
    add_panorama(tmp_path, "a.jpg", smooth_picture())
    with pytest.raises(HypError, match="one name"):
        open_source(f"engine:{tmp_path}")
    (tmp_path / "panoramas" / "a.jpg").rename(tmp_path / "panoramas" / "loft.jpg")
    assert open_source(f"engine:{tmp_path}").panoramas[1].name == "loft"
    with pytest.raises(HypError, match="'loft' is a built-in one"):
        open_source(f"engine:{tmp_path}", builtin=True)
