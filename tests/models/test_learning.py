import numpy as np
import pytest

from hyp.errors import HypError
from hyp.models.learning import LossCurve, at_equal_loss, last_doubling, left_to_learn


def power_law(exponent, batches=(8, 16, 32, 64, 128), scale=1.0, floor=0.0):
    return LossCurve(batches, tuple(scale * (b / 8) ** -exponent + floor for b in batches))


def test_a_power_law_falls_by_the_same_share_a_doubling():
    for batches in ((8, 16, 32, 64, 128), (10, 50, 128), (0, 1, 30, 128)):
        shares = tuple(0.9 * max(b, 1) ** -0.5 for b in batches)
        fall = last_doubling(LossCurve(batches, shares))
        assert fall.of_loss == pytest.approx(1 - 2**-0.5)
        assert fall.of_constant == pytest.approx(0.9 * (64**-0.5 - 128**-0.5))


def test_another_doubling_takes_no_more_than_the_last_one_and_no_more_than_is_left():
    learned = power_law(1.0, floor=0.5)
    assert last_doubling(learned).of_loss == pytest.approx(1 - (1 / 16 + 0.5) / (1 / 8 + 0.5))
    assert left_to_learn(learned) == pytest.approx(1 / 8 - 1 / 16)
    # the rate decays over the last doubling: what is left is the tighter bound
    assert left_to_learn(LossCurve((384, 768), (0.3, 0.08))) == pytest.approx(0.08)
    rising = LossCurve((1, 2, 4), (0.5, 0.4, 0.6))
    assert last_doubling(rising).of_loss == pytest.approx(-0.5)
    assert left_to_learn(rising) == pytest.approx(-0.2)
    for exponent in (0.3, 0.5, 1.0):
        twice = power_law(exponent, batches=(8, 16, 32, 64))
        gained = twice.shares[-2] - twice.shares[-1]
        assert left_to_learn(power_law(exponent, batches=(8, 16, 32))) >= gained


def test_an_end_alone_cannot_tell():
    for curve in (LossCurve((100,), (0.3,)), LossCurve((0, 60, 100), (1.0, 0.4, 0.3))):
        with pytest.raises(HypError, match="evaluate_every"):
            last_doubling(curve)
        assert left_to_learn(curve) == pytest.approx(0.3)


def test_equal_loss_of_power_laws_is_where_they_cross_it():
    slow, fast = power_law(0.5), power_law(1.0)
    found = at_equal_loss({"slow": slow, "as slow": slow, "fast": fast})
    assert found.share == pytest.approx(0.25)
    assert [found.crossings[name].batches for name in ("slow", "as slow")] == [128, 128]
    crossing = found.crossings["fast"]
    assert crossing.batches == pytest.approx(32)
    assert crossing.of([10, 20, 30, 40, 50]) == pytest.approx(30)


def test_between_snapshots_everything_is_interpolated_in_log_loss():
    slow = LossCurve((10, 20), (0.9, 0.4))
    fast = LossCurve((10, 20, 40), (0.8, 0.2, 0.1))
    crossing = at_equal_loss({"slow": slow, "fast": fast}).crossings["fast"]
    assert (crossing.before, crossing.after) == (0, 1)
    assert crossing.weight == pytest.approx(0.5)  # 0.4 is the geometric mean of 0.8 and 0.2
    assert crossing.batches == pytest.approx(15)
    scores = np.array([[1.0, 0.0], [2.0, 4.0], [9.0, 9.0]])
    np.testing.assert_allclose(crossing.of(scores), [1.5, 2.0])


def test_the_network_that_learned_least_sets_the_level():
    curves = {"a": power_law(0.5), "b": power_law(0.3), "c": power_law(1.0)}
    found = at_equal_loss(curves)
    assert found.share == pytest.approx(16**-0.3)
    assert found.crossings["b"].batches == 128
    assert found.crossings["a"].batches < 128


def test_curves_that_rise_now_and_then_are_made_to_fall():
    bumpy = LossCurve((10, 20, 30, 40), (0.8, 0.2, 0.8, 0.1))
    found = at_equal_loss({"bumpy": bumpy, "other": LossCurve((10, 20), (1.0, 0.4))})
    # 0.2 and 0.8 are pooled to their geometric mean.
    assert found.crossings["bumpy"].batches == pytest.approx(20)
    same = at_equal_loss({"a": bumpy, "b": bumpy})
    assert same.crossings["a"] == same.crossings["b"]
    flat = LossCurve((10, 20), (0.3, 0.3))
    assert at_equal_loss({"flat": flat}).crossings["flat"].batches == 10


def test_cohorts_that_never_had_a_loss_in_common():
    """Nothing is extrapolated: the networks outside the common range are named."""
    curves = {"full, seed 3": (0.9, 0.5), "one, seed 7": (0.3, 0.1), "one, seed 8": (0.6, 0.1)}
    with pytest.raises(
        HypError, match=r"full, seed 3 ended at 0.5 .*range are one, seed 7 \("
    ) as e:
        at_equal_loss({name: LossCurve((1, 2), shares) for name, shares in curves.items()})
    assert "already 0.3 after 1 batches" in str(e.value)
    assert "seed 8" not in str(e.value)
    with pytest.raises(HypError, match="at least one network"):
        at_equal_loss({})


@pytest.mark.parametrize(
    ("batches", "shares", "message"),
    [
        ((), (), "0 losses"),
        ((1, 2), (0.5,), "1 losses for 2"),
        ((2, 1), (0.5, 0.4), "rise"),
        ((1, 1), (0.5, 0.4), "rise"),
        ((-1, 1), (0.5, 0.4), "0 or more"),
        ((1, 2), (0.5, 0.0), "above 0"),
        ((1, 2), (0.5, float("nan")), "finite"),
    ],
)
def test_curves_that_are_none(batches, shares, message):
    with pytest.raises(HypError, match=message):
        LossCurve(batches, shares)


def test_a_history_gives_the_mean_share_of_the_tasks():
    def rows(batch, distance, category):
        return [
            {
                "batch": batch,
                "task": "distance",
                "metric": "loss",
                "value": distance,
                "baseline": 2,
            },
            {
                "batch": batch,
                "task": "category",
                "metric": "loss",
                "value": category,
                "baseline": 4,
            },
            {"batch": batch, "task": "category", "metric": "accuracy", "value": 1, "baseline": 0.1},
        ]

    history = [*rows(20, 1.0, 1.0), *rows(10, 2.0, 3.0)]
    assert LossCurve.of_history(history, ("distance",)) == LossCurve((10, 20), (1.0, 0.5))
    both = LossCurve.of_history(history, ("distance", "category"))
    assert both == LossCurve((10, 20), (0.875, 0.375))
    with pytest.raises(HypError, match="lacks held-out losses of rotation"):
        LossCurve.of_history(history, ("rotation",))
    with pytest.raises(HypError, match="lacks held-out losses of distance, category"):
        LossCurve.of_history(history[:-2], ("distance", "category"))
