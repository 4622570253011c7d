"""CIFAR-10 and STL-10: small sets of photographs, read by torchvision's own classes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from hyp.datasets.public.files import Pixels
from hyp.datasets.public.grids import categorical, resized
from hyp.datasets.rows import Columns, Rows, RowsSource
from hyp.errors import HypError
from hyp.store.steps import content_hash


class _Photographs(NamedTuple):
    """The labelled training images of a set: shape (n, H, H, 3), and the category of each."""

    images: Pixels
    categories: Any


class PhotographsSource(RowsSource):
    """Reads the labelled training images of a set that torchvision has a class for.

    The one latent is ``category``. torchvision compares every file with its published checksum
    before it reads it, so that these files, pickles among them, hold what was released.
    """

    reader: ClassVar[str]
    """Name of the class in ``torchvision.datasets``."""

    @classmethod
    def open(cls, path: Path, *, image_size: int | None = None) -> Self:
        """Describe the set under a root as torchvision takes it.

        Raises
        ------
        HypError
            If the set is not there, not whole, or not as it was released.
        """
        images, categories = _photographs(cls.reader, path)
        return cls(
            kind=cls.model_fields["kind"].default,
            image_size=image_size or images.shape[1],
            latents=(categorical("category", categories),),
            n_rows=len(images),
            digest=content_hash(_checksums(cls.reader)),
            path=path,
        )

    def columns(self) -> Columns:
        """Return the category of all images, shape (n_rows,)."""
        return {"category": _photographs(self.reader, self.require_path()).categories}

    def read(self, rows: Rows) -> Pixels:
        """Return images, shape (n, H, W, 3)."""
        images = _photographs(self.reader, self.require_path()).images
        return resized(np.ascontiguousarray(images[rows]), self.image_size)


class CIFAR10Source(PhotographsSource):
    """Reads the 50,000 training images of CIFAR-10, 32 pixels a side, ten categories.

    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images;
    ``torchvision.datasets.CIFAR10`` (folder ``cifar-10-batches-py``).
    """

    reader = "CIFAR10"
    kind: Literal["cifar10"] = "cifar10"


class STL10Source(PhotographsSource):
    """Reads the 5,000 labelled training images of STL-10, 96 pixels a side, ten categories.

    Source: Coates, Lee and Ng (2011), An analysis of single-layer networks in unsupervised
    feature learning; ``torchvision.datasets.STL10`` (folder ``stl10_binary``).
    """

    reader = "STL10"
    kind: Literal["stl10"] = "stl10"


@lru_cache(maxsize=2)
def _photographs(reader: str, root: Path) -> _Photographs:
    from torchvision import datasets

    cls = getattr(datasets, reader)
    try:
        found = cls(str(root), download=False)
    except (RuntimeError, OSError) as error:
        raise HypError(
            f"{root} does not hold {reader} as it was released: it needs the folder "
            f"{cls.base_folder} with every file unchanged; "
            f"torchvision.datasets.{reader}({str(root)!r}, download=True) fetches it."
        ) from error
    codes = found.targets if reader == "CIFAR10" else found.labels
    images = found.data if reader == "CIFAR10" else found.data.transpose(0, 2, 3, 1)
    return _Photographs(images, np.array(found.classes)[np.asarray(codes)])


def _checksums(reader: str) -> list[list[str]]:
    from torchvision import datasets

    return [list(file) for file in getattr(datasets, reader).train_list]
