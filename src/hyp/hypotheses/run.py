"""Running a plan: Dask computes the missing steps, here, on local workers or a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyp.alone import alone
from hyp.clusters import (
    GIVEN_UP,
    PROGRESS,
    cores_here,
    local_client,
    remote_client,
    require_shared,
    save_when_workers_close,
)
from hyp.errors import HypError
from hyp.hypotheses.builders import build, check_steps
from hyp.hypotheses.progress import Listener, RunProgress, StepEvent, watched
from hyp.hypotheses.run_record import recorded
from hyp.hypotheses.workers import (
    check_this_process,
    check_workers,
    refuse_late_worker,
    versions_here,
)
from hyp.stopping import Stopped
from hyp.store import Step, Store

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan

_GONE_ON_WITH = {
    "models": ("weights-[0-9]*.pt", "resume.pt"),
    "datasets": (".parts/**/*", "images/[0-9]*", "latents.parquet"),
}
"""Files that an interrupted step of a kind goes on with; other kinds begin anew."""


def run_plan(
    plan: Plan,
    store: Store,
    *,
    workers: int | None = 0,
    scheduler: str | None = None,
    watch: Callable[[RunProgress], None] = lambda progress: None,
) -> Path:
    """Compute what is missing, keep the run's record, and return the folder of the result.

    The bytes of the result do not depend on where the steps run, on one machine:
    every step limits its own threads to the number its declaration names.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.
    store : Store
        Where artifacts are read and written.
    workers : int or None
        Local worker processes; 0 runs everything in this process, None takes one per core.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``; its workers
        must see the store under the same path.
    watch : callable
        Shown how far the run has come, at every step's progress and every few seconds.

    Raises
    ------
    HypError
        If a step fails for a reason the user can mend, the scheduler cannot be
        reached, or a worker dies.
    """
    with ExitStack() as stack:
        with store.unpruned():
            pending = plan.pending(store)
            progress = stack.enter_context(recorded(plan, pending, store))
        hear = stack.enter_context(watched(progress, watch))
        count = default_workers(pending) if workers is None else workers
        run_steps(pending, store, workers=count, scheduler=scheduler, listener=hear)
    return store.check(plan.goal)


def default_workers(pending: list[Step]) -> int:
    """Return one process per core, but no more than there are networks to make.

    Steps of a single thread leave the other cores idle; on one core, or with
    nothing to train, everything runs in this process.
    """
    devices = {step.spec.get("device") for step in pending}
    if "cuda" in devices:
        return 0
    by_kind = Counter(step.kind for step in pending)
    useful = min(cores_here(), max(by_kind.values(), default=0))
    return useful if useful > 1 else 0


def run_steps(
    pending: list[Step],
    store: Store,
    *,
    workers: int = 0,
    scheduler: str | None = None,
    listener: Listener = lambda event: None,
) -> None:
    """Compute missing steps, inputs before what needs them; the rest is as in `run_plan`."""
    if not pending:
        return
    check_steps(pending)
    check_this_process([] if scheduler else pending)
    if scheduler is None and workers <= 0:
        _compute_here(pending, store, listener)
    else:
        with _client(workers, scheduler, store) as client:
            check_workers(client, pending)
            _compute_on(client, pending, store, listener)


def _graph(pending: list[Step], root: Path, execute: Callable[..., str]) -> Any:
    """Return a dask.delayed that needs every pending step, computed as this process would."""
    import dask

    delayed = dask.delayed(partial(execute, versions=versions_here()), pure=True)
    nodes: dict[Step, Any] = {}
    for step in pending:
        needs = [nodes[parent] for parent in step.inputs.values() if parent in nodes]
        name = f"{step.kind}-{step.key}"
        nodes[step] = delayed(_Opaque(step), str(root), needs, dask_key_name=name)
    needed = {parent for step in pending for parent in step.inputs.values()}
    return dask.delayed(list)([node for step, node in nodes.items() if step not in needed])


@dataclass(frozen=True)
class _Opaque:
    """Keeps dask from looking for tasks inside a step."""

    step: Step


def _compute_here(pending: list[Step], store: Store, listener: Listener) -> None:
    goal = _graph(pending, store.root, partial(_execute, listener=listener))
    goal.compute(scheduler="synchronous", optimize_graph=False)


def _compute_on(client: Any, pending: list[Step], store: Store, listener: Listener) -> None:
    from distributed import wait
    from distributed.scheduler import KilledWorker

    def hear(event: tuple[float, dict[str, Any]]) -> None:
        listener(StepEvent(**event[1]["step"]))

    given_up: list[str] = []
    client.subscribe_topic(PROGRESS, hear)
    client.subscribe_topic(GIVEN_UP, lambda event: given_up.append(event[1]))
    future = client.compute(_graph(pending, store.root, _execute), optimize_graph=False)
    try:
        while not future.done():
            with suppress(TimeoutError):
                wait(future, timeout=1)
            if given_up:
                raise HypError(given_up[0])
        future.result()
    except KilledWorker as error:
        raise HypError(
            f"workers died again and again while they made {error.task}, the last at "
            f"{error.last_worker.address}: for lack of memory, at the end of their time, or "
            "killed; the same command goes on where it stopped, with fewer --workers or ones "
            "that have more memory and time."
        ) from error
    finally:
        client.unsubscribe_topic(PROGRESS)
        client.unsubscribe_topic(GIVEN_UP)


def _execute(
    opaque: _Opaque,
    root: str,
    needs: list[str],
    *,
    versions: Mapping[str, str],
    listener: Listener | None = None,
) -> str:
    """Make one artifact; runs in whatever process Dask chose."""
    import dask
    from threadpoolctl import threadpool_limits

    refuse_late_worker(versions)
    step = opaque.step
    tell = listener or _log_to_scheduler
    event = partial(StepEvent, step.kind, step.key)
    tell(event("running"))

    def progress(done: int, total: int) -> None:
        tell(event("running", done, total))

    store = Store.open(root)

    def make(folder: Path, inputs: Mapping[str, Path]) -> None:
        remove_strangers(folder, _GONE_ON_WITH.get(step.kind, ()))
        with (
            alone(),
            # Lazy arrays are computed in this step, not as further tasks of the cluster.
            dask.config.set(scheduler="synchronous"),
            threadpool_limits(step.spec.get("threads", 1)),
        ):
            build(step, folder, inputs, progress)

    try:
        store.make(step, make, waiting=lambda: tell(event("waiting")))
    except Stopped:
        if listener is not None:
            raise
        from distributed import Reschedule

        raise Reschedule from None  # this worker closes: another one goes on
    tell(event("done", 1, 1))
    return step.key


def remove_strangers(folder: Path, own: Iterable[str]) -> None:
    """Remove what an unfinished artifact's folder holds beside files of its own.

    Parameters
    ----------
    folder : Path
    own : iterable of str
        Patterns of the names that an interrupted step goes on with.
    """
    kept = {path for pattern in own for path in folder.glob(pattern)}
    kept |= {above for path in kept for above in path.parents}
    for path in sorted(folder.rglob("*"), reverse=True):  # what a folder holds before the folder
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()


def _log_to_scheduler(event: StepEvent) -> None:
    from distributed import get_worker

    worker = get_worker()
    worker.log_event(PROGRESS, {"step": vars(event), "worker": worker.address})


@contextmanager
def _client(workers: int, scheduler: str | None, store: Store) -> Iterator[Any]:
    if scheduler is not None:
        with remote_client(scheduler) as client:
            _check_store_is_shared(client, store)
            save_when_workers_close(client)
            yield client
    else:
        with local_client(workers) as client:
            yield client


def _check_store_is_shared(client: Any, store: Store) -> None:
    require_shared(client, store.root / "store.json", f"the store at {store.root}")
