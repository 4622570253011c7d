"""Names of Brain-Score's benchmarks: those of the paper, those installed, their regions."""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hyp.errors import HypError

PAPER_BENCHMARKS = (
    "FreemanZiemba2013public.V1-pls",
    "FreemanZiemba2013public.V2-pls",
    "MajajHong2015public.V4-pls",
    "MajajHong2015public.IT-pls",
    "Rajalingham2018public-i2n",
)
"""The public benchmarks of the paper: four regions and behaviour."""

OBSERVERS = PAPER_BENCHMARKS[-1]
"""The one of them that is about behaviour."""

_DATA_OF = {
    "FreemanZiemba2013public": (
        "movshon.FreemanZiemba2013.public",
        "FreemanZiemba2013.aperture-public",
    ),
    "MajajHong2015public": ("dicarlo.MajajHong2015.public", "hvm-public"),
    "Rajalingham2018public-i2n": ("dicarlo.Rajalingham2018.public", "objectome.public"),
}
REGIONS = ("V1", "V2", "V4", "IT")
BEHAVIOUR = "behavior"
_REGISTRATION = re.compile(r"benchmark_registry\[['\"]([^'\"{}]+)['\"]\]")


def benchmark_region(identifier: str) -> str:
    """Return the region that a benchmark's identifier names.

    Parameters
    ----------
    identifier : str
        As Brain-Score calls it (``MajajHong2015public.IT-pls``), with or without its
        version (``_v3``), or the name of a mean (``V4_v0``, ``average_vision_v0``).

    Returns
    -------
    str
        ``V1``, ``V2``, ``V4``, ``IT``, ``behavior`` or, where the name tells nothing, ``""``.

    Examples
    --------
    >>> benchmark_region("MajajHong2015public.IT-pls"), benchmark_region("V4_v0")
    ('IT', 'V4')
    >>> benchmark_region("Rajalingham2018public-i2n"), benchmark_region("average_vision")
    ('behavior', '')
    """
    name = re.sub(r"[_ ]v\d+$", "", identifier)
    if "i2n" in name or name.startswith(("behavior", "behaviour")):
        return BEHAVIOUR
    parts = re.split(r"[.\-_ ]", name)
    for region in REGIONS:
        if region in parts or any(part.endswith(region) for part in parts[1:]):
            return region
    return "IT" if "anteriorVTC" in parts else ""


def installed_benchmarks(package: Path) -> list[str]:
    """Return the identifiers that an installed ``brainscore_vision`` registers, sorted.

    They are read from its sources, as its own plugin finder does; nothing is imported.
    """
    found: set[str] = set()
    for plugin in (package / "benchmarks").glob("*/__init__.py"):
        found |= set(_REGISTRATION.findall(plugin.read_text(encoding="utf-8")))
    return sorted(found)


def check_identifiers(identifiers: list[str], package: Path) -> None:
    """Refuse identifiers that the installed package does not know.

    Raises
    ------
    HypError
        Naming the first unknown one and close names.
    """
    known = installed_benchmarks(package)
    for identifier in identifiers:
        if identifier in known:
            continue
        close = difflib.get_close_matches(identifier, known, 3, 0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "check its spelling."
        raise HypError(f"Brain-Score has no benchmark {identifier!r}; {hint}")


@dataclass(frozen=True)
class DataFile:
    """A file that a benchmark needs, and where Brain-Score keeps it once it was fetched."""

    sha1: str
    name: str

    def path(self, home: Path) -> Path:
        """Return where it lies under ``BRAINIO_HOME``."""
        return home / self.sha1 / self.name


def benchmark_data(identifier: str, package: Path) -> list[DataFile] | None:
    """Return the files that a public benchmark of the paper is computed from.

    Parameters
    ----------
    identifier : str
        Of a benchmark.
    package : Path
        The installed ``brainscore_vision``; its data plugins say which files.

    Returns
    -------
    list of DataFile or None
        None for a benchmark whose files are not known beforehand.
    """
    names = _DATA_OF.get(identifier) or _DATA_OF.get(identifier.partition(".")[0])
    if names is None or identifier not in installed_benchmarks(package):
        return None
    files = [
        file
        for plugin in (package / "data").glob("*/__init__.py")
        for name, file in _registered_files(plugin)
        if name in names
    ]
    return files or None


def _registered_files(plugin: Path) -> Iterator[tuple[str, DataFile]]:
    """Yield (identifier, file) for the S3 loaders that a data plugin calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their BibTeX entries hold odd escapes
        tree = ast.parse(plugin.read_text(encoding="utf-8"))
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        given = {
            keyword.arg: keyword.value.value
            for keyword in call.keywords
            if isinstance(keyword.value, ast.Constant)
        }
        name = str(given.get("identifier", ""))
        flat = name.replace(".", "_")
        if call.func.id == "load_assembly_from_s3":
            yield name, DataFile(str(given.get("sha1")), f"assy_{flat}.nc")
        elif call.func.id == "load_stimulus_set_from_s3":
            for kind in ("csv", "zip"):
                yield name, DataFile(str(given.get(f"{kind}_sha1")), f"stimulus_{flat}.{kind}")
