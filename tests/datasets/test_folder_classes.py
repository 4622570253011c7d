"""Class folders and ImageNet: the same order, labels and pixels as torchvision."""

from __future__ import annotations

import io
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image
from public_files import jpeg, picture, write_classes, write_imagenet
from scipy.io import savemat
from torchvision import datasets, transforms
from torchvision.datasets import imagenet

from hyp.datasets.designs import Design
from hyp.datasets.folders.classes import ClassFolderSource
from hyp.datasets.folders.imagenet import ImageNetSource
from hyp.datasets.shards import decode_jpeg
from hyp.errors import HypError

EVALUATION = transforms.Compose([transforms.Resize(12), transforms.CenterCrop(12)])


@pytest.fixture(params=[".jpg", ".JPEG", ".png"])
def folder(request, tmp_path):
    return write_classes(tmp_path / "set", suffix=request.param)


def test_order_labels_and_pixels_are_torchvisions(folder):
    source = ClassFolderSource.open(folder, image_size=12)
    theirs = datasets.ImageFolder(folder, EVALUATION)
    (latent,) = source.latents
    columns = source.columns()
    assert list(latent.values) == theirs.classes == ["Z", "a", "b", "ç"]
    assert columns["category"].tolist() == [theirs.classes[label] for label in theirs.targets]
    assert [str(folder / name) for name in columns["file"]] == [path for path, _ in theirs.imgs]
    ours = source.read(np.arange(source.n_rows))
    if source.encoding == "jpeg":
        ours = [decode_jpeg(content, 12) for content in ours]
    for image, (expected, _) in zip(ours, theirs, strict=True):
        assert np.array_equal(image, np.asarray(expected))


def test_jpeg_files_are_kept_as_they_come(tmp_path):
    folder = write_classes(tmp_path / "set")
    source = ClassFolderSource.open(folder)
    assert (source.encoding, source.image_size) == ("jpeg", 224)
    files, columns = source.render(Design.parse("category=b"), 0, np.arange(3))
    assert files == [(folder / name).read_bytes() for name in columns["file"]]
    picture(0).save(folder / "b" / "other.png")
    assert ClassFolderSource.open(folder).encoding == "raw"


def test_the_digest_is_of_names_and_sizes(tmp_path):
    source = ClassFolderSource.open(write_classes(tmp_path / "set"))
    shutil.copytree(tmp_path / "set", tmp_path / "copy")
    assert ClassFolderSource.open(tmp_path / "copy").digest == source.digest
    (tmp_path / "copy" / "b" / "2.jpg").rename(tmp_path / "copy" / "b" / "4.jpg")
    assert ClassFolderSource.open(tmp_path / "copy").digest != source.digest
    moved = source.model_copy(update={"path": tmp_path / "copy"})
    with pytest.raises(HypError, match="are not those of when it was first used"):
        moved.columns()


def test_folders_that_are_refused(tmp_path):
    folder = write_classes(tmp_path / "set")
    (folder / "empty").mkdir()
    with pytest.raises(HypError, match="no valid file for the classes empty"):
        ClassFolderSource.open(folder)
    (folder / "empty").rmdir()
    for name in ("1", "2", "3", "4"):
        (folder / "a" / f"{name}.jpg").touch()
    with pytest.raises(HypError, match=r"4 of 11 files .* cannot be used; .*skip=36\.4%") as caught:
        ClassFolderSource.open(folder)
    lines = [f"a/{number}.jpg is an empty file" for number in (1, 2, 3, 4)]
    assert all(line in str(caught.value) for line in lines)
    with pytest.raises(HypError, match="Couldn't find any class folder"):
        ClassFolderSource.open(folder / "b")
    with pytest.raises(HypError, match="is no folder"):
        ClassFolderSource.open(folder / "b" / "2.jpg")


def test_files_that_are_no_whole_images_are_named(tmp_path):
    folder = write_classes(tmp_path / "set")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "Z" / "1.jpg")
    whole = (folder / "Z" / "1.jpg").read_bytes()
    rows = np.array([0])
    said = {
        whole[: len(whole) // 2]: "the image Z/1.jpg cannot be decoded",
        b"not an image": "the file Z/1.jpg is no image that can be read",
        whole[:10]: "the image Z/1.jpg cannot be decoded",
        b"version https://git-lfs.github.com/spec/v1": "the file Z/1.jpg is a pointer of Git LFS",
    }
    for content, sentence in said.items():
        (folder / "Z" / "1.jpg").write_bytes(content)
        with pytest.raises(HypError, match=sentence):
            ClassFolderSource.open(folder).read(rows)
    (folder / "Z" / "1.jpg").write_bytes(whole + b"maker's notes" * 20)
    assert ClassFolderSource.open(folder).read(rows) == [whole + b"maker's notes" * 20]


def test_broken_images_are_left_out_within_a_share(tmp_path):
    folder = write_classes(tmp_path / "set")
    whole = ClassFolderSource.open(folder)
    broken = ["a/x.jpg", "b/2.jpg"]
    for name in broken:
        (folder / name).write_bytes((folder / name).read_bytes()[:200])
    (folder / "notes.txt").write_text("hello")
    picture(0).save(folder / "lost.png")
    (folder / "b" / "clip.avi").write_bytes(b"x")
    with pytest.raises(HypError) as caught:
        ClassFolderSource.open(folder).read(np.arange(whole.n_rows))
    assert all(name in str(caught.value) for name in broken)
    with pytest.raises(HypError, match=f"2 of {whole.n_rows} files") as caught:
        ClassFolderSource.open(folder, skip=0.1)
    assert all(name in str(caught.value) for name in broken)
    source = ClassFolderSource.open(folder, skip="50%")
    assert source.skipped == tuple(broken)
    assert all(name in source.remarks for name in (*broken, "1 .avi", "1 .png", "1 .txt"))
    assert source.n_rows == whole.n_rows - 2
    assert not set(source.columns()["file"]) & set(broken)
    assert len(source.read(np.arange(source.n_rows))) == source.n_rows
    dumped = source.model_dump(mode="json")
    assert dumped["skipped"] == broken
    assert "remarks" not in dumped
    assert "skipped" not in whole.model_dump(mode="json")


def test_images_of_one_name_in_two_classes_stay_apart(tmp_path):
    for category, grey in (("a", 10), ("b", 200)):
        (tmp_path / category).mkdir()
        Image.new("RGB", (8, 8), (grey,) * 3).save(tmp_path / category / "001.png")
    source = ClassFolderSource.open(tmp_path, image_size=8)
    assert source.columns()["file"].tolist() == ["a/001.png", "b/001.png"]
    assert source.read(np.arange(2))[:, 0, 0, 0].tolist() == [10, 200]


def test_a_png_called_jpeg_becomes_one(tmp_path):
    folder = write_classes(tmp_path / "set")
    stream = io.BytesIO()
    picture(4, (20, 16)).save(stream, "PNG")
    (folder / "Z" / "1.jpg").write_bytes(stream.getvalue())
    (content,) = ClassFolderSource.open(folder).read(np.array([0]))
    expected = np.asarray(picture(4, (20, 16)))[:, 2:18].astype(int)
    assert content[:2] == b"\xff\xd8"
    assert abs(decode_jpeg(content, 16) - expected).max() <= 3


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """ImageNet's own archives, of a thousand classes with one small image each."""
    root = tmp_path_factory.mktemp("imagenet")
    write_imagenet(root, "train")
    with tarfile.open(root / "ILSVRC2012_img_train.tar", "w") as outer:
        for folder in sorted((root / "train").iterdir()):
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as archive:
                for path in folder.iterdir():
                    archive.add(path, path.name)
            info = tarfile.TarInfo(f"{folder.name}.tar")
            info.size = len(inner.getvalue())
            outer.addfile(info, io.BytesIO(inner.getvalue()))
    shutil.rmtree(root / "train")
    with tarfile.open(root / "ILSVRC2012_img_val.tar", "w") as archive:
        for number in range(1000):
            info = tarfile.TarInfo(f"ILSVRC2012_val_{number + 1:08d}.JPEG")
            content = jpeg(number % 25, (9, 8))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    write_devkit(root)
    return root


TRUTH = np.random.default_rng(0).permutation(1000)


def write_devkit(root):
    kit = root / "kit" / "ILSVRC2012_devkit_t12"
    (kit / "data").mkdir(parents=True)
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("n", "O")]
    synsets = np.array(
        [(i + 1, f"n{i:08d}", f"word {i}, other", "gloss", 0) for i in range(1000)],
        dtype=fields,
    )
    savemat(kit / "data" / "meta.mat", {"synsets": synsets})
    truth = kit / "data" / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("".join(f"{number + 1}\n" for number in TRUTH))
    with tarfile.open(root / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
        archive.add(kit, kit.name)
    shutil.rmtree(root / "kit")


def sums_of(root, monkeypatch):
    """Let torchvision expect these archives' checksums."""
    from torchvision.datasets.utils import calculate_md5

    sums = {
        name: (file, calculate_md5(root / file))
        for name, (file, _) in imagenet.ARCHIVE_META.items()
    }
    monkeypatch.setattr(imagenet, "ARCHIVE_META", sums)


@pytest.mark.parametrize("split", ["train", "val"])
def test_archives_are_unpacked_as_torchvision_does(root, monkeypatch, split):
    sums_of(root, monkeypatch)
    source = ImageNetSource.open(root, split=split, image_size=8)
    theirs = datasets.ImageNet(root, split)
    columns = source.columns()
    assert source.n_rows == len(theirs) == 1000
    assert list(source.latents[0].values) == theirs.wnids
    assert columns["category"].tolist() == [theirs.wnids[label] for label in theirs.targets]
    assert [str(root / split / name) for name in columns["file"]] == [p for p, _ in theirs.imgs]
    by_path = ImageNetSource.open(root / split, image_size=8)
    assert by_path == source
    if split == "val":
        place = columns["file"].tolist().index(f"n{TRUTH[41]:08d}/ILSVRC2012_val_00000042.JPEG")
        assert columns["category"][place] == f"n{TRUTH[41]:08d}"


def test_archives_with_other_checksums_are_refused(tmp_path, root):
    for name in ("ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_img_val.tar"):
        shutil.copy(root / name, tmp_path)
    with pytest.raises(HypError, match=r"no folder 'val', and it cannot be unpacked.*corrupted"):
        ImageNetSource.open(tmp_path, split="val")
    with pytest.raises(HypError, match="has no folder 'train'"):
        ImageNetSource.open(tmp_path)


def test_what_is_not_the_whole_set_is_refused(tmp_path):
    write_imagenet(tmp_path, "train")
    shutil.rmtree(tmp_path / "train" / "n00000007")
    with pytest.raises(HypError, match=r"999 of ImageNet's 1,000 class folders; .*classes:"):
        ImageNetSource.open(tmp_path)
    (tmp_path / "train" / "n00000007.tar").write_bytes(b"rest")
    with pytest.raises(HypError, match=r"more than class folders .*n00000007.tar.*interrupted"):
        ImageNetSource.open(tmp_path)
