"""Stands in for the worker where Brain-Score is not installed: it speaks the same lines.

What it does is decided by ``script.json`` in its home: an outcome for each name of a network
and benchmark; ``done`` publishes a result with the worker's own code.
"""

import json
import os
import runpy
import signal
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    home = Path(sys.argv[sys.argv.index("--home") + 1])
    script = json.loads((home / "script.json").read_text())
    worker = runpy.run_path(script["worker"])
    scorer = worker["Scorer"].__new__(worker["Scorer"])
    scorer.versions = {"brainscore-vision": "scripted"}
    scorer.machine = {"threads": 1, "device": "cpu"}

    def say(**answer: object) -> None:
        print(json.dumps(answer), flush=True)

    def note(text: str) -> None:
        with (home / "journal").open("a") as journal:
            journal.write(text + "\n")

    note("started")
    say(id=0, event="ready", versions=scorer.versions)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "forget":
            note(f"forget {request['identifier'][:6]}")
            say(id=request["id"], event="done")
            continue
        name = f"{request['facts']['name']} {request['facts']['benchmark']}"
        outcome = script["outcomes"].get(name, "done")
        note(f"{outcome} {name}")
        say(id=request["id"], event="stage", text="scoring")
        if outcome == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif outcome == "done":
            seed = request["facts"]["name"]
            raw = np.random.RandomState(sum(map(ord, name))).uniform(0.2, 0.9, (3, 4))
            result = {
                **{"layer": f"layer-{seed}", "region": "V4", "version": "4", "seconds": 1.0},
                **{"error": 0.01, "raw_score_error": 0.02, "ceiling_error": 0.03},
                **{"raw_score": np.median(raw, 1).mean(), "ceiling": 0.8},
                "score": np.median(raw, 1).mean() ** 2 / 0.8,
                "raw_score_values": raw,
                "raw_score_dims": np.array(["split", "neuroid"]),
                "raw_score_coord_neuroid_neuroid_id": np.array(list("abcd")),
                "raw_score_coord_split_split": np.arange(3),
                "layers": np.array(["early", "late"]),
                "layer_scores": np.array([0.1, 0.2]),
            }
            scorer._publish(request, result)
            say(id=request["id"], event="done", score=result["score"], layer="late")
        else:
            say(id=request["id"], event="failed", kind=outcome, sentence=f"{name} {outcome}.")


if __name__ == "__main__":
    main()
