"""Error rates and coverage of correlations, pairs, mixed models, trimmed means and verdicts.

    python benchmarks/calibration/calibrate_relations.py [--studies N] [--json OUT]

Every study is simulated from a truth without any difference or association, except the
Pearson intervals at rho = 0.7; a rate is the share of studies with p at or below 0.05. Every
row holds the number of studies it was counted over, fewer where a test is slow, and, where
theory gives it, the rate that a correct test has (``expected``): the largest attainable
level at or below 0.05, which is 0 where the design is too small to reach it.

What departs from 5 or 95 % without being an error:

- Fisher's interval of a Pearson correlation is approximate; with four points it covers more
  than 95 % at rho = 0.
- ``repeated_correlation``'s p and the pooled one take checkpoints as independent: both are too
  small for random walks, the pooled one also where seeds have levels. Those of x and y are
  drawn independently, so that not even the seeds have anything in common. ``p_units``, with one
  sign a seed, needs six seeds to reach 0.05.
- Pairs taken as units are not independent. With all models exchangeable, a constant added
  to all pairs within groups moves the jackknife's interval by as much, so its coverage
  does not depend on the true difference.
- The mixed model's p is conservative where it finds no variance between seeds (``boundary``),
  which is frequent at an ICC of 0 or 0.2; Wald's z is as far off as ``wald_expected``, the
  share of t beyond 1.96, where it does find some.
- Yuen's test is conservative for heavy tails.
- The verdict over six layers is corrected by Holm, and an exact p takes few values:
  any rate up to 5 % is right.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby, product
from math import comb, factorial, floor
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))
from calibrate_comparisons import ALPHA, FOLDS, ICCS, LAYERS, rate

from _machine import write
from hyp.stats.comparisons import compare
from hyp.stats.correlations import pearson, pearson_interval, spearman
from hyp.stats.deciding import judge
from hyp.stats.group_pairs import closeness
from hyp.stats.pairs import within_between
from hyp.stats.pairs_published import closeness_published, within_between_published
from hyp.stats.published import compare_published
from hyp.stats.repeated import repeated_correlation, repeated_correlation_published
from hyp.stats.rules import BETTER_AND_WORSE, ONLY_BETTER, ONLY_WORSE, DecisionRule, Prediction
from hyp.stats.sensitivity import icc, mixed_model
from hyp.stats.trimmed import trimmed_difference, trimmed_mean

POINTS = (4, 5, 6, 8, 10)
CHECKPOINTS = 10
RULE = DecisionRule(
    keys=("study", "layer"),
    predictions=(
        Prediction(name="H1", claim="variability helps", needs=ONLY_BETTER),
        Prediction(name="H2", claim="variability breeds invariance", needs=ONLY_WORSE),
    ),
    mixed=BETTER_AND_WORSE,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=6000, help="of the fastest tests")
    default = Path(__file__).parent / "relations.json"
    parser.add_argument("--json", type=Path, default=default)
    options = parser.parse_args()
    n = options.studies
    results = {
        "studies": n,
        "pearson": [pearson_rates(k, n if k < 8 else n // 8) for k in POINTS],
        "spearman": [spearman_rates(k, ties, n) for k, ties in product(POINTS, (False, True))],
        "pearson_coverage": [
            pearson_coverage(k, rho, 10 * n) for k, rho in product(POINTS, (0.0, 0.7))
        ],
        "repeated_correlation": [
            repeated_rates(kind, k, n // 12)
            for kind, k in product(("independent", "levels", "walks"), range(3, 9))
        ],
        "pairs": [
            pair_rates(k, level, n // 4 if k < 8 else n // 15)
            for k, level in product((3, 5, 8), (0.0, 0.5, 0.8))
        ],
        "mixed_model": [mixed_rates(share, k, n // 12) for share, k in product(ICCS, (3, 5, 8))],
        "trimmed": [
            trimmed_rates(tails, k, n // 2) for tails, k in product(("normal", "t(3)"), (5, 8))
        ],
        "verdict": [verdict_rates(share, k, n // 2) for share, k in product(ICCS, (5, 6, 8))],
    }
    write(options.json, "calibration of relations", results)


def pearson_rates(points: int, studies: int) -> dict[str, Any]:
    """How often unrelated normal points are called correlated."""
    x, y = np.random.default_rng([11, points]).normal(size=(2, studies, points))
    found = [pearson(*study) for study in zip(x, y, strict=True)]
    return {
        "points": points,
        "studies": studies,
        "rate": significant(found),
        "expected": attained(2 / factorial(points)),
        "attainable_p": found[0].p_attainable,
    }


def spearman_rates(points: int, ties: bool, studies: int) -> dict[str, Any]:
    """How often unrelated points are called correlated; ties are from scores of 0 to 3."""
    rng = np.random.default_rng([12, points, int(ties)])
    shape = (2, studies, points)
    drawn = rng.integers(0, 4, shape).astype(float) if ties else rng.normal(size=shape)
    x, y = drawn[:, (np.ptp(drawn, axis=2) > 0).all(axis=0)]
    found = [spearman(*study) for study in zip(x, y, strict=True)]
    r = np.array([one.r for one in found])
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt((points - 2) / (1 - r**2))
    reached = [one.p for one in found if one.p <= ALPHA]
    least = np.array([one.p_attainable for one in found])
    return {
        "points": points,
        "ties": ties,
        "studies": len(found),
        "rate": significant(found),
        "expected": None if ties else max(reached, default=0.0),
        "t_approximation": rate(2 * stats.t.sf(t, points - 2) <= ALPHA),
        "attainable_p": float(np.median(least)),
        "testable": rate(least <= ALPHA),
    }


def pearson_coverage(points: int, rho: float, studies: int) -> dict[str, Any]:
    """How often Fisher's interval holds the correlation of two normal quantities."""
    rng = np.random.default_rng([13, points, int(10 * rho)])
    x, noise = rng.normal(size=(2, studies, points))
    r = stats.pearsonr(x, rho * x + np.sqrt(1 - rho**2) * noise, axis=1).statistic
    low, high = np.array([pearson_interval(float(one), points) for one in r]).T
    return {
        "points": points,
        "rho": rho,
        "studies": studies,
        "covered": rate((low <= rho) & (rho <= high)),
    }


def repeated_rates(kind: str, seeds: int, studies: int) -> dict[str, Any]:
    """How often two unrelated quantities of checkpoints are called correlated."""
    rng = np.random.default_rng([14, len(kind), seeds])
    x, y = rng.normal(size=(2, studies, seeds, CHECKPOINTS))
    if kind == "levels":
        x, y = (z + rng.normal(size=(studies, seeds, 1)) for z in (x, y))
    if kind == "walks":
        x, y = x.cumsum(axis=2), y.cumsum(axis=2)
    seed = np.repeat(np.arange(seeds), CHECKPOINTS)
    tables = [
        pd.DataFrame({"seed": seed, "x": a.ravel(), "y": b.ravel()})
        for a, b in zip(x, y, strict=True)
    ]
    found = [repeated_correlation(table, "x", "y") for table in tables]
    pooled = [repeated_correlation_published(table, "x", "y") for table in tables]
    return {
        "checkpoints": kind,
        "seeds": seeds,
        "studies": studies,
        "repeated": significant(found),
        "units": significant(found, "p_units"),
        "units_expected": attained(2 / 2**seeds),
        "pooled": significant(pooled),
    }


def pair_rates(models: int, level: float, studies: int) -> dict[str, Any]:
    """How often groups of models that do not differ are told apart by their pairs.

    A pair's similarity is the sum of its two models' own levels, `level` of its variance,
    and noise.
    """
    rng = np.random.default_rng([15, models, int(10 * level)])
    labels = list("a" * models + "b" * models + "c" * models)
    own = rng.normal(0, np.sqrt(level / 2), (studies, 3 * models, 1))
    noise = rng.normal(0, np.sqrt((1 - level) / 2), (studies, 3 * models, 3 * models))
    similarity = own + own.swapaxes(1, 2) + noise + noise.swapaxes(1, 2)
    two = [(one[: 2 * models, : 2 * models], labels[: 2 * models]) for one in similarity]
    every, first, _ = zip(*(within_between(*study) for study in two), strict=True)
    pooled, pooled_first, _ = zip(*(within_between_published(*study) for study in two), strict=True)
    three = [(one, labels, "a", "b", "c") for one in similarity]
    close = [closeness(*study) for study in three]
    arrangements = comb(2 * models, models)
    return {
        "models": models,
        "level": level,
        "studies": studies,
        "all": significant(every),
        "all_expected": attained(2 / arrangements),
        "all_pooled": significant(pooled),
        "all_covered": covered(every, 0),
        "one": significant(first),
        "one_expected": attained(1 / arrangements),
        "one_pooled": significant(pooled_first),
        "one_covered": covered(first, 0),
        "closeness": significant(close),
        "closeness_expected": attained(2 / arrangements),
        "closeness_pooled": significant([closeness_published(*study) for study in three]),
        "closeness_covered": covered(close, 0),
    }


def mixed_rates(share: float, seeds: int, studies: int) -> dict[str, Any]:
    """How often the mixed model calls two equal groups different; coverage of the ICC."""
    table = null_scores(share, seeds, studies, layers=1, stream=16)
    tables = [study for _, study in table.groupby("study")]
    found = [mixed_model(study) for study in tables]
    states = [one.state for one in found]
    return {
        "icc": share,
        "seeds": seeds,
        "studies": studies,
        "t": significant(found),
        "wald": significant(found, "p_wald"),
        "wald_expected": round(float(2 * stats.t.sf(stats.norm.isf(ALPHA / 2), 2 * seeds - 2)), 4),
        "boundary": states.count("boundary") / studies,
        "not_converged": states.count("not converged") / studies,
        "icc_covered": covered([icc(study) for study in tables], share),
    }


def trimmed_rates(tails: str, seeds: int, studies: int) -> dict[str, Any]:
    """How often Yuen's test calls two equal cohorts different; coverage of the mean."""
    rng = np.random.default_rng([17, len(tails), seeds])
    shape = (2, studies, seeds)
    x, y = rng.normal(size=shape) if tails == "normal" else rng.standard_t(3, size=shape)
    return {
        "scores": tails,
        "seeds": seeds,
        "studies": studies,
        "yuen": significant([trimmed_difference(a, b) for a, b in zip(x, y, strict=True)]),
        "covered": covered([trimmed_mean(a) for a in x], 0),
    }


def verdict_rates(share: float, seeds: int, studies: int) -> dict[str, Any]:
    """How often six layers without a difference end in any verdict; published: fewer studies."""
    table = null_scores(share, seeds, studies, layers=LAYERS, stream=18)
    few = studies // 10
    return {
        "icc": share,
        "seeds": seeds,
        "layers": LAYERS,
        "studies": studies,
        "decided": decided(compare(table, RULE.keys)),
        "published_studies": few,
        "published": decided(compare_published(table[table.study < few], RULE.keys)),
    }


def decided(comparisons: pd.DataFrame) -> float:
    """Share of studies whose verdict is supported or mixed."""
    by_study = groupby(comparisons.to_dict("records"), key=itemgetter("study"))
    outcomes = [judge(RULE, list(rows)).outcome for _, rows in by_study]
    return rate(np.isin(outcomes, ("supported", "mixed")))


def null_scores(
    share: float, seeds: int, studies: int, *, layers: int, stream: int
) -> pd.DataFrame:
    """Fold scores of two equal groups; with more layers, half of a seed's effect is common."""
    rng = np.random.default_rng([stream, int(10 * share), seeds])
    shape = (studies, layers, 2, seeds, FOLDS)
    common = rng.normal(size=(studies, 1, 2, seeds, 1))
    own = rng.normal(size=(studies, layers, 2, seeds, 1))
    score = np.sqrt(share / 2) * (common + own) + np.sqrt(1 - share) * rng.normal(size=shape)
    study, layer, group, seed, fold = np.indices(shape).reshape(5, -1)
    return pd.DataFrame(
        {
            "study": study,
            "family": study,
            "layer": layer,
            "group": np.array(["full", "reduced"])[group],
            "seed": seed,
            "fold": fold,
            "score": score.ravel(),
        }
    )


def significant(found: Sequence[Any], p: str = "p") -> float:
    return rate(np.array([getattr(one, p) for one in found]) <= ALPHA)


def covered(found: Sequence[Any], truth: float) -> float:
    return rate(np.array([one.low <= truth <= one.high for one in found]))


def attained(step: float) -> float:
    """Largest multiple of `step`, the smallest attainable p, at or below alpha."""
    return round(floor(ALPHA / step + 1e-9) * step, 4)


if __name__ == "__main__":
    main()
