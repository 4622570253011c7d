"""How reports reach the disk: every file whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hyp.errors import HypError
from hyp.store.artifacts import check_folder_of, write_atomically

PAGE_FILE = "index.html"
JSON_FILE = "report.json"
MARKDOWN_FILE = "report.md"
FIGURES = "figures"
_PAGE_MARK = b'<meta name="generator" content="hyp">'
_JSON_MARK = b'"headline":'


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


def figures_folder(page: Path) -> Path:
    """Return the folder beside a page for what of it goes into a paper."""
    return page.with_name(FIGURES if page.name == PAGE_FILE else f"{page.stem}-{FIGURES}")


def beside(page: Path, drawn: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """Return what of a page goes into a paper, named as `publish` takes it with the page."""
    return {f"{figures_folder(page).name}/{name}": content for name, content in drawn.items()}


def publish(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write texts, or bytes, into a folder, which is made where it does not exist.

    `files` are by name, of a file or of one in a folder inside.

    Raises
    ------
    HypError
        If the folder cannot be written, or has other people's files of these names.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            if (folder / name).exists() and not _is_report(folder / name):
                raise HypError(
                    f"{folder / name} is no report of hyp's and stays; choose another place."
                )
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            if isinstance(content, str):
                content = content.encode("utf-8", errors="backslashreplace")
            write_atomically(folder / name, content)
    except OSError as error:
        raise HypError(
            f"cannot write the report to {folder} ({error.strerror}); choose another folder."
        ) from error


def _is_report(path: Path) -> bool:
    """Return whether hyp wrote a file, by how it begins, or what lies beside or above it does."""
    if path.suffix == ".html":
        return _begins(path, _PAGE_MARK)
    folder = path.parent
    above = (page for page in folder.parent.glob("*.html") if figures_folder(page) == folder)
    pages = [folder / PAGE_FILE, *above]
    return _begins(path.with_suffix(".json"), _JSON_MARK) or any(
        _begins(page, _PAGE_MARK) for page in pages
    )


def _begins(path: Path, mark: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return mark in file.read(1000)
