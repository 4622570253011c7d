"""``manifest.json``: what a finished dataset folder holds and how to make it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hyp.datasets.latents import Latent
from hyp.datasets.shards import SUFFIX
from hyp.datasets.specs import DatasetSpec
from hyp.datasets.splits import split_rule
from hyp.errors import UNREADABLE, HypError, disk_sentence, reason_of
from hyp.store.environment import installed_versions

FORMAT = 1
MANIFEST = "manifest.json"
TABLE = "latents.parquet"
PLACES = "places.json"
"""Where on this machine the source's files are; copied nowhere and in no key."""

PARTS = ".parts"
_LIBRARIES = ("hyp", "numpy", "warp-lang")


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and SHA-256 of a file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """Read a file once and describe it."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
            return cls(size=stream.tell(), sha256=digest.hexdigest())


@dataclass(frozen=True)
class Manifest:
    """The contents of ``manifest.json``.

    Attributes
    ----------
    spec : DatasetSpec
        What was asked for.
    device : str
        What it was rendered on: ``cpu`` or ``cuda``.
    versions : mapping
        Versions of the libraries that the pixels depend on.
    latents : tuple of Latent
        The source's latents, so that the table can be read without the source.
    files : mapping
        Path inside the folder to size and checksum, of every other file.
    """

    spec: DatasetSpec
    device: str
    versions: Mapping[str, str]
    latents: tuple[Latent, ...]
    files: Mapping[str, FileRecord]

    def to_json(self) -> str:
        """Return the text of ``manifest.json``; equal datasets give equal text."""
        content = {
            "format": FORMAT,
            "spec": self.spec.model_dump(mode="json"),
            "image_shape": self.spec.image_shape,
            "split": split_rule(self.spec),
            "device": self.device,
            "versions": dict(self.versions),
            "latents": [
                latent.model_dump(mode="json", exclude_defaults=True) for latent in self.latents
            ],
            "files": {name: vars(record) for name, record in self.files.items()},
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def shard_name(spec: DatasetSpec, shard: int) -> str:
    """Return the path of an image file inside the dataset's folder."""
    return f"images/{shard:05d}{SUFFIX[spec.source.encoding]}"


def file_names(spec: DatasetSpec) -> list[str]:
    """Return the paths of all files of a dataset but its manifest."""
    return [TABLE, *(shard_name(spec, shard) for shard in range(spec.n_shards))]


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that rendered pixels depend on."""
    return installed_versions(_LIBRARIES)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a finished dataset.

    Raises
    ------
    HypError
        If there is none (no dataset, or an unfinished one), or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise HypError(_absence(folder)) from None
    except PermissionError as error:
        raise HypError(f"{disk_sentence(error, path)}.") from error
    except UNREADABLE as error:
        raise HypError(f"{path} cannot be read ({reason_of(error)}); {remake(folder)}.") from error
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise HypError(f"{folder} has dataset format {found}, newer than this hyp; update hyp.")
    try:
        return _parse(content)
    except (*UNREADABLE, KeyError, TypeError, AttributeError, ValidationError, HypError) as error:
        raise HypError(
            f"{path} is damaged or was made by another version of hyp; {remake(folder)}."
        ) from error


def remake(folder: Path) -> str:
    """Return what to do about a damaged dataset."""
    return f"delete {folder} and make the dataset again"


def _absence(folder: Path) -> str:
    if (folder / PARTS).is_dir():
        return f"the dataset in {folder} is unfinished; run the command that makes it again."
    if not folder.exists():
        return f"there is no folder {folder}; make a dataset with `hyp data make {folder}`."
    return f"{folder} holds no dataset (it has no {MANIFEST}); name a folder that does."


def _parse(content: dict[str, Any]) -> Manifest:
    spec = DatasetSpec.model_validate(content["spec"])
    files = {name: FileRecord(**record) for name, record in content["files"].items()}
    missing = [name for name in file_names(spec) if name not in files]
    if missing:
        raise KeyError(missing[0])
    return Manifest(
        spec=spec,
        device=content["device"],
        versions=content["versions"],
        latents=tuple(Latent.model_validate(latent) for latent in content["latents"]),
        files=files,
    )
