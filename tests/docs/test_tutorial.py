"""The tutorial's file and commands, in its order, with small images and networks."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hyp.cli.main import app
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.result_files import load_result
from hyp.hypotheses.testability import family_sizes
from hyp.hypotheses.toml import read_hypothesis
from hyp.plugins import HYPOTHESES, SOURCES
from hyp.store import Store

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
FILE = "light-and-rotation.toml"
TINY = {
    "image_size": "16",
    "precision": "fp32",
    "supersample": "1",
    "n_images": "96",
    "n_val": "32",
    "n_stimuli": "60",
    "backbone": "tiny_backbone:make",
    "n_batches": "8",
    "batch_size": "16",
    "n_folds": "2",
    "layers": "relu",
    "references": "pixels",
}
WHOLE = ("hyp new", "hyp show", "hyp plan light-and-rotation.toml --set n_seeds=3")
"""Commands that print what the tutorial shows, every time and everywhere."""


def blocks(kind):
    return [text for language, text in BLOCKS if language == kind]


def tiny(command):
    """The command as it is, or with small numbers where it would compute."""
    words = shlex.split(command)
    assert words[0] == "hyp"
    if words[1] not in ("plan", "run") or "--set" in words:
        return words[1:]
    small = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    return [*words[1:], *small, *(["--workers", "0"] if words[1] == "run" else [])]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(TESTS / "hypotheses")
    monkeypatch.delenv("HYP_STORE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_the_tutorial_runs_from_top_to_bottom(folder):
    done = []
    for kind, text in BLOCKS:
        if kind == "console":
            prompt, shown = text.split("\n", 1)
            command = prompt.removeprefix("$ ")
            finished = CliRunner().invoke(app, tiny(command), catch_exceptions=False)
            ends = (0, 3, 4, 5) if command.startswith("hyp run") else (0,)  # its verdict
            assert finished.exit_code in ends, finished.output
            if command.startswith(WHOLE):
                assert _plain(finished.stdout) == _plain(shown), command
            if command.startswith("hyp report"):
                assert finished.stdout.split()[-1].endswith(shown.split("…")[1].strip())
            done.append(command.split()[1])
        elif kind == "toml" and text.startswith("name"):
            (folder / FILE).write_text(text)
        elif kind == "python" and "open_store" in text:
            _check_program(text, folder)
    assert done == ["new", "show", "plan", "plan", "design", "run", "report", "plan"]

    store = Store.open(folder / "hyp-store")
    (stored,) = (path for path in (store.root / "results").iterdir() if path.is_dir())
    checks = {check.name: check for check in load_result(stored).checks}
    for latent in ("light_azimuth", "light_elevation"):
        assert checks[f"{latent} reduced"].passed
        assert checks[f"{latent} varies in full"].passed
    assert "rel_rot_euler_0 reduced" not in checks
    assert "rel_rot_euler_0 decodable" in checks


def _plain(text):
    return [line.rstrip() for line in text.strip().split("\n")]


def _check_program(text, folder):
    """Run the tutorial's lines of xarray on the tiny run's store, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    words = [line.split() for line in done.stdout.splitlines()]
    assert words[0] == ["layer", "relu"]
    assert [row[0] for row in words[2:]] == [f"rel_rot_euler_{axis}" for axis in range(3)]


def test_the_file_is_what_the_text_says_it_is(tmp_path):
    (tmp_path / FILE).write_text(blocks("toml")[0])
    hypothesis = read_hypothesis(tmp_path / FILE)
    plan = make_plan(hypothesis, "laptop")
    assert not plan.untestable
    assert family_sizes(hypothesis, plan.profile) == {"confirmatory": 6}
    assert sum(step.kind == "models" for step in plan.steps) == 15
    shown = next(text for text in blocks("console") if "67 steps" in text)
    assert f"{len(plan.steps)} steps to compute" in shown
    said = re.search(r"line (\d+), profiles.laptop.n_sedes", TEXT)
    lines = blocks("toml")[0].split("\n")
    assert lines[int(said[1]) - 1] == "n_seeds = 5"


def test_the_entry_points_are_in_the_groups_that_hyp_reads():
    declared = tomllib.loads(blocks("toml")[1])["project"]["entry-points"]
    assert sorted(declared) == sorted([HYPOTHESES, SOURCES])
