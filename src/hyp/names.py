"""Names that are read from files and become parts of paths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from hyp.errors import HypError
from hyp.text import is_printable, printable

MAX_BYTES = 100
"""Two names, a key and what is added while writing must fit into a file name of 255 bytes."""


def name_problem(name: str) -> str:
    """Return why a text cannot be a name; empty where it can."""
    if not name or name != name.strip():
        return "it is empty, or begins or ends with a space"
    if "/" in name or "\\" in name:
        return "it has a slash, which separates folders"
    if name.startswith((".", "-")):
        return f"it begins with {name[0]!r}"
    if not is_printable(name) or "\n" in name or "\t" in name:
        return "it has a control character"
    if len(name.encode()) > MAX_BYTES:
        return f"it is longer than {MAX_BYTES} bytes"
    return ""


def check_name(name: str, what: str = "name") -> str:
    """Return a name, having checked that it can be part of a path.

    Raises
    ------
    HypError
        If it has a path separator or a control character, begins with a dot or a hyphen, is
        empty or is longer than 100 bytes.
    """
    problem = name_problem(name)
    if problem:
        raise HypError(f"{_shown(name)} cannot be a {what}: {problem}; choose another.")
    return name


def inside(folder: Path, name: str, suffix: str = "") -> Path:
    """Return ``folder/name`` with a suffix; never a place outside the folder.

    Raises
    ------
    HypError
        As `check_name`.
    """
    return folder / f"{check_name(name)}{suffix}"


def _valid(name: str) -> str:
    problem = name_problem(name)
    if problem:
        raise ValueError(f"{_shown(name)} cannot be a name: {problem}; choose another")
    return name


def _shown(name: str) -> str:
    return repr(printable(name) if len(name) <= MAX_BYTES else f"{printable(name)[:40]}...")


Name = Annotated[str, AfterValidator(_valid)]
"""A name in a pydantic model: checked where it is read, written as it is."""
