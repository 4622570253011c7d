"""What an artifact was made with: libraries, machine, memory."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hyp import __version__


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of the named distributions that are installed.

    That of ``hyp`` is this package's own, whatever distribution of that name is there.
    """
    found = {}
    for name in names:
        try:
            found[name] = __version__ if name == "hyp" else _version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _version(name: str) -> str:
    """Return a version as this process first found it: what it has loaded stays that."""
    return version(name)


def machine_facts() -> dict[str, str]:
    """Return the facts about this machine that a result may depend on."""
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": str(os.cpu_count() or 1),
        "python": platform.python_version(),
    }


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
