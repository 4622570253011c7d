"""The published tables: transcribed cell by cell, each number with its source.

The CSV files beside this module hold the numbers as they are printed, three decimals where
three are printed. The column `objective` gives each row the name that the objective has in
hyp (`distance+rotation`), so that a measured score finds its published one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import pandas as pd

from hyp.errors import HypError

ALIGNMENT_COLUMNS = ("V1", "V2", "V4", "IT", "neural_mean", "behavior")
NEURAL_REGIONS = ALIGNMENT_COLUMNS[:4]

PAPER = "Xie et al. 2024, December"
ABSTRACT = "Xie et al. 2024, February"
CITATIONS = {
    PAPER: (
        "Xie, Huang, Alter, Schwartz, Tenenbaum & DiCarlo (2024). Vision CNNs trained to estimate "
        "spatial latents learned similar ventral-stream-aligned representations. arXiv:2412.09115."
    ),
    ABSTRACT: (
        "Xie, Alter, Schwartz & DiCarlo (2024). Learning only a handful of latent variables "
        "produces neural-aligned CNN models of the ventral stream. https://hdl.handle.net/1721.1/153744."
    ),
}

_COUNTS = ("output_units", "n_seeds", "n_points")
_RANK = {"text": 1, "abstract": 2}
_CEILING = (
    "Score = (r / ceiling)^2 in the Brain-Score of 2024, r^2 / ceiling since 2026-01: a score made "
    "with a newer one must be divided by the ceiling once more before it is compared with these. "
    "Each region's layer is chosen on the benchmark that then scores it (public code)."
)
_ALIGNMENT_NOTES = (
    "No SD is printed; the figures draw it.",
    "The SD, and so the uncertainty of a mean, is between seeds.",
)


@dataclass(frozen=True)
class PublishedTable:
    """A published table and how to read it.

    Attributes
    ----------
    name : str
        What `published_table` takes: ``C.1``, ``tasks``, ...
    title : str
        What it holds, in our own words.
    document : str
        A key of `CITATIONS`.
    place : str
        Where it stands there.
    unit : str
        Unit of its numbers.
    architecture : str
        The networks, where all rows have the same; otherwise empty.
    ceiling : str
        Convention of the noise ceiling; empty where it has none.
    notes : tuple of str
        What a reader must know; notes on single rows are in the column `notes`.
    """

    name: str
    title: str
    document: str
    place: str
    unit: str
    architecture: str = ""
    ceiling: str = ""
    notes: tuple[str, ...] = ()


PUBLISHED_TABLES = (
    PublishedTable(
        name="C.1",
        title="Neural and behavioural alignment of ResNet-50 by training task",
        document=PAPER,
        place="Table C.1",
        unit="mean public Brain-Score over 5 seeds, 0 to 1",
        architecture="resnet50",
        ceiling=_CEILING,
        notes=_ALIGNMENT_NOTES,
    ),
    PublishedTable(
        name="C.2",
        title="Neural and behavioural alignment of ResNet-18 by training task",
        document=PAPER,
        place="Table C.2",
        unit="mean public Brain-Score over 8 seeds (untrained: 5), 0 to 1",
        architecture="resnet18",
        ceiling=_CEILING,
        notes=_ALIGNMENT_NOTES,
    ),
    PublishedTable(
        name="C.3",
        title="Correlation of task performance with alignment, ResNet-50",
        document=PAPER,
        place="Table C.3",
        unit="Pearson r over checkpoints of all seeds pooled",
        architecture="resnet50",
        ceiling=_CEILING,
        notes=(
            "Performance is minus the held-out loss, for the two classifications too; Figure 3a "
            "plots category performance, and the public code takes accuracy there.",
            "The table prints no n. 60 points is Figure 3's, for rotation; 5 seeds is Figure 2's; "
            "12 checkpoints per seed follow from the two; the other rows are taken to be alike.",
        ),
    ),
    PublishedTable(
        name="tasks",
        title="Training tasks: latents, output units that receive a loss, loss",
        document=PAPER,
        place="Table C.1, column 2; Section 2.2; Appendix B.2",
        unit="output units",
        notes=("X, Y and Z are standardised before training; angles are not.",),
    ),
    PublishedTable(
        name="abstract",
        title="Numbers printed in the February abstract, ResNet-18, 3 seeds per group",
        document=ABSTRACT,
        place="Additional Details and captions",
        unit="see each row",
        ceiling=_CEILING,
        notes=(
            "SDs are drawn in its Figure 2 and not printed, nor are the means of the category "
            "and identity groups.",
        ),
    ),
    PublishedTable(
        name="text",
        title="Numbers printed in the December paper's text and captions",
        document=PAPER,
        place="text and captions",
        unit="see each row",
        ceiling=_CEILING,
        notes=(
            "Appendix C names the neural benchmarks V1, V2, V3 and V4 in one sentence; everywhere "
            "else, and in the benchmarks' names, they are V1, V2, V4 and IT.",
        ),
    ),
    PublishedTable(
        name="claims",
        title="What text and captions say that a study can check: direction, place and figure",
        document=PAPER,
        place="Section 3 and captions",
        unit="direction of a difference",
        notes=(
            "The column layers_named tells whether the text names these layers for this row, or "
            "only calls them intermediate.",
            "The text names no layer at which a difference was absent or not significant.",
        ),
    ),
    PublishedTable(
        name="figures",
        title="What each figure and table shows, of which networks",
        document=PAPER,
        place="captions",
        unit="none",
    ),
)


@dataclass(frozen=True)
class PublishedValue:
    """One published number.

    Attributes
    ----------
    table, quantity, architecture, objective, versus : str
        What it is; empty where that does not apply.
    value : float
        As printed.
    unit : str
        Of the value.
    n_seeds : int or None
        Seeds behind it, where they are printed.
    source : str
        Document and place, so that anyone can look it up.
    notes : str
        What disagrees with it or limits it.
    """

    table: str
    quantity: str
    architecture: str
    objective: str
    versus: str
    value: float
    unit: str
    n_seeds: int | None
    source: str
    notes: str


Direction = Literal[
    "full",
    "reduced",
    "comparable",
    "higher",
    "lower",
    "rises",
    "levels off",
    "no trend",
    "positive",
    "not positive",
]


@dataclass(frozen=True)
class Claim:
    """One published statement that a study can check.

    Attributes
    ----------
    hypothesis, measure : str
        The hypothesis of hyp it speaks to, and what was measured: ``decoding``, ``cka``,
        ``alignment``, ``behaviour``, ``performance``, ``similarity`` or ``depth``.
    objective, latent : str
        As hyp names them; an empty objective is a statement about most of them. Of alignment
        the latent is the score that is meant, such as ``neural_mean``.
    versus : str
        What the objective was compared with; empty where full variability is with reduced.
    layers : tuple of str
        Layers meant, without ``.relu``; empty where it is about none in particular.
    layers_named : bool
        Whether the text names these layers, or only calls them intermediate.
    better : str
        ``full`` or ``reduced``, the group with the higher value; of other comparisons how the
        objective stands to `versus`: ``comparable``, ``higher``, ``lower``; of trends
        ``rises``, ``levels off``, ``no trend``; of correlations ``positive``, ``not positive``.
    prediction : str
        ``H1``, ``H2`` or empty.
    claim, source, quote, notes : str
        The statement in our words, where it stands, the words that make it there, and what limits
        it.
    """

    hypothesis: str
    measure: str
    objective: str
    latent: str
    layers: tuple[str, ...]
    layers_named: bool
    versus: str
    better: Direction
    prediction: str
    claim: str
    source: str
    quote: str
    notes: str


def find_published_table(name: str) -> PublishedTable:
    """Return what is known of a published table.

    Raises
    ------
    HypError
        If there is none of that name.
    """
    for table in PUBLISHED_TABLES:
        if table.name.casefold() == name.casefold():
            return table
    known = ", ".join(table.name for table in PUBLISHED_TABLES)
    raise HypError(f"there is no published table {name!r}; there are {known}.")


def published_table(name: str) -> pd.DataFrame:
    """Return a published table, one row as printed, with source and notes.

    Parameters
    ----------
    name : str
        ``C.1``, ``C.2``, ``C.3``, ``tasks``, ``abstract``, ``text``, ``claims`` or ``figures``.

    Returns
    -------
    DataFrame
        The columns of the printed table under hyp's names, `source` (document and place
        of the row; in C.1 to C.3 the column's name completes it) and `notes`, which say
        what contradicts the row elsewhere. What is not printed is missing.

    Raises
    ------
    HypError
        If there is no table of that name.

    Examples
    --------
    >>> table = published_table("C.1").set_index("objective")
    >>> float(table.loc["distance", "neural_mean"])
    0.399
    """
    about = find_published_table(name)
    return _read(about).copy()


def printed_task(objective: str) -> str:
    """Return the name that the paper's tables print for an objective of hyp.

    Examples
    --------
    >>> printed_task("distance+rotation")
    'Dis. + Rot.'
    """
    for row in _read(find_published_table("C.1")).to_dict("records"):
        if _same_objective(row["objective"], objective):
            return str(row["task"])
    return objective


def published_value(
    quantity: str,
    *,
    objective: str = "",
    versus: str = "",
    architecture: str = "",
    table: str = "",
) -> PublishedValue:
    """Return the one published number that fits, with its source.

    Parameters
    ----------
    quantity : str
        ``V1``, ``V2``, ``V4``, ``IT``, ``neural_mean``, ``behavior`` (alignment scores);
        the same with ``_correlation`` (Table C.3); ``output_units``; or a quantity of the
        tables ``abstract`` and ``text`` (``p_value``, ``fraction``, ``images``, ...).
    objective, versus : str
        As hyp names them, tasks in any order; also ``untrained`` and ``imagenet``.
        `versus` is what a p-value or fraction compares with.
    architecture : str
        ``resnet18`` or ``resnet50``.
    table : str
        Only look there. Without it the December tables go before the December text, and
        that before the February abstract.

    Raises
    ------
    HypError
        If no published number fits, or several do.

    Examples
    --------
    >>> found = published_value("neural_mean", objective="distance", architecture="resnet50")
    >>> found.value, found.source
    (0.399, "Xie et al. 2024, December, Table C.1, row 'Distance', column 'neural_mean'")
    """
    wanted = find_published_table(table).name if table else ""
    found = [
        value
        for value in published_values()
        if value.quantity == quantity
        and (not wanted or value.table == wanted)
        and (not objective or _same_objective(value.objective, objective))
        and (not versus or _same_objective(value.versus, versus))
        and (not architecture or value.architecture in ("", architecture))
    ]
    best = min((_RANK.get(value.table, 0) for value in found), default=0)
    found = [value for value in found if _RANK.get(value.table, 0) == best]
    asked = ", ".join(part for part in (quantity, objective, versus, architecture, table) if part)
    if not found:
        raise HypError(f"nothing is published for {asked}; 'hyp published' lists the tables.")
    if len(found) > 1:
        raise HypError(
            f"{len(found)} published numbers fit {asked}; say which objective, versus, "
            "architecture or table is meant."
        )
    return found[0]


@cache
def published_values() -> tuple[PublishedValue, ...]:
    """Return every published number, one by one: what `published_value` searches."""
    return tuple(value for about in PUBLISHED_TABLES for value in _values(about))


def published_claims(
    hypothesis: str = "nontarget-variability",
    *,
    measure: str = "decoding",
    objective: str = "",
    latent: str = "",
    layer: str = "",
) -> tuple[Claim, ...]:
    """Return what the text claims.

    Figures 5 and E.2 print no numbers, so a measured difference can
    only be compared with its published direction.

    Parameters
    ----------
    hypothesis, measure : str
        See `Claim`.
    objective, latent, layer : str
        As hyp names them; an empty one matches all. Claims that name no single objective
        or layer are left out once one is asked for.

    Returns
    -------
    tuple of Claim
        Empty where the text says nothing.

    Examples
    --------
    >>> [claim] = published_claims(objective="category", latent="rel_pos_x", layer="fc")
    >>> claim.better, claim.prediction
    ('reduced', 'H2')
    """
    block = layer.removesuffix(".relu")
    return tuple(
        claim
        for claim in _claims()
        if (claim.hypothesis, claim.measure) == (hypothesis, measure)
        and (not objective or _same_objective(claim.objective, objective))
        and (not latent or latent in claim.latent.split())
        and (not block or block in claim.layers)
    )


def alignment_table(table: str) -> pd.DataFrame:
    """Return Table C.1 or C.2.

    Raises
    ------
    HypError
        If it is another one.
    """
    name = find_published_table(table).name
    if name not in ("C.1", "C.2"):
        raise HypError(f"the published table {name!r} has no alignment scores by task.")
    return published_table(name)


def neural_means(table: str) -> dict[str, tuple[float, int]]:
    """Return each objective's neural mean and number of seeds."""
    if table == "abstract":
        rows = published_table(table)
        rows, column = rows[rows["quantity"] == "neural_mean"], "value"
    else:
        rows, column = alignment_table(table), "neural_mean"
    return {
        row["objective"]: (float(row[column]), int(row["n_seeds"]))
        for row in rows.to_dict("records")
    }


@cache
def _read(about: PublishedTable) -> pd.DataFrame:
    name = about.name.casefold().replace(".", "")
    with (files(__package__) / f"{name}.csv").open(encoding="utf-8") as opened:
        table = pd.read_csv(opened, dtype=str, keep_default_na=False)
    for column in table.columns.intersection([*_COUNTS]):
        table[column] = pd.to_numeric(table[column]).astype("Int64")
    for column in table.columns.intersection([*ALIGNMENT_COLUMNS, "value"]):
        table[column] = table[column].astype(float)
    if "layers_named" in table:
        table["layers_named"] = table["layers_named"] == "yes"
    if "source" in table:
        table["source"] = about.document + ", " + table["source"]
    else:
        place = about.place.split(";")[0] if about.name == "tasks" else about.place
        rows = table[table.columns[0]]
        table["source"] = about.document + ", " + place + ", row '" + rows + "'"
    return table[[*(c for c in table.columns if c not in ("source", "notes")), "source", "notes"]]


def _values(about: PublishedTable) -> list[PublishedValue]:
    rows: Any = _read(about).to_dict("records")
    if about.name in ("claims", "figures"):
        return []
    if "quantity" in rows[0]:
        counts = [None if pd.isna(row["n_seeds"]) else int(row["n_seeds"]) for row in rows]
        return [
            PublishedValue(table=about.name, **row | {"n_seeds": count})
            for row, count in zip(rows, counts, strict=True)
        ]
    columns = ["output_units"] if about.name == "tasks" else list(ALIGNMENT_COLUMNS)
    return [
        PublishedValue(
            table=about.name,
            quantity=f"{column}_correlation" if about.name == "C.3" else column,
            architecture=about.architecture,
            objective=row["objective"],
            versus="",
            value=float(row[column]),
            unit={"C.3": "Pearson r", "tasks": "units"}.get(about.name, "score"),
            n_seeds=int(row["n_seeds"]) if "n_seeds" in row else None,
            source=row["source"] + (f", column '{column}'" if about.name != "tasks" else ""),
            notes=row["notes"],
        )
        for row in rows
        for column in columns
    ]


@cache
def _claims() -> tuple[Claim, ...]:
    rows: Any = _read(find_published_table("claims")).to_dict("records")
    return tuple(Claim(**row | {"layers": tuple(row["layers"].split())}) for row in rows)


def _same_objective(one: str, other: str) -> bool:
    return set(one.split("+")) == set(other.split("+"))
