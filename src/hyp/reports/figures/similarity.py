"""Figures of how alike networks are: maps of networks, and the matrix of all pairs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Shape
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

from hyp.hypotheses.questions.panels import unique
from hyp.reports.figures.axes import tick
from hyp.reports.figures.style import (
    INK,
    MUTED,
    PAPER,
    REDUCED,
    Drawing,
    Look,
    dots,
    new_figure,
    style,
    tell,
    to_svg,
)
from hyp.reports.wording import score

MOST_IN_MATRIX = 40

_SHADES = 8
_WIDTH, _SIDE, _BELOW = 360, 250, 66
_LABEL_WIDTH = 16
_DECIMALS = 9


def maps(matrices: Sequence[NDArray[np.float64]]) -> list[tuple[NDArray[np.float64], float]]:
    """Place networks in a plane so that distances come near to 1 - similarity.

    Classical scaling (Torgerson 1952, Psychometrika 17, 401-419), which needs no seed. The
    plane's own turn is arbitrary: every map is turned to the one before it.

    Parameters
    ----------
    matrices : sequence of ndarray, shape (m, m)
        Similarities of the same networks, one per layer.

    Returns
    -------
    list of (ndarray of shape (m, 2), float)
        Places, and the share of the squared distances that the plane shows.
    """
    placed: list[tuple[NDArray[np.float64], float]] = []
    for matrix in matrices:
        places, share = _classical_scaling(1 - matrix)
        if placed:
            places = places @ orthogonal_procrustes(places, placed[-1][0])[0]
        placed.append((places, share))
    return placed


def network_map(
    places: NDArray[np.float64],
    cohorts: Sequence[str],
    looks: Mapping[str, Look],
    titles: Mapping[str, str],
    reach: float,
    label: str,
    name: str,
) -> Drawing:
    """Draw networks at their places, each in its cohort's colour and marker.

    Parameters
    ----------
    places : ndarray, shape (m, 2)
    cohorts : sequence of str
        Of every network.
    looks, titles : mapping
        By cohort.
    reach : float
        Half the width of the axes; panels of one question share it.
    label : str
        What a distance is.
    name : str
        Prefix of the ids inside, unique on the page.
    """
    with style():
        figure = new_figure(300, 300)
        axes = figure.add_axes((0.15, 0.13, 0.83, 0.83))
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_aspect("equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], symmetric=True))
            axis.set_major_formatter(lambda value, _: tick(value))
        axes.grid(axis="both")
        axes.set_xlabel(f"distance: {label}")
        names = np.array(cohorts)
        told = []
        for cohort in unique(cohorts):
            own = places[names == cohort]
            edge: dict[str, Any] = {"edge": 0.5, "markeredgecolor": PAPER}
            colour, marker = looks[cohort]
            named = [f"{titles[cohort]}, network {n + 1}" for n in range(len(own))]
            look: dict[str, Any] = {"told": named, "gid": "hyp-networks", **edge}
            dots(axes, own[:, 0], own[:, 1], colour, marker, 6, **look)
            centre = own.mean(axis=0)
            told.append(f"{titles[cohort]} around {score(centre[0], 2)}, {score(centre[1], 2)}")
        described = f"Map of {len(places)} networks; distances are about {label}. "
        return to_svg(figure, name, described + "; ".join(told) + ".")


def similarity_svg(
    matrix: NDArray[np.float64],
    cohorts: Sequence[str],
    titles: Mapping[str, str],
    label: str,
    name: str,
) -> Drawing:
    """Draw the similarity of all pairs of networks, the darker the more alike.

    Parameters
    ----------
    matrix : ndarray, shape (m, m)
        Sorted by cohort.
    cohorts : sequence of str
        Of every network.
    titles : mapping of str to str
        By cohort.
    label : str
        What is shown.
    name : str
        Prefix of the ids inside, unique on the page.
    """
    m = len(matrix)
    off = ~np.eye(m, dtype=bool)
    low, high = float(matrix[off].min()), float(matrix[off].max())
    span = (high - low) or 1.0
    levels = np.clip(((matrix - low) / span * _SHADES).astype(int), 0, _SHADES - 1)
    with style():
        figure = new_figure(_WIDTH, _SIDE + _BELOW)
        axes = figure.add_axes(
            (
                1 - _SIDE / _WIDTH - 0.03,
                _BELOW / (_SIDE + _BELOW),
                _SIDE / _WIDTH,
                _SIDE / (_SIDE + _BELOW),
            )
        )
        axes.set_xlim(0, m)
        axes.set_ylim(m, 0)
        axes.spines[["left", "bottom"]].set_visible(False)
        for level in range(_SHADES):
            cells = np.argwhere((levels == level) & off)
            if len(cells):
                ends = (score(low + span * end / _SHADES) for end in (level, level + 1))
                _shade(axes, cells[:, ::-1], level, " to ".join(ends))
        names = unique(cohorts)
        starts = [*(list(cohorts).index(one) for one in names), m]
        for start in starts[1:-1]:
            axes.axhline(start, color=INK, linewidth=0.8)
            axes.axvline(start, color=INK, linewidth=0.8)
        centres = [(a + b) / 2 for a, b in pairwise(starts)]
        labels = ["\n".join(textwrap.wrap(titles[one], _LABEL_WIDTH)[:2]) for one in names]
        axes.set_xticks([])
        axes.set_yticks(centres, labels, fontsize=9.5)
        _scale(figure, low, span, label)
        told = f"Similarity ({label}) of {m} networks, sorted by cohort: {', '.join(names)}. "
        told += f"Pairs of different networks lie between {score(low)} and {score(high)}."
        return to_svg(figure, name, told)


def evenly(cohorts: Sequence[str]) -> NDArray[np.int64]:
    """Choose the first networks of every cohort, as many of each, `MOST_IN_MATRIX` in all."""
    names = unique(cohorts)
    labels = np.array(cohorts)
    if len(labels) <= MOST_IN_MATRIX:
        return np.arange(len(labels))
    each = max(1, MOST_IN_MATRIX // len(names))
    chosen = [np.flatnonzero(labels == name)[:each] for name in names]
    return np.concatenate(chosen)[:MOST_IN_MATRIX]


def _classical_scaling(distances: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    centred = distances**2
    centred = centred - centred.mean(axis=0)
    centred = -(centred - centred.mean(axis=1, keepdims=True)) / 2
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    values, vectors = values[::-1][:2], vectors[:, ::-1][:, :2]
    kept = np.clip(values, 0, None)
    places = vectors * np.sqrt(kept)
    signs = np.sign(places[np.abs(places).argmax(axis=0), range(2)])
    places = (places * np.where(signs == 0, 1, signs)).round(_DECIMALS) + 0.0
    total = float(np.abs(np.linalg.eigvalsh(centred)).sum())
    return places, float(kept.sum()) / total if total > 0 else 1.0


def _shade(axes: Any, places: Iterable[tuple[float, float]], level: int, told: str = "") -> None:
    """Fill the unit squares at these places with one of the shades."""
    squares = [Affine2D().translate(x, y).transform_path(Shape.unit_rectangle()) for x, y in places]
    filled = Shape.make_compound_path(*squares)
    look = {"facecolor": REDUCED, "alpha": (level + 0.5) / _SHADES, "linewidth": 0}
    patch = axes.add_patch(PathPatch(filled, gid="hyp-cells", **look))
    tell(patch, [told] if told else [])


def _scale(figure: Any, low: float, span: float, label: str) -> None:
    """Draw what the shades mean."""
    height = _SIDE + _BELOW
    axes = figure.add_axes((1 - _SIDE / _WIDTH - 0.03, 42 / height, _SIDE / _WIDTH, 12 / height))
    axes.set_xlim(0, _SHADES)
    axes.set_ylim(0, 1)
    axes.spines[:].set_visible(False)
    for level in range(_SHADES):
        _shade(axes, [(level, 0)], level)
    at = range(0, _SHADES + 1, 2)
    axes.set_xticks(at, [score(low + span * one / _SHADES, 2) for one in at], fontsize=9.5)
    axes.set_yticks([])
    axes.set_xlabel(label, fontsize=10, color=MUTED)
