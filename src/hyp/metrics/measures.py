"""Which measures of similarity there are: hyp's own, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, get_args

from hyp.errors import HypError
from hyp.plugins import MEASURES as PLUGIN_MEASURES
from hyp.plugins import Plugin, find_plugins

if TYPE_CHECKING:
    from hyp.metrics.gram import Gram

Cosine = Literal[
    "cka",
    "cka-biased",
    "rsa-correlation",
    "rsa-correlation-spearman",
    "rsa-euclidean",
    "rsa-euclidean-spearman",
]
Measure = Literal[Cosine, "procrustes"]
MEASURES: tuple[str, ...] = get_args(Measure)
"""hyp's own, see `hyp.metrics.similarity.similarity_matrix`."""


def measure_names() -> list[str]:
    """Return the measures that can be named; imports no other package."""
    return [*MEASURES, *_added()]


def added_measure(name: str) -> Plugin | None:
    """Return the plugin that offers a measure, None for hyp's own; its code is not imported.

    Raises
    ------
    HypError
        If there is no measure of that name.
    """
    if name in MEASURES:
        return None
    added = _added()
    if name not in added:
        names = measure_names()
        close = get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose from: {', '.join(names)}."
        raise HypError(f"unknown measure {name!r}; {hint}")
    return added[name]


def load_measure(plugin: Plugin) -> Callable[[Gram, Gram], float]:
    """Return the function of a plugin: two representations in, their similarity out.

    Raises
    ------
    HypError
        If it cannot be imported or is no function.
    """
    function = plugin.load()
    if not callable(function):
        raise plugin.fault(f"{plugin.entry.value} is a {type(function).__name__} and no function")
    measure: Callable[[Gram, Gram], float] = function
    return measure


def _added() -> dict[str, Plugin]:
    return find_plugins(PLUGIN_MEASURES, MEASURES)
