"""``--log-level`` and ``--log-file``: what hyp does, told to Python's own logging."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from hyp.addresses import refuse_address
from hyp.errors import HypError

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
    return logging.FileHandler(path, encoding="utf-8")


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
