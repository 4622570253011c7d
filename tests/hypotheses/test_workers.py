"""Clusters whose workers differ: the same bytes, or one sentence before anything is computed."""

import json
import re
import shutil

import pytest
from distributed import Client, LocalCluster
from tiny_runs import (
    SETTINGS,
    artifact_bytes,
    dask_scheduler,
    dask_worker,
    run,
    with_gpu,
    with_hyp,
)

from hyp.errors import HypError
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.workers import other_numerics, refuse_late_worker, versions_here
from hyp.models.hardware import Numerics, suits_here
from hyp.store import Store
from hyp.store.runs import Run, save_run


@pytest.fixture(scope="module")
def cluster():
    """The address of a scheduler that has one worker, of two threads."""
    with dask_scheduler() as address, dask_worker(address, threads=2):
        yield address


def planned(store, ask=suits_here):
    settings = {key: str(value) for key, value in SETTINGS.items()}
    return make_plan(
        find_hypothesis("nontarget-variability"), "short", settings, store=store, ask=ask
    )


def test_worker_of_two_threads_gives_the_same_bytes(finished, cluster, tmp_path):
    """The submitting machine has a GPU and the worker none: the worker's numerics count."""
    store = tmp_path / "threads"
    run(store, "--scheduler", cluster, added=with_gpu(tmp_path / "gpu"))
    assert artifact_bytes(store) == artifact_bytes(finished[0])


def test_workers_that_differ_are_named_before_anything_is_computed(cluster, tmp_path):
    store = tmp_path / "store"
    other = with_hyp(tmp_path / "old", "0.0.9") | with_gpu(tmp_path / "gpu")
    with dask_worker(cluster, **other):
        numerics = run(store, "--scheduler", cluster, check=False)
        chosen = ["--set", "device=cpu", "--set", "precision=fp32"]
        versions = run(store, "--scheduler", cluster, *chosen, check=False)
    assert numerics.returncode == versions.returncode == 1
    assert "the workers differ: " in numerics.stderr
    assert "would take cuda in bf16" in numerics.stderr
    assert "has hyp 0.0.9 instead of " in versions.stderr
    assert numerics.stderr.count("\n") == versions.stderr.count("\n") == 1
    made = {path.parent.name for path in store.glob("*/*")}
    assert made <= {"runs", ".locks"}


def test_worker_that_joins_later_is_held_against_the_versions_here():
    cluster = LocalCluster(1, processes=False, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        client.submit(refuse_late_worker, versions_here()).result()
        other = versions_here() | {"torch": "1.0"}
        with pytest.raises(HypError, match=r"the worker inproc.* has torch .* instead of 1\.0;"):
            client.submit(refuse_late_worker, other).result()


@pytest.mark.parametrize("record", ["as it is", "of an older hyp"])
def test_finished_run_stays_finished_where_there_is_a_gpu(finished, tmp_path, monkeypatch, record):
    store = Store.open(shutil.copytree(finished[0], tmp_path / "store"))
    (path,) = (store.root / "runs").glob("*.json")
    content = json.loads(path.read_text())
    assert content["numerics"]["device"] == "cpu"
    if record == "of an older hyp":
        path.write_text(json.dumps({k: v for k, v in content.items() if k != "numerics"}))
    monkeypatch.setenv("PATH", with_gpu(tmp_path / "gpu")["PATH"])
    assert planned(store).pending(store) == []
    assert len(planned(None).pending(store)) > 12


def test_interrupted_run_goes_on_as_it_began_and_says_so(finished, tmp_path):
    store = Store.create(tmp_path / "store")
    (path,) = (finished[0] / "runs").glob("*.json")
    record = Run.model_validate_json(path.read_text())
    save_run(store.root, record.model_copy(update={"state": "interrupted"}))

    def ask(wanted):
        return Numerics("bf16", True, "cuda")

    plan = planned(store, ask)
    assert plan.goal == planned(None).goal
    assert re.fullmatch(
        r"note: nontarget-variability was begun with cpu in \w+ and goes on so; begun now it would "
        r"take cuda in bf16 \(--set device=cuda --set precision=bf16 begins another run\)\.",
        other_numerics(plan, store, ask),
    )
    assert other_numerics(plan, store, suits_here) == ""
    assert other_numerics(planned(None, ask), store, ask) == ""


def test_device_that_is_not_here_is_said_before_anything_is_computed(tmp_path):
    gpu = with_gpu(tmp_path / "gpu")
    done = run(tmp_path / "store", "--workers", 0, check=False, added=gpu)
    assert done.returncode == 1
    assert "torch sees no CUDA device" in done.stderr
    assert not (tmp_path / "store" / "datasets").exists()
