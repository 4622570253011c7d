"""One worker a GPU: what is trained there, what is not, and how many at once."""

import os
import threading

import pytest

from hyp import clusters
from hyp.errors import HypError
from hyp.hypotheses import run
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.run import chosen_gpus, default_workers
from hyp.hypotheses.together import make_all, training_groups
from hyp.store import Step, Store

GPUS = ("0", "1", "2", "3")
ALL_TRAIN = threading.Barrier(len(GPUS))


def networks(n=4, device="cuda", **fields):
    images = Step("datasets", {"source": {"image_size": 64}, "seed": 0})
    specs = [
        {"backbone": "resnet18", "batch_size": 64, "seed": seed, "device": device, **fields}
        for seed in range(n)
    ]
    return [Step("models", spec, {"dataset": images}) for spec in specs]


def whole_graph(models):
    """Datasets, networks, activations and Gram matrices, inputs before what needs them."""
    responses = [Step("activations", {"device": "cuda"}, {"model": model}) for model in models]
    grams = [Step("grams", {}, {"activations": one}) for one in responses]
    return [models[0].inputs["dataset"], *models, *responses, *grams]


def note_place(opaque, root, needs, *, versions):
    """Stands in for what makes an artifact: all four networks must be under way at once."""
    from distributed import get_worker

    (step,) = opaque.steps
    if step.kind == "models":
        ALL_TRAIN.wait(timeout=60)
    PLACES.append((step.kind, get_worker().name))
    return step.key


PLACES = []


def test_four_networks_use_four_gpus_and_the_rest_stays_off_them(tmp_path):
    from distributed import Client, LocalCluster, Worker

    places = clusters.places_of(2, GPUS)

    class Placed(Worker):
        def __init__(self, *args, name, **options):
            super().__init__(*args, name=name, resources=places[name]["resources"], **options)

    steps = whole_graph(networks())
    with (
        LocalCluster(
            n_workers=6,
            threads_per_worker=1,
            processes=False,
            dashboard_address=None,
            worker_class=Placed,
        ) as cluster,
        Client(cluster) as client,
    ):
        declared = clusters.declared_resources(client)
        assert sorted(map(sorted, declared.values())) == [["CPU"]] * 2 + [["GPU"]] * 4
        goal = run._graph(steps, tmp_path, note_place, offered={"GPU", "CPU"})
        client.compute(goal, optimize_graph=False).result()
    assert len(PLACES) == len(steps)
    trained = [worker for kind, worker in PLACES if kind == "models"]
    assert sorted(trained) == [0, 1, 2, 3]
    assert {worker for kind, worker in PLACES if kind == "activations"} <= {0, 1, 2, 3}
    assert {worker for kind, worker in PLACES if kind in ("datasets", "grams")} <= {4, 5}


def test_a_worker_sees_its_own_gpu_alone():
    with clusters.local_client(0, ["GPU-7"]) as client:
        (seen,) = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"]).values()
        assert seen == "GPU-7"
        assert list(clusters.declared_resources(client).values()) == [{"GPU"}]


def test_steps_ask_only_for_what_workers_declare():
    trained, images = networks(1)[0], networks(1)[0].inputs["dataset"]
    assert run.wanted_resources(trained, {"GPU", "CPU"}) == {"GPU": 1}
    assert run.wanted_resources(images, {"GPU", "CPU"}) == {"CPU": 1}
    assert run.wanted_resources(images, {"GPU"}) == {}
    assert run.wanted_resources(trained, ()) == {}


def test_groups_keep_all_gpus_busy():
    ten = networks(10)
    assert [len(group) for group in training_groups(ten, 4)] == [3, 3, 3]  # and one alone
    assert [len(group) for group in training_groups(ten, 1)] == [10]
    assert [len(group) for group in training_groups(networks(40), 1)] == [16, 16, 8]
    assert training_groups(networks(10, "cpu"), 4) == []
    mixed = [*networks(2), *networks(2, backbone="resnet50")]
    assert [len(group) for group in training_groups(mixed, 1)] == [2, 2]
    assert training_groups(networks(4), 4) == []


def test_a_group_is_one_task_that_what_follows_waits_for(tmp_path):
    steps = whole_graph(networks(3))
    seen = []

    def execute(opaque, root, needs, *, versions):
        seen.append([step.kind for step in opaque.steps])
        return opaque.steps[0].key

    groups = training_groups(steps, 1)
    run._graph(steps, tmp_path, execute, groups=groups).compute(scheduler="synchronous")
    assert sorted(seen) == sorted(
        [["datasets"], ["models"] * 3, *[["activations"]] * 3, *[["grams"]] * 3]
    )
    assert seen[:2] == [["datasets"], ["models"] * 3]


def test_several_artifacts_are_stored_at_once_whatever_one_of_them_does(tmp_path):
    store = Store.create(tmp_path)
    steps = [Step("models", {"seed": seed}) for seed in range(4)]

    def fill(folder, inputs):
        (folder / "weights").write_text("all")

    store.make(steps[1], fill)
    built = []

    def build(folders):
        built.append(set(folders))
        for step, (folder, inputs) in folders.items():
            if step != steps[2]:
                fill(folder, inputs)
        return {steps[2]: HypError("its loss is nan.")}

    def break_down(folders):
        raise HypError("the GPU is gone.")

    with pytest.raises(HypError, match="GPU is gone"):
        make_all(store, steps, break_down, lambda step: None)
    assert [store.has(step) for step in steps] == [False, True, False, False]
    with pytest.raises(HypError, match="loss is nan"):
        make_all(store, steps, build, lambda step: None)
    assert built == [{steps[0], steps[2], steps[3]}]
    assert [store.has(step) for step in steps] == [True, True, False, True]
    make_all(store, steps[:2], build, lambda step: None)
    assert len(built) == 1


def test_which_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert chosen_gpus("gpu", None) == ["2", "5"]
    assert chosen_gpus(0, "1") == ["5"]
    assert chosen_gpus(4, None) == []
    with pytest.raises(HypError, match="no cuda:2 here; there are cuda:0 to cuda:1"):
        chosen_gpus(0, "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(HypError, match="no GPU is seen"):
        chosen_gpus("gpu", None)


def test_workers_beside_gpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    steps = whole_graph(networks(40))
    assert default_workers(steps) == 0
    assert default_workers(steps, 4) == 12
    assert default_workers(networks(4), 4) == 1


def test_the_number_of_a_gpu_is_no_part_of_a_profile():
    sizes = {"summary": "", "n_images": 100, "n_val": 10, "n_stimuli": 20, "n_seeds": 1}
    one = Profile(n_batches=1, device="cuda:1", **sizes)
    plain = one.with_settings({"device": "cuda"})
    assert (one.card, one.device_kind, plain.card) == ("1", "cuda", None)
    assert one.model_dump_json() == plain.model_dump_json()
    with pytest.raises(HypError, match="device"):
        one.with_settings({"device": "cuda:"})
