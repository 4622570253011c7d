"""PLS from the Gram matrix against scikit-learn's PLSRegression on the activations."""

import warnings

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.cross_decomposition import PLSRegression

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural.pls import pls_from_gram


def _data(n, d, m, seed, noise=1.0):
    rng = np.random.default_rng(seed)
    latents = rng.standard_normal((n, 64)) * 2 / np.sqrt(1 + np.arange(64))
    drive = latents @ rng.standard_normal((64, d)) / 3 + rng.standard_normal((n, d))
    X = np.maximum(drive - 0.3, 0)
    Y = np.maximum(latents @ rng.standard_normal((64, m)) / 3 + 0.5, 0)
    order = rng.permutation(n)
    return X, Y + noise * rng.standard_normal(Y.shape), order[n // 10 :], order[: n // 10]


def _ours(X, Y, train, test, **settings):
    return pls_from_gram(compute_gram(X).K, Y, train, test, n_units=X.shape[1], **settings)


def _sklearn(X, Y, train, test, n_components=25, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it does not converge
        model = PLSRegression(n_components, scale=False, **settings).fit(X[train], Y[train])
    return model.predict(X[test]).reshape(len(test), -1), model.n_iter_


@pytest.mark.parametrize(
    ("n", "d", "m"), [(120, 300, 1), (120, 300, 9), (150, 40, 20), (100, 25, 6), (90, 200, 120)]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_sklearn(n, d, m, seed):
    X, Y, train, test = _data(n, d, m, seed)
    expected, n_iter = _sklearn(X, Y, train, test)
    predicted, iterations = _ours(X, Y, train, test)
    np.testing.assert_array_equal(iterations, n_iter)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("settings", [{"tol": 1e-2}, {"max_iter": 3}, {"n_components": 4}])
def test_stops_where_sklearn_stops(settings):
    X, Y, train, test = _data(120, 200, 12, seed=2)
    expected, n_iter = _sklearn(X, Y, train, test, **settings)
    usual, _ = _ours(X, Y, train, test)
    predicted, iterations = _ours(X, Y, train, test, **settings)
    np.testing.assert_array_equal(iterations, n_iter)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-10)
    assert np.abs(predicted - usual).max() > 1e-3


@pytest.mark.parametrize(("scale", "offset"), [(1e4, 0), (1e-4, 0), (1, 30), (1, -5)])
def test_equals_sklearn_at_other_scales(scale, offset):
    X, Y, train, test = _data(120, 200, 12, seed=3)
    X, Y = scale * X + offset, 100 + 1e-2 * Y
    expected, n_iter = _sklearn(X, Y, train, test)
    predicted, iterations = _ours(X, Y, train, test)
    np.testing.assert_array_equal(iterations, n_iter)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-10)


def test_single_precision_activations_cost_sklearn_eight_digits():
    X, Y, train, test = _data(120, 200, 12, seed=4)
    X = X.astype(np.float32)
    exact, _ = _sklearn(X.astype(np.float64), Y, train, test)
    single, _ = _sklearn(X, Y, train, test)
    predicted, _ = _ours(X, Y, train, test)
    np.testing.assert_allclose(predicted, exact, rtol=0, atol=1e-10)
    assert 1e-10 < np.abs(predicted - single).max() < 1e-5


def test_a_silent_first_neuroid_is_no_start():
    X, Y, train, test = _data(120, 200, 6, seed=5)
    Y[:, 0] = 0.0
    expected, n_iter = _sklearn(X, Y, train, test)
    predicted, iterations = _ours(X, Y, train, test)
    np.testing.assert_array_equal(iterations, n_iter)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("change", ["rotate", "permute", "twins", "dead"])
def test_only_the_geometry_of_the_activations_counts(change):
    X, Y, train, test = _data(100, 60, 10, seed=6)
    straight, n_iter = _ours(X, Y, train, test)
    other = {
        "rotate": lambda: X @ ortho_group.rvs(60, random_state=0),
        "permute": lambda: X[:, np.random.default_rng(0).permutation(60)],
        "twins": lambda: np.hstack([X, X]),
        "dead": lambda: np.hstack([X, np.zeros_like(X)]),
    }[change]()
    predicted, iterations = _ours(other, Y, train, test)
    np.testing.assert_array_equal(iterations, n_iter)
    np.testing.assert_allclose(predicted, straight, rtol=0, atol=1e-9)


def test_order_of_stimuli_does_not_matter():
    X, Y, train, test = _data(100, 60, 10, seed=7)
    straight, _ = _ours(X, Y, train, test)
    order = np.random.default_rng(1).permutation(100)
    place = np.argsort(order)
    shuffled, _ = _ours(X[order], Y[order], place[train], place[test])
    np.testing.assert_allclose(shuffled, straight, rtol=0, atol=1e-9)


def test_order_of_neuroids_matters_only_by_the_stopping_rule():
    X, Y, train, test = _data(100, 60, 6, seed=8)
    order = np.array([3, 1, 5, 0, 2, 4])
    settings = {"n_components": 6}
    loose, _ = _ours(X, Y, train, test, **settings)
    loosely, _ = _ours(X, Y[:, order], train, test, **settings)
    settings |= {"tol": 1e-13, "max_iter": 100_000}
    tight, _ = _ours(X, Y, train, test, **settings)
    tightly, _ = _ours(X, Y[:, order], train, test, **settings)
    assert np.abs(loosely - loose[:, order]).max() > 1e-3
    np.testing.assert_allclose(tightly, tight[:, order], rtol=0, atol=1e-5)


def test_stops_at_the_rank_where_it_is_least_squares():
    X, Y, train, test = _data(100, 10, 4, seed=9)
    X = np.hstack([X, 2 * X, X[:, ::-1]])
    predicted, n_iter = _ours(X, Y, train, test)
    assert len(n_iter) == 10
    A, B = X[train] - X[train].mean(axis=0), Y[train] - Y[train].mean(axis=0)
    fitted = np.linalg.lstsq(A, B, rcond=1e-10)[0]
    expected = (X[test] - X[train].mean(axis=0)) @ fitted + Y[train].mean(axis=0)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-8)


def test_noise_free_linear_responses_are_predicted_exactly():
    X, _, train, test = _data(100, 20, 1, seed=10)
    Y = X @ np.random.default_rng(0).standard_normal((20, 30))
    predicted, _ = _ours(X, Y, train, test, n_components=20)
    np.testing.assert_allclose(predicted, Y[test], rtol=0, atol=1e-8)


@pytest.mark.parametrize("row", [0.0, 1234.5678])
def test_alike_activations_predict_the_training_mean(row):
    _, Y, train, test = _data(60, 5, 3, seed=11)
    uneven = row * np.random.default_rng(2).standard_normal(30)
    predicted, n_iter = _ours(np.tile(uneven, (60, 1)), Y, train, test)
    assert len(n_iter) == 0
    np.testing.assert_array_equal(predicted, np.tile(Y[train].mean(axis=0), (len(test), 1)))


def test_refuses_more_components_than_units_or_stimuli():
    X, Y, train, test = _data(60, 24, 3, seed=12)
    with pytest.raises(HypError, match=r"25 components needs at least as many units.* has 24"):
        _ours(X, Y, train, test)
    with pytest.raises(HypError, match="as many training stimuli, but there are 20"):
        _ours(np.hstack([X, X]), Y, train[:20], test)
