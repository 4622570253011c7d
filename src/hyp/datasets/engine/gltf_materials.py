"""The materials of glTF 2.0: base colour, its texture and where it lies, and emission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine.gltf_values import Tree, Values, content_of
from hyp.datasets.engine.mesh import Skin, Texture, Wrap
from hyp.datasets.engine.pictures import decoded_image
from hyp.datasets.engine.soup import (
    GREY,
    NO_COLOUR,
    OPAQUE,
    Companions,
    Remarks,
    light,
    opacity,
    opened,
    transparent,
)
from hyp.errors import HypError

Floats = NDArray[np.float64]
Look = dict[str, Any]

_WRAPS: dict[int, Wrap] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728
_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
_TRANSFORM = "KHR_texture_transform"
_STRENGTH = "KHR_materials_emissive_strength"
_TRANSMISSION = "KHR_materials_transmission"
_UINT16 = 5123
_READ = {_GLOSSINESS, _STRENGTH, "KHR_materials_variants"}


@dataclass(frozen=True)
class _Lining:
    """A texture, its Pillow image, and where it lies: its UV set and how that is moved."""

    texture: Texture
    image: Any
    uv_set: int
    transform: tuple[tuple[float, float], float, tuple[float, float]]


class Wardrobe:
    """Dresses the triangles of a file in its materials."""

    def __init__(
        self, tree: Tree, values: Values, companions: Companions, remarks: Remarks, *, opaque: bool
    ) -> None:
        self._tree, self._values, self._remarks = tree, values, remarks
        self._name, self._opaque, self._companions = companions.name, opaque, companions
        self._textures: dict[Any, Texture] = {}
        self._images: dict[int, Any] = {}
        for number, image in enumerate(tree.get("images", ())):
            uri = image.get("uri")
            if uri and not uri.startswith("data:") and not _is_ktx2(image):
                called = f"{uri}, a texture of {self._name},"
                self._images[number] = opened(companions.get(uri), called)

    def dressed(
        self, primitive: dict[str, Any], corners: NDArray[np.int64]
    ) -> tuple[Floats, Floats, Skin]:
        """Return the tints, shape (n, 3, 3), UVs, shape (n, 3, 2), and skin of a primitive.

        Raises
        ------
        HypError
            If its material has a feature that is not drawn.
        """
        colours, tints = self._colours(primitive)
        corner_tints = np.ones((len(corners), 3, 3)) if tints is None else tints[corners]
        tinted = bool((corner_tints != 1.0).any())
        uvs = np.zeros((len(corners), 3, 2))
        if "material" not in primitive:
            colour = np.full(3, GREY) if tints is None else NO_COLOUR
            if tints is None:
                self._remarks.left_out.add("colours (no material: grey)")
            return corner_tints, uvs, Skin(colour, None, tinted)
        material = self._tree["materials"][primitive["material"]]
        factor, alpha, said = self._base(material)
        lining = None if said is None else self._lining(said)
        self._check_opaque(material, alpha, lining, colours)
        glow, glowing = self._glow(material)
        where = lining or glowing
        if where is not None:
            if glowing is not None and not _same_place(where, glowing):
                raise HypError(
                    f"{self._name} has an emissive texture that lies otherwise than the base "
                    "colour's, which hyp does not draw; give both one UV set and one transform."
                )
            uvs = self._placed(primitive, where)[corners]
        for feature in ("normalTexture", "occlusionTexture"):
            if feature in material:
                self._remarks.left_out.add(f"{feature.removesuffix('Texture')} maps")
        self._remarks.left_out |= set(material.get("extensions", ())) - _READ
        texture = None if lining is None else lining.texture
        glow_texture = None if glowing is None else glowing.texture
        return corner_tints, uvs, Skin(factor, texture, tinted, glow, glow_texture)

    def _colours(self, primitive: dict[str, Any]) -> tuple[Any, Floats | None]:
        """Return a primitive's colours as they are stored and as linear light."""
        attributes = primitive["attributes"]
        number = attributes.get("COLOR_0")
        if number is None:
            return None, None
        colours = self._values.read(number)
        accessor = self._values.accessor(number)
        if len(colours) != self._values.accessor(attributes["POSITION"])["count"]:
            raise ValueError("it has not one colour for each vertex")
        if accessor["componentType"] == _UINT16:
            self._remarks.mended.add("colours of 16 bits")
        return colours, light(colours, linear=True)

    def _base(self, material: Look) -> tuple[Floats, float, Look | None]:
        """Return a material's base colour, its alpha, and what it says of the texture."""
        glossy = material.get("extensions", {}).get(_GLOSSINESS)
        if glossy is not None:
            self._remarks.mended.add(_GLOSSINESS)
            factor, said = glossy.get("diffuseFactor"), glossy.get("diffuseTexture")
        else:
            metallic = material.get("pbrMetallicRoughness", {})
            factor, said = metallic.get("baseColorFactor"), metallic.get("baseColorTexture")
        if factor is None:
            return NO_COLOUR, 1.0, said
        values = np.array(factor, dtype=np.float64)
        return light(values[None], linear=True)[0], float(values[3]), said

    def _glow(self, material: Look) -> tuple[Floats, _Lining | None]:
        """Return the light that a material gives off, and its texture."""
        strength = material.get("extensions", {}).get(_STRENGTH, {}).get("emissiveStrength", 1.0)
        glow = np.array(material.get("emissiveFactor", (0.0, 0.0, 0.0)), np.float64) * strength
        if not glow.any():
            return np.zeros(3), None
        self._remarks.mended.add("emission")
        said = material.get("emissiveTexture")
        return glow, None if said is None else self._lining(said)

    def _check_opaque(
        self, material: Look, alpha: float, lining: _Lining | None, colours: Any
    ) -> None:
        mode = material.get("alphaMode", "OPAQUE")
        sent = material.get("extensions", {}).get(_TRANSMISSION, {}).get("transmissionFactor", 0.0)
        if self._opaque or (mode == "OPAQUE" and not sent):
            return
        if lining is not None:
            alpha *= opacity(lining.image)
        if colours is not None and colours.shape[1] == 4:
            scale = np.iinfo(colours.dtype).max if colours.dtype.kind in "iu" else 1.0
            alpha *= float(colours[:, 3].min()) / scale
        least = material.get("alphaCutoff", 0.5) if mode == "MASK" else OPAQUE
        if sent or alpha < least:
            reason = _TRANSMISSION if sent else f"alphaMode {mode}"
            raise transparent(self._name, material.get("name", ""), reason)

    def _lining(self, said: Look) -> _Lining:
        """Return the texture that a material names."""
        texture = self._tree["textures"][said["index"]]
        number = texture.get("extensions", {}).get("EXT_texture_webp", {}).get("source")
        number = texture.get("source") if number is None else number
        other = sorted(texture.get("extensions", ()))
        if number is None or _is_ktx2(self._tree["images"][number]):
            kind = other[0] if other else "image/ktx2"
            what = "KTX2 textures" if kind in ("KHR_texture_basisu", "image/ktx2") else "textures"
            raise HypError(
                f"{self._name} has {what} ({kind}), which hyp does not read; export it with PNG "
                "or JPEG."
            )
        sampler = (
            self._tree.get("samplers", [{}])[texture["sampler"]] if "sampler" in texture else {}
        )
        wraps = _WRAPS[sampler.get("wrapS", 10497)], _WRAPS[sampler.get("wrapT", 10497)]
        nearest = sampler.get("magFilter") == _NEAREST
        if wraps != ("repeat", "repeat"):
            self._remarks.mended.add("wrapping")
        if nearest:
            self._remarks.mended.add("nearest")
        image = self._image(number)
        key = number, wraps, nearest
        if key not in self._textures:
            self._textures[key] = Texture(decoded_image(image), wraps, nearest)
        moved = said.get("extensions", {}).get(_TRANSFORM, {})
        uv_set = int(moved.get("texCoord", said.get("texCoord", 0)))
        offset, scale = moved.get("offset", (0.0, 0.0)), moved.get("scale", (1.0, 1.0))
        transform = (tuple(offset), float(moved.get("rotation", 0.0)), tuple(scale))
        return _Lining(self._textures[key], image, uv_set, transform)

    def _image(self, number: int) -> Any:
        if number not in self._images:
            image = self._tree["images"][number]
            if "bufferView" in image:
                content = self._values.view(image["bufferView"])
            else:
                content = content_of(image["uri"], self._companions)
            self._images[number] = opened(content, f"image {number} of {self._name}")
        return self._images[number]

    def _placed(self, primitive: dict[str, Any], lining: _Lining) -> Floats:
        """Return the vertices' places in a texture, shape (n_vertices, 2)."""
        attribute = f"TEXCOORD_{lining.uv_set}"
        number = primitive["attributes"].get(attribute)
        if number is None:
            raise HypError(
                f"{self._name} has a texture, but no {attribute} that says where it lies; unwrap "
                "it."
            )
        stored = self._values.read(number)
        if self._values.accessor(number).get("normalized"):
            self._remarks.mended.add("quantised UVs")
        if lining.uv_set:
            self._remarks.mended.add("UV set")
        uvs = stored.astype(np.float64)
        if stored.dtype == np.float32:  # as the first version of hyp: images stay what they were
            uvs[:, 1] = 1.0 - (1.0 - stored[:, 1]).astype(np.float64)
        offset, angle, scale = lining.transform
        if (offset, angle, scale) == ((0.0, 0.0), 0.0, (1.0, 1.0)):
            return uvs
        self._remarks.mended.add(_TRANSFORM)
        c, s = np.cos(angle), np.sin(angle)
        turned: Floats = (stored * scale) @ np.array([[c, -s], [s, c]]) + offset
        return turned


def _same_place(one: _Lining, other: _Lining) -> bool:
    return (one.uv_set, one.transform) == (other.uv_set, other.transform)


def _is_ktx2(image: Look) -> bool:
    uri = str(image.get("uri", "")).lower()
    return (
        image.get("mimeType") == "image/ktx2"
        or uri.endswith(".ktx2")
        or (uri.startswith("data:image/ktx2"))
    )
