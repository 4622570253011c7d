"""Hypotheses of a lab's own, declared in TOML files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from hyp.datasets.designs import FULL, Design
from hyp.errors import UNREADABLE, HypError, did_you_mean, reason_of
from hyp.hypotheses.declaration import FULL_CONDITION, Hypothesis
from hyp.hypotheses.studies.declaration import KEYS as STUDY_KEYS
from hyp.hypotheses.studies.declaration import Study

Place = tuple[int | str, ...]
"""Keys and indices that lead to a value of a file, such as ``("parts", 0, "latents")``."""

SUFFIX = ".toml"


_NEED = re.compile(
    r"(?:(?P<direction>better|worse|higher|lower) (?P<kind>somewhere|nowhere)|not lower)"
    r"(?: in (?P<question>.+))?"
)

KEYS = ("objective", "latent", "layer")
"""What tells the comparisons of a run apart."""


class _MisplacedError(HypError):
    """What is wrong with a declaration, and where it stands."""

    def __init__(self, reason: str, place: Place) -> None:
        super().__init__(reason.rstrip("."))
        self.place = place


def read_hypothesis(path: Path | str) -> Hypothesis | Study:
    """Read a hypothesis from a TOML file.

    The file has the fields of `Hypothesis`, or those of a `Study` if it asks
    ``[[questions]]``. What a prediction needs may be written in words: ``needs = ["better
    somewhere", "worse nowhere"]``, of a study also ``"higher somewhere in QUESTION"`` and
    ``"not lower"``. The claim of a prediction may
    be left out where ``[predictions]`` has one of that name.

    Raises
    ------
    HypError
        If the file is missing, is not TOML, or declares something impossible; the message
        names the line and the place.
    """
    path = Path(path).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except FileNotFoundError:
        raise HypError(f"there is no hypothesis file {path}; check the path.") from None
    except tomllib.TOMLDecodeError as error:
        raise HypError(f"{path} is not valid TOML: {error}.") from error
    except UNREADABLE as error:
        nested = isinstance(error, RecursionError)
        reason = "it is nested too deeply" if nested else reason_of(error)
        raise HypError(f"{path} cannot be read: {reason}.") from error
    try:
        return _validated(content)
    except _MisplacedError as error:
        named = ".".join(map(str, error.place))
        line = line_of(text, error.place)
        where = [f"line {line}"] * (line > 0) + [named] * bool(named)
        end = "" if str(error).endswith("?") else "."
        raise HypError(f"{', '.join([str(path), *where])}: {error}{end}") from error


def form_of(content: Mapping[str, Any]) -> type[Hypothesis] | type[Study]:
    """Return which form a declaration has: a study asks questions."""
    return Study if "questions" in content else Hypothesis


def line_of(text: str, place: Sequence[int | str]) -> int:
    r"""Return the line of a TOML text on which a value begins.

    Lines are added one by one, with the brackets of an open array closed, until what they
    say has the value. Text that ends inside anything else is not TOML and is passed over,
    so this holds for whatever TOML allows.

    Parameters
    ----------
    text : str
        Valid TOML.
    place : sequence of int or str
        Keys and indices that lead to the value; where there is none, the innermost table
        or array around it counts.

    Returns
    -------
    int
        Counted from 1; 0 for the whole file.

    Examples
    --------
    >>> line_of("a = 1\n[b]\n  c = [\n  2,\n]", ("b", "c", 0))
    4
    """
    place = _known(tomllib.loads(text), place)
    if not place:
        return 0
    lines = text.split("\n")
    before = 0
    for read in range(1, len(lines) + 1):
        content = _begun("\n".join(lines[:read]))
        if content is None:
            continue
        if _known(content, place) == place:
            break
        before = read
    return before + 1


def _begun(text: str) -> dict[str, Any] | None:
    """Return what the beginning of a TOML text says; None where it ends inside a value."""
    for closed in ("", "\n]", "\n]]", "\n]}]"):
        with suppress(tomllib.TOMLDecodeError):
            return tomllib.loads(text + closed)
    return None


def _known(content: Any, place: Sequence[int | str]) -> Place:
    """Return as much of a place as there is."""
    known: list[int | str] = []
    for part in place:
        if isinstance(part, int):
            there = isinstance(content, list) and part < len(content)
        else:
            there = isinstance(content, dict) and part in content
        if not there:
            break
        content = content[part]
        known.append(part)
    return tuple(known)


def _validated(content: dict[str, Any]) -> Hypothesis | Study:
    form = form_of(content)
    try:
        hypothesis = form.model_validate(_spelt_out(content))
    except ValidationError as error:
        raise _explained(error, content) from error
    except _MisplacedError:
        raise
    except HypError as error:
        place = _culprit(form, content, str(error)) or _misfit(content)
        raise _MisplacedError(str(error), place) from error
    for name in hypothesis.profiles:
        try:
            hypothesis.profile(name)
        except HypError as error:
            entry = _quoted(content["profiles"][name], str(error))
            raise _MisplacedError(str(error), ("profiles", name, *entry)) from error
    return hypothesis


def _explained(error: ValidationError, content: dict[str, Any]) -> _MisplacedError:
    """Return the first problem with its place; a misspelt key before what it leaves missing."""
    problems = error.errors()
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    place = problem["loc"] or _misfit(content)
    reason = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        known = _keys_at(form_of(content), place[:-1])
        reason = "unknown key" + (did_you_mean(str(place[-1]), known) if known else "")
    return _MisplacedError(reason, place)


def _keys_at(annotation: Any, place: Place) -> list[str]:
    """Return the keys that a table may have; none where its place allows several models."""
    for part in place:
        annotation = _annotation(annotation, part)
    return list(annotation.model_fields) if _is_model(annotation) else []


def _annotation(annotation: Any, part: int | str) -> Any:
    """Return what an annotation says about one key or index; None where it says nothing."""
    if _is_model(annotation):
        field = annotation.model_fields.get(part)
        return field.annotation if field else None
    origin, kinds = get_origin(annotation), get_args(annotation)
    if origin is dict and isinstance(part, str):
        return kinds[1]
    return kinds[0] if origin in (tuple, list) and isinstance(part, int) else None


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _culprit(annotation: Any, value: Any, reason: str) -> Place:
    """Return the innermost place where validation alone raises a `HypError`, which has none."""
    if not isinstance(value, dict | list):
        return ()
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        declared = _annotation(annotation, key)
        if declared is not None and _fails(TypeAdapter(declared).validate_python, part):
            return (key, *(_culprit(declared, part, reason) or _quoted(part, reason)))
    return ()


def _quoted(table: Any, reason: str) -> Place:
    """Return the key of a table whose value, or one of whose items, a reason quotes."""
    for key, value in table.items() if isinstance(table, dict) else ():
        if any(repr(item) in reason for item in (value if isinstance(value, list) else [value])):
            return (key,)
    return ()


def _misfit(content: dict[str, Any]) -> Place:
    """Return what does not fit the rest, of a declaration that is well formed piece by piece."""
    with suppress(KeyError, TypeError):
        conditions = content["conditions"]
        first = {"name": FULL_CONDITION, "design": FULL}
        if not conditions or conditions[0] != conditions[0] | first:
            return ("conditions", 0)
        for number, condition in enumerate(conditions):
            if _fails(Design.parse, condition["design"]):
                return ("conditions", number, "design")
        names = [condition["name"] for condition in conditions[1:]]
        for number, part in enumerate(content["parts"]):
            if part["condition"] not in names:
                return ("parts", number, "condition")
    return ()


def _fails(read: Callable[[Any], object], value: Any) -> bool:
    try:
        read(value)
    except ValidationError:
        return False
    except HypError:
        return True
    return False


def _spelt_out(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with all that may be left out or written in words as its fields."""
    rule = content.get("rule")
    if not isinstance(rule, dict):
        return content
    spelt = {"keys": STUDY_KEYS if form_of(content) is Study else KEYS, **rule}
    if "mixed" in rule:
        spelt["mixed"] = _predicates(rule["mixed"], ("rule", "mixed"))
    if isinstance(rule.get("predictions"), list):
        claims = content.get("predictions")
        spelt["predictions"] = [
            _prediction(entry, claims if isinstance(claims, dict) else {}, number)
            for number, entry in enumerate(rule["predictions"])
        ]
    return {**content, "rule": spelt}


def _prediction(entry: Any, claims: dict[str, Any], number: int) -> Any:
    if not isinstance(entry, dict):
        return entry
    spelt = dict(entry)
    if entry.get("name") in claims:
        spelt.setdefault("claim", claims[entry["name"]])
    if "needs" in entry:
        spelt["needs"] = _predicates(entry["needs"], ("rule", "predictions", number, "needs"))
    return spelt


def _predicates(needs: Any, place: Place) -> Any:
    if not isinstance(needs, list):
        return needs
    return [_predicate(need, place) if isinstance(need, str) else need for need in needs]


def _predicate(text: str, place: Place) -> dict[str, Any]:
    read = _NEED.fullmatch(text)
    if read is None:
        raise _MisplacedError(
            f"cannot read the need {text!r}; write 'better somewhere', 'better nowhere', "
            "'worse somewhere' or 'worse nowhere' (of a study 'higher', 'lower', 'not lower', and "
            "'in QUESTION' after it)",
            place,
        )
    named = {"question": (read["question"],)} if read["question"] else {}
    if read["kind"] is None:
        return {"kind": "not lower", "where": named}
    return {"direction": read["direction"], "kind": read["kind"], "where": named}
