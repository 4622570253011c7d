"""One study, several recordings: V1 and V2 of one, V4 and IT of another."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hyp.errors import HypError
from hyp.hypotheses.gathering import gather_scores
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis

STUDY = find_hypothesis("layer-assignment")
PUBLIC = ("FreemanZiemba2013public.V1-pls", "MajajHong2015public.IT-pls")


def fetched(folder):
    """Write what a plan looks at of a public benchmark: the responses' bytes, and an image."""
    (folder / "images").mkdir(parents=True)
    (folder / "assembly.nc").write_bytes(folder.name.encode())
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "images" / "one.png")
    pd.DataFrame({"file": ["one.png"], "kind": ["a"]}).to_csv(
        folder / "images" / "latents.csv", index=False
    )


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "brainscore"


def plan(recording):
    settings = {"recording": recording, "device": "cpu", "precision": "fp32"}
    return make_plan(STUDY, "laptop", settings)


def alignments(made):
    (result,) = (step for step in made.steps if step.kind == "results")
    return {r: step for r, step in result.inputs.items() if r.startswith("alignment:")}


def test_public_benchmarks_are_found_by_name_and_all_are_scored(cache):
    with pytest.raises(
        HypError, match=f"'hyp brainscore install' and 'hyp neural import {PUBLIC[0]}'"
    ):
        plan(",".join(PUBLIC))
    for name in PUBLIC:
        fetched(cache / name)
    both, first = alignments(plan(", ".join(PUBLIC))), alignments(plan(PUBLIC[0]))
    assert len(both) == 2 * len(first)
    for role, step in first.items():
        assert both[role].key == step.key
        other = both[f"{role}:1"]
        assert other.inputs["recording"].spec["name"] == PUBLIC[1]
        assert other.inputs["recording"].spec["stratify"] == "object_name"
        assert other.inputs["model"].key == step.inputs["model"].key


def test_the_regions_of_all_are_gathered_and_none_twice(tmp_path):
    profile = STUDY.profile("laptop")
    inputs = {}
    for number, region in enumerate(("V1", "IT")):
        folder = tmp_path / region
        folder.mkdir()
        row = {"region": region, "score": 0.1 + number, "layer": profile.layers[number]}
        pd.DataFrame([row]).to_parquet(folder / "scores.parquet")
        inputs["alignment:category:3:end" + (f":{number}" if number else "")] = folder
    found = gather_scores(inputs, {}, profile)
    aligned = found[found["kind"] == "alignment"].set_index("measured")["score"]
    assert aligned.to_dict() == {"V1": 0.1, "IT": 1.1}
    assert set(found["seed"]) == {3}
    assert set(found["batches"]) == {profile.n_batches}
    inputs["alignment:category:3:end:2"] = tmp_path / "IT"
    with pytest.raises(HypError, match="two of the recordings have the region IT"):
        gather_scores(inputs, {}, profile)
