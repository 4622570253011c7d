"""Manipulation checks: whether the experiment was the one that was declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hyp.errors import HypError
from hyp.stats.arrangements import sign_arrangements
from hyp.stats.scores import checked_scores
from hyp.stats.verdict import Check
from hyp.text import some


def check_reduction(
    latent: str,
    kind: Literal["continuous", "categorical"],
    *,
    full: ArrayLike,
    reduced: ArrayLike,
    stimuli: ArrayLike,
    at_most: float = 0.1,
    at_least: float = 0.5,
    part: str = "",
) -> tuple[Check, Check]:
    """Check that a latent is reduced in the reduced dataset and varies in the full one.

    The spread of a continuous latent is its variance, that of a categorical one its
    entropy in bits. The reduced dataset is held against the full one, the full dataset
    against the held-out stimuli, whose values are what gets decoded.

    Parameters
    ----------
    latent : str
        Name, for the sentences.
    kind : {"continuous", "categorical"}
    full, reduced, stimuli : array_like, shape (images,)
        The latent's values in each dataset.
    at_most : float
        Largest spread of the reduced dataset, as a share of the full one's.
    at_least : float
        Smallest spread of the full dataset, as a share of the stimuli's.
    part : str
        Part of the hypothesis the checks concern; empty for all of it.

    Returns
    -------
    reduced_check, full_check : Check
        A dataset in which nothing varies counts as unreduced against one in which
        nothing varies either.

    Raises
    ------
    HypError
        If a dataset is empty, a value is missing or the stimuli do not vary.

    Examples
    --------
    >>> reduced, varies = check_reduction("size", "continuous", full=[1, 2, 3, 4],
    ...                                   reduced=[2, 2, 2, 2], stimuli=[1, 2, 3, 4])
    >>> reduced.passed, varies.passed
    (True, True)
    """
    spreads = {
        name: _spread(latent, kind, values)
        for name, values in (("full", full), ("reduced", reduced), ("stimuli", stimuli))
    }
    if spreads["stimuli"] == 0:
        raise HypError(f"{latent} does not vary in the held-out stimuli, so it cannot be decoded.")
    measure, unit = ("variance", "") if kind == "continuous" else ("entropy", " bits")
    share = spreads["reduced"] / spreads["full"] if spreads["full"] > 0 else 1.0
    kept = spreads["full"] / spreads["stimuli"]
    return (
        Check(
            name=f"{latent} reduced",
            passed=share <= at_most,
            value=share,
            threshold=at_most,
            sentence=(
                f"The {measure} of {latent} in the reduced dataset is "
                f"{spreads['reduced']:.3g}{unit}, {share:.1%} of the full dataset's "
                f"(at most {at_most:.0%} is asked for)."
            ),
            part=part,
        ),
        Check(
            name=f"{latent} varies in full",
            passed=kept >= at_least,
            value=kept,
            threshold=at_least,
            sentence=(
                f"The {measure} of {latent} in the full dataset is {spreads['full']:.3g}{unit}, "
                f"{kept:.1%} of the held-out stimuli's (at least {at_least:.0%} is asked for)."
            ),
            part=part,
        ),
    )


def check_learned(
    errors: Mapping[str, tuple[float, float]], *, margin: float = 0.05, part: str = ""
) -> Check:
    """Check that every model learned its target.

    Parameters
    ----------
    errors : mapping of str to (error, baseline)
        For each model its held-out error and that of the constant predictor (the training
        mean, or the most frequent training class) on the same images: a loss, or a share of
        wrong answers.
    margin : float
        Share of the baseline's error that every model must do away with: a network that
        learned nothing lands a hair above or below the baseline by luck.
    part : str
        Part of the hypothesis the check concerns; empty for all of it.

    Returns
    -------
    Check
        ``value`` is the largest error / baseline (infinite for one that is not finite).

    Raises
    ------
    HypError
        If there is no model, or a baseline is not a positive finite number.

    Examples
    --------
    >>> check = check_learned({"seed 0": (0.2, 1.0), "seed 1": (0.98, 1.0)})
    >>> check.passed, check.value
    (False, 0.98)
    """
    if not errors:
        raise HypError("no model's error was given; the check of learning needs at least one.")
    for model, (_, baseline) in errors.items():
        if not (isfinite(baseline) and baseline > 0):
            raise HypError(f"the baseline error of {model} is {baseline:g}; it must be positive.")
    ratios = {
        model: error / baseline if isfinite(error) else float("inf")
        for model, (error, baseline) in errors.items()
    }
    threshold = 1 - margin
    failed = [model for model, ratio in ratios.items() if not ratio < threshold]
    worst = max(ratios, key=lambda model: ratios[model])
    if failed:
        sentence = (
            f"{len(failed)} of {len(errors)} models did not beat the constant predictor by "
            f"{margin:.0%} on held-out data: {some(failed)}."
        )
    else:
        sentence = (
            f"All {len(errors)} models beat the constant predictor on held-out data; the "
            f"worst, {worst}, by {1 - ratios[worst]:.1%} (more than {margin:.0%} is asked for)."
        )
    return Check(
        name="target learned",
        passed=not failed,
        value=ratios[worst],
        threshold=threshold,
        sentence=sentence,
        part=part,
    )


def check_decodable(
    table: pd.DataFrame,
    keys: Sequence[str] = ("layer",),
    *,
    alpha: float = 0.05,
    part: str = "",
) -> tuple[Check, pd.DataFrame]:
    """Check that the latent can be decoded above chance somewhere.

    The null is that no model of either group decodes above chance in any layer. Under it
    a model's scores minus chance are as likely negative as positive, so signs are flipped
    model by model, all its layers together, and the largest layer's mean over all models
    is compared with those of every flip (one-sided, exact up to 16 models, beyond that
    65,536 fixed random flips). Taking the maximum corrects for the number of layers; the
    smallest p is 1 / 2^(models), 0.001 at 5 v 5, where tests in each group and layer
    with 1 / 2^5 = 0.031 could not pass any correction. The stimuli are taken as given:
    a deviation from chance that all models share because they share the stimuli is not
    told from decodability.

    Parameters
    ----------
    table : DataFrame
        Tidy scores of one latent and target, see `hyp.stats.scores.checked_scores`, with
        a column ``chance`` (0 for a correlation).
    keys : sequence of str
        Columns that vary within a model.
    alpha : float
        Level of the test.
    part : str
        Part of the hypothesis the check concerns; empty for all of it.

    Returns
    -------
    check : Check
        ``value`` is the p over all models and layers.
    layers : DataFrame
        One row a (keys, group): ``n`` seeds, mean ``score``, ``chance``, ``above`` (their
        difference), and the exact ``p`` of that row alone, uncorrected, with its
        ``p_attainable``.

    Raises
    ------
    HypError
        If the table is not fit, has no finite ``chance``, or a model lacks a layer.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(group, seed, fold, level + seed / 100 + fold / 200)
    ...         for group, level in {"full": 0.6, "reduced": 0.5}.items()
    ...         for seed in range(4) for fold in range(2)]
    >>> table = pd.DataFrame(rows, columns=["group", "seed", "fold", "score"])
    >>> check, layers = check_decodable(table.assign(layer="fc", chance=0.25))
    >>> check.passed, check.value == 1 / 2**8
    (True, True)
    """
    keys = list(keys)
    if "chance" not in table.columns or not np.isfinite(table["chance"].astype(float)).all():
        raise HypError("the score table needs a finite 'chance' in every row.")
    scores = checked_scores(table, keys)
    scores["above"] = scores["score"] - scores["chance"]
    folds = scores.groupby([*keys, "group", "seed"], observed=True)
    models = folds[["score", "chance", "above"]].mean().reset_index()
    wide = models.pivot(index=["group", "seed"], columns=keys, values="above")
    if wide.isna().to_numpy().any():
        raise HypError("some models lack scores in some layers; decode every layer of every model.")

    above = wide.to_numpy(dtype=float)
    p = largest_mean_p(above)
    best: Any = wide.columns[int(above.mean(axis=0).argmax())]
    where = "/".join(map(str, best)) if len(keys) > 1 else str(best)
    passed = p <= alpha
    check = Check(
        name="non-target decodable",
        passed=passed,
        value=p,
        threshold=alpha,
        sentence=(
            f"The non-target is {'' if passed else 'not '}decodable above chance: at best "
            f"{above.mean(axis=0).max():+.3g} from chance, in {where} "
            f"(sign flips of {len(above)} models, largest of {above.shape[1]} layers, p = {p:.2g})."
        ),
        part=part,
    )
    return check, _layer_table(models, keys)


def _layer_table(models: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for key, one in models.groupby([*keys, "group"], observed=True):
        rows.append(
            {
                **dict(zip([*keys, "group"], key, strict=True)),
                "n": len(one),
                **{column: float(one[column].mean()) for column in ("score", "chance", "above")},
                "p": largest_mean_p(one[["above"]].to_numpy(dtype=float)),
                "p_attainable": 0.5 ** len(one),
            }
        )
    return pd.DataFrame(rows)


def _spread(latent: str, kind: str, values: ArrayLike) -> float:
    column = pd.Series(np.asarray(values))
    if column.empty or column.isna().any():
        raise HypError(f"{latent} has no value for some or all images of a dataset.")
    if kind == "continuous":
        # a pinned value's variance is 0, not what rounding leaves of it
        return 0.0 if column.nunique() == 1 else float(column.astype(float).var(ddof=0))
    shares = column.value_counts(normalize=True).to_numpy()
    return abs(float(shares @ np.log2(shares)))


def largest_mean_p(above: NDArray[np.float64]) -> float:
    """One-sided p of the largest column mean, over flips of whole rows' signs.

    Exact up to 16 rows, beyond that over 65,536 fixed random flips.

    Parameters
    ----------
    above : ndarray, shape (models, layers)
        Scores minus chance.
    """
    sums = (sign_arrangements(len(above)) @ above).max(axis=1)
    rounding = 4 * len(above) * np.finfo(float).eps * np.abs(above).sum(axis=0).max()
    return float((sums >= sums[0] - rounding).mean())
