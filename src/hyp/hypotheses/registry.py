"""The hypotheses that ``hyp list`` shows: hyp's own, and those of installed packages."""

from __future__ import annotations

from hyp.errors import HypError, did_you_mean
from hyp.hypotheses.claims import CLAIMS
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.toml import SUFFIX, read_hypothesis
from hyp.plugins import HYPOTHESES, Plugin, find_plugins

BUILT_IN = CLAIMS


def find_hypothesis(name: str) -> Hypothesis:
    """Return a hypothesis by name, or the one that a TOML file declares.

    Raises
    ------
    HypError
        If there is none (the message offers the closest name), or the package that offers
        it is broken.
    """
    if name.endswith(SUFFIX):
        return read_hypothesis(name)
    for hypothesis in BUILT_IN:
        if hypothesis.name == name:
            return hypothesis
    added = _added()
    if name in added:
        return _loaded(added[name])
    raise HypError(f"there is no hypothesis {name!r}" + did_you_mean(name, hypothesis_names()))


def hypothesis_names() -> list[str]:
    """Return the names that are taken, hyp's own first; imports no other package."""
    return list(dict.fromkeys([*(hypothesis.name for hypothesis in BUILT_IN), *_added()]))


def all_hypotheses() -> tuple[tuple[Hypothesis, ...], tuple[str, ...]]:
    """Return all hypotheses that can be run, and what is wrong with those that cannot.

    Returns
    -------
    hypotheses : tuple of Hypothesis
        hyp's own, then those of installed packages by name.
    problems : tuple of str
        One sentence per broken one.
    """
    hypotheses, problems = list(BUILT_IN), []
    for plugin in _added().values():
        try:
            hypotheses.append(_loaded(plugin))
        except HypError as error:
            problems.append(str(error))
    return tuple(hypotheses), tuple(problems)


def _added() -> dict[str, Plugin]:
    return find_plugins(HYPOTHESES, [hypothesis.name for hypothesis in BUILT_IN])


def _loaded(plugin: Plugin) -> Hypothesis:
    hypothesis = plugin.load()
    if not isinstance(hypothesis, Hypothesis):
        kind = type(hypothesis).__name__
        raise plugin.fault(f"{plugin.entry.value} is a {kind} and no Hypothesis")
    if hypothesis.name != plugin.name:
        raise plugin.fault(f"{plugin.entry.value} calls itself {hypothesis.name!r}")
    return hypothesis
