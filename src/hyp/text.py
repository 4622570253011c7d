"""Text from files and names, shown as text: no markup, no control characters."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and newline, marks that turn the direction, halves of characters."""


def printable(text: str) -> str:
    r"""Return a text with everything that steers a terminal written out.

    Examples
    --------
    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    """
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def is_printable(text: str) -> bool:
    """Return whether `printable` would leave a text as it is."""
    return _HIDDEN.search(text) is None


def one_line(text: str) -> str:
    """Return a text on one line, printable."""
    return " ".join(printable(text).split())


def joined(names: Sequence[str], word: str = "and") -> str:
    """Join names as in a sentence."""
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def some(names: Sequence[str], most: int = 6) -> str:
    """List the first names."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" * (len(names) > most))


def percent(share: float) -> str:
    """Write a share in percent, with two significant digits.

    Examples
    --------
    >>> percent(0.0871), percent(0.6), percent(0.00125)
    ('8.7%', '60%', '0.12%')
    """
    return f"{float(f'{100 * share:.2g}'):g}%"
