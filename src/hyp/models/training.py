"""Training one network, so that an interrupted run goes on as if it had not stopped."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR

from hyp import stopping
from hyp.datasets.splits import Indices
from hyp.errors import HypError
from hyp.models import checkpoints
from hyp.models.backbones import build_backbone
from hyp.models.data import LabelledImages, read_ahead, slices, training_batches
from hyp.models.inputs import Preprocessing
from hyp.models.objectives import Objective, baselines, fit_objective
from hyp.models.runtime import autocast, open_device, repeatable
from hyp.models.specs import TrainSpec

TORCH_SEED_OFFSET = 2**31 - 1
LOG_EVERY = 10
FIT_IMAGES = 100_000
"""Training images that standardisation and baselines are taken from, as in the paper's code."""

Progress = Callable[[int, int], None]
"""Called with (done, total) in batches."""


def train(
    spec: TrainSpec,
    dataset: LabelledImages,
    folder: Path | str,
    *,
    progress: Progress | None = None,
    resume_every: float = 60.0,
) -> None:
    """Train a network and write it to a folder.

    Adam with default betas, images shuffled anew every epoch, incomplete batches dropped,
    ImageNet normalisation, no augmentation, the mean of the task losses and, unless the spec
    has another schedule, a constant learning rate: the recipe of the paper. The folder then
    holds ``weights-<batch>.pt`` for every checkpoint, ``history.json`` (training losses
    averaged over 10 batches; evaluations on the held-out images with the constant predictor
    beside them) and ``model.json`` (see `ModelInfo`), written last.

    If the folder holds the unfinished state of the same run, training goes on from it; on
    a CPU the result equals that of an uninterrupted run bit for bit. A damaged state is
    ignored. The state is saved now and then, and when a signal ends the process
    (`hyp.stopping`).

    Parameters
    ----------
    spec : TrainSpec
    dataset : Dataset or alike
        See `LabelledImages`.
    folder : path
        Made if it does not exist.
    progress : callable, optional
        Called after every batch with (done, total).
    resume_every : float
        Seconds between saved states (checked every 10 batches).

    Raises
    ------
    HypError
        If the objective does not fit the dataset, there are fewer training images than a
        batch holds, the device is missing, or the loss stops being a finite number.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = dataset.split("train")
    if spec.n_batches and len(rows) < spec.batch_size:
        raise HypError(
            f"the dataset has {len(rows)} training images, fewer than a batch of "
            f"{spec.batch_size}; make more images or choose a smaller batch_size."
        )
    fitted = dataset.rows(rows[:FIT_IMAGES])
    objective = fit_objective(spec.objective, dataset.latents, fitted)
    device = open_device(spec.device)
    with repeatable(device, spec.threads):
        run = _Run(spec, dataset, objective, device, folder)
        run.start()
        run.go_on_or_save(progress, resume_every)
        run.finish()


def train_step(
    spec: TrainSpec,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    inputs: Tensor,
    targets: Mapping[str, Tensor],
) -> Tensor:
    """Make one step of gradient descent; return the task losses, shape (tasks,)."""
    with autocast(inputs.device, spec.precision):
        outputs = model(inputs)
    losses = objective.losses(outputs, targets)
    optimizer.zero_grad(set_to_none=True)
    losses.mean().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return losses.detach()


def new_model(
    spec: TrainSpec, n_outputs: int, device: torch.device
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Make the network with its initial weights, drawn from the seed, and its optimiser."""
    torch.manual_seed(TORCH_SEED_OFFSET + spec.seed)
    layout = torch.channels_last if spec.channels_last else torch.contiguous_format
    model = build_backbone(spec.backbone, n_outputs).to(device)
    model.to(memory_format=layout)
    return model, torch.optim.Adam(model.parameters(), lr=spec.learning_rate, fused=True)


def new_schedule(spec: TrainSpec, optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Make what sets the learning rate; its ``step`` follows every batch but the last."""
    if spec.schedule == "constant" or not spec.n_batches:
        return ConstantLR(optimizer, factor=1.0)
    if spec.schedule == "cosine":
        return CosineAnnealingLR(optimizer, T_max=spec.n_batches)
    return OneCycleLR(
        optimizer, max_lr=spec.learning_rate, total_steps=spec.n_batches, cycle_momentum=False
    )


@torch.inference_mode()
def evaluate(
    spec: TrainSpec,
    model: nn.Module,
    objective: Objective,
    dataset: LabelledImages,
    rows: Indices,
    device: torch.device,
) -> dict[tuple[str, str], float]:
    """Return the loss of every task, and the accuracy of classes, over the given images.

    Returns
    -------
    dict of (task, metric) to float
        The network is left in evaluation mode.
    """
    preprocess = Preprocessing(spec.input_size, spec.channels_last, device)
    model.eval()
    classes = [task for task in objective.tasks if task.kind == "classes"]
    sums = torch.zeros(len(objective.tasks), dtype=torch.float64, device=device)
    right = torch.zeros(len(classes), dtype=torch.float64, device=device)
    load = _loader(dataset, objective, preprocess)
    with closing(read_ahead(load, slices(rows, spec.batch_size))) as batches:
        for staged, targets in batches:
            stopping.check()
            wanted = _on(device, targets)
            with autocast(device, spec.precision):
                outputs = model(preprocess(staged))
            sums += objective.losses(outputs, wanted).double() * len(staged)
            for position, task in enumerate(classes):
                guess = outputs[:, task.start : task.stop].argmax(dim=1)
                right[position] += (guess == wanted[task.name]).sum()
    found = {
        (task.name, "loss"): float(value) / len(rows)
        for task, value in zip(objective.tasks, sums.cpu(), strict=True)
    }
    for task, value in zip(classes, right.cpu(), strict=True):
        found[task.name, "accuracy"] = float(value) / len(rows)
    return found


@dataclass
class _Run:
    """One training run under way."""

    spec: TrainSpec
    dataset: LabelledImages
    objective: Objective
    device: torch.device
    folder: Path

    def start(self) -> None:
        """Make the network; put it in the state an interrupted run left, if there is one."""
        self.info = checkpoints.make_info(self.spec, self.objective, self.dataset.image_shape)
        self.rows = {name: self.dataset.split(name) for name in ("train", "val")}
        self.baselines = self._baselines()
        self.model, self.optimizer = new_model(self.spec, self.objective.n_outputs, self.device)
        self.schedule = new_schedule(self.spec, self.optimizer)
        self.batch = 0
        self.due = True
        self.log = _LossLog([task.name for task in self.objective.tasks])
        self.evaluations: list[dict[str, Any]] = []
        self.fingerprint = hashlib.sha256(
            f"{self.info.model_dump_json()} {self.dataset.n_images} {torch.__version__}".encode()
            + _text(self.rows["train"])
        ).hexdigest()
        state = checkpoints.load_resume(self.folder, self.fingerprint)
        if state is not None and self._kept_all_before(state["batch"]):
            self._restore(state)
        if self.due:
            self._keep_if_due()

    def go_on_or_save(self, progress: Progress | None, resume_every: float) -> None:
        """Train to the last batch, or to the signal that ends this process."""
        try:
            with stopping.looked_after():
                self.go_on(progress, resume_every)
        except stopping.Stopped:
            checkpoints.save_resume(self.folder, self.fingerprint, self._state())
            raise

    def go_on(self, progress: Progress | None, resume_every: float) -> None:
        """Train to the last batch."""
        spec = self.spec
        preprocess = Preprocessing(spec.input_size, spec.channels_last, self.device)

        load = _loader(self.dataset, self.objective, preprocess)
        saved = time.monotonic()
        self.model.train()
        order = training_batches(
            self.rows["train"], spec.seed, spec.batch_size, self.batch, spec.n_batches
        )
        with closing(read_ahead(load, order)) as batches:
            for images, targets in batches:
                wanted = _on(self.device, targets)
                self.log.add(
                    train_step(
                        spec, self.model, self.optimizer, self.objective, preprocess(images), wanted
                    )
                )
                self.batch += 1
                if self.batch < spec.n_batches:
                    self.schedule.step()
                self.due = True
                if self.batch % LOG_EVERY == 0:
                    self.log.close(self.batch)
                self._keep_if_due()
                overdue = time.monotonic() - saved >= resume_every
                if overdue and self.batch % LOG_EVERY == 0 and self.batch < spec.n_batches:
                    checkpoints.save_resume(self.folder, self.fingerprint, self._state())
                    saved = time.monotonic()
                if progress is not None:
                    progress(self.batch, spec.n_batches)
                stopping.check()

    def finish(self) -> None:
        """Write the history and, last, the description; remove what only resuming needs."""
        if self.batch % LOG_EVERY:
            self.log.close(self.batch)
        history = {"training": self.log.means, "evaluation": self.evaluations}
        checkpoints.write_json(self.folder / checkpoints.HISTORY, history)
        checkpoints.write_json(self.folder / checkpoints.MODEL, self.info.model_dump(mode="json"))
        checkpoints.remove_resume(self.folder)

    def _baselines(self) -> dict[tuple[str, str], float]:
        train, val = self.rows["train"][:FIT_IMAGES], self.rows["val"]
        if not len(val):
            return {}
        return baselines(
            self.objective,
            self.objective.targets(self.dataset.rows(train)),
            self.objective.targets(self.dataset.rows(val)),
        )

    def _keep_if_due(self) -> None:
        every = self.spec.evaluate_every
        last = self.batch == self.spec.n_batches
        if self.batch in self.info.checkpoints:
            self.log.check(self.batch)
            checkpoints.save_weights(self.folder, self.batch, self.model)
        if last or (every is not None and self.batch and self.batch % every == 0):
            self.log.check(self.batch)
            self._evaluate()
        self.due = False

    def _evaluate(self) -> None:
        rows = self.rows["val"]
        if not len(rows):
            return
        found = evaluate(self.spec, self.model, self.objective, self.dataset, rows, self.device)
        self.model.train()
        self.evaluations += [
            {
                "batch": self.batch,
                "task": task,
                "metric": metric,
                "value": value,
                "baseline": self.baselines[task, metric],
                "images": len(rows),
            }
            for (task, metric), value in found.items()
        ]

    def _kept_all_before(self, batch: int) -> bool:
        return all(
            (self.folder / checkpoints.weights_name(kept)).exists()
            for kept in self.info.checkpoints
            if kept <= batch
        )

    def _state(self) -> dict[str, Any]:
        cuda = self.device.type == "cuda"
        return {
            "batch": self.batch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state() if cuda else None,
            "due": self.due,
            "means": self.log.means,
            "window": self.log.window,
            "evaluations": self.evaluations,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.batch = state["batch"]
        self.due = state.get("due", False)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state.get("schedule", {}))
        torch.set_rng_state(state["torch_rng"])
        if state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"])
        self.log.means = state["means"]
        self.log.window = [losses.to(self.device) for losses in state.get("window", [])]
        self.evaluations = state["evaluations"]


class _LossLog:
    """Task losses, averaged over windows of batches; kept on the device until looked at.

    Looking makes a GPU wait, so it is done once a window.
    """

    def __init__(self, tasks: list[str]) -> None:
        self.tasks = tasks
        self.means: dict[str, list[float]] = {"batch": [], **{task: [] for task in tasks}}
        self.window: list[Tensor] = []

    def add(self, losses: Tensor) -> None:
        self.window.append(losses)

    def check(self, batch: int) -> NDArray[np.float64]:
        """Return the window's losses up to `batch`, having checked that they are finite."""
        if not self.window:
            return np.empty((0, len(self.tasks)))
        losses = torch.stack(self.window).double().cpu().numpy()
        broken = ~np.isfinite(losses)
        if broken.any():
            position, task = np.argwhere(broken)[0]
            raise HypError(
                f"the {self.tasks[task]} loss is {losses[position, task]} at batch "
                f"{batch - len(losses) + int(position) + 1}; lower the learning_rate or "
                "check the images and latents."
            )
        return losses

    def close(self, batch: int) -> None:
        """Average the window that ends at `batch` and begin the next."""
        losses = self.check(batch)
        self.means["batch"].append(batch)
        for task, mean in zip(self.tasks, losses.mean(axis=0).tolist(), strict=True):
            self.means[task].append(mean)
        self.window.clear()


def _loader(
    dataset: LabelledImages, objective: Objective, preprocess: Preprocessing
) -> Callable[[Indices], tuple[Tensor, dict[str, Tensor]]]:
    """Return what reads the images and targets of a batch."""

    def load(indices: Indices) -> tuple[Tensor, dict[str, Tensor]]:
        images, rows = dataset.batch(indices)
        return preprocess.stage(images), objective.targets(rows)

    return load


def _on(device: torch.device, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: target.to(device, non_blocking=True) for name, target in targets.items()}


def _text(rows: Indices) -> bytes:
    return repr(rows).encode() if isinstance(rows, range) else rows.tobytes()
