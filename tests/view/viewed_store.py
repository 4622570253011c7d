"""A small store with everything that `hyp view` shows, and its server."""

import asyncio
import os
import platform
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Queue
from threading import Thread
from unittest.mock import patch

from disc_source import disc_spec

from hyp.datasets.making import make_dataset
from hyp.datasets.sources import SOURCES
from hyp.store import Step, Store
from hyp.store.runs import Run, Stage, save_run
from hyp.view.server import serve
from results import made, write_folder

DATE = "2026-01-02T00:00:00+00:00"
SEEDS = 6


def known_discs():
    """Let manifests name the source of discs."""
    return patch.dict(SOURCES, discs="disc_source:DiscSource")


def make_store(root):
    """Make the store; return it with the steps by what they are."""
    store = Store.create(root)
    images, stimuli = (
        Step("datasets", disc_spec(seed=seed).model_dump(mode="json"), {}, 1, label)
        for seed, label in ((3, "discs"), (4, "test discs"))
    )
    for step in (images, stimuli):
        store.make(step, lambda place, _, seed=step.spec["seed"]: _discs(place, seed))
    result = made("layers", SEEDS)[4]
    steps, cohorts = {"images": images, "stimuli": stimuli}, []
    for cohort in result.cohorts:
        keys = []
        for seed in cohort.seeds:
            spec = {"objective": cohort.name, "seed": seed, "n_batches": 80}
            model = Step("models", spec, {"dataset": images}, 1, f"{cohort.name}, seed {seed}")
            seen = {"model": model, "stimuli": stimuli}
            passed = Step("activations", {"layers": ["fc"]}, seen, 1, model.label)
            for step in (model, passed):
                store.make(step, lambda place, _: (place / "weights").write_bytes(b"w"))
            steps[model.label] = model
            keys.append(model.key)
        changed = {"keys": tuple(keys), "dataset": images.key}
        cohorts.append(cohort.model_copy(update=changed))
    goal = Step("results", {"name": "decoding"}, {}, 1, "decoding")
    store.make(goal, lambda place, _: write_folder(place, "layers", cohorts=tuple(cohorts)))
    steps["result"] = goal
    save_run(store.root, _run(goal, tuple((s.kind, s.key) for s in steps.values())))
    return store, steps


def _discs(place, seed):
    make_dataset(disc_spec(seed=seed), place)


def _run(goal, steps, **changes):
    told = {"command": "hyp run decoding", "started": DATE, "updated": DATE, "wall_seconds": 83.0}
    given = {"hypothesis": "decoding", "profile": "made-up", "overrides": {}, "state": "finished"}
    return Run(**{**told, **given, "goal": goal.key, "steps": steps, **changes})


def add_live_run(store):
    """Leave the record of a run that this process is making."""
    goal = Step("results", {"name": "live"}, {}, 1, "live")
    run = _run(
        goal,
        (("models", "0" * 20), ("results", goal.key)),
        hypothesis="convergence",
        state="running",
        updated=datetime.now(UTC).isoformat(timespec="seconds"),
        left_seconds=754.0,
        stages=(Stage(kind="models", done=3.5, total=12),),
        host=platform.node(),
        pid=os.getpid(),
    )
    save_run(store.root, run)
    return run


def add_lost_run(store):
    """Leave the record of a finished run whose result is damaged."""
    goal = Step("results", {"name": "lost"}, {}, 1, "lost")
    store.make(goal, lambda place, _: (place / "result.json").write_text("{"))
    save_run(store.root, _run(goal, (("results", goal.key),), hypothesis="scaling"))


@contextmanager
def served(store):
    """Serve the pages of a store from another thread; yields the address."""
    told, loop, ended = Queue(), asyncio.new_event_loop(), asyncio.Event()
    thread = Thread(target=lambda: loop.run_until_complete(serve(store, 0, told.put, ended)))
    thread.start()
    try:
        yield told.get(timeout=60)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
