"""``--json``: what commands report, for programs. Field names stay; new ones may be added."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyp.cli.run_all import Share
    from hyp.hypotheses.plan import Plan
    from hyp.hypotheses.result import Result
    from hyp.metrics.brainscore.describe import EnvironmentReport
    from hyp.metrics.brainscore.scoring import Scored
    from hyp.store import Store
    from hyp.store.pruning import Holding, Unneeded

_TOLD = ("hypothesis", "profile", "verdict", "published_verdict", "agrees", "checks", "rows")


def as_json(content: Any) -> str:
    """Return content as JSON; what is not finite is null, as JSON has no word for it."""
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, Path):
        return str(content)
    return None if isinstance(content, float) and not math.isfinite(content) else content


def hypotheses_json() -> str:
    """Return what ``hyp list`` shows."""
    from hyp.hypotheses.registry import all_hypotheses

    hypotheses, problems = all_hypotheses()
    told = [
        {
            "name": one.name,
            "title": one.title,
            "question": one.question,
            "source": one.source,
            "predictions": one.predictions,
            "profiles": [*one.profiles],
        }
        for one in hypotheses
    ]
    return as_json({"hypotheses": told, "left_out": problems})


def plan_json(plan: Plan, store: Store | None, workers: int, gpus: int = 0) -> str:
    """Return what ``hyp plan`` shows."""
    from hyp.hypotheses.needs import plan_needs
    from hyp.hypotheses.testability import planned_questions

    told = {
        "hypothesis": plan.name,
        "profile": plan.profile_name,
        "settings": plan.settings,
        "untestable": plan.untestable,
        "numerics": plan.numerics.model_dump(mode="json") if plan.numerics else None,
        "left_out": plan.left_out,
    }
    needs = asdict(plan_needs(plan, store, workers, gpus)) if not plan.untestable else {}
    questions = [asdict(one) for one in planned_questions(plan.hypothesis, plan.profile)]
    return as_json({**told, **needs, "questions": questions})


def results_json(results: Iterable[tuple[Path, Result]], left_out: Sequence[str]) -> str:
    """Return what runs came to; ``folder`` has all of it, as ``result.json``."""
    told = [
        {
            **result.model_dump(mode="json", include={*_TOLD}),
            "left_out": result.left_out,
            "warnings": result.warnings,
            "folder": folder,
        }
        for folder, result in results
    ]
    return as_json({"results": told, "left_out": left_out})


def shares_json(shares: Iterable[Share], left_out: Sequence[str]) -> str:
    """Return what ``hyp run --dry-run`` shows."""
    return as_json({"plans": [asdict(share) for share in shares], "left_out": left_out})


def runs_json(store: Store) -> str:
    """Return what ``hyp status`` shows."""
    from hyp.store.runs import all_runs, state_of, stored_steps

    runs = all_runs(store.root)
    told = [
        {
            **run.model_dump(mode="json", exclude={"steps"}),
            "state": state_of(run, stored),
            "steps": len(run.steps),
            "stored": stored,
        }
        for run, stored in zip(runs, stored_steps(store, runs), strict=True)
    ]
    return as_json({"store": store.root, "runs": told})


def holdings_json(store: Store, held: Iterable[Holding], extra: Iterable[Unneeded]) -> str:
    """Return what ``hyp store du`` shows."""
    told = [
        {
            **one.run.model_dump(mode="json", include={"hypothesis", "profile", "overrides"}),
            "state": one.state,
            "artifacts": one.artifacts,
            "bytes": one.n_bytes,
            "own_bytes": one.own_bytes,
        }
        for one in held
    ]
    needless = [{"path": one.path, "what": one.what, "bytes": one.n_bytes} for one in extra]
    return as_json({"store": store.root, "runs": told, "unneeded": needless})


def scores_json(scored: Scored, file: Path) -> str:
    """Return what ``hyp score`` shows: a row for each network and benchmark."""
    from hyp.metrics.brainscore.results import score_table

    rows = json.loads(score_table(scored.scores).to_json(orient="records"))
    return as_json({"scores": rows, "failures": scored.failures, "file": file})


def environment_json(report: EnvironmentReport) -> str:
    """Return what ``hyp doctor`` shows."""
    return as_json(asdict(report))
