from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from disc_source import disc_spec
from scipy.stats import circmean, circstd

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.engine import EngineSource
from hyp.datasets.latents import Latent
from hyp.datasets.making import make_dataset
from hyp.datasets.manifest import TABLE
from hyp.datasets.rows import Latents, RowsSource
from hyp.datasets.sources import SOURCES
from hyp.datasets.specs import DatasetSpec
from hyp.datasets.summary import BINS, latent_column, restrictions, summarise
from hyp.errors import HypError

pytestmark = pytest.mark.usefixtures("discs")
N_ROWS = 600


@lru_cache
def photo_columns():
    rng = np.random.default_rng(0)
    category, copy = rng.integers(0, 3, N_ROWS), rng.integers(0, 2, N_ROWS)
    return {
        "category": np.array(["ball", "box", "cone"], dtype=object)[category],
        "identity": np.array([f"{c}-{i}" for c, i in zip(category, copy, strict=True)]),
        "rel_rot_euler_1": (category * 40 + rng.normal(0, 30, N_ROWS)) % 360,
        "brightness": rng.exponential(1, N_ROWS),
    }


class Photos(RowsSource):
    """Images that somebody took: objects of one kind lean one way."""

    kind: Literal["photos"] = "photos"
    image_size: int = 2
    latents: Latents = (
        Latent(name="category", kind="categorical", values=("ball", "box", "cone")),
        Latent(
            name="identity",
            kind="categorical",
            values=("0-0", "0-1", "1-0", "1-1", "2-0", "2-1"),
            groups=("ball", "ball", "box", "box", "cone", "cone"),
        ),
        Latent(name="rel_rot_euler_1", kind="angle", unit="deg", low=0, high=360),
        Latent(name="brightness", kind="continuous"),
    )
    n_rows: int = N_ROWS
    digest: str = "p"

    def columns(self):
        return photo_columns()

    def read(self, rows):
        return np.repeat(rows % 256, 12).astype(np.uint8).reshape(-1, 2, 2, 3)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "photos", "test_dataset_summary:Photos")

    def make(spec=None, **fields):
        spec = spec or disc_spec(**fields)
        make_dataset(spec, tmp_path / "d")
        return Dataset.open(tmp_path / "d")

    return make


def photos(design="full", n=N_ROWS):
    return DatasetSpec(source=Photos(), design=design, seed=0, n_images=n, n_val=0)


def by_name(summary):
    return {one.latent.name: one for one in summary.latents}


def with_column(dataset, name, values):
    """Replace a column of the table behind the manifest's back."""
    table = pd.read_parquet(dataset.folder / TABLE)
    table[name] = values
    table.to_parquet(dataset.folder / TABLE)
    return dataset


def with_design(dataset, text):
    """Let the manifest declare another design than the one that was made."""
    spec = dataset.spec.model_copy(update={"design": Design.parse(text)})
    return Dataset(dataset.folder, replace(dataset.manifest, spec=spec))


def test_distributions(made):
    dataset = made(n_images=200, design="categories=2+rel_pos_z=2..3+centered")
    found = by_name(summarise(dataset))
    z = dataset.table["rel_pos_z"]
    assert found["rel_pos_z"].mean == pytest.approx(z.mean())
    assert found["rel_pos_z"].sd == pytest.approx(z.std())
    assert (found["rel_pos_z"].low, found["rel_pos_z"].high) == (z.min(), z.max())
    assert found["rel_pos_x"].sd == 0
    counts = dataset.table["category"].value_counts()
    assert found["category"].counts == (counts["blue"], counts["green"], 0, 0)
    shares = counts / counts.sum()
    assert found["category"].bits == pytest.approx(-(shares * np.log2(shares)).sum())
    assert found["category"].possible_bits == 2
    assert found["category"].n_values == 2


def test_bits_of_a_range_are_those_of_what_the_design_leaves_of_it(made):
    found = by_name(summarise(made(n_images=1000, design="rel_pos_z=1..2.5+centered")))
    assert found["rel_pos_z"].possible_bits == np.log2(BINS)
    assert found["rel_pos_z"].bits == pytest.approx(np.log2(BINS / 2), abs=0.05)
    assert sum(found["rel_pos_z"].counts[BINS // 2 :]) == 0
    assert found["turn"].bits == pytest.approx(np.log2(BINS), abs=0.05)
    assert (found["rel_pos_x"].bits, found["rel_pos_x"].n_values) == (0, 1)


def test_angles_are_described_on_the_circle(made):
    dataset = made()
    values = np.where(np.arange(50) % 2, 350.0, 10.0)
    with_column(dataset, "turn", values)
    turn = by_name(summarise(dataset))["turn"]
    assert turn.mean == pytest.approx(circmean(values, high=360))
    assert turn.sd == pytest.approx(circstd(values, high=360))
    with_column(dataset, "turn", values - 360)
    again = by_name(summarise(dataset))["turn"]
    assert again.counts == turn.counts
    assert again.bits == turn.bits == 1


def test_a_latent_without_bounds_is_binned_over_the_range_that_occurs(made):
    brightness = by_name(summarise(made(photos())))["brightness"]
    assert sum(brightness.counts) == N_ROWS
    assert min(brightness.counts[0], brightness.counts[-1]) > 0


def test_what_a_design_does():
    latents = disc_spec().source.latents

    def states(text):
        found = restrictions(Design.parse(text), latents)
        return [found[name].state for name in ("category", "rel_pos_x", "rel_pos_z")]

    assert states("full") == ["free", "free", "free"]
    assert states("category=red+centered") == ["pinned", "pinned", "free"]
    assert states("categories=1+rel_pos_z=2") == ["pinned", "free", "pinned"]
    assert states("categories=2+rel_pos_x=0..1") == ["narrowed", "narrowed", "free"]


def test_nested_latents_are_restricted_by_each_other():
    latents = Photos().latents

    def found(text):
        both = restrictions(Design.parse(text), latents)
        return [(both[n].state, both[n].by, both[n].values) for n in ("category", "identity")]

    assert found("category=ball|cone") == [
        ("narrowed", "design", ("ball", "cone")),
        ("narrowed", "category", ("0-0", "0-1", "2-0", "2-1")),
    ]
    assert found("identity=1-1") == [
        ("pinned", "identity", ("box",)),
        ("pinned", "design", ("1-1",)),
    ]
    assert found("identities=1") == [
        ("free", "", ("ball", "box", "cone")),
        ("narrowed", "design", ("0-0", "1-0", "2-0")),
    ]


@pytest.mark.parametrize("design", ["full", "centered", "categories=2+rel_pos_z=2..3", "turn=90"])
def test_images_agree_with_the_design_they_were_made_with(made, design):
    assert summarise(made(n_images=100, design=design)).departures == ()


@pytest.mark.parametrize(
    ("design", "name", "state", "outside"),
    [
        ("rel_pos_x=0", "rel_pos_x", "pinned", lambda x: x != 0),
        ("rel_pos_z=2..3", "rel_pos_z", "narrowed", lambda z: (z < 2) | (z > 3)),
        ("category=red|white", "category", "narrowed", lambda c: c.isin(["blue", "green"])),
        ("turn=350..360", "turn", "narrowed", lambda t: t < 350),
    ],
)
def test_images_of_another_design_are_told(made, design, name, state, outside):
    dataset = made(n_images=100)
    n = int(outside(dataset.table[name]).sum())
    assert 0 < n <= 100
    assert summarise(with_design(dataset, design)).departures == (
        f"{name} is {state}, but {n} of 100 images have values that the design excludes.",
    )


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("rel_pos_z", 2.0, "rel_pos_z is free, but all images have the same value."),
        (
            "turn",
            np.where(np.arange(100) == 7, 180, 0.001 * np.arange(100)),
            "turn is free, but hardly varies: 0.08 of 5.00 bits.",
        ),
        (
            "category",
            ["blue", "green", "red", "red"] * 25,
            "category is free, but 1 of its 4 values never occur.",
        ),
    ],
)
def test_free_latents_that_do_not_vary_are_told(made, column, values, sentence):
    dataset = with_column(made(n_images=100), column, values)
    assert summarise(dataset).departures == (sentence,)


def test_a_few_images_are_not_blamed_for_varying_little(made):
    dataset = made(n_images=15)
    assert summarise(with_column(dataset, "category", ["red"] * 15)).departures == ()


def test_a_confounded_folder_is_found_out(made):
    summary = summarise(made(photos()))
    assert {pair.first for pair in summary.confounded} == {"rel_rot_euler_1"}
    assert {pair.second for pair in summary.confounded} == {"category", "identity"}
    assert summary.nested == (("identity", "category"),)
    strongest = summary.associations[0]
    assert {strongest.first, strongest.second} == {"category", "identity"}
    assert strongest.strength == pytest.approx(1)
    assert summary.departures == ()


def test_nothing_is_confounded_where_latents_are_drawn_apart(made):
    summary = summarise(made(n_images=1000))
    assert len(summary.associations) == 10
    assert summary.confounded == ()


def test_the_papers_design_ties_pose_to_place(tmp_path):
    """The camera's aim jitters: an object seen to the side is also seen turned."""
    source = EngineSource(image_size=32)
    spec = DatasetSpec(source=source, design="full", seed=0, n_images=600, n_val=1)
    columns = source.sample(spec.design, 0, np.arange(600))
    make_dataset(spec.model_copy(update={"n_images": 2}), tmp_path)
    manifest = replace(Dataset.open(tmp_path).manifest, spec=spec)
    pd.DataFrame(columns).to_parquet(tmp_path / TABLE)
    summary = summarise(Dataset(tmp_path, manifest))
    found = [{pair.first, pair.second} for pair in summary.confounded]
    assert {"rel_rot_euler_0", "rel_pos_y"} in found
    assert {"rel_rot_euler_1", "rel_pos_x"} in found
    assert not any({"scene", "sky", "light_azimuth"} & pair for pair in found)


def test_associations_of_a_sample_are_seeded_and_close_to_those_of_all(made):
    dataset = made(photos())
    every = {(p.first, p.second): p.strength for p in summarise(dataset).associations}
    sample = summarise(dataset, n_sampled=300)
    assert sample == summarise(dataset, n_sampled=300)
    assert sample != summarise(dataset, n_sampled=300, seed=1)
    assert (sample.n_images, sample.n_sampled) == (N_ROWS, 300)
    for pair in sample.associations:
        assert pair.strength == pytest.approx(every[pair.first, pair.second], abs=0.2)


def test_codes_are_those_of_the_latents_values(made):
    dataset = made()
    latent = dataset.latents[-1]
    codes = latent_column(dataset, latent)
    assert [latent.values[code] for code in codes] == list(dataset.table["category"])


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("rel_pos_z", [*range(49), np.nan], r"rel_pos_z of image 49 is missing .* \(1 such"),
        ("category", ["red"] * 30 + ["pink"] * 20, r"category of image 30 .* \(20 such images\)"),
        ("category", ["red"] * 49 + [None], "category of image 49 is missing"),
    ],
)
def test_damaged_columns_are_one_sentence(made, column, values, sentence):
    dataset = with_column(made(), column, values)
    with pytest.raises(HypError, match=sentence):
        summarise(dataset)


def test_damaged_tables_are_one_sentence(made):
    dataset = made()
    table = dataset.table
    table.drop(columns="turn").to_parquet(dataset.folder / TABLE)
    with pytest.raises(HypError, match="no readable column 'turn'; run `hyp data check"):
        summarise(dataset)
    table.head(20).to_parquet(dataset.folder / TABLE)
    with pytest.raises(HypError, match="has 20 rows for 50 images"):
        summarise(dataset)
    (dataset.folder / TABLE).write_bytes(b"PAR1")
    with pytest.raises(HypError, match="no readable column"):
        summarise(dataset)
