"""Which image shows which scene, model and skybox.

As in the paper's generator, scenes follow each other in equal blocks, inside them categories
in order of their WordNet ids, and the images of a model lie together, so that a build loads
each scene once and each model once a scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.designs import Design
from hyp.datasets.engine import draws
from hyp.datasets.latents import find_latent
from hyp.datasets.tdw.catalogue import Category, categories, latents, skyboxes
from hyp.errors import HypError

Counts = Literal["even", "paper"]
Skyboxes = Literal["cycled", "random"]
Rows = NDArray[np.int64]

_FIXED_SLOT = 1024
_GOLDEN = (5**0.5 - 1) / 2
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Choices:
    """The categorical values that a design admits."""

    scenes: tuple[str, ...]
    categories: tuple[Category, ...]
    skyboxes: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """Models, category by category."""
        return tuple(model for category in self.categories for model in category.models)


@dataclass(frozen=True)
class Shown:
    """What images show, as places in the lists of `Choices`; shape (n,) each."""

    scene: Rows
    model: Rows
    sky: Rows


@dataclass(frozen=True)
class Plan:
    """The order of a dataset that is made as a whole.

    Attributes
    ----------
    choices : Choices
    skyboxes : {"cycled", "random"}
    counts : {"even", "paper"}
    edges : ndarray of int, shape (n_scenes * n_models + 1,)
        Image `i` shows model ``k % n_models`` in scene ``k // n_models`` where
        ``edges[k] <= i < edges[k + 1]``.
    """

    choices: Choices
    skyboxes: Skyboxes
    counts: Counts
    edges: Rows

    @property
    def n_images(self) -> int:
        """Number of images after which the order begins again, with other random numbers."""
        return int(self.edges[-1])

    def shown(self, seed: int, indices: Rows) -> Shown:
        """Return what images show."""
        place = indices % self.n_images
        run = np.searchsorted(self.edges, place, side="right") - 1
        scene, model = np.divmod(run, len(self.choices.models))
        if self.skyboxes == "random":
            return Shown(scene, model, _drawn(seed, indices, 3, len(self.choices.skyboxes)))
        start, length = self.cycle(run)
        return Shown(scene, model, self._sky(place - start, length))

    def cycle(self, run: Rows) -> tuple[Rows, Rows]:
        """Return where the cycle of skyboxes starts for a run of images, and its length."""
        if self.counts == "paper":
            return self.edges[run], self.edges[run + 1] - self.edges[run]
        scene = run // len(self.choices.models) * len(self.choices.models)
        return self.edges[scene], np.ones_like(scene)

    def _sky(self, place: Rows, length: Rows) -> Rows:
        n_skies = len(self.choices.skyboxes)
        return place // np.maximum(length // n_skies, 1) % n_skies


@lru_cache(maxsize=32)
def choices_of(design: Design) -> Choices:
    """Return what a design admits.

    Raises
    ------
    HypError
        If no model is both of an admitted category and an admitted identity.
    """
    design.check(latents())
    allowed = {
        name: frozenset(design.allowed(find_latent(latents(), name)))
        for name in ("scene", "category", "identity", "sky")
    }
    kept = []
    for category in categories():
        models = tuple(model for model in category.models if model in allowed["identity"])
        if category.name in allowed["category"] and models:
            kept.append(Category(category.wnid, category.name, models))
    if not kept:
        raise HypError(
            f"design '{design}' allows no identity of the categories it allows; "
            "restrict only one of category and identity."
        )
    scenes = find_latent(latents(), "scene").values
    return Choices(
        tuple(scene for scene in scenes if scene in allowed["scene"]),
        tuple(kept),
        tuple(sky for sky in skyboxes() if sky in allowed["sky"]),
    )


@lru_cache(maxsize=32)
def make_plan(design: Design, planned: int, counts: Counts, sky_rule: Skyboxes) -> Plan:
    """Lay out a dataset.

    Parameters
    ----------
    design : Design
        What may vary.
    planned : int
        Its number of images.
    counts : {"even", "paper"}
        ``paper`` rounds ``planned / n_scenes / n_categories / n_models`` of each category
        to a whole number of images a model and scene, as the paper's generator did: the
        dataset gets about `planned` images (1,349,370 of 1,350,000). ``even`` gives
        exactly `planned`, whatever it is: as equal as can be over scenes, then over
        categories, then over models, and where not every model occurs in every scene,
        other ones in each.
    sky_rule : {"cycled", "random"}

    Raises
    ------
    HypError
        If the rounding leaves no image.
    """
    choices = choices_of(design)
    blocks = _paper_blocks(choices, planned) if counts == "paper" else _even(choices, planned)
    sizes = np.array([block[-1] for block in blocks])
    starts = np.cumsum(sizes) - sizes
    inner = np.concatenate([block[:-1] + s for block, s in zip(blocks, starts, strict=True)])
    plan = Plan(choices, sky_rule, counts, np.append(inner, sizes.sum()))
    if not plan.n_images:
        raise HypError(
            f"{planned} images are too few for the paper's rounding, which leaves none of any "
            "model; ask for more, or set counts=even."
        )
    return plan


def unplanned(design: Design, sky_rule: Skyboxes, seed: int, indices: Rows) -> Shown:
    """Draw what every image shows: scene, category and model of the category, alike often."""
    choices = choices_of(design)
    kind = _drawn(seed, indices, 1, len(choices.categories))
    sizes = np.array([len(category.models) for category in choices.categories])
    first = np.cumsum(sizes) - sizes
    n_skies = len(choices.skyboxes)
    return Shown(
        _drawn(seed, indices, 0, len(choices.scenes)),
        first[kind] + _drawn(seed, indices, 2, sizes[kind]),
        _drawn(seed, indices, 3, n_skies) if sky_rule == "random" else indices % n_skies,
    )


def _drawn(seed: int, indices: Rows, slot: int, n: int | Rows) -> Rows:
    u = draws.uniforms(draws.streams(seed, indices), 0, _FIXED_SLOT + slot, 1)[0]
    drawn: Rows = (u * n).astype(np.int64)
    return drawn


def _paper_blocks(choices: Choices, planned: int) -> list[Rows]:
    share = planned / len(choices.scenes) / len(choices.categories)
    counts = [
        round(share / len(category.models))
        for category in choices.categories
        for _ in category.models
    ]
    return [np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)] * len(choices.scenes)


def _even(choices: Choices, planned: int) -> list[Rows]:
    """Cut each scene's block where the shares of the models end, shifted from scene to scene."""
    n_scenes, n_categories = len(choices.scenes), len(choices.categories)
    ends = [
        (rank + (k + 1) / len(category.models)) / n_categories
        for rank, category in enumerate(choices.categories)
        for k in range(len(category.models))
    ]
    ends_of_shares = np.array([0.0, *ends])
    blocks = []
    for scene in range(n_scenes):
        size = (scene + 1) * planned // n_scenes - scene * planned // n_scenes
        shift = scene * _GOLDEN % 1.0
        blocks.append(np.ceil(ends_of_shares * size - shift - _ROUNDING).astype(np.int64))
    return blocks
