"""``hyp scaling``: what it prints, and the page."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from hyp.cli.main import app
from hyp.errors import HypError
from hyp.stats.scaling_regions import LAWS
from scaling_study_file import write_study


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path)


def test_a_study_is_printed_and_written(study, tmp_path):
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["scaling", str(study), "--out", str(page), "--figures", "svg"])
    assert done.exception is None, done.exception
    alone, both = done.output.split("both", maxsplit=1)
    assert "It levels off." in alone
    assert "images shown" in alone
    assert "rises and levels off" in alone
    assert "plateau 0.592" in alone
    words = both.split()
    assert words.count("log-linear") == words.count("power") == 1
    assert words.count("rises") == 2
    assert "Does it grow?" in page.read_text()
    folder = tmp_path / "page-figures"
    drawn = folder / "01-images-alone-score.svg"
    table = pd.read_csv(drawn.with_suffix(".csv"))
    scores = table[table["shown"] == "score"]
    given = pd.read_csv(tmp_path / "mine.csv").query("parameters == 100")
    assert scores["score"].tolist() == given["score"].tolist()
    laws = table[table["shown"] != "score"]
    assert laws.groupby("shown").size().to_dict() == dict.fromkeys(LAWS, 6)
    assert (laws["low"] <= laws["score"]).all()
    assert (laws["score"] <= laws["high"]).all()
    methods = (folder / "methods.md").read_text()
    for words in ("images alone: 6 scores", "both: 24 scores", "Burnham", "scipy 1"):
        assert words in methods
    assert {one.name for one in folder.iterdir()} == {drawn.name, f"{drawn.stem}.csv", "methods.md"}
    assert 'width="85mm"' in drawn.read_text()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--figures", "svg"], "say where that goes: --out PAGE.html"),
        (["--out", "page.txt"], "does not end in .html"),
    ],
)
def test_a_page_that_cannot_be_written_is_said_before_anything_is_fitted(study, wrong, words):
    done = CliRunner().invoke(app, ["scaling", str(study), *wrong])
    assert words in str(done.exception)
    assert done.output == ""


def test_a_missing_study_is_said(tmp_path):
    done = CliRunner().invoke(app, ["scaling", str(tmp_path / "none.toml")])
    assert isinstance(done.exception, HypError)
    assert "there is no study at" in str(done.exception)
