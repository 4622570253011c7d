import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import MemoryDataset

from hyp import stopping
from hyp.errors import HypError
from hyp.models import trusting
from hyp.models.checkpoints import RESUME, load_model, save_resume
from hyp.models.extraction import extract_pixels
from hyp.models.specs import ExtractSpec, TrainSpec
from hyp.models.stepping import new_model, new_schedule
from hyp.models.training import train

TINY = {"backbone": "tiny_networks:tiny", "batch_size": 8}


def spec_of(**fields):
    return TrainSpec(
        **{"objective": "distance+category", "seed": 3, "n_batches": 25} | TINY | fields
    )


def result(folder):
    """Everything a run leaves behind, byte for byte where bytes are meant."""
    weights = {
        path.name: torch.load(path, weights_only=True) for path in sorted(folder.glob("weights-*"))
    }
    return weights, (folder / "history.json").read_text(), (folder / "model.json").read_text()


def assert_same(one, other):
    assert one[1:] == other[1:]
    assert one[0].keys() == other[0].keys()
    for name in one[0]:
        for key, value in one[0][name].items():
            assert torch.equal(value, other[0][name][key]), (name, key)


class StoppedError(Exception):
    pass


def stop_at(batch):
    def progress(done, total):
        if done == batch:
            raise StoppedError

    return progress


@pytest.mark.parametrize("channels_last", [False, True])
def test_resumed_equals_uninterrupted(dataset, tmp_path, channels_last):
    spec = spec_of(snapshots=(7, 20), evaluate_every=6, channels_last=channels_last)
    train(spec, dataset, tmp_path / "whole")
    for stop in (9, 17, 24):
        with pytest.raises(StoppedError):
            train(spec, dataset, tmp_path / "cut", progress=stop_at(stop), resume_every=0)
    assert not (tmp_path / "cut" / "model.json").exists()
    done = []
    train(spec, dataset, tmp_path / "cut", progress=lambda d, _: done.append(d), resume_every=0)
    assert done[0] == 21
    assert_same(result(tmp_path / "whole"), result(tmp_path / "cut"))
    assert {path.name for path in (tmp_path / "cut").iterdir()} == {
        "history.json",
        "model.json",
        "weights-00000007.pt",
        "weights-00000020.pt",
        "weights-00000025.pt",
    }


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_a_schedule_goes_on_where_it_stopped(dataset, tmp_path, schedule):
    spec = spec_of(schedule=schedule, snapshots=(7,), evaluate_every=6)
    train(spec, dataset, tmp_path / "whole")
    for stop in (9, 17, 24):
        with pytest.raises(StoppedError):
            train(spec, dataset, tmp_path / "cut", progress=stop_at(stop), resume_every=0)
    train(spec, dataset, tmp_path / "cut", resume_every=0)
    assert_same(result(tmp_path / "whole"), result(tmp_path / "cut"))
    train(spec_of(snapshots=(7,), evaluate_every=6), dataset, tmp_path / "constant")
    one, other = (result(tmp_path / name)[0] for name in ("whole", "constant"))
    key = "weights-00000025.pt"
    assert not torch.equal(one[key]["conv.weight"], other[key]["conv.weight"])


def rates(**fields):
    """The learning rate of every batch."""
    spec = spec_of(learning_rate=0.01, **fields)
    _, optimizer = new_model(spec, 17, torch.device("cpu"))
    schedule = new_schedule(spec, optimizer)
    found = [optimizer.param_groups[0]["lr"]]
    for _ in range(spec.n_batches - 1):
        optimizer.step()
        schedule.step()
        found.append(optimizer.param_groups[0]["lr"])
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
    return np.array(found)


def test_learning_rates_of_a_schedule():
    batch = np.arange(100)
    assert (rates(n_batches=100) == 0.01).all()
    cosine = 0.01 * (1 + np.cos(np.pi * batch / 100)) / 2
    np.testing.assert_allclose(rates(n_batches=100, schedule="cosine"), cosine, rtol=1e-9)
    low, lowest = 0.01 / 25, 0.01 / 25 / 1e4
    up = low + (0.01 - low) * (1 - np.cos(np.pi * batch / 29)) / 2
    down = lowest + (0.01 - lowest) * (1 + np.cos(np.pi * (batch - 29) / 70)) / 2
    one_cycle = np.where(batch <= 29, up, down)
    np.testing.assert_allclose(rates(n_batches=100, schedule="one-cycle"), one_cycle, rtol=1e-9)


@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "cosine"])
@pytest.mark.parametrize("n_batches", [0, 1, 2, 3])
def test_schedules_of_hardly_any_batches(dataset, tmp_path, schedule, n_batches):
    train(spec_of(schedule=schedule, n_batches=n_batches), dataset, tmp_path)
    assert load_model(tmp_path)[1].checkpoints == (n_batches,)


def test_a_state_saved_before_there_were_schedules_is_gone_on_from(dataset, tmp_path):
    spec = spec_of()
    train(spec, dataset, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(spec, dataset, tmp_path / "cut", progress=stop_at(12), resume_every=0)
    path = tmp_path / "cut" / RESUME
    state = torch.load(io.BytesIO(path.read_bytes()[32:]), weights_only=True)
    del state["schedule"]
    save_resume(tmp_path / "cut", state.pop("fingerprint"), state)
    done = []
    train(spec, dataset, tmp_path / "cut", progress=lambda d, _: done.append(d))
    assert done[0] == 11


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_signal_saves_the_state_of_that_batch(dataset, tmp_path, signum):
    """In the middle of a window of losses, and in the middle of an evaluation."""
    spec = spec_of(snapshots=(7, 20), evaluate_every=6)
    train(spec, dataset, tmp_path / "whole")

    def send(done, total):
        if done == 9:
            os.kill(os.getpid(), signum)

    with pytest.raises(stopping.Stopped, match=signum.name), stopping.stoppable():
        train(spec, dataset, tmp_path / "cut", progress=send)

    class Interrupting(MemoryDataset):
        def batch(self, indices):
            if indices[0] == self.n_images - self.n_val and not stopping._PROCESS.signum:
                os.kill(os.getpid(), signum)
            return super().batch(indices)

    done = []
    with pytest.raises(stopping.Stopped), stopping.stoppable():
        train(spec, Interrupting(), tmp_path / "cut", progress=lambda d, _: done.append(d))
    assert done == [10, 11]
    done = []
    train(spec, dataset, tmp_path / "cut", progress=lambda d, _: done.append(d))
    assert done[0] == 13
    assert_same(result(tmp_path / "whole"), result(tmp_path / "cut"))


def test_killed_process_goes_on_bit_for_bit(dataset, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            import tiny_networks
            from hyp.models.specs import TrainSpec
            from hyp.models.training import train
            spec = TrainSpec.model_validate_json({spec_of(n_batches=40).model_dump_json()!r})
            slow = lambda done, total: time.sleep(0.02)
            train(spec, tiny_networks.MemoryDataset(), {str(tmp_path / "cut")!r},
                  progress=slow, resume_every=0)
            """
        )
    )
    process = subprocess.Popen([sys.executable, str(script)])
    try:
        deadline = time.monotonic() + 300
        while not (tmp_path / "cut" / RESUME).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "cut" / "model.json").exists()
    done = []
    spec = spec_of(n_batches=40)
    train(spec, dataset, tmp_path / "cut", progress=lambda d, _: done.append(d))
    assert done[0] > 1
    train(spec, dataset, tmp_path / "whole")
    assert_same(result(tmp_path / "whole"), result(tmp_path / "cut"))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "other run", "weights"])
def test_damaged_or_foreign_state_is_ignored(dataset, tmp_path, damage):
    spec = spec_of(snapshots=(7,))
    train(spec, dataset, tmp_path / "whole")
    first = spec_of(snapshots=(7,), seed=4) if damage == "other run" else spec
    with pytest.raises(StoppedError):
        train(first, dataset, tmp_path / "cut", progress=stop_at(12), resume_every=0)
    path = tmp_path / "cut" / ("weights-00000007.pt" if damage == "weights" else RESUME)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage in ("flipped", "weights"):
        content[len(content) // 2] ^= 1
    elif damage == "empty":
        content = bytearray()
    path.write_bytes(content)
    done = []
    train(spec, dataset, tmp_path / "cut", progress=lambda d, _: done.append(d))
    assert done[0] == 1
    assert_same(result(tmp_path / "whole"), result(tmp_path / "cut"))


def test_what_a_notebook_has_set_in_its_process_decides_nothing(dataset, tmp_path):
    spec = spec_of(n_batches=2)
    train(spec, dataset, tmp_path / "usual")
    try:
        torch.set_float32_matmul_precision("medium")
        torch.set_default_dtype(torch.float64)
        train(spec, dataset, tmp_path / "other")
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
    assert_same(result(tmp_path / "usual"), result(tmp_path / "other"))


def test_seed_decides_weights_and_nothing_leaks(dataset, tmp_path):
    threads = torch.get_num_threads()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(name + str(seed)) * 17 + ord(name))
        before = torch.get_rng_state()
        train(spec_of(seed=seed, n_batches=3), dataset, tmp_path / name)
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert torch.get_deterministic_debug_mode() == 0
    assert_same(result(tmp_path / "a"), result(tmp_path / "b"))
    a, c = (result(tmp_path / name)[0]["weights-00000003.pt"] for name in "ac")
    assert not torch.equal(a["conv.weight"], c["conv.weight"])


def test_equal_seeds_start_alike_under_every_objective(dataset, tmp_path):
    for objective in ("distance", "rotation"):
        train(spec_of(objective=objective, n_batches=0), dataset, tmp_path / objective)
    one, other = (result(tmp_path / o)[0]["weights-00000000.pt"] for o in ("distance", "rotation"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_history(dataset, tmp_path):
    train(spec_of(evaluate_every=10), dataset, tmp_path)
    history = json.loads((tmp_path / "history.json").read_text())
    assert history["training"]["batch"] == [10, 20, 25]
    assert np.isfinite(history["training"]["distance"]).all()
    rows = history["evaluation"]
    assert [row["batch"] for row in rows] == [10] * 3 + [20] * 3 + [25] * 3
    assert {(row["task"], row["metric"]) for row in rows} == {
        ("distance", "loss"),
        ("category", "loss"),
        ("category", "accuracy"),
    }
    assert {row["images"] for row in rows} == {12}
    assert all(np.isfinite(row["baseline"]) for row in rows)


def test_evaluation_equals_a_direct_pass_over_the_held_out_images(dataset, tmp_path):
    from hyp.models.inputs import Preprocessing
    from hyp.models.objectives import fit_objective

    train(spec_of(), dataset, tmp_path)
    model, info = load_model(tmp_path)
    train_rows = dataset.rows(dataset.split("train"))
    fit = fit_objective("distance+category", dataset.latents, train_rows)
    rows = dataset.split("val")
    inputs = Preprocessing(None, False, torch.device("cpu"))(torch.from_numpy(dataset.images(rows)))
    targets = {name: target[rows] for name, target in fit.targets(dataset.table).items()}
    with torch.inference_mode():
        outputs = model(inputs)
        losses = fit.losses(outputs, targets)
    right = (outputs[:, 0:3].argmax(dim=1) == targets["category"]).double().mean()
    rows = json.loads((tmp_path / "history.json").read_text())["evaluation"]
    found = {(row["task"], row["metric"]): row["value"] for row in rows}
    assert found["distance", "loss"] == pytest.approx(float(losses[0]), rel=1e-5)
    assert found["category", "loss"] == pytest.approx(float(losses[1]), rel=1e-5)
    assert found["category", "accuracy"] == pytest.approx(float(right))
    assert info.standardisation.keys() == {"rel_pos_z"}
    assert info.n_outputs == 17


def test_training_learns(make_dataset, tmp_path):
    dataset = make_dataset(n_images=80, n_val=16)
    brightness = np.linspace(0, 1, 80)
    np.random.default_rng(0).shuffle(brightness)
    dataset.pixels = np.broadcast_to(
        (brightness * 255).astype(np.uint8)[:, None, None, None], (80, 32, 32, 3)
    ).copy()
    dataset.table["rel_pos_z"] = brightness
    train(spec_of(objective="distance", n_batches=150, learning_rate=1e-2), dataset, tmp_path)
    (row,) = json.loads((tmp_path / "history.json").read_text())["evaluation"]
    assert row["value"] < 0.5 * row["baseline"]


def test_bf16_with_channels_last_and_resizing(dataset, tmp_path):
    spec = spec_of(precision="bf16", channels_last=True, input_size=40, n_batches=3)
    train(spec, dataset, tmp_path)
    weights = result(tmp_path)[0]["weights-00000003.pt"]
    assert {value.dtype for key, value in weights.items() if "num_batches" not in key} == {
        torch.float32
    }


def test_not_a_number_names_the_batch(dataset, tmp_path):
    dataset.table["rel_pos_z"] = np.where(dataset.table.index < 36, 1e30, 1.0)
    dataset.table.loc[:3, "rel_pos_z"] = -1e38
    with pytest.raises(HypError, match=r"distance loss is (nan|inf) at batch \d+"):
        train(spec_of(objective="distance", learning_rate=1e38), dataset, tmp_path)
    assert not (tmp_path / "model.json").exists()


def test_refusals(dataset, make_dataset, tmp_path):
    with pytest.raises(HypError, match="fewer than a batch"):
        train(spec_of(batch_size=64), dataset, tmp_path)
    with pytest.raises(HypError, match="num_outputs"):
        train(spec_of(backbone="tiny_networks:too_narrow"), dataset, tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(HypError, match="cuda"):
            train(spec_of(device="cuda"), dataset, tmp_path)


def test_dataset_without_held_out_images_is_not_evaluated(make_dataset, tmp_path):
    train(spec_of(n_batches=2), make_dataset(n_val=0), tmp_path)
    assert json.loads((tmp_path / "history.json").read_text())["evaluation"] == []


def test_load_model_explains_what_is_missing(dataset, tmp_path):
    with pytest.raises(HypError, match="no finished model"):
        load_model(tmp_path)
    train(spec_of(n_batches=4, snapshots=(2,)), dataset, tmp_path)
    assert not load_model(tmp_path, snapshot=2)[0].training
    with pytest.raises(HypError, match="2, 4"):
        load_model(tmp_path, snapshot=3)
    (tmp_path / "weights-00000004.pt").write_bytes(b"nonsense")
    with pytest.raises(HypError, match="cannot be read"):
        load_model(tmp_path)


class StreamedDataset(MemoryDataset):
    """Its training images come one after the other, as rendered ones do."""

    asked: list[int]

    def split(self, name):
        rows = super().split(name)
        return range(int(rows[0]), int(rows[-1]) + 1)

    def batch(self, indices):
        self.asked += list(indices)
        return super().batch(np.asarray(indices))

    def rows(self, indices):
        return super().rows(np.asarray(indices))


def test_streamed_images_are_seen_in_their_order(tmp_path):
    dataset = StreamedDataset()
    dataset.asked = []
    train(spec_of(n_batches=6), dataset, tmp_path)
    epoch = list(range(32))  # 36 training images: the incomplete fifth batch is dropped
    held_out = list(range(36, 48))
    assert dataset.asked == [*epoch, *epoch[:16], *held_out]


def test_a_streamed_run_goes_on_where_it_stopped(tmp_path):
    dataset = StreamedDataset()
    dataset.asked = []
    train(spec_of(), dataset, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(spec_of(), dataset, tmp_path / "parts", progress=stop_at(11), resume_every=0)
    dataset.asked = []
    train(spec_of(), dataset, tmp_path / "parts", resume_every=0)
    assert dataset.asked[0] == 80 % 32
    assert_same(result(tmp_path / "whole"), result(tmp_path / "parts"))


def test_two_threads_of_a_process_do_not_disturb_each_other(dataset, tmp_path):
    """Seeds, numbers of threads and deterministic kernels belong to the process."""
    specs = {seed: spec_of(seed=seed, snapshots=(0, 20)) for seed in (0, 1)}
    for seed, spec in specs.items():
        train(spec, dataset, tmp_path / f"alone{seed}")
    both = threading.Barrier(2)

    def begin(seed):
        both.wait()
        train(specs[seed], dataset, tmp_path / f"thread{seed}")
        extract_pixels(ExtractSpec(layers=("pixels",)), dataset, tmp_path / f"pixels{seed}")
        with trusting():
            load_model(tmp_path / f"thread{seed}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(begin, specs))
    for seed in specs:
        assert_same(result(tmp_path / f"alone{seed}"), result(tmp_path / f"thread{seed}"))
