"""Decoding one ResNet-18: Gram matrices against the published procedure with scikit-learn.

    python benchmarks/bench_decoding.py [--quick | --full] [--json OUT]

Both sides decode category and x from the same synthetic activations of six layers to 2,000
stimuli, five splits each. By default one of the published procedure's five repeats is run
and its time multiplied by five (the result says so); ``--full`` runs all five. The paper's
code decodes each latent in a run of its own, so a repeat costs one projection a latent: it
is run once and counted for both. ``speed_up_shared_projection`` counts it once only, as
`hyp.metrics.decode_published` does it. The projection is made in slices of columns, which
costs the same and needs a tenth of the memory.

Seconds are the processor's, for machines that others use; with ``OMP_NUM_THREADS=1`` no
thread waits in them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from scipy.linalg.blas import dsyrk
from sklearn.random_projection import GaussianRandomProjection, johnson_lindenstrauss_min_dim

from _machine import write
from hyp.metrics.decoding import decode
from hyp.metrics.gram import compute_gram
from hyp.metrics.published import decode_published, decode_published_gram

KINDS = {"category": "categorical", "x": "continuous"}
REPEATS = 5
SLICE = 25_088
T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    n_stimuli: int
    n_categories: int
    layers: dict[str, int]


RESNET18 = Size(
    2000,
    117,
    {
        "layer1": 200_704,
        "layer2": 100_352,
        "layer3": 50_176,
        "layer4": 25_088,
        "avgpool": 512,
        "fc": 674,
    },
)
QUICK = Size(300, 10, {"layer4": 6_000, "avgpool": 512, "fc": 40})


def latents(size: Size) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the targets and the features that drive the units."""
    rng = np.random.default_rng(0)
    n = size.n_stimuli
    category = rng.permutation(np.arange(n) % size.n_categories)
    x = rng.uniform(-1, 1, n)
    nuisance = rng.standard_normal((n, 64)) * 2 / np.sqrt(1 + np.arange(64))
    identity = 0.35 * rng.standard_normal((size.n_categories, 16))
    features = np.column_stack([nuisance, identity[category], x])
    return {"category": category, "x": x}, features.astype(np.float32)


def activations(features: np.ndarray, d: int, seed: int) -> np.ndarray:
    """Return ReLU responses of random units that see the features in noise."""
    rng = np.random.default_rng([1, seed])
    X = np.empty((len(features), d), dtype=np.float32)
    for start in range(0, d, SLICE):
        width = min(SLICE, d - start)
        weights = rng.standard_normal((features.shape[1], width), dtype=np.float32) / 3
        drive = features @ weights
        drive += rng.standard_normal(drive.shape, dtype=np.float32) - np.float32(0.3)
        X[:, start : start + width] = np.maximum(drive, 0)
    return X


def timed(function: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def project(X: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """Project Gaussian-randomly; the sum over slices of columns is the whole projection."""
    total = np.zeros((len(X), n_components), dtype=X.dtype)
    for start in range(0, X.shape[1], SLICE):
        part = GaussianRandomProjection(n_components, random_state=seed + start)
        total += part.fit_transform(X[:, start : start + SLICE])
    return total


def means(table: pd.DataFrame) -> dict[str, float]:
    return {str(name): float(score) for name, score in table.groupby("latent").score.mean().items()}


def bench_layer(
    X: np.ndarray, targets: dict[str, np.ndarray], published_repeats: int
) -> dict[str, Any]:
    n, d = X.shape
    gram_s, gram = timed(lambda: compute_gram(X))
    decode_s, table = timed(lambda: decode(gram, targets, KINDS))
    n_components = int(johnson_lindenstrauss_min_dim(n))
    project_s = fit_s = 0.0
    published, exact = [], []
    for repeat in range(published_repeats):
        features = X
        if d > n_components:
            seconds, features = timed(lambda r=repeat: project(X, n_components, r))
            project_s += seconds
        seconds, scores = timed(
            lambda f=features, r=repeat: decode_published(f, targets, KINDS, n_repeats=1, seed=r)
        )
        fit_s += seconds
        published.append(scores)
        exact.append(decode_published_gram(gram, targets, KINDS, n_repeats=1, seed=repeat))
    scale = REPEATS / published_repeats
    return {
        "units": d,
        "hyp_s": {"gram": gram_s, "decode": decode_s},
        "hyp_gram_gflops": n * n * d / gram_s / 1e9,
        "published_s": {"projection": len(KINDS) * scale * project_s, "fits": scale * fit_s},
        "speed_up": scale * (len(KINDS) * project_s + fit_s) / (gram_s + decode_s),
        "scores": {
            "hyp, recommended folds": means(table),
            "hyp, the published splits": means(pd.concat(exact)),
            "published": means(pd.concat(published)),
        },
    }


def plain_rates(n: int) -> dict[str, float]:
    """Return GFLOP/s of one double precision product, whole (gemm) and half (syrk)."""
    A = np.random.default_rng(0).standard_normal((n, 4096))
    B = A.copy()
    gemm = min(timed(lambda: A @ B.T)[0] for _ in range(3))
    syrk = min(timed(lambda: dsyrk(1.0, A.T, trans=1, lower=1))[0] for _ in range(3))
    return {"dgemm": 2 * n * n * 4096 / gemm / 1e9, "dsyrk": n * n * 4096 / syrk / 1e9}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
    parser.add_argument("--full", action="store_true", help="run all five published repeats")
    parser.add_argument("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else RESNET18
    repeats = REPEATS if arguments.full else 1
    targets, features = latents(size)
    layers: dict[str, Any] = {}
    for seed, (name, d) in enumerate(size.layers.items()):
        layers[name] = bench_layer(activations(features, d, seed), targets, repeats)
        row = layers[name]
        print(
            f"{name:8} {d:7} units: hyp {sum(row['hyp_s'].values()):6.1f} s "
            f"({row['hyp_gram_gflops']:.0f} GFLOP/s), published "
            f"{sum(row['published_s'].values()):7.1f} s, {row['speed_up']:6.1f} x",
            flush=True,
        )
        for who, scores in row["scores"].items():
            print(f"         {who:26}", {key: round(value, 4) for key, value in scores.items()})
    hyp_s = sum(sum(row["hyp_s"].values()) for row in layers.values())
    published_s = sum(sum(row["published_s"].values()) for row in layers.values())
    shared_s = published_s - sum(
        row["published_s"]["projection"] * (1 - 1 / len(KINDS)) for row in layers.values()
    )
    rates = plain_rates(size.n_stimuli)
    flops = size.n_stimuli**2 * sum(size.layers.values())
    results = {
        "n_stimuli": size.n_stimuli,
        "n_categories": size.n_categories,
        "splits": REPEATS,
        "published_repeats_measured": repeats,
        "extrapolation": "none"
        if repeats == REPEATS
        else f"published seconds are {repeats} measured repeat of {REPEATS}, times {REPEATS}",
        "projections": f"run once a repeat, counted {len(KINDS)} times: one a latent",
        "hyp_s": hyp_s,
        "published_s": published_s,
        "speed_up": published_s / hyp_s,
        "speed_up_shared_projection": shared_s / hyp_s,
        "plain_gflops": rates,
        "limit": {
            "what": "one symmetric product X X^T a layer in float64",
            "seconds_at_plain_dsyrk": flops / rates["dsyrk"] / 1e9,
            "seconds_spent": sum(row["hyp_s"]["gram"] for row in layers.values()),
        },
        "layers": layers,
    }
    print(
        f"together: hyp {hyp_s:.1f} s, published {published_s:.1f} s, {published_s / hyp_s:.1f} x "
        f"({shared_s / hyp_s:.1f} x with a shared projection)"
    )
    print(f"extrapolation: {results['extrapolation']}; plain rates {rates}")
    print("written to", write(arguments.json, "decoding", results))


if __name__ == "__main__":
    main()
