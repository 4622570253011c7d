"""What scripts rely on: exit statuses, JSON, logs, and the shell's completion."""

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from hyp.cli.as_json import as_json
from hyp.cli.exits import verdict_status
from hyp.cli.logs import start_logging
from hyp.cli.main import app
from hyp.cli.neural import _compute as compute_alignments
from hyp.errors import HypError
from hyp.hypotheses.registry import hypothesis_names
from hyp.store import Store

CLAIM = "nontarget-variability"
DOCS = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"


def hyp(*arguments, **how):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **how)


def told(*arguments):
    done = hyp(*arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def judged(folder, scores):
    """The end of ``hyp test`` for two models with the scores of their units."""
    rows = [
        {"model": model, "unit": f"{model}{unit}", "score": score}
        for model, units in scores.items()
        for unit, score in enumerate(units)
    ]
    pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
    return hyp("test", folder / "scores.csv", "--group", "model", "--unit", "unit", "--json")


def test_the_end_of_a_table_tells_its_verdict(tmp_path):
    low, high = [0.1, 0.12, 0.13, 0.15, 0.19], [0.5, 0.52, 0.57, 0.6, 0.61]
    ends = {
        "supported": (0, {"a": low, "b": high}),
        "inconclusive": (0, {"a": low, "b": [*low[:2], *high[3:], 0.14]}),
        "untestable": (3, {"a": low[:3], "b": high[:3]}),
        "invalid": (4, {"a": [0.123456789] * 5, "b": high}),
    }
    for outcome, (status, scores) in ends.items():
        done = judged(tmp_path, scores)
        assert json.loads(done.stdout)["verdict"]["outcome"] == outcome
        assert done.exit_code == status, outcome


def test_the_worst_outcome_of_several_is_told_and_all_are_documented():
    assert verdict_status([]) == verdict_status(["supported", "mixed", "equivalent"]) == 0
    assert verdict_status(["untestable", "confounded", "supported"]) == 5
    table = DOCS.read_text().split("| exit status | meaning |")[1]
    for status in (0, 1, 2, 3, 4, 5, 70):
        assert f"\n| {status} |" in table


def test_an_untestable_run_is_told_by_status_and_json(tmp_path):
    store = tmp_path / "store"
    run = ["run", CLAIM, "--set", "n_seeds=3", "--store", store, "--workers", 0]
    done = hyp(*run, "--json")
    assert done.exit_code == 3
    (result,) = json.loads(done.stdout)["results"]
    assert result["verdict"]["outcome"] == "untestable"
    assert (Path(result["folder"]) / "result.json").exists()
    assert hyp(*run, "--quiet").exit_code == 3
    (found,) = told("status", "--store", store, "--json")["runs"]
    assert (found["hypothesis"], found["state"]) == (CLAIM, "finished")
    assert found["stored"] == found["steps"] == 1
    assert found["overrides"] == {"n_seeds": "3"}


def test_list_plan_and_doctor_tell_programs_what_they_tell_people(tmp_path):
    listed = told("list", "--json")
    assert [one["name"] for one in listed["hypotheses"]] == hypothesis_names()
    nowhere = ["--store", tmp_path / "none"]
    plan = told("plan", CLAIM, "--json", *nowhere)
    assert plan["hypothesis"] == CLAIM
    assert sum(stage["steps"] for stage in plan["stages"]) > 50
    assert not any(stage["measured"] for stage in plan["stages"])
    assert plan["questions"]
    (shared,) = told("run", CLAIM, "--dry-run", "--json", *nowhere)["plans"]
    assert shared["steps"] == sum(stage["to_compute"] for stage in plan["stages"])
    assert not (tmp_path / "none").exists()
    report = told("doctor", "--offline", "--folder", tmp_path / "environment", "--json")
    assert (report["state"], report["network"]) == ("absent", None)


@pytest.mark.parametrize("command", ["plan", "run", "neural score"])
def test_every_command_with_workers_knows_the_same_words(command, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    store, words = Store.create(tmp_path), [*command.split(), CLAIM, "--store", tmp_path]
    sentence = "--workers takes a number of processes, or gpu; not 'many'"
    assert sentence in str(hyp(*words, "--workers", "many").exception)
    if command == "neural score":  # there is no recording, which is said first
        with pytest.raises(HypError, match="no GPU is seen on this machine"):
            compute_alignments([], store, "gpu", None)
    else:
        done = hyp(*words, "--workers", "gpu")
        assert "no GPU is seen on this machine" in str(done.exception)


def test_json_has_a_word_for_what_is_no_number():
    assert json.loads(as_json({"a": [float("nan"), float("inf"), (1, Path("b"))]})) == {
        "a": [None, None, [1, "b"]]
    }


@pytest.fixture
def as_before():
    """The logger is left as it was found."""
    logger = logging.getLogger("hyp")
    level, handlers, propagate = logger.level, list(logger.handlers), logger.propagate
    yield
    logger.setLevel(level)
    logger.handlers, logger.propagate = handlers, propagate


@pytest.mark.usefixtures("as_before")
def test_a_run_is_logged_where_it_is_asked_for(tmp_path):
    file, run = tmp_path / "hyp.log", ["run", CLAIM, "--set=n_seeds=3"]
    rest = start_logging([*run, "--log-file", str(file), f"--store={tmp_path / 's'}", "-q"])
    assert rest == [*run, f"--store={tmp_path / 's'}", "-q"]
    assert hyp(*rest).exit_code == 3
    lines = file.read_text().splitlines()
    assert f"INFO hyp.hypotheses.run_record: {CLAIM}, profile laptop: 1 of 1 steps" in lines[0]
    assert [line.rpartition(": ")[2] for line in lines[1:3]] == ["running", "done"]
    assert "finished after" in lines[-1]


@pytest.mark.usefixtures("as_before")
def test_a_log_that_cannot_be_written_is_told_once_and_ends_nothing(capsys):
    start_logging(["list", "--log-file", "/dev/full"])
    for _ in range(3):
        logging.getLogger("hyp").info("something")
    assert capsys.readouterr().err == (
        "note: cannot write /dev/full: the disk is full; free some space; nothing more is logged.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--log-level", "loud"], "'loud' is none of debug, info, warning, error"),
        (["--log-level=info", "--log-level=info"], "--log-level is given more than once"),
        (["list", "--log-file"], "--log-file takes a value"),
        (["--log-file", "s3://lab/log"], "s3://lab/log is an address"),
        (["--log-file", "nowhere/hyp.log"], "there is no folder nowhere"),
    ],
)
def test_logging_that_cannot_be_is_one_sentence(arguments, words):
    with pytest.raises(HypError, match=words):
        start_logging(arguments)


def test_nothing_is_taken_after_two_dashes_and_nothing_is_logged_unasked():
    assert start_logging(["list", "--", "--log-level"]) == ["list", "--", "--log-level"]
    assert [type(one) for one in logging.getLogger("hyp").handlers] == [logging.NullHandler]


def test_the_shell_completes_names_of_hypotheses():
    asked = {"_HYP_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    for verb in ("run", "plan", "show", "design", "freeze", "report"):
        done = hyp(env=asked | {"COMP_WORDS": f"hyp {verb} nontarget-"}, prog_name="hyp")
        assert done.stdout.split() == ["nontarget-variability", "nontarget-similarity"], verb
