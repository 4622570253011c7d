"""How names and numbers are written for a reader."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyp.stats.verdict import Verdict

MISSING = "–"

_LATENTS = {
    "rel_pos_x": "translation x",
    "rel_pos_y": "translation y",
    "rel_pos_z": "distance",
    "rel_rot_euler_0": "rotation about x",
    "rel_rot_euler_1": "rotation about y",
    "rel_rot_euler_2": "rotation about z",
}

_METRICS = {"accuracy": "accuracy", "r": "correlation r"}
MEASURES = {
    "cka": "CKA, unbiased",
    "cka-biased": "CKA, biased",
    "rsa-correlation": "RSA, correlation",
    "rsa-correlation-spearman": "RSA, rank correlation",
    "rsa-euclidean": "RSA, Euclidean",
    "rsa-euclidean-spearman": "RSA, Euclidean, ranks",
    "procrustes": "Procrustes similarity",
    "mutual-neighbours": "mutual nearest neighbours",
}
_SIGNS = {
    "supported": "✓",
    "mixed": "⇄",
    "equivalent": "=",
    "inconclusive": "?",
    "untestable": "–",
    "invalid": "✗",
    "confounded": "!",
}
_OUTCOMES = {
    "supported": "Supported",
    "mixed": "Mixed",
    "equivalent": "Equivalent",
    "inconclusive": "Inconclusive",
    "untestable": "Untestable",
    "invalid": "Invalid",
    "confounded": "Confounded",
}

_MEANINGS = {
    "supported": "The comparisons agree with one prediction under the declared rule.",
    "mixed": "The comparisons contradict each other: some support one prediction, some its rival.",
    "equivalent": "Every difference lies within the margin that was declared not to matter.",
    "inconclusive": "No prediction is supported. This is absence of evidence, "
    "not evidence that what was compared is equal.",
    "untestable": "With this many networks no result could have been significant, "
    "so the question was not put to the test.",
    "invalid": "A manipulation check failed, so the experiment is not the one declared "
    "and its comparisons decide nothing.",
    "confounded": "Something other than what was asked about differs too and can explain the "
    "comparisons, so they do not support a prediction.",
}


def latent_words(name: str) -> str:
    """Say a latent, or several joined by ``+``, in words: ``rel_pos_z`` is "distance"."""
    return " + ".join(_LATENTS.get(part, part.replace("_", " ")) for part in name.split("+"))


def layer_words(name: str) -> str:
    """Shorten a module path to the block it ends: ``layer3.0.relu`` is "layer3.0"."""
    return name.removesuffix(".relu")


def metric_words(name: str) -> str:
    """Say a score in words."""
    return _METRICS.get(name, name)


def plain(name: str) -> str:
    """Write an identifier as a phrase that starts with a capital."""
    words = name.replace("_", " ").replace("-", " ").replace("+", " + ").strip()
    return words[:1].upper() + words[1:]


def outcome_words(outcome: str) -> str:
    """Name an outcome."""
    return _OUTCOMES.get(outcome, plain(outcome))


def outcome_meaning(outcome: str) -> str:
    """Say what an outcome means, in one sentence for someone who is no statistician."""
    return _MEANINGS.get(outcome, "")


def number(value: object, digits: int = 3) -> str:
    """Write a number with a true minus sign; anything without a value as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if not isinstance(value, int | float):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or math.isinf(value) or (value.is_integer() and abs(value) < 1e6):
        return f"{value:.0f}".replace("inf", "∞").replace("-", "−")
    if value and not 10**-digits <= abs(value) < 1e6:
        return f"{value:.{digits - 1}g}".replace("-", "−")
    return f"{value:.{digits}f}".replace("-", "−")


def score(value: float | None, digits: int = 3) -> str:
    """Write a score with a fixed number of decimals."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if not float(text) else text.replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """Write a difference, with its sign."""
    text = score(value, digits)
    if value is None or text == MISSING or text.startswith("−") or not float(text):
        return text
    return f"+{text}"


def p_value(value: float | None) -> str:
    """Write a p-value to three decimals, ``<0.001`` below that."""
    if value is None or math.isnan(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def interval(low: float | None, high: float | None, digits: int = 3, sign: bool = False) -> str:
    """Write an interval in brackets, a dash where either end is undefined."""
    write = signed if sign else score
    low_text, high_text = write(low, digits), write(high, digits)
    if MISSING in (low_text, high_text):
        return MISSING
    return f"[{low_text}, {high_text}]"


def duration(seconds: object) -> str:
    """Write a duration as a person says it: ``1 h 2 min``, ``3 min 4 s``, ``0.52 s``."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(value: int) -> str:
    """Write a count with thin spaces between the thousands."""
    return f"{value:,}".replace(",", "\u202f")


def outcome_sign(outcome: str) -> str:
    """Return the sign of an outcome, so that colour is never the only one."""
    return _SIGNS.get(outcome, "·")


def verdict_words(verdict: Verdict) -> str:
    """Name an outcome with the prediction that is supported: ``Supported: H1``."""
    name = outcome_words(verdict.outcome)
    return f"{name}: {verdict.prediction}" if verdict.prediction else name


def measured_words(name: str) -> str:
    """Say what was measured: a latent, a region, a task or a measure."""
    return MEASURES.get(name, latent_words(name))


def by_reason(left_out: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Return the reasons why questions are not asked, and the questions of each."""
    reasons: dict[str, list[str]] = {}
    for question, reason in left_out:
        reasons.setdefault(reason, []).append(question)
    return list(reasons.items())
