import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from functools import partial

import pytest
import xarray as xr
from tiny_runs import (
    ARGUMENTS,
    SETTINGS,
    command,
    environment,
    hyp,
    result_tables,
    run,
)

import hyp as package
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.run import run_plan
from hyp.store import Store
from hyp.store.runs import all_runs


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A store with one tiny finished run, computed in a single process."""
    store = tmp_path_factory.mktemp("finished") / "store"
    done = run(store, "--workers", 0)
    return store, done


def test_workers_give_the_same_bytes(finished, tmp_path):
    store = tmp_path / "workers"
    run(store, "--workers", 2)
    assert result_tables(store) == result_tables(finished[0])


def test_progress_is_heard_from_every_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    plan = make_plan(find_hypothesis("nontarget-variability"), "laptop", SETTINGS)
    shares, stages = [], {}

    def watch(progress):
        shares.append(progress.share)
        stages.update({kind: stage.finished for kind, stage in progress.stages.items()})

    store = Store.create(tmp_path)
    run_plan(plan, store, workers=1, watch=watch)
    assert stages == Counter(step.kind for step in plan.steps)
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    (record,) = all_runs(store.root)
    assert (record.state, record.hypothesis) == ("finished", "nontarget-variability")
    assert {stage.kind: stage.total for stage in record.stages} == stages


def test_finished_run_computes_nothing_and_says_the_same(finished):
    store, first = finished
    before = {path: path.stat().st_mtime_ns for path in store.rglob("artifact.json")}
    again = run(store)
    assert "all 55 steps are stored" in again.stdout
    assert again.stdout.splitlines()[-8:] == first.stdout.splitlines()[-8:]
    assert {path: path.stat().st_mtime_ns for path in store.rglob("artifact.json")} == before


def test_killed_at_three_moments_it_ends_with_the_same_tables(finished, tmp_path):
    """SIGKILL hits whatever is being made when so many artifacts are there."""
    store = tmp_path / "killed"
    for n_artifacts in (1, 9, 25):
        process = subprocess.Popen(
            command("run", *ARGUMENTS, "--store", store, "--workers", 0),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and _count(store) < n_artifacts:
            time.sleep(0.01)
        assert process.poll() is None, "the run ended before it could be killed"
        process.kill()
        process.wait()
    run(store, "--workers", 0)
    assert result_tables(store) == result_tables(finished[0])
    assert not list(store.glob("*/*.partial"))


def test_interrupted_by_ctrl_c_says_how_to_go_on(finished, tmp_path):
    store = tmp_path / "interrupted"
    process = subprocess.Popen(
        command("run", *ARGUMENTS, "--store", store, "--workers", 2),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores it
    )
    while process.poll() is None and _count(store) < 5:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on where it stopped" in errors
    assert "Traceback" not in errors
    (record,) = (json.loads(path.read_text()) for path in (store / "runs").glob("*.json"))
    assert record["state"] == "interrupted"
    assert "interrupted" in hyp("status", "--store", store).stdout
    run(store, "--workers", 2)
    assert result_tables(store) == result_tables(finished[0])


def test_two_runs_at_once_share_the_work(finished, tmp_path):
    store = tmp_path / "shared"
    both = [
        subprocess.Popen(
            command("run", *ARGUMENTS, "--store", store, "--workers", 0),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert result_tables(store) == result_tables(finished[0])


def test_truncated_shard_is_named_and_deleting_it_mends_it(finished, tmp_path):
    store = tmp_path / "damaged"
    shutil.copytree(finished[0], store)
    shutil.rmtree(store / "results")
    shutil.rmtree(store / "scores")
    shard = next(store.glob("grams/*/gram/c/0/0/0"))
    shard.write_bytes(shard.read_bytes()[:100])
    failed = run(store, "--workers", 0, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: a stored file is damaged")
    assert "Traceback" not in failed.stderr
    shutil.rmtree(shard.parents[4])
    run(store, "--workers", 0)
    assert result_tables(store) == result_tables(finished[0])


def test_unreachable_scheduler_is_one_sentence(tmp_path):
    failed = run(tmp_path / "s", "--scheduler", "tcp://127.0.0.1:9", check=False)
    assert failed.returncode == 1
    assert "no Dask scheduler answers" in failed.stderr


def test_report_and_store_can_be_read_afterwards(finished, tmp_path):
    store, _ = finished
    hyp("report", "nontarget-variability", "--store", store, "--out", tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "nontarget-variability" in page or "non-target" in page
    view = package.open_store(store)
    scores = view.scores("nontarget-variability")["decoding"]
    assert scores.sizes["network"] == 4
    activations = view.activations("relu", objective="distance", design="identities=1")
    assert activations["activation"].sizes["model"] == 4
    assert "rel_pos_x" in activations.coords
    with pytest.raises(package.HypError, match="layers in this store: pixels, relu"):
        view.activations("layer9")


def test_store_opens_with_xarray_alone(finished):
    catalogue = package.open_store(finished[0]).catalogue
    path = catalogue[catalogue["objective"] == "distance"]["path"].iloc[0]
    layer = xr.open_zarr(path, group="relu")
    assert layer["activation"].dims == ("stimulus", "unit")
    assert {"category", "rel_pos_z", "rel_rot_euler_1"} <= set(layer.coords)
    tree = xr.open_datatree(path, engine="zarr")
    xr.testing.assert_identical(tree["relu"].to_dataset().compute(), layer.compute())


def _count(store):
    return len([p for p in store.glob("*/*/artifact.json") if p.parent.suffix != ".partial"])
