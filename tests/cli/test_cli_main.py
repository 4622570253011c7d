import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command_line import hyp
from hyp.cli.main import app
from hyp.errors import HypError
from hyp.stopping import SIGNALS
from hyp.store import Store

LAPTOP = ["nontarget-variability"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nontarget"], "there is no hypothesis 'nontarget'; did you mean"),
        (
            ["plan", *LAPTOP, "--profile", "desktop"],
            "choose from: laptop, both-questions, short, workstation, published",
        ),
        (["plan", *LAPTOP, "--set", "n_sedes=3"], "did you mean 'n_seeds'"),
        (["plan", *LAPTOP, "--set", "n_seeds"], "is not KEY=VALUE"),
        (["plan", *LAPTOP, "--set", "image_size=8"], "image_size=8"),
        (["plan", *LAPTOP, "--set", "questions=pose"], "no question 'pose'"),
        (["status", "--store", "nowhere"], "there is no hyp store"),
        (["report", "--store", "nowhere"], "there is no hyp store"),
        (["run", *LAPTOP, "--store", "s3://lab/s"], "s3://lab/s is an address; a store needs"),
        (["plan", *LAPTOP, "--store", "memory://s"], "memory://s is an address; a store needs"),
        *(
            (arguments, "s3://lab/f is an address")
            for arguments in (
                ["freeze", *LAPTOP, "--out", "s3://lab/f"],
                ["run", *LAPTOP, "--cluster", "s3://lab/f"],
                ["report", "--frozen", "s3://lab/f"],
                ["score", "s3://lab/f", "--architecture", "resnet18"],
                ["score", "f", "--pca-images", "s3://lab/f"],
                ["models", "import", "f", "to", "--normalisation", "s3://lab/f"],
                ["models", "import", "f", "to", "--snapshot", "5=s3://lab/f"],
                ["neural", "import", "s3://lab/f", "--stimuli", "folder:f"],
            )
        ),
    ],
)
def test_bad_input_is_one_sentence_and_status_1(arguments, words):
    done = hyp(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_debug_shows_the_traceback_wherever_it_stands():
    for arguments in (["--debug", "plan", "nothing"], ["plan", "nothing", "--debug"]):
        with pytest.raises(HypError, match="nothing"):
            hyp(*arguments)
    command = [sys.executable, "-m", "hyp", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_list_show_and_plan_fit_80_columns(tmp_path):
    for arguments in (
        ["list"],
        ["show", *LAPTOP],
        ["plan", *LAPTOP, "--store", tmp_path],
        ["--help"],
        ["run", "--help"],
    ):
        done = hyp(*arguments)
        assert done.returncode == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert "nontarget-variability" in hyp("list").stdout


def test_plan_says_untestable_and_how_to_mend_it(tmp_path):
    done = hyp("plan", *LAPTOP, "--set", "n_seeds=3", "--store", tmp_path)
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "untestable" in text
    assert "5 seeds in each group would do" in text


def test_without_a_profile_the_first_declared_is_planned(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "category_variability.toml"
    own = tmp_path / "own.toml"
    own.write_text(re.sub(r"\[profiles\.\w+\]", "[profiles.tiny]", example.read_text(), count=1))
    done = hyp("plan", own, "--store", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "profile tiny" in done.stdout


def test_untestable_run_ends_at_once_with_that_verdict(tmp_path):
    done = hyp("run", *LAPTOP, "--set", "n_seeds=3", "--store", tmp_path / "store")
    assert done.returncode == 3, done.stderr
    assert "untestable" in done.stdout.lower()
    assert not (tmp_path / "store" / "models").exists()
    report = hyp("report", "--store", tmp_path / "store")
    assert report.returncode == 0, report.stderr
    assert list(tmp_path.glob("store/reports/nontarget-variability-laptop-*/index.html"))


def test_a_report_is_asked_for_by_the_file_that_declares_the_hypothesis(tmp_path):
    Store.create(tmp_path)
    file = Path(__file__).parents[2] / "examples" / "category_variability.toml"
    done = CliRunner().invoke(app, ["report", str(file), "--store", str(tmp_path)])
    assert "holds no finished run of category-variability;" in str(done.exception)
    assert f"'hyp run {file}'" in str(done.exception)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("layers=layer9", "no layer 'layer9'"), ("backbone=resnet19", "did you mean resnet1")],
)
def test_unknown_layer_or_backbone_is_found_before_anything_is_made(tmp_path, setting, words):
    done = hyp("run", *LAPTOP, "--store", tmp_path, "--workers", 0, "--set", setting)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "datasets").exists()


def test_import_of_the_command_line_loads_nothing_heavy():
    code = (
        "import sys, hyp.cli.main; "
        "heavy = {'torch', 'warp', 'pandas', 'numpy', 'scipy', 'xarray', 'dask', 'pydantic'}"
        " & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_every_command_tidy_up_and_a_second_one_changes_nothing(
    monkeypatch, tmp_path, signum
):
    def interrupted():
        with tempfile.TemporaryDirectory(dir=tmp_path) as scratch:
            try:
                os.kill(os.getpid(), signum)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                (Path(scratch) / "file").touch()

    monkeypatch.setattr("hyp.reports.plans.hypotheses_table", interrupted)
    handlers = [signal.getsignal(one) for one in SIGNALS]
    done = hyp("list")
    for one, handler in zip(SIGNALS, handlers, strict=True):
        signal.signal(one, handler)
    assert (done.returncode, done.stderr.strip()) == (128 + signum, "")
    assert not list(tmp_path.iterdir())
