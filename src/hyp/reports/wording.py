"""How names and numbers are written for a reader."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

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


class OutcomeWords(NamedTuple):
    """How an outcome is shown: a sign, so that colour is never the only one, and its meaning."""

    sign: str
    colour: str
    meaning: str


OUTCOMES: dict[str, OutcomeWords] = {
    "supported": OutcomeWords(
        *("✓", "green"),
        "The comparisons agree with one prediction under the declared rule.",
    ),
    "mixed": OutcomeWords(
        *("⇄", "yellow"),
        "The comparisons contradict each other: some support one prediction, some its rival.",
    ),
    "equivalent": OutcomeWords(
        *("=", "green"),
        "Every difference lies within the margin that was declared not to matter.",
    ),
    "inconclusive": OutcomeWords(
        *("?", "cyan"),
        "No prediction is supported. This is absence of evidence, "
        "not evidence that what was compared is equal.",
    ),
    "untestable": OutcomeWords(
        *("–", "cyan"),
        "With this many networks no result could have been significant, "
        "so the question was not put to the test.",
    ),
    "invalid": OutcomeWords(
        *("✗", "red"),
        "A manipulation check failed, so the experiment is not the one declared "
        "and its comparisons decide nothing.",
    ),
    "confounded": OutcomeWords(
        *("!", "yellow"),
        "Something other than what was asked about differs too and can explain the "
        "comparisons, so they do not support a prediction.",
    ),
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


def number(value: object) -> str:
    """Write a number with a true minus sign; anything without a value as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if not isinstance(value, int | float):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or math.isinf(value) or (value.is_integer() and abs(value) < 1e6):
        return f"{value:.0f}".replace("inf", "∞").replace("-", "−")
    written = f"{value:.3f}" if not value or 0.001 <= abs(value) < 1e6 else f"{value:.2g}"
    return written.replace("-", "−")


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
    """Write a length of time: ``0.52 s``, ``45 s``, ``12 min``, ``3.5 h``, ``2,450 h``.

    A dash stands where it is not known.
    """
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return MISSING
    for below, size, written in ((10, 1, ".2g"), (90, 1, ".0f"), (5400, 60, ".0f")):
        if seconds < below:
            return f"{round(seconds / size, 2):{written}} {'s' if size == 1 else 'min'}"
    hours = seconds / 3600
    return f"{hours:.3g} h" if hours < 100 else f"{hours:,.0f} h"


def count(value: int) -> str:
    """Write a count with thin spaces between the thousands."""
    return f"{value:,}".replace(",", "\u202f")


def verdict_words(verdict: Verdict) -> str:
    """Name an outcome with the prediction that is supported: ``Supported: H1``."""
    name = plain(verdict.outcome)
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
