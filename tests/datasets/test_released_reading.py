"""Reading a set in the published layout, from folders and from zip files."""

import multiprocessing
import os
import random
import zipfile

import numpy as np
import pytest
from published_set import HEADERS, SCENES, N, jpeg, line, truth, write_set, zip_scenes

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.making import make_dataset
from hyp.datasets.released import ReleasedTDWSource, scan_released
from hyp.datasets.released.layout import format_row, n_held_out, parse_row
from hyp.datasets.released.listing import Problems, list_zip, read_member
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.datasets.tdw.catalogue import categories
from hyp.errors import HypError

NUMBERS = HEADERS[6:]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=["folders", "zips"])
def root(request, tmp_path):
    return write_set(tmp_path / "set", zipped=request.param == "zips")


def test_every_value_is_the_written_one(root):
    source = open_source(f"tdw-images:{root}")
    assert (source.n_rows, source.image_size, source.encoding) == (N, 24, "jpeg")
    columns = source.columns()
    assert columns["image_index"].tolist() == list(range(N))
    for name in NUMBERS:
        column = columns[name.replace("avatar_pos", "camera_pos")]
        assert column.tolist() == [image[name] for image in truth()]
    for name, column in (
        ("scene_name", "scene"),
        ("wnid", "wnid"),
        ("record_wcategory", "record_wcategory"),
        ("record_name", "identity"),
        ("skybox_name", "sky"),
    ):
        assert columns[column].tolist() == [image[name] for image in truth()]


def test_images_are_the_files_themselves_in_the_order_asked(root):
    source = ReleasedTDWSource.open(root)
    rows = np.array([23, 0, 7, 7, 12])
    assert source.read(rows) == [jpeg(row) for row in rows]
    assert source.read(np.empty(0, dtype=np.int64)) == []


def test_categories_are_in_the_order_of_wnids_and_have_different_names(root):
    source = ReleasedTDWSource.open(root)
    category, identity = source.latents[6:8]
    bag = "bag, handbag, pocketbook, purse"
    assert category.values == ("bowl", bag, "bowl n02880940")
    assert identity.values == ("b04_bowl", "bowl_small", "round_bowl", "vk0002_bag")
    assert identity.groups == ("bowl n02880940", "bowl", "bowl", bag)
    columns = source.columns()
    assert set(columns["category"][columns["wnid"] == "n02880940"]) == {"bowl n02880940"}
    first_two = Design.parse("categories=2").allowed(category)
    assert first_two == ("bowl", bag)


def test_categories_are_called_as_those_of_a_running_build(tmp_path):
    folder = tmp_path / "set" / "images" / "ruin"
    image = truth()[0] | {"scene_name": "ruin"}
    with_suffix = []
    for number, category in enumerate(categories()):
        model = folder / category.wnid / category.models[0]
        model.mkdir(parents=True)
        (model / f"img_{number:010d}.jpg").write_bytes(jpeg(number))
        name = category.name.removesuffix(f" {category.wnid}")
        with_suffix += [category.name] if name != category.name else []
        texts = (category.wnid, name, category.models[0], f"img_{number:010d}")
        row = image | dict(zip(HEADERS[1:5], texts, strict=True))
        (model / f"img_{number:010d}_info.csv").write_text(line(row))
    category = ReleasedTDWSource.open(tmp_path / "set").latents[6]
    assert category.values == tuple(category.name for category in categories())
    assert with_suffix == ["bowl n03206908"]


def test_zipping_changes_nothing(tmp_path):
    root = write_set(tmp_path / "set")
    unpacked = ReleasedTDWSource.open(root)
    assert unpacked.read(np.array([5])) == [jpeg(5)]
    zip_scenes(root)
    packed = ReleasedTDWSource.open(root)
    assert packed.model_dump() == unpacked.model_dump()
    # The source that was opened before goes on with the zip files.
    assert unpacked.read(np.array([5])) == [jpeg(5)]


def test_the_digest_is_of_contents_and_not_of_places(tmp_path):
    here = write_set(tmp_path / "here")
    there = write_set(tmp_path / "there")
    digest = ReleasedTDWSource.open(here).digest
    assert ReleasedTDWSource.open(there).digest == digest
    path = there / "images/tdw_room/n00104409/round_bowl/img_0000000000_info.csv"
    path.write_text(path.read_text().replace("bergen_4k", "other_4k"))
    scan_released(there)
    assert ReleasedTDWSource.open(there).digest != digest


def test_the_papers_validation_images_are_known(tmp_path):
    root = write_set(tmp_path / "set", shuffled=True)
    source = ReleasedTDWSource.open(root)
    order = list(range(N))
    random.Random(1).shuffle(order)
    columns = source.columns()
    assert [order[row] for row in columns["shuffled_row"]] == list(range(N))
    # The smallest validation set has 1000 images: here, all.
    assert set(columns["released_split"]) == {"val"}
    assert source.latents[-1].values == ("train", "val")


@pytest.mark.parametrize(
    ("n", "held_out"), [(1_349_370, 50_000), (100_000, 20_000), (3_000, 1_000), (500, 500)]
)
def test_as_many_images_are_held_out_as_in_the_papers_code(n, held_out):
    assert n_held_out(n) == held_out


def test_a_forked_process_reads_too(root):
    source = ReleasedTDWSource.open(root)
    assert source.read(np.arange(3)) == [jpeg(row) for row in range(3)]
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=lambda: writer.send(source.read(np.arange(9))), daemon=True)
    process.start()
    assert reader.poll(20)
    assert reader.recv() == [jpeg(row) for row in range(9)]
    process.join(20)


def test_designs_take_their_rows(root):
    source = ReleasedTDWSource.open(root)
    near = [k for k, image in enumerate(truth()) if image["rel_pos_z"] <= 2.5]
    spec = {"source": source, "seed": 0, "n_images": len(near), "n_val": 0}
    made = DatasetSpec(**spec, design="rel_pos_z=0.5..2.5")
    rows = source.sample(made.design, 0, np.arange(len(near)))["source_row"]
    assert sorted(rows) == near
    with pytest.raises(ValueError, match=rf"admits {len(near)} of the 24 images"):
        DatasetSpec(**{**spec, "n_images": len(near) + 1}, design="rel_pos_z=0.5..2.5")


def test_a_converted_set_keeps_files_and_latents(root, tmp_path):
    source = open_source(f"tdw-images:{root}")
    spec = DatasetSpec(source=source, design="full", seed=2, n_images=N, n_val=4, shard_size=10)
    make_dataset(spec, tmp_path / "d", workers=2 if (root / "images/tdw_room.zip").exists() else 1)
    dataset = Dataset.open(tmp_path / "d")
    rows = dataset.table["source_row"].to_numpy()
    assert sorted(rows) == list(range(N))
    assert dataset.files(np.arange(N)) == [jpeg(row) for row in rows]
    assert dataset.table["rel_pos_x"].tolist() == [truth()[row]["rel_pos_x"] for row in rows]
    assert dataset.images([0]).shape == (1, 24, 24, 3)
    # The manifest tells the source, though not where its files are.
    again = Dataset.open(tmp_path / "d").spec.source
    assert again == source.model_copy(update={"path": None})
    with pytest.raises(HypError, match="does not say where its files are"):
        again.columns()


def test_one_scenes_zip_file_is_read_alone(tmp_path):
    root = write_set(tmp_path / "set", zipped=True)
    path = root / "images" / "box_room_2018.zip"
    source = ReleasedTDWSource.open(path)
    assert source.n_rows == N // 2
    assert set(source.columns()["scene"]) == {"box_room_2018"}
    assert source.read(np.array([0])) == [jpeg(N // 2)]


def test_a_set_without_an_index_is_what_there_is(root):
    (root / f"index_img_{N}.csv").unlink()
    (root / "img_meta_headers.txt").unlink()
    source = ReleasedTDWSource.open(root)
    assert source.n_rows == N
    numbers = source.columns()["image_index"].tolist()
    assert numbers == [*range(N // 2, N), *range(N // 2)]  # scenes in sorted order


def test_a_known_set_is_not_looked_through_again(root, tmp_path):
    ReleasedTDWSource.open(root)
    (found,) = (tmp_path / "cache").rglob("scan.json")
    before = found.stat().st_mtime_ns
    ReleasedTDWSource.open(root)
    assert found.stat().st_mtime_ns == before
    index = root / f"index_img_{N}.csv"
    os.utime(index, ns=(1, 1))
    ReleasedTDWSource.open(root)
    assert len(list((tmp_path / "cache").rglob("scan.json"))) == 2
    found.write_text("{")  # a damaged record is made again
    scan_released(root)
    assert ReleasedTDWSource.open(root).n_rows == N


def test_processes_find_the_same(tmp_path):
    root = write_set(tmp_path / "set", zipped=True)
    calls = []
    alone = scan_released(root, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, N)
    assert calls[-1] == (N, N)
    assert scan_released(root, workers=2) == alone
    assert (alone.n_expected, alone.n_sound, alone.counts) == (N, N, {})


def test_a_file_that_changed_is_not_read(root):
    source = ReleasedTDWSource.open(root)
    source.columns()
    path = root / "images" / "tdw_room.zip"
    if path.exists():
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo("n00104409/round_bowl/img_0000000000.jpg")
        with path.open("r+b") as file:
            file.seek(member.header_offset + 200)
            file.write(bytes(20))
    else:
        path = root / "images/tdw_room/n00104409/round_bowl/img_0000000000.jpg"
        path.write_bytes(jpeg(1))
    with pytest.raises(HypError, match="is not what it was"):
        source.read(np.array([0]))


def test_members_are_read_as_zipfile_reads_them(tmp_path):
    path = tmp_path / "scene.zip"
    contents = {f"n1/m/img_{k:010d}.jpg": os.urandom(k * 50) + bytes(k * 50) for k in range(1, 9)}
    with path.open("wb") as stream:
        stream.write(b"something before the archive")
        with zipfile.ZipFile(stream, "a") as archive:
            for k, (name, content) in enumerate(contents.items()):
                method = zipfile.ZIP_DEFLATED if k % 2 else zipfile.ZIP_STORED
                with archive.open(zipfile.ZipInfo(name), "w", force_zip64=k % 3 == 0) as member:
                    member.write(content) if method else None
            archive.writestr("n1/m/img_0000000099.jpg", b"x" * 999, zipfile.ZIP_DEFLATED, 9)
    problems = Problems()
    found = list_zip(path, problems).images
    assert not problems.counts
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        names = [name for name in archive.namelist() if archive.getinfo(name).file_size]
        assert [read_member(file, place) for place in found if place["size"]] == [
            archive.read(name) for name in names
        ]


def test_rows_are_read_whatever_is_in_the_category():
    numbers = ",".join(str(k / 8) for k in range(24))
    for written in ('"a, ""b"" c"', "a, b c", "plain"):
        texts, values = parse_row(f"s,n1,{written},m,img_0,sky,{numbers}\r\n")
        assert texts == ["s", "n1", written.strip('"').replace('""', '"'), "m", "img_0", "sky"]
        assert values == [k / 8 for k in range(24)]
        assert parse_row(format_row(texts, values)) == (texts, values)


def test_what_is_no_set_is_refused(tmp_path):
    with pytest.raises(HypError, match="holds no folder 'images'"):
        ReleasedTDWSource.open(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(HypError, match="holds no scenes"):
        ReleasedTDWSource.open(tmp_path)
    (tmp_path / "images" / SCENES[0]).mkdir()
    with pytest.raises(HypError, match="there are no images"):
        ReleasedTDWSource.open(tmp_path)


def test_an_index_or_headers_of_another_kind_are_refused(tmp_path):
    root = write_set(tmp_path / "set")
    index = root / f"index_img_{N}.csv"
    good = index.read_text()
    for bad, reason in (
        ("", "cannot be read"),
        (good.replace("wnid", "word"), "no column 'wnid'"),
        (good.replace("\n1,", "\n0,"), "lists an image number twice"),
        (good.replace("\n1,", "\nx,"), "not whole numbers"),
        (good.splitlines()[0] + "\n", "no rows"),
    ):
        index.write_text(bad)
        with pytest.raises(HypError, match=reason):
            ReleasedTDWSource.open(root)
    index.write_text(good)
    (root / "index_img_9.csv").write_text(good)
    with pytest.raises(HypError, match="several indices"):
        ReleasedTDWSource.open(root)
    (root / "index_img_9.csv").unlink()
    (root / "img_meta_headers.txt").write_text("\n".join(["neg_x", *HEADERS]))
    with pytest.raises(HypError, match=r"not that of the published format \(neg_x\)"):
        ReleasedTDWSource.open(root)


def test_a_tolerance_is_a_share(root):
    assert ReleasedTDWSource.open(root, tolerance="0.5").n_rows == N
    for wrong in ("half", "2", -1):
        with pytest.raises(HypError, match="no share of images"):
            ReleasedTDWSource.open(root, tolerance=wrong)
