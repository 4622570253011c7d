"""Strength and chance of associations, against the libraries that have each case."""

from itertools import permutations

import numpy as np
import pingouin
import pytest
from scipy.linalg import orth
from scipy.stats import f_oneway, spearmanr
from scipy.stats.contingency import association as contingency_association
from scipy.stats.contingency import crosstab

from hyp.datasets.associations import associations, shuffled_moments
from hyp.datasets.latents import Latent

N = 400


def latent(name, kind):
    return Latent(name=name, kind=kind, values=("a",) if kind == "categorical" else ())


def only(first, second, kinds):
    """The association of two columns."""
    latents = (latent("first", kinds[0]), latent("second", kinds[1]))
    (found,) = associations(latents, {"first": first, "second": second})
    return found


def shared(strength, n, rank_a, rank_b):
    """Undo the correction for chance."""
    mean = rank_a * rank_b / (n - 1)
    most = min(rank_a, rank_b)
    return mean + strength**2 * (most - mean)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_two_numbers_are_spearmans(rng):
    x = rng.random(N)
    y = np.round(-x + rng.random(N), 1)  # with ties
    found = only(x, y, ("continuous", "continuous"))
    rho, p = spearmanr(x, y)
    assert found.measure == "Spearman"
    assert found.sign == -1
    assert shared(found.strength, N, 1, 1) == pytest.approx(rho**2)
    assert found.p < 1e-10
    assert p < 1e-10


def test_an_angle_and_a_number_are_zars_circular_linear(rng):
    angle = rng.random(N) * 360
    y = rng.permutation(N) + 100 * np.cos(np.radians(angle - 70))
    found = only(angle, y, ("angle", "continuous"))
    expected, _ = pingouin.circ_corrcl(np.radians(angle), np.argsort(np.argsort(y)))
    assert found.measure == "circular-linear"
    assert shared(found.strength, N, 2, 1) == pytest.approx(expected**2)


def test_a_name_and_a_number_are_kelleys_epsilon(rng):
    name = rng.integers(0, 5, N)
    rank = rng.permutation(N).astype(float) + 100 * name
    rank = np.argsort(np.argsort(rank)) + 1.0
    found = only(name, rank, ("categorical", "continuous"))
    f = f_oneway(*(rank[name == k] for k in range(5))).statistic
    eta = 4 * f / (4 * f + N - 5)
    assert found.measure == "eta"
    assert found.strength**2 == pytest.approx(1 - (1 - eta) * (N - 1) / (N - 5))


def test_two_names_are_cramers_v(rng):
    first = rng.integers(0, 4, N)
    second = np.where(rng.random(N) < 0.4, first % 3, rng.integers(0, 3, N))
    found = only(first, second, ("categorical", "categorical"))
    v = contingency_association(crosstab(first, second).count, method="cramer")
    assert found.measure == "Cramér V"
    assert shared(found.strength, N, 3, 2) / 2 == pytest.approx(v**2)


def test_two_angles_turn_with_each_other_wherever_zero_is(rng):
    a = rng.random(N) * 360
    b = (200 - a + rng.normal(0, 10, N)) % 360
    found = only(a, b, ("angle", "angle"))
    assert found.measure == "circular"
    assert found.strength > 0.95
    turned = only((a + 77) % 360, (b + 140) % 360, ("angle", "angle"))
    assert turned.strength == pytest.approx(found.strength)
    assert only(a, rng.random(N) * 360, ("angle", "angle")).strength < 0.1


def test_an_angle_that_a_name_decides(rng):
    name = rng.integers(0, 3, N)
    found = only(name, name * 120.0, ("categorical", "angle"))
    assert (found.measure, found.strength) == ("circular eta", pytest.approx(1))


def test_order_of_the_latents_does_not_matter(rng):
    name = rng.integers(0, 4, N)
    angle = (name * 30 + rng.normal(0, 60, N)) % 360
    there = only(name, angle, ("categorical", "angle"))
    back = only(angle, name, ("angle", "categorical"))
    assert back.strength == pytest.approx(there.strength)
    assert back.p == pytest.approx(there.p)


def test_many_names_and_few_images_are_not_mistaken_for_an_association(rng):
    found = only(rng.integers(0, 150, N), rng.random(N), ("categorical", "continuous"))
    assert found.strength < 0.25  # uncorrected, eta would be about 0.6
    assert found.p > 0.01
    unique = only(np.arange(N), rng.random(N), ("categorical", "continuous"))
    assert np.isnan(unique.strength)
    assert not unique.beyond_chance


def test_constant_latents_have_no_association(rng):
    latents = (latent("x", "continuous"), latent("t", "angle"), latent("c", "categorical"))
    columns = {"x": np.full(9, 0.3), "t": np.full(9, 10.0), "c": np.zeros(9, dtype=int)}
    assert associations(latents, columns) == ()
    assert associations(latents[:2], {"x": np.arange(3.0), "t": np.arange(3.0)}) == ()


@pytest.mark.parametrize("kind", ["numbers", "names", "uneven"])
def test_moments_are_those_of_all_permutations(rng, kind):
    n = 7
    if kind == "numbers":
        blocks = rng.random((n, 1)), rng.random((n, 2))
    else:
        codes = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 2, 3, 3])
        if kind == "uneven":
            codes = np.array([0, 0, 0, 0, 0, 0, 1]), codes[1]
        blocks = tuple(np.eye(code.max() + 1)[code] for code in codes)
    bases = [orth(block - block.mean(axis=0), rcond=1e-9) for block in blocks]
    a, b = (basis @ basis.T for basis in bases)
    traces = [np.sum(a * b[np.ix_(order, order)]) for order in map(list, permutations(range(n)))]
    found = shuffled_moments(
        np.diag(a).copy(), np.diag(b).copy(), bases[0].shape[1], bases[1].shape[1]
    )
    assert found == pytest.approx((np.mean(traces), np.var(traces)))


@pytest.mark.parametrize("n", [40, 400])
def test_independent_latents_pass_for_associated_in_one_dataset_of_a_hundred(rng, n):
    kinds = ("continuous", "continuous", "angle", "angle", *["categorical"] * 3)
    latents = tuple(latent(str(i), kind) for i, kind in enumerate(kinds))
    false = 0
    for _ in range(300):
        columns = (
            rng.standard_cauchy(n),
            rng.integers(0, 4, n).astype(float),
            rng.random(n) * 360,
            np.degrees(rng.vonmises(0, 4, n)),
            rng.integers(0, 3, n),
            rng.integers(0, n // 4, n),
            (rng.random(n) < 0.06).astype(int),
        )
        found = associations(latents, dict(zip("0123456", columns, strict=True)))
        false += min(pair.p for pair in found) <= 0.01
    assert false <= 9  # of 300; more in less than 1 in 1000 test runs if the rate is 1 in 100


def test_a_planted_association_is_found_first(rng):
    n = 300
    latents = tuple(latent(name, "continuous") for name in "abc")
    columns = {name: rng.random(n) for name in "abc"}
    columns["c"] = columns["a"] + 1.5 * columns["c"]
    first, *others = associations(latents, columns)
    assert {first.first, first.second} == {"a", "c"}
    assert first.beyond_chance
    assert not any(pair.beyond_chance for pair in others)
