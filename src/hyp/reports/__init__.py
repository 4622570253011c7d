"""Reports: what a finished run says, as a page, as Markdown and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp._lazy import lazy_names

if TYPE_CHECKING:
    from hyp.reports.load import load_result
    from hyp.reports.overview import overview_table, write_overview
    from hyp.reports.page import write_report
    from hyp.reports.study_page import write_study_report
    from hyp.reports.study_summary import study_panel
    from hyp.reports.summary import verdict_panel

__all__ = [
    "load_result",
    "overview_table",
    "study_panel",
    "verdict_panel",
    "write_overview",
    "write_report",
    "write_study_report",
]

_HOMES = {
    "load_result": "load",
    "overview_table": "overview",
    "study_panel": "study_summary",
    "verdict_panel": "summary",
    "write_overview": "overview",
    "write_report": "page",
    "write_study_report": "study_page",
}

__getattr__ = lazy_names(__name__, _HOMES)
