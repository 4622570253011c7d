"""What every source that reads images keeps to, whatever its format."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torchvision
from public_files import (
    as_released,
    write_cifar10,
    write_classes,
    write_dsprites,
    write_folder,
    write_imagenet,
    write_mpi3d,
    write_norb,
    write_shapes3d,
    write_stl10,
)

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.folders.classes import ClassFolderSource
from hyp.datasets.folders.folder import FolderSource
from hyp.datasets.folders.imagenet import ImageNetSource
from hyp.datasets.making import make_dataset
from hyp.datasets.public.dsprites import DSpritesSource
from hyp.datasets.public.mpi3d import MPI3DSource
from hyp.datasets.public.photographs import CIFAR10Source, PhotographsSource, STL10Source
from hyp.datasets.public.shapes3d import Shapes3DSource
from hyp.datasets.public.smallnorb import SmallNORBSource
from hyp.datasets.rows import ROW, in_part
from hyp.datasets.sources import SOURCES, open_source, part_of
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError

MAKERS = {
    DSpritesSource: lambda folder: write_dsprites(folder / "d.npz"),
    Shapes3DSource: lambda folder: write_shapes3d(folder / "s.h5"),
    SmallNORBSource: lambda folder: write_norb(folder / "norb"),
    MPI3DSource: lambda folder: write_mpi3d(folder / "mpi3d_real_complex.npz"),
    CIFAR10Source: write_cifar10,
    STL10Source: write_stl10,
    FolderSource: lambda folder: write_folder(folder / "mine"),
    ClassFolderSource: lambda folder: write_classes(folder / "classes"),
    ImageNetSource: lambda folder: write_imagenet(folder),
}
GRIDS = (DSpritesSource, Shapes3DSource, SmallNORBSource, MPI3DSource)


@pytest.fixture(scope="module", params=MAKERS, ids=lambda cls: cls.__name__)
def source(request, tmp_path_factory):
    """Each source on a small file, with a cache folder of its own."""
    cls = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYP_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setitem(SOURCES, cls.model_fields["kind"].default, f"{cls.__module__}:{cls.__name__}")
        path = MAKERS[cls](tmp_path_factory.mktemp("files"))
        if issubclass(cls, PhotographsSource):
            as_released(patch, getattr(torchvision.datasets, cls.reader), path)
        settings = {"split": "val"} if cls is ImageNetSource else {}
        yield cls.open(path, image_size=8, **settings)


def reduced(source):
    """A design that pins the category to one value that many images have."""
    values, counts = np.unique(source.columns()["category"].astype(str), return_counts=True)
    return Design.parse(f"category={values[np.argmax(counts)]}")


def as_list(images):
    return [image if isinstance(image, bytes) else image.tobytes() for image in images]


def test_columns_fit_the_latents_and_the_rows(source):
    columns = source.columns()
    for latent in source.latents:
        column = columns[latent.name]
        assert column.shape == (source.n_rows,)
        if latent.kind == "categorical":
            assert set(np.unique(column.astype(str))) == set(latent.values)
            assert list(latent.values) == sorted(latent.values)
        else:
            assert column.dtype == np.float64
            assert latent.low <= column.min() <= column.max() <= latent.high
    assert all(len(column) == source.n_rows for column in columns.values())


def test_images_depend_on_their_index_alone(source):
    n = min(source.n_rows, 60)
    indices = np.random.default_rng(1).permutation(n)
    together, columns = source.render(Design(), 3, indices)
    for index in (0, 1, n - 1):
        alone, column = source.render(Design(), 3, np.array([index]))
        position = int(np.flatnonzero(indices == index)[0])
        assert as_list(alone) == as_list(together[position : position + 1])
        assert all(column[name][0] == columns[name][position] for name in columns)


def test_images_have_the_promised_form(source):
    images = source.read(np.array([2, 0, 2]))
    if source.encoding == "jpeg":
        assert all(isinstance(image, bytes) and image[:2] == b"\xff\xd8" for image in images)
    else:
        assert images.dtype == np.uint8
        assert images.shape == (3, 8, 8, 3)
    assert as_list(images)[0] == as_list(images)[2] != as_list(images)[1]


def test_every_admitted_row_occurs_once_and_no_more_are_given(source):
    design = reduced(source)
    value = design.constraint("category").values[0]
    n = int((source.columns()["category"] == value).sum())
    drawn = source.sample(design, 0, np.arange(n))
    assert len(set(drawn[ROW].tolist())) == n
    assert set(drawn["category"]) == {value}
    with pytest.raises(HypError, match=rf"admits {n:,} of the {source.n_rows:,} images"):
        source.sample(design, 0, np.arange(n + 1))


def test_full_and_reduced_designs_are_matched(source):
    design = reduced(source)
    value = design.constraint("category").values[0]
    full = source.sample(Design(), 7, np.arange(source.n_rows))
    n = min(25, int((full["category"] == value).sum()))
    some = source.sample(design, 7, np.arange(n))
    if "category" in (source.factors or ()):
        same = np.ones(n, dtype=bool)
        for name in source.factors:
            if name != "category":
                same &= full[name][:n] == some[name]
        assert same.mean() > 0.7
    else:
        assert np.array_equal(some[ROW], full[ROW][full["category"] == value][:n])


def test_stimuli_are_apart_from_training_images(source):
    train, stimuli = part_of(source, "train"), part_of(source, "stimuli")
    assert train.capacity + stimuli.capacity == source.n_rows
    rows = stimuli.sample(Design(), 0, np.arange(stimuli.capacity))[ROW]
    assert in_part(source.n_rows, source.reserve, "stimuli")[rows].all()


def test_identity_goes_without_the_path(source):
    text = source.model_dump_json()
    assert str(source.path) not in text
    again = type(source).model_validate_json(text)
    assert again == source.model_copy(update={"path": None})
    with pytest.raises(HypError, match=f"{source.kind}:/path/to/files"):
        again.read(np.array([0]))
    copied = again.model_copy(update={"path": source.path})
    assert as_list(copied.read(np.array([1]))) == as_list(source.read(np.array([1])))


def test_pickled_sources_read_the_same(source):
    again = pickle.loads(pickle.dumps(source))
    assert as_list(again.read(np.array([1, 0]))) == as_list(source.read(np.array([1, 0])))


def test_the_one_line_form_opens_it(source):
    opened = open_source(f"{source.kind}:{source.path}", image_size=8)
    if isinstance(source, ImageNetSource):
        assert (opened.split, opened.n_rows) == ("val", 1000)
    assert opened == source


def test_a_dataset_is_made_and_opened(source, tmp_path):
    n = min(source.n_rows, 7)
    spec = DatasetSpec(source=source, design="full", seed=1, n_images=n, n_val=2, shard_size=4)
    make_dataset(spec, tmp_path / "set")
    dataset = Dataset.open(tmp_path / "set")
    images, columns = source.render(Design(), 1, np.arange(n))
    if source.encoding == "jpeg":
        assert dataset.files(range(n)) == images
    else:
        assert np.array_equal(dataset.images(range(n)), images)
    assert dataset.images([0]).shape == (1, 8, 8, 3)
    for name, column in columns.items():
        assert dataset.table[name].tolist() == column.tolist()
