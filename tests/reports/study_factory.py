"""Realistic made-up studies, one a kind of question, judged by the real rules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from hyp.hypotheses.studies.answering import SCORE_COLUMNS, Similarities
from hyp.hypotheses.studies.declaration import (
    KEYS,
    Alignment,
    Alike,
    Closer,
    Cohort,
    Contrast,
    Decoding,
    Similarity,
    Study,
    StudySize,
    Tighter,
    Tracks,
    Trend,
)
from hyp.hypotheses.studies.judging import conclude, write_result
from hyp.hypotheses.studies.result import CohortSummary
from hyp.stats.rules import DecisionRule, NotLower, Nowhere, Prediction, Somewhere
from hyp.stats.verdict import Check
from hyp.store import Step, Store
from hyp.store.runs import Run, save_run

LAYERS = ("layer1.0.relu", "layer2.0.relu", "layer3.0.relu", "layer4.0.relu")
REGIONS = ("V1", "V2", "V4", "IT")
SIZES = (1, 2, 5, 10, 20, 40, 80)
PROFILE = StudySize(
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


def summaries(study, seeds):
    return tuple(
        CohortSummary(
            name=cohort.name,
            title=cohort.title,
            objective=cohort.objective,
            design=cohort.design,
            n_images=5632,
            batches=80 if cohort.trained else 0,
            seeds=tuple(range(cohort.first_seed, cohort.first_seed + seeds)),
            keys=("k",) * seeds,
        )
        for cohort in study.cohorts
    )


def study(name, names, questions, *, margin=None, needs=(_HIGHER, _LOWER), published="", agrees=""):
    return Study(
        name=name,
        title=f"Made up: {name}?",
        question="Is it so?",
        source="Xie et al. 2024, Figure 2",
        predictions={"up": "it goes up", "down": "it goes down"},
        cohorts=cohorts(names),
        questions=questions,
        rule=DecisionRule(
            keys=KEYS,
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
    frame = pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
    frame["layer"] = pd.Categorical(frame["layer"], categories=[*LAYERS, ""], ordered=True)
    return frame


def _seeds(one, seeds):
    return range(one.first_seed, one.first_seed + seeds)


def alignment_scores(declared, seeds, rng, batches=(80,)):
    rows = []
    for one in declared.cohorts:
        for seed in _seeds(one, seeds):
            for batch in batches:
                learned = 1 - np.exp(-batch / 25) + rng.normal(0, 0.02)
                if len(batches) > 1:
                    place = (one.name, seed, batch, one.objective, "", 0)
                    rows.append(("performance", *place, learned, ""))
                    rows.append(("loss", *place, 1 - learned, ""))
                for depth, region in enumerate(REGIONS):
                    level = LEVELS.get(one.name, 0.3) - 0.05 * depth + 0.08 * learned
                    chosen = LAYERS[min(3, depth + int(rng.integers(0, 2)))]
                    place = ("alignment", one.name, seed, batch, region, "", 0)
                    rows.append((*place, level + rng.normal(0, 0.01), chosen))
    return table(rows)


def decoding_scores(declared, seeds, rng, latents, gain=0.05):
    rows = []
    shape = np.array((0.36, 0.43, 0.47, 0.40))
    for number, one in enumerate(declared.cohorts):
        for seed in _seeds(one, seeds):
            for latent in latents:
                for depth, layer in enumerate(LAYERS):
                    level = shape[depth] + gain * (number == 0) * (depth in (2, 3))
                    level += rng.normal(0, 0.012)
                    rows += [
                        ("decoding", one.name, seed, 80, latent, layer, fold, value, "")
                        for fold, value in enumerate(level + rng.normal(0, 0.01, 5))
                    ]
    return table(rows)


def similarities(declared, seeds, rng, measures=("cka",), apart=0.5):
    labels = [one.name for one in declared.cohorts for _ in range(seeds)] + ["pixels"]
    matrices = {}
    for measure in measures:
        for depth, layer in enumerate(LAYERS):
            own = rng.normal(0, 1, (len(labels), 12))
            shift = {name: rng.normal(0, 1, 12) for name in dict.fromkeys(labels)}
            points = 0.35 * own + apart * depth * np.array([shift[name] for name in labels]) + 1
            unit = points / np.linalg.norm(points, axis=1, keepdims=True)
            matrices[measure, layer] = np.clip((unit @ unit.T + (unit @ unit.T).T) / 2, 0, 1)
    return Similarities(labels, matrices)


@cache
def made(kind, seeds=6):
    """Return (study, profile, scores, similarities, result) of one kind of study."""
    rng = np.random.default_rng(len(kind))
    scores, alike = table([]), Similarities()
    if kind == "regions":
        declared = study(
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
        scores = alignment_scores(declared, seeds, rng)
    elif kind == "layers":
        latents = ("category", "rel_pos_x")
        score = Decoding(latents=latents)
        declared = study(
            "decoding",
            ("distance", "rotation"),
            (Contrast(name="helps", score=score, a="distance", b=("rotation",)),),
            published="It went up.",
            agrees="down",
        )
        scores = decoding_scores(declared, seeds, rng, latents)
    elif kind == "pairs":
        names = ("distance", "rotation", "category", "untrained")
        together = [Tighter(name="together", a="distance", b="rotation", figure="Figure D.5")]
        declared = study(
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
        alike = similarities(declared, seeds, rng, ("cka", "cka-biased", "rsa-correlation"))
    elif kind == "tracks":
        declared = study(
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
        scores = alignment_scores(declared, seeds, rng, (10, 20, 40, 80))
    else:
        names = tuple(f"of {size}" for size in SIZES)
        sizes = dict(zip(names, SIZES, strict=True))
        score = Decoding(latents=("rel_pos_x",))
        declared = study(
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
        scores = alignment_scores(declared, seeds, rng)
        rise = scores["cohort"].map(lambda name: 0.02 * np.log(sizes[name]))
        scores["score"] = scores["score"] + rise.astype(float)
        scores = pd.concat(
            [scores, decoding_scores(declared, seeds, rng, ("rel_pos_x",))], ignore_index=True
        )
        scores["layer"] = pd.Categorical(
            scores["layer"].astype(str), categories=[*LAYERS, ""], ordered=True
        )
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
    )
    return declared, profile, scores, alike, result


KINDS = ("regions", "layers", "pairs", "tracks", "trend")


def write_folder(folder: Path, kind, *, seeds=6, **changes):
    """Write the result folder of a made-up study; return its result."""
    _, _, scores, alike, result = made(kind, seeds)
    result = result.model_copy(update=changes)
    folder.mkdir(parents=True, exist_ok=True)
    write_result(folder, result, scores, alike)
    return result


def add_run(store: Store, name, build, *, profile="made-up", state="finished", day=1):
    """Leave a run in a store whose result folder `build` fills."""
    step = Step("results", {"name": name, "profile": profile, "day": day}, {}, 1, name)
    store.make(step, lambda folder, inputs: build(folder))
    date = f"2026-01-{day:02d}T00:00:00+00:00"
    run = Run(
        hypothesis=name,
        profile=profile,
        overrides={},
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
