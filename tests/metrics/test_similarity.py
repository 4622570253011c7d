"""Similarity of representations from their Gram matrices."""

from __future__ import annotations

import numpy as np
import pytest
import rsatoolbox
from scipy.stats import ortho_group
from sklearn.neighbors import NearestNeighbors

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.measures import MEASURES
from hyp.metrics.pairs import procrustes
from hyp.metrics.similarity import signature, similarity_matrix

RNG = np.random.default_rng(0)
N = 30
SHARED = RNG.normal(size=(N, 6))
LAYERS = [
    SHARED @ RNG.normal(size=(6, d)) + noise * RNG.normal(size=(N, d)) + 2.0
    for d, noise in ((40, 0.5), (25, 1.0), (60, 2.0))
]


def similarities(layers, measure="cka", **options):
    grams = [compute_gram(layer) for layer in layers]
    return similarity_matrix([lambda gram=gram: gram for gram in grams], measure, **options)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_representation_is_like_itself(measure):
    found = similarities(LAYERS, measure)
    assert np.allclose(found.diagonal(), 1.0, atol=1e-12)
    assert np.array_equal(found, found.T)
    assert (found[np.triu_indices(3, 1)] < 0.999).all()


@pytest.mark.parametrize("measure", MEASURES)
def test_rotation_scale_and_order_of_units_change_nothing(measure):
    changed = [
        3.0 * layer @ ortho_group.rvs(layer.shape[1], random_state=1)
        if not measure.startswith("rsa-correlation")
        else 3.0 * layer[:, np.random.default_rng(2).permutation(layer.shape[1])]
        for layer in LAYERS
    ]
    assert np.allclose(similarities(changed, measure), similarities(LAYERS, measure), atol=1e-9)
    rotated = LAYERS[0] @ ortho_group.rvs(40, random_state=1)
    assert procrustes(compute_gram(rotated), compute_gram(5 * LAYERS[0])) == pytest.approx(1)


@pytest.mark.parametrize("measure", ["cka", "cka-biased"])
def test_shifted_activations_have_the_same_cka(measure):
    shifted = [layer + np.arange(layer.shape[1]) for layer in LAYERS]
    assert np.allclose(similarities(shifted, measure), similarities(LAYERS, measure), atol=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
def test_blocks_and_stimulus_order_change_nothing(measure):
    whole = similarities(LAYERS, measure)
    assert np.allclose(similarities(LAYERS, measure, block_bytes=1), whole, atol=1e-12)
    order = np.random.default_rng(3).permutation(N)
    moved = similarities([layer[order] for layer in LAYERS], measure)
    assert np.allclose(moved, whole, atol=1e-9)


@pytest.mark.parametrize(("n", "k"), [(N, 10), (12, 5)])
def test_mutual_neighbours_are_counted_one_by_one(n, k):
    nearest = [
        NearestNeighbors(n_neighbors=k).fit(layer[:n]).kneighbors(return_distance=False)
        for layer in LAYERS[:2]
    ]
    shared = [len(set(a) & set(b)) / k for a, b in zip(*nearest, strict=True)]
    found = similarities([layer[:n] for layer in LAYERS], "mutual-neighbours")
    assert found[0, 1] == pytest.approx(np.mean(shared), abs=1e-12)
    independent = np.random.default_rng(5).normal(size=(20, 100, 5))
    chance = similarities(list(independent), "mutual-neighbours")[np.triu_indices(20, 1)].mean()
    assert chance == pytest.approx(10 / 99, abs=0.005)


def test_biased_cka_is_the_frobenius_formula():
    X, Y = (layer - layer.mean(axis=0) for layer in LAYERS[:2])
    expected = np.linalg.norm(X.T @ Y) ** 2 / (np.linalg.norm(X.T @ X) * np.linalg.norm(Y.T @ Y))
    assert similarities(LAYERS, "cka-biased")[0, 1] == pytest.approx(expected, abs=1e-12)


def test_unbiased_cka_is_the_formula_of_song_et_al():
    def hsic(K, L):
        n = len(K)
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        one = np.ones(n)
        return (
            np.trace(K @ L)
            + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (one @ K @ L @ one)
        ) / (n * (n - 3))

    K, L = (layer @ layer.T for layer in LAYERS[:2])
    expected = hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))
    assert similarities(LAYERS)[0, 1] == pytest.approx(expected, abs=1e-10)


def test_independent_wide_representations_are_unlike_only_without_bias():
    rng = np.random.default_rng(4)
    layers = rng.normal(size=(40, 60, 2000))
    above = np.triu_indices(40, 1)
    unbiased = similarities(list(layers))[above]
    assert abs(unbiased.mean()) < 0.01
    assert similarities(list(layers), "cka-biased")[above].min() > 0.9


@pytest.mark.parametrize(
    ("measure", "method", "compared"),
    [
        ("rsa-correlation", "correlation", "corr"),
        ("rsa-correlation-spearman", "correlation", "spearman"),
        ("rsa-euclidean", "euclidean", "corr"),
        ("rsa-euclidean-spearman", "euclidean", "spearman"),
    ],
)
def test_rsa_agrees_with_rsatoolbox(measure, method, compared):
    rdms = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(layer), method=method) for layer in LAYERS
    ]
    found = similarities(LAYERS, measure)
    for i in range(3):
        for j in range(3):
            expected = float(rsatoolbox.rdm.compare(rdms[i], rdms[j], method=compared)[0, 0])
            assert found[i, j] == pytest.approx(expected, abs=1e-9)


def test_biased_cka_is_rsatoolbox_cosine_with_covariance():
    rdms = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(layer), method="euclidean")
        for layer in LAYERS
    ]
    expected = float(rsatoolbox.rdm.compare(rdms[0], rdms[1], method="cosine_cov")[0, 0])
    assert similarities(LAYERS, "cka-biased")[0, 1] == pytest.approx(expected, abs=1e-6)


def test_procrustes_is_scipy_s_disparity():
    from scipy.spatial import procrustes as disparity

    X, Y = LAYERS[0][:, :25], LAYERS[1]
    *_, left = disparity(X, Y)  # 1 - (nuclear norm)^2 of what is scaled to length 1
    found = procrustes(compute_gram(X), compute_gram(Y))
    assert found == pytest.approx(np.sqrt(1 - left), abs=1e-9)


DEAD = {
    "silent": np.zeros((N, 5)),
    "constant": np.full((N, 5), 3.7),
    "constant, each unit another": np.tile(RNG.normal(size=500), (N, 1)),
    "constant, large": np.tile(1e8 * RNG.random(500), (N, 1)),
    "constant, small": np.tile(1e-8 * RNG.random(7), (N, 1)),
    "constant, almost equal": 3.7 + np.tile(0.01 * RNG.random(500), (N, 1)),
    "one unit": np.full((N, 1), 0.1),
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
@pytest.mark.filterwarnings("error")
def test_a_dead_layer_is_like_nothing(measure, dead):
    found = similarities([LAYERS[0], dead, dead], measure)
    assert found[0, 0] == pytest.approx(1)
    assert not found[0, 1:].any()
    assert not found[1:].any()


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.filterwarnings("error")
def test_dead_units_change_nothing_and_silent_stimuli_leave_numbers(measure):
    silent = [np.hstack([layer, np.zeros((N, 9))]) for layer in LAYERS]
    if not measure.startswith("rsa-correlation"):
        assert np.allclose(similarities(silent, measure), similarities(LAYERS, measure), atol=1e-12)
    rectified = [np.maximum(layer - 2.0, 0) for layer in LAYERS]
    for layer in rectified[1:]:
        layer[:3] = 0
    found = similarities(rectified, measure)
    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(1)
    alive = 0 if measure.startswith("rsa-correlation") else 1
    assert found[1, 1] == pytest.approx(alive)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_faint_and_loud_layers_are_what_they_were(measure, scale):
    scaled = [LAYERS[0], scale * LAYERS[1], scale * LAYERS[2]]
    assert np.allclose(similarities(scaled, measure), similarities(LAYERS, measure), atol=1e-9)


def test_the_matrix_of_procrustes_is_that_of_its_pairs():
    found = similarities(LAYERS, "procrustes")
    grams = [compute_gram(layer) for layer in LAYERS]
    expected = [[procrustes(one, other) for other in grams] for one in grams]
    assert np.allclose(found, expected, atol=1e-12)


def test_grams_are_read_once_where_they_fit_and_progress_is_told():
    grams = [compute_gram(layer) for layer in LAYERS]
    read, told = [], []
    loads = [lambda i=i: read.append(i) or grams[i] for i in range(3)]
    similarity_matrix(loads, progress=lambda done, total: told.append((done, total)))
    assert sorted(read) == [0, 0, 1, 2]  # the first once more for the number of stimuli
    assert told == [(3, 3)]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(HypError, match="unknown measure 'cca'"):
        similarities(LAYERS, "cca")
    with pytest.raises(HypError, match="different numbers of stimuli"):
        similarities([LAYERS[0], LAYERS[0][:9]])
    with pytest.raises(HypError, match="at least 4 stimuli"):
        signature(compute_gram(LAYERS[0][:3]), "cka")
    with pytest.raises(HypError, match="30 and 9 stimuli"):
        procrustes(compute_gram(LAYERS[0]), compute_gram(LAYERS[0][:9]))


def test_no_representation_gives_an_empty_matrix():
    assert similarities([]).shape == (0, 0)
