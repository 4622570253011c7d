"""How the questions and answers of a result are written for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hyp.hypotheses.questions import KINDS, PairQuestion, Question
from hyp.hypotheses.result import CohortSummary, EqualLoss, Result, Row, Snapshot
from hyp.hypotheses.scores import rest_on_simulation
from hyp.reports.wording import (
    MEASURES,
    MISSING,
    interval,
    latent_words,
    layer_words,
    measured_words,
    metric_words,
    p_value,
    plain,
    signed,
    verdict_words,
)
from hyp.text import joined, percent

if TYPE_CHECKING:
    from hyp.hypotheses.frozen_comparison import AgainstFrozen

_SCORES = {"depth": "layer depth"}
_EXPLAINED = {
    "decoding": "Accuracy for a latent of categories, correlation r for a number.",
    "alignment": "Alignment: 1 is as well as the recording's own noise ceiling allows.",
    "neural mean": "The mean alignment of V1, V2, V4 and IT, or of the regions declared.",
    "behaviour": "Behaviour: 1 is as consistent with the observers as they are with each other.",
    "depth": "Depth: 0 is the first of the layers looked at, 1 the last.",
    "performance": "Performance: 0 is the best constant answer, 1 is perfect.",
    "cka": "1 is alike up to rotation and scale, 0 unrelated.",
    "cka-biased": "1 is alike up to rotation and scale; this form is above 0 for unrelated "
    "networks too, most so for large layers.",
    "rsa-correlation": "1 is the same order of dissimilarities between stimuli, 0 unrelated.",
    "procrustes": "1 is alike up to rotation and scale.",
    "mutual-neighbours": "The share of each image's ten nearest that are the same in both.",
}
SIMULATED = "simulated responses"
_REGIONS = ("V1", "V2", "V4", "IT")
AGREEMENT = {
    True: "agrees with what was published",
    False: "contradicts what was published",
    None: "does not decide about what was published",
}
ERROR_BARS = (
    "In every figure a large mark is the mean over networks and its bar the 95 % t interval of "
    "that mean, drawn from three networks on; small marks are the networks (seeds) themselves, "
    "folds averaged within each. Where a mark is a network's mean over pairs that share networks, "
    "there is no bar."
)
MARKS = (
    "✱ significant after Holm's correction; ○ significant under the published protocol alone. "
    "Effects are filled where significant, open where not; their 95 % interval concerns one row, "
    "is not widened for the number of rows, and is left out where it is undefined. A band around "
    "zero is a declared margin, and a diamond an effect that is not lower by it. Grey: untrained "
    "networks and raw pixels."
)


def qualification(result: Result, frozen: AgainstFrozen | None = None) -> str:
    """Say what qualifies a result's outcome wherever it is named; empty for nothing.

    Parameters
    ----------
    result : Result
    frozen : AgainstFrozen or None
        The run held against its frozen declaration, where that was done.
    """
    told = [SIMULATED] if rests_on_simulation(result, result.rows) else []
    told += ["not as it was frozen"] if frozen and frozen.same is False else []
    return ", ".join(told)


def headline(result: Result, frozen: AgainstFrozen | None = None) -> str:
    """Say the verdict in the first line that a person reads."""
    told = qualification(result, frozen)
    return verdict_words(result.verdict) + (f" ({told})" if told else "")


def rests_on_simulation(result: Result, rows: Iterable[Row]) -> bool:
    """Tell whether rows that the rule reads rest on responses that nobody recorded."""
    names = {row.question for row in rows if row.confirmatory}
    kinds = [scored_kind(one) for one in result.questions if one.get("name") in names]
    return rest_on_simulation(kinds, result.settings.get("recording"))


def scored_kind(question: Mapping[str, object]) -> str:
    """Return what a declared question measures."""
    score = question.get("score") or question.get("similarity")
    return str(score.get("kind", "")) if isinstance(score, Mapping) else ""


def agreement(result: Result) -> str:
    """Say in one sentence how the verdict stands to what was published."""
    if not result.published:
        return "Nothing was published about it."
    return f"This verdict {AGREEMENT[result.agrees]}."


def why_published_differs(questions: Iterable[Question]) -> str:
    """Say why the published protocol can come to another verdict."""
    from hyp.stats.published import WHY_PUBLISHED_DIFFERS  # scipy takes a second to import

    units = list(dict.fromkeys(one.pooled_unit for one in questions if one.pooled_unit))
    told = [WHY_PUBLISHED_DIFFERS] if "fold of every network" in units else []
    others = [unit for unit in units if unit != "fold of every network"]
    if others:
        told.append(
            f"The published protocol takes every {joined(others, 'and every')} as independent, "
            "which it is not, and corrects for no number of comparisons, so it calls more of them "
            "significant than its level says."
        )
    return " ".join(told)


def other_comparison(result: Result) -> str:
    """Name the comparison of trained networks that the verdict is not about."""
    at_loss = result.compared_at == "equal batches"
    return "At equal held-out loss" if at_loss else "After equal batches"


def equal_loss_words(one: EqualLoss) -> str:
    """Say where networks are taken, or why there is no such place."""
    if one.share is None:
        return f"There is no comparison at equal held-out loss: {one.refused}"
    taken = [
        f"“{title}” after some {min(each):.0f} to {max(each):.0f} batches"
        for title, each in one.batches.items()
    ]
    return (
        f"Each network where its held-out loss was {percent(one.share)} of the constant "
        f"predictor's, interpolated between two scored snapshots: {joined(taken, 'and')}."
    )


def turned(snapshots: Sequence[Snapshot]) -> str:
    """Say where a difference changed its sign as training went on, judged by its intervals."""
    sides: dict[str, set[int]] = {}
    for one in snapshots:
        where = f"{measured_words(one.measured)} at {layer_words(one.layer)}"
        sides.setdefault(where, set()).add(one.side)
    both = [where for where, found in sides.items() if {1, -1} <= found]
    if not both:
        return "No difference had intervals on both sides of zero as training went on."
    return f"As training went on the difference changed its sign in {joined(both, 'and')}."


def alternative_words(rows: Sequence[Row]) -> str:
    """Say on which side tests look."""
    sides = dict.fromkeys(row.alternative for row in rows)
    return joined([side if side == "two-sided" else f"one-sided ({side})" for side in sides], "and")


def label_of(row: Row) -> str:
    """Name a row's question, with the objective where it is asked of several."""
    return f"{row.question}, target {row.objective}" if row.objective else row.question


def answered(rows: Sequence[Row]) -> str:
    """Say how many of a question's comparisons are significant, and which way."""
    layered = len({row.measured for row in rows}) == 1 and all(row.layer for row in rows)
    up, down = (
        [
            layer_words(row.layer) if layered else place(row)
            for row in rows
            if row.significant and row.direction == sign
        ]
        for sign in (1, -1)
    )
    correlation = any(row.effect == "correlation" for row in rows)
    higher, lower = ("rises", "falls") if correlation else ("higher", "lower")
    found = [
        f"{word} in {joined(where, 'and')}"
        for word, where in ((higher, up), (lower, down))
        if where
    ]
    counted = f"{len(up) + len(down)} of {len(rows)} comparison{'s' if len(rows) != 1 else ''}"
    return f"Significant in {counted}{': ' if found else ''}{'; '.join(found)}."


def place(row: Row) -> str:
    """Name where a row was measured: ``distance, layer3.0``, ``layer3.0`` of networks, ``IT``."""
    pairs = issubclass(KINDS.get(row.kind, Question), PairQuestion)
    return ", ".join(
        filter(None, ("" if pairs else measured_words(row.measured), layer_words(row.layer)))
    )


def networks_words(row: Row) -> str:
    """Say how many networks a row rests on: ``6 v 6``, or ``18``."""
    return f"{row.n_a} v {row.n_b}" if KINDS[row.kind].two_groups else str(row.n_a)


def pooled_words(row: Row) -> str:
    """Write what the row gives if everything is taken as independent, as was published."""
    if row.p_pooled is None or row.n_pooled is None:
        return MISSING
    effect = ""
    if row.effect == "correlation" and row.effect_pooled is not None:
        effect = f"r {signed(row.effect_pooled)}, "
    return f"{effect}p {p_value(row.p_pooled)}, n {row.n_pooled:,}"


def published_only(row: Row, alpha: object) -> bool:
    """Tell whether a row counts under the published protocol alone."""
    level = alpha if isinstance(alpha, float) else 0.05
    return not row.significant and row.p_pooled is not None and row.p_pooled < level


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Put the regions of the ventral stream in its order; all else stays as it is."""
    return sorted(
        rows, key=lambda row: _REGIONS.index(row.measured) if row.measured in _REGIONS else -1
    )


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
    corrected = p_value(row.p_corrected)
    return f"{label_of(row)}, {place(row)}: {what} {effect(row)}, Holm p {corrected}"


def question_measures(question: Question) -> str:
    """Name what a question measures, as it stands within a sentence."""
    measure = getattr(question.scored, "measure", "")
    kind = question.scored.kind
    latents = question.measured or getattr(question.scored, "latents", ())
    if kind == "decoding":
        return f"decoding of {joined([latent_words(one) for one in latents], 'and')}"
    return MEASURES.get(measure, measure) or _SCORES.get(kind, plain(kind).lower())


def axis_words(kind: str, measured: str, settings: Mapping[str, object], metric: str = "") -> str:
    """Label an axis with a score and its unit."""
    if kind == "decoding":
        return f"Decoding {metric_words(metric) or 'score'}"
    if kind in ("alignment", "neural mean"):
        return f"{plain(kind)} ({str(settings.get('neural_metric', '')).upper()}, 1 = ceiling)"
    if kind == "behaviour":
        return "Behavioural consistency (i2n, 1 = ceiling)"
    if kind == "depth":
        return "Chosen layer (0 = first, 1 = last)"
    if kind == "accuracy":
        return "Held-out accuracy"
    if kind == "performance":
        return "Performance (0 = constant, 1 = perfect)"
    return measured_words(measured)


def explained(kind: str) -> str:
    """Say what the ends of a score's scale mean."""
    return _EXPLAINED.get(kind, _EXPLAINED["rsa-correlation"] if kind.startswith("rsa-") else "")


def images_words(cohort: CohortSummary, settings: Mapping[str, object]) -> str:
    """Say what a cohort's networks were trained on; images of files are not called synthetic."""
    if not cohort.trained:
        return "not trained"
    if cohort.natural:
        return "photographs"
    if not cohort.dataset:
        return "made elsewhere"
    kind = str(settings.get("source", "engine")).partition(":")[0]
    images = "synthetic" if kind in ("engine", "tdw", "tdw-images") else f"from {kind}"
    return images if cohort.share == 1 else f"{images}, {cohort.share:.3g} of the images"
