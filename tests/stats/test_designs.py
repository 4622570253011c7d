import pytest
from pydantic import ValidationError

from hyp.stats.designs import ComparisonDesign, examine, power_table
from hyp.stats.power import comparison_power, superiority_of


@pytest.mark.parametrize(("n", "carries"), [(3, 0), (4, 1), (5, 6), (6, 23), (7, 85), (8, 321)])
def test_testable_up_to_the_largest_family(n, carries):
    assert not examine(ComparisonDesign(n_a=n, n_b=n, family=carries + 1), studies=200).testable
    if carries:
        report = examine(ComparisonDesign(n_a=n, n_b=n, family=carries), studies=200)
        assert report.testable
        assert f"up to {carries} comparisons" in report.sentence


def test_an_untestable_design_says_how_many_seeds_would_mend_it():
    report = examine(ComparisonDesign(n_a=5, n_b=5, family=18))
    assert (report.testable, report.units_needed, report.detectable) == (False, 6, None)
    assert "6 seeds in each group would do" in report.sentence
    one_sided = examine(ComparisonDesign(n_a=3, n_b=3, alternative="greater"))
    assert (one_sided.testable, one_sided.attainable) == (True, pytest.approx(0.05))


def test_the_smallest_effect_of_interest():
    report = examine(ComparisonDesign(n_a=6, n_b=6, family=6, smallest_effect=2.0))
    assert report.power_at_effect == comparison_power(2.0, 6, 6, family=6)
    assert report.units_for_effect > 6
    assert 0 < report.equivalence_power < 1
    assert report.units_for_equivalence > 6
    assert report.detectable > 2
    assert report.detectable_superiority == superiority_of(report.detectable)
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_power_table():
    table = power_table(ComparisonDesign(n_a=6, n_b=6, family=6), seeds=(3, 6), studies=500)
    assert table.columns.tolist() == ["units", "d", "one", "all"]
    assert (table.query("units == 3")[["one", "all"]] == 0).all(axis=None)
    assert (table["all"] >= table["one"] - 0.05).all()
    assert table.query("units == 6").one.is_monotonic_increasing


@pytest.mark.parametrize("change", [{"n_a": 0}, {"alpha": 1}, {"family": 0}, {"nested": ("lab",)}])
def test_impossible_designs_are_refused(change):
    with pytest.raises(ValidationError):
        ComparisonDesign(**{"n_a": 3, "n_b": 3, **change})


def test_designs_speak_for_the_correction_and_the_pairing():
    layers = ComparisonDesign(n_a=5, n_b=5, family=18)
    assert not examine(layers, studies=200).testable
    jointly = examine(layers.model_copy(update={"correction": "max-t"}), studies=60)
    assert jointly.testable
    assert jointly.units_needed == 4
    assert "families of any size" in jointly.sentence
    pairs = examine(ComparisonDesign(n_a=5, n_b=5, paired=True), studies=200)
    assert pairs.attainable == 2 / 2**5
    assert "5 pairs of seeds cannot test 1 comparison" in pairs.sentence
    assert "paired" not in layers.model_dump()
