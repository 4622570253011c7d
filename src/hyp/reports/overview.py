"""One page, and one table, over all hypotheses of a store."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rich import box
from rich.table import Table

from hyp.errors import HypError
from hyp.hypotheses.registry import BUILT_IN
from hyp.hypotheses.result_files import load_result
from hyp.reports import wording
from hyp.reports.answers import AGREEMENT, SIMULATED, qualification, strongest, strongest_words
from hyp.reports.output import JSON_FILE, PAGE_FILE, publish
from hyp.reports.templating import template
from hyp.reports.terminal import outcome_text, text
from hyp.stats.verdict import Verdict
from hyp.store.runs import Run, all_runs

_UNTESTED = ("untestable", "invalid", "confounded")
_OPEN = ("inconclusive", "mixed")


@dataclass(frozen=True)
class Line:
    """The latest finished run of a hypothesis under a profile, in words.

    Attributes
    ----------
    run : Run
    title : str
        What the hypothesis asks.
    verdict : Verdict
    qualified : str
        What qualifies the verdict wherever it is named; empty for nothing.
    effect : str
        The largest significant effect, or the largest, with its interval; empty where nothing
        was compared.
    published : str
        What was published about it; empty where nothing was.
    agrees : bool or None
        Whether the verdict agrees with that; None where it decides nothing about it.
    warnings : int
        How many the report gives.
    link : str
        Address of the report, relative to the page; empty where there is none.
    """

    run: Run
    title: str
    verdict: Verdict
    qualified: str
    effect: str
    published: str
    agrees: bool | None
    warnings: int
    link: str = ""

    @property
    def against_published(self) -> str:
        """How the verdict stands to what was published."""
        return AGREEMENT[self.agrees] if self.published else "nothing was published about it"


@dataclass(frozen=True)
class Overview:
    """All hypotheses of a store that were run.

    Attributes
    ----------
    lines : tuple of Line
        hyp's own in the order of the paper, then others by name.
    problems : tuple of str
        Runs whose result cannot be read, and why.
    unfinished : tuple of Run
        Of what has no finished run, the latest.
    """

    lines: tuple[Line, ...]
    problems: tuple[str, ...]
    unfinished: tuple[Run, ...]

    @property
    def simulated(self) -> list[str]:
        """The hypotheses whose verdict rests on responses that nobody recorded."""
        return [line.run.hypothesis for line in self.lines if SIMULATED in line.qualified]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many hypotheses came to each outcome, in words."""
        counted = Counter(line.verdict.outcome for line in self.lines)
        return {wording.plain(outcome): n for outcome, n in counted.most_common()}


def write_overview(store_root: Path, out: Path | None = None) -> Path:
    """Write one page over the latest finished run of every hypothesis and profile of a store.

    It is self-contained; reports are linked where they lie in the store. The same store
    gives the same bytes.

    Parameters
    ----------
    store_root : Path
    out : Path or None
        Folder for ``index.html``; None takes ``reports`` in the store.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    HypError
        If nothing was run, or the folder cannot be written.
    """
    folder = out or store_root / "reports"
    seen = overview(store_root, folder)
    page = template("overview.html.j2").render(
        seen=seen,
        contradicting=[line for line in seen.lines if line.published and line.agrees is False],
        untested=[line for line in seen.lines if line.verdict.outcome in _UNTESTED],
        undecided=[line for line in seen.lines if line.verdict.outcome in _OPEN],
    )
    publish(folder, {PAGE_FILE: page})
    return folder / PAGE_FILE


def overview_table(store_root: Path) -> Table:
    """Show the latest finished run of every hypothesis and profile, 80 columns wide.

    Raises
    ------
    HypError
        If nothing was run.
    """
    seen = overview(store_root, store_root)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_lines=True)
    table.add_column("hypothesis", overflow="fold", min_width=21, max_width=21)
    table.add_column("verdict", overflow="fold", min_width=14, max_width=16)
    table.add_column("largest effect", overflow="fold")
    table.add_column("published", overflow="fold", max_width=13)
    marks = {True: "✓ agrees", False: "✗ contradicts", None: "· open"}
    for line in seen.lines:
        table.add_row(
            text(line.run.hypothesis, "bold").append_text(
                text(f"\n{line.run.profile}", "not bold")
            ),
            outcome_text(line.verdict, line.qualified),
            text(line.effect or wording.MISSING),
            marks[line.agrees] if line.published else wording.MISSING,
        )
    told = [*seen.problems, *map(unfinished_words, seen.unfinished)]
    if told:
        table.caption = text("\n".join(told))
        table.caption_justify = "left"
    return table


def overview(store_root: Path, page_folder: Path) -> Overview:
    """Read the latest finished run of every hypothesis and profile of a store.

    Parameters
    ----------
    store_root : Path
    page_folder : Path
        Where links to reports start.

    Raises
    ------
    HypError
        If nothing was run.
    """
    finished: dict[tuple[str, str], Run] = {}
    latest: dict[tuple[str, str], Run] = {}
    for run in all_runs(store_root):
        latest[run.hypothesis, run.profile] = run
        if run.state == "finished":
            finished[run.hypothesis, run.profile] = run
    if not latest:
        raise HypError(f"{store_root} holds no run; start one with 'hyp run NAME'.")
    lines, problems = [], []
    for _, run in sorted(finished.items(), key=_declared_order):
        try:
            lines.append(_line(store_root, run, page_folder))
        except HypError as error:
            problems.append(f"{run.hypothesis}, profile {run.profile}: {error}")
    missing = {place: run for place, run in latest.items() if place not in finished}
    unfinished = tuple(run for _, run in sorted(missing.items(), key=_declared_order))
    return Overview(tuple(lines), tuple(problems), unfinished)


def report_folder(store_root: Path, run: Run) -> Path:
    """Return the folder in a store that a run's report goes to.

    Where ``--set`` changed the profile it carries the beginning of the result's key, so that
    no other run's report is replaced.
    """
    changed = f"-{run.goal[:8]}" if run.overrides else ""
    return store_root / "reports" / f"{run.hypothesis}-{run.profile}{changed}"


def _is_report_of(folder: Path, run: Run) -> bool:
    """Tell whether a folder holds the report of this run, and not of one with other settings."""
    try:
        document = json.loads((folder / JSON_FILE).read_bytes())
        keys = {artifact["key"] for artifact in document["provenance"]["keys"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return run.goal in keys and (folder / PAGE_FILE).is_file()


def unfinished_words(run: Run) -> str:
    """Say how far a run that has not finished came."""
    return f"{run.hypothesis}, profile {run.profile}: {run.seen_state}, {run.updated}"


def _declared_order(placed: tuple[tuple[str, str], Run]) -> tuple[int, str, str]:
    """Put hyp's own hypotheses first, in the paper's order, and others by name."""
    hypothesis, profile = placed[0]
    own = [one.name for one in BUILT_IN]
    return own.index(hypothesis) if hypothesis in own else len(own), hypothesis, profile


def _line(root: Path, run: Run, page_folder: Path) -> Line:
    folder = root / "results" / run.goal
    report = report_folder(root, run)
    link = ""
    if _is_report_of(report, run):
        link = Path(os.path.relpath(report / PAGE_FILE, page_folder)).as_posix()
    result = load_result(folder)
    row = strongest(result.judged)
    return Line(
        run=run,
        title=result.title,
        verdict=result.verdict,
        qualified=qualification(result),
        effect=strongest_words(row) if row else "",
        published=result.published,
        agrees=result.agrees,
        warnings=len(result.warnings),
        link=quote(link),
    )
