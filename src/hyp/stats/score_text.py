"""Scores that are written as text: percent signs and decimal commas."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import pandas as pd

from hyp.errors import HypError

Decimal = Literal[".", ","]
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "missing", "-", "–"})
"""Words that stand for a score that is missing."""

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_SHOWN = 3


def as_numbers(
    cells: pd.Series, name: str, *, decimal: Decimal | None = None
) -> tuple[pd.Series, tuple[str, ...]]:
    """Read a column of scores as numbers; missing ones are NaN.

    Parameters
    ----------
    cells : Series
        Numbers, or text such as ``0.728``, ``0,728`` or ``72.8%``. A percentage is the
        number that it means, ``72.8%`` = 0.728.
    name : str
        The column's name, for the messages.
    decimal : {".", ","}, optional
        The decimal mark, where ``1,234`` could be either.

    Returns
    -------
    numbers : Series of float
    notes : tuple of str
        What was done to the text.

    Raises
    ------
    HypError
        If a cell is no number, only some cells are percentages, or the decimal mark is
        ambiguous.
    """
    if pd.api.types.is_complex_dtype(cells):
        raise HypError(f"{name} has complex numbers; give one real number a score.")
    if pd.api.types.is_bool_dtype(cells) or pd.api.types.is_numeric_dtype(cells):
        return cells.astype(float), ()
    missing = cells.isna() | cells.astype(str).str.strip().str.lower().isin(MISSING)
    text = cells[~missing].astype(str).str.strip().str.replace("−", "-")
    percent = text.str.endswith("%")
    if percent.any() and not percent.all():
        raise HypError(
            f"some {name} are percentages ({text[percent].iloc[0]!r}) and some are not "
            f"({text[~percent].iloc[0]!r}); write all of them in one way."
        )
    text = text.str.removesuffix("%").str.strip()
    notes = [f"{name} is in percent: 72.8% is read as 0.728."] if percent.any() else []
    plain = text.str.fullmatch(_NUMBER.pattern) | text.str.lower().isin(
        {"inf", "-inf", "+inf", "infinity", "-infinity"}
    )
    if not plain.all():
        wrong = text[~plain].unique()
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        rows = ", ".join(map(str, cells.index[~missing][~plain.to_numpy()][:_SHOWN]))
        shown = ", ".join(map(repr, wrong[:_SHOWN].tolist()))
        plural = "s" * ("," in rows)
        raise HypError(f"{name} {shown}{more} is not a number (row{plural} {rows}, from 0).")
    mark = _mark(text, name, decimal)
    if mark == ",":
        text = text.str.replace(",", ".")
        notes.append(f"the comma in {name} is read as the decimal mark.")
    numbers = pd.Series(np.nan, index=cells.index)
    numbers[~missing] = text.astype(float) / (100 if percent.any() else 1)
    return numbers, tuple(notes)


def _mark(text: pd.Series, name: str, decimal: Decimal | None) -> Decimal:
    comma, dot = text.str.contains(",", regex=False), text.str.contains(".", regex=False)
    if comma.any() and dot.any():
        raise HypError(
            f"{name} has decimal points ({text[dot].iloc[0]!r}) and commas "
            f"({text[comma].iloc[0]!r}); write all numbers in one way."
        )
    if not comma.any():
        if dot.any() and decimal == ",":
            raise HypError(f"{name} {text[dot].iloc[0]!r} has a decimal point, not a comma.")
        return "."
    if decimal == ".":
        raise HypError(f"{name} {text[comma].iloc[0]!r} has a comma, not a decimal point.")
    if decimal is None and text[comma].str.fullmatch(_THOUSANDS.pattern).all():
        raise HypError(
            f"{name} {text[comma].iloc[0]!r} could be a thousand and more or a decimal fraction; "
            "say --decimal ',' for the fraction, or write it without the comma."
        )
    return ","
