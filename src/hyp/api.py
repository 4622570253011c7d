"""The functions that ``import hyp`` offers: declare, plan, run, report, look at the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.plan import Plan, make_plan
from hyp.hypotheses.registry import find_hypothesis, hypothesis_names
from hyp.store import Store

if TYPE_CHECKING:
    import pandas as pd
    import torch
    import xarray as xr

    from hyp.datasets.dataset import Dataset
    from hyp.hypotheses.progress import RunProgress
    from hyp.hypotheses.result import Result
    from hyp.stats.table_verdict import TableVerdict
    from hyp.stats.verdict import Verdict

DEFAULT_STORE = "hyp-store"


def list_hypotheses() -> list[str]:
    """Return the names of the hypotheses there are: built in, and of installed packages.

    Examples
    --------
    >>> import hyp
    >>> "nontarget-variability" in hyp.list_hypotheses()
    True
    """
    return hypothesis_names()


def hypothesis(declared: str | Path | Hypothesis) -> Hypothesis:
    """Return a hypothesis: a built-in one by name, one from a TOML file, or one as it is.

    Raises
    ------
    HypError
        If there is none of that name, or the file does not declare one.

    Examples
    --------
    >>> import hyp
    >>> hyp.hypothesis("nontarget-variability").cohorts[1].design
    'category=chair'
    """
    return declared if isinstance(declared, Hypothesis) else find_hypothesis(str(declared))


def plan(declared: str | Path | Hypothesis, profile: str | None = None, **settings: Any) -> Plan:
    """Return what would be computed for a hypothesis; computes nothing.

    Parameters
    ----------
    declared : str, Path or Hypothesis
        See `hypothesis`.
    profile : str, optional
        Its size; by default the first that the hypothesis declares.
    **settings
        Fields of the profile that are changed, such as ``n_seeds=5``; see
        `hyp.Profile` for all of them.

    Raises
    ------
    HypError
        For an unknown profile or field, too few networks for a question, or an impossible
        design.

    Examples
    --------
    >>> import hyp
    >>> hyp.plan("nontarget-variability", n_seeds=3).untestable[:37]
    '3 v 3 seeds cannot test 6 comparisons'
    """
    found = hypothesis(declared)
    return make_plan(found, profile, settings)


@dataclass(frozen=True)
class FinishedRun:
    """A hypothesis that was run to its verdict.

    Attributes
    ----------
    plan : Plan
    store : Store
    folder : Path
        Of the result in the store.
    """

    plan: Plan
    store: Store
    folder: Path

    @cached_property
    def result(self) -> Result:
        """Everything that was found."""
        from hyp.hypotheses.result_files import load_result

        return load_result(self.folder)

    @property
    def verdict(self) -> Verdict:
        """What is supported, why, and what is not shown."""
        return self.result.verdict

    @property
    def rows(self) -> pd.DataFrame:
        """A row per comparison, see `hyp.hypotheses.result.Row` for the columns."""
        import pandas as pd

        return pd.DataFrame([row.model_dump() for row in self.result.rows])

    @property
    def scores(self) -> dict[str, xr.DataArray]:
        """The scores behind the comparisons, one labelled array per kind of score."""
        from hyp.store.view import open_scores

        return open_scores(self.folder)

    def report(self, out: str | Path, figures: Literal["pdf", "svg"] | None = None) -> Path:
        """Write the report as a page, JSON and Markdown into a folder; return the page.

        With `figures`, a folder of that name holds what goes into a paper: every figure one
        column wide, the table behind it, and the methods.

        Raises
        ------
        HypError
            If the folder cannot be written.
        """
        from hyp.reports import make_report
        from hyp.store.runs import load_run, run_path

        plan = self.plan
        record = run_path(self.store.root, plan.name, plan.profile_name, plan.goal.key)
        return make_report(self.store, load_run(record), Path(out), figures=figures)

    def __repr__(self) -> str:
        what = f"{self.plan.name}, profile {self.plan.profile_name}"
        return f"<run of {what}: {self.verdict.outcome}. {self.verdict.sentence}>"

    def _repr_html_(self) -> str:
        from hyp.reports import result_panel
        from hyp.reports.notebook import as_html

        return as_html(result_panel(self.result))


def run(
    declared: str | Path | Hypothesis,
    store: str | Path = DEFAULT_STORE,
    *,
    profile: str | None = None,
    workers: int | Literal["gpu"] | None = 0,
    scheduler: str | None = None,
    progress: bool = True,
    **settings: Any,
) -> FinishedRun:
    """Run a hypothesis to its verdict; what the store holds is not computed again.

    Parameters
    ----------
    declared : str, Path or Hypothesis
        See `hypothesis`.
    store : str or Path
        Folder that keeps all results; made where there is none.
    profile : str, optional
        Its size; by default the first that the hypothesis declares.
    workers : int, "gpu" or None
        Local worker processes; 0 computes in this process, None takes one per core (a script
        then needs the usual ``if __name__ == "__main__"``). The bytes do not depend on it.
    scheduler : str, optional
        Address of a running Dask scheduler.
    progress : bool
        Show how far it has come.
    **settings
        Fields of the profile that are changed, such as ``n_seeds=5``.

    Raises
    ------
    HypError
        As `plan`, and if a step fails for a reason the user can mend.
    """
    from hyp.hypotheses.builders import check_steps
    from hyp.hypotheses.run import run_plan

    found = hypothesis(declared)
    opened = Store(store)
    if opened.exists():
        opened.check_format()
    planned = make_plan(found, profile, settings, store=opened)
    check_steps(planned.pending(opened))
    Store.create(store)
    with _shown(progress) as watch:
        folder = run_plan(planned, opened, workers=workers, scheduler=scheduler, watch=watch)
    return FinishedRun(planned, opened, folder)


def _shown(progress: bool) -> Any:
    from rich.console import Console

    from hyp.reports.live import shown_progress

    def ignore(_: RunProgress) -> None:
        """Show nothing."""

    watch: Callable[[RunProgress], None] = ignore
    return shown_progress(Console(highlight=False)) if progress else nullcontext(watch)


def dataset(folder: str | Path) -> Dataset:
    """Open a dataset that ``hyp data make`` made: ``images[0]`` is an image with its latents.

    Raises
    ------
    HypError
        If there is no finished dataset, or a file is missing or truncated.
    """
    from hyp.datasets.dataset import Dataset

    return Dataset.open(folder)


def torch_dataset(
    folder: str | Path, latents: Sequence[str] | None = None, *, split: str = "train"
) -> torch.utils.data.Dataset[Any]:
    """Open a dataset for a training loop of your own.

    Parameters
    ----------
    folder : str or Path
        What ``hyp data make`` made.
    latents : sequence of str, optional
        Columns of its table; all by default.
    split : {"train", "val", "all"}

    Returns
    -------
    torch.utils.data.Dataset
        Items are (image, targets): a float tensor of shape (3, H, W) from 0 to 1, and a dict by
        latent of a float for numbers, or of the index of the category.

    Raises
    ------
    HypError
        If there is no finished dataset, or no such latent or split.
    """
    from hyp.models.torch_dataset import TorchImages

    return TorchImages(dataset(folder), latents, split)


def test(table: pd.DataFrame | str | Path, **options: Any) -> TableVerdict:
    """Judge anyone's table of scores; the options are those of `hyp.stats.judge_table`.

    Parameters
    ----------
    table : DataFrame or path
        A row per score.
    **options
        ``group``, ``unit``, ``fold``, ``family``, ``margin`` and others.

    Raises
    ------
    HypError
        If the table is not fit to be judged.

    Examples
    --------
    >>> import hyp, pandas as pd
    >>> table = pd.DataFrame({"objective": list("aaaaabbbbb"), "seed": range(10),
    ...                       "score": [5, 6, 7, 8, 9, 0, 1, 2, 3, 4.]})
    >>> hyp.test(table, group="objective", unit="seed").verdict.outcome
    'supported'
    """
    import pandas as pd

    from hyp.stats import judge_table, read_score_file

    rows = table if isinstance(table, pd.DataFrame) else read_score_file(Path(table))
    judged: TableVerdict = judge_table(rows, **options)
    return judged


test.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test
