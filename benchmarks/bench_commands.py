"""Commands that compute nothing: ``hyp --help``, ``hyp list``, and ``hyp status`` on a large store.

    python benchmarks/bench_commands.py [--quick] [--json OUT]

The store holds 300 networks with as many files as a run of them leaves (their contents do not
matter here), which two runs share. Each command is a process of its own; the median of five, in
seconds of the processor, its start included, beside an interpreter that does nothing.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from _machine import write
from hyp.store import Step, Store
from hyp.store.runs import Run, save_run

FILES = {"models": 7, "activations": 200, "grams": 15, "scores": 2}
"""Files of a network's artifacts, by kind."""


def make_store(root: Path, networks: int) -> Path:
    """Publish the artifacts of some networks, each made from those before it, and two runs."""
    store = Store.create(root)
    steps = []
    for network in range(networks):
        inputs: dict[str, Step] = {}
        for kind, files in FILES.items():
            step = Step(kind, {"network": network}, dict(inputs))
            store.make(step, filled(files))
            steps.append((kind, step.key))
            inputs[kind] = step
    for hypothesis in ("first", "second"):
        result = Step("results", {"hypothesis": hypothesis})
        store.make(result, filled(3))
        save_run(
            root,
            Run(
                hypothesis=hypothesis,
                profile="laptop",
                overrides={},
                goal=result.key,
                steps=(*steps, ("results", result.key)),
                command=f"hyp run {hypothesis}",
                state="finished",
                started="2026-01-01T00:00:00+00:00",
                updated="2026-01-01T00:10:00+00:00",
            ),
        )
    return root


def filled(files: int) -> Callable[[Path, object], None]:
    def build(folder: Path, _: object) -> None:
        for number in range(files):
            (folder / f"{number}.bin").write_bytes(b"content")

    return build


def processor_seconds(*arguments: str) -> float:
    """Return the processor's seconds of one process that runs Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="30 networks")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    networks = 30 if options.quick else 300
    with tempfile.TemporaryDirectory() as place:
        store = make_store(Path(place) / "store", networks)
        commands = {
            "interpreter": ("-c", "pass"),
            "hyp --help": ("-m", "hyp", "--help"),
            "hyp list": ("-m", "hyp", "list"),
            "hyp status": ("-m", "hyp", "status", "--store", str(store)),
        }
        seconds = {
            name: median(processor_seconds(*arguments) for _ in range(5))
            for name, arguments in commands.items()
        }
    results = {"networks": networks, "files": networks * sum(FILES.values()), "cpu_s": seconds}
    for name, found in seconds.items():
        print(f"{name}: {found:.2f} s")
    print("written to", write(options.json, "commands", results))


if __name__ == "__main__":
    main()
