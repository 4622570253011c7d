"""Which measures of similarity there are: hyp's own, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

from hyp.errors import HypError, did_you_mean
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
    "mutual-neighbours",
]
Measure = Literal[Cosine, "procrustes"]
MEASURES: tuple[str, ...] = get_args(Measure)
"""hyp's own, see `hyp.metrics.similarity.similarity_matrix`."""


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
        raise HypError(f"unknown measure {name!r}" + did_you_mean(name, [*MEASURES, *added]))
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
