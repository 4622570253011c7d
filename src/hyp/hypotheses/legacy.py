"""Declarations of earlier versions: conditions and parts, and the words of studies.

Before there was one form of hypothesis, one about variability had ``conditions`` (training
images) and ``parts`` (what is decoded, from networks trained for which objectives), and a study
called ``measured`` ``of`` and ``secondary`` ``beside``. Files and frozen declarations of both
are translated here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Place = tuple[int | str, ...]

_FULL = "full"
_KEYS_BEFORE = (["objective", "latent", "layer"], ["question", "of", "layer"])
_SEEDS_PER_CONDITION = 1000
_WHERE = {"latent": "measured", "of": "measured", "part": "question"}
_PLACES = {"cohorts": "conditions", "questions": "parts"}
_QUESTION_KEYS = {"b": "condition", "score": "latents"}


def is_legacy(content: Mapping[str, Any]) -> bool:
    """Tell whether a declaration has conditions and parts."""
    return "parts" in content and "conditions" in content and "questions" not in content


def modern_hypothesis(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a declaration in today's form; what cannot be read stays as it is."""
    found = dict(content)
    if is_legacy(content) and _well_formed(content):
        found = {
            name: value for name, value in content.items() if name not in ("conditions", "parts")
        }
        found["cohorts"] = [
            _cohort(condition, number, content["parts"])
            for number, condition in enumerate(content["conditions"])
        ]
        found["questions"] = [_contrast(part, content["parts"]) for part in content["parts"]]
        profiles = content.get("profiles")
        if isinstance(profiles, dict):
            found["profiles"] = {
                name: modern_profile(profile, content) for name, profile in profiles.items()
            }
    elif isinstance(content.get("questions"), list | tuple):
        found["questions"] = [_question(question) for question in content["questions"]]
    if isinstance(content.get("rule"), dict):
        found["rule"] = _rule(content["rule"])
    return found


def modern_profile(profile: Any, hypothesis: Mapping[str, Any]) -> Any:
    """Return a profile of a declaration in today's form: ``parts`` are ``questions``."""
    if not isinstance(profile, dict) or not is_legacy(hypothesis):
        return profile
    found = {name: value for name, value in profile.items() if name != "parts"}
    if "parts" in profile:
        names = [part["name"] for part in hypothesis["parts"]]
        found["questions"] = [] if list(profile["parts"]) == names else profile["parts"]
    if list(found.get("objectives", ())) == _objectives(hypothesis["parts"]):
        found["objectives"] = []
    return found


def original_place(place: Place, content: Mapping[str, Any]) -> Place:
    """Return where something of `modern_hypothesis` stands in the declaration itself."""
    if not is_legacy(content) or not place or place[0] not in _PLACES:
        return place
    first, *rest = place
    if first == "questions" and len(rest) > 1:
        rest[1:] = [_QUESTION_KEYS.get(str(rest[1]), rest[1])]
    return (_PLACES[str(first)], *rest)


def _well_formed(content: Mapping[str, Any]) -> bool:
    """Tell whether conditions and parts are tables with what the translation needs."""
    needed = {"conditions": ("name",), "parts": ("name", "condition", "latents", "objectives")}
    return all(
        isinstance(content[key], list | tuple)
        and all(isinstance(one, dict) and set(names) <= set(one) for one in content[key])
        for key, names in needed.items()
    )


def _cohort(condition: Mapping[str, Any], number: int, parts: Any) -> dict[str, Any]:
    own = [part for part in parts if condition["name"] in (_FULL, part["condition"])]
    return {
        **condition,
        "objectives": _objectives(own) or _objectives(parts),
        "first_seed": _SEEDS_PER_CONDITION * number,
    }


def _contrast(part: Mapping[str, Any], parts: Any) -> dict[str, Any]:
    known = {"name", "condition", "latents", "objectives"}
    shared = _objectives([other for other in parts if other["condition"] == part["condition"]])
    question = {
        **{name: value for name, value in part.items() if name not in known},
        "kind": "contrast",
        "name": part["name"],
        "score": {"kind": "decoding", "latents": part["latents"]},
        "a": _FULL,
        "b": [part["condition"]],
    }
    if list(part["objectives"]) != shared:
        question["objectives"] = part["objectives"]
    return question


def _objectives(parts: Any) -> list[str]:
    return list(dict.fromkeys(one for part in parts for one in part["objectives"]))


def _question(question: Any) -> Any:
    if not isinstance(question, dict):
        return question
    names = {"of": "measured", "beside": "secondary"}
    return {names.get(key, key): value for key, value in question.items()}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(rule)
    if list(rule.get("keys") or ()) in _KEYS_BEFORE:
        del found["keys"]
    if isinstance(rule.get("parts"), list | tuple):
        found["parts"] = _needs(rule["parts"])
    if "mixed" in rule:
        found["mixed"] = _needs(rule["mixed"])
    if isinstance(rule.get("predictions"), list | tuple):
        found["predictions"] = [
            {**one, "needs": _needs(one["needs"])}
            if isinstance(one, dict) and "needs" in one
            else one
            for one in rule["predictions"]
        ]
    return found


def _needs(needs: Any) -> Any:
    """Rename what needs, or parts, look at; needs in words have no such names."""
    if not isinstance(needs, list | tuple):
        return needs
    return [
        {**need, "where": {_WHERE.get(key, key): value for key, value in need["where"].items()}}
        if isinstance(need, dict) and isinstance(need.get("where"), dict)
        else need
        for need in needs
    ]
