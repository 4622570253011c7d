"""A cohort through a worker process: resuming, failures, what is written.

Brain-Score itself is replaced by `scripted_worker.py`, which speaks the same protocol and
publishes with the worker's own code; `test_brainscore_worker.py` runs the real one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import brainscore_toy as toy
import numpy as np
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from brainscore_stand_in import stand_in
from hyp.cli.main import app
from hyp.errors import HypError
from hyp.metrics.brainscore import client, scoring
from hyp.metrics.brainscore.environment import Environment
from hyp.metrics.brainscore.networks import Network
from hyp.metrics.brainscore.results import read_raw, read_scores, score_table
from hyp.metrics.brainscore.scoring import score_cohort

HERE = Path(__file__).parent
REAL_WORKER = client.WORKER
V4, IT = "MajajHong2015public.V4-pls", "MajajHong2015public.IT-pls"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return stand_in(tmp_path / "env", (V4, IT), data_named=True)


class Cohort:
    """Two networks, two benchmarks, and a worker that does as it is told."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.out = folder / "out"
        self.environment = environment
        self.networks = [toy.toy_network(folder, seed) for seed in (0, 1)]
        (self.out / "worker").mkdir(parents=True)
        self.tell({})

    def tell(self, outcomes: dict[str, str]) -> None:
        script = {"outcomes": outcomes, "worker": str(REAL_WORKER)}
        (self.out / "worker" / "script.json").write_text(json.dumps(script))

    def journal(self) -> list[str]:
        path = self.out / "worker" / "journal"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def score(self, networks: list[Network] | None = None, **options: Any) -> scoring.Scored:
        return score_cohort(
            networks or self.networks, [V4, IT], self.out, folder=self.environment.folder, **options
        )


@pytest.fixture
def cohort(tmp_path: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Cohort:
    (tmp_path / "brainscore_toy_network.py").write_text(toy.SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(client, "WORKER", HERE / "scripted_worker.py")
    monkeypatch.setattr(scoring, "storage_answers", lambda: True)
    return Cohort(tmp_path, environment)


def test_one_worker_serves_all_and_everything_is_labelled(cohort: Cohort) -> None:
    seen: list[tuple[int, int, str]] = []
    scored = cohort.score(progress=lambda *report: seen.append(report))
    assert scored.failures == ()
    first, second = (network.sha256[:6] for network in cohort.networks)
    assert cohort.journal() == [
        "started",
        f"done toy-0 {V4}",
        f"done toy-0 {IT}",
        f"forget {first}",
        f"done toy-1 {V4}",
        f"done toy-1 {IT}",
        f"forget {second}",
    ]
    assert seen[-1] == (4, 4, "done")
    assert any(text.endswith("scoring") for _, _, text in seen)
    scores = scored.scores
    assert scores["score"].dims == ("model", "benchmark")
    assert scores["benchmark"].to_numpy().tolist() == [V4, IT]
    assert scores["region"].to_numpy().tolist() == ["V4", "V4"]
    assert scores["sha256"].to_numpy().tolist() == [n.sha256 for n in cohort.networks]
    assert scores["layer"].to_numpy().tolist() == [["layer-toy-0"] * 2, ["layer-toy-1"] * 2]
    assert np.allclose(scores["score_2024"], (scores["raw_score"] / scores["ceiling"]) ** 2)
    assert np.allclose(scores["score"], scores["raw_score"] ** 2 / scores["ceiling"])
    assert scores.attrs["version_brainscore-vision"] == "scripted"
    assert scores.attrs["device"] == "cpu"
    assert read_scores(cohort.out).identical(scores)


def test_the_values_behind_a_score_are_kept(cohort: Cohort) -> None:
    scores = cohort.score().scores
    raw = read_raw(cohort.out, V4)
    assert dict(raw["raw_score"].sizes) == {"model": 2, "split": 3, "neuroid": 4}
    again = raw["raw_score"].median("neuroid").mean("split")
    for model in scores["model"].to_numpy():
        expected = scores["raw_score"].sel(model=model, benchmark=V4)
        assert float(again.sel(model=model)) == pytest.approx(float(expected), abs=1e-12)
    assert raw["layer_score"].sel(layer="late").to_numpy().tolist() == [0.2, 0.2]
    with pytest.raises(HypError, match="was scored on Cadena"):
        read_raw(cohort.out, "Cadena2017-pls")


def test_the_table_is_tidy(cohort: Cohort) -> None:
    table = score_table(cohort.score().scores)
    assert list(table.columns[:7]) == [
        *("model", "region", "benchmark", "score", "error", "ceiling", "layer")
    ]
    assert len(table) == 4
    assert set(table["name"]) == {"toy-0", "toy-1"}


def test_what_is_published_is_not_scored_again(cohort: Cohort) -> None:
    before = cohort.score(cohort.networks[:1]).scores
    cohort.journal()
    after = cohort.score().scores
    assert [line for line in cohort.journal() if line.startswith("done")] == [
        f"done toy-1 {V4}",
        f"done toy-1 {IT}",
    ]
    assert after.sel(model=before["model"]).equals(before)
    cohort.score()
    assert cohort.journal() == []


def test_a_worker_that_dies_costs_one_score_and_the_next_call_goes_on(cohort: Cohort) -> None:
    cohort.tell({f"toy-0 {V4}": "die"})
    scored = cohort.score()
    assert len(scored.failures) == 1
    assert "was killed, likely for want of memory" in scored.failures[0]
    assert cohort.journal().count("started") == 2
    assert np.isnan(scored.scores["score"].to_numpy()).sum() == 1
    cohort.tell({})
    assert cohort.score().failures == ()
    assert [line for line in cohort.journal() if "toy" in line] == [f"done toy-0 {V4}"]


def test_a_network_that_fails_does_not_stop_the_others(cohort: Cohort) -> None:
    cohort.tell({f"toy-0 {V4}": "layer", f"toy-0 {IT}": "memory"})
    scored = cohort.score()
    assert [failure.split(":")[0] for failure in scored.failures] == ["toy-0", "toy-0"]
    assert scored.scores.sizes["model"] == 1
    cohort.tell({f"{name} {b}": "layer" for name in ("toy-0", "toy-1") for b in (V4, IT)})
    with pytest.raises(HypError, match=r"toy-0: .* layer\."):
        cohort.score(cohort.networks[:1])


@pytest.mark.parametrize("kind", ["network", "credentials", "benchmark", "disk"])
def test_what_would_fail_for_all_stops_at_once(cohort: Cohort, kind: str) -> None:
    cohort.tell({f"toy-0 {IT}": kind})
    with pytest.raises(HypError, match=f"{kind}\\."):
        cohort.score()
    assert [line for line in cohort.journal() if "toy" in line] == [
        f"done toy-0 {V4}",
        f"{kind} toy-0 {IT}",
    ]


def test_missing_data_and_no_network_are_said_before_a_worker_starts(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "storage_answers", lambda: False)
    with pytest.raises(HypError, match=r"data of MajajHong2015public.IT-pls are not on this"):
        cohort.score()
    monkeypatch.setattr(scoring, "has_data", lambda name, environment: True)
    monkeypatch.setenv("MT_IMAGENET_PATH", "/nowhere/at.all")
    with pytest.raises(HypError, match="ImageNet images that layers are chosen with"):
        cohort.score()
    assert cohort.journal() == []
    assert cohort.score(reduce=False).failures == ()


def test_unknown_benchmarks_and_second_writers_are_refused(cohort: Cohort) -> None:
    with pytest.raises(HypError, match=r"did you mean MajajHong2015public\.IT-pls"):
        score_cohort(
            cohort.networks,
            ["MajajHong2015public.IT-pl"],
            cohort.out,
            folder=cohort.environment.folder,
        )
    with (
        FileLock(cohort.out / ".lock"),
        pytest.raises(HypError, match="another process scores into"),
    ):
        cohort.score()
    assert cohort.journal() == []


def test_a_damaged_result_is_named(cohort: Cohort) -> None:
    cohort.score()
    path = next((cohort.out / "results" / V4).glob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(HypError, match=r"is damaged; delete it and score again"):
        cohort.score()
    path.unlink()
    assert cohort.score().failures == ()


def test_images_for_the_pca_must_be_enough(cohort: Cohort, tmp_path: Path) -> None:
    toy.toy_images(tmp_path / "few")
    with pytest.raises(HypError, match=r"holds 80 images; .* needs 1000"):
        cohort.score(pca_images=tmp_path / "few")


def test_a_benchmark_without_images_takes_no_network(cohort: Cohort, tmp_path: Path) -> None:
    benchmark = toy.toy_benchmark(tmp_path / "b", images=False)
    with pytest.raises(HypError, match="has no images, so no network can be scored"):
        score_cohort(cohort.networks, [benchmark], cohort.out, folder=cohort.environment.folder)


def test_an_environment_that_cannot_import_brain_score_says_so(
    tmp_path: Path, environment: Environment
) -> None:
    with pytest.raises(HypError, match=r"No module named '(torch|brainscore_core)'") as caught:
        client.Worker(environment, tmp_path / "home")
    assert isinstance(caught.value, client.WorkerError)
    assert caught.value.kind == "environment"


def test_a_worker_ends_when_it_is_closed_and_a_dead_one_is_noticed(cohort: Cohort) -> None:
    worker = client.Worker(cohort.environment, cohort.out / "worker")
    worker._process.kill()
    with pytest.raises(client.WorkerError, match="was killed"):
        worker.request("forget", identifier="x")
    with client.Worker(cohort.environment, cohort.out / "worker") as worker:
        assert worker.request("forget", identifier="x")["event"] == "done"
    assert worker._process.poll() == 0


def test_the_command_tells_programs_every_score_and_every_failure(cohort: Cohort) -> None:
    cohort.tell({f"toy-1 {IT}": "unscorable"})
    arguments = [
        *("score", *(str(network.weights) for network in cohort.networks)),
        *("--architecture", toy.ARCHITECTURE, "--image-size", str(toy.SIZE), "--readout", "late"),
        *(f"--layer={layer}" for layer in toy.LAYERS),
        *(f"--benchmark={name}" for name in (V4, IT)),
        *("--out", str(cohort.out), "--folder", str(cohort.environment.folder), "--json"),
    ]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, HypError)  # which `hyp` ends with status 1
    told = json.loads(done.stdout)
    assert set(told) == {"scores", "failures", "file"}
    assert told["failures"] == [f"toy-1: {IT}: toy-1 {IT} unscorable."]
    assert Path(told["file"]).exists()
    table = score_table(read_scores(cohort.out))
    found = {(row["name"], row["benchmark"]): row for row in told["scores"]}
    assert set(found) == {("toy-0", V4), ("toy-0", IT), ("toy-1", V4)}
    for row in table.to_dict("records"):
        same = found[row["name"], row["benchmark"]]
        assert [same[key] for key in ("score", "ceiling")] == pytest.approx(
            [row["score"], row["ceiling"]]
        )
    cohort.tell({})
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0, again.output
    assert len(json.loads(again.stdout)["scores"]) == 4
    assert json.loads(again.stdout)["failures"] == []
