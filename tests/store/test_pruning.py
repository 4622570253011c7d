"""What no run needs goes, and nothing else."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from typer.testing import CliRunner

from hyp.cli.main import app
from hyp.errors import HypError
from hyp.store import Step, Store
from hyp.store.pruning import holdings, prune, unneeded
from hyp.store.runs import Run, save_run

NOW = timedelta(0)
IMAGES = Step("datasets", {"n": 1})
NETWORKS = [Step("models", {"seed": seed}, {"dataset": IMAGES}) for seed in range(3)]
RESULTS = [Step("results", {"n": n}, {"model": NETWORKS[n]}) for n in range(2)]
ALONE = Step("models", {"seed": 9}, {"dataset": Step("datasets", {"n": 2})})
SCORED = Step("alignments", {"n": 1}, {"model": NETWORKS[2]})


def build(folder, inputs):
    (folder / "data").write_bytes(bytes(100))


def record(step, state, **changes):
    steps, waiting = [], [step]
    while waiting:
        steps.append(waiting.pop())
        waiting += steps[-1].inputs.values()
    return Run(
        hypothesis=f"h{step.spec['n']}",
        profile="laptop",
        overrides={},
        goal=step.key,
        steps=tuple((one.kind, one.key) for one in steps),
        command="hyp run",
        state=state,
        started="2026-01-01T00:00:00+00:00",
        updated=datetime.now(UTC).isoformat(),
        host="elsewhere",
    ).model_copy(update=changes)


def made(store, *steps):
    for step in steps:
        made(store, *step.inputs.values())
        store.make(step, build)


@pytest.fixture
def store(tmp_path):
    """Two runs that share their images, a score of ``hyp neural``, and what nothing needs."""
    store = Store.create(tmp_path / "store")
    made(store, *RESULTS, ALONE, SCORED)
    save_run(store.root, record(RESULTS[0], "finished"))
    save_run(store.root, record(RESULTS[1], "interrupted"))
    return store


def names(found):
    return {(one.path.parent.name, one.path.name) for one in found}


def keys(*steps):
    return {(step.kind, step.key) for step in steps}


def test_each_run_holds_its_steps_and_what_is_its_own(store):
    first, second = holdings(store)
    assert (first.artifacts, first.n_bytes, first.own_bytes) == (3, 300, 200)
    assert (second.state, second.n_bytes, second.own_bytes) == ("interrupted", 300, 200)


def test_only_what_no_run_needs_is_pruned(store):
    gone = keys(ALONE, *ALONE.inputs.values())
    assert names(unneeded(store, settled=NOW)) == gone
    assert not unneeded(store)  # all of it was made a moment ago
    assert names(prune(store, settled=NOW)) == gone
    assert not prune(store, settled=NOW)
    for step in (*RESULTS, SCORED):
        store.check(step)
        assert store.pending([step]) == []
    assert not (store.root / ".pruned").exists()


def test_an_unfinished_run_is_forgotten_only_where_that_is_said(store):
    found = prune(store, settled=NOW, unfinished=True)
    assert keys(NETWORKS[1], RESULTS[1]) <= names(found)
    assert not names(found) & keys(*NETWORKS[::2], RESULTS[0], IMAGES)
    assert [one.run.state for one in holdings(store)] == ["finished"]
    save_run(store.root, record(RESULTS[1], "running"))
    made(store, RESULTS[1])
    assert not prune(store, settled=NOW, unfinished=True)


def test_what_a_run_needs_is_kept_if_an_input_lost_its_record(store):
    """The records of inputs are not all there is to know: a run names its steps."""
    (store.path(NETWORKS[0]) / "artifact.json").write_text("{}")
    prune(store, settled=NOW)
    assert store.path(NETWORKS[0]).exists()
    assert store.has(IMAGES)


def test_with_a_damaged_run_nothing_is_pruned(store):
    (path,) = (store.root / "runs").glob("h0--*.json")
    path.write_text("{")
    with pytest.raises(HypError, match="is damaged; delete it and run again"):
        prune(store, settled=NOW)
    assert store.has(ALONE)


def test_half_made_artifacts_go_unless_a_run_goes_on_with_them_or_they_are_being_made(store):
    waiting, entered = Event(), Event()
    slow = Step("models", {"seed": 20})

    def slowly(folder, inputs):
        entered.set()
        waiting.wait(30)
        build(folder, inputs)

    maker = Thread(target=store.make, args=(slow, slowly))
    maker.start()
    entered.wait(30)
    wanted, left = Step("results", {"n": 7}), Step("models", {"seed": 8})
    save_run(store.root, record(wanted, "interrupted"))
    for step in (wanted, left):
        partial = store.path(step).with_name(f"{step.key}.partial")
        partial.mkdir(parents=True)
        os.utime(partial, (0, 0))
    os.utime(store.path(slow).with_name(f"{slow.key}.partial"), (0, 0))
    gone = names(prune(store))
    waiting.set()
    maker.join()
    assert gone == {("models", f"{left.key}.partial")}
    assert store.has(slow)


def test_two_at_once_and_a_run_that_begins_meanwhile_lose_nothing(store):
    """The run sees what is there and says that it needs it in one breath, or computes it."""
    wanted = Step("results", {"n": 5}, {"model": ALONE})

    def begin():
        with store.unpruned():
            pending = store.pending([wanted])
            save_run(store.root, record(wanted, "running"))
        return pending

    with ThreadPoolExecutor(3) as pool:
        pruned = [pool.submit(prune, store, settled=NOW) for _ in range(2)]
        pending = pool.submit(begin).result()
        gone = set().union(*(names(one.result()) for one in pruned))
    assert gone == (keys(ALONE, *ALONE.inputs.values()) if ALONE in pending else set())
    made(store, wanted)
    assert store.pending([wanted]) == []


def test_the_command_deletes_only_if_told_to(store):
    def hyp(*arguments):
        done = CliRunner().invoke(app, ["store", *arguments, "--store", str(store.root)])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert json.loads(hyp("du", "--json"))["runs"][0]["own_bytes"] == 200
    assert "Needed by no run: 0 items" in hyp("du")
    assert "Nothing was deleted" in hyp("prune", "--older-than", "0")
    assert store.has(ALONE)
    assert "Deleted: 2 items, 200 bytes" in hyp("prune", "--older-than", "0", "--yes")
    assert not store.has(ALONE)
