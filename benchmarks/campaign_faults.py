"""Damage on purpose: kills at random moments, flipped bytes in every kind of artifact.

A tiny `nontarget-variability` is run by a process that is killed again and again at random
moments until it has come to its end; its tables must be those of a run that nobody
disturbed. Moments are counted in processor time, so that a busy machine kills where an idle one
would. After half of the kills a bit is turned in what was left half made. Then one random bit of
a random file of a random artifact is turned, in a store that is otherwise whole, and the step
that reads it is made again: it must refuse. Not part of CI's fast path:
python benchmarks/campaign_faults.py --kills 100 --flips 100
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "hypotheses"))

import numpy as np
from tiny_runs import SETTINGS, result_tables

from _machine import write
from hyp.datasets.designs import Design
from hyp.datasets.sources import read_source
from hyp.errors import HypError
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.run import run_plan, run_steps
from hyp.store import Store
from hyp.store.artifacts import check_artifact
from hyp.store.verifying import verify_store

HEAVY = (
    "hyp.datasets.making",
    "hyp.datasets.engine.source",
    "hyp.models.training",
    "hyp.models.extraction",
    "hyp.metrics.decoding",
    "hyp.metrics.published",
    "hyp.metrics.gram_files",
    "hyp.hypotheses.judge",
    "hyp.store.activations",
)
"""What every run imports; once, here, so that kills hit its work and not its imports."""


def warm(plan) -> None:
    """Load the engine's kernels once; children have them."""
    spec = next(step.spec for step in plan.steps if step.kind == "datasets")
    read_source(spec["source"]).render(Design(), 0, np.arange(1))


def run_in_fork(plan, root: Path, kill_after: float | None) -> float | None:
    """Run a plan in a child that is killed after so many seconds of processor time.

    The kernel kills it, by a signal that nothing in the child can act upon.
    Returns how many seconds it took, or None if it was killed; ends the campaign if it failed.
    """
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, kill_after or 0.0)
        try:
            run_plan(plan, Store.create(root))
        except BaseException as error:
            print(f"a run failed: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code not in (0, -signal.SIGPROF):
        sys.exit(f"lost: a run could not be gone on with; its store is {root}")
    return used.ru_utime + used.ru_stime if exit_code == 0 else None


def kill(plan, folder: Path, expected, seconds: float, n_kills: int, rng: random.Random):
    """Kill runs at random moments; count kills by stage, and runs whose tables differ."""
    killed: Counter[str] = Counter()
    finished = different = damaged = turned = 0
    while killed.total() < n_kills:
        root = folder / f"killed-{finished}"
        while run_in_fork(plan, root, seconds * rng.random() ** 2 / 4) is None:
            unfinished = sorted(root.glob("*/*.partial"))
            killed[unfinished[0].parent.name if unfinished else "between steps"] += 1
            if unfinished and rng.random() < 0.5:
                turned += turn_bit(unfinished[0], rng) is not None
            print(f"{killed.total()} kills, {dict(killed)}", file=sys.stderr)
        finished += 1
        different += result_tables(root) != expected
        damaged += len(verify_store(Store.open(root)).problems)
        print(
            f"{finished} runs came to their end, {different} with other tables, {damaged} damaged "
            "files",
            file=sys.stderr,
        )
        shutil.rmtree(root)
    return {
        "kills": killed.total(),
        "by stage": dict(killed),
        "bits turned in unfinished artifacts": turned,
        "runs finished": finished,
        "runs with other tables": different,
        "damaged artifacts": damaged,
    }


def turn_bit(folder: Path, rng: random.Random):
    """Turn one bit in a folder; returns the file, what it held, and which bit; None if empty."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size]
    if not files:
        return None
    path = rng.choice(files)
    whole = path.read_bytes()
    place, bit = rng.randrange(len(whole)), rng.randrange(8)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])
    return path, whole, f"byte {place}, bit {bit} of {path.name}"


def flip(plan, store: Store, n_flips: int, rng: random.Random):
    """Turn single bits; count by kind, and those that the reading step did not refuse."""
    readers = {parent: step for step in plan.steps for parent in step.inputs.values()}
    by_kind = {kind: [s for s in plan.steps if s.kind == kind] for kind in kinds(plan)}
    flips: Counter[str] = Counter()
    believed: list[str] = []
    for number in range(n_flips):
        kind = list(by_kind)[number % len(by_kind)]
        step = rng.choice(by_kind[kind])
        path, whole, what = turn_bit(store.path(step), rng)
        flips[kind] += 1
        if not refused(store, step, readers.get(step)):
            believed.append(f"{kind}: {what}")
        if not verify_one(store, step):
            believed.append(f"verify, {kind}: {what}")
        path.write_bytes(whole)
    return {"flips": flips.total(), "by kind": dict(flips), "believed": believed}


def refused(store: Store, damaged, reader) -> bool:
    """Return whether the step that reads a damaged artifact refuses it."""
    if reader is None:
        return verify_one(store, damaged)
    final = store.path(reader)
    aside = final.with_name("aside")
    final.rename(aside)
    try:
        run_steps([reader], store)
    except HypError as error:
        return damaged.key in str(error)
    else:
        return False
    finally:
        shutil.rmtree(final, ignore_errors=True)
        shutil.rmtree(final.with_name(f"{final.name}.partial"), ignore_errors=True)
        aside.rename(final)


def verify_one(store: Store, step) -> bool:
    """Return whether verifying an artifact finds its damage."""
    try:
        check_artifact(store.path(step))
    except HypError:
        return True
    return False


def kinds(plan) -> list[str]:
    return list(dict.fromkeys(step.kind for step in plan.steps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for module in HEAVY:
        importlib.import_module(module)
    rng = random.Random(given.seed)
    settings = {key: str(value) for key, value in SETTINGS.items()}
    plan = make_plan(find_hypothesis("nontarget-variability"), "short", settings)
    warm(plan)
    with tempfile.TemporaryDirectory(prefix="hyp-faults-") as scratch:
        folder = Path(scratch)
        seconds = run_in_fork(plan, folder / "whole", None)
        if seconds is None:
            sys.exit("the run that nobody disturbs failed")
        expected = result_tables(folder / "whole")
        found = {
            "seed": given.seed,
            "processor seconds of a whole run": round(seconds, 1),
            "killed": kill(plan, folder, expected, seconds, given.kills, rng),
            "flipped": flip(plan, Store.open(folder / "whole"), given.flips, rng),
        }
    print(write(None, "faults", found))
    lost = found["killed"]["runs with other tables"] + found["killed"]["damaged artifacts"]
    sys.exit(bool(lost or found["flipped"]["believed"]))


if __name__ == "__main__":
    main()
