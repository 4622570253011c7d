import pandas as pd
import pytest
from rich.console import Console

from hyp.cli.neural_page import alignment_table
from hyp.store.labels import network_labels

SPEC = {"objective": "category", "seed": 3, "backbone": "resnet18", "n_batches": 1}


@pytest.mark.parametrize(
    ("more", "snapshot", "batches"),
    [
        ({}, None, 1),
        ({"kind": "files"}, None, 1),
        ({"kind": "torchvision"}, None, None),
        ({"kind": "timm"}, None, None),
        ({"kind": "timm"}, 5, 5),
        ({"n_batches": 9}, 0, 0),
    ],
)
def test_nobody_knows_the_batches_of_a_library_s_network(more, snapshot, batches):
    assert network_labels(SPEC | more, snapshot)["batches"] == batches


def test_networks_of_unknown_batches_are_rows_of_the_table():
    scores = pd.DataFrame(
        {
            "objective": "category",
            "design": ["full", ""],
            "batches": pd.array([768, None], dtype="Int64"),
            "region": "IT",
            "score": [0.5, 0.4],
            "layer": "relu",
            "ceiling": 0.8,
            "origin": "file",
            "formula": "2026",
        }
    )
    console = Console(width=100)
    with console.capture() as capture:
        console.print(alignment_table(scores))
    assert "category (full), 768 batches" in capture.get()
    assert "category  " in capture.get()
    assert "()" not in capture.get()
    assert "NA" not in capture.get()
