"""From the artifacts of a study's networks to scores, rows, checks and the verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyp.hypotheses.aligning import SCORES, SIMULATED
from hyp.hypotheses.judging import final_errors
from hyp.hypotheses.studies.answering import SCORE_COLUMNS, Similarities, Values, answer
from hyp.hypotheses.studies.declaration import (
    ALIGNED,
    EQUIVALENT,
    JUDGED,
    PairQuestion,
    Study,
    StudySize,
    score_of,
)
from hyp.hypotheses.studies.planning import END
from hyp.hypotheses.studies.result import (
    RESULT_FILE,
    SCORES_FILE,
    SIMILARITY_FILE,
    CohortSummary,
    Row,
    StudyResult,
)
from hyp.stats.checks import check_learned
from hyp.stats.rules import DecisionRule, describe, judge
from hyp.stats.verdict import Check, Verdict
from hyp.store.artifacts import read_record

PAPER_IMAGES = 500_000 * 64


def judge_study(spec: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Write the result of a study: ``study.json``, ``scores.parquet``, ``similarity.npz``.

    Parameters
    ----------
    spec : mapping
        Of a ``results`` step: the study and the profile.
    inputs : mapping of str to Path
        Folders by role: ``model:COHORT:SEED``, ``decoding:COHORT:SEED``,
        ``alignment:COHORT:SEED:BATCHES``, ``similarity:MEASURE``.
    folder : Path
        Where to write.
    """
    study = Study.model_validate({**spec["study"], "profiles": {}})
    settings = dict(spec["profile"])
    profile_name = settings.pop("name")
    profile = StudySize.model_validate(settings)
    if spec["untestable"]:
        result = _untestable(study, profile, profile_name, spec["untestable"])
        (folder / RESULT_FILE).write_text(result.model_dump_json(indent=1))
        return
    scores = gather_scores(inputs, profile)
    similarities = gather_similarities(inputs)
    result = conclude(
        study,
        profile,
        profile_name,
        scores,
        similarities,
        checks=tuple(_checks(study, inputs)),
        cohorts=tuple(_cohorts(study, inputs)),
    )
    write_result(folder, result, scores, similarities)


def write_result(
    folder: Path, result: StudyResult, scores: pd.DataFrame, similarities: Similarities
) -> None:
    """Write what a finished study leaves, see `judge_study`; the inverse of `studies.result`."""
    scores.to_parquet(folder / SCORES_FILE, index=False)
    if similarities.matrices:
        named = {f"{measure}|{layer}": m for (measure, layer), m in similarities.matrices.items()}
        networks = np.array(similarities.networks)
        np.savez(folder / SIMILARITY_FILE, allow_pickle=False, networks=networks, **named)
    (folder / RESULT_FILE).write_text(result.model_dump_json(indent=1))


def conclude(
    study: Study,
    profile: StudySize,
    profile_name: str,
    scores: pd.DataFrame,
    similarities: Similarities,
    *,
    checks: tuple[Check, ...] = (),
    cohorts: tuple[CohortSummary, ...] = (),
) -> StudyResult:
    """Judge scores that are there, wherever they came from."""
    rows = answer(study, profile, scores, similarities)
    checks = (*checks, *_control(study, profile, rows))
    verdict = judge(_rule(study, profile), [row for row in rows if row["family"] == JUDGED], checks)
    return _result(
        study, profile, profile_name, verdict, [_row(row) for row in rows], checks, cohorts
    )


def _untestable(study: Study, profile: StudySize, profile_name: str, reason: str) -> StudyResult:
    verdict = Verdict(
        outcome="untestable",
        sentence=f"The design cannot reach a verdict: {reason}",
        reasons=(reason,),
    )
    return _result(study, profile, profile_name, verdict, [], (), ())


def _result(
    study: Study,
    profile: StudySize,
    profile_name: str,
    verdict: Verdict,
    rows: Sequence[Row],
    checks: tuple[Check, ...],
    cohorts: tuple[CohortSummary, ...],
) -> StudyResult:
    rule = _rule(study, profile)
    agrees = None
    if study.agrees and (verdict.prediction or verdict.outcome == EQUIVALENT):
        agrees = study.agrees == (verdict.prediction or verdict.outcome)
    return StudyResult(
        study=study.name,
        profile=profile_name,
        title=study.title,
        question=study.question,
        source=study.source,
        predictions=study.predictions,
        settings=profile.model_dump(mode="json"),
        rule=describe(rule),
        margin=rule.margin,
        published=study.published,
        agrees=agrees,
        verdict=verdict,
        rows=tuple(rows),
        cohorts=cohorts,
        checks=checks,
        questions=tuple(one.model_dump(mode="json") for one in study.asked(profile)),
        warnings=tuple(_warnings(study, profile)),
    )


def _control(study: Study, profile: StudySize, rows: Sequence[Values]) -> Iterator[Check]:
    """Check that the study's positive control came out, if the profile asks for it."""
    own = [row for row in rows if row["question"] == study.control]
    if not own:
        return
    higher = [row for row in own if row["direction"] > 0]
    found = [str(row["of"]) for row in higher if row["significant"]]
    if found:
        sentence = f"The control “{study.control}” comes out higher in {', '.join(found)}."
    else:
        sentence = (
            f"The control “{study.control}” comes out higher nowhere, so the measure need not "
            "tell cohorts apart, and that some are close shows nothing."
        )
    yield Check(
        name="positive control",
        passed=bool(found),
        value=min((float(row["p_holm"]) for row in higher), default=1.0),
        threshold=profile.alpha,
        sentence=sentence,
    )


def _rule(study: Study, profile: StudySize) -> DecisionRule:
    return study.rule.model_copy(update={"alpha": profile.alpha})


def gather_scores(inputs: Mapping[str, Path], profile: StudySize) -> pd.DataFrame:
    """Return the scores of all networks, one row a fold, with the columns `SCORE_COLUMNS`."""
    parts: list[pd.DataFrame] = []
    for role, path in inputs.items():
        kind, _, place = role.partition(":")
        if kind == "decoding":
            table = pd.read_parquet(path / "scores.parquet")
            part = table.rename(columns={"latent": "of"})[["of", "layer", "fold", "score"]]
            parts.append(_labelled(part, kind, place, profile.n_batches))
        elif kind == "alignment":
            table = pd.read_parquet(path / SCORES)
            part = table.rename(columns={"region": "of", "layer": "chosen"})
            part = part[["of", "score", "chosen"]].assign(layer="", fold=0)
            batches = place.rpartition(":")[2]
            trained = profile.n_batches if batches == END else int(batches)
            depths = [profile.layers.index(layer) for layer in part["chosen"]]
            deep = part.assign(score=np.array(depths) / max(1, len(profile.layers) - 1))
            parts.append(_labelled(part, kind, place, trained))
            parts.append(_labelled(deep, "depth", place, trained))
        elif kind == "model":
            parts += _performance(path, place)
    if not parts:
        return pd.DataFrame(columns=list(SCORE_COLUMNS))
    joined = pd.concat(parts, ignore_index=True)
    joined["chosen"] = joined["chosen"].fillna("")
    layers = [*profile.layers, ""]
    joined["layer"] = pd.Categorical(joined["layer"].astype(str), categories=layers, ordered=True)
    return joined[list(SCORE_COLUMNS)]


def gather_similarities(inputs: Mapping[str, Path]) -> Similarities:
    """Return the similarities of networks that a study's steps computed."""
    networks: list[str] = []
    matrices: dict[tuple[str, str], NDArray[np.float64]] = {}
    for role, path in inputs.items():
        kind, _, measure = role.partition(":")
        if kind != "similarity":
            continue
        with np.load(path / SIMILARITY_FILE, allow_pickle=False) as archive:
            names = [str(name).partition(":")[0] for name in archive["networks"]]
            found = {name: archive[name] for name in archive.files if name != "networks"}
        networks = networks or names
        if names != networks:
            raise ValueError("measures of one study must be of the same networks")
        matrices |= {(measure, layer): matrix for layer, matrix in found.items()}
    return Similarities(networks, matrices)


def _labelled(part: pd.DataFrame, kind: str, place: str, batches: int) -> pd.DataFrame:
    cohort, seed = place.split(":")[:2]
    return part.assign(kind=kind, cohort=cohort, seed=int(seed), batches=batches)


def _performance(path: Path, place: str) -> Iterator[pd.DataFrame]:
    history = json.loads((path / "history.json").read_text())
    rows = [
        {"of": row["task"], "batches": row["batch"], "kind": kind, "score": score}
        for row in history["evaluation"]
        if row["metric"] == "loss"
        for kind, score in (
            ("performance", 1 - row["value"] / row["baseline"]),
            ("loss", row["value"]),
        )
    ]
    if rows:
        table = pd.DataFrame(rows)
        cohort, seed = place.split(":")
        yield table.assign(cohort=cohort, seed=int(seed), layer="", fold=0, chosen="")


def _checks(study: Study, inputs: Mapping[str, Path]) -> Iterator[Check]:
    """Check that every network that was trained here learned what it was trained for.

    Those that were given fewer images on purpose need not.
    """
    errors = {}
    for role, path in inputs.items():
        kind, _, place = role.partition(":")
        name, _, seed = place.partition(":")
        if kind != "model":
            continue
        cohort = study.cohort(name)
        if not cohort.trained or cohort.weights or cohort.share < 1:
            continue
        history = json.loads((path / "history.json").read_text())
        for task, error, baseline in final_errors(history):
            errors[f"{task} ({name}, seed {seed})"] = (error, baseline)
    if errors:
        yield check_learned(errors)


def _cohorts(study: Study, inputs: Mapping[str, Path]) -> Iterator[CohortSummary]:
    for cohort in study.cohorts:
        places = {
            int(role.rpartition(":")[2]): path
            for role, path in inputs.items()
            if role.startswith(f"model:{cohort.name}:")
        }
        if not places:
            continue
        record = read_record(next(iter(places.values())))
        root = next(iter(places.values())).parents[1]
        images = record.inputs.get("dataset")
        n_images = read_record(root / "datasets" / images).spec["n_images"] if images else 0
        yield CohortSummary(
            name=cohort.name,
            title=cohort.title,
            objective=cohort.objective,
            design=cohort.design,
            n_images=int(n_images),
            batches=int(record.spec["n_batches"]),
            seeds=tuple(places),
            keys=tuple(path.name for path in places.values()),
        )


def _row(values: Values) -> Row:
    wanted = {name: values.get(name) for name in Row.model_fields if name in values}
    cleaned = {
        name: None if isinstance(value, float) and math.isnan(value) else _plain(value)
        for name, value in wanted.items()
    }
    return Row(**cleaned)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _warnings(study: Study, profile: StudySize) -> Iterator[str]:
    asked = study.asked(profile)
    aligned = any(score_of(question).kind in ALIGNED for question in asked)
    if aligned and profile.recording == SIMULATED:
        yield (
            "The responses are simulated: nobody recorded them, so alignment says nothing about "
            "a brain."
        )
    images = profile.n_batches * profile.batch_size
    if images < PAPER_IMAGES:
        yield (
            f"Each network saw {images:,} images; the paper's ResNet-18 saw {PAPER_IMAGES:,}. "
            "What a short training shows need not hold for a long one."
        )
    yield (
        "All networks of a cohort saw one sample of images, so the verdict generalises over "
        "seeds, not over samples of images or architectures."
    )
    if any(isinstance(question, PairQuestion) for question in asked):
        yield "Pairs of networks share networks; labels are permuted over networks, not pairs."
