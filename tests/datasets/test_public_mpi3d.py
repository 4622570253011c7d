"""MPI3D: the grid that the number of rows tells, mapped in place or unpacked."""

from __future__ import annotations

import numpy as np
import pytest
from public_files import mpi3d_images, write_mpi3d

from hyp.datasets.public.mpi3d import MPI3DSource
from hyp.errors import HypError

N_SIMPLE, N_SMALL = 1_036_800, 460_800


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("HYP_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_mpi3d(tmp_path_factory.mktemp("files") / "mpi3d_real_complex.npz")


def described(source, row):
    return [source.columns()[name][row] for name in source.factors]


def test_rows_follow_the_published_table(tmp_path):
    path = write_mpi3d(tmp_path / "mpi3d_real.npz", mpi3d_images(N_SIMPLE))
    source = MPI3DSource.open(path)
    assert (source.n_rows, source.variant, source.image_size) == (N_SIMPLE, "simple", 1)
    row = np.ravel_multi_index((5, 3, 1, 2, 1, 7, 39), (6, 6, 2, 3, 3, 40, 40))
    expected = ["olive", "hexagonal", "large", "bottom", "sea-green", 7.0, 39.0]
    assert described(source, row) == expected
    image = source.read(np.array([row]))[0, 0, 0].astype(int)
    assert image @ [1, 256, 65536] == row


def test_the_complex_set_has_its_own_objects(small):
    source = MPI3DSource.open(small)
    assert (source.n_rows, source.variant) == (N_SMALL, "complex")
    # The index that the first release's README gives for 4 colours and 4 shapes.
    row = 3 * 115200 + 2 * 28800 + 0 * 14400 + 1 * 4800 + 2 * 1600 + 4 * 40 + 5
    expected = ["red", "croissant", "small", "center", "salmon", 4.0, 5.0]
    assert described(source, row) == expected


def test_the_first_release_is_told_by_its_name(small, tmp_path):
    path = tmp_path / "mpi3d_toy.npz"
    path.write_bytes(small.read_bytes())
    toy = MPI3DSource.open(path)
    assert toy.variant == "challenge"
    assert described(toy, N_SMALL - 1)[:2] == ["brown", "sphere"]
    unnamed = path.rename(tmp_path / "mine.npz")
    with pytest.raises(HypError, match="460,800 images, which the complex set and the challenge"):
        MPI3DSource.open(unnamed)
    assert MPI3DSource.open(unnamed, variant="complex").variant == "complex"


def test_images_are_mapped_where_they_lie_or_unpacked(small, tmp_path, cache):
    rows = np.array([70_000, 3, N_SMALL - 1])
    plain = MPI3DSource.open(small).read(rows)
    assert not list(cache.glob("unpacked/*mpi3d.npy"))
    path = write_mpi3d(tmp_path / "complicated.npz", compressed=True)
    assert np.array_equal(MPI3DSource.open(path).read(rows), plain)
    assert len(list(cache.glob("unpacked/*mpi3d.npy"))) == 1
    assert np.array_equal(plain, mpi3d_images()[rows])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((100, 2, 2, 3), np.uint8), "100 images, not the 1,036,800 combinations"),
        (np.zeros((N_SMALL, 1, 2, 3), np.uint8), "not square images"),
        (np.zeros((10, 4, 4, 3), np.float32), r"images is float32 \(10, 4, 4, 3\)"),
    ],
    ids=["rows", "shape", "type"],
)
def test_files_of_another_content_are_refused(tmp_path, images, message):
    with pytest.raises(HypError, match=message):
        MPI3DSource.open(write_mpi3d(tmp_path / "mpi3d_real.npz", images))


def test_a_truncated_file_is_refused(small, tmp_path):
    path = tmp_path / "mpi3d_real_complex.npz"
    path.write_bytes(small.read_bytes()[:-100])
    with pytest.raises(HypError, match="is damaged or of another format"):
        MPI3DSource.open(path)
    np.savez(path, pictures=np.zeros(3))
    with pytest.raises(HypError, match="has no array 'images', only: pictures"):
        MPI3DSource.open(path)
