"""The mixed model beside the seed-level test, and how alike folds of one seed are.

A mixed model of all fold scores (a random level for each seed) asks the same question as
the test of seed means. With balanced folds and seeds that do differ it is the same: its
effect is the difference of the seed means, its standard error theirs, and with a t
reference of seeds - 2 degrees of freedom its p is the t test's. What it adds is the share
of the spread that lies between seeds, and what it warns of.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hyp.errors import HypError
from hyp.stats.arguments import check_level
from hyp.stats.scores import GROUPS, check_columns

Floats = NDArray[np.float64]

_BOUNDARY = 1e-6


@dataclass(frozen=True)
class MixedModel:
    """A mixed model of fold scores: group as fixed effect, a random level for each seed.

    Attributes
    ----------
    effect : float
        a - b, in the unit of the scores.
    low, high : float
        Its interval; NaN where the model is not identified.
    p : float
        Two-sided, from t with `df` degrees of freedom.
    p_wald : float
        Two-sided, from the normal distribution as statsmodels gives it: too small at few
        seeds, and shown for comparison only.
    df : int
        Seeds of both groups - 2.
    icc : float
        Share of the variance that lies between seeds, in [0, 1].
    n_a, n_b : int
        Seeds.
    state : str
        ``fitted``; ``boundary`` (no variance between seeds was found);
        ``not converged``; or ``not identified`` (folds, or all scores, do not vary).
    note : str
        What `state` means for the reader; empty if ``fitted``.
    """

    effect: float
    low: float
    high: float
    p: float
    p_wald: float
    df: int
    icc: float
    n_a: int
    n_b: int
    state: str
    note: str = ""


@dataclass(frozen=True)
class IntraclassCorrelation:
    """How alike the folds of one seed are, seeds of one group compared.

    Attributes
    ----------
    value : float
        Estimate; below zero where folds of one seed differ more than seeds do. NaN where
        nothing varies within groups.
    low, high : float
        Its interval.
    units : int
        Seeds of all groups.
    folds : float
        Folds a seed (their effective mean where seeds have different numbers).
    """

    value: float
    low: float
    high: float
    units: int
    folds: float


def mixed_model(
    table: pd.DataFrame, *, groups: tuple[str, str] = GROUPS, confidence: float = 0.95
) -> MixedModel:
    """Compare two groups by a mixed model of all their fold scores.

    ``statsmodels`` ``MixedLM`` (REML) of score ~ group with a random intercept for each
    model, that is each (group, seed). Its Wald z takes the spread of a handful of seeds as
    known: where the t below is right, it rejects 12 % at 3 v 3 seeds, 9 % at 5 v 5 and 7 %
    at 8 v 8 at nominal 5 % (the share of t beyond 1.96 with 4, 8 and 14 degrees of
    freedom). The p and the interval here take t with seeds - 2 degrees of freedom instead,
    exact for balanced folds when there is variance between seeds, where they are those of
    ``scipy.stats.ttest_ind`` of the seed means (equal variances). At the boundary, where no
    such variance is found, they are conservative. With unequal numbers of folds they are
    approximate. Effects that folds have in common are part of the residual.

    Parameters
    ----------
    table : DataFrame
        One row a fold, of one comparison, with the columns ``group``, ``seed``, ``fold``
        and ``score``. The same seed in two groups is two models.
    groups : tuple of two str
        Values of ``group``: a, and b that it is held against.
    confidence : float
        Two-sided coverage aimed at by the interval.

    Raises
    ------
    HypError
        If a column is missing or empty, a score is not finite, a fold occurs twice, a
        group is unknown or has fewer than two seeds, or every seed has one fold only.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(group, seed, fold, level + seed / 100 + fold / 200)
    ...         for group, level in {"full": 0.6, "reduced": 0.5}.items()
    ...         for seed in range(4) for fold in range(2)]
    >>> table = pd.DataFrame(rows, columns=["group", "seed", "fold", "score"])
    >>> round(mixed_model(table).effect, 3)
    0.1
    """
    check_level("the confidence", confidence)
    scores = _folds(table, groups)
    n_a, n_b = (int(scores.loc[scores["a"] == a, "unit"].nunique()) for a in (1, 0))
    if min(n_a, n_b) < 2:
        raise HypError(
            f"a mixed model needs at least two seeds in each group, not {n_a} and {n_b}."
        )
    df = n_a + n_b - 2
    means = scores.groupby(["a", "unit"])["score"].mean().groupby("a").mean()
    within = scores.groupby("unit")["score"].agg(np.ptp)
    nan = float("nan")
    if within.max() <= 1e-12 * float(scores["score"].abs().max()):
        return MixedModel(
            effect=float(means[1] - means[0]),
            low=nan,
            high=nan,
            p=nan,
            p_wald=nan,
            df=df,
            icc=nan if np.ptp(scores["score"]) == 0 else 1.0,
            n_a=n_a,
            n_b=n_b,
            state="not identified",
            note="The folds of a seed do not differ, so the mixed model has nothing to add; "
            "use the test of seed means.",
        )
    fit = _fitted(scores, icc(table).value)
    spread = stats.t.ppf((1 + confidence) / 2, df) * fit.error
    state, note = "fitted", ""
    if not fit.converged:
        state = "not converged"
        note = "The mixed model did not converge; rely on the test of seed means."
    elif fit.icc < _BOUNDARY:
        state = "boundary"
        note = (
            "No variance between seeds was found beyond that of their folds, so the mixed "
            "model is at its boundary and its p is conservative."
        )
    return MixedModel(
        effect=fit.effect,
        low=fit.effect - spread,
        high=fit.effect + spread,
        p=float(2 * stats.t.sf(abs(fit.effect) / fit.error, df)),
        p_wald=float(2 * stats.norm.sf(abs(fit.effect) / fit.error)),
        df=df,
        icc=fit.icc,
        n_a=n_a,
        n_b=n_b,
        state=state,
        note=note,
    )


def icc(table: pd.DataFrame, *, confidence: float = 0.95) -> IntraclassCorrelation:
    """Intraclass correlation of the folds within seeds, groups' means removed.

    One-way random effects, ICC(1) (Shrout and Fleiss 1979, Psychological Bulletin 86,
    420-428), from the mean squares between the seeds of a group and within seeds; for one
    group the same as ``pingouin.intraclass_corr``. The interval is exact for balanced
    folds and normal scores. It is what makes pooled folds misleading: at 0.5 and 5 folds
    a seed is worth 1.7 independent scores, not 5.

    Parameters
    ----------
    table : DataFrame
        One row a fold, of one comparison, with the columns ``group``, ``seed``, ``fold``
        and ``score``; any number of groups.
    confidence : float
        Two-sided coverage aimed at.

    Raises
    ------
    HypError
        If a column is missing or empty, a score is not finite, a fold occurs twice, no
        group has two seeds, or every seed has one fold only.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(group, seed, fold, level + seed / 100 + fold / 200)
    ...         for group, level in {"full": 0.6, "reduced": 0.5}.items()
    ...         for seed in range(4) for fold in range(2)]
    >>> table = pd.DataFrame(rows, columns=["group", "seed", "fold", "score"])
    >>> icc(table).value > 0.8
    True
    """
    check_level("the confidence", confidence)
    scores = _folds(table, None)
    by_unit = scores.groupby(["group", "unit"], observed=True)["score"].agg(["size", "mean", "var"])
    by_group = by_unit.groupby("group", observed=True)
    totals = by_group["size"].transform("sum")
    centre = (by_unit["size"] * by_unit["mean"]).groupby("group", observed=True).transform("sum")
    between = float((by_unit["size"] * (by_unit["mean"] - centre / totals) ** 2).sum())
    within = float(((by_unit["size"] - 1) * by_unit["var"].fillna(0)).sum())
    units, points = len(by_unit), len(scores)
    df_between, df_within = units - by_group.ngroups, points - units
    if df_between < 1:
        raise HypError("an intraclass correlation needs at least two seeds in some group.")
    folds = float(points - (by_unit["size"] ** 2 / totals).sum()) / df_between
    if between + within <= 1e-24 * float((scores["score"] ** 2).sum()):
        nan = float("nan")
        return IntraclassCorrelation(nan, nan, nan, units, folds)
    ratio = between / df_between / (within / df_within) if within > 0 else float("inf")
    tail = (1 - confidence) / 2
    low = ratio / float(stats.f.isf(tail, df_between, df_within))
    high = ratio * float(stats.f.isf(tail, df_within, df_between))
    value, low, high = (_from_ratio(one, folds) for one in (ratio, low, high))
    return IntraclassCorrelation(value, low, high, units, folds)


def median_icc(table: pd.DataFrame, keys: Sequence[str]) -> float | None:
    """Median over comparisons of `icc`, not below zero; one pass over the table.

    Parameters
    ----------
    table : DataFrame
        As for `icc`, with the columns in `keys`, which tell comparisons apart.
    keys : sequence of str

    Returns
    -------
    float or None
        None where no comparison has both a unit with several folds and a group with
        several units, or nothing varies.
    """
    place = [*keys, "group"]
    by_unit = table.groupby([*place, "seed"], observed=True)["score"].agg(["size", "mean", "var"])
    by_unit = by_unit.reset_index()
    by_unit["sum"] = by_unit["size"] * by_unit["mean"]
    groups = by_unit.groupby(place, observed=True)
    by_unit["total"] = groups["size"].transform("sum")
    away = by_unit["mean"] - groups["sum"].transform("sum") / by_unit["total"]
    by_unit["between"] = by_unit["size"] * away**2
    by_unit["within"] = (by_unit["size"] - 1) * by_unit["var"].fillna(0)
    by_unit["overlap"] = by_unit["size"] ** 2 / by_unit["total"]
    sums = (
        by_unit.groupby(list(keys), observed=True) if keys else by_unit.assign(all=0).groupby("all")
    )
    found = sums[["size", "between", "within", "overlap"]].sum()
    units = sums.size()
    df_between = units - (sums["group"].nunique())
    df_within = found["size"] - units
    kept = (df_between > 0) & (df_within > 0) & (found["between"] + found["within"] > 0)
    if not kept.any():
        return None
    found, df_between, df_within = found[kept], df_between[kept], df_within[kept]
    folds = (found["size"] - found["overlap"]) / df_between
    within, between = found["within"] / df_within, found["between"] / df_between
    return max(0.0, float(((between - within) / (between + (folds - 1) * within)).median()))


@dataclass(frozen=True)
class _Fit:
    effect: float
    error: float
    icc: float
    converged: bool


def _fitted(scores: pd.DataFrame, start: float) -> _Fit:
    """Fit the model to standardised scores, from the variance share that ANOVA gives.

    With balanced folds that start is the REML solution; from statsmodels' own start and
    optimiser a quarter of fits at 3 v 3 seeds and an ICC of 0 or 0.2 did not converge.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    values = scores["score"].to_numpy(dtype=float)
    scale = float(values.std())
    design = np.column_stack([np.ones(len(values)), scores["a"].to_numpy(dtype=float)])
    ratio = max(start / (1 - start), 0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLM((values - values.mean()) / scale, design, groups=scores["unit"].to_numpy())
        fit = model.fit(
            reml=True,
            start_params=MixedLMParams.from_components(np.zeros(2), np.array([[ratio]])),
            method="powell",
            xtol=1e-8,
            ftol=1e-10,
        )
    between, residual = float(fit.cov_re.item()), float(fit.scale)
    return _Fit(
        effect=float(fit.fe_params[1]) * scale,
        error=float(fit.bse_fe[1]) * scale,
        icc=between / (between + residual),
        converged=bool(fit.converged),
    )


def _from_ratio(ratio: float, folds: float) -> float:
    return 1.0 if ratio == float("inf") else (ratio - 1) / (ratio + folds - 1)


def _folds(table: pd.DataFrame, groups: tuple[str, str] | None) -> pd.DataFrame:
    """Check one comparison's fold scores; sorted, with ``unit`` numbered and ``a`` 1 or 0."""
    rows = ["group", "seed", "fold"]
    check_columns(table, rows)
    if not np.isfinite(table["score"].to_numpy(dtype=float)).all():
        raise HypError("the score table holds scores that are missing or infinite.")
    if table.duplicated(rows).any():
        raise HypError(
            "a fold of a seed occurs more than once; give the table of one comparison only."
        )
    if groups is not None:
        found = set(table["group"].unique())
        if found != set(groups):
            raise HypError(
                f"the score table must hold the groups {groups[0]} and {groups[1]}, "
                f"not {', '.join(sorted(map(str, found)))}."
            )
    scores = table[[*rows, "score"]].sort_values(rows, kind="stable", ignore_index=True)
    scores["score"] = scores["score"].astype(float)
    scores["unit"] = scores.groupby(["group", "seed"], observed=True).ngroup()
    if scores["unit"].nunique() == len(scores):
        raise HypError("every seed has one fold only; compare the seeds' scores themselves.")
    if groups is not None:
        scores["a"] = (scores["group"] == groups[0]).astype(int)
    return scores
