"""One training run under way, so that an interrupted one goes on as if it had not stopped."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hyp import stopping
from hyp.datasets.splits import Indices
from hyp.errors import HypError
from hyp.models import checkpoints
from hyp.models.data import LabelledImages, read_ahead, slices, training_batches
from hyp.models.feeding import Batch, Shelf, on_device, read_batch
from hyp.models.inputs import Preprocessing
from hyp.models.objectives import Objective, baselines, fit_objective
from hyp.models.runtime import autocast
from hyp.models.specs import TrainSpec
from hyp.models.stepping import Stepper, new_model, new_schedule
from hyp.store.checksums import file_checksum

LOG_EVERY = 10
FIT_IMAGES = 100_000
"""Training images that standardisation and baselines are taken from, as in the paper's code."""

Progress = Callable[[int, int], None]
"""Called with (done, total) in batches."""


@dataclass(frozen=True)
class Training:
    """One network to train.

    Attributes
    ----------
    spec : TrainSpec
    dataset : Dataset or alike
        See `LabelledImages`; networks that are given the same object share what is read.
    folder : Path
        Where it is written to; made if it does not exist.
    progress : callable
        Called after every batch with (done, total).
    """

    spec: TrainSpec
    dataset: LabelledImages
    folder: Path
    progress: Progress | None = None


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

    def load(indices: Indices) -> Batch:
        return read_batch(dataset, objective, preprocess, indices)

    with closing(read_ahead(load, slices(rows, spec.batch_size))) as batches:
        for staged, targets in batches:
            stopping.check()
            wanted = on_device(device, targets)
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


class Run:
    """One training run under way."""

    def __init__(self, training: Training, shelf: Shelf, resume_every: float) -> None:
        self.spec, self.dataset, self.folder = training.spec, training.dataset, training.folder
        self.progress = training.progress
        self.shelf, self.device = shelf, shelf.device
        self.resume_every = resume_every

    def windows(self) -> Generator[None]:
        """Train from the beginning, or from the state that was left, to the end.

        Yields whenever a window of batches was launched, before waiting for its losses: on
        a GPU another network can be launched meanwhile.
        """
        self.start()
        try:
            with stopping.looked_after():
                yield from self.go_on()
        except stopping.Stopped:
            checkpoints.save_resume(self.folder, self.fingerprint, self._state())
            raise
        self.finish()

    def start(self) -> None:
        """Make the network; put it in the state an interrupted run left, if there is one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows = {name: self.dataset.split(name) for name in ("train", "val")}
        self.objective = self._objective()
        self.info = checkpoints.make_info(self.spec, self.objective, self.dataset.image_shape)
        self.baselines = self._baselines()
        self.model, self.optimizer = new_model(self.spec, self.objective.n_outputs, self.device)
        self.schedule = new_schedule(self.spec, self.optimizer)
        self.batch = 0
        self.due = True
        self.log = LossLog([task.name for task in self.objective.tasks])
        self.evaluations: list[dict[str, Any]] = []
        self.kept: dict[int, str] = {}
        self.fingerprint = hashlib.sha256(
            f"{self.info.model_dump_json()} {self.dataset.n_images} {torch.__version__}".encode()
            + _text(self.rows["train"])
        ).hexdigest()
        state = checkpoints.load_resume(self.folder, self.fingerprint)
        if state is not None and self._kept_all(state):
            self._restore(state)
        if self.due:
            self._keep_if_due()

    def go_on(self) -> Generator[None]:
        """Train to the last batch, a window of batches at a time."""
        spec = self.spec
        preprocess = Preprocessing(spec.input_size, spec.channels_last, self.device)
        stepper = Stepper(spec, self.model, self.optimizer, self.objective, preprocess)
        saved = time.monotonic()
        self.model.train()
        order = training_batches(
            self.rows["train"], spec.seed, spec.batch_size, self.batch, spec.n_batches
        )
        feed = self.shelf.batches(self.dataset, self.objective, preprocess, order)
        with closing(feed) as batches:
            for images, targets in batches:
                self.log.add(stepper.step(images, targets))
                self.batch += 1
                if self.batch < spec.n_batches:
                    self.schedule.step()
                self.due = True
                if self.batch % LOG_EVERY == 0:
                    yield
                    self.log.close(self.batch)
                self._keep_if_due()
                overdue = time.monotonic() - saved >= self.resume_every
                if overdue and self.batch % LOG_EVERY == 0 and self.batch < spec.n_batches:
                    checkpoints.save_resume(self.folder, self.fingerprint, self._state())
                    saved = time.monotonic()
                if self.progress is not None:
                    self.progress(self.batch, spec.n_batches)
                stopping.check()

    def finish(self) -> None:
        """Write the history and, last, the description; remove what only resuming needs."""
        if self.batch % LOG_EVERY:
            self.log.close(self.batch)
        history = {"training": self.log.means, "evaluation": self.evaluations}
        checkpoints.write_json(self.folder / checkpoints.HISTORY, history)
        checkpoints.write_json(self.folder / checkpoints.MODEL, self.info.model_dump(mode="json"))
        checkpoints.remove_resume(self.folder)

    def _objective(self) -> Objective:
        rows, batch_size = self.rows["train"], self.spec.batch_size
        if self.spec.n_batches and len(rows) < batch_size:
            raise HypError(
                f"the dataset has {len(rows)} training images, fewer than a batch of "
                f"{batch_size}; make more images or choose a smaller batch_size."
            )
        fitted = self.dataset.rows(rows[:FIT_IMAGES])
        return fit_objective(self.spec.objective, self.dataset.latents, fitted)

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
            found = checkpoints.save_weights(self.folder, self.batch, self.model)
            self.kept[self.batch] = found
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

    def _kept_all(self, state: dict[str, Any]) -> bool:
        """Return whether all weights that a state follows upon are there, and unchanged."""
        sums = state.get("kept", {})  # an older hyp kept none
        paths = {
            batch: self.folder / checkpoints.weights_name(batch)
            for batch in self.info.checkpoints
            if batch <= state["batch"]
        }
        return all(
            path.exists() and sums.get(batch) in (None, file_checksum(path))
            for batch, path in paths.items()
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
            "kept": self.kept,
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
        self.kept = state.get("kept", {})


class LossLog:
    """Task losses, averaged over windows of batches; kept on the device until looked at.

    Looking makes a GPU wait, so it is done once a window.
    """

    def __init__(self, tasks: list[str]) -> None:
        self.tasks = tasks
        self.means: dict[str, list[float]] = {"batch": [], **{task: [] for task in tasks}}
        self.window: list[Tensor] = []

    def add(self, losses: Tensor) -> None:
        """Take the losses of a batch, shape (tasks,)."""
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


def _text(rows: Indices) -> bytes:
    return repr(rows).encode() if isinstance(rows, range) else rows.tobytes()
