"""The parts of the ``tdw`` package that hyp uses: its output data and its metadata.

``tdw`` 1.12 and 1.13 cannot be imported as a whole on today's Python: ``tdw.controller`` and
``tdw.librarian`` need ``pkg_resources`` (gone from setuptools 82) and the copy of FlatBuffers
that ``tdw.output_data`` brings needs the module ``imp`` (gone from Python 3.12). hyp imports
``tdw.output_data`` alone, which takes numpy only, and reads the libraries' JSON files itself.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module, metadata
from importlib.resources import files
from types import ModuleType
from typing import Any

from hyp.errors import HypError

Record = dict[str, Any]
_PACKED_VERSION = re.compile(rb"\d+(\.\d+)+")
LIBRARIES = {"model": "models_core", "scene": "scenes", "skybox": "hdri_skyboxes"}


@cache
def output_data() -> Any:
    """Return the module ``tdw.output_data``.

    Raises
    ------
    HypError
        If the package is not installed.
    """
    try:
        with _imp_module():
            return import_module("tdw.output_data")
    except ModuleNotFoundError as error:
        raise missing_package(error) from error


def missing_package(error: ModuleNotFoundError) -> HypError:
    """Return what to say where a package cannot be imported."""
    name = (error.name or "tdw").split(".")[0]
    return HypError(f"the source 'tdw' needs the Python package {name}; install hyp-vision[tdw].")


def record(kind: str, name: str) -> Record:
    """Return what TDW's library knows of a ``model``, ``scene`` or ``skybox``.

    Raises
    ------
    HypError
        If the installed library lacks it.
    """
    try:
        return _library(LIBRARIES[kind])[name]
    except KeyError:
        raise HypError(
            f"the installed tdw {version()} has no {kind} {name!r}; install hyp-vision[tdw], which "
            "names the version that has."
        ) from None


def url_of(found: Record) -> str:
    """Return the address of an asset for this operating system."""
    url: str = found["urls"][platform.system()]
    return url


def unit_scale(found: Record) -> float:
    """Return by how much a model is scaled so that its longest side is 1 m."""
    bounds = found["bounds"]
    sides = (("right", "left", "x"), ("top", "bottom", "y"), ("front", "back", "z"))
    return 1.0 / max(float(bounds[a][axis] - bounds[b][axis]) for a, b, axis in sides)


def version() -> str:
    """Return the version of the installed package."""
    return metadata.version("tdw")


def build_version(part: bytes) -> str:
    """Return the version of TDW that a build says it is, whichever package is installed.

    Since 1.13 the data are packed: 8 bytes of header, one that tells Unity's editor, the length
    of the version, the version, and that of Unity. Before, they were a FlatBuffer. The package's
    own class reads only what builds of its version send.
    """
    packed = part[10 : 10 + part[9]]
    if _PACKED_VERSION.fullmatch(packed):
        return packed.decode()
    output_data()
    table = import_module("tdw.FBOutput.Version").Version
    return str(table.GetRootAsVersion(bytearray(part), 0).Tdw().decode())


@cache
def _library(name: str) -> dict[str, Record]:
    output_data()  # says what to install if there is no tdw
    path = files("tdw").joinpath("metadata_libraries", f"{name}.json")
    found: dict[str, Record] = json.loads(path.read_text(encoding="utf-8"))["records"]
    return found


@contextmanager
def _imp_module() -> Iterator[None]:
    """Stand in for the module ``imp``, which is asked once whether numpy can be imported."""
    before = sys.modules.get("imp")
    stand_in = ModuleType("imp")
    vars(stand_in)["find_module"] = import_module
    sys.modules["imp"] = stand_in
    try:
        yield
    finally:
        del sys.modules["imp"]
        if before is not None:
            sys.modules["imp"] = before
