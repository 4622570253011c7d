"""What TDW-117 shows: its scenes, categories, models and skyboxes, as latents.

The lists are facts from the metadata of the PyPI package ``tdw`` 1.12.23.0 and the rules of
the paper's generator (Xie et al., 2024): models of ``models_core.json`` that may be used, are
not composite and are single objects; exterior skyboxes, with those of high sun twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hyp.datasets.latents import Latent
from hyp.datasets.poses import pose_latents

SCENES = (
    "box_room_2018",
    "building_site",
    "dead_grotto",
    "downtown_alleys",
    "iceland_beach",
    "lava_field",
    "ruin",
    "savanna_flat_6km",
    "suburb_scene_2023",
    "tdw_room",
)
"""The paper's scenes, in its order; ``box_room_2018`` and ``tdw_room`` are indoors."""

FIELD_OF_VIEW = 60.0


@dataclass(frozen=True)
class Category:
    """One category: its WordNet id, its name here and its models, in the library's order."""

    wnid: str
    name: str
    models: tuple[str, ...]


@cache
def categories() -> tuple[Category, ...]:
    """Return the 117 categories in order of their WordNet ids.

    Names are TDW's ``wcategory``; a name that an earlier category has, too, is followed by
    the WordNet id.
    """
    found: dict[str, Category] = {}
    for wnid, name, models in _facts()["categories"]:
        unique = name if name not in found else f"{name} {wnid}"
        found[unique] = Category(wnid, unique, tuple(models))
    return tuple(found.values())


@cache
def category_of() -> dict[str, Category]:
    """Return the category of every model."""
    return {model: category for category in categories() for model in category.models}


@cache
def skyboxes() -> tuple[str, ...]:
    """Return the list of 82 that skyboxes are taken from: 62, then the 20 bright ones again."""
    facts = _facts()
    return (*facts["skies"], *facts["bright"])


@cache
def latents() -> tuple[Latent, ...]:
    """Return the latents; the values of a category's and an identity's rank are its label."""
    names = tuple(category.name for category in categories())
    models = tuple(category_of())
    groups = tuple(category.name for category in category_of().values())
    return (
        *pose_latents(),
        Latent(name="category", kind="categorical", frame="object", values=names),
        Latent(name="identity", kind="categorical", frame="object", values=models, groups=groups),
        Latent(name="scene", kind="categorical", frame="world", values=SCENES),
        Latent(name="sky", kind="categorical", frame="world", values=tuple(_facts()["skies"])),
    )


@cache
def _facts() -> dict[str, Any]:
    text = files(__package__).joinpath("objects.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts
