"""What is read from a mesh file before it is drawn: triangles, their colours, and remarks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hyp.datasets.engine.mesh import Skin
from hyp.datasets.engine.pictures import decoded_image, why
from hyp.errors import HypError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GREY = 0.49
"""Linear colour, each channel, of what a file gives no colour."""

NO_COLOUR = np.ones(3)

OPAQUE = 0.995
"""Least alpha of what is opaque: 254 of 255 is."""


@dataclass(frozen=True)
class Part:
    """Triangles of one skin by their corners.

    Attributes
    ----------
    corners, tints : ndarray, shape (n, 3, 3)
        Positions, and linear colours that multiply the skin's.
    uvs : ndarray, shape (n, 3, 2)
        Place in the texture, from its upper left corner, in textures.
    skin : Skin
    """

    corners: Floats
    tints: Floats
    uvs: Floats
    skin: Skin


@dataclass(frozen=True)
class Soup:
    """All triangles of a file, as those of a `Part`; `paint` is a triangle's place in `skins`."""

    corners: Floats
    tints: Floats
    uvs: Floats
    paint: Ints
    skins: tuple[Skin, ...]


def opened(content: bytes, name: str) -> Any:
    """Return a Pillow image that is known to decode.

    Raises
    ------
    HypError
        If it cannot be decoded, or has more than 8 bits a channel.
    """
    try:
        image = Image.open(BytesIO(content))
        decoded_image(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise HypError(f"{name} cannot be read ({why(error)}); replace it.") from error
    return image


def light(colours: Any, *, linear: bool) -> Floats:
    """Return colours, shape (n, 3 or 4), as linear light, shape (n, 3), in steps of 1/255."""
    from trimesh.visual.color import to_rgba

    values = np.asarray(to_rgba(np.array(colours)), dtype=np.float64)[:, :3] / 255.0
    return values if linear else np.square(values)


def opacity(image: Any) -> float:
    """Return the smallest alpha of a Pillow image, 0 to 1."""
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        return float(np.asarray(image.convert("RGBA"))[..., 3].min()) / 255.0
    return 1.0


def transparent(name: str, material: object, reason: str) -> HypError:
    """Return what to say of a file with a transparent material."""
    return HypError(
        f"{name} has a transparent material, {material!r} ({reason}), which hyp does not draw; "
        "make it opaque, or say opaque=true to have it drawn opaque."
    )


def _plain(asked: str) -> str:
    return unquote(asked.strip().replace("\\", "/"))


def joined(parts: Iterable[Part]) -> Soup:
    """Return the triangles of several parts; a skin that they share is listed once."""
    parts = list(parts)
    skins = {id(part.skin): part.skin for part in parts}
    place = {key: number for number, key in enumerate(skins)}
    return Soup(
        corners=np.concatenate([part.corners for part in parts]),
        tints=np.concatenate([part.tints for part in parts]),
        uvs=np.concatenate([part.uvs for part in parts]),
        paint=np.concatenate([np.full(len(p.corners), place[id(p.skin)]) for p in parts]),
        skins=tuple(skins.values()),
    )


@dataclass
class Remarks:
    """What a reader has to say about a file.

    Attributes
    ----------
    mended : set of str
        Features that hyp did not draw, or drew wrong, before it knew them. They are part of
        the file's digest, so that images from then are not taken for those from now.
    left_out : set of str
        What the file has and the engine's look has not.
    """

    mended: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)


class Companions:
    """Hands out the files beside a mesh, and keeps what it handed out.

    Attributes
    ----------
    name, file : str
        What messages call the mesh, and the name of its file.
    given : dict of str to bytes
        Content of each file, by the name that the mesh has for it.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name, self.file = name, path.name
        self.given: dict[str, bytes] = {}
        self._folder = path.parent.resolve()

    def has(self, asked: str) -> bool:
        """Tell whether there is such a file in the mesh's folder or below it."""
        return self._file(asked) is not None

    def _file(self, asked: str) -> Path | None:
        """Return the file as a name is usually meant, or else as it stands there, if any."""
        slashed = asked.replace("\\", "/")
        for name in dict.fromkeys([_plain(asked), unquote(slashed), slashed]):
            file = (self._folder / name).resolve()
            if file.is_relative_to(self._folder) and file.is_file():
                return file
        return None

    def get(self, asked: str, *, known_as: str = "") -> bytes:
        """Return the content of a file that the mesh names; ``%20`` and backslashes count.

        `known_as` stands for the name in the digest, where it is given.

        Raises
        ------
        HypError
            If it is not in the mesh's folder or below it.
        """
        file = self._file(asked)
        if file is None:
            raise HypError(
                f"{self.name} names the file {_plain(asked)!r}, which is not in its folder or "
                "below it; put it there."
            )
        content = file.read_bytes()
        self.given[_plain(known_as or asked)] = content
        return content

    def picture(self, asked: str, *, known_as: str = "") -> Any:
        """Return a texture that the mesh names, as a Pillow image.

        Raises
        ------
        HypError
            If it is not in the mesh's folder or below it, or cannot be decoded.
        """
        content = self.get(asked, known_as=known_as)
        return opened(content, f"{_plain(asked)}, a texture of {self.name},")

    def digest(self, content: bytes, remarks: Remarks) -> str:
        """Return the SHA-256 of the mesh, its companions, and the names of what was mended."""
        digest = hashlib.sha256(hashlib.sha256(content).digest())
        for companion, its_content in sorted(self.given.items()):
            digest.update(companion.encode())
            digest.update(hashlib.sha256(its_content).digest())
        for feature in sorted(remarks.mended):
            digest.update(f"\0{feature}".encode())
        return digest.hexdigest()
