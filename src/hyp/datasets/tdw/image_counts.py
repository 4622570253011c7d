"""How many images of what a dataset of ThreeDWorld will hold, told without any build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hyp.datasets.designs import Design
from hyp.datasets.tdw.catalogue import category_of
from hyp.datasets.tdw.planning import Plan, Rows
from hyp.datasets.tdw.source import TDWSource
from hyp.errors import HypError


@dataclass(frozen=True)
class PlannedImages:
    """What making a dataset would show and how long it would take.

    Attributes
    ----------
    n_images : int
    images_a_second : float
        Frame rate that the time was computed for, of one build.
    n_builds : int
    scenes, categories, models, skies : mapping
        Number of images of each. Of skyboxes that are drawn at random it is the expected
        number.
    images_a_model : tuple of int
        Fewest and most images that a model has in a scene.
    loads : int
        How often a build loads a model.
    """

    n_images: int
    images_a_second: float
    n_builds: int
    scenes: Mapping[str, float]
    categories: Mapping[str, float]
    models: Mapping[str, float]
    skies: Mapping[str, float]
    images_a_model: tuple[int, int]
    loads: int

    @property
    def seconds(self) -> float:
        """Time that the frames take, all builds at work; loading is extra."""
        return self.n_images / self.images_a_second / self.n_builds


def plan_images(
    source: TDWSource, design: Design, n_images: int, *, images_a_second: float = 100.0
) -> PlannedImages:
    """Tell what the first `n_images` of a source show, without any build.

    Parameters
    ----------
    source : TDWSource
        Its plan is made for `n_images` unless it has one.
    design : Design
        What may vary.
    n_images : int
        Number of images that are asked for; more than the plan has begin it again.
    images_a_second : float
        Images that one build gives in a second, candidates that are turned down included.

    Raises
    ------
    HypError
        If the design is impossible, or there is nothing to count.
    """
    if n_images < 1 or images_a_second <= 0:
        raise HypError("a plan needs at least 1 image and a frame rate above 0.")
    planned = source.sized(n_images).plan(design)
    whole, rest = divmod(n_images, planned.n_images)
    counts = whole * np.diff(planned.edges) + np.diff(np.minimum(planned.edges, rest))
    table = counts.reshape(len(planned.choices.scenes), -1)
    models = dict(zip(planned.choices.models, table.sum(axis=0).tolist(), strict=True))
    names = [category_of()[model].name for model in models]
    return PlannedImages(
        n_images=n_images,
        images_a_second=images_a_second,
        n_builds=len(source.addresses),
        scenes=dict(zip(planned.choices.scenes, table.sum(axis=1).tolist(), strict=True)),
        categories=_totals(names, list(models.values())),
        models=models,
        skies=_skies(planned, whole, rest),
        images_a_model=(int(table.min()), int(table.max())),
        loads=int(np.count_nonzero(counts)),
    )


def _skies(plan: Plan, whole: int, rest: int) -> dict[str, float]:
    skies = plan.choices.skyboxes
    if plan.skyboxes == "random":
        share = (whole * plan.n_images + rest) / len(skies)
        return _totals(skies, [share] * len(skies))
    per_sky = whole * _cycled(plan, plan.n_images) + _cycled(plan, rest)
    return _totals(skies, per_sky.tolist())


def _cycled(plan: Plan, n_images: int) -> Rows:
    """Count the images of each place in the cycle among the first `n_images` of a plan."""
    runs = np.flatnonzero(np.diff(plan.edges))
    start, length = plan.cycle(runs)
    first, unique = np.unique(start, return_index=True)
    ends = np.append(first[1:], plan.n_images)
    per = np.maximum(length[unique] // len(plan.choices.skyboxes), 1)
    used = np.clip(n_images - first, 0, ends - first)
    n_skies = len(plan.choices.skyboxes)
    turns, left = np.divmod(used, per * n_skies)
    at = np.arange(n_skies)[:, None] * per
    counts: Rows = (turns * per + np.clip(left - at, 0, per)).sum(axis=1)
    return counts


def _totals(names: Sequence[str], numbers: Sequence[float]) -> dict[str, float]:
    """Add up the numbers of equal names."""
    totals: dict[str, float] = {}
    for name, number in zip(names, numbers, strict=True):
        totals[name] = totals.get(name, 0) + number
    return totals
