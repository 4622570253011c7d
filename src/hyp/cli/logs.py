"""``--log-level`` and ``--log-file``: what hyp does, told to Python's own logging."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from hyp.addresses import refuse_address
from hyp.errors import HypError, disk_sentence

LEVELS = ("debug", "info", "warning", "error")
_OPTIONS = ("--log-level", "--log-file")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def start_logging(arguments: Sequence[str]) -> list[str]:
    """Take the options of logging out of a command line, wherever they stand, and heed them.

    ``--log-file`` alone means the level ``info``, ``--log-level`` alone standard error.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    list of str
        The other arguments.

    Raises
    ------
    HypError
        If a level is unknown, a value is missing, or the file cannot be written.
    """
    rest, given = _taken(arguments)
    if not given:
        return rest
    level = given.get("--log-level", "info").lower()
    if level not in LEVELS:
        raise HypError(f"--log-level {level!r} is none of {', '.join(LEVELS)}.")
    handler = _handler(given.get("--log-file"))
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger = logging.getLogger("hyp")
    logger.setLevel(level.upper())
    logger.addHandler(handler)
    logger.propagate = False
    return rest


def _handler(file: str | None) -> logging.Handler:
    if file is None:
        return logging.StreamHandler()
    refuse_address(file, "name a file that this machine sees")
    path = Path(file).expanduser()
    if not path.parent.is_dir():
        raise HypError(f"--log-file {file}: there is no folder {path.parent}; make it.")
    return _LogFile(path, encoding="utf-8")


class _LogFile(logging.FileHandler):
    """Says once that it cannot be written, and leaves it at that: no run ends for its log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        logging.getLogger("hyp").removeHandler(self)
        error = sys.exc_info()[1]
        known = disk_sentence(error, self.baseFilename) if isinstance(error, OSError) else ""
        reason = known or f"cannot write {self.baseFilename}"
        typer.echo(f"note: {reason}; nothing more is logged.", err=True)


def _taken(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    rest: list[str] = []
    given: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        name, equals, value = argument.partition("=")
        if argument == "--":
            return [*rest, argument, *waiting], given
        if name not in _OPTIONS:
            rest.append(argument)
        elif name in given:
            raise HypError(f"{name} is given more than once; it takes one value.")
        elif not equals and not waiting:
            raise HypError(f"{name} takes a value.")
        else:
            given[name] = value if equals else waiting.pop(0)
    return rest, given
