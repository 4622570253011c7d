"""A dataset in memory, and networks small enough for a test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn
from torchvision.models import VisionTransformer

from hyp.datasets.latents import Latent

CATEGORIES = ("bowl", "chair", "tablé")
IDENTITIES = ("a1", "a2", "b1", "c1", "c2")
LATENTS = (
    Latent(name="rel_pos_x", kind="continuous", unit="m"),
    Latent(name="rel_pos_y", kind="continuous", unit="m"),
    Latent(name="rel_pos_z", kind="continuous", unit="m"),
    Latent(name="rel_rot_euler_0", kind="angle", unit="degree"),
    Latent(name="rel_rot_euler_1", kind="angle", unit="degree"),
    Latent(name="rel_rot_euler_2", kind="angle", unit="degree"),
    Latent(name="category", kind="categorical", values=CATEGORIES),
    Latent(name="identity", kind="categorical", values=IDENTITIES),
    Latent(name="light_azimuth", kind="angle", unit="degree"),
    Latent(name="light_power", kind="continuous"),
    Latent(name="weather", kind="categorical", values=("dry", "wet")),
)


class MemoryDataset:
    """Random images whose table has every kind of latent."""

    def __init__(self, n_images: int = 48, n_val: int = 12, size: int = 32, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.n_images = n_images
        self.n_val = n_val
        self.image_shape = (size, size, 3)
        self.latents = LATENTS
        self.pixels = rng.integers(0, 256, (n_images, size, size, 3), dtype=np.uint8)
        columns = {
            "continuous": lambda latent: rng.normal(2.0, 0.5, n_images),
            "angle": lambda latent: rng.uniform(0.0, 360.0, n_images),
            "categorical": lambda latent: rng.choice(latent.values, n_images),
        }
        self.table = pd.DataFrame({latent.name: columns[latent.kind](latent) for latent in LATENTS})

    def images(self, indices):
        return self.pixels[indices]

    def rows(self, indices):
        return self.table.iloc[indices]

    def batch(self, indices):
        return self.images(indices), self.rows(indices)

    def split(self, name):
        cut = self.n_images - self.n_val
        parts = {"train": (0, cut), "val": (cut, self.n_images), "all": (0, self.n_images)}
        return np.arange(*parts[name], dtype=np.int64)


class TinyNet(nn.Module):
    """A convolution, batch normalisation, dropout and a readout: all that has state."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(4, num_outputs)
        self.unused = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.relu(self.bn(self.conv(images))).mean(dim=(2, 3))
        return self.fc(self.dropout(features))


def tiny(num_outputs: int) -> nn.Module:
    return TinyNet(num_outputs)


def too_narrow(num_outputs: int) -> nn.Module:
    return TinyNet(num_outputs - 1)


class Float32Only(TinyNet):
    """A network with an operation that bfloat16 has not got."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.conv(images)
        if features.dtype == torch.bfloat16:
            raise RuntimeError('"an_operation" not implemented for BFloat16')
        return self.fc(features.mean(dim=(2, 3)))


def only_float32(num_outputs: int) -> nn.Module:
    return Float32Only(num_outputs)


class Shapes(nn.Module):
    """Layers whose outputs have their images first, second, in a tuple, or nowhere."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.map = nn.Conv2d(3, 6, 4, stride=8)
        self.last = nn.Identity()
        self.tokens = nn.LayerNorm(6)
        self.sequence = nn.Linear(6, 5)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.both = Both()
        self.pairs = Pairs()
        self.waves = Waves()
        self.windows = nn.Identity()
        self.fc = nn.Linear(6, num_outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.map(images)
        self.last(maps.permute(0, 2, 3, 1))
        tokens = self.tokens(maps.flatten(2).transpose(1, 2))
        self.sequence(tokens.transpose(0, 1))
        self.attention(tokens, tokens, tokens, need_weights=False)
        self.both(tokens)
        self.pairs(tokens.mean(1))
        self.waves(tokens)
        self.windows(tokens.reshape(-1, 4, 6))
        return self.fc(tokens.mean(1))


class Both(nn.Module):
    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return tokens.mean(1), tokens.amax(1)


class Pairs(nn.Module):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features @ features.T


class Waves(nn.Module):
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft(tokens)


def shapes(num_outputs: int) -> nn.Module:
    return Shapes(num_outputs)


class Infinite(nn.Module):
    """Gives something that is not a number for one dark image."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.early = nn.Identity()
        self.fc = nn.Linear(3, num_outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean(dim=(2, 3))
        return self.fc(self.early(torch.log(means + 2.1)))


def infinite(num_outputs: int) -> nn.Module:
    return Infinite(num_outputs)


def small_vit(num_outputs: int) -> nn.Module:
    return VisionTransformer(32, 16, 1, 1, 8, 8, num_classes=num_outputs)
