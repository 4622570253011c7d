"""The one exception that users are meant to see, and how its sentences end."""

from __future__ import annotations

from collections.abc import Iterable


class HypError(ValueError):
    """Something the user can mend, said in one clear sentence.

    The command line prints the sentence and exits with a non-zero status; it
    shows no traceback unless ``--debug`` was given. The message says what is
    wrong and what to do about it.
    """


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the end of a sentence that offers the closest known words."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else choose_from(known)


def choose_from(known: Iterable[str]) -> str:
    """Return the end of a sentence that lists what there is."""
    return f"; choose from: {', '.join(known)}."
