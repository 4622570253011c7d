"""Which image shows what in ThreeDWorld sets, without any build."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hyp.datasets.designs import Design
from hyp.datasets.latents import find_latent
from hyp.datasets.specs import DatasetSpec
from hyp.datasets.tdw import TDWSource, plan_images
from hyp.datasets.tdw.catalogue import SCENES, categories, latents, skyboxes
from hyp.datasets.tdw.planning import Shown, choices_of
from hyp.errors import HypError

FULL = Design()


def paper(n: int, **changes) -> TDWSource:
    return TDWSource(planned=n, counts="paper", skyboxes="cycled", **changes)


def names(source: TDWSource, design: Design, shown: Shown) -> list[tuple[str, str, str]]:
    choices = choices_of(design)
    lists = (choices.scenes, choices.models, choices.skyboxes)
    places = zip(shown.scene, shown.model, shown.sky, strict=True)
    return [tuple(own[k] for own, k in zip(lists, row, strict=True)) for row in places]


@pytest.mark.parametrize(
    ("design", "nominal", "total"),
    [
        ("full", 1_350_000, 1_349_370),
        ("full", 10_100_000, 10_099_270),
        ("full", 100_100_000, 100_100_440),
        ("categories=2", 1_350_000, 1_350_000),
        ("categories=4", 1_350_000, 1_350_020),
        ("categories=6", 1_350_000, 1_349_980),
        ("categories=8", 1_350_000, 1_350_020),
        ("categories=16", 1_350_000, 1_350_020),
        ("category=chair", 1_350_000, 1_350_000),
        ("categories=117+centered", 1_350_000, 1_349_370),
    ],
)
def test_sizes_are_those_of_the_published_sets(design, nominal, total):
    assert paper(nominal).plan(Design.parse(design)).n_images == total


def test_the_catalogue_is_tdw_117():
    assert len(categories()) == 117
    identity = find_latent(latents(), "identity")
    assert len(identity.values) == len(set(identity.values)) == 548
    category = find_latent(latents(), "category")
    assert len(set(category.values)) == 117
    assert [c.wnid for c in categories()] == sorted(c.wnid for c in categories())
    assert category.values[:2] == ("bowl", "painting")
    assert category.values[34] == "bowl n03206908"
    assert Counter(identity.groups)["chair"] == max(Counter(identity.groups).values()) == 25
    assert sum(count == 1 for count in Counter(identity.groups).values()) == 26
    assert len(skyboxes()) == 82
    assert Counter(Counter(skyboxes()).values()) == {1: 42, 2: 20}


def test_the_paper_s_order_of_images():
    source = paper(1_350_000)
    plan = source.plan(FULL)
    assert plan.n_images == 10 * 134_937
    index = np.array([0, 230, 231, 134_936, 134_937, plan.n_images - 1])
    shown = names(source, FULL, source.shown(FULL, 0, index))
    assert [row[:2] for row in shown] == [
        ("box_room_2018", "round_bowl_large_padauk"),
        ("box_room_2018", "round_bowl_large_padauk"),
        ("box_room_2018", "round_bowl_large_thin"),
        ("box_room_2018", categories()[-1].models[-1]),
        ("building_site", "round_bowl_large_padauk"),
        ("tdw_room", categories()[-1].models[-1]),
    ]
    chairs = next(c for c in categories() if c.name == "chair").models
    counts = dict(zip(choices_of(FULL).models, np.diff(plan.edges)[:548], strict=True))
    assert {counts[model] for model in chairs} == {46}
    assert counts["bee"] == 1154


def test_the_cycle_of_skyboxes_as_coded():
    """One skybox an image where a model has fewer than 164, from the first on for each model."""
    source = paper(1_350_000)
    edges = source.plan(FULL).edges
    models = choices_of(FULL).models
    for model, per_sky in (("round_bowl_large_padauk", 231 // 82), ("bee", 1154 // 82)):
        run = models.index(model) + 3 * len(models)
        sky = source.shown(FULL, 0, np.arange(edges[run], edges[run + 1])).sky
        expected = np.arange(len(sky)) // per_sky % 82
        np.testing.assert_array_equal(sky, expected)
    chair = models.index(next(c for c in categories() if c.name == "chair").models[0])
    sky = source.shown(FULL, 0, np.arange(edges[chair], edges[chair + 1])).sky
    np.testing.assert_array_equal(sky, np.arange(46))


def test_random_skyboxes_depend_on_seed_and_index_alone_and_on_nothing_reduced():
    source = TDWSource(planned=5000)
    index = np.arange(5000)
    sky = source.shown(FULL, 7, index).sky
    np.testing.assert_array_equal(source.shown(FULL, 7, index[::-1]).sky[::-1], sky)
    assert (source.shown(FULL, 8, index).sky != sky).mean() > 0.9
    reduced = Design.parse("categories=4+rel_pos_z=2")
    np.testing.assert_array_equal(source.shown(reduced, 7, index).sky, sky)
    counts = np.bincount(sky, minlength=82)
    assert counts.min() > 30  # 61 expected, sd 7.8
    assert counts.max() < 95


@pytest.mark.parametrize("n", [1, 7, 1000, 12_345])
def test_any_size_is_met_exactly_and_evenly(n):
    source = TDWSource(planned=n)
    assert source.plan(FULL).n_images == n
    table = plan_images(source, FULL, n)
    scenes = np.array(list(table.scenes.values()))
    assert scenes.sum() == n
    assert scenes.max() - scenes.min() <= 1
    kinds = np.array(list(table.categories.values()))
    assert kinds.sum() == n
    assert kinds.max() - kinds.min() <= (1 if n < 117 else 4)


def test_a_small_set_shows_other_models_in_each_scene():
    table = plan_images(TDWSource(), FULL, 1000)
    assert len(table.models) == 548
    assert sum(count > 0 for count in table.models.values()) > 450
    assert table.images_a_model == (0, 1)


def test_without_a_plan_scene_and_category_are_drawn_alike_often():
    shown = TDWSource().shown(FULL, 3, np.arange(50_000))
    rows = names(TDWSource(), FULL, shown)
    scenes = Counter(scene for scene, _, _ in rows)
    assert set(scenes) == set(SCENES)
    assert max(scenes.values()) < 1.06 * min(scenes.values())
    kinds = Counter(
        find_latent(latents(), "identity").groups[
            find_latent(latents(), "identity").values.index(model)
        ]
        for _, model, _ in rows[:20_000]
    )
    assert len(kinds) == 117
    assert max(kinds.values()) < 2 * min(kinds.values())


def test_indices_past_the_plan_begin_it_again():
    source = paper(20_000)
    n = source.plan(FULL).n_images
    first, again = (source.shown(FULL, 0, np.arange(50) + start) for start in (0, n))
    np.testing.assert_array_equal(first.model, again.model)


def test_a_dataset_s_size_is_planned_for_unless_a_plan_was_named():
    assert TDWSource().sized(70).plan(FULL).n_images == 70
    assert TDWSource(planned=30).sized(70).planned == 30


def test_a_plan_counts_what_its_images_show():
    source = paper(60_000)
    design = Design.parse("categories=8+scenes=3")
    n = 70_001  # one whole round and some
    table = plan_images(source, design, n, images_a_second=50.0)
    rows = names(source, design, source.shown(design, 0, np.arange(n)))
    for k, counts in enumerate((table.scenes, table.models, table.skies)):
        found = Counter(row[k] for row in rows)
        assert dict(found) == {name: count for name, count in counts.items() if count}
    assert table.seconds == n / 50.0
    assert sum(table.categories.values()) == n
    assert table.loads == 3 * len(choices_of(design).models)


def test_a_plan_of_100_million_images_takes_no_memory_to_speak_of():
    table = plan_images(paper(100_100_000), FULL, 100_100_440, images_a_second=234.0)
    assert set(table.scenes.values()) == {10_010_044}
    assert sum(table.skies.values()) == 100_100_440
    assert table.seconds / 86400 == pytest.approx(4.95, abs=0.01)


def test_restricted_values_are_all_that_is_shown():
    design = Design.parse("category=bee|chair+identities=2+scene=ruin+sky=bergen_4k|cave_wall_4k")
    source = TDWSource(planned=300)
    rows = names(source, design, source.shown(design, 0, np.arange(300)))
    chairs = next(c for c in categories() if c.name == "chair").models[:2]
    assert {row[0] for row in rows} == {"ruin"}
    assert {row[1] for row in rows} == {"bee", *chairs}
    assert {row[2] for row in rows} == {"bergen_4k", "cave_wall_4k"}
    assert Counter(row[1] for row in rows)["bee"] == 150


def test_impossible_designs_and_sizes_are_refused():
    nothing = Design.parse("category=bee+identity=elf_painting")
    with pytest.raises(HypError, match="no identity of the categories"):
        TDWSource(planned=100).plan(nothing)
    with pytest.raises(HypError, match="too few for the paper's rounding"):
        paper(400).plan(FULL)
    with pytest.raises(HypError, match="has no plan"):
        TDWSource().plan(FULL)
    with pytest.raises(HypError, match="at least 1 image"):
        plan_images(TDWSource(), FULL, 0)


def test_the_text_form_names_the_ports():
    assert TDWSource.open("").addresses == ("localhost:1071",)
    assert TDWSource.open("*:1080-1081,localhost:9").addresses == (
        "*:1080",
        "*:1081",
        "localhost:9",
    )
    assert TDWSource.open("lab:1071", image_size=128).image_size == 128
    for wrong in ("1071", "localhost", "localhost:", "localhost:0", "a:9-5", "a:70000", ":1071"):
        with pytest.raises(HypError, match="cannot read the builds' address"):
            TDWSource.open(wrong)


def test_where_builds_are_is_no_part_of_the_identity():
    here = TDWSource.open("localhost:1071", planned=10, build="/opt/TDW", display=":1")
    there = TDWSource.open("*:1090-1099", planned=10, patience=3)
    assert here.model_dump_json() == there.model_dump_json()
    assert TDWSource.model_validate(here.model_dump(mode="json")).planned == 10
    assert set(here.model_dump()) == {
        "kind",
        "version",
        "image_size",
        "planned",
        "counts",
        "skyboxes",
        "max_hidden",
        "min_visible",
    }


def test_it_is_a_source(monkeypatch):
    from hyp.datasets.sources import SOURCES, open_source

    monkeypatch.setitem(SOURCES, "tdw", "hyp.datasets.tdw.source:TDWSource")
    source = open_source("tdw:localhost:1075", image_size=64)
    assert source.addresses == ("localhost:1075",)
    assert open_source("tdw").image_size == 256
    spec = DatasetSpec(source=source, design="categories=4", seed=0, n_images=9, n_val=2)
    again = DatasetSpec.model_validate_json(spec.model_dump_json())
    assert again.source.image_size == 64
    assert again.source.latents == source.latents
