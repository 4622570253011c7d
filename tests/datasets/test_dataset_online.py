"""Datasets whose training images are rendered whenever they are asked for."""

import numpy as np
import pytest
from disc_source import disc_spec

from hyp.datasets.checking import check_dataset
from hyp.datasets.dataset import Dataset
from hyp.datasets.making import make_dataset

pytestmark = pytest.mark.usefixtures("discs")
ONLINE = disc_spec(online=True, n_images=100_000_000, n_val=20)


@pytest.fixture
def dataset(tmp_path):
    make_dataset(ONLINE, tmp_path / "d")
    return Dataset.open(tmp_path / "d")


def test_only_held_out_images_are_stored(dataset):
    assert len(dataset.table) == 20
    assert sorted(path.name for path in (dataset.folder / "images").iterdir()) == [
        "00000.npy",
        "00001.npy",
    ]
    assert check_dataset(dataset.folder, render=20) == []


def test_splits_part_the_images_without_listing_them(dataset):
    assert dataset.split("val") == range(20)
    assert dataset.split("train") == range(20, 100_000_000)
    assert dataset.split("all") == range(100_000_000)


def test_images_are_those_of_the_stored_dataset(dataset, tmp_path):
    make_dataset(disc_spec(), tmp_path / "stored")
    stored = Dataset.open(tmp_path / "stored")
    indices = np.array([30, 5, 49, 19, 20, 30])
    assert np.array_equal(dataset.images(indices), stored.images(indices))
    names = [latent.name for latent in stored.latents]
    assert dataset.rows(indices).equals(stored.table.iloc[indices][names])
    for some in (indices, indices[indices >= 20]):
        images, rows = dataset.batch(some)
        assert np.array_equal(images, stored.images(some))
        assert rows.equals(stored.table.iloc[some][names])


def test_the_last_of_a_hundred_million_is_there(dataset):
    images, rows = dataset.batch([99_999_999])
    assert images.shape == (1, 8, 8, 3)
    assert len(rows) == 1
    with pytest.raises(IndexError):
        dataset.images([100_000_000])


def test_stored_datasets_keep_their_keys():
    assert "online" not in disc_spec().model_dump(mode="json")
    assert ONLINE.model_dump(mode="json")["online"] is True


def test_online_needs_held_out_images():
    with pytest.raises(ValueError, match="n_val"):
        disc_spec(online=True, n_val=0)
