"""The engine's latents and the ranges that ThreeDWorld's generator draws them from."""

from __future__ import annotations

import numpy as np

from hyp.datasets.engine.scenes import SKY_NAMES
from hyp.datasets.engine.worlds import BUILT_IN, World
from hyp.datasets.latents import Latent

DISTANCE = (0.9, 4.2)
POSE_JITTER = 45.0
AIM_JITTER = 20.0
LOWEST_DIRECTION = -0.2
ELEVATION = (25.0, 70.0)
POSITION = ("rel_pos_x", "rel_pos_y", "rel_pos_z")
EULER = ("rel_rot_euler_0", "rel_rot_euler_1", "rel_rot_euler_2")

_SIDEWAYS = DISTANCE[1] * float(np.sin(np.radians(AIM_JITTER)))
_NEAREST = DISTANCE[0] * float(np.cos(np.radians(AIM_JITTER))) ** 2


def latents(world: World = BUILT_IN) -> tuple[Latent, ...]:
    """Return the engine's latents where it shows `world`."""
    position = [
        Latent(name="rel_pos_x", kind="continuous", unit="m", low=-_SIDEWAYS, high=_SIDEWAYS),
        Latent(name="rel_pos_y", kind="continuous", unit="m", low=-_SIDEWAYS, high=_SIDEWAYS),
        Latent(name="rel_pos_z", kind="continuous", unit="m", low=_NEAREST, high=DISTANCE[1]),
    ]
    angles = [Latent(name=name, kind="angle", unit="deg", low=-180, high=360) for name in EULER]
    return (
        *position,
        *angles,
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
