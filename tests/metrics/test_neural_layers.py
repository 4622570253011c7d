"""Layer choice: Brain-Score's rule, and none that sees what it is scored on."""

import dataclasses

import numpy as np
import pytest
from sklearn.decomposition import PCA

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural import (
    CANDIDATE_LAYERS,
    Cka,
    NeuralBenchmark,
    Pls,
    Ridge,
    Rsa,
    reduce_by_pca,
    score_layer,
    score_region,
)
from hyp.metrics.neural.layers import nested_splits

FEW = Pls(n_components=3)


def _benchmark(responses, *, seed=0, noise=1.0, prefix="im"):
    rng = np.random.default_rng(seed)
    halves = tuple(
        tuple(responses + noise * rng.standard_normal(responses.shape) for _ in range(2))
        for _ in range(10)
    )
    n, m = responses.shape
    return NeuralBenchmark(
        name="test.IT",
        region="IT",
        origin="recorded",
        responses=responses,
        stimulus_id=np.array([f"{prefix}{i}" for i in range(n)]),
        neuroid_id=np.array([f"n{i}" for i in range(m)]),
        strata=np.arange(n) % 4,
        halves=halves,
    )


def _cohort(n=60, m=8, seed=0, n_layers=3):
    """Return layers of which the third drives the responses."""
    rng = np.random.default_rng(seed)
    layers = {f"layer{i}": rng.standard_normal((n, 30)) for i in range(n_layers)}
    signal = layers["layer2"] @ rng.standard_normal((30, m)) / np.sqrt(30)
    responses = signal + 0.5 * rng.standard_normal((n, m))
    return {name: compute_gram(X) for name, X in layers.items()}, responses


@pytest.mark.parametrize("metric", [FEW, Ridge(alphas=(1.0, 100.0)), Rsa(), Cka()])
@pytest.mark.parametrize("protocol", ["published", "recommended"])
def test_finds_the_layer_that_drives_the_region(metric, protocol):
    grams, responses = _cohort(n=120)
    found = score_region(grams, _benchmark(responses), metric, protocol=protocol)
    assert set(found["layer"].to_numpy()) == {"layer2"}
    alone = score_layer(grams["layer2"], _benchmark(responses), metric)
    if protocol == "published" or metric.kind in ("pls", "ridge"):
        np.testing.assert_array_equal(found["raw"], alone["raw"])
        assert float(found["score"]) == float(alone["score"])
    else:
        assert float(found["score"]) == pytest.approx(float(alone["score"]), abs=0.05)
    assert found.attrs["protocol"] == protocol


def test_published_takes_the_best_score_on_the_same_benchmark():
    grams, responses = _cohort()
    benchmark = _benchmark(responses)
    found = score_region(grams, benchmark, FEW, protocol="published", formula="2024")
    scores = [
        float(score_layer(g, benchmark, FEW, formula="2024")["score"]) for g in grams.values()
    ]
    np.testing.assert_allclose(found["layer_scores"][0], scores, rtol=1e-14)
    assert found["candidate"].to_numpy().tolist() == list(grams)
    assert found.attrs["selection"] == "same"


@pytest.mark.parametrize("metric", [FEW, Ridge(alphas=(1.0, 100.0)), Rsa(), Cka()])
def test_the_choice_in_a_split_never_sees_its_test_part(metric):
    grams, responses = _cohort()
    before = score_region(grams, _benchmark(responses), metric, formula=None)
    train, test = nested_splits(_benchmark(responses), metric)[4]
    other = responses.copy()
    other[test] = np.random.default_rng(1).standard_normal((len(test), 8)) * 100
    after = score_region(grams, _benchmark(other), metric, formula=None)
    np.testing.assert_array_equal(after["layer_scores"][4], before["layer_scores"][4])
    assert after["layer"][4] == before["layer"][4]
    assert np.abs(after["raw"] - before["raw"])[4].max() > 1e-3
    seen = responses.copy()
    seen[train] = responses[train][::-1]
    after = score_region(grams, _benchmark(seen), metric, formula=None)
    assert np.abs(after["layer_scores"] - before["layer_scores"])[4].max() > 1e-3


@pytest.mark.parametrize(
    ("metric", "share"), [(FEW, 0.9), (Ridge(), 0.9), (Rsa(), 0.5), (Cka(), 0.5)]
)
def test_how_much_a_layer_is_chosen_on(metric, share):
    _, responses = _cohort()
    for train, test in nested_splits(_benchmark(responses), metric):
        assert len(train) == share * 60
        assert set(train) | set(test) == set(range(60))
        assert not set(train) & set(test)


def test_choosing_on_the_scored_responses_flatters_noise():
    rng = np.random.default_rng(0)
    published, recommended = [], []
    for _ in range(8):
        grams = {f"l{i}": compute_gram(rng.standard_normal((60, 20))) for i in range(12)}
        benchmark = _benchmark(rng.standard_normal((60, 4)))
        for scores, protocol in ((published, "published"), (recommended, "recommended")):
            found = score_region(grams, benchmark, Cka(), protocol=protocol, formula=None)
            scores.append(float(found["unceiled"]))
    assert np.mean(published) > 0.025
    assert abs(np.mean(recommended)) < 0.02


def test_declared_other_stimuli_decide_for_all_splits():
    grams, responses = _cohort(n=120, m=10)
    half = np.arange(60)
    chosen_on = _benchmark(responses[half, :5], prefix="other")
    scored_on = _benchmark(responses[60:], prefix="im")
    first = {name: compute_gram(_factor(gram)[half]) for name, gram in grams.items()}
    second = {name: compute_gram(_factor(gram)[60:]) for name, gram in grams.items()}
    found = score_region(second, scored_on, FEW, selection=(first, chosen_on))
    assert found.attrs["selection"] == "declared stimuli"
    assert set(found["layer"].to_numpy()) == {"layer2"}
    expected = [
        float(score_layer(g, chosen_on, FEW, formula=None)["unceiled"]) for g in first.values()
    ]
    np.testing.assert_allclose(found["layer_scores"][3], expected, rtol=1e-12)
    with pytest.raises(HypError, match="60 stimuli, among them im0, are in the benchmark and"):
        score_region(second, scored_on, FEW, selection=(first, scored_on))


def _factor(gram):
    values, vectors = np.linalg.eigh(gram.K)
    return vectors * np.sqrt(np.clip(values, 0, None))


def test_reduction_equals_principal_components_of_the_reference():
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.5, 2, 300)
    reference, X = rng.standard_normal((50, 300)) * scale, rng.standard_normal((40, 300)) * scale
    gram = compute_gram(np.vstack([reference, X]) + 2)
    for n_components in (10, 49):
        expected = PCA(n_components, svd_solver="full").fit(reference + 2).transform(X + 2)
        reduced = reduce_by_pca(gram, 50, n_components)
        np.testing.assert_allclose(reduced.K, expected @ expected.T, rtol=0, atol=1e-8)
        assert reduced.n_units == n_components
    assert reduce_by_pca(gram, 50, 200).n_units == 49
    whole = reduce_by_pca(gram, 50)
    np.testing.assert_array_equal(whole.K, gram.K[50:, 50:])
    assert whole.n_units == 300
    with pytest.raises(HypError, match="90 of 90 activations are those to reference images"):
        reduce_by_pca(gram, 90)


def test_published_may_choose_on_reduced_activations_and_scores_whole_ones():
    grams, responses = _cohort(n=100)
    benchmark = _benchmark(responses)
    reduced = grams | {"layer1": grams["layer2"], "layer2": grams["layer1"]}
    found = score_region(grams, benchmark, FEW, protocol="published", reduced=reduced)
    assert set(found["layer"].to_numpy()) == {"layer1"}
    alone = score_layer(grams["layer1"], benchmark, FEW)
    np.testing.assert_array_equal(found["raw"], alone["raw"])


def test_refusals():
    grams, responses = _cohort()
    benchmark = _benchmark(responses)
    other = (grams, _benchmark(responses, prefix="other"))
    with pytest.raises(HypError, match="no candidate layer"):
        score_region({}, benchmark)
    with pytest.raises(HypError, match="unknown protocol 'best'"):
        score_region(grams, benchmark, protocol="best")
    with pytest.raises(HypError, match="published chooses layers on the benchmark itself"):
        score_region(grams, benchmark, protocol="published", selection=other)
    with pytest.raises(HypError, match="recommended chooses layers on whole activations"):
        score_region(grams, benchmark, reduced=grams)
    with pytest.raises(HypError, match="chosen from layer0, but scored from layer0, layer1"):
        score_region(grams, benchmark, selection=({"layer0": grams["layer0"]}, other[1]))
    with pytest.raises(HypError, match="layer layer0 has 30 units, fewer than the 31 components"):
        score_region(grams, benchmark, Pls(n_components=31))
    small = dataclasses.replace(benchmark, responses=responses[:50])
    with pytest.raises(HypError, match="responses to 60 stimuli, but test"):
        score_region(grams, small)


def test_the_papers_candidate_layers():
    assert len(CANDIDATE_LAYERS["resnet18"]) == 11
    assert len(CANDIDATE_LAYERS["resnet50"]) == 19
    assert CANDIDATE_LAYERS["resnet18"][:3] == ("relu", "layer1.0.relu", "layer1.1.relu")
    assert CANDIDATE_LAYERS["resnet50"][13:] == (
        *("layer3.5.relu", "layer4.0.relu", "layer4.1.relu", "layer4.2.relu"),
        *("avgpool", "fc"),
    )
