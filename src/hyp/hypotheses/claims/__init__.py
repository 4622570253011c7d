"""The paper's claims (Xie et al. 2024): every module of this folder may declare one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from hyp.hypotheses.declaration import Hypothesis

_PAPERS_ORDER = (
    *("nontarget-variability", "nontarget-similarity", "convergence", "few-latents", "scaling"),
    *("performance-alignment", "objective-combination", "layer-assignment", "synthetic-natural"),
)
"""``nontarget-variability`` and what follows from it, then the others in the paper's order."""


def _declared() -> Iterator[Hypothesis]:
    for module in iter_modules(__path__):
        found = vars(import_module(f"{__name__}.{module.name}"))
        yield from (value for value in found.values() if isinstance(value, Hypothesis))


_BY_NAME = {claim.name: claim for claim in _declared()}

CLAIMS: tuple[Hypothesis, ...] = tuple(
    _BY_NAME[name] for name in dict.fromkeys([*_PAPERS_ORDER, *sorted(_BY_NAME)])
)
"""In the paper's order; claims that it does not have, by name."""
