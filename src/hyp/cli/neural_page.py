"""What ``hyp neural`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from hyp.store import Store

if TYPE_CHECKING:
    import pandas as pd


def recordings_table(store: Store) -> Table:
    """Return the recordings of a store, oldest first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("recording", "origin", "stimuli", "splits by"):
        table.add_column(heading)
    datasets = {record.key: record for record in store.records("datasets")}
    for record in store.records("recordings"):
        stimuli = datasets.get(record.inputs["stimuli"])
        table.add_row(
            str(record.spec["name"]),
            str(record.spec["origin"]["kind"]),
            str(stimuli.spec["n_images"]) if stimuli else "–",
            str(record.spec["stratify"] or "–"),
        )
    return table


def alignment_table(scores: pd.DataFrame) -> Table:
    """Return mean and standard deviation over networks, a row a cohort and region."""
    simulated = (scores["origin"] == "simulated").any()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("networks", "region"):
        table.add_column(heading, overflow="fold")
    for heading in ("n", "score", "sd", "ceiling"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("layer", overflow="fold")
    cohorts = ["objective", "design", "batches", "region"]
    for (objective, design, batches, region), rows in scores.groupby(
        cohorts, sort=False, dropna=False
    ):
        spread = f"{rows['score'].std(ddof=1):.3f}" if len(rows) > 1 else "–"
        trained_on = f" ({design})" if design else ""
        trained_for = f", {batches} batches" if rows["batches"].notna().all() else ""
        table.add_row(
            f"{objective}{trained_on}{trained_for}",
            str(region),
            str(len(rows)),
            f"{rows['score'].mean():.3f}",
            spread,
            _ceiling(rows),
            str(rows["layer"].mode().iloc[0]),
        )
    notes = ["Simulated: nobody recorded these responses."] if simulated else []
    if (scores["formula"] == "none").any():
        notes.append("Scores without a ceiling are not ceiled: they are the correlation itself.")
    if "ceiling_upper" in scores:
        notes.append(
            "Ceilings: how well the other subjects predict one, and the most that anything could."
        )
    if notes:
        table.caption = "\n".join(notes)
        table.caption_justify = "left"
    return table


def _ceiling(rows: pd.DataFrame) -> str:
    if rows["ceiling"].isna().all():
        return "–"
    names = [name for name in ("ceiling", "ceiling_upper") if name in rows]
    return " to ".join(f"{rows[name].mean():.3f}" for name in names)


def described_table(described: pd.DataFrame) -> Table:
    """Return what of a recording is scored, a row a region and subject."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("region", "subject"):
        table.add_column(heading, overflow="fold")
    counted = [name for name in ("neuroids", "rdms", "stimuli") if name in described]
    for heading in counted:
        table.add_column(heading.replace("rdms", "RDMs"), justify="right", no_wrap=True)
    table.add_column("ceiling", overflow="fold")
    for row in described.to_dict("records"):
        counts = [
            f"{row[name]} of {row[f'of_{name}']}" if row[name] < row[f"of_{name}"] else row[name]
            for name in counted
        ]
        table.add_row(row["region"], row["subject"] or "–", *map(str, counts), row["ceiling"])
    return table
