"""3D Shapes: chunked and plain HDF5 files, hues as angles, files that are refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from public_files import shapes3d_arrays, write_shapes3d

from hyp.datasets.designs import Design
from hyp.datasets.public.shapes3d import Shapes3DSource
from hyp.errors import HypError

ARRAYS = shapes3d_arrays()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("chunks", [None, (100, 8, 8, 3), (7, 4, 2, 1), (576, 1, 1, 3)])
def test_images_are_those_of_the_file(tmp_path, cache, chunks):
    source = Shapes3DSource.open(write_shapes3d(tmp_path / "3dshapes.h5", chunks=chunks))
    rows = np.random.default_rng(0).permutation(len(ARRAYS["images"]))
    assert np.array_equal(source.read(rows), ARRAYS["images"][rows])
    assert len(list(cache.glob("unpacked/*.npy"))) == (chunks is not None)


def test_latents_are_those_of_the_file(tmp_path):
    source = Shapes3DSource.open(write_shapes3d(tmp_path / "3dshapes.h5"))
    columns, labels = source.columns(), ARRAYS["labels"]
    for axis, name in enumerate(("floor_hue", "wall_hue", "object_hue")):
        assert columns[name] == pytest.approx(360 * labels[:, axis])
    assert columns["scale"].tolist() == labels[:, 3].tolist()
    shapes = np.array(["cube", "cylinder", "sphere", "capsule"])
    assert columns["category"].tolist() == shapes[labels[:, 4].astype(int)].tolist()
    assert columns["rel_rot_euler_1"] == pytest.approx(labels[:, 5] % 360)
    kinds = {latent.name: latent.kind for latent in source.latents}
    assert kinds["floor_hue"] == kinds["rel_rot_euler_1"] == "angle"


def test_a_range_of_orientations_passes_zero(tmp_path):
    source = Shapes3DSource.open(write_shapes3d(tmp_path / "3dshapes.h5"))
    design = Design.parse("rel_rot_euler_1=330..360")
    drawn = source.sample(design, 0, np.arange(2 * source.n_rows // 3))
    assert set(drawn["rel_rot_euler_1"]) == {330.0, 0.0}


def test_a_hue_that_closes_the_circle_is_left_out(tmp_path):
    labels = ARRAYS["labels"].copy()
    labels[:, 0] *= 4 / 3  # 0, 1/3, 2/3, 1
    source = Shapes3DSource.open(write_shapes3d(tmp_path / "3dshapes.h5", labels=labels))
    n = len(labels) * 3 // 4
    assert source.n_rows == n
    assert np.array_equal(source.read(np.arange(n)), ARRAYS["images"][:n])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ARRAYS["labels"][:, :5]}, r"labels is float64 \(576, 5\)"),
        ({"labels": ARRAYS["labels"].astype(int)}, "labels is int64"),
        ({"labels": ARRAYS["labels"][::-1].copy()[np.argsort(np.arange(576) % 5)]}, "row-major"),
        ({"images": ARRAYS["images"][..., :2]}, "not square images of uint8"),
        ({"images": ARRAYS["images"] / 255.0}, "images is float64"),
        ({"images": ARRAYS["images"][:500]}, "the latents of the 500 images"),
        ({"images": np.zeros(3, np.uint8)}, r"images is uint8 \(3,\)"),
    ],
    ids=str,
)
def test_files_of_another_content_are_refused(tmp_path, changes, message):
    with pytest.raises(HypError, match=message):
        Shapes3DSource.open(write_shapes3d(tmp_path / "other.h5", **changes))


def test_damaged_files_are_refused(tmp_path):
    path = write_shapes3d(tmp_path / "3dshapes.h5")
    content = path.read_bytes()
    for number, damaged in enumerate([content[: len(content) // 2], b"", b"no archive at all"]):
        broken = tmp_path / f"{number}.h5"
        broken.write_bytes(damaged)
        with pytest.raises(HypError, match="is damaged or of another format"):
            Shapes3DSource.open(broken)


def test_missing_and_outside_datasets_are_refused(tmp_path):
    path = tmp_path / "3dshapes.h5"
    with h5py.File(path, "w") as file:
        file.create_group("images")
        file["labels"] = ARRAYS["labels"]
    with pytest.raises(HypError, match="has no dataset 'images', only: images, labels"):
        Shapes3DSource.open(path)
    outside = tmp_path / "outside.bin"
    outside.write_bytes(bytes(576 * 8 * 8 * 3))
    with h5py.File(path, "w") as file:
        external = [(str(outside), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("images", (576, 8, 8, 3), "u1", external=external)
        file["labels"] = ARRAYS["labels"]
    with pytest.raises(HypError, match="keeps 'images' in other files"):
        Shapes3DSource.open(path)
