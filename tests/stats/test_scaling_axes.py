"""Two axes at once: planted laws, the linear limit by statsmodels, error rates, what is refused."""

import numpy as np
import pytest
import statsmodels.api as sm

from hyp.errors import HypError
from hyp.stats.scaling_axes import compare_axes

A, B = np.geomspace(1e6, 1e8, 5), np.geomspace(1e4, 1e7, 7)
GRID = np.array([(a, b) for a in A for b in B])
X = np.log(GRID / GRID.min(axis=0))
NAMES = ("parameters", "images")


def compare(surface, noise=0.0, seed=0):
    scores = surface + noise * np.random.default_rng(seed).normal(size=len(GRID))
    return compare_axes(GRID, scores, np.zeros(len(GRID)), NAMES)


def test_a_planted_surface_is_found_with_its_exponents():
    surface = 0.6 - 0.3 * np.exp(-0.5 * X[:, 0]) - 0.4 * np.exp(-0.3 * X[:, 1])
    found = compare(surface, noise=0.002)
    assert found.best.law == "power law in parameters and power law in images"
    first, second = found.best.terms
    assert first.exponent == pytest.approx(0.5, rel=0.1)
    assert second.exponent == pytest.approx(0.3, rel=0.1)
    for term, amplitude, k, end in zip(
        (first, second), (0.3, 0.4), (0.5, 0.3), X.max(axis=0), strict=True
    ):
        gain = amplitude * (1 - np.exp(-k * end))
        assert term.gain_low < gain < term.gain_high
        assert term.gain == pytest.approx(gain, abs=0.01)
        assert term.left == pytest.approx(amplitude * np.exp(-k * end), abs=0.01)
    assert all(abs(edge.error) < 0.02 for edge in found.held_out)


def test_without_bends_it_is_ordinary_least_squares():
    surface = 0.2 + 0.03 * X[:, 0] - 0.01 * X[:, 1]
    scores = surface + 0.01 * np.random.default_rng(1).normal(size=len(GRID))
    found = compare_axes(GRID, scores, np.zeros(len(GRID)), NAMES)
    law = "log-linear in parameters and log-linear in images"
    fit = next(fit for fit in found.fits if fit.law == law)
    theirs = sm.OLS(scores, sm.add_constant(X)).fit()
    n, parameters = len(GRID), 4
    assert fit.aicc == pytest.approx(
        -2 * theirs.llf + 2 * parameters + 2 * parameters * (parameters + 1) / (n - parameters - 1)
    )
    for axis, term in enumerate(fit.terms):
        low, high = theirs.conf_int()[axis + 1] * X[:, axis].max()
        assert (term.gain_low, term.gain_high) == pytest.approx((low, high))
    inside = X[:, 0] < X[:, 0].max()
    rest = sm.OLS(scores[inside], sm.add_constant(X[inside])).fit()
    at = rest.get_prediction(sm.add_constant(X[~inside], has_constant="add"))
    frame = at.summary_frame(alpha=0.05)
    covered = (frame["obs_ci_lower"] <= scores[~inside]) & (
        scores[~inside] <= frame["obs_ci_upper"]
    )
    edge = found.held_out[0]
    assert edge.error == pytest.approx((scores[~inside] - frame["mean"]).mean())
    assert edge.inside == pytest.approx(covered.mean())


def test_noise_is_rarely_taken_for_a_law():
    wrong = [compare(np.full(len(GRID), 0.4), noise=0.02, seed=s).tied for s in range(8)]
    assert sum(all(fit.law != "constant" for fit in tied) for tied in wrong) <= 1


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (np.column_stack([GRID[:, 0], GRID[:, 0] * GRID[:, 1] ** 0.1]), "rise together"),
        (np.column_stack([np.where(GRID[:, 0] > 2e6, 2.0, 1.0), GRID[:, 1]]), "2 of parameters"),
        (np.where(A[0] == GRID, -1, GRID), "positive"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(sizes, said):
    seeds = np.arange(len(sizes))
    with pytest.raises(HypError, match=said):
        compare_axes(sizes, X.sum(axis=1), seeds, NAMES)


def test_a_seed_twice_in_a_combination_is_refused():
    with pytest.raises(HypError, match="several scores"):
        compare_axes([*GRID, GRID[0]], [*X.sum(axis=1), 1], np.zeros(len(GRID) + 1), NAMES)
