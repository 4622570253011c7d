"""Folders as people have them: many formats, some files broken, one command and one list."""

import warnings

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hyp.cli.data import data_app
from hyp.datasets.folders.classes import ClassFolderSource
from hyp.datasets.remote import open_dataset
from hyp.datasets.sources import open_source
from hyp.errors import HypError

UPPER, LOWER = (200, 60, 20), (20, 60, 200)


def make(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return CliRunner().invoke(data_app, ["make", *map(str, arguments)])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Ten pictures that are red above and blue below, five broken files and two of other kinds."""
    folder = tmp_path_factory.mktemp("photos")
    pixels = np.full((32, 48, 3), LOWER, dtype=np.uint8)
    pixels[:16] = UPPER
    picture = Image.fromarray(pixels)
    for name in ("colour", "other"):
        (folder / name).mkdir()
    for name in ("1.png", "2.webp", "3.tif", "4.bmp", "5.JPG"):
        picture.save(folder / "colour" / name, lossless=True, quality=100)
    picture.convert("CMYK").save(folder / "colour" / "6.jpg", quality=100)
    exif = Image.Exif()
    exif[0x112] = 6
    picture.rotate(90, expand=True).save(folder / "colour" / "7.jpg", exif=exif, quality=100)
    palette = picture.quantize(4)
    palette.save(folder / "colour" / "8.png", transparency=bytes([0, 255, 255, 255]))
    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "other" / "grey16.png")
    picture.convert("L").save(folder / "other" / "grey8.png")
    whole = (folder / "colour" / "1.png").read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "other" / "cut.jpg")
    cut = (folder / "other" / "cut.jpg").read_bytes()
    (folder / "other" / "cut.jpg").write_bytes(cut[: len(cut) // 2])
    (folder / "other" / "cut.png").write_bytes(whole[:-30])
    (folder / "other" / "empty.png").touch()
    (folder / "colour" / "page.png").write_text("<html>404 Not Found</html>")
    (folder / "colour" / "pointer.jpg").write_text("version https://git-lfs.github.com/spec/v1")
    picture.save(folder / "colour" / "moving.gif")
    (folder / "notes.txt").write_text("mine")
    return folder


def test_a_mixed_folder_of_pictures(photos, tmp_path):
    refused = make(tmp_path / "d", "--source", f"classes:{photos}")
    assert isinstance(refused.exception, HypError)
    first, *lines = str(refused.exception).splitlines()
    assert "5 of 15 files" in first
    assert "skip=33.4%" in first
    broken = ["colour/page.png", "colour/pointer.jpg"]
    broken += ["other/cut.jpg", "other/cut.png", "other/empty.png"]
    assert [line.split()[2] for line in lines[:5]] == broken
    assert lines[5].startswith("  Passed over: 1 .gif, 1 .txt;")
    assert ".gif" not in lines[5].partition("what is read")[2]
    assert not (tmp_path / "d").exists()

    source = ["--source", f"classes:{photos}", "--image-size", 8, "--set", "skip=34%"]
    lying = make(tmp_path / "lying", *source)
    assert "1 images (first: colour/7.jpg); upright=true" in lying.output
    made = make(tmp_path / "d", *source, "--set", "upright=true")
    assert made.exit_code == 0, made.exception
    assert "10 images, 1 held out" in made.output  # all there are, as no number was said
    assert "EXIF" not in made.output

    data = open_dataset(str(tmp_path / "d"))
    grey = np.asarray(Image.new("RGB", (1, 1), UPPER).convert("L"))[0, 0]
    listed = ClassFolderSource.open(photos, skip="34%")
    files = listed.sample(data.spec.design, 0, np.arange(10))["file"]
    for image, name in zip(data.images(np.arange(10)), files, strict=True):
        colours = [grey] * 3 if name.startswith("other") else UPPER
        assert np.abs(image[1].mean(0) - colours).max() < 6, name
        if not name.startswith("other"):
            assert np.abs(image[-2].mean(0) - LOWER).max() < 6, name


def test_a_mixed_folder_of_meshes(tmp_path):
    shelf = tmp_path / "shelf"
    (shelf / "card").mkdir(parents=True)
    corners = ["0 0 0", "1 0 0", "0 1 0"]
    wavefront = "".join(f"v {corner}\n" for corner in corners) + "f 1 2 3\n"
    head = "ply\nformat ascii 1.0\nelement vertex 3\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    faces = "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    whole = head + faces + "".join(f"{corner}\n" for corner in corners) + "3 0 1 2\n"
    (shelf / "card" / "a.obj").write_text(wavefront)
    (shelf / "card" / "b.OBJ").write_text(wavefront)
    (shelf / "card" / "c.ply").write_text(whole)
    broken = {
        "card/cut.ply": whole[:-20],
        "card/empty.glb": "",
        "card/lost.obj": "mtllib gone.mtl\nusemtl x\n" + wavefront,
        "card/page.gltf": "<html>",
        "card/pointer.stl": "version https://git-lfs.github.com/spec/v1",
    }
    for name, content in broken.items():
        (shelf / name).write_text(content)
    (shelf / "card" / "scene.dae").write_text("<COLLADA/>")
    out, source = tmp_path / "d", f"engine:{shelf}"
    refused = make(out, "--source", source)
    lines = str(refused.exception).splitlines()
    assert "5 of 8 files" in lines[0]
    assert [line.split()[0] for line in lines[1:6]] == list(broken)
    assert "is an empty file" in lines[2]
    assert "its JSON is damaged" in lines[4]
    assert "pointer of Git LFS" in lines[5]
    assert lines[6].startswith("  Passed over: 1 .dae;")
    assert not out.exists()
    small = ["--n", 2, "--image-size", 16, "--set", "supersample=1", "--set", "skip=63%"]
    made = make(out, "--source", source, *small)
    assert made.exit_code == 0, made.exception
    objects = open_dataset(str(out)).spec.source.objects
    assert [thing.identity for thing in objects] == ["a", "b", "c"]


def test_a_table_of_the_objects_that_can_be_drawn(tmp_path):
    """Studies take it where a library has files that cannot be drawn: one glass, one of z."""
    library = tmp_path / "library"
    corner = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    for name in ("chair/a", "chair/b", "lamp/a"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).with_suffix(".obj").write_text(corner)
    (library / "lamp" / "glass.mtl").write_text("newmtl glass\nd 0.4\n")
    (library / "lamp" / "glass.obj").write_text(f"mtllib glass.mtl\nusemtl glass\n{corner}")
    table = library / "usable.csv"
    command = ["objects", str(library), "--out", str(table)]
    done = CliRunner().invoke(data_app, command)
    assert done.exit_code == 0, done.exception
    assert "glass.obj has a transparent material" in done.output
    assert "3 of 4 objects can be drawn: chair (2), lamp (1)." in done.output
    assert table.read_text().splitlines() == [
        "file,category,identity,up",
        "chair/b.obj,chair,b,y",
        "chair/a.obj,chair,chair-a,y",
        "lamp/a.obj,lamp,lamp-a,y",
    ]
    objects = open_source(f"engine:{table}", image_size=16).objects
    assert [item.identity for item in objects] == ["b", "chair-a", "lamp-a"]
    assert "must be a new .csv file" in str(CliRunner().invoke(data_app, command).exception)
    elsewhere = CliRunner().invoke(data_app, [*command[:3], str(tmp_path / "usable.csv")])
    assert "in " + str(library) in str(elsewhere.exception)
