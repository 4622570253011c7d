"""What the axes of all figures share: limits, ticks, the order of layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from hyp.reports.words import layer_words

Limits = tuple[float, float]

_CROWDED = 56


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
