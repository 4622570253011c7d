"""Comparing two representations: dissimilarities, unbiased CKA, Procrustes, dead layers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import svdvals
from scipy.spatial.distance import pdist, squareform
from scipy.stats import pearsonr, spearmanr

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.pairs import (
    aligned_length,
    compare_dissimilarities,
    dissimilarities,
    flat_stimuli,
    procrustes,
    procrustes_factor,
    sub_gram,
    u_centred,
    unbiased_cka,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 30)) + 1.5
Y = X[:, :20] + RNG.normal(size=(12, 20))
CONSTANT = np.tile(3.7 * RNG.random(500), (12, 1))


def test_dissimilarities_are_scipy_s():
    gram = compute_gram(X)
    assert np.allclose(dissimilarities(gram), pdist(X, "correlation"), atol=1e-12)
    expected = pdist(X, "sqeuclidean") / 30
    assert np.allclose(dissimilarities(gram, "euclidean"), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["correlation", "euclidean"])
def test_stimuli_that_drive_units_equally_have_no_distance(kind):
    twice = compute_gram(np.vstack([X, X[:3]]))
    distances = squareform(dissimilarities(twice, kind))
    assert [distances[i, 12 + i] for i in range(3)] == [0, 0, 0]
    assert (distances[np.triu_indices(12, 1)] > 0.01).all()


@pytest.mark.parametrize("kind", ["correlation", "euclidean"])
@pytest.mark.parametrize("how", ["spearman", "pearson", "cosine"])
@pytest.mark.filterwarnings("error")
def test_a_dead_layer_agrees_with_nothing(kind, how):
    dead, alive = (dissimilarities(compute_gram(layer), kind) for layer in (CONSTANT, X))
    assert not dead.any()
    assert compare_dissimilarities(dead, alive, how) == 0
    assert compare_dissimilarities(alive, dead, how) == 0
    assert compare_dissimilarities(dead, dead, how) == 0


@pytest.mark.parametrize("how", ["spearman", "pearson"])
def test_equal_distances_agree_with_nothing_whatever_their_rounding(how):
    alike = 0.1 + 1e-16 * RNG.random(66)
    assert compare_dissimilarities(alike, dissimilarities(compute_gram(X)), how) == 0


def test_comparisons_are_scipy_s():
    first, second = (dissimilarities(compute_gram(layer)) for layer in (X, Y))
    assert compare_dissimilarities(first, second) == pytest.approx(spearmanr(first, second)[0])
    found = compare_dissimilarities(first, second, "pearson")
    assert found == pytest.approx(pearsonr(first, second)[0])


def test_correlations_of_stimuli_that_drive_all_units_alike_are_refused():
    layer = X.copy()
    layer[3], layer[5] = 0, 2.5
    gram = compute_gram(layer)
    assert flat_stimuli(gram).tolist() == [3, 5]
    with pytest.raises(HypError, match="2 of 12 stimuli, the first at position 3"):
        dissimilarities(gram)
    assert np.isfinite(dissimilarities(gram, "euclidean")).all()


def test_u_centred_kernels_have_empty_rows():
    U = squareform(u_centred(X @ X.T))
    assert np.allclose(U.sum(axis=0), 0, atol=1e-10)
    shift = np.arange(12.0)
    assert np.allclose(squareform(u_centred(X @ X.T + shift + shift[:, None])), U, atol=1e-10)


@pytest.mark.parametrize("dead", [np.zeros((12, 4)), CONSTANT, 1e9 * CONSTANT, 1e-9 * CONSTANT])
@pytest.mark.filterwarnings("error")
def test_dead_layers_have_no_similarity(dead):
    live, gram = compute_gram(X), compute_gram(dead)
    assert unbiased_cka(gram.K, live.K) == unbiased_cka(live.K, gram.K) == 0
    assert unbiased_cka(gram.K, gram.K) == 0
    assert procrustes(gram, live) == procrustes(live, gram) == procrustes(gram, gram) == 0
    assert procrustes_factor(gram).shape == (12, 0)


def test_procrustes_is_the_best_rotation():
    A, B = (layer[:, :20] - layer[:, :20].mean(axis=0) for layer in (X, Y))
    A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    u, _, vt = np.linalg.svd(A.T @ B)
    left = np.linalg.norm(A @ (u @ vt) - B) ** 2
    found = procrustes(compute_gram(X[:, :20]), compute_gram(Y))
    assert found == pytest.approx(1 - left / 2, abs=1e-12)
    assert procrustes(compute_gram(X), compute_gram(X)) == pytest.approx(1, abs=1e-12)


def test_a_factor_is_the_centred_gram_over_its_trace():
    factor = procrustes_factor(compute_gram(X))
    centred = X - X.mean(axis=0)
    assert factor.shape == (12, 11)
    assert np.allclose(factor @ factor.T, centred @ centred.T / (centred**2).sum(), atol=1e-12)


@pytest.mark.parametrize("decay", [0, 1, 3, 8])
def test_lengths_are_those_of_the_singular_values(decay):
    rng = np.random.default_rng(decay)
    scales = np.arange(1.0, 81) ** -decay
    grams = [compute_gram(rng.normal(size=(100, 80)) * scales) for _ in range(2)]
    A, B = (procrustes_factor(gram) for gram in grams)
    assert aligned_length(A, B) == pytest.approx(svdvals(A.T @ B).sum(), abs=1e-7)
    assert aligned_length(B, A) == pytest.approx(svdvals(A.T @ B).sum(), abs=1e-7)


def test_representations_without_a_common_axis_have_no_aligned_length():
    assert aligned_length(np.eye(6)[:, :2], np.eye(6)[:, 3:]) == 0


def test_some_of_the_stimuli():
    rows = np.array([7, 2, 9, 4])
    some, direct = sub_gram(compute_gram(X), rows), compute_gram(X[rows])
    assert np.allclose(some.K, direct.K)
    assert np.allclose(dissimilarities(some), dissimilarities(direct))
