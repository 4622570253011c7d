"""Score tables in which a prediction holds by construction."""

from functools import cache

import numpy as np
import pandas as pd

from hyp.metrics.decoding import decode
from hyp.metrics.gram import compute_gram
from hyp.metrics.published import decode_published_gram


def cohorts(hypothesis, profile):
    """(cohort, seed) of every network the profile trains."""
    for cohort in hypothesis.asked(profile).cohorts:
        for seed in cohort.seeds(profile):
            yield cohort.name, seed


def planted_scores(hypothesis, profile, strength, *, n=80, d=48):
    """Decode synthetic activations that hold a latent with a given strength.

    ``strength(cohort, layer)`` scales how strongly the latents shape the responses.
    """
    tables = [
        table.assign(cohort=cohort, seed=seed, layer=layer)
        for cohort, seed in cohorts(hypothesis, profile)
        for place, layer in enumerate(profile.layers)
        for table in _decoded(seed, place, strength(cohort, layer), n, d)
    ]
    found = pd.concat(tables, ignore_index=True).rename(columns={"latent": "measured"})
    return found.assign(kind="decoding", batches=profile.n_batches)


@cache
def _decoded(seed, place, strength, n, d):
    """Scores of one layer of a network, by both protocols; the same where the strength is."""
    rng = np.random.default_rng(0)
    latents = {
        "category": np.array([f"c{i % 4}" for i in range(n)]),
        "rel_pos_x": rng.normal(size=n),
        "rel_pos_y": rng.normal(size=n),
    }
    kinds = {"category": "categorical", "rel_pos_x": "continuous", "rel_pos_y": "continuous"}
    signal = np.column_stack(
        [pd.get_dummies(latents["category"]), latents["rel_pos_x"], latents["rel_pos_y"]]
    ).astype(float)
    network = np.random.default_rng([1, seed, place])
    responses = strength * signal @ network.normal(size=(signal.shape[1], d))
    matrix = compute_gram(responses + 3 * network.normal(size=(n, d)))
    return [decoder(matrix, latents, kinds) for decoder in (decode, decode_published_gram)]


def null_studies(hypothesis, profile, *, studies, icc, n_folds=5):
    """Scores of many studies without any effect: seeds differ, a seed's folds are alike."""
    rng = np.random.default_rng([2, int(10 * icc)])
    networks = list(cohorts(hypothesis, profile))
    latents = sorted(
        {latent for one in hypothesis.asked(profile).questions for latent in one.score.latents}
    )
    index = pd.MultiIndex.from_product(
        [range(studies), range(len(networks)), latents, profile.layers, range(n_folds)],
        names=["study", "network", "measured", "layer", "fold"],
    )
    shape = (studies, len(networks), len(latents), len(profile.layers))
    seed_effect = rng.normal(size=(*shape[:2], 1, 1)) + rng.normal(size=shape)
    score = np.sqrt(icc / 2) * seed_effect[..., None] + np.sqrt(1 - icc) * rng.normal(
        size=(*shape, n_folds)
    )
    table = pd.DataFrame({"score": score.ravel()}, index=index).reset_index()
    for position, name in enumerate(("cohort", "seed")):
        column = np.array([network[position] for network in networks])
        table[name] = column[table["network"]]
    named = ["measured", "layer", "cohort"]
    return table.astype(dict.fromkeys(named, "category"))  # millions of strings take long
