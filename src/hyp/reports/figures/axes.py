"""What the axes of all figures share: limits, ticks, the order of layers."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from hyp.reports.figures.style import MUTED
from hyp.reports.wording import layer_words

Limits = tuple[float, float]

CHARACTER = 0.0162
"""Width of a character of 10 points, as a share of a panel of 360."""

_CROWDED = 56
_LABEL_WIDTH = 22


def finite(values: Iterable[float | None]) -> list[float]:
    """Drop what is missing or infinite."""
    return [value for value in values if value is not None and math.isfinite(value)]


def padded(values: Iterable[float | None], below: float, above: float) -> Limits:
    """Return limits around the values, with shares of their range to spare."""
    kept = finite(values)
    low, high = min(kept, default=0.0), max(kept, default=1.0)
    span = high - low or 1.0
    return low - below * span, high + above * span


def tick(value: float) -> str:
    """Write a tick's value as short as three decimals allow."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "0") else text.replace("-", "−")


def layer_axis(axes: Any, layers: Sequence[str]) -> None:
    """Put layers on the horizontal axis, their names aslant where they would touch."""
    labels = [layer_words(layer) for layer in layers]
    crowded = len(labels) * max(map(len, labels), default=0) > _CROWDED
    margin = max(0.5, (4 - len(layers)) / 2)
    axes.set_xlim(-margin, len(layers) - 1 + margin)
    axes.set_xticks(range(len(layers)), labels, fontsize=9 if crowded else 10)
    if crowded:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")
        box = axes.get_position()
        axes.set_position((box.x0, box.y0 + 0.07, box.width, box.height - 0.07))


def value_axis(axis: Any, bins: int = 5) -> None:
    """Put few ticks with short values on an axis."""
    axis.set_major_locator(MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(lambda value, _: tick(value))


def fitting_label(axes: Any, label: str, width: float) -> None:
    """Write the label below, centred on the whole figure where it is wider than the axes."""
    if len(label) * CHARACTER > width:
        axes.set_xlabel(label, x=1.0, ha="right", fontsize=10)
    else:
        axes.set_xlabel(label)


def row_labels(labels: Sequence[str]) -> tuple[list[str], float]:
    """Wrap labels of rows, and return them with the share of the figure's width they need."""
    wrapped = ["\n".join(textwrap.wrap(one, _LABEL_WIDTH)) or "–" for one in labels]
    longest = max(len(line) for text in wrapped for line in text.split("\n"))
    return wrapped, 0.03 + CHARACTER * max(longest, 6)


def corner(figure: Any, note: str) -> None:
    """Write a note into the upper right corner."""
    if note:
        figure.text(
            0.99, 0.995, note, ha="right", va="top", fontsize=9.5, color=MUTED, style="italic"
        )


def with_note(described: str, note: str) -> str:
    """Put a note before a description."""
    return f"{note[:1].upper()}{note[1:]}. {described}" if note else described
