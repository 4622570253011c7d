"""Small glTF files: a card of two units, whose texture has four colours, and changes to it."""

import base64
import io
import json

import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float32)
UVS = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=np.float32)
QUAD = np.array([0, 1, 2, 0, 2, 3], dtype=np.uint16)
_KINDS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}


def quadrants(size=8, alpha=None):
    """Upper left red, upper right green, lower left blue, lower right white."""
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    half = size // 2
    for row, columns in enumerate(((RED, GREEN), (BLUE, WHITE))):
        for column, colour in enumerate(columns):
            pixels[row * half : (row + 1) * half, column * half : (column + 1) * half] = colour
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(alpha)
    return image


def uri(image, kind="png"):
    stream = io.BytesIO()
    image.save(stream, kind, **({"lossless": True} if kind == "webp" else {}))
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


class Card:
    """A glTF file in the making; `tree` is its JSON."""

    def __init__(self):
        self.blob = b""
        self.buffers = []
        self.tree = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "accessors": [],
            "bufferViews": [],
            "images": [{"uri": uri(quadrants())}],
            "textures": [{"source": 0}],
            "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        }
        attributes = {"POSITION": self.add(CORNERS), "TEXCOORD_0": self.add(UVS)}
        self.primitive = {"attributes": attributes, "indices": self.add(QUAD), "material": 0}
        self.tree["meshes"] = [{"primitives": [self.primitive]}]

    @property
    def material(self):
        return self.tree["materials"][0]

    @property
    def base(self):
        return self.material["pbrMetallicRoughness"]["baseColorTexture"]

    def view(self, content):
        self.tree["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(content)}
        )
        self.blob += content + bytes(-len(content) % 4)
        return len(self.tree["bufferViews"]) - 1

    def add(self, values, **more):
        """Add an accessor of values, shape (n,) or (n, width); return its number."""
        values = np.asarray(values)
        if values.ndim == 3:
            kind = "MAT4"
        else:
            kind = "SCALAR" if values.ndim == 1 else f"VEC{values.shape[1]}"
        self.tree["accessors"].append(
            {
                "bufferView": self.view(values.tobytes()),
                "componentType": _KINDS[values.dtype.str[1:]],
                "count": len(values),
                "type": kind,
                **more,
            }
        )
        return len(self.tree["accessors"]) - 1

    def need(self, *extensions):
        self.tree["extensionsUsed"] = self.tree["extensionsRequired"] = list(extensions)

    def save(self, path):
        data = base64.b64encode(self.blob).decode()
        buffer = {
            "byteLength": len(self.blob),
            "uri": f"data:application/octet-stream;base64,{data}",
        }
        path.write_text(json.dumps({**self.tree, "buffers": [buffer, *self.buffers]}))
        return path


def colour_at(model, x, y):
    """Return the sRGB base colour, 0 to 255, at a place of a card that faces +z.

    Found by hand: the triangle that holds the place, its UV, and the texel there.
    """
    for face, skin in zip(model.faces, model.paint, strict=True):
        a, b, c = model.vertices[face]
        if np.cross(b - a, c - a)[2] <= 1e-9:
            continue
        edges = np.stack([b - a, c - a], axis=1)[:2]
        along = np.linalg.solve(edges, np.array([x, y]) - a[:2])
        weight = np.array([1 - along.sum(), *along])
        if weight.min() < 0:
            continue
        dress = model.skins[skin]
        colour = dress.colour * (weight @ model.tints[face] if dress.tinted else 1.0)
        if dress.texture is not None:
            pixels = dress.texture.pixels
            height, width = pixels.shape[:2]
            u, v = weight @ model.uvs[face]
            texel = pixels[int(np.floor(v * height)) % height, int(np.floor(u * width)) % width]
            colour = colour * (texel / 255.0) ** 2
        return tuple(np.round(255 * np.sqrt(colour)).astype(int).tolist())
    raise AssertionError(f"nothing is drawn at {x}, {y}")


def four(model):
    """Return the colours in the card's upper left, upper right, lower left and lower right.

    The engine's x runs against the file's, so that the file's left side is seen on the left
    by one who looks against +z.
    """
    return tuple(colour_at(model, x, y) for y in (0.25, -0.25) for x in (0.25, -0.25))
