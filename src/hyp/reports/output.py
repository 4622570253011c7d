"""How reports reach the disk: every file whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hyp.errors import HypError
from hyp.hypotheses.frozen_comparison import AgainstFrozen
from hyp.hypotheses.result_files import Result
from hyp.reports.answers import headline
from hyp.store.artifacts import write_atomically

PAGE_FILE = "index.html"
JSON_FILE = "report.json"
MARKDOWN_FILE = "report.md"


def publish_report(
    out: Path,
    result: Result,
    *,
    page: str,
    markdown: str,
    provenance: Mapping[str, object],
    frozen: AgainstFrozen | None = None,
) -> Path:
    """Write ``index.html``, ``report.json`` and ``report.md``.

    Parameters
    ----------
    out : Path
        Folder to write to; made where it does not exist.
    result : Result
        What the run found.
    page, markdown : str
        The texts of ``index.html`` and ``report.md``.
    provenance, frozen
        As in `hyp.reports.write_report`.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    HypError
        If `out` cannot be written.
    """
    document = {
        "headline": headline(result, frozen),
        "result": json.loads(result.model_dump_json()),
        "frozen": frozen and frozen.model_dump(),
        "provenance": dict(provenance),
    }
    files = {
        JSON_FILE: json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n",
        MARKDOWN_FILE: markdown,
        PAGE_FILE: page,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            publish(out / name, text)
    except OSError as error:
        raise HypError(
            f"cannot write the report to {out} ({error.strerror}); choose another folder."
        ) from error
    return out / PAGE_FILE


def publish(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_atomically(path, text.encode("utf-8", errors="backslashreplace"))
