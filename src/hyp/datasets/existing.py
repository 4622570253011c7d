"""A finished dataset as a source, so that hypotheses use images that were made before."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from hyp.datasets.dataset import Dataset
from hyp.datasets.remote import open_dataset
from hyp.datasets.rows import Columns, Images, Rows, RowsSource
from hyp.errors import HypError
from hyp.store.steps import content_hash


class DatasetSource(RowsSource):
    """Takes images from a dataset of `hyp data make`, in a folder or at an address.

    Attributes
    ----------
    address : str or None
        Where the dataset is: a folder, or an address such as ``s3://bucket/set``.
    """

    remote: ClassVar[bool] = True

    kind: Literal["dataset"] = "dataset"
    address: str | None = Field(default=None, exclude=True)

    @classmethod
    def open(cls, path: Path | str, *, image_size: int | None = None) -> Self:
        """Describe a finished dataset.

        Raises
        ------
        HypError
            If there is none, it is rendered online, or its images have another size.
        """
        dataset = open_dataset(str(path))
        spec = dataset.spec
        if spec.online:
            raise HypError(f"{path} stores its held-out images only; make it without --online.")
        size = spec.source.image_size
        if image_size not in (None, size) and spec.source.encoding == "raw":
            raise HypError(
                f"{path} has images of {size} pixels, not {image_size}; set image_size={size}, or "
                "input_size to have them resized when networks see them."
            )
        return cls(
            image_size=image_size or size,
            encoding=spec.source.encoding,
            latents=dataset.latents,
            n_rows=dataset.n_images,
            digest=_digest(dataset),
            address=str(path),
        )

    def columns(self) -> Columns:
        """Return the latents and extra columns of all images, shape (n_rows,) each."""
        return _columns(self._address, self.digest)

    def read(self, rows: Rows) -> Images:
        """Return images, or their JPEG files as they are stored."""
        dataset = _opened(self._address, self.digest)
        return dataset.files(rows) if self.encoding == "jpeg" else dataset.images(rows)

    @property
    def _address(self) -> str:
        if self.address is None:
            raise HypError(
                "this source does not say where its dataset is; name it, for instance "
                "dataset:/path/to/dataset."
            )
        return self.address


@lru_cache(maxsize=4)
def _opened(address: str, digest: str) -> Dataset:
    dataset = open_dataset(address)
    if _digest(dataset) != digest:
        raise HypError(f"the dataset at {address} is another one now; name it anew.")
    return dataset


@lru_cache(maxsize=2)
def _columns(address: str, digest: str) -> Columns:
    table = _opened(address, digest).table
    columns: dict[str, Any] = {str(name): table[name].to_numpy() for name in table.columns}
    return {
        name: column.astype(object) if column.dtype.kind not in "iufb" else np.asarray(column)
        for name, column in columns.items()
    }


def _digest(dataset: Dataset) -> str:
    return content_hash(dataset.manifest.to_json())
