"""``hyp freeze``: a declaration, its hash and its date, written down before the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hyp.cli.options import (
    DEFAULT_STORE,
    Name,
    ProfileName,
    Settings,
    StorePath,
    checked_plan,
    here,
    store_if_any,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hyp.hypotheses.frozen_file import Frozen


def freeze_declaration(
    name: Name,
    profile: ProfileName = None,
    settings: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; default: NAME-PROFILE.frozen.json, here.", callback=here),
    ] = None,
    store: StorePath = DEFAULT_STORE,
    markdown: Annotated[
        bool,
        typer.Option(
            "--markdown", help="Also write what OSF and AsPredicted ask for, beside the file."
        ),
    ] = False,
) -> None:
    """Freeze a declaration to a file; every later report says whether it was kept."""
    from datetime import UTC, datetime

    from hyp.cli.terminal import console
    from hyp.hypotheses.frozen_file import default_file, freeze, write_frozen

    plan = checked_plan(name, profile, settings)
    beside = store_if_any(store)
    frozen = freeze(plan, datetime.now(UTC), beside)
    path = out or Path(default_file(frozen.hypothesis, frozen.profile))
    kept = write_frozen(frozen, path)
    screen = console()
    screen.print(_page(kept))
    if kept is frozen:
        screen.print(f"frozen: {path}", soft_wrap=True)
        screen.print(
            "Commit or register it before the run; 'hyp report' finds it in the working "
            "directory, or by --frozen FILE."
        )
    else:
        date = kept.frozen.isoformat(timespec="seconds")
        screen.print(f"unchanged: {path} holds this declaration since {date}", soft_wrap=True)
    if markdown:
        from hyp.hypotheses.preregistration import write_preregistration

        written = write_preregistration(kept, plan, path.with_suffix(".md"))
        screen.print(f"preregistration: {written}", soft_wrap=True)


def _page(frozen: Frozen) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    summary = frozen.summary
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", overflow="fold")
    facts.add_column(overflow="fold")
    rows = [
        *summary.predictions.items(),
        ("rule", summary.rule),
        *(("compared", f"{name}: {text}") for name, text in summary.comparisons.items()),
        *(
            (
                "family",
                f"{name}: {family.comparisons} comparison{'s' * (family.comparisons > 1)}, "
                f"smallest corrected p {family.smallest_corrected_p:.2g}",
            )
            for name, family in summary.families.items()
        ),
        ("networks", f"{summary.networks_a_group} per cohort"),
        *(("stopping", text) for text in (summary.stopping, summary.seen) if text),
        *(("", f"{name} seeds {seeds}") for name, seeds in summary.seeds.items()),
        ("attainable p", f"{summary.attainable_p:.2g}"),
        ("testable", summary.testable if summary.testable == "yes" else f"no: {summary.testable}"),
        ("SHA-256", frozen.declaration_sha256),
    ]
    for label, text in rows:
        facts.add_row(label, Text(text))
    return Group(Text(f"{frozen.hypothesis}, profile {frozen.profile}", style="bold"), facts, "")
