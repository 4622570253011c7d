"""The one exception that users are meant to see, and how its sentences are made."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError

UNREADABLE = (OSError, ValueError, RecursionError)
"""What reading a text file, and parsing it as JSON or TOML, may raise.

`ValueError` covers wrong UTF-8, wrong syntax and numbers of thousands of digits;
`RecursionError` brackets within brackets.
"""

_CHOOSE = "choose another place"
_DISK_ERRORS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the disk is read-only; choose another place",
    errno.EACCES: "that is not permitted there; choose another place, or have it permitted",
    errno.EPERM: "that is not permitted there; choose another place, or have it permitted",
    errno.EIO: "the disk reports an input/output error",
    errno.ENAMETOOLONG: f"the name is too long; {_CHOOSE}",
    errno.ELOOP: f"its links lead in a circle; {_CHOOSE}",
    errno.ENOTDIR: f"a part of its path is a file, not a folder; {_CHOOSE}",
    errno.EISDIR: "it is a folder, not a file; name a file",
    errno.ENOTEMPTY: f"that folder is not empty; {_CHOOSE}",
    errno.EEXIST: f"something of that name is there already; {_CHOOSE}",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.EFBIG: "the file would be larger than the disk allows",
    errno.EMFILE: "too many files are open; raise 'ulimit -n'",
    errno.ENFILE: "too many files are open on this machine; close some programs",
    errno.ESTALE: "the network disk has lost it; mount it again",
    errno.ENOTCONN: "the network disk is not connected; mount it again",
    errno.ENODEV: f"that place holds no files; {_CHOOSE}",
    errno.ENXIO: f"that is no file that can be opened; {_CHOOSE}",
    errno.EINVAL: f"that place does not take it; {_CHOOSE}",
    errno.ENOTSUP: f"that place does not allow it; {_CHOOSE}",
}


_SHOWN = 60
"""Characters of a refused value that are shown."""

_WRITES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


class HypError(ValueError):
    """Something the user can mend, said in one clear sentence.

    The command line prints the sentence and exits with a non-zero status; it
    shows no traceback unless ``--debug`` was given. The message says what is
    wrong and what to do about it. It is a ``ValueError``, so that a declaration that
    raises it while it is validated keeps the place where it stands.
    """


class Problem(NamedTuple):
    """One thing that pydantic refuses; as text, where it is, what was given and why not.

    Attributes
    ----------
    place : tuple of str or int
        What leads to it; empty for the whole.
    given : object
        What was refused.
    reason : str
        Why, without a full stop.
    raised : Exception or None
        What a validator raised, if one did.
    """

    place: tuple[int | str, ...]
    given: Any
    reason: str
    raised: Exception | None

    def __str__(self) -> str:
        place = ".".join(map(str, self.place))
        if not place or isinstance(self.raised, HypError):
            return self.reason
        given = repr(self.given)
        shown = "" if isinstance(self.given, dict) or len(given) > _SHOWN else f" {given}"
        return f"{place}{shown}: {self.reason}"


def problems(error: ValidationError) -> list[Problem]:
    """Return all that pydantic refuses."""
    found = []
    for told in error.errors():
        raised = told.get("ctx", {}).get("error")
        reason = told["msg"].removeprefix("Value error, ").rstrip(".")
        known = raised if isinstance(raised, Exception) else None
        found.append(Problem(told["loc"], told["input"], reason, known))
    return found


def first_problem(error: ValidationError) -> Problem:
    """Return the first thing that pydantic refuses."""
    return problems(error)[0]


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what pydantic refuses in the block into a `HypError` with its first reason."""
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        raise HypError(f"{first_problem(error)}.") from error


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the end of a sentence that offers the closest known words."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else choose_from(known)


def choose_from(known: Iterable[str]) -> str:
    """Return the end of a sentence that lists what there is."""
    return f"; choose from: {', '.join(known)}."


def disk_sentence(error: OSError, place: Path | str | None = None) -> str:
    """Return what a disk refused and why, and what to do; empty where that is not known.

    Parameters
    ----------
    error : OSError
    place : path, optional
        What was being used, where the error does not name it.
    """
    reason = _DISK_ERRORS.get(error.errno or 0)
    where = error.filename or place
    if reason is None or where is None:
        return ""
    where = where.decode(errors="replace") if isinstance(where, bytes) else where
    return f"cannot {'write' if error.errno in _WRITES else 'use'} {where}: {reason}"


def reason_of(error: BaseException) -> str:
    """Return what an exception says as the middle of a sentence: its first line, not too long."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0].rstrip(".:") if lines else ""
    if isinstance(error, KeyError):
        said = f"{said} is missing"
    return (said if len(said) <= 300 else f"{said[:300]}...") or type(error).__name__


@contextmanager
def reading(path: Path | str, advice: str) -> Iterator[None]:
    """Turn whatever is raised while a file is read, by a library too, into one sentence.

    Parameters
    ----------
    path : path
        What is being read.
    advice : str
        What to do about it; the end of the sentence.

    Raises
    ------
    HypError
        Saying why the file cannot be read.
    """
    try:
        yield
    except HypError:
        raise
    except MemoryError as error:
        raise HypError(f"there is not enough memory to read {path}.") from error
    except OSError as error:
        why = _DISK_ERRORS.get(error.errno or 0) or f"{reason_of(error)}; {advice}"
        raise HypError(f"{path} cannot be read: {why}.") from error
    except RecursionError as error:
        raise HypError(f"{path} cannot be read: it is nested too deeply; {advice}.") from error
    except Exception as error:
        raise HypError(f"{path} cannot be read: {reason_of(error)}; {advice}.") from error
