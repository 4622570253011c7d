"""Exit statuses: what a script can tell from how a command ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyp.stats.verdict import Outcome

REFUSED = 1
"""Something that the user can mend, in one sentence."""

UNTESTABLE, INVALID, CONFOUNDED = 3, 4, 5
"""Of ``hyp run`` and ``hyp test``: it came to its end, but no verdict was reached."""

FAULT = 70
"""A fault in hyp."""

SIGNALLED = 128
"""And the number of the signal that ended the command, as shells have it."""

INTERRUPTED = SIGNALLED + 2
"""After Ctrl-C."""

_NO_VERDICT = {"untestable": UNTESTABLE, "invalid": INVALID, "confounded": CONFOUNDED}


def verdict_status(outcomes: Iterable[Outcome]) -> int:
    """Return the exit status of a command that came to these outcomes: the highest of theirs.

    Examples
    --------
    >>> verdict_status(["supported", "inconclusive"])
    0
    >>> verdict_status(["untestable", "invalid", "equivalent"])
    4
    """
    return max((_NO_VERDICT.get(outcome, 0) for outcome in outcomes), default=0)
