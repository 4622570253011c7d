"""A benchmark's recording and stimuli as files, for scoring without Brain-Score."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hyp.errors import HypError
from hyp.metrics.brainscore.client import Worker
from hyp.metrics.brainscore.describe import has_data, storage_answers
from hyp.metrics.brainscore.environment import open_environment
from hyp.metrics.brainscore.identifiers import OBSERVERS
from hyp.metrics.brainscore.local import LocalBenchmark
from hyp.metrics.neural.benchmark import PUBLIC_BENCHMARKS
from hyp.store.artifacts import readable_disk_errors

RESPONSES = "assembly.nc"
TRIALS = "trials.csv"
"""In the folder of a recording, or of observers, beside the images."""

IMAGES = "images"


def export_benchmark(
    benchmark: str | LocalBenchmark,
    out: Path | str,
    *,
    folder: Path | None = None,
    worker: Worker | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Let Brain-Score write a recording with all repetitions, and its stimuli.

    Stimuli are written as networks see them: placed on a screen of 8 degrees. What is there
    already is left as it is.

    Parameters
    ----------
    benchmark : str or LocalBenchmark
        One of `hyp.metrics.neural.PUBLIC_BENCHMARKS`, the observers of
        ``Rajalingham2018public-i2n``, or a benchmark in a folder.
    out : path
        Folder that gets ``assembly.nc`` (`hyp.metrics.neural.read_assembly`), or of observers
        ``trials.csv``, and ``images`` (the source ``folder:``).
    folder : Path, optional
        Of the environment.
    worker : Worker, optional
        One that runs already.
    say : callable, optional
        Called with what is being done.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    HypError
        If the environment is missing, the benchmark is unknown, its data are neither here nor
        within reach, or the worker fails.
    """
    out = Path(out).expanduser().absolute()
    if any((out / one).is_file() for one in (RESPONSES, TRIALS)):
        return out
    environment = open_environment(folder)
    spec = _spec(benchmark)
    if (
        isinstance(benchmark, str)
        and has_data(benchmark, environment) is False
        and not storage_answers()
    ):
        raise HypError(
            f"the data of {benchmark} are not on this machine and Brain-Score's storage does not "
            "answer; check the network (hyp doctor says what is there)."
        )
    beside = out.with_name(f".{out.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    with readable_disk_errors(out):
        beside.parent.mkdir(parents=True, exist_ok=True)
        running = worker or Worker(environment, beside.with_name("worker"))
        try:
            running.request("export", say, benchmark=spec, out=str(beside))
        finally:
            if worker is None:
                running.close()
        beside.rename(out)
    return out


def _spec(benchmark: str | LocalBenchmark) -> dict[str, Any]:
    if isinstance(benchmark, LocalBenchmark):
        return {"identifier": benchmark.identifier, "local": benchmark.spec()}
    if benchmark == OBSERVERS:
        return {
            "identifier": benchmark,
            "observers": True,
            "assembly": "Rajalingham2018.public",
            "stimulus_set": "objectome.public",
            "visual_degrees": 8,
        }
    if benchmark not in PUBLIC_BENCHMARKS:
        raise HypError(
            f"{benchmark!r} is no public benchmark whose recording can be imported; choose from: "
            f"{', '.join((*PUBLIC_BENCHMARKS, OBSERVERS))}."
        )
    public = PUBLIC_BENCHMARKS[benchmark]
    return {
        "identifier": benchmark,
        "assembly": public.assembly,
        "region": public.region,
        "visual_degrees": public.visual_degrees,
        "window": list(public.window),
    }
