"""How the questions and answers of a study are written for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hyp.hypotheses.studies.declaration import (
    Alike,
    Closer,
    Contrast,
    PairQuestion,
    Question,
    Tighter,
    Tracks,
    score_of,
)
from hyp.hypotheses.studies.result import Row, StudyResult
from hyp.reports.words import MISSING, interval, latent_words, layer_words, p_value, plain, signed

_MEASURES = {
    "cka": "CKA, unbiased",
    "cka-biased": "CKA, biased",
    "rsa-correlation": "RSA, correlation",
    "rsa-correlation-spearman": "RSA, rank correlation",
    "rsa-euclidean": "RSA, Euclidean",
    "rsa-euclidean-spearman": "RSA, Euclidean, ranks",
    "procrustes": "Procrustes similarity",
}
_SCORES = {
    "decoding": "decoding",
    "alignment": "alignment",
    "depth": "layer depth",
    "performance": "performance",
}
_EXPLAINED = {
    "decoding": "Accuracy for a latent of categories, correlation r for a number.",
    "alignment": "1 is as well as the recording's own repetitions allow.",
    "depth": "0 is the first of the layers looked at, 1 the last.",
    "performance": "0 is the best constant answer, 1 is perfect.",
    "cka": "1 is alike up to rotation and scale, 0 unrelated.",
    "cka-biased": "1 is alike up to rotation and scale; this form is above 0 for unrelated "
    "networks too, most so for large layers.",
    "rsa-correlation": "1 is the same order of dissimilarities between stimuli, 0 unrelated.",
    "procrustes": "1 is alike up to rotation and scale.",
}
_PAIRS = ("alike", "closer", "tighter")
_TWO_COHORTS = ("contrast", "closer", "tighter")
_REGIONS = ("V1", "V2", "V4", "IT")
_ACCURACY = ("category", "identity")
AGREEMENT = {
    True: "agrees with what was published",
    False: "contradicts what was published",
    None: "does not decide about what was published",
}


def agreement(result: StudyResult) -> str:
    """Say in one sentence how the verdict stands to what was published."""
    if not result.published:
        return "Nothing was published about it."
    return f"This verdict {AGREEMENT[result.agrees]}."


def asked(question: Question, titles: Mapping[str, str]) -> str:
    """Put a question into words."""
    measured = measure_words(question)
    if isinstance(question, Contrast):
        others = _joined([titles[name] for name in question.b], "or")
        best = "the best of " if len(question.b) > 1 else ""
        return f"Is {measured} higher for “{titles[question.a]}” than for {best}“{others}”?"
    if isinstance(question, Closer):
        return (
            f"Are networks of “{titles[question.anchor]}” more alike those of "
            f"“{titles[question.b]}” than those of “{titles[question.c]}” ({measured})?"
        )
    if isinstance(question, Alike):
        cohorts = _joined([titles[name] for name in question.cohorts], "and")
        return (
            f"Are networks of one cohort more alike than networks of two ({measured})? "
            f"Cohorts: {cohorts}."
        )
    if isinstance(question, Tighter):
        return (
            f"Are networks of “{titles[question.a]}” more alike among themselves than those of "
            f"“{titles[question.b]}” ({measured})?"
        )
    if isinstance(question, Tracks):
        return "Does alignment rise with performance over the checkpoints within a network?"
    return f"Does {measured} rise with {question.unit}?"


def answered(rows: Sequence[Row]) -> str:
    """Say how many of a question's comparisons are significant, and which way."""
    up, down = (
        [place(row) for row in rows if row.significant and row.direction == sign]
        for sign in (1, -1)
    )
    correlation = any(row.effect == "correlation" for row in rows)
    higher, lower = ("rises", "falls") if correlation else ("higher", "lower")
    found = [
        f"{word} in {_joined(where, 'and')}"
        for word, where in ((higher, up), (lower, down))
        if where
    ]
    counted = f"{len(up) + len(down)} of {len(rows)} comparison{'s' if len(rows) != 1 else ''}"
    return f"Significant in {counted}{': ' if found else ''}{'; '.join(found)}."


def place(row: Row) -> str:
    """Name where a row was measured: ``distance, layer3.0``, ``layer3.0`` of networks, ``IT``."""
    of = "" if row.kind in _PAIRS else of_words(row.of)
    return ", ".join(filter(None, (of, layer_words(row.layer))))


def networks_words(row: Row) -> str:
    """Say how many networks a row rests on: ``6 v 6``, or ``18``."""
    return f"{row.n_a} v {row.n_b}" if row.kind in _TWO_COHORTS else str(row.n_a)


def pooled_words(row: Row) -> str:
    """Write what the row gives if everything is taken as independent, as was published."""
    if row.p_pooled is None or row.n_pooled is None:
        return MISSING
    effect = ""
    if row.effect == "correlation" and row.effect_pooled is not None:
        effect = f"r {signed(row.effect_pooled)}, "
    return f"{effect}p {p_value(row.p_pooled)}, n {row.n_pooled:,}"


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Put the regions of the ventral stream in its order; all else stays as it is."""
    return sorted(rows, key=lambda row: _REGIONS.index(row.of) if row.of in _REGIONS else -1)


def effect(row: Row) -> str:
    """Write a row's effect with its interval: ``+0.041 [+0.012, +0.070]``, ``r +0.62``."""
    shown = interval(row.ci_low, row.ci_high, sign=True)
    lead = "r " if row.effect == "correlation" else ""
    return f"{lead}{signed(row.difference)}" + (f" {shown}" if row.ci_low is not None else "")


def strongest(rows: Iterable[Row]) -> Row | None:
    """Return the largest significant effect, the largest of all where none is significant."""
    return max(rows, key=lambda row: (row.significant, abs(row.difference)), default=None)


def strongest_words(row: Row) -> str:
    """Write a row on its own: what, where, how large, how sure."""
    what = f"{row.a} − {row.b}" if row.b else row.a
    return f"{row.question}, {place(row)}: {what} {effect(row)}, Holm p {p_value(row.p_holm)}"


def of_words(of: str) -> str:
    """Say what was measured: a latent, a region, a task or a measure."""
    return _MEASURES.get(of, latent_words(of))


def measure_words(question: Question) -> str:
    """Name what a question measures, as it stands within a sentence."""
    score = score_of(question)
    if isinstance(question, PairQuestion):
        return _MEASURES.get(question.similarity.measure, question.similarity.measure)
    return _SCORES.get(score.kind, plain(score.kind).lower())


def axis_words(kind: str, of: str, settings: Mapping[str, object]) -> str:
    """Label an axis with a score and its unit."""
    if kind == "decoding":
        measured = "accuracy" if of in _ACCURACY else "r" if of.startswith("rel_") else "score"
        return f"Decoding {measured}"
    if kind == "alignment":
        return f"Alignment ({str(settings.get('neural_metric', '')).upper()}, 1 = ceiling)"
    if kind == "depth":
        return "Layer taken (0 = first, 1 = last)"
    if kind == "performance":
        return "Performance (0 = constant, 1 = perfect)"
    return of_words(of)


def explained(kind: str) -> str:
    """Say what the ends of a score's scale mean."""
    return _EXPLAINED.get(kind, _EXPLAINED["rsa-correlation"] if kind.startswith("rsa-") else "")


def _joined(names: Sequence[str], word: str) -> str:
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
