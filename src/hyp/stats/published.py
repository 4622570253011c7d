"""The comparison as the paper's code made it: every fold of every seed a unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from hyp.stats.scores import GROUPS, KEYS, checked_scores
from hyp.stats.superiority import superiority

WHY_PUBLISHED_DIFFERS = (
    "The published protocol takes every fold of every seed as an independent unit (30 v 30 "
    "for 6 seeds and 5 folds) and corrects for no number of layers, so it calls differences "
    "between seeds alone significant far more often than 5 % of the time."
)


def compare_published(
    table: pd.DataFrame,
    keys: Sequence[str] = KEYS,
    *,
    groups: tuple[str, str] = GROUPS,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Compare the pooled folds of both cohorts, as published.

    ``scipy.stats.mannwhitneyu`` with its defaults on all seeds x folds, p < `alpha`, no
    correction (the paper's section 4.4 and figure 5).

    Parameters
    ----------
    table : DataFrame
        Tidy scores, see `hyp.stats.scores.checked_scores`.
    keys : sequence of str
        Columns that tell one comparison from another.
    groups : tuple of two str
        Values of the column ``group``: a, and b that it is held against.
    alpha : float
        Level of each test on its own.

    Returns
    -------
    DataFrame
        The columns of `hyp.stats.comparisons.compare` that exist here: ``n_*``,
        ``mean_*`` and ``sd_*`` are of the pooled scores, ``family`` holds one comparison,
        so ``p_holm`` is ``p``; there are no intervals and no attainable p. Where all
        scores are identical p is 1.

    Raises
    ------
    HypError
        If the table is not fit to compare.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(group, seed, fold, level + seed / 100 + fold / 200)
    ...         for group, level in {"full": 0.6, "reduced": 0.5}.items()
    ...         for seed in range(4) for fold in range(2)]
    >>> table = pd.DataFrame(rows, columns=["group", "seed", "fold", "score"])
    >>> found = compare_published(table.assign(layer="fc"), ["layer"]).iloc[0]
    >>> int(found.n_a), bool(found.p < 0.001)
    (8, True)
    """
    keys = list(keys)
    scores = checked_scores(table, keys, groups)
    rows = []
    for key, one in scores.groupby(keys, observed=True):
        values = one["score"].to_numpy(dtype=float)
        is_a = (one["group"] == groups[0]).to_numpy()
        a, b = values[is_a], values[~is_a]
        identical = values.min() == values.max()
        p = 1.0 if identical else float(stats.mannwhitneyu(a, b).pvalue)
        ps = float(superiority(a[None], b[None])[0])
        rows.append(
            {
                **dict(zip(keys, key, strict=True)),
                "n_a": len(a),
                "n_b": len(b),
                "mean_a": a.mean(),
                "mean_b": b.mean(),
                "sd_a": _sd(a),
                "sd_b": _sd(b),
                "difference": a.mean() - b.mean(),
                "ps": ps,
                "p": p,
                "p_holm": p,
                "family": "/".join(map(str, key)),
                "direction": int(np.sign(round(ps - 0.5, 9))),
                "significant": p < alpha,
                "protocol": "published",
            }
        )
    return pd.DataFrame(rows)


def _sd(x: np.ndarray) -> float:
    return float(x.std(ddof=1)) if len(x) > 1 else float("nan")
