"""CKA for sampled neurons: equal to enumeration, and the same however few neurons there are."""

from itertools import combinations, permutations

import numpy as np
import pytest

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural.benchmark import NeuralBenchmark
from hyp.metrics.neural.ceilings import internal_consistency
from hyp.metrics.neural.scoring import score_layer
from hyp.metrics.neural.specs import neural_metric
from hyp.metrics.pairs import u_centred, unbiased_cka
from hyp.metrics.sampled_neurons import distinct_products, sampled_cka, sampled_consistency

RNG = np.random.default_rng(0)


def kernel(column):
    return u_centred(np.outer(column, column))


def test_only_pairs_of_different_neurons_count():
    shared = RNG.normal(size=(9, 1))
    first, second = (shared + RNG.normal(move, 0.5, (9, 5)) for move in (2, -1))
    wanted = np.mean(
        [kernel(first[:, a]) @ kernel(second[:, b]) for a, b in permutations(range(5), 2)]
    )
    assert distinct_products(first, second) == pytest.approx(wanted, rel=1e-10)
    K = compute_gram(RNG.normal(size=(9, 40))).K
    product = np.mean([u_centred(K) @ kernel(first[:, a]) for a in range(5)])
    lengths = np.linalg.norm(u_centred(K)) * np.sqrt(distinct_products(first, first))
    assert sampled_cka(K, first) == pytest.approx(product / lengths, rel=1e-10)
    assert sampled_consistency(first, first) == pytest.approx(1.0)


def test_it_is_unbiased_over_all_samples_of_a_population():
    population = RNG.normal(size=(12, 7))
    samples = [population[:, rows] for rows in combinations(range(7), 3)]
    means = np.mean([distinct_products(sample, sample) for sample in samples])
    assert means == pytest.approx(distinct_products(population, population), rel=1e-9)


def test_few_neurons_do_not_lower_it():
    """Of 400 neurons that share eight dimensions with a layer, twenty at a time."""
    shared = RNG.normal(size=(40, 8))
    layer = shared @ RNG.normal(size=(8, 50)) + RNG.normal(size=(40, 50))
    population = shared @ RNG.normal(size=(8, 400)) + 2 * RNG.normal(size=(40, 400))
    K = layer @ layer.T
    whole = sampled_cka(K, population)
    assert whole == pytest.approx(unbiased_cka(K, population @ population.T), abs=0.05)
    draws = [population[:, RNG.choice(400, 20, replace=False)] for _ in range(60)]
    corrected = np.mean([sampled_cka(K, sample) for sample in draws])
    plain = np.mean([unbiased_cka(K, sample @ sample.T) for sample in draws])
    assert plain < whole - 0.15
    assert corrected == pytest.approx(whole, abs=0.05)


def test_neurons_with_nothing_in_common_are_refused():
    alternating = np.array([[1.0, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).T
    with pytest.raises(HypError, match="nothing in common"):
        sampled_cka(np.eye(4) + np.diag(np.arange(4.0)), alternating)
    with pytest.raises(HypError, match="at least 4 stimuli and 2 neurons, but there are 9 and 1"):
        sampled_cka(np.eye(9), RNG.normal(size=(9, 1)))


def test_it_is_a_neural_metric_with_a_ceiling():
    shared = RNG.normal(size=(40, 4))
    drive = shared @ RNG.normal(size=(4, 12))
    halves = tuple(tuple(drive + RNG.normal(size=drive.shape) for _ in range(2)) for _ in range(10))
    responses = (halves[0][0] + halves[0][1]) / 2
    names = np.array([f"n{number}" for number in range(12)])
    benchmark = NeuralBenchmark(
        "b", "IT", "recorded", responses, np.arange(40).astype(str), names, None, halves
    )
    metric = neural_metric("cka-sampled")
    scored = score_layer(compute_gram(shared), benchmark, metric)
    plain = score_layer(compute_gram(shared), benchmark, neural_metric("cka"))
    assert float(scored["unceiled"]) > float(plain["unceiled"])
    raw = [sampled_consistency(*pair) for pair in halves]
    wanted = np.mean([2 * r / (1 + r) for r in raw])
    assert internal_consistency(benchmark, metric).value == pytest.approx(wanted)
    assert metric.model_dump()["neurons"] == "sampled"
    assert "neurons" not in neural_metric("cka").model_dump()
