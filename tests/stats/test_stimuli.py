import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import binom

from hyp.errors import HypError
from hyp.stats.stimuli import compare_crossed
from hyp.stats.table import judge_table
from hyp.stats.unequal import cochran_cox_p


def crossed(rng, n1, n2, m, *, unit=1.0, stimulus=1.0, rest=1.0, skewed=False):
    """Scores without any difference between groups beyond that of the stimuli drawn."""
    draw = (lambda size: rng.exponential(size=size) - 1) if skewed else rng.standard_normal
    common = draw((1, m))
    return [
        unit * draw((n, 1)) + common + stimulus * draw((1, m)) + rest * draw((n, m))
        for n in (n1, n2)
    ]


@pytest.mark.parametrize(
    ("n1", "n2", "m", "how"),
    [
        (5, 5, 20, {"stimulus": 3.0, "unit": 0.3}),
        (5, 5, 20, {"stimulus": 0.0}),
        (3, 8, 40, {"stimulus": 1.0, "skewed": True}),
        (3, 8, 20, {"stimulus": 0.0, "unit": 3.0}),
    ],
)
def test_error_rate_over_new_units_and_new_stimuli(n1, n2, m, how):
    rng = np.random.default_rng(5)
    studies = 400
    wrong = [compare_crossed(*crossed(rng, n1, n2, m, **how)).p <= 0.05 for _ in range(studies)]
    assert sum(wrong) <= binom.ppf(0.999, studies, 0.05)
    assert sum(wrong) >= binom.ppf(0.001, studies, 0.02)


def test_any_unit_of_scores_is_as_good():
    a, b = crossed(np.random.default_rng(7), 4, 5, 6)
    one, tiny = compare_crossed(a, b), compare_crossed(a * 1e-200, b * 1e-200)
    assert (tiny.p, tiny.error) == (pytest.approx(one.p), pytest.approx(one.error * 1e-200))


def test_unit_means_alone_err_where_stimuli_matter():
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(300):
        a, b = crossed(rng, 5, 5, 20, stimulus=3.0, unit=0.3)
        wrong += stats.ttest_ind(a.mean(axis=1), b.mean(axis=1)).pvalue <= 0.05
    assert wrong > 0.4 * 300


def test_without_an_effect_of_stimuli_it_comes_to_the_test_of_the_unit_means():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(6, 1)), rng.normal(size=(5, 1))
    rows = rng.normal(size=(1, 400))
    found = compare_crossed(a + rows, b + rows)
    parts = [[a.var(ddof=1) / 6], [b.var(ddof=1) / 5]]
    assert found.p == pytest.approx(cochran_cox_p([a.mean() - b.mean()], parts, [5, 4])[0])
    assert found.share_of_stimuli == pytest.approx(0, abs=1e-9)


def test_the_mean_squares_are_those_of_the_balanced_crossed_model():
    """Expected mean squares, by simulation: the variance of the difference is recovered."""
    rng = np.random.default_rng(3)
    seen, told = [], []
    for _ in range(600):
        found = compare_crossed(*crossed(rng, 4, 6, 12, unit=0.8, stimulus=0.7))
        seen.append(found.difference)
        told.append(found.error)
    assert np.mean(np.square(told)) == pytest.approx(np.var(seen), rel=0.2)


def test_pairs_mirror_images_and_scale():
    rng = np.random.default_rng(2)
    a, b = crossed(rng, 6, 6, 10)
    one, other = compare_crossed(a, b), compare_crossed(b * 1e9, a * 1e9)
    assert (one.p, one.low) == (pytest.approx(other.p), pytest.approx(-other.high / 1e9))
    level = 100 * rng.normal(size=(6, 1))
    paired = compare_crossed(a + level, b + level, paired=True)
    assert paired.p == pytest.approx(compare_crossed(a, b, paired=True).p)
    up, down = (compare_crossed(a, b, alternative=way).p for way in ("greater", "less"))
    assert up + down == pytest.approx(1)


@pytest.mark.parametrize(
    ("a", "b", "paired", "message"),
    [
        (np.ones((3, 4)), np.ones((3, 5)), False, "same two or more stimuli"),
        (np.ones((3, 1)), np.ones((3, 1)), False, "same two or more stimuli"),
        (np.ones((1, 4)), np.ones((3, 4)), False, "at least two units"),
        (np.ones((2, 4)), np.ones((3, 4)), True, "not 2 and 3"),
    ],
)
def test_refusals(a, b, paired, message):
    with pytest.raises(HypError, match=message):
        compare_crossed(a, b, paired=paired)


def table(stimulus):
    a, b = crossed(np.random.default_rng(0), 6, 6, 8, unit=0.1, rest=0.1, stimulus=stimulus)
    scores = np.concatenate([a + 0.8, b])
    index = pd.MultiIndex.from_product([range(12), range(8)], names=["net", "image"])
    rows = index.to_frame(index=False).assign(score=scores.ravel())
    return rows.assign(g=np.where(rows.net < 6, "a", "b"))


def test_the_table_has_both_verdicts_side_by_side():
    roles = {"group": "g", "unit": "net", "stimulus": "image"}
    narrow = judge_table(table(2.0), **roles)
    row = narrow.comparisons[0]
    pivot = {g: own.pivot(index="net", columns="image", values="score")
             for g, own in table(2.0).groupby("g")}  # fmt: skip
    assert row.p_stimuli == pytest.approx(compare_crossed(pivot["a"], pivot["b"]).p)
    assert narrow.verdict.outcome == "supported"
    assert narrow.stimuli_verdict.outcome == "inconclusive"
    assert any("For new stimuli" in sentence for sentence in narrow.not_concluded)
    both = judge_table(table(0.1), **roles)
    assert both.stimuli_verdict.prediction == "a > b"
    assert any("For new stimuli" in sentence for sentence in both.concluded)
