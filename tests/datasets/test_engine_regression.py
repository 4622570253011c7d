"""The built-in objects and scenes give the images and latents that version 1 always gave."""

import hashlib

import numpy as np
import pytest

from hyp.datasets.designs import Design
from hyp.datasets.engine import EngineSource

ARITHMETIC = "61a3bb2fd91c0c73"
"""Where numpy's elementary functions round like this, images and latents must agree to the bit."""

CASES = {
    (32, 2, "full", 0): (
        "78ac5b54f86eb32f",
        "16a8ce17cdb09bf7",
        "87 5d 5c 7e 69 77 a7 a1 94 ab a9 a3 97 a2 ac 8a 9a b1 9a 85 81 89 95 a2",
    ),
    (64, 2, "full", 1): (
        "21969786091179b7",
        "5259cdd50b3be5d9",
        "9a 8b 7a bc 98 87 ab a5 9a 88 87 73 84 79 74 a9 8f 7c a3 b1 c1 75 6f 67",
    ),
    (64, 1, "centered+categories=4", 2): (
        "38b3ef5c4750ec4f",
        "feae71414e7c53b6",
        "a9 a7 a1 a6 b6 c6 b8 af a6 af 97 9c 62 62 66 95 9f 96 b3 9a 83 71 95 8b",
    ),
    (48, 3, "rel_pos_z=1..2+identities=1", 3): (
        "07e68f0ff322e357",
        "56f7dc192334288e",
        "7a 93 bb 92 7f 6b 7f 6e 65 a0 87 6a 93 75 6b 68 7f 9f 90 7e 75 85 6b 54",
    ),
    (224, 2, "category=chair", 4): (
        "35ec757e277157fe",
        "95a6c8e47b1d158b",
        "8f 84 79 a9 a0 9b 99 9d a4 90 a6 c4 9a 85 72 7e 7c a9 a3 8c 8b 9e 93 73",
    ),
}
"""(size, samples, design, seed): SHA-256 of images and of latents, and each image's mean colour."""


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def arithmetic():
    x = np.linspace(-1.0, 1.0, 4001)
    functions = (np.sin, np.cos, np.arcsin, np.radians, np.degrees)
    return digest(*(function(x) for function in functions), np.arctan2(x, x[::-1]))


def made(case):
    size, samples, design, seed = case
    source = EngineSource(image_size=size, supersample=samples)
    images, table = source.render(Design.parse(design), seed, np.arange(8) * 5)
    columns = [
        np.array("|".join(table[name])) if table[name].dtype == object else table[name]
        for name in sorted(table)
    ]
    return images, columns


def colours(images):
    return " ".join(f"{round(mean):02x}" for mean in images.mean((1, 2)).reshape(-1))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_images_and_latents_of_a_spec_never_change(case):
    images, columns = made(case)
    image_digest, latent_digest, means = CASES[case]
    expected = [int(value, 16) for value in means.split()]
    np.testing.assert_allclose(images.mean((1, 2)).reshape(-1), expected, atol=1.5)
    if arithmetic() == ARITHMETIC:
        assert digest(images) == image_digest
        assert digest(*columns) == latent_digest
