"""Code that a model folder names runs only where the user has said that it may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from hyp.errors import HypError

TIMM = "timm:"
"""What a backbone's name begins with that is timm's."""

_TRUSTED: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusting() -> Iterator[None]:
    """Let model folders name code of their own while the block runs; ``--trust`` does."""
    token = _TRUSTED.set(True)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def names_code(backbone: str) -> bool:
    """Return whether a backbone is ``package.module:function``, which is imported and called."""
    return ":" in backbone and not backbone.startswith(TIMM)


def require_trust(backbone: str, folder: Path | str) -> None:
    """Refuse a model folder that names code, unless the user trusts it.

    Weights alone never run code: they are read with ``weights_only=True``.

    Raises
    ------
    HypError
        Naming the code and how to say that it may run.
    """
    if names_code(backbone) and not _TRUSTED.get():
        raise HypError(
            f"the model in {folder} is built by code, {backbone}, which would be imported and "
            "called; if you trust it, add --trust (in Python: with hyp.models.trusting())."
        )
