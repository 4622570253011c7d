"""``hyp new``: what it writes runs as it is, whatever it is about."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from command_line import hyp
from hyp.datasets.designs import Design
from hyp.datasets.latents import LATENT_GROUPS, expand_latent
from hyp.datasets.sources import open_source
from hyp.errors import HypError
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import hypothesis_names
from hyp.hypotheses.result_files import load_result
from hyp.hypotheses.run import run_plan
from hyp.hypotheses.templates import start_text, write_start
from hyp.hypotheses.toml import read_hypothesis
from hyp.store import Store

LATENTS = {latent.name: latent for latent in open_source("engine").latents}
SETTINGS = {
    "image_size": "16",
    "supersample": "1",
    "n_images": "96",
    "n_val": "32",
    "n_stimuli": "60",
    "backbone": "tiny_backbone:make",
    "n_batches": "8",
    "evaluate_every": "4",
    "snapshots": "4",
    "scored_snapshots": "0,4",
    "batch_size": "16",
    "n_folds": "2",
    "layers": "relu",
}


def test_the_command_writes_the_file_and_says_in_two_lines_what_comes_next(tmp_path):
    done = hyp("new", "mine", "--about", "scene", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]
    written = (tmp_path / "mine.toml").read_text()
    assert written == start_text("mine", "scene", "distance")
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for command in ("hyp show mine.toml", "hyp plan mine.toml", "hyp run mine.toml"):
        assert any(command in line for line in lines)

    again = hyp("new", "mine", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr == (
        "error: mine.toml exists already; choose another name or move it away.\n"
    )
    assert (tmp_path / "mine.toml").read_text() == written


def test_the_file_is_short_and_explains_each_of_its_tables():
    lines = start_text("mine", "category", "distance").split("\n")
    assert sum(bool(line) and not line.startswith("#") for line in lines) <= 40
    assert max(map(len, lines)) < 150
    for number, line in enumerate(lines):
        if line.startswith("[") and line not in lines[:number]:
            assert lines[number - 1].startswith("#"), line


@pytest.mark.parametrize("about", [*LATENTS, *LATENT_GROUPS])
def test_whatever_it_is_about_the_plan_is_testable_and_only_that_is_held_still(about, tmp_path):
    columns = expand_latent(about)
    target = "rotation" if "rel_pos_z" in columns else "distance"
    hypothesis = read_hypothesis(write_start("mine", about, target, tmp_path))
    plan = make_plan(hypothesis, "laptop")
    assert not plan.untestable
    assert hypothesis.questions[0].score.latents == columns
    reduced = Design.parse(hypothesis.cohorts[1].design)
    assert reduced.reduced == tuple(sorted(columns))

    world = Design.parse(plan.profile.world)
    source, rows = open_source("engine"), np.arange(40)
    tables = [source.sample(d.within(world), 0, rows) for d in (Design(), reduced)]
    for name, latent in LATENTS.items():
        varies = [len(np.unique(table[name])) > 1 for table in tables]
        fixed = name == "sky" and about != "sky"  # by the world
        follows = {"category", "identity"} & set(columns) and name in ("category", "identity")
        assert varies == [not fixed, not (fixed or name in columns or follows)], (name, latent)


def test_what_it_writes_runs_to_a_verdict(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "hypotheses")
    hypothesis = read_hypothesis(write_start("mine", "category", "distance+rotation", tmp_path))
    result = load_result(
        run_plan(make_plan(hypothesis, "laptop", SETTINGS), Store.create(tmp_path / "store"))
    )
    assert {(row.question, row.measured) for row in result.rows} == {("category", "category")}
    assert {cohort.objective for cohort in result.cohorts} == {"distance+rotation"}
    checks = {check.name: check.passed for check in result.checks}
    assert checks["category reduced"]
    assert checks["category varies in full"]
    assert result.verdict.outcome in ("supported", "inconclusive", "invalid", "mixed", "confounded")


@pytest.mark.parametrize(
    ("name", "about", "target", "words"),
    [
        ("Mine", "category", "distance", "'Mine' is no name"),
        ("my_own", "category", "distance", "small letters, digits and single hyphens"),
        ("../mine", "category", "distance", "is no name"),
        ("", "category", "distance", "is no name"),
        ("a" * 61, "category", "distance", "at most 60"),
        ("mine.toml", "category", "distance", r"leave out \.toml"),
        (hypothesis_names()[0], "category", "distance", "already; choose another name"),
        ("mine", "light", "distance", "unknown latent 'light'; .* light_azimuth"),
        ("mine", "category", "size", "unknown latent 'size'"),
        ("mine", "category", "distance++", "empty part"),
        ("mine", "category", "distance+category", "category does not vary where category is"),
        ("mine", "identity", "category", "category does not vary where identity is held still"),
        ("mine", "rel_pos_z", "distance", "distance does not vary where rel_pos_z is held"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_and_nothing_is_written(
    name, about, target, words, tmp_path
):
    with pytest.raises(HypError, match=words) as caught:
        write_start(name, about, target, tmp_path)
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(HypError, match=r"mine\.toml cannot be written"):
        write_start("mine", "category", "distance", tmp_path / "gone")


def test_the_objective_is_written_in_its_canonical_form():
    declared = tomllib.loads(start_text("mine", "scene", "rotation+distance"))
    assert declared["cohorts"][0]["objective"] == "distance+rotation"
