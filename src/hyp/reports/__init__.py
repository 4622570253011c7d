"""Reports: what a finished run says, as a page, as Markdown and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp._lazy import lazy_names

if TYPE_CHECKING:
    from hyp.reports.overview import overview_table, write_overview
    from hyp.reports.report import make_all_reports, make_report, write_report
    from hyp.reports.terminal import result_panel

__all__ = [
    "make_all_reports",
    "make_report",
    "overview_table",
    "result_panel",
    "write_overview",
    "write_report",
]

_HOMES = {
    "make_all_reports": "report",
    "make_report": "report",
    "overview_table": "overview",
    "result_panel": "terminal",
    "write_overview": "overview",
    "write_report": "report",
}

__getattr__ = lazy_names(__name__, _HOMES)
