"""smallNORB: binary matrices, both sets, both cameras, files that are refused."""

from __future__ import annotations

import gzip
import shutil
import struct

import numpy as np
import pytest
from public_files import TESTING, TRAINING, binary_matrix, norb_arrays, write_norb

from hyp.datasets.designs import Design
from hyp.datasets.public.smallnorb import SmallNORBSource
from hyp.errors import HypError

NAMES = np.array(["animal", "human", "airplane", "truck", "car"])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    write_norb(tmp_path / "norb", TRAINING)
    return write_norb(tmp_path / "norb", TESTING, gz=True)


def test_every_image_has_the_latents_of_its_row(folder):
    source = SmallNORBSource.open(folder)
    assert source.n_rows == 2 * 180
    expected = {}
    for stem, instances in ((TRAINING, (4, 6)), (TESTING, (0, 1))):
        arrays = norb_arrays(instances, len(stem))
        for category, info, pair in zip(arrays["cat"], arrays["info"], arrays["dat"], strict=True):
            expected[(category, *info)] = pair[0]
    columns = source.columns()
    images = source.read(np.arange(source.n_rows))
    for row, image in enumerate(images):
        category, instance = columns["identity"][row].split("-")
        assert columns["category"][row] == category
        key = (
            int(np.flatnonzero(category == NAMES)[0]),
            int(instance),
            round((columns["elevation"][row] - 30) / 5),
            round(columns["rel_rot_euler_1"][row] / 10),
            int(columns["lighting"][row].removeprefix("light-")),
        )
        assert np.array_equal(image, np.repeat(expected[key][..., None], 3, axis=-1))


def test_identity_is_nested_in_category(folder):
    source = SmallNORBSource.open(folder)
    identity = next(latent for latent in source.latents if latent.name == "identity")
    assert identity.values[:4] == ("airplane-0", "airplane-1", "airplane-4", "airplane-6")
    assert identity.groups[:5] == ("airplane",) * 4 + ("animal",)
    drawn = source.sample(Design.parse("identities=1"), 0, np.arange(90))
    assert set(drawn["identity"]) == {f"{name}-0" for name in NAMES}


def test_a_reduced_design_changes_the_reduced_factor_alone(folder):
    source = SmallNORBSource.open(folder)
    full = source.sample(Design(), 1, np.arange(15))
    reduced = source.sample(Design.parse("lighting=light-0"), 1, np.arange(15))
    same = full["identity"] == reduced["identity"]
    same &= full["rel_rot_euler_1"] == reduced["rel_rot_euler_1"]
    assert same.mean() > 0.8


def test_a_file_names_its_own_set_and_compression_does_not_matter(folder, tmp_path):
    training = SmallNORBSource.open(folder / f"{TRAINING}-cat.mat")
    assert training.n_rows == 180
    assert {name[-1] for name in training.columns()["identity"]} == {"4", "6"}
    packed = SmallNORBSource.open(write_norb(tmp_path / "packed", TRAINING, gz=True))
    rows = np.arange(180)
    assert np.array_equal(packed.read(rows), training.read(rows))
    assert packed.columns()["lighting"].tolist() == training.columns()["lighting"].tolist()


def test_both_cameras_make_two_rows_of_a_pair(folder):
    left, right, both = (
        SmallNORBSource.open(folder, camera=camera) for camera in ("left", "right", "both")
    )
    rows = np.arange(left.n_rows)
    assert both.n_rows == 2 * left.n_rows
    assert np.array_equal(both.read(2 * rows), left.read(rows))
    assert np.array_equal(both.read(2 * rows + 1), right.read(rows))
    assert np.array_equal(right.read(rows), 255 - left.read(rows))
    assert both.columns()["camera"][:4].tolist() == ["left", "right", "left", "right"]
    assert both.factors[-1] == "camera"
    assert type(both).model_validate_json(both.model_dump_json()).camera == "both"


def test_the_header_is_little_endian_with_three_sizes_at_least():
    content = binary_matrix(np.arange(5, dtype=np.int32))
    assert content[:4] == b"\x54\x4c\x3d\x1e"
    assert struct.unpack("<5i", content[:20])[1:] == (1, 5, 1, 1)


def rewrite(folder, part, content, stem=TRAINING):
    (folder / f"{stem}-{part}.mat").write_bytes(content)


ARRAYS = norb_arrays((4, 6), len(TRAINING))


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        ("dat", binary_matrix(ARRAYS["dat"])[:-1], "bytes instead of"),
        ("dat", binary_matrix(ARRAYS["dat"]) + b"\0", "bytes instead of"),
        ("dat", binary_matrix(ARRAYS["dat"][:, :1]), r"uint8 \(180, 1, 6, 6\), not pairs"),
        ("dat", binary_matrix(ARRAYS["dat"].astype(np.float32)), "holds float32"),
        ("cat", b"", "is damaged or of another format"),
        ("cat", b"MATLAB 5.0 MAT-file", "magic number 0x4c54414d"),
        ("cat", binary_matrix(ARRAYS["cat"][:-1]), r"int32 \(179,\), not integers \(180,\)"),
        ("cat", binary_matrix(ARRAYS["cat"] + 1), "category 5, which is none of"),
        ("info", binary_matrix(ARRAYS["info"][:, :3]), r"\(180, 3\), not integers \(180, 4\)"),
        ("info", binary_matrix(ARRAYS["info"] * 0), "180 rows for 5 x 1 x 1 x 1"),
        ("info", struct.pack("<5i", 0x1E3D4C54, 2, -1, 4, 1), "sizes"),
    ],
)
def test_files_of_another_content_are_refused(tmp_path, part, content, message):
    folder = write_norb(tmp_path / "norb")
    rewrite(folder, part, content)
    with pytest.raises(HypError, match=message):
        SmallNORBSource.open(folder)


def test_compressed_files_that_end_early_or_late_are_refused(tmp_path):
    whole = binary_matrix(ARRAYS["dat"])
    packed = gzip.compress(whole)
    for number, content in enumerate(
        [packed[: len(packed) // 2], gzip.compress(whole[:-1]), gzip.compress(whole + b"\0")]
    ):
        folder = write_norb(tmp_path / str(number), gz=True)
        (folder / f"{TRAINING}-dat.mat.gz").write_bytes(content)
        with pytest.raises(HypError, match="is damaged or of another format"):
            SmallNORBSource.open(folder).read(np.array([0]))


def test_missing_files_are_named(tmp_path, folder):
    (folder / f"{TRAINING}-info.mat").unlink()
    with pytest.raises(HypError, match=rf"has no {TRAINING}-info.mat \(or .mat.gz\)"):
        SmallNORBSource.open(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(HypError, match="none of smallNORB's files"):
        SmallNORBSource.open(folder)
    other = tmp_path / "other.mat"
    other.write_bytes(b"1")
    with pytest.raises(HypError, match="none of smallNORB's files"):
        SmallNORBSource.open(other)
