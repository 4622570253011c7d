"""A dataset as torch sees one, for a training loop of the user's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hyp.datasets.dataset import Dataset
from hyp.datasets.latents import find_latent
from hyp.errors import HypError, choose_from

_SPLITS = ("train", "val", "all")


class TorchImages(torch.utils.data.Dataset[tuple[Tensor, dict[str, Tensor]]]):
    """Images with their latents as tensors; it can be read by the workers of a loader.

    Parameters
    ----------
    dataset : Dataset
    latents : sequence of str or None
        Columns of its table; None for all latents.
    split : str
        ``train``, ``val`` or ``all``.

    Raises
    ------
    HypError
        If there is no such latent or split.
    """

    def __init__(self, dataset: Dataset, latents: Sequence[str] | None, split: str) -> None:
        if split not in _SPLITS:
            raise HypError(f"there is no split {split!r}" + choose_from(_SPLITS))
        names = list(latents) if latents is not None else [one.name for one in dataset.latents]
        self.dataset = dataset
        self.latents = tuple(find_latent(dataset.latents, name) for name in names)
        self.rows = dataset.split(split)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return an image, shape (3, H, W) from 0 to 1, and its latents by name."""
        images, table = self.dataset.batch(np.array([self.rows[number]]))
        image = torch.from_numpy(images[0]).permute(2, 0, 1).float() / 255
        return image, {
            latent.name: torch.tensor(
                latent.values.index(str(table[latent.name].iloc[0]))
                if latent.kind == "categorical"
                else np.float32(table[latent.name].iloc[0])
            )
            for latent in self.latents
        }
