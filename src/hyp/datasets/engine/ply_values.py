"""What a PLY file holds: its elements, as columns of numbers and of lists.

Source: G. Turk, The PLY Polygon File Format, Stanford, 1994.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any] | list[NDArray[Any]]

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}


@dataclass
class Element:
    """A kind of thing: how many there are, and each property's type, or list types."""

    count: int
    properties: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class PlyContent:
    """The columns of every element, by name, and the textures that comments name."""

    elements: dict[str, dict[str, Column]]
    textures: tuple[str, ...]


def read_elements(content: bytes) -> PlyContent:
    """Read a PLY file, ASCII or binary of either byte order.

    Raises
    ------
    ValueError
        If it is no PLY file, or truncated.
    """
    head, end, body = content.partition(b"end_header")
    if not end or content[:3] != b"ply":
        raise ValueError("it has no header of PLY")
    _, _, body = body.partition(b"\n") if b"\n" in body[:2] else body.partition(b"\r")
    order, elements, textures = "", {}, []
    for line in head.decode("latin-1").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "format":
            order = {"ascii": "a", "binary_little_endian": "<", "binary_big_endian": ">"}[words[1]]
        elif words[0] == "element":
            elements[words[1]] = Element(int(words[2]))
        elif words[0] == "property":
            last = elements[next(reversed(elements))]
            types = words[2:4] if words[1] == "list" else words[1:2]
            last.properties[words[-1]] = tuple(_TYPES[word] for word in types)
        elif words[0] == "comment" and "texturefile" in line.lower():
            textures.append(line[line.lower().index("texturefile") + 11 :].strip())
    if not order:
        raise ValueError("its header names no format")
    if order == "a":
        return PlyContent(_read_ascii(body, elements), tuple(textures))
    return PlyContent(_read_binary(body, elements, order), tuple(textures))


def _read_ascii(body: bytes, elements: dict[str, Element]) -> dict[str, dict[str, Column]]:
    numbers = np.array(body.split(), dtype=np.float64)
    found: dict[str, dict[str, Column]] = {}
    at = 0
    for name, element in elements.items():
        widths = [len(types) for types in element.properties.values()]
        if max(widths, default=1) == 1:
            n = element.count * len(widths)
            table = numbers[at : at + n].reshape(element.count, len(widths))
            columns = zip(element.properties.items(), table.T, strict=True)
            found[name] = {key: column.astype(types[0]) for (key, types), column in columns}
            at += n
            continue
        lists: dict[str, list[Any]] = {key: [] for key in element.properties}
        for _ in range(element.count):
            for key, types in element.properties.items():
                n = 1
                if len(types) == 2 and at < len(numbers):
                    n, at = int(numbers[at]), at + 1
                if at + n > len(numbers):
                    raise ValueError("it is truncated")
                lists[key].append(numbers[at : at + n].astype(types[-1]))
                at += n
        found[name] = _columns(lists, element)
    if at != len(numbers):
        raise ValueError("its rows are longer or shorter than its header says")
    return found


def _read_binary(
    body: bytes, elements: dict[str, Element], order: str
) -> dict[str, dict[str, Column]]:
    found: dict[str, dict[str, Column]] = {}
    at = 0
    for name, element in elements.items():
        properties = element.properties
        dtype: np.dtype[Any] | None
        if all(len(types) == 1 for types in properties.values()):
            dtype = np.dtype([(key, order + types[0]) for key, types in properties.items()])
        else:
            dtype = _even(body, at, element, order)
        if dtype is not None:
            table = np.frombuffer(body, dtype, element.count, at)
            found[name] = {key: _native(table[key]) for key in properties}
            at += dtype.itemsize * element.count
            continue
        lists: dict[str, list[Any]] = {key: [] for key in properties}
        for _ in range(element.count):
            for key, types in properties.items():
                n = 1
                if len(types) == 2:
                    n = int(np.frombuffer(body, order + types[0], 1, at)[0])
                    at += np.dtype(types[0]).itemsize
                lists[key].append(_native(np.frombuffer(body, order + types[-1], n, at)))
                at += n * np.dtype(types[-1]).itemsize
        found[name] = _columns(lists, element)
    return found


def _even(body: bytes, at: int, element: Element, order: str) -> np.dtype[Any] | None:
    """Return the layout of an element whose lists are all as long as the first; else None."""
    fields: list[Any] = []
    start = at
    for key, types in element.properties.items():
        if len(types) == 1:
            fields.append((key, order + types[0]))
            start += np.dtype(types[0]).itemsize
            continue
        if start + np.dtype(types[0]).itemsize > len(body):
            return None
        n = int(np.frombuffer(body, order + types[0], 1, start)[0])
        fields += [(f"{key} ", order + types[0]), (key, order + types[1], (n,))]
        start += np.dtype(types[0]).itemsize + n * np.dtype(types[1]).itemsize
    dtype = np.dtype(fields)
    if at + dtype.itemsize * element.count > len(body):
        return None
    table = np.frombuffer(body, dtype, element.count, at)
    for key, types in element.properties.items():
        if len(types) == 2 and len(table) and (table[f"{key} "] != table[key].shape[1]).any():
            return None
    return dtype


def _native(column: NDArray[Any]) -> NDArray[Any]:
    return column.astype(column.dtype.newbyteorder("="))


def _columns(lists: dict[str, list[Any]], element: Element) -> dict[str, Column]:
    """Return lists of one length as one array, and properties that are no lists as numbers."""
    columns: dict[str, Column] = {}
    for key, rows in lists.items():
        lengths = {len(row) for row in rows}
        if len(element.properties[key]) == 1:
            columns[key] = np.concatenate(rows) if rows else np.zeros(0)
        else:
            columns[key] = np.stack(rows) if len(lengths) == 1 else rows
    return columns
