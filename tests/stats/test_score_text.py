import numpy as np
import pandas as pd
import pytest

from hyp.errors import HypError
from hyp.stats.score_text import as_numbers


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["72.8%", "70 %", ""], [0.728, 0.7, np.nan]),
        (["0,7276", "-1,5e-2", "NA"], [0.7276, -0.015, np.nan]),
        (["72,8%", "7%"], [0.728, 0.07]),
        (["1,5", "1,234"], [1.5, 1.234]),
        ([" .5 ", "1e-3", "inf", "−2"], [0.5, 0.001, np.inf, -2]),
        ([True, False], [1, 0]),
        ([3, 4], [3, 4]),
    ],
)
def test_text_is_the_number_that_it_means(cells, numbers):
    found, _ = as_numbers(pd.Series(cells), "score")
    np.testing.assert_allclose(found, numbers)


def test_what_was_done_is_told():
    assert "in percent" in as_numbers(pd.Series(["7%"]), "r")[1][0]
    assert "decimal mark" in as_numbers(pd.Series(["0,7"]), "r")[1][0]
    assert as_numbers(pd.Series(["0.7"]), "r")[1] == ()


@pytest.mark.parametrize(
    ("cells", "decimal", "message"),
    [
        (["1,234", "2,345"], None, "could be a thousand and more or a decimal fraction; say --dec"),
        (["0.5", "0,5"], None, "write all numbers in one way"),
        (["7%", "0.07"], None, "are percentages"),
        (["high", "0.5", "low"], None, r"r 'high', 'low' is not a number \(rows 0, 2"),
        (["1,234"], ".", "has a comma"),
        (["1.234"], ",", "has a decimal point"),
        (["1,234.5"], None, "is not a number"),
    ],
)
def test_what_is_ambiguous_is_asked(cells, decimal, message):
    with pytest.raises(HypError, match=message):
        as_numbers(pd.Series(cells), "r", decimal=decimal)


def test_a_declared_decimal_mark_settles_it():
    assert as_numbers(pd.Series(["1,234"]), "r", decimal=",")[0].tolist() == [1.234]
