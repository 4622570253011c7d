"""What a finished study leaves: everything its report shows, as one JSON document and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from hyp.errors import HypError
from hyp.stats.verdict import Check, Verdict

RESULT_FILE = "study.json"
SCORES_FILE = "scores.parquet"
SIMILARITY_FILE = "similarity.npz"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Model):
    """One answer to a question: what a rule reads; None where something is undefined.

    Attributes
    ----------
    question, kind, of, layer : str
        Which question, of which kind, what was measured and where.
    a, b : str
        Titles of what is compared: cohorts, or kinds of pairs; `b` is empty for correlations.
    n_a, n_b : int
        Networks of each.
    mean_a, mean_b, sd_a, sd_b : float
        Of the networks' scores, or the similarities of both kinds of pairs.
    difference, ci_low, ci_high : float
        The effect, a - b or a correlation, and its 95 % interval.
    effect : {"difference", "correlation"}
    p, p_attainable, p_holm : float
        Uncorrected, the smallest that the design allows, and corrected over the family.
    family : {"judged", "beside"}
        Whether the rule reads it.
    p_equivalence, p_not_lower : float
        Where the rule has a margin.
    direction : int
        +1 where a is higher, or the correlation positive.
    significant, not_lower : bool
    note : str
        How it was computed, where that is not plain.
    effect_pooled, p_pooled : float
        As published: every pair of networks, or every checkpoint, taken as independent.
    n_pooled : int
        How many of them.
    """

    question: str
    kind: str
    of: str
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
    p: float
    p_attainable: float
    p_holm: float
    family: str = "judged"
    p_equivalence: float | None = None
    p_not_lower: float | None = None
    direction: int
    significant: bool
    not_lower: bool = False
    note: str = ""
    effect_pooled: float | None = None
    p_pooled: float | None = None
    n_pooled: int | None = None


class CohortSummary(_Model):
    """A cohort as the report names it, with the keys of its networks."""

    name: str
    title: str
    objective: str
    design: str
    n_images: int
    batches: int
    seeds: tuple[int, ...]
    keys: tuple[str, ...]


class StudyResult(_Model):
    """The outcome of a study under one profile."""

    study: str
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
    rows: tuple[Row, ...]
    cohorts: tuple[CohortSummary, ...]
    checks: tuple[Check, ...]
    questions: tuple[dict[str, object], ...]
    warnings: tuple[str, ...]


def is_study(folder: Path) -> bool:
    """Tell whether a result folder holds a study."""
    return (folder / RESULT_FILE).is_file()


def load_study(folder: Path) -> StudyResult:
    """Read ``study.json`` of a result folder.

    Raises
    ------
    HypError
        If it is missing or damaged.
    """
    path = folder / RESULT_FILE
    try:
        return StudyResult.model_validate_json(path.read_bytes())
    except OSError as error:
        raise HypError(f"there is no readable result at {path}; run the study first.") from error
    except ValidationError as error:
        raise HypError(
            f"{path} is damaged ({error.errors()[0]['msg']}); delete {folder} and run the study "
            "again, which recomputes only what is missing."
        ) from error


def load_scores(folder: Path) -> pd.DataFrame:
    """Read the scores of a study's networks, one row a fold: see `measuring.SCORE_COLUMNS`."""
    return pd.read_parquet(folder / SCORES_FILE)


def load_similarities(folder: Path) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Read the similarities of networks, (m, m) by measure and layer; empty where none were asked.

    The order is that of ``(cohort, seed)`` in the file's ``networks``, see `load_networks`.
    """
    path = folder / SIMILARITY_FILE
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as archive:
        names = [name for name in archive.files if name != "networks"]
        return {(name.partition("|")[0], name.partition("|")[2]): archive[name] for name in names}


def load_networks(folder: Path) -> list[str]:
    """Read which cohort each row of the similarities belongs to."""
    with np.load(folder / SIMILARITY_FILE, allow_pickle=False) as archive:
        return [str(name) for name in archive["networks"]]
