"""Every mesh file below some folders: drawn, refused by name, or wrong.

What is drawn is compared with what trimesh and three.js read of the same file: extents and area,
then triangle by triangle base colours, textures at four points, vertex colours and (three.js)
emission. Transparent materials are drawn opaque. Files are not part of this repository; there are
the test files of trimesh (``models``), assimp (``test/models``; Debian's ``assimp-testmodels``),
Khronos (glTF-Sample-Assets, glTF-Validator, glTF-Blender-IO) and others:

    npm install --prefix NODE three
    python benchmarks/sweep_meshes.py --three NODE trimesh assimp glTF-Sample-Assets
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from _machine import write
from hyp.datasets.engine.meshfiles import OTHER_SUFFIXES, SUFFIXES, read_model
from hyp.errors import HypError
from mesh_surfaces import by_hyp, by_three, by_trimesh, difference

BATCH = 16
"""Files that one process of three.js reads."""


def outcome(path: Path, name: str, three: Path | None) -> tuple[str, str]:
    """Return what became of a file, and more about it; `three` is what three.js made of it."""
    try:
        model = read_model(path, name, opaque=True).model
    except HypError as error:
        return "refused", str(error)
    except Exception as error:
        return "wrong", f"{type(error).__name__}: {error}"
    ours, told = by_hyp(model), {}
    readers = {"trimesh": lambda: by_trimesh(path)}
    if three is not None:
        readers["three.js"] = lambda: by_three(three)
    for reader, read in readers.items():
        try:
            told[reader] = difference(ours, read())
        except Exception as error:
            told[reader] = f"not read ({type(error).__name__}: {error})"
    agreed = [reader for reader, why in told.items() if not why]
    others = "; ".join(f"by {reader}: {why}" for reader, why in told.items() if why)
    if agreed:
        return f"drawn as {' and '.join(agreed)} read it", others
    read = [why for why in told.values() if not why.startswith("not read")]
    return ("differs" if read else "drawn, not compared"), others


def read_by_three(paths: list[Path], node: Path, out: str) -> dict[Path, Path]:
    """Let three.js read files, one process for all; return what it wrote of each."""
    script = Path(__file__).with_name("sweep_three.mjs").resolve()
    command = ["node", str(script), out, *(str(path.resolve()) for path in paths)]
    subprocess.run(command, cwd=node, check=False, capture_output=True, timeout=600)
    return {path: Path(out) / f"{number}.json" for number, path in enumerate(paths)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--three", type=Path, help="a folder with node_modules/three")
    parser.add_argument("--out", type=Path, help="default: results/mesh_sweep.json")
    asked = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    told: dict[str, dict[str, str]] = {}
    for folder in (folder.resolve() for folder in asked.folders):
        count = counts[folder.name] = Counter()
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        others = [path.suffix.lower() for path in found if path.suffix.lower() in OTHER_SUFFIXES]
        count.update(f"passed over ({suffix})" for suffix in others)
        meshes = [path for path in found if path.suffix.lower() in SUFFIXES]
        for some in batched(meshes, BATCH):
            with tempfile.TemporaryDirectory() as out:
                three = read_by_three(some, asked.three, out) if asked.three else {}
                for path in some:
                    place = str(path.parent.relative_to(folder.parent))
                    what, why = outcome(path, path.name, three.get(path))
                    count[what] += 1
                    if why:
                        told.setdefault(place, {})[path.name] = f"{what}: {why}"
                    print(f"{place}/{path.name}: {what} {why}", flush=True)
        print(f"{folder.name}: {', '.join(f'{n} {what}' for what, n in count.most_common())}")
    results = {"counts": {name: dict(count) for name, count in counts.items()}, "files": told}
    print(write(asked.out, "mesh_sweep", results))


def batched(paths: list[Path], size: int) -> list[list[Path]]:
    """Return paths in batches."""
    return [paths[start : start + size] for start in range(0, len(paths), size)]


if __name__ == "__main__":
    main()
