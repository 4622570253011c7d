"""Neural recordings as plain xarray: what one must have, its regions, subjects and means.

An assembly is a ``DataArray`` with the dims ``presentation`` and ``neuroid``, and ``time_bin``
where responses are binned: the layout of Brain-Score's assemblies, without its classes.
Along ``presentation`` it has ``stimulus_id``, ``repetition`` and whatever is known of the
stimuli (``object_name``, latents); along ``neuroid`` it has ``neuroid_id``, ``region`` and,
where there are several, ``subject``: these together say which neuroid it is;
along ``time_bin`` it has ``time_bin_start`` and ``time_bin_end`` in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Indices
from hyp.names import check_name

DIMS = ("presentation", "neuroid", "time_bin")
NAMES = ("stimulus_id", "neuroid_id", "region", "subject")
"""Coordinates that are names, and so text, even where a file keeps them as numbers."""

SUBJECT_WORDS = ("animal", "monkey", "participant", "sub", "subj", "subject_id", "mouse")
"""What a column or coordinate that names subjects is likely called, where not `subject`."""

SIMULATED = "simulated"
"""Value of the attribute ``origin`` of assemblies that nobody recorded."""

_NEEDED = {"stimulus_id": "presentation", "neuroid_id": "neuroid", "region": "neuroid"}


def check_assembly(assembly: xr.DataArray) -> xr.DataArray:
    """Return the assembly with its dims in order, or say what it lacks.

    Raises
    ------
    HypError
        If dims or coordinates are missing, it is empty, or its values are not numbers.
    """
    dims = tuple(str(dim) for dim in assembly.dims)
    if set(dims) not in ({*DIMS}, {*DIMS[:2]}):
        raise HypError(
            f"an assembly has the dims presentation, neuroid and perhaps time_bin, but this one "
            f"has {', '.join(dims) or 'none'}; rename them."
        )
    missing = [
        name
        for name, dim in _NEEDED.items()
        if name not in assembly.coords or assembly.coords[name].dims != (dim,)
    ]
    if missing:
        known = ", ".join(sorted(str(name) for name in assembly.coords)) or "none"
        raise HypError(
            f"the assembly has no coordinate {' and no '.join(missing)} along its dim; it has "
            f"{known}: add what is missing or rename what is called otherwise."
        )
    for region in regions(assembly):
        check_name(region, "region")
    if assembly.dtype.kind not in "fiu":
        raise HypError(f"the responses are {assembly.dtype}, not numbers; convert them.")
    if 0 in assembly.shape:
        raise HypError(f"the assembly is empty: its sizes are {dict(assembly.sizes)}.")
    return assembly.transpose(*(dim for dim in DIMS if dim in dims))


def identify_neuroids(assembly: xr.DataArray) -> xr.DataArray:
    """Make the subject a part of what a neuroid is, and refuse neuroids that are alike.

    Where `subject` describes presentations, a column of responses belongs to another neuroid in
    every subject; presentations of the same stimulus and repetition are joined, and the
    neuroids of subjects that did not see it are NaN.

    Raises
    ------
    HypError
        If two neuroids have region, number and subject in common, two presentations are
        the same repetition of a stimulus to the same subject, or presentations seem to be of
        several subjects: these would be averaged.
    """
    if "subject" not in assembly.coords:
        _refuse_unnamed_subjects(assembly)
    if "subject" in assembly.coords and assembly["subject"].dims == ("presentation",):
        assembly = _split_subjects(assembly)
    elif "repetition" in assembly.coords:
        _refuse_repeated_presentations(assembly)
    names = [n for n in ("subject", "region", "neuroid_id") if n in assembly.coords]
    seen: dict[tuple[str, ...], int] = {}
    for number, key in enumerate(_keys(assembly, names, "neuroid")):
        if key in seen:
            said = ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=True))
            raise HypError(
                f"neuroids {seen[key]} and {number} are both {said}; number them, or say in a "
                "coordinate subject along neuroid whose they are."
            )
        seen[key] = number
    return assembly


def _refuse_unnamed_subjects(assembly: xr.DataArray) -> None:
    for name, coord in assembly.coords.items():
        likely = str(name).lower() in SUBJECT_WORDS and coord.dims == ("presentation",)
        if likely and len(np.unique(coord.to_numpy().astype(str))) > 1:
            raise HypError(
                f"the presentations have several values of {name}, and their responses would be "
                f"averaged: if it names subjects, add --rename {name}=subject, if not, give it "
                "another name."
            )


def _refuse_repeated_presentations(assembly: xr.DataArray) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(_keys(assembly, ("stimulus_id", "repetition"), "presentation")):
        if key in seen:
            raise HypError(
                f"presentations {seen[key]} and {row} are both stimulus_id {key[0]}, repetition "
                f"{key[1]}; number repetitions anew, or name what tells subjects apart subject."
            )
        seen[key] = row


def _keys(assembly: xr.DataArray, names: Sequence[str], dim: str) -> list[tuple[str, ...]]:
    columns = [
        np.broadcast_to(assembly[name].to_numpy().astype(str), assembly.sizes[dim])
        for name in names
    ]
    return list(zip(*columns, strict=True))


def _split_subjects(assembly: xr.DataArray) -> xr.DataArray:
    """Join the presentations of all subjects, with neuroids of each subject's own."""
    names = [n for n in ("stimulus_id", "repetition") if n in assembly.coords]
    keys = _keys(assembly, names, "presentation")
    rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
    codes = np.array([rows[key] for key in keys], dtype=np.intp)
    first = np.unique(codes, return_index=True)[1]
    values, whose = assembly.to_numpy(), assembly["subject"].to_numpy().astype(str)
    parts = []
    for subject in dict.fromkeys(whose.tolist()):
        theirs = np.flatnonzero(whose == subject)
        if len(np.unique(codes[theirs])) < len(theirs):
            raise HypError(
                f"subject {subject} has several responses to one repetition of a stimulus; number "
                "the repetitions in a coordinate repetition."
            )
        part = np.full((len(rows), *values.shape[1:]), np.nan)
        part[codes[theirs]] = values[theirs]
        kept = assembly.isel(presentation=first).drop_vars("subject").copy(data=part)
        kept = kept.assign_coords(
            subject=("neuroid", np.full(part.shape[1], subject, dtype=object))
        )
        answered = np.isfinite(part).any(axis=(0, *range(2, part.ndim)))
        parts.append(kept.isel(neuroid=np.flatnonzero(answered)))
    for name, coord in assembly.coords.items():
        own = coord.dims == ("presentation",) and name != "subject"
        if own and varies_within(coord.to_numpy(), codes, first):
            raise HypError(
                f"coordinate {name} differs between subjects who saw the same stimulus; leave it "
                "out."
            )
    joined: xr.DataArray = xr.concat(parts, dim="neuroid", coords="minimal", compat="override")
    return joined


def subjects(assembly: xr.DataArray) -> list[str]:
    """Return the subjects recorded, in the order of their first neuroid; empty if unknown."""
    if "subject" not in assembly.coords:
        return []
    whose = np.atleast_1d(assembly["subject"].to_numpy())
    return list(dict.fromkeys(str(subject) for subject in whose))


def regions(assembly: xr.DataArray) -> list[str]:
    """Return the regions recorded, in the order of their first neuroid."""
    return list(dict.fromkeys(str(region) for region in assembly["region"].to_numpy()))


def select_region(
    assembly: xr.DataArray, region: str, *, window: tuple[float, float] | None = None
) -> xr.DataArray:
    """Return the responses of one region, averaged over a time window.

    Parameters
    ----------
    assembly : DataArray
        As `read_assembly` returns it.
    region : str
        One of its regions.
    window : (float, float), optional
        First and last millisecond: bins that lie inside are averaged. It is needed where
        there are several time bins.

    Returns
    -------
    DataArray
        Dims (presentation, neuroid).

    Raises
    ------
    HypError
        If there is no such region, or the time bins and the window do not fit.
    """
    assembly = check_assembly(assembly)
    inside = assembly["region"].astype(str).to_numpy() == region
    if not inside.any():
        raise HypError(
            f"no region {region!r} was recorded; there is {', '.join(regions(assembly))}."
        )
    chosen = assembly.isel(neuroid=np.flatnonzero(inside))
    if "time_bin" not in chosen.dims:
        return chosen
    if window is None:
        if chosen.sizes["time_bin"] == 1:
            return chosen.isel(time_bin=0, drop=True)
        raise HypError(
            f"the assembly has {chosen.sizes['time_bin']} time bins; say which window, in "
            "milliseconds, is to be averaged."
        )
    lacking = [name for name in ("time_bin_start", "time_bin_end") if name not in chosen.coords]
    if lacking:
        raise HypError(f"the assembly has no coordinate {lacking[0]}, so no window can be chosen.")
    start, end = (chosen[name].to_numpy() for name in ("time_bin_start", "time_bin_end"))
    bins = np.flatnonzero((start >= window[0]) & (end <= window[1]))
    if not bins.size:
        raise HypError(
            f"no time bin lies inside {window[0]:g} to {window[1]:g} ms; they run from "
            f"{start.min():g} to {end.max():g} ms."
        )
    return chosen.isel(time_bin=bins).mean("time_bin", skipna=True, keep_attrs=True)


def average_repetitions(assembly: xr.DataArray) -> xr.DataArray:
    """Average the presentations of every stimulus.

    The stimuli come in the order of their first presentation; see `sort_like_brainscore` where
    the splits have to be Brain-Score's. NaN responses are left out of the mean.

    Parameters
    ----------
    assembly : DataArray
        Dims (presentation, neuroid).

    Returns
    -------
    DataArray
        Dims (presentation, neuroid), float64, one presentation a stimulus; coordinates
        that vary within a stimulus are dropped.

    Raises
    ------
    HypError
        If a neuroid has no finite response to a stimulus at all.
    """
    codes, first = stimulus_codes(assembly)
    means = mean_by_group(assembly.to_numpy(), codes, len(first))
    _refuse_gaps(means, assembly, first)
    kept = assembly.isel(presentation=first)
    varying = [
        name
        for name, coord in assembly.coords.items()
        if coord.dims == ("presentation",) and varies_within(coord.to_numpy(), codes, first)
    ]
    return kept.copy(data=means).drop_vars(varying)


def leave_out_incomplete(
    assembly: xr.DataArray, what: Literal["stimuli", "neuroids"]
) -> xr.DataArray:
    """Leave out stimuli that a neuroid has no response to, or neuroids that lack one.

    Parameters
    ----------
    assembly : DataArray
        Dims (presentation, neuroid).
    what : {"stimuli", "neuroids"}
        Which of the two.

    Raises
    ------
    HypError
        If nothing is left.
    """
    codes, first = stimulus_codes(assembly)
    known = np.asarray(np.isfinite(mean_by_group(assembly.to_numpy(), codes, len(first))))
    if what == "stimuli":
        whole = np.asarray(known.all(axis=1))
        kept = assembly.isel(presentation=np.flatnonzero(whole[codes]))
    else:
        kept = assembly.isel(neuroid=np.flatnonzero(known.all(axis=0)))
    if 0 in kept.shape:
        raise HypError(f"all {what} lack a response, so none is left; leave out the others.")
    return kept


def drop_constant_neuroids(assembly: xr.DataArray) -> xr.DataArray:
    """Leave out neuroids whose mean response is the same to every stimulus."""
    codes, first = stimulus_codes(assembly)
    means = mean_by_group(assembly.to_numpy(), codes, len(first))
    return assembly.isel(neuroid=np.flatnonzero(np.ptp(means, axis=0) > 0))


def sort_like_brainscore(
    assembly: xr.DataArray, *, by: Sequence[str] | None = None
) -> xr.DataArray:
    """Sort presentations so that averaging gives the stimuli in Brain-Score's order.

    Brain-Score groups presentations by all their coordinates but ``repetition`` and sorts the
    groups by these, the first coordinate first; its splits are drawn in that order.

    Parameters
    ----------
    assembly : DataArray
    by : sequence of str, optional
        The coordinates in the order they have in Brain-Score's assembly; by default that
        of this assembly, which files keep.

    Raises
    ------
    HypError
        If there is no such coordinate along ``presentation``.
    """
    known = [str(name) for name, c in assembly.coords.items() if c.dims == ("presentation",)]
    names = [name for name in known if name not in ("presentation", "repetition")]
    for name in by or ():
        if name not in known:
            raise HypError(
                f"the assembly has no coordinate {name!r} along presentation; it has "
                f"{', '.join(known)}."
            )
    columns = [assembly[name].to_numpy() for name in reversed(by or names)]
    ranks = [np.unique(column, return_inverse=True)[1] for column in columns]
    return assembly.isel(presentation=np.lexsort(ranks))


def stimulus_codes(assembly: xr.DataArray) -> tuple[Indices, Indices]:
    """Give every stimulus a number, in the order of first presentations.

    Returns
    -------
    codes : ndarray of int, shape (n_presentations,)
        Number of the stimulus of every presentation.
    first : ndarray of int, shape (n_stimuli,)
        Position of every stimulus' first presentation.
    """
    _, where, inverse = np.unique(
        assembly["stimulus_id"].astype(str).to_numpy(), return_index=True, return_inverse=True
    )
    order = np.argsort(where)
    return np.argsort(order)[inverse], where[order]


def mean_by_group(values: NDArray[Any], codes: Indices, n_groups: int) -> Floats:
    """Average rows by group, leaving out NaN; NaN where nothing is left.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        Rows to average.
    codes : ndarray of int, shape (n,)
        Group of every row.
    n_groups : int
        Number of groups.
    """
    members = csr_array(
        (np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(n_groups, len(codes))
    )
    known = ~np.isnan(values)
    total = members @ np.where(known, values, 0).astype(np.float64)
    counts = members @ known.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / counts)


def _refuse_gaps(means: Floats, assembly: xr.DataArray, first: Indices) -> None:
    known = np.isfinite(means)
    bad = np.argwhere(~known)
    if not bad.size:
        return
    stimulus = assembly["stimulus_id"].to_numpy()[first[bad[0, 0]]]
    neuroid = assembly["neuroid_id"].to_numpy()[bad[0, 1]]
    raise HypError(
        f"{len(bad)} of {means.size} mean responses are NaN or infinite, the first that of neuroid "
        f"{neuroid} to stimulus {stimulus}; leaving out incomplete stimuli would keep "
        f"{int(known.all(axis=1).sum())} of {len(means)}, leaving out incomplete neuroids "
        f"{int(known.all(axis=0).sum())} of {means.shape[1]}: choose one (leave out)."
    )


def varies_within(values: NDArray[Any], codes: Indices, first: Indices) -> bool:
    """Say whether a value differs between members of a group; `first` is each group's first."""
    reference = values[first][codes]
    with np.errstate(invalid="ignore"):
        differs = (reference != values) & ~((reference != reference) & (values != values))
    return bool(np.any(differs))
