"""``hyp brainscore`` and ``hyp score`` as a user meets them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from brainscore_stand_in import stand_in
from hyp.cli.brainscore import brainscore_app, score_models
from hyp.errors import HypError
from hyp.stats.score_files import read_score_file

app = typer.Typer()
app.add_typer(brainscore_app, name="brainscore")
app.command("score")(score_models)
IT = "MajajHong2015public.IT-pls"


def hyp(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = hyp(*arguments)
    assert isinstance(result.exception, HypError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    return stand_in(tmp_path / "env", (IT,)).folder


def test_the_doctor_says_what_to_do(tmp_path: Path, environment: Path) -> None:
    nothing = hyp("brainscore", "doctor", "--offline", "--folder", tmp_path / "none")
    assert nothing.exit_code == 0
    assert "make it with: hyp brainscore install" in nothing.output
    ready = hyp("brainscore", "doctor", "--offline", "--folder", environment).output
    assert "ready" in ready
    assert "brainscore-vision 2.4.2" in ready
    assert "not asked" in ready
    assert all(len(line) <= 80 for line in ready.splitlines())


def test_installing_what_is_there_says_so_and_a_bad_place_is_refused(
    tmp_path: Path, environment: Path
) -> None:
    result = hyp("brainscore", "install", "--folder", environment)
    assert result.exit_code == 0
    assert "brainscore-vision 2.4.2" in result.output
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    assert "name another --folder" in refusal(
        "brainscore", "install", "--folder", tmp_path / "mine"
    )


def test_imported_scores_are_read_by_hyp_test(tmp_path: Path) -> None:
    table, tidy = tmp_path / "brainscore_results.csv", tmp_path / "tidy.csv"
    table.write_text(
        "model,benchmark_region,benchmark_id,mapped_layer,score,error,exp_group\n"
        f"m0,IT,{IT},layer4.0.relu,0.5,0.01,distance\n"
    )
    result = hyp("brainscore", "import", table, "--out", tidy)
    assert result.exit_code == 0
    assert "1 scores of 1 models" in result.output
    read: pd.DataFrame = read_score_file(tidy)
    assert read.loc[0, ["model", "region", "benchmark", "score", "layer"]].tolist() == [
        *("m0", "IT", IT, 0.5, "layer4.0.relu")
    ]
    assert "there is no file" in refusal("brainscore", "import", tmp_path / "no", "--out", tidy)


def test_what_cannot_be_scored_is_said_before_anything_starts(
    tmp_path: Path, environment: Path
) -> None:
    weights = tmp_path / "net.pt"
    weights.write_bytes(b"no weights")
    out = tmp_path / "out"
    common = ("--out", out, "--folder", environment)
    wrong = {
        "is absent; make it with": (
            *(weights, "--benchmark", IT, "--out", out, "--folder", tmp_path / "none"),
        ),
        "did you mean MajajHong2015public.IT-pls": (weights, "--benchmark", f"{IT}x", *common),
        "give --architecture": (weights, "--benchmark", IT, *common),
        "no finished model": (tmp_path, "--benchmark", IT, *common),
        "is no benchmark folder": (weights, "--benchmark", tmp_path, *common),
        "is not REGION=LAYER": (*(weights, "--benchmark", IT, "--region-layer", "V4", *common),),
        "holds no state dict": (
            *(weights, "--benchmark", IT, "--architecture", "resnet18", *common),
        ),
    }
    for sentence, arguments in wrong.items():
        assert sentence in refusal("score", *arguments)
    assert not out.exists()
