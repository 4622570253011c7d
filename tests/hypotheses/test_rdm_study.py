"""A study on a real recording: the dissimilarities of human IT that rsatoolbox ships."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hyp
from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.aligning import RecordedFile, RecordingSpec, recording_step
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.recordings import digest_of
from hyp.hypotheses.run import run_steps
from hyp.store import Store

STUDY = hyp.hypothesis(Path(__file__).parents[2] / "examples" / "identity_alignment.toml")
HUMAN_IT = Path(__file__).parents[1] / "metrics" / "human_it_rdms.nc"
N = 92
TINY = {
    "recording": "human",
    "neural_metric": "rsa",
    "image_size": 16,
    "n_images": 48,
    "n_val": 8,
    "n_stimuli": 20,
    "n_seeds": 3,
    "alpha": 0.2,
    "n_batches": 2,
    "batch_size": 16,
    "layers": "relu",
    "backbone": "tiny_backbone:make",
    "device": "cpu",
    "precision": "fp32",
}


def pictures(folder, n):
    """Write pictures of noise called s00.png and so on, with a table of two latents."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = [f"s{number:02d}.png" for number in range(n)]
    for name in names:
        noise = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / name)
    table = {"file": names, "category": [*"ab"] * (n // 2), "identity": [*"abcd"] * (n // 4)}
    pd.DataFrame(table).to_csv(folder / "latents.csv", index=False)
    return f"folder:{folder}"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The recording as ``hyp neural import`` puts it into a store, with pictures of ours."""
    folder = tmp_path_factory.mktemp("human")
    source = open_source(pictures(folder / "shown", N), image_size=16)
    images = DatasetSpec(source=source, design=Design(), seed=0, n_images=N, n_val=0)
    recording = RecordingSpec(name="human", origin=RecordedFile(digest=digest_of(HUMAN_IT)))
    store = Store.create(folder / "store")
    run_steps(store.pending([recording_step(recording, images, HUMAN_IT)]), store)
    return store


def test_human_it_is_scored_subject_by_subject_to_a_verdict(store, tmp_path):
    source = pictures(tmp_path / "seen", 120)
    finished = hyp.run(STUDY, store=store.root, workers=0, source=source, **TINY)
    (one, *others) = (step for step in finished.plan.steps if step.kind == "alignments")
    assert len(others) == 5
    assert one.spec["formula"] == "ratio", "as Brain-Score has RSA, with its sign"
    alone = pd.read_parquet(store.path(one) / "subjects.parquet")
    assert alone["subject"].tolist() == ["1", "2", "3", "4"]
    mean = pd.read_parquet(store.path(one) / "scores.parquet").iloc[0]
    assert (mean["ceiling"], mean["ceiling_upper"]) == pytest.approx((0.372, 0.666), abs=5e-4)
    assert mean["score"] == pytest.approx(alone["unceiled"].mean() / mean["ceiling"])
    assert [row.measured for row in finished.result.rows] == ["IT"]
    page = finished.report(tmp_path / "page").read_text(encoding="utf-8")
    assert "<td>from folder</td>" in page, "pictures of files are not called synthetic"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"neural_metric": "pls"}, "human holds dissimilarities, which pls cannot be computed"),
        ({"image_size": 32}, "'human' have 16 pixels a side in this store, and these networks see"),
        ({"recording": "humans"}, "there is no recording 'humans': .* put none .*it has human"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_is_trained(store, changed, sentence):
    with pytest.raises(HypError, match=sentence):
        make_plan(STUDY, settings=TINY | changed, store=store)
