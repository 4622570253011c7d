"""How many images a second the ThreeDWorld client takes from a build that costs nothing.

The stand-in build of the tests answers with one JPEG of 256 pixels that it drew once. Frames
are first asked for at one pose each; then images are made as a dataset is, with the poses that
are tried and turned down. The client's processor time tells what another core would allow. Run:

    python benchmarks/bench_tdw_client.py [--quick] [--json OUT]
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import _machine
from hyp.datasets.designs import Design
from hyp.datasets.tdw import TDWSource
from hyp.datasets.tdw.builds import close_builds, stage_of
from hyp.datasets.tdw.sampling import candidates

STAND_IN = Path(__file__).parent.parent / "tests" / "datasets"
TARGET = 800
SIZE = 256
BATCH = 256
DESIGN = Design.parse("category=chair+scene=ruin+sky=bergen_4k")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def timed(seconds: float, work: Callable[[int], int]) -> dict[str, float]:
    """Do work for a time; return images a second, by the clock and by this process's time."""
    work(0)
    count = step = 0
    start, busy = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        step += 1
        count += work(step)
    wall, processor = time.perf_counter() - start, time.process_time() - busy
    return {
        "images": count,
        "images_per_second": round(count / wall),
        "images_per_client_processor_second": round(count / processor),
    }


def measure(source: TDWSource, seconds: float) -> dict[str, dict[str, float]]:
    with stage_of(source) as stage:
        regions = stage.show("ruin", "chair_willisau_riale")
        stage.picture(SIZE)

        def frames(step: int) -> int:
            index = np.arange(step * BATCH, (step + 1) * BATCH)
            drawn, _ = candidates(DESIGN, regions, 0, index, 0, 1)
            return sum(bool(stage.look(pose, "bergen_4k").image) for pose in stage.poses(drawn))

        bare = timed(seconds, frames)

    def images(step: int) -> int:
        return len(source.render(DESIGN, 0, np.arange(step * BATCH, (step + 1) * BATCH))[0])

    return {"frames": bare, "images_with_trials": timed(seconds, images)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seconds a figure, not ten")
    parser.add_argument("--json", help="where to write the results")
    arguments = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "tdw_build", "--port", str(port), "--image-cache"]
        words += ["--summary", f"{folder}/summary.json", "-logFile", f"{folder}/log"]
        with subprocess.Popen([sys.executable, *words], cwd=STAND_IN) as build:
            source = TDWSource.open(f"localhost:{port}", planned=10_000_000, image_size=SIZE)
            results = measure(source, 2.0 if arguments.quick else 10.0)
            close_builds()
            if build.wait(10):
                raise SystemExit(f"the stand-in objected: {Path(folder, 'log').read_text()}")
    for name, figures in results.items():
        print(
            f"{name.replace('_', ' ')}: {figures['images_per_second']} images/s "
            f"({figures['images_per_client_processor_second']} by the client's processor time), "
            f"target {TARGET}"
        )
    print(_machine.write(arguments.json, "tdw_client", {"target": TARGET, **results}))


if __name__ == "__main__":
    main()
