"""From the score tables of all models to comparisons, checks and the verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.latents import find_latent
from hyp.hypotheses.declaration import FULL_CONDITION, PIXELS, Hypothesis, Part, Profile
from hyp.hypotheses.planning import UNTRAINED, family_name, family_sizes, question_name
from hyp.hypotheses.result import (
    Comparison,
    ConditionSummary,
    LearningCurve,
    Result,
    Series,
)
from hyp.stats.checks import check_decodable, check_learned, check_reduction
from hyp.stats.comparisons import compare
from hyp.stats.published import WHY_PUBLISHED_DIFFERS, compare_published
from hyp.stats.rules import DecisionRule, describe, judge
from hyp.stats.rules import Part as RulePart
from hyp.stats.verdict import Check, Verdict
from hyp.store.plain_zarr import write_zarr

KEYS = ("objective", "part", "latent", "layer")
N_SAMPLES = 24
_GROUP_COLUMNS = {
    f"{figure}_{place}": f"{figure}_{group}"
    for figure in ("n", "mean", "sd")
    for place, group in (("a", "full"), ("b", "reduced"))
}
UNEQUAL_LEARNING = 0.1
"""Difference in held-out loss, as a share of the constant predictor's, worth a warning."""


def judge_run(spec: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Write the result of a run: ``result.json``, score tables, sample images.

    Parameters
    ----------
    spec : mapping
        Of a ``results`` step: the hypothesis, the profile, why it is untestable.
    inputs : mapping of str to Path
        Folders of the score tables, models and datasets by role, such as
        ``scores:distance:full:0``; none if the design is untestable.
    folder : Path
        Where to write.
    """
    hypothesis = Hypothesis.model_validate({**spec["hypothesis"], "profiles": {}})
    settings = dict(spec["profile"])
    profile_name = settings.pop("name")
    profile = Profile.model_validate(settings)
    common: dict[str, Any] = {
        "hypothesis": hypothesis.name,
        "profile": profile_name,
        "title": hypothesis.title,
        "question": hypothesis.question,
        "source": hypothesis.source,
        "predictions": hypothesis.predictions,
        "settings": settings,
        "rule": describe(rule_for(hypothesis, profile)),
        "protocol_difference": WHY_PUBLISHED_DIFFERS,
    }
    if spec["untestable"]:
        judged = _untestable(spec["untestable"])
    else:
        judged = _judged(hypothesis, profile, inputs, folder)
    result = Result(**common, **judged)
    (folder / "result.json").write_text(result.model_dump_json(indent=1))


def _untestable(reason: str) -> dict[str, Any]:
    verdict = Verdict(
        outcome="untestable",
        sentence=f"The design cannot reach a verdict: {reason}",
        reasons=(reason,),
    )
    return {
        "verdict": verdict,
        "published_verdict": verdict,
        "checks": (),
        "comparisons": (),
        "series": (),
        "learning": (),
        "conditions": (),
        "warnings": ("Nothing was computed: no data could have made this design speak.",),
    }


def _judged(
    hypothesis: Hypothesis, profile: Profile, inputs: Mapping[str, Path], folder: Path
) -> dict[str, Any]:
    scores = read_scores(inputs, profile)
    datasets = {
        role.removeprefix("dataset:"): Dataset.open(path)
        for role, path in inputs.items()
        if role.startswith("dataset:")
    }
    stimuli = Dataset.open(inputs["stimuli"])
    histories = list(read_histories(inputs))

    checks = [
        *_reduction_checks(hypothesis, profile, datasets, stimuli),
        *_learning_checks(hypothesis, profile, histories),
        *_decodable_checks(hypothesis, profile, scores),
    ]
    compared = compare_scores(hypothesis, profile, scores)
    rule = rule_for(hypothesis, profile)
    verdicts = {protocol: judge(rule, records(rows), checks) for protocol, rows in compared.items()}
    scores.to_parquet(folder / "scores.parquet", index=False)
    write_zarr(score_cube(scores), folder / "scores.zarr")
    named = {protocol: rows.rename(columns=_GROUP_COLUMNS) for protocol, rows in compared.items()}
    pd.concat(named.values()).to_parquet(folder / "comparisons.parquet", index=False)
    samples = {
        name: data.images(np.arange(min(N_SAMPLES, data.n_images)))
        for name, data in datasets.items()
    }
    np.savez(folder / "samples.npz", allow_pickle=False, **samples)
    return {
        "verdict": verdicts["recommended"],
        "published_verdict": verdicts["published"],
        "checks": tuple(checks),
        "comparisons": tuple(_comparison(row) for rows in named.values() for row in records(rows)),
        "series": tuple(_series(hypothesis, profile, scores)),
        "learning": tuple(curve for history in histories for curve in _curves(history)),
        "conditions": tuple(
            ConditionSummary(
                name=name,
                design=str(data.spec.design),
                n_images=data.n_images,
                key=inputs[f"dataset:{name}"].name,
                title=hypothesis.condition(name).title,
            )
            for name, data in datasets.items()
        ),
        "warnings": tuple(_warnings(hypothesis, profile, histories)),
    }


def read_scores(inputs: Mapping[str, Path], profile: Profile) -> pd.DataFrame:
    """Gather the score tables of all models.

    Returns
    -------
    DataFrame
        The columns of a model's score table and before them ``objective``,
        ``condition`` (empty for references) and ``seed`` (-1 for the pixels).
    """
    tables = []
    for role, path in inputs.items():
        kind, _, name = role.partition(":")
        if kind == "scores":
            objective, condition, seed = name.split(":")
            table = pd.read_parquet(path / "scores.parquet")
            table.insert(0, "objective", objective)
            table.insert(1, "condition", condition)
            table.insert(2, "seed", int(seed or -1))
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def read_histories(inputs: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
    """Yield what each model wrote down while it was trained, with its labels."""
    for role, path in inputs.items():
        kind, _, name = role.partition(":")
        if kind == "model":
            objective, condition, seed = name.split(":")
            history = json.loads((path / "history.json").read_text())
            yield {"objective": objective, "condition": condition, "seed": int(seed), **history}


def question_table(hypothesis: Hypothesis, profile: Profile, scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row a fold of every comparison the hypothesis asks for.

    A cohort trained with full variability takes part in every question about its
    objective.
    """
    tables = []
    for part, objective in hypothesis.questions(profile):
        groups = {FULL_CONDITION: "full", part.condition: "reduced"}
        chosen = scores[
            (scores["objective"] == objective)
            & scores["condition"].isin(list(groups))
            & scores["latent"].isin(part.latents)
        ]
        tables.append(
            chosen.assign(
                part=part.name,
                family=family_name(profile, part, objective),
                group=chosen["condition"].map(groups),
            )
        )
    table = pd.concat(tables, ignore_index=True)
    table["layer"] = pd.Categorical(table["layer"], categories=profile.layers, ordered=True)
    return table


def compare_scores(
    hypothesis: Hypothesis, profile: Profile, scores: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Return the comparisons of a score table under each protocol, see `read_scores`."""
    rule = hypothesis.rule
    recommended, published = (
        question_table(hypothesis, profile, scores[scores["protocol"] == protocol])
        for protocol in ("recommended", "published")
    )
    return {
        "recommended": compare(
            recommended,
            KEYS,
            alternative=rule.alternative,
            margin=rule.margin,
            alpha=profile.alpha,
        ),
        "published": compare_published(published, KEYS, alpha=profile.alpha),
    }


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as one mapping a row."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def rule_for(hypothesis: Hypothesis, profile: Profile) -> DecisionRule:
    """Return the declared rule with the profile's level and a part for each question."""
    parts = tuple(
        RulePart(
            name=question_name(part, objective),
            where={"part": (part.name,), "objective": (objective,)},
        )
        for part, objective in hypothesis.questions(profile)
    )
    return hypothesis.rule.model_copy(update={"alpha": profile.alpha, "parts": parts})


def score_cube(scores: pd.DataFrame) -> xr.Dataset:
    """Return the networks' scores as a labelled array.

    Returns
    -------
    xarray.Dataset
        ``score`` over (protocol, objective, condition, latent, layer, network, fold);
        ``seed`` over (condition, network) tells which network it is. Missing
        combinations are NaN.
    """
    networks = scores[scores["objective"] != PIXELS].copy()
    networks.loc[networks["objective"] == UNTRAINED, "condition"] = UNTRAINED
    seeds = networks[["condition", "seed"]].drop_duplicates().sort_values(["condition", "seed"])
    seeds["network"] = seeds.groupby("condition").cumcount()
    networks = networks.merge(seeds, on=["condition", "seed"])
    dims = ["protocol", "objective", "condition", "latent", "layer", "network", "fold"]
    cube = networks.set_index(dims)[["score"]].to_xarray()
    layers = list(dict.fromkeys(networks["layer"]))
    cube = cube.reindex(layer=layers)
    names = {dim: cube[dim].astype(object) for dim in dims if cube[dim].dtype.kind in "UT"}
    cube = cube.assign_coords(names)
    seed = seeds.set_index(["condition", "network"])["seed"].to_xarray()
    return cube.assign_coords(seed=seed.reindex_like(cube[["condition", "network"]]))


def _reduction_checks(
    hypothesis: Hypothesis, profile: Profile, datasets: Mapping[str, Dataset], stimuli: Dataset
) -> Iterator[Check]:
    for part, objective in hypothesis.questions(profile):
        design = Design.parse(hypothesis.condition(part.condition).design)
        for name in design.reduced:
            latent = find_latent(stimuli.latents, name)
            yield from check_reduction(
                name,
                "categorical" if latent.kind == "categorical" else "continuous",
                full=datasets[FULL_CONDITION].table[name],
                reduced=datasets[part.condition].table[name],
                stimuli=stimuli.table[name],
                part=question_name(part, objective),
            )


def _learning_checks(
    hypothesis: Hypothesis, profile: Profile, histories: list[dict[str, Any]]
) -> Iterator[Check]:
    for part, objective in hypothesis.questions(profile):
        errors = {
            f"{task} ({history['condition']}, seed {history['seed']})": (error, baseline)
            for history in histories
            if history["objective"] == objective
            and history["condition"] in (FULL_CONDITION, part.condition)
            for task, error, baseline in final_errors(history)
        }
        yield check_learned(errors, part=question_name(part, objective))


def _decodable_checks(
    hypothesis: Hypothesis, profile: Profile, scores: pd.DataFrame
) -> Iterator[Check]:
    recommended = scores[scores["protocol"] == "recommended"]
    table = question_table(hypothesis, profile, recommended)
    for part, objective in hypothesis.questions(profile):
        for latent in part.latents:
            chosen = table[
                (table["part"] == part.name)
                & (table["objective"] == objective)
                & (table["latent"] == latent)
            ]
            check, _ = check_decodable(
                chosen, alpha=profile.alpha, part=question_name(part, objective)
            )
            yield check.model_copy(update={"name": f"{latent} decodable"})


def final_errors(history: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Return (task, held-out error, constant predictor's error) at the end of training.

    The error is the share of wrong answers where there are classes, the loss elsewhere. A
    network that tells classes apart but is too sure of itself can have a larger cross-entropy
    than a constant: that is calibration, and not whether it learned.
    """
    evaluation = history["evaluation"]
    last = max(row["batch"] for row in evaluation)
    wrong = {
        row["task"]: (1 - row["value"], 1 - row["baseline"])
        for row in evaluation
        if row["metric"] == "accuracy" and row["batch"] == last and row["baseline"] < 1
    }
    return [
        (task, *(wrong.get(task, (loss, baseline)) if math.isfinite(loss) else (loss, baseline)))
        for task, loss, baseline in _final_losses(history)
    ]


def _final_losses(history: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """(task, held-out loss, constant predictor's loss) at the end of training."""
    losses = [row for row in history["evaluation"] if row["metric"] == "loss"]
    last = max(row["batch"] for row in losses)
    return [(r["task"], r["value"], r["baseline"]) for r in losses if r["batch"] == last]


def _series(hypothesis: Hypothesis, profile: Profile, scores: pd.DataFrame) -> Iterator[Series]:
    recommended = scores[scores["protocol"] == "recommended"]
    for part, objective in hypothesis.questions(profile):
        for latent in part.latents:
            curves = [(objective, FULL_CONDITION, "full"), (objective, part.condition, "reduced")]
            curves += [(name, "", name) for name in profile.references]
            for trained, condition, group in curves:
                chosen = recommended[
                    (recommended["objective"] == trained)
                    & (recommended["condition"] == condition)
                    & (recommended["latent"] == latent)
                ]
                yield _one_series(chosen, profile, part, objective, latent, group, condition)


def _one_series(
    chosen: pd.DataFrame,
    profile: Profile,
    part: Part,
    objective: str,
    latent: str,
    group: str,
    condition: str,
) -> Series:
    means = chosen.groupby(["layer", "seed"])["score"].mean().unstack("seed")
    layers = [layer for layer in (*profile.layers, PIXELS) if layer in means.index]
    means = means.loc[layers]
    return Series(
        part=part.name,
        objective=objective,
        latent=latent,
        group=group,
        condition=condition,
        metric=str(chosen["metric"].iloc[0]),
        layers=tuple(layers),
        seeds=tuple(seed for seed in map(int, means.columns) if seed >= 0),
        scores=tuple(tuple(float(score) for score in row) for row in means.to_numpy()),
        chance=float(chosen["chance"].mean()),
    )


def _curves(history: Mapping[str, Any]) -> Iterator[LearningCurve]:
    losses = [row for row in history["evaluation"] if row["metric"] == "loss"]
    training = history["training"]
    for task in dict.fromkeys(row["task"] for row in losses):
        rows = [row for row in losses if row["task"] == task]
        yield LearningCurve(
            objective=history["objective"],
            condition=history["condition"],
            seed=history["seed"],
            task=task,
            metric="loss",
            train=tuple(zip(training["batch"], training[task], strict=True)),
            held_out=tuple((row["batch"], row["value"]) for row in rows),
            baseline=rows[-1]["baseline"],
        )


def _comparison(row: Mapping[str, Any]) -> Comparison:
    values = {name: row.get(name) for name in Comparison.model_fields}
    values = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
    if row["protocol"] == "published":
        values["p_holm"] = None
    return Comparison(**values)


def _warnings(
    hypothesis: Hypothesis, profile: Profile, histories: list[dict[str, Any]]
) -> Iterator[str]:
    yield from _unequal_learning(hypothesis, profile, histories)
    yield (
        "Each condition is one sample of images that all its networks share, so the verdict "
        "generalises over network seeds, not over samples of images or over architectures."
    )
    images, paper = profile.n_batches * profile.batch_size, 500_000 * 64
    if images < paper:
        yield (
            f"Each network saw {images:,} images; the paper's ResNet-18 saw {paper:,}. What a "
            "short training shows need not hold for a long one."
        )
    if profile.world != "full":
        yield (
            f"All datasets, the stimuli included, stay within the world {profile.world!r}. "
            "The verdict is about that world."
        )
    families = family_sizes(hypothesis, profile)
    if len(families) > 1:
        yield (
            f"Comparisons are corrected within {len(families)} questions, each held at "
            f"{profile.alpha:g}; the overall verdict is held only at their sum."
        )
    if profile.published_features == "exact":
        yield (
            "The published protocol decoded the exact features here; the paper's code first "
            "projected layers of many units at random, which costs time and adds noise."
        )


def _unequal_learning(
    hypothesis: Hypothesis, profile: Profile, histories: list[dict[str, Any]]
) -> Iterator[str]:
    """Say where one condition's networks have come further in learning their target.

    Equal numbers of batches are not equal learning: reduced variability can make the
    target easier, and a further-trained network may decode better for that alone.
    """
    for part, objective in hypothesis.questions(profile):
        left = {}
        for condition in (FULL_CONDITION, part.condition):
            shares = [
                loss / baseline
                for history in histories
                if history["objective"] == objective and history["condition"] == condition
                for _, loss, baseline in _final_losses(history)
            ]
            left[condition] = float(np.mean(shares))
        full, reduced = left[FULL_CONDITION], left[part.condition]
        if abs(full - reduced) > UNEQUAL_LEARNING:
            yield (
                f"{question_name(part, objective).capitalize()}: after the same number of "
                f"batches the networks' held-out loss is {full:.0%} of the constant predictor's "
                f"under full variability and {reduced:.0%} under reduced ({part.condition}). "
                "A difference in decoding may come from how far the target was learned."
            )
