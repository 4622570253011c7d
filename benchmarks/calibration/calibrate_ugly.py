"""Error rates where scores are not as tests would like them.

    python benchmarks/calibration/calibrate_ugly.py [--studies N] [--json OUT]

Skew, seeds that collapse, spreads of 1 to 3, groups of unequal sizes, layers that are
correlated by 0.9, pairs, margins, new stimuli, and looking again while seeds are added. All are
without a difference (or at the margin), so that every finding is an error; nominal 5 %.
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
from hyp.stats.assumptions import check_assumptions
from hyp.stats.families import holm, max_t
from hyp.stats.permutation import permutation_p, sign_flip_p
from hyp.stats.rank_sum import exact_p
from hyp.stats.shift import hodges_lehmann, hodges_lehmann_paired
from hyp.stats.signed_rank import signed_rank_p
from hyp.stats.stimuli import compare_crossed
from hyp.stats.stopping import planned_looks, unplanned_error
from hyp.stats.tost import equivalence
from hyp.stats.unequal import cochran_cox_p

ALPHA, LAYERS, CORRELATION = 0.05, 18, 0.9
SIZES = ((5, 5), (8, 8), (3, 8), (8, 3), (4, 12), (12, 4))
CASES = ("normal", "skewed", "collapsing", "spreads 3:1", "skewed, spreads 3:1")
METHODS = ("welch", "rank", "studentized", "brunner-munzel")
LOOKS = (tuple(range(4, 13)), (6, 9, 12))
CROSSED = ((5, 5, 20), (3, 8, 20), (4, 12, 40))
EFFECTS = ((0.0, 3.0), (1.0, 1.0), (4.0, 0.3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "ugly.json")
    options = parser.parse_args()
    n = options.studies
    results = {
        "studies": n,
        "one": [one(case, sizes, n) for case, sizes in product(CASES, SIZES)],
        "layers": [layers(seeds, ratio, n // 4) for seeds, ratio in product((5, 6), (1, 3))],
        "pairs": [pairs(case, count, n) for case, count in product(CASES[:3], (6, 8, 12))],
        "margin": [
            margin(case, sizes, n // 4) for case, sizes in product(CASES, ((5, 5), (3, 8), (8, 3)))
        ],
        "looks": [looks(seeds, 4 * n) for seeds in LOOKS],
        "stimuli": [
            stimuli(sizes, effects, ratio, n)
            for sizes, effects, ratio in product(CROSSED, EFFECTS, (1, 3))
        ],
    }
    write(options.json, "calibration in ugly cases", results)


def drawn(rng: np.random.Generator, case: str, shape: tuple[int, ...]) -> np.ndarray:
    """Scores of mean 0; those that collapse are ten spreads lower with a chance of a tenth."""
    if case.startswith("skewed"):
        return rng.exponential(size=shape) - 1
    scores = rng.normal(size=shape)
    return scores - 10 * (rng.random(shape) < 0.1) + 1 if case == "collapsing" else scores


def groups(
    rng: np.random.Generator, case: str, sizes: tuple[int, int], studies: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first group spreads three times as much where the case says so."""
    factor = 3 if case.endswith("3:1") else 1
    return factor * drawn(rng, case, (studies, sizes[0])), drawn(rng, case, (studies, sizes[1]))


def one(case: str, sizes: tuple[int, int], studies: int) -> dict[str, Any]:
    """How often one comparison of equal means is called significant."""
    x, y = groups(np.random.default_rng([5, CASES.index(case), *sizes]), case, sizes, studies)
    some = slice(0, studies // 4)
    _, low, high = hodges_lehmann(x, y)
    found = exact_p(x, y) <= ALPHA
    return {
        "case": case,
        "sizes": sizes,
        "rank": rate(found),
        "silent": rate(found & unsaid(x, y, found)),
        "cochran_cox": rate(by_cochran_cox(x, y) <= ALPHA),
        "studentized": rate(permutation_p(x, y, "studentized") <= ALPHA),
        "brunner_munzel": rate(permutation_p(x[some], y[some], "brunner-munzel") <= ALPHA),
        "welch": rate(stats.ttest_ind(x, y, axis=1, equal_var=False).pvalue <= ALPHA),
        "shift_covered": None if np.isnan(low[0]) else rate((low <= 0) & (high >= 0)),
    }


def by_cochran_cox(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    sizes = [x.shape[1], y.shape[1]]
    parts = [one.var(axis=1, ddof=1) / n for one, n in zip((x, y), sizes, strict=True)]
    return cochran_cox_p(x.mean(axis=1) - y.mean(axis=1), parts, [n - 1 for n in sizes])


def unsaid(x: np.ndarray, y: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Whether `check_assumptions` has nothing to say of a comparison that was found."""
    silent = np.zeros(len(x), dtype=bool)
    for at in np.flatnonzero(found):
        row = {
            **{"n_a": x.shape[1], "n_b": y.shape[1], "test": "Mann-Whitney"},
            **{"sd_a": x[at].std(ddof=1), "sd_b": y[at].std(ddof=1)},
            "difference": x[at].mean() - y[at].mean(),
        }
        silent[at] = not check_assumptions([row], [])
    return silent


def stimuli(
    sizes: tuple[int, int, int], effects: tuple[float, float], ratio: int, studies: int
) -> dict[str, Any]:
    """How often groups are called different for new units and stimuli where none differ."""
    rng = np.random.default_rng([10, *sizes, *(int(10 * one) for one in effects), ratio])
    (n1, n2, m), (of_stimuli, of_units) = sizes, effects
    hits, means = [], []
    for _ in range(studies):
        a, b = (
            k * of_units * rng.normal(size=(n, 1))
            + of_stimuli * rng.normal(size=(1, m))
            + rng.normal(size=(n, m))
            for k, n in ((ratio, n1), (1, n2))
        )
        hits.append(compare_crossed(a, b).p <= ALPHA)
        means.append((a.mean(axis=1), b.mean(axis=1)))
    x, y = (np.array(one) for one in zip(*means, strict=True))
    welch = stats.ttest_ind(x, y, axis=1, equal_var=False).pvalue
    found = {"crossed": rate(np.array(hits)), "unit_means": rate(welch <= ALPHA)}
    of = {"stimulus_sd": of_stimuli, "unit_sd": of_units, "sd_ratio": ratio}
    return {"sizes": sizes, "studies": studies, **of, **found}


def layers(seeds: int, ratio: int, studies: int) -> dict[str, Any]:
    """How often any of the layers is called significant, and how often if all differ by 1.5."""
    rng = np.random.default_rng([6, seeds, ratio])
    found: dict[str, list[bool]] = {}
    for _ in range(studies):
        x, y = (
            np.sqrt(CORRELATION) * rng.normal(size=(1, seeds))
            + np.sqrt(1 - CORRELATION) * rng.normal(size=(LAYERS, seeds))
            for _ in range(2)
        )
        for name, moved in (("null", 0.0), ("power", 1.5)):
            a = ratio * x + moved
            for rule, p in (
                ("holm", holm(exact_p(a, y))),
                ("max_t", max_t(a, y)),
                ("max_t_rank", max_t(a, y, "rank")),
            ):
                found.setdefault(f"{rule}_{name}", []).append(bool((p <= ALPHA).any()))
    rates = {name: rate(np.array(hits)) for name, hits in found.items()}
    return {"seeds": seeds, "sd_ratio": ratio, "studies": studies, **rates}


def pairs(case: str, count: int, studies: int) -> dict[str, Any]:
    """How often pairs without a difference are called significant; tasks spread threefold."""
    rng = np.random.default_rng([7, CASES.index(case), count])
    level = 3 * rng.normal(size=(studies, count))
    x, y = (level + drawn(rng, case, (studies, count)) for _ in range(2))
    _, low, high = hodges_lehmann_paired(x - y)
    return {
        "case": case,
        "pairs": count,
        "signed_rank": rate(signed_rank_p(x - y) <= ALPHA),
        "sign_flip": rate(sign_flip_p(x - y) <= ALPHA),
        "t": rate(stats.ttest_rel(x, y, axis=1).pvalue <= ALPHA),
        "unpaired": rate(exact_p(x, y) <= ALPHA),
        "shift_covered": rate((low <= 0) & (high >= 0)),
    }


def margin(case: str, sizes: tuple[int, int], studies: int) -> dict[str, Any]:
    """How often equivalence is claimed when the true difference is just the margin."""
    rng = np.random.default_rng([8, CASES.index(case), *sizes])
    x, y = groups(rng, case, sizes, studies)
    width = 3.0
    claimed = {
        method: rate(
            np.array(
                [
                    equivalence(a + width, b, width, test=method).p <= ALPHA
                    for a, b in zip(x, y, strict=True)
                ]
            )
        )
        for method in METHODS
    }
    return {"case": case, "sizes": sizes, "studies": studies, **claimed}


def looks(seeds: tuple[int, ...], studies: int) -> dict[str, Any]:
    """How often something is found at any look while seeds are added without a difference."""
    rng = np.random.default_rng([9, *seeds])
    x, y = rng.normal(size=(2, studies, seeds[-1]))
    p = np.stack([exact_p(x[:, :n], y[:, :n]) for n in seeds], axis=1)
    plans = {
        spending: np.array([look.level for look in planned_looks(seeds, spending=spending)])
        for spending in ("obrien-fleming", "pocock")
    }
    return {
        "seeds": seeds,
        "studies": studies,
        "unplanned": rate((p <= ALPHA).any(axis=1)),
        "unplanned_normal": round(unplanned_error(seeds), 4),
        "last_only": rate(p[:, -1] <= ALPHA),
        **{name: rate((p <= levels).any(axis=1)) for name, levels in plans.items()},
    }


def rate(hits: np.ndarray) -> float:
    return round(float(np.mean(hits)), 4)


if __name__ == "__main__":
    main()
