"""Benchmarks of a lab's own: a stimulus set and an assembly in files, scored by Brain-Score.

A local benchmark is a folder in the layout of Brain-Score's own packages: ``assembly.nc``
(presentation x neuroid, perhaps x time_bin), ``stimuli.csv`` (``stimulus_id``,
``filename`` and what else is known of the stimuli), ``images/`` and ``benchmark.json``. It is
scored as ``MajajHong2015public`` is: the metric ``pls``, the split-half ceiling, the choice of
layers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hyp.errors import HypError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

ABOUT = "benchmark.json"
ASSEMBLY = "assembly.nc"
STIMULI = "stimuli.csv"
IMAGES = "images"


@dataclass(frozen=True)
class LocalBenchmark:
    """A benchmark that lies in a folder.

    Attributes
    ----------
    name : str
        What it is called.
    folder : Path
        Where it lies.
    region : str
        The region whose neuroids are predicted.
    stratify : str
        Coordinate that the ten splits are stratified by.
    visual_degrees : float
        Width of the stimuli as they were shown.
    has_images : bool
        Without images, features can be scored but networks cannot.
    digest : str
        SHA-256 of the content.
    """

    name: str
    folder: Path
    region: str
    stratify: str
    visual_degrees: float
    has_images: bool
    digest: str

    @property
    def identifier(self) -> str:
        """Name under which Brain-Score's caches know it; contains the content's digest."""
        return f"local.{self.name}.{self.region}-{self.digest[:12]}-pls"

    def spec(self) -> dict[str, object]:
        """Return what the worker is told."""
        return {**asdict(self), "folder": str(self.folder)}


def write_local_benchmark(
    folder: Path | str,
    assembly: xr.DataArray,
    *,
    name: str,
    region: str,
    images: Mapping[str, Path] | None = None,
    stimuli: pd.DataFrame | None = None,
    stratify: str = "object_name",
    visual_degrees: float = 8,
) -> LocalBenchmark:
    """Write a benchmark folder from an assembly and, for networks, its images.

    Parameters
    ----------
    folder : path
        Must not exist.
    assembly : DataArray
        Dims (presentation, neuroid[, time_bin of length 1]); coordinates ``stimulus_id``,
        ``repetition`` and `stratify` along presentation, ``neuroid_id`` and ``region``
        along neuroid. The order of the coordinates decides the order of the splits, as in
        Brain-Score.
    name, region, stratify, visual_degrees
        As in `LocalBenchmark`.
    images : mapping of str to Path, optional
        An image file for every ``stimulus_id``; copied.
    stimuli : DataFrame, optional
        What else is known of the stimuli: one row each, with ``stimulus_id``.

    Returns
    -------
    LocalBenchmark

    Raises
    ------
    HypError
        If the assembly lacks what Brain-Score needs, an image is missing, or the folder
        exists.
    """
    import pandas as pd

    folder = Path(folder).absolute()
    if folder.exists():
        raise HypError(f"{folder} exists already; choose another name or remove it.")
    _check(assembly, region, stratify)
    shown = {name: assembly[name].to_numpy().astype(str) for name in ("stimulus_id", stratify)}
    table = pd.DataFrame(shown).drop_duplicates("stimulus_id", ignore_index=True)
    ids = table["stimulus_id"].tolist()
    if stimuli is not None:
        known = stimuli.assign(stimulus_id=stimuli["stimulus_id"].astype(str))
        known = known.drop(columns=[stratify], errors="ignore")
        table = table.merge(known, on="stimulus_id", how="left", validate="one_to_one")
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    if images is not None:
        table["filename"] = _copy_images(images, ids, beside / IMAGES)
    table.to_csv(beside / STIMULI, index=False)
    _write_netcdf(assembly, beside / ASSEMBLY)
    about = {
        "name": name,
        "region": region,
        "stratify": stratify,
        "visual_degrees": visual_degrees,
        "has_images": images is not None,
        "digest": _digest(beside),
    }
    (beside / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    beside.rename(folder)
    return read_local_benchmark(folder)


def read_local_benchmark(folder: Path | str) -> LocalBenchmark:
    """Read what a benchmark folder is, after checking that its content is what was written.

    Raises
    ------
    HypError
        If it is no such folder, or a file is missing or changed.
    """
    folder = Path(folder).absolute()
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        found = LocalBenchmark(folder=folder, **about)
    except (OSError, ValueError, TypeError) as error:
        raise HypError(
            f"{folder} is no benchmark folder ({ABOUT} is missing or damaged); write one with "
            "write_local_benchmark."
        ) from error
    if _digest(folder) != found.digest:
        raise HypError(f"files in {folder} changed or are missing; write the benchmark again.")
    return found


def _check(assembly: xr.DataArray, region: str, stratify: str) -> None:
    needed = {
        "stimulus_id": "presentation",
        "repetition": "presentation",
        stratify: "presentation",
        "neuroid_id": "neuroid",
        "region": "neuroid",
    }
    for coordinate, dim in needed.items():
        if coordinate not in assembly.coords or assembly[coordinate].dims != (dim,):
            raise HypError(
                f"the assembly has no coordinate {coordinate} along {dim}, which Brain-Score's "
                "metric needs; add it."
            )
    if assembly.sizes.get("time_bin", 1) != 1:
        raise HypError("the assembly has several time bins; average a window of them first.")
    regions = sorted(set(assembly["region"].to_numpy().astype(str)))
    if region not in regions:
        raise HypError(f"no neuroid lies in region {region}; there are: {', '.join(regions)}.")
    _, first = np.unique(assembly["stimulus_id"].to_numpy().astype(str), return_index=True)
    groups, counts = np.unique(assembly[stratify].to_numpy().astype(str)[first], return_counts=True)
    if counts.min() < 2:
        raise HypError(
            f"{stratify} {groups[counts.argmin()]} has one stimulus, but splits are stratified by "
            f"{stratify}; every value needs two or more."
        )
    n_test = len(first) - int(0.9 * len(first))
    if n_test < len(groups):
        raise HypError(
            f"{len(first)} stimuli leave {n_test} to a test split, too few for the {len(groups)} "
            f"values of {stratify}; name a coarser coordinate to stratify by."
        )
    if len(np.unique(assembly["repetition"].to_numpy())) < 2:
        raise HypError("the assembly has one repetition; a split-half ceiling needs two or more.")


def _copy_images(images: Mapping[str, Path], ids: list[str], folder: Path) -> list[str]:
    folder.mkdir()
    names = []
    for number, stimulus in enumerate(ids):
        path = Path(images.get(stimulus, ""))
        if not path.is_file():
            raise HypError(f"stimulus {stimulus} has no image file; give one for every stimulus.")
        names.append(f"{number:06d}{path.suffix.lower()}")
        shutil.copyfile(path, folder / names[-1])
    return names


def _write_netcdf(assembly: xr.DataArray, path: Path) -> None:
    """Write what Brain-Score's loader opens: one variable, strings as objects."""
    plain = assembly.astype(np.float64).rename("response").to_dataset()
    plain.attrs = {}
    plain["response"].attrs = {}
    plain = plain.reset_index(list(plain.xindexes)).reset_coords()
    strings = {
        name: (values.dims, values.to_numpy().astype(str).astype(object))
        for name, values in plain.data_vars.items()
        if values.dtype.kind in "OUS"
    }
    plain = plain.assign(strings).set_coords([n for n in plain.data_vars if n != "response"])
    plain.to_netcdf(path, engine="h5netcdf")


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name != ABOUT:
            total.update(path.relative_to(folder).as_posix().encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
