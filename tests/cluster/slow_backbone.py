"""A tiny network whose batches take a second each until the file that HYP_GO names is there."""

import os
import time
from pathlib import Path

from torch import Tensor, nn


class Slow(nn.Module):
    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, stride=4)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(4 * 3 * 3, num_outputs)

    def forward(self, images: Tensor) -> Tensor:
        if self.training and not Path(os.environ["HYP_GO"]).exists():
            time.sleep(1)
        return self.fc(self.relu(self.conv(images)).flatten(1))


def make(num_outputs: int) -> nn.Module:
    return Slow(num_outputs)
