"""A declared scaling study and its table, for tests of what it prints and of its page."""

import numpy as np
import pandas as pd

STUDY = """
title = "Does it grow?"
claim = "It levels off."
table = "mine.csv"
units = { images = "images shown" }
[[analyses]]
name = "images alone"
axes = ["images"]
where = { parameters = ["100"] }
[[analyses]]
name = "both"
axes = ["parameters", "images"]
"""


def write_study(folder):
    """Write the study and its table into a folder; return the study's path."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "images": n,
            "parameters": p,
            "seed": 0,
            "score": 0.5 - np.sqrt(1 / n) + 0.02 * np.log(p) + 1e-3 * rng.normal(),
        }
        for n in (10, 30, 100, 300, 1000, 3000)
        for p in (100, 200, 400, 800)
    ]
    pd.DataFrame(rows).to_csv(folder / "mine.csv", index=False)
    path = folder / "mine.toml"
    path.write_text(STUDY)
    return path
