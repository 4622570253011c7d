from dataclasses import replace
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import pytest
from disc_source import DiscSource, disc_spec
from scipy.stats import ks_2samp

from hyp.datasets.dataset import Dataset
from hyp.datasets.differences import compare_datasets
from hyp.datasets.engine import EngineSource
from hyp.datasets.latents import Latent
from hyp.datasets.making import make_dataset
from hyp.datasets.manifest import TABLE
from hyp.datasets.rows import Latents, RowsSource
from hyp.datasets.sources import SOURCES
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError

pytestmark = pytest.mark.usefixtures("discs")
FIXED = {"scene", "sky", "light_azimuth", "light_elevation"}
POSE = {"rel_pos_x", "rel_pos_y", "rel_pos_z", *(f"rel_rot_euler_{i}" for i in range(3))}


@lru_cache
def grid_columns():
    shape, x, angle = np.meshgrid(
        np.array(["ball", "box", "cone"], object),
        np.linspace(-1, 1, 9),
        np.arange(0.0, 360.0, 15.0),
        indexing="ij",
    )
    return {"category": shape.ravel(), "rel_pos_x": x.ravel(), "turn": angle.ravel()}


class Grid(RowsSource):
    factors: ClassVar[tuple[str, ...] | None] = ("category", "rel_pos_x", "turn")
    kind: Literal["difference-grid"] = "difference-grid"
    image_size: int = 2
    latents: Latents = (
        Latent(name="category", kind="categorical", values=("ball", "box", "cone")),
        Latent(name="rel_pos_x", kind="continuous", low=-1, high=1),
        Latent(name="turn", kind="angle", unit="deg", low=0, high=360),
    )
    n_rows: int = 648
    digest: str = "d"

    def columns(self):
        return grid_columns()

    def read(self, rows):
        return np.repeat(rows % 256, 12).astype(np.uint8).reshape(-1, 2, 2, 3)


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Make two datasets."""
    monkeypatch.setitem(SOURCES, "difference-grid", "test_dataset_differences:Grid")

    def make(a, b):
        make_dataset(a, tmp_path / "a")
        make_dataset(b, tmp_path / "b")
        return Dataset.open(tmp_path / "a"), Dataset.open(tmp_path / "b")

    return make


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Full and reduced engine datasets of one seed, by design."""

    @lru_cache
    def make(design):
        folder = tmp_path_factory.mktemp("engine") / "d"
        source = EngineSource(image_size=32, supersample=1)
        spec = DatasetSpec(source=source, design=design, seed=5, n_images=150, n_val=10)
        make_dataset(spec, folder)
        return Dataset.open(folder)

    return make


def by_name(found):
    return {one.name: one for one in found.latents}


def grid(design="full", n=200, seed=0, **source):
    return DatasetSpec(source=Grid(**source), design=design, seed=seed, n_images=n, n_val=0)


def test_a_dataset_does_not_differ_from_its_copy(pair):
    found = compare_datasets(*pair(disc_spec(), disc_spec()))
    assert found.fields == ()
    assert {one.equal for one in found.latents} == {1.0}
    assert {one.distance for one in found.latents} == {0.0}
    assert not any(one.differs for one in found.latents)
    assert (found.shared.count, found.shared.of, found.shared.by) == (50, 50, "pixels")
    assert found.columns == {"visible": 1.0}
    assert found.same_numbers
    assert found.unmatched == ()


def test_fields_that_differ_are_named(pair):
    a, b = pair(
        disc_spec(),
        disc_spec(seed=4, n_images=60, source=DiscSource(image_size=16), design="centered"),
    )
    fields = {one.name: (one.a, one.b) for one in compare_datasets(a, b).fields}
    assert fields == {
        "source.image_size": ("8", "16"),
        "design": ("full", "centered"),
        "seed": ("3", "4"),
        "n_images": ("50", "60"),
    }


def test_distances_are_those_of_the_libraries(pair):
    a, b = pair(disc_spec(n_images=300), disc_spec(n_images=200, design="categories=2", seed=9))
    found = by_name(compare_datasets(a, b))
    one, two = a.table, b.table
    z = found["rel_pos_z"]
    assert z.distance == pytest.approx(ks_2samp(one["rel_pos_z"], two["rel_pos_z"]).statistic)
    assert z.measure == "Kolmogorov-Smirnov"
    assert not z.differs
    shares = [table["category"].value_counts(normalize=True) for table in (one, two)]
    expected = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
    assert found["category"].distance == pytest.approx(expected)
    assert found["category"].differs
    assert found["category"].declared
    assert not found["rel_pos_z"].declared


def test_chance_is_what_draws_of_one_distribution_stay_below(pair):
    """Of 20 pairs of seeds and 5 latents, about 1 difference passes the 0.99 quantile."""
    seeds = [3, 4, 5, 6, 7, 8]
    columns = [DiscSource().sample(disc_spec().design, seed, np.arange(400)) for seed in seeds]
    a, b = pair(disc_spec(n_images=400), disc_spec(n_images=400, seed=4))
    passed = []
    for i, first in enumerate(columns):
        pd.DataFrame(first).to_parquet(a.folder / TABLE)
        for second in columns[:i]:
            pd.DataFrame(second).to_parquet(b.folder / TABLE)
            passed += [one.differs for one in compare_datasets(a, b, n_pixels=1).latents]
    assert len(passed) == 75
    assert sum(passed) <= 5


def test_an_angles_distance_does_not_depend_on_where_zero_is(pair):
    a, b = pair(disc_spec(n_images=100), disc_spec(n_images=100, design="turn=90..180"))
    before = by_name(compare_datasets(a, b))["turn"]
    assert before.measure == "Kuiper"
    assert before.distance == pytest.approx(
        np.mean((a.table["turn"] % 360 - 90) % 360 > 90), abs=0.1
    )
    for dataset in (a, b):
        table = pd.read_parquet(dataset.folder / TABLE)
        table["turn"] = (table["turn"] + 200) % 360
        table.to_parquet(dataset.folder / TABLE)
    after = by_name(compare_datasets(a, b))["turn"]
    assert after.distance == pytest.approx(before.distance)
    assert after.equal == before.equal == 0


def test_angles_of_another_turn_are_equal(pair):
    a, b = pair(disc_spec(), disc_spec())
    table = pd.read_parquet(b.folder / TABLE)
    table["turn"] -= 360.0
    table.to_parquet(b.folder / TABLE)
    assert by_name(compare_datasets(a, b))["turn"].equal == 1


def test_other_latents_and_kinds(pair):
    a, b = pair(disc_spec(), disc_spec())
    x, _, z, turn, category = b.latents
    other = x.model_copy(update={"name": "elsewhere"})
    table = pd.read_parquet(b.folder / TABLE).rename(columns={"rel_pos_x": "elsewhere"})
    table["rel_pos_y"] = "high"
    table.to_parquet(b.folder / TABLE)
    renamed = Latent(name="rel_pos_y", kind="categorical", values=("high",))
    latents = (other, renamed, z, turn, category)
    found = compare_datasets(a, Dataset(b.folder, replace(b.manifest, latents=latents)))
    assert (found.only_a, found.only_b) == (("rel_pos_x",), ("elsewhere",))
    assert by_name(found)["rel_pos_y"].measure == "none"
    assert np.isnan(by_name(found)["rel_pos_y"].distance)
    assert by_name(found)["rel_pos_y"].equal == 0
    assert not by_name(found)["rel_pos_y"].differs


def test_images_of_other_sizes_and_numbers(pair):
    a, b = pair(disc_spec(), disc_spec(n_images=70, source=DiscSource(image_size=16)))
    found = compare_datasets(a, b)
    assert (found.n_a, found.n_b, found.n_compared) == (50, 70, 50)
    assert {one.equal for one in found.latents} == {1.0}
    assert found.shared.by == "nothing"


def test_pixels_tell_images_with_the_same_latents_apart(pair):
    a, b = pair(disc_spec(), disc_spec())
    path = b.folder / "images" / "00000.npy"
    images = np.load(path)
    images[3:7] += 1
    np.save(path, images)
    shared = compare_datasets(a, b).shared
    assert (shared.count, shared.of) == (46, 50)
    assert compare_datasets(a, b, n_pixels=20).shared.of == 20


def test_rows_of_one_source_are_counted(pair):
    a, b = pair(grid(n=300), grid(n=200, seed=1, part="train"))
    shared = compare_datasets(a, b).shared
    both = set(a.table["source_row"]) & set(b.table["source_row"])
    assert (shared.count, shared.of, shared.by) == (len(both), 200, "source rows")
    assert 0 < len(both) < 200


def test_rows_of_another_file_are_not_the_same_rows(pair):
    a, b = pair(grid(n=60), grid(n=60, digest="other"))
    found = compare_datasets(a, b)
    assert found.shared.by == "pixels"
    assert not found.same_numbers


def test_matched_pairs_on_a_grid(pair):
    found = compare_datasets(*pair(grid(n=100), grid("categories=1", n=100)))
    latents = by_name(found)
    assert found.same_numbers
    assert latents["category"].declared
    assert latents["rel_pos_x"].equal > 0.7  # a row that is taken is replaced by another
    assert [one.name for one in found.unmatched] == ["rel_pos_x", "turn"]


def test_another_seed_is_not_meant_as_pairs(pair):
    found = compare_datasets(*pair(disc_spec(), disc_spec(seed=4)))
    assert not found.same_numbers
    assert max(one.equal for one in found.latents if one.name != "category") == 0


@pytest.mark.parametrize("design", ["categories=4", "centered", "rel_pos_z=2..3", "rel_pos_z=2"])
def test_engine_datasets_share_what_is_drawn_once_an_image(engine, design):
    found = compare_datasets(engine("full"), engine(design))
    assert found.same_numbers
    latents = by_name(found)
    kept = FIXED | ({"category", "identity"} if design != "categories=4" else set())
    assert {latents[name].equal for name in kept} == {1.0}
    assert {one.name for one in found.unmatched} <= POSE


def test_engine_views_are_the_same_unless_another_object_is_seen_less_well(engine):
    found = compare_datasets(engine("full"), engine("categories=4"))
    moving = {by_name(found)[name].equal for name in POSE} | set(found.columns.values())
    assert len(moving) == 1  # a view is kept or redrawn as a whole
    assert 0.75 < moving.pop() < 1


def test_a_centred_engine_dataset_turns_the_camera_alone(engine):
    found = compare_datasets(engine("full"), engine("centered"))
    placed = [f"object_rot_{axis}" for axis in "xyzw"] + [f"object_pos_{axis}" for axis in "xyz"]
    assert min(found.columns[name] for name in placed) > 0.9
    assert found.columns["camera_rot_y"] == 0


def test_a_pinned_engine_depth_keeps_the_turn(engine):
    found = by_name(compare_datasets(engine("full"), engine("rel_pos_z=2")))
    assert found["rel_rot_euler_1"].equal > 0.85
    assert found["rel_pos_z"].declared


def test_damaged_tables_are_refused(pair):
    a, b = pair(disc_spec(), disc_spec())
    pd.read_parquet(b.folder / TABLE).drop(columns="turn").to_parquet(b.folder / TABLE)
    with pytest.raises(HypError, match="no readable column 'turn'"):
        compare_datasets(a, b)
