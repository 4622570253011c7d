import os
import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from hyp.errors import HypError
from hyp.store.runs import SILENT_SECONDS, Run, all_runs, heartbeat, latest_run, save_run

RUN = Run(
    hypothesis="h",
    profile="laptop",
    overrides={},
    goal="abc",
    steps=(("results", "abc"),),
    command="hyp run h",
    state="finished",
    started="2026-01-01T00:00:00+00:00",
    updated="2026-01-01T00:10:00+00:00",
)


def test_latest_finished_run(tmp_path):
    save_run(tmp_path, RUN)
    later = {"goal": "def", "updated": "2026-01-02T00:00:00+00:00"}
    save_run(tmp_path, RUN.model_copy(update=later))
    running = {"goal": "xyz", "updated": "2026-01-03T00:00:00+00:00", "state": "running"}
    save_run(tmp_path, RUN.model_copy(update=running))
    assert [run.goal for run in all_runs(tmp_path)] == ["abc", "def", "xyz"]
    assert latest_run(tmp_path, "h").goal == "def"
    assert latest_run(tmp_path, None, "laptop").goal == "def"


@pytest.mark.parametrize(("name", "profile"), [("other", None), ("h", "published")])
def test_no_finished_run(tmp_path, name, profile):
    save_run(tmp_path, RUN)
    with pytest.raises(HypError, match="no finished run"):
        latest_run(tmp_path, name, profile)


def test_damaged_run_record_is_named(tmp_path):
    save_run(tmp_path, RUN)
    next((tmp_path / "runs").glob("*.json")).write_text("{")
    with pytest.raises(HypError, match=r"runs.*damaged"):
        all_runs(tmp_path)


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


def test_run_of_another_host_is_running_while_its_record_is_written_anew():
    elsewhere = RUN.model_copy(update={"state": "running", "host": "elsewhere", "pid": 1})
    assert elsewhere.model_copy(update={"updated": now()}).seen_state == "running"
    assert elsewhere.model_copy(update={"updated": now(SILENT_SECONDS + 5)}).seen_state == "killed"
    assert RUN.seen_state == "finished"


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
