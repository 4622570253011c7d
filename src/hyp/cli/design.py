"""``hyp design``: what a hypothesis' comparisons could show, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyp.cli.options import Name, ProfileName, Settings, here, named_plan
from hyp.errors import HypError


def show_design(
    name: Name,
    profile: ProfileName = None,
    settings: Settings = None,
    smallest: Annotated[
        float | None,
        typer.Option(help="Smallest effect that would matter, in sd of the seed means."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Power curves, .svg or .png; default: NAME-PROFILE-power.svg, here.",
            callback=here,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, and draw only with --out.")
    ] = False,
) -> None:
    """Show attainable p, power and the seeds a design needs, and draw its power curves."""
    from hyp.cli.design_page import design_json, design_page
    from hyp.cli.terminal import console
    from hyp.hypotheses.testability import contrast_designs
    from hyp.reports.figures.files import check_figure_path
    from hyp.reports.figures.power import write_power_figure
    from hyp.stats.designs import examine, power_table

    plan = named_plan(name, profile, settings)
    path = out or Path(f"{plan.name}-{plan.profile_name}-power.svg")
    check_figure_path(path)
    designs = contrast_designs(plan.hypothesis, plan.profile, smallest_effect=smallest)
    if not designs and (out is not None or smallest is not None):
        raise HypError(
            f"{plan.name} holds no cohort against one other, so there is no power to show; "
            "leave out --smallest and --out."
        )
    distinct = dict.fromkeys(designs.values())
    reports = {design: examine(design) for design in distinct}
    tables = {design: power_table(design) for design in distinct}
    drawn = bool(designs) and (out is not None or not as_json)
    if drawn:
        write_power_figure(list(distinct), path)
    if as_json:
        typer.echo(design_json(plan, designs, reports, tables))
        return
    screen = console()
    screen.print(design_page(plan, designs, reports, tables))
    if drawn:
        screen.print(f"power curves: {path}", soft_wrap=True)
