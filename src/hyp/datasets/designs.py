"""Variability designs: which latents vary fully, which are pinned or narrowed."""

from __future__ import annotations

import math
from collections import Counter
from itertools import repeat
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from hyp.datasets.latents import Latent, expand_latent, find_latent
from hyp.errors import HypError

CENTERED = "centered"
FULL = "full"


class Constraint(BaseModel):
    """A restriction on one latent; every latent without one varies fully.

    Exactly one of three forms: a range ``low..high`` (``low == high`` pins the
    latent), a tuple of allowed ``values``, or a ``count`` (the first N values in
    sorted order; of a nested latent, the first N of every group).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latent: str
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    count: int | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = (self.low is not None, bool(self.values), self.count is not None)
        if sum(forms) != 1 or (self.low is None) != (self.high is None):
            raise ValueError(f"constraint on {self.latent!r} needs a range, values or a count")
        return self

    @property
    def pinned(self) -> bool:
        """Whether a number is left with a single value; see `Design.allowed` for names."""
        return self.low is not None and self.low == self.high

    def __str__(self) -> str:
        if self.count is not None:
            return f"{_PLURALS.get(self.latent, self.latent)}={self.count}"
        if self.values:
            return f"{self.latent}={'|'.join(self.values)}"
        assert self.low is not None
        assert self.high is not None
        if self.low == self.high:
            return f"{self.latent}={_number(self.low)}"
        return f"{self.latent}={_number(self.low)}..{_number(self.high)}"


class Design(BaseModel):
    """The declared variability of a dataset: ``full`` or reduced in named latents.

    Attributes
    ----------
    constraints : tuple of Constraint
        At most one a latent, sorted by latent name.
    centered : bool
        The camera aims at the object (no aiming jitter): ``rel_pos_x`` and
        ``rel_pos_y`` are 0 and ``rel_pos_z`` is the full distance, as in the
        paper's object-centred sets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    constraints: tuple[Constraint, ...] = ()
    centered: bool = False

    @model_validator(mode="after")
    def _canonical(self) -> Self:
        names = [constraint.latent for constraint in self.constraints]
        if len(set(names)) < len(names):
            raise ValueError("a design can restrict a latent only once")
        if self.centered and {"rel_pos_x", "rel_pos_y"} & set(names):
            raise ValueError("'centered' already pins rel_pos_x and rel_pos_y")
        ordered = tuple(sorted(self.constraints, key=lambda constraint: constraint.latent))
        object.__setattr__(self, "constraints", ordered)
        return self

    @classmethod
    def parse(cls, text: str) -> Design:
        """Read a design from its one-line form.

        Terms are joined by ``+``: ``full``, ``centered``, ``categories=4`` (the first
        four in sorted order), ``identities=1`` (the first of every category),
        ``category=chair|table``, ``rel_pos_z=2.5`` (pinned), ``rel_pos_z=1.5..3``
        (narrowed). ``distance``, ``category`` and ``identity``
        may stand for their columns.

        Raises
        ------
        HypError
            If a term cannot be read.

        Examples
        --------
        >>> str(Design.parse("centered + categories=4"))
        'categories=4+centered'
        """
        constraints: list[Constraint] = []
        centered = False
        terms = [term.strip() for term in text.split("+")]
        for term in terms:
            if term == CENTERED:
                centered = True
            elif term != FULL:
                constraints.append(_parse_term(term))
        if FULL in terms and len(terms) > 1:
            raise HypError(f"design {text!r}: 'full' cannot be combined with a restriction.")
        try:
            return cls(constraints=tuple(constraints), centered=centered)
        except ValueError as error:
            reason = str(error).split("Value error, ")[-1].split(" [type=")[0]
            raise HypError(f"design {text!r}: {reason}.") from error

    def __str__(self) -> str:
        terms = [str(constraint) for constraint in self.constraints]
        terms += [CENTERED] if self.centered else []
        return "+".join(terms) or FULL

    @property
    def reduced(self) -> tuple[str, ...]:
        """Names of the latents that do not vary fully."""
        names = [constraint.latent for constraint in self.constraints]
        names += ["rel_pos_x", "rel_pos_y"] if self.centered else []
        return tuple(sorted(names))

    def constraint(self, latent: str) -> Constraint | None:
        """Return the constraint on a latent, or None where it varies fully."""
        return next((c for c in self.constraints if c.latent == latent), None)

    def allowed(self, latent: Latent) -> tuple[str, ...]:
        """Return the values of a categorical latent that this design admits."""
        constraint = self.constraint(latent.name)
        if constraint is None:
            return latent.values
        if constraint.count is None:
            return _named(constraint, latent)
        taken: Counter[str] = Counter()
        allowed = []
        for value, group in zip(latent.values, latent.groups or repeat(""), strict=False):
            taken[group] += 1
            if taken[group] <= constraint.count:
                allowed.append(value)
        return tuple(allowed)

    def within(self, world: Design) -> Design:
        """Return this design with a world's restrictions where it has none of its own."""
        own = {constraint.latent for constraint in self.constraints}
        others = tuple(c for c in world.constraints if c.latent not in own)
        return Design(
            constraints=(*self.constraints, *others), centered=self.centered or world.centered
        )

    def check(self, latents: tuple[Latent, ...]) -> None:
        """Check that the design is possible on a source with these latents.

        Raises
        ------
        HypError
            For an unknown latent or value, a count of 0 or beyond what there is,
            or a range outside the latent's own.
        """
        for constraint in self.constraints:
            latent = find_latent(latents, constraint.latent)
            if latent.kind == "categorical":
                _check_values(constraint, latent)
            else:
                _check_range(constraint, latent)
        if self.centered:
            find_latent(latents, "rel_pos_x")
            find_latent(latents, "rel_pos_y")


_PLURALS = {"category": "categories", "identity": "identities", "scene": "scenes"}
_SINGULARS = {plural: singular for singular, plural in _PLURALS.items()}


def _parse_term(term: str) -> Constraint:
    name, equals, value = (part.strip() for part in term.partition("="))
    if not (name and equals and value):
        raise HypError(
            f"cannot read the design term {term!r}; write full, centered, categories=N, "
            "LATENT=VALUE or LATENT=LOW..HIGH, joined by '+'."
        )
    if name in _SINGULARS:
        if not value.lstrip("-").isdigit():
            raise HypError(f"{name}={value}: the number of {name} must be a whole number.")
        return Constraint(latent=_SINGULARS[name], count=int(value))
    columns = expand_latent(name)
    if len(columns) > 1:
        raise HypError(f"{name!r} stands for {', '.join(columns)}; restrict each by its own name.")
    if name in _PLURALS or not _is_numeric(value):
        values = tuple(sorted({part.strip() for part in value.split("|")}))
        return Constraint(latent=columns[0], values=values)
    low, _, high = value.partition("..")
    return Constraint(latent=columns[0], low=float(low), high=float(high or low))


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return repr(value).removesuffix(".0")


def _is_numeric(value: str) -> bool:
    try:
        return all(math.isfinite(float(part)) for part in value.split(".."))
    except ValueError:
        return False


def _named(constraint: Constraint, latent: Latent) -> tuple[str, ...]:
    """Return the values a constraint names; one that looks like a number was read as a pin."""
    if (
        constraint.low is not None
        and constraint.pinned
        and _number(constraint.low) in latent.values
    ):
        return (_number(constraint.low),)
    return constraint.values


def _check_values(constraint: Constraint, latent: Latent) -> None:
    named = _named(constraint, latent)
    if constraint.low is not None and not named:
        raise HypError(f"{latent.name} is categorical; a numeric range cannot restrict it.")
    most = max(Counter(latent.groups).values(), default=len(latent.values))
    if constraint.count is not None and not 1 <= constraint.count <= most:
        where = "has in a group" if latent.groups else "has here"
        raise HypError(
            f"{constraint}: choose between 1 and {most}, the number of values that "
            f"{latent.name} {where}."
        )
    unknown = [value for value in named if value not in latent.values]
    if unknown:
        raise HypError(
            f"{latent.name} has no value {unknown[0]!r}; choose from: {', '.join(latent.values)}."
        )


def _check_range(constraint: Constraint, latent: Latent) -> None:
    if constraint.low is None or constraint.high is None:
        raise HypError(f"{latent.name} is {latent.kind}; give a number or LOW..HIGH.")
    if constraint.low > constraint.high:
        raise HypError(f"{constraint}: the lower bound is above the upper one.")
    if constraint.low < latent.low or constraint.high > latent.high:
        raise HypError(
            f"{constraint} is outside the range of {latent.name}, "
            f"{latent.low:g} to {latent.high:g} {latent.unit}.".replace(" .", ".")
        )
