"""Where errors leave hyp: one sentence on the screen, and the exit status."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeGuard

from hyp.errors import HypError, disk_sentence, first_problem, problems, reason_of
from hyp.text import one_line

if TYPE_CHECKING:
    from pydantic import ValidationError

_LISTED = "\n  "
"""What stands before each of several problems, which keep a line each."""

_LIBRARIES = ("pyarrow", "zarr", "numcodecs", "h5py", "pandas", "tables", "zlib", "zipfile", "lzma")
"""Whose own exceptions speak of files; what hyp reads of users it reads through these."""

RUN = (
    *("torch", "torchvision", "zarr", "h5netcdf", "h5py", "dask", "distributed", "pyarrow"),
    *("warp", "trimesh", "mapbox_earcut", "cryptography", "tornado"),
)
"""Packages of the extra ``run``: judging tables and designs needs none of them."""


def prepare_output() -> None:
    """Let every character be printed, on terminals too whose encoding lacks it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def check_folder() -> None:
    """Refuse to work in a folder that was deleted: some libraries end the process there."""
    try:
        os.getcwd()  # noqa: PTH109
    except OSError as error:
        raise HypError("the current folder is gone; change to one that exists.") from error


def flush_output() -> None:
    """Write out what was printed; a disk or pipe that refuses it raises here, not at exit."""
    sys.stdout.flush()


def give_up_output() -> None:
    """Let nothing more be written to standard output, which takes nothing."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def explained(error: BaseException) -> str | None:
    """Return in one sentence what is wrong and what to do; None for a fault in hyp.

    What the user or the machine can cause is known by its kind: disks and paths, files that
    are damaged or nested too deeply, numbers and settings that are impossible, memory.
    """
    if _is_validation(error):
        error = first_problem(error).raised or error
    if isinstance(error, HypError):
        return _LISTED.join(one_line(part) for part in str(error).split(_LISTED))
    sentence = _kind(error)
    return None if sentence is None else f"{one_line(sentence).rstrip('.')}."


def _kind(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, ImportError):
        return _missing(error)
    if isinstance(error, RecursionError):
        return "something that was read is nested too deeply; make it flatter"
    if isinstance(error, MemoryError):
        said = reason_of(error)
        more = "" if said == type(error).__name__ else f" ({said})"
        return f"there is not enough memory{more}; choose smaller sizes"
    if isinstance(error, EOFError):
        return "a file that was read ends too early; get or make it again"
    if isinstance(error, OverflowError) or "integer string conversion" in str(error):
        return f"a number is too large ({reason_of(error)}); choose a smaller one"
    if isinstance(error, ValueError) and "not JSON compliant" in str(error):
        return "a number that was given is infinite or not a number; choose a finite one"
    if isinstance(error, UnicodeError):
        return f"a text that was read is not UTF-8 ({reason_of(error)}); save it as UTF-8"
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return "a path has a zero byte in it; write it anew"
    if _is_validation(error):
        return "; ".join(map(str, problems(error)))
    if type(error).__module__.partition(".")[0] in _LIBRARIES:
        said = f"{type(error).__name__}: {reason_of(error)}"
        return f"a file that was read is damaged or of another kind ({said}); get or make it again"
    return None


def _missing(error: ImportError) -> str | None:
    name = (error.name or "").partition(".")[0]
    if name not in RUN or find_spec(name) is not None:
        return None
    return f"this needs {name}, which is not installed; pip install 'hyp-vision[run]' brings it"


def _of_system(error: OSError) -> str:
    known = disk_sentence(error, "the output")
    if known:
        return known
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{reason_of(error)}; check the path, the disk and the network"


def _is_validation(error: BaseException) -> TypeGuard[ValidationError]:
    pydantic = sys.modules.get("pydantic_core")  # not imported anew: that may fail now
    return pydantic is not None and isinstance(error, pydantic.ValidationError)
