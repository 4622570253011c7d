"""What goes into a paper: figures one column wide, the tables behind them, methods."""

import io
import re
import zlib
from dataclasses import replace

import pandas as pd
import pytest

from command_line import hyp
from hyp.errors import HypError
from hyp.reports import write_report
from hyp.reports.material import load_material
from hyp.reports.output import FIGURES
from hyp.reports.paper_figures import METHODS_FILE, paper_files
from hyp.store import Store
from results import KINDS, LAYERS, PROVENANCE, add_run, made, write_folder

VERSIONS = {"hyp": "0.1", "numpy": "2.3", "torch": "2.10"}
TOLD = {**PROVENANCE, "versions": VERSIONS}


def flat(text):
    return " ".join(text.replace("\\", "").split())


QUESTIONS = {"pairs": 2, "tracks": 1}
FORMS = {"layers": "pdf"}


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """What one question of every kind leaves for a paper."""
    found = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        write_folder(folder, kind, **({} if kind == "layers" else {"learning": ()}))
        material = load_material(folder)
        asked = material.questions[QUESTIONS.get(kind, 0)]
        found[kind] = paper_files(
            replace(material, questions=(asked,)), TOLD, FORMS.get(kind, "svg")
        )
    return found


def tables(files, name):
    return [
        pd.read_csv(io.StringIO(text))
        for path, text in files.items()
        if path.endswith(".csv") and name in path
    ]


def test_every_figure_of_the_page_is_a_file_with_its_table(tmp_path):
    write_folder(tmp_path / "result", "layers")
    page = write_report(tmp_path / "result", tmp_path, provenance=TOLD, figures="svg")
    drawn = page.read_text().count('class="figure" role="img"')
    folder = tmp_path / FIGURES
    figures = {path.stem for path in folder.glob("*.svg")}
    assert {path.stem for path in folder.glob("*.csv")} == figures
    assert len(figures) == drawn
    assert len(list(folder.iterdir())) == 2 * drawn + 1
    methods = (folder / METHODS_FILE).read_text()
    assert all(f"`{name}`: " in methods for name in figures)


def test_no_table_is_empty(papers):
    assert all(len(table) for files in papers.values() for table in tables(files, ""))


def test_svg_is_one_column_wide_and_its_texts_are_texts(papers):
    drawn = [
        data.decode()
        for files in papers.values()
        for path, data in files.items()
        if path.endswith(".svg")
    ]
    assert len(drawn) > 20
    for text in drawn:
        assert re.search(r'<svg [^>]*width="85mm" height="[\d.]+mm"', text)
        assert "<text" in text
        assert not re.search(r"#00000[1-9a-f]", text)


def test_marks_that_the_page_explains_beside_a_figure_are_explained_in_it(papers):
    profiles = papers["pairs"]["01-own-objective-cka-unbiased.svg"].decode()
    for title in ("within cohorts", "between cohorts", "with the raw pixels"):
        assert f">{title}</text>" in profiles
    tracks = papers["tracks"]["01-both-v1.svg"].decode()
    assert all(f">{title}</text>" in tracks for title in ("distance", "category"))


def test_pdf_is_one_column_wide_with_fonts_and_the_page_s_colours(papers):
    drawn = {path: data for path, data in papers["layers"].items() if path.endswith(".pdf")}
    for data in drawn.values():
        width = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", data)[1])
        assert width == pytest.approx(85 / 25.4 * 72)
        assert b"/FontFile2" in data
        assert b"/Type3" not in data
    profile = drawn["01-helps-category.pdf"]
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", profile, flags=re.S)
    content = b"".join(map(inflated, streams)).decode("latin-1")
    used = [
        tuple(map(float, rgb)) for rgb in re.findall(r"([\d.]+) ([\d.]+) ([\d.]+) rg\b", content)
    ]
    orange, blue = (0xD5 / 255, 0x5E / 255, 0), (0, 0x72 / 255, 0xB2 / 255)
    for colour in (orange, blue):
        assert any(one == pytest.approx(colour, abs=1e-3) for one in used)
    assert all(max(one) > 0.05 for one in used)


def inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_tables_hold_what_the_comparisons_were_made_of(papers):
    result = made("layers")[4]
    for row in result.rows:
        table = pd.concat(tables(papers["layers"], "helps"))
        own = table[(table["measured"] == row.measured) & (table["layer"] == row.layer)]
        a = own[own["shown"] == row.a]
        assert a["score"].mean() == pytest.approx(row.mean_a)
        assert a["seed"].tolist() == list(range(6))
        assert own[own["shown"] == row.b]["seed"].tolist() == list(range(50, 56))
        effect = own[own["difference"].notna()]
        assert effect["difference"].item() == pytest.approx(row.difference)
        assert effect["p_corrected"].item() == pytest.approx(row.p_corrected)


def test_tables_of_pairs_maps_tracks_and_sizes(papers):
    similarities = made("pairs")[3]
    pairs = tables(papers["pairs"], "own-objective-layer4-0")[0]
    matrix = similarities.matrices["cka", LAYERS[3]]
    first = pairs.iloc[0]
    assert (first["network_a"], first["network_b"]) == (1, 2)
    assert first["similarity"] == pytest.approx(matrix[0, 1])
    assert len(pairs) == 18 * 17 // 2
    placed = tables(papers["pairs"], "own-objective-layer4-0")[1]
    assert placed.groupby("cohort")["network"].max().to_dict() == dict.fromkeys(
        ("distance", "rotation", "category"), 6
    )
    track = tables(papers["tracks"], "both-v1")[0]
    scores = made("tracks")[2]
    one = scores[(scores["kind"] == "alignment") & (scores["measured"] == "V1")]
    keys = ["seed", "batches"]
    joined = track.merge(one, on=keys, suffixes=("", "_measured"))
    assert len(joined) == len(track) == 2 * 6 * 4
    assert joined["score"].to_numpy() == pytest.approx(joined["score_measured"].to_numpy())
    sizes = tables(papers["trend"], "alignment-v1")[0]
    assert sizes["categories"].nunique() == 7
    curve = tables(papers["layers"], "loss-distance")[0]
    assert set(curve["images"]) == {"training", "held out"}
    assert curve["constant_predictor"].unique().tolist() == [1.0]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "layers",
            (
                "distance, 6 networks (seeds 0-5) trained for category in 80 batches, on 5,632",
                "5-fold cross-validation",
                "linear support vector machines (C = 0.005; accuracy)",
                "Exact Mann-Whitney tests over networks",
                "two-sided; 8 comparisons of 6 v 6 networks.",
                "corrected by Holm within families of 8 (confirmatory) comparisons, at a level of "
                "0.050; the smallest p that a comparison could have was 0.002.",
                "Software: hyp 0.1, numpy 2.3 and torch 2.10. Command: hyp run made-up.",
                "Xie, Huang, Alter, Schwartz, Tenenbaum & DiCarlo (2024)",
                "Mann, H. B. & Whitney, D. R. (1947)",
                "Holm, S. (1979)",
                "Paszke, A. et al. (2019)",
                "He, K., Zhang, X., Ren, S. & Sun, J. (2016)",
            ),
        ),
        (
            "regions",
            (
                "These responses were simulated: nobody recorded them.",
                "Differences within ±0.050 were declared not to matter.",
                "untrained, 6 networks, not trained",
                "Alignment is by PLS with the recording simulated",
                "Schuirmann, D. J. (1987)",
                "Schrimpf, M. et al. (2018)",
            ),
        ),
        (
            "pairs",
            (
                "Permutation tests over the labels of whole networks",
                "of 18 networks",
                "Similarity of networks to the same images: CKA, unbiased.",
                "Mantel, N. (1967)",
                "Song, L.",
            ),
        ),
        ("tracks", ("Repeated-measures correlation within networks", "Bakdash, J. Z.")),
        ("trend", ("Spearman's correlation over networks", "comparisons of 42 networks")),
    ],
)
def test_methods_say_what_was_done(papers, kind, told):
    text = flat(papers[kind][METHODS_FILE])
    for one in told:
        assert one in text
    assert made(kind)[4].rule in text


def test_methods_cite_nothing_that_was_not_used(papers):
    text = papers["layers"][METHODS_FILE]
    for name in ("Schrimpf", "Kornblith", "Bakdash", "Spearman, C", "Schuirmann", "Virtanen"):
        assert name not in text
    assert "simulated" not in text


def test_an_untestable_design_has_methods_and_no_figures(tmp_path):
    nothing = {"rows": (), "questions": (), "learning": (), "checks": ()}
    write_folder(tmp_path, "layers", **nothing)
    files = paper_files(load_material(tmp_path), {}, "pdf")
    assert list(files) == [METHODS_FILE]
    assert "no test could reach its level" in files[METHODS_FILE]


def test_settings_of_another_hyp_are_refused_and_nothing_is_written(tmp_path):
    settings = {**made("layers")[4].settings, "flux": 1}
    write_folder(tmp_path / "result", "layers", settings=settings)
    with pytest.raises(HypError, match="methods cannot be described"):
        write_report(tmp_path / "result", tmp_path / "out", provenance={}, figures="svg")
    assert not (tmp_path / "out").exists()


def test_the_same_result_gives_the_same_bytes(papers, tmp_path):
    write_folder(tmp_path, "layers")
    assert paper_files(load_material(tmp_path), TOLD, "pdf") == papers["layers"]


def test_the_command_writes_them_beside_the_page(tmp_path):
    store = Store.create(tmp_path / "store")
    add_run(store, "decoding", lambda folder: write_folder(folder, "layers", learning=()))
    done = hyp("report", "--store", str(store.root), "--figures", "svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = store.root / "reports" / "decoding-made-up" / FIGURES
    assert (folder / "01-helps-category.svg").is_file()
    assert (folder / METHODS_FILE).is_file()
    refused = hyp("report", "--store", str(store.root), "--figures", "gif", cwd=tmp_path)
    assert refused.returncode == 2
