"""Checks follow from what compared cohorts differ in, whatever the kind of question."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from planted import planted_scores

from hyp.datasets.latents import Latent
from hyp.hypotheses.checks import (
    Manipulation,
    equal_learning_checks,
    learning_checks,
    reduction_checks,
)
from hyp.hypotheses.judge import conclude
from hyp.hypotheses.questions import Similarities
from hyp.hypotheses.registry import find_hypothesis

HYPOTHESIS = find_hypothesis("nontarget-variability")
SIMILARITY = find_hypothesis("nontarget-similarity")
LATENTS = (
    Latent(name="category", kind="categorical", values=("a", "b")),
    *(Latent(name=name, kind="continuous", low=-1, high=1) for name in ("rel_pos_x", "rel_pos_y")),
)


def images(reduced=()):
    """A stand-in for a dataset: its table of latents, some of them held still."""
    rng = np.random.default_rng(0)
    table = {
        "category": rng.choice(["a", "b"], 200),
        "rel_pos_x": rng.uniform(size=200),
        "rel_pos_y": rng.uniform(size=200),
    }
    for name in reduced:
        table[name] = np.full(200, table[name][0])
    return SimpleNamespace(table=pd.DataFrame(table), latents=LATENTS)


def history(share):
    row = {"task": "distance", "metric": "loss", "batch": 80, "value": share, "baseline": 1.0}
    return {"evaluation": [row]}


def manipulation(hypothesis, *, reduced=True, losses=None):
    profile = hypothesis.profile("short")
    asked = hypothesis.asked(profile)
    held = {"category=chair": ("category",), "centered": ("rel_pos_x", "rel_pos_y")}
    datasets = {c.name: images(held.get(c.design, ()) if reduced else ()) for c in asked.cohorts}
    histories = {
        (c.name, seed): history((losses or {}).get(c.name, 0.1))
        for c in asked.cohorts
        for seed in c.seeds(profile)
    }
    parts = frozenset(part.name for part in hypothesis.rule_for(profile).parts)
    return Manipulation(asked, datasets, images(), histories, parts)


@pytest.mark.parametrize("hypothesis", [HYPOTHESIS, SIMILARITY], ids=lambda one: one.name)
def test_where_designs_differ_the_latent_must_really_be_reduced(hypothesis):
    good = list(reduction_checks(manipulation(hypothesis)))
    assert {c.name for c in good} >= {"category reduced", "rel_pos_x reduced"}
    assert all(check.passed for check in good)
    bad = list(reduction_checks(manipulation(hypothesis, reduced=False)))
    assert {c.name for c in bad if not c.passed} == {
        *("category reduced", "rel_pos_x reduced", "rel_pos_y reduced"),
    }


@pytest.mark.parametrize("hypothesis", [HYPOTHESIS, SIMILARITY], ids=lambda one: one.name)
def test_compared_networks_must_have_learned_and_equally(hypothesis):
    names = [cohort.name for cohort in manipulation(hypothesis).asked.cohorts]
    full, one = next(n for n in names if "full" in n), next(n for n in names if "one-cat" in n)
    checks = list(equal_learning_checks(manipulation(hypothesis, losses={full: 0.6, one: 0.2})))
    failed = [check for check in checks if not check.passed]
    assert failed
    assert all(check.confound and "60%" in check.sentence for check in failed)
    assert all(c.passed for c in equal_learning_checks(manipulation(hypothesis)))
    assert not all(c.passed for c in learning_checks(manipulation(hypothesis, losses={one: 1.0})))


@pytest.mark.parametrize("better", ["full", "reduced"])
def test_cohorts_that_differ_in_how_far_they_learned_support_nothing(better):
    """Further learning decodes better: the pattern of H1 or H2, from another cause."""
    profile = HYPOTHESIS.profile("short", {"layers": "fc", "questions": "category"})
    further = {"full": "full", "reduced": "one-category"}[better]
    losses = dict.fromkeys(("full", "one-category"), 0.6) | {further: 0.2}
    scores = planted_scores(HYPOTHESIS, profile, lambda c, _: 2.0 if c == further else 0.3)
    run = manipulation(HYPOTHESIS, losses=losses)
    checks = tuple(c for c in equal_learning_checks(run) if c.part.startswith("category"))
    result = conclude(HYPOTHESIS, profile, "laptop", scores, Similarities(), checks=checks)
    assert result.verdict.outcome == "confounded"
    assert result.verdict.prediction is None
    assert result.verdict.sentence.startswith("Nothing is shown: learned equally failed.")
    plain = conclude(HYPOTHESIS, profile, "laptop", scores, Similarities())
    assert plain.verdict.prediction == {"full": "H1", "reduced": "H2"}[better]
