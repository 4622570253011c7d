from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tiny_runs import SETTINGS

from hyp.cli.run import _run
from hyp.errors import HypError
from hyp.hypotheses.frozen_file import freeze
from hyp.hypotheses.looks import second_look, stopping, this_look
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.preregistration import preregistration
from hyp.hypotheses.registry import find_hypothesis
from hyp.stats.stopping import planned_looks, unplanned_error
from hyp.store import Store

HYPOTHESIS = find_hypothesis("nontarget-variability")


def planned(**settings):
    return make_plan(HYPOTHESIS, "short", settings)


def test_a_planned_look_has_its_own_level():
    for n, look in zip((6, 9, 12), planned_looks([6, 9, 12]), strict=True):
        plan = planned(looks="6,9,12", n_seeds=n)
        rule = HYPOTHESIS.rule_for(plan.profile)
        assert rule.alpha == HYPOTHESIS.level(plan.profile) == look.level
        assert f"{look.level:.2g} here" in this_look(HYPOTHESIS, plan.profile)
    told = stopping(HYPOTHESIS, plan.profile)
    assert told.startswith("looks at 6, 9 and 12 networks per cohort, O'Brien-Fleming spending")
    assert HYPOTHESIS.level(planned(n_seeds=7).profile) == 0.05
    pocock = planned(looks="6,12", n_seeds=6, spending="pocock").profile
    assert HYPOTHESIS.level(pocock) == planned_looks([6, 12], spending="pocock")[0].level


def test_an_early_look_that_could_show_nothing_is_untestable():
    assert planned(looks="4,12", n_seeds=4).untestable
    assert not planned(looks="4,12", n_seeds=12).untestable


def test_what_was_not_planned_is_refused():
    for settings, words in (
        ({"looks": "6,9", "n_seeds": 7}, "none of the looks planned"),
        ({"looks": "9,6", "n_seeds": 6}, "looks must rise"),
        ({"looks": "6,9", "n_seeds": 6, "spending": "all"}, "spending"),
    ):
        with pytest.raises(HypError, match=words):
            planned(**settings)


@pytest.fixture
def tiny(finished, monkeypatch):
    """Plans of the finished run with other settings, and its store."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    store = Store.open(finished[0])
    return store, lambda **changed: make_plan(HYPOTHESIS, "short", {**SETTINGS, **changed})


def test_a_second_look_says_so(tiny, monkeypatch):
    store, plan = tiny
    told = second_look(plan(n_seeds=6), store)
    assert "This is a second look: there is a verdict already with 3 networks per cohort" in told
    error = unplanned_error([3, 6], alpha=SETTINGS["alpha"])
    assert f"after 3 and 6 find something where nothing is in {error:.1%} of cases" in told
    assert "--set looks=3,6" in told
    for other in (plan(), plan(n_seeds=6, svm_c=0.5), plan(n_seeds=2)):
        assert second_look(other, store) == ""
    screen = Console(file=StringIO(), width=80)
    monkeypatch.setattr("hyp.hypotheses.run.run_plan", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(pytest.fail.Exception):
        _run(plan(n_seeds=6), store, 0, lambda: None, screen=screen, quiet=False)
    assert "This is a second look" in screen.file.getvalue()


def test_the_frozen_file_tells_of_looks(tiny):
    store, plan = tiny
    frozen = freeze(plan(n_seeds=6), datetime(2026, 3, 1, tzinfo=UTC), store)
    assert frozen.summary.stopping.startswith("one test, with 6 networks per cohort")
    assert frozen.summary.seen.startswith("frozen after a verdict was seen with 3 networks")
    assert "Yes: this was frozen after a verdict" in preregistration(frozen, plan(n_seeds=6))
