"""One hypothesis file, unchanged but for the line that says where the images come from."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))

from tdw_build import read_summary, running
from tdw_ports import free_port

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.making import make_dataset
from hyp.datasets.released import write_released
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.datasets.tdw.builds import close_builds
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.result_files import load_result
from hyp.hypotheses.run import run_plan
from hyp.hypotheses.toml import read_hypothesis
from hyp.store import Store

EXAMPLE = Path(__file__).parents[2] / "examples" / "category_variability.toml"
SETTINGS = {
    "image_size": "16",
    "precision": "fp32",
    "n_images": "96",
    "n_val": "32",
    "n_stimuli": "60",
    "n_seeds": "2",
    "alpha": "0.4",
    "backbone": "tiny_backbone:make",
    "n_batches": "8",
    "batch_size": "16",
    "n_folds": "2",
    "layers": "relu",
}


def engine(folder: Path) -> str:
    return "engine"


def stored(folder: Path) -> str:
    spec = DatasetSpec(
        source=open_source("engine", image_size=16, supersample=1),
        design=Design.parse("categories=2"),
        seed=5,
        n_images=420,
        n_val=0,
    )
    make_dataset(spec, folder / "made")
    return f"dataset:{folder / 'made'}"


def dsprites(folder: Path) -> str:
    from public_files import dsprites_arrays, write_dsprites

    arrays = dsprites_arrays(n_x=5, n_y=6)
    return f"dsprites:{write_dsprites(folder / 'dsprites.npz', **arrays)}"


def released(folder: Path) -> str:
    stored(folder)
    write_released(Dataset.open(folder / "made"), folder / "released")
    return f"tdw-images:{folder / 'released'}"


def user_images(folder: Path) -> str:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(400):
        x, kind = rng.uniform(-1, 1), ("disc", "square")[number % 2]
        pixels = np.zeros((16, 16, 3), np.uint8)
        column = int(8 + 6 * x)
        pixels[6:10, max(0, column - 2) : column + 2, : 1 + number % 2] = 200
        name = f"bild {number}.png"
        Image.fromarray(pixels).save(folder / name)
        rows.append({"file": name, "category": kind, "rel_pos_x": x})
    pd.DataFrame(rows).to_csv(folder / "latents.csv", index=False)
    return f"folder:{folder}"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("source", [engine, stored, dsprites, released, user_images])
def test_the_same_file_runs_on_every_source(source, tmp_path):
    (tmp_path / "images").mkdir()
    check(source(tmp_path / "images"), tmp_path)


def test_the_same_file_runs_on_a_build_of_threedworld(tmp_path):
    port, summary = free_port(), tmp_path / "summary.json"
    with running(port, "--summary", str(summary)) as build:
        check(f"tdw:localhost:{port}", tmp_path)
        close_builds()
        assert build.wait(10) == 0
    assert read_summary(summary)["objections"] == []


def check(line: str, tmp_path: Path) -> None:
    """Run the example's hypothesis on a source and look at what was made and measured."""
    hypothesis = read_hypothesis(EXAMPLE)
    plan = make_plan(hypothesis, "laptop", {**SETTINGS, "source": line})
    store = Store.create(tmp_path / "store")
    result = load_result(run_plan(plan, store))
    assert result.verdict.outcome in ("supported", "inconclusive", "invalid", "mixed", "confounded")
    assert {c.layer for c in result.rows} == {"relu"}
    assert all(np.isfinite(c.difference) for c in result.rows)

    made = {
        step.label: Dataset.open(store.path(step)) for step in plan.steps if step.kind == "datasets"
    }
    assert made["one"].table["category"].nunique() == 1
    assert made["full"].table["category"].nunique() > 1
    if "source_row" in made["full"].table:
        tested = set(made["stimuli"].table["source_row"])
        for name in ("full", "one"):
            assert not tested & set(made[name].table["source_row"])
