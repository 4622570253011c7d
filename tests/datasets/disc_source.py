"""A source for tests: one coloured disc an image, placed and sized by its latents."""

from __future__ import annotations

import io
import time
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict

from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent
from hyp.datasets.specs import DatasetSpec

COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0), "white": (255,) * 3}
NUMBERS = ("rel_pos_x", "rel_pos_y", "rel_pos_z", "turn")


class DiscSource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["discs"] = "discs"
    version: int = 1
    image_size: int = 8
    encoding: Literal["raw", "jpeg"] = "raw"
    capacity: None = None
    delay: float = 0.0  # seconds an image, so that a test can interrupt

    @property
    def latents(self) -> tuple[Latent, ...]:
        return (
            Latent(name="rel_pos_x", kind="continuous", unit="m", low=-1, high=1),
            Latent(name="rel_pos_y", kind="continuous", unit="m", low=-1, high=1),
            Latent(name="rel_pos_z", kind="continuous", unit="m", low=1, high=4),
            Latent(name="turn", kind="angle", unit="deg", low=0, high=360),
            Latent(name="category", kind="categorical", values=tuple(COLOURS)),
        )

    def sample(self, design: Design, seed: int, indices: np.ndarray) -> dict[str, np.ndarray]:
        draws = np.array([np.random.default_rng([seed, i]).random(5) for i in indices])
        columns: dict[str, Any] = {}
        for latent, draw in zip(self.latents, draws.T, strict=True):
            if latent.kind == "categorical":
                allowed = np.array(design.allowed(latent))
                columns[latent.name] = allowed[(draw * len(allowed)).astype(int)]
                continue
            rule = design.constraint(latent.name)
            low, high = (rule.low, rule.high) if rule else (latent.low, latent.high)
            if design.centered and latent.name in ("rel_pos_x", "rel_pos_y"):
                low = high = 0.0
            columns[latent.name] = low + draw * (high - low)
        return columns

    def render(
        self, design: Design, seed: int, indices: np.ndarray, device: str = "cpu"
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        time.sleep(self.delay * len(indices))
        columns = self.sample(design, seed, indices)
        x, y, z = (columns[name][:, None, None] for name in NUMBERS[:3])
        grid = np.linspace(-1.5, 1.5, self.image_size)
        inside = (grid - x) ** 2 + (-grid[:, None] - y) ** 2 < 1 / z**2
        colours = np.array([COLOURS[name] for name in columns["category"]], dtype=np.uint8)
        images = inside[..., None] * colours[:, None, None, :]
        images[:, 0, 0, 0] = indices % 256  # so that no two images are alike
        images[:, 0, 0, 1] = indices // 256
        columns["visible"] = inside.mean(axis=(1, 2))
        if self.encoding == "jpeg":
            return [jpeg_file(image) for image in images], columns
        return images, columns


def jpeg_file(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()


def disc_spec(**changes: Any) -> DatasetSpec:
    fields = {"source": DiscSource(), "design": "full", "seed": 3, "n_images": 50, "n_val": 10}
    return DatasetSpec(**{**fields, "shard_size": 16, **changes})
