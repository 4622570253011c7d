import pytest

from hyp.stats.assumptions import check_assumptions


def row(n_a, n_b, sd_a, sd_b, test="Mann-Whitney", layer="conv1"):
    return {"layer": layer, "n_a": n_a, "n_b": n_b, "sd_a": sd_a, "sd_b": sd_b, "test": test}


@pytest.mark.parametrize(
    "fine",
    [
        row(5, 5, 1.0, 2.0),
        row(8, 3, 3.0, 1.0, "studentized permutation"),
        row(5, 5, 9.0, 1.0, "studentized permutation"),
        row(6, 6, 9.0, 1.0, "Wilcoxon signed-rank"),
        row(5, 1, 1.0, float("nan")),
        row(5, 5, 0.0, 0.0),
    ],
)
def test_nothing_is_said_where_there_is_no_doubt(fine):
    assert check_assumptions([fine], ["layer"]) == ()


def test_a_small_group_that_spreads_more_is_named():
    (sentence,) = check_assumptions(
        [row(3, 8, 0.3, 0.1), row(8, 3, 0.1, 0.3, layer="fc")], ["layer"]
    )
    assert "in conv1, fc" in sentence
    assert "Welch's interval" in sentence
    (still,) = check_assumptions([row(3, 8, 0.3, 0.1, "Brunner-Munzel permutation")], ["layer"])
    assert "by every rank or permutation test" in still


def test_spreads_that_differ_threefold_are_named_for_ranks():
    (sentence,) = check_assumptions(
        [row(5, 5, 0.1, 0.4), row(5, 5, 0.1, 0.0, layer="fc")], ["layer"]
    )
    assert "more than threefold in conv1, fc" in sentence
