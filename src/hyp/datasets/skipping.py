"""Files that cannot be used: all are listed at once, and left out within a share that is stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyp.errors import HypError

_LISTED = 500


@dataclass(frozen=True)
class Problem:
    """A file, by its path in the folder, and the sentence that says what is wrong with it."""

    file: str
    sentence: str


def nothing_in(start: bytes) -> str:
    """Say what a file is that holds nothing of its own, by its first 64 bytes; else nothing.

    Examples
    --------
    >>> nothing_in(b"")
    'an empty file'
    """
    if not start:
        return "an empty file"
    is_pointer = start.startswith(b"version https://git-lfs")
    return "a pointer of Git LFS, not the file itself; run `git lfs pull`" if is_pointer else ""


def read_share(skip: Any) -> float:
    """Return the share of files that may be left out: 0 to below 1, or a text such as ``10%``.

    Raises
    ------
    HypError
        If it is something else.

    Examples
    --------
    >>> read_share("10%")
    0.1
    """
    text = str(skip).strip()
    try:
        share = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 <= share < 1.0:
        raise HypError(f"skip={skip} is no share of the files; write skip=0.1 or skip=10%.")
    return share


def settle(
    problems: Sequence[Problem], n_files: int, skip: float, where: Path, beside: str = ""
) -> tuple[tuple[str, ...], str]:
    """Decide about files that cannot be used.

    Parameters
    ----------
    problems : sequence of Problem
        One a file.
    n_files : int
        Number of files, those with problems included.
    skip : float
        Share of the files that may be left out.
    where : Path
        What messages call the folder.
    beside : str
        What else is to be said of the folder, where files are refused.

    Returns
    -------
    tuple of str
        Files that are left out, sorted.
    str
        What is left out and why, one line a file; empty where nothing is.

    Raises
    ------
    HypError
        Which lists the problems, the first 500, if there are more than may be left out.
    """
    if not problems:
        return (), ""
    ordered = sorted(problems, key=lambda problem: problem.file)
    lines = "".join(f"\n  {problem.sentence}" for problem in ordered[:_LISTED])
    if len(ordered) > _LISTED:
        lines += f"\n  and {len(ordered) - _LISTED:,} more."
    share = len(ordered) / n_files
    if share <= skip:
        many = f"{len(ordered):,} of {n_files:,} files in {where} are left out:"
        return tuple(problem.file for problem in ordered), many + lines
    if n_files == 1:
        raise HypError(ordered[0].sentence)
    hint = "mend them"
    if len(ordered) < n_files:
        least = -(-1000 * len(ordered) // n_files) / 10
        hint += f", or leave them out with skip={least:g}% (--set skip={least:g}%)"
    raise HypError(
        f"{len(ordered):,} of {n_files:,} files in {where} cannot be used; {hint}:{lines}"
        + (f"\n  {beside}" if beside else "")
    )


def passed_over(files: Iterable[str], read: Sequence[str]) -> str:
    """Return a line that says how many files of other kinds were not looked at, if any."""
    kinds = Counter(Path(file).suffix.lower() or "no suffix" for file in files)
    if not kinds:
        return ""
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    return f"Passed over: {counts}; what is read: {', '.join(read)}."
