"""``hyp scaling``: whether a score grows with images, parameters or compute, and levels off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyp.cli.options import Figures, check_out, here


def study_scaling(
    study: Annotated[
        str, typer.Argument(help="A TOML file; or primate-vvs, which comes with hyp.")
    ] = "primate-vvs",
    out: Annotated[
        Path | None, typer.Option(help="Also write a report there: one HTML file.", callback=here)
    ] = None,
    figures: Figures = None,
) -> None:
    """Fit scaling laws to a table of scores, by one axis and by two.

    Laws are weighed by AICc and hold or fail at the largest size, which they are fitted without.
    Without arguments: 993 networks on Brain-Score (Gokce and Schrimpf 2025).
    """
    from hyp.cli.terminal import console
    from hyp.reports.scaling_report import findings_table, write_scaling_report
    from hyp.stats.scaling_study import run_study

    check_out(out, figures)
    declared, found = run_study(study)
    shown = console()
    shown.print(declared.title, style="bold")
    for line in (declared.claim, declared.source):
        if line:
            shown.print(line)
    for analysis in dict.fromkeys(one.analysis for one in found):
        shown.print(findings_table(analysis, [one for one in found if one.analysis == analysis]))
    if out is not None:
        write_scaling_report(declared, found, out, figures)
        shown.print(f"report: {out}", soft_wrap=True)
