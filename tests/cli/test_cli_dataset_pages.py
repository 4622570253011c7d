"""What is shown of a dataset, and of two."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from hyp.cli.dataset_page import dataset_json, dataset_page, histogram
from hyp.cli.difference_page import difference_json, difference_page
from hyp.datasets.dataset import Dataset
from hyp.datasets.differences import compare_datasets
from hyp.datasets.engine import EngineSource
from hyp.datasets.latents import Latent
from hyp.datasets.making import make_dataset
from hyp.datasets.manifest import TABLE
from hyp.datasets.specs import DatasetSpec


def shown(page):
    stream = io.StringIO()
    Console(file=stream, width=80, highlight=False).print(page)
    return stream.getvalue()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    source = EngineSource(image_size=16, supersample=1)
    for design in ("full", "categories=2+rel_pos_z=2", "centered"):
        spec = DatasetSpec(source=source, design=design, seed=0, n_images=60, n_val=5)
        make_dataset(spec, root / design)
    online = spec.model_copy(update={"online": True, "n_images": 10**8, "n_val": 30})
    make_dataset(online, root / "online")
    return root


@pytest.fixture
def plain(folders):
    return Dataset.open(folders / "full")


@pytest.fixture
def reduced(folders):
    return Dataset.open(folders / "categories=2+rel_pos_z=2")


def assert_fits(text):
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text


def test_page_of_a_dataset(reduced):
    text = shown(dataset_page(reduced))
    assert_fits(text)
    words = " ".join(text.split())
    assert "Pinned: rel_pos_z." in words
    assert "Narrowed: category, identity (by category)." in words
    assert "identity is nested in category, as declared." in words
    assert "The values of every latent agree with it." in words
    assert "From 60 images." in words
    for latent in reduced.latents:
        assert latent.name in text


def test_page_of_an_online_dataset_says_what_it_describes(folders):
    text = shown(dataset_page(Dataset.open(folders / "online")))
    assert "The latents of the 30 stored images:" in text
    assert "100,000,000 of 16 x 16, 30 held out" in text


def test_warnings_stand_on_the_page(tmp_path, reduced):
    table = pd.read_parquet(reduced.folder / TABLE)
    table["rel_pos_x"] = table["rel_rot_euler_1"] / 400
    table.loc[0, "rel_pos_z"] = 3.0
    (tmp_path / "d").mkdir()
    table.to_parquet(tmp_path / "d" / TABLE)
    (tmp_path / "d" / "manifest.json").write_bytes((reduced.folder / "manifest.json").read_bytes())
    dataset = Dataset(tmp_path / "d", reduced.manifest)
    words = " ".join(shown(dataset_page(dataset)).split())
    assert "! rel_pos_z is pinned, but 1 of 60 images have values that the design" in words
    assert "! rel_rot_euler_1 and rel_pos_x are left to vary but go together" in words
    assert "agree with it" not in words
    content = json.loads(dataset_json(dataset))
    assert content["departures"]
    assert any(pair["beyond_chance"] and not pair["nested"] for pair in content["associations"])


def test_json_has_the_same_numbers(reduced):
    content = json.loads(dataset_json(reduced))
    latents = {one["name"]: one for one in content["latents"]}
    assert content["spec"]["design"] == "categories=2+rel_pos_z=2"
    assert latents["rel_pos_z"]["restriction"] == "pinned"
    assert latents["rel_pos_z"]["bits"] == 0
    assert latents["identity"]["by"] == "category"
    assert latents["category"]["mean"] is None
    assert sum(latents["scene"]["counts"]) == 60
    assert latents["rel_pos_x"]["mean"] == pytest.approx(reduced.table["rel_pos_x"].mean())
    assert len(content["associations"]) == 11 * 10 // 2
    nested = [pair for pair in content["associations"] if pair["nested"]]
    assert [{pair["first"], pair["second"]} for pair in nested] == [{"category", "identity"}]


def test_many_latents_with_long_names_fit(tmp_path, plain):
    latents = tuple(
        Latent(name=f"a_latent_with_a_rather_long_name_{i}", kind="continuous") for i in range(20)
    )
    rng = np.random.default_rng(0)
    table = pd.DataFrame({latent.name: rng.random(60) for latent in latents})
    table.to_parquet(tmp_path / TABLE)
    (tmp_path / "manifest.json").write_bytes((plain.folder / "manifest.json").read_bytes())
    dataset = Dataset(tmp_path, replace(plain.manifest, latents=latents))
    text = shown(dataset_page(dataset))
    assert_fits(text)
    assert "--json has the other 182 pairs." in " ".join(text.split())


@pytest.mark.parametrize(
    ("counts", "cells", "drawn"),
    [
        ([0, 0], 32, "  "),
        ([0, 1, 1000], 32, " ▁█"),
        ([4, 8, 6], 32, "▄█▆"),
        ([1] * 113, 32, "█" * 32),
        ([2, 0, 8, 8], 2, "▁█"),
    ],
)
def test_histograms(counts, cells, drawn):
    assert histogram(counts, cells) == drawn


def test_page_of_differences(plain, reduced):
    found = compare_datasets(plain, reduced)
    text = shown(difference_page(plain, reduced, found))
    assert_fits(text)
    words = " ".join(text.split())
    assert "design full categories=2+rel_pos_z=2" in words
    assert "The same image by image: scene, sky, light_azimuth, light_elevation." in words
    assert "! Restricted by neither design, yet not the same in every image: rel_pos_x" in words
    assert "differs, declared" in words
    content = json.loads(difference_json(plain, reduced, found))
    assert [field["name"] for field in content["fields"]] == ["design"]
    assert content["n_compared"] == 60
    assert content["same_numbers"] is True


def test_page_of_no_differences(plain):
    found = compare_datasets(plain, plain)
    text = shown(difference_page(plain, plain, found))
    words = " ".join(text.split())
    assert "Both were made from the same specification." in words
    assert "Matched pairs: all that no design restricts is the same image by image." in words
    assert "60 of 60 random images of one index have equal pixels." in words
    assert "!" not in text
    assert "differs" not in text
