"""Soft matching against enumeration, a linear program, and what must not change it."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import ortho_group

from hyp.errors import HypError
from hyp.metrics import soft_matching

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 5))
Y = X @ RNG.normal(size=(5, 5)) + RNG.normal(size=(30, 5))


def correlations(A, B):
    d = A.shape[1]
    return np.corrcoef(A.T, B.T)[:d, d:]


def test_as_many_units_are_matched_one_to_one():
    r = correlations(X, Y)
    best = max(r[np.arange(5), list(order)].mean() for order in permutations(range(5)))
    assert soft_matching(X, Y) == pytest.approx(best, abs=1e-12)
    assert soft_matching(Y, X) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("e", [1, 2, 3, 4])
def test_other_numbers_of_units_are_the_linear_program_of_transport(e):
    r = correlations(X, Y[:, :e])
    rows = np.kron(np.eye(5), np.ones(e))
    columns = np.kron(np.ones(5), np.eye(e))
    solved = linprog(
        -r.ravel(),
        A_eq=np.vstack([rows, columns]),
        b_eq=np.concatenate([np.full(5, 1 / 5), np.full(e, 1 / e)]),
    )
    assert soft_matching(X, Y[:, :e]) == pytest.approx(-solved.fun, abs=1e-9)
    assert soft_matching(Y[:, :e], X) == pytest.approx(-solved.fun, abs=1e-9)


def test_a_small_value_by_hand():
    """Two orthogonal units against one of them: half of each is matched, to r = 1 and 0."""
    two = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert soft_matching(two, two[:, :1]) == pytest.approx(0.5)
    assert soft_matching(two, -two) == pytest.approx(0.0)


def test_order_scale_and_shift_of_units_change_nothing_and_a_rotation_does():
    changed = Y[:, [2, 0, 4, 1, 3]] * [1e-20, 2.0, 3e20, 4.0, 5.0] + [0.0, 9.0, 0.0, -9.0, 1.0]
    assert soft_matching(X, changed) == pytest.approx(soft_matching(X, Y), abs=1e-9)
    assert soft_matching(X, X) == pytest.approx(1.0)
    assert soft_matching(X, X @ ortho_group.rvs(5, random_state=1)) < 0.95


@pytest.mark.filterwarnings("error")
def test_a_unit_that_does_not_vary_is_like_none():
    dead = np.hstack([X, np.full((30, 5), 0.1)])
    assert soft_matching(dead, X) == pytest.approx(0.5)
    assert soft_matching(np.zeros((30, 2)), X) == 0.0


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        (X, Y[:9], "30 and 9 stimuli"),
        (np.ones((3, 4095)), np.ones((3, 4096)), "at most 4,096"),
        (np.ones((3, 0)), np.ones((3, 2)), "at least one"),
        (X, np.where(Y > 1, np.nan, Y), "not finite"),
    ],
)
def test_what_cannot_be_matched_is_refused(first, second, sentence):
    with pytest.raises(HypError, match=sentence):
        soft_matching(first, second)
