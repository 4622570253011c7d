"""A finished dataset: memory-mapped images, the table of latents, the split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyp.datasets.latents import Latent
from hyp.datasets.manifest import (
    PLACES,
    TABLE,
    Manifest,
    file_names,
    read_manifest,
    remake,
    shard_name,
)
from hyp.datasets.rows import Columns
from hyp.datasets.shards import JpegShard, Shard, open_shard
from hyp.datasets.sources import Source, read_source
from hyp.datasets.specs import DatasetSpec
from hyp.datasets.splits import Indices, SplitName, split_indices
from hyp.errors import HypError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

OPEN_SHARDS = 512


class Dataset:
    """A dataset on disk; make one with `make_dataset` and open it with `Dataset.open`.

    Opening reads the manifest only. It can be pickled (as its path) and read by several
    processes at once.

    Attributes
    ----------
    folder : Path
        Where it lies.
    manifest : Manifest
        What it holds, its checksums and what made it.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._shard = lru_cache(maxsize=OPEN_SHARDS)(self._open_shard)

    @classmethod
    def open(cls, folder: Path | str) -> Dataset:
        """Open a finished dataset, checking that every file has its recorded size.

        Raises
        ------
        HypError
            If there is no finished dataset, or a file is missing or truncated.
        """
        folder = Path(folder).expanduser().absolute()
        manifest = read_manifest(folder)
        for name in file_names(manifest.spec):
            problem = size_problem(folder, manifest, name)
            if problem:
                raise HypError(f"{problem}; {remake(folder)}.")
        return cls(folder, manifest)

    @property
    def spec(self) -> DatasetSpec:
        """What the dataset was made from."""
        return self.manifest.spec

    @cached_property
    def source(self) -> Source:
        """The source, told where its files are if the dataset was made on this machine."""
        try:
            found = json.loads((self.folder / PLACES).read_text(encoding="utf-8"))
            return read_source({**self.spec.source.model_dump(mode="json"), **found})
        except (OSError, ValueError, TypeError):
            return self.spec.source

    @property
    def latents(self) -> tuple[Latent, ...]:
        """The latents of every image."""
        return self.manifest.latents

    @property
    def n_images(self) -> int:
        """Number of images, held-out ones included."""
        return self.spec.n_images

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        return self.spec.image_shape

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a stored image, one column a latent, and the source's extra columns."""
        import pandas as pd

        return pd.read_parquet(self.file(TABLE))

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Return an image, shape (H, W, 3), and its latents by name."""
        images, rows = self.batch([range(len(self))[index]])
        return images[0], {latent.name: rows[latent.name].iloc[0] for latent in self.latents}

    def images(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Gather images.

        Parameters
        ----------
        indices : array-like of int, shape (n,)
            Image indices in any order, repeats allowed.

        Returns
        -------
        ndarray of uint8, shape (n, H, W, 3)
            A copy.

        Raises
        ------
        IndexError
            If an index is negative or not below `n_images`, or not a whole number.
        """
        wanted = self._checked(indices)
        images = np.empty((len(wanted), *self.image_shape), dtype=np.uint8)
        stored = wanted < self.spec.n_stored
        for shard, positions, rows in self._by_shard(wanted, np.flatnonzero(stored)):
            shard.fill(images, positions, rows)
        if not stored.all():
            images[~stored] = self._render(wanted[~stored])[0]
        return images

    def files(self, indices: ArrayLike) -> list[bytes]:
        """Return the JPEG files of images, for a dataset that keeps them.

        Raises
        ------
        HypError
            If it holds raw pixels.
        IndexError
            As `images`.
        """
        wanted = self._checked(indices)
        files = [b""] * len(wanted)
        for shard, positions, rows in self._by_shard(wanted, np.arange(len(wanted))):
            if not isinstance(shard, JpegShard):
                raise HypError(f"{self.folder} holds raw pixels, not JPEG files.")
            for position, row in zip(positions, rows, strict=True):
                files[position] = shard.file(row)
        return files

    def rows(self, indices: ArrayLike) -> pd.DataFrame:
        """Return the latents of images, one row each; unstored ones are drawn again."""
        import pandas as pd

        wanted = self._checked(indices)
        names = [latent.name for latent in self.latents]
        if (wanted < self.spec.n_stored).all():
            return self.table.iloc[wanted][names]
        drawn = self.source.sample(self.spec.design, self.spec.seed, wanted)
        return pd.DataFrame({name: drawn[name] for name in names}, index=wanted)

    def batch(self, indices: ArrayLike) -> tuple[NDArray[np.uint8], pd.DataFrame]:
        """Return `images` and `rows`; unstored images are rendered once for both."""
        import pandas as pd

        wanted = self._checked(indices)
        if (wanted < self.spec.n_stored).any():
            return self.images(wanted), self.rows(wanted)
        images, columns = self._render(wanted)
        names = [latent.name for latent in self.latents]
        return images, pd.DataFrame({name: columns[name] for name in names}, index=wanted)

    def batch_there(self, indices: ArrayLike, device: str) -> tuple[Tensor, pd.DataFrame] | None:
        """Return `batch` with images in a tensor that never left a GPU.

        None where images are stored, or were not declared to be rendered on a GPU by a source
        that can.
        """
        import pandas as pd

        wanted = self._checked(indices)
        render = getattr(self.source, "render_there", None)
        stored = (wanted < self.spec.n_stored).any()
        if stored or render is None or self.manifest.device != device.partition(":")[0]:
            return None
        images, columns = render(self.spec.design, self.spec.seed, wanted, device)
        names = [latent.name for latent in self.latents]
        return images, pd.DataFrame({name: columns[name] for name in names}, index=wanted)

    def _render(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], Columns]:
        images, columns = self.source.render(
            self.spec.design, self.spec.seed, indices, device=self.manifest.device
        )
        return np.asarray(images), columns

    def _checked(self, indices: ArrayLike) -> NDArray[np.int64]:
        wanted = np.asarray(indices)
        if wanted.size == 0:
            return np.empty(0, dtype=np.int64)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            raise IndexError("image indices must be a one-dimensional array of whole numbers")
        if wanted.min() < 0 or wanted.max() >= self.n_images:
            raise IndexError(f"image indices must lie between 0 and {self.n_images - 1}")
        return wanted.astype(np.int64, copy=False)

    def _by_shard(
        self, wanted: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> Iterator[tuple[Shard, list[int], list[int]]]:
        """Yield each image file with the positions it serves and its rows."""
        size = self.spec.shard_size
        shards = wanted[positions] // size
        for shard in np.unique(shards).tolist():
            here = positions[shards == shard]
            yield self._shard(shard), here.tolist(), (wanted[here] - shard * size).tolist()

    def file(self, name: str) -> Path:
        """Return the path of one of the files that the manifest names."""
        return self.folder / name

    def split(self, name: SplitName) -> Indices:
        """Return the image indices of ``train``, ``val`` (held out) or ``all``, ascending.

        Raises
        ------
        HypError
            If there is no such split.
        """
        return split_indices(self.spec, name)

    def _open_shard(self, shard: int) -> Shard:
        path = self.file(shard_name(self.spec, shard))
        return open_shard(path, self.spec.source.encoding, self.spec.source.image_size)

    def __len__(self) -> int:
        return self.n_images

    def __repr__(self) -> str:
        return f"<Dataset {self.folder}: {self.n_images} images, design {self.spec.design}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Dataset, (self.folder, self.manifest))


def size_problem(folder: Path, manifest: Manifest, name: str) -> str | None:
    """Say what is wrong with a file's existence or size; None if nothing is."""
    path = folder / name
    expected = manifest.files[name].size
    try:
        size = path.stat().st_size
    except OSError:
        return f"{path} is missing"
    if size != expected:
        return f"{path} has {size} bytes instead of {expected}"
    return None
