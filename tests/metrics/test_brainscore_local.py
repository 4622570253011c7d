"""Benchmarks in a folder."""

from __future__ import annotations

from pathlib import Path

import brainscore_toy as toy
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from brainscore_synthetic import Case, as_assembly, make_case

from hyp.errors import HypError
from hyp.metrics.brainscore.local import read_local_benchmark, write_local_benchmark

CASE = Case(n_stimuli=80, n_neuroids=4, n_repetitions=3, n_features=30)


@pytest.fixture
def assembly() -> xr.DataArray:
    return as_assembly(make_case(CASE), CASE)


def test_what_was_written_is_read_back_exactly(tmp_path: Path, assembly: xr.DataArray) -> None:
    written = write_local_benchmark(
        tmp_path / "one",
        assembly,
        name="one",
        region="IT",
        stimuli=pd.DataFrame({"stimulus_id": np.unique(assembly["stimulus_id"]), "size": 1.5}),
    )
    assert read_local_benchmark(tmp_path / "one") == written
    with xr.open_dataset(tmp_path / "one" / "assembly.nc") as data:
        assert list(data.data_vars) == ["response"]
        assert np.array_equal(data["response"], assembly)
        assert (
            data["stimulus_id"].to_numpy().tolist() == assembly["stimulus_id"].to_numpy().tolist()
        )
        # The order of the coordinates decides the order of Brain-Score's splits.
        assert list(data.coords)[:2] == ["stimulus_id", "object_name"]
    stimuli = pd.read_csv(tmp_path / "one" / "stimuli.csv", dtype={"stimulus_id": str})
    assert len(stimuli) == CASE.n_stimuli
    assert {"object_name", "size"} <= set(stimuli.columns)
    assert not written.has_images
    assert written.identifier.startswith("local.one.IT-")
    assert len(list(tmp_path.iterdir())) == 1


def test_images_are_copied_one_a_stimulus(tmp_path: Path) -> None:
    written = toy.toy_benchmark(tmp_path)
    assert written.has_images
    stimuli = pd.read_csv(written.folder / "stimuli.csv", dtype={"stimulus_id": str})
    for row in stimuli.itertuples():
        copied = (written.folder / "images" / row.filename).read_bytes()
        assert copied == (tmp_path / "pixels" / f"{row.stimulus_id}.png").read_bytes()


def test_the_identifier_follows_the_content(tmp_path: Path, assembly: xr.DataArray) -> None:
    first = write_local_benchmark(tmp_path / "a", assembly, name="x", region="IT")
    same = write_local_benchmark(tmp_path / "b", assembly, name="x", region="IT")
    other = write_local_benchmark(tmp_path / "c", assembly + 1e-9, name="x", region="IT")
    assert first.identifier == same.identifier != other.identifier


def test_changed_files_are_noticed(tmp_path: Path, assembly: xr.DataArray) -> None:
    folder = write_local_benchmark(tmp_path / "a", assembly, name="x", region="IT").folder
    stimuli = folder / "stimuli.csv"
    stimuli.write_text(stimuli.read_text().replace("face", "fake"))
    with pytest.raises(HypError, match="changed or are missing"):
        read_local_benchmark(folder)
    with pytest.raises(HypError, match="is no benchmark folder"):
        read_local_benchmark(tmp_path)


def test_what_brain_score_could_not_score_is_refused(
    tmp_path: Path, assembly: xr.DataArray
) -> None:
    once = assembly.isel(presentation=assembly["repetition"].to_numpy() == 0)
    few = assembly.isel(presentation=np.isin(assembly["stimulus_id"], once["stimulus_id"][:60]))
    lonely = assembly["object_name"].to_numpy().copy()
    lonely[assembly["stimulus_id"].to_numpy() == assembly["stimulus_id"].to_numpy()[0]] = "one"
    bad = {
        "no coordinate repetition": assembly.drop_vars("repetition"),
        "no coordinate object_name": assembly.drop_vars("object_name"),
        "several time bins": assembly.expand_dims(time_bin=3),
        "one repetition": once,
        "60 stimuli leave 6 to a test split, too few for the 8 values": few,
        "object_name one has one stimulus": assembly.assign_coords(
            object_name=("presentation", lonely)
        ),
    }
    for sentence, wrong in bad.items():
        with pytest.raises(HypError, match=sentence):
            write_local_benchmark(tmp_path / "bad", wrong, name="x", region="IT")
        assert not (tmp_path / "bad").exists()
    with pytest.raises(HypError, match="no neuroid lies in region V9; there are: IT"):
        write_local_benchmark(tmp_path / "bad", assembly, name="x", region="V9")


def test_a_missing_image_leaves_nothing_behind(tmp_path: Path, assembly: xr.DataArray) -> None:
    with pytest.raises(HypError, match="has no image file"):
        write_local_benchmark(tmp_path / "bad", assembly, name="x", region="IT", images={})
    assert not (tmp_path / "bad").exists()
    write_local_benchmark(tmp_path / "bad", assembly, name="x", region="IT")
    with pytest.raises(HypError, match="exists already"):
        write_local_benchmark(tmp_path / "bad", assembly, name="x", region="IT")
