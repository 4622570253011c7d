"""What training and extraction ask of a dataset, and reading it ahead of the step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.latents import Latent
from hyp.datasets.splits import Indices

if TYPE_CHECKING:
    import pandas as pd

Key = TypeVar("Key")
Value = TypeVar("Value")


class LabelledImages(Protocol):
    """Images with their latents; `hyp.datasets.Dataset` is one."""

    @property
    def n_images(self) -> int:
        """Number of images."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, 3."""

    @property
    def latents(self) -> tuple[Latent, ...]:
        """Every latent; categorical ones list all possible values."""

    def images(self, indices: Indices, /) -> NDArray[np.uint8]:
        """Return images, shape (len(indices), H, W, 3)."""

    def rows(self, indices: Indices, /) -> pd.DataFrame:
        """Return the latents of images, one row each."""

    def batch(self, indices: Indices, /) -> tuple[NDArray[np.uint8], pd.DataFrame]:
        """Return `images` and `rows` of the same images."""

    def split(self, name: Literal["train", "val", "all"], /) -> Indices:
        """Return the image indices of a split; a range where they need no shuffling."""


def epoch_order(rows: Indices, seed: int, epoch: int) -> Indices:
    """Return the rows in the order of one epoch, which depends on (seed, epoch) alone.

    A range, as of images that are rendered one after the other, keeps its order.
    """
    if isinstance(rows, range):
        return rows
    words = np.random.Philox(np.random.SeedSequence([seed, epoch])).random_raw(len(rows))
    return rows[np.argsort(words, kind="stable")]


def training_batches(
    rows: Indices, seed: int, batch_size: int, first: int, last: int
) -> Generator[Indices]:
    """Yield the image indices of training batches `first` to `last` (excluded).

    Epochs are shuffled one by one and their incomplete last batch is dropped. Batch b is
    the same whatever `first` is.
    """
    per_epoch = len(rows) // batch_size
    epoch = -1
    order: Indices = rows
    for batch in range(first, last):
        wanted, position = divmod(batch, per_epoch)
        if wanted != epoch:
            epoch, order = wanted, epoch_order(rows, seed, wanted)
        yield order[position * batch_size : (position + 1) * batch_size]


def slices(rows: Indices, size: int) -> list[Indices]:
    """Cut rows into consecutive pieces of at most `size`."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def joined(order: Iterable[Indices], most: int) -> Generator[list[Indices]]:
    """Group batches of images that follow each other, as they do where they are rendered.

    Parameters
    ----------
    order : iterable of ndarray or range
        Image indices of one batch each; those in arrays stay alone.
    most : int
        Images a group. Groups end at its multiples, so that networks that are trained side by
        side have the same ones, wherever each of them began.
    """
    group: list[Indices] = []
    for batch in order:
        if group and not _follows(batch, group[0], group[-1], most):
            yield group
            group = []
        group.append(batch)
    if group:
        yield group


def _follows(batch: Indices, first: Indices, last: Indices, most: int) -> bool:
    if not (isinstance(batch, range) and isinstance(first, range) and isinstance(last, range)):
        return False
    return batch.start == last.stop and batch.start // most == first.start // most


def read_ahead(
    load: Callable[[Key], Value], keys: Iterable[Key], depth: int = 3
) -> Generator[Value]:
    """Yield ``load(key)`` for every key, loading up to `depth` ahead in another thread."""
    with ThreadPoolExecutor(1, "hyp-read-ahead") as pool:
        pending: deque[Future[Value]] = deque()
        try:
            for key in keys:
                pending.append(pool.submit(load, key))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
