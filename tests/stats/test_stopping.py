import numpy as np
import pytest
from scipy.special import ndtri

from hyp.errors import HypError
from hyp.stats.stopping import planned_looks, unplanned_error

# R package ldbounds: bounds(1:k / k, iuse = c(1, 1)) and c(2, 2), 0.025 a side
LD_BOUNDS = {
    ("obrien-fleming", 2): (2.9626, 1.9686),
    ("obrien-fleming", 5): (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
    ("pocock", 2): (2.1570, 2.2010),
    ("pocock", 5): (2.4380, 2.4268, 2.4101, 2.3966, 2.3859),
}


@pytest.mark.parametrize(("spending", "looks"), list(LD_BOUNDS))
def test_bounds_are_the_published_ones(spending, looks):
    plan = planned_looks(range(1, looks + 1), spending=spending)
    bounds = [-float(ndtri(look.level / 2)) for look in plan]
    assert bounds == pytest.approx(LD_BOUNDS[spending, looks], abs=2e-4)
    assert plan[-1].spent == pytest.approx(0.05)
    assert (np.diff([look.spent for look in plan]) > 0).all()
    one_sided = planned_looks(
        range(1, looks + 1), spending=spending, alternative="less", alpha=0.025
    )
    assert [2 * look.level for look in one_sided] == pytest.approx(
        [look.level for look in plan], rel=1e-3
    )


def test_looks_without_a_plan_err_as_armitage_says():
    # Armitage, McPherson and Rowe (1969), table 2, 5 %
    expected = {1: 0.050, 2: 0.083, 3: 0.107, 4: 0.126, 5: 0.142, 10: 0.193, 20: 0.248}
    found = {looks: round(unplanned_error(range(1, looks + 1)), 3) for looks in expected}
    assert found == expected


def test_one_look_has_the_whole_error_rate():
    assert planned_looks([8])[0].level == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: planned_looks([]), "such as 6, 9 and 12, not none"),
        (lambda: planned_looks([6, 6]), "rise"),
        (lambda: planned_looks([6, 9], spending="haybittle"), "must be 'obrien-fleming' or"),
        (lambda: unplanned_error([6, 9], alpha=5), "alpha must lie"),
    ],
)
def test_mistakes_are_refused(call, message):
    with pytest.raises(HypError, match=message):
        call()
