"""``hyp test`` as a user types it."""

import json

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

import command_line

ROLES = ["--group", "objective", "--unit", "seed", "--fold", "fold", "--family", "layer"]
ROLES += ["--unpaired"]


def hyp(*arguments):
    return command_line.hyp("test", *arguments)


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = [
        {
            "objective": objective,
            "seed": seed,
            "layer": layer,
            "fold": fold,
            "score": 0.5 + shift * (layer == "layer4.0.relu") + rng.normal(0, 0.01),
        }
        for objective, shift in (("supervised", 0.2), ("contrastive <b>", 0))
        for seed in range(6)
        for layer in ("layer1.0.relu", "layer4.0.relu")
        for fold in range(3)
    ]
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_the_page_says_what_can_and_what_cannot_be_concluded(scores):
    done = hyp(scores, *ROLES)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "Supported: supervised > contrastive",
        "What the scores show",
        "What they do not show",
        "What would settle it",
        "In layer1.0.relu: that",
        "6 v 6",
        "How it was done",
    ):
        assert words in done.stdout, words
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_json_and_report(scores, tmp_path):
    out = tmp_path / "report.html"
    done = hyp(scores, *ROLES, "--json", "--margin", 0.05, "--out", out)
    assert done.returncode == 0, done.stderr
    judged = json.loads(done.stdout)
    assert judged["verdict"]["prediction"] == "supervised > contrastive <b>"
    page = out.read_text()
    assert "contrastive &lt;b&gt;" in page
    assert "contrastive <b>" not in page
    assert page.count('class="units"') == 4
    assert page.count('class="effect"') == 2
    assert page.count('class="margin"') == 1
    for sentence in judged["concluded"] + judged["not_concluded"] + judged["would_settle"]:
        assert str(escape(sentence)) in page
    again = tmp_path / "again.html"
    hyp(scores, *ROLES, "--margin", 0.05, "--out", again)
    assert again.read_text() == page


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_figures_for_a_paper_lie_beside_the_page(scores, tmp_path, form):
    out = tmp_path / "mine.html"
    asked = (scores, *ROLES, "--margin", 0.05, "--out", out, "--figures", form)
    assert hyp(*asked).returncode == 0
    folder = tmp_path / "mine-figures"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    drawn = ("01-score-units", "02-score-differences")
    tables = {f"{name}.{suffix}" for name in drawn for suffix in (form, "csv")}
    assert set(files) == {*tables, "methods.md"}
    units = pd.read_csv(folder / "01-score-units.csv")
    given = pd.read_csv(scores).groupby(["layer", "objective", "seed"])["score"].mean()
    means = units.groupby(["comparison", "group"])["score"].mean()
    assert len(units) == len(given) == 24
    assert means.to_numpy() == pytest.approx(given.groupby(["layer", "objective"]).mean())
    effects = pd.read_csv(folder / "02-score-differences.csv")
    assert effects["layer"].tolist() == ["layer1.0.relu", "layer4.0.relu"]
    told = " ".join(files["methods.md"].decode().replace("\\", "").split())
    for words in (
        "6 v 6; unit: seed",
        "two-sided: Mann-Whitney. p were corrected by Holm's method within families of 2",
        "Differences within ±0.050 were declared not to matter.",
        "Holm, S. (1979)",
        "Mann, H. B.",
        "Schuirmann",
        "Software: hyp",
    ):
        assert words in told, words
    assert hyp(*asked).returncode == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_figures_need_a_page_and_spare_other_people_s_files(scores, tmp_path):
    done = hyp(scores, *ROLES, "--figures", "svg")
    assert done.returncode == 1
    assert "say where that goes: --out PAGE.html" in done.stderr
    (tmp_path / "a-figures").mkdir()
    (tmp_path / "a-figures" / "methods.md").write_text("mine")
    done = hyp(scores, *ROLES, "--out", tmp_path / "a.html", "--figures", "svg")
    assert done.returncode == 1
    assert (tmp_path / "a-figures" / "methods.md").read_text() == "mine"
    assert not (tmp_path / "a.html").exists()


def test_a_paired_spreadsheet_says_the_same_everywhere(tmp_path):
    rng = np.random.default_rng(1)
    subject = rng.normal(0.5, 0.2, 9)
    sheet = pd.DataFrame({"subject": range(9), "vit": subject + 0.1, "resnet": subject})
    sheet["vit"] += rng.normal(0, 0.02, 9)
    sheet.round(4).to_csv(tmp_path / "sheet.csv", index=False, sep=";", decimal=",")
    out = tmp_path / "page.html"
    roles = [tmp_path / "sheet.csv", "--wide", "vit,resnet", "--paired", "subject"]
    done = hyp(*roles, "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    judged = json.loads(done.stdout)
    assert judged["headline"] == "Supported: vit > resnet"
    assert judged["comparisons"][0]["p"] == 2 / 2**9
    page, shown = out.read_text(), " ".join(hyp(*roles).stdout.replace("│", " ").split())
    sentences = [judged["verdict"]["sentence"], *judged["not_concluded"], *judged["notes"]]
    for sentence in sentences:
        assert str(escape(sentence)) in page, sentence
        assert sentence.split(" (")[0] in shown.replace("• ", ""), sentence
    assert "9 pairs" in page
    assert "9 pairs" in shown


def test_three_groups_show_letters_in_the_terminal_and_on_the_page(tmp_path):
    rows = [
        {"net": f"{name}{unit}", "model": name, "score": mean + 0.001 * unit**1.1}
        for name, mean in (("a", 0.5), ("b", 0.6), ("c", 0.601))
        for unit in range(6)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    out = tmp_path / "page.html"
    done = hyp(tmp_path / "scores.csv", "--group", "model", "--unit", "net", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Supported: the groups differ" in done.stdout
    assert "groups that share a letter" in done.stdout
    assert "Which groups differ" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--group", "objective", "--unit", "network"], "no column 'network'"),
        ([*ROLES, "--between", "supervised"], "does not name two groups"),
        ([*ROLES, "--value", "layer"], "named twice"),
        ([*ROLES, "--value", "score", "--value", "loss"], "--value is given more than once"),
        ([*ROLES, "--fold", "layer"], "--fold is given more than once"),
        ([one for one in ROLES if one != "--unpaired"], "say --paired seed"),
        ([*ROLES, "--wide", "a", "--wide", "group=b"], "cannot do both"),
        ([*ROLES, "--out", "page.pdf"], "does not end in .html"),
        ([*ROLES, "--out", "/nowhere/page.html"], "there is no folder"),
    ],
)
def test_bad_input_is_one_sentence(scores, arguments, words):
    done = hyp(scores, *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
