"""Scores by the real Brain-Score as steps of a plan: one per network, on all benchmarks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hyp.errors import HypError
from hyp.hypotheses.steps import SCORES, VERSIONS
from hyp.store import Step

_WORK, _RESULTS = "work", "results"


class OfficialSpec(BaseModel):
    """How a network is scored by Brain-Score.

    Attributes
    ----------
    benchmarks : tuple of str
        Identifiers; those of benchmarks in folders hold a digest of their content.
    layers, readout : tuple of str, str
        Candidates for the regions, and what behaviour is read from.
    image_size : int
        Both sides in pixels, as the network sees stimuli.
    snapshot : int or None
        Batch count of the weights; None takes the last.
    environment : str
        Digest of the versions that Brain-Score was installed with.
    threads : int
        Of its process.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["official"] = "official"
    benchmarks: tuple[str, ...]
    layers: tuple[str, ...]
    readout: str
    image_size: int
    snapshot: int | None = None
    environment: str
    threads: int = 1


def official_benchmarks(named: Sequence[str]) -> dict[str, str]:
    """Return the identifiers of benchmarks, and the folders of those that lie in one.

    Parameters
    ----------
    named : sequence of str
        Identifiers of Brain-Score's, or folders of local benchmarks.

    Raises
    ------
    HypError
        If Brain-Score is not installed, or knows none of that name.
    """
    from hyp.metrics.brainscore.environment import open_environment
    from hyp.metrics.brainscore.identifiers import check_identifiers
    from hyp.metrics.brainscore.local import ABOUT, read_local_benchmark

    found, public = {}, []
    for one in named:
        folder = Path(one).expanduser().absolute()
        if (folder / ABOUT).is_file():
            found[read_local_benchmark(folder).identifier] = str(folder)
        else:
            found[one] = ""
            public.append(one)
    check_identifiers(public, open_environment().package)
    return found


def official_step(model: Step, spec: OfficialSpec, folders: dict[str, str]) -> Step:
    """Return the step that scores one network; `folders` as `official_benchmarks` gives them."""
    return Step(
        "official",
        spec.model_dump(mode="json"),
        {"model": model},
        VERSIONS["official"],
        f"{model.label}, Brain-Score",
        places={name: folder for name, folder in folders.items() if folder},
    )


def check_official(steps: Iterable[Step]) -> None:
    """Say what Brain-Score lacks before anything is trained.

    Raises
    ------
    HypError
        As `hyp.metrics.brainscore.scoring.check_reach`.
    """
    asked = [step for step in steps if step.kind == "official"]
    if not asked:
        return
    from hyp.metrics.brainscore.environment import open_environment
    from hyp.metrics.brainscore.identifiers import OBSERVERS
    from hyp.metrics.brainscore.scoring import check_reach

    names = {name for step in asked for name in step.spec["benchmarks"] if name not in step.places}
    choosing = any(
        len(step.spec["layers"]) > 1 and set(step.spec["benchmarks"]) - {OBSERVERS}
        for step in asked
    )
    check_reach(names, open_environment(), imagenet=choosing)


def score_officially(
    step: Step, model: Path, folder: Path, progress: Callable[[int, int], None]
) -> None:
    """Score a network by Brain-Score; writes ``scores.parquet`` and what lies behind it.

    ``scores.parquet`` has a row a benchmark: ``region`` (``behavior`` of i2n), ``benchmark``,
    ``score``, ``unceiled``, ``error``, ``ceiling`` and ``layer``; the folder ``results`` has the
    values by split.

    Raises
    ------
    HypError
        If a benchmark cannot be scored.
    """
    from hyp.metrics.brainscore.local import read_local_benchmark
    from hyp.metrics.brainscore.networks import describe_checkpoint
    from hyp.metrics.brainscore.results import PUBLISHED, score_table
    from hyp.metrics.brainscore.scoring import score_cohort

    spec = OfficialSpec.model_validate(step.spec)
    network = describe_checkpoint(
        model,
        spec.snapshot,
        layers=spec.layers,
        readout=spec.readout,
        image_size=spec.image_size,
    )
    scored = score_cohort(
        [network],
        [
            read_local_benchmark(step.places[name]) if name in step.places else name
            for name in spec.benchmarks
        ],
        folder / _WORK,
        threads=spec.threads,
        progress=lambda done, total, _: progress(done, total),
    )
    if scored.failures:
        raise HypError(scored.failures[0])
    table = score_table(scored.scores).rename(columns={"raw_score": "unceiled"})
    columns = ["region", "benchmark", "score", "unceiled", "error", "ceiling", "layer"]
    table[columns].to_parquet(folder / SCORES, index=False)
    (folder / _WORK / PUBLISHED).rename(folder / _RESULTS)
    shutil.rmtree(folder / _WORK)
