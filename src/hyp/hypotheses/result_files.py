"""What a finished run leaves: everything its report shows, as one JSON document and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from hyp.errors import HypError, first_problem
from hyp.hypotheses.questions.base import SCORE_COLUMNS, Similarities
from hyp.hypotheses.result import Result
from hyp.hypotheses.scores import DIMENSIONS

if TYPE_CHECKING:  # pandas and xarray take seconds to import, and a finished run needs neither
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

RESULT_FILE = "result.json"
SCORES_FILE = "scores.parquet"
CUBES = "scores.zarr"
SIMILARITY_FILE = "similarity.npz"
SAMPLES_FILE = "samples.npz"


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
