import numpy as np

from hyp.reports.figures.power import power_figure, write_power_figure
from hyp.stats.designs import ComparisonDesign
from hyp.stats.power import comparison_power

DESIGNS = [ComparisonDesign(n_a=6, n_b=6, family=18), ComparisonDesign(n_a=4, n_b=4)]


def test_a_panel_a_design_and_a_labelled_curve_a_testable_number_of_seeds():
    first, second = power_figure(DESIGNS).axes
    assert [text.get_text() for text in first.texts] == [f"{n} seeds" for n in (6, 8, 10, 15)]
    assert "untestable with 4 or 5 seeds" in first.get_title(loc="left")
    assert len(second.texts) == 6
    thick = max(first.lines, key=lambda line: line.get_linewidth())
    effects, power = thick.get_data()
    at_two = comparison_power(2.0, 6, 6, family=18)
    assert abs(np.interp(2, effects, power) - at_two) < 0.03


def test_the_same_design_gives_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        write_power_figure(DESIGNS[1:], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert len(list(tmp_path.iterdir())) == 4
