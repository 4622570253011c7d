"""Write ``brainscore_reference.json``: what the real Brain-Score gives for the synthetic cases.

Run it where Brain-Score's environment is installed::

    python tests/metrics/make_brainscore_reference.py

Every case of ``brainscore_synthetic.py`` is written as a local benchmark and scored by the
worker with ``load_metric("pls")`` and ``load_ceiling("internal_consistency")``. Values are in
the order of sorted neuroid ids, shape (split, neuroid); NaN is null.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from brainscore_synthetic import CASES, as_assembly, make_case

from hyp.metrics.brainscore.client import Worker
from hyp.metrics.brainscore.environment import open_environment
from hyp.metrics.brainscore.local import write_local_benchmark
from hyp.metrics.brainscore.scoring import compare_features

REFERENCE = Path(__file__).with_name("brainscore_reference.json")


def compare_case(name: str, folder: Path, worker: Worker) -> dict[str, Any]:
    """Score one synthetic case with the real package."""
    case = CASES[name]
    recording = make_case(case)
    benchmark = write_local_benchmark(
        folder / name, as_assembly(recording, case), name=name.replace("_", "-"), region="IT"
    )
    return compare_features(
        recording.features, recording.stimulus_id, benchmark, folder / "home", worker=worker
    )


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Worker(open_environment(), folder / "worker") as worker:
            found = {name: compare_case(name, folder, worker) for name in CASES}
            versions = worker.versions
    cases = {
        name: {
            **{key: float(result[key]) for key in ("raw_score", "error", "ceiling", "score")},
            "ceiling_error": float(result["ceiling_error"]),
            "raw": _rows(result["raw_score_values"]),
            "ceiling_raw": _rows(result["ceiling_values"]),
        }
        for name, result in found.items()
    }
    text = json.dumps({"versions": versions, "cases": cases}, separators=(",", ":"))
    REFERENCE.write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")
    print(f"{REFERENCE}: {REFERENCE.stat().st_size / 1000:.0f} kB")


def _rows(values: np.ndarray) -> list[list[float | None]]:
    """Ten decimals: a hundredth of the tolerance that is asked for."""
    return [[None if np.isnan(v) else round(float(v), 10) for v in row] for row in values]


if __name__ == "__main__":
    main()
