import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from tiny_runs import ARGUMENTS, SETTINGS, hyp

from hyp.errors import HypError
from hyp.hypotheses.multiverse import multiverse
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.result_files import load_result
from hyp.hypotheses.run import run_plan
from hyp.store import Store


@pytest.fixture(scope="module")
def stored(finished, tmp_path_factory):
    """A copy of the finished run's store, and the run's plan."""
    path = tmp_path_factory.mktemp("multiverse") / "store"
    shutil.copytree(finished[0], path)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        store = Store.open(path)
        hypothesis = find_hypothesis("nontarget-variability")
        yield store, make_plan(hypothesis, "short", SETTINGS, store=store)


@pytest.fixture(scope="module")
def found(stored):
    store, plan = stored
    vary = {"svm_c": ["0.5"], "n_folds": [4], "margin": [0.5]}
    vary = {key: values for key, values in vary.items() if key != "margin" or _margin(plan)}
    before = Counter(record.kind for record in store.records())
    told = []
    return multiverse(plan, store, vary, progress=lambda *at: told.append(at)), before, told


def _margin(plan):
    return plan.hypothesis.rule.margin is not None


def test_the_declared_analysis_is_the_run(stored, found):
    store, plan = stored
    result = load_result(store.check(plan.goal))
    declared = found[0].declared
    rows = [row.difference for row in result.rows if row.confirmatory]
    assert (declared.outcome, declared.sentence) == (
        result.verdict.outcome,
        result.verdict.sentence,
    )
    assert (declared.low, declared.high) == (min(rows), max(rows))
    assert declared.agrees


def test_every_combination_is_there_and_only_scores_were_made(stored, found):
    store, plan = stored
    multiverse_, before, told = found
    expected = 4 * (2 if _margin(plan) else 1)
    assert len(multiverse_.analyses) == expected
    assert len({tuple(one.choices.values()) for one in multiverse_.analyses}) == expected
    made = Counter(record.kind for record in store.records()) - before
    assert set(made) == {"scores"}
    assert told == [(done, expected) for done in range(1, expected + 1)]


def test_another_analysis_is_the_run_that_would_have_declared_it(stored, found):
    store, plan = stored
    otherwise = {"svm_c": 0.5, "n_folds": 4, "scored_snapshots": ()}
    other = make_plan(plan.hypothesis, "short", SETTINGS | otherwise, store=store)
    assert [step.kind for step in other.pending(store)] == ["results"]
    result = load_result(run_plan(other, store))
    rows = [row.difference for row in result.rows if row.confirmatory]
    one = next(
        one
        for one in found[0].analyses
        if (one.choices["svm_c"], one.choices["n_folds"]) == ("0.5", "4")
    )
    assert (one.low, one.high) == (min(rows), max(rows))


def test_what_cannot_be_varied_is_refused(stored):
    store, plan = stored
    for vary, words in (
        ({"alpha": [0.1]}, "knows no 'alpha'"),
        ({"measure": ["cka"]}, "nothing in nontarget-variability depends on it"),
        ({"layers": ["fc"]}, "no Gram matrices of the layer 'fc'"),
        ({"n_folds": [1]}, "n_folds=1"),
    ):
        with pytest.raises(HypError, match=words):
            multiverse(plan, store, vary)
    unfinished = make_plan(plan.hypothesis, "short", {**SETTINGS, "n_seeds": 5}, store=store)
    with pytest.raises(HypError, match="run it first: hyp run"):
        multiverse(unfinished, store)


def test_the_command_line_draws_the_curve(stored, tmp_path):
    store, _ = stored
    figure = tmp_path / "curve.svg"
    done = hyp(
        "multiverse", *ARGUMENTS, "--vary=svm_c=0.5", "--plot", figure, "--store", store.root
    )
    assert "2 analyses" in done.stdout
    assert "2/2" in done.stderr
    assert "(declared)" in done.stdout
    assert figure.read_text().startswith("<?xml")


def test_the_page_marks_what_was_declared(found):
    told = json.loads(found[0].model_dump_json())
    assert sum(one["declared"] for one in told["analyses"]) == 1
    shares = {(key, value): agree / n for key, value, n, agree in found[0].shares()}
    assert {key for key, _ in shares} == set(found[0].declared.choices)
    agree = sum(one.agrees for one in found[0].analyses)
    assert found[0].sentence.startswith(f"{agree} of {len(found[0].analyses)} analyses")
