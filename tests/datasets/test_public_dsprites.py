"""dSprites: latents that agree with the pixels, and files that are refused."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest
from public_files import ORIENTATIONS, SIDE, dsprites_arrays, write_dsprites

from hyp.datasets.designs import Design
from hyp.datasets.public import dsprites
from hyp.datasets.public.dsprites import DSpritesSource
from hyp.datasets.rows import ROW
from hyp.errors import HypError

ALL = np.arange(3 * 2 * 4 * 3 * 4)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path):
    return write_dsprites(tmp_path / "dsprites.npz")


def test_images_are_those_of_the_file_in_black_and_white(path):
    source = DSpritesSource.open(path)
    arrays = dsprites_arrays()
    kept = arrays["latents_values"][:, 3] < 2 * np.pi - 1e-9
    expected = 255 * np.repeat(arrays["imgs"][kept][..., None], 3, axis=-1)
    assert source.image_size == SIDE
    assert np.array_equal(source.read(ALL), expected)


def test_a_full_turn_is_left_out_and_less_is_not(tmp_path, path):
    source = DSpritesSource.open(path)
    assert source.n_rows == len(ALL)
    assert np.unique(source.columns()["rel_rot_euler_2"]).tolist() == [0, 90, 180, 270]
    arrays = dsprites_arrays(orientations=ORIENTATIONS[:-1])
    shorter = DSpritesSource.open(write_dsprites(tmp_path / "less.npz", **arrays))
    assert shorter.n_rows == len(ALL)
    assert np.array_equal(shorter.read(ALL), source.read(ALL))


def test_positions_are_where_the_pixels_are(path):
    source = DSpritesSource.open(path)
    columns = source.columns()
    rows = ALL[columns["category"] == "square"]
    lit = source.read(rows)[..., 0] > 0
    up, right = (SIDE / 2 - 0.5 - np.arange(SIDE), np.arange(SIDE) - SIDE / 2 + 0.5)
    mass = lit.sum(axis=(1, 2))
    x = (lit.sum(axis=1) @ right) / mass / SIDE
    y = (lit.sum(axis=2) @ up) / mass / SIDE
    assert x == pytest.approx(columns["rel_pos_x"][rows], abs=0.02)
    # Four heights have none in the middle: 0 is the one half a step, 1/12, below it.
    assert y + 1 / 12 == pytest.approx(columns["rel_pos_y"][rows], abs=0.02)
    assert np.unique(columns["rel_pos_x"]).tolist() == [-0.25, 0, 0.25]
    assert np.unique(columns["rel_pos_y"]) == pytest.approx([-1 / 6, 0, 1 / 6, 1 / 3])


def test_orientation_turns_counter_clockwise(tmp_path):
    arrays = dsprites_arrays(shapes=(2,), scales=(1.0,), orientations=np.radians([0, 30, 60, 90]))
    source = DSpritesSource.open(write_dsprites(tmp_path / "ellipses.npz", **arrays))
    columns = source.columns()
    middle = (columns["rel_pos_x"] == 0) & (columns["rel_pos_y"] == 0)
    rows = np.flatnonzero(middle)
    for row, expected in zip(rows, columns["rel_rot_euler_2"][rows], strict=True):
        down, right = np.nonzero(source.read(np.array([row]))[0, ..., 0])
        right, up = right - right.mean(), down.mean() - down
        major = np.linalg.eigh(np.cov([right, up]))[1][:, 1]
        assert np.degrees(np.arctan2(major[1], major[0])) % 180 == pytest.approx(expected, abs=4)


def test_latents_are_named_as_in_the_file(path):
    source = DSpritesSource.open(path)
    columns = source.columns()
    assert columns["category"][[0, 96, 192]].tolist() == ["square", "ellipse", "heart"]
    assert columns["scale"][[0, 48]].tolist() == [0.5, 1.0]
    assert [latent.name for latent in source.latents] == list(source.factors)
    assert source.latents[0].values == ("ellipse", "heart", "square")


def test_centred_images_exist(path):
    source = DSpritesSource.open(path)
    drawn = source.sample(Design.parse("centered"), 0, np.arange(24))
    assert set(drawn["rel_pos_x"]) == set(drawn["rel_pos_y"]) == {0.0}
    with pytest.raises(HypError, match="admits 24 of the 288"):
        source.sample(Design.parse("centered"), 0, np.arange(25))


def test_another_size_is_resized_smoothly(path):
    source = DSpritesSource.open(path, image_size=8)
    full = DSpritesSource.open(path)
    small = source.read(ALL[:20])
    assert small.shape == (20, 8, 8, 3)
    assert len(np.unique(small)) > 2
    assert small.mean() == pytest.approx(full.read(ALL[:20]).mean(), rel=0.03)


def test_one_bit_a_pixel_is_kept_once(path, cache):
    source = DSpritesSource.open(path)
    source.read(ALL[:1])
    (kept,) = cache.glob("unpacked/*.npy")
    assert kept.stat().st_size == 128 + 360 * SIDE * SIDE // 8
    before = kept.stat().st_mtime_ns
    pickle.loads(pickle.dumps(source)).read(ALL[:1])
    assert kept.stat().st_mtime_ns == before
    assert not list(cache.glob("unpacked/*.partial"))


def test_the_path_is_no_part_of_the_digest(tmp_path, path):
    other = tmp_path / "elsewhere.npz"
    other.write_bytes(path.read_bytes())
    assert DSpritesSource.open(other).digest == DSpritesSource.open(path).digest


def test_a_file_that_was_replaced_is_noticed(path):
    source = DSpritesSource.open(path)
    write_dsprites(path, **dsprites_arrays(shapes=(1,)))
    dsprites._grid.cache_clear()
    with pytest.raises(HypError, match="is another file now"):
        source.columns()


def shuffled():
    arrays = dsprites_arrays()
    order = np.random.default_rng(0).permutation(len(arrays["imgs"]))
    return {name: arrays[name][order] for name in ("imgs", "latents_values")}


VALUES = dsprites_arrays()["latents_values"]


def changed(row, column, value):
    values = VALUES.copy()
    values[row, column] = value
    return {"latents_values": values}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (shuffled(), r"not every combination .* \(1 x 3 x 2 x 5 x 3 x 4\) in row-major order"),
        (changed(5, 4, np.nan), r"no numbers in 1 rows \(first: row 5\)"),
        (changed(5, 4, 0.3), r"360 rows for 1 x 3 x 2 x 5 x 4 x 4 = 480 combinations"),
        (changed(slice(None), 0, np.arange(360) % 2), "rows for 2 x 3 x 2"),
        ({"latents_values": VALUES[:-1]}, r"float64 \(359, 6\), not the latents of the 360 images"),
        ({"latents_values": VALUES.astype(int)}, "int64"),
        ({"latents_values": VALUES.astype(object)}, "not a plain row-major array"),
        ({"imgs": dsprites_arrays()["imgs"].astype(float)}, r"imgs is float64 \(360, 32, 32\)"),
        ({"imgs": dsprites_arrays()["imgs"][:, :5]}, "not square images"),
        ({"imgs": dsprites_arrays()["imgs"][:-6]}, r"not the latents of the 354 images"),
    ],
    ids=str,
)
def test_files_of_another_content_are_refused(tmp_path, changes, message):
    path = write_dsprites(tmp_path / "other.npz", **changes)
    with pytest.raises(HypError, match=message):
        DSpritesSource.open(path)


def test_unknown_shapes_are_refused(tmp_path):
    arrays = dsprites_arrays(shapes=(1, 2, 4))
    with pytest.raises(HypError, match=r"shape 4, which is none of .*1 \(square\), 2 \(ellipse\)"):
        DSpritesSource.open(write_dsprites(tmp_path / "d.npz", **arrays))


def test_values_other_than_0_and_1_are_refused(tmp_path):
    path = write_dsprites(tmp_path / "d.npz", imgs=dsprites_arrays()["imgs"] * 255)
    with pytest.raises(HypError, match="other values than 0 and 1"):
        DSpritesSource.open(path).read(ALL[:1])
    assert not list((tmp_path / "cache" / "unpacked").glob("*.npy"))


def test_damaged_files_are_refused(tmp_path, path):
    content = path.read_bytes()
    for number, damaged in enumerate([content[: len(content) // 2], b"", b"no archive at all"]):
        broken = tmp_path / f"{number}.npz"
        broken.write_bytes(damaged)
        with pytest.raises(HypError, match="is damaged or of another format"):
            DSpritesSource.open(broken)
    np.savez(tmp_path / "less.npz", latents_values=VALUES)
    with pytest.raises(HypError, match="has no array 'imgs', only: latents_values"):
        DSpritesSource.open(tmp_path / "less.npz")
    with pytest.raises(HypError, match="is a folder, not a file"):
        DSpritesSource.open(tmp_path)


def test_a_wrong_checksum_is_noticed_when_the_images_are_unpacked(path, cache):
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("imgs.npy")
    content = bytearray(path.read_bytes())
    middle = info.header_offset + 60 + info.compress_size // 2
    content[middle : middle + 8] = b"\0" * 8
    path.write_bytes(content)
    with pytest.raises(HypError, match="is damaged"):
        DSpritesSource.open(path).read(ALL[:1])
    assert not list(cache.glob("unpacked/*.npy"))
    assert not list(cache.glob("unpacked/*.partial"))


def test_rows_are_named_by_source_row(path):
    source = DSpritesSource.open(path)
    images, columns = source.render(Design.parse("category=heart"), 0, np.arange(10))
    assert np.array_equal(images, source.read(columns[ROW]))
