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
from pydantic import Field

from hyp.datasets.folders.pictures import (
    decode,
    examples,
    jpeg_bytes,
    problem_of,
    read_each,
    turned_by_exif,
)
from hyp.datasets.latents import Latent
from hyp.datasets.rows import Columns, Images, Rows, RowsSource
from hyp.datasets.skipping import passed_over, read_share, settle
from hyp.errors import HypError

_JPEG = (".jpg", ".jpeg")
_SIZE = 224
_FEW = 10_000
"""Images of which all are decoded where some are empty, so that one list says all."""


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
    EXIF orientation alone, unless `upright`. Other images are decoded so when they are read;
    transparency is dropped.

    The digest is of the names and sizes of all files, not of their contents: ImageNet has
    150 GB of them.

    Attributes
    ----------
    skipped : tuple of str
        Files that were left out because they are no whole images.
    upright : bool
        Whether images are turned as their EXIF orientation says.
    remarks : str or None
        What was left out when the folder was read, and why; not written to keys.
    """

    skipped: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    upright: bool = Field(default=False, exclude_if=lambda upright: not upright)
    remarks: str | None = Field(default=None, exclude=True, repr=False)

    def columns(self) -> Columns:
        """Return the category and the file of all images, shape (n_rows,) each."""
        listing = _same(self.require_path(), self.digest, self.skipped)
        return {"category": np.array(listing.classes)[listing.codes], "file": listing.names}

    def read(self, rows: Rows) -> Images:
        """Return JPEG files as they are, or pixels, shape (n, H, W, 3).

        Raises
        ------
        HypError
            With a list of all files among them that are no images, or truncated.
        """
        folder = self.require_path()
        names = _same(folder, self.digest, self.skipped).names[rows].tolist()
        files: list[bytes] = []
        raw = self.encoding == "raw"
        shape = (len(rows) if raw else 0, self.image_size, self.image_size, 3)
        images = np.empty(shape, dtype=np.uint8)

        def read_one(place: int, name: str) -> None:
            if raw:
                images[place] = decode(folder / name, self.image_size, upright=self.upright)
            else:
                files.append(jpeg_bytes(folder / name))

        read_each(folder, names, read_one)
        return images if raw else files


def describe(
    folder: Path, image_size: int | None, skip: float = 0.0, beside: str = ""
) -> dict[str, Any]:
    """Return the fields of a `ClassedSource` that reads a folder.

    Parameters
    ----------
    folder : Path
    image_size : int or None
        Pixels a side; None for 224.
    skip : float
        Share of the images that may be left out; unless it is 0, all are decoded once.
    beside : str
        What else is to be said of the folder.

    Raises
    ------
    HypError
        If there are no class folders, an empty one, or more files that are no whole images
        than `skip` of them, which are listed.
    """
    skipped: tuple[str, ...] = ()
    said = ""
    if skip:
        names = _found(folder)[0]
        problems = [problem for name in names if (problem := problem_of(folder, name))]
        skipped, said = settle(problems, len(names), skip, folder, beside)
    listing = list_classes(folder, skipped, beside)
    latent = Latent(name="category", kind="categorical", frame="object", values=listing.classes)
    is_jpeg = all(str(name).lower().endswith(_JPEG) for name in listing.names)
    return {
        "image_size": image_size or _SIZE,
        "encoding": "jpeg" if is_jpeg else "raw",
        "latents": (latent,),
        "n_rows": len(listing.names),
        "digest": listing.digest,
        "path": folder,
        "skipped": skipped,
        "remarks": "\n".join(line for line in (said, beside) if line) or None,
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
    def open(
        cls,
        path: Path,
        *,
        image_size: int | None = None,
        skip: Any = 0.0,
        upright: bool = False,
    ) -> Self:
        """Describe a folder of class folders.

        Parameters
        ----------
        path : Path
        image_size : int, optional
            Pixels a side.
        skip : float or str
            Share of the images that may be left out because they are no whole images, such
            as 0.1 or ``10%``; their names become part of the source. Unless it is 0, all
            images are decoded once.
        upright : bool
            Whether to turn images as their EXIF orientation says; then all become pixels.

        Raises
        ------
        HypError
            If there are no class folders, an empty one, or more files that cannot be used
            than `skip` of them, which are listed.
        """
        from torchvision.datasets.folder import IMG_EXTENSIONS

        others = passed_over(_others(path), IMG_EXTENSIONS)
        fields = describe(path, image_size, read_share(skip), others)
        turned = cls(**{**fields, "encoding": "raw", "upright": upright})
        if turned.upright:
            return turned
        lying = _lying(path, fields["skipped"])
        fields["remarks"] = "\n".join(line for line in (fields["remarks"], lying) if line) or None
        return cls(**fields)


def _lying(folder: Path, skipped: tuple[str, ...]) -> str:
    """Say which images are shown as they are stored, though their EXIF orientation turns them."""
    names = _found(folder)[0]
    if len(names) > _FEW:
        return ""
    lying = [n for n in names if n not in set(skipped) and turned_by_exif(folder / n)]
    if not lying:
        return ""
    return (
        f"Not turned as their EXIF orientation says, as torchvision does not: {len(lying):,} "
        f"images ({examples(lying)}); upright=true (--set upright=true) turns them."
    )


def _others(folder: Path) -> list[str]:
    """List the files that are no images, and the images that lie in no class folder."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    found = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        top = Path(place) == folder
        found += [
            name
            for name in files
            if not name.startswith(".") and (top or not name.lower().endswith(IMG_EXTENSIONS))
        ]
    return found


def list_classes(folder: Path, skipped: tuple[str, ...] = (), beside: str = "") -> Listing:
    """List the images of class folders but for those that are left out.

    `beside` is said too where some are refused.

    Raises
    ------
    HypError
        If there are no class folders, an empty one, or empty files.
    """
    names, codes, classes = _found(folder)
    if skipped:
        left_out = set(skipped)
        kept = [row for row, name in enumerate(names) if name not in left_out]
        names, codes = [names[row] for row in kept], codes[kept]
        bare = sorted(set(range(len(classes))) - set(codes.tolist()))
        if bare:
            raise HypError(
                f"{folder}: no image of the class {classes[bare[0]]!r} can be used; mend them or "
                "remove its folder."
            )
    sizes = [_size(folder / name) for name in names]
    suspect = [name for name, size in zip(names, sizes, strict=True) if not size]
    if suspect:
        looked_at = names if len(names) <= _FEW else suspect
        problems = [problem for name in looked_at if (problem := problem_of(folder, name))]
        settle(problems, len(names), 0.0, folder, beside)
    digest = hashlib.sha256()
    for name, size in zip(names, sizes, strict=True):
        digest.update(f"{name}\0{size}\n".encode("utf-8", "surrogateescape"))
    return Listing(np.array(names, dtype=object), codes, tuple(classes), digest.hexdigest())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _found(folder: Path) -> tuple[list[str], NDArray[np.int64], list[str]]:
    """Return the path of every image in the folder, its class, and the classes' names."""
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

    if not folder.is_dir():
        raise HypError(f"{folder} is no folder; name one that holds a folder for each class.")
    try:
        classes, numbers = find_classes(str(folder))
        found = make_dataset(str(folder), numbers, IMG_EXTENSIONS)
    except OSError as error:
        raise HypError(
            f"{folder} cannot be read as class folders ({str(error).rstrip('.')}); it needs a "
            "folder for each class, with images in it; images with a table of what they show "
            "are read by folder:PATH."
        ) from error
    names = [path[len(str(folder)) + 1 :].replace(os.sep, "/") for path, _ in found]
    return names, np.array([code for _, code in found], dtype=np.int64), classes


@lru_cache(maxsize=2)
def _same(folder: Path, digest: str, skipped: tuple[str, ...]) -> Listing:
    listing = list_classes(folder, skipped)
    if listing.digest != digest:
        raise HypError(
            f"the files in {folder} are not those of when it was first used; name it anew."
        )
    return listing
