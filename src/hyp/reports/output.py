"""How reports reach the disk: every file whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hyp.errors import HypError
from hyp.store.artifacts import check_folder_of, write_atomically

PAGE_FILE = "index.html"
JSON_FILE = "report.json"
MARKDOWN_FILE = "report.md"


def check_page(out: Path) -> None:
    """Refuse a file that a page of one file cannot be written to.

    Raises
    ------
    HypError
        If it does not end in ``.html``, or its folder is missing.
    """
    if out.suffix != ".html":
        raise HypError(f"the report is one HTML file, but {out} does not end in .html.")
    check_folder_of(out)


def publish(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write texts, or bytes, into a folder, which is made where it does not exist; by name of file.

    Raises
    ------
    HypError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if isinstance(content, str):
                content = content.encode("utf-8", errors="backslashreplace")
            write_atomically(folder / name, content)
    except OSError as error:
        raise HypError(
            f"cannot write the report to {folder} ({error.strerror}); choose another folder."
        ) from error
