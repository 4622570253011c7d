"""Hypotheses of a lab's own, declared in TOML files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from hyp.errors import UNREADABLE, HypError, did_you_mean, reason_of
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.legacy import modern_hypothesis, original_place

Place = tuple[int | str, ...]
"""Keys and indices that lead to a value of a file, such as ``("cohorts", 0, "design")``."""

SUFFIX = ".toml"


_NEED = re.compile(
    r"(?:(?P<direction>better|worse|higher|lower) (?P<kind>somewhere|nowhere)|not lower)"
    r"(?: in (?P<question>.+))?"
)


class _MisplacedError(HypError):
    """What is wrong with a declaration, and where each of it stands."""

    def __init__(self, problems: Sequence[tuple[str, Place]]) -> None:
        super().__init__("; ".join(reason for reason, _ in problems))
        self.problems = problems


def read_hypothesis(path: Path | str) -> Hypothesis:
    """Read a hypothesis from a TOML file.

    The file has the fields of `Hypothesis`. What a prediction needs may be written in words:
    ``needs = ["better somewhere", "worse nowhere"]``, also ``"higher somewhere in QUESTION"``
    and ``"not lower"``. The claim of a prediction may be left out where ``[predictions]`` has
    one of that name. Files of earlier versions are read too, see `hyp.hypotheses.legacy`.

    Raises
    ------
    HypError
        If the file is missing, is not TOML, or declares something impossible; the message
        names the line and the place of all that is wrong.
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
        told = [_told(text, reason, place) for reason, place in error.problems]
        if len(told) == 1:
            placed = ", " if error.problems[0][1] else ": "
            raise HypError(f"{path}{placed}{told[0]}") from error
        raise HypError("\n  ".join([f"{path} has {len(told)} problems:", *told])) from error


def _told(text: str, reason: str, place: Place) -> str:
    """Say a problem with its line and place."""
    line = line_of(text, place)
    where = [f"line {line}"] * (line > 0) + [".".join(map(str, place))] * bool(place)
    reason = reason.rstrip(".")
    return f"{', '.join(where)}{': ' if where else ''}{reason}{'' if reason[-1:] == '?' else '.'}"


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


def _validated(content: dict[str, Any]) -> Hypothesis:
    """Return the hypothesis that a file's content declares.

    Raises
    ------
    _MisplacedError
        With all that is wrong, each with its place.
    """
    modern = modern_hypothesis(content)
    try:
        hypothesis = Hypothesis.model_validate(_spelt_out(modern))
    except ValidationError as error:
        raise _MisplacedError(
            [(reason, original_place(place, content)) for reason, place in _problems(error, modern)]
        ) from error
    problems = []
    for name in hypothesis.profiles:
        try:
            hypothesis.profile(name)
        except HypError as error:
            entry = _quoted(content["profiles"][name], str(error))
            problems.append((str(error), ("profiles", name, *entry)))
    if problems:
        raise _MisplacedError(problems)
    return hypothesis


def _problems(error: ValidationError, content: dict[str, Any]) -> Iterator[tuple[str, Place]]:
    """Yield what is wrong and where, without what only follows from another mistake.

    A misspelt key leaves something missing, and a table that cannot be read leaves a list short.
    """
    found = error.errors()
    misspelt = any(problem["type"] == "extra_forbidden" for problem in found)
    for problem in found:
        loc, kind = problem["loc"], problem["type"]
        inside = any(loc == other["loc"][: len(loc)] for other in found if other is not problem)
        if (kind == "missing" and misspelt) or (kind == "too_short" and inside):
            continue
        place = _placed(content, problem["loc"])
        if problem["type"] == "misfit":
            yield from problem["ctx"]["problems"]
        elif problem["type"] == "extra_forbidden":
            known = _keys_at(problem["loc"][:-1])
            told = did_you_mean(str(place[-1]), known) if known else ""
            yield f"unknown key{told}", place
        else:
            yield problem["msg"].removeprefix("Value error, "), place


def _placed(content: Any, loc: Place) -> Place:
    """Drop from a place the names of kinds, which are no keys of the content."""
    place: list[int | str] = []
    for number, part in enumerate(loc):
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            if number < len(loc) - 1:
                continue
        place.append(part)
    return tuple(place)


def _keys_at(loc: Place) -> list[str]:
    """Return the keys that the table at a place may have."""
    annotation: Any = Hypothesis
    for part in loc:
        annotation = _annotation(annotation, part)
    return list(annotation.model_fields) if _is_model(annotation) else []


def _annotation(annotation: Any, part: int | str) -> Any:
    """Return what an annotation says about one key, index or kind; None where nothing."""
    if _is_model(annotation):
        field = annotation.model_fields.get(part)
        return field.annotation if field else None
    origin, kinds = get_origin(annotation), get_args(annotation)
    if origin is dict and isinstance(part, str):
        return kinds[1]
    if origin in (tuple, list) and isinstance(part, int):
        return kinds[0]
    if origin is Annotated:
        return _annotation(kinds[0], part)
    own = [one for one in kinds if _is_model(one) and "kind" in one.model_fields]
    return next((one for one in own if one.model_fields["kind"].default == part), None)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _quoted(table: Any, reason: str) -> Place:
    """Return the key of a table whose value, or one of whose items, a reason quotes."""
    for key, value in table.items() if isinstance(table, dict) else ():
        if any(repr(item) in reason for item in (value if isinstance(value, list) else [value])):
            return (key,)
    return ()


def _spelt_out(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with all that may be left out or written in words as its fields."""
    rule = content.get("rule")
    if not isinstance(rule, dict):
        return content
    spelt = dict(rule)
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
        reason = (
            f"cannot read the need {text!r}; write 'better somewhere', 'better nowhere', "
            "'worse somewhere', 'worse nowhere' (or 'higher' and 'lower'), or 'not lower', each "
            "with 'in QUESTION' after it if it is about one question"
        )
        raise _MisplacedError([(reason, place)])
    named = {"question": (read["question"],)} if read["question"] else {}
    if read["kind"] is None:
        return {"kind": "not lower", "where": named}
    return {"direction": read["direction"], "kind": read["kind"], "where": named}
