"""Two cohorts compared unit by unit: exact tests, effects with intervals, families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from scipy import stats

from hyp.errors import HypError
from hyp.stats.arguments import (
    Alternative,
    Floats,
    check_alternative,
    check_choice,
    check_level,
    check_margin,
)
from hyp.stats.attainable import multiplicity
from hyp.stats.comparison_rows import Asked, compared, corrected_together
from hyp.stats.families import holm
from hyp.stats.offered import Correction, EquivalenceTest, Test, chosen_test
from hyp.stats.scores import GROUPS, KEYS, checked_scores, seed_means


def compare(
    table: pd.DataFrame,
    keys: Sequence[str] = KEYS,
    *,
    groups: tuple[str, str] = GROUPS,
    alternative: Alternative = "two-sided",
    margin: float | None = None,
    alpha: float = 0.05,
    test: Test | None = None,
    correction: Correction = "holm",
    equivalence: EquivalenceTest = "welch",
    paired: str | None = None,
) -> pd.DataFrame:
    """Compare two cohorts, a and b, with the seed as the unit.

    Folds are averaged within a seed. The test is the exact Mann-Whitney test of the seed
    means: it holds its level when the two groups' scores are exchangeable, which equal
    means alone do not make them (normal scores whose spreads differ threefold double the
    rate at 5 v 5). `hyp.stats.check_assumptions` says where that is in doubt. With groups of
    equal size ``test="brunner-munzel"`` bears unequal spreads; where the smaller group spreads
    more none of the three tests holds (see benchmarks/calibration). Means that differ by no
    more than rounding are ties (`hyp.stats.scores.seed_means`).

    The estimate that goes with a rank test is the Hodges-Lehmann shift, whose interval
    inverts that test; the difference of means stands beside it. Where the two have different
    signs, ``signs_agree`` is False and no rule counts the comparison as support.

    Comparisons of one family are corrected together, so the family's error rate is held over
    all its comparisons, however they depend on each other; two families of one hypothesis
    spend the error rate twice.

    With a margin every comparison is tested for equivalence too (two one-sided tests,
    `hyp.stats.tost`), corrected by a Holm procedure of its own.

    Parameters
    ----------
    table : DataFrame
        Tidy scores, see `hyp.stats.scores.checked_scores`. A column ``family``, if there
        is one, names each comparison's family; otherwise all are one.
    keys : sequence of str
        Columns that tell one comparison from another.
    groups : tuple of two str
        Values of the column ``group``: a, and b that it is held against.
    alternative : {"two-sided", "greater", "less"}
        Direction that was declared for a against b.
    margin : float, optional
        Largest difference, in units of the score, that would not matter.
    alpha : float
        Family-wise error rate.
    test : {"rank", "studentized", "brunner-munzel"}, optional
        ``rank``: exact Mann-Whitney; with pairs exact Wilcoxon signed-rank.
        ``studentized``: permutation of the studentized difference of means; with pairs sign
        flips of their mean difference. ``brunner-munzel``: its permutation form. Without a
        word, rank under Holm and studentized under max-T.
    correction : {"holm", "max-t"}
        How a family is corrected. ``max-t`` permutes whole units with all their scores
        (`hyp.stats.families`); units are told by ``group`` and ``seed``, so one label must
        mean one network in all comparisons of a family. Comparisons of a family that are
        made on different units are corrected set by set, and Bonferroni between the sets.
    equivalence : {"welch", "rank", "studentized", "brunner-munzel"}
        Test of equivalence; ``welch`` is Student's with pairs.
    paired : str, optional
        Column that tells which unit of a goes with which of b, such as the task that both
        were given; ``seed`` where the unit's label itself recurs.

    Returns
    -------
    DataFrame
        One row a comparison, sorted by keys. Columns: the keys, ``n_a``,
        ``n_b`` (seeds; pairs in both), ``mean_*`` and ``sd_*`` of the seed means (sd NaN with
        one seed), ``difference`` (a - b) with its 95 % Welch interval ``ci_low``,
        ``ci_high`` (Student's for pairs; NaN with one seed in a group, or where no seed
        differs from its group), ``shift`` (Hodges-Lehmann) with ``shift_low``, ``shift_high``
        (NaN where the groups are too small for 95 %), ``ps``, ``ps_low``, ``ps_high``
        (probability that a seed of a scores above one of b, with Newcombe's 95 % interval;
        for pairs the share in which a is above, with Wilson's), ``p``, ``p_attainable`` (the
        smallest the design allows), ``p_holm``, ``p_bh`` (Benjamini & Hochberg's, for
        maps in which a share of false discoveries is accepted; no verdict uses it),
        ``p_corrected`` (by the correction declared, which decides), ``multiplicity`` (by
        which the correction multiplies ``p_attainable`` at best), ``family``, ``direction``
        (in which the test points: 1, 0 or -1), ``signs_agree``, ``significant``, ``test``,
        ``correction`` and ``protocol``. With a margin also ``p_equivalence`` (NaN where the
        interval is), ``p_equivalence_holm``, ``equivalent``, ``p_not_lower``,
        ``p_not_higher`` and ``not_lower`` (a is not lower than b by the margin, at alpha).

    Raises
    ------
    HypError
        If the table is not fit to compare, a comparison lies in two families, a unit has no
        partner, or an argument is unknown or out of range.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(group, seed, fold, level + seed / 100 + fold / 200)
    ...         for group, level in {"full": 0.6, "reduced": 0.5}.items()
    ...         for seed in range(4) for fold in range(2)]
    >>> table = pd.DataFrame(rows, columns=["group", "seed", "fold", "score"])
    >>> found = compare(table.assign(layer="fc"), ["layer"]).iloc[0]
    >>> int(found.n_a), round(float(found.difference), 3), round(float(found.p), 4)
    (4, 0.1, 0.0286)
    """
    keys = list(keys)
    asked = _asked(test, correction, alternative, margin, equivalence, paired, alpha, groups)
    scores = checked_scores(table, keys, groups)
    if paired is not None:
        scores = _by_pair(scores, keys, groups, paired)
    families = _families(scores, keys)
    found = list(_same_size(seed_means(scores, keys), keys, groups))
    results = pd.concat([compared(one.index, one.a, one.b, asked) for one in found])
    result = families.join(results).reset_index()
    correct_families(result, alpha)
    result["correction"] = correction
    if correction == "holm":
        result["p_corrected"] = result["p_holm"]
        size = result.groupby("family", observed=True)["p"].transform("size").astype(int)
        result["multiplicity"] = size.map(lambda m: multiplicity(m, correction))
    else:
        joint = families.join(_max_t(found, families, asked)).reset_index()
        result[["p_corrected", "multiplicity"]] = joint[["p_corrected", "multiplicity"]]
    result["significant"] = result["p_corrected"] <= alpha
    result["protocol"] = "recommended"
    if margin is None:
        return result[[*keys, *_COLUMNS]]
    result["not_lower"] = result["p_not_lower"] <= alpha
    return result[[*keys, *_COLUMNS, *_WITH_A_MARGIN]]


def correct_families(rows: pd.DataFrame, alpha: float) -> None:
    """Correct comparisons within their families, in place: all but max-T, see `compare`.

    Parameters
    ----------
    rows : DataFrame
        With ``family`` and ``p``; where there is ``p_equivalence``, that is corrected too.
    alpha : float
    """
    by_family = rows.groupby("family", observed=True)
    rows["p_holm"] = by_family["p"].transform(holm)
    rows["p_bh"] = by_family["p"].transform(stats.false_discovery_control)
    if "p_equivalence" in rows:
        rows["p_equivalence_holm"] = by_family["p_equivalence"].transform(
            lambda p: pd.Series(holm(p.fillna(1.0)), p.index).mask(p.isna())
        )
        rows["equivalent"] = rows["p_equivalence_holm"] <= alpha


_COLUMNS = [
    *("n_a", "n_b", "mean_a", "mean_b", "sd_a", "sd_b"),
    *("difference", "ci_low", "ci_high", "ps", "ps_low", "ps_high"),
    *("p", "p_attainable", "p_holm", "p_bh", "family", "direction", "significant", "protocol"),
    *("shift", "shift_low", "shift_high", "signs_agree"),
    *("test", "correction", "p_corrected", "multiplicity"),
]
_WITH_A_MARGIN = [
    *("p_equivalence", "p_equivalence_holm", "equivalent"),
    *("p_not_lower", "p_not_higher", "not_lower"),
]


@dataclass(frozen=True)
class _SameSize:
    """Comparisons of groups of the same sizes; rows of `units` name what the columns are."""

    index: pd.Index
    a: Floats
    b: Floats
    units: np.ndarray


def _asked(
    test: Test | None,
    correction: Correction,
    alternative: Alternative,
    margin: float | None,
    equivalence: EquivalenceTest,
    paired: str | None,
    alpha: float,
    groups: tuple[str, str],
) -> Asked:
    check_alternative(alternative)
    check_level("alpha", alpha)
    check_choice("correction", correction, get_args(Correction))
    check_choice("equivalence", equivalence, get_args(EquivalenceTest))
    if test is not None:
        check_choice("test", test, get_args(Test))
    if margin is not None:
        check_margin(margin)
    if groups[0] == groups[1]:
        raise HypError(f"the group {groups[0]!r} cannot be compared with itself.")
    chosen = chosen_test(test, correction)
    if paired is not None and "brunner-munzel" in (chosen, equivalence):
        raise HypError("the Brunner-Munzel test is not for pairs; take rank or studentized.")
    return Asked(chosen, alternative, margin, equivalence, paired is not None)


def _by_pair(
    scores: pd.DataFrame, keys: list[str], groups: tuple[str, str], paired: str
) -> pd.DataFrame:
    """Give units the label of their pair, after checking that every pair is complete."""
    if paired not in scores.columns:
        raise HypError(f"the score table lacks the column {paired!r} that tells the pairs.")
    if scores[paired].isna().any():
        raise HypError(f"the score table has rows with no {paired!r}.")
    units = scores[[*dict.fromkeys([*keys, "group", "seed", paired])]].drop_duplicates()
    several = units[units.duplicated([*keys, "group", "seed"])]
    if len(several):
        raise HypError(
            f"seed {several['seed'].iloc[0]} of {several['group'].iloc[0]} has several values of "
            f"{paired!r}; a unit belongs to one pair."
        )
    twice = units[units.duplicated([*keys, "group", paired])]
    if len(twice):
        raise HypError(
            f"several units of {twice['group'].iloc[0]} have {paired} {twice[paired].iloc[0]}; a "
            "pair has one unit of each group. Average them first, or compare unpaired."
        )
    alone = units.groupby([*keys, paired], observed=True)["group"].agg(["size", "first"])
    alone = alone[alone["size"] < 2].reset_index()
    if len(alone):
        named = [f"{one[paired]} ({one['first']} only)" for _, one in alone.head(6).iterrows()]
        raise HypError(
            f"{len(alone)} units have no partner by {paired!r}: {', '.join(named)}"
            f"{', ...' if len(alone) > len(named) else ''}; leave them out or compare unpaired."
        )
    return scores.assign(seed=scores[paired])


def _max_t(found: Sequence[_SameSize], families: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Correct comparisons of one family and the same units together, see `compare`."""
    blocks: dict[tuple[str, tuple[int, ...]], tuple[_SameSize, list[int]]] = {}
    for one in found:
        of_family = families.loc[one.index, "family"].astype(str)
        for row, (family, units) in enumerate(zip(of_family, one.units.tolist(), strict=True)):
            blocks.setdefault((family, tuple(units)), (one, []))[1].append(row)
    sets = Counter(family for family, _ in blocks)
    corrected = [
        pd.DataFrame(
            {
                "p_corrected": sets[family] * corrected_together(one.a[rows], one.b[rows], asked),
                "multiplicity": sets[family],
            },
            index=one.index[rows],
        )
        for (family, _), (one, rows) in blocks.items()
    ]
    joined = pd.concat(corrected)
    joined["p_corrected"] = joined["p_corrected"].clip(upper=1.0)
    return joined


def _families(scores: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if "family" not in scores.columns:
        scores = scores.assign(family="all")
    families = scores[[*keys, "family"]].drop_duplicates().set_index(keys)
    twice = families.index.duplicated()
    if families["family"].isna().any() or twice.any():
        raise HypError("every comparison needs one family, the same in all its rows.")
    return families


def _same_size(
    means: pd.DataFrame, keys: list[str], groups: tuple[str, str]
) -> Iterator[_SameSize]:
    """Gather comparisons with the same numbers of seeds; columns are in the seeds' order."""
    means["place"] = means.groupby([*keys, "group"], observed=True).cumcount()
    means["unit"] = means.groupby(["group", "seed"], observed=True).ngroup()
    wide = means.pivot(index=keys, columns=["group", "place"], values=["score", "unit"])
    a, b = (wide["score"][group].to_numpy(dtype=float) for group in groups)
    units = wide["unit"][list(groups)].to_numpy(dtype=float)
    sizes = np.stack([np.isfinite(part).sum(axis=1) for part in (a, b)], axis=1)
    for n1, n2 in np.unique(sizes, axis=0):
        rows = (sizes == (n1, n2)).all(axis=1)
        own = np.concatenate([units[rows, :n1], units[rows, a.shape[1] : a.shape[1] + n2]], axis=1)
        yield _SameSize(wide.index[rows], a[rows, :n1], b[rows, :n2], own.astype(int))
