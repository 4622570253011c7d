"""Reads the materials of Wavefront OBJ (.mtl): colour, texture and emission.

Source: Wavefront, Advanced Visualizer manual, MTL material format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine.mesh import Skin, Texture
from hyp.datasets.engine.pictures import decoded_image
from hyp.datasets.engine.soup import (
    GREY,
    NO_COLOUR,
    OPAQUE,
    Companions,
    Remarks,
    light,
    transparent,
)
from hyp.errors import HypError

Floats = NDArray[np.float64]

_NO_SCALE, _NO_OFFSET = (1.0, 1.0), (0.0, 0.0)
_UNSEEN = ("-blendu", "-blendv", "-cc", "-imfchan", "-texres", "-bm", "-boost", "-type")
_NUMBERED = ("-s", "-o", "-t", "-mm")


@dataclass(frozen=True)
class _Map:
    """A texture as a material names it, and the options before its name."""

    said: str
    file: str
    scale: tuple[float, float] = _NO_SCALE
    offset: tuple[float, float] = _NO_OFFSET
    clamped: bool = False
    changed: tuple[str, ...] = ()


@dataclass
class Material:
    """A material of an MTL file.

    Attributes
    ----------
    name : str
    skin : Skin
        What is drawn of it.
    alpha : float
        1 for opaque.
    """

    name: str
    skin: Skin
    alpha: float = 1.0
    mask: str = ""
    where: _Map | None = None
    mended: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    refused: str = ""

    @property
    def is_textured(self) -> bool:
        """Whether a picture lies on it."""
        return self.where is not None

    def check(self, name: str, remarks: Remarks, *, opaque: bool) -> None:
        """Say what is to be said of a material that faces have.

        Raises
        ------
        HypError
            If it is transparent, or has a texture that is not drawn.
        """
        if self.refused:
            raise HypError(f"{name}: {self.refused}")
        if not opaque and (self.alpha < OPAQUE or self.mask):
            reason = f"map_d {self.mask}" if self.mask else f"d {self.alpha:g}"
            raise transparent(name, self.name, reason)
        remarks.mended |= self.mended
        remarks.left_out |= self.left_out

    def moved(self, uvs: Floats, name: str) -> Floats:
        """Return places in the texture, from its lower left corner, as its options move them.

        Raises
        ------
        HypError
            If they leave a texture that is there once.
        """
        assert self.where is not None
        if (self.where.scale, self.where.offset) != (_NO_SCALE, _NO_OFFSET):
            uvs = uvs * self.where.scale + self.where.offset
        if self.where.clamped and (uvs.min() < 0.0 or uvs.max() > 1.0):
            raise HypError(
                f"{name} has faces beyond the texture of {self.name!r}, which -clamp shows once; "
                "hyp does not draw that; unwrap them inside it."
            )
        return uvs


def read_materials(
    libraries: Iterable[str], used: set[str], companions: Companions, remarks: Remarks
) -> dict[str, Material]:
    """Return the materials of all libraries that a file names; of one name the first counts.

    Raises
    ------
    HypError
        If a library, or a texture of a material in `used`, is not there.
    """
    files: list[str] = []
    for library in dict.fromkeys(libraries):
        files += [library] if companions.has(library) or " " not in library else library.split()
    if len(dict.fromkeys(files)) > 1:
        remarks.mended.add("several mtllib")
    found: dict[str, Material] = {}
    for file in dict.fromkeys(files):
        for name, lines in _sections(companions.get(file)).items():
            if name not in found:
                found[name] = _material(name, lines, companions, is_used=name in used)
    return found


def _sections(content: bytes) -> dict[str, dict[str, str]]:
    """Return what an MTL file says of each material: the rest of a line by its first word."""
    from trimesh.util import decode_text

    sections: dict[str, dict[str, str]] = {}
    lines: dict[str, str] = {}
    for line in decode_text(content).splitlines():
        key, *words = line.split(None, 1) or ("",)
        rest = words[0].strip() if words else ""
        if key.lower() == "newmtl":
            lines = sections[" ".join(rest.split())] = {}
        elif rest and not key.startswith("#"):
            lines[key.lower()] = rest
    return sections


def _material(
    name: str, lines: dict[str, str], companions: Companions, *, is_used: bool
) -> Material:
    material = Material(name, Skin(np.full(3, GREY), None, False))
    picture, where = _picture(lines.get("map_kd"), companions, material, is_used=is_used)
    glowing, glow_where = _picture(lines.get("map_ke"), companions, material, is_used=is_used)
    colour = _colour(lines.get("kd"), material, "Kd")
    if picture is not None:
        if colour is not None and 0.0 < colour.mean() < 1.0:
            material.left_out.add("Kd of textured materials")
        colour = NO_COLOUR  # files that have a texture often have a black or grey Kd
    elif colour is None:
        colour = np.full(3, GREY)
        material.mended.add("no Kd")
    glow = _colour(lines.get("ke"), material, "Ke")
    if glow is None or (glowing is not None and not glow.any()):
        glow = np.zeros(3) if glowing is None else NO_COLOUR
    if glow.any():
        material.mended.add("emission")
    if where and glow_where and _place(where) != _place(glow_where):
        material.refused = (
            f"map_Ke of {name!r} lies otherwise than its map_Kd, which hyp does not draw; give "
            "both the same -s, -o and -clamp."
        )
    material.where = where or glow_where
    material.skin = Skin(colour, picture, False, glow, glowing)
    material.alpha, material.mask = _alpha(lines), lines.get("map_d", "")
    return material


def _place(where: _Map) -> tuple[Any, ...]:
    return where.scale, where.offset, where.clamped


def _alpha(lines: dict[str, str]) -> float:
    """Return a material's opacity; Tr 1 alone is opaque, as old exporters mean it."""
    try:
        if "d" in lines:
            return float(lines["d"].split()[-1])
        return 1.0 - float(lines.get("tr", "0")) % 1.0
    except ValueError:
        return 1.0


def _colour(text: str | None, material: Material, key: str) -> Floats | None:
    """Return a linear colour, shape (3,)."""
    if text is None:
        return None
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) not in (1, 3):
        material.refused = f"{key} {text} of {material.name!r} is no colour of red, green and blue."
        return None
    if len(values) == 1:
        material.mended.add(f"{key} of one number")
    rgb = np.array(values * (3 // len(values)))
    linear: Floats = light(rgb[None], linear=False)[0]
    return linear


def _picture(
    said: str | None, companions: Companions, material: Material, *, is_used: bool
) -> tuple[Texture | None, _Map | None]:
    """Return a texture and how it lies; those of unused materials may be absent."""
    if said is None:
        return None, None
    where = _parsed(said, companions)
    if where.changed:
        material.refused = (
            f"the texture of {material.name!r} has the option {where.changed[0]}, which hyp does "
            "not draw; export it without."
        )
    if not is_used and not companions.has(where.file):
        return None, None
    if _place(where) != (_NO_SCALE, _NO_OFFSET, False):
        material.mended.add("options of map_Kd")
    image = companions.picture(where.file, known_as=where.said)
    wrap: Any = "clamp" if where.clamped else "repeat"
    return Texture(decoded_image(image), (wrap, wrap)), where


def _parsed(said: str, companions: Companions) -> _Map:
    """Read the options before a texture's name, which may have spaces in it.

    Of a path that is not there, the last word counts if there is such a file: exporters write
    where it lay on their own machine.
    """
    words = said.split()
    if companions.has(said) or not said.startswith("-"):
        last = said if companions.has(said) or not companions.has(words[-1]) else words[-1]
        return _Map(said, last)
    numbers = {"-s": [1.0, 1.0, 1.0], "-o": [0.0] * 3, "-t": [0.0] * 3, "-mm": [0.0, 1.0]}
    clamped, changed = False, []
    at = 0
    while at < len(words) - 1 and words[at].startswith("-"):
        option, at = words[at], at + 1
        if option in _NUMBERED:
            given = 0
            while at < len(words) - 1 and given < len(numbers[option]) and _is_number(words[at]):
                numbers[option][given] = float(words[at])
                given, at = given + 1, at + 1
        elif option == "-clamp":
            clamped, at = words[at].lower() == "on", at + 1
        else:
            if option not in _UNSEEN:
                changed.append(option)
            at += 1
    if any(numbers["-t"]):
        changed.append("-t")
    if numbers["-mm"] != [0.0, 1.0]:
        changed.append("-mm")
    scale, offset = numbers["-s"], numbers["-o"]
    file = " ".join(words[at:])
    both = (scale[0], scale[1]), (offset[0], offset[1])
    return _Map(said, file, *both, clamped=clamped, changed=tuple(changed))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
