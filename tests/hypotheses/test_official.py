"""Brain-Score's own numbers as steps of a plan; `test_official_and_native.py` runs the real one."""

import pandas as pd
import pytest

from brainscore_stand_in import stand_in
from hyp.errors import HypError
from hyp.hypotheses import builders
from hyp.hypotheses.claims.few_latents import FEW_LATENTS
from hyp.hypotheses.gathering import gather_scores
from hyp.hypotheses.plan import make_plan
from hyp.metrics.brainscore import scoring
from hyp.metrics.brainscore.environment import constraints_digest
from hyp.metrics.brainscore.identifiers import OBSERVERS, PAPER_BENCHMARKS

FIXED = {"device": "cpu", "precision": "fp32", "layers": ("layer1.0.relu", "avgpool")}
OFFICIAL = {
    **FIXED,
    "scored_by": "official",
    "recording": ",".join(PAPER_BENCHMARKS[:-1]),
    "behaviour": OBSERVERS,
    "questions": ("distance", "distance, neural mean", "distance, behaviour", "training helps"),
}


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An environment that knows the paper's benchmarks, and whose data are not here."""
    made = stand_in(tmp_path / "env", PAPER_BENCHMARKS, data_named=True)
    monkeypatch.setenv("HYP_BRAINSCORE_ENV", str(made.folder))
    return made


@pytest.mark.usefixtures("environment")
def test_networks_are_scored_on_all_benchmarks_in_one_step():
    made = make_plan(FEW_LATENTS, "laptop", OFFICIAL)
    steps = {role: one for role, one in made.goal.inputs.items() if role.startswith("official:")}
    assert len(steps) == 3 * 6
    assert {one.kind for one in made.steps} == {"datasets", "models", "official", "results"}
    spec = steps["official:distance:0:end"].spec
    assert tuple(spec["benchmarks"]) == PAPER_BENCHMARKS
    assert (spec["readout"], spec["image_size"]) == ("avgpool", 64)
    assert spec["environment"] == constraints_digest()
    native = make_plan(FEW_LATENTS, "laptop", {**FIXED, "questions": ("distance",)})
    models = {one.key for one in native.steps if one.kind == "models"}
    assert models < {one.key for one in made.steps}


def test_what_is_missing_is_said_before_anything_is_trained(environment, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "storage_answers", lambda: False)
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "none"))
    made = make_plan(FEW_LATENTS, "laptop", OFFICIAL)
    with pytest.raises(HypError, match=r"the data of MajajHong2015public.* are not on this mach"):
        builders.check_steps(made.steps)
    with pytest.raises(HypError, match=r"no benchmark 'MajajHong2015public\.IT-pl'; did you mean"):
        make_plan(FEW_LATENTS, "laptop", {**OFFICIAL, "recording": "MajajHong2015public.IT-pl"})
    with pytest.raises(HypError, match="have no V1, V2 or V4"):
        make_plan(FEW_LATENTS, "laptop", {**OFFICIAL, "recording": PAPER_BENCHMARKS[3]})
    monkeypatch.setenv("HYP_BRAINSCORE_ENV", str(tmp_path / "nowhere"))
    with pytest.raises(HypError, match="hyp brainscore install"):
        make_plan(FEW_LATENTS, "laptop", OFFICIAL)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recording": "simulated"}, "Brain-Score scores benchmarks and no simulated recording"),
        ({"neural_metric": "rsa"}, "Brain-Score's benchmarks have metrics of their own"),
    ],
)
def test_what_brainscore_does_not_do_is_refused(change, told):
    with pytest.raises(HypError, match=told):
        FEW_LATENTS.profile("laptop", OFFICIAL | change)


def test_regions_and_behaviour_are_gathered(tmp_path):
    rows = [
        {"region": region, "score": 0.1 * number, "layer": layer}
        for number, (region, layer) in enumerate(
            [("V1", "layer1.0.relu"), ("IT", "avgpool"), ("behavior", "avgpool")]
        )
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "scores.parquet")
    profile = FEW_LATENTS.profiles["laptop"].but(**FIXED)
    found = gather_scores({"official:distance:3:20": tmp_path}, {}, profile)
    places = found.set_index(["kind", "measured"])["score"].to_dict()
    assert places == pytest.approx(
        {
            ("alignment", "V1"): 0.0,
            ("alignment", "IT"): 0.1,
            ("depth", "V1"): 0.0,
            ("depth", "IT"): 1.0,
            ("behaviour", "i2n"): 0.2,
        }
    )
    assert set(found["batches"]) == {20}
