"""``hyp neural import``: what people have becomes a recording, and what is wrong is said first."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from typer.testing import CliRunner

from hyp.cli.neural import neural_app
from hyp.errors import HypError
from hyp.metrics.neural import rdm_benchmark, rdm_ceilings, read_assembly

N = 30


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    files = [f"{number:04d}.png" for number in range(N)]
    for file in files:
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / file)
    pd.DataFrame({"file": files, "kind": np.tile(["a", "b"], N // 2)}).to_csv(
        folder / "latents.csv", index=False
    )
    return folder


def responses(names, repetitions=2):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"stimulus_id": name, "repetition": r, "neuroid_id": f"v{v}", "region": "IT"}
        | {"response": rng.normal(), "subject": subject}
        for name in names
        for r in range(repetitions)
        for v in range(3)
        for subject in ("01", "02")
    )


def run(*arguments):
    return CliRunner().invoke(neural_app, ["import", *map(str, arguments)])


def test_leading_zeros_subjects_and_stimuli_without_an_image(pictures, tmp_path):
    names = [f"{number:04d}" for number in range(1, N + 1)]
    path = tmp_path / "mine.tsv"
    responses(names).to_csv(path, sep="\t", index=False)
    store = tmp_path / "store"
    shared = (path, "--stimuli", f"folder:{pictures}", "--image-size", 16, "--store", store)
    refused = run(*shared)
    assert isinstance(refused.exception, HypError)
    assert "1 of the 30 stimuli of mine have no image, among them '0030'" in str(refused.exception)
    assert not list(store.glob("recordings/*"))
    done = run(*shared, "--leave-out", "unmatched")
    assert done.exception is None, done.exception
    words = done.output.split()
    assert words.count("29") == 2
    assert {"01", "02"} <= set(words)


def test_the_responses_are_looked_at_before_any_image(pictures, tmp_path):
    path = tmp_path / "mine.csv"
    responses(["0001"] * 2).to_csv(path, index=False)
    (pictures / "0003.png").write_bytes(b"no image")
    refused = run(path, "--stimuli", f"folder:{pictures}", "--store", tmp_path / "store")
    assert "several responses of one neuroid" in str(refused.exception)


def test_one_repetition_is_announced(pictures, tmp_path):
    path = tmp_path / "single.csv"
    responses([f"{number:04d}" for number in range(N)], 1).to_csv(path, index=False)
    done = run(
        *(path, "--stimuli", f"folder:{pictures}", "--image-size", 16),
        *("--store", tmp_path / "store"),
    )
    assert done.exception is None, done.exception
    assert "one repetition, scored unceiled" in done.output


def test_dissimilarities_come_with_their_ceilings(pictures, tmp_path):
    points = np.random.default_rng(2).normal(size=(3, N, 2)) + np.arange(N)[:, None]
    path = tmp_path / "human.nc"
    xr.DataArray(
        np.square(points[:, :, None] - points[:, None]).sum(axis=-1),
        dims=("rdm", "stimulus", "stimulus_2"),
        coords={
            "region": "IT",
            "subject": ("rdm", ["01", "02", "03"]),
            "stimulus": [f"{number:04d}" for number in range(N)],
        },
    ).to_netcdf(path, engine="h5netcdf")
    shared = ("--stimuli", f"folder:{pictures}", "--image-size", 16, "--store", tmp_path / "store")
    done = run(path, *shared)
    assert done.exception is None, done.exception
    lower, upper = rdm_ceilings(rdm_benchmark(read_assembly(path), "IT").vectors(np.arange(N)))
    for bounds in zip(lower, upper, strict=True):
        assert "{:.3f} to {:.3f}".format(*bounds) in done.output
    assert "RDMs" in done.output
    refused = run(path, *shared, "--stratify", "kind")
    assert "holds dissimilarities, which have no strata" in str(refused.exception)
