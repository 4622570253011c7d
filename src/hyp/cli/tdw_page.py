"""What ``hyp data make --source tdw --dry-run`` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hyp.datasets.tdw.image_counts import PlannedImages
from hyp.reports.wording import duration

_SHOWN = 10


def tdw_page(plan: PlannedImages) -> RenderableType:
    """Show how many images there are of each scene, model and skybox, and the time they take."""
    blocks: list[RenderableType] = [_facts(plan), Text(), _counts("scene", plan.scenes)]
    for name, counts in (
        ("category", plan.categories),
        ("model", plan.models),
        ("skybox", plan.skies),
    ):
        blocks += [Text(), _counts(name, counts)]
    return Group(*blocks)


def _facts(plan: PlannedImages) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    for label, text in _rows(plan):
        facts.add_row(label, text)
    return facts


def _rows(plan: PlannedImages) -> Iterator[tuple[str, str]]:
    yield "images", f"{plan.n_images:,}"
    fewest, most = plan.images_a_model
    yield "of a model", f"{fewest:,} to {most:,} in each scene"
    builds = f"{plan.n_builds} build{'s' if plan.n_builds > 1 else ''}"
    yield (
        "time",
        f"{duration(plan.seconds)} at {plan.images_a_second:g} images/s a build, {builds}; "
        "loading is extra",
    )
    yield "loads", f"{len(plan.scenes):,} scenes, {plan.loads:,} models"


def _counts(name: str, counts: Mapping[str, float]) -> Table:
    """Show every value, or where there are many the ones with most and fewest images."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(name)
    table.add_column("images", justify="right")
    rows = list(counts.items())
    if len(rows) > 2 * _SHOWN:
        ordered = sorted(rows, key=lambda row: -row[1])
        left = len(rows) - 2 * _SHOWN
        rows = [*ordered[:_SHOWN], (f"{left:,} more", float("nan")), *ordered[-_SHOWN:]]
    for value, count in rows:
        table.add_row(value, "…" if count != count else f"{count:,.0f}")
    return table
