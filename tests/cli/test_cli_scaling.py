"""``hyp scaling``: what it prints, and the page."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hyp.cli.main import app
from hyp.errors import HypError

STUDY = """
title = "Does it grow?"
claim = "It levels off."
table = "mine.csv"
units = { images = "images shown" }
[[analyses]]
name = "images alone"
axes = ["images"]
where = { parameters = ["100"] }
[[analyses]]
name = "both"
axes = ["parameters", "images"]
"""


@pytest.fixture
def study(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {
            "images": n,
            "parameters": p,
            "seed": 0,
            "score": 0.5 - np.sqrt(1 / n) + 0.02 * np.log(p) + 1e-3 * rng.normal(),
        }
        for n in (10, 30, 100, 300, 1000, 3000)
        for p in (100, 200, 400, 800)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "mine.csv", index=False)
    path = tmp_path / "mine.toml"
    path.write_text(STUDY)
    return path


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
