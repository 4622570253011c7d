"""Tables whose columns or labels are easily mistaken for others."""

import pandas as pd
import pytest

from hyp.errors import HypError
from hyp.stats.score_files import read_score_file
from hyp.stats.table import judge_table
from hyp.tables import read_table

PAIRED = [(0.9 + k / 1000, 0.5, 0.7) for k in range(8)]


def written(folder, header, rows, name="scores.csv"):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("end", ["", ","])
def test_a_comma_at_every_end_shifts_no_column(tmp_path, end):
    rows = [f"{k},{a},{b},{c}{end}" for k, (a, b, c) in enumerate(PAIRED)]
    path = written(tmp_path, "subject,a,b,c", rows)
    judged = judge_table(path, wide=["a", "b"], paired="subject")
    assert judged.verdict.prediction == "a > b"
    assert read_table(path)["a"].tolist() == [str(a) for a, _, _ in PAIRED]


def test_decimal_commas_are_no_further_fields(tmp_path):
    path = written(tmp_path, "subject,a,b", [f"{k},0,8{k},0,2{k}" for k in range(8)])
    for read in (read_score_file, read_table):
        with pytest.raises(HypError, match="2 fields more than the header"):
            read(path)
    one = written(tmp_path, "subject,a", [f"{k},0,8{k}" for k in range(8)])
    with pytest.raises(HypError, match="1 field more than the header"):
        read_score_file(one)


def test_row_names_of_r_are_no_column(tmp_path):
    path = written(tmp_path, "a\tb", [f'"{k}"\t0.{k}\t0.9' for k in range(1, 5)], "scores.tsv")
    assert read_score_file(path)["a"].tolist() == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("labels", [("1.0", "1.1", "1.10"), ("0010", "010", "02")])
def test_labels_that_look_like_numbers_stay_apart(tmp_path, labels):
    rows = [f"{label},{seed},0.{seed}{k}" for k, label in enumerate(labels) for seed in range(5)]
    judged = judge_table(
        written(tmp_path, "model,seed,score", rows), group="model", unit="seed", unpaired=True
    )
    assert judged.groups == labels


@pytest.mark.parametrize(
    "twin", ["sA{} ", "SA{}", "sA{}\u200b", "\uff53A{}"], ids=["space", "capital", "unseen", "wide"]
)
@pytest.mark.parametrize("column", ["seed", "model"])
def test_labels_that_look_alike_are_asked_about(twin, column):
    table = pd.DataFrame(
        [
            {"model": f"{group}sA", "seed": f"sA{k}", "score": 0.1 * k + (group == "B")}
            for group in "AB"
            for k in range(3)
        ]
    )
    other = table.copy()
    other[column] = [twin.format(label.removeprefix("sA")) for label in table[column]]
    if column == "model":
        other["model"] = [twin.format(label) for label in table["model"]]
        table["model"] = [f"sA{label}" for label in table["model"]]
    with pytest.raises(HypError, match="write them in one way"):
        judge_table(pd.concat([table, other]), group="model", unit="seed", unpaired=True)


def test_columns_of_one_name_in_a_workbook(tmp_path):
    pytest.importorskip("openpyxl")
    table = pd.DataFrame([["A", 0, 0.1, 0.2], ["B", 1, 0.3, 0.4]])
    table.columns = ["model", "seed", "score", "score"]
    table.to_excel(tmp_path / "scores.xlsx", index=False)
    with pytest.raises(HypError, match="more than one column 'score'"):
        read_score_file(tmp_path / "scores.xlsx")


@pytest.mark.parametrize("form", ["{:.1f}%", "{:.3f}"])
def test_a_margin_in_points_of_percent_is_asked_about(form):
    scores = [form.format(value if "%" in form else value / 100) for value in range(60, 72)]
    table = pd.DataFrame({"model": list("AB") * 6, "seed": range(12), "score": scores})
    asked = {"group": "model", "unit": "seed"}
    with pytest.raises(HypError, match=r"margin of 5; give it in their unit: .* are 0\.05"):
        judge_table(table, **asked, margin=5)
    assert judge_table(table, **asked, margin=0.04).verdict.outcome == "inconclusive"
