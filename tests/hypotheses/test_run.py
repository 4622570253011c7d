import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
import xarray as xr
from cryptography import x509
from rich.console import Console
from tiny_runs import (
    ARGUMENTS,
    ENDS,
    SETTINGS,
    command,
    environment,
    hyp,
    result_tables,
    run,
)
from warm import Warm

import hyp as package
from hyp import clusters
from hyp.errors import HypError
from hyp.hypotheses import run_record
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.progress import StepEvent
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.run import run_plan, run_steps
from hyp.hypotheses.unfinished import gone_on_with, remove_strangers
from hyp.reports.plans import status_table
from hyp.store import Store
from hyp.store.runs import all_runs


@pytest.fixture(scope="module")
def tiny_plan():
    return make_plan(find_hypothesis("nontarget-variability"), "short", SETTINGS)


def test_asked_again_it_imports_nothing_heavy(finished):
    """A second answers who asks for a finished run; torch alone takes longer."""
    asked = command("run", *ARGUMENTS, "--store", finished[0])
    asked[1:1] = ["-X", "importtime"]
    done = subprocess.run(asked, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode in ENDS, done.stderr
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "hyp" in names
    assert not names & {"torch", "warp", "pandas", "scipy", "xarray", "matplotlib", "dask"}


def test_workers_give_the_same_bytes_and_tell_how_far_they_are(
    finished, tiny_plan, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    plan = tiny_plan
    shares, stages = [], {}

    def watch(progress):
        shares.append(progress.share)
        stages.update({kind: stage.finished for kind, stage in progress.stages.items()})

    store = Store.create(tmp_path)
    run_plan(plan, store, workers=2, watch=watch)
    assert result_tables(store.root) == result_tables(finished[0])
    assert stages == Counter(step.kind for step in plan.steps)
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    (record,) = all_runs(store.root)
    assert (record.state, record.hypothesis) == ("finished", "nontarget-variability")
    assert {stage.kind: stage.total for stage in record.stages} == stages


def test_a_run_under_way_says_how_far_since_when_and_what_is_left(tiny_plan, tmp_path, monkeypatch):
    monkeypatch.setattr(run_record, "_SAVED_EVERY", 0.01)
    plan = tiny_plan
    store = Store.create(tmp_path)
    done = [step for step in plan.steps if step.kind in ("datasets", "models")]
    with run_record.recorded(plan, plan.steps, store) as progress:
        for step in done:
            progress(StepEvent(step.kind, step.key, "running", 1, 2))
        while (record := all_runs(store.root)[0]).left_seconds is None:
            time.sleep(0.01)
        console = Console(width=200, force_terminal=False)
        with console.capture() as capture:
            console.print(status_table(store))
    totals = Counter(step.kind for step in plan.steps)
    half = {kind: count / 2 for kind, count in Counter(step.kind for step in done).items()}
    assert record.seen_state == "running"
    assert {one.kind: one.total for one in record.stages} == totals
    assert {one.kind: one.done for one in record.stages if one.done} == half
    told = capture.get()
    assert f"since {record.started[:10]}" in told
    assert f"models {half['models']:g}/{totals['models']}" in told


def test_finished_run_computes_nothing_and_says_the_same(finished):
    store, first = finished
    before = {path: path.stat().st_mtime_ns for path in store.rglob("artifact.json")}
    again = run(store)
    assert "all 52 steps are stored" in again.stdout
    assert again.stdout.splitlines()[-8:] == first.stdout.splitlines()[-8:]
    assert {path: path.stat().st_mtime_ns for path in store.rglob("artifact.json")} == before


@pytest.fixture(scope="module")
def warm():
    with Warm(environment()) as started:
        yield started


@pytest.fixture
def viewer(warm):
    """Start `hyp view` over a store; returns its process and what its first page tells."""

    def start(store):
        process = warm.start("hyp", "view", store)
        started.append(process)
        while not (address := process.printed()[0].partition("\n")[0]):
            assert process.poll() is None, process.printed()
            time.sleep(0.01)
        return process, lambda: urlopen(address).read().decode()

    started = []
    yield start
    for process in started:
        process.kill()


@pytest.fixture
def starting(warm):
    """Start the run in a process of its own."""

    def start(store, workers, **environment):
        options = ["--store", store, "--workers", workers]
        started.append(warm.start("hyp", "run", *ARGUMENTS, *options, **environment))
        return started[-1]

    started = []
    yield start
    for process in started:
        process.kill()


def test_killed_at_three_moments_it_ends_with_the_same_tables(finished, tmp_path, viewer, starting):
    """SIGKILL hits whatever is being made when so many artifacts are there, and who looks on."""
    store = tmp_path / "killed"
    Store.create(store)
    _, page = viewer(store)
    for n_artifacts in (1, 9, 25):
        process = starting(store, 0)
        _wait(process, store, n_artifacts)
        if n_artifacts == 9:
            killed, other = viewer(store)
            assert "<td>running</td>" in other()
            killed.kill()
        assert process.poll() is None, "the run ended before it could be killed"
        assert "<td>running</td>" in page()
        process.kill()
        assert "<td>killed</td>" in page()
    run(store, "--workers", 0)
    assert "<td>finished</td>" in page()
    assert 'id="hypotheses">Verdicts' in page()
    assert result_tables(store) == result_tables(finished[0])
    assert not list(store.glob("*/*.partial"))


@pytest.mark.parametrize(
    ("signals", "workers", "n_artifacts"),
    [
        pytest.param((signal.SIGINT,), 2, 5, id="ctrl-c"),
        pytest.param((signal.SIGINT, signal.SIGINT, signal.SIGINT), 1, 1, id="ctrl-c thrice"),
        pytest.param((signal.SIGTERM,), 1, 5, id="sigterm"),
        pytest.param((signal.SIGUSR1,), 0, 5, id="early warning"),
    ],
)
def test_signal_ends_a_run_which_says_how_to_go_on(
    finished, tmp_path, starting, signals, workers, n_artifacts
):
    """All processes get the signal, as from a terminal or a scheduler of jobs.

    Nothing is trained yet when the first artifact is there, and something is after five. The
    path of temporary files may be too long for a socket's.
    """
    store = tmp_path / "interrupted"
    temporary = Path(tempfile.mkdtemp()) if n_artifacts > 1 else tmp_path / ("long" * 30)
    temporary.mkdir(exist_ok=True)
    process = starting(store, workers, TMPDIR=str(temporary))
    _wait(process, store, n_artifacts)
    for signum in signals:
        os.killpg(process.pid, signum)
        time.sleep(0.2)
    assert process.wait(60) == 128 + signals[0], process.printed()
    _, errors = process.printed()
    assert "Traceback" not in errors
    assert not list(temporary.glob("hyp-*"))
    shutil.rmtree(temporary)
    assert "goes on where it stopped" in errors
    (record,) = (json.loads(path.read_text()) for path in (store / "runs").glob("*.json"))
    assert record["state"] == "interrupted"
    assert "interrupted" in hyp("status", "--store", store).stdout
    if signals == (signal.SIGTERM,):
        assert f"ended by {signals[0].name}" in errors
        run(store, "--workers", 0)
        assert result_tables(store) == result_tables(finished[0])


def test_two_runs_at_once_share_the_work(finished, tmp_path, starting):
    """One starts as a user starts it; the other one comes when it has begun."""
    store = tmp_path / "shared"
    first = subprocess.Popen(
        command("run", *ARGUMENTS, "--store", store, "--workers", 0),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    _wait(first, store, 1)
    second = starting(store, 0)
    output, _ = first.communicate(timeout=300)
    assert {first.returncode, second.wait()} <= set(ENDS), (output, second.printed())
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


def test_scheduler_that_accepts_and_says_nothing_is_one_sentence(monkeypatch):
    monkeypatch.setattr(clusters, "_CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with (
            pytest.raises(HypError, match=f"no Dask scheduler answers at {address}"),
            clusters.remote_client(address),
        ):
            pass


@pytest.mark.parametrize(
    ("address", "words"),
    [("tls://127.0.0.1:9", "needs certificates"), ("host", "tcp://HOST:PORT")],
)
def test_scheduler_that_cannot_be_spoken_to_is_one_sentence(address, words):
    with pytest.raises(HypError, match=words), clusters.remote_client(address):
        pass


def test_the_certificate_of_a_run_is_valid_where_clocks_differ_by_hours():
    text = clusters.run_security().tls_worker_cert.encode()
    found = x509.load_pem_x509_certificate(text)
    now = datetime.now(UTC)
    assert found.not_valid_before_utc < now - timedelta(hours=23)
    assert found.not_valid_after_utc > now + timedelta(days=300)


def test_local_workers_answer_nobody_without_the_certificate_of_the_run(monkeypatch):
    monkeypatch.setattr(clusters, "_CONNECT_SECONDS", 2)
    with clusters.local_client(1) as client:
        served = [client.scheduler_info()["address"], *client.scheduler_info()["workers"]]
        assert len(served) == 2
        for address in served:
            assert address.startswith("tls://127.0.0.1:")
            with pytest.raises(HypError, match="needs certificates"):
                clusters._require_answer(address)
            with pytest.raises(HypError, match="no Dask scheduler answers"):
                clusters._require_answer(address.replace("tls://", "tcp://"))


def test_a_store_that_vanishes_in_the_middle_is_said_and_not_made_again(tiny_plan, tmp_path):
    store = Store.create(tmp_path / "store")

    def watch(progress):
        shutil.rmtree(store.root, ignore_errors=True)

    with pytest.raises(HypError, match=r"the store at .* is gone.*bring it back"):
        run_plan(tiny_plan, store, watch=watch)
    assert not store.root.exists()


def test_strangers_in_an_unfinished_artifact_are_not_published(tiny_plan, tmp_path):
    own = {
        "datasets": {".parts/00000.parquet", ".parts/spec.json", "images/00000.npy"},
        "models": {"weights-00000006.pt", "resume.pt"},
    }
    strange = ("mine.txt", "images/0.npy", "weights-00000007.pt", "sub/sub/mine")
    for step in {step.kind: step for step in reversed(tiny_plan.steps)}.values():
        folder = tmp_path / step.kind
        for name in (*own.get(step.kind, ()), *strange):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(step.spec) if name == ".parts/spec.json" else "")
        (folder / "link").symlink_to(tmp_path)
        remove_strangers(folder, gone_on_with(step, folder))
        files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
        assert files == own.get(step.kind, set())
    assert (tmp_path / "grams").exists()


@pytest.mark.parametrize("damaged", [False, True])
def test_a_dataset_interrupted_before_it_was_published_is(tiny_plan, tmp_path, damaged):
    """Its manifest is there and what it was made from is not, so that nothing but it is checked."""
    store = Store.create(tmp_path)
    (step, *_) = tiny_plan.steps
    run_steps([step], store)
    final = store.path(step)
    whole = {path.name: path.read_bytes() for path in final.rglob("*") if path.is_file()}
    (final / "artifact.json").unlink()
    (final / ".parts").mkdir()
    partial = final.rename(final.with_suffix(".partial"))
    if damaged:
        (partial / "latents.parquet").write_bytes(whole["latents.parquet"][:-1] + b"?")
    run_steps([step], store)
    again = {path.name: path.read_bytes() for path in final.rglob("*") if path.is_file()}
    assert {**again, "artifact.json": b""} == {**whole, "artifact.json": b""}


def test_unreachable_scheduler_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "_CONNECT_SECONDS", 0.5)
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
    assert scores.sizes["network"] == 3
    assert scores["layer"].dtype.kind == "U"  # which xarray can draw
    activations = view.activations("relu", objective="distance", design="identities=1")
    assert activations["activation"].sizes["model"] == 3
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


def _wait(process, store, n_artifacts):
    """Wait until so many artifacts are there, or the process has ended."""
    while process.poll() is None and _count(store) < n_artifacts:
        time.sleep(0.01)


def _count(store):
    return len([p for p in store.glob("*/*/artifact.json") if p.parent.suffix != ".partial"])
