"""Questions that a hypothesis asks of cohorts; every module of this folder adds kinds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from hyp.hypotheses.questions.base import (
    SCORE_COLUMNS,
    Alternative,
    Evidence,
    Question,
    Similarities,
    Values,
)
from hyp.hypotheses.questions.contrast import Contrast
from hyp.hypotheses.questions.pairs import Alike, Closer, PairQuestion, Tighter
from hyp.hypotheses.questions.tracks import Tracks
from hyp.hypotheses.questions.trend import Trend

__all__ = [
    "KINDS",
    "SCORE_COLUMNS",
    "Alike",
    "Alternative",
    "AnyQuestion",
    "Closer",
    "Contrast",
    "Evidence",
    "PairQuestion",
    "Question",
    "Similarities",
    "Tighter",
    "Tracks",
    "Trend",
    "Values",
]


def _kinds(base: type[Question]) -> Iterator[type[Question]]:
    """Yield the subclasses that declare a kind."""
    for child in base.__subclasses__():
        if "kind" in child.__annotations__:
            yield child
        yield from _kinds(child)


for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

KINDS = {str(one.model_fields["kind"].default): one for one in _kinds(Question)}
"""The kinds of questions by name."""

if TYPE_CHECKING:
    AnyQuestion = Question
else:
    AnyQuestion = Annotated[reduce(or_, KINDS.values()), Field(discriminator="kind")]
