"""What a finished run leaves: everything its report shows, as one JSON document and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import Field, ValidationError

from hyp.errors import HypError, first_problem
from hyp.hypotheses.profile import Declared
from hyp.hypotheses.questions.base import SCORE_COLUMNS, Similarities
from hyp.hypotheses.scores import DIMENSIONS
from hyp.stats.rules import ComparedAt
from hyp.stats.verdict import Check, Verdict

if TYPE_CHECKING:  # pandas and xarray take seconds to import, and a finished run needs neither
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

RESULT_FILE = "result.json"
SCORES_FILE = "scores.parquet"
CUBES = "scores.zarr"
SIMILARITY_FILE = "similarity.npz"
SAMPLES_FILE = "samples.npz"


class _Answer(Declared):
    """What a question yields: it has some of the fields, as numbers of any kind."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the fields from an answer; NaN is None."""
        known = {name: values[name] for name in cls.model_fields if name in values}
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in known.items()}
        return cls(
            **{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in plain.items()}
        )


class Row(_Answer):
    """One comparison: what a rule reads; None where something is undefined.

    Attributes
    ----------
    question, kind, measured, layer : str
        Which question, of which kind, what was measured and where.
    objective : str
        What the networks were trained for, where a question is asked of several objectives.
    a, b : str
        Titles of what is compared: cohorts, or kinds of pairs; `b` is empty for correlations.
    n_a, n_b : int
        Networks of each.
    mean_a, mean_b, sd_a, sd_b : float
        Of the networks' scores, or the similarities of both kinds of pairs.
    difference, ci_low, ci_high : float
        The effect, a - b or a correlation, and its 95 % interval.
    effect : {"difference", "correlation"}
    ps, ps_low, ps_high : float
        Probability that a network of a scores above one of b, and its 95 % interval; of pairs
        within cohorts against those between them, the measure's separation
        (`hyp.stats.group_pairs.separation`).
    alternative : {"two-sided", "greater", "less"}
        Of the test.
    p, p_attainable, p_corrected : float
        Uncorrected, the smallest that the design allows, and corrected over the family.
    family : str
        Which comparisons it is corrected with.
    confirmatory : bool
        Whether the rule reads it.
    p_equivalence, p_not_lower : float
        Where the rule has a margin.
    direction : int
        +1 where a is higher, or the correlation positive.
    significant, not_lower : bool
    note : str
        How it was computed, where that is not plain.
    effect_pooled, p_pooled : float
        Under the published protocol: every fold, every pair of networks, or every checkpoint
        taken as independent, and nothing corrected.
    n_pooled : int
        How many of them.
    direction_pooled : int
    """

    question: str
    kind: str
    objective: str = ""
    measured: str
    layer: str
    a: str
    b: str
    n_a: int
    n_b: int
    mean_a: float | None
    mean_b: float | None
    sd_a: float | None = None
    sd_b: float | None = None
    difference: float
    ci_low: float | None
    ci_high: float | None
    effect: str
    ps: float | None = None
    ps_low: float | None = None
    ps_high: float | None = None
    alternative: str = "two-sided"
    p: float
    p_attainable: float
    p_corrected: float
    family: str
    confirmatory: bool
    p_equivalence: float | None = None
    p_not_lower: float | None = None
    direction: int
    significant: bool
    not_lower: bool = False
    note: str = ""
    effect_pooled: float | None = None
    p_pooled: float | None = None
    n_pooled: int | None = None
    direction_pooled: int | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the fields from an answer that was corrected by Holm; NaN is None."""
        return super().of({**values, "p_corrected": values["p_holm"]})


class LearningCurve(Declared):
    """One network's loss: on training batches and on held-out images.

    ``train`` and ``held_out`` hold (batch, loss) pairs; ``baseline`` is the held-out
    loss of the best constant predictor.
    """

    cohort: str
    seed: int
    task: str
    metric: str
    train: tuple[tuple[int, float], ...]
    held_out: tuple[tuple[int, float], ...]
    baseline: float


class CohortSummary(Declared):
    """A cohort as the report names it.

    Attributes
    ----------
    name, title, objective, design : str
    trained, natural : bool
        As declared: whether it was trained, and on natural images.
    share : float
        Of the training images that it saw.
    n_images, batches : int
    seeds : tuple of int
    keys : tuple of str
        Of the networks, one per seed.
    dataset : str
        Key of the training images; empty where there are none of this store.
    """

    name: str
    title: str
    objective: str
    design: str
    trained: bool
    natural: bool
    share: float
    n_images: int
    batches: int
    seeds: tuple[int, ...]
    keys: tuple[str, ...]
    dataset: str


class EqualLoss(Declared):
    """A question asked at equal held-out loss, each network at its own number of batches.

    Attributes
    ----------
    question, objective : str
        As in its rows.
    share : float or None
        The loss, as a share of the constant predictor's; None where there is none that all
        networks passed.
    batches : dict of str to tuple of float
        Batches that the networks of each cohort had been trained for, by its title.
    rows : tuple of Row
        The comparisons, corrected as those after equal batches are.
    refused : str
        Why there are none.
    """

    question: str
    objective: str = ""
    share: float | None = None
    batches: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    refused: str = ""


class Snapshot(_Answer):
    """A difference between cohorts after some batches, with its 95 % interval: no test."""

    question: str
    objective: str = ""
    measured: str
    layer: str
    batches: int
    difference: float
    ci_low: float | None
    ci_high: float | None

    @property
    def side(self) -> int:
        """On which side of zero its interval lies: 1, -1, or 0 for neither."""
        if self.ci_low is None or self.ci_high is None:
            return 0
        return (self.ci_low > 0) - (self.ci_high < 0)


class Result(Declared):
    """The outcome of a hypothesis under one profile.

    Attributes
    ----------
    rule : str
        In words.
    published : str
        What was published about it.
    agrees : bool or None
        Whether the verdict agrees with that; None where it decides nothing about it.
    verdict : Verdict
    published_verdict : Verdict or None
        By the same rule from the pooled tests of the published protocol; None where a judged
        question has none.
    compared_at : {"equal batches", "equal loss"}
        Which comparison of trained networks the verdict is about.
    other_verdict : Verdict or None
        By the same rule, of the other comparison; None where there is none.
    rows : tuple of Row
        The comparisons after equal batches.
    equal_loss : tuple of EqualLoss
        Those at equal held-out loss, where snapshots were scored.
    snapshots : tuple of Snapshot
        Their differences as training went on, the end last.
    cohorts, checks, learning
    questions : tuple of dict
        Those that were asked, as declared.
    left_out : dict of str to str
        Declared questions that the profile does not ask, and why.
    warnings : tuple of str
    """

    hypothesis: str
    profile: str
    title: str
    question: str
    source: str
    predictions: dict[str, str]
    settings: dict[str, object]
    rule: str
    margin: float | None
    published: str
    agrees: bool | None
    verdict: Verdict
    published_verdict: Verdict | None
    compared_at: ComparedAt = "equal batches"
    other_verdict: Verdict | None = None
    rows: tuple[Row, ...] = ()
    equal_loss: tuple[EqualLoss, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    cohorts: tuple[CohortSummary, ...] = ()
    checks: tuple[Check, ...] = ()
    learning: tuple[LearningCurve, ...] = ()
    questions: tuple[dict[str, object], ...]
    left_out: dict[str, str]
    warnings: tuple[str, ...]

    @property
    def judged(self) -> list[Row]:
        """The comparisons that the verdict is about."""
        rows = list(self.rows)
        if self.compared_at == "equal loss":
            matched = [row for one in self.equal_loss for row in one.rows]
            instead = {(row.question, row.objective) for row in matched}
            rows = [row for row in rows if (row.question, row.objective) not in instead] + matched
        return [row for row in rows if row.confirmatory]


def write_result(
    folder: Path,
    result: Result,
    scores: pd.DataFrame,
    similarities: Similarities,
    samples: dict[str, NDArray[np.uint8]] | None = None,
) -> None:
    """Write what a finished run leaves; the other functions here read it.

    Parameters
    ----------
    folder : Path
    result : Result
    scores : DataFrame
        With the columns `SCORE_COLUMNS`.
    similarities : Similarities
    samples : dict of str to ndarray, shape (images, height, width, 3)
        The first training images of each cohort.
    """
    from hyp.store.plain_zarr import write_zarr

    scores.to_parquet(folder / SCORES_FILE, index=False)
    for kind, cube in score_cubes(scores).items():
        write_zarr(cube, folder / CUBES / kind)
    if similarities.matrices:
        named = {f"{measure}|{layer}": m for (measure, layer), m in similarities.matrices.items()}
        networks = np.array(similarities.networks)
        np.savez(folder / SIMILARITY_FILE, allow_pickle=False, networks=networks, **named)
    if samples:
        np.savez(folder / SAMPLES_FILE, allow_pickle=False, **samples)
    (folder / RESULT_FILE).write_text(result.model_dump_json(indent=1))


def load_result(folder: Path) -> Result:
    """Read the result of a result folder.

    Raises
    ------
    HypError
        If it is missing, damaged, or was written by an earlier version of hyp.
    """
    path = folder / RESULT_FILE
    again = "run the hypothesis again, which computes only what is missing."
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        if (folder / "study.json").exists():
            raise HypError(f"{folder} was written by an earlier hyp; {again}") from error
        raise HypError(f"there is no readable result at {path}; {again}") from error
    except ValidationError as error:
        if (folder / "comparisons.parquet").exists():
            raise HypError(f"{folder} was written by an earlier hyp; {again}") from error
        raise HypError(
            f"{path} is damaged ({first_problem(error)}); delete {folder} and {again}"
        ) from error


def load_scores(folder: Path) -> pd.DataFrame:
    """Read the scores of a run's networks, one row per fold, with the columns `SCORE_COLUMNS`."""
    import pandas as pd

    return pd.read_parquet(folder / SCORES_FILE)


def load_similarities(folder: Path) -> Similarities:
    """Read the similarities of networks; empty where none were asked for."""
    path = folder / SIMILARITY_FILE
    if not path.exists():
        return Similarities()
    with np.load(path, allow_pickle=False) as archive:
        matrices = {
            (name.partition("|")[0], name.partition("|")[2]): archive[name]
            for name in archive.files
            if name != "networks"
        }
        return Similarities([str(name) for name in archive["networks"]], matrices)


def load_samples(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Read the first training images of each cohort; empty where none were kept."""
    path = folder / SAMPLES_FILE
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def score_cubes(scores: pd.DataFrame) -> dict[str, xr.Dataset]:
    """Return the scores as labelled arrays, one per kind of score.

    Parameters
    ----------
    scores : DataFrame
        With the columns `SCORE_COLUMNS`.

    Returns
    -------
    dict of str to xarray.Dataset
        By kind: ``score`` over (protocol, cohort, ``latent`` | ``region`` | ``task``, layer,
        batches, network, fold), without the dimensions that a kind does not have; ``seed`` over
        (cohort, network) tells which network it is. Missing combinations are NaN.
    """
    return {
        str(kind): _cube(str(kind), table)
        for kind, table in scores.groupby("kind", sort=False, observed=True)
    }


def _cube(kind: str, scores: pd.DataFrame) -> xr.Dataset:
    import pandas as pd

    table = scores.astype({"layer": str, "cohort": str, "measured": str, "protocol": str})
    seeds = table[["cohort", "seed"]].drop_duplicates().sort_values(["cohort", "seed"])
    seeds["network"] = seeds.groupby("cohort").cumcount()
    table = table.merge(seeds, on=["cohort", "seed"])
    table = table.rename(columns={"measured": DIMENSIONS[kind]})
    optional = [name for name in ("protocol", "layer", "batches", "fold") if _varies(table, name)]
    dims = [
        name
        for name in ("protocol", "cohort", DIMENSIONS[kind], "layer", "batches", "network", "fold")
        if name in optional or name in ("cohort", DIMENSIONS[kind], "network")
    ]
    cube = table.set_index(dims)[["score"]].to_xarray()
    named = [name for name in dims if not pd.api.types.is_numeric_dtype(table[name])]
    orders = {name: list(dict.fromkeys(table[name])) for name in named}
    cube = cube.reindex(orders)
    names = {name: cube[name].astype(object) for name in named}
    seed = seeds.set_index(["cohort", "network"])["seed"].to_xarray()
    cube = cube.assign_coords(names)
    return cube.assign_coords(seed=seed.reindex_like(cube[["cohort", "network"]]))


def _varies(table: pd.DataFrame, column: str) -> bool:
    """Tell whether a column is a dimension: always that of decoding's folds, layers, protocols.

    The number of batches is one only where one network was measured at several.
    """
    if column == "batches":
        return bool((table.groupby(["cohort", "seed"])["batches"].nunique() > 1).any())
    return bool((table[column].astype(str) != "").any()) and (
        table[column].nunique() > 1 or table["kind"].iloc[0] == "decoding"
    )


def order_layers(scores: pd.DataFrame, layers: Sequence[str]) -> pd.DataFrame:
    """Return a score table with its columns and layers in their order."""
    import pandas as pd

    filled: dict[str, Any] = {"protocol": "recommended", "metric": "", "chosen": ""}
    for name in SCORE_COLUMNS:
        if name not in scores:
            scores = scores.assign(**{name: filled.get(name, np.nan)})
    scores = scores.fillna(filled)
    known = [*layers, *dict.fromkeys(map(str, scores["layer"].dropna())), ""]
    ordered = pd.Categorical(
        scores["layer"].astype(str), categories=list(dict.fromkeys(known)), ordered=True
    )
    return scores.assign(layer=ordered)[list(SCORE_COLUMNS)]
