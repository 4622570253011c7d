"""Observers of a few objects, made from a seed alone: for Brain-Score's i2n and for hyp's."""

from __future__ import annotations

import numpy as np
import pandas as pd

OBJECTS = ("bear", "camel", "dog", "elephant")
IMAGES_EACH = 6
FITTED_EACH = 10
TRIALS = 60
UNITS = 8


def labels(each: int) -> np.ndarray:
    """Objects taking turns."""
    return np.array([OBJECTS[number % len(OBJECTS)] for number in range(each * len(OBJECTS))])


def features(seed: int, of: np.ndarray) -> np.ndarray:
    """Responses that tell the objects apart, some images better than others."""
    random = np.random.RandomState(seed)
    centres = np.random.RandomState(0).randn(len(OBJECTS), UNITS)
    place = np.array([OBJECTS.index(name) for name in of])
    clear = 0.3 + random.rand(len(of), 1)
    return (clear * centres[place] + random.randn(len(of), UNITS)).astype(np.float32)


def observers(seed: int = 1) -> pd.DataFrame:
    """Trials of every image, the same images easy for all; some distractors are never offered."""
    random = np.random.RandomState(seed)
    shown = labels(IMAGES_EACH)
    ease = random.randn(len(shown), len(OBJECTS))
    rows = []
    for image, truth in enumerate(shown):
        for _ in range(TRIALS):
            other = OBJECTS[random.randint(len(OBJECTS))]
            if other == truth or (image == 3 and other == "bear"):
                continue
            right = 1 / (1 + np.exp(-1.0 - 1.5 * ease[image, OBJECTS.index(other)]))
            choice = truth if random.rand() < right else other
            rows.append((f"image{image:02d}", truth, other, choice))
    table = pd.DataFrame(rows, columns=["stimulus_id", "sample_obj", "dist_obj", "choice"])
    return table.sample(frac=1, random_state=2).reset_index(drop=True)
