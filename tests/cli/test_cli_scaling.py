"""``hyp scaling``: what it prints, and the page."""

import pytest
from typer.testing import CliRunner

from hyp.cli.main import app
from hyp.errors import HypError
from scaling_study_file import write_study


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path)


def test_a_study_is_printed_and_written(study, tmp_path):
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["scaling", str(study), "--out", str(page)])
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


def test_a_missing_study_is_said(tmp_path):
    done = CliRunner().invoke(app, ["scaling", str(tmp_path / "none.toml")])
    assert isinstance(done.exception, HypError)
    assert "there is no study at" in str(done.exception)
