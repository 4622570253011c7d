"""Importing scores that somebody has already."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hyp.errors import HypError
from hyp.metrics.brainscore.tables import COLUMNS, neural_mean, read_score_table

PAPER = """model,benchmark_region,benchmark_id,mapped_layer,score,error,exp_group
m0,V1,FreemanZiemba2013public.V1-pls,layer1.0.relu,0.25,0.01,distance
m0,IT,MajajHong2015public.IT-pls,layer3.1.relu,0.5,0.02,distance
m0,behavior,Rajalingham2018public-i2n,avgpool,0.125,,distance
"""
BOARD = """# Generated on 2026-01-01T00:00:00.000Z (UTC)
# Date from 2020-08-27T10:32:07.000Z to 2026-01-01T00:00:00.000Z
"Rank","Model","Model ID","average_vision_v0","V4_v0","MajajHong2015.V4-pls_v3"
"1","yudixie_resnet18_distance","2201","0.4","0.45","0.5"
"2","alexnet","7","X","","0.25"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_papers_csv_keeps_every_number(tmp_path: Path) -> None:
    table = read_score_table(write(tmp_path, PAPER))
    assert list(table.columns) == [*COLUMNS, "group"]
    assert table["score"].tolist() == [0.25, 0.5, 0.125]
    assert table["error"].tolist()[:2] == [0.01, 0.02]
    assert np.isnan(table["error"].iloc[2])
    assert table["region"].tolist() == ["V1", "IT", "behavior"]
    assert table["layer"].tolist() == ["layer1.0.relu", "layer3.1.relu", "avgpool"]
    assert table["ceiling"].isna().all()
    assert set(table["group"]) == {"distance"}


def test_a_leaderboard_export_becomes_one_row_a_score(tmp_path: Path) -> None:
    table = read_score_table(write(tmp_path, BOARD))
    assert list(table.columns) == list(COLUMNS)
    got = {(row.model, row.benchmark): (row.score, row.region) for row in table.itertuples()}
    assert got == {
        ("yudixie_resnet18_distance", "average_vision"): (0.4, ""),
        ("yudixie_resnet18_distance", "V4"): (0.45, "V4"),
        ("yudixie_resnet18_distance", "MajajHong2015.V4-pls"): (0.5, "V4"),
        ("alexnet", "MajajHong2015.V4-pls"): (0.25, "V4"),
    }


def test_the_neural_mean_counts_each_region_once_and_needs_all(tmp_path: Path) -> None:
    rows = ["model,benchmark_region,benchmark_id,score"]
    for region, score in (("V1", 0.1), ("V2", 0.2), ("V4", 0.3), ("IT", 0.4)):
        rows.append(f"whole,{region},b.{region},{score}")
    rows.append("whole,IT,other.IT,0.8")  # IT: 0.6
    rows.append("part,V1,b.V1,0.9")
    means = neural_mean(read_score_table(write(tmp_path, "\n".join(rows))))
    assert means["model"].tolist() == ["whole"]
    assert means["score"].iloc[0] == pytest.approx((0.1 + 0.2 + 0.3 + 0.6) / 4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "neither the paper's"),
        (PAPER.replace("0.25", "high"), "the score 'high', which is no number"),
        (PAPER + PAPER.splitlines()[1] + "\n", "scores m0 on FreemanZ.* more than once"),
        ("", "is empty"),
        (PAPER.splitlines()[0] + "\n", "holds no scores"),
        ("Rank,Model\n1,alexnet\n", "no column of a benchmark"),
        ("Rank,Model,V1,V1\n1,alexnet,0.5,0.6\n", "has several columns V1; rename or remove"),
        ("model,benchmark,score\na,b,inf\n", "the score 'inf', which is no number"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(HypError, match=sentence) as caught:
        read_score_table(write(tmp_path, text))
    assert "\n" not in str(caught.value)


TIDY = """model;benchmark;score;flops
a;MajajHong2015public.IT-pls;0,5;1,5e9
b;MajajHong2015public.IT-pls;;2e9
a;Rajalingham2018public-i2n;0,25;1,5e9
"""


def test_a_table_of_model_benchmark_and_score(tmp_path: Path) -> None:
    commas = read_score_table(write(tmp_path, TIDY.replace(",", ".").replace(";", ",")))
    assert list(commas.columns) == [*COLUMNS, "flops"]
    assert commas[["model", "region", "score", "flops"]].to_numpy().tolist() == [
        ["a", "IT", 0.5, 1.5e9],
        ["a", "behavior", 0.25, 1.5e9],
    ]
    semicolons = read_score_table(write(tmp_path, TIDY))
    assert semicolons["score"].tolist() == [0.5, 0.25]


def test_scores_of_a_public_repository(tmp_path: Path) -> None:
    """Rows as epflneuroailab/scaling-primate-vvs publishes them, compressed; MIT licence."""
    rows = [
        "model_id,arch,n_params,seed,benchmark_name,region,score",
        "alexnet_ecoset_100_seed-0,alexnet,61100840.0,0,"
        "movshon.FreemanZiemba2013public.V1-pls,V1,0.21767583100620883",
        "alexnet_ecoset_100_seed-0,alexnet,61100840.0,0,movshon.FreemanZiemba2013public.V2-pls,V2,",
        "alexnet_ecoset_100_seed-0,alexnet,61100840.0,0,"
        "dicarlo.Rajalingham2018public-i2n,Behavioral,0.125",
    ]
    path = tmp_path / "scores.csv.gz"
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    table = read_score_table(path)
    assert table["region"].tolist() == ["V1", "behavior"]
    assert table["score"].tolist() == [0.21767583100620883, 0.125]
    assert table["n_params"].tolist() == [61100840.0] * 2
    assert table["model"].unique().tolist() == ["alexnet_ecoset_100_seed-0"]


def test_two_submissions_of_one_name_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    table = read_score_table(write(tmp_path, BOARD + '"3","alexnet","8","0.5","","0.75"\n'))
    board = table[table["benchmark"] == "MajajHong2015.V4-pls"].set_index("model")["score"]
    assert board.to_dict() == {
        "yudixie_resnet18_distance": 0.5,
        "alexnet (7)": 0.25,
        "alexnet (8)": 0.75,
    }
    tidy = "model,model_id,benchmark,score\nnet,1,b.IT,0.5\nnet,2,b.IT,0.25\nother,3,b.IT,1\n"
    found = read_score_table(write(tmp_path, tidy)).set_index("model")["score"].to_dict()
    assert found == {"net (1)": 0.5, "net (2)": 0.25, "other": 1.0}
    again = tidy + "net,1,b.IT,0.5\n"
    with pytest.raises(HypError, match=r"scores net \(1\) on b\.IT more than once"):
        read_score_table(write(tmp_path, again))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HypError, match=r"there is no file .*nothing\.csv"):
        read_score_table(tmp_path / "nothing.csv")


def test_names_are_kept_whole_and_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("# a comment\nscore,benchmark,model\n0.5,b.IT,net#1\n0.6,b.IT, net#2\n")
    assert read_score_table(path)["model"].tolist() == ["net#1", "net#2"]
    path.write_text("model_id,model_identifier,benchmark,score\n1,a,b.IT,0.5\n2,b,b.IT,0.6\n")
    assert read_score_table(path)["model"].tolist() == ["a", "b"]
    path.write_text("model,benchmark,score\nnet ,b.IT,0.5\nnet,b.IT,0.6\n")
    with pytest.raises(HypError, match=r"scores net on b\.IT more than once"):
        read_score_table(path)
    path.write_text("model,benchmark,score\n,b.IT,0.5\nnet,b.IT,0.6\n")
    with pytest.raises(HypError, match=r"model of .* is missing in 1 of 2 rows"):
        read_score_table(path)
