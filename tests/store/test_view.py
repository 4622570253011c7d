"""Activations over many models: selected by lists, written again, and refused where they differ."""

from functools import partial

import numpy as np
import pytest
import xarray as xr

from hyp.errors import HypError
from hyp.store import Step, Store
from hyp.store.activations import ActivationWriter
from hyp.store.view import StoreView

N = 6


def model(seed, backbone="tiny"):
    spec = {"objective": "distance", "seed": seed, "n_batches": 5, "backbone": backbone}
    return Step("models", spec, {}, 1, f"seed {seed}")


def activations(model, n_units, **spec):
    stimuli = Step("datasets", {"n_images": N}, {}, 1, "stimuli")
    return Step(
        *("activations", {"layers": ["relu"], "n_units": n_units, **spec}),
        *({"model": model, "stimuli": stimuli}, 1, model.label),
    )


def build(store, step):
    def fill(folder, inputs, one):
        if one.kind == "activations":
            seed = one.inputs["model"].spec["seed"]
            write(folder, one.spec["n_units"], seed, one.spec.get("n_rows", 1))
        else:
            (folder / "empty").touch()

    for one in (*step.inputs.values(), step):
        store.make(one, partial(fill, one=one))


def write(folder, n_units, seed, n_rows):
    coords = {
        "stimulus": np.arange(N),
        "file": ("stimulus", np.array([f"a/{i:03d}.png" for i in range(N)], dtype=object)),
    }
    values = np.random.default_rng(seed).normal(size=(N, n_units)).astype(np.float32)
    channel, row = np.divmod(np.arange(n_units, dtype=np.int32), max(n_rows, 1))
    units = {"relu": {"channel": channel, "row": row} if n_rows else {}}
    attrs = {"input_size": 32}
    with ActivationWriter(
        folder, stimuli=xr.Dataset(coords=coords), attrs=attrs, batch_size=4
    ) as w:
        for start in range(0, N, 4):
            w.append({"relu": values[start : start + 4]}, units)


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "store")


def test_lists_choose_and_what_is_chosen_is_written_again(store, tmp_path):
    for seed in range(3):
        build(store, activations(model(seed), 8))
    view = StoreView(store)
    found = view.activations("relu", seed=[0, 2], objective="distance")
    keys = dict(zip(found["seed"].values.tolist(), found["model"].values.tolist(), strict=True))
    assert keys == {0: model(0).key, 2: model(2).key}
    assert found["file"].dims == ("stimulus",)
    assert found["channel"].dims == ("unit",)
    for path, writer, opener in (
        ("a.zarr", found.to_zarr, xr.open_zarr),
        ("a.nc", lambda path: found.to_netcdf(path, engine="h5netcdf"), xr.open_dataset),
    ):
        writer(tmp_path / path)
        with opener(tmp_path / path) as back:
            np.testing.assert_array_equal(back["activation"], found["activation"])
            assert back["file"].values.tolist() == found["file"].values.tolist()
    expected = np.random.default_rng(2).normal(size=(N, 8)).astype(np.float32)
    np.testing.assert_array_equal(found["activation"].sel(model=model(2).key), expected)
    with pytest.raises(HypError, match="no stored activations match"):
        view.activations("relu", seed=[7, 8])


def test_pixels_and_networks_of_unknown_training_are_written_beside_others(store, tmp_path):
    spec = {"objective": "category", "seed": 0, "n_batches": 1, "backbone": "tiny"}
    given = Step("models", spec | {"kind": "timm", "name": "tiny"}, {}, 1, "given")
    build(store, activations(model(3), 8))
    build(store, activations(given, 8))
    stimuli = activations(given, 8).inputs["stimuli"]
    pixels = Step("activations", {"layers": ["relu"]}, {"stimuli": stimuli}, 1, "pixels")
    store.make(pixels, lambda folder, inputs: write(folder, 8, 5, 1))
    view = StoreView(store)
    known = view.catalogue.set_index("objective")["batches"].dropna()
    assert known.to_dict() == {"distance": 5}
    view.activations("relu").to_zarr(tmp_path / "a.zarr")
    back = xr.open_zarr(tmp_path / "a.zarr").set_index(model="objective")
    assert back["seed"].sel(model=["distance", "category"]).values.tolist() == [3, 0]
    assert back["backbone"].sel(model=["distance", "pixels"]).values.tolist() == ["tiny", ""]
    assert np.isnan(back["batches"].sel(model=["category", "pixels"])).all()
    assert back["batches"].sel(model="distance") == 5
    expected = np.random.default_rng(5).normal(size=(N, 8)).astype(np.float32)
    np.testing.assert_array_equal(back["activation"].sel(model="pixels"), expected)


def test_backbones_that_share_the_name_of_a_layer_are_told_apart(store):
    build(store, activations(model(0), 8))
    build(store, activations(model(1, "wide"), 12))
    view = StoreView(store)
    with pytest.raises(HypError, match=r"12 units in wide \(input 32\), 8 units in tiny"):
        view.activations("relu")
    assert view.activations("relu", backbone="wide").sizes["unit"] == 12


def test_units_of_one_number_and_several_shapes_are_not_taken_for_each_other(store):
    build(store, activations(model(0), 8, n_rows=2))
    build(store, activations(model(1, "wide"), 8))
    build(store, activations(model(2, "older"), 8, n_rows=0))
    view = StoreView(store)
    with pytest.raises(HypError, match=r"8 units in tiny and in wide, but they lie in other"):
        view.activations("relu", backbone=["tiny", "wide"])
    assert view.activations("relu", backbone="tiny")["row"].values.tolist() == [0, 1] * 4
    both = view.activations("relu", backbone=["tiny", "older"])
    assert both.sizes["model"] == 2
    assert not {"channel", "row"} & set(both.coords)  # not known of all


def test_a_network_is_not_counted_twice(store):
    build(store, activations(model(0), 8))
    again = activations(model(0), 8, precision="bf16")
    build(store, again)
    view = StoreView(store)
    with pytest.raises(HypError, match=r"stored 2 times.*add key="):
        view.activations("relu")
    assert view.activations("relu", key=again.key).sizes["model"] == 1
