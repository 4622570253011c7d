"""Error rates and coverage of the comparisons, over nested data whose truth is known.

    python benchmarks/calibration/calibrate_comparisons.py [--studies N] [--json OUT]

Scores are normal: seed effects with variance ICC and fold noise with variance 1 - ICC,
five folds, the same number of seeds in both groups. "Pooled" is the published protocol: all
folds as independent units, asymptotic Mann-Whitney, no correction. Every rate stands beside
the number of studies it was counted over; 0.05 with 20,000 studies has a standard error of
0.0015. An exact test of few seeds is conservative, because its p takes few values: its
expected rate (the largest attainable level at or below 0.05) is given beside it.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))
from _machine import write
from hyp.stats.comparison_rows import welch_interval
from hyp.stats.families import holm
from hyp.stats.permutation import exact_permutation_p
from hyp.stats.rank_sum import exact_p
from hyp.stats.superiority import superiority, superiority_interval
from hyp.stats.tost import equivalence

ALPHA, FOLDS, LAYERS = 0.05, 5, 6
ICCS = (0.0, 0.2, 0.5, 0.8)
SEEDS = (3, 4, 5, 6, 7, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20_000)
    default = Path(__file__).parent / "comparisons.json"
    parser.add_argument("--json", type=Path, default=default)
    options = parser.parse_args()
    n = options.studies
    results = {
        "studies": n,
        "false_positive_rates": [rates(icc, k, n) for icc, k in product(ICCS, SEEDS)],
        "family_wise": [family_wise(icc, k, n // 4) for icc, k in product(ICCS, (5, 6, 8))],
        "coverage": [
            coverage(k, d, ratio, n) for k, d, ratio in product((3, 5, 8), (0.0, 1.0, 2.0), (1, 3))
        ],
        "equivalence_size": [size_at_margin(k, r, n // 10) for k, r in product((3, 5, 8), (1, 3))],
    }
    write(options.json, "calibration of comparisons", results)


def rates(icc: float, seeds: int, studies: int) -> dict[str, Any]:
    """How often one comparison is called significant when there is nothing."""
    rng = np.random.default_rng([1, int(10 * icc), seeds])
    folds = nested(rng, (2, studies, seeds), icc)
    x, y = folds.mean(axis=-1)
    flat = folds.reshape(2, studies, -1)
    some = slice(0, studies // 10)
    return {
        "icc": icc,
        "seeds": seeds,
        "mann_whitney": rate(exact_p(x, y) <= ALPHA),
        "expected": attained(seeds),
        "permutation": rate(exact_permutation_p(x[some], y[some]) <= ALPHA),
        "welch": rate(np.prod(welch_interval(x, y), axis=0) > 0),
        "pooled": rate(stats.mannwhitneyu(*flat, axis=1).pvalue < ALPHA),
    }


def family_wise(icc: float, seeds: int, studies: int) -> dict[str, Any]:
    """How often any of six layers is called significant when there is nothing."""
    rng = np.random.default_rng([2, int(10 * icc), seeds])
    shared = rng.normal(size=(2, studies, 1, seeds, 1))
    own = rng.normal(size=(2, studies, LAYERS, seeds, 1))
    noise = rng.normal(size=(2, studies, LAYERS, seeds, FOLDS))
    folds = np.sqrt(icc / 2) * (shared + own) + np.sqrt(1 - icc) * noise
    x, y = folds.mean(axis=-1).reshape(2, studies * LAYERS, seeds)
    p = exact_p(x, y).reshape(studies, LAYERS)
    flat = folds.reshape(2, studies * LAYERS, -1)
    pooled = stats.mannwhitneyu(*flat, axis=1).pvalue.reshape(studies, LAYERS)
    return {
        "icc": icc,
        "seeds": seeds,
        "layers": LAYERS,
        "studies": studies,
        "holm": rate(np.array([holm(row).min() for row in p]) <= ALPHA),
        "uncorrected": rate(p.min(axis=1) <= ALPHA),
        "pooled": rate(pooled.min(axis=1) < ALPHA),
    }


def coverage(seeds: int, d: float, ratio: float, studies: int) -> dict[str, Any]:
    """How often the 95 % intervals hold the truth."""
    rng = np.random.default_rng([3, seeds, int(10 * d), int(ratio)])
    x = rng.normal(d, 1, (studies, seeds))
    y = rng.normal(0, ratio, (studies, seeds))
    low, high = welch_interval(x, y)
    truth = stats.norm.cdf(d / np.hypot(1, ratio))
    ps_low, ps_high = superiority_interval(superiority(x, y), seeds, seeds)
    return {
        "seeds": seeds,
        "difference": d,
        "sd_ratio": ratio,
        "welch": rate((low <= d) & (d <= high)),
        "superiority": rate((ps_low <= truth) & (truth <= ps_high)),
    }


def size_at_margin(seeds: int, ratio: float, studies: int) -> dict[str, Any]:
    """How often equivalence is claimed when the true difference is just the margin."""
    rng = np.random.default_rng([4, seeds, int(ratio)])
    margin = 10.0
    x = rng.normal(margin, 1, (studies, seeds))
    y = rng.normal(0, ratio, (studies, seeds))
    p = np.array([equivalence(a, b, margin).p for a, b in zip(x, y, strict=True)])
    return {"seeds": seeds, "sd_ratio": ratio, "studies": studies, "claimed": rate(p <= ALPHA)}


def nested(rng: np.random.Generator, shape: tuple[int, ...], icc: float) -> np.ndarray:
    seed_effect = rng.normal(size=(*shape, 1))
    return np.sqrt(icc) * seed_effect + np.sqrt(1 - icc) * rng.normal(size=(*shape, FOLDS))


def attained(seeds: int) -> float:
    """Largest level at or below alpha that an exact test of so many seeds can have."""
    ranks = np.arange(2.0 * seeds)
    rng = np.random.default_rng(0)
    orders = np.array([rng.permutation(ranks) for _ in range(4000)])
    p = np.unique(exact_p(orders[:, :seeds], orders[:, seeds:]).round(12))
    return float(max(p[p <= ALPHA], default=0.0))


def rate(hits: np.ndarray) -> float:
    return round(float(np.mean(hits)), 4)


if __name__ == "__main__":
    main()
