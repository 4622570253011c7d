"""Writing datasets in the published layout, and reading them back."""

import csv
import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml
from disc_source import DiscSource, disc_spec
from filelock import FileLock
from PIL import Image
from posed_source import CATEGORIES, SCENES, WORLD, PosedSource, posed_spec
from published_set import HEADERS
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from hyp.cli.released import released_app
from hyp.datasets.dataset import Dataset
from hyp.datasets.engine.source import EngineSource
from hyp.datasets.making import make_dataset
from hyp.datasets.released import ReleasedTDWSource, scan_released, write_released
from hyp.datasets.sources import SOURCES
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError

POSE = [*(f"rel_pos_{axis}" for axis in "xyz"), *(f"rel_rot_euler_{k}" for k in range(3))]
NAMES = ["category", "identity", "scene", "sky"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    for kind, home in (("posed", "posed_source:PosedSource"), ("discs", "disc_source:DiscSource")):
        monkeypatch.setitem(SOURCES, kind, home)


def made(folder, **changes):
    make_dataset(posed_spec(**changes), folder)
    return Dataset.open(folder)


@pytest.fixture
def dataset(tmp_path):
    return made(tmp_path / "d")


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def unpacked(root):
    """Return the files of a set by their paths, those in zip files with the others."""
    found = {}
    for name, content in contents(root).items():
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                stem = name.removesuffix(".zip")
                found |= {f"{stem}/{member}": archive.read(member) for member in archive.namelist()}
        else:
            found[name] = content
    return found


def rows_by_hand(root):
    """Read every row as the paper's code did: numbers by their places from the end."""
    rows = []
    for name, content in unpacked(root).items():
        if name.endswith("_info.csv"):
            (fields,) = csv.reader(io.StringIO(content.decode()))
            row = dict(zip(HEADERS, fields, strict=True))
            cut = content.decode().split(",")
            for place, header in enumerate(HEADERS[6:]):
                assert float(cut[place - 24]) == float(row[header])
                row[header] = float(row[header])
            rows.append({**row, "path": name})
    return pd.DataFrame(rows).sort_values("image_file_name", ignore_index=True)


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zips", "folders"])
def test_reading_back_gives_the_same_latents_and_images(tmp_path, encoding, zipped):
    dataset = made(tmp_path / "d", encoding=encoding)
    write_released(dataset, tmp_path / "set", zipped=zipped)
    report = scan_released(tmp_path / "set")
    assert (report.n_expected, report.n_sound) == (30, 30)
    assert report.counts == {"non-ASCII name": 3}  # one scene, and one model in both
    source = ReleasedTDWSource.open(tmp_path / "set")
    columns = source.columns()
    keys = ["rel_pos_x"]
    there = pd.DataFrame(columns).sort_values(keys, ignore_index=True)
    here = dataset.table.sort_values(keys)
    for name in (*POSE[:3], *NAMES, *WORLD):
        assert there[name].tolist() == here[name].tolist(), name
    for name in POSE[3:]:
        np.testing.assert_allclose(there[name], here[name] % 360, rtol=0, atol=1e-9)
    category, identity = (latent for latent in source.latents if latent.name in NAMES[:2])
    assert category.values == CATEGORIES
    assert dict(zip(identity.values, identity.groups, strict=True)) == {
        "zebra-1": "zebra",
        "zebra-2": "zebra",
        "apple": "apple, red",
        "ähre 1": "Ähre",
    }
    order = np.argsort(columns["rel_pos_x"])
    files = source.read(order)
    if encoding == "jpeg":
        assert files == dataset.files(here.index.to_numpy())
    else:
        pixels = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
        difference = pixels.astype(int) - dataset.images(here.index.to_numpy())
        assert np.abs(difference).max() <= 3


def test_zips_and_folders_hold_the_same_files(dataset, tmp_path):
    write_released(dataset, tmp_path / "zips")
    write_released(dataset, tmp_path / "folders", zipped=False)
    zips, folders = unpacked(tmp_path / "zips"), unpacked(tmp_path / "folders")
    assert zips.pop("metadata.txt") != folders.pop("metadata.txt")
    assert zips == folders
    sources = [ReleasedTDWSource.open(tmp_path / name) for name in ("zips", "folders")]
    assert sources[0].digest == sources[1].digest


def test_the_same_dataset_gives_the_same_bytes(dataset, tmp_path):
    write_released(dataset, tmp_path / "a")
    write_released(made(tmp_path / "again"), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "a/images/beach.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize("zipped", [True, False], ids=["zips", "folders"])
@pytest.mark.parametrize("stop_at", [0, 5, 29])
def test_an_interrupted_call_goes_on(dataset, tmp_path, zipped, stop_at):
    write_released(dataset, tmp_path / "whole", zipped=zipped)

    def stop(done, total):
        if done >= stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_released(dataset, tmp_path / "set", zipped=zipped, progress=stop)
    visible = [path.name for path in (tmp_path / "set/images").iterdir() if path.name[0] != "."]
    assert len(visible) == (1 if stop_at == 29 else 0)
    assert not (tmp_path / "set/dataset_scene_all_complete.txt").exists()
    calls = []
    write_released(
        dataset, tmp_path / "set", zipped=zipped, progress=lambda *call: calls.append(call)
    )
    assert calls[-1] == (30, 30)
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")
    write_released(dataset, tmp_path / "set", zipped=zipped)
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")


def test_images_are_numbered_by_scene_wnid_and_identity(dataset, tmp_path):
    write_released(dataset, tmp_path / "set")
    index = pd.read_csv(tmp_path / "set/index_img_30.csv", index_col=0)
    assert list(index.columns) == ["scene", "wnid", "model"]
    assert index.index.tolist() == list(range(30))
    assert list(dict.fromkeys(index["scene"])) == sorted(SCENES)
    for _, block in index.groupby("scene"):
        assert block["wnid"].is_monotonic_increasing
        models = block["model"].tolist()
        assert models == sorted(models, key=["zebra-2", "zebra-1", "apple", "ähre 1"].index)
    rows = rows_by_hand(tmp_path / "set")
    for number, row in rows.iterrows():
        scene, wnid, model = index.loc[number]
        assert row["path"] == f"images/{scene}/{wnid}/{model}/img_{number:010d}_info.csv"
        assert (row["scene_name"], row["wnid"], row["record_name"]) == (scene, wnid, model)
        assert row["image_file_name"] == f"img_{number:010d}"
    assert set(rows["record_wcategory"]) == set(CATEGORIES)
    lines = (tmp_path / "set/processed_scenes.txt").read_text(encoding="utf-8").split("\n")
    assert lines == ["", *sorted(SCENES)]
    headers = (tmp_path / "set/img_meta_headers.txt").read_text().split("\n")
    assert headers == HEADERS


def test_the_preprocessed_files_are_what_the_papers_code_computes(dataset, tmp_path):
    root = tmp_path / "set"
    write_released(dataset, root)
    rows = rows_by_hand(root)
    shuffled = pd.read_csv(root / "index_img_shuffled.csv", index_col=0)
    meta = pd.read_csv(root / "index_img_shuffled_with_meta.csv", index_col=0)
    assert sorted(shuffled["image_index"]) == list(range(30))
    assert shuffled["image_index"].tolist() != list(range(30))
    assert meta[shuffled.columns].equals(shuffled)
    assert list(meta.columns) == [*shuffled.columns, *POSE]
    for name in POSE:
        single = rows[name].to_numpy()[shuffled["image_index"]].astype(np.float32)
        assert np.array_equal(meta[name].to_numpy(dtype=np.float32), single)
    norm = pd.read_csv(root / "norm_column_mean_std.csv", index_col=0).iloc[0]
    for name in POSE[:3]:
        assert norm[f"{name}_mean"] == pytest.approx(rows[name].mean(), abs=1e-12)
        assert norm[f"{name}_std"] == pytest.approx(rows[name].std(ddof=1), abs=1e-12)
    mappings = yaml.safe_load((root / "mappings.yml").read_text(encoding="utf-8"))
    for kind, column in (("category", "wnid"), ("object", "model")):
        names = sorted(set(shuffled[column]))
        assert mappings[f"{kind}_str2int"] == {name: k for k, name in enumerate(names)}
        assert mappings[f"{kind}_int2str"] == dict(enumerate(names))
    metadata = json.loads((root / "metadata.txt").read_text(encoding="utf-8"))
    assert metadata["scene_list"] == sorted(SCENES)
    assert (metadata["num_img_total"], metadata["screen_width"]) == (30, 8)


def test_the_shuffle_is_seeded_and_ends_with_the_held_out_images(dataset, tmp_path):
    write_released(dataset, tmp_path / "set")
    order = pd.read_csv(tmp_path / "set/index_img_shuffled.csv")["image_index"].to_numpy()
    rows = rows_by_hand(tmp_path / "set")
    held_out = dataset.table["rel_pos_x"].to_numpy()[dataset.split("val")]
    last = rows["rel_pos_x"].to_numpy()[order[-6:]]
    assert sorted(last) == sorted(held_out)
    write_released(made(tmp_path / "e", seed=4), tmp_path / "other")
    other = pd.read_csv(tmp_path / "other/index_img_shuffled.csv")["image_index"].to_numpy()
    assert not np.array_equal(order, other)


def test_quaternions_come_from_the_angles(dataset, tmp_path):
    write_released(dataset, tmp_path / "set")
    rows = rows_by_hand(tmp_path / "set")
    angles = rows[[f"rel_rot_euler_{k}" for k in (1, 0, 2)]].to_numpy()
    wanted = Rotation.from_euler("YXZ", angles, degrees=True)
    found = Rotation.from_quat(rows[[f"rel_rot_{axis}" for axis in "xyzw"]].to_numpy())
    assert (wanted * found.inv()).magnitude().max() < 1e-9


def test_what_a_dataset_lacks_is_filled_as_documented(tmp_path):
    dataset = made(tmp_path / "d", whole=False, radians=True)
    write_released(dataset, tmp_path / "set")
    rows = rows_by_hand(tmp_path / "set")
    assert set(rows["scene_name"]) == {"scene"}
    assert set(rows["skybox_name"]) == {""}
    assert set(rows["wnid"]) == {"c00000000", "c00000001", "c00000002"}
    assert (rows["record_name"] == rows["wnid"]).all()
    for axis in "xyz":
        assert not rows[f"avatar_pos_{axis}"].any()
        assert rows[f"object_pos_{axis}"].equals(
            rows[f"rel_pos_{axis}"].rename(f"object_pos_{axis}")
        )
    for axis in "xyzw":
        assert (rows[f"camera_rot_{axis}"] == (axis == "w")).all()
        assert (rows[f"object_rot_{axis}"] == rows[f"rel_rot_{axis}"]).all()
    degrees = np.sort(np.degrees(dataset.table["rel_rot_euler_1"]) % 360)
    np.testing.assert_allclose(np.sort(rows["rel_rot_euler_1"]), degrees, rtol=0, atol=1e-9)
    source = ReleasedTDWSource.open(tmp_path / "set")
    assert "sky" not in [latent.name for latent in source.latents]
    assert source.latents[6].values == CATEGORIES


def test_a_set_that_was_read_is_written_with_its_wnids(dataset, tmp_path):
    write_released(dataset, tmp_path / "first")
    source = ReleasedTDWSource.open(tmp_path / "first")
    spec = DatasetSpec(source=source, design="full", seed=0, n_images=30, n_val=3)
    make_dataset(spec, tmp_path / "d2")
    write_released(Dataset.open(tmp_path / "d2"), tmp_path / "second")
    first, second = rows_by_hand(tmp_path / "first"), rows_by_hand(tmp_path / "second")
    names = ["wnid", "record_wcategory", "record_name", "skybox_name", *HEADERS[6:]]
    assert first.sort_values("rel_pos_x", ignore_index=True)[names].equals(
        second.sort_values("rel_pos_x", ignore_index=True)[names]
    )


def test_the_engines_images_are_written(tmp_path):
    source = EngineSource(image_size=16, supersample=1)
    spec = DatasetSpec(source=source, design="categories=2", seed=1, n_images=6, n_val=2)
    make_dataset(spec, tmp_path / "d")
    dataset = Dataset.open(tmp_path / "d")
    write_released(dataset, tmp_path / "set")
    there = pd.DataFrame(ReleasedTDWSource.open(tmp_path / "set").columns())
    there, here = (table.sort_values("rel_pos_x") for table in (there, dataset.table))
    for name in (*POSE, *NAMES, *WORLD):
        assert there[name].tolist() == here[name].tolist(), name


def test_a_folder_of_something_else_is_refused(dataset, tmp_path):
    write_released(dataset, tmp_path / "set")
    with pytest.raises(HypError, match="already holds another set"):
        write_released(dataset, tmp_path / "set", zipped=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    with pytest.raises(HypError, match=r"already has 'thesis\.txt'"):
        write_released(dataset, tmp_path / "full")
    with pytest.raises(HypError, match="is a file"):
        write_released(dataset, tmp_path / "full" / "thesis.txt")
    (tmp_path / "locked").mkdir()
    with (
        FileLock(tmp_path / "locked" / ".lock"),
        pytest.raises(HypError, match="another process is writing"),
    ):
        write_released(dataset, tmp_path / "locked")


def test_a_dataset_that_does_not_fit_is_refused(tmp_path, monkeypatch):
    make_dataset(disc_spec(source=DiscSource()), tmp_path / "discs")
    with pytest.raises(HypError, match="needs rel_rot_euler_0, rel_rot_euler_1"):
        write_released(Dataset.open(tmp_path / "discs"), tmp_path / "set")
    online = made(tmp_path / "online", online=True)
    with pytest.raises(HypError, match="stores its held-out images only"):
        write_released(online, tmp_path / "set")
    monkeypatch.setattr("posed_source.SCENES", ("a/b", ".."))
    with pytest.raises(HypError, match=r"scene_name '(a/b|\.\.)' cannot be the name of a folder"):
        write_released(made(tmp_path / "odd"), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_the_command_writes(dataset, tmp_path):
    arguments = ["write", str(tmp_path / "d"), str(tmp_path / "set"), "--folders"]
    result = CliRunner().invoke(released_app, arguments)
    assert result.exit_code == 0, result.output
    assert "30 images" in result.output
    assert (tmp_path / "set/images/beach").is_dir()
    assert PosedSource().encoding == "raw"
