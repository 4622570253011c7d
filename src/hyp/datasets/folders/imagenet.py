"""ImageNet-1K as torchvision reads it."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal, Self

from hyp.datasets.folders.classes import ClassedSource, describe
from hyp.datasets.folders.pictures import examples
from hyp.errors import HypError

Split = Literal["train", "val"]
_SPLITS: tuple[Split, ...] = ("train", "val")
_N_CLASSES = 1000
_WNID = re.compile(r"n\d{8}")


class ImageNetSource(ClassedSource):
    """Reads ImageNet-1K from its root folder, as ``torchvision.datasets.ImageNet`` does.

    The root holds ``train/<wnid>`` and ``val/<wnid>``; ``category`` is the WordNet id, in
    sorted order, so that its number is torchvision's class index. Where a split's folder
    is missing, torchvision unpacks it there from the original archives
    (``ILSVRC2012_img_train.tar`` or ``…_val.tar``, and ``ILSVRC2012_devkit_t12.tar.gz``),
    whose checksums it verifies. The path may name a split's folder, as in
    ``imagenet:/data/imagenet/val``; of a root, ``train`` is read. Sets of fewer classes
    are read with ``classes``. See `ClassedSource` for how images are read.

    Source: Russakovsky et al. (2015), IJCV 115, 211; torchvision,
    ``torchvision.datasets.ImageNet``.

    Attributes
    ----------
    split : {"train", "val"}
        Which of ImageNet's sets.
    """

    kind: Literal["imagenet"] = "imagenet"
    split: Split = "train"

    @classmethod
    def open(cls, path: Path, *, image_size: int | None = None, split: Split | None = None) -> Self:
        """Describe one of ImageNet's sets, unpacking its archive if need be.

        Raises
        ------
        HypError
            If there is neither folder nor archive, or the folder is not the whole set.
        """
        root = path
        if split is None and path.name in _SPLITS:
            root, split = path.parent, path.name
        split = split or "train"
        folder = root / split
        if not folder.is_dir():
            _unpack(root, split)
        _require_all_classes(folder)
        return cls(split=split, **describe(folder, image_size))


def _unpack(root: Path, split: Split) -> None:
    from torchvision.datasets import ImageNet

    try:
        ImageNet(root, split)
    except (RuntimeError, OSError, KeyError, ValueError, UnpicklingError) as error:
        raise HypError(
            f"{root} has no folder {split!r}, and it cannot be unpacked there: "
            f"{str(error).rstrip('.')}."
        ) from error


def _require_all_classes(folder: Path) -> None:
    entries = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    wnids = [name for name in entries if _WNID.fullmatch(name) and (folder / name).is_dir()]
    others = [name for name in entries if name not in set(wnids)]
    if others:
        raise HypError(
            f"{folder} holds more than class folders ({examples(others)}), perhaps because "
            f"unpacking it was interrupted; delete {folder} to have it unpacked again."
        )
    if len(wnids) != _N_CLASSES:
        raise HypError(
            f"{folder} has {len(wnids):,} of ImageNet's 1,000 class folders; "
            f"read a part of it with classes:{folder}."
        )
