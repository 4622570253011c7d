"""A table of latents beside images: what is inferred, what is refused."""

from __future__ import annotations

import csv
import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from public_files import picture, write_folder
from torchvision import transforms

from hyp.datasets.folders.folder import FolderSource
from hyp.datasets.folders.pictures import FORMATS
from hyp.errors import HypError

HEADER = ["file", "category", "x"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "mine")


def rewrite(folder, change):
    """Let `change` alter the rows of the table, the header among them."""
    path = folder / "latents.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    rows = change(rows) or rows
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)


def latent(source, name):
    return next(latent for latent in source.latents if latent.name == name)


def test_kinds_are_inferred(folder):
    source = FolderSource.open(folder)
    assert {latent.name: latent.kind for latent in source.latents} == {
        "category": "categorical",
        "rel_pos_x": "continuous",
        "rel_rot_euler_2": "angle",
    }
    assert latent(source, "category").values == ("cat", "dog")
    assert (latent(source, "rel_pos_x").low, latent(source, "rel_pos_x").high) == (-1.0, 0.9)
    columns = source.columns()
    assert columns["file"][3] == "img_03.png"
    assert columns["rel_rot_euler_2"].tolist() == [15.0 * i for i in range(20)]
    assert source.read(np.arange(20))[:, 0, 0, 0].tolist() == [10 * i for i in range(20)]


def test_the_toml_names_kinds_units_frames_and_nesting(tmp_path):
    rows = [
        [str(i), f"pic{i}.png", str(i % 3), f"{i / 2}", str(0.1 * i), f"m{i % 6}"]
        for i in range(12)
    ]
    toml = """
    file = "picture"
    image_size = 6
    fit = "squeeze"
    ignore = ["number"]
    [latents.shade]
    kind = "categorical"
    [latents.depth]
    unit = "cm"
    frame = "world"
    [latents.turn]
    kind = "angle"
    unit = "rad"
    [latents.model]
    within = "shade"
    """
    header = ["number", "picture", "shade", "depth", "turn", "model"]
    folder = write_folder(tmp_path / "mine", [row[1:] for row in rows], header=header[1:])
    rewrite(folder, lambda _: [header, *rows])
    (folder / "latents.toml").write_text(toml)
    source = FolderSource.open(folder)
    assert (source.image_size, source.fit) == (6, "squeeze")
    assert latent(source, "shade").values == ("0", "1", "2")
    assert (latent(source, "depth").unit, latent(source, "depth").frame) == ("cm", "world")
    assert latent(source, "turn").unit == "deg"
    assert source.columns()["turn"] == pytest.approx(np.degrees(0.1 * np.arange(12)))
    assert latent(source, "model").groups == ("0", "1", "2", "0", "1", "2")
    assert [latent.name for latent in source.latents] == ["shade", "depth", "turn", "model"]
    assert FolderSource.open(folder, image_size=5).image_size == 5


def test_identity_is_nested_where_each_has_one_category(folder):
    rewrite(folder, lambda rows: [[*row, f"{row[1]}{i % 4}"] for i, row in enumerate(rows)])
    rewrite(folder, lambda rows: [[*rows[0][:-1], "identity"], *rows[1:]])
    identity = latent(FolderSource.open(folder), "identity")
    assert identity.groups == tuple(value[:3] for value in identity.values)


def test_parquet_and_csv_say_the_same(folder, tmp_path):
    source = FolderSource.open(folder)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    pd.read_csv(folder / "latents.csv").to_parquet(other / "latents.parquet")
    (other / "latents.csv").unlink()
    again = FolderSource.open(other)
    assert again.latents == source.latents
    for name, column in source.columns().items():
        assert again.columns()[name].tolist() == column.tolist()


def test_numbers_that_are_categories(folder):
    rewrite(
        folder,
        lambda rows: [rows[0], *([r[0], f"{i % 3:02d}", *r[2:]] for i, r in enumerate(rows[1:]))],
    )
    assert latent(FolderSource.open(folder), "category").values == ("00", "01", "02")
    pd.DataFrame(
        {"file": [f"img_{i:02d}.png" for i in range(20)], "category": np.arange(20) % 2, "x": 0.5}
    ).to_parquet(folder / "latents.parquet")
    (folder / "latents.csv").unlink()
    assert latent(FolderSource.open(folder), "category").values == ("0", "1")


def test_a_table_reads_what_it_lists(folder):
    rewrite(folder, lambda rows: rows[:6])
    with pytest.raises(HypError, match=r"15 of 20 files in .*\n  the image img_05.png has no row"):
        FolderSource.open(folder)
    assert FolderSource.open(folder / "latents.csv").n_rows == 5


def test_names_that_are_not_ascii(tmp_path):
    names = ["żółw 1.png", "日本/猫.png", unicodedata.normalize("NFD", "é.png")]
    folder = write_folder(tmp_path / "ü", [[name, "a", str(i)] for i, name in enumerate(names)],
                          header=HEADER)  # fmt: skip
    rewrite(folder, lambda rows: [[unicodedata.normalize("NFC", row[0]), *row[1:]] for row in rows])
    source = FolderSource.open(folder)
    assert source.read(np.arange(3))[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert source.columns()["file"][1] == "日本/猫.png"


def test_the_digest_is_of_contents_and_remembered(folder, tmp_path, cache):
    digest = FolderSource.open(folder).digest
    shutil.copytree(folder, tmp_path / "copy")
    copied = FolderSource.open(tmp_path / "copy")
    assert copied.digest == digest
    assert len(list(cache.glob("folders/*"))) == 2
    picture(7).save(tmp_path / "copy" / "img_03.png")
    assert FolderSource.open(tmp_path / "copy").digest != digest
    (folder / "latents.toml").write_text("[latents.rel_pos_x]\nunit = 'm'\n")
    assert FolderSource.open(folder).digest != digest
    with pytest.raises(HypError, match="is not what it was when it was first used"):
        copied.model_copy(update={"digest": "0" * 64}).columns()


def test_an_image_in_the_place_of_another_is_seen_whatever_its_date(folder):
    path = folder / "img_03.png"
    picture(20).save(path, "BMP")
    before, digest = path.stat(), FolderSource.open(folder).digest
    picture(7).save(path, "BMP")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert FolderSource.open(folder).digest != digest


def oriented(path, orientation):
    """A red left half and a blue right half, as a camera held sideways stores it."""
    image = Image.new("RGB", (40, 24), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, 20, 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = {1: image, 6: image.transpose(Image.Transpose.ROTATE_90)}[orientation]
    stored.save(path, exif=exif)


def test_images_stand_upright(tmp_path):
    folder = write_folder(tmp_path / "mine", [["a.png", "x", "1"], ["b.png", "y", "2"]],
                          header=HEADER)  # fmt: skip
    oriented(folder / "a.png", 1)
    oriented(folder / "b.png", 6)
    upright, turned = FolderSource.open(folder, image_size=16).read(np.arange(2))
    assert np.array_equal(upright, turned)
    assert upright[8, 2].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(30, 20), (21, 40), (9, 9), (16, 50)])
def test_crop_and_squeeze_are_torchvisions(tmp_path, size):
    folder = write_folder(tmp_path / "mine", [["a.png", "x", "1"]], header=HEADER)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image.save(folder / "a.png")
    crop = transforms.Compose([transforms.Resize(16), transforms.CenterCrop(16)])
    (cropped,) = FolderSource.open(folder, image_size=16).read(np.array([0]))
    (squeezed,) = FolderSource.open(folder, image_size=16, fit="squeeze").read(np.array([0]))
    assert np.array_equal(cropped, np.asarray(crop(image)))
    assert np.array_equal(squeezed, np.asarray(transforms.Resize((16, 16))(image)))


SHADES = {
    "L": 200,
    "LA": (200, 9),
    "RGBA": (200, 200, 200, 0),
    "CMYK": (55, 55, 55, 0),
    "1": 1,
    "P": 3,
    "I;16": 200 * 257,
}


@pytest.mark.parametrize("mode", SHADES)
def test_other_modes_become_rgb(tmp_path, mode):
    folder = write_folder(tmp_path / "mine", [["a.tif", "x", "1"]], header=HEADER)
    image = Image.new(mode, (8, 8), SHADES[mode])
    if mode == "P":
        image.putpalette([0, 0, 0] * 3 + [200, 200, 200])
    image.save(folder / "a.tif")
    (pixels,) = FolderSource.open(folder).read(np.array([0]))
    assert np.unique(pixels).tolist() == [255 if mode == "1" else 200]


def test_pixels_of_32_bits_are_refused(tmp_path):
    folder = write_folder(tmp_path / "mine", [["a.tif", "x", "1"]], header=HEADER)
    Image.new("F", (8, 8), 0.5).save(folder / "a.tif")
    with pytest.raises(HypError, match="its pixels have 32 bits"):
        FolderSource.open(folder).read(np.array([0]))


def test_the_size_is_the_images_own_where_they_agree(folder, tmp_path):
    assert FolderSource.open(folder).image_size == 12
    picture(0, (14, 12)).save(folder / "img_00.png")
    assert FolderSource.open(folder).image_size == 224
    oblong = write_folder(tmp_path / "oblong", size=(14, 12))
    assert FolderSource.open(oblong).image_size == 224


def cell(row, column, value):
    def change(rows):
        rows[row][column] = value

    return change


def column(name, values):
    def change(rows):
        return [
            [*row, name if not i else values[(i - 1) % len(values)]] for i, row in enumerate(rows)
        ]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cell(3, 2, "nan"), r"'rel_pos_x' has 1 missing or infinite values \(first: row 3\)"),
        (cell(3, 2, ""), "'rel_pos_x' has 1 missing"),
        (cell(3, 2, "inf"), "'rel_pos_x' has 1 missing or infinite"),
        (cell(3, 2, "left"), r"'rel_pos_x' has 19 numbers and 1 texts \(first: left\)"),
        (cell(3, 3, "left"), "'rel_rot_euler_2' has 1 values that are no numbers"),
        (cell(3, 1, ""), "'category' has 1 missing"),
        (cell(3, 0, "img_00.png"), r"more than one row for 1 files \(first: img_00.png\)"),
        (cell(3, 0, "./img_00.png"), "more than one row for 1 files"),
        (cell(3, 0, "../mine/img_02.png"), r"1 of 20 paths lead out of the folder"),
        (cell(3, 0, "/etc/hostname"), r"paths lead out of the folder \(first: /etc/hostname\)"),
        (cell(3, 0, "C:\\img.png"), "paths lead out of the folder"),
        (lambda rows: rows[:1], "has no rows"),
        (lambda rows: [[]], "has no rows"),
        (lambda rows: [row[:1] for row in rows], "no column of latents"),
        (lambda rows: [*rows, ["img_20.png", "cat"]], r"1 rows do not have the 4 cells"),
        (cell(0, 1, "rel_pos_x"), "more than one column 'rel_pos_x'"),
        (cell(0, 1, "source_row"), "cannot be called 'source_row'"),
        (cell(0, 1, "a+b"), r"cannot be called 'a\+b'"),
        (cell(0, 1, ""), "cannot be called ''"),
        (cell(0, 2, "distance"), "'distance' stands for rel_pos_z in hyp"),
    ],
)
def test_tables_that_are_refused(folder, change, message):
    rewrite(folder, change)
    with pytest.raises(HypError, match=message) as caught:
        FolderSource.open(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[latents.rel_pos_x]\nunit = 'furlong'", "unknown unit 'furlong'; choose from: nm, um"),
        (
            "[latents.depth]\nunit = 'm'",
            "no column 'depth', which its TOML names; it has: category",
        ),
        ("file = 'picture'", "no column 'picture', which its TOML names"),
        ("ignore = ['notes']", "no column 'notes'"),
        (
            "[latents.rel_pos_x]\nkind = 'number'",
            r"latents.rel_pos_x.kind 'number': Input should be",
        ),
        ("[latents.rel_pos_x]\nunits = 'm'", r"latents.rel_pos_x.units 'm': Extra inputs"),
        ("fit = 'stretch'", "fit 'stretch': Input should be 'crop' or 'squeeze'"),
        ("image_size = 0", "image_size 0: Input should be greater"),
        ("[latents", "cannot be read"),
        ("[latents.category]\nunit = 'm'", "'category' is categorical; it has no unit 'm'"),
        ("[latents.category]\nkind = 'continuous'", r"20 values that are no numbers \(first: cat"),
        ("[latents.rel_rot_euler_2]\nunit = 'm'", "angle 'rel_rot_euler_2' has the unit 'm'"),
        ("[latents.category]\nwithin = 'rel_pos_x'", "cannot be within 'rel_pos_x'"),
    ],
)
def test_tomls_that_are_refused(folder, toml, message):
    (folder / "latents.toml").write_text(toml)
    with pytest.raises(HypError, match=message) as caught:
        FolderSource.open(folder)
    assert "\n" not in str(caught.value)


def test_a_value_in_two_groups_is_refused(folder):
    rewrite(folder, column("model", ["m1", "m2", "m3"]))
    (folder / "latents.toml").write_text("[latents.model]\nwithin = 'category'")
    with pytest.raises(HypError, match=r"3 values of 'model' occur in more than one 'category'"):
        FolderSource.open(folder)


def test_tables_in_other_encodings_and_formats(folder):
    (folder / "latents.csv").write_bytes("file,category\nimg_00.png,caf\xe9\n".encode("latin-1"))
    with pytest.raises(HypError, match="cannot be read as a CSV file in UTF-8"):
        FolderSource.open(folder)
    (folder / "latents.csv").rename(folder / "latents.parquet")
    with pytest.raises(HypError, match="cannot be read as a Parquet file"):
        FolderSource.open(folder)
    (folder / "latents.parquet").unlink()
    with pytest.raises(HypError, match=r"needs one table of latents.*it has no table"):
        FolderSource.open(folder)
    for name in ("a.csv", "b.csv"):
        (folder / name).touch()
    with pytest.raises(HypError, match=r"it has a.csv, b.csv"):
        FolderSource.open(folder)
    with pytest.raises(HypError, match="is no folder and no table"):
        FolderSource.open(folder / "img_00.png")


def test_a_byte_order_mark_is_no_part_of_the_header(folder):
    path = folder / "latents.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert "file" in FolderSource.open(folder).columns()


def test_files_that_are_no_images(folder):
    (folder / "img_03.png").write_bytes(b"")
    with pytest.raises(HypError, match=r"the file img_03.png is an empty file"):
        FolderSource.open(folder)
    (folder / "img_03.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(HypError, match=r"the file img_03.png is no image that can be read"):
        FolderSource.open(folder)


def test_truncated_images_are_all_named_when_they_are_read(folder):
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    for name in ("img_03.png", "img_05.png"):
        Image.fromarray(noise).save(folder / name)
        (folder / name).write_bytes((folder / name).read_bytes()[:200])
    source = FolderSource.open(folder)
    with pytest.raises(HypError, match=r"the image img_03.png cannot be decoded"):
        source.read(np.array([3]))
    with pytest.raises(HypError, match=r"2 of 20 files") as caught:
        source.read(np.arange(20))
    assert "img_03.png" in str(caught.value)
    assert "img_05.png" in str(caught.value)


@pytest.mark.parametrize("factor", [1.2, 3])
def test_decompression_bombs_are_refused(folder, monkeypatch, factor):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    picture(0, (20, int(20 * factor))).save(folder / "img_07.png")
    with pytest.raises(HypError, match=r"the image img_07.png has more than 400 pixels"):
        FolderSource.open(folder)


def test_what_cannot_be_used_is_listed_at_once_and_left_out_within_a_share(folder):
    (folder / "img_03.png").write_bytes(b"")
    (folder / "img_04.png").write_text("no image")
    whole = (folder / "img_05.png").read_bytes()
    (folder / "img_05.png").write_bytes(whole[: len(whole) // 2])
    (folder / "img_06.png").unlink()
    picture(1).save(folder / "spare.png")
    with pytest.raises(HypError, match=r"5 of 21 files .* skip=23.9%") as caught:
        FolderSource.open(folder)
    assert str(caught.value).splitlines()[1:] == [
        "  the file img_03.png is an empty file.",
        f"  the file img_04.png is no image that can be read (formats: {', '.join(FORMATS)}; of "
        "at most 16 bits).",
        "  the image img_05.png cannot be decoded (image file is truncated); replace or remove it.",
        "  the row img_06.png of latents.csv has no file; add it or leave the row out.",
        "  the image spare.png has no row in latents.csv; add one, or name the table.",
    ]
    with pytest.raises(HypError, match="5 of 21 files"):
        FolderSource.open(folder, skip="20%")
    source = FolderSource.open(folder, skip="25%")
    gone = [3, 4, 5, 6]
    assert source.skipped == (*(f"img_{i:02d}.png" for i in gone), "spare.png")
    assert "img_05.png" in source.remarks
    kept = [i for i in range(20) if i not in gone]
    assert source.columns()["file"].tolist() == [f"img_{i:02d}.png" for i in kept]
    assert source.columns()["rel_rot_euler_2"].tolist() == [15.0 * i for i in kept]
    assert source.read(np.arange(16))[:, 0, 0, 0].tolist() == [10 * i for i in kept]
    again = FolderSource.model_validate(source.model_dump() | {"path": folder})
    assert again.read(np.array([3]))[0, 0, 0, 0] == 70


def test_links_that_lead_out_are_refused(folder, tmp_path):
    outside = tmp_path / "outside.png"
    picture(3).save(outside)
    (folder / "img_03.png").unlink()
    (folder / "img_03.png").symlink_to(outside)
    with pytest.raises(HypError, match=r"1 images .* are links that lead out .*img_03.png"):
        FolderSource.open(folder)
    (folder / "img_03.png").unlink()
    (folder / "img_03.png").symlink_to(folder / "img_04.png")
    assert FolderSource.open(folder).n_rows == 20


def test_linked_folders_are_not_followed(folder, tmp_path):
    (tmp_path / "far").mkdir()
    picture(1).save(tmp_path / "far" / "a.png")
    (folder / "near").symlink_to(tmp_path / "far", target_is_directory=True)
    rewrite(folder, cell(3, 0, "near/a.png"))
    with pytest.raises(HypError, match=r"the row near/a.png of latents.csv has no file"):
        FolderSource.open(folder)


def test_hidden_files_do_not_matter(folder):
    (folder / "._img_00.png").write_bytes(b"resource fork")
    (folder / ".thumbs").mkdir()
    picture(0).save(folder / ".thumbs" / "a.png")
    assert FolderSource.open(Path(folder)).n_rows == 20
