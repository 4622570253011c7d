"""The names that ``import hyp`` offers, in ten lines and in a notebook."""

import doctest
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tiny_runs import SETTINGS

import hyp
from hyp.store.runs import latest_run

TABLE = pd.DataFrame(
    {"objective": ["a"] * 5 + ["b"] * 5, "seed": range(10), "score": [*range(5, 10), *range(5)]}
)
TINY = {**SETTINGS, "profile": "short"}


def test_the_names_are_few_and_all_there():
    assert 15 <= len(hyp.__all__) <= 20
    assert dir(hyp) == hyp.__all__
    for name in hyp.__all__:
        assert getattr(hyp, name) is not None
    assert (Path(hyp.__file__).parent / "py.typed").exists()


def test_importing_brings_nothing_heavy():
    code = (
        "import sys, hyp; "
        "heavy = {'numpy', 'pandas', 'torch', 'pydantic', 'xarray', 'rich'} & {*sys.modules}; "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    store = shutil.copytree(finished[0], tmp_path_factory.mktemp("api") / "store")
    shutil.rmtree(store / "results")
    return hyp.run("nontarget-variability", store, progress=False, **TINY)


def test_a_run_is_asked_in_python(run, tmp_path):
    assert run.verdict.outcome in ("supported", "inconclusive", "invalid", "mixed", "confounded")
    rows = run.rows
    assert len(rows) == 1
    assert rows.query("significant").shape[0] == rows["significant"].sum()
    mean = run.scores["decoding"].mean("fold").sel(cohort="full")
    assert mean.sizes["network"] == 3
    assert run.report(tmp_path / "out").read_text().startswith("<!doctype html")
    for shown in (run, run.plan, run.plan.hypothesis):
        assert "<pre" in shown._repr_html_()
    assert run.verdict.sentence in repr(run)
    assert f"<verdict overall, {run.verdict.outcome}" in str(run.verdict)
    assert all(reason in str(run.verdict) for reason in run.verdict.reasons)
    again = hyp.run(run.plan.hypothesis, run.store.root, progress=False, **TINY)
    assert again.folder == run.folder


TEN_LINES = """
>>> claim = hyp.hypothesis("nontarget-variability")
>>> hyp.plan(claim, **TINY)
<plan of nontarget-variability, profile short: 52 steps>
>>> run = hyp.run(claim, store=store, progress=False, **TINY)
>>> run.verdict.outcome == run.result.verdict.outcome
True
>>> run.rows.query("significant").columns[:2].tolist()
['question', 'kind']
>>> drawn = run.scores["decoding"].mean("fold").sel(cohort="full").plot()
>>> run.report("out/")
PosixPath('out/index.html')
>>> images = hyp.dataset(folder); images[0][0].shape
(16, 16, 3)
>>> torch.utils.data.DataLoader(hyp.torch_dataset(folder, latents=["rel_pos_z"]), batch_size=64)
<torch.utils.data.dataloader.DataLoader object at ...>
>>> hyp.test(table, group="objective", unit="seed").verdict.outcome
'supported'
"""


def test_the_ten_lines_run_as_a_doctest(run, tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    (folder,) = (run.store.path(step) for step in run.plan.steps if step.label == "full")
    known = {"hyp": hyp, "torch": torch, "TINY": TINY, "table": TABLE}
    places = {"store": run.store.root, "folder": folder}
    test = doctest.DocTestParser().get_doctest(TEN_LINES, known | places, "ten lines", None, 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0


def test_a_report_is_of_this_run_and_not_of_the_latest_of_its_name(run, tmp_path):
    other = hyp.run(
        "nontarget-variability", run.store.root, progress=False, **TINY | {"n_seeds": 2}
    )
    assert other.verdict.outcome == "untestable"
    assert latest_run(run.store.root, None).goal == other.plan.goal.key
    for one, seeds in ((run, 3), (other, 2)):
        one.report(tmp_path / "out")
        document = json.loads((tmp_path / "out" / "report.json").read_text())
        assert document["result"]["settings"]["n_seeds"] == seeds
        assert document["result"] == json.loads(one.result.model_dump_json())
    before = latest_run(run.store.root, None)
    hyp.run("nontarget-variability", run.store.root, progress=False, **TINY)
    after = latest_run(run.store.root, None)
    assert after.goal == run.plan.goal.key
    assert after.asked > before.asked
    assert (after.started, after.updated) <= (before.started, before.updated)


def test_settings_are_python_values():
    plan = hyp.plan("nontarget-variability", n_seeds=7, layers=["fc"], precision="fp32")
    assert plan.profile.n_seeds == 7
    assert plan.settings == {"n_seeds": "7", "layers": "fc", "precision": "fp32"}
    with pytest.raises(hyp.HypError, match="did you mean 'n_seeds'"):
        hyp.plan("nontarget-variability", n_sedes=7)


def test_a_training_loop_gets_images_and_latents(run):
    import torch

    (folder,) = (run.store.path(s) for s in run.plan.steps if s.label == "full")
    images = hyp.dataset(folder)
    image, latents = images[3]
    assert image.shape == (16, 16, 3)
    assert latents["category"] == images.table["category"].iloc[3]
    loader = torch.utils.data.DataLoader(
        hyp.torch_dataset(folder, latents=["rel_pos_z", "category"]), batch_size=8
    )
    batch, targets = next(iter(loader))
    assert batch.shape == (8, 3, 16, 16)
    assert 0 <= batch.min() <= batch.max() <= 1
    rows = images.table.iloc[images.split("train")[:8]]
    assert targets["rel_pos_z"].tolist() == pytest.approx(rows["rel_pos_z"].tolist(), rel=1e-6)
    values = next(one for one in images.latents if one.name == "category").values
    assert [values[k] for k in targets["category"]] == rows["category"].tolist()
    with pytest.raises(hyp.HypError, match="no split 'test'"):
        hyp.torch_dataset(folder, split="test")
