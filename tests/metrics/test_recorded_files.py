"""Recordings as people have them: dialects of tables, subjects, leading zeros, missing trials."""

import gzip
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.io import savemat

from hyp.errors import HypError
from hyp.metrics.neural import (
    internal_consistency,
    leave_out_incomplete,
    neural_benchmark,
    subjects,
)
from hyp.metrics.neural.files import read_assembly, write_assembly

N_STIMULI, N_REPETITIONS, N_NEUROIDS = 10, 2, 4


def responses(first=0, **columns):
    """A long table; stimulus `s` of neuroid `v` in repetition `r` has a value of its own."""
    rows = [
        {"stimulus_id": f"{s:04d}", "repetition": r, "neuroid_id": f"v{v}", "region": "IT"}
        | {"response": 100.5 * s + 10 * v + r + 1000 * first, **columns}
        for s in range(first, first + N_STIMULI)
        for r in range(N_REPETITIONS)
        for v in range(N_NEUROIDS)
    ]
    return pd.DataFrame(rows)


def value(array, neuroid, stimulus, repetition):
    chosen = (array["stimulus_id"] == stimulus) & (array["repetition"] == repetition)
    return float(array.to_numpy()[chosen.to_numpy().nonzero()[0][0], neuroid])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.csv", {}),
        ("a.CSV", {}),
        ("a.tsv", {"sep": "\t"}),
        ("a.csv.gz", {}),
        ("a.TSV.gz", {"sep": "\t", "compression": "gzip"}),
        ("semicolons.csv", {"sep": ";"}),
        ("decimal_commas.csv", {"sep": ";", "decimal": ","}),
        ("marked.csv", {"encoding": "utf-8-sig"}),
        ("unicode_text.tsv", {"sep": "\t", "encoding": "utf-16"}),
        ("a.parquet", None),
    ],
)
def test_every_dialect_gives_the_same_responses(name, settings, tmp_path):
    table = responses()
    path = tmp_path / name
    if settings is None:
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, **settings)
    found = read_assembly(path)
    assert dict(found.sizes) == {"presentation": 20, "neuroid": 4}
    assert found["stimulus_id"].to_numpy()[0] == "0000"
    assert value(found, 2, "0003", 1) == 100.5 * 3 + 20 + 1
    back = read_assembly(write_assembly(found, tmp_path / "back.nc"))
    assert back["stimulus_id"].to_numpy().tolist() == found["stimulus_id"].to_numpy().tolist()


def test_names_stay_text_and_numbers_numbers(tmp_path):
    table = responses(object_name="007", depth=0.5)
    table["neuroid_id"] = table["neuroid_id"].str.replace("v", "00")
    table.to_csv(tmp_path / "a.csv", index=False)
    found = read_assembly(tmp_path / "a.csv")
    assert found["neuroid_id"].to_numpy().tolist() == ["000", "001", "002", "003"]
    assert set(found["object_name"].to_numpy()) == {"007"}
    assert found["depth"].dtype == float
    table.assign(neuroid_id=table["neuroid_id"].astype(float)).to_parquet(tmp_path / "f.parquet")
    assert read_assembly(tmp_path / "f.parquet")["neuroid_id"].to_numpy()[1] == "1"
    table.loc[5, "stimulus_id"] = ""
    table.to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(HypError, match=r"stimulus_id of .* is missing in 1 of 80 rows"):
        read_assembly(tmp_path / "b.csv")


@pytest.mark.parametrize("layout", ["long", "wide", "dim", "numbered"])
def test_the_subject_is_part_of_what_a_neuroid_is(layout, tmp_path):
    """Two subjects with the same voxel numbers, who saw stimuli 0 to 9 and 5 to 14."""
    one, two = responses(subject="01"), responses(5, subject="02")
    both = pd.concat([one, two])
    path = tmp_path / "a.csv"
    if layout == "long":
        both.to_csv(path, index=False)
    elif layout == "numbered":
        two["repetition"] += 2
        pd.concat([one, two]).to_csv(path, index=False)
    elif layout == "wide":
        keys = ["stimulus_id", "repetition", "subject"]
        wide = both.pivot_table(index=keys, columns="neuroid_id", values="response")
        wide.rename(columns=lambda name: f"IT/{name}").reset_index().to_csv(path, index=False)
    else:
        path = tmp_path / "a.nc"
        arrays = []
        for table in (one, two):
            wide = table.pivot_table(
                index=["stimulus_id", "repetition"], columns="neuroid_id", values="response"
            )
            arrays.append(wide)
        index = arrays[0].index.union(arrays[1].index)
        cube = np.stack([wide.reindex(index).to_numpy() for wide in arrays])
        stimulus, repetition = zip(*index, strict=True)
        xr.DataArray(
            cube,
            dims=("subject", "presentation", "neuroid"),
            coords={
                "subject": ["01", "02"],
                "stimulus_id": ("presentation", list(stimulus)),
                "repetition": ("presentation", list(repetition)),
                "neuroid_id": ("neuroid", [f"v{v}" for v in range(4)]),
                "region": ("neuroid", ["IT"] * 4),
            },
            name="x",
        ).to_netcdf(path, engine="h5netcdf")
    found = read_assembly(path)
    assert found.sizes["neuroid"] == 8
    assert subjects(found) == ["01", "02"]
    assert value(found, 1, "0007", 1) == 100.5 * 7 + 10 + 1
    later = 3 if layout == "numbered" else 1
    assert value(found, 5, "0007", later) == 100.5 * 7 + 10 + 1 + 5000
    assert np.isnan(value(found, 1, "0012", later))
    with pytest.raises(HypError, match="keep 5 of 15, leaving out incomplete neuroids 0 of 8"):
        neural_benchmark(found, "IT")
    kept = neural_benchmark(found, "IT", incomplete="stimuli")
    assert kept.stimulus_id.tolist() == [f"{s:04d}" for s in range(5, 10)]


def test_advice_does_not_average_subjects(tmp_path):
    both = pd.concat([responses(animal="a"), responses(animal="b")])
    both.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(HypError, match=r"the column animal tells them apart.*animal=subject"):
        read_assembly(tmp_path / "a.csv")
    found = read_assembly(tmp_path / "a.csv", rename={"animal": "subject"})
    assert found.sizes["neuroid"] == 8
    both.drop(columns="animal").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(HypError, match="say in a column subject whose neuroid it is"):
        read_assembly(tmp_path / "b.csv")


@pytest.mark.parametrize("layout", ["long", "wide", "nc"])
def test_unnamed_subjects_are_not_averaged(layout, tmp_path):
    """Repetitions are numbered on, so that only a column called animal tells subjects apart."""
    two = responses(animal="b").assign(repetition=lambda table: table["repetition"] + 2)
    both = pd.concat([responses(animal="a"), two])
    path = tmp_path / "a.csv"
    both.to_csv(path, index=False)
    if layout != "long":
        keys = ["stimulus_id", "repetition", "animal"]
        wide = both.pivot_table(index=keys, columns="neuroid_id", values="response")
        wide.rename(columns=lambda name: f"IT/{name}").reset_index().to_csv(path, index=False)
    if layout == "nc":
        whose = read_assembly(path, rename={"animal": "shown_to"})
        path = write_assembly(whose.rename(shown_to="animal"), tmp_path / "a.nc")
    with pytest.raises(HypError, match=r"several values of animal, .* add --rename animal=subject"):
        read_assembly(path)
    found = read_assembly(path, rename={"animal": "subject"})
    assert dict(found.sizes) == {"presentation": 40, "neuroid": 8}
    assert value(found, 6, "0003", 3) == 100.5 * 3 + 20 + 1
    assert np.isnan(value(found, 2, "0003", 3))


def test_neuroids_that_nothing_tells_apart_are_refused(tmp_path):
    found = read_assembly(_written(responses(), tmp_path / "a.csv"))
    same = found.assign_coords(neuroid_id=("neuroid", ["v0", "v1", "v0", "v3"]))
    with pytest.raises(HypError, match="neuroids 0 and 2 are both region IT, neuroid_id v0"):
        read_assembly(write_assembly(same, tmp_path / "a.nc"))
    told = same.assign_coords(subject=("neuroid", ["a", "a", "b", "b"]))
    assert read_assembly(write_assembly(told, tmp_path / "b.nc")).sizes["neuroid"] == 4


def _written(table, path):
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("layout", ["wide", "netcdf", "zarr"])
def test_the_same_repetition_twice_is_not_averaged(layout, tmp_path):
    array = read_assembly(_written(responses(), tmp_path / "whole.csv"))
    doubled = xr.concat([array, array.isel(presentation=[3])], "presentation", coords="minimal")
    path = tmp_path / {"wide": "a.csv", "netcdf": "a.nc", "zarr": "a.zarr"}[layout]
    if layout == "wide":
        table = pd.DataFrame({f"IT/v{n}": doubled[:, n].to_numpy() for n in range(N_NEUROIDS)})
        names = ("stimulus_id", "repetition")
        table.assign(**{name: doubled[name].to_numpy() for name in names}).to_csv(path, index=False)
    else:
        write_assembly(doubled, path)
    with pytest.raises(HypError, match=r"3 and 20 are both stimulus_id 0001, repetition 1; number"):
        read_assembly(path)


def test_dims_without_a_coordinate_can_be_renamed(tmp_path):
    found = read_assembly(_written(responses(), tmp_path / "a.csv"))
    theirs = found.rename(presentation="stimulus", neuroid="unit", stimulus_id="image_id")
    theirs.to_dataset(name="x").to_netcdf(tmp_path / "dims.nc", engine="h5netcdf")
    with pytest.raises(
        HypError, match=r"stimulus_2.; its variables: x .*'stimulus': 20, 'unit': 4"
    ):
        read_assembly(tmp_path / "dims.nc")
    names = {"stimulus": "presentation", "unit": "neuroid"}
    np.testing.assert_array_equal(read_assembly(tmp_path / "dims.nc", rename=names), found)
    with pytest.raises(HypError, match="has no 'trial' to rename"):
        read_assembly(tmp_path / "dims.nc", rename={"trial": "presentation"})
    with pytest.raises(HypError, match="has no column 'trial' to rename"):
        read_assembly(tmp_path / "a.csv", rename={"trial": "presentation"})
    two = found.to_dataset(name="x").assign(errors=found)
    two.to_netcdf(tmp_path / "two.nc", engine="h5netcdf")
    with pytest.raises(HypError, match=r"has x, errors; say which are .*x=response"):
        read_assembly(tmp_path / "two.nc")
    np.testing.assert_array_equal(
        read_assembly(tmp_path / "two.nc", rename={"x": "response"}), found
    )


def test_matlab_and_nwb_are_named_and_nothing_else_is_said(tmp_path):
    savemat(tmp_path / "old.h5", {"x": np.ones((3, 3))})
    with h5py.File(tmp_path / "new.h5", "w", userblock_size=512) as file:
        file["x"] = np.ones((3, 3))
    with (tmp_path / "new.h5").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    with h5py.File(tmp_path / "nwb.h5", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file["acquisition/x"] = np.ones(3)
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["x"] = np.ones((3, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, kind in (("old", "MATLAB"), ("new", "MATLAB"), ("nwb", "NWB")):
            with pytest.raises(HypError, match=rf"{name}\.h5 is a {kind} file.*long table"):
                read_assembly(tmp_path / f"{name}.h5")
        with pytest.raises(HypError, match="one variable with the dims presentation and neuroid"):
            read_assembly(tmp_path / "plain.h5")


def test_files_are_named_by_what_they_hold_not_by_what_they_are_called(tmp_path):
    table = responses()
    table.to_csv(tmp_path / "a.csv", index=False)
    savemat(tmp_path / "a.mat", {"x": np.ones((3, 3))})
    np.savez(tmp_path / "a.npz", x=np.ones((3, 3)))
    table.to_parquet(tmp_path / "a.parquet")
    table.to_csv(tmp_path / "a.csv.gz", index=False)
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
    for theirs, name, words in (
        ("a.mat", "m.csv", "is a MATLAB file, .* export the responses"),
        ("a.mat", "m.parquet", "is a MATLAB file, .* export the responses"),
        ("a.nwb", "w.tsv", "is a NWB file, .* export the responses"),
        ("a.npz", "n.csv", "is a ZIP file, as those of Excel and NumPy are, whatever"),
        ("a.csv.gz", "g.csv", "is compressed by gzip, whatever its name says"),
        ("a.csv", "c.csv.gz", "is not compressed by gzip, whatever its name says"),
        ("a.csv", "c.parquet", "is not a Parquet file, whatever its name says"),
        ("a.parquet", "p.nc", "is a Parquet file, not NetCDF"),
    ):
        (tmp_path / name).write_bytes((tmp_path / theirs).read_bytes())
        with pytest.raises(HypError, match=words):
            read_assembly(tmp_path / name)
    table.assign(note="café").to_csv(tmp_path / "l.csv", index=False, encoding="latin-1")
    with pytest.raises(HypError, match="no text in UTF-8; save it as CSV UTF-8"):
        read_assembly(tmp_path / "l.csv")
    table.astype({"response": object}).replace({"response": {110.5: "n/a"}}).to_csv(
        tmp_path / "w.csv", index=False
    )
    with pytest.raises(HypError, match="more than numbers, such as 'n/a'; leave cells"):
        read_assembly(tmp_path / "w.csv")


def test_columns_of_one_name_are_refused(tmp_path):
    """A reader of CSV would call the second ``IT/v0.1`` and take it for another neuroid."""
    (tmp_path / "a.csv").write_text("stimulus_id,IT/v0,IT/v0\n1,0.5,0.7\n2,0.1,0.2\n")
    with pytest.raises(HypError, match=r"a.csv has several columns IT/v0; rename or remove"):
        read_assembly(tmp_path / "a.csv")


def test_a_damaged_compressed_table_is_one_sentence(tmp_path):
    whole = gzip.compress(responses().to_csv(index=False).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HypError, match="cannot be read as a table"):
        read_assembly(tmp_path / "a.csv.gz")


def test_trials_missing_here_and_there(tmp_path):
    """Means by pandas; the ceiling stands on the stimuli that were repeated."""
    rng = np.random.default_rng(0)
    table = responses()
    table["response"] = rng.normal(size=len(table)) + table["response"] / 100
    lacking = table.drop(index=[3, 17, 40])
    found = neural_benchmark(read_assembly(_written(lacking, tmp_path / "a.csv")), "IT")
    means = lacking.pivot_table(index="stimulus_id", columns="neuroid_id", values="response")
    np.testing.assert_allclose(found.responses, means.loc[found.stimulus_id], rtol=1e-12)
    assert 0.5 < internal_consistency(found).value < 1
    gone = table[(table["stimulus_id"] != "0002") | (table["neuroid_id"] != "v1")]
    assembly = read_assembly(_written(gone, tmp_path / "b.csv"))
    assert neural_benchmark(assembly, "IT", incomplete="stimuli").n_stimuli == 9
    assert leave_out_incomplete(assembly, "neuroids")["neuroid_id"].to_numpy().tolist() == [
        *("v0", "v2", "v3")
    ]
    single = table[table["repetition"] == 0].drop(columns="repetition")
    benchmark = neural_benchmark(read_assembly(_written(single, tmp_path / "c.csv")), "IT")
    assert benchmark.halves == ()
    with pytest.raises(HypError, match="score it without one"):
        internal_consistency(benchmark)
