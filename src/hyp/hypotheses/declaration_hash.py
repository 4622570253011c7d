"""Everything that decides what is run and how it is judged, and how two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from hyp.errors import HypError
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.legacy import modern_hypothesis, modern_profile
from hyp.hypotheses.profile import Declared, Profile
from hyp.store.steps import content_hash

LEFT_OUT = {
    "the profile's name and summary": "they are for people",
    "published, agrees and figure": "what others found decides nothing that is computed",
    "rule.alpha": "the profile's alpha takes its place",
    "workers, scheduler and store": "results do not depend on them",
    "files that are named": "images, recordings and weights are not looked into",
    "the machine": "device and precision are frozen as declared; 'auto' is settled where it runs",
}
"""What the declaration's hash does not cover, and why."""

_EMPTY: tuple[Any, ...] = (None, "", [], {})

_Path = tuple[str, ...]
"""Where a field lies; a list of named things is entered by their names."""


class Declaration(Declared):
    """Everything that decides what is run and how it is judged, as JSON values.

    Fields that cannot change a result are not in it, see `LEFT_OUT`. The words of the
    claim are: a prediction rephrased afterwards is another prediction.
    """

    hypothesis: dict[str, Any]
    profile: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON: sorted keys, no spaces, ASCII."""
        return content_hash(self.model_dump())


class Difference(Declared):
    """One field that is not as it was frozen; the values in words."""

    field: str
    frozen: str
    ran: str


def declaration_of(hypothesis: Hypothesis, profile: Profile) -> Declaration:
    """Return what is frozen of a hypothesis under a profile as applied."""
    return Declaration(
        hypothesis=_decisive(hypothesis.model_dump(mode="json", exclude={"profiles"})),
        profile=profile.model_dump(mode="json", exclude={"summary"}),
    )


def declared_in(spec: Mapping[str, Any]) -> Declaration:
    """Return the declaration in the spec of a ``results`` step."""
    hypothesis = spec["study"] if "study" in spec else spec["hypothesis"]
    return Declaration(
        hypothesis=_decisive(hypothesis),
        profile={k: v for k, v in spec["profile"].items() if k not in ("name", "summary")},
    )


def differences(frozen: Declaration, ran: Declaration) -> tuple[Difference, ...]:
    """Compare two declarations field by field.

    Those of earlier versions are translated first. A field that one of them does not have,
    because another version of hyp wrote it, counts with its default.
    """
    # What this hyp cannot complete, because it does not know a field, is compared as written.
    with suppress(ValidationError, HypError, KeyError):
        frozen, ran = _complete(frozen), _complete(ran)
    one, two = dict(_leaves(frozen)), dict(_leaves(ran))
    return tuple(
        Difference(
            field=".".join(map(str, field)), frozen=_words(one, field), ran=_words(two, field)
        )
        for field in dict.fromkeys([*one, *two])
        if field not in one or field not in two or one[field] != two[field]
    )


def modern(declaration: Declaration) -> Declaration:
    """Return a declaration of an earlier version in today's form."""
    return Declaration(
        hypothesis=modern_hypothesis(declaration.hypothesis),
        profile=modern_profile(declaration.profile, declaration.hypothesis),
    )


def _complete(declaration: Declaration) -> Declaration:
    """Translate, and fill in the defaults of fields that the declaration's writer did not know."""
    found = modern(declaration)
    return declaration_of(
        Hypothesis.model_validate({**found.hypothesis, "profiles": {}}),
        Profile.model_validate({**found.profile, "summary": ""}),
    )


def _decisive(hypothesis: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the fields that decide nothing, see `LEFT_OUT`."""
    found = {k: v for k, v in hypothesis.items() if k not in ("published", "agrees")}
    found["rule"] = {k: v for k, v in hypothesis["rule"].items() if k != "alpha"}
    if "questions" in found:
        found["questions"] = [
            {k: v for k, v in question.items() if k != "figure"} for question in found["questions"]
        ]
    return found


def _leaves(declaration: Declaration) -> Iterator[tuple[_Path, Any]]:
    """Yield (field, value); fields of the hypothesis are bare, the profile's are prefixed."""
    for name, value in declaration.hypothesis.items():
        yield from _flattened((name,), value)
    for name, value in declaration.profile.items():
        yield from _flattened(("profile", name), value)


def _flattened(field: _Path, value: Any) -> Iterator[tuple[_Path, Any]]:
    names = _names(value)
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flattened((*field, name), inner)
    elif names:
        yield field, names
        for name, item in zip(names, value, strict=True):
            rest = {key: inner for key, inner in item.items() if key != "name"}
            yield from _flattened((*field, name), rest)
    else:
        yield field, value


def _names(value: Any) -> list[str]:
    """Names of a list's items; empty where they have none, or share one."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    names = [item.get("name") for item in value]
    return names if all(names) and len(set(names)) == len(names) else []


def _words(fields: Mapping[_Path, Any], field: _Path) -> str:
    return _say(fields[field]) if field in fields else "not declared"


def _say(value: Any) -> str:
    if value in _EMPTY:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_say, value))
    if isinstance(value, dict):
        told = (f"{key}: {_say(inner)}" for key, inner in value.items() if inner not in _EMPTY)
        return f"({', '.join(told)})"
    return json.dumps(value)
