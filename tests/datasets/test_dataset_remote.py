"""Datasets at addresses, and datasets as sources of others."""

import pickle
from pathlib import Path

import fsspec
import numpy as np
import pytest
from disc_source import DiscSource, disc_spec

from hyp.datasets.checking import check_dataset
from hyp.datasets.dataset import Dataset
from hyp.datasets.existing import DatasetSource
from hyp.datasets.making import make_dataset
from hyp.datasets.remote import copy_dataset, holds, make_dataset_at, open_dataset
from hyp.datasets.sources import open_source, part_of, places
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.store import Store, open_store

pytestmark = pytest.mark.usefixtures("discs")
ADDRESS = "memory://bucket/discs"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    memory = fsspec.filesystem("memory")
    if memory.exists("/bucket"):
        memory.rm("/bucket", recursive=True)


@pytest.fixture
def folder(tmp_path):
    make_dataset(disc_spec(), tmp_path / "d")
    return tmp_path / "d"


def test_a_copied_dataset_is_read_where_it_is(folder, tmp_path):
    copy_dataset(str(folder), ADDRESS)
    there = open_dataset(ADDRESS)
    cached = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in cached] == ["manifest.json"]
    here = Dataset.open(folder)
    assert np.array_equal(there.images([49, 3]), here.images([49, 3]))
    fetched = {path.name for path in (tmp_path / "cache").rglob("*.npy")}
    assert fetched == {"00000.npy", "00003.npy"}
    assert there.table.equals(here.table)
    assert np.array_equal(pickle.loads(pickle.dumps(there)).images([20]), here.images([20]))


def test_there_and_back_gives_the_same_bytes(folder, tmp_path):
    copy_dataset(str(folder), ADDRESS)
    copy_dataset(ADDRESS, str(tmp_path / "back"))
    assert check_dataset(tmp_path / "back", render=50) == []
    for path in folder.rglob("*.*"):
        assert (tmp_path / "back" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_an_interrupted_copy_is_no_dataset_and_goes_on(folder):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_dataset(str(folder), ADDRESS, progress=stop)
    with pytest.raises(HypError, match="no finished dataset at memory://"):
        open_dataset(ADDRESS)
    memory = fsspec.filesystem("memory")
    before = memory.created("/bucket/discs/images/00000.npy")
    copy_dataset(str(folder), ADDRESS)
    assert memory.created("/bucket/discs/images/00000.npy") == before
    assert open_dataset(ADDRESS).n_images == 50


def test_a_damaged_file_at_an_address_is_refused(folder, tmp_path):
    copy_dataset(str(folder), ADDRESS)
    fsspec.filesystem("memory").pipe_file("/bucket/discs/images/00001.npy", b"x")
    with pytest.raises(HypError, match=r"00001\.npy is damaged"):
        open_dataset(ADDRESS).images([20])
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_another_dataset_is_not_overwritten(folder, tmp_path):
    copy_dataset(str(folder), ADDRESS)
    make_dataset(disc_spec(seed=9), tmp_path / "other")
    with pytest.raises(HypError, match="already holds another dataset"):
        copy_dataset(str(tmp_path / "other"), ADDRESS)


@pytest.mark.parametrize("address", ["no-such-protocol://x/y", "http://127.0.0.1:9/set"])
def test_unreachable_addresses_are_one_sentence(address):
    with pytest.raises(HypError) as caught:
        open_dataset(address)
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
@pytest.mark.parametrize("address", ["", ADDRESS])
def test_a_dataset_is_a_source(encoding, address, tmp_path):
    spec = disc_spec(source=DiscSource(encoding=encoding, image_size=16))
    make_dataset(spec, tmp_path / "d")
    if address:
        copy_dataset(str(tmp_path / "d"), address)
    source = open_source(f"dataset:{address or tmp_path / 'd'}")
    train = part_of(source, "train")
    again = DatasetSpec(
        source=train, design="category=blue|red+rel_pos_x=-0.5..1", seed=1, n_images=8, n_val=2
    )
    make_dataset(again, tmp_path / "e")
    made, given = Dataset.open(tmp_path / "e"), Dataset.open(tmp_path / "d")
    rows = made.table["source_row"].to_numpy()
    assert np.array_equal(made.images(range(8)), given.images(rows))
    assert made.table["rel_pos_x"].tolist() == given.table["rel_pos_x"].iloc[rows].tolist()
    assert set(made.table["category"]) <= {"blue", "red"}
    assert made.table["rel_pos_x"].min() >= -0.5
    assert check_dataset(tmp_path / "e", render=8) == []


def test_the_place_is_no_part_of_the_key(folder):
    source = open_source(f"dataset:{folder}")
    assert str(folder) not in source.model_dump_json()
    assert places(source)["address"] == str(folder)
    found = DatasetSource.model_validate({**source.model_dump(mode="json"), **places(source)})
    assert found == source


def test_impossible_dataset_sources_are_refused(folder, tmp_path):
    with pytest.raises(HypError, match="8 pixels, not 64"):
        open_source(f"dataset:{folder}", image_size=64)
    with pytest.raises(HypError, match="there is no"):
        open_source(f"dataset:{tmp_path / 'none'}")
    make_dataset(disc_spec(online=True), tmp_path / "online")
    with pytest.raises(HypError, match="held-out images only"):
        open_source(f"dataset:{tmp_path / 'online'}")


def test_a_dataset_made_at_an_address_is_the_one_made_in_a_folder(folder, tmp_path):
    make_dataset_at(disc_spec(), ADDRESS)
    there = fsspec.filesystem("memory")
    for path in folder.rglob("*.*"):
        name = path.relative_to(folder).as_posix()
        assert there.cat_file(f"/bucket/discs/{name}") == path.read_bytes()
    assert not list((tmp_path / "cache" / "making").iterdir())
    assert holds(disc_spec(), ADDRESS)
    before = there.created("/bucket/discs/manifest.json")
    make_dataset_at(disc_spec(), ADDRESS)
    assert there.created("/bucket/discs/manifest.json") == before
    with pytest.raises(HypError, match="already holds another dataset"):
        make_dataset_at(disc_spec(seed=9), ADDRESS)


def test_a_dataset_at_an_address_is_checked_there(folder, tmp_path):
    copy_dataset(str(folder), ADDRESS)
    open_dataset(ADDRESS).images([0, 20])  # what the cache has is not what is checked
    assert check_dataset(ADDRESS, render=10) == []
    there = fsspec.filesystem("memory")
    content = bytearray(there.cat_file("/bucket/discs/images/00000.npy"))
    content[-1] ^= 1
    there.pipe_file("/bucket/discs/images/00000.npy", bytes(content))
    there.rm_file("/bucket/discs/images/00001.npy")
    there.pipe_file("/bucket/discs/images/mine.npy", b"x")
    assert check_dataset(ADDRESS) == [
        f"{ADDRESS}/images/00000.npy was changed: its SHA-256 is not the recorded one",
        f"{ADDRESS}/images/00001.npy is missing",
        f"{ADDRESS}/images/mine.npy is no part of the dataset",
    ]
    assert check_dataset("memory://bucket/nothing") == [
        "there is no finished dataset at memory://bucket/nothing; check the address."
    ]


@pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), type("E", (Exception,), {})])
def test_an_endpoint_that_is_down_is_one_sentence(monkeypatch, error):
    """Libraries of object stores raise exceptions of their own, such as botocore's."""
    if isinstance(error, type):
        error.__module__ = "botocore.exceptions"

    def fail(*arguments, **keywords):
        raise error

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "exists", fail)
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", fail)
    for reach in (open_dataset, lambda place: make_dataset_at(disc_spec(), place)):
        with pytest.raises(HypError, match="memory://bucket/discs cannot be reached"):
            reach(ADDRESS)


@pytest.mark.parametrize("place", ["s3://lab/store", "memory://store", Path("s3://lab/store")])
def test_a_store_or_a_folder_at_an_address_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    there = {path.name for path in tmp_path.iterdir()}
    address = str(place).replace(":/lab", "://lab")
    for refuse in (Store.create, Store.open, open_store):
        with pytest.raises(HypError, match=f"^{address} is an address; a store needs a file sys"):
            refuse(place)
    with pytest.raises(HypError, match=f"^{address} is an address"):
        make_dataset(disc_spec(), place)
    assert {path.name for path in tmp_path.iterdir()} == there
