"""Datasets that keep their source's JPEG files."""

import io

import numpy as np
import pyarrow as pa
import pytest
from disc_source import DiscSource, disc_spec, jpeg_file
from PIL import Image

from hyp.datasets import shards
from hyp.datasets.checking import check_dataset
from hyp.datasets.dataset import Dataset
from hyp.datasets.making import make_dataset
from hyp.errors import HypError

pytestmark = pytest.mark.usefixtures("discs")
SPEC = disc_spec(source=DiscSource(encoding="jpeg", image_size=16))


@pytest.fixture
def dataset(tmp_path):
    make_dataset(SPEC, tmp_path / "d")
    return Dataset.open(tmp_path / "d")


def test_files_are_kept_byte_for_byte(dataset):
    indices = np.array([49, 0, 16, 16])
    files, _ = SPEC.source.render(SPEC.design, SPEC.seed, indices)
    assert dataset.files(indices) == files
    assert check_dataset(dataset.folder, render=50) == []


def test_images_are_what_pillow_decodes(dataset):
    indices = np.array([49, 0, 16, 16])
    for image, file in zip(dataset.images(indices), dataset.files(indices), strict=True):
        assert np.array_equal(image, np.asarray(Image.open(io.BytesIO(file))))


def test_any_arrow_library_reads_a_shard(dataset):
    table = pa.ipc.open_file(str(dataset.folder / "images" / "00003.arrow")).read_all()
    assert table.column("image").to_pylist() == dataset.files(np.array([48, 49]))


def test_interrupted_making_gives_the_same_bytes(dataset, tmp_path, monkeypatch):
    write = shards.write_shard
    calls = []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(*arguments)

    monkeypatch.setattr("hyp.datasets.making.write_shard", failing)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(SPEC, tmp_path / "e")
    make_dataset(SPEC, tmp_path / "e")
    for path in dataset.folder.rglob("*.*"):
        assert (tmp_path / "e" / path.relative_to(dataset.folder)).read_bytes() == path.read_bytes()
    assert len(calls) == 5


def test_files_of_another_size_are_fitted_as_torchvision_does():
    from torchvision.transforms import v2

    rng = np.random.default_rng(0)
    smooth = np.asarray(
        Image.fromarray(rng.integers(0, 255, (6, 9, 3), dtype=np.uint8)).resize((90, 60))
    )
    for size in (30, 31, 120):
        transform = v2.Compose([v2.Resize(size), v2.CenterCrop(size)])
        for file in (jpeg_file(smooth), jpeg_file(np.swapaxes(smooth, 0, 1))):
            expected = np.asarray(transform(Image.open(io.BytesIO(file))))
            assert np.array_equal(shards.decode_jpeg(file, size), expected)


def test_a_broken_file_is_one_sentence():
    whole = jpeg_file(np.zeros((16, 16, 3), np.uint8))
    for broken in (b"", b"no image", whole[: len(whole) // 2]):
        with pytest.raises(HypError, match="cannot be decoded"):
            shards.decode_jpeg(broken, 16)


def test_raw_datasets_have_no_files(tmp_path):
    make_dataset(disc_spec(), tmp_path / "d")
    with pytest.raises(HypError, match="raw pixels"):
        Dataset.open(tmp_path / "d").files(np.array([0]))


def test_a_shard_with_an_image_too_few_is_found(dataset):
    path = dataset.folder / "images" / "00003.arrow"
    first = dataset.files(np.array([48]))
    with path.open("wb") as stream:
        shards.write_shard(stream, "jpeg", (1, 16, 16, 3), [first])
    assert any("00003.arrow" in problem for problem in check_dataset(dataset.folder))
