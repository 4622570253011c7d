"""The mean over regions as the paper has it, beside accuracy and networks of photographs."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_several_recordings import PUBLIC, fetched

from hyp.errors import HypError
from hyp.hypotheses.builders import check_steps
from hyp.hypotheses.claims.few_latents import FEW_LATENTS
from hyp.hypotheses.claims.performance_alignment import PERFORMANCE_ALIGNMENT
from hyp.hypotheses.claims.synthetic_natural import SYNTHETIC_NATURAL
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.gathering import gather_scores
from hyp.hypotheses.judge import answer
from hyp.hypotheses.paper.tables import published_table
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.questions import Similarities, Tracks
from hyp.hypotheses.questions.base import neural_means
from hyp.hypotheses.result_files import order_layers
from hyp.hypotheses.scores import VENTRAL_REGIONS, NeuralMean, Performance

FIXED = {"device": "cpu", "precision": "fp32"}


def table(rows):
    columns = ["kind", "cohort", "seed", "batches", "measured", "score"]
    return order_layers(pd.DataFrame(rows, columns=columns).assign(layer="", fold=0), ())


@pytest.mark.parametrize("name", ["C.1", "C.2"])
def test_it_is_what_the_paper_prints(name):
    printed = published_table(name)
    rows = [
        ("alignment", row["objective"], 0, 1, region, row[region])
        for row in printed.to_dict("records")
        for region in VENTRAL_REGIONS
    ]
    found = neural_means(table(rows), VENTRAL_REGIONS).set_index("cohort")["score"]
    wanted = printed.set_index("objective")["neural_mean"]
    assert len(found) == 12
    np.testing.assert_allclose(found.loc[wanted.index], wanted, atol=0.0011)


def test_a_network_without_one_of_the_regions_has_none():
    rows = [("alignment", "a", 0, 1, "V1", 0.2), ("alignment", "a", 0, 1, "IT", 0.6)]
    assert neural_means(table(rows), VENTRAL_REGIONS).empty
    assert neural_means(table(rows), ("IT", "V1"))["score"].tolist() == pytest.approx([0.4])


def test_a_contrast_compares_means_over_regions():
    shift = dict(zip(VENTRAL_REGIONS, (0.4, 0.0, -0.1, 0.1), strict=True))
    rows = [
        ("alignment", cohort, seed, batches, region, 0.3 + 0.01 * seed + by * shift[region])
        for cohort, by in (("distance", 1), ("category", 0))
        for seed in range(4)
        for batches in (10, 80)
        for region in VENTRAL_REGIONS
    ]
    question = next(one for one in FEW_LATENTS.questions if one.name == "distance, neural mean")
    profile = FEW_LATENTS.profiles["laptop"].but(questions=(question.name,))
    assert question.places(profile, {}) == [("neural mean", "")]
    [row] = answer(FEW_LATENTS, profile, table(rows), Similarities())
    assert row["difference"] == pytest.approx(0.1)
    assert (row["n_a"], row["measured"], row["p"]) == (4, "neural mean", pytest.approx(2 / 70))


def test_regions_that_no_recording_has_are_refused_before_anything_is_trained(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in PUBLIC:
        fetched(tmp_path / "brainscore" / name)
    settings = {
        **FIXED,
        "recording": ",".join(PUBLIC),
        "questions": ("distance", "distance, neural mean"),
    }
    with pytest.raises(HypError, match=r"'distance, neural mean' .* have no V2 or V4; name record"):
        make_plan(FEW_LATENTS, "laptop", settings)
    settings["questions"] = ("distance",)
    asked = make_plan(FEW_LATENTS, "laptop", settings).asked.questions
    assert [region for region, _ in asked[0].places(FEW_LATENTS.profile("laptop", settings), {})]


def test_published_sizes_take_the_public_recordings_and_say_how_to_fetch_them(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HypError) as refused:
        make_plan(FEW_LATENTS, "published")
    told = str(refused.value)
    assert all(f"'hyp neural import {name}'" in told for name in PUBLIC)
    assert "V2-pls" in told
    assert "--set recording=simulated" in told


def test_networks_of_photographs_are_asked_about_where_there_are_some():
    left_out = dict(make_plan(FEW_LATENTS, "laptop").left_out)
    name = "category, against photographs"
    assert left_out[name] == "the profile names no natural images (--set natural=...)"
    asked = FEW_LATENTS.asked(FEW_LATENTS.profile("laptop", {"natural": "weights:one, two"}))
    assert name in {one.name for one in asked.questions}
    natural = asked.cohort("natural")
    assert (natural.weights, natural.learns) == (("one", "two"), False)


def test_too_few_classes_for_pls_are_told_before_anything_is_trained(tmp_path):
    picture = Image.new("RGB", (16, 16))
    for number in range(90):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        picture.save(tmp_path / "ab"[number % 2] / f"{number}.png")
    settings = {**FIXED, "natural": f"classes:{tmp_path}"}
    made = make_plan(SYNTHETIC_NATURAL, "laptop", settings)
    with pytest.raises(HypError, match=r"fc of natural, .* has 2 units, .*layer4.0.relu,avgpool\)"):
        check_steps(made.steps)
    others = ",".join(made.profile.layers[:-1])
    check_steps(make_plan(SYNTHETIC_NATURAL, "laptop", settings | {"layers": others}).steps)


def test_accuracy_is_an_axis_of_networks_that_name_classes(tmp_path):
    evaluation = [
        {"task": "category", "batch": batch, "metric": metric, "value": value, "baseline": constant}
        for batch, share in ((20, 0.25), (80, 0.75))
        for metric, value, constant in (("loss", 1 - share, 2.0), ("accuracy", share, 0.0))
    ]
    profile = PERFORMANCE_ALIGNMENT.profile("laptop")
    (tmp_path / "m").mkdir()
    inputs = {"model:category:0": tmp_path / "m"}
    scores = gather_scores(inputs, {("category", 0): {"evaluation": evaluation}}, profile)
    by_kind = {kind: part["score"].tolist() for kind, part in scores.groupby("kind")}
    assert by_kind == {
        "accuracy": [0.25, 0.75],
        "loss": [0.75, 0.25],
        "performance": [0.625, 0.875],
    }
    question = next(
        one for one in PERFORMANCE_ALIGNMENT.questions if one.name.endswith("by accuracy")
    )
    assert question.performance_of(scores).tolist() == [0.25, 0.75]
    wrong = Tracks(
        name="w",
        cohorts=("distance",),
        performance=Performance(by="accuracy"),
        score=NeuralMean(),
    )
    with pytest.raises(ValueError, match="'distance' is trained for numbers, which have none"):
        Hypothesis(**dict(PERFORMANCE_ALIGNMENT) | {"questions": (wrong,)})
