"""A new kind of question is one file: everything else asks the question itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hyp

LOWEST = '''
"""Whether the lowest network of a cohort is above the lowest of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import comb
from typing import ClassVar, Literal

from hyp.hypotheses.questions.base import Alternative, Evidence, Question, Values
from hyp.hypotheses.scores import AnyScore, Score


class Lowest(Question):
    """Whether the lowest network of `a` is above all of `b`."""

    cohort_fields: ClassVar = ("a", "b")
    kind: Literal["lowest"] = "lowest"
    score: Score
    a: str
    b: str

    @property
    def scored(self) -> AnyScore:
        return self.score

    def describe(self) -> str:
        return f"the lowest {self.score.kind} of {self.a} against all of {self.b}"

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        return f"Is the lowest {measured} of {titles[self.a]} above all of {titles[self.b]}?"

    def smallest_p(self, sizes: Mapping[str, int], *, two_sided: bool) -> float:
        return 1 / comb(sizes[self.a] + sizes[self.b], sizes[self.a])

    def rows(self, evidence: Evidence) -> Iterator[Values]:
        table = self.own_scores(evidence)
        for place, here in table.groupby(["measured", "layer"], sort=False, observed=True):
            means = here.groupby(["cohort", "seed"], observed=True)["score"].mean()
            a, b = means.loc[self.a], means.loc[self.b]
            above = a.min() > b.max()
            smallest = 1 / comb(len(a) + len(b), len(a))
            yield {
                **{"measured": str(place[0]), "layer": str(place[1]), "effect": "difference"},
                **{"a": evidence.titles[self.a], "b": evidence.titles[self.b]},
                **{"n_a": len(a), "n_b": len(b), "mean_a": a.mean(), "mean_b": b.mean()},
                **{"difference": a.min() - b.max(), "ci_low": None, "ci_high": None},
                **{"p": smallest if above else 1.0, "p_attainable": smallest},
                "direction": 1 if above else -1,
            }
'''

SCRIPT = """
import sys
from pathlib import Path
import pandas as pd
from hyp.hypotheses.judge import conclude
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.questions import Similarities
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.result_files import write_result
from hyp.hypotheses.testability import planned_questions
from hyp.reports import result_panel, write_report
from rich import print

claim = find_hypothesis("lowest.toml")
plan = make_plan(claim, "laptop", {"precision": "fp32", "device": "cpu"})
(asked,) = planned_questions(claim, plan.profile)
assert abs(asked.p_attainable - 1 / 252) < 1e-9, asked
rows = [
    ("alignment", cohort, seed, 60, region, "", 0, high + 0.01 * seed)
    for cohort, high in (("identity", 0.9), ("category", 0.1))
    for seed in range(5)
    for region in ("V1", "IT")
]
names = ["kind", "cohort", "seed", "batches", "measured", "layer", "fold", "score"]
scores = pd.DataFrame(rows, columns=names)
result = conclude(claim, plan.profile, "laptop", scores, Similarities())
folder = Path("result")
folder.mkdir()
write_result(folder, result, scores.assign(chosen="fc", protocol="recommended"), Similarities())
page = write_report(folder, Path("out"), provenance={})
assert "Is the lowest alignment of Identity above all of Category?" in page.read_text()
print(result_panel(result))
"""


def test_a_new_kind_of_question_needs_one_file(tmp_path):
    package = tmp_path / "src" / "hyp"
    source = Path(hyp.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "hypotheses" / "questions" / "lowest.py").write_text(LOWEST)
    example = Path(__file__).parents[2] / "examples" / "identity_alignment.toml"
    text = example.read_text().replace('kind = "contrast"', 'kind = "lowest"')
    (tmp_path / "lowest.toml").write_text(text.replace('b = ["category"]', 'b = "category"'))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src"), "COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Supported: finer" in done.stdout
