"""What a hypothesis can reach is known before it runs, and is what its tests then say."""

import numpy as np
import pandas as pd
import pytest

from hyp.hypotheses.claims import CLAIMS
from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.questions import Alike, Contrast, Tracks, Trend
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.scores import Alignment
from hyp.hypotheses.testability import (
    contrast_designs,
    family_sizes,
    planned_questions,
    regions_unknown,
    untestable,
)
from hyp.stats.correlations import spearman
from hyp.stats.pairs import within_between
from hyp.stats.repeated import repeated_correlation

STUDY = find_hypothesis("few-latents")
SIZE = STUDY.profile("laptop")


def asking(*questions, sizes=None, **settings):
    """The design of questions alone; `sizes` gives cohorts networks that exist already."""
    given = [
        Cohort(name=name, title=name, objective="category", weights=tuple(map(str, range(n))))
        for name, n in (sizes or {}).items()
    ]
    study = STUDY.model_copy(update={"questions": questions, "cohorts": (*STUDY.cohorts, *given)})
    return study, SIZE.model_copy(update={"cohorts": (), **settings})


def planned(*questions, **fields):
    return planned_questions(*asking(*questions, **fields))


def contrast(*b, name="asked", a="distance"):
    return Contrast(name=name, score=Alignment(), a=a, b=b)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_trend_and_tracks_reach_what_their_tests_do(n):
    names = ("distance", "category", "untrained", "rotation")
    trend = Trend(
        name="t", score=Alignment(), sizes=dict(zip(names, (1, 2, 3, 4), strict=True)), unit="x"
    )
    sizes = np.repeat([1, 2, 3, 4], n)
    found = spearman(sizes, np.arange(4 * n))
    (asked,) = planned(trend, n_seeds=n)
    assert asked.p_attainable == pytest.approx(found.p_attainable)
    assert asked.networks == f"4 x {n}"

    rng = np.random.default_rng(0)
    units = [
        pd.DataFrame({"unit": k, "x": range(4), "y": np.arange(4) + rng.normal(0, 0.1, 4)})
        for k in range(4 * n)
    ]
    found = repeated_correlation(pd.concat(units), "x", "y", unit="unit")
    (asked,) = planned(Tracks(name="t", cohorts=names), n_seeds=n)
    assert asked.p_attainable == pytest.approx(found.p_units_attainable)
    assert asked.networks == str(4 * n)


@pytest.mark.parametrize("sizes", [(3, 3), (2, 3), (2, 2, 3), (6, 6, 6), (8, 8, 8, 8)])
def test_alike_reaches_what_its_test_does(sizes):
    labels = [f"given {k}" for k, n in enumerate(sizes) for _ in range(n)]
    noise = np.random.default_rng(0).uniform(size=(len(labels), len(labels)))
    found = within_between((noise + noise.T) / 2, labels, alternative="two-sided")[0]
    names = tuple(dict.fromkeys(labels))
    (asked,) = planned(
        Alike(name="a", cohorts=names), sizes=dict(zip(names, sizes, strict=True)), n_seeds=99
    )
    assert asked.p_attainable == pytest.approx(found.p_attainable)
    assert asked.networks == ("4 x 8" if len(sizes) == 4 else " v ".join(map(str, sizes)))


def test_networks_that_exist_count_as_many_as_there_are():
    (asked,) = planned(contrast("given"), sizes={"given": 2})
    assert (asked.networks, asked.p_attainable) == ("6 v 2", pytest.approx(2 / 28))
    (asked,) = planned(contrast("given", "category"), sizes={"given": 2})
    assert asked.networks == "6 v 2 or 6"
    assert asked.p_attainable == pytest.approx(2 * 2 / 924)  # lower than the six, of two cohorts
    assert (
        "no number of seeds would do; ask fewer comparisons"
        in planned(contrast("given", a="other"), sizes={"given": 2, "other": 3})[0].obstacle
    )


@pytest.mark.parametrize("study", CLAIMS, ids=lambda study: study.name)
def test_the_seeds_that_would_do_are_the_fewest(study):
    profile = next(iter(study.profiles.values())).model_copy(update={"n_seeds": 2})
    for question in planned_questions(study, profile):
        assert question.p_corrected == min(1.0, question.family_size * question.p_attainable)
        assert bool(question.obstacle) == (question.p_corrected > profile.alpha)
        if question.obstacle:
            n = int(question.obstacle.rpartition("; ")[2].partition(" ")[0])
            for seeds, reached in ((n - 1, False), (n, True)):
                grown = profile.model_copy(update={"n_seeds": seeds})
                again = {one.name: one for one in planned_questions(study, grown)}
                assert (not again[question.name].obstacle) is reached


def test_families_are_those_that_answers_are_corrected_in():
    assert family_sizes(STUDY, SIZE) == {"confirmatory": 12, "secondary": 7}
    found = planned_questions(STUDY, SIZE)
    beside = {one.name: one.family_size for one in found if not one.confirmatory}
    assert (beside["training helps"], beside["distance, neural mean"], len(beside)) == (7, 7, 4)
    alone = STUDY.profile("laptop", {"cohorts": "distance,category"})
    assert family_sizes(STUDY, alone) == {"confirmatory": 4, "secondary": 1}


def test_the_regions_of_a_recording_are_counted_as_one_unless_named():
    study, profile = asking(contrast("category"), recording="lab")
    assert regions_unknown(study, profile)
    assert [one.measured for one in planned_questions(study, profile)] == [("each region",)]
    named = contrast("category").model_copy(update={"measured": ("V4", "IT")})
    study, profile = asking(named, recording="lab")
    assert not regions_unknown(study, profile)
    assert family_sizes(study, profile) == {"confirmatory": 2}


def test_very_many_networks_are_no_fault():
    study = find_hypothesis("convergence")
    profile = study.profile("published").model_copy(update={"n_seeds": 1000})
    assert untestable(study, profile) == ""
    assert all(0 <= one.p_attainable < 1 for one in planned_questions(study, profile))


def test_only_one_cohort_against_one_other_has_a_known_power():
    several = contrast("category", "rotation", name="best")
    study, profile = asking(contrast("category"), several, sizes={"given": 4})
    designs = contrast_designs(study, profile, smallest_effect=1.0)
    assert list(designs) == ["asked"]
    design = designs["asked"]
    assert (design.n_a, design.n_b, design.family, design.smallest_effect) == (6, 6, 8, 1.0)
    assert contrast_designs(find_hypothesis("convergence"), SIZE) == {}
