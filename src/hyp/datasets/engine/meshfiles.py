"""The user's meshes: files of triangles and colours, brought into the engine's shape.

glTF 2.0 (.gltf, .glb) and Wavefront OBJ with MTL are read here, since the readers of trimesh
pass over what is unusual; STL and PLY are parsed by trimesh (https://trimesh.org). All of
them are right-handed; the engine's frame is Unity's, left-handed with y up. A file's x axis
is reversed, as Unity's importers do: what faces +z in the file faces +z in the engine, and
its left side stays on its left.

What is drawn and what is refused is listed in ``docs/reference/meshes.md``. glTF's factors and
vertex colours are linear, as its specification says; all others are sRGB. Normals in the file are
made anew, smooth up to creases of 42 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyp.datasets.engine.gltf import read_gltf
from hyp.datasets.engine.mesh import Model
from hyp.datasets.engine.modelling import modelled
from hyp.datasets.engine.scanned import read_ply, read_stl
from hyp.datasets.engine.soup import Companions, Part, Remarks, joined
from hyp.datasets.engine.wavefront import read_obj
from hyp.datasets.engine.worlds import Axis
from hyp.datasets.skipping import nothing_in
from hyp.errors import HypError

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
"""Files that an object may be."""

OTHER_SUFFIXES = (".3ds", ".3mf", ".abc", ".blend", ".dae", ".fbx", ".max", ".off", ".usdz", ".x3d")
"""Files of meshes that are not read."""

MOST_TRIANGLES = 500_000
MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class MeshFile:
    """A mesh file that was read.

    Attributes
    ----------
    model : Model
        Unit-sized, centred, in the engine's frame.
    digest : str
        SHA-256 of the file, of every file that it names, and of the names of the features
        that earlier versions of hyp drew wrong, where it has some.
    left_out : frozenset of str
        What the file has and the engine does not draw.
    """

    model: Model
    digest: str
    left_out: frozenset[str]


def read_model(path: Path, name: str, up: Axis = "y", *, opaque: bool = False) -> MeshFile:
    """Read a mesh file.

    Parameters
    ----------
    path : Path
        Its suffix says what it is.
    name : str
        What messages call it.
    up : {"y", "z"}
        The file's upward axis. Where it is z, the front is -y, as in Blender.
    opaque : bool
        Whether transparent materials are drawn opaque; else they are refused.

    Raises
    ------
    HypError
        If it cannot be read, names a file that is missing or outside its folder, has a
        feature that is not drawn, no faces, NaN or infinity, more than `MOST_TRIANGLES`
        triangles, or an absurd scale.
    """
    content = _content(path, name)
    companions, remarks = Companions(path, name), Remarks()
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # infinities are refused below
            parts = _parts(path.suffix.lower(), content, companions, remarks, opaque)
    except HypError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, LookupError | TypeError | AttributeError):
            reason = f"something in it is missing or of another kind than it has to be: {reason}"
        kind = path.suffix.lower().lstrip(".").upper()
        raise HypError(f"{name} cannot be read as {kind} ({reason}); export it again.") from error
    n_faces = sum(len(part.corners) for part in parts)
    if not n_faces:
        raise HypError(f"{name} has no faces; export it as triangles.")
    if n_faces > MOST_TRIANGLES:
        raise HypError(
            f"{name} has {n_faces:,} triangles, more than {MOST_TRIANGLES:,}; decimate it, for "
            "instance in Blender or MeshLab."
        )
    model = modelled(joined(parts), name, up)
    return MeshFile(model, companions.digest(content, remarks), frozenset(remarks.left_out))


def _content(path: Path, name: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise HypError(
                f"{name} has {size >> 20} MiB, more than the {MOST_BYTES >> 20} MiB of a mesh "
                "file; simplify it or reduce its textures."
            )
        content = path.read_bytes()
    except OSError as error:
        raise HypError(f"{name} cannot be read ({error.strerror}).") from error
    if absent := nothing_in(content[:64]):
        raise HypError(f"{name} is {absent}.")
    return content


def _parts(
    suffix: str, content: bytes, companions: Companions, remarks: Remarks, opaque: bool
) -> list[Part]:
    if suffix in (".glb", ".gltf"):
        binary = suffix == ".glb"
        return read_gltf(content, companions, remarks, binary=binary, opaque=opaque)
    if suffix == ".obj":
        return read_obj(content, companions, remarks, opaque=opaque)
    if suffix == ".ply":
        return read_ply(content, companions, remarks)
    return read_stl(content, remarks)
