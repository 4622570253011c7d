"""Training networks, one or several of them side by side."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from hyp import stopping
from hyp.errors import HypError
from hyp.models.data import LabelledImages
from hyp.models.feeding import Shelf
from hyp.models.runtime import open_device, repeatable
from hyp.models.specs import TrainSpec
from hyp.models.training_run import Progress, Run, Training


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
    training = Training(spec, dataset, Path(folder), progress)
    (error,) = train_together([training], resume_every=resume_every)
    if error is not None:
        raise error


def train_together(
    trainings: Sequence[Training], *, resume_every: float = 60.0
) -> list[Exception | None]:
    """Train networks side by side, each as `train` would train it alone.

    Every network has its own weights, order of images, learning rate and random numbers, and
    goes on from its own unfinished state. They take turns of 10 batches; on a GPU each has a
    stream of its own, so that the kernels of one fill what those of another leave idle, and as
    many are begun as its memory holds. A network's result does not depend on the others: it is
    the same bit for bit on a CPU, and on a GPU as far as its kernels repeat themselves.

    Parameters
    ----------
    trainings : sequence of Training
        On one device, with the same number of threads.
    resume_every : float
        As in `train`.

    Returns
    -------
    list of Exception or None
        What went wrong with each network; the others are trained to their end.

    Raises
    ------
    HypError
        If they differ in device or threads, or the device is missing.
    """
    places = {(training.spec.device, training.spec.threads) for training in trainings}
    if len(places) != 1:
        raise HypError("networks are trained together on one device, with equal threads.")
    ((device_name, threads),) = places
    device = open_device(device_name)
    shelf = Shelf(device, shared=len(trainings) > 1)
    with repeatable(device, threads):
        turns = [_Turns(Run(one, shelf, resume_every), device) for one in trainings]
        _take_turns(turns, device)
    return [turn.error for turn in turns]


class _Turns:
    """A network under way, a window of batches at a time, with what belongs to it alone.

    That is its stream on a GPU, and torch's random numbers, which belong to the process.
    """

    def __init__(self, run: Run, device: torch.device) -> None:
        self.error: Exception | None = None
        self.done = False
        self._windows = run.windows()
        self._device = device
        on_gpu = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        self._random = _random_state(device)

    def take(self) -> None:
        """Go on until the next window of batches is on its way, or to the end."""
        _set_random_state(self._device, self._random)
        try:
            with torch.cuda.stream(self._stream):
                next(self._windows)
        except StopIteration:
            self.done = True
        except Exception as error:
            self.done, self.error = True, error
        self._random = _random_state(self._device)

    def stop(self) -> None:
        """Let a network that is under way save its state; what was not begun is left alone."""
        if not self.done and inspect.getgeneratorstate(self._windows) == inspect.GEN_SUSPENDED:
            with suppress(stopping.Stopped):
                self.take()
        self._windows.close()


def _take_turns(turns: Sequence[_Turns], device: torch.device) -> None:
    """Train networks to their end, or to the signal that ends this process."""
    waiting, running = deque(turns), list[_Turns]()
    room = _Room(device)
    try:
        while waiting or running:
            while waiting and (not running or room.for_another()):
                running.append(waiting.popleft())
                running[-1].take()
                room.measure()
            for turn in running:
                if not turn.done:
                    turn.take()
            running = [turn for turn in running if not turn.done]
    except stopping.Stopped:
        for turn in turns:
            turn.stop()
        raise


class _Room:
    """Whether a GPU has memory for one more network like the first."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._on_gpu = device.type == "cuda"
        self._needs = 0
        if self._on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_reserved(device)

    def measure(self) -> None:
        if self._on_gpu and not self._needs:
            self._needs = torch.cuda.max_memory_reserved(self._device) - self._before

    def for_another(self) -> bool:
        if not self._on_gpu:
            return True
        free, _ = torch.cuda.mem_get_info(self._device)
        return free > 2 * self._needs


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), gpu


def _set_random_state(device: torch.device, state: tuple[Tensor, Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)
