"""The statistics layer on a whole study, beside a plain loop over scipy and statsmodels.

    python benchmarks/bench_statistics.py [--quick] [--json OUT]

A family of 11 layers x 12 objectives, 8 v 8 seeds, five folds, under both protocols and with
the exact permutation test; then a power curve of 10,000 simulated designs a point. The peer
does for each comparison what the library offers: `mannwhitneyu(method="exact")`, Welch's
interval, `permutation_test`, and one `multipletests`. Besides exact rank tests with ties: 1,500
comparisons of 8 v 8 whole percents, and one of 40 v 40. Times are the processor's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from _machine import write
from hyp.stats.comparisons import compare
from hyp.stats.permutation import exact_permutation_p
from hyp.stats.power import comparison_power
from hyp.stats.published import compare_published
from hyp.stats.rank_sum import exact_p
from hyp.stats.table import judge_table

KEYS = ["objective", "layer"]
OBJECTIVES, LAYERS, FOLDS = 12, 11, 5
EFFECTS = np.arange(0, 4.01, 0.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 v 6 seeds, 1,000 designs a point")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seeds, studies = (6, 1000) if options.quick else (8, 10_000)
    scores, table = study(seeds)
    means = scores.mean(axis=-1).reshape(2, -1, seeds)
    ours, judged = timed(lambda: (compare(table, KEYS), compare_published(table, KEYS)))
    permuted, p_ours = timed(lambda: exact_permutation_p(*means))
    peer, p_peer = timed(lambda: plain_loop(means))
    np.testing.assert_allclose(judged[0]["p"], p_peer["p"], rtol=1e-10)
    np.testing.assert_allclose(judged[0]["p_holm"], p_peer["p_holm"], rtol=1e-10)
    np.testing.assert_allclose(p_ours, p_peer["permutation"], rtol=1e-10)
    roles: dict[str, Any] = {"group": "side", "unit": "seed", "fold": "fold", "family": KEYS}
    roles["unpaired"] = True
    everything, _ = timed(lambda: judge_table(table.rename(columns={"group": "side"}), **roles))
    tied, _ = timed(lambda: exact_p(*percents(1500, 8)))
    forty, _ = timed(lambda: exact_p(*percents(1, 40)))
    curve, _ = timed(
        lambda: [comparison_power(d, 6, 6, family=18, studies=studies) for d in EFFECTS]
    )
    results = {
        "comparisons": OBJECTIVES * LAYERS,
        "seeds": seeds,
        "both_protocols_s": ours,
        "exact_permutation_s": permuted,
        "family_s": ours + permuted,
        "plain_loop_s": peer,
        "speed_up": peer / (ours + permuted),
        "judge_table_s": everything,
        "ties_1500_of_8_v_8_s": tied,
        "ties_40_v_40_s": forty,
        "designs_a_point": studies,
        "power_curve_points": len(EFFECTS),
        "power_curve_s": curve,
    }
    print(write(options.json, "statistics", results))


def study(seeds: int) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(0)
    shape = (2, OBJECTIVES, LAYERS, seeds, FOLDS)
    scores = rng.normal(size=(*shape[:-1], 1)) + rng.normal(size=shape)
    index = np.indices(shape).reshape(5, -1)
    columns = dict(zip(("group", "objective", "layer", "seed", "fold"), index, strict=True))
    table = pd.DataFrame({**columns, "score": scores.ravel()})
    return scores, table.assign(group=np.where(table["group"] == 0, "full", "reduced"))


def percents(comparisons: int, seeds: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0.7, 0.02, (2, comparisons, seeds)).round(2)


def plain_loop(means: np.ndarray) -> dict[str, np.ndarray]:
    p, permutation = [], []
    for x, y in zip(*means, strict=True):
        p.append(stats.mannwhitneyu(x, y, method="exact").pvalue)
        stats.ttest_ind(x, y, equal_var=False).confidence_interval()
        tested = stats.permutation_test(
            (x, y),
            lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
            n_resamples=np.inf,
            vectorized=True,
        )
        permutation.append(tested.pvalue)
    corrected = multipletests(p, method="holm")[1]
    return {"p": np.array(p), "p_holm": corrected, "permutation": np.array(permutation)}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


if __name__ == "__main__":
    main()
