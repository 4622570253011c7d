"""Networks trained side by side are what each is when it is trained alone."""

import os
import signal

import pytest
import torch
from test_training import assert_same, result, spec_of
from tiny_networks import MemoryDataset

from hyp import stopping
from hyp.errors import HypError
from hyp.models import trusting
from hyp.models.feeding import Shelf
from hyp.models.inputs import Preprocessing
from hyp.models.objectives import fit_objective
from hyp.models.training import Training, train, train_together

SPECS = (
    spec_of(seed=1, snapshots=(7, 20), evaluate_every=6),
    spec_of(seed=2, objective="category", schedule="cosine", n_batches=32),
    spec_of(seed=3, n_batches=0),
)
"""Dropout draws from the process's random numbers, and they end at different batches."""


def trainings(dataset, folder, specs=SPECS, progress=None):
    return [Training(spec, dataset, folder / str(spec.seed), progress) for spec in specs]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    with trusting():
        for spec in SPECS:
            train(spec, MemoryDataset(), folder / str(spec.seed))
    return folder


def assert_as_alone(alone, together):
    for spec in SPECS:
        assert_same(result(alone / str(spec.seed)), result(together / str(spec.seed)))


def test_each_network_is_what_it_is_alone(dataset, alone, tmp_path):
    before = torch.get_rng_state()
    assert train_together(trainings(dataset, tmp_path)) == [None, None, None]
    assert_as_alone(alone, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_signal_saves_all_of_them(dataset, alone, tmp_path):
    done = []

    def send(batch, total):
        done.append(batch)
        if len(done) == 17:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(stopping.Stopped), stopping.stoppable():
        train_together(trainings(dataset, tmp_path, progress=send), resume_every=1e9)
    later = []
    again = trainings(dataset, tmp_path, progress=lambda batch, total: later.append(batch))
    assert train_together(again) == [None, None, None]
    assert 1 not in later
    assert_as_alone(alone, tmp_path)


def test_one_that_fails_leaves_the_others(dataset, alone, tmp_path):
    bad = spec_of(seed=4, learning_rate=1e38)
    wide = spec_of(seed=5, batch_size=64)
    found = train_together(trainings(dataset, tmp_path, (bad, *SPECS, wide)))
    assert [type(error) for error in found] == [HypError, *[type(None)] * 3, HypError]
    assert "loss is" in str(found[0])
    assert "fewer than a batch" in str(found[-1])
    assert_as_alone(alone, tmp_path)
    assert not (tmp_path / "4" / "model.json").exists()


def test_one_device_and_number_of_threads(dataset, tmp_path):
    specs = (spec_of(seed=1), spec_of(seed=2, threads=2))
    with pytest.raises(HypError, match="equal threads"):
        train_together(trainings(dataset, tmp_path, specs))


class Streamed(MemoryDataset):
    """Images that come in their order, as rendered ones do."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def split(self, name):
        rows = super().split(name)
        return range(rows[0], rows[-1] + 1)

    def images(self, indices):
        return super().images(list(indices))

    def batch(self, indices):
        self.asked += list(indices)
        return super().batch(list(indices))


def test_rendered_images_are_rendered_once_for_all(tmp_path):
    dataset = Streamed()
    specs = [spec_of(seed=seed, n_batches=4) for seed in range(3)]
    train_together(trainings(dataset, tmp_path / "together", specs))
    assert sorted(image for image in dataset.asked if image < 36) == list(range(32))
    for spec in specs:
        train(spec, dataset, tmp_path / "alone" / str(spec.seed))
        names = [tmp_path / how / str(spec.seed) for how in ("alone", "together")]
        assert_same(*map(result, names))


def test_held_images_make_the_batches_that_are_read(dataset):
    device = torch.device("cpu")
    spec = spec_of()
    objective = fit_objective(spec.objective, dataset.latents, dataset.table)
    preprocess = Preprocessing(None, False, device)
    order = [dataset.split("train")[[5, 3, 30]], dataset.split("train")[[0, 1, 2]]]
    held, read = Shelf(device), Shelf(device)
    held.hold(dataset)
    assert read.held(dataset) is None
    pairs = zip(
        held.batches(dataset, objective, preprocess, order),
        read.batches(dataset, objective, preprocess, order),
        strict=True,
    )
    for (images, targets), (wanted, wanted_targets) in pairs:
        assert torch.equal(images, wanted)
        assert all(torch.equal(targets[name], wanted_targets[name]) for name in wanted_targets)
