"""Which layer stands for a region: as Brain-Score chooses it, and without seeing the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal

import numpy as np
import xarray as xr

from hyp.errors import HypError
from hyp.metrics.decoding import kfold
from hyp.metrics.gram import Floats, Gram, Indices, compute_gram
from hyp.metrics.neural.benchmark import NeuralBenchmark
from hyp.metrics.neural.ceilings import (
    Ceiling,
    Formula,
    ceiled,
    internal_consistency,
    usual_formula,
)
from hyp.metrics.neural.scoring import (
    Metric,
    benchmark_splits,
    check_gram,
    evaluate,
    score_dataset,
    split_medians,
)
from hyp.metrics.neural.specs import Pls, Ridge
from hyp.metrics.neural.splits import Split, stimulus_splits
from hyp.metrics.threads import over_threads

N_PCA = 1000
_INNER_FOLDS = 5


def score_region(
    grams: Mapping[str, Gram],
    benchmark: NeuralBenchmark,
    metric: Metric | None = None,
    *,
    protocol: Literal["published", "recommended"] = "recommended",
    formula: Formula | Literal["usual"] | None = "usual",
    ceiling: Ceiling | None = None,
    selection: tuple[Mapping[str, Gram], NeuralBenchmark] | None = None,
    reduced: Mapping[str, Gram] | None = None,
) -> xr.Dataset:
    """Choose a layer for a region and score it.

    ``published`` does as Brain-Score: the layer with the highest score on this very benchmark
    is taken, so selection and evaluation share their data. ``recommended`` never chooses a
    layer on responses it is scored on: in every split the layer is chosen in the training
    part and scored in the test part (regressions choose by five stratified folds of the
    training part; RSA and CKA, whose splits leave 10 % out, by halves of the stimuli
    instead); or once, on a benchmark with other stimuli, if `selection` gives one.

    Parameters
    ----------
    grams : mapping of str to Gram
        Candidate layers; the first of equals is taken.
    benchmark : NeuralBenchmark
    metric : Pls, Ridge, Rsa or Cka, optional
        PLS by default.
    protocol : {"published", "recommended"}
    formula, ceiling
        See `score_layer`. Under ``published`` the formula takes part in the choice.
    selection : (grams, benchmark), optional
        Declared other stimuli that the layer is chosen on, under ``recommended``.
    reduced : mapping of str to Gram, optional
        Under ``published``, the same layers' reduced activations (`reduce_by_pca`), on which
        Brain-Score chooses; the chosen layer is then scored unreduced.

    Returns
    -------
    Dataset
        What `score_layer` returns, and ``layer`` (split), the layer chosen for each, and
        ``layer_scores`` (split, layer), what the choice was made by.

    Raises
    ------
    HypError
        If there are no layers, the sets of layers differ, a stimulus of `selection` is one of
        the benchmark's, an argument belongs to the other protocol, or a layer cannot be scored.
    """
    metric = metric or Pls()
    formula = usual_formula(metric) if formula == "usual" else formula
    _check(grams, benchmark, metric, protocol, selection, reduced)
    names = list(grams)
    if ceiling is None and formula is not None:
        ceiling = internal_consistency(benchmark, metric)
    nested = protocol == "recommended" and selection is None
    splits = nested_splits(benchmark, metric) if nested else benchmark_splits(benchmark, metric)
    if protocol == "published":
        by_layer = layer_values(reduced or grams, benchmark, metric)
        layer_scores = _relate(by_layer.mean(axis=0), ceiling, formula)
        chosen = np.full(len(splits), int(np.argmax(layer_scores)))
        basis = np.tile(layer_scores, (len(splits), 1))
    elif selection is not None:
        layer_scores = layer_values(*selection, metric).mean(axis=0)
        chosen = np.full(len(splits), int(np.argmax(layer_scores)))
        basis = np.tile(layer_scores, (len(splits), 1))
    else:
        basis = _inner_scores(grams, benchmark, metric, splits)
        chosen = basis.argmax(axis=1)
    layers = [names[position] for position in chosen]
    raw = np.array(
        over_threads(
            lambda pair: evaluate(grams[pair[0]], benchmark, metric, pair[1]),
            list(zip(layers, splits, strict=True)),
        )
    )
    dataset = score_dataset(raw, benchmark, metric, formula=formula, ceiling=ceiling)
    rule = "nested" if nested else "same" if selection is None else "declared stimuli"
    if reduced is not None:
        rule = "same, reduced by PCA"
    return (
        dataset.assign(
            layer=("split", np.array(layers, dtype=object)),
            layer_scores=(("split", "candidate"), basis),
        )
        .assign_coords(candidate=np.array(names, dtype=object))
        .assign_attrs(protocol=protocol, selection=rule)
    )


def nested_splits(benchmark: NeuralBenchmark, metric: Metric) -> list[Split]:
    """Return the splits into a part that a layer is chosen in and one that it is scored in."""
    if isinstance(metric, Pls | Ridge):
        return benchmark_splits(benchmark, metric)
    return stimulus_splits(benchmark.n_stimuli, benchmark.strata, train_size=0.5)


def layer_values(grams: Mapping[str, Gram], benchmark: NeuralBenchmark, metric: Metric) -> Floats:
    """Return every candidate's unceiled score in every split, shape (split, layer)."""
    for gram in grams.values():
        check_gram(gram, benchmark)
    splits = benchmark_splits(benchmark, metric)
    tasks = list(product(splits, grams.values()))
    values = over_threads(lambda task: _median(task[1], benchmark, metric, task[0]), tasks)
    return np.array(values).reshape(len(splits), len(grams))


def reduce_by_pca(gram: Gram, n_reference: int, n_components: int = N_PCA) -> Gram:
    """Project activations on the principal components of those to reference images.

    Brain-Score chooses layers on activations reduced in this way, by 1,000 images of the
    ImageNet validation set. Layers with no more units than components are left as they
    are. Of m reference images at most m - 1 components are defined; the last of
    Brain-Score's 1,000 is a direction of rounding errors and is left out here.

    Parameters
    ----------
    gram : Gram
        Of the activations to the reference images, followed by those to the stimuli.
    n_reference : int
        Number of reference images.
    n_components : int
        Largest number of components.

    Returns
    -------
    Gram
        Of the reduced activations to the stimuli.

    Raises
    ------
    HypError
        If the reference images or the stimuli are missing.
    """
    if not 2 <= n_reference < gram.n_stimuli:
        raise HypError(
            f"{n_reference} of {gram.n_stimuli} activations are those to reference images; give at "
            "least two of them, followed by the stimuli."
        )
    rows = np.arange(n_reference, gram.n_stimuli)
    if gram.n_units <= n_components:
        return Gram(gram.K[np.ix_(rows, rows)], gram.n_units, gram.row_sum[rows])
    reference = gram.K[:n_reference, :n_reference]
    mean = reference.mean(axis=0)
    across = gram.K[n_reference:, :n_reference]
    across = across - across.mean(axis=1, keepdims=True) - mean + mean.mean()
    centred = reference - mean - mean[:, None] + mean.mean()
    values, vectors = np.linalg.eigh(centred)
    floor = n_reference * np.finfo(np.float64).eps * np.abs(reference).max()
    first = max(int((values <= floor).sum()), n_reference - n_components, 1)
    return compute_gram(across @ (vectors[:, first:] / np.sqrt(values[first:])))


def _check(
    grams: Mapping[str, Gram],
    benchmark: NeuralBenchmark,
    metric: Metric,
    protocol: str,
    selection: tuple[Mapping[str, Gram], NeuralBenchmark] | None,
    reduced: Mapping[str, Gram] | None,
) -> None:
    if not grams:
        raise HypError("there is no candidate layer to choose from; name at least one.")
    if protocol not in ("published", "recommended"):
        raise HypError(f"unknown protocol {protocol!r}; use published or recommended.")
    if selection is not None and protocol != "recommended":
        raise HypError("published chooses layers on the benchmark itself; use recommended.")
    if reduced is not None and protocol != "published":
        raise HypError("recommended chooses layers on whole activations; use published.")
    for name, gram in grams.items():
        check_gram(gram, benchmark)
        if isinstance(metric, Pls) and gram.n_units < metric.n_components:
            raise HypError(
                f"layer {name} has {gram.n_units} units, fewer than the {metric.n_components} "
                "components of PLS; leave it out or ask for fewer components."
            )
    other = selection[0] if selection is not None else reduced
    if other is not None and set(other) != set(grams):
        raise HypError(
            f"layers are chosen from {', '.join(sorted(other))}, but scored from "
            f"{', '.join(sorted(grams))}; give the same layers."
        )
    if selection is not None:
        shared = np.intersect1d(selection[1].stimulus_id, benchmark.stimulus_id)
        if shared.size:
            raise HypError(
                f"{shared.size} stimuli, among them {shared[0]}, are in the benchmark and in the "
                "stimuli that layers are chosen on; choose on other stimuli."
            )


def _relate(layer_scores: Floats, ceiling: Ceiling | None, formula: Formula | None) -> Floats:
    if ceiling is None or formula is None:
        return layer_scores
    return np.array([ceiled(float(r), ceiling.value, formula) for r in layer_scores])


def _inner_scores(
    grams: Mapping[str, Gram], benchmark: NeuralBenchmark, metric: Metric, splits: Sequence[Split]
) -> Floats:
    """Return how well every layer does within the training part of every split."""
    parts = [_inner_splits(benchmark, metric, train) for train, _ in splits]
    tasks = [(gram, part) for inner, gram in product(parts, grams.values()) for part in inner]
    values = over_threads(lambda task: _median(task[0], benchmark, metric, task[1]), tasks)
    scores: Floats = np.array(values).reshape(len(splits), len(grams), -1).mean(axis=2)
    return scores


def _inner_splits(benchmark: NeuralBenchmark, metric: Metric, train: Indices) -> list[Split]:
    if not isinstance(metric, Pls | Ridge):
        return [(train[:0], train)]
    strata = benchmark.strata
    codes = None if strata is None else np.unique(strata[train], return_inverse=True)[1]
    return [(train[fit], train[rest]) for fit, rest in kfold(len(train), _INNER_FOLDS, 0, codes)]


def _median(gram: Gram, benchmark: NeuralBenchmark, metric: Metric, split: Split) -> float:
    return float(split_medians(np.atleast_2d(evaluate(gram, benchmark, metric, split)))[0])
