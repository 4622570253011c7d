import errno
import json
import multiprocessing
import os
import shutil
import signal
import time

import pytest

from hyp.errors import HypError
from hyp.store import Step, Store
from hyp.store.artifacts import DISCARDED, RECORD

STEP = Step("things", {"n": 3}, label="a thing")


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "store")


def write(text):
    def build(folder, inputs):
        (folder / "data.txt").write_text(text)

    return build


def test_make_publishes_once_with_a_record(store):
    path = store.make(STEP, write("hello"))
    assert path == store.make(STEP, write("never called"))
    assert (path / "data.txt").read_text() == "hello"
    record = store.record(STEP)
    assert (record.kind, record.key, record.spec) == ("things", STEP.key, {"n": 3})
    assert record.files == {"data.txt": 5}
    assert store.records("things") == [record]
    assert not list(path.parent.glob("*.partial"))


def test_inputs_are_given_by_role(store):
    store.make(STEP, write("input"))
    goal = Step("goals", {}, {"thing": STEP})

    def build(folder, inputs):
        (folder / "copy.txt").write_text((inputs["thing"] / "data.txt").read_text())

    assert (store.make(goal, build) / "copy.txt").read_text() == "input"
    assert store.record(goal).inputs == {"thing": STEP.key}


def test_failed_build_publishes_nothing_and_the_next_goes_on_from_it(store):
    def half(folder, inputs):
        (folder / "part1").write_text("1")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.make(STEP, half)
    assert not store.has(STEP)
    assert store.records() == []

    def rest(folder, inputs):
        assert (folder / "part1").read_text() == "1"
        (folder / "part2").write_text("2")

    assert store.make(STEP, rest).is_dir()
    assert set(store.record(STEP).files) == {"part1", "part2"}


@pytest.mark.parametrize("damage", ["truncate", "delete"])
def test_damaged_artifact_is_named_and_refused_as_input(store, damage):
    file = store.make(STEP, write("hello")) / "data.txt"
    file.write_text("hel") if damage == "truncate" else file.unlink()
    with pytest.raises(HypError, match=r"data\.txt .*delete the folder"):
        store.check(STEP)
    with pytest.raises(HypError, match="damaged"):
        store.make(Step("goals", {}, {"thing": STEP}), write("x"))


def test_deleted_record_makes_the_artifact_anew(store):
    path = store.make(STEP, write("old"))
    (path / "artifact.json").unlink()
    assert (store.make(STEP, write("new")) / "data.txt").read_text() == "new"


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")]
)
def test_refused_writes_are_one_clear_sentence(store, code, words):
    def build(folder, inputs):
        raise OSError(code, os.strerror(code), str(folder / "data"))

    with pytest.raises(HypError, match=words):
        store.make(STEP, build)
    assert store.make(STEP, write("space again")).is_dir()


def _slow_build(root, started, mark):
    def build(folder, inputs):
        started.set()
        time.sleep(0.5)
        (folder / "who").write_text(mark)

    Store.open(root).make(STEP, build)


def test_two_processes_build_once(store):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    first = context.Process(target=_slow_build, args=(store.root, started, "first"))
    first.start()
    started.wait()
    waited = []
    path = store.make(STEP, write("second"), waiting=lambda: waited.append(True))
    first.join()
    assert waited == [True]
    assert (path / "who").read_text() == "first"
    assert not (path / "data.txt").exists()


def _endless_build(root, started):
    def build(folder, inputs):
        started.set()
        time.sleep(60)

    Store.open(root).make(STEP, build)


def test_killed_builder_leaves_nothing_visible_and_no_lock(store):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    builder = context.Process(target=_endless_build, args=(store.root, started))
    builder.start()
    started.wait()
    os.kill(builder.pid, signal.SIGKILL)
    builder.join()
    assert not store.has(STEP)
    assert (store.make(STEP, write("after")) / "data.txt").read_text() == "after"


def test_opening_what_is_no_store(tmp_path):
    with pytest.raises(HypError, match="no hyp store"):
        Store.open(tmp_path / "missing")
    store = Store.create(tmp_path / "store")
    (store.root / "store.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(HypError, match="newer"):
        Store.open(store.root)
    (store.root / "store.json").write_text("{")
    with pytest.raises(HypError, match="damaged"):
        Store.create(store.root)


def test_damaged_record_names_its_folder(store):
    path = store.make(STEP, write("x"))
    (path / "artifact.json").write_text("{")
    with pytest.raises(HypError, match=STEP.key):
        store.record(STEP)


def test_a_stored_key_gives_back_its_step(store):
    child = Step("others", {"m": 1}, {"thing": STEP}, version=2)
    store.make(STEP, write("a"))
    store.make(child, write("b"))
    found = store.step(child.key)
    assert found == child
    assert found.key == child.key
    assert found.inputs["thing"].label == "a thing"
    with pytest.raises(HypError, match="no artifact 0000"):
        store.step("0000")


def chain():
    """A network, its activations at two snapshots, and what was made of them."""
    model = Step("models", {})
    late, early = (Step("activations", {"snapshot": n}, {"model": model}) for n in (None, 5))
    grams = [Step("grams", {}, {"activations": each}) for each in (late, early)]
    goal = Step("results", {}, {"late": grams[0], "early": grams[1]})
    return model, late, early, grams, goal


def test_records_whose_artifact_an_older_hyp_deleted_still_tell_the_origin(store):
    model, late, early, grams, goal = chain()
    for step in (model, late, early, *grams, goal):
        store.make(step, write("data"))
    for step in (early, grams[1]):
        remembered = store.root / DISCARDED / step.kind / step.key
        remembered.mkdir(parents=True)
        (store.path(step) / RECORD).rename(remembered / RECORD)
        shutil.rmtree(store.path(step))
    assert not store.has(early)
    assert store.pending([goal]) == []
    assert store.step(goal.key) == goal
    assert store.step(grams[1].key) == grams[1]
    assert {record.key for record in store.records()} == {
        step.key for step in (model, late, grams[0], goal)
    }
    other = Step("scores", {}, {"grams": grams[1]})
    assert store.pending([other]) == [early, grams[1], other]
