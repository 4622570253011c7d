"""The one exception that users are meant to see, and how its sentences end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class HypError(ValueError):
    """Something the user can mend, said in one clear sentence.

    The command line prints the sentence and exits with a non-zero status; it
    shows no traceback unless ``--debug`` was given. The message says what is
    wrong and what to do about it. It is a ``ValueError``, so that a declaration that
    raises it while it is validated keeps the place where it stands.
    """


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what pydantic refuses in the block into a `HypError` with its first reason."""
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        problem = error.errors()[0]
        reason = problem["msg"].removeprefix("Value error, ").rstrip(".")
        place = ".".join(map(str, problem["loc"]))
        own = isinstance(problem.get("ctx", {}).get("error"), HypError)
        raise HypError(f"{reason}." if own or not place else f"{place}: {reason}.") from error


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the end of a sentence that offers the closest known words."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else choose_from(known)


def choose_from(known: Iterable[str]) -> str:
    """Return the end of a sentence that lists what there is."""
    return f"; choose from: {', '.join(known)}."
