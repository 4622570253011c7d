"""Recordings in and out: NetCDF, Zarr, tables; what is refused, and with which sentence."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hyp.errors import HypError
from hyp.metrics.neural.assembly import (
    average_repetitions,
    check_assembly,
    drop_constant_neuroids,
    regions,
    select_region,
    sort_like_brainscore,
)
from hyp.metrics.neural.files import read_assembly, write_assembly

N_STIMULI, N_REPETITIONS, N_NEUROIDS, N_BINS = 6, 3, 5, 4


@pytest.fixture(name="assembly")
def recorded():
    """All repetitions of stimulus c, then of b, ..., presented in a shuffled order."""
    rng = np.random.default_rng(0)
    order = rng.permutation(N_STIMULI * N_REPETITIONS)
    stimulus, repetition = order % N_STIMULI, order // N_STIMULI
    names = np.array(list("cbafed"), dtype=object)
    return xr.DataArray(
        rng.standard_normal((len(order), N_NEUROIDS, N_BINS)),
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", names[stimulus]),
            "repetition": ("presentation", repetition),
            "object_name": ("presentation", np.array(["car", "dog"], dtype=object)[stimulus % 2]),
            "neuroid_id": ("neuroid", np.array([f"site{i}" for i in range(5)], dtype=object)),
            "region": ("neuroid", np.array(["V4", "IT", "IT", "V4", "IT"], dtype=object)),
            "depth": ("neuroid", np.arange(5) / 2),
            "time_bin_start": ("time_bin", np.arange(N_BINS) * 10),
            "time_bin_end": ("time_bin", np.arange(N_BINS) * 10 + 10),
        },
        attrs={"identifier": "lab"},
    )


def _same(found, expected):
    assert found.dims == expected.dims
    np.testing.assert_array_equal(found, expected)
    assert set(found.coords) == set(expected.coords)
    for name, coord in expected.coords.items():
        assert found[name].dims == coord.dims
        np.testing.assert_array_equal(found[name].to_numpy(), coord.to_numpy())


@pytest.mark.parametrize("name", ["a.nc", "a.zarr", "plain_folder"])
def test_written_and_read_again(assembly, tmp_path, name):
    path = write_assembly(assembly, tmp_path / "new" / name)
    found = read_assembly(path)
    _same(found, assembly)
    assert list(found.coords) == list(assembly.coords)
    assert found.attrs["identifier"] == "lab"
    opener = xr.open_dataset if name.endswith(".nc") else xr.open_zarr
    with opener(path) as plain:
        np.testing.assert_array_equal(plain["response"], assembly)
    assert [item.name for item in path.parent.iterdir()] == [name]
    with pytest.raises(HypError, match="exists already"):
        write_assembly(assembly, path)


def test_reads_brain_scores_own_layout(assembly, tmp_path):
    """A bare DataArray under its own name, dims in another order, image_id as bytes, one bin."""
    theirs = assembly.isel(time_bin=[0]).transpose("neuroid", "presentation", "time_bin")
    theirs = theirs.rename(stimulus_id="image_id").rename("dicarlo.Some.public")
    theirs["image_id"] = theirs["image_id"].astype("S")
    theirs.to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf")
    found = read_assembly(tmp_path / "theirs.nc")
    assert found.dims == assembly.dims
    assert found["stimulus_id"].to_numpy().tolist() == assembly["stimulus_id"].to_numpy().tolist()
    expected = assembly.isel(neuroid=[1, 2, 4], time_bin=0)
    np.testing.assert_array_equal(select_region(found, "IT"), expected)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_reads_long_tables(assembly, tmp_path, ending):
    table = assembly.to_dataframe("spikes").reset_index(drop=True)
    table = table.rename(columns={"neuroid_id": "unit_id"})
    path = tmp_path / f"long{ending}"
    table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path)
    found = read_assembly(path, rename={"unit_id": "neuroid_id", "spikes": "response"})
    assert found["depth"].dims == ("neuroid",)
    assert found["object_name"].dims == ("presentation",)
    _same(found, assembly)


def test_rows_of_a_long_table_may_be_missing_and_in_any_order(assembly, tmp_path):
    table = assembly.isel(time_bin=0, drop=True).to_dataframe("response").reset_index(drop=True)
    table = table.drop(index=7).sample(frac=1, random_state=0)
    table.to_csv(tmp_path / "long.csv", index=False)
    found = read_assembly(tmp_path / "long.csv")
    assert int(np.isnan(found).sum()) == 1
    both = ["stimulus_id", "repetition", "neuroid_id"]
    back = found.to_dataframe("response").reset_index(drop=True).set_index(both)["response"]
    expected = table.set_index(both)["response"]
    np.testing.assert_array_equal(back.loc[expected.index], expected)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_reads_wide_tables(assembly, tmp_path, ending):
    flat = assembly.isel(time_bin=0)
    table = pd.DataFrame(
        {name: flat[name].to_numpy() for name in ("stimulus_id", "repetition", "object_name")}
    )
    for number in range(N_NEUROIDS):
        one = flat.isel(neuroid=number)
        table[f"{one['region'].item()}/{one['neuroid_id'].item()}"] = one.to_numpy()
    path = tmp_path / f"wide{ending}"
    table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path)
    _same(read_assembly(path), flat.drop_vars(["depth", "time_bin_start", "time_bin_end"]))


def test_selects_regions_and_averages_windows(assembly):
    assert regions(assembly) == ["V4", "IT"]
    chosen = select_region(assembly, "IT", window=(10, 30))
    expected = assembly.to_numpy()[:, [1, 2, 4], 1:3].mean(axis=2)
    np.testing.assert_allclose(chosen, expected, rtol=1e-15)
    with pytest.raises(HypError, match=r"no region 'TEO' was recorded; there is V4, IT\."):
        select_region(assembly, "TEO", window=(0, 10))
    with pytest.raises(HypError, match="has 4 time bins"):
        select_region(assembly, "IT")
    with pytest.raises(
        HypError, match="no time bin lies inside 50 to 60 ms; they run from 0 to 40"
    ):
        select_region(assembly, "IT", window=(50, 60))
    with pytest.raises(HypError, match="no coordinate time_bin_end"):
        select_region(assembly.drop_vars("time_bin_end"), "IT", window=(0, 10))


def test_averages_repetitions_in_order_of_first_presentation(assembly):
    trials = select_region(assembly, "IT", window=(0, 40))
    mean = average_repetitions(trials)
    seen = list(dict.fromkeys(trials["stimulus_id"].to_numpy()))
    assert mean["stimulus_id"].to_numpy().tolist() == seen
    for row, name in enumerate(seen):
        rows = trials["stimulus_id"].to_numpy() == name
        np.testing.assert_allclose(mean[row], trials.to_numpy()[rows].mean(axis=0), rtol=1e-14)
    assert "repetition" not in mean.coords
    assert mean["object_name"].to_numpy()[seen.index("c")] == "car"


def test_sorting_like_brain_score_puts_the_first_coordinate_first(assembly):
    trials = select_region(assembly, "IT", window=(0, 40))
    names = average_repetitions(sort_like_brainscore(trials))["stimulus_id"].to_numpy()
    assert "".join(names) == "abcdef"
    names = average_repetitions(sort_like_brainscore(trials, by=["object_name", "stimulus_id"]))
    assert "".join(names["stimulus_id"].to_numpy()) == "acebdf"
    first = trials.drop_vars("stimulus_id").assign_coords(
        stimulus_id=("presentation", trials["stimulus_id"].to_numpy())
    )
    names = average_repetitions(sort_like_brainscore(first))["stimulus_id"].to_numpy()
    assert "".join(names) == "acebdf"
    with pytest.raises(HypError, match=r"no coordinate 'size' .* it has stimulus_id, repetition"):
        sort_like_brainscore(trials, by=["size"])


def test_missing_responses_are_left_out_of_means(assembly):
    trials = select_region(assembly, "IT", window=(0, 40)).copy()
    rows = np.flatnonzero(trials["stimulus_id"].to_numpy() == "b")
    trials[rows[0], 1] = np.nan
    mean = average_repetitions(trials)
    place = mean["stimulus_id"].to_numpy().tolist().index("b")
    assert float(mean[place, 1]) == pytest.approx(trials.to_numpy()[rows[1:], 1].mean())
    trials[rows, 1] = np.nan
    with pytest.raises(HypError, match=r"1 of 18 mean responses .* neuroid site2 to stimulus b"):
        average_repetitions(trials)
    trials[rows, 1] = [1.0, np.inf, 2.0]
    with pytest.raises(HypError, match="NaN or infinite"):
        average_repetitions(trials)


def test_constant_neuroids_can_be_dropped(assembly):
    trials = select_region(assembly, "IT", window=(0, 40)).copy()
    trials[:, 1] = 2.5
    assert drop_constant_neuroids(trials)["neuroid_id"].to_numpy().tolist() == ["site1", "site4"]


def test_says_what_an_assembly_lacks(assembly):
    with pytest.raises(HypError, match=r"no coordinate stimulus_id and no region .* it has"):
        check_assembly(assembly.drop_vars(["stimulus_id", "region"]))
    with pytest.raises(HypError, match=r"dims presentation, neuroid and perhaps time_bin.*x, neur"):
        check_assembly(assembly.rename(presentation="x"))
    with pytest.raises(HypError, match="not numbers"):
        check_assembly(assembly.astype(str))
    with pytest.raises(HypError, match="empty"):
        check_assembly(assembly.isel(neuroid=[]))
    assert check_assembly(assembly.transpose()).dims == assembly.dims


def test_says_what_a_file_lacks(assembly, tmp_path):
    with pytest.raises(HypError, match="no assembly at"):
        read_assembly(tmp_path / "none.nc")
    (tmp_path / "broken.nc").write_bytes(b"CDF or not")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(HypError, match="cannot be read"):
        read_assembly(tmp_path / "broken.nc")
    with pytest.raises(HypError, match="export it again"):
        read_assembly(tmp_path / "broken.parquet")
    with pytest.raises(HypError, match="no assembly that can be read"):
        read_assembly(tmp_path / "notes.txt")
    two = xr.Dataset({"rates": assembly, "counts": assembly})
    two.to_netcdf(tmp_path / "two.nc", engine="h5netcdf")
    with pytest.raises(HypError, match="has rates, counts"):
        read_assembly(tmp_path / "two.nc")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": ["a"], "rate": [1.0]}, "columns image, rate; a long table needs"),
        ({"stimulus_id": ["a"], "response": [1.0]}, "without the column neuroid_id"),
        (
            {
                "stimulus_id": ["a", "a"],
                "neuroid_id": ["n", "n"],
                "region": ["IT", "IT"],
                "response": [1.0, 2.0],
            },
            "several responses of one neuroid",
        ),
        (
            {
                "stimulus_id": list("aabb"),
                "neuroid_id": list("nmnm"),
                "region": ["IT"] * 4,
                "response": [1.0, 2.0, 3.0, 4.0],
                "noise": [1, 2, 3, 4],
            },
            "column noise .* describes neither",
        ),
        ({"stimulus_id": ["a"], "IT/1": ["high"]}, "column IT/1 .* holds more than numbers"),
    ],
)
def test_says_what_a_table_lacks(columns, message, tmp_path):
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(HypError, match=message):
        read_assembly(tmp_path / "t.csv")
