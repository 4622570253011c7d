"""What is wrong with a published set: listed, left out, and refused beyond a share."""

import os
import random
import warnings
import zipfile

import numpy as np
import pytest
from published_set import (
    HEADERS,
    N,
    folder_of,
    image_path,
    jpeg,
    line,
    truth,
    write_set,
    zip_scenes,
)
from typer.testing import CliRunner

from hyp.cli.released import released_app
from hyp.datasets.released import ReleasedTDWSource, scan_released
from hyp.datasets.released.gathering import DamagedImageError, picture_size
from hyp.errors import HypError

HIT = 5  # the image that is damaged
CSV = "_info.csv"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))


def huge(number):
    """Return a JPEG file whose frame declares 65,535 pixels a side."""
    content = jpeg(number)
    frame = content.index(b"\xff\xc0") + 5
    return content[:frame] + b"\xff\xff\xff\xff" + content[frame + 4 :]


def change_row(root, **changes):
    image = truth()[HIT] | changes
    image_path(root, HIT, CSV).write_text(line(image))


def move(root, ending):
    other = folder_of(root, truth()[0])
    path = image_path(root, HIT, ending)
    path.rename(other / path.name)


def nothing(root):
    """Change nothing."""


FILES = {
    "missing image": lambda root: image_path(root, HIT).unlink(),
    "missing row": lambda root: image_path(root, HIT, CSV).unlink(),
    "empty image": lambda root: image_path(root, HIT).write_bytes(b""),
    "empty image, zeros": lambda root: image_path(root, HIT).write_bytes(bytes(500)),
    "truncated image": lambda root: image_path(root, HIT).write_bytes(jpeg(HIT)[:-1]),
    "truncated image, half": lambda root: image_path(root, HIT).write_bytes(jpeg(HIT)[:300]),
    "not an image": lambda root: image_path(root, HIT).write_bytes(b"\x89PNG\r\n\x1a\nrest"),
    "not an image, no frame": lambda root: image_path(root, HIT).write_bytes(
        b"\xff\xd8\xff\xfe\x00\x05abc\xff\xd9"
    ),
    "oversized file": lambda root: image_path(root, HIT).write_bytes(huge(HIT)),
    "damaged row": lambda root: image_path(root, HIT, CSV).write_text(""),
    "damaged row, short": lambda root: image_path(root, HIT, CSV).write_text("a,b,c\n"),
    "damaged row, twice": lambda root: image_path(root, HIT, CSV).write_text(
        line(truth()[HIT]) * 2
    ),
    "damaged row, bytes": lambda root: image_path(root, HIT, CSV).write_bytes(b"\xff\xfe\x00" * 30),
    "damaged row, nan": lambda root: change_row(root, rel_pos_x="nan"),
    "damaged row, inf": lambda root: change_row(root, object_rot_w="inf"),
    "damaged row, empty": lambda root: change_row(root, camera_rot_w=""),
    "damaged row, scene": lambda root: change_row(root, scene_name="ruin"),
    "damaged row, wnid": lambda root: change_row(root, wnid="n00000000"),
    "damaged row, model": lambda root: change_row(root, record_name="other"),
    "damaged row, file": lambda root: change_row(root, image_file_name="img_0000000006"),
    "disagrees with the index": lambda root: (move(root, ".jpg"), move(root, CSV)),
    "disagrees with the index, half": lambda root: move(root, ".jpg"),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["folders", "zips"])
@pytest.mark.parametrize("damage", FILES)
def test_a_damaged_image_is_listed_and_left_out(tmp_path, damage, zipped):
    root = write_set(tmp_path / "set")
    FILES[damage](root)
    if zipped:
        zip_scenes(root)
    kind = damage.partition(",")[0]
    report = scan_released(root)
    assert (report.n_expected, report.n_sound) == (N, N - 1)
    assert report.counts == {kind: 1}
    assert f"img_{HIT:010d}" in str(report.problems[0])
    with pytest.raises(HypError, match=rf"1 of the 24 images .* more than 0.10% \(1 x {kind}\)"):
        ReleasedTDWSource.open(root)
    source = ReleasedTDWSource.open(root, tolerance=0.05)
    rest = [number for number in range(N) if number != HIT]
    assert source.columns()["image_index"].tolist() == rest
    assert source.read(np.arange(N - 1)) == [jpeg(number) for number in rest]


def test_the_reason_is_told(tmp_path):
    root = write_set(tmp_path / "set")
    change_row(root, rel_pos_y="nan")
    image_path(root, 8, CSV).write_text("a,b\n")
    assert [str(problem) for problem in scan_released(root).problems] == [
        "damaged row: tdw_room/n02774152/vk0002_bag/img_0000000005_info.csv "
        "(rel_pos_y is not a finite number)",
        "damaged row: tdw_room/n02880940/b04_bowl/img_0000000008_info.csv "
        "(it has 2 columns instead of 30)",
    ]


def rezip(root, change, scene="tdw_room"):
    """Write a scene's zip file anew, member by member, as `change(name, content)` says."""
    path = root / "images" / f"{scene}.zip"
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist() if name[-1] != "/"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, content in members:
            for member in change(name, content):
                archive.writestr(*member)


def packed(tmp_path, change):
    root = write_set(tmp_path / "set", zipped=True)
    rezip(
        root,
        lambda name, content: (
            change(name, content) if f"{HIT:010d}.jpg" in name else [(name, content)]
        ),
    )
    return root


@pytest.mark.parametrize(
    "name",
    ["../../img_0000000005.jpg", "/n02774152/vk0002_bag/img_0000000005.jpg", "C:/n/m/x.jpg"],
)
def test_members_that_climb_out_are_not_touched(tmp_path, name):
    root = packed(tmp_path, lambda _, content: [(name, content)])
    report = scan_released(root)
    assert report.counts == {"unsafe path": 1, "missing image": 1}
    assert "leads out of its folder" in str(report.problems[0])


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    root = packed(tmp_path, lambda name, content: [(name, content + bytes(2**24))])
    assert (root / "images" / "tdw_room.zip").stat().st_size < 60_000
    report = scan_released(root)
    assert report.counts == {"oversized file": 1, "missing image": 1}


def test_a_member_that_is_declared_to_be_packed_larger_is_not_read(tmp_path):
    root = packed(tmp_path, lambda name, content: [(name, content)])
    path = root / "images" / "tdw_room.zip"
    content = bytearray(path.read_bytes())
    entry = content.rindex(f"img_{HIT:010d}.jpg".encode())
    size = content.rindex(b"PK\x01\x02", 0, entry) + 20
    content[size : size + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    report = scan_released(root)
    assert report.counts == {"oversized file": 1, "missing image": 1}
    assert "2,147,483,648 bytes are declared" in str(report.problems[0])


def test_a_member_that_unpacks_to_more_than_it_declares_is_left_out(tmp_path):
    root = packed(tmp_path, lambda name, content: [(name, content + bytes(2**20))])
    path = root / "images" / "tdw_room.zip"
    content = path.read_bytes()
    wanted = len(jpeg(HIT))
    size = (wanted + 2**20).to_bytes(4, "little")
    assert content.count(size) == 2  # in the member's header and in the directory
    path.write_bytes(content.replace(size, wanted.to_bytes(4, "little")))
    report = scan_released(root)
    assert report.counts == {"unreadable image": 1}
    assert "bytes instead of" in str(report.problems[0])


def test_encrypted_members_are_listed(tmp_path):
    root = packed(tmp_path, lambda name, content: [(name, content)])
    path = root / "images" / "tdw_room.zip"
    content = bytearray(path.read_bytes())
    entry = content.rindex(f"img_{HIT:010d}.jpg".encode())
    flags = content.rindex(b"PK\x01\x02", 0, entry) + 8
    content[flags] |= 1
    path.write_bytes(content)
    assert scan_released(root).counts == {"unreadable member": 1, "missing image": 1}


def test_of_duplicates_the_first_counts(tmp_path):
    root = packed(tmp_path, lambda name, content: [(name, content), (name, jpeg(1))])
    report = scan_released(root)
    assert (report.counts, report.n_sound) == ({"duplicate file": 1}, N)
    assert ReleasedTDWSource.open(root).read(np.array([HIT])) == [jpeg(HIT)]


def test_a_flipped_bit_is_found_in_a_zip(tmp_path):
    root = write_set(tmp_path / "set", zipped=True)
    path = root / "images" / "tdw_room.zip"
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("n02774152/vk0002_bag/img_0000000005.jpg").header_offset
    content = bytearray(path.read_bytes())
    content[offset + 300] ^= 0x10
    path.write_bytes(content)
    report = scan_released(root)
    assert report.counts == {"unreadable image": 1}
    assert report.n_sound == N - 1


@pytest.mark.parametrize("kept", [0, 10, 2000, -1, -30])
def test_a_truncated_zip_costs_its_scene_alone(tmp_path, kept):
    root = write_set(tmp_path / "set", zipped=True)
    path = root / "images" / "tdw_room.zip"
    path.write_bytes(path.read_bytes()[:kept])
    report = scan_released(root)
    assert report.counts == {"unreadable scene": 1, "missing image": N // 2}
    assert ReleasedTDWSource.open(root, tolerance=0.5).n_rows == N // 2


def test_a_whole_folder_stands_in_for_a_broken_zip(tmp_path):
    root = write_set(tmp_path / "set")
    (root / "images" / "tdw_room.zip").write_bytes(b"PK")
    assert scan_released(root).counts == {"unreadable scene": 1}
    assert ReleasedTDWSource.open(root).n_rows == N


def test_a_missing_scene_is_missing_images(tmp_path):
    root = write_set(tmp_path / "set", zipped=True)
    (root / "images" / "tdw_room.zip").unlink()
    assert scan_released(root).counts == {"missing image": N // 2}


def test_repeated_images_are_listed_and_used(tmp_path):
    root = write_set(tmp_path / "set")
    image_path(root, HIT).write_bytes(jpeg(2))
    report = scan_released(root)
    assert (report.counts, report.n_sound) == ({"repeated image": 1}, N)
    assert str(report.problems[0]) == (
        "repeated image: img_0000000005 (it has the bytes of img_0000000002)"
    )


def test_files_beyond_the_index_are_listed_and_left_alone(tmp_path):
    root = write_set(tmp_path / "set")
    folder = folder_of(root, truth()[0])
    (folder / "img_0000000099.jpg").write_bytes(jpeg(99))
    (folder / "notes.txt").write_text("x")
    (root / "images" / "ruin").mkdir()
    report = scan_released(root)
    assert report.counts == {"not in the index": 2, "unexpected file": 1}
    assert report.n_sound == N


@pytest.mark.parametrize("zipped", [False, True], ids=["folders", "zips"])
def test_names_beyond_ascii_are_listed_and_read(tmp_path, zipped):
    root = write_set(tmp_path / "set")
    (root / f"index_img_{N}.csv").unlink()
    for number in range(4, 8):
        path = image_path(root, number, CSV)
        path.write_text(path.read_text().replace("vk0002_bag", "täsche"), encoding="utf-8")
    folder_of(root, truth()[HIT]).rename(folder_of(root, truth()[HIT]).with_name("täsche"))
    if zipped:
        zip_scenes(root)
    report = scan_released(root)
    assert (report.counts, report.n_sound) == ({"non-ASCII name": 1}, N)
    source = ReleasedTDWSource.open(root)
    assert "täsche" in source.latents[7].values
    row = int(np.flatnonzero(source.columns()["image_index"] == HIT)[0])
    assert source.read(np.array([row])) == [jpeg(HIT)]


def test_one_model_in_two_categories_is_refused(tmp_path):
    root = write_set(tmp_path / "set")
    (root / f"index_img_{N}.csv").unlink()
    for number in range(4, 8):
        path = image_path(root, number, CSV)
        path.write_text(path.read_text().replace("vk0002_bag", "b04_bowl"))
    folder = folder_of(root, truth()[HIT])
    folder.rename(folder.with_name("b04_bowl"))
    with pytest.raises(HypError, match="'b04_bowl' is in the folders of two categories"):
        scan_released(root)


def test_many_problems_of_a_kind_are_counted_not_listed(tmp_path):
    root = tmp_path / "set"
    folder = root / "images" / "ruin" / "n1" / "m"
    folder.mkdir(parents=True)
    for number in range(150):
        (folder / f"img_{number:010d}.jpg").write_bytes(b"")
    report = scan_released(root)
    assert (report.counts, len(report.problems)) == ({"missing row": 150}, 100)


def test_a_damaged_shuffled_index_is_listed_and_not_used(tmp_path):
    root = write_set(tmp_path / "set", shuffled=True)
    path = root / "index_img_shuffled.csv"
    good = path.read_text().splitlines()
    for lines in (good[:-1], [*good, good[-1]], ["nonsense"]):
        path.write_text("\n".join(lines) + "\n")
        assert scan_released(root).counts == {"unreadable index": 1}
        names = [latent.name for latent in ReleasedTDWSource.open(root).latents]
        assert "released_split" not in names


def test_any_broken_jpeg_is_told_or_measured():
    rng = random.Random(0)
    for _ in range(300):
        content = bytearray(jpeg(rng.randrange(200)))
        for _ in range(rng.randrange(1, 8)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            width, height = picture_size(bytes(content))
        except DamagedImageError:
            continue
        assert 0 < width * height <= 2**26


def test_the_command_lists_and_judges(tmp_path):
    root = write_set(tmp_path / "set")
    result = CliRunner().invoke(released_app, ["scan", str(root)])
    assert result.exit_code == 0
    assert "24 of 24 images are sound" in result.output
    image_path(root, HIT).write_bytes(b"")
    result = CliRunner().invoke(released_app, ["scan", str(root)])
    assert isinstance(result.exception, HypError)
    assert f"empty image: tdw_room/n02774152/vk0002_bag/img_{HIT:010d}.jpg" in result.output
    result = CliRunner().invoke(released_app, ["scan", str(root), "--tolerance", "0.1"])
    assert result.exit_code == 0


def test_the_headers_are_the_published_ones():
    from hyp.datasets.released import layout

    assert tuple(HEADERS) == layout.HEADERS
    assert os.sep not in "".join(HEADERS)
