"""Similarity of all pairs of models from stored Gram matrices, against rebuilding them a pair.

    python benchmarks/bench_similarity.py [--quick] [--json OUT]

``hyp``: unbiased CKA of 84 models in four layers, to the same 2,000 stimuli, from Gram matrices
that lie on disk as `hyp.metrics.gram_files` writes them (float64, one folder a model) and were
dropped from the system's cache of files. One layer lies there at a time, for all would be 11 GB;
making them is not measured. RSA is measured in one layer, its rank correlation and Procrustes on
some models and scaled up to all pairs of all layers, which the result says.

Peers, each on some pairs and scaled up alike:

``original``: the paper's procedure. For every pair it reads the activations of both models and
computes three HSIC, each with both Gram matrices anew and a dense centring matrix on either side.
Measured at the widths of the last two layers of a ResNet-18 at 224 px. The two wider layers are
counted as if they took no longer, and each pair once, where the original ran it in both orders:
its time is at least that.

``numpy``: unbiased CKA by its formula, as one would write it down for two Gram matrices that are
in memory already; it centres both anew for every pair.

``rsatoolbox``: its ``cosine_cov``, which is biased CKA, of dissimilarities that are given; its
time grows with the models, so it is scaled by them and its product of all pairs is left out.

``brainscore``: Brain-Score's CKA on the same matrices, where it can be imported.

Beside the seconds that pass there are those of the processor, for machines that others use.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from _machine import write
from hyp.metrics.gram import Gram, compute_gram
from hyp.metrics.gram_files import read_gram, write_grams
from hyp.metrics.pairs import aligned_length, dissimilarities, procrustes_factor
from hyp.metrics.similarity import similarity_matrix

LATENTS = 48
LAYER = "layer"


@dataclass(frozen=True)
class Size:
    models: int
    stimuli: int
    units: int
    widths: tuple[int, ...]
    """Of the original's layers; the first two are measured."""
    peer_models: int

    @property
    def layers(self) -> int:
        return len(self.widths)

    @property
    def pairs(self) -> int:
        return self.models * (self.models - 1) // 2


FULL = Size(84, 2000, 300, (25_088, 50_176, 100_352, 200_704), 6)
QUICK = Size(8, 200, 60, (500, 1000), 4)


def activations(n: int, d: int, model: int, layer: int) -> np.ndarray:
    """Return responses that are mixtures of shared latents, with noise, shape (n, d)."""
    latents = np.random.default_rng(layer).standard_normal((n, LATENTS))
    rng = np.random.default_rng([layer, model])
    mixing = rng.standard_normal((LATENTS, d), dtype=np.float32) / np.sqrt(1 + layer)
    X = latents.astype(np.float32) @ mixing
    X += rng.standard_normal((n, d), dtype=np.float32)
    return np.maximum(X, 0, out=X)


def make_grams(folder: Path, size: Size, layer: int) -> list[Path]:
    """Write a layer's Gram matrix of every model and drop the files from memory."""
    folders = [folder / f"model{model}" for model in range(size.models)]
    for model, place in enumerate(folders):
        gram = compute_gram(activations(size.stimuli, size.units, model, layer))
        write_grams(place, {LAYER: gram})
        for file in place.rglob("*"):
            if file.is_file():
                forget(file)
    return folders


def forget(file: Path) -> None:
    """Drop a file from the system's cache, where the system can."""
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


class Clock:
    """Seconds that pass, and the processor's, of what runs in the context."""

    def __enter__(self) -> Clock:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start[0]
        self.cpu_s = time.process_time() - self._start[1]

    def scaled(self, factor: float = 1.0) -> dict[str, float]:
        return {"seconds": self.seconds * factor, "cpu_s": self.cpu_s * factor}


def bench_hyp(folders: list[Path], measure: Any) -> tuple[dict[str, float], np.ndarray]:
    """Measure a whole matrix, and how much of it was spent on reading."""
    reading = [0.0]

    def read(folder: Path) -> Gram:
        start = time.perf_counter()
        gram = read_gram(folder, LAYER)
        reading[0] += time.perf_counter() - start
        return gram

    with Clock() as clock:
        found = similarity_matrix([partial(read, folder) for folder in folders], measure)
    return {**clock.scaled(), "reading_s": reading[0]}, found


def bench_some(size: Size, grams: list[Gram]) -> dict[str, Any]:
    """Measure what takes too long for all pairs on some, scaled up to all of all layers.

    Procrustes depends on the rank: it gets wide layers, of which all axes vary.
    """
    few = len(grams)
    with Clock() as clock:
        similarity_matrix([lambda gram=gram: gram for gram in grams], "rsa-correlation-spearman")
    ranks = clock.scaled(size.layers * size.models / few)
    wide = [
        compute_gram(activations(size.stimuli, 2 * size.stimuli, model, 0)) for model in range(3)
    ]
    with Clock() as clock:
        factors = [procrustes_factor(gram) for gram in wide]
    making = clock.scaled(1 / len(wide))
    pairs = list(combinations(factors, 2))
    with Clock() as clock:
        for A, B in pairs:
            aligned_length(A, B)
    comparing = clock.scaled(1 / len(pairs))
    return {
        "rsa-correlation-spearman": {
            **ranks,
            "extrapolation": f"{few} models in memory, scaled to {size.models} in {size.layers} "
            "layers",
        },
        "procrustes": {
            "rank": factors[0].shape[1],
            "a_model": making,
            "a_pair": comparing,
            "seconds": size.layers
            * (size.models * making["seconds"] + size.pairs * comparing["seconds"]),
            "extrapolation": f"{len(wide)} models and {len(pairs)} pairs, scaled to all",
        },
    }


def original_cka(first: Path, second: Path) -> float:
    """Do what the paper's code did for a pair (reference: its procedure, not its text)."""
    X, Y = np.load(first), np.load(second)
    n = len(X)
    H = np.eye(n) - np.full((n, n), 1 / n)

    def hsic(A: np.ndarray, B: np.ndarray) -> float:
        return float(np.sum((H @ (A @ A.T) @ H) * (H @ (B @ B.T) @ H)))

    return hsic(X, Y) / np.sqrt(hsic(X, X) * hsic(Y, Y))


def bench_original(size: Size, folder: Path) -> dict[str, Any]:
    seconds, gaps = [], []
    for width in size.widths[:2]:
        paths = [folder / f"X{model}.npy" for model in range(2)]
        grams = []
        for model, path in enumerate(paths):
            X = activations(size.stimuli, width, model, 0)
            grams.append(compute_gram(X))
            np.save(path, X)
            del X
        with Clock() as clock:
            theirs = original_cka(*paths)
        ours = similarity_matrix([lambda gram=gram: gram for gram in grams], "cka-biased")[0, 1]
        seconds.append(clock.seconds)
        gaps.append(abs(theirs - ours))
    return original_row(size, seconds) | {"difference": max(gaps)}


def original_row(size: Size, seconds: list[float]) -> dict[str, Any]:
    """Scale the seconds of one pair at the first two widths to all pairs of all layers."""
    a_pair = seconds[0] + (size.layers - 1) * seconds[1]
    return {
        "seconds": size.pairs * a_pair,
        "a_pair_s": dict(zip(map(str, size.widths[:2]), seconds, strict=True)),
        "extrapolation": "at least: one pair at each of the first two of the widths "
        f"{size.widths}, wider layers counted as the second, scaled to {size.pairs} pairs",
    }


def published_cka(K: np.ndarray, L: np.ndarray) -> float:
    """Unbiased linear CKA of two Gram matrices by its formula (Szekely & Rizzo 2014)."""
    n = len(K)
    off = ~np.eye(n, dtype=bool)

    def centred(gram: np.ndarray) -> np.ndarray:
        gram = np.where(off, gram, 0.0)
        row = gram.sum(axis=1, keepdims=True)
        return np.where(off, gram - (row + row.T - row.sum() / (n - 1)) / (n - 2), 0.0)

    K, L = centred(K), centred(L)
    return float(np.vdot(K, L) / (np.linalg.norm(K) * np.linalg.norm(L)))


def bench_matrices(
    size: Size, grams: list[Gram], ours: np.ndarray, cka: Callable[[np.ndarray, np.ndarray], float]
) -> dict[str, Any]:
    """Measure a peer that takes two Gram matrices in memory."""
    pairs = list(combinations(range(len(grams)), 2))
    with Clock() as clock:
        theirs = [cka(grams[i].K, grams[j].K) for i, j in pairs]
    gaps = [abs(found - ours[i, j]) for found, (i, j) in zip(theirs, pairs, strict=True)]
    return {
        **clock.scaled(size.layers * size.pairs / len(pairs)),
        "difference": max(gaps),
        "extrapolation": f"{len(pairs)} pairs, scaled to {size.pairs} in {size.layers} layers",
    }


def bench_rsatoolbox(size: Size, grams: list[Gram], biased: np.ndarray) -> dict[str, Any]:
    import rsatoolbox

    rdms = rsatoolbox.rdm.RDMs(np.stack([dissimilarities(gram, "euclidean") for gram in grams]))
    with Clock() as clock:
        theirs = rsatoolbox.rdm.compare(rdms, rdms, method="cosine_cov")
    return {
        **clock.scaled(size.layers * size.models / len(grams)),
        "difference": float(np.abs(theirs - biased).max()),
        "extrapolation": f"{len(grams)} models, scaled to {size.models} in {size.layers} layers",
    }


def bench_brainscore(size: Size, grams: list[Gram], biased: np.ndarray) -> dict[str, Any] | str:
    try:
        from brainscore_vision.metrics.cka.metric import linear_CKA
    except ImportError:
        return "not importable here: it lives in an environment of its own"
    return bench_matrices(size, grams, biased, linear_CKA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
    parser.add_argument("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    layers, results = [], {}
    for layer in range(size.layers):
        with tempfile.TemporaryDirectory() as place:
            folders = make_grams(Path(place), size, layer)
            row, unbiased = bench_hyp(folders, "cka")
            layers.append(row)
            print(f"layer {layer}: {row}", flush=True)
            if layer == 0:
                rsa, _ = bench_hyp(folders, "rsa-correlation")
                grams = [read_gram(folder, LAYER) for folder in folders[: size.peer_models]]
                few = unbiased[: len(grams), : len(grams)]
    results["size"] = {"models": size.models, "layers": size.layers, "stimuli": size.stimuli}
    results["hyp"] = hyp = {
        "layers": layers,
        **{name: sum(row[name] for row in layers) for name in ("seconds", "cpu_s", "reading_s")},
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "target_s": 120,
    }
    results["rsa-correlation"] = {
        **{name: size.layers * rsa[name] for name in rsa},
        "extrapolation": f"one layer, scaled to {size.layers}; files in memory",
    }
    results |= bench_some(size, grams[:4])
    biased = similarity_matrix([lambda gram=gram: gram for gram in grams], "cka-biased")
    results["numpy"] = bench_matrices(size, grams, few, published_cka)
    results["rsatoolbox"] = bench_rsatoolbox(size, grams, biased)
    results["brainscore"] = bench_brainscore(size, grams, biased)
    with tempfile.TemporaryDirectory() as place:
        results["original"] = bench_original(size, Path(place))
    print(
        f"hyp, unbiased CKA of all: {hyp['seconds']:.1f} s, {hyp['cpu_s']:.1f} s of processor, "
        f"{hyp['reading_s']:.1f} s of it reading; peak {hyp['peak_gib']:.2f} GiB"
    )
    for name, row in results.items():
        if name not in ("hyp", "size") and isinstance(row, dict):
            row["ratio"] = row["seconds"] / hyp["seconds"]
            gap = f", differs by {row['difference']:.1e}" if "difference" in row else ""
            print(
                f"{name}: {row['seconds']:.1f} s ({row['extrapolation']}), "
                f"{row['ratio']:.1f} times{gap}"
            )
    print("written to", write(arguments.json, "similarity", results))


if __name__ == "__main__":
    main()
