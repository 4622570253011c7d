"""What checksums cost a run, in processor time.

A small `nontarget-variability` is run in this process, with the time of every BLAKE2b summed: all
files are hashed when they are published, and read from this process's memory of them by the
steps that need them. Then a process that has read nothing before holds every file of the store
against its checksum, which is the most that a run that goes on can pay.

    python benchmarks/bench_checksums.py --set backbone=resnet18@16 --set image_size=32
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "hypotheses"))

from tiny_runs import SETTINGS

from _machine import write
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.run import run_plan
from hyp.store import Store, checksums
from hyp.store.verifying import verify_store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = dict(text.split("=", 1) for text in parser.parse_args().set)
    settings = {key: str(value) for key, value in SETTINGS.items()} | given
    spent = 0.0
    digest = checksums._digest

    def timed(file):
        nonlocal spent
        started = time.thread_time()
        try:
            return digest(file)
        finally:
            spent += time.thread_time() - started

    checksums._digest = timed
    plan = make_plan(find_hypothesis("nontarget-variability"), "short", settings)
    with tempfile.TemporaryDirectory(prefix="hyp-checksums-") as folder:
        store = Store.create(folder)
        before = time.process_time()
        run_plan(plan, store)
        whole = time.process_time() - before
        found = {
            "settings": settings,
            "processor seconds of the run": round(whole, 2),
            "of these for checksums": round(spent, 3),
            "share in percent": round(100 * spent / whole, 2),
        }
        digest.cache_clear()
        spent = 0.0
        verified = verify_store(store)
        found |= {
            "megabytes stored": round(verified.n_bytes / 1e6, 1),
            "files hashed": digest.cache_info().misses,
            "seconds to hash all again": round(spent, 3),
            "percent of the run": round(100 * spent / whole, 2),
        }
    for name, value in found.items():
        print(f"{name}: {value}")
    print(write(None, "checksums", found))


if __name__ == "__main__":
    main()
