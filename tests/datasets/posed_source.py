"""A source for tests: one colour an image, with pose, category and, if asked, all the rest."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from disc_source import jpeg_file
from pydantic import BaseModel, ConfigDict

from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent
from hyp.datasets.specs import DatasetSpec

CATEGORIES = ("zebra", "apple, red", "Ähre")  # not in sorted order
IDENTITIES = ("zebra-2", "zebra-1", "apple", "ähre 1")
GROUPS = (0, 0, 1, 2)
SCENES = ("wüste", "beach")
WORLD = (
    *(f"camera_pos_{axis}" for axis in "xyz"),
    *(f"camera_rot_{axis}" for axis in "xyzw"),
    *(f"object_pos_{axis}" for axis in "xyz"),
    *(f"object_rot_{axis}" for axis in "xyzw"),
)


class PosedSource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["posed"] = "posed"
    version: int = 1
    image_size: int = 8
    encoding: Literal["raw", "jpeg"] = "raw"
    capacity: None = None
    whole: bool = True  # with identity, scene, sky, and camera and object in the world
    radians: bool = False

    @property
    def latents(self) -> tuple[Latent, ...]:
        unit = "rad" if self.radians else "deg"
        groups = tuple(CATEGORIES[place] for place in GROUPS)
        pose = (
            *(Latent(name=f"rel_pos_{axis}", kind="continuous", unit="m") for axis in "xyz"),
            *(Latent(name=f"rel_rot_euler_{k}", kind="angle", unit=unit) for k in range(3)),
            Latent(name="category", kind="categorical", values=CATEGORIES),
        )
        if not self.whole:
            return pose
        return (
            *pose,
            Latent(name="identity", kind="categorical", values=IDENTITIES, groups=groups),
            Latent(name="scene", kind="categorical", values=SCENES),
            Latent(name="sky", kind="categorical", values=("dawn", "dusk")),
            Latent(name="light_azimuth", kind="angle", unit="deg"),
        )

    def sample(self, design: Design, seed: int, indices: np.ndarray) -> dict[str, np.ndarray]:
        draws = np.array([np.random.default_rng([seed, i]).random(30) for i in indices])
        columns: dict[str, Any] = {}
        scale = np.pi / 180 if self.radians else 1.0
        for k, axis in enumerate("xyz"):
            columns[f"rel_pos_{axis}"] = draws[:, k] * 3 - 1
            columns[f"rel_rot_euler_{k}"] = (draws[:, 3 + k] * 540 - 180) * scale
        model = (draws[:, 6] * len(IDENTITIES)).astype(int)
        columns["category"] = np.array(CATEGORIES, dtype=object)[np.array(GROUPS)[model]]
        if self.whole:
            columns["identity"] = np.array(IDENTITIES, dtype=object)[model]
            columns["scene"] = np.array(SCENES, dtype=object)[(draws[:, 7] * 2).astype(int)]
            columns["sky"] = np.where(draws[:, 8] < 0.5, "dawn", "dusk").astype(object)
            columns["light_azimuth"] = draws[:, 9] * 360
            columns |= {name: draws[:, 10 + k] for k, name in enumerate(WORLD)}
        return columns

    def render(
        self, design: Design, seed: int, indices: np.ndarray, device: str = "cpu"
    ) -> tuple[Any, dict[str, np.ndarray]]:
        images = np.zeros((len(indices), self.image_size, self.image_size, 3), dtype=np.uint8)
        images[..., 0] = (np.asarray(indices) * 5 % 256)[:, None, None]
        images[..., 1] = np.arange(self.image_size) * 20
        columns = self.sample(design, seed, indices)
        if self.encoding == "jpeg":
            return [jpeg_file(image) for image in images], columns
        return images, columns


def posed_spec(**changes: Any) -> DatasetSpec:
    source = {
        name: changes.pop(name) for name in tuple(changes) if name in PosedSource.model_fields
    }
    fields = {"source": PosedSource(**source), "design": "full", "seed": 3}
    return DatasetSpec(**{**fields, "n_images": 30, "n_val": 6, "shard_size": 16, **changes})
