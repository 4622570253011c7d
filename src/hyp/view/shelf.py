"""What a store holds, read once: artifacts do not change."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hyp.errors import HypError
from hyp.hypotheses.questions.panels import Panel
from hyp.hypotheses.result import Result, Row
from hyp.hypotheses.result_files import load_result
from hyp.store import Record, Store
from hyp.store.artifacts import RECORD, read_record
from hyp.store.runs import Run, all_runs

if TYPE_CHECKING:
    from hyp.reports.material import Material


class Shelf:
    """Reads a store for its pages and never writes.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._record = cache(read_record)
        self._result = cache(load_result)
        self.material = cache(self._material)

    @property
    def root(self) -> Path:
        """The store's folder."""
        return self.store.root

    def runs(self) -> list[Run]:
        """Return the runs, the one asked for last first."""
        return all_runs(self.root)[::-1]

    def run(self, goal: str) -> Run:
        """Return the run that leads to a result.

        Raises
        ------
        HypError
            If there is none.
        """
        found = next((run for run in self.runs() if run.goal == goal), None)
        if found is None:
            raise HypError(f"this store holds no run to the result {goal}.")
        return found

    def result(self, goal: str) -> Result:
        """Return what a run came to."""
        return self._result(self._folder("results", goal))

    def _material(self, goal: str) -> Material:
        from hyp.reports.material import load_material

        return load_material(self._folder("results", goal))

    def records(self, kind: str | None = None) -> list[Record]:
        """Return the records of what is stored, by kind and label; unreadable ones are left out."""
        found = []
        for folder in self.store.folders(kind):
            try:
                found.append(self._record(folder))
            except HypError:
                continue
        return sorted(found, key=lambda record: (record.kind, record.label, record.created))

    def find(self, key: str) -> Record | None:
        """Return the record of an artifact; None where it is not stored.

        Raises
        ------
        HypError
            If it is damaged.
        """
        found = next(self.root.glob(f"*/{key}/{RECORD}"), None)
        return self._record(found.parent) if found else None

    def records_of(self, run: Run) -> list[Record]:
        """Return the records of a run's steps that are stored."""
        folders = (self._folder(kind, key) for kind, key in run.steps)
        return [self._record(folder) for folder in folders if (folder / RECORD).exists()]

    def made_from(self, key: str) -> list[Record]:
        """Return what was made from an artifact."""
        return [record for record in self.records() if key in record.inputs.values()]

    def _folder(self, kind: str, key: str) -> Path:
        return self.root / kind / key


def panels_of(material: Material, row: Row) -> list[Panel]:
    """Return what the report draws of the question that a row answers, at the row's place."""
    question = material.question(row)
    return [
        panel
        for panel in (material.panels(question) if question else [])
        if panel.measured == row.measured and getattr(panel, "layer", row.layer) == row.layer
    ]
