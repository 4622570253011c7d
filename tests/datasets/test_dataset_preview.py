import math

import numpy as np
import pytest
from disc_source import DiscSource, disc_spec
from PIL import Image, ImageFont

from hyp.datasets.dataset import Dataset
from hyp.datasets.making import make_dataset
from hyp.datasets.preview import (
    CAPTION_SIZE,
    GAP,
    LINE_HEIGHT,
    PAIR_GAP,
    TILE,
    _difference_caption,
    _lines,
    contact_sheet,
    object_axes,
    pair_sheet,
    project,
    write_sheet,
)
from hyp.errors import HypError

pytestmark = pytest.mark.usefixtures("discs")


@pytest.fixture
def dataset(tmp_path):
    make_dataset(disc_spec(), tmp_path / "d")
    return Dataset.open(tmp_path / "d")


def test_seeded_sheet_of_the_asked_size(dataset, tmp_path):
    sheet = contact_sheet(dataset, n=5, columns=4, seed=1)
    assert sheet.width > 4 * TILE
    assert sheet.height > 2 * TILE
    assert sheet.tobytes() == contact_sheet(dataset, n=5, columns=4, seed=1).tobytes()
    assert sheet.tobytes() != contact_sheet(dataset, n=5, columns=4, seed=2).tobytes()
    write_sheet(sheet, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as found:
        assert found.size == sheet.size


def test_more_than_there_are(dataset):
    assert contact_sheet(dataset, n=1000).height > 12 * TILE


def test_impossible_sheets(dataset, tmp_path):
    with pytest.raises(HypError, match="at least 1 image"):
        contact_sheet(dataset, n=0)
    with pytest.raises(HypError, match="cannot write"):
        write_sheet(contact_sheet(dataset, n=1), tmp_path / "nowhere" / "sheet.png")
    with pytest.raises(HypError, match="cannot write"):
        write_sheet(contact_sheet(dataset, n=1), tmp_path / "sheet.nonsense")


def test_pairs_stand_side_by_side_whatever_their_size(dataset, tmp_path):
    spec = disc_spec(source=DiscSource(image_size=20), design="category=red")
    make_dataset(spec, tmp_path / "red")
    red = Dataset.open(tmp_path / "red")
    sheet = pair_sheet(dataset, red, n=1)
    assert sheet.tobytes() == pair_sheet(dataset, red, n=1).tobytes()
    index = int(np.random.default_rng(0).choice(50, 1)[0])
    top = 2 * GAP + 2 * LINE_HEIGHT
    for left, one in ((GAP, dataset), (GAP + TILE + PAIR_GAP, red)):
        picture = Image.fromarray(one.images([index])[0]).resize((TILE, TILE), Image.BICUBIC)
        assert sheet.crop((left, top, left + TILE, top + TILE)).tobytes() == picture.tobytes()


def test_captions_of_pairs_say_what_differs(dataset, tmp_path):
    make_dataset(disc_spec(design="category=red"), tmp_path / "red")
    red = Dataset.open(tmp_path / "red")

    def caption(a, b, index):
        images = (a.images([index])[0], b.images([index])[0])
        rows = (a.table.iloc[index], b.table.iloc[index])
        return _difference_caption((a.latents, b.latents), images, rows, index)

    assert caption(dataset, dataset, 3) == ["#3 · same image"]
    other = int(np.flatnonzero(dataset.table["category"] == "blue")[0])
    assert caption(dataset, red, other) == [f"#{other} · category blue | red"]


def test_captions_fit_their_tiles():
    font = ImageFont.load_default(CAPTION_SIZE)
    lines = _lines(["a" * 500, "b", "c" * 20, "d" * 20], " · ")
    assert max(font.getlength(line) for line in lines) <= TILE
    assert lines[0].endswith("…")
    assert "".join(lines).count("d") == 20


def test_impossible_pairs(dataset):
    with pytest.raises(HypError, match="at least 1 pair"):
        pair_sheet(dataset, dataset, n=0)
    assert pair_sheet(dataset, dataset, n=500).height > 25 * TILE


def test_projection_has_60_degrees_of_vertical_field():
    edge = math.tan(math.radians(30))
    assert project(np.array([0.0, 0.0, 2.0]), 100) == pytest.approx((50, 50))
    assert project(np.array([0.0, edge * 3, 3.0]), 100) == pytest.approx((50, 0))
    assert project(np.array([edge * 3, 0.0, 3.0]), 100) == pytest.approx((100, 50))


@pytest.mark.parametrize(
    ("euler", "axis", "expected"),
    [
        ((0, 90, 0), 2, (1, 0, 0)),  # yaw turns forward to the right
        ((90, 0, 0), 2, (0, -1, 0)),  # pitch turns forward down
        ((0, 0, 90), 0, (0, 1, 0)),  # roll turns right up
        ((90, 90, 0), 2, (0, -1, 0)),  # pitch first, then yaw
    ],
)
def test_axes_follow_unity(euler, axis, expected):
    assert object_axes(np.array(euler, dtype=float))[axis] == pytest.approx(expected, abs=1e-12)
