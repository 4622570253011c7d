"""The hypotheses that ``hyp list`` shows."""

from __future__ import annotations

from hyp.errors import HypError
from hyp.hypotheses.declaration import Hypothesis, did_you_mean
from hyp.hypotheses.files import SUFFIX, read_hypothesis
from hyp.hypotheses.nontarget_variability import NONTARGET_VARIABILITY

BUILT_IN: tuple[Hypothesis, ...] = (NONTARGET_VARIABILITY,)


def find_hypothesis(name: str) -> Hypothesis:
    """Return a hypothesis by name, or the one that a TOML file declares.

    Raises
    ------
    HypError
        If there is none; the message offers the closest name.
    """
    if name.endswith(SUFFIX):
        return read_hypothesis(name)
    for hypothesis in BUILT_IN:
        if hypothesis.name == name:
            return hypothesis
    names = [hypothesis.name for hypothesis in BUILT_IN]
    raise HypError(f"there is no hypothesis {name!r}" + did_you_mean(name, names))
