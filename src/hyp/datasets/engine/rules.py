"""The engine's latents and the ranges that ThreeDWorld's generator draws them from."""

from __future__ import annotations

from hyp.datasets.engine.scenes import SKY_NAMES
from hyp.datasets.engine.worlds import BUILT_IN, World
from hyp.datasets.latents import Latent
from hyp.datasets.poses import pose_latents

ELEVATION = (25.0, 70.0)


def latents(world: World = BUILT_IN) -> tuple[Latent, ...]:
    """Return the engine's latents where it shows `world`."""
    return (
        *pose_latents(),
        Latent(name="category", kind="categorical", frame="object", values=world.categories),
        Latent(
            name="identity",
            kind="categorical",
            frame="object",
            values=world.identities,
            groups=tuple(world.identity_category.values()),
        ),
        Latent(name="scene", kind="categorical", frame="world", values=world.scene_names),
        Latent(name="sky", kind="categorical", frame="world", values=SKY_NAMES),
        Latent(name="light_azimuth", kind="angle", unit="deg", frame="world", low=-180, high=360),
        Latent(
            name="light_elevation",
            kind="continuous",
            unit="deg",
            frame="world",
            low=ELEVATION[0],
            high=ELEVATION[1],
        ),
    )
