"""Every mesh file below some folders: drawn, refused by name, or wrong.

What is drawn is compared with what trimesh reads of the same file: the extents, and the area of
all different triangles, both in units of the largest extent. Files are not part of this
repository; those of trimesh (``models``) and assimp (``test/models``) are in their sources:

    python benchmarks/sweep_meshes.py trimesh/models assimp/test/models
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import trimesh

from _machine import write
from hyp.datasets.engine.meshfiles import OTHER_SUFFIXES, SUFFIXES, read_model
from hyp.errors import HypError

ROOM = 0.01
"""Share by which extents and areas may differ: hyp leaves out what is thinner than a line."""


def measures(triangles: np.ndarray) -> np.ndarray:
    """Return the extents, and the area of the different triangles, by the largest extent."""
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    scaled = (triangles - low) / (high - low).max()
    grid = np.round(scaled * 1e5).astype(np.int64)
    order = np.lexsort(np.moveaxis(grid, -1, 0), axis=1)
    keys = np.take_along_axis(grid, order[..., None], axis=1).reshape(len(grid), -1)
    kept = scaled[np.unique(keys, axis=0, return_index=True)[1]]
    edges = kept[:, 1:] - kept[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2
    return np.append(scaled.max((0, 1)), area)


def others_measures(path: Path) -> np.ndarray:
    """Return the measures by trimesh."""
    scene = trimesh.load_scene(path, process=False)
    meshes = [mesh for mesh in scene.dump() if isinstance(mesh, trimesh.Trimesh)]
    return measures(np.concatenate([mesh.triangles for mesh in meshes]))


def outcome(path: Path, name: str) -> tuple[str, str]:
    """Return what became of a file, and more about it."""
    try:
        model = read_model(path, name, opaque=True).model
    except HypError as error:
        return "refused", str(error)
    except Exception as error:
        return "wrong", f"{type(error).__name__}: {error}"
    ours = measures(model.vertices[model.faces])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = others_measures(path)
    except Exception as error:
        return "drawn, not compared", f"trimesh: {type(error).__name__}: {error}"
    if np.allclose(ours, theirs, rtol=ROOM, atol=ROOM):
        return "drawn", ""
    return "differs", f"extents and area {ours.round(3)}, by trimesh {theirs.round(3)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    counts: Counter[str] = Counter()
    told = {}
    for folder in parser.parse_args().folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{folder.parent.name}/{path.relative_to(folder)}"
            if path.suffix.lower() in OTHER_SUFFIXES:
                counts[f"passed over ({path.suffix.lower()})"] += 1
            elif path.suffix.lower() in SUFFIXES:
                what, why = outcome(path, name)
                counts[what] += 1
                told |= {name: f"{what}: {why}"} if why else {}
                print(f"{name}: {what} {why}", flush=True)
    for what, count in counts.most_common():
        print(f"{count:6d} {what}")
    print(write(None, "mesh_sweep", {"counts": dict(counts), "files": told}))


if __name__ == "__main__":
    main()
