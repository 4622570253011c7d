"""What a glTF 2.0 file holds: its JSON, its buffers, and the numbers in them.

Source: Khronos, glTF 2.0 specification, sections 3.6 (binary data) and 4 (GLB).
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.engine.soup import Companions
from hyp.errors import HypError

Tree = dict[str, Any]

_MAGIC, _JSON, _BIN = b"glTF", 0x4E4F534A, 0x004E4942
_VERSION = 2
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")


class _Numbered(list[Any]):
    """A list of a file, of which Python would take -1 for the last."""

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, int) and number < 0:
            raise ValueError(f"it refers to number {number}, and numbers begin at 0")
        return super().__getitem__(number)


def read_tree(content: bytes, *, binary: bool) -> tuple[Tree, bytes | None]:
    """Return a file's JSON, and the binary chunk of a GLB file.

    Raises
    ------
    ValueError
        If it is no glTF 2.0.
    """
    tree, chunk = content, None
    if binary:
        if content[:4] != _MAGIC or len(content) < 20:
            raise ValueError("it does not begin as GLB files do")
        container = int(np.frombuffer(content, "<u4", 1, 4)[0])
        if container != _VERSION:
            raise ValueError(f"it is binary glTF {container}, not {_VERSION}")
        at, chunks = 12, []
        while at + 8 <= len(content):
            size, kind = (int(value) for value in np.frombuffer(content, "<u4", 2, at))
            if at + 8 + size > len(content):
                raise ValueError("it is truncated")
            chunks.append((kind, content[at + 8 : at + 8 + size]))
            at += 8 + size
        if not chunks or chunks[0][0] != _JSON:
            raise ValueError("its first chunk is no JSON")
        tree = chunks[0][1]
        chunk = next((data for kind, data in chunks[1:] if kind == _BIN), None)
    try:
        found = json.loads(tree)
    except ValueError as error:
        raise ValueError("its JSON is damaged") from error
    if not isinstance(found, dict):
        raise ValueError("its JSON is no object")
    version = str(found.get("asset", {}).get("version", "2.0"))
    if not version.startswith("2."):
        raise ValueError(f"it is glTF {version}, not 2.0")
    listed = {key: _Numbered(some) for key, some in found.items() if isinstance(some, list)}
    return found | listed, chunk


def compressed(name: str, method: str, extension: str) -> HypError:
    """Return what to say of a file whose numbers are there in a compressed form only."""
    return HypError(
        f"{name} is compressed with {method} ({extension}), which hyp does not read; export it "
        "without compression."
    )


def content_of(uri: str, companions: Companions) -> bytes:
    """Return what a URI stands for: data that it holds itself, or a file beside the mesh."""
    if not uri.startswith("data:"):
        return companions.get(uri)
    head, _, data = uri.partition(",")
    return base64.b64decode(data) if head.endswith("base64") else unquote_to_bytes(data)


class Values:
    """The numbers of a file's accessors.

    `mended` says whether any was stored sparsely or in normalised integers.
    """

    def __init__(self, tree: Tree, chunk: bytes | None, companions: Companions) -> None:
        self._tree, self._name = tree, companions.name
        self._buffers = _Numbered(
            (chunk if "uri" not in buffer else content_of(buffer["uri"], companions))
            for buffer in tree.get("buffers", ())
        )
        self.mended: set[str] = set()

    def view(self, number: int) -> bytes:
        """Return the bytes of a buffer view.

        Raises
        ------
        HypError
            If it is there in a compressed form only.
        ValueError
            If it is truncated.
        """
        view = self._tree["bufferViews"][number]
        content = self._buffers[view["buffer"]]
        if content is None:
            packed = next((e for e in _MESHOPT if e in view.get("extensions", {})), None)
            if packed:
                raise compressed(self._name, "meshopt", packed)
            raise ValueError("a buffer has no content")
        start = view.get("byteOffset", 0)
        if start < 0 or not 0 <= view["byteLength"] <= len(content) - start:
            raise ValueError("a buffer is truncated")
        found: bytes = content[start : start + view["byteLength"]]
        return found

    def accessor(self, number: int) -> dict[str, Any]:
        """Return what the JSON says of an accessor."""
        found: dict[str, Any] = self._tree["accessors"][number]
        return found

    def read(self, number: int) -> NDArray[Any]:
        """Return an accessor's numbers, shape (count, width) or (count,) for scalars.

        Integers that stand for fractions (``normalized``) become float64.
        """
        accessor = self._tree["accessors"][number]
        width, dtype = _WIDTHS[accessor["type"]], np.dtype(_TYPES[accessor["componentType"]])
        if accessor["type"].startswith("MAT") and accessor["componentType"] != 5126:
            raise ValueError("a matrix is not of floats")
        count = accessor["count"]
        if "bufferView" in accessor:
            view = accessor["bufferView"]
            stride = self._tree["bufferViews"][view].get("byteStride", 0)
            found = self._rows(view, accessor.get("byteOffset", 0), count, width, dtype, stride)
        else:
            found = np.zeros((count, width), dtype)
        if sparse := accessor.get("sparse"):
            self.mended.add("sparse accessors")
            place, given = sparse["indices"], sparse["values"]
            kind = np.dtype(_TYPES[place["componentType"]])
            offsets = [item.get("byteOffset", 0) for item in (place, given)]
            n = sparse["count"]
            rows = self._rows(place["bufferView"], offsets[0], n, 1, kind, 0)[:, 0]
            found = found.copy()
            found[rows] = self._rows(given["bufferView"], offsets[1], n, width, dtype, 0)
        if accessor.get("normalized") and dtype.kind in "iu":
            found = np.maximum(found / np.iinfo(dtype).max, -1.0)
        return found[:, 0] if width == 1 else found

    def _rows(
        self, view: int, offset: int, count: int, width: int, dtype: np.dtype[Any], stride: int
    ) -> NDArray[Any]:
        data, size = self.view(view), width * dtype.itemsize
        stride = stride or size
        if offset < 0 or count < 0 or offset + (count - 1) * stride + size > len(data):
            raise ValueError("a buffer view is too short for its accessor")
        bytes_ = np.frombuffer(data, np.uint8)[offset:]
        rows = np.lib.stride_tricks.as_strided(bytes_, (count, size), (stride, 1))
        return np.ascontiguousarray(rows).view(dtype).reshape(count, width)
