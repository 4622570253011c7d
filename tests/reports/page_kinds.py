"""One page of every kind that hyp writes, with everything that such a page can have."""

from pathlib import Path

import numpy as np
import pandas as pd
from test_equal_loss_reports import CONFOUNDED

from hyp.hypotheses.declaration_hash import Difference
from hyp.hypotheses.frozen_comparison import AgainstFrozen
from hyp.hypotheses.result_files import RESULT_FILE
from hyp.reports import write_overview, write_report
from hyp.reports.scaling_report import write_scaling_report
from hyp.reports.scores_report import write_scores_report
from hyp.stats import judge_table
from hyp.stats.scaling_study import run_study
from hyp.store import Store
from results import PROVENANCE, add_run, made, write_folder
from scaling_study_file import write_study

FROZEN = AgainstFrozen(
    file="mine.frozen.json",
    frozen="2026-03-01T12:00:00+00:00",
    declaration_sha256="0" * 64,
    same=False,
    sentence="What ran is not what was frozen: 1 field differs.",
    timing="It was frozen after the first network was trained.",
    order="after",
    notes=("The data are not hashed.",),
    differences=(Difference(field="n_seeds", frozen="10", ran="6"),),
)
QUESTIONS = ("regions", "layers", "pairs", "tracks", "trend")
KINDS = (*QUESTIONS, "untestable", "overview", "scores", "groups", "scaling")
NOTHING = {"rows": (), "cohorts": (), "checks": (), "learning": (), "agrees": None}


def write_pages(folder: Path) -> dict[str, Path]:
    """Write the pages into a folder; return them by kind."""
    left_out = {"at IT": "the recording has no IT"}
    changes = {
        "regions": {"left_out": left_out, "warnings": ("Few networks.",)},
        "layers": CONFOUNDED,
    }
    pages = {}
    for kind in QUESTIONS:
        write_folder(folder / "results" / kind, kind, **changes.get(kind, {"learning": ()}))
        frozen = FROZEN if kind == "regions" else None
        out = folder / kind
        source = folder / "results" / kind
        pages[kind] = write_report(source, out, provenance=PROVENANCE, frozen=frozen)
    write_folder(folder / "results" / "untestable", "layers", **NOTHING)
    pages["untestable"] = write_report(
        folder / "results" / "untestable", folder / "untestable", provenance={}
    )
    pages["overview"] = write_overview(_store(folder).root)
    pages |= {"scores": folder / "scores.html", "groups": folder / "groups.html"}
    table = _scores()
    two = table[table["objective"] != "none"]
    asked = {"group": "objective", "unit": "seed", "family": ["layer"], "unpaired": True}
    judged = judge_table(two, **asked, margin=0.05)
    write_scores_report(judged, pages["scores"], title="scores.csv")
    judged = judge_table(table, **asked)
    write_scores_report(judged, pages["groups"], title="groups.csv")
    pages["scaling"] = folder / "scaling.html"
    write_scaling_report(*run_study(str(write_study(folder))), pages["scaling"])
    return pages


def _store(folder: Path) -> Store:
    """A store with verdicts, a damaged result and an unfinished run."""
    store = Store.create(folder / "store")
    for day, kind in enumerate(("layers", "regions"), 1):
        name = made(kind)[0].name
        add_run(store, name, lambda place, kind=kind: write_folder(place, kind), day=day)
    add_run(store, "scaling", lambda place: (place / RESULT_FILE).write_text("{"), day=3)
    add_run(store, "convergence", lambda place: None, state="interrupted", day=4)
    return store


def _scores() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"objective": name, "layer": layer, "seed": seed, "score": 0.5 + gain + rng.normal(0, 0.02)}
        for name, gain in (("distance", 0.1), ("category", 0.0), ("none", -0.1))
        for layer in ("layer1.0.relu", "layer4.1.relu")
        for seed in range(8)
    )
