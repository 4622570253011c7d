"""Telling addresses such as ``s3://bucket/set`` from paths."""

from __future__ import annotations

import re
from pathlib import Path

from hyp.errors import HypError

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""A path keeps one of the two slashes; a single letter before the colon is a drive."""


def is_address(place: Path | str) -> bool:
    """Tell an address from a path, even where it was made a path.

    Examples
    --------
    >>> is_address("s3://bucket/set"), is_address(Path("s3://bucket/set")), is_address("a/b")
    (True, True, False)
    """
    return _ADDRESS.match(str(place)) is not None


def written_out(place: Path | str) -> str:
    """Return an address as it was given, with both slashes.

    Examples
    --------
    >>> written_out(Path("s3://bucket/set"))
    's3://bucket/set'
    """
    return place if isinstance(place, str) else _ADDRESS.sub(r"\1://", str(place), count=1)


def refuse_address(place: Path | str, why: str) -> None:
    """Check that a place is a path; else a folder called ``s3:`` would be made.

    Parameters
    ----------
    place : path
    why : str
        The rest of the sentence: what is needed, what to do.

    Raises
    ------
    HypError
        If it is an address.
    """
    if is_address(place):
        raise HypError(f"{written_out(place)} is an address; {why}.")


STORE = (
    "a store needs a file system that all workers share; name a folder there with --store, and "
    "copy it to the address when the run is finished"
)
"""Why a store cannot be at an address."""
