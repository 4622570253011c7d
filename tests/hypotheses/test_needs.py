"""What a run takes, against sizes that are known from elsewhere."""

from io import StringIO

import pytest
from rich.console import Console

from hyp.hypotheses.needs import plan_needs
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.reports.plans import plan_page
from hyp.store import Store

SETTINGS = {
    "backbone": "resnet18",
    "image_size": 64,
    "input_size": None,
    "n_images": 2000,
    "n_val": 100,
    "n_stimuli": 300,
    "n_seeds": 6,
    "snapshots": (),
    "scored_snapshots": (),
    "questions": "category",
    "layers": "layer1,layer2",
    "references": (),
    "device": "cpu",
    "precision": "fp32",
}
WEIGHTS = 11_689_512 - 1000 * 513 + 2 * 513 + 2 * 4800 + 20
"""Of a ResNet-18: as published for 1000 classes, here for two outputs; and what its 20 batch
norms count (mean, variance, batches)."""


@pytest.fixture(scope="module")
def stages():
    plan = make_plan(find_hypothesis("nontarget-variability"), "laptop", SETTINGS)
    needs = plan_needs(plan, None, 5)
    return needs, {stage.stage: stage for stage in needs.stages}


def test_disk_follows_from_sizes(stages):
    needs, by_kind = stages
    images = 3 * 64 * 64 * (2 * 2000 + 300)
    units = 64 * 16 * 16 + 128 * 8 * 8
    assert by_kind["models"].to_compute == 12
    assert by_kind["datasets"].n_bytes == images
    assert by_kind["models"].n_bytes == 12 * 4 * WEIGHTS
    assert by_kind["activations"].n_bytes == 12 * 300 * 4 * units
    assert by_kind["grams"].n_bytes == 12 * 2 * 8 * 300**2
    assert needs.total("n_bytes") == sum(stage.n_bytes for stage in needs.stages)


def test_steps_are_not_divided_among_workers(stages):
    needs, by_kind = stages
    models = by_kind["models"]
    assert models.wall_seconds == pytest.approx(models.seconds * 3 / 12)  # 12 on 5: three rounds
    assert by_kind["results"].wall_seconds == by_kind["results"].seconds
    assert not models.measured
    assert needs.total("wall_seconds") < needs.total("seconds")


def test_networks_are_made_by_workers_with_a_gpu_and_the_rest_by_those_without():
    settings = SETTINGS | {"device": "cuda"}
    plan = make_plan(find_hypothesis("nontarget-variability"), "laptop", settings)
    by_kind = {stage.stage: stage for stage in plan_needs(plan, None, 3, gpus=2).stages}
    models, grams = by_kind["models"], by_kind["grams"]
    assert models.wall_seconds == pytest.approx(models.seconds / 2)  # 12 on 2 GPUs
    assert grams.wall_seconds == pytest.approx(grams.seconds * 4 / 12)  # 12 on 3 workers
    page = Console(width=100, record=True, file=StringIO())
    page.print(plan_page(plan, None, 3, 2))
    assert "on 2 GPUs and 3 workers of one core" in page.export_text()


def test_memory_holds_a_batch_in_training(stages):
    needs, _ = stages
    assert not needs.memory_measured
    assert 1.25e9 < needs.memory < 2.5e9


def test_what_workers_of_this_store_took_goes_before_a_guess(tmp_path):
    store = Store.create(tmp_path)
    plan = make_plan(find_hypothesis("nontarget-variability"), "laptop", SETTINGS)
    for step in plan.pending(store)[:-1]:
        store.make(step, lambda folder, inputs: (folder / "file").write_text("it"))
    more = make_plan(find_hypothesis("nontarget-variability"), "laptop", SETTINGS | {"n_seeds": 7})
    needs = plan_needs(more, store, 1)
    assert needs.memory_measured
    assert needs.memory == max(record.peak_bytes for record in store.records())
    larger = make_plan(
        find_hypothesis("nontarget-variability"), "laptop", SETTINGS | {"batch_size": 128}
    )
    assert not plan_needs(larger, store, 1).memory_measured
