import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated_scores import simulated_scores

from hyp.errors import HypError
from hyp.stats.comparisons import compare
from hyp.stats.published import WHY_PUBLISHED_DIFFERS, compare_published


def test_pools_folds_as_the_paper_did():
    table = simulated_scores(seeds=(6, 6), effects=(0.5, 0.0))
    result = compare_published(table, ("layer",))
    for _, row in result.iterrows():
        layer = table[table.layer == row.layer]
        full, reduced = (layer[layer.group == group].score for group in ("full", "reduced"))
        assert (row.n_a, row.n_b) == (30, 30)
        assert row.p == row.p_holm == stats.mannwhitneyu(full, reduced).pvalue
        assert row.significant == (row.p < 0.05)
        assert row.sd_a == pytest.approx(full.std())
        assert row.direction == np.sign(row.ps - 0.5)


def test_shares_columns_and_rows_with_the_recommended_comparison():
    table = simulated_scores(studies=2, seeds=(5, 6))
    keys = ("study", "layer")
    one, other = compare_published(table, keys), compare(table, keys)
    assert set(other.columns) - set(one.columns) == {
        "ci_low", "ci_high", "ps_low", "ps_high", "p_attainable", "p_bh", "p_corrected",
        "shift", "shift_low", "shift_high", "signs_agree", "test", "correction", "multiplicity",
    }  # fmt: skip
    pd.testing.assert_frame_equal(one[[*keys]], other[[*keys]])
    np.testing.assert_allclose(one.difference, other.difference, atol=1e-12)
    assert "independent" in WHY_PUBLISHED_DIFFERS


def test_identical_scores_are_not_significant():
    row = compare_published(simulated_scores().assign(score=0.2), ("layer",)).iloc[0]
    assert (row.p, row.direction, row.significant) == (1, 0, False)


def test_unfit_tables_are_refused():
    with pytest.raises(HypError, match="not a finite number"):
        compare_published(simulated_scores().assign(score=np.nan), ("layer",))
