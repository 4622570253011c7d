"""Scores a cohort through the worker: what is published is not computed again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.metrics.brainscore.client import Worker, WorkerError
from hyp.metrics.brainscore.describe import has_data, imagenet_file, storage_answers
from hyp.metrics.brainscore.environment import Environment, open_environment
from hyp.metrics.brainscore.identifiers import check_identifiers
from hyp.metrics.brainscore.local import LocalBenchmark
from hyp.metrics.brainscore.networks import Network
from hyp.metrics.brainscore.results import gather_scores, read_result, result_path
from hyp.store.artifacts import readable_disk_errors

N_PCA_IMAGES = 1000
BATCH_SIZE = 64
_FATAL = ("network", "credentials", "benchmark", "environment", "data", "disk")
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what is being done)."""


@dataclass(frozen=True)
class Scored:
    """What `score_cohort` returns.

    Attributes
    ----------
    scores : Dataset
        As `hyp.metrics.brainscore.read_scores` gives it.
    failures : tuple of str
        One sentence for each network and benchmark that has no score.
    """

    scores: xr.Dataset
    failures: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    network: Network
    identifier: str
    benchmark: str | LocalBenchmark
    out: Path

    @property
    def benchmark_name(self) -> str:
        """Identifier of the benchmark."""
        return self.benchmark if isinstance(self.benchmark, str) else self.benchmark.identifier


def score_cohort(
    networks: Sequence[Network],
    benchmarks: Sequence[str | LocalBenchmark],
    out: Path | str,
    *,
    folder: Path | None = None,
    reduce: bool = True,
    pca_images: Path | None = None,
    threads: int = 1,
    progress: Progress = lambda done, total, text: None,
) -> Scored:
    """Score networks on Brain-Score's benchmarks with the real ``brainscore-vision``.

    One worker process serves all. A result is published when it is whole; a call that was
    interrupted goes on with what is missing.

    Parameters
    ----------
    networks : sequence of Network
        See `describe_checkpoint` and `describe_weights`.
    benchmarks : sequence of str or LocalBenchmark
        Identifiers such as ``MajajHong2015public.IT-pls``, or benchmarks in a folder.
    out : path
        Folder for results and Brain-Score's caches.
    folder : Path, optional
        Of the environment; default as `default_folder` says.
    reduce : bool
        Choose layers on activations reduced by PCA to 1000 dimensions, as Brain-Score does.
    pca_images : Path, optional
        Folder of 1000 or more images to fit that PCA on in place of ImageNet's validation
        images, which Brain-Score downloads.
    threads : int
        Threads of the worker; the last bits of a score may depend on them.
    progress : callable, optional
        Called with (done, total, what is being done).

    Returns
    -------
    Scored

    Raises
    ------
    HypError
        If the environment is missing, a benchmark unknown, its data neither here nor within
        reach, or another process writes to `out`.
    """
    environment = open_environment(folder)
    check_identifiers([b for b in benchmarks if isinstance(b, str)], environment.package)
    _check_local(benchmarks)
    images, digest = _pca_images(pca_images) if pca_images and reduce else ([], "")
    settings = {
        "reduce": reduce,
        "pca": digest,
        "environment": environment.record().get("constraints"),
    }
    out = Path(out).absolute()
    jobs = _jobs(networks, benchmarks, out, settings)
    with readable_disk_errors(out), _locked(out):
        pending = [job for job in jobs if not job.out.is_file()]
        choosing = any(
            len(job.network.layers) > 1
            and not job.benchmark_name.endswith("-i2n")
            and not job.network.region_layers
            for job in pending
        )
        check_reach(
            (job.benchmark for job in pending if isinstance(job.benchmark, str)),
            environment,
            imagenet=reduce and not images and choosing,
        )
        common = {"pca_images": bool(images), "pca_digest": digest, "pca_paths": images}
        failures = _work(pending, len(jobs), environment, out, threads, reduce, common, progress)
        if not any(job.out.is_file() for job in jobs):
            raise HypError(failures[0])
        return Scored(gather_scores(out), tuple(failures))


def compare_features(
    features: NDArray[Any],
    stimulus_ids: Iterable[str],
    benchmark: LocalBenchmark,
    home: Path | str,
    *,
    folder: Path | None = None,
    worker: Worker | None = None,
) -> dict[str, Any]:
    """Score features with Brain-Score's own metric and ceiling, without a network.

    Parameters
    ----------
    features : ndarray of shape (stimulus, feature)
        In their dtype: Brain-Score predicts in float32 where features are float32.
    stimulus_ids : iterable of str
        One a row.
    benchmark : LocalBenchmark
        Needs no images.
    home : path
        Folder for the worker's files.
    folder : Path, optional
        Of the environment.
    worker : Worker, optional
        One that runs already.

    Returns
    -------
    dict
        ``score``, ``raw_score``, ``ceiling`` and their errors, ``raw_score_values`` and
        ``ceiling_values`` (split, neuroid), ``test_stimuli`` (split, stimulus).

    Raises
    ------
    HypError
        If the environment is missing or the worker fails.
    """
    home = Path(home).absolute()
    home.mkdir(parents=True, exist_ok=True)
    given, result = home / "features.npz", home / "compared.npz"
    ids = np.array([str(name) for name in stimulus_ids])
    np.savez(given, features=features, stimulus_id=ids)
    running = worker or Worker(open_environment(folder), home)
    try:
        running.request(
            "compare", features=str(given), benchmark=_benchmark_spec(benchmark), out=str(result)
        )
    finally:
        if worker is None:
            running.close()
    return read_result(result)


def _jobs(
    networks: Sequence[Network],
    benchmarks: Sequence[str | LocalBenchmark],
    out: Path,
    settings: dict[str, Any],
) -> list[_Job]:
    jobs = []
    for network in networks:
        identifier = network.identifier(settings)
        for benchmark in benchmarks:
            name = benchmark if isinstance(benchmark, str) else benchmark.identifier
            path = result_path(out, name, identifier)
            jobs.append(_Job(network, identifier, benchmark, path))
    return list({job.out: job for job in jobs}.values())


def _work(
    pending: list[_Job],
    total: int,
    environment: Environment,
    out: Path,
    threads: int,
    reduce: bool,
    common: dict[str, Any],
    progress: Progress,
) -> list[str]:
    """Do the jobs, network by network, with a new worker where one died."""
    failures: list[str] = []
    worker: Worker | None = None
    done = total - len(pending)
    try:
        for number, job in enumerate(pending):
            label = f"{job.network.name}: {job.benchmark_name}"
            progress(done, total, f"{label}: starting" if worker is None else label)
            if worker is None:
                worker = Worker(environment, out / "worker", threads)

            def say(text: str, done: int = done, label: str = label) -> None:
                progress(done, total, f"{label}: {text}")

            try:
                worker.request(
                    "score",
                    say,
                    model=_network_spec(job.network, job.identifier, reduce),
                    benchmark=_benchmark_spec(job.benchmark),
                    out=str(job.out),
                    facts=_facts(job),
                    **common,
                )
            except WorkerError as failure:
                if failure.kind in _FATAL:
                    raise
                failures.append(f"{label}: {failure}")
                if failure.kind == "died":
                    worker.close()
                    worker = None
            following = pending[number + 1].identifier if number + 1 < len(pending) else None
            if worker is not None and following != job.identifier:
                worker.request("forget", identifier=job.identifier)
            done += 1
        progress(total, total, "done")
    finally:
        if worker is not None:
            worker.close()
    return failures


def _network_spec(network: Network, identifier: str, reduce: bool) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "architecture": network.architecture,
        "n_outputs": network.n_outputs,
        "weights": str(network.weights),
        "sha256": network.sha256,
        "layers": list(network.layers),
        "readout": network.readout,
        "image_size": network.image_size,
        "region_layers": dict(network.region_layers),
        "source": None if network.source is None else str(network.source),
        "batch_size": BATCH_SIZE,
        "reduce": reduce,
    }


def _benchmark_spec(benchmark: str | LocalBenchmark) -> dict[str, Any]:
    if isinstance(benchmark, str):
        return {"identifier": benchmark}
    return {"identifier": benchmark.identifier, "local": benchmark.spec()}


def _facts(job: _Job) -> dict[str, Any]:
    network = job.network
    return {
        "identifier": job.identifier,
        "benchmark": job.benchmark_name,
        "name": network.name,
        "architecture": network.architecture,
        "sha256": network.sha256,
        "image_size": network.image_size,
        **network.labels,
    }


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HypError(
            f"another process scores into {out}; wait for it, or name another --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _check_local(benchmarks: Sequence[str | LocalBenchmark]) -> None:
    for benchmark in benchmarks:
        if isinstance(benchmark, LocalBenchmark) and not benchmark.has_images:
            raise HypError(
                f"the benchmark in {benchmark.folder} has no images, so no network can be scored "
                "on it; write it again with images."
            )


def check_reach(benchmarks: Iterable[str], environment: Environment, *, imagenet: bool) -> None:
    """Say that data are missing and nothing answers, before a worker starts.

    Parameters
    ----------
    benchmarks : iterable of str
        Identifiers.
    environment : Environment
    imagenet : bool
        Whether layers are chosen with ImageNet's images.

    Raises
    ------
    HypError
        Naming what is not here.
    """
    missing = [name for name in sorted(set(benchmarks)) if has_data(name, environment) is False]
    what = f"the data of {missing[0]} are" if missing else ""
    if not missing and imagenet and not imagenet_file().is_file():
        what = "the ImageNet images that layers are chosen with are"
    if what and not storage_answers():
        raise HypError(
            f"{what} not on this machine and Brain-Score's storage does not answer; check the "
            "network (hyp brainscore doctor says what is there)."
        )


def _pca_images(folder: Path) -> tuple[list[str], str]:
    """Return the first images of a folder by name, and a digest of their content."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _IMAGES)
    if len(paths) < N_PCA_IMAGES:
        raise HypError(
            f"{folder} holds {len(paths)} images; the PCA that layers are chosen with needs "
            f"{N_PCA_IMAGES}."
        )
    total = hashlib.sha256()
    for path in paths[:N_PCA_IMAGES]:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return [os.fspath(path.absolute()) for path in paths[:N_PCA_IMAGES]], total.hexdigest()[:16]
