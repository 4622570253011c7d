"""Class folders: images sorted into one folder a class."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.folders.pictures import decode, examples, jpeg_bytes
from hyp.datasets.latents import Latent
from hyp.datasets.rows import Columns, Images, Rows, RowsSource
from hyp.errors import HypError

_JPEG = (".jpg", ".jpeg")
_SIZE = 224


@dataclass(frozen=True)
class Listing:
    """The images of a folder of classes, in torchvision's order.

    Attributes
    ----------
    names : ndarray of str
        Path of each image in the folder.
    codes : ndarray of int
        Class of each image.
    classes : tuple of str
        Names of the classes, sorted.
    digest : str
        SHA-256 of the names and sizes.
    """

    names: NDArray[Any]
    codes: NDArray[np.int64]
    classes: tuple[str, ...]
    digest: str


class ClassedSource(RowsSource):
    """Images in one folder a class, whose one latent is ``category``.

    The extra column ``file`` is an image's path in the folder. Files that all end in
    .jpg or .jpeg are kept as they come (``encoding="jpeg"``) and decoded when they are
    used: RGB, the shorter side resized to `image_size` (bilinear, antialiased), the
    centre taken, as torchvision's evaluation transforms do, which like them leaves the
    EXIF orientation alone. Other images are decoded so when they are read.

    The digest is of the names and sizes of all files, not of their contents: ImageNet has
    150 GB of them.
    """

    def columns(self) -> Columns:
        """Return the category and the file of all images, shape (n_rows,) each."""
        listing = _same(self.require_path(), self.digest)
        return {"category": np.array(listing.classes)[listing.codes], "file": listing.names}

    def read(self, rows: Rows) -> Images:
        """Return JPEG files as they are, or pixels, shape (n, H, W, 3).

        Raises
        ------
        HypError
            If a file is no image, or truncated.
        """
        folder = self.require_path()
        names = _same(folder, self.digest).names[rows]
        if self.encoding == "jpeg":
            return [jpeg_bytes(folder / name) for name in names]
        images = np.empty((len(rows), self.image_size, self.image_size, 3), dtype=np.uint8)
        for image, name in zip(images, names, strict=True):
            image[...] = decode(folder / name, self.image_size)
        return images


def describe(folder: Path, image_size: int | None) -> dict[str, Any]:
    """Return the fields of a `ClassedSource` that reads a folder.

    Raises
    ------
    HypError
        If there are no class folders, an empty one, or empty files.
    """
    listing = list_classes(folder)
    latent = Latent(name="category", kind="categorical", frame="object", values=listing.classes)
    is_jpeg = all(str(name).lower().endswith(_JPEG) for name in listing.names)
    return {
        "image_size": image_size or _SIZE,
        "encoding": "jpeg" if is_jpeg else "raw",
        "latents": (latent,),
        "n_rows": len(listing.names),
        "digest": listing.digest,
        "path": folder,
    }


class ClassFolderSource(ClassedSource):
    """Reads class folders as ``torchvision.datasets.ImageFolder`` does.

    Every folder in the given one is a class; classes and files have torchvision's order
    (its own functions list them). See `ClassedSource` for how images are read. Images are
    224 pixels a side unless another size is asked for.

    Source: torchvision, ``torchvision.datasets.ImageFolder``.
    """

    kind: Literal["classes"] = "classes"

    @classmethod
    def open(cls, path: Path, *, image_size: int | None = None) -> Self:
        """Describe a folder of class folders.

        Raises
        ------
        HypError
            If there are no class folders, an empty one, or empty files.
        """
        return cls(**describe(path, image_size))


def list_classes(folder: Path) -> Listing:
    """List the images of class folders.

    Raises
    ------
    HypError
        If there are no class folders, an empty one, or empty files.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

    if not folder.is_dir():
        raise HypError(f"{folder} is no folder; name one that holds a folder for each class.")
    try:
        classes, numbers = find_classes(str(folder))
        found = make_dataset(str(folder), numbers, IMG_EXTENSIONS)
        sizes = [os.stat(path).st_size for path, _ in found]  # noqa: PTH116
    except OSError as error:
        raise HypError(
            f"{folder} cannot be read as class folders ({str(error).rstrip('.')}); it needs a "
            "folder for each class, with images in it."
        ) from error
    names = [path[len(str(folder)) + 1 :].replace(os.sep, "/") for path, _ in found]
    empty = [name for name, size in zip(names, sizes, strict=True) if not size]
    if empty:
        raise HypError(
            f"{len(empty):,} of the {len(names):,} images in {folder} are empty files "
            f"({examples(empty)}); replace or remove them."
        )
    digest = hashlib.sha256()
    for name, size in zip(names, sizes, strict=True):
        digest.update(f"{name}\0{size}\n".encode("utf-8", "surrogateescape"))
    codes = np.array([code for _, code in found], dtype=np.int64)
    return Listing(np.array(names, dtype=object), codes, tuple(classes), digest.hexdigest())


@lru_cache(maxsize=2)
def _same(folder: Path, digest: str) -> Listing:
    listing = list_classes(folder)
    if listing.digest != digest:
        raise HypError(
            f"the files in {folder} are not those of when it was first used; name it anew."
        )
    return listing
