import json
import shutil

import pytest
from tiny_runs import ARGUMENTS, hyp, run

from hyp.errors import HypError
from hyp.hypotheses.looks import stopping, this_look
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.stats.rules import describe
from hyp.stats.stopping import planned_looks

HYPOTHESIS = find_hypothesis("nontarget-variability")


def planned(**settings):
    return make_plan(HYPOTHESIS, "short", settings)


def test_a_planned_look_has_its_own_level():
    for n, look in zip((6, 9, 12), planned_looks([6, 9, 12]), strict=True):
        plan = planned(looks="6,9,12", n_seeds=n)
        rule = HYPOTHESIS.rule_for(plan.profile)
        assert rule.alpha == HYPOTHESIS.level(plan.profile) == look.level
        assert f"{look.level:.2g} here" in this_look(HYPOTHESIS, plan.profile)
    assert f"{look.level:g}" in describe(rule) or "alpha" not in describe(rule)
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


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A store with the verdict of four networks per cohort."""
    store = tmp_path_factory.mktemp("looks") / "store"
    run(store, "--workers", 0)
    return store


def test_a_second_look_says_so_and_the_frozen_file_tells(seen, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(seen, store)
    again = run(store, "--workers", 0, "--set", "n_seeds=5").stdout
    told = " ".join(again.split())
    assert "This is a second look: there is a verdict already with 4 networks per cohort" in told
    assert "after 4 and 5 find something where nothing is in" in told
    assert "--set looks=4,5" in told
    other = run(store, "--workers", 0, "--set", "svm_c=0.5").stdout
    assert "second look" not in other
    frozen = tmp_path / "mine.json"
    hyp("freeze", *ARGUMENTS, "--set", "n_seeds=6", "--out", frozen, "--store", store, "--markdown")
    summary = json.loads(frozen.read_text())["summary"]
    assert summary["stopping"].startswith("one test, with 6 networks per cohort")
    assert summary["seen"].startswith("frozen after a verdict was seen with ")
    assert "Yes: this was frozen after a verdict" in (tmp_path / "mine.md").read_text()
