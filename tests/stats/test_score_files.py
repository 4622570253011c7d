import pandas as pd
import pytest

from hyp.errors import HypError
from hyp.stats.score_files import read_score_file

TABLE = pd.DataFrame({"group": ["a", "a", "b"], "seed": [0, 1, 0], "score": [0.25, 0.5, 0.75]})


def cube():
    return TABLE.set_index(["group", "seed"]).to_xarray()


WRITERS = {
    "scores.csv": lambda path: TABLE.to_csv(path, index=False),
    "scores.csv.gz": lambda path: TABLE.to_csv(path, index=False),
    "scores.TSV": lambda path: TABLE.to_csv(path, index=False, sep="\t"),
    "scores.csv.bz2": lambda path: TABLE.to_csv(path, index=False),
    "scores.csv.zip": lambda path: TABLE.to_csv(path, index=False),
    "scores.tsv.gz": lambda path: TABLE.to_csv(path, index=False, sep="\t"),
    "semicolons.csv": lambda path: TABLE.to_csv(path, index=False, sep=";"),
    "utf16.csv": lambda path: TABLE.to_csv(path, index=False, encoding="utf-16"),
    "marked.csv": lambda path: TABLE.to_csv(path, index=False, encoding="utf-8-sig"),
    "scores.jsonl": lambda path: TABLE.to_json(path, orient="records", lines=True),
    "scores.json": lambda path: TABLE.to_json(path, orient="records"),
    "scores.parquet": lambda path: TABLE.to_parquet(path, index=False),
    "indexed.parquet": lambda path: TABLE.set_index(["group", "seed"]).to_parquet(path),
    "scores.nc": lambda path: cube().to_netcdf(path, engine="h5netcdf"),
    "old.nc": lambda path: cube().to_netcdf(path, engine="scipy"),
    "scores.zarr": lambda path: cube().to_zarr(path),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_kind_gives_the_same_table(tmp_path, name):
    WRITERS[name](tmp_path / name)
    table = read_score_file(tmp_path / name)
    found = table[["group", "seed", "score"]].astype({"group": str})
    pd.testing.assert_frame_equal(found, TABLE.astype({"group": str}), check_dtype=False)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scores.docx", b"PK", "of no kind that can be read"),
        ("scores.xlsx", b"group,seed", "is no workbook"),
        ("scores.xlsx", b"PK", "needs the package openpyxl|it should be .xlsx"),
        ("scores.parquet.gz", b"PAR1", "is compressed; unpack it"),
        ("scores.csv", b"a,b\n1\x00,2", "null bytes"),
        ("scores.csv", b"a,a\n1,2", "more than one column 'a'"),
        ("scores.csv", b"a;b,c\n1;2,3", "could be separated by ',' or ';'"),
        ("scores.csv", b"", "is empty"),
        ("scores.csv", b"a,b\n", "holds no scores"),
        ("scores.csv", b'a,b\n1,2\n3,"4,5\n6', "it should be .csv"),
        ("scores.csv", b"\xff\xfe\x00", "is empty"),
        ("scores.parquet", b"PAR1", "it should be .parquet"),
        ("scores.nc", b"\x89HDF\r\n\x1a\nshort", "it should be .nc"),
    ],
)
def test_rubbish_is_one_sentence(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HypError, match=message) as caught:
        read_score_file(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(HypError, match="there is no file"):
        read_score_file(tmp_path / "scores.csv")


def test_only_an_empty_cell_is_missing(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("group,seed,score\nNone,0,1\nNA,0,\nnull,0,n/a\n")
    table = read_score_file(path)
    assert table["group"].tolist() == ["None", "NA", "null"]
    assert table["score"].isna().tolist() == [False, True, False]


def test_an_encoding_that_is_not_utf8_is_told(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_bytes("group,score\nGrün,1\n".encode("latin-1"))
    table = read_score_file(path)
    assert table["group"].tolist() == ["Grün"]
    assert "is not UTF-8" in table.attrs["hyp_notes"][0]


def test_sheets_of_a_workbook_are_asked_about(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "scores.xlsx"
    with pd.ExcelWriter(path) as book:
        TABLE.to_excel(book, sheet_name="runs", index=False)
        TABLE.assign(score=0.0).to_excel(book, sheet_name="old", index=False)
        pd.DataFrame().to_excel(book, sheet_name="empty")
    with pytest.raises(HypError, match="has the sheets runs, old; name one with --sheet"):
        read_score_file(path)
    pd.testing.assert_frame_equal(read_score_file(path, sheet="runs"), TABLE, check_dtype=False)
    with pytest.raises(HypError, match="no sheet 'new'; it has runs, old"):
        read_score_file(path, sheet="new")
