"""What OSF and AsPredicted ask of a preregistration, filled from a frozen declaration.

The headings are those of the OSF Preregistration template and of AsPredicted's eight questions.
What a declaration does not know, such as the authors, is left to be written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hyp.errors import HypError
from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.frozen_file import Frozen, iso
from hyp.store.artifacts import readable_disk_errors, write_atomically
from hyp.text import joined

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan

YOURS = "*To be written by you.*"

Answers = dict[str, str]

_KEPT = (
    "Networks are judged whole or not at all: none is dropped for its score. The verdict is "
    "invalid, whatever the scores, if the latents were not varied as declared, if networks did not "
    "learn what they were trained for, or if what is compared cannot be decoded at all; it is "
    "confounded if compared networks did not learn equally well."
)


def preregistration(frozen: Frozen, plan: Plan) -> str:
    """Return the Markdown of a preregistration.

    Parameters
    ----------
    frozen : Frozen
        From `freeze`; hash and date are named.
    plan : Plan
        That it was frozen from.
    """
    parts = [f"# Preregistration: {plan.hypothesis.title}", _origin(frozen)]
    parts += ["# OSF Preregistration", *_section(_osf(frozen, plan))]
    parts += ["# AsPredicted", *_section(_as_predicted(frozen, plan))]
    return "\n\n".join(parts) + "\n"


def write_preregistration(frozen: Frozen, plan: Plan, path: Path) -> Path:
    """Write a preregistration, unless the file holds it already.

    Raises
    ------
    HypError
        If the file holds anything else, or cannot be written.
    """
    text = preregistration(frozen, plan)
    if path.exists():
        if path.read_bytes() != text.encode():
            raise HypError(
                f"{path} holds another text, perhaps with what you wrote; move it away, or freeze "
                "to another file with --out FILE."
            )
        return path
    with readable_disk_errors(path.parent):
        write_atomically(path, text.encode())
    return path


def _section(answers: Answers) -> list[str]:
    return [f"## {heading}\n\n{text}" for heading, text in answers.items()]


def _origin(frozen: Frozen) -> str:
    return (
        f"Written by hyp {frozen.hyp} from the declaration of `{frozen.hypothesis}`, profile "
        f"`{frozen.profile}`, frozen on {iso(frozen.frozen)}. SHA-256 of the declaration: "
        f"`{frozen.declaration_sha256}`."
    )


def _osf(frozen: Frozen, plan: Plan) -> Answers:
    hypothesis, summary = plan.hypothesis, frozen.summary
    return {
        "Title": hypothesis.title,
        "Authors": YOURS,
        "Description": f"{hypothesis.question}\n\nSource of the claim: {hypothesis.source}",
        "Hypotheses": _list(summary.predictions),
        "Study type": "Experiment: networks that are trained differ in what is declared alone."
        if any(cohort.learns for cohort in plan.asked.cohorts)
        else "Observational: networks that exist already are compared.",
        "Blinding": "Verdicts follow from the declared rule by code; nobody rates anything.",
        "Study design": _conditions(plan),
        "Randomization": "Networks of a cohort differ in their seed alone, which sets initial "
        f"weights and the order of images:\n\n{_list(summary.seeds)}",
        "Existing data": _existing(frozen),
        "Data collection procedures": _data(plan),
        "Sample size": _size(frozen),
        "Sample size rationale": _rationale(frozen),
        "Stopping rule": _capital(summary.stopping),
        "Manipulated variables": _conditions(plan),
        "Measured variables": _list(summary.comparisons),
        "Indices": "Scores of the folds of one network are averaged: the network is the unit.",
        "Statistical models": _analyses(frozen, plan),
        "Transformations": "None.",
        "Inference criteria": _inference(frozen, plan),
        "Data exclusion": _KEPT,
        "Missing data": "A run is judged when every network has every score.",
        "Exploratory analysis": _secondary(plan),
        "Other": _other(frozen),
    }


def _as_predicted(frozen: Frozen, plan: Plan) -> Answers:
    summary = frozen.summary
    return {
        "1) Have any data been collected for this study already?": _existing(frozen),
        "2) What's the main question being asked or hypothesis being tested in this study?": (
            f"{plan.hypothesis.question}\n\n{_list(summary.predictions)}"
        ),
        "3) Describe the key dependent variable(s) specifying how they will be measured.": (
            _list(summary.comparisons)
        ),
        "4) How many and which conditions will participants be assigned to?": _conditions(plan),
        "5) Specify exactly which analyses you will conduct to examine the main "
        "question/hypothesis.": f"{_analyses(frozen, plan)}\n\n{_inference(frozen, plan)}",
        "6) Describe exactly how outliers will be defined and handled, and your precise rule(s) "
        "for excluding observations.": _KEPT,
        "7) How many observations will be collected or what will determine sample size?": (
            f"{_size(frozen)} {_rationale(frozen)}\n\n{_capital(summary.stopping)}"
        ),
        "8) Anything else you would like to pre-register?": (
            f"{_secondary(plan)}\n\n{_other(frozen)}"
        ),
    }


def _existing(frozen: Frozen) -> str:
    if frozen.summary.seen:
        return f"Yes: this was {frozen.summary.seen}."
    return (
        "No verdict on this declaration was in the store that it was frozen beside. "
        "*Say so here if you have seen such data elsewhere.*"
    )


def _conditions(plan: Plan) -> str:
    return "\n".join(f"- {cohort.title}: {_cohort(cohort, plan)}" for cohort in plan.asked.cohorts)


def _cohort(cohort: Cohort, plan: Plan) -> str:
    number = f"{cohort.n_networks(plan.profile)} networks"
    if cohort.weights:
        return f"{number} that exist already ({', '.join(cohort.weights)})"
    if not cohort.trained:
        return f"{number} with their initial weights"
    images = "natural images" if cohort.natural else f"images of the design {cohort.design!r}"
    share = "" if cohort.share == 1 else f", the first {cohort.share:.0%} of them"
    return f"{number} trained for {cohort.objective} on {images}{share}"


def _data(plan: Plan) -> str:
    profile = plan.profile
    trained = (
        f"Networks ({profile.backbone}) are trained for {profile.n_batches:,} batches of "
        f"{profile.batch_size} on {profile.n_images - profile.n_val:,} images of "
        f"{profile.image_size} pixels a side. "
    )
    learns = any(cohort.learns for cohort in plan.asked.cohorts)
    return (
        f"{trained * learns}Every network sees the same {profile.n_stimuli:,} held-out stimuli "
        f"(source: {profile.source}; world: {profile.world}), and its responses are kept at "
        f"{', '.join(profile.layers)}."
    )


def _size(frozen: Frozen) -> str:
    return f"{frozen.summary.networks_a_group} networks per cohort."


def _rationale(frozen: Frozen) -> str:
    summary = frozen.summary
    able = "can" if summary.testable == "yes" else "cannot"
    return (
        f"The smallest p that one comparison can have with so many is {summary.attainable_p:.2g}; "
        f"after correction the rule {able} reach its level. `hyp design {frozen.hypothesis}` shows "
        "the differences that it would find."
    )


def _analyses(frozen: Frozen, plan: Plan) -> str:
    families = {
        name: f"{family.comparisons} comparisons corrected together by Holm"
        for name, family in frozen.summary.families.items()
    }
    tests = dict.fromkeys(question.tested for question in plan.asked.questions)
    return (
        f"{'. '.join(tests)}:\n\n{_list(frozen.summary.comparisons)}\n\n"
        f"Families:\n\n{_list(families)}"
    )


def _inference(frozen: Frozen, plan: Plan) -> str:
    margin = plan.hypothesis.rule.margin
    equal = (
        "" if margin is None else f" Differences within {margin:g} are taken not to matter (TOST)."
    )
    level = plan.hypothesis.level(plan.profile)
    return f"{frozen.summary.rule.rstrip('.')}. Level: {level:.3g} in each family.{equal}"


def _secondary(plan: Plan) -> str:
    names = [
        question.label
        for question in plan.asked.questions
        if not plan.hypothesis.confirmatory(question.name)
    ]
    if not names:
        return "All declared questions are confirmatory; anything else is exploratory."
    return f"Reported beside the verdict, which does not read it: {joined(names)}."


def _other(frozen: Frozen) -> str:
    return (
        f"The whole declaration is in {frozen.hypothesis}-{frozen.profile}.frozen.json, to be "
        f"registered with this. It does not hold:\n\n{_list(frozen.left_out)}"
    )


def _list(named: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in named.items()) or "None."


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
