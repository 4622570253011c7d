"""Declare a hypothesis about vision models, run it, read the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp._lazy import lazy_names
from hyp.errors import HypError

if TYPE_CHECKING:
    from hyp.store import open_store

__version__ = "0.1.0"
"""Of the distribution, which the package index knows as ``hyp-vision``."""

__all__ = ["HypError", "__version__", "open_store"]

__getattr__ = lazy_names(__name__, {"open_store": "store"})
