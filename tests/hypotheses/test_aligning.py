"""Scoring the networks of a store against recordings in it."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
import rsatoolbox
import xarray as xr
from PIL import Image
from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling

from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.aligning import (
    AlignmentSpec,
    RecordedFile,
    RecordingSpec,
    SimulatedStream,
    alignment_step,
    find_recording,
    read_alignments,
    recording_step,
    refuse_other_content,
    select_models,
)
from hyp.hypotheses.recordings import (
    check_scorable,
    describe_recording,
    digest_of,
    open_recording,
)
from hyp.hypotheses.run import run_steps
from hyp.hypotheses.shown_images import match_images, named_by_file
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural import (
    SimulatedRegion,
    neural_benchmark,
    neural_metric,
    read_assembly,
    score_region,
    sort_like_brainscore,
    subjects,
    write_assembly,
)
from hyp.models.hardware import Numerics
from hyp.models.specs import TrainSpec
from hyp.store import Step, Store
from hyp.store.activations import open_layer
from hyp.store.view import StoreView

N = 60
SPEC = AlignmentSpec(metric=neural_metric("ridge"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path):
    """A folder of images called s00.png and so on, with a latents table."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(N):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"s{number:02d}.png")
        rows.append({"file": f"s{number:02d}.png", "object_name": "abc"[number % 3]})
    pd.DataFrame(rows).to_csv(folder / "latents.csv", index=False)
    return folder


@pytest.fixture
def assembly(pictures):
    """V4 and IT, driven by the pixels, three repetitions; in an order of its own."""
    rng = np.random.default_rng(1)
    order = rng.permutation(N)
    names = [f"s{number:02d}" for number in order]
    flat = np.array([np.asarray(Image.open(pictures / f"{n}.png")).ravel() for n in names]) / 255
    drive = (flat - flat.mean(axis=0)) @ rng.normal(size=(flat.shape[1], 12))
    trials = np.concatenate([drive + 2 * rng.normal(size=drive.shape) for _ in range(3)])
    return xr.DataArray(
        trials,
        dims=("presentation", "neuroid"),
        coords={
            "stimulus_id": ("presentation", np.array(names * 3, dtype=object)),
            "object_name": (
                "presentation",
                np.array([*"abc"], dtype=object)[np.tile(order, 3) % 3],
            ),
            "repetition": ("presentation", np.repeat(np.arange(3), N)),
            "neuroid_id": ("neuroid", np.array([f"n{i}" for i in range(12)], dtype=object)),
            "region": ("neuroid", np.repeat(np.array(["V4", "IT"], dtype=object), 6)),
        },
    )


def images(source):
    return DatasetSpec(
        source=source, design=Design(), seed=0, n_images=source.capacity or N, n_val=0
    )


@pytest.fixture
def store(tmp_path):
    """Two untrained networks on engine images."""
    store = Store.create(tmp_path / "store")
    run_steps(store.pending(networks()), store)
    return store


def networks():
    source = open_source("engine", image_size=16, supersample=1)
    spec = DatasetSpec(source=source, design=Design(), seed=0, n_images=20, n_val=4)
    dataset = Step("datasets", spec.model_dump(mode="json"), label="full")
    return [
        Step(
            "models",
            TrainSpec(
                objective="distance", backbone="tiny_backbone:make", seed=seed, n_batches=0
            ).model_dump(mode="json"),
            {"dataset": dataset},
            label=f"untrained, seed {seed}",
        )
        for seed in (0, 1)
    ]


def imported(pictures, assembly, folder, **fields):
    path = write_assembly(assembly, folder / "responses.nc")
    spec = RecordingSpec(
        **{
            "name": "mine",
            "origin": RecordedFile(digest=digest_of(path)),
            "stratify": "object_name",
            **fields,
        }
    )
    source = open_source(f"folder:{pictures}", image_size=16)
    return recording_step(spec, images(source), path)


def test_scores_are_those_of_the_layers_by_hand(store, pictures, assembly, tmp_path):
    recording = imported(pictures, assembly, tmp_path)
    goals = [
        alignment_step(recording, model, SPEC, layers=("relu", "fc"))
        for model in sorted(
            select_models(store, {"objective": "untrained"}), key=lambda step: step.spec["seed"]
        )
    ]
    run_steps(store.pending(goals), store)
    table = read_alignments(store, goals)
    assert table[["objective", "seed", "region", "origin"]].to_numpy().tolist() == [
        ["untrained", seed, region, "recorded"] for seed in (0, 1) for region in ("V4", "IT")
    ]
    assert not store.pending(goals)

    activations = store.path(goals[0].inputs["grams"].inputs["activations"])
    stimuli = pd.read_parquet(store.path(recording.inputs["stimuli"]) / "latents.parquet")
    sorted_ = sort_like_brainscore(assembly)
    for region in ("V4", "IT"):
        benchmark = neural_benchmark(sorted_, region, stratify="object_name")
        rows = [list(stimuli["file"]).index(f"{one}.png") for one in benchmark.stimulus_id]
        grams = {
            layer: compute_gram(open_layer(activations, layer)["activation"].to_numpy()[rows])
            for layer in ("relu", "fc")
        }
        expected = score_region(grams, benchmark, SPEC.metric)
        row = table[(table["seed"] == 0) & (table["region"] == region)].iloc[0]
        assert row["score"] == pytest.approx(float(expected["score"]), abs=1e-9)
        assert row["ceiling"] == pytest.approx(float(expected["ceiling"]), abs=1e-9)
        found = StoreView(store).neuroid_scores(region, "mine")
        assert found.dims == ("model", "split", "neuroid")
        assert sorted(found["seed"].to_numpy().tolist()) == [0, 1]
        [own] = np.flatnonzero(found["model"].to_numpy() == goals[0].key)
        assert found["neuroid_id"].to_numpy().tolist() == benchmark.neuroid_id.tolist()
        assert np.allclose(found.isel(model=own), expected["raw"], atol=1e-9)
    with pytest.raises(HypError, match=r"no network in the store at .* was scored in V9 of 'mine'"):
        StoreView(store).neuroid_scores("V9", "mine")


def test_a_recording_is_found_by_name_and_its_name_kept(store, pictures, assembly, tmp_path):
    recording = imported(pictures, assembly, tmp_path)
    with pytest.raises(HypError, match="no recording 'mine'; import one first"):
        find_recording(store, "mine")
    run_steps(store.pending([recording]), store)
    assert find_recording(store, "mine") == recording
    refuse_other_content(store, recording)
    (tmp_path / "again").mkdir()
    other = imported(pictures, assembly + 1, tmp_path / "again")
    with pytest.raises(HypError, match="another recording 'mine'"):
        refuse_other_content(store, other)


def test_stimuli_without_an_image_are_counted(store, pictures, assembly, tmp_path):
    renamed = assembly.assign_coords(
        stimulus_id=("presentation", [f"x{name}" for name in assembly["stimulus_id"].to_numpy()])
    )
    with pytest.raises(HypError, match=r"60 of the 60 stimuli of mine have no image.*'s00.png'"):
        run_steps([*store.pending([imported(pictures, renamed, tmp_path)])], store)


def test_what_cannot_be_split_is_refused_when_it_is_imported(store, pictures, assembly, tmp_path):
    alone = assembly.assign_coords(object_name=("presentation", assembly["stimulus_id"].to_numpy()))
    with pytest.raises(HypError, match="cannot be split"):
        run_steps(store.pending([imported(pictures, alone, tmp_path)]), store)


def test_a_simulated_stream_says_so(store):
    regions = tuple(
        SimulatedRegion(
            region=name, layer=layer, n_neuroids=8, n_repetitions=repetitions, reliability=0.8
        )
        for name, layer, repetitions in (("V1", "layer1.0.relu", 4), ("IT", "layer2.0.relu", 6))
    )
    stream = SimulatedStream(regions=regions, hidden="resnet18")
    source = open_source("engine", image_size=16, supersample=1)
    recording = recording_step(RecordingSpec(name="sim", origin=stream), images(source))
    model = select_models(store, {"seed": "1"})[0]
    goal = alignment_step(recording, model, SPEC, layers=("relu",))
    run_steps(store.pending([goal]), store)
    table = read_alignments(store, [goal])
    assert table["region"].tolist() == ["V1", "IT"]
    assert set(table["origin"]) == {"simulated"}
    assert table["benchmark"].str.startswith("simulated").all()
    assert table["ceiling"].between(0.6, 1).all()


def test_what_is_scored_stays_scored_where_another_device_would_be_chosen(
    store, pictures, assembly, tmp_path
):
    recording = imported(pictures, assembly, tmp_path)
    model = select_models(store, {"seed": "1"})[0]
    other = Numerics("fp32", True, "cpu")
    goal = alignment_step(recording, model, SPEC, layers=("relu",), numerics=other)
    assert alignment_step(recording, model, SPEC, layers=("relu",), store=store) != goal
    run_steps(store.pending([goal.inputs["grams"]]), store)
    assert alignment_step(recording, model, SPEC, layers=("relu",), store=store) == goal
    assert alignment_step(recording, model, SPEC, layers=("relu",)) != goal
    more = alignment_step(recording, model, SPEC, layers=("fc",), store=store)
    assert more == alignment_step(recording, model, SPEC, layers=("fc",))


@pytest.fixture
def classes(pictures, tmp_path):
    """The same images in three class folders, with the same twenty file names in each."""
    folder = tmp_path / "classes"
    for number in range(N):
        target = folder / "abc"[number % 3] / f"{number // 3:03d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((pictures / f"s{number:02d}.png").read_bytes())
    return folder


@pytest.mark.parametrize("ending", ["", ".png", "sha1"])
def test_images_of_one_name_in_several_folders_are_told_apart(
    ending, store, classes, assembly, tmp_path
):
    """The score is that of the images' own activations, whatever their folders."""
    numbers = [int(name[1:]) for name in assembly["stimulus_id"].to_numpy()]
    files = [f"{'abc'[number % 3]}/{number // 3:03d}.png" for number in numbers]
    called = {file: file.removesuffix(".png") + ending for file in files}
    if ending == "sha1":  # as Brain-Score names stimuli
        called = {f: hashlib.sha1((classes / f).read_bytes()).hexdigest() for f in files}
    names = np.array([called[file] for file in files], dtype=object)
    array = assembly.assign_coords(stimulus_id=("presentation", names))
    path = write_assembly(array, tmp_path / "responses.nc")
    spec = RecordingSpec(name="nested", origin=RecordedFile(digest=digest_of(path)))
    recording = recording_step(spec, images(open_source(f"classes:{classes}", image_size=16)), path)
    goal = alignment_step(recording, select_models(store, {})[0], SPEC, layers=("relu",))
    run_steps(store.pending([goal]), store)
    table = read_alignments(store, [goal])
    benchmark = neural_benchmark(sort_like_brainscore(array), "IT")
    activations = store.path(goal.inputs["grams"].inputs["activations"])
    shown = list(
        pd.read_parquet(store.path(recording.inputs["stimuli"]) / "latents.parquet")["file"]
    )
    file_of = {name: file for file, name in called.items()}
    rows = [shown.index(file_of[one]) for one in benchmark.stimulus_id]
    X = open_layer(activations, "relu")["activation"].to_numpy()[rows]
    expected = score_region({"relu": compute_gram(X)}, benchmark, SPEC.metric)
    found = table.set_index("region").loc["IT"]
    assert found["unceiled"] == pytest.approx(float(expected["unceiled"]), abs=1e-9)


def test_a_hash_that_several_images_have_is_refused(classes, assembly):
    (classes / "b/000.png").write_bytes((classes / "a/000.png").read_bytes())
    source = open_source(f"classes:{classes}", image_size=16)
    ids = [hashlib.md5((classes / "a/000.png").read_bytes()).hexdigest().upper()]
    array = assembly.isel(presentation=[0]).assign_coords(stimulus_id=("presentation", ids))
    table = pd.DataFrame({"file": source.columns()["file"]})
    with pytest.raises(HypError, match=r"1 of the 1 stimuli of mine .* a/000.png and b/000.png"):
        named_by_file(array, table, source, "mine")
    moved = source.model_copy(update={"path": None})
    assert named_by_file(array, table, moved, "mine")["stimulus_id"].item() == ids[0]


def test_a_name_that_several_images_have_is_refused(classes):
    files = [f"{one}/{number:03d}.png" for one in "abc" for number in range(20)]
    table = pd.DataFrame({"file": files})
    with pytest.raises(
        HypError, match=r"2 of the 3 .* have several images: '001' may be a/001.png"
    ):
        match_images(["001", "002", "a/003"], table, 60, "mine")
    assert match_images(["b/001", "c/019.png"], table, 60, "mine") == {"b/001": 21, "c/019.png": 59}
    assert match_images(["b/001", "x"], table, 60, "mine", some=True) == {"b/001": 21}
    with pytest.raises(HypError, match=r"'b/001' and 'b/001.png' of mine are one image, 'b/001"):
        match_images(["b/001", "b/001.png"], table, 60, "mine")
    with pytest.raises(HypError, match="1 of the 1 stimuli of mine have no image"):
        match_images(["x"], table, 60, "mine", some=True)
    twice = pd.DataFrame({"stimulus_id": ["x", "x", "y"]})
    with pytest.raises(HypError, match="'x' may be x, x"):
        match_images(["x", "y"], twice, 3, "mine")
    assert match_images(["y"], twice, 3, "mine") == {"y": 2}


def test_subjects_are_scored_by_themselves_and_averaged(store, pictures, assembly, tmp_path):
    """Two subjects with the same numbers of neuroids, of whom one did not see everything."""
    unseen = assembly["stimulus_id"].isin([f"s{i:02d}" for i in range(6)])
    other = (assembly * 0.5 + 1).where(~unseen)
    both = xr.concat(
        [
            one.assign_coords(subject=("neuroid", np.full(12, name, dtype=object)))
            for one, name in ((assembly, "left"), (other, "right"))
        ],
        dim="neuroid",
    )
    each = SPEC.model_copy(update={"subjects": "each"})
    recording = imported(pictures, both, tmp_path, stratify=None)
    model = select_models(store, {})[0]
    goal = alignment_step(recording, model, each, layers=("relu",))
    run_steps(store.pending([goal]), store)
    table = read_alignments(store, [goal]).set_index("region")
    alone = pd.read_parquet(store.path(goal) / "subjects.parquet")
    assert alone[["region", "subject"]].to_numpy().tolist() == [
        [region, subject] for region in ("V4", "IT") for subject in ("left", "right")
    ]
    for name in ("score", "ceiling", "unceiled"):
        means = alone.groupby("region")[name].mean()
        assert table[name].to_dict() == pytest.approx(means.to_dict(), abs=1e-12)
    (tmp_path / "left").mkdir()
    left = imported(pictures, assembly, tmp_path / "left", stratify=None, name="left")
    single = alignment_step(left, model, SPEC, layers=("relu",))
    run_steps(store.pending([single]), store)
    expected = read_alignments(store, [single]).set_index("region")["score"]
    found = alone[alone["subject"] == "left"].set_index("region")["score"]
    assert found.to_dict() == pytest.approx(expected.to_dict(), abs=1e-12)
    ours = StoreView(store).neuroid_scores("V4", "mine", subject="left")
    theirs = StoreView(store).neuroid_scores("V4", "left")
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert subjects(open_recording(store, recording)) == ["left", "right"]
    assert subjects(open_recording(store, left)) == []
    pooled = alignment_step(recording, model, SPEC, layers=("relu",))
    with pytest.raises(HypError, match="leaving out incomplete stimuli would keep 54 of 60"):
        run_steps(store.pending([pooled]), store)


def test_dissimilarities_are_scored_subject_by_subject(store, pictures, tmp_path):
    """Two regions of two subjects; equal to rsatoolbox on the layer's own activations."""
    rng = np.random.default_rng(2)
    points = rng.normal(size=(N, 4)) + 0.5 * rng.normal(size=(2, 2, 2, N, 4))
    rdms = np.square(points[..., :, None, :] - points[..., None, :, :]).sum(axis=-1)
    names = [f"s{number:02d}" for number in range(N)]
    path = tmp_path / "rdms.nc"
    xr.DataArray(
        rdms,
        dims=("region", "subject", "session", "stimulus", "stimulus_2"),
        coords={"region": ["V4", "IT"], "subject": ["a", "b"], "stimulus": names},
    ).to_netcdf(path, engine="h5netcdf")
    spec = RecordingSpec(name="human", origin=RecordedFile(digest=digest_of(path)))
    source = open_source(f"folder:{pictures}", image_size=16)
    recording = recording_step(spec, images(source), path)
    model = select_models(store, {})[0]
    rsa = AlignmentSpec(metric=neural_metric("rsa"), formula="ratio", subjects="each")
    goal = alignment_step(recording, model, rsa, layers=("relu",))
    run_steps(store.pending([goal]), store)
    table = read_alignments(store, [goal]).set_index("region")
    alone = pd.read_parquet(store.path(goal) / "subjects.parquet").set_index(["region", "subject"])
    X = open_layer(store.path(goal.inputs["grams"].inputs["activations"]), "relu")["activation"]
    shown = pd.read_parquet(store.path(recording.inputs["stimuli"]) / "latents.parquet")["file"]
    X = X.to_numpy()[[list(shown).index(f"{name}.png") for name in names]]
    ours = rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(X), method="correlation")
    for number, region in enumerate(("V4", "IT")):
        theirs = rsatoolbox.rdm.RDMs(rdms[number].mean(axis=1))
        expected = rsatoolbox.rdm.compare(ours, theirs, "spearman")[0]
        found = alone.loc[region]
        assert found["unceiled"].to_numpy() == pytest.approx(expected, abs=1e-6)
        lower, upper = boot_noise_ceiling(theirs, "spearman")
        row = table.loc[region]
        assert (row["ceiling"], row["ceiling_upper"]) == pytest.approx((lower, upper), abs=1e-9)
        assert row["score"] == pytest.approx(expected.mean() / lower, abs=1e-6)
    for wrong, said in (
        ({"metric": neural_metric("pls")}, "which pls cannot be computed from; use the metric rsa"),
        ({"subjects": "pooled"}, "score them with subjects each"),
    ):
        refused = alignment_step(recording, model, rsa.model_copy(update=wrong), layers=("relu",))
        with pytest.raises(HypError, match=said):
            run_steps(store.pending([refused]), store)
    with pytest.raises(HypError, match="which have no time window"):
        check_scorable(spec.model_copy(update={"window": (0, 1)}), read_assembly(path))


def test_a_recording_with_one_repetition_is_scored_and_says_so(store, pictures, assembly, tmp_path):
    once = assembly.isel(presentation=slice(N)).drop_vars("repetition")
    goal = alignment_step(
        imported(pictures, once, tmp_path), select_models(store, {})[0], SPEC, layers=("relu",)
    )
    run_steps(store.pending([goal]), store)
    table = read_alignments(store, [goal])
    assert table["formula"].tolist() == ["none", "none"]
    assert table["ceiling"].isna().all()
    assert table["score"].tolist() == table["unceiled"].tolist()


def test_what_is_left_out_is_declared(store, pictures, assembly, tmp_path):
    """Two stimuli without an image, and a neuroid that never answered a third."""
    names = assembly["stimulus_id"].to_numpy().copy()
    names[np.isin(names, ["s00", "s01"])] = [f"x{n}" for n in names[np.isin(names, ["s00", "s01"])]]
    partly = assembly.assign_coords(stimulus_id=("presentation", names)).copy()
    partly[names == "s05", 2] = np.nan
    source = images(open_source(f"folder:{pictures}", image_size=16))
    spec = RecordingSpec(
        name="mine", origin=RecordedFile(digest="0"), leave_out=("unmatched", "stimuli")
    )
    described = describe_recording(spec, partly, source)
    counts = described[["region", "neuroids", "of_neuroids", "stimuli", "of_stimuli"]]
    assert counts.to_numpy().tolist() == [["V4", 6, 6, 57, 60], ["IT", 6, 6, 58, 60]]
    with pytest.raises(HypError, match="2 of the 60 stimuli of mine have no image"):
        describe_recording(spec.model_copy(update={"leave_out": ("stimuli",)}), partly, source)
    neuroids = spec.model_copy(update={"leave_out": ("neuroids", "unmatched")})
    assert describe_recording(neuroids, partly, source)["neuroids"].tolist() == [5, 6]
    with pytest.raises(ValueError, match="name one of stimuli and neuroids"):
        RecordingSpec(name="x", origin=spec.origin, leave_out=("stimuli", "neuroids"))
    recording = imported(pictures, partly, tmp_path, leave_out=("unmatched", "stimuli"))
    goal = alignment_step(recording, select_models(store, {})[0], SPEC, layers=("relu",))
    run_steps(store.pending([goal]), store)
    assert xr.open_zarr(store.path(goal) / "V4").attrs["n_stimuli"] == 57


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"hidden": "os:getcwd"}, "unknown network 'os:getcwd'"),
        ({"hidden": "alexnet"}, "no layer 'layer1.0.relu'"),
        ({"stratify": "nope"}, "no categories 'nope' to stratify by; they have category, identity"),
        ({"n": 20, "stratify": "identity"}, "20 stimuli of .* categories cannot be split"),
    ],
)
def test_a_stream_that_cannot_be_recorded_is_refused_before_its_images(tmp_path, fields, sentence):
    region = SimulatedRegion(
        region="V1", layer="layer1.0.relu", n_neuroids=4, n_repetitions=2, reliability=0.9
    )
    origin = SimulatedStream(regions=(region,), hidden=fields.get("hidden", "resnet18"))
    recording = RecordingSpec(name="x", origin=origin, stratify=fields.get("stratify"))
    source = open_source("engine", image_size=16, supersample=1)
    shown = DatasetSpec(
        source=source, design=Design(), seed=0, n_images=fields.get("n", 40), n_val=0
    )
    store = Store.create(tmp_path / "empty")
    with pytest.raises(HypError, match=sentence):
        run_steps(store.pending([recording_step(recording, shown)]), store)
    assert [path.name for path in store.root.iterdir()] == ["store.json"]


def test_declarations_of_before_keep_their_keys():
    recording = RecordingSpec(name="mine", origin=RecordedFile(digest="0"))
    assert [*recording.model_dump(mode="json")] == ["name", "origin", "stratify", "window"]
    assert [*AlignmentSpec().model_dump(mode="json")] == [
        *("metric", "protocol", "formula", "threads")
    ]
    assert AlignmentSpec().formula == "2026"


def test_networks_are_chosen_by_their_labels(store):
    assert len(select_models(store, {})) == 2
    assert len(select_models(store, {"seed": "1", "design": "full"})) == 1
    with pytest.raises(HypError, match="none of the 2 networks"):
        select_models(store, {"objective": "distance"})
    with pytest.raises(HypError, match="cannot be selected by 'colour'"):
        select_models(store, {"colour": "red"})
    recording = Step("recordings", {"name": "x"}, {"stimuli": Step("datasets", {})})
    with pytest.raises(HypError, match="name the candidate layers of tiny_backbone:make"):
        alignment_step(recording, select_models(store, {})[0], SPEC)
