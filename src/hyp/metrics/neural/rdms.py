"""Recordings as dissimilarities: their layout, and what they must have.

Such a recording is a ``DataArray`` with the dims ``rdm``, ``stimulus`` and ``stimulus_2``: one
matrix of dissimilarities (RDM) for each region, subject and session, which are coordinates along
``rdm``; ``stimulus_id`` names the stimuli.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.metrics.gram import Indices
from hyp.names import check_name
from hyp.tables import as_names

RDM_DIMS = ("rdm", "stimulus", "stimulus_2")
_LABELS = ("region", "subject", "session")
_UNEQUAL = 1e-5  # of the largest dissimilarity: files keep single precision


def is_square(dims: Sequence[Hashable]) -> bool:
    """Say whether the dims are those of dissimilarities: ``stimulus`` and another one."""
    names = [str(dim) for dim in dims if str(dim).startswith("stimulus")]
    return "stimulus" in names and len(names) > 1


def holds_rdms(recording: xr.DataArray) -> bool:
    """Say whether a recording is one of dissimilarities."""
    return is_square(recording.dims)


def rdms_from_array(array: xr.DataArray, path: object) -> xr.DataArray:
    """Bring dissimilarities as a file has them into the layout of this module.

    Parameters
    ----------
    array : DataArray
        Dims ``stimulus``, a second one that begins so, and any of ``rdm``, ``region``, ``subject``
        and ``session``.
    path : object
        Where they come from, for messages.

    Raises
    ------
    HypError
        If there are other dims, the stimuli have no names or different ones in rows and
        columns, or `check_rdms` objects.
    """
    dims = [str(dim) for dim in array.dims]
    across = [dim for dim in dims if dim.startswith("stimulus") and dim != "stimulus"]
    others = [dim for dim in dims if dim not in ("stimulus", *across)]
    foreign = [dim for dim in others if dim not in ("rdm", *_LABELS)]
    if len(across) != 1 or foreign:
        raise HypError(
            f"{path} has the dims {', '.join(dims)}; dissimilarities have rdm (or region, subject "
            "and session), stimulus and stimulus_2: rename its dims with --rename OLD=NEW."
        )
    names = _stimulus_names(array, "stimulus", path)
    if across[0] in array.coords and names != _stimulus_names(array, across[0], path):
        raise HypError(
            f"the rows and columns of {path} are other stimuli, or in another order; give "
            "square matrices with the same stimuli in both."
        )
    array = array.stack(__one=others).reset_index("__one") if others else array.expand_dims("__one")
    array = array.transpose("__one", "stimulus", across[0])
    coords: dict[str, Any] = {"stimulus_id": ("stimulus", np.array(names, dtype=object))}
    for name in (name for name in _LABELS if name in array.coords):
        coord = array.coords[name]
        if not set(coord.dims) <= {"__one"}:
            raise HypError(f"coordinate {name} of {path} should lie along rdm; it describes RDMs.")
        labels = np.broadcast_to(coord.to_numpy(), array.sizes["__one"])
        coords[name] = ("rdm", np.array(_texts(labels, name), dtype=object))
    return check_rdms(
        xr.DataArray(array.to_numpy(), dims=RDM_DIMS, coords=coords, attrs=array.attrs)
    )


def check_rdms(rdms: xr.DataArray) -> xr.DataArray:
    """Return dissimilarities that can be scored, or say what they lack.

    Raises
    ------
    HypError
        If there is no region, or two matrices are of the same region, subject and session; if a
        stimulus appears twice, or the matrices are not numbers, not symmetric or not zero on
        the diagonal.
    """
    if 0 in rdms.shape:
        raise HypError(f"there are no dissimilarities: the sizes are {dict(rdms.sizes)}.")
    if "region" not in rdms.coords:
        raise HypError("the RDMs have no coordinate region; add it, along rdm or as a scalar.")
    for region in set(rdms["region"].to_numpy().tolist()):
        check_name(str(region), "region")
    stimuli = rdms["stimulus_id"].to_numpy().astype(str).tolist()
    twice = next((one for one in stimuli if stimuli.count(one) > 1), None)
    if twice is not None:
        raise HypError(f"the RDMs have two stimuli {twice!r}; give every stimulus a name.")
    labels = [name for name in _LABELS if name in rdms.coords]
    keys = list(zip(*(rdms[name].to_numpy().tolist() for name in labels), strict=True))
    for number, key in enumerate(keys):
        if key in keys[:number]:
            said = ", ".join(f"{name} {value}" for name, value in zip(labels, key, strict=True))
            raise HypError(
                f"RDMs {keys.index(key)} and {number} are both {said}; say in the coordinates "
                "subject and session along rdm whose they are."
            )
    if rdms.dtype.kind not in "fiu":
        raise HypError(f"the dissimilarities are {rdms.dtype}, not numbers; convert them.")
    values = rdms.to_numpy()
    size = np.nanmax(np.abs(values), initial=0)
    turned = np.abs(values - values.transpose(0, 2, 1))
    if np.isinf(size) or np.nanmax(turned, initial=0) > _UNEQUAL * size:
        raise HypError("the RDMs are infinite somewhere or not symmetric; export them again.")
    if np.nanmax(np.abs(np.diagonal(values, axis1=1, axis2=2)), initial=0) > _UNEQUAL * size:
        raise HypError(
            "the RDMs are not zero on their diagonals; give dissimilarities (1 - r), no "
            "similarities."
        )
    return rdms


def keep_stimuli(rdms: xr.DataArray, rows: Indices) -> xr.DataArray:
    """Return the dissimilarities between some of the stimuli."""
    return rdms.isel(stimulus=rows, stimulus_2=rows)


def _stimulus_names(array: xr.DataArray, dim: str, path: object) -> list[str]:
    for name in ("stimulus_id", dim):
        if name in array.coords and array[name].dims == (dim,):
            return _texts(array[name].to_numpy(), name)
    raise HypError(f"the stimuli of {path} have no names; add a coordinate stimulus_id.")


def _texts(values: NDArray[Any], name: str) -> list[str]:
    import pandas as pd

    plain = [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]
    return [str(one) for one in as_names(pd.Series(plain), name)]
