"""Objectives: which latents are estimated, by which output units, under which loss."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hyp.datasets.latents import LATENT_GROUPS, Latent, find_latent
from hyp.errors import HypError
from hyp.models.specs import objective_tasks

if TYPE_CHECKING:
    import pandas as pd

TaskKind = Literal["classes", "values", "angles"]

HEAD_ORDER = ("category", "identity", "distance", "translation", "rotation")
"""Output units come in this order in the paper: 117 + 548 + 1 + 2 + 6 = 674."""

_KINDS: dict[str, TaskKind] = {
    "categorical": "classes",
    "continuous": "values",
    "angle": "angles",
}


@dataclass(frozen=True)
class Task:
    """Output units ``start:stop`` of the head, and the latents they estimate.

    ``classes`` has one unit a value (cross-entropy), ``values`` one a latent (mean squared
    error of the standardised latent), ``angles`` a sine for every latent, then a cosine
    for every latent (mean squared error).
    """

    name: str
    kind: TaskKind
    latents: tuple[Latent, ...]
    start: int
    stop: int


def head_layout(latents: tuple[Latent, ...], objective: str) -> tuple[Task, ...]:
    """Return all tasks of the head, in the order of their output units.

    The head is always the full one of the paper, as far as the latents go, whichever
    tasks receive a loss: networks with one seed then start from the same weights. Tasks
    that are no group of the paper follow it, when the objective names them.

    Parameters
    ----------
    latents : tuple of Latent
        The dataset's.
    objective : str
        Task names joined by ``+``: groups, or names of latents.

    Raises
    ------
    HypError
        If a task is no group and no latent, or the dataset lacks its latents.
    """
    known = {latent.name for latent in latents}
    standard = [name for name in HEAD_ORDER if known.issuperset(LATENT_GROUPS[name])]
    tasks: list[Task] = []
    named = objective_tasks(objective)
    for name in [*standard, *(name for name in named if name not in standard)]:
        if name not in standard and name not in known:
            raise HypError(_unknown_task(name, (*standard, *sorted(known))))
        targets = tuple(find_latent(latents, column) for column in LATENT_GROUPS.get(name, (name,)))
        kind = _KINDS[targets[0].kind]
        start = tasks[-1].stop if tasks else 0
        tasks.append(Task(name, kind, targets, start, start + _width(kind, targets)))
    return tuple(tasks)


def _width(kind: TaskKind, latents: tuple[Latent, ...]) -> int:
    if kind == "classes":
        return len(latents[0].values)
    return len(latents) * (2 if kind == "angles" else 1)


def _unknown_task(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, 3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"it can be: {', '.join(known)}."
    return f"the dataset offers no task {name!r}; {hint}"


@dataclass(frozen=True)
class Objective:
    """An objective fitted to a dataset: head, trained tasks and standardisation.

    Attributes
    ----------
    head : tuple of Task
        All tasks that have output units.
    tasks : tuple of Task
        Those that receive a loss.
    standardisation : mapping of str to (float, float)
        Mean and standard deviation (ddof = 1) of each continuous target latent over the
        training images.
    """

    head: tuple[Task, ...]
    tasks: tuple[Task, ...]
    standardisation: Mapping[str, tuple[float, float]]

    @property
    def n_outputs(self) -> int:
        """Output units of the whole head."""
        return self.head[-1].stop

    def targets(self, table: pd.DataFrame) -> dict[str, Tensor]:
        """Return the target of every trained task for every row of the table.

        Returns
        -------
        dict of str to Tensor
            ``classes``: int64, shape (n,). Otherwise float32, shape (n, units).
        """
        return {task.name: self._target(task, table) for task in self.tasks}

    def _target(self, task: Task, table: pd.DataFrame) -> Tensor:
        if task.kind == "classes":
            return torch.from_numpy(_class_indices(task.latents[0], table))
        columns = np.stack([_numbers(latent, table) for latent in task.latents], axis=1)
        if task.kind == "angles":
            radians = _radians(task.latents, columns)
            columns = np.concatenate([np.sin(radians), np.cos(radians)], axis=1)
        else:
            mean, sd = np.array([self.standardisation[latent.name] for latent in task.latents]).T
            columns = (columns - mean) / sd
        return torch.from_numpy(columns.astype(np.float32))

    def losses(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of every trained task, shape (tasks,).

        Parameters
        ----------
        outputs : Tensor, shape (batch, n_outputs)
        targets : mapping of str to Tensor
            The rows of `targets` that belong to the batch.

        Raises
        ------
        HypError
            If the network's output has another shape.
        """
        if not isinstance(outputs, Tensor) or outputs.ndim != 2:
            raise HypError(
                "the backbone does not return one tensor of shape (images, units); "
                "choose another backbone or wrap it in a function of your own."
            )
        if outputs.shape[1] != self.n_outputs:
            raise HypError(
                f"the backbone has {outputs.shape[1]} output units instead of {self.n_outputs}; "
                "a backbone function must use its num_outputs argument."
            )
        outputs = outputs.float()
        return torch.stack(
            [
                task_loss(task, outputs[:, task.start : task.stop], targets[task.name])
                for task in self.tasks
            ]
        )


def task_loss(task: Task, outputs: Tensor, target: Tensor) -> Tensor:
    """Return the mean loss of one task over a batch (a scalar)."""
    if task.kind == "classes":
        return functional.cross_entropy(outputs, target)
    return functional.mse_loss(outputs, target)


def fit_objective(
    objective: str,
    latents: tuple[Latent, ...],
    train: pd.DataFrame,
) -> Objective:
    """Fit an objective to training images of a dataset.

    Parameters
    ----------
    objective : str
        Task names joined by ``+``.
    latents : tuple of Latent
        The dataset's.
    train : DataFrame
        The latents of training images, one row each.

    Raises
    ------
    HypError
        If the objective names an unknown task, or a latent that does not vary among the
        training images: there is nothing to learn about it.
    """
    head = head_layout(latents, objective)
    by_name = {task.name: task for task in head}
    tasks = tuple(by_name[name] for name in objective_tasks(objective))
    for task in tasks:
        for latent in task.latents:
            if train[latent.name].nunique() < 2:
                raise HypError(
                    f"{latent.name} does not vary in the training images, so {task.name} cannot "
                    "be trained on them; choose another objective or a design that varies it."
                )
    standardisation = {}
    for task in tasks:
        if task.kind == "values":
            for latent in task.latents:
                values = _numbers(latent, train)
                standardisation[latent.name] = (float(values.mean()), float(values.std(ddof=1)))
    return Objective(head, tasks, standardisation)


def baselines(
    objective: Objective, train: Mapping[str, Tensor], held_out: Mapping[str, Tensor]
) -> dict[tuple[str, str], float]:
    """Return what the best constant prediction, made from the training images, reaches.

    Parameters
    ----------
    objective : Objective
    train, held_out : mapping of str to Tensor
        Targets as from `Objective.targets`: of the images the constant is taken from, and
        of those it is judged on.

    Returns
    -------
    dict of (task, metric) to float
        ``loss``: mean squared error of predicting the training mean, or cross-entropy of
        predicting the training frequencies (a class without training images counts as
        half an image). ``accuracy``: of the most frequent training class.
    """
    found = {}
    for task in objective.tasks:
        target = held_out[task.name]
        if task.kind == "classes":
            counts = torch.bincount(train[task.name], minlength=task.stop - task.start).double()
            frequencies = counts.clamp(min=0.5) / counts.sum()
            loss = -frequencies.log()[target].mean()
            accuracy = (target == counts.argmax()).double().mean()
            found[task.name, "accuracy"] = float(accuracy)
        else:
            mean = train[task.name].double().mean(dim=0)
            loss = (target.double() - mean).square().mean()
        found[task.name, "loss"] = float(loss)
    return found


def _numbers(latent: Latent, table: pd.DataFrame) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.asarray(table[latent.name], dtype=np.float64)
    if not np.isfinite(values).all():
        raise HypError(f"the latent {latent.name} has missing or infinite values in the table.")
    return values


def _radians(latents: tuple[Latent, ...], values: NDArray[np.float64]) -> NDArray[np.float64]:
    scale = [1.0 if latent.unit.startswith("rad") else np.pi / 180.0 for latent in latents]
    radians: NDArray[np.float64] = np.multiply(values, np.array(scale))
    return radians


def _class_indices(latent: Latent, table: pd.DataFrame) -> NDArray[np.int64]:
    index = {value: position for position, value in enumerate(latent.values)}
    column = table[latent.name].astype(str)
    strange = sorted(set(column.unique()) - set(index))
    if strange:
        raise HypError(
            f"the table has values of {latent.name} that the dataset does not declare: "
            f"{', '.join(strange[:5])}."
        )
    return np.array(column.map(index), dtype=np.int64)
