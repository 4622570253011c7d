"""i2n: equal to Brain-Score's on the same trials and features, and refused where undefined."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from behaviour_synthetic import FITTED_EACH, IMAGES_EACH, OBJECTS, features, labels, observers
from scipy.stats import norm

from hyp.errors import HypError
from hyp.metrics.behaviour import (
    choice_probabilities,
    consistency,
    normalised_dprimes,
    trials_from_table,
)

REFERENCE = json.loads(Path(__file__).with_name("behaviour_reference.json").read_text())


@pytest.fixture(scope="module")
def trials():
    return trials_from_table(observers(), "them")


@pytest.fixture(scope="module")
def probabilities():
    fitted, shown = labels(FITTED_EACH), labels(IMAGES_EACH)
    return choice_probabilities(features(5, fitted), fitted, features(6, shown), OBJECTS)


def test_readout_and_i2n_equal_brainscores(trials, probabilities):
    assert tuple(REFERENCE["choice"]) == OBJECTS
    np.testing.assert_allclose(probabilities, REFERENCE["probabilities"], atol=1e-6)
    found = consistency(np.array(REFERENCE["probabilities"]), trials)
    np.testing.assert_allclose(found.ceiling, REFERENCE["ceiling"], rtol=1e-9)
    np.testing.assert_allclose(found.raw, REFERENCE["raw"], rtol=1e-6)
    assert found.score == pytest.approx(REFERENCE["score"], rel=1e-6)
    assert found.error == pytest.approx(REFERENCE["error"], rel=1e-6)


def test_d_prime_by_hand():
    """Two objects: the image of one is wrong 10 and 30 %, that of the other 20 %."""
    chosen = np.array([[np.nan, 0.1], [np.nan, 0.3], [0.2, np.nan]])
    z = norm.ppf
    first = z(0.9) - z(0.2), z(0.7) - z(0.2)
    found = normalised_dprimes(chosen, np.array([0, 0, 1]))
    np.testing.assert_allclose(found[:2, 1], np.array(first) - np.mean(first))
    assert found[2, 0] == 0.0
    assert np.isnan(found[0, 0])


def test_a_network_that_chooses_as_observers_do_reaches_the_ceiling(trials):
    """Probabilities at which the other object is chosen as often as observers choose it."""
    table = observers()
    wrong = table.assign(wrong=table["choice"] != table["sample_obj"])
    rates = wrong.groupby(["stimulus_id", "dist_obj"])["wrong"].mean().unstack()
    rates = rates.clip(0.01, 0.99).fillna(0.5).to_numpy()
    odds = rates / (1 - rates)
    odds[np.arange(len(odds)), trials.truth] = 1.0
    agreed = consistency(odds / odds.sum(axis=1, keepdims=True), trials)
    shuffled = consistency(np.random.default_rng(0).dirichlet(np.ones(4), len(odds)), trials)
    assert agreed.score > 1.0  # the half that it is held against is part of what it was made of
    assert abs(shuffled.score) < 0.4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"choice": "cat"}, "480 of the 480 trials of them are no choice between two objects"),
        ({"dist_obj": None}, "dist_obj of them is missing in 480 of 480 rows"),
        ({"stimulus_id": "one"}, "the image 'one' of them shows two objects"),
    ],
)
def test_trials_that_are_none_are_refused(change, told):
    with pytest.raises(HypError, match=told):
        trials_from_table(observers().iloc[:480].assign(**change), "them")


def test_trials_without_a_ceiling_are_refused():
    table = observers()
    with pytest.raises(HypError, match="have no column choice"):
        trials_from_table(table.drop(columns="choice"), "them")
    with pytest.raises(HypError, match="too few to be halved"):
        trials_from_table(table.iloc[:4], "them")
    random = np.random.default_rng(1)
    guess = np.where(random.random(len(table)) < 0.5, table["sample_obj"], table["dist_obj"])
    few = table.assign(choice=guess).groupby("stimulus_id").head(6)
    with pytest.raises(HypError, match=r"do not agree \(r = -"):
        trials_from_table(few, "them")


def test_a_readout_needs_every_object():
    shown = labels(2)
    with pytest.raises(HypError, match="the readout is fitted to no image that shows 'zebra'"):
        choice_probabilities(features(5, shown), shown, features(6, shown), (*OBJECTS, "zebra"))


def test_names_stay_text():
    table = observers().replace({"bear": "01", "camel": "1"})
    assert set(trials_from_table(pd.DataFrame(table), "them").objects) >= {"01", "1"}
