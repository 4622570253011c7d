import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from hyp.errors import HypError
from hyp.store import Step, Store
from hyp.store.runs import (
    SILENT_SECONDS,
    Run,
    all_runs,
    heartbeat,
    latest_run,
    now_asked,
    run_path,
    save_run,
    shown_state,
    stored_steps,
)

FIRST, SECOND = Step("results", {"n": 1}), Step("results", {"n": 2})
RUN = Run(
    hypothesis="h",
    profile="laptop",
    overrides={},
    goal=FIRST.key,
    steps=(("results", FIRST.key),),
    command="hyp run h",
    state="finished",
    started="2026-01-01T00:00:00+00:00",
    updated="2026-01-01T00:10:00+00:00",
)


def publish(root, *steps):
    store = Store.create(root)
    for step in steps:
        store.make(step, lambda folder, inputs: (folder / "result.json").write_text("{}"))
    return store


def test_latest_finished_run(tmp_path):
    publish(tmp_path, FIRST, SECOND)
    save_run(tmp_path, RUN)
    later = {"goal": SECOND.key, "updated": "2026-01-02T00:00:00+00:00"}
    save_run(tmp_path, RUN.model_copy(update=later))
    running = {"goal": "xyz", "updated": "2026-01-03T00:00:00+00:00", "state": "running"}
    save_run(tmp_path, RUN.model_copy(update=running))
    assert [run.goal for run in all_runs(tmp_path)] == [FIRST.key, SECOND.key, "xyz"]
    assert latest_run(tmp_path, "h").goal == SECOND.key
    assert latest_run(tmp_path, None, "laptop").goal == SECOND.key


@pytest.mark.parametrize(
    ("name", "profile", "words"),
    [
        ("other", None, "of other; start one with 'hyp run other'"),
        ("h", "published", "of h with the profile 'published'; start one"),
        (None, "huge", "of any hypothesis with the profile 'huge'; start one"),
    ],
)
def test_no_finished_run(tmp_path, name, profile, words):
    publish(tmp_path, FIRST)
    save_run(tmp_path, RUN)
    with pytest.raises(HypError, match=words):
        latest_run(tmp_path, name, profile)


def test_artifacts_that_runs_share_are_looked_at_once(tmp_path, monkeypatch):
    store = publish(tmp_path, FIRST, SECOND)
    looked = []
    monkeypatch.setattr(
        Store, "is_whole", lambda self, *step: looked.append(step) or step == both[0]
    )
    both = (("results", FIRST.key), ("results", SECOND.key))
    runs = [RUN.model_copy(update={"steps": steps}) for steps in (both, both[1:], ())]
    assert stored_steps(store, runs) == [1, 0, 0]
    assert sorted(looked) == sorted(both)


def test_a_finished_run_whose_files_are_gone_is_not_called_finished(tmp_path):
    store = publish(tmp_path, FIRST, SECOND)
    steps = (("results", FIRST.key), ("results", SECOND.key))
    save_run(tmp_path, RUN.model_copy(update={"steps": steps}))
    (run,) = all_runs(tmp_path)
    assert shown_state(run, *stored_steps(store, [run])) == "finished"
    (store.path(SECOND) / "result.json").unlink()
    assert shown_state(run, *stored_steps(store, [run])) == "incomplete, 1 of 2 steps gone"
    (store.path(FIRST) / "result.json").unlink()
    (run,) = all_runs(tmp_path)
    assert run.seen_state == "incomplete"
    with pytest.raises(HypError, match="files of a finished run are gone"):
        latest_run(tmp_path, "h")


def test_a_changed_result_is_not_reported(tmp_path):
    store = publish(tmp_path, FIRST)
    save_run(tmp_path, RUN)
    (store.path(FIRST) / "result.json").write_text("[]")
    with pytest.raises(HypError, match=r"result\.json was changed"):
        latest_run(tmp_path, "h")


@pytest.mark.parametrize("name", ["../../up", "a/b", "..", ".hidden", "a" * 101, "a\nb", ""])
def test_no_run_record_leaves_the_store(tmp_path, name):
    for names in ((name, "laptop"), ("h", name)):
        with pytest.raises(HypError, match="cannot be a"):
            run_path(tmp_path, *names, "key")
    path = run_path(tmp_path, "h", "laptop", "key")
    save_run(tmp_path, RUN)
    text = RUN.model_copy(update={"hypothesis": name}).model_dump_json()
    path.write_text(text)
    with pytest.raises(HypError, match="is damaged"):
        all_runs(tmp_path)


@pytest.mark.parametrize("change", [{}, {"updated": "yesterday"}, {"asked": "2026-01-01"}])
def test_damaged_run_record_is_named(tmp_path, change):
    save_run(tmp_path, RUN)
    text = json.dumps(RUN.model_dump() | change) if change else "{"
    next((tmp_path / "runs").glob("*.json")).write_text(text)
    with pytest.raises(HypError, match=r"runs.*damaged"):
        all_runs(tmp_path)


def test_the_latest_run_is_the_latest_though_the_clock_was_set_back(tmp_path):
    ahead = "2099-01-01T00:00:00.000000+00:00"
    save_run(tmp_path, RUN.model_copy(update={"goal": "first", "asked": ahead}))
    for number in ("second", "third"):
        asked = now_asked(tmp_path)
        save_run(tmp_path, RUN.model_copy(update={"goal": number, "asked": asked}))
    assert [run.goal for run in all_runs(tmp_path)] == ["first", "second", "third"]


def now(ago=0.0):
    return (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(timespec="seconds")


def test_killed_run_is_told_from_a_running_one():
    here = {"state": "running", "host": platform.node(), "updated": now()}
    assert RUN.model_copy(update=here | {"pid": os.getpid()}).seen_state == "running"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert RUN.model_copy(update=here | {"pid": ended.pid}).seen_state == "killed"
    reused = here | {"pid": os.getpid(), "updated": RUN.updated}
    assert RUN.model_copy(update=reused).seen_state == "killed"


@pytest.mark.parametrize("behind", [0.0, 3600.0, -3600.0])
def test_run_of_another_host_is_running_while_its_record_is_written_anew(tmp_path, behind):
    elsewhere = {"state": "running", "host": "elsewhere", "pid": 1, "updated": now(behind)}
    save_run(tmp_path, RUN.model_copy(update=elsewhere))
    assert [run.seen_state for run in all_runs(tmp_path)] == ["running"]
    (path,) = (tmp_path / "runs").iterdir()
    for off in (-SILENT_SECONDS - 5, SILENT_SECONDS + 60):
        written = time.time() + off
        os.utime(path, (written, written))
        assert [run.seen_state for run in all_runs(tmp_path)] == ["killed"]


def test_a_store_that_may_only_be_read_is_held_against_the_clock_here(tmp_path, monkeypatch):
    def refuse(**where):
        raise PermissionError

    save_run(tmp_path, RUN.model_copy(update={"state": "running", "host": "elsewhere"}))
    monkeypatch.setattr("hyp.store.runs.tempfile.TemporaryFile", refuse)
    assert [run.seen_state for run in all_runs(tmp_path)] == ["running"]
    later = time.time() + SILENT_SECONDS + 5
    monkeypatch.setattr("hyp.store.runs.time.time", lambda: later)
    assert [run.seen_state for run in all_runs(tmp_path)] == ["killed"]


def test_heart_beats_until_the_block_ends_and_outlives_a_full_disk():
    beats, third = [], Event()

    def beat():
        beats.append(None)
        if len(beats) == 1:
            raise OSError(28, "No space left on device")
        if len(beats) == 3:
            third.set()

    with heartbeat(beat, seconds=0.01):
        assert third.wait(60)
    counted = len(beats)
    assert not [thread for thread in enumerate_threads() if thread.name == "hyp-heartbeat"]
    assert len(beats) == counted
