"""Steps: what is computed, and the content key that names its result."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

KEY_LENGTH = 20
KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")
"""What a key looks like."""


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN.

    Raises
    ------
    ValueError
        If the value holds NaN or infinity, which have no JSON form.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_hash(value: object) -> str:
    """Return the hexadecimal SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def key_of(kind: str, version: int, spec: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Return the content key of a step from the keys of its inputs, by role."""
    parts = {"kind": kind, "version": version, "spec": spec, "inputs": inputs}
    return content_hash(parts)[:KEY_LENGTH]


@dataclass(frozen=True)
class Step:
    """A pure computation: the same step always yields the same artifact.

    Attributes
    ----------
    kind : str
        What is made, and the store folder it lies in: ``datasets``, ``models``, ...
    spec : mapping
        Everything that decides the result, as JSON values.
    inputs : mapping of str to Step
        The steps whose artifacts this one reads, by role.
    version : int
        Counted up by hand when the code of this kind of step changes its result.
    label : str
        For people; not part of the key.
    places : mapping
        Where on this machine the step finds what lies outside the store; not part of the
        key either.
    """

    kind: str
    spec: Mapping[str, Any]
    inputs: Mapping[str, Step] = field(default_factory=dict)
    version: int = 1
    label: str = field(default="", compare=False)
    places: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def key(self) -> str:
        """The content key: hash of kind, version, spec and the inputs' keys."""
        inputs = {role: step.key for role, step in self.inputs.items()}
        return key_of(self.kind, self.version, self.spec, inputs)

    def __hash__(self) -> int:
        return hash((self.kind, self.key))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and (self.kind, self.key) == (other.kind, other.key)


def in_order(
    goals: Iterable[Step], *, finished: Callable[[Step], bool] = lambda step: False
) -> list[Step]:
    """Return the goals and everything they need, each once, inputs first.

    Finished steps, and what only they need, are left out.
    """
    ordered: dict[Step, None] = {}

    def visit(step: Step) -> None:
        if step not in ordered and not finished(step):
            for parent in step.inputs.values():
                visit(parent)
            ordered[step] = None

    for goal in goals:
        visit(goal)
    return list(ordered)
