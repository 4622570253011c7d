"""Declare a hypothesis about vision models, run it, read the verdict.

>>> import hyp
>>> claim = hyp.hypothesis("nontarget-variability")
>>> hyp.plan(claim, n_seeds=6, precision="fp32").untestable
''
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hyp._lazy import lazy_names
from hyp.errors import HypError

if TYPE_CHECKING:
    from hyp import stats
    from hyp.api import (
        dataset,
        hypothesis,
        list_hypotheses,
        plan,
        run,
        test,
        torch_dataset,
    )
    from hyp.hypotheses.cohort import Cohort
    from hyp.hypotheses.declaration import Hypothesis
    from hyp.hypotheses.profile import Profile
    from hyp.hypotheses.questions import Alike, Closer, Contrast, Tighter, Tracks, Trend
    from hyp.store import open_store

logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.2.0"
"""Of the distribution, which the package index knows as ``hyp-vision``."""

__all__ = [
    "Alike",
    "Closer",
    "Cohort",
    "Contrast",
    "HypError",
    "Hypothesis",
    "Profile",
    "Tighter",
    "Tracks",
    "Trend",
    "__version__",
    "dataset",
    "hypothesis",
    "list_hypotheses",
    "open_store",
    "plan",
    "run",
    "stats",
    "test",
    "torch_dataset",
]

_API = ("dataset", "hypothesis", "list_hypotheses", "plan", "run", "test", "torch_dataset")
_QUESTIONS = ("Alike", "Closer", "Contrast", "Tighter", "Tracks", "Trend")

__getattr__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(_API, "api"),
        **dict.fromkeys(_QUESTIONS, "hypotheses.questions"),
        "Cohort": "hypotheses.cohort",
        "Hypothesis": "hypotheses.declaration",
        "Profile": "hypotheses.profile",
        "open_store": "store",
        "stats": "stats",
    },
)


def __dir__() -> list[str]:
    return __all__
