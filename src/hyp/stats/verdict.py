"""What a hypothesis comes to: the verdict, and the checks it depends on."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

Outcome = Literal[
    "supported", "mixed", "equivalent", "inconclusive", "untestable", "invalid", "confounded"
]


class Check(BaseModel):
    """One manipulation check: whether the experiment was the one that was declared.

    Attributes
    ----------
    name : str
        What is checked.
    passed : bool
        Whether `value` is on the right side of `threshold`.
    value, threshold : float
        The measured number and the bound it was held against.
    sentence : str
        The finding in plain words.
    part : str
        The part of the hypothesis it concerns; empty for all of it.
    confound : bool
        Where it fails, what was found may have another cause than the one that was declared:
        nothing is supported, but the comparisons stand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    name: str
    passed: bool
    value: float
    threshold: float
    sentence: str
    part: str = ""
    confound: bool = False


class Verdict(BaseModel):
    """The answer to a hypothesis, or to one part of it.

    Attributes
    ----------
    name : str
        The part's name; ``overall`` for the whole hypothesis.
    outcome : {"supported", "mixed", "equivalent", "inconclusive", "untestable", "invalid"}
        ``untestable``: the design could not have reached alpha. ``invalid``: a
        manipulation check failed. ``mixed``: the comparisons contradict each other.
        ``equivalent``: every difference is within a margin that was declared. ``confounded``:
        a pattern was found, but the groups differ in something else that may have made it.
    prediction : str or None
        The prediction that is supported; None for any other outcome.
    sentence : str
        The verdict in one plain sentence.
    reasons : tuple of str
        What it rests on, one sentence each.
    parts : tuple of Verdict
        Verdicts on the parts, from the same comparisons and corrections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "overall"
    outcome: Outcome
    prediction: str | None = None
    sentence: str
    reasons: tuple[str, ...] = ()
    parts: tuple[Verdict, ...] = ()

    @model_validator(mode="after")
    def _prediction_iff_supported(self) -> Self:
        if (self.outcome == "supported") != (self.prediction is not None):
            raise ValueError("a prediction is named exactly when the outcome is 'supported'")
        return self

    def __repr__(self) -> str:
        named = f": {self.prediction}" if self.prediction else ""
        head = f"<verdict {self.name}, {self.outcome}{named}. {self.sentence}>"
        parts = (line for part in self.parts for line in repr(part).splitlines())
        return "\n  ".join([head, *self.reasons, *parts])

    def __str__(self) -> str:
        return repr(self)
