"""ThreeDWorld sets in the layout their authors publish them in: read, checked and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp._lazy import lazy_names

if TYPE_CHECKING:
    from hyp.datasets.released.scanning import Report, scan_released
    from hyp.datasets.released.source import ReleasedTDWSource
    from hyp.datasets.released.writing import write_released

__all__ = ["ReleasedTDWSource", "Report", "scan_released", "write_released"]

_HOMES = {
    "ReleasedTDWSource": "source",
    "Report": "scanning",
    "scan_released": "scanning",
    "write_released": "writing",
}

__getattr__ = lazy_names(__name__, _HOMES)
