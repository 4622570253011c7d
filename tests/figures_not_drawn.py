"""Figures and tables of the paper that no store can hold."""

NOT_DRAWN = {
    "Figure 1": "images: hyp data preview",
    "Figure 2b": "a list of the objectives: hyp show",
    "Figure 5a": "a drawing of the design",
    "Figure C.5": "the benchmarks are not public",
    "Figure C.6": "the benchmarks are not public",
    "Table B.1": "the layers: hyp.RESNET_LAYERS",
}
"""Why, or where what they show is instead."""
