import subprocess
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from hyp.cli.data import data_app
from hyp.errors import HypError

SMALL = ["--n", "6", "--n-val", "2", "--image-size", "16", "--set", "supersample=1"]


def run(*arguments):
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "d"
    assert "6 images, 2 held out" in succeed("make", folder, "--design", "categories=2", *SMALL)
    return folder


def test_making_again_says_that_it_is_there(folder):
    output = succeed("make", folder, "--design", "categories=2", *SMALL)
    assert "already holds this dataset" in output


def test_another_dataset_is_refused(folder):
    result = run("make", folder, "--design", "categories=3", *SMALL)
    assert isinstance(result.exception, HypError)
    assert "design is categories=2, not categories=3" in str(result.exception)


def test_info_fits_80_columns(folder):
    output = succeed("info", folder)
    assert max(len(line) for line in output.splitlines()) <= 80
    for word in ("categories=2", "rel_rot_euler_2", "narrowed", "entropy", "2 held out"):
        assert word in output
    assert "…" not in output


def test_check_of_a_sound_dataset_renders_again(folder):
    assert "is sound" in succeed("check", folder, "--render", 3)


def test_check_lists_problems(folder, tmp_path):
    copy = tmp_path / "copy"
    (copy / "images").mkdir(parents=True)
    for path in folder.rglob("*.*"):
        (copy / path.relative_to(folder)).write_bytes(path.read_bytes())
    (copy / "images" / "00000.npy").unlink()
    result = run("check", copy)
    assert result.exit_code == 1
    assert "00000.npy is missing" in result.output
    assert "1 problem found" in result.output


def test_preview_is_a_picture(folder, tmp_path):
    succeed("preview", folder, "--out", tmp_path / "sheet.png", "--n", 3)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--source", "photos"], "unknown source 'photos'"),
        (["--design", "shape=3"], "unknown latent 'shape'"),
        (["--n", "0"], "between 1 and 10,000,000,000 images"),
        (["--n", "5", "--n-val", "5"], "between 0 and 4"),
        (["--image-size", "5"], "image_size 5: Input should be greater"),
    ],
)
def test_impossible_wishes_are_one_sentence(tmp_path, arguments, sentence):
    result = run("make", tmp_path / "d", *arguments)
    assert isinstance(result.exception, HypError), result.exception
    assert sentence in str(result.exception)


def test_importing_is_cheap():
    code = (
        "import sys, hyp.cli.data;"
        "print(*{'torch', 'warp', 'pandas', 'pyarrow', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in found.stdout
    assert found.stdout.split() == []


def test_a_dataset_is_made_and_checked_at_an_address(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    address = (tmp_path / "lab" / "made").as_uri()
    assert f"{address}: 6 images" in succeed("make", address, *SMALL)
    assert f"{address} is sound." in succeed("check", address)
    assert "already holds this dataset" in succeed("make", address, *SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "lab"]
    assert sorted(path.name for path in (tmp_path / "lab" / "made").iterdir()) == [
        "images",
        "latents.parquet",
        "manifest.json",
    ]
    refused = run("preview", address, "--out", "s3://lab/sheet.png")
    assert "s3://lab/sheet.png is an address" in str(refused.exception)
