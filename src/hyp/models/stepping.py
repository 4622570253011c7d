"""Steps of gradient descent; on a GPU they are recorded once and replayed as a CUDA graph."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from threading import Lock

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR

from hyp.models.backbones import build_backbone
from hyp.models.inputs import Preprocessing
from hyp.models.objectives import Objective
from hyp.models.runtime import autocast
from hyp.models.specs import TrainSpec

TORCH_SEED_OFFSET = 2**31 - 1
_NEVER = -1
RECORDING = Lock()
"""Held while steps are recorded: nobody else may wait for the GPU then, as a renderer does."""
EAGER_STEPS = 3
"""Made before a graph is recorded: libraries choose kernels and the optimiser its state."""


def new_model(
    spec: TrainSpec, n_outputs: int, device: torch.device
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Make the network with its initial weights, drawn from the seed, and its optimiser."""
    torch.manual_seed(TORCH_SEED_OFFSET + spec.seed)
    layout = torch.channels_last if spec.channels_last else torch.contiguous_format
    model = build_backbone(spec.backbone, n_outputs).to(device)
    model.to(memory_format=layout)
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=spec.learning_rate,
        fused=True,
        capturable=device.type == "cuda",
    )
    return model, optimizer


def new_schedule(spec: TrainSpec, optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Make what sets the learning rate; its ``step`` follows every batch but the last."""
    if spec.schedule == "constant" or not spec.n_batches:
        return ConstantLR(optimizer, factor=1.0)
    if spec.schedule == "cosine":
        return CosineAnnealingLR(optimizer, T_max=spec.n_batches)
    return OneCycleLR(
        optimizer, max_lr=spec.learning_rate, total_steps=spec.n_batches, cycle_momentum=False
    )


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


class Stepper:
    """Makes the steps of one network.

    A step of a small network is hundreds of kernels of a few microseconds each, which Python
    cannot launch as fast as a GPU runs them. So after a few steps on a GPU one is recorded as
    a CUDA graph, of the same kernels, and replayed with every further batch. A network that
    waits for its own values in its forward pass cannot be recorded: its steps are launched
    one by one, and a warning says so. So are, without one, those of a network that draws
    random numbers, as dropout does: graphs that run side by side share a place for them.

    Parameters
    ----------
    spec : TrainSpec
    model, optimizer
        From `new_model`; the learning rate is read anew for every step.
    objective : Objective
    preprocess : Preprocessing
        Turns images into what the network sees, on its device.
    """

    def __init__(
        self,
        spec: TrainSpec,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        preprocess: Preprocessing,
    ) -> None:
        self._spec, self._model, self._optimizer = spec, model, optimizer
        self._objective, self._preprocess = objective, preprocess
        self._on_gpu = preprocess.device.type == "cuda"
        # A graph keeps numbers as they were recorded; a tensor can change.
        self._rate = torch.zeros((), device=preprocess.device)
        self._eager_steps = EAGER_STEPS
        self._graph: torch.cuda.CUDAGraph | None = None

    def step(self, images: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Make a step; return the task losses, shape (tasks,).

        Parameters
        ----------
        images : Tensor of uint8, shape (batch, H, W, 3)
        targets : mapping of str to Tensor
            As `Objective.targets` gives them, on the network's device.
        """
        if not self._on_gpu:
            return self._step(images, targets)
        if images.is_cuda:  # rendered on another stream: its memory is in use until this step
            images.record_stream(torch.cuda.current_stream(images.device))
        self._rate.fill_(self._optimizer.param_groups[0]["lr"])
        if self._graph is None and self._eager_steps == 0:
            self._record(images, targets)
        if self._graph is None:
            return self._launched(images, targets)
        self._images.copy_(images, non_blocking=True)
        for name, target in targets.items():
            self._targets[name].copy_(target, non_blocking=True)
        self._graph.replay()
        return self._losses.clone()

    def _step(self, images: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        inputs = self._preprocess(images)
        return train_step(
            self._spec, self._model, self._optimizer, self._objective, inputs, targets
        )

    def _launched(self, images: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        if self._eager_steps < 0:
            return self._step_at_rate(images, targets)
        before = torch.cuda.get_rng_state(self._preprocess.device)
        losses = self._step_at_rate(images, targets)
        draws = not torch.equal(before, torch.cuda.get_rng_state(self._preprocess.device))
        self._eager_steps = _NEVER if draws else self._eager_steps - 1
        return losses

    def _step_at_rate(self, images: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        group = self._optimizer.param_groups[0]
        rate, group["lr"] = group["lr"], self._rate
        try:
            return self._step(images, targets)
        finally:
            group["lr"] = rate

    def _record(self, images: Tensor, targets: Mapping[str, Tensor]) -> None:
        self._images = images.to(self._preprocess.device, copy=True)
        self._targets = {name: target.clone() for name, target in targets.items()}
        self._optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream(self._preprocess.device)
        try:
            # Other threads read images meanwhile: they may allocate memory.
            with (
                RECORDING,
                torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
            ):
                self._losses = self._step_at_rate(self._images, self._targets)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._eager_steps = _NEVER
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"the steps of {self._spec.backbone} cannot be recorded as a CUDA graph "
                f"({reason}); they are launched one by one, which takes several times as long.",
                stacklevel=2,
            )
            return
        self._graph = graph
