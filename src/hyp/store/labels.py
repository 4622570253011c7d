"""What tells a network of a store from the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def network_labels(model: Mapping[str, Any], snapshot: int | None = None) -> dict[str, Any]:
    """Return what tells a network from others, of the spec that made it.

    That is its objective, seed, backbone and batches; of a library's network nobody knows the
    batches, which are None unless `snapshot` says them.
    """
    is_known = snapshot is None and model.get("kind") not in ("torchvision", "timm")
    return {
        "objective": model["objective"] if model["n_batches"] else "untrained",
        "seed": model["seed"],
        "backbone": model["backbone"],
        "batches": int(model["n_batches"]) if is_known else snapshot,
    }
