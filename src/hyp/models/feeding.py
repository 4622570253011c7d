"""Batches of images and targets on the device of the networks that are trained with them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from hyp.datasets.dataset import Dataset
from hyp.datasets.splits import Indices
from hyp.models.data import LabelledImages, joined, read_ahead, slices
from hyp.models.inputs import Preprocessing
from hyp.models.objectives import Objective
from hyp.models.stepping import RECORDING

Batch = tuple[Tensor, dict[str, Tensor]]
"""Images (batch, H, W, 3) of uint8, and the targets of the tasks."""

_SHARE_OF_MEMORY = 0.25
_UPLOAD = 4096
_PIECE_BYTES = 16 << 20
_KEPT_PIECES = 8


class Shelf:
    """Images that several networks are trained with, read or rendered once for all of them.

    A dataset that fits into a quarter of a GPU's free memory is held there whole, so that a
    batch costs the host nothing. Images that are rendered while networks train are so many
    batches at a time, since drawing 64 rows of latents takes as long as drawing 250. They come in
    the same order to all networks: the last pieces are kept for those that lag behind.

    Parameters
    ----------
    device : torch.device
        Where the networks are.
    shared : bool
        Whether there are several networks.
    """

    def __init__(self, device: torch.device, *, shared: bool = False) -> None:
        self.device = device
        self._is_shared = shared
        self._held: dict[int, Tensor | None] = {}
        self._streamed: OrderedDict[tuple[int, str, range], Batch] = OrderedDict()
        self._lock = Lock()

    def batches(
        self,
        dataset: LabelledImages,
        objective: Objective,
        preprocess: Preprocessing,
        order: Iterable[Indices],
    ) -> Generator[Batch]:
        """Yield a batch for every array of image indices, read ahead in another thread."""
        held = self.held(dataset)
        if held is not None:
            yield from _gathered(held, dataset, objective, order)
            return

        def load(piece: list[Indices]) -> tuple[list[Indices], Batch]:
            indices = piece[0]
            if isinstance(indices, range):
                indices = range(indices.start, indices.start + sum(map(len, piece)))
                if self._is_shared:
                    return piece, self._shared(dataset, objective, preprocess, indices)
            return piece, read_batch(dataset, objective, preprocess, indices)

        most = max(_PIECE_BYTES // int(np.prod(dataset.image_shape)), 1)
        with closing(read_ahead(load, joined(order, most))) as ready:
            for piece, (images, targets) in ready:
                start = 0
                for indices in piece:
                    rows = slice(start, start + len(indices))
                    start += len(indices)
                    its_targets = {name: target[rows] for name, target in targets.items()}
                    yield images[rows], on_device(self.device, its_targets)

    def held(self, dataset: LabelledImages) -> Tensor | None:
        """Return all images of a dataset on the device; None where they are not held there."""
        if id(dataset) not in self._held:
            if self.device.type == "cuda" and self._has_room(dataset):
                self.hold(dataset)
            else:
                self._held[id(dataset)] = None
        return self._held[id(dataset)]

    def hold(self, dataset: LabelledImages) -> None:
        """Copy all images of a dataset to the device."""
        self._held[id(dataset)] = _copied(dataset, self.device)

    def _has_room(self, dataset: LabelledImages) -> bool:
        if isinstance(dataset.split("train"), range):
            return False
        wanted = dataset.n_images * int(np.prod(dataset.image_shape))
        free, _ = torch.cuda.mem_get_info(self.device)
        return wanted <= _SHARE_OF_MEMORY * free

    def _shared(
        self,
        dataset: LabelledImages,
        objective: Objective,
        preprocess: Preprocessing,
        indices: range,
    ) -> Batch:
        key = (id(dataset), "+".join(task.name for task in objective.tasks), indices)
        with self._lock:
            if key not in self._streamed:
                self._streamed[key] = read_batch(dataset, objective, preprocess, indices)
            while len(self._streamed) > _KEPT_PIECES:
                self._streamed.popitem(last=False)
            return self._streamed[key]


def _copied(dataset: LabelledImages, device: torch.device) -> Tensor:
    images = torch.empty((dataset.n_images, *dataset.image_shape), dtype=torch.uint8, device=device)
    for rows in slices(np.arange(dataset.n_images, dtype=np.int64), _UPLOAD):
        images[int(rows[0]) : int(rows[-1]) + 1] = torch.from_numpy(dataset.images(rows)).to(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # networks read it on streams of their own
    return images


def read_batch(
    dataset: LabelledImages, objective: Objective, preprocess: Preprocessing, indices: Indices
) -> Batch:
    """Read or render images and targets of a batch, on the device or ready to be copied there."""
    if preprocess.device.type == "cuda" and isinstance(dataset, Dataset):
        with RECORDING:
            rendered = dataset.batch_there(indices, str(preprocess.device))
        if rendered is not None:
            return rendered[0], objective.targets(rendered[1])
    images, rows = dataset.batch(indices)
    return preprocess.stage(images), objective.targets(rows)


def on_device(device: torch.device, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return targets on a device."""
    return {name: target.to(device, non_blocking=True) for name, target in targets.items()}


def _gathered(
    held: Tensor, dataset: LabelledImages, objective: Objective, order: Iterable[Indices]
) -> Generator[Batch]:
    everything = objective.targets(dataset.rows(dataset.split("all")))
    targets = on_device(held.device, everything)
    for indices in order:
        rows = torch.from_numpy(np.asarray(indices)).to(held.device, non_blocking=True)
        yield (
            held.index_select(0, rows),
            {name: target.index_select(0, rows) for name, target in targets.items()},
        )
