"""What other packages add to hyp, found through their entry points."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hyp.errors import HypError

HYPOTHESES = "hyp.hypotheses"
"""Group of entry points ``NAME = "module:OBJECT"``, each a `Hypothesis` or `Study` called NAME."""

SOURCES = "hyp.sources"
"""Group of entry points ``KIND = "module:CLASS"``, each a `Source` whose ``kind`` is KIND."""

MEASURES = "hyp.measures"
"""Group of entry points ``NAME = "module:FUNCTION"``: the similarity of two representations.

The function takes two `hyp.metrics.Gram` of the same stimuli and returns a finite number that
does not depend on their order.
"""

_NOUNS = {HYPOTHESES: "hypothesis", SOURCES: "source", MEASURES: "measure"}


@dataclass(frozen=True)
class Plugin:
    """One thing that an installed package offers; its code is not imported before `load`.

    Attributes
    ----------
    name : str
        What users write.
    package : str
        Name and version of the package that offers it.
    entry : EntryPoint
        Where it is.
    clash : str
        Why the name cannot be had; empty where it can.
    """

    name: str
    package: str
    entry: EntryPoint
    clash: str = ""

    def load(self) -> Any:
        """Import and return the object.

        Raises
        ------
        HypError
            If the name is taken or the import fails in whatever way; the message names the
            package.
        """
        if self.clash:
            raise self.fault(self.clash)
        try:
            return self.entry.load()
        except (Exception, SystemExit) as error:
            kind = "" if isinstance(error, HypError) else f"{type(error).__name__}: "
            words = " ".join(f"{kind}{error}".split()).rstrip(".")
            raise self.fault(f"{self.entry.value} cannot be loaded ({words})") from error

    def fault(self, reason: str) -> HypError:
        """Return the error that says in one sentence what is wrong with it."""
        noun = _NOUNS[self.entry.group]
        return HypError(
            f"the package {self.package} offers a {noun} {self.name!r}, but {reason}; "
            "update or uninstall that package."
        )


def find_plugins(group: str, taken: Collection[str]) -> dict[str, Plugin]:
    """Return what installed packages offer in a group of entry points, by name.

    Parameters
    ----------
    group : str
        `HYPOTHESES`, `SOURCES` or `MEASURES`.
    taken : collection of str
        Names of hyp's own. A plugin that bears one is returned with its `clash`, as is
        one whose name two packages offer; neither can be loaded.

    Notes
    -----
    Entry points are those of the Python packaging guide's "entry points specification",
    read with `importlib.metadata`; nothing is imported here.
    """
    found: dict[str, Plugin] = {}
    for entry in sorted(entry_points(group=group), key=lambda e: (e.name, e.value)):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "without a name"
        clash = "that name is one of hyp's own" if entry.name in taken else ""
        if entry.name in found:
            package = " and ".join(sorted([found[entry.name].package, package]))
            clash = "more than one package does"
        found[entry.name] = Plugin(entry.name, package, entry, clash)
    return found
