"""Hypotheses of a lab's own, declared in TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hyp.errors import HypError
from hyp.hypotheses.declaration import Hypothesis

SUFFIX = ".toml"
KEYS = ("objective", "latent", "layer")
"""What tells the comparisons of a run apart."""


def read_hypothesis(path: Path | str) -> Hypothesis:
    """Read a hypothesis from a TOML file.

    The file has the fields of `Hypothesis`. What a prediction needs may be written in
    words: ``needs = ["better somewhere", "worse nowhere"]``.

    Raises
    ------
    HypError
        If the file is missing, is not TOML, or declares something impossible; the message
        names the place.
    """
    path = Path(path).expanduser()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HypError(f"there is no hypothesis file {path}; check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise HypError(f"{path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise HypError(f"{path} is not valid TOML: {error}.") from error
    try:
        return Hypothesis.model_validate(_spelt_out(content))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the hypothesis"
        reason = problem["msg"].removeprefix("Value error, ")
        raise HypError(f"{path}, {place}: {reason}.") from error


def _spelt_out(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with the predicates that are written in words as their fields."""
    rule = content.get("rule")
    if not isinstance(rule, dict):
        return content
    predictions = [
        {**prediction, "needs": _predicates(prediction.get("needs"))}
        if isinstance(prediction, dict)
        else prediction
        for prediction in rule.get("predictions", [])
    ]
    mixed = {"mixed": _predicates(rule["mixed"])} if "mixed" in rule else {}
    return {**content, "rule": {"keys": KEYS, **rule, **mixed, "predictions": predictions}}


def _predicates(needs: Any) -> Any:
    if not isinstance(needs, list):
        return needs
    return [_predicate(need) if isinstance(need, str) else need for need in needs]


def _predicate(text: str) -> dict[str, str]:
    direction, _, kind = text.partition(" ")
    if direction not in ("better", "worse") or kind not in ("somewhere", "nowhere"):
        raise HypError(
            f"cannot read the need {text!r}; write 'better somewhere', 'better nowhere', "
            "'worse somewhere' or 'worse nowhere'."
        )
    return {"direction": direction, "kind": kind}
