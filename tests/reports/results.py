"""Realistic made-up results, one per kind of question, judged by the real rules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.judge import conclude
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import (
    SCORE_COLUMNS,
    Alike,
    Closer,
    Contrast,
    Similarities,
    Tighter,
    Tracks,
    Trend,
)
from hyp.hypotheses.questions.base import I2N
from hyp.hypotheses.result import CohortSummary, LearningCurve
from hyp.hypotheses.result_files import order_layers, write_result
from hyp.hypotheses.scores import ALIGNED, Alignment, Decoding, Similarity
from hyp.stats.rules import DecisionRule, NotLower, Nowhere, Prediction, Somewhere
from hyp.stats.verdict import Check
from hyp.store import Step, Store
from hyp.store.runs import Run, save_run

LAYERS = ("layer1.0.relu", "layer2.0.relu", "layer3.0.relu", "layer4.0.relu")
REGIONS = ("V1", "V2", "V4", "IT")
SIZES = (1, 2, 5, 10, 20, 40, 80)
PROFILE = Profile(
    summary="made up",
    n_images=5632,
    n_val=512,
    n_stimuli=800,
    n_seeds=6,
    n_batches=80,
    layers=LAYERS,
    snapshots=(10, 20, 40),
)
PROVENANCE = {
    "command": "hyp run made-up",
    "overrides": {"n_batches": "16", "world": "category=airplane|bottle|car|chair|guitar|lamp"},
    "started": "2026-01-01T00:00:00+00:00",
    "finished": "2026-01-01T00:02:00+00:00",
    "wall_seconds": 120.0,
    "keys": [{"kind": "results", "key": "k", "label": "l", "created": "c", "seconds": 1.0}],
    "versions": {"hyp": "0.1"},
    "machine": {"cores": 2},
    "spec": {"n": 1},
}
TITLES = {
    "distance": "distance",
    "rotation": "rotation",
    "category": "category",
    "everything": "spatial latents, category and identity",
    "untrained": "untrained",
}
LEVELS = {"distance": 0.43, "rotation": 0.42, "category": 0.44, "everything": 0.45}
_HIGHER = (Somewhere(direction="higher"), Nowhere(direction="lower"))
_LOWER = (Somewhere(direction="lower"), Nowhere(direction="higher"))


def cohorts(names):
    return tuple(
        Cohort(
            name=name,
            title=TITLES.get(name, name),
            objective="distance" if name == "untrained" else "category",
            trained=name != "untrained",
            first_seed=50 * place,
        )
        for place, name in enumerate(names)
    )


def summaries(declared, seeds):
    return tuple(
        CohortSummary(
            name=cohort.name,
            title=cohort.title,
            objective=cohort.objective,
            design=cohort.design,
            trained=cohort.trained,
            natural=cohort.natural,
            share=cohort.share,
            dataset="d0" + cohort.design,
            n_images=5632,
            batches=80 if cohort.trained else 0,
            seeds=tuple(range(cohort.first_seed, cohort.first_seed + seeds)),
            keys=("k",) * seeds,
        )
        for cohort in declared.cohorts
    )


def hypothesis(
    name, names, questions, *, margin=None, needs=(_HIGHER, _LOWER), published="", agrees=""
):
    return Hypothesis(
        name=name,
        title=f"Made up: {name}?",
        question="Is it so?",
        source="Xie et al. 2024, Figure 2",
        predictions={"up": "it goes up", "down": "it goes down"},
        cohorts=cohorts(names),
        questions=questions,
        rule=DecisionRule(
            margin=margin,
            predictions=(
                Prediction(name="up", claim="it goes up", needs=needs[0]),
                Prediction(name="down", claim="it goes down", needs=needs[1]),
            ),
        ),
        published=published,
        agrees=agrees,
        profiles={"made-up": PROFILE},
    )


def table(rows):
    return order_layers(pd.DataFrame(rows, columns=list(SCORE_COLUMNS)), LAYERS)


def line(kind, cohort, seed, batches, measured, score, **more):
    """One row of a score table."""
    given = {"kind": kind, "cohort": cohort, "seed": seed, "batches": batches}
    blank = {"protocol": "recommended", "layer": "", "fold": 0, "metric": "", "chosen": ""}
    return {**blank, "chance": np.nan, **given, "measured": measured, "score": score, **more}


def _seeds(one, seeds):
    return range(one.first_seed, one.first_seed + seeds)


def alignment_scores(cohorts, seeds, rng, batches=(80,), layers=None):
    layers = layers or LAYERS
    rows = []
    for one in cohorts:
        for seed in _seeds(one, seeds):
            for batch in batches:
                learned = 1 - np.exp(-batch / 25) + rng.normal(0, 0.02)
                if len(batches) > 1:
                    place = (one.name, seed, batch, one.objective)
                    rows.append(line("performance", *place, learned))
                    rows.append(line("loss", *place, 1 - learned))
                    if one.objective in ("category", "identity"):
                        rows.append(line("accuracy", *place, 0.9 * learned))
                for depth, region in enumerate(REGIONS):
                    level = LEVELS.get(one.name, 0.3) - 0.05 * depth + 0.08 * learned
                    chosen = min(len(layers) - 1, depth + int(rng.integers(0, 2)))
                    place = (one.name, seed, batch, region)
                    score = level + rng.normal(0, 0.01)
                    rows.append(line("alignment", *place, score, chosen=layers[chosen]))
                    deep = chosen / max(1, len(layers) - 1)
                    rows.append(line("depth", *place, deep, chosen=layers[chosen]))
    return table(rows)


def behaviour_scores(cohorts, seeds, batches):
    rng = np.random.default_rng(5)
    rows = [
        line("behaviour", one.name, seed, batch, I2N, 0.3 + rng.normal(0, 0.01))
        for one in cohorts
        for seed in _seeds(one, seeds)
        for batch in batches
    ]
    return table(rows)


def decoding_scores(cohorts, seeds, rng, latents, gain=0.05, layers=None, gains=()):
    """Scores by both protocols, and the references; the first cohort is higher in the middle."""
    layers = layers or LAYERS
    rows = []
    higher = gains or (cohorts[0].name,)
    for latent in latents:
        known = {"metric": "r", "chance": 0.0}
        if not latent.startswith("rel_"):
            known = {"metric": "accuracy", "chance": 0.125}
        for one in cohorts:
            for seed in _seeds(one, seeds):
                for depth, layer in enumerate(layers):
                    level = 0.36 + 0.11 * np.sin(depth) + gain * (one.name in higher) * (depth > 1)
                    level += rng.normal(0, 0.012)
                    rows += [
                        line(
                            *("decoding", one.name, seed, 80, latent, value),
                            **known,
                            protocol=protocol,
                            layer=layer,
                            fold=fold,
                        )
                        for protocol in ("recommended", "published")
                        for fold, value in enumerate(level + rng.normal(0, 0.01, 5))
                    ]
        place = {"fold": 0, **known}
        rows += [
            line("decoding", "untrained", seed, 0, latent, 0.2 + 0.01 * seed, layer=layer, **place)
            for seed in range(seeds)
            for layer in layers
        ]
        rows.append(line("decoding", "pixels", -1, 0, latent, 0.21, layer="pixels", **place))
    return table(rows)


def similarities(cohorts, seeds, rng, measures=("cka",), apart=0.5, layers=None):
    labels = [one.name for one in cohorts for _ in range(seeds)] + ["pixels"]
    matrices = {}
    for measure in measures:
        for depth, layer in enumerate(layers or LAYERS):
            own = rng.normal(0, 1, (len(labels), 12))
            shift = {name: rng.normal(0, 1, 12) for name in dict.fromkeys(labels)}
            points = 0.35 * own + apart * depth * np.array([shift[name] for name in labels]) + 1
            unit = points / np.linalg.norm(points, axis=1, keepdims=True)
            matrices[measure, layer] = np.clip((unit @ unit.T + (unit @ unit.T).T) / 2, 0, 1)
    return Similarities(labels, matrices)


def learning_curves(cohorts, seeds):
    batches = np.arange(5, 85, 5)
    curves = []
    for one in cohorts:
        for seed in _seeds(one, seeds) if one.trained else ():
            rng = np.random.default_rng(seed)
            for task in one.objective.split("+"):
                loss = (0.12 + 0.88 * np.exp(-batches / 20)) * rng.lognormal(0, 0.1, len(batches))
                curves.append(
                    LearningCurve(
                        cohort=one.name,
                        seed=seed,
                        task=task,
                        metric="loss",
                        train=tuple(zip(batches.tolist(), loss.tolist(), strict=True)),
                        held_out=((40, 0.4 + 0.001 * seed), (80, 0.2 + 0.001 * seed)),
                        baseline=1.0,
                    )
                )
    return tuple(curves)


def sample_images(cohorts, images=3, size=16):
    rng = np.random.default_rng(0)
    return {
        one.name: rng.integers(0, 255, (images, size, size, 3)).astype(np.uint8)
        for one in cohorts
        if one.trained
    }


@cache
def made(kind, seeds=6):
    """Return (study, profile, scores, similarities, result) of one kind."""
    rng = np.random.default_rng(len(kind))
    scores, alike = table([]), Similarities()
    if kind == "regions":
        declared = hypothesis(
            "few-latents",
            ("distance", "rotation", "category", "everything", "untrained"),
            (
                Contrast(name="distance", score=Alignment(), a="distance", b=("category",)),
                Contrast(
                    name="everything",
                    score=Alignment(),
                    a="everything",
                    b=("distance", "rotation", "category"),
                ),
                Contrast(name="training", score=Alignment(), a="category", b=("untrained",)),
            ),
            margin=0.05,
            needs=((NotLower(where={"question": ("distance",)}),), _LOWER),
            published="Models aligned alike; nothing was significant.",
            agrees="up",
        )
        scores = alignment_scores(declared.cohorts, seeds, rng)
    elif kind == "layers":
        latents = ("category", "rel_pos_x")
        score = Decoding(latents=latents)
        declared = hypothesis(
            "decoding",
            ("distance", "rotation"),
            (Contrast(name="helps", score=score, a="distance", b=("rotation",)),),
            published="It went up.",
            agrees="down",
        )
        scores = decoding_scores(declared.cohorts, seeds, rng, latents)
    elif kind == "pairs":
        names = ("distance", "rotation", "category", "untrained")
        together = [Tighter(name="together", a="distance", b="rotation", figure="Figure D.5")]
        declared = hypothesis(
            "convergence",
            names,
            (
                Closer(name="beyond", anchor="category", b="distance", c="untrained"),
                *together[: seeds > 2],
                Alike(name="own objective", cohorts=names[:3]),
                Alike(
                    name="own objective, biased CKA",
                    cohorts=names[:3],
                    similarity=Similarity(measure="cka-biased"),
                ),
                Alike(
                    name="own objective, RSA",
                    cohorts=names[:3],
                    similarity=Similarity(measure="rsa-correlation"),
                ),
            ),
        )
        alike = similarities(declared.cohorts, seeds, rng, ("cka", "cka-biased", "rsa-correlation"))
    elif kind == "tracks":
        declared = hypothesis(
            "performance-alignment",
            ("distance", "category"),
            (
                Tracks(name="distance", cohorts=("distance",)),
                Tracks(name="both", cohorts=("distance", "category")),
                Tracks(name="no outliers", cohorts=("distance",), loss_below=0.6),
            ),
            published="They rose together.",
            agrees="up",
        )
        scores = alignment_scores(declared.cohorts, seeds, rng, (10, 20, 40, 80))
    else:
        names = tuple(f"of {size}" for size in SIZES)
        sizes = dict(zip(names, SIZES, strict=True))
        score = Decoding(latents=("rel_pos_x",))
        declared = hypothesis(
            kind,
            names,
            (
                Trend(name="alignment", score=Alignment(), sizes=sizes, unit="categories"),
                Trend(
                    name="decoding",
                    score=score,
                    sizes=sizes,
                    unit="categories",
                    layers=("layer3.0.relu",),
                ),
            ),
        )
        scores = alignment_scores(declared.cohorts, seeds, rng)
        rise = scores["cohort"].map(lambda name: 0.02 * np.log(sizes[name]))
        scores["score"] = scores["score"] + rise.astype(float)
        scores = pd.concat(
            [scores, decoding_scores(declared.cohorts, seeds, rng, ("rel_pos_x",))],
            ignore_index=True,
        )
        scores = order_layers(scores, LAYERS)
    profile = declared.profile("made-up")
    passed = Check(
        name="networks learned their task",
        passed=True,
        value=0.5,
        threshold=0.9,
        sentence="Every network did better than the best constant answer.",
    )
    result = conclude(
        declared,
        profile,
        "made-up",
        scores,
        alike,
        checks=(passed,),
        cohorts=summaries(declared, seeds),
        learning=learning_curves(declared.cohorts, seeds),
    )
    return declared, profile, scores, alike, result


def planted(declared: Hypothesis, profile_name: str | None = None, **settings):
    """Return profile, cohorts, scores, similarities and result, from planted scores."""
    profile_name = profile_name or ("short" if "short" in declared.profiles else "laptop")
    profile = declared.profile(profile_name, settings)
    asked = declared.asked(profile)
    rng = np.random.default_rng(len(declared.name))
    kinds = {question.scored.kind for question in asked.questions}
    layers, seeds = profile.layers, profile.n_seeds
    parts = [table([])]
    if kinds & set(ALIGNED):
        several = any(question.all_checkpoints for question in asked.questions)
        batches = (*profile.kept_snapshots, profile.n_batches) if several else (profile.n_batches,)
        parts.append(alignment_scores(asked.cohorts, seeds, rng, batches, layers))
    if "behaviour" in kinds:
        parts.append(behaviour_scores(asked.cohorts, seeds, batches))
    latents = [
        latent
        for question in asked.questions
        if isinstance(question.scored, Decoding)
        for latent in question.scored.latents
    ]
    if latents:
        latents = list(dict.fromkeys(latents))
        higher = tuple(one.name for one in asked.cohorts if one.design == "full")
        parts.append(decoding_scores(asked.cohorts, seeds, rng, latents, 0.05, layers, higher))
    measures = {q.scored.measure for q in asked.questions if q.scored.kind == "similarity"}
    alike = Similarities()
    if measures:
        alike = similarities(asked.cohorts, seeds, rng, sorted(measures), 0.2, layers)
    scores = order_layers(pd.concat(parts, ignore_index=True), layers)
    result = conclude(
        declared,
        profile,
        profile_name,
        scores,
        alike,
        cohorts=summaries(asked, seeds),
        learning=learning_curves(asked.cohorts, seeds),
    )
    return profile, asked.cohorts, scores, alike, result


def write_planted(folder: Path, declared, profile_name=None, **settings):
    """Write the result folder of a hypothesis with planted scores; return its result."""
    _, cohorts, scores, alike, result = planted(declared, profile_name, **settings)
    folder.mkdir(parents=True, exist_ok=True)
    write_result(folder, result, scores, alike, sample_images(cohorts))
    return result


KINDS = ("regions", "layers", "pairs", "tracks", "trend")


def write_folder(folder: Path, kind, *, seeds=6, **changes):
    """Write the result folder of a made-up hypothesis; return its result."""
    declared, _, scores, alike, result = made(kind, seeds)
    result = result.model_copy(update=changes)
    folder.mkdir(parents=True, exist_ok=True)
    write_result(folder, result, scores, alike, sample_images(declared.cohorts))
    return result


def add_run(store: Store, name, build, *, profile="made-up", state="finished", day=1, overrides=()):
    """Leave a run in a store whose result folder `build` fills."""
    step = Step("results", {"name": name, "profile": profile, "day": day}, {}, 1, name)
    store.make(step, lambda folder, inputs: build(folder))
    date = f"2026-01-{day:02d}T00:00:00+00:00"
    run = Run(
        hypothesis=name,
        profile=profile,
        overrides=dict(overrides),
        goal=step.key,
        steps=(("results", step.key),),
        command=f"hyp run {name}",
        state=state,
        started=date,
        updated=date,
        wall_seconds=83.0 * day,
    )
    save_run(store.root, run)
    return run
