"""``hyp multiverse``: the verdict under every defensible choice of analysis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hyp.cli.options import DEFAULT_STORE, Name, ProfileName, Settings, StorePath, here, named_plan

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hyp.hypotheses.multiverse import Multiverse


def show_multiverse(
    name: Name,
    profile: ProfileName = None,
    settings: Settings = None,
    store: StorePath = DEFAULT_STORE,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="An alternative beside the declared value of measure, svm_c, n_folds, layers "
            "(A,B), family or margin. Repeatable. Default: the usual ones of all.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the specification curve there: PNG, SVG or PDF.", callback=here),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all analyses as JSON.")] = False,
) -> None:
    """Judge a finished run under all defensible choices of analysis; nothing is trained."""
    from hyp.cli.terminal import console, count_bar, resumable
    from hyp.errors import HypError
    from hyp.hypotheses.multiverse import multiverse
    from hyp.store import Store

    alternatives: dict[str, list[str]] = {}
    for text in vary or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise HypError(f"--vary {text!r} is not KEY=VALUE.")
        alternatives.setdefault(key.strip(), []).append(value.strip())
    opened = Store.open(store)
    plan = named_plan(name, profile, settings, store=opened)
    with resumable(), count_bar("analyses", console(err=True)) as progress:
        found = multiverse(plan, opened, alternatives or None, progress=progress)
    if plot is not None:
        from hyp.reports.figures.specification import save_specification_curve

        save_specification_curve(found, plot)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    console().print(_page(found))
    if plot is not None:
        console().print(f"figure: {plot}", soft_wrap=True)


def _page(found: Multiverse) -> RenderableType:
    from collections import Counter

    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table("choice", "", "analyses", "agree", box=None, header_style="bold")
    declared = found.declared.choices
    for key, value, count, agree in found.shares():
        mark = " (declared)" if declared[key] == value else ""
        table.add_row(key, Text(f"{value}{mark}"), str(count), f"{agree / count:.0%}")
    verdicts = Counter(one.verdict for one in found.analyses)
    told = [
        Text(f"{count:5d}  {verdict}{' (declared)' * (verdict == found.declared.verdict)}")
        for verdict, count in verdicts.most_common()
    ]
    return Group(
        Text(found.sentence, style="bold"),
        "",
        *told,
        "",
        table,
        "",
        *(Text(f"not varied: {reason}") for reason in found.left_out),
        "All analyses judge the same networks, so the share is no probability; the verdict stays "
        "the declared one's.",
    )
