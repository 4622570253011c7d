import math

import numpy as np
import pandas as pd
import pytest
import torch

from hyp.datasets.latents import Latent
from hyp.errors import HypError
from hyp.models.objectives import baselines, fit_objective, head_layout

EVERYTHING = "distance+translation+rotation+category+identity"
SPATIAL = tuple(
    Latent(name=name, kind=kind)
    for name, kind in [
        ("rel_pos_x", "continuous"),
        ("rel_pos_y", "continuous"),
        ("rel_pos_z", "continuous"),
        ("rel_rot_euler_0", "angle"),
        ("rel_rot_euler_1", "angle"),
        ("rel_rot_euler_2", "angle"),
    ]
)


def named(prefix, n):
    return tuple(f"{prefix}{i:03d}" for i in range(n))


def test_head_of_tdw_117_has_the_papers_674_units():
    latents = (
        *SPATIAL,
        Latent(name="category", kind="categorical", values=named("n", 117)),
        Latent(name="identity", kind="categorical", values=named("m", 548)),
    )
    for objective in ("distance", EVERYTHING):
        head = head_layout(latents, objective)
        assert [(task.name, task.start, task.stop) for task in head] == [
            ("category", 0, 117),
            ("identity", 117, 665),
            ("distance", 665, 666),
            ("translation", 666, 668),
            ("rotation", 668, 674),
        ]


def test_invented_objectives_follow_the_standard_head(dataset):
    head = head_layout(dataset.latents, "weather+distance+light_power+light_azimuth")
    units = {task.name: (task.start, task.stop, task.kind) for task in head}
    assert units["rotation"] == (11, 17, "angles")
    assert units["light_azimuth"] == (17, 19, "angles")
    assert units["light_power"] == (19, 20, "values")
    assert units["weather"] == (20, 22, "classes")


def test_unknown_task_offers_close_names(dataset):
    with pytest.raises(HypError, match="light_power"):
        head_layout(dataset.latents, "light_powr")


def fitted(objective, dataset):
    return fit_objective(objective, dataset.latents, dataset.rows(dataset.split("train")))


def test_standardisation_is_over_the_training_rows_with_ddof_1(dataset):
    fit = fitted("translation", dataset)
    train = dataset.table["rel_pos_x"].iloc[:36]
    assert fit.standardisation["rel_pos_x"] == pytest.approx((train.mean(), train.std(ddof=1)))
    target = fit.targets(dataset.table)["translation"].double()
    assert torch.allclose(target[:36].mean(dim=0), torch.zeros(2).double(), atol=1e-6)
    assert torch.allclose(target[:36].std(dim=0), torch.ones(2).double(), atol=1e-6)


def test_losses_by_hand(dataset):
    fit = fitted(EVERYTHING + "+light_azimuth", dataset)
    rows = np.array([3, 40, 7])
    table = dataset.table.iloc[rows]
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, fit.n_outputs, generator=generator)
    targets = {name: target[rows] for name, target in fit.targets(dataset.table).items()}
    losses = dict(
        zip([t.name for t in fit.tasks], fit.losses(outputs, targets).tolist(), strict=True)
    )
    out = outputs.double().numpy()
    train = dataset.table.iloc[:36]

    logits = out[:, 0:3]
    index = [("bowl", "chair", "tablé").index(value) for value in table["category"]]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert losses["category"] == pytest.approx(-np.mean(log_p[range(3), index]), rel=1e-5)

    z = (table["rel_pos_z"] - train["rel_pos_z"].mean()) / train["rel_pos_z"].std(ddof=1)
    assert losses["distance"] == pytest.approx(np.mean((out[:, 8] - z) ** 2), rel=1e-5)

    xy = ["rel_pos_x", "rel_pos_y"]
    standard = (table[xy] - train[xy].mean()) / train[xy].std(ddof=1)
    expected = np.mean((out[:, 9:11] - standard.to_numpy()) ** 2)
    assert losses["translation"] == pytest.approx(expected, rel=1e-5)

    e0, e1, e2 = (np.deg2rad(table[f"rel_rot_euler_{i}"].to_numpy()) for i in range(3))
    circle = [np.sin(e0), np.sin(e1), np.sin(e2), np.cos(e0), np.cos(e1), np.cos(e2)]
    expected = np.mean((out[:, 11:17] - np.stack(circle, axis=1)) ** 2)
    assert losses["rotation"] == pytest.approx(expected, rel=1e-5)

    light = np.deg2rad(table["light_azimuth"].to_numpy())
    expected = np.mean((out[:, 17:19] - np.stack([np.sin(light), np.cos(light)], axis=1)) ** 2)
    assert losses["light_azimuth"] == pytest.approx(expected, rel=1e-5)


def test_untrained_units_do_not_change_the_loss(dataset):
    fit = fitted("distance", dataset)
    target = {name: value[:4] for name, value in fit.targets(dataset.table).items()}
    outputs = torch.randn(4, fit.n_outputs)
    moved = outputs.clone()
    moved[:, :8] += 5.0
    moved[:, 9:] -= 5.0
    assert torch.equal(fit.losses(outputs, target), fit.losses(moved, target))


def test_baselines_by_hand():
    latents = (
        Latent(name="z", kind="continuous"),
        Latent(name="kind", kind="categorical", values=("a", "b", "c")),
    )
    table = pd.DataFrame({"z": [0.0, 2.0, 1.0, 1.0, 3.0], "kind": ["a", "a", "a", "b", "a"]})
    table.loc[5] = [1.0, "b"]
    table.loc[6] = [1.0, "c"]
    fit = fit_objective("kind+z", latents, table.iloc[:4])
    train, held_out, rare = (
        fit.targets(table.iloc[rows]) for rows in (slice(0, 4), slice(4, 6), slice(6, 7))
    )
    found = baselines(fit, train, held_out)
    sd = table["z"].iloc[:4].std(ddof=1)
    assert found["z", "loss"] == pytest.approx(((2.0 / sd) ** 2 + 0.0) / 2, rel=1e-6)
    assert found["kind", "loss"] == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)
    assert found["kind", "accuracy"] == 0.5
    unseen = baselines(fit, train, rare)
    assert unseen["kind", "loss"] == pytest.approx(-math.log(0.5 / 4))


def test_latent_that_does_not_vary_is_refused(dataset):
    dataset.table["rel_pos_y"] = 0.1
    dataset.table["category"] = "bowl"
    dataset.table.loc[40:, "category"] = "chair"  # varies among the held-out images only
    with pytest.raises(HypError, match="rel_pos_y does not vary"):
        fitted("distance+translation", dataset)
    with pytest.raises(HypError, match="category does not vary"):
        fitted("category", dataset)
    fitted("distance", dataset)


def test_missing_and_undeclared_values_are_refused(dataset):
    dataset.table.loc[2, "rel_pos_z"] = np.nan
    with pytest.raises(HypError, match="rel_pos_z"):
        fitted("distance", dataset)
    dataset.table.loc[2, "category"] = "spoon"
    with pytest.raises(HypError, match="spoon"):
        fitted("category", dataset).targets(dataset.table)
